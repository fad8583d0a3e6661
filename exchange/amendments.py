"""What an owner asks of an order later: other terms, sleep, and a return from it.

Another price or more loads send an order behind the others; fewer loads leave it where it stands. A total counts what
is executed: one that leaves nothing open ends the order.
"""

from __future__ import annotations

from exchange import errors as x
from exchange.account import Account
from exchange.book import Book
from exchange.commands import ActivateOrder, AmendOrder, HibernateOrder
from exchange.effects import EFFECTS
from exchange.events import OrderActivated, OrderAmended, OrderHibernated, OrderPlaced
from exchange.matching import cancel
from exchange.model import ASIDE_ORDERS_MAX, Order
from exchange.orders import aftermath, enter_again
from exchange.rules import access_breach, limit_breach, terms_breach, would_trade
from exchange.state import ExchangeState, new_order
from kernel.messages import Event


def amend_order(state: ExchangeState, command: AmendOrder, at: int, seq: int) -> list[Event]:
    """Raises OrderNotOpen, or an OrderRefused that names the broken rule."""
    order = _own_order(state, command.participant_id, command.order_id, at)
    book = state.books[order.terms.product_id]
    account = state.accounts[order.participant_id]
    price = order.price_fen_per_kg if command.price_fen_per_kg is None else command.price_fen_per_kg
    loads = order.loads if command.loads is None else command.loads
    _check_amendment(state, account, book, order, price, loads, at)
    events: list[Event] = []
    if loads <= order.executed_loads:
        cancel(state, order, "amended_below_executed", at, seq, events)
        if book.aside or book.routes:
            aftermath(state, book, at, seq, events)
        return events
    keeps_priority = price == order.price_fen_per_kg and loads <= order.loads
    amended = OrderAmended(order.id, price, loads, keeps_priority)
    EFFECTS[OrderAmended](state, amended, at, seq)
    events.append(amended)
    order = state.orders[order.id]
    if not keeps_priority and order.resting:
        enter_again(state, book, order, at, seq, events)
    if book.aside or book.routes:
        aftermath(state, book, at, seq, events)
    return events


def _check_amendment(
    state: ExchangeState, account: Account, book: Book, order: Order, price: int, loads: int, at: int
) -> None:
    """Raises the rule that the new terms break; a total at or below what is executed needs no limit."""
    terms, options = order.terms, order.terms.options
    stays = order.ended or (price == order.price_fen_per_kg and loads <= order.loads)
    # Whether it would trade, an auction cannot say: a post-only order enters none, by no other price either.
    enters = options is not None and options.post_only and not stays
    breach = access_breach(state, account, book, terms, at, enters=enters)
    if breach is None and loads < 0:
        breach = x.LoadsOutOfRange.code, "loads", 0
    if breach is None and options is not None:
        if options.agreement:
            breach = x.NotAmendable.code, "order_id", 0
        elif options.post_only and not order.ended and price != order.price_fen_per_kg:
            moved = new_order(OrderPlaced(order.id, order.participant_id, order.key_id, price, terms), at, order.id)
            breach = (x.WouldTrade.code, "price", 0) if would_trade(book, moved, at) else None
    if breach is None:
        breach = terms_breach(book, price, max(1, loads))
    if breach is None and not order.ended:
        open_loads = loads - order.executed_loads
        more = open_loads - order.open_loads
        if terms.side == "buy":
            more = (open_loads * price - order.open_loads * order.price_fen_per_kg) * book.mass_kg
        breach = limit_breach(account, book, order, more)
    if breach is not None:
        raise x.order_refusal(*breach)


def hibernate_order(state: ExchangeState, command: HibernateOrder, at: int, seq: int) -> list[Event]:
    """Raises OrderNotOpen, or NotAmendable for what cannot sleep."""
    order = _own_order(state, command.participant_id, command.order_id, at)
    if order.ended:
        return []
    book = state.books[order.terms.product_id]
    options = order.terms.options
    if book.product.phase == "frozen":
        raise x.ProductIsFrozen(field="order_id")
    if options is not None and (options.agreement or (options.stop_price_fen_per_kg and not order.elected)):
        raise x.NotAmendable(field="order_id")
    event = OrderHibernated(order.id)
    EFFECTS[OrderHibernated](state, event, at, seq)
    events: list[Event] = [event]
    if book.aside or book.routes:
        aftermath(state, book, at, seq, events)
    return events


def activate_order(state: ExchangeState, command: ActivateOrder, at: int, seq: int) -> list[Event]:
    """Raises OrderNotOpen, or an OrderRefused that names the broken rule: it must hold what a new order holds."""
    order = _own_order(state, command.participant_id, command.order_id, at)
    if not order.ended:
        return []
    book = state.books[order.terms.product_id]
    account = state.accounts[order.participant_id]
    breach = access_breach(state, account, book, order.terms, at)
    breach = breach or terms_breach(book, order.price_fen_per_kg, order.loads)
    options = order.terms.options
    if breach is None and options is not None:
        if options.all_or_none and book.aside >= ASIDE_ORDERS_MAX:
            breach = x.BookIsFull.code, "product_id", 0
        elif options.post_only and would_trade(book, order, at):
            breach = x.WouldTrade.code, "price", 0
    if breach is None:
        needed = order.open_loads
        if order.terms.side == "buy":
            needed *= order.price_fen_per_kg * book.mass_kg
        breach = limit_breach(account, book, order, needed)
    if breach is not None:
        raise x.order_refusal(*breach)
    event = OrderActivated(order.id)
    EFFECTS[OrderActivated](state, event, at, seq)
    events: list[Event] = [event]
    order = state.orders[order.id]
    if order.resting:
        enter_again(state, book, order, at, seq, events)
    if book.aside or book.routes:
        aftermath(state, book, at, seq, events)
    return events


def _own_order(state: ExchangeState, participant_id: str, order_id: int, at: int) -> Order:
    """The participant's open order. Another's order is as unknown as none; one whose time is over is open no more,
    though the alarm that says so has not been rung yet."""
    order = state.orders.get(order_id)
    if order is None or order.participant_id != participant_id or order.expires_at <= at:
        raise x.OrderNotOpen(field="order_id", order_id=order_id)
    return order
