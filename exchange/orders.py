"""The life of an order, from its placing to its end.

                     place
                       |  rules: refused, or taken and its limit reserved
         hibernate     v
    suspended <---- waiting aside (stop, all-or-none, agreement) ----+
         |             |  elected                                    |  the other side can fill it, or answers
         |  activate   v                                             v
         +---------> trade with what rests, best price first ---> filled
                       |
                       v  what is left rests, or ends (IOC, FOK, own order met, volatility)
                     rest in the book ---> filled, cancelled, expired

Once no rule says no, nothing can fail any more, and each event takes its effect as it is made: these are the hot
commands. An incoming order trades before it rests, so one that is filled at once never enters the book. After every
command that traded or placed, the orders that wait aside are looked at: that is `aftermath`.
"""

from __future__ import annotations

from heapq import heappush

from exchange import errors as x
from exchange.account import Account
from exchange.book import Book, agreement_of
from exchange.commands import CancelOrder, CancelOrders, PlaceOrder
from exchange.effects import EFFECTS
from exchange.events import OrderCancelled, OrderElected, OrderPlaced, OrderRejected, Traded
from exchange.matching import Left, cancel, cross_route, interrupt, meet_own, trade
from exchange.model import NEVER, CancelReason, Order, SelfTradeMode
from exchange.rehearsal import fillable
from exchange.rules import entry_breach, needs_breach
from exchange.state import (
    ExchangeState,
    end_order,
    lift,
    new_order,
    order_rejected,
)
from kernel.messages import Event

#: Of orders without options; others ask for more than one look.
PLAIN_TIMES = frozenset({"gtc", "day", "session", "ioc"})


def place_order(state: ExchangeState, command: PlaceOrder, at: int, seq: int) -> list[Event]:
    """The order's placing with what follows from it, or its rejection. ``seq`` becomes its number.

    Nearly every order is a limit order without options that keeps every rule. This is its way, with all rules in one
    glance; others are asked rule by rule in `_place_by_the_rules`, so that the first broken one is named.
    """
    participant_id, key_id, terms = command.participant_id, command.key_id, command.terms
    price, loads, time_in_force = terms.price_fen_per_kg, terms.loads, terms.time_in_force
    buys = terms.side == "buy"
    try:
        book = state.books[terms.product_id]
        if buys:
            account = book.buyers[participant_id]
            money = account.money
            free = money.granted_fen - money.reserved_fen - money.committed_fen
            needed = loads * price * book.mass_kg
            own_side, keys, limit_key = book.bids, book.asks.keys, -price
        else:
            account = book.vendors[participant_id]
            capacity = book.sellers[participant_id]
            free = capacity.loads - capacity.reserved_loads - capacity.consumed_loads
            needed = loads
            own_side, keys, limit_key = book.asks, book.bids.keys, price
    except KeyError:
        return _place_by_the_rules(state, command, at, seq)
    product, pace = book.product, account.pace
    if at >= pace.ends_at:
        pace.begin(at)
    used = pace.used
    if (
        terms.options is not None
        or (time_in_force != "gtc" and time_in_force not in PLAIN_TIMES)
        or not book.trading
        or price < book.low
        or price > book.high
        or price % product.price_tick_fen
        or loads < 1
        or loads > product.loads_max
        or needed > free
        or used >= pace.allowed
    ):
        return _place_by_the_rules(state, command, at, seq)
    pace.used = used + 1
    # As `new_order` makes it.
    order = Order(seq, participant_id, key_id, terms, price, loads, loads, loads, 0, NEVER, at, at, seq)
    changes = state.changes
    changes.orders[seq] = order
    events: list[Event] = [OrderPlaced(seq, participant_id, key_id, price, terms)]
    if (keys and keys[-1] >= limit_key) or book.routes:
        left = trade(state, book, account, order, at, seq, events, False)
        if order.open_loads:
            _rest_or_end(state, book, account, order, left, at, seq, events)
    else:
        # As `state.reserve` does it.
        if buys:
            money.reserved_fen += needed
            money.event_seq = seq
            changes.money[participant_id] = money
        else:
            capacity.reserved_loads += needed
            capacity.event_seq = seq
            changes.capacity[capacity.id] = capacity
        if time_in_force == "ioc":
            _end(state, book, order, "ioc", at, seq, events)
        else:
            state.orders[seq] = order
            own_side.place(order)
    if book.aside or book.routes:
        aftermath(state, book, at, seq, events)
    return events


