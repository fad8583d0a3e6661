"""One product's order book: price-time priority, and the orders that wait beside it.

A side of the book is a ladder: a dict from price to level, and the sorted prices to find the best. A level's queue is
in order of time; an order that left from its middle stays there as a dead slot until it reaches the front or the dead
outnumber the living, so a cancel costs the same wherever the order stands. An order that loses its place becomes a new
object, so that no dead slot ever comes to life again.

Beside the ladders wait orders that nobody can trade with yet: stops that were not elected, all-or-none orders that the
other side cannot fill, pre-arranged orders whose counterparty did not answer. Hibernating orders are in no book at all.

The book decides nothing: whether an order may trade, and what its trades are called, is the machine's business.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter

from exchange.account import Account
from exchange.level import Level
from exchange.model import BASIS_POINTS, NEVER, CapacityLimit, Order, Product, Side, commodity_of
from kernel.quantity import GRAMS_PER_KG

WaitingKey = tuple[int, int, int]  # by what it waits for, since when, its number
Agreement = tuple[Side, str, str, str, int, int]  # whose side waits, its name, buyer, seller, price, loads


class Ladder:
    """One side of a book. Keys are prices that rise towards the best: as they are for bids, negated for asks."""

    __slots__ = ("keys", "levels", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.levels: dict[int, Level] = {}
        self.keys: list[int] = []

    def best_first(self) -> Iterator[Level]:
        """The levels from the best price to the worst."""
        return (self.levels[key * self.sign] for key in reversed(self.keys))

    def best_price(self) -> int | None:
        """The highest bid or the lowest ask; None on an empty side."""
        return self.keys[-1] * self.sign if self.keys else None

    def head(self) -> Order:
        """The order that trades next. The side is not empty."""
        level = self.levels[self.keys[-1] * self.sign]
        queue = level.queue
        while not queue[0].resting:
            queue.popleft()
            level.dead -= 1
        return queue[0]

    def first(self, at: int) -> Order | None:
        """The order that trades next among those that did not expire by then."""
        if not self.keys:
            return None
        head = self.head()
        return head if head.expires_at > at else next((one for one in self.orders() if one.expires_at > at), None)

    def place(self, order: Order) -> None:
        """Puts an order at the end of its price's queue."""
        price = order.price_fen_per_kg
        level = self.levels.get(price)
        if level is None:
            self.levels[price] = Level(price, order.shown_loads, deque((order,)))
            insort(self.keys, price * self.sign)
        else:
            level.queue.append(order)
            level.loads += order.shown_loads
        order.resting = True

    def fill(self, orders: Iterable[Order]) -> None:
        """Puts many orders that rest into an empty side; they come in order of priority."""
        for price, queue in groupby(orders, attrgetter("price_fen_per_kg")):
            level = self.levels[price] = Level(price, 0, deque(queue))
            level.loads = sum(order.shown_loads for order in level.queue)
            self.keys.append(price * self.sign)
        self.keys.reverse()

    def remove(self, order: Order) -> None:
        """Takes an order out from wherever it stands."""
        order.resting = False
        level = self.levels[order.price_fen_per_kg]
        level.loads = loads = level.loads - order.shown_loads
        if loads == 0:
            self.close(level)
            return
        level.dead = dead = level.dead + 1
        if dead > 16 and dead > level.orders + 16:
            level.queue = deque([one for one in level.queue if one.resting])
            level.dead = 0

    def close(self, level: Level) -> None:
        """Forgets a level that shows nothing any more."""
        assert level.loads == 0, f"an empty level at {level.price} shows {level.loads} loads"
        del self.levels[level.price]
        key = level.price * self.sign
        if self.keys[-1] == key:
            self.keys.pop()
        else:
            del self.keys[bisect_left(self.keys, key)]

    def orders(self) -> Iterator[Order]:
        """The orders in order of priority."""
        for level in self.best_first():
            for order in level.queue:
                if order.resting:
                    yield order


class Route:
    """Hydrogen at one hub, haulage from there, and hydrogen delivered where it leads, of the same load and window."""

    __slots__ = ("delivered", "ex_works", "haulage", "id")

    def __init__(self, ex_works: Book, haulage: Book, delivered: Book) -> None:
        self.ex_works = ex_works
        self.haulage = haulage
        self.delivered = delivered
        self.id = f"{ex_works.product.id}+{haulage.product.id}+{delivered.product.id}"

    def parts(self) -> tuple[Book, Book, Book]:
        """The three books."""
        return self.ex_works, self.haulage, self.delivered


