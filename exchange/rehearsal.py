"""Whether an incoming order would trade so many loads at once: tried on drafts of the ladders, which nobody sees."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy

from exchange.book import Book, Ladder, Route
from exchange.implied import carried_out, implied_before, implies_offers
from exchange.model import Order, SelfTradeMode, clip_price
from exchange.state import show


class _Draft(Ladder):
    """A side of a book without what expired, copied order by order as those before are taken: to ask for one load of a
    deep book costs no more than of a shallow one."""

    __slots__ = ("_coming", "_next")

    def __init__(self, side: Ladder, at: int) -> None:
        super().__init__(side.sign)
        self._coming: Iterator[Order] = (order for order in side.orders() if order.expires_at > at)
        self._next: Order | None = next(self._coming, None)
        self._bring()

    def place(self, order: Order) -> None:
        """Puts a clip behind all that stand at its price or a better one."""
        key = order.price_fen_per_kg * self.sign
        while self._next is not None and self._next.price_fen_per_kg * self.sign >= key:
            self._bring()
        super().place(order)

    def remove(self, order: Order) -> None:
        """Takes an order out; where it was the last one that was looked at, the next one comes."""
        super().remove(order)
        if not self.keys:
            self._bring()

    def _bring(self) -> None:
        if self._next is not None:
            super().place(copy(self._next))
            self._next = next(self._coming, None)


def fillable(book: Book, order: Order, mode: SelfTradeMode, wanted: int, at: int, *, implied: bool = True) -> bool:
    """Whether `matching.trade` would fill ``wanted`` loads of an order; changes nothing."""
    if implied and book.routes and (order.terms.side == "buy") == implies_offers(book):
        return _fills(_with_routes(book, at), order, mode, wanted, at)
    draft = copy(book)
    draft.routes = []
    draft.bids, draft.asks = _Draft(book.bids, at), _Draft(book.asks, at)
    return _fills(draft, order, mode, wanted, at)


def _fills(draft: Book, order: Order, mode: SelfTradeMode, wanted: int, at: int) -> bool:
    """The loop of `matching.trade` without its effects."""
    ladder = draft.asks if order.terms.side == "buy" else draft.bids
    limit = order.price_fen_per_kg * ladder.sign
    left = max(order.open_loads, wanted)
    while wanted > 0:
        keys = ladder.keys
        match = implied_before(draft, order, keys[-1] if keys else None, at)
        if match is not None:
            wild = carried_out(draft, match)
            if draft in wild:
                return False
            for part in wild:
                part.continuous = False  # halted, and the order goes on without its routes
            if wild:
                continue
            loads = min(wanted, match.loads)
            for leg in (match.first, match.second):
                part = next(one for one in match.route.parts() if one.product.id == leg.terms.product_id)
                _take(part, leg, loads)
        elif not keys or keys[-1] < limit:
            return False
        else:
            resting = ladder.head()
            if resting.participant_id == order.participant_id:
                left = _left_by_own(mode, left, resting.open_loads)
                if left < wanted:
                    return False
                ladder.remove(resting)
                continue
            if not draft.calm_low <= resting.price_fen_per_kg <= draft.calm_high:
                return False
            loads = min(wanted, resting.shown_loads)
            _take(draft, resting, loads)
        wanted -= loads
        left -= loads
    return True


def _left_by_own(mode: SelfTradeMode, left: int, own: int) -> int:
    """What is left of an order after it met one of its own participant with so many open loads."""
    if mode == "decrement":
        return max(0, left - own)
    return left if mode == "cancel_oldest" else 0


def _take(book: Book, order: Order, loads: int) -> None:
    """Takes loads off the head of a side of its book, as `state.fill_head` does."""
    ladder = book.bids if order.terms.side == "buy" else book.asks
    order.open_loads -= loads
    order.shown_loads -= loads
    ladder.levels[order.price_fen_per_kg].loads -= loads
    if order.shown_loads:
        return
    ladder.remove(order)
    if order.open_loads:
        clip = copy(order)
        show(clip)
        clip.price_fen_per_kg = clip_price(clip, book.low, book.high)
        ladder.place(clip)


def _with_routes(book: Book, at: int) -> Book:
    """A draft of a book and of all that its routes touch."""
    drafts: dict[str, Book] = {}

    def draft_of(one: Book) -> Book:
        draft = drafts.get(one.product.id)
        if draft is None:
            draft = drafts[one.product.id] = copy(one)
            draft.bids, draft.asks = _Draft(one.bids, at), _Draft(one.asks, at)
        return draft

    draft = draft_of(book)
    draft.routes = [
        Route(draft_of(route.ex_works), draft_of(route.haulage), draft_of(route.delivered)) for route in book.routes
    ]
    return draft
