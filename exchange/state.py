"""The whole state of the exchange, and what each event does to it.

Only events change the state, whether they were just decided or are replayed from the log. A finished order and a trade
leave memory once their row is in ``changes``; a closed product keeps its entity, so that its id stays taken, but no
book.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from heapq import heappush

from exchange import events as e
from exchange.account import Account
from exchange.book import Book, Ladder
from exchange.changes import ExchangeChanges
from exchange.level import Level
from exchange.model import (
    BUYERS,
    NEVER,
    SELLERS,
    CancelReason,
    CapacityLimit,
    Commodity,
    DeadMan,
    MarketState,
    MoneyLimit,
    Order,
    Product,
    Trader,
    clip_price,
    commodity_of,
)
from exchange.owners import Owners
from exchange.pace import Pace
from exchange.recalled import Recalls
from exchange.routes import routes_with


class ExchangeState:
    """Products and their books, open orders by number, participants, limits, the market's day."""

    def __init__(self) -> None:
        self.changes = ExchangeChanges()
        self.market = MarketState("market", False, False, "", 0)
        self.products: dict[str, Product] = {}
        self.books: dict[str, Book] = {}  # of the products that are open
        self.orders: dict[int, Order] = {}  # the open and the hibernating ones
        self.owners = Owners()
        self.accounts: dict[str, Account] = {}
        # Those of the accounts that may send orders now: admitted in a role that fits, and not blocked.
        self.buyers: dict[Commodity, dict[str, Account]] = {"hydrogen": {}, "haulage": {}}
        self.vendors: dict[Commodity, dict[str, Account]] = {"hydrogen": {}, "haulage": {}}
        self.windows: dict[tuple[Commodity, int], dict[str, CapacityLimit]] = {}
        self.dead_men: dict[str, DeadMan] = {}
        self.recalls = Recalls()
        self.expiring: list[tuple[int, int]] = []  # a heap of (time, order): those gone meanwhile are still in it

    def orders_of(self, participant_id: str) -> list[Order]:
        """A participant's open and hibernating orders, oldest first."""
        return self.owners.orders(self.orders, participant_id)

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
        account.blocked = "suspended" if trader.suspended else "kill_switch" if trader.killed or trader.barred else ""
        account.pace.allow(trader.per_10s_max, trader.per_hour_max, trader.per_day_max)
        for able, accounts in ((account.buys, self.buyers), (account.sells, self.vendors)):
            for commodity, admitted in accounts.items():
                admitted.pop(trader.id, None)
                if commodity in able and not account.blocked:
                    admitted[trader.id] = account

    def open_book(self, product: Product) -> None:
        """Gives a product an empty book, and finds the routes that it is a part of."""
        commodity = commodity_of(product.kind)
        capacities = self.window(commodity, product.window_start)
        book = Book(product, capacities, self.buyers[commodity], self.vendors[commodity])
        self.books[product.id] = book
        self.say_whether_trading(book)
        for route in routes_with(self.books.values(), book):
            for part in route.parts():
                part.routes = sorted([*part.routes, route], key=lambda one: one.id)

    def close_book(self, product_id: str) -> Book:
        """Takes a book away, and its routes with it."""
        closed = self.books.pop(product_id)
        for book in self.books.values():
            book.routes = [route for route in book.routes if closed not in route.parts()]
        return closed

    def say_whether_trading(self, book: Book) -> None:
        """Lets a book know whether orders that come in may trade at once."""
        book.trading = book.continuous and self.market.is_open and not self.market.halted

    def reserve(self, order: Order, book: Book, loads: int, seq: int) -> None:
        """Reserves for ``loads`` of an order at its present price; a negative number releases."""
        participant_id, terms = order.participant_id, order.terms
        if terms.side == "buy":
            account = self.accounts[participant_id]
            money = account.money
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


# --- orders


def order_placed(state: ExchangeState, event: e.OrderPlaced, at: int, seq: int) -> None:
    terms = event.terms
    book = state.books[terms.product_id]
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
    terms = order.terms
    options = terms.options
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
    order = state.orders[event.order_id]
    terms = order.terms
    end_order(state, state.books[terms.product_id], order, event.reason, at, seq)


def end_order(state: ExchangeState, book: Book, order: Order, reason: CancelReason, at: int, seq: int) -> None:
    """Takes an order out from wherever it is, and gives back what is reserved for it."""
    order_id, terms, changes = order.id, order.terms, state.changes
    buys = terms.side == "buy"
    if order.resting:
        del state.orders[order_id]
        (book.bids if buys else book.asks).remove(order)
    elif order_id in state.orders:
        del state.orders[order_id]
        book.drop(order)
    if order.ended:
        pass  # it sleeps, and holds nothing
    elif buys:
        account = state.accounts[order.participant_id]
        money = account.money
        money.reserved_fen = reserved = money.reserved_fen - order.open_loads * order.price_fen_per_kg * book.mass_kg
        assert reserved >= 0, f"reserved money of {money.id}"
        money.event_seq = seq
        changes.money[money.id] = money
    else:
        capacity = book.sellers[order.participant_id]
        capacity.reserved_loads = reserved = capacity.reserved_loads - order.open_loads
        assert reserved >= 0, f"reserved loads of {capacity.id}"
        capacity.event_seq = seq
        changes.capacity[capacity.id] = capacity
    order.ended = "expired" if reason == "expired" else "cancelled"
    order.reason = reason
    order.updated_at = at
    order.event_seq = seq
    changes.orders[order_id] = order