class Book:
    """The open orders of one product."""

    __slots__ = (
        "agreements",
        "aside",
        "asks",
        "bids",
        "buyers",
        "calm_high",
        "calm_low",
        "commodity",
        "continuous",
        "high",
        "last_price",
        "last_trade",
        "low",
        "mass_kg",
        "product",
        "routes",
        "sellers",
        "stops",
        "trading",
        "vendors",
        "whole",
    )  # fmt: skip

    def __init__(
        self,
        product: Product,
        sellers: dict[str, CapacityLimit],
        buyers: dict[str, Account],
        vendors: dict[str, Account],
    ) -> None:
        self.product = product
        self.sellers = sellers  # the capacities of its window, shared by all products that draw on them
        self.buyers = buyers  # who may send it orders now, shared by all products of its commodity
        self.vendors = vendors
        self.commodity = commodity_of(product.kind)
        self.mass_kg = product.maximum_mass_g // GRAMS_PER_KG
        self.bids = Ladder(1)
        self.asks = Ladder(-1)
        self.continuous = product.phase == "continuous"
        self.trading = False  # continuous, in an open market that is not halted
        self.last_price = 0  # of the last trade; 0: none yet
        self.last_trade = 0  # the trade that made it; 0: none, or an auction did
        self.aside = 0  # orders that wait beside the ladders
        # Elected first, and filled first, is what comes first: each key ends in the order's rank and its number.
        self.stops: dict[Side, list[WaitingKey]] = {"buy": [], "sell": []}
        self.whole: dict[Side, list[WaitingKey]] = {"buy": [], "sell": []}
        self.agreements: dict[Agreement, Order] = {}
        self.routes: list[Route] = []  # those that this product is a part of, by their id
        self.refer_to(product.reference_price_fen)

    def refer_to(self, reference_price_fen: int) -> None:
        """Sets the bounds of limit prices and of calm trading around a reference price; 0: there is none."""
        product = self.product
        product.reference_price_fen = reference_price_fen
        self.low, self.high = self._around(product.collar_bps, 1, product.price_max_fen)
        self.calm_low, self.calm_high = self._around(product.volatility_bps, 0, NEVER)

    def _around(self, bps: int, low: int, high: int) -> tuple[int, int]:
        reference = self.product.reference_price_fen
        if not bps or not reference:
            return low, high
        width = reference * bps // BASIS_POINTS
        return max(low, reference - width), min(high, reference + width)

    def keep(self, order: Order) -> None:
        """Puts an order where it belongs: into its ladder, aside, or nowhere while it hibernates."""
        if order.ended:
            return
        terms = order.terms
        options = terms.options
        if options is not None:
            if options.stop_price_fen_per_kg and not order.elected:
                insort(self.stops[terms.side], _stop_key(order))
                self.aside += 1
                return
            if options.agreement:
                self.agreements[agreement_of(order)] = order
                self.aside += 1
                return
            if options.all_or_none:
                insort(self.whole[terms.side], _whole_key(order))
                self.aside += 1
                return
        (self.bids if terms.side == "buy" else self.asks).place(order)

    def drop(self, order: Order) -> None:
        """Takes an order out from where `keep` put it."""
        terms = order.terms
        if order.resting:
            (self.bids if terms.side == "buy" else self.asks).remove(order)
            return
        if order.ended:
            return
        options = terms.options
        assert options is not None, f"order {order.id} is nowhere"
        self.aside -= 1
        if options.stop_price_fen_per_kg and not order.elected:
            _take_out(self.stops[terms.side], _stop_key(order))
        elif options.agreement:
            del self.agreements[agreement_of(order)]
        else:
            _take_out(self.whole[terms.side], _whole_key(order))


def agreement_of(order: Order) -> Agreement:
    """What both sides of a pre-arranged trade must say alike."""
    options = order.terms.options
    assert options is not None
    buyer, seller = order.participant_id, options.counterparty_id
    if order.terms.side == "sell":
        buyer, seller = seller, buyer
    return order.terms.side, options.agreement, buyer, seller, order.price_fen_per_kg, order.open_loads


def _stop_key(order: Order) -> WaitingKey:
    options = order.terms.options
    assert options is not None
    # A rising price reaches the lowest stop of the buyers first, a falling one the highest of the sellers.
    return options.stop_price_fen_per_kg * (1 if order.terms.side == "buy" else -1), order.rank or order.id, order.id


def _whole_key(order: Order) -> WaitingKey:
    return order.price_fen_per_kg * (-1 if order.terms.side == "buy" else 1), order.rank or order.id, order.id


def _take_out(keys: list[WaitingKey], key: WaitingKey) -> None:
    at = bisect_left(keys, key)
    assert keys[at] == key, f"no order waits at {key}"
    del keys[at]
