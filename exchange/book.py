"""One product's order book: price-time priority, from an order's placing to its end.

    place     the order joins the end of its price level's queue
    fills     what an incoming order meets: best price first, oldest order first, at the resting order's price
    execute   loads of an order trade; one that is filled leaves the book
    amend     fewer loads keep the place in the queue, more loads or another price lose it
    remove    the order leaves the book from wherever it stands

A side of the book is a ladder: a dict from price to level, and the sorted prices to find the best. A queue shows its
oldest order and forgets any of its orders in constant time, so a cancel costs the same wherever the order stands.
The book decides nothing: whether an order may trade, and what its trades are called, is the machine's business.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterator

import msgspec

from exchange.model import CapacityLimit, Order, Product, Side, commodity_of
from kernel.quantity import GRAMS_PER_KG


class Level(msgspec.Struct):
    """The open orders at one price, oldest first, and their open loads together."""

    price: int
    loads: int
    # Not a dict: after many removals at its front a dict walks over the holes to find its first entry.
    queue: OrderedDict[int, Order]


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


class Book:
    """The open orders of one product."""

    __slots__ = ("asks", "bids", "commodity", "mass_max_kg", "product", "sellers")

    def __init__(self, product: Product, sellers: dict[str, CapacityLimit]) -> None:
        self.product = product
        self.sellers = sellers  # the capacities of its window, shared by all products that draw on them
        self.commodity = commodity_of(product.kind)
        self.mass_max_kg = product.maximum_mass_g // GRAMS_PER_KG
        self.bids = Ladder(1)
        self.asks = Ladder(-1)

    def place(self, order: Order) -> None:
        """Adds an order at the end of its price level."""
        ladder = self.bids if order.side == "buy" else self.asks
        price = order.price_fen_per_kg
        level = ladder.levels.get(price)
        if level is None:
            level = ladder.levels[price] = Level(price, 0, OrderedDict())
            insort(ladder.keys, price * ladder.sign)
        level.queue[order.id] = order
        level.loads += order.loads - order.executed_loads

    def fills(self, side: Side, price: int, loads: int, participant_id: str) -> tuple[list[tuple[Order, int]], bool]:
        """Which resting orders an incoming one would trade with and how many loads each; changes nothing.

        Stops before an order of the same participant, and then says True beside the fills.
        """
        fills: list[tuple[Order, int]] = []
        ladder = self.asks if side == "buy" else self.bids
        sign = ladder.sign
        limit = price * sign
        if not ladder.keys or ladder.keys[-1] < limit:
            return fills, False
        for key in reversed(ladder.keys):
            if key < limit:
                break
            for resting in ladder.levels[key * sign].queue.values():
                if resting.participant_id == participant_id:
                    return fills, True
                available = resting.loads - resting.executed_loads
                if available >= loads:
                    fills.append((resting, loads))
                    return fills, False
                fills.append((resting, available))
                loads -= available
        return fills, False

    def execute(self, order: Order, loads: int) -> None:
        """Takes traded loads off an open order; with the last one it leaves the book."""
        ladder = self.bids if order.side == "buy" else self.asks
        level = ladder.levels[order.price_fen_per_kg]
        level.loads -= loads
        if order.executed_loads == order.loads:
            self._leave(ladder, level, order.id)

    def amend(self, order: Order, price: int, loads: int, keeps_priority: bool) -> None:
        """Gives an open order its new terms, in its place or at the end of the new price's queue."""
        if not keeps_priority:
            self.remove(order)
            order.price_fen_per_kg = price
            order.loads = loads
            self.place(order)
            return
        assert price == order.price_fen_per_kg and order.executed_loads < loads <= order.loads
        ladder = self.bids if order.side == "buy" else self.asks
        ladder.levels[price].loads -= order.loads - loads
        order.loads = loads

    def remove(self, order: Order) -> None:
        """Takes an open order out of the book."""
        ladder = self.bids if order.side == "buy" else self.asks
        level = ladder.levels[order.price_fen_per_kg]
        level.loads -= order.loads - order.executed_loads
        self._leave(ladder, level, order.id)

    def orders(self) -> Iterator[Order]:
        """The open orders: bids, then asks, in priority order."""
        for ladder in (self.bids, self.asks):
            for level in ladder.best_first():
                yield from level.queue.values()

    def _leave(self, ladder: Ladder, level: Level, order_id: int) -> None:
        """Forgets an order, and its level with the last one."""
        del level.queue[order_id]
        if not level.queue:
            assert level.loads == 0, f"an empty level at {level.price} shows {level.loads} loads"
            del ladder.levels[level.price]
            key = level.price * ladder.sign
            if ladder.keys[-1] == key:
                ladder.keys.pop()
            else:
                del ladder.keys[bisect_left(ladder.keys, key)]
