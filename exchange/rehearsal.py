"""Whether an incoming order would trade so many loads at once: tried on drafts of the ladders, which nobody sees."""

from __future__ import annotations

from copy import copy

from exchange.book import Book, Ladder, Route
from exchange.implied import implied_before, implies_offers, legs_of
from exchange.model import Order, SelfTradeMode, clip_price
from exchange.state import show


def fillable(book: Book, order: Order, mode: SelfTradeMode, wanted: int, at: int, *, implied: bool = True) -> bool:
    """Whether `matching.trade` would fill ``wanted`` loads of an order; changes nothing."""
    draft = copy(book)
    draft.routes = []
    limit = order.price_fen_per_kg
    if order.terms.side == "buy":
        draft.asks = _living(book.asks, at, limit)
    else:
        draft.bids = _living(book.bids, at, limit)
    if _fills(draft, order, mode, wanted, at):
        return True
    if not (implied and book.routes and (order.terms.side == "buy") == implies_offers(book)):
        return False
    return _fills(_with_routes(book, at), order, mode, wanted, at)


def _fills(draft: Book, order: Order, mode: SelfTradeMode, wanted: int, at: int) -> bool:
    """The loop of `matching.trade` without its effects."""
    ladder = draft.asks if order.terms.side == "buy" else draft.bids
    limit = order.price_fen_per_kg * ladder.sign
    left = max(order.open_loads, wanted)
    while wanted > 0:
        keys = ladder.keys
        match = implied_before(draft, order, keys[-1] if keys else None, at)
        if match is not None:
            legs = legs_of(match.route, draft)
            assert legs is not None
            loads = min(wanted, match.loads)
            _take(legs[0], match.first, loads, draft)
            _take(legs[1], match.second, loads, draft)
        elif not keys or keys[-1] < limit or not draft.calm_low <= keys[-1] * ladder.sign <= draft.calm_high:
            return False
        else:
            resting = ladder.head()
            if resting.participant_id == order.participant_id:
                if mode == "decrement":
                    left -= resting.open_loads
                elif mode != "cancel_oldest":
                    return False
                if left < wanted:
                    return False
                ladder.remove(resting)
                continue
            loads = min(wanted, resting.shown_loads)
            _take(ladder, resting, loads, draft)
        wanted -= loads
        left -= loads
    return True


def _take(ladder: Ladder, order: Order, loads: int, draft: Book) -> None:
    """Takes loads off the head of a ladder, as `state.fill_head` does."""
    order.open_loads -= loads
    order.shown_loads -= loads
    ladder.levels[order.price_fen_per_kg].loads -= loads
    if order.shown_loads:
        return
    ladder.remove(order)
    if order.open_loads:
        clip = copy(order)
        show(clip)
        clip.price_fen_per_kg = clip_price(clip, draft.product)
        ladder.place(clip)


def _living(ladder: Ladder, at: int, limit: int | None = None) -> Ladder:
    """A draft of the orders of a side that did not expire, as far as a limit allows."""
    draft = Ladder(ladder.sign)
    for order in ladder.orders():
        if limit is not None and order.price_fen_per_kg * ladder.sign < limit * ladder.sign:
            break
        if order.expires_at > at:
            draft.place(copy(order))
    return draft


def _with_routes(book: Book, at: int) -> Book:
    """A draft of a book and of all that its routes touch."""
    drafts: dict[str, Book] = {}

    def draft_of(one: Book) -> Book:
        draft = drafts.get(one.product.id)
        if draft is None:
            draft = drafts[one.product.id] = copy(one)
            draft.bids, draft.asks = _living(one.bids, at), _living(one.asks, at)
        return draft

    draft = draft_of(book)
    draft.routes = [
        Route(draft_of(route.ex_works), draft_of(route.haulage), draft_of(route.delivered)) for route in book.routes
    ]
    return draft