def _place_by_the_rules(state: ExchangeState, command: PlaceOrder, at: int, seq: int) -> list[Event]:
    """Any order's placing with what follows from it, or its rejection."""
    participant_id, terms = command.participant_id, command.terms
    account = state.account(participant_id)
    book = state.books.get(terms.product_id)
    breach, price = entry_breach(state, account, book, participant_id, terms, at)
    placed = OrderPlaced(seq, participant_id, command.key_id, price, terms)
    order = new_order(placed, at, seq)
    if breach is None:
        assert book is not None
        breach = needs_breach(account, book, order, at)
    if breach is not None:
        rejected = OrderRejected(seq, participant_id, command.key_id, terms, *breach)
        order_rejected(state, rejected, at, seq)
        return [rejected]
    assert book is not None
    account.pace.count(at)
    state.changes.orders[seq] = order
    events: list[Event] = [placed]
    if not order.ended:
        state.reserve(order, book, order.open_loads, seq)
    _enter(state, book, account, order, at, seq, events)
    if book.aside or book.routes:
        aftermath(state, book, at, seq, events)
    return events


def _enter(
    state: ExchangeState, book: Book, account: Account, order: Order, at: int, seq: int, events: list[Event]
) -> None:
    """What becomes of a new order: it sleeps, waits, or trades and rests. Its limit is reserved, unless it sleeps."""
    options = order.terms.options
    if options is not None:
        if order.expires_at < NEVER:
            heappush(state.expiring, (order.expires_at, order.id))
        if order.ended:
            state.orders[order.id] = order
            return
        if options.agreement:
            _agree(state, book, order, at, seq, events)
            return
        if options.stop_price_fen_per_kg or options.all_or_none:
            state.orders[order.id] = order
            book.keep(order)
            return
    if book.continuous:
        _trade_and_rest(state, book, account, order, at, seq, events)
    else:
        _join_auction(state, book, account, order, at, seq, events)


def _trade_and_rest(
    state: ExchangeState, book: Book, account: Account, order: Order, at: int, seq: int, events: list[Event]
) -> None:
    """Trades an order that is in no book and holds its limit, then puts what is open of it there, or ends it."""
    left = _cannot_begin(book, account, order, at)
    if not left:
        left = trade(state, book, account, order, at, seq, events)
    if order.open_loads:
        _rest_or_end(state, book, account, order, left, at, seq, events)


def _rest_or_end(
    state: ExchangeState, book: Book, account: Account, order: Order, left: Left, at: int, seq: int,
    events: list[Event],
) -> None:  # fmt: skip
    """Puts what trading left open of an order into the book, or ends it, where ``left`` or its own terms say so."""
    terms = order.terms
    time_in_force = terms.time_in_force
    if left == "volatility":
        interrupt(state, book, at, seq, events)
        if time_in_force not in ("ioc", "fok"):
            _join_auction(state, book, account, order, at, seq, events)
            return
    if time_in_force == "ioc":
        left = left or "ioc"
    if left:
        _end(state, book, order, left, at, seq, events)
    else:
        state.orders[order.id] = order
        ladder = book.bids if terms.side == "buy" else book.asks
        ladder.place(order)


def _cannot_begin(book: Book, account: Account, order: Order, at: int) -> Left:
    """Why an order that asks for all, or for so much, at once does not even begin to trade."""
    terms = order.terms
    assert account.trader is not None
    mode = account.trader.self_trade_mode
    if terms.time_in_force == "fok" and not fillable(book, order, mode, order.open_loads, at):
        return "fok"
    options = terms.options
    wanted = 0 if options is None else min(options.minimum_loads, order.open_loads)
    if wanted and not order.executed_loads and not fillable(book, order, mode, wanted, at):
        return "minimum"
    return ""


