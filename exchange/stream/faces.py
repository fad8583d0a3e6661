"""What the market sees of one product at a moment: its best levels, implied prices, phase and last price."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple
from zlib import crc32

from exchange.book import Book, Ladder
from exchange.implied import best_implied, implies_offers
from exchange.model import Phase
from exchange.state import ExchangeState
from exchange.stream.base import price_text
from exchange.stream.said_books import ImpliedLevel

#: Levels or orders of each side that a checksum covers, best first.
CHECKED = 10

Implied = tuple[ImpliedLevel | None, ImpliedLevel | None]
Row = tuple[int, int, int]  # price, loads, orders
_EMPTY = Ladder(1)


class Face(NamedTuple):
    """A product as it stood; ``bids`` and ``asks`` best first, as many as were asked for. Prices in fen per kg, 0 for
    none."""

    product_id: str
    phase: Phase
    reference_price: int
    last_price: int
    bids: Sequence[Row]
    asks: Sequence[Row]
    implied: Implied


def ladders(state: ExchangeState, product_id: str) -> tuple[Ladder, Ladder]:
    """Bids and asks; of a closed product empty ones."""
    book = state.books.get(product_id)
    return (_EMPTY, _EMPTY) if book is None else (book.bids, book.asks)


def face_of(state: ExchangeState, product_id: str, depth: int) -> Face | None:
    """The product's face with ``depth`` levels of each side; None for a product that was never listed."""
    product = state.products.get(product_id)
    if product is None:
        return None
    book = state.books.get(product_id)
    if book is None:
        return Face(product_id, product.phase, product.reference_price_fen, 0, (), (), (None, None))
    return Face(
        product_id, product.phase, product.reference_price_fen, book.last_price, _best(book.bids, depth),
        _best(book.asks, depth), implied_prices(book),
    )  # fmt: skip


def _best(ladder: Ladder, depth: int) -> list[Row]:
    return [(one.price, one.loads, one.orders) for one in islice(ladder.best_first(), depth)]


def implied_prices(book: Book) -> Implied:
    """The best implied bid and ask of a book; a product has at most one of them."""
    # At the time 0 nothing has expired: as in the levels, an order counts until its end is in the log.
    found = best_implied(book, "", 0) if book.routes else None
    if found is None:
        return None, None
    level = ImpliedLevel(price_text(found.price_fen_per_kg), found.loads)
    return (None, level) if implies_offers(book) else (level, None)


def book_checksum(face: Face, depth: int) -> int:
    """CRC-32 of the best levels: each ``PRICE:LOADS:ORDERS``, best first, joined by commas; bids, a bar, asks."""
    count = min(depth, CHECKED)
    sides = (
        ",".join([f"{price_text(price)}:{loads}:{orders}" for price, loads, orders in side[:count]])
        for side in (face.bids, face.asks)
    )
    return crc32("|".join(sides).encode())


def orders_checksum(sides: Iterable[Ladder]) -> int:
    """CRC-32 of the best orders: each ``ORDER_ID:PRICE:LOADS`` by priority, joined by commas; bids, a bar, asks."""
    texts = [
        [f"O{one.id}:{price_text(one.price_fen_per_kg)}:{one.shown_loads}" for one in islice(side.orders(), CHECKED)]
        for side in sides
    ]
    return crc32("|".join(",".join(side) for side in texts).encode())
