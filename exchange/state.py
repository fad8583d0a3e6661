"""The whole state of the exchange, and what each event does to it.

Only events change the state, whether they were just decided or are replayed from the log. A finished order and a trade
leave memory once their row is in ``changes``; a closed product keeps its entity, so that its id stays taken, but no
book.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from heapq import heappush
from typing import Any

import msgspec

from exchange import events as e
from exchange.book import Book, Ladder, Level, Route
from exchange.changes import ExchangeChanges
from exchange.model import (
    BUYERS,
    NEVER,
    SELLERS,
    CapacityLimit,
    Commodity,
    DeadMan,
    MarketState,
    MoneyLimit,
    Order,
    Product,
    Trader,
    capacity_id,
    commodity_of,
)
from exchange.pace import Pace
from kernel.messages import Event

NOBODY: frozenset[Commodity] = frozenset()


class Account(msgspec.Struct, gc=False, eq=False):
    """All that an order's way through the exchange asks of its participant, in one place.

    ``blocked`` is the code of the refusal that meets its orders, "" while it may trade.
    """

    money: MoneyLimit
    pace: Pace
    trader: Trader | None = None
    blocked: str = "not_admitted"
    buys: frozenset[Commodity] = NOBODY
    sells: frozenset[Commodity] = NOBODY


class ExchangeState:
    """Products and their books, open orders by number, participants, limits, the market's day."""

    def __init__(self) -> None:
        self.changes = ExchangeChanges()
        self.market = MarketState("market", False, False, "", 0)
        self.products: dict[str, Product] = {}
        self.books: dict[str, Book] = {}  # of the products that are open
        self.orders: dict[int, Order] = {}  # the open and the hibernating ones
        self.accounts: dict[str, Account] = {}
        self.windows: dict[tuple[Commodity, int], dict[str, CapacityLimit]] = {}
        self.dead_men: dict[str, DeadMan] = {}
        self.expiring: list[tuple[int, int]] = []  # a heap of (time, order): those gone meanwhile are still in it

    def account(self, participant_id: str) -> Account:
        """A participant's account; it is opened by whatever concerns it first."""
        account = self.accounts.get(participant_id)
        if account is None:
            account = Account(MoneyLimit(participant_id, 0, 0, 0, 0), Pace())
            self.accounts[participant_id] = account
        return account

    def window(self, commodity: Commodity, window_start: int) -> dict[str, CapacityLimit]:
        """The capacities of one window by participant."""
        return self.windows.setdefault((commodity, window_start), {})

    def capacities(self) -> Iterator[CapacityLimit]:
        """All capacities."""
        for sellers in self.windows.values():
            yield from sellers.values()

    def admit(self, trader: Trader) -> None:
        """Stores a trader, and what it may trade."""
        account = self.account(trader.id)
        account.trader = trader
        roles = trader.roles.split()
        account.buys = frozenset(what for what, who in BUYERS.items() if not who.isdisjoint(roles))
        account.sells = frozenset(what for what, who in SELLERS.items() if not who.isdisjoint(roles))
        account.blocked = "suspended" if trader.suspended else "kill_switch" if trader.killed else ""
        account.pace.allow(trader.per_10s_max, trader.per_hour_max, trader.per_day_max)

    def open_book(self, product: Product) -> None:
        """Gives a product an empty book, and finds the routes that it is a part of."""
        book = Book(product, self.window(commodity_of(product.kind), product.window_start))
        self.books[product.id] = book
        for route in self._routes_with(book):
            for part in route.parts():
                part.routes = sorted([*part.routes, route], key=lambda one: one.id)

    def close_book(self, product_id: str) -> Book:
        """Takes a book away, and its routes with it."""
        closed = self.books.pop(product_id)
        for book in self.books.values():
            book.routes = [route for route in book.routes if closed not in route.parts()]
        return closed

    def _routes_with(self, book: Book) -> Iterator[Route]:
        """Books that fit together as hydrogen, its haulage, and hydrogen delivered: alike in window, load and grade."""
        alike = [other for other in self.books.values() if _load(other.product) == _load(book.product)]
        kinds = {kind: [b for b in alike if b.product.kind == kind] for kind in ("ex_works", "haulage", "delivered")}
        for haulage in kinds["haulage"]:
            for ex_works in kinds["ex_works"]:
                for delivered in kinds["delivered"]:
                    fits = (
                        ex_works.product.hub == haulage.product.hub
                        and delivered.product.hub == haulage.product.destination_hub
                        and ex_works.product.grade == delivered.product.grade
                    )
                    if fits and book in (ex_works, haulage, delivered):
                        yield Route(ex_works, haulage, delivered)

    def reserve(self, order: Order, book: Book, loads: int, seq: int) -> None:
        """Reserves for ``loads`` of an order at its present price; a negative number releases."""
        participant_id = order.participant_id
        if order.terms.side == "buy":
            money = self.accounts[participant_id].money
            money.reserved_fen = reserved = money.reserved_fen + loads * order.price_fen_per_kg * book.mass_kg
            assert 0 <= reserved <= money.granted_fen - money.committed_fen, f"reserved money of {participant_id}"
            money.event_seq = seq
            self.changes.money[participant_id] = money
        else:
            capacity = book.sellers[participant_id]
            capacity.reserved_loads = reserved = capacity.reserved_loads + loads
            assert 0 <= reserved <= capacity.loads - capacity.consumed_loads, f"reserved loads of {participant_id}"
            capacity.event_seq = seq
            self.changes.capacity[capacity.id] = capacity


