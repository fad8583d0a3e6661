"""What an incoming order trades with: best price first, at one price the oldest first, at the resting order's price.

An implied match comes after a direct one at the same price. What happens where an order meets one of the same
participant is that participant's choice:

    cancel_newest   the incoming order ends
    cancel_oldest   the resting order ends, and the incoming one goes on
    cancel_both     both end
    decrement       both become smaller by the smaller of them, which ends

A match that would carry a book out of its volatility bounds is not made: the book goes into an auction first. Where it
is the order's own book, the order goes with it; where it is another part of a route, the order goes on without it.
"""

from __future__ import annotations

from typing import Literal

from exchange.account import Account
from exchange.book import Book
from exchange.effects import EFFECTS
from exchange.events import OrderCancelled, OrderReduced, PhaseChanged, Traded
from exchange.implied import Implied, carried_out, implied_before, part_prices
from exchange.level import Level
from exchange.model import CancelReason, Order
from exchange.state import (
    ExchangeState,
    commit_haulage,
    end_order,
    fill,
    fill_head,
    order_reduced,
    show,
    spend,
)
from kernel.messages import Event
from kernel.quantity import MICROS_PER_S

Left = CancelReason | Literal[""]


def trade(
    state: ExchangeState, book: Book, account: Account, order: Order, at: int, seq: int, events: list[Event],
    reserved: bool = True, implied: bool = True,
) -> Left:  # fmt: skip
    """Trades an order that is in no book; if its limit was not ``reserved``, reserves it for what is left.

    Gives the reason why what is left of it may not rest, "" if it may. Its events are added to ``events``, the first
    of which has the log position ``seq``.
    """
    terms, product, changes = order.terms, book.product, state.changes
    buys = terms.side == "buy"
    ladder = book.asks if buys else book.bids
    keys, levels, sign = ladder.keys, ladder.levels, ladder.sign
    limit = order.price_fen_per_kg * sign
    order_id, participant_id = order.id, order.participant_id
    product_id, trades = product.id, changes.trades
    calm_low, calm_high = book.calm_low, book.calm_high
    filled = paid = 0
    trade_id = seq
    left: Left = ""
    routes = book.routes if implied else None
    while (open_loads := order.open_loads) and not left:
        if routes:
            match = implied_before(book, order, keys[-1] if keys else None, at)
            if match is not None:
                loads, price, trade_id, left = _trade_implied(
                    state, book, order, match, trade_id, at, seq, events
                )  # fmt: skip
                filled += loads
                paid += loads * price
                continue
        if not keys or (key := keys[-1]) < limit:
            break
        price = key * sign
        level = levels[price]
        resting = level.queue[0]
        if not resting.resting or resting.expires_at <= at:
            _clear_head(state, level, resting, at, seq, events)
            continue
        if resting.participant_id == participant_id:  # before the bounds: nobody halts a book by meeting itself
            left = meet_own(state, book, account, order, resting, at, seq, events, reserved)
            continue
        if price < calm_low or price > calm_high:
            left = "volatility"
            continue
        loads = shown if (shown := resting.shown_loads) < open_loads else open_loads
        price_sum = loads * price
        trade_id = seq + len(events)
        if buys:
            traded = Traded(
                trade_id, product_id, price, loads, participant_id, resting.participant_id, order_id, resting.id,
                order_id,
            )  # fmt: skip
        else:
            traded = Traded(
                trade_id, product_id, price, loads, resting.participant_id, participant_id, resting.id, order_id,
                order_id,
            )  # fmt: skip
        events.append(traded)
        trades[trade_id] = (traded, at)
        book.last_price, book.last_trade = price, trade_id
        fill(state, book, ladder, level, resting, loads, price_sum, trade_id, at)
        order.open_loads = open_loads - loads
        filled += loads
        paid += price_sum
    if filled or not reserved:
        if order.open_loads:
            show(order)
        order.price_sum_fen_per_kg += paid
        order.updated_at = at
        if order.event_seq < trade_id:  # else it was made smaller after its last trade
            order.event_seq = trade_id
        changes.orders[order_id] = order
        spend(state, book, order, filled, paid, order.event_seq, filled if reserved else -order.open_loads)
    return left


def _clear_head(state: ExchangeState, level: Level, resting: Order, at: int, seq: int, events: list[Event]) -> None:
    """Takes what cannot trade from the head of a level: a dead slot, or an order whose time is over."""
    if resting.resting:
        cancel(state, resting, "expired", at, seq, events)
    else:
        level.queue.popleft()
        level.dead -= 1


def cancel(state: ExchangeState, order: Order, reason: CancelReason, at: int, seq: int, events: list[Event]) -> None:
    """Ends an open order that a book or the state holds."""
    terms = order.terms
    ended = OrderCancelled(order.id, order.open_loads, reason)
    end_order(state, state.books[terms.product_id], order, reason, at, seq + len(events))
    events.append(ended)