def _end(
    state: ExchangeState, book: Book, order: Order, reason: CancelReason, at: int, seq: int, events: list[Event]
) -> None:
    """Ends an order that is in no book."""
    ended = OrderCancelled(order.id, order.open_loads, reason)
    end_order(state, book, order, reason, at, seq + len(events))
    events.append(ended)


def _join_auction(
    state: ExchangeState, book: Book, account: Account, order: Order, at: int, seq: int, events: list[Event]
) -> None:
    """Puts an order into a book that collects, once it cannot meet one of its own there."""
    ladder = book.asks if order.terms.side == "buy" else book.bids
    limit = order.price_fen_per_kg * ladder.sign
    own = [
        resting
        for level in ladder.best_first()
        if level.price * ladder.sign >= limit
        for resting in level.queue
        if resting.resting and resting.participant_id == order.participant_id
    ]
    for resting in own:
        if resting.expires_at <= at:
            cancel(state, resting, "expired", at, seq, events)
            continue
        left = meet_own(state, book, account, order, resting, at, seq, events)
        if left:
            _end(state, book, order, left, at, seq, events)
            return
    state.orders[order.id] = order
    book.keep(order)


def _agree(state: ExchangeState, book: Book, order: Order, at: int, seq: int, events: list[Event]) -> None:
    """Lets a pre-arranged order wait for its counterparty's, or trade with it if that is there."""
    state.orders[order.id] = order
    book.keep(order)
    side, *terms = agreement_of(order)
    waiting = book.agreements.get(("sell" if side == "buy" else "buy", *terms))  # type: ignore[arg-type]
    if waiting is None or waiting.expires_at <= at:
        return
    buy, sell = (order, waiting) if side == "buy" else (waiting, order)
    traded = Traded(
        seq + len(events), book.product.id, order.price_fen_per_kg, order.open_loads, buy.participant_id,
        sell.participant_id, buy.id, sell.id, 0,
    )  # fmt: skip
    EFFECTS[Traded](state, traded, at, traded.trade_id)
    events.append(traded)


# --- what follows


def aftermath(state: ExchangeState, book: Book, at: int, seq: int, events: list[Event]) -> None:
    """Looks at what waits beside a book that changed, and beside those that its routes touch, until all is quiet."""
    touched = {book} if len(events) == 1 else _touched(book)  # one event is no trade
    _settle(state, _waiting(touched), at, seq, events)


def settle_all(state: ExchangeState, at: int, seq: int, events: list[Event]) -> None:
    """Looks at what waits beside all books, after something that may have changed any of them."""
    _settle(state, dict(state.books), at, seq, events)


def _settle(state: ExchangeState, books: dict[str, Book], at: int, seq: int, events: list[Event]) -> None:
    """Lets go what waits and may, one after another, always of the first product by its id."""
    if not state.market.is_open or state.market.halted:
        return
    calm: set[str] = set()  # where no stop and no all-or-none order may go on until the book itself changes
    while True:
        for product_id, book in sorted(books.items()):
            before = len(events)
            goes_on = product_id not in calm and (
                _elect(state, book, at, seq, events) or _fill_one(state, book, at, seq, events)
            )
            if goes_on or cross_route(state, book, at, seq, events):
                implied = any(isinstance(event, Traded) and event.leg for event in events[before:])
                touched = _touched(book) if implied else {book}
                calm.difference_update(one.product.id for one in touched)
                books |= _waiting(touched)
                break
            calm.add(product_id)
        else:
            return


def _touched(book: Book) -> set[Book]:
    """The books that a trade in one of them may change: an implied trade changes all parts of a route."""
    return {book, *(part for route in book.routes for part in route.parts())}


def _waiting(touched: set[Book]) -> dict[str, Book]:
    """The books where something may go on after these have changed: they, and those that their routes deliver to."""
    waiting = {one.product.id: one for one in touched}
    for one in touched:
        for route in one.routes:
            waiting[route.delivered.product.id] = route.delivered
    return waiting