def _load(product: Product) -> tuple[object, ...]:
    return (
        product.window_start, product.window_end, product.container_class, product.nominal_mass_g,
        product.maximum_mass_g,
    )  # fmt: skip


# --- products and the market


def product_listed(state: ExchangeState, event: e.ProductListed, at: int, seq: int) -> None:
    product = Product(
        event.product_id, event.kind, event.hub, event.destination_hub, event.container_class, event.grade,
        event.nominal_mass_g, event.maximum_mass_g, event.window_start, event.window_end, event.price_tick_fen,
        event.price_max_fen, event.loads_max, event.collar_bps, event.volatility_bps, event.protection_bps,
        event.auction_s, event.phase, 0, event.reference_price_fen, at, None, seq,
    )  # fmt: skip
    state.products[product.id] = product
    state.open_book(product)
    state.changes.put("exchange_products", product.id, product)


def phase_changed(state: ExchangeState, event: e.PhaseChanged, _at: int, seq: int) -> None:
    product = state.products[event.product_id]
    product.phase = event.phase
    product.phase_until = event.until
    book = state.books.get(product.id)
    if book is not None:
        book.continuous = event.phase == "continuous"
    product.event_seq = seq
    state.changes.put("exchange_products", product.id, product)


def uncrossed(state: ExchangeState, event: e.Uncrossed, _at: int, seq: int) -> None:
    book = state.books[event.product_id]
    book.refer_to(event.price_fen_per_kg)
    book.last_price = event.price_fen_per_kg
    book.product.event_seq = seq
    state.changes.put("exchange_products", event.product_id, book.product)


def product_closed(state: ExchangeState, event: e.ProductClosed, at: int, seq: int) -> None:
    book = state.close_book(event.product_id)
    assert not book.bids.levels and not book.asks.levels, f"{event.product_id} closes with open orders"
    product = book.product
    product.phase = "closed"
    product.phase_until = 0
    product.closed_at = at
    product.event_seq = seq
    state.changes.put("exchange_products", product.id, product)


def market_opened(state: ExchangeState, event: e.MarketOpened, _at: int, seq: int) -> None:
    state.market.is_open, state.market.day = True, event.day
    _market_changed(state, seq)


def market_closed(state: ExchangeState, event: e.MarketClosed, _at: int, seq: int) -> None:
    state.market.is_open, state.market.day = False, event.day
    _market_changed(state, seq)


def market_halted(state: ExchangeState, _event: e.MarketHalted, _at: int, seq: int) -> None:
    state.market.halted = True
    _market_changed(state, seq)


def market_resumed(state: ExchangeState, _event: e.MarketResumed, _at: int, seq: int) -> None:
    state.market.halted = False
    _market_changed(state, seq)


def _market_changed(state: ExchangeState, seq: int) -> None:
    state.market.event_seq = seq
    state.changes.put("exchange_state", state.market.id, state.market)


def nothing(_state: ExchangeState, _event: Event, _at: int, _seq: int) -> None:
    """Nothing changes: the event tells whoever listens."""


# --- traders and limits


