"""What an incoming order trades with: best price first, at one price the oldest first, at the resting order's price.

An implied match comes after a direct one at the same price. What happens where an order meets one of the same
participant is that participant's choice:

    cancel_newest   the incoming order ends
    cancel_oldest   the resting order ends, and the incoming one goes on
    cancel_both     both end
    decrement       both become smaller by the smaller of them, which ends
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from exchange.book import Book, Ladder, Route
from exchange.events import OrderCancelled, OrderReduced, Traded
from exchange.implied import Implied, best_implied, implies_offers, legs_of
from exchange.model import CancelReason, Order, SelfTradeMode
from exchange.state import (
    Account,
    ExchangeState,
    commit_haulage,
    fill_head,
    order_cancelled,
    order_reduced,
    show,
    spend,
)
from kernel.messages import Event

Left = CancelReason | Literal[""]


def trade(
    state: ExchangeState, book: Book, account: Account, order: Order, at: int, seq: int, events: list[Event],
    *, implied: bool = True,
) -> Left:  # fmt: skip
    """Trades an order that is in no book, and whose limit is reserved.

    Gives the reason why what is left of it may not rest, "" if it may. Its events are added to ``events``, the first
    of which has the log position ``seq``.
    """
    buys = order.terms.side == "buy"
    ladder = book.asks if buys else book.bids
    keys, levels, sign = ladder.keys, ladder.levels, ladder.sign
    limit = order.price_fen_per_kg * sign
    order_id, participant_id = order.id, order.participant_id
    product_id, trades = book.product.id, state.changes.trades
    filled = paid = trade_id = 0
    left: Left = ""
    while order.open_loads:
        if implied and book.routes:
            match = implied_before(book, order, keys[-1] if keys else None)
            if match is not None:
                loads = min(order.open_loads, match.loads)
                trade_id, price = _trade_implied(state, book, order, match, loads, at, seq, events)
                filled += loads
                paid += loads * price
                continue
        if not keys or keys[-1] < limit:
            break
        price = keys[-1] * sign
        if not book.calm_low <= price <= book.calm_high:
            left = "volatility"
            break
        level = levels[price]
        resting = level.queue[0]
        if not resting.resting:
            level.queue.popleft()
            level.dead -= 1
            continue
        if resting.expires_at <= at:
            cancel(state, resting, "expired", at, seq, events)
            continue
        if resting.participant_id == participant_id:
            left = meet_own(state, book, account, order, resting, at, seq, events)
            if left:
                break
            continue
        loads = min(resting.shown_loads, order.open_loads)
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
        book.last_price = price
        fill_head(state, book, ladder, resting, traded, at)
        order.open_loads -= loads
        filled += loads
        paid += loads * price
    if filled:
        show(order)
        order.price_sum_fen_per_kg += paid
        order.updated_at, order.event_seq = at, trade_id
        state.changes.orders[order_id] = order
        spend(state, book, order, filled, paid, trade_id)
    return left


def cancel(state: ExchangeState, order: Order, reason: CancelReason, at: int, seq: int, events: list[Event]) -> None:
    """Ends an open order that a book or the state holds."""
    ended = OrderCancelled(order.id, order.open_loads, reason)
    order_cancelled(state, ended, at, seq + len(events))
    events.append(ended)


def meet_own(
    state: ExchangeState, book: Book, account: Account, order: Order, resting: Order, at: int, seq: int,
    events: list[Event],
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
    state.reserve(order, book, -loads, position)
    return ""


# --- implied matches


def implied_before(book: Book, order: Order, best_key: int | None) -> Implied | None:
    """The best implied match that the order's limit allows and no direct one equals."""
    buys = order.terms.side == "buy"
    if buys != implies_offers(book):
        return None
    implied = best_implied(book, order.participant_id)
    if implied is None:
        return None
    sign = -1 if buys else 1
    key = implied.price_fen_per_kg * sign
    allowed = key >= order.price_fen_per_kg * sign
    return implied if allowed and (best_key is None or key > best_key) else None