def _elect(state: ExchangeState, book: Book, at: int, seq: int, events: list[Event]) -> bool:
    """Lets the first stop that the last trade's price reached into the market."""
    if not book.continuous or not book.last_price:
        return False
    for side, sign in (("buy", 1), ("sell", -1)):
        stops = book.stops["buy" if side == "buy" else "sell"]
        if stops and stops[0][0] <= book.last_price * sign:
            order = state.orders[stops[0][-1]]
            if order.expires_at <= at:
                cancel(state, order, "expired", at, seq, events)
                return True
            elected = OrderElected(order.id)
            EFFECTS[OrderElected](state, elected, at, seq + len(events))
            events.append(elected)
            if order.resting:
                enter_again(state, book, order, at, seq, events)
            return True
    return False


def enter_again(state: ExchangeState, book: Book, order: Order, at: int, seq: int, events: list[Event]) -> None:
    """Lets an order that came to rest without trading trade first."""
    order = lift(state, book, order)
    del state.orders[order.id]
    state.owners.moved += 1
    account = state.accounts[order.participant_id]
    if book.continuous:
        _trade_and_rest(state, book, account, order, at, seq, events)
    else:
        _join_auction(state, book, account, order, at, seq, events)


def _fill_one(state: ExchangeState, book: Book, at: int, seq: int, events: list[Event]) -> bool:
    """Trades the first all-or-none order that the other side can fill whole."""
    if not book.continuous:
        return False
    for side in ("buy", "sell"):
        ladder = book.asks if side == "buy" else book.bids
        best = ladder.keys[-1] if ladder.keys else None
        failed: dict[str, int] = {}  # whose order of how many loads: behind it none of theirs as large can be filled
        for key, _, order_id in book.whole["buy" if side == "buy" else "sell"]:
            if best is None or best < key:
                break
            order = state.orders[order_id]
            account = state.accounts[order.participant_id]
            assert account.trader is not None
            mode = account.trader.self_trade_mode
            if order.expires_at <= at or order.open_loads >= failed.get(order.participant_id, NEVER):
                continue
            if not _fills_whole(book, order, mode, at):
                failed[order.participant_id] = order.open_loads
                continue
            book.drop(order)
            del state.orders[order.id]
            trade(state, book, account, order, at, seq, events)
            assert order.open_loads == 0, f"order {order.id} is all or none and has {order.open_loads} left"
            return True
    return False


def _fills_whole(book: Book, order: Order, mode: SelfTradeMode, at: int) -> bool:
    """Whether the other side can fill an all-or-none order, and no route would halt the book before it is filled."""
    loads = order.open_loads
    return fillable(book, order, mode, loads, at, implied=False) and fillable(book, order, mode, loads, at)


# --- what its owner asks of it later


def cancel_order(state: ExchangeState, command: CancelOrder, at: int, seq: int) -> list[Event]:
    """Raises OrderNotOpen, or ProductIsFrozen."""
    order = state.orders.get(command.order_id)
    if order is None or order.participant_id != command.participant_id:
        raise x.OrderNotOpen(field="order_id", order_id=command.order_id)
    terms = order.terms
    book = state.books[terms.product_id]
    if not book.continuous and book.product.phase == "frozen":
        raise x.ProductIsFrozen(field="order_id")
    event = OrderCancelled(order.id, order.open_loads, "requested")
    end_order(state, book, order, "requested", at, seq)
    if not (book.aside or book.routes):
        return [event]
    events: list[Event] = [event]
    aftermath(state, book, at, seq, events)
    return events


def cancel_orders(state: ExchangeState, command: CancelOrders, at: int, seq: int) -> list[Event]:
    """Cancels what fits, oldest first and each once. What is frozen stays, but for what ends with its connection."""
    events: list[Event] = []
    named = frozenset(command.order_ids)
    fitting = [
        order
        for order in state.orders_of(command.participant_id)
        if (not named or order.id in named)
        and command.product_id in ("", order.terms.product_id)
        and command.side in (None, order.terms.side)
        and command.key_id in ("", order.key_id)
        and (not command.on_disconnect_only or _ends_on_disconnect(order))
        and (command.reason == "disconnected" or state.books[order.terms.product_id].product.phase != "frozen")
    ]
    for order in fitting:
        cancel(state, order, command.reason, at, seq, events)
    if events:
        settle_all(state, at, seq, events)
    return events


def _ends_on_disconnect(order: Order) -> bool:
    options = order.terms.options
    return options is not None and options.cancel_on_disconnect