def _order_changed(state: ExchangeState, order: Order, at: int, seq: int) -> None:
    order.updated_at = at
    order.event_seq = seq
    state.changes.orders[order.id] = order


def traded(state: ExchangeState, event: e.Traded, at: int, _seq: int) -> None:
    state.changes.trades[event.trade_id] = (event, at)
    if event.taker_order_id:  # what was agreed elsewhere tells nothing of this market
        book = state.books[event.product_id]
        book.last_price, book.last_trade = event.price_fen_per_kg, event.trade_id
    for order_id in (event.sell_order_id, event.buy_order_id):
        order = state.orders[order_id]
        terms = order.terms
        own_book = state.books[terms.product_id]
        if event.leg == "haulage" and order_id == event.buy_order_id:
            commit_haulage(state, own_book, order, event)
        elif order_id == event.taker_order_id or event.taker_order_id == 0:
            _fill_whole(state, own_book, order, event, at)
        else:
            ladder = own_book.bids if terms.side == "buy" else own_book.asks
            fill_head(state, own_book, ladder, order, event, at)


def fill_head(state: ExchangeState, book: Book, ladder: Ladder, order: Order, event: e.Traded, at: int) -> None:
    """Takes traded loads off the order that trades next in a ladder."""
    assert ladder.head() is order, f"{event.trade_id} is no trade of the first order"
    level, price_sum = ladder.levels[order.price_fen_per_kg], event.loads * event.price_fen_per_kg
    fill(state, book, ladder, level, order, event.loads, price_sum, event.trade_id, at)


def fill(
    state: ExchangeState, book: Book, ladder: Ladder, level: Level, order: Order, loads: int, price_sum: int, seq: int,
    at: int,
) -> None:  # fmt: skip
    """Takes traded loads off the head of a level's queue; an iceberg's next clip goes to the end of it.

    ``price_sum`` is what they cost: loads times the trade's price.
    """
    changes = state.changes
    level.loads -= loads
    order.shown_loads = shown_loads = order.shown_loads - loads
    order.open_loads = open_loads = order.open_loads - loads
    order.price_sum_fen_per_kg += price_sum
    order.updated_at = at
    order.event_seq = seq
    changes.orders[order.id] = order
    if ladder.sign > 0:
        account = state.accounts[order.participant_id]
        money = account.money
        money.reserved_fen = reserved = money.reserved_fen - loads * order.price_fen_per_kg * book.mass_kg
        assert reserved >= 0, f"reserved money of {money.id}"
        money.committed_fen += price_sum * book.mass_kg
        money.event_seq = seq
        changes.money[money.id] = money
    else:
        capacity = book.sellers[order.participant_id]
        capacity.reserved_loads = reserved = capacity.reserved_loads - loads
        assert reserved >= 0, f"reserved loads of {capacity.id}"
        capacity.consumed_loads += loads
        capacity.event_seq = seq
        changes.capacity[capacity.id] = capacity
    if shown_loads:
        return
    level.queue.popleft()
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
    price = clip_price(order, book.low, book.high)
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
        terms = order.terms
        ladder = book.bids if terms.side == "buy" else book.asks
        ladder.levels[order.price_fen_per_kg].loads += order.shown_loads - shown
    order.price_sum_fen_per_kg += price * loads
    _order_changed(state, order, at, seq)
    spend(state, book, order, loads, loads * price, seq, loads)


def spend(state: ExchangeState, book: Book, order: Order, loads: int, price_sum: int, seq: int, freed: int) -> None:
    """Commits ``loads`` of an order for what they cost, prices times loads, and frees what ``freed`` of it reserve.

    A negative number reserves: an order that trades before anything is reserved for it frees what is left of it.
    """
    terms = order.terms
    if terms.side == "buy":
        account = state.accounts[order.participant_id]
        money = account.money
        money.reserved_fen = reserved = money.reserved_fen - freed * order.price_fen_per_kg * book.mass_kg
        assert reserved >= 0, f"reserved money of {money.id}"
        money.committed_fen += price_sum * book.mass_kg
        money.event_seq = seq
        state.changes.money[money.id] = money
    else:
        capacity = book.sellers[order.participant_id]
        capacity.reserved_loads = reserved = capacity.reserved_loads - freed
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