def trader_admitted(state: ExchangeState, event: e.TraderAdmitted, at: int, seq: int) -> None:
    known = state.account(event.participant_id).trader
    roles = " ".join(event.roles)
    if known is None:
        pace = state.account(event.participant_id).pace
        known = Trader(
            event.participant_id, roles, False, False, "cancel_newest", pace.per_10s_max, pace.per_hour_max,
            pace.per_day_max, at, seq,
        )  # fmt: skip
    known.roles, known.admitted_at = roles, at
    _trader_changed(state, known, seq)


def trader_suspended(state: ExchangeState, event: e.TraderSuspended, _at: int, seq: int) -> None:
    trader = _trader(state, event.participant_id)
    trader.suspended = True
    _trader_changed(state, trader, seq)


def trader_reinstated(state: ExchangeState, event: e.TraderReinstated, _at: int, seq: int) -> None:
    trader = _trader(state, event.participant_id)
    trader.suspended = False
    _trader_changed(state, trader, seq)


def trader_killed(state: ExchangeState, event: e.TraderKilled, _at: int, seq: int) -> None:
    trader = _trader(state, event.participant_id)
    trader.killed = True
    _trader_changed(state, trader, seq)


def trader_released(state: ExchangeState, event: e.TraderReleased, _at: int, seq: int) -> None:
    trader = _trader(state, event.participant_id)
    trader.killed = False
    _trader_changed(state, trader, seq)


def self_trade_mode_set(state: ExchangeState, event: e.SelfTradeModeSet, _at: int, seq: int) -> None:
    trader = _trader(state, event.participant_id)
    trader.self_trade_mode = event.mode
    _trader_changed(state, trader, seq)


def order_rates_set(state: ExchangeState, event: e.OrderRatesSet, _at: int, seq: int) -> None:
    trader = _trader(state, event.participant_id)
    trader.per_10s_max, trader.per_hour_max, trader.per_day_max = (
        event.per_10s_max, event.per_hour_max, event.per_day_max,
    )  # fmt: skip
    _trader_changed(state, trader, seq)


def _trader(state: ExchangeState, participant_id: str) -> Trader:
    trader = state.accounts[participant_id].trader
    assert trader is not None
    return trader


def _trader_changed(state: ExchangeState, trader: Trader, seq: int) -> None:
    trader.event_seq = seq
    state.admit(trader)
    state.changes.put("exchange_traders", trader.id, trader)


def dead_man_set(state: ExchangeState, event: e.DeadManSet, _at: int, seq: int) -> None:
    if event.fires_at:
        state.dead_men[event.participant_id] = DeadMan(event.participant_id, event.timeout_s, event.fires_at, seq)
    else:
        state.dead_men.pop(event.participant_id, None)


def capacity_set(state: ExchangeState, event: e.CapacitySet, _at: int, seq: int) -> None:
    sellers = state.window(event.commodity, event.window_start)
    capacity = sellers.get(event.participant_id)
    if capacity is None:
        key = capacity_id(event.participant_id, event.commodity, event.window_start)
        capacity = CapacityLimit(key, event.participant_id, event.commodity, event.window_start, 0, 0, 0, seq)
        sellers[event.participant_id] = capacity
    capacity.loads = event.loads
    assert capacity.free() >= 0, f"{capacity.id} is over its limit"
    capacity.event_seq = seq
    state.changes.capacity[capacity.id] = capacity


def money_granted(state: ExchangeState, event: e.MoneyGranted, _at: int, seq: int) -> None:
    _grant(state, event.participant_id, event.amount_fen, seq)


def money_reduced(state: ExchangeState, event: e.MoneyReduced, _at: int, seq: int) -> None:
    _grant(state, event.participant_id, -event.amount_fen, seq)


def commitment_released(state: ExchangeState, event: e.CommitmentReleased, _at: int, seq: int) -> None:
    """Ends a hold: what was not spent is free again."""
    money = state.account(event.participant_id).money
    money.committed_fen -= event.committed_fen
    assert money.committed_fen >= 0, f"committed money of {money.id}"
    _grant(state, event.participant_id, -event.spent_fen, seq)


def _grant(state: ExchangeState, participant_id: str, amount_fen: int, seq: int) -> None:
    money = state.account(participant_id).money
    money.granted_fen += amount_fen
    assert money.free() >= 0, f"{participant_id} is over its money limit"
    money.event_seq = seq
    state.changes.money[participant_id] = money


# --- orders


