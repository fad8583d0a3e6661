"""One product's book as it is sent: its best levels, or all of its single orders.

A delta says what levels or orders are, not by how much they changed. So two deltas become one by keeping the later word
about each, and whoever reads slowly gets fewer of them and loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from zlib import crc32

from exchange.book import Book, Ladder
from exchange.implied import best_implied, implies_offers
from exchange.model import Order, Side
from exchange.state import ExchangeState
from exchange.stream.base import price_text
from exchange.stream.mirror import Moved, Touched
from exchange.stream.said_books import (
    BookDelta,
    BookSnapshot,
    ImpliedLevel,
    Level,
    OrdersDelta,
    OrdersSnapshot,
    Single,
    SingleChange,
)
from exchange.stream.shared import Shared

#: Levels or orders of each side that a checksum covers, best first.
CHECKED = 10

Implied = tuple[ImpliedLevel | None, ImpliedLevel | None]
_EMPTY = Ladder(1)


def ladders(state: ExchangeState, product_id: str) -> tuple[Ladder, Ladder]:
    """Bids and asks; of a closed product empty ones."""
    book = state.books.get(product_id)
    return (_EMPTY, _EMPTY) if book is None else (book.bids, book.asks)


def implied_prices(book: Book | None) -> Implied:
    """The best implied bid and ask of a book; a product has at most one of them."""
    # At the time 0 nothing has expired: as in the levels, an order counts until its end is in the log.
    found = best_implied(book, "", 0) if book is not None and book.routes else None
    if book is None or found is None:
        return None, None
    level = ImpliedLevel(price_text(found.price_fen_per_kg), found.loads)
    return (None, level) if implies_offers(book) else (level, None)


def book_checksum(bids: Ladder, asks: Ladder, depth: int) -> int:
    """CRC-32 of the best levels: each ``PRICE:LOADS:ORDERS``, best first, joined by commas; bids, a bar, asks."""
    count = min(depth, CHECKED)
    sides = (
        ",".join([f"{price_text(one.price)}:{one.loads}:{one.orders}" for one in islice(side.best_first(), count)])
        for side in (bids, asks)
    )
    return crc32("|".join(sides).encode())


def orders_checksum(bids: Ladder, asks: Ladder) -> int:
    """CRC-32 of the best orders: each ``ORDER_ID:PRICE:LOADS`` by priority, joined by commas; bids, a bar, asks."""
    sides = [
        [f"O{one.id}:{price_text(one.price_fen_per_kg)}:{one.shown_loads}" for one in islice(side.orders(), CHECKED)]
        for side in (bids, asks)
    ]
    return crc32("|".join(",".join(side) for side in sides).encode())


class SharedBook(Shared[BookDelta]):
    """A delta of levels."""

    __slots__ = ()

    def merged(self, later: Shared[BookDelta]) -> SharedBook:
        """What both say together."""
        old, new = self.message, later.message
        return SharedBook(
            BookDelta(
                0, new.product_id, new.seq, _later(old.bids, new.bids), _later(old.asks, new.asks), new.implied_bid,
                new.implied_ask, new.checksum,
            )
        )  # fmt: skip


def _later(old: list[Level], new: list[Level]) -> list[Level]:
    if not old or not new:
        return old or new
    return list({level.price: level for level in (*old, *new)}.values())


class BookView:
    """The best ``depth`` levels of a book, and what of them was sent."""

    def __init__(self, state: ExchangeState, product_id: str, depth: int, seq: int) -> None:
        self.product_id = product_id
        self.depth = depth
        self.seq = seq
        self._keys = [ladder.keys[-depth:] for ladder in ladders(state, product_id)]
        self._implied = implied_prices(state.books.get(product_id))

    def snapshot(self, state: ExchangeState) -> BookSnapshot:
        """The levels as they stand after ``seq``."""
        bids, asks = ladders(state, self.product_id)
        return BookSnapshot(
            self.product_id, self.seq, self.depth, self._best(bids), self._best(asks), self._implied[0],
            self._implied[1], book_checksum(bids, asks, self.depth),
        )  # fmt: skip

    def _best(self, ladder: Ladder) -> list[Level]:
        return [_level(ladder, one.price) for one in islice(ladder.best_first(), self.depth)]

    def delta(self, state: ExchangeState, touched: Touched) -> SharedBook | None:
        """What changed of the levels, None for nothing that shows."""
        bids, asks = ladders(state, self.product_id)
        changed = [
            self._side(number, side, prices)
            for number, (side, prices) in enumerate(((bids, touched.bids), (asks, touched.asks)))
        ]
        implied = implied_prices(state.books.get(self.product_id))
        if not changed[0] and not changed[1] and implied == self._implied:
            return None
        self._implied = implied
        self.seq = touched.seq
        checksum = book_checksum(bids, asks, self.depth)
        return SharedBook(
            BookDelta(0, self.product_id, self.seq, changed[0], changed[1], implied[0], implied[1], checksum)
        )

    def _side(self, number: int, ladder: Ladder, prices: set[int]) -> list[Level]:
        """The touched levels that show, those that came into view, and those that left it."""
        before, keys = self._keys[number], ladder.keys[-self.depth :]
        if keys == before:
            if not prices:
                return []
            worst = keys[0] if keys else 0
            shown = [price for price in prices if price in ladder.levels and price * ladder.sign >= worst]
            return [_level(ladder, price) for price in shown]
        self._keys[number] = keys
        old, new = set(before), set(keys)
        sign = _sign(number)
        gone = [Level(price_text(key * sign), 0, 0) for key in old - new]
        entered = new - old
        entered.update(price * sign for price in prices if price * sign in new)
        return gone + [_level(ladder, key * sign) for key in entered]


def _sign(number: int) -> int:
    """How the keys of a side turn into prices: bids as they are, asks negated."""
    return -1 if number else 1


def _level(ladder: Ladder, price: int) -> Level:
    level = ladder.levels[price]
    return Level(price_text(price), level.loads, level.orders)


# --- single orders


class SharedOrders(Shared[OrdersDelta]):
    """A delta of single orders."""

    __slots__ = ()

    def merged(self, later: Shared[OrdersDelta]) -> SharedOrders:
        """What both say together."""
        old, new = self.message, later.message
        kept: dict[str, SingleChange] = {one.order_id: one for one in old.changes}
        for change in new.changes:
            before = kept.get(change.order_id)
            if change.action == "change" and before is not None and before.action == "add":
                # It keeps the place that it was added to.
                change = SingleChange("add", change.order_id, change.side, change.price, change.loads)
            elif before is not None and change.action != "change":
                del kept[change.order_id]
            kept[change.order_id] = change
        return SharedOrders(OrdersDelta(0, new.product_id, new.seq, list(kept.values()), new.checksum))


class OrdersView:
    """The single orders of a book."""

    def __init__(self, product_id: str, seq: int) -> None:
        self.product_id = product_id
        self.seq = seq

    def snapshot(self, state: ExchangeState) -> OrdersSnapshot:
        """The orders as they stand after ``seq``, by priority."""
        bids, asks = ladders(state, self.product_id)
        return OrdersSnapshot(self.product_id, self.seq, _singles(bids), _singles(asks), orders_checksum(bids, asks))

    def delta(self, state: ExchangeState, touched: Touched) -> SharedOrders | None:
        """What changed of the orders, None for nothing that shows."""
        changes = single_changes(touched.moved)
        if not changes:
            return None
        self.seq = touched.seq
        checksum = orders_checksum(*ladders(state, self.product_id))
        return SharedOrders(OrdersDelta(0, self.product_id, self.seq, changes, checksum))


def _singles(ladder: Ladder) -> list[Single]:
    return [Single(f"O{one.id}", price_text(one.price_fen_per_kg), one.shown_loads) for one in ladder.orders()]


def single_changes(moved: Iterable[Moved]) -> list[SingleChange]:
    """The changes of single orders: first what left or changed in its place, then what joined, in the order in which
    it did."""
    changes: list[SingleChange] = []
    joining: list[Moved] = []
    for one in moved:
        order = one.order
        if not order.resting:
            assert one.before is not None
            changes.append(SingleChange("remove", f"O{order.id}", order.terms.side, price_text(one.before[0]), 0))
        elif one.before is None or one.joined:
            joining.append(one)
        elif one.before[1] != order.shown_loads:
            changes.append(_single("change", order))
    joining.sort(key=lambda one: one.joined or one.order.id)
    changes.extend(_single("add", one.order) for one in joining)
    return changes


def _single(action: str, order: Order) -> SingleChange:
    side: Side = order.terms.side
    return SingleChange(
        "add" if action == "add" else "change", f"O{order.id}", side, price_text(order.price_fen_per_kg),
        order.shown_loads,
    )  # fmt: skip