def meet_own(
    state: ExchangeState, book: Book, account: Account, order: Order, resting: Order, at: int, seq: int,
    events: list[Event], reserved: bool = True,
) -> Left:  # fmt: skip
    """Keeps a participant from trading with itself; gives the reason for which the incoming order ends, if it does."""
    assert account.trader is not None
    mode = account.trader.self_trade_mode
    if mode in ("cancel_oldest", "cancel_both"):
        cancel(state, resting, "self_trade", at, seq, events)
        return "" if mode == "cancel_oldest" else "self_trade"
    if mode == "cancel_newest":
        return "self_trade"
    loads = min(order.open_loads, resting.open_loads)
    if loads == resting.open_loads:
        cancel(state, resting, "self_trade", at, seq, events)
    else:
        reduced = OrderReduced(resting.id, loads, "self_trade")
        order_reduced(state, reduced, at, seq + len(events))
        events.append(reduced)
    if loads == order.open_loads:
        return "self_trade"
    position = seq + len(events)
    events.append(OrderReduced(order.id, loads, "self_trade"))
    order.loads -= loads
    order.open_loads -= loads
    order.shown_loads = min(order.shown_loads, order.open_loads)
    order.updated_at, order.event_seq = at, position
    state.changes.orders[order.id] = order
    if reserved:
        state.reserve(order, book, -loads, position)
    return ""


def interrupt(state: ExchangeState, book: Book, at: int, seq: int, events: list[Event]) -> None:
    """Halts a book that would trade too far from its reference price into an auction."""
    until = at + book.product.auction_s * MICROS_PER_S
    changed = PhaseChanged(book.product.id, "auction", "volatility", until)
    EFFECTS[PhaseChanged](state, changed, at, seq + len(events))
    events.append(changed)


# --- implied matches


def expire_before(state: ExchangeState, implied: Implied, at: int, seq: int, events: list[Event]) -> None:
    """Ends the expired orders that stand before the two of an implied match."""
    for order in (implied.first, implied.second):
        book = state.books[order.terms.product_id]
        ladder = book.bids if order.terms.side == "buy" else book.asks
        while (head := ladder.head()) is not order:
            cancel(state, head, "expired", at, seq, events)


def implied_trades(book: Book, order: Order, implied: Implied, loads: int, trade_id: int) -> tuple[Traded, Traded]:
    """The two trades of an implied match, haulage first; the first gets the number."""
    route = implied.route
    delivered, ex_works, haulage = order, implied.first, implied.second
    if book is not route.delivered:
        delivered = implied.first
        ex_works, haulage = (order, implied.second) if book is route.ex_works else (implied.second, order)
    hydrogen_price, haulage_price = part_prices(book, implied)
    return (
        Traded(
            trade_id, route.haulage.product.id, haulage_price, loads, delivered.participant_id,
            haulage.participant_id, delivered.id, haulage.id, order.id, "haulage",
        ),
        Traded(
            trade_id + 1, route.ex_works.product.id, hydrogen_price, loads, delivered.participant_id,
            ex_works.participant_id, delivered.id, ex_works.id, order.id, "hydrogen",
        ),
    )  # fmt: skip


def _trade_implied(
    state: ExchangeState, book: Book, order: Order, implied: Implied, last: int, at: int, seq: int,
    events: list[Event],
) -> tuple[int, int, int, Left]:  # fmt: skip
    """Makes the two trades of an implied match; gives loads, price and number of the order's own leg.

    Makes none that would carry a book out of its bounds: others are halted, for the order's own the reason is given.
    ``last`` is the order's last trade until then.
    """
    wild = carried_out(book, implied)
    for part in wild:
        if part is not book:
            interrupt(state, part, at, seq, events)
    if wild:
        return 0, 0, last, "volatility" if book in wild else ""
    expire_before(state, implied, at, seq, events)
    route, loads = implied.route, min(order.open_loads, implied.loads)
    haulage, hydrogen = implied_trades(book, order, implied, loads, seq + len(events))
    delivered = order if book is route.delivered else implied.first
    for traded, part in ((haulage, route.haulage), (hydrogen, route.ex_works)):
        events.append(traded)
        state.changes.trades[traded.trade_id] = (traded, at)
        part.last_price, part.last_trade = traded.price_fen_per_kg, traded.trade_id
        if part is not book:
            sell = implied.second if traded is haulage or book is route.haulage else implied.first
            fill_head(state, part, part.asks, sell, traded, at)
    commit_haulage(state, route.delivered, delivered, haulage)
    if delivered is not order:
        fill_head(state, route.delivered, route.delivered.bids, delivered, hydrogen, at)
    order.open_loads -= loads
    own = haulage if book is route.haulage else hydrogen
    return loads, own.price_fen_per_kg, own.trade_id, ""


def cross_route(state: ExchangeState, book: Book, at: int, seq: int, events: list[Event]) -> bool:
    """Trades the best delivered bid, in its place, where routes came to cross it without an order coming in: a cancel
    can uncover an offer, an auction can end. Halts the books instead that this would carry out of their bounds."""
    if book.product.kind != "delivered" or not book.continuous:
        return False
    order = book.bids.first(at)
    match = None if order is None else implied_before(book, order, None, at)
    if order is None or match is None:
        return False
    wild = carried_out(book, match)
    for part in wild:
        interrupt(state, part, at, seq, events)
    if wild:
        return True
    while (head := book.bids.head()) is not order:
        cancel(state, head, "expired", at, seq, events)
    expire_before(state, match, at, seq, events)
    loads = min(order.open_loads, match.loads)
    for traded in implied_trades(book, order, match, loads, seq + len(events)):
        EFFECTS[Traded](state, traded, at, traded.trade_id)
        events.append(traded)
    return True
