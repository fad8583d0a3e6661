"""What becomes of a request to place, cancel or amend an order.

The rules are asked in a fixed order and the first that says no is the answer. A new order that breaks one becomes an
OrderRejected event, so that it can be found again; an amendment raises the same rule as an error. Once no rule says no,
nothing can fail any more, and each event takes its effect as it is made: these are the hot commands. An incoming order
trades before it rests, so one that is filled at once never enters the book.
"""

from __future__ import annotations

from exchange.book import Book
from exchange.commands import AmendOrder, CancelOrder, PlaceOrder
from exchange.errors import (
    CapacityExceeded,
    LoadsOutOfRange,
    MarketIsClosed,
    MoneyLimitExceeded,
    NotAdmitted,
    OrderNotOpen,
    PriceOffTick,
    PriceOutOfRange,
    ProductIsClosed,
    ProductUnknown,
    RoleUnsuitable,
    TraderIsSuspended,
    order_refusal,
)
from exchange.events import OrderAmended, OrderCancelled, OrderPlaced, OrderRejected, Traded
from exchange.model import Order, Side
from exchange.state import (
    ExchangeState,
    end_order,
    exchange_loads,
    new_order,
    order_amended,
    order_cancelled,
    order_rejected,
)
from kernel.messages import Event

Breach = tuple[str, str, int]  # the code of the broken rule, the field at fault, what a limit lacks


def place_order(state: ExchangeState, command: PlaceOrder, at: int, seq: int) -> list[Event]:
    """The order's placing with its trades, or its rejection. ``seq`` becomes its number."""
    participant_id, product_id, side, price, loads = (
        command.participant_id, command.product_id, command.side, command.price_fen_per_kg, command.loads,
    )  # fmt: skip
    book = state.books.get(product_id)
    breach = _access_breach(state, command, book)
    if breach is None:
        assert book is not None
        needed = loads * price * book.mass_max_kg if side == "buy" else loads
        breach = _order_breach(state, book, participant_id, side, price, loads, needed)
    if breach is not None:
        return [_reject(state, command, breach, at, seq)]
    assert book is not None
    placed = OrderPlaced(
        seq, participant_id, command.client_order_id, product_id, side, price, loads, command.time_in_force
    )
    order = new_order(state, book, placed, at, seq)
    events: list[Event] = [placed]
    _trade_and_rest(state, book, order, at, seq, events)
    return events


def cancel_order(state: ExchangeState, command: CancelOrder, at: int, seq: int) -> list[Event]:
    """Raises OrderNotOpen."""
    order = _open_order(state, command)
    event = OrderCancelled(order.id, order.loads - order.executed_loads, "requested")
    order_cancelled(state, event, at, seq)
    return [event]


def amend_order(state: ExchangeState, command: AmendOrder, at: int, seq: int) -> list[Event]:
    """Raises OrderNotOpen, or an OrderRefused that names the broken rule."""
    order = _open_order(state, command)
    book = state.books[order.product_id]
    price = order.price_fen_per_kg if command.price_fen_per_kg is None else command.price_fen_per_kg
    loads = order.loads if command.loads is None else command.loads
    _check_amendment(state, book, order, price, loads)
    if loads <= order.executed_loads:
        ended = OrderCancelled(order.id, order.loads - order.executed_loads, "amended_below_executed")
        order_cancelled(state, ended, at, seq)
        return [ended]
    keeps_priority = price == order.price_fen_per_kg and loads <= order.loads
    amended = OrderAmended(order.id, price, loads, keeps_priority)
    order_amended(state, amended, at, seq)
    events: list[Event] = [amended]
    if not keeps_priority:
        book.remove(order)
        del state.orders[order.id]
        _trade_and_rest(state, book, order, at, seq, events)
    return events