def order_placed(state: ExchangeState, event: e.OrderPlaced, at: int, seq: int) -> None:
    book = state.books[event.terms.product_id]
    order = new_order(event, at, seq)
    state.accounts[event.participant_id].pace.count(at)
    if not order.ended:
        state.reserve(order, book, order.loads, seq)
    state.orders[seq] = order
    book.keep(order)
    state.changes.orders[seq] = order
    if order.expires_at < NEVER:
        heappush(state.expiring, (order.expires_at, seq))


def new_order(event: e.OrderPlaced, at: int, seq: int) -> Order:
    """The order of the event, nowhere yet."""
    terms = event.terms
    loads, options = terms.loads, terms.options
    order = Order(
        seq, event.participant_id, event.key_id, terms, event.price_fen_per_kg, loads, loads, loads, 0, NEVER, at, at,
        seq,
    )  # fmt: skip
    if options is not None:
        show(order)
        if options.expires_at:
            order.expires_at = options.expires_at
        if options.hibernated:
            order.ended = "suspended"
    return order


def show(order: Order) -> None:
    """Lets the book see the open loads of an order, of an iceberg one full clip."""
    options = order.terms.options
    order.shown_loads = open_loads = order.open_loads
    if options is not None and options.display_loads:
        order.shown_loads = min(options.display_loads, open_loads)


def order_rejected(state: ExchangeState, event: e.OrderRejected, at: int, seq: int) -> None:
    account = state.account(event.participant_id)
    account.pace.count(at)
    terms = event.terms
    state.changes.orders[seq] = Order(
        seq, event.participant_id, event.key_id, terms, terms.price_fen_per_kg, terms.loads, terms.loads, 0, 0, NEVER,
        at, at, seq, False, False, "rejected", event.reason, event.field, event.shortfall,
    )  # fmt: skip


def order_amended(state: ExchangeState, event: e.OrderAmended, at: int, seq: int) -> None:
    state.accounts[state.orders[event.order_id].participant_id].pace.count(at)
    order = state.orders[event.order_id]
    book = state.books[order.terms.product_id]
    if event.keeps_priority:
        fewer = order.loads - event.loads
        if not order.ended:
            state.reserve(order, book, -fewer, seq)
        _shrink(book, order, fewer)
    else:
        order = lift(state, book, order)
        # What the new terms need is covered together with what the old ones give back: release first.
        if not order.ended:
            state.reserve(order, book, -order.open_loads, seq)
        order.open_loads += event.loads - order.loads
        order.loads, order.price_fen_per_kg, order.rank = event.loads, event.price_fen_per_kg, seq
        show(order)
        if not order.ended:
            state.reserve(order, book, order.open_loads, seq)
        book.keep(order)
    _order_changed(state, order, at, seq)


def order_reduced(state: ExchangeState, event: e.OrderReduced, at: int, seq: int) -> None:
    order = state.orders[event.order_id]
    book = state.books[order.terms.product_id]
    state.reserve(order, book, -event.loads, seq)
    _shrink(book, order, event.loads)
    _order_changed(state, order, at, seq)


def _shrink(book: Book, order: Order, fewer: int) -> None:
    """Makes an order smaller in its place; a pre-arranged one is known by its loads and has no place."""
    if not order.resting:
        book.drop(order)
    shown = order.shown_loads
    order.loads -= fewer
    order.open_loads -= fewer
    order.shown_loads = min(shown, order.open_loads)
    if order.resting:
        ladder = book.bids if order.terms.side == "buy" else book.asks
        ladder.levels[order.price_fen_per_kg].loads -= shown - order.shown_loads
    else:
        book.keep(order)


def order_elected(state: ExchangeState, event: e.OrderElected, at: int, seq: int) -> None:
    order = state.orders[event.order_id]
    book = state.books[order.terms.product_id]
    book.drop(order)
    order.elected = True
    book.keep(order)
    _order_changed(state, order, at, seq)


def order_hibernated(state: ExchangeState, event: e.OrderHibernated, at: int, seq: int) -> None:
    order = state.orders[event.order_id]
    book = state.books[order.terms.product_id]
    order = lift(state, book, order)
    state.reserve(order, book, -order.open_loads, seq)
    order.ended = "suspended"
    show(order)
    _order_changed(state, order, at, seq)


def order_activated(state: ExchangeState, event: e.OrderActivated, at: int, seq: int) -> None:
    order = state.orders[event.order_id]
    state.accounts[order.participant_id].pace.count(at)
    book = state.books[order.terms.product_id]
    order.ended, order.rank = "", seq
    state.reserve(order, book, order.open_loads, seq)
    book.keep(order)
    _order_changed(state, order, at, seq)


