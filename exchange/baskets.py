"""Linked baskets: orders that trade in full at once, all of them, or not at all."""

from __future__ import annotations

from exchange import errors as x
from exchange.book import Book
from exchange.commands import PlaceBasket
from exchange.events import OrderPlaced, OrderRejected
from exchange.matching import trade
from exchange.model import BASKET_ORDERS_MAX, OrderTerms
from exchange.orders import aftermath
from exchange.rehearsal import fillable
from exchange.rules import Breach, access_breach, limit_breach, terms_breach
from exchange.state import Account, ExchangeState, new_order, order_rejected
from kernel.messages import Event


def place_basket(state: ExchangeState, command: PlaceBasket, at: int, seq: int) -> list[Event]:
    """Every order filled at once, or every order rejected. Its orders meet what rests, not what is implied.

    Raises AmountInvalid for none, or for more than go together.
    """
    if not 1 <= len(command.terms) <= BASKET_ORDERS_MAX:
        raise x.AmountInvalid(field="orders", low=1, high=BASKET_ORDERS_MAX)
    account = state.account(command.participant_id)
    breaches = _basket_breaches(state, account, command, at)
    events: list[Event] = []
    if breaches is not None:
        for terms, breach in zip(command.terms, breaches, strict=True):
            position = seq + len(events)
            rejected = OrderRejected(position, command.participant_id, command.key_id, terms, *breach)
            order_rejected(state, rejected, at, position)
            events.append(rejected)
        return events
    touched: dict[str, Book] = {}
    for terms in command.terms:
        book = touched[terms.product_id] = state.books[terms.product_id]
        position = seq + len(events)
        placed = OrderPlaced(position, command.participant_id, command.key_id, terms.price_fen_per_kg, terms)
        order = new_order(placed, at, position)
        account.pace.count(at)
        events.append(placed)
        state.changes.orders[position] = order
        state.reserve(order, book, order.loads, position)
        trade(state, book, account, order, at, seq, events, implied=False)
        assert order.open_loads == 0, f"order {order.id} of a basket has {order.open_loads} left"
    for book in touched.values():
        aftermath(state, book, at, seq, events)
    return events


def _basket_breaches(state: ExchangeState, account: Account, command: PlaceBasket, at: int) -> list[Breach] | None:
    """Why each order of a basket is refused; None if all of them can be filled."""
    unfilled: Breach = (x.BasketUnfilled.code, "", 0)
    found: list[Breach | None] = [
        _basket_order_breach(state, account, terms, at, len(command.terms)) for terms in command.terms
    ]
    if not any(found):
        found = _basket_limits(state, account, command)
    if not any(found):
        found = _basket_fills(state, account, command, at)
    return [one or unfilled for one in found] if any(found) else None


def _basket_order_breach(
    state: ExchangeState, account: Account, terms: OrderTerms, at: int, orders: int
) -> Breach | None:
    book = state.books.get(terms.product_id)
    breach = access_breach(state, account, book, terms, at, orders)
    if breach is None:
        assert book is not None
        if terms.options is not None or terms.time_in_force != "fok":
            return x.OptionsConflict.code, "time_in_force", 0
        breach = terms_breach(book, terms.price_fen_per_kg, terms.loads)
    return breach


def _basket_limits(state: ExchangeState, account: Account, command: PlaceBasket) -> list[Breach | None]:
    """Which order is the first that the limits do not cover together with those before it."""
    needed: dict[object, int] = {}
    found: list[Breach | None] = []
    for terms in command.terms:
        book = state.books[terms.product_id]
        order = new_order(OrderPlaced(0, command.participant_id, "", terms.price_fen_per_kg, terms), 0, 0)
        limit: object = "money" if terms.side == "buy" else (book.commodity, book.product.window_start)
        needs = terms.loads * (terms.price_fen_per_kg * book.mass_kg if terms.side == "buy" else 1)
        needed[limit] = needed.get(limit, 0) + needs
        found.append(limit_breach(account, book, order, needed[limit]))
    return found


def _basket_fills(state: ExchangeState, account: Account, command: PlaceBasket, at: int) -> list[Breach | None]:
    """Which orders the books cannot fill after those before them; both sides of a product would meet each other."""
    assert account.trader is not None
    taken: dict[tuple[str, str], int] = {}
    found: list[Breach | None] = []
    for terms in command.terms:
        book = state.books[terms.product_id]
        order = new_order(OrderPlaced(0, command.participant_id, "", terms.price_fen_per_kg, terms), 0, 0)
        side = (terms.product_id, terms.side)
        taken[side] = wanted = taken.get(side, 0) + terms.loads
        if (terms.product_id, "sell" if terms.side == "buy" else "buy") in taken:
            found.append((x.OptionsConflict.code, "side", 0))
        elif not fillable(book, order, account.trader.self_trade_mode, wanted, at, implied=False):
            found.append((x.BasketUnfilled.code, "loads", 0))
        else:
            found.append(None)
    return found
