"""One product's price levels as they are sent.

A delta says what levels are, not by how much they changed. So two deltas become one by keeping the later word about
each, and whoever reads slowly gets fewer of them and loses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from exchange.stream.base import price_text
from exchange.stream.faces import Face, Row, book_checksum
from exchange.stream.said_books import BookDelta, BookSnapshot, Level
from exchange.stream.shared import Shared


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
    """The best ``depth`` levels of a book as they were sent, which is how they stand."""

    def __init__(self, face: Face, depth: int, seq: int) -> None:
        self.depth = depth
        self.seq = seq  # of the commit that changed them last, as far as is known
        self._face = face
        self._rows = [_by_price(side[:depth]) for side in (face.bids, face.asks)]

    def snapshot(self) -> BookSnapshot:
        """The levels as they stand after ``seq``."""
        face, (bids, asks) = self._face, self._rows
        return BookSnapshot(
            face.product_id, self.seq, self.depth, [_level(row) for row in bids.values()],
            [_level(row) for row in asks.values()], face.implied[0], face.implied[1], book_checksum(face, self.depth),
        )  # fmt: skip

    def delta(self, face: Face, seq: int) -> SharedBook | None:
        """What changed of the levels, None for nothing that shows."""
        rows = [_by_price(side[: self.depth]) for side in (face.bids, face.asks)]
        bids, asks = (_changed(old, new) for old, new in zip(self._rows, rows, strict=True))
        is_news = bids or asks or face.implied != self._face.implied
        self._face, self._rows = face, rows
        if not is_news:
            return None
        self.seq = seq
        checksum = book_checksum(face, self.depth)
        return SharedBook(BookDelta(0, face.product_id, seq, bids, asks, face.implied[0], face.implied[1], checksum))


def _by_price(rows: Sequence[Row]) -> dict[int, Row]:
    return {row[0]: row for row in rows}


def _changed(old: dict[int, Row], new: dict[int, Row]) -> list[Level]:
    """The levels that changed, those that came into view, and those that left it."""
    if old == new:
        return []
    gone = [Level(price_text(price), 0, 0) for price in old if price not in new]
    return gone + [_level(row) for price, row in new.items() if old.get(price) != row]


def _level(row: Row) -> Level:
    return Level(price_text(row[0]), row[1], row[2])