def _trade_implied(
    state: ExchangeState, book: Book, order: Order, implied: Implied, loads: int, at: int, seq: int,
    events: list[Event],
) -> tuple[int, int]:  # fmt: skip
    """Makes the two trades of an implied match; gives the number and the price of the order's own leg."""
    route = implied.route
    delivered, ex_works, haulage = order, implied.first, implied.second
    if book is not route.delivered:
        delivered = implied.first
        ex_works, haulage = (order, implied.second) if book is route.ex_works else (implied.second, order)
    hydrogen_price, haulage_price = ex_works.price_fen_per_kg, haulage.price_fen_per_kg
    if ex_works is order:
        hydrogen_price = implied.price_fen_per_kg
    elif haulage is order:
        haulage_price = implied.price_fen_per_kg
    for leg, part, sell, price in (
        ("haulage", route.haulage, haulage, haulage_price),
        ("hydrogen", route.ex_works, ex_works, hydrogen_price),
    ):
        traded = Traded(
            seq + len(events), part.product.id, price, loads, delivered.participant_id, sell.participant_id,
            delivered.id, sell.id, order.id, "haulage" if leg == "haulage" else "hydrogen",
        )  # fmt: skip
        events.append(traded)
        state.changes.trades[traded.trade_id] = (traded, at)
        part.last_price = price
        if sell is not order:
            fill_head(state, part, part.asks, sell, traded, at)
        if leg == "haulage":
            commit_haulage(state, route.delivered, delivered, traded)
        elif delivered is not order:
            fill_head(state, route.delivered, route.delivered.bids, delivered, traded, at)
    order.open_loads -= loads
    if haulage is order:
        return traded.trade_id - 1, haulage_price
    return traded.trade_id, hydrogen_price


# --- what an order could trade at once


def fillable(book: Book, order: Order, mode: SelfTradeMode, wanted: int, at: int, implied: bool = True) -> bool:
    """Whether an incoming order would trade ``wanted`` loads at once; changes nothing.

    Exact, but for icebergs whose clips change price: of those only the clip that is shown counts.
    """
    found = sum(loads for _, loads in tradable(book, order, mode, at))
    if implied and found < wanted:
        for route in book.routes:
            if (order.terms.side == "buy") == implies_offers(book):
                found += _tradable_implied(route, book, order)
    return found >= wanted


def tradable(book: Book, order: Order, mode: SelfTradeMode, at: int) -> Iterator[tuple[int, int]]:
    """(price, loads) of each level that an incoming order would trade with."""
    ladder = book.asks if order.terms.side == "buy" else book.bids
    limit = order.price_fen_per_kg * ladder.sign
    for level in ladder.best_first():
        if level.price * ladder.sign < limit or not book.calm_low <= level.price <= book.calm_high:
            return
        queue = [one for one in level.queue if one.resting and one.expires_at > at]
        own = [one for one in queue if one.participant_id == order.participant_id]
        if not own or mode == "cancel_oldest":
            yield level.price, sum(_loads(one) for one in queue if one.participant_id != order.participant_id)
            continue
        # Before the own order is met, each of the others gives the clip that it shows.
        yield level.price, sum(one.shown_loads for one in queue[: queue.index(own[0])])
        return


def _loads(order: Order) -> int:
    """What an order gives at the price at which it stands."""
    options = order.terms.options
    return order.shown_loads if options is not None and options.clip_price_change_fen else order.open_loads


def _tradable_implied(route: Route, book: Book, order: Order) -> int:
    """The loads that a route implies within the limit of an order: heads of both ladders, pair by pair."""
    legs = legs_of(route, book)
    if legs is None:
        return 0
    sign = -1 if implies_offers(book) else 1
    first_side, second_side = _walk(legs[0]), _walk(legs[1])
    found, first, second = 0, next(first_side, None), next(second_side, None)
    while first is not None and second is not None:
        one, other = first[0], second[0]
        price = one.price_fen_per_kg + legs[2] * other.price_fen_per_kg
        owners = {order.participant_id, one.participant_id, other.participant_id}
        if len(owners) < 3 or price <= 0 or price * sign < order.price_fen_per_kg * sign:
            break
        loads = min(first[1], second[1])
        found += loads
        first = (one, first[1] - loads) if first[1] > loads else next(first_side, None)
        second = (other, second[1] - loads) if second[1] > loads else next(second_side, None)
    return found


def _walk(ladder: Ladder) -> Iterator[tuple[Order, int]]:
    """The orders of a side in priority with what each surely gives there."""
    for order in ladder.orders():
        if order.shown_loads == order.open_loads:
            yield order, order.open_loads
        else:  # what is behind the clip comes after others: more than this is not sure
            yield order, order.shown_loads
            return
