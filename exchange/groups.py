"""Orders that are taken together or not at all.

Whether a group is taken is decided at one moment, before its first order: each order keeps the rules, and the limits
cover all of them. Then each is placed and trades for itself. What the earlier orders of the group did can leave no way
in for a later one (they took all that a market order could trade with, or carried the book into an auction): it was
taken, so it is placed, and ends at once as ``overtaken``.
"""

from __future__ import annotations

from exchange import errors as x
from exchange.account import Account
from exchange.book import Book
from exchange.commands import PlaceGroup, PlaceOrder
from exchange.effects import EFFECTS
from exchange.events import OrderPlaced, OrderRejected
from exchange.matching import cancel
from exchange.model import OrderTerms
from exchange.orders import place_order
from exchange.rules import Breach, entry_breach, limit_breach, needs_breach, would_trade
from exchange.state import ExchangeState, new_order
from kernel.messages import Event


def place_group(state: ExchangeState, command: PlaceGroup, at: int, seq: int) -> list[Event]:
    """The placing of every order with what follows from it, or the rejection of every order."""
    account = state.account(command.participant_id)
    breaches, prices = _breaches(state, account, command, at)
    events: list[Event] = []
    if any(breaches):
        for terms, breach in zip(command.terms, breaches, strict=True):
            position = seq + len(events)
            why = breach or (x.GroupRejected.code, "", 0)
            rejected = OrderRejected(position, command.participant_id, command.key_id, terms, *why)
            EFFECTS[OrderRejected](state, rejected, at, position)
            events.append(rejected)
        return events
    needs = [_needed_fen(state, terms, price) for terms, price in zip(command.terms, prices, strict=True)]
    later_fen = sum(needs)
    for terms, price, need in zip(command.terms, prices, needs, strict=True):
        later_fen -= need
        position = seq + len(events)
        if _is_overtaken(state, account, command, terms, later_fen, at):
            placed = OrderPlaced(position, command.participant_id, command.key_id, price, terms)
            EFFECTS[OrderPlaced](state, placed, at, position)
            events.append(placed)
            cancel(state, state.orders[position], "overtaken", at, seq, events)
        else:
            events += place_order(state, PlaceOrder(command.participant_id, command.key_id, terms), at, position)
    return events


def _breaches(
    state: ExchangeState, account: Account, command: PlaceGroup, at: int
) -> tuple[list[Breach | None], list[int]]:
    """Why each order is refused, as the market stands and together with those before it, and the prices that hold."""
    found: list[Breach | None] = []
    prices: list[int] = []
    needed: dict[object, int] = {}
    agreements: set[tuple[str, ...]] = set()
    crowded = account.pace.room(at) < len(command.terms)
    for terms in command.terms:
        book = state.books.get(terms.product_id)
        breach, price = entry_breach(state, account, book, command.participant_id, terms, at)
        prices.append(price)
        if breach is None and crowded:
            breach = x.OrderRateExceeded.code, "", 0
        if breach is None:
            assert book is not None
            breach = _repeated(terms, agreements) or _uncovered(account, book, command, terms, price, needed, at)
        found.append(breach)
    return found, prices


def _repeated(terms: OrderTerms, agreements: set[tuple[str, ...]]) -> Breach | None:
    """Two orders of a group do not enter the same side of one agreement."""
    options = terms.options
    if options is None or not options.agreement:
        return None
    key = (terms.product_id, terms.side, options.agreement, options.counterparty_id)
    if key in agreements:
        return x.AgreementTaken.code, "agreement", 0
    agreements.add(key)
    return None


def _uncovered(
    account: Account,
    book: Book,
    command: PlaceGroup,
    terms: OrderTerms,
    price: int,
    needed: dict[object, int],
    at: int,
) -> Breach | None:
    """What the limit lacks of this order and those before it, or that it would trade though it must not."""
    order = new_order(OrderPlaced(0, command.participant_id, command.key_id, price, terms), 0, 0)
    options = terms.options
    if options is not None and options.hibernated:
        return None
    if options is not None and options.post_only and would_trade(book, order, at):
        return x.WouldTrade.code, "price", 0
    limit: object = "money" if terms.side == "buy" else (book.commodity, book.product.window_start)
    needed[limit] = needed.get(limit, 0) + terms.loads * (price * book.mass_kg if terms.side == "buy" else 1)
    return limit_breach(account, book, order, needed[limit])


def _needed_fen(state: ExchangeState, terms: OrderTerms, price: int) -> int:
    """What an order reserves of its owner's money."""
    asleep = terms.options is not None and terms.options.hibernated
    return 0 if asleep or terms.side == "sell" else terms.loads * price * state.books[terms.product_id].mass_kg


def _is_overtaken(
    state: ExchangeState, account: Account, command: PlaceGroup, terms: OrderTerms, later_fen: int, at: int
) -> bool:
    """Whether an order cannot enter any more after those before it, or only with money that those after it need."""
    book = state.books[terms.product_id]
    breach, price = entry_breach(state, account, book, command.participant_id, terms, at)
    if breach is not None:
        return True
    order = new_order(OrderPlaced(0, command.participant_id, command.key_id, price, terms), 0, 0)
    if needs_breach(account, book, order, at) is not None:
        return True
    return _needed_fen(state, terms, price) > max(0, account.money.free() - later_fen)