def lift(state: ExchangeState, book: Book, order: Order) -> Order:
    """Takes an order out of the book, as a new object: the slot that it leaves stays dead."""
    book.drop(order)
    state.orders[order.id] = lifted = copy(order)
    return lifted


def order_cancelled(state: ExchangeState, event: e.OrderCancelled, at: int, seq: int) -> None:
    order = state.orders.pop(event.order_id)
    terms = order.terms
    book = state.books[terms.product_id]
    if order.resting:
        (book.bids if terms.side == "buy" else book.asks).remove(order)
    else:
        book.drop(order)
    end_order(state, book, order, event, at, seq)


def end_order(state: ExchangeState, book: Book, order: Order, event: e.OrderCancelled, at: int, seq: int) -> None:
    """Gives back what is reserved for an order that is in no book any more."""
    if not order.ended:
        state.reserve(order, book, -event.loads, seq)
    order.ended = "expired" if event.reason == "expired" else "cancelled"
    order.reason = event.reason
    order.updated_at = at
    order.event_seq = seq
    state.changes.orders[order.id] = order


def _order_changed(state: ExchangeState, order: Order, at: int, seq: int) -> None:
    order.updated_at = at
    order.event_seq = seq
    state.changes.orders[order.id] = order


def traded(state: ExchangeState, event: e.Traded, at: int, _seq: int) -> None:
    state.changes.trades[event.trade_id] = (event, at)
    if event.taker_order_id:  # what was agreed elsewhere tells nothing of this market
        state.books[event.product_id].last_price = event.price_fen_per_kg
    for order_id in (event.sell_order_id, event.buy_order_id):
        order = state.orders[order_id]
        own_book = state.books[order.terms.product_id]
        if event.leg == "haulage" and order_id == event.buy_order_id:
            commit_haulage(state, own_book, order, event)
        elif order_id == event.taker_order_id or event.taker_order_id == 0:
            _fill_whole(state, own_book, order, event, at)
        else:
            ladder = own_book.bids if order.terms.side == "buy" else own_book.asks
            fill_head(state, own_book, ladder, order, event, at)


def fill_head(state: ExchangeState, book: Book, ladder: Ladder, order: Order, event: e.Traded, at: int) -> None:
    """Takes traded loads off the order at the head of a level; an iceberg's next clip goes to the end of its queue."""
    loads, price, seq = event.loads, event.price_fen_per_kg, event.trade_id
    changes = state.changes
    level = ladder.levels[order.price_fen_per_kg]
    level.loads -= loads
    order.shown_loads -= loads
    order.open_loads = open_loads = order.open_loads - loads
    order.price_sum_fen_per_kg += price * loads
    order.updated_at = at
    order.event_seq = seq
    changes.orders[order.id] = order
    if ladder.sign > 0:
        money = state.accounts[order.participant_id].money
        money.reserved_fen = reserved = money.reserved_fen - loads * order.price_fen_per_kg * book.mass_kg
        assert reserved >= 0, f"reserved money of {money.id}"
        money.committed_fen += loads * price * book.mass_kg
        money.event_seq = seq
        changes.money[money.id] = money
    else:
        capacity = book.sellers[order.participant_id]
        capacity.reserved_loads = reserved = capacity.reserved_loads - loads
        assert reserved >= 0, f"reserved loads of {capacity.id}"
        capacity.consumed_loads += loads
        capacity.event_seq = seq
        changes.capacity[capacity.id] = capacity
    if order.shown_loads:
        return
    queue = level.queue
    while queue.popleft() is not order:  # dead slots before it
        level.dead -= 1
    if open_loads == 0:
        order.resting = False
        if level.loads == 0:
            ladder.close(level)
        del state.orders[order.id]
    else:
        _refill(state, book, ladder, level, order, seq)


def _refill(state: ExchangeState, book: Book, ladder: Ladder, level: Level, order: Order, seq: int) -> None:
    """Shows an iceberg's next clip behind the others, at its changed price if the owner asked for one."""
    show(order)
    price = clip_price(order, book.product)
    if price == order.price_fen_per_kg:
        level.queue.append(order)
        level.loads += order.shown_loads
        return
    order.resting = False
    if level.loads == 0:
        ladder.close(level)
    # A buyer's clips become cheaper and need less; a seller's reserve loads, whatever their price.
    state.reserve(order, book, -order.open_loads, seq)
    order.price_fen_per_kg = price
    state.reserve(order, book, order.open_loads, seq)
    ladder.place(order)


