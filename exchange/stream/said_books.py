"""Messages about books: price levels, and single orders without their owners."""

from __future__ import annotations

from typing import Literal

from exchange.model import Side
from exchange.stream.base import Part, Said


class Level(Part, frozen=True, gc=False):
    """The loads shown at one price, and in how many orders; no loads: the price is gone."""

    price: str
    loads: int
    orders: int


class ImpliedLevel(Part, frozen=True, gc=False):
    """The best price that two other books imply for this one, and for how many loads."""

    price: str
    loads: int


class BookSnapshot(Said, frozen=True, tag="book_snapshot"):
    """The best ``depth`` levels of each side, best first."""

    product_id: str
    seq: int
    depth: int
    bids: list[Level]
    asks: list[Level]
    implied_bid: ImpliedLevel | None
    implied_ask: ImpliedLevel | None
    checksum: int


class BookDelta(Said, frozen=True, tag="book"):
    """The levels that changed, entered or left the best ``depth``; the implied prices as they are now."""

    prev_seq: int
    product_id: str
    seq: int
    bids: list[Level]
    asks: list[Level]
    implied_bid: ImpliedLevel | None
    implied_ask: ImpliedLevel | None
    checksum: int


class Single(Part, frozen=True, gc=False):
    """One order in the book, without its owner; of an iceberg the loads that it shows."""

    order_id: str
    price: str
    loads: int


class SingleChange(Part, frozen=True, gc=False):
    """``add`` puts an order behind all others of its price, wherever it stood before; ``change`` leaves it in its place
    with other loads; ``remove`` takes it away."""

    action: Literal["add", "change", "remove"]
    order_id: str
    side: Side
    price: str
    loads: int


class OrdersSnapshot(Said, frozen=True, tag="orders_snapshot"):
    """All orders that rest in a book, each side in order of priority. Of many orders it comes in parts: ``more`` says
    that another one follows, whose orders stand behind these."""

    product_id: str
    seq: int
    bids: list[Single]
    asks: list[Single]
    checksum: int
    more: bool


class OrdersDelta(Said, frozen=True, tag="orders"):
    """Changes of single orders, to be made in this order."""

    prev_seq: int
    product_id: str
    seq: int
    changes: list[SingleChange]
    checksum: int
