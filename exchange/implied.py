"""Implied prices: hydrogen at a hub and its haulage from there are hydrogen delivered.

    offer  delivered  =  offer ex works  +  offer of haulage
    bid    ex works   =  bid delivered   -  offer of haulage
    bid    haulage    =  bid delivered   -  offer ex works

One match makes three parties: the buyer of the delivered load buys it ex works and buys its haulage. Only orders that
rest are combined, never what is implied itself (first generation). The mirrored side (a bid ex works with a bid of
haulage as a bid delivered) is not made: nobody in it would carry the load.

An implied bid is one that its book would take: on the product's tick and inside its collar, rounded down to both. What
that leaves over stays with the delivered buyer, who bid it. An implied offer is what its two parts cost, each at the
price of an order that rests.
"""

from __future__ import annotations

from typing import NamedTuple

from exchange.book import Book, Ladder, Route
from exchange.model import Order


class Implied(NamedTuple):
    """The best of what two other books imply for one book: a price, how many loads, and the heads of the two."""

    price_fen_per_kg: int
    loads: int
    route: Route
    first: Order  # the offer ex works, or the bid delivered
    second: Order  # the offer of haulage, or ex works where haulage is what is implied


def legs_of(route: Route, book: Book) -> tuple[Ladder, Ladder, int] | None:
    """The two ladders that imply a price for ``book``, and the sign of the second: +1 for an offer, -1 for a bid."""
    if not (route.ex_works.continuous and route.haulage.continuous and route.delivered.continuous):
        return None
    if book is route.delivered:
        return route.ex_works.asks, route.haulage.asks, 1
    if book is route.ex_works:
        return route.delivered.bids, route.haulage.asks, -1
    return route.delivered.bids, route.ex_works.asks, -1


def implies_offers(book: Book) -> bool:
    """Whether offers are implied for a book; for the others bids are."""
    return book.product.kind == "delivered"


def best_implied(book: Book, participant_id: str, at: int) -> Implied | None:
    """The best implied offer of a delivered product, or bid of another; of equal ones that of the smaller route id.

    None in which the buyer of the delivered load would buy from itself, or that needs an order that expired by then.
    That one company sells both the hydrogen and its haulage is no reason: nobody could trade past it.
    """
    best: Implied | None = None
    better = -1 if implies_offers(book) else 1
    for route in book.routes:
        legs = legs_of(route, book)
        if legs is None:
            continue
        first, second = legs[0].first(at), legs[1].first(at)
        if first is None or second is None:
            continue
        price = first.price_fen_per_kg + legs[2] * second.price_fen_per_kg
        if implies_offers(book):
            own = participant_id in (first.participant_id, second.participant_id)
        else:
            own = first.participant_id in (participant_id, second.participant_id)
            price = min(price, book.high)
            price -= price % book.product.price_tick_fen
            own = own or price < book.low
        if own:
            continue
        if best is not None and (price - best.price_fen_per_kg) * better <= 0:
            continue
        best = Implied(price, min(first.shown_loads, second.shown_loads), route, first, second)
    return best


def implied_before(book: Book, order: Order, best_key: int | None, at: int) -> Implied | None:
    """The best implied match that the order's limit allows and no direct one equals."""
    buys = order.terms.side == "buy"
    if buys != implies_offers(book):
        return None
    implied = best_implied(book, order.participant_id, at)
    if implied is None:
        return None
    sign = -1 if buys else 1
    key = implied.price_fen_per_kg * sign
    allowed = key >= order.price_fen_per_kg * sign
    return implied if allowed and (best_key is None or key > best_key) else None


def part_prices(book: Book, implied: Implied) -> tuple[int, int]:
    """What the two trades of an implied match would cost: the hydrogen, and its haulage."""
    first, second = implied.first.price_fen_per_kg, implied.second.price_fen_per_kg
    if book is implied.route.delivered:
        return first, second
    price = implied.price_fen_per_kg
    return (price, second) if book is implied.route.ex_works else (second, price)


def carried_out(book: Book, implied: Implied) -> dict[Book, int]:
    """The books of its route that an implied match would carry out of their volatility bounds, and each one's price.

    The delivered book trades at what both parts cost: so much its buyer pays.
    """
    hydrogen, haulage = part_prices(book, implied)
    prices = hydrogen, haulage, hydrogen + haulage
    return {
        part: price
        for part, price in zip(implied.route.parts(), prices, strict=True)
        if price < part.calm_low or price > part.calm_high
    }