def _trade_and_rest(state: ExchangeState, book: Book, order: Order, at: int, seq: int, events: list[Event]) -> None:
    """Trades an order that is not in the book, then puts what is open of it there, or ends it."""
    side = order.side
    fills, met_own = book.fills(side, order.price_fen_per_kg, order.loads - order.executed_loads, order.participant_id)
    for resting, loads in fills:
        buy, sell = (order, resting) if side == "buy" else (resting, order)
        trade_id = seq + len(events)
        traded = Traded(
            trade_id, order.product_id, resting.price_fen_per_kg, loads, buy.participant_id, sell.participant_id,
            buy.id, sell.id, side,
        )  # fmt: skip
        exchange_loads(state, book, buy, sell, traded, at)
        book.execute(resting, loads)
        if resting.executed_loads == resting.loads:
            del state.orders[resting.id]
        events.append(traded)
    open_loads = order.loads - order.executed_loads
    if open_loads == 0:
        return
    if met_own or order.time_in_force == "ioc":
        ended = OrderCancelled(order.id, open_loads, "self_trade" if met_own else "ioc")
        end_order(state, book, order, ended, at, seq + len(events))
        events.append(ended)
    else:
        state.orders[order.id] = order
        book.place(order)


def _open_order(state: ExchangeState, command: CancelOrder | AmendOrder) -> Order:
    """The participant's open order. Another's order is as unknown as none."""
    order = state.orders.get(command.order_id)
    if order is None or order.participant_id != command.participant_id:
        raise OrderNotOpen(field="order_id", order_id=command.order_id)
    return order


def _reject(state: ExchangeState, command: PlaceOrder, breach: Breach, at: int, seq: int) -> OrderRejected:
    event = OrderRejected(
        seq, command.participant_id, command.client_order_id, command.product_id, command.side,
        command.price_fen_per_kg, command.loads, command.time_in_force, *breach,
    )  # fmt: skip
    order_rejected(state, event, at, seq)
    return event


def _access_breach(state: ExchangeState, command: PlaceOrder, book: Book | None) -> Breach | None:
    """Why this participant may not trade this side of the product now."""
    trader = state.traders.get(command.participant_id)
    if trader is None:
        return NotAdmitted.code, "", 0
    if trader.suspended:
        return TraderIsSuspended.code, "", 0
    if book is None:
        closed = command.product_id in state.products
        return ProductIsClosed.code if closed else ProductUnknown.code, "product_id", 0
    if not state.market.is_open:
        return MarketIsClosed.code, "", 0
    if book.commodity not in state.rights[command.side][command.participant_id]:
        return RoleUnsuitable.code, "side", 0
    return None


def _order_breach(
    state: ExchangeState, book: Book, participant_id: str, side: Side, price: int, loads: int, needed: int
) -> Breach | None:
    """Which of the product's terms an order's price or total breaks, or what its limit lacks of the ``needed``."""
    product = book.product
    if price <= 0 or price > product.price_max_fen:
        return PriceOutOfRange.code, "price", 0
    if price % product.price_tick_fen:
        return PriceOffTick.code, "price", 0
    if loads < 1 or loads > product.loads_max:
        return LoadsOutOfRange.code, "loads", 0
    if side == "buy":
        money = state.limits.money.get(participant_id)
        # Written out, as `MoneyLimit.free` and `CapacityLimit.free` are: every order comes by here.
        free = 0 if money is None else money.granted_fen - money.reserved_fen - money.committed_fen
        return (MoneyLimitExceeded.code, "loads", needed - free) if needed > free else None
    capacity = book.sellers.get(participant_id)
    free = 0 if capacity is None else capacity.loads - capacity.reserved_loads - capacity.consumed_loads
    return (CapacityExceeded.code, "loads", needed - free) if needed > free else None


def _check_amendment(state: ExchangeState, book: Book, order: Order, price: int, loads: int) -> None:
    """Raises the rule that the new terms break; a total at or below what is executed needs no limit."""
    if not state.market.is_open:
        raise MarketIsClosed
    if loads < 0:
        raise LoadsOutOfRange(field="loads")
    open_loads, reserved_loads = loads - order.executed_loads, order.loads - order.executed_loads
    more = open_loads - reserved_loads
    if order.side == "buy":
        more = (open_loads * price - reserved_loads * order.price_fen_per_kg) * book.mass_max_kg
    breach = _order_breach(state, book, order.participant_id, order.side, price, max(1, loads), more)
    if breach is not None:
        raise order_refusal(*breach)