def clip_price(order: Order, product: Product) -> int:
    """The price of an iceberg's next clip: the same where the changed one would be none of the product's."""
    options = order.terms.options
    assert options is not None
    change = options.clip_price_change_fen
    price = order.price_fen_per_kg + (-change if order.terms.side == "buy" else change)
    return price if 0 < price <= product.price_max_fen else order.price_fen_per_kg


def _fill_whole(state: ExchangeState, book: Book, order: Order, event: e.Traded, at: int) -> None:
    """Takes traded loads off an order that traded with all it has, not with the clip that it shows."""
    loads, price, seq = event.loads, event.price_fen_per_kg, event.trade_id
    if order.open_loads == loads:
        book.drop(order)
        del state.orders[order.id]
    shown = order.shown_loads
    order.open_loads -= loads
    show(order)
    if order.resting:
        ladder = book.bids if order.terms.side == "buy" else book.asks
        ladder.levels[order.price_fen_per_kg].loads += order.shown_loads - shown
    order.price_sum_fen_per_kg += price * loads
    _order_changed(state, order, at, seq)
    spend(state, book, order, loads, loads * price, seq)


def spend(state: ExchangeState, book: Book, order: Order, loads: int, price_sum: int, seq: int) -> None:
    """Turns what ``loads`` of an order reserved into what they cost: prices times loads, summed."""
    if order.terms.side == "buy":
        money = state.accounts[order.participant_id].money
        money.reserved_fen = reserved = money.reserved_fen - loads * order.price_fen_per_kg * book.mass_kg
        assert reserved >= 0, f"reserved money of {money.id}"
        money.committed_fen += price_sum * book.mass_kg
        money.event_seq = seq
        state.changes.money[money.id] = money
    else:
        capacity = book.sellers[order.participant_id]
        capacity.reserved_loads = reserved = capacity.reserved_loads - loads
        assert reserved >= 0, f"reserved loads of {capacity.id}"
        capacity.consumed_loads += loads
        capacity.event_seq = seq
        state.changes.capacity[capacity.id] = capacity


def commit_haulage(state: ExchangeState, book: Book, order: Order, event: e.Traded) -> None:
    """Adds the haulage of an implied match to a delivered order; its loads count with the hydrogen that follows."""
    order.price_sum_fen_per_kg += event.loads * event.price_fen_per_kg
    order.event_seq = event.trade_id
    state.changes.orders[order.id] = order
    money = state.accounts[order.participant_id].money
    money.committed_fen += event.loads * event.price_fen_per_kg * book.mass_kg
    money.event_seq = event.trade_id
    state.changes.money[money.id] = money


Effect = Callable[[ExchangeState, Any, int, int], None]

EFFECTS: dict[type[Event], Effect] = {
    e.ProductListed: product_listed,
    e.PhaseChanged: phase_changed,
    e.Uncrossed: uncrossed,
    e.ProductClosed: product_closed,
    e.MarketOpened: market_opened,
    e.MarketClosed: market_closed,
    e.MarketHalted: market_halted,
    e.MarketResumed: market_resumed,
    e.QuoteRequested: nothing,
    e.TraderAdmitted: trader_admitted,
    e.TraderSuspended: trader_suspended,
    e.TraderReinstated: trader_reinstated,
    e.TraderKilled: trader_killed,
    e.TraderReleased: trader_released,
    e.SelfTradeModeSet: self_trade_mode_set,
    e.OrderRatesSet: order_rates_set,
    e.DeadManSet: dead_man_set,
    e.CapacitySet: capacity_set,
    e.MoneyGranted: money_granted,
    e.MoneyReduced: money_reduced,
    e.MoneyReductionRefused: nothing,
    e.CommitmentReleased: commitment_released,
    e.OrderPlaced: order_placed,
    e.OrderRejected: order_rejected,
    e.OrderAmended: order_amended,
    e.OrderReduced: order_reduced,
    e.OrderElected: order_elected,
    e.OrderHibernated: order_hibernated,
    e.OrderActivated: order_activated,
    e.OrderCancelled: order_cancelled,
    e.Traded: traded,
}
