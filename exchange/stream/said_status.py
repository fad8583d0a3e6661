"""Messages about the market, its products and their phases."""

from __future__ import annotations

from typing import Literal

from exchange.model import Phase, Side
from exchange.stream.base import Item, Part, Said


class ListedItem(Item, frozen=True, tag="product_listed", kw_only=True):
    """A product is listed."""

    product_id: str
    phase: Phase


class PhaseItem(Item, frozen=True, tag="phase", kw_only=True):
    """A product's book is in another phase; ``until`` is when an alarm makes it continuous."""

    product_id: str
    phase: Phase
    reason: str
    until: str | None = None


class ReferencePriceItem(Item, frozen=True, tag="reference_price", kw_only=True):
    """Collars and volatility bounds are measured from another price: the operator corrected it, or an auction without a
    price of its own ended where the product trades over a route. A price that an auction found is an ``auction``."""

    product_id: str
    price: str
    reason: str


class MarketItem(Item, frozen=True, tag="market", kw_only=True):
    """The market opened or closed, or its kill switch was pulled or released."""

    change: Literal["opened", "closed", "halted", "resumed"]
    day: str | None = None
    reason: str | None = None


class QuoteRequestItem(Item, frozen=True, tag="quote_request", kw_only=True):
    """Somebody asks for quotes; ``side`` is what the asker would do, left out if it keeps that open."""

    product_id: str
    loads: int
    side: Side | None = None


class AuctionItem(Item, frozen=True, tag="auction", kw_only=True):
    """An auction ended at one price. ``surplus_loads``: of buyers where positive, of sellers where negative."""

    product_id: str
    price: str
    loads: int
    surplus_loads: int


class IndicativeItem(Item, frozen=True, tag="indicative", kw_only=True):
    """What an auction would trade if it ended now; no price where nothing crosses. It is no event of the log: after a
    resume it is sent as it is then."""

    product_id: str
    price: str | None
    loads: int
    surplus_loads: int


StatusItem = ListedItem | PhaseItem | ReferencePriceItem | MarketItem | QuoteRequestItem | AuctionItem | IndicativeItem


class ProductStatusPart(Part, frozen=True, gc=False):
    """A product's phase, and until when an alarm leaves it there."""

    product_id: str
    phase: Phase
    until: str | None
    reference_price: str | None


class StatusSnapshot(Said, frozen=True, tag="status_snapshot"):
    """Whether orders are taken, and the phase of each product that is not closed. Products in an auction are followed
    by their ``indicative`` price."""

    product_id: str | None
    seq: int
    is_open: bool
    halted: bool
    day: str
    products: list[ProductStatusPart]


class Status(Said, frozen=True, tag="status"):
    """What happened to the market and its products."""

    prev_seq: int
    product_id: str | None
    seq: int
    events: list[StatusItem]
