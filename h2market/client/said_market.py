"""Messages about the market: books, trades, tickers, phases."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec

from h2market.client.model import Level, Side, check_price
from h2market.client.said_base import Event, Message


class ImpliedLevel(msgspec.Struct, frozen=True):
    """The best price that two other books imply for this one."""

    price: Decimal
    loads: int


class BookSnapshot(Message, frozen=True, tag="book_snapshot"):
    """The best ``depth`` levels of each side, best first."""

    product_id: str
    seq: int
    depth: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    implied_bid: ImpliedLevel | None
    implied_ask: ImpliedLevel | None
    checksum: int


class BookDelta(Message, frozen=True, tag="book"):
    """The levels that changed; no loads: the price is gone."""

    prev_seq: int
    product_id: str
    seq: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    implied_bid: ImpliedLevel | None
    implied_ask: ImpliedLevel | None
    checksum: int


class BookOrder(msgspec.Struct, frozen=True):
    """One order in the book, without its owner; of an iceberg the loads that it shows."""

    order_id: str
    price: Decimal
    loads: int

    def __post_init__(self) -> None:
        check_price(self.price)


class OrderChange(msgspec.Struct, frozen=True):
    """``add`` puts an order behind all others of its price, wherever it stood before; ``change`` leaves it in its place
    with other loads; ``remove`` takes it away."""

    action: Literal["add", "change", "remove"]
    order_id: str
    side: Side
    price: Decimal
    loads: int


class OrdersSnapshot(Message, frozen=True, tag="orders_snapshot"):
    """All orders that rest in a book, each side by priority. ``more``: another part of them follows."""

    product_id: str
    seq: int
    bids: tuple[BookOrder, ...]
    asks: tuple[BookOrder, ...]
    checksum: int
    more: bool = False


class OrdersDelta(Message, frozen=True, tag="orders"):
    """Changes of single orders, to be made in this order."""

    prev_seq: int
    product_id: str
    seq: int
    changes: tuple[OrderChange, ...]
    checksum: int


class StreamTrade(Event, frozen=True, tag="trade"):
    """A trade without its parties."""

    trade_id: str
    product_id: str
    price: Decimal
    loads: int
    taker_side: Side | None = None
    leg: str = ""
    recalled: bool = False


class RecalledTrade(Event, frozen=True, tag="trade_recalled"):
    """A trade was undone: it counts no more."""

    trade_id: str
    product_id: str
    price: Decimal
    loads: int


class TradesSnapshot(Message, frozen=True, tag="trades_snapshot"):
    """The latest trades, oldest first."""

    product_id: str | None
    seq: int
    trades: tuple[StreamTrade, ...]


class Trades(Message, frozen=True, tag="trades"):
    """Trades, in order; and earlier ones that were recalled."""

    prev_seq: int
    product_id: str | None
    seq: int
    trades: tuple[StreamTrade, ...]
    recalled: tuple[RecalledTrade, ...] = ()


class Quote(msgspec.Struct, frozen=True):
    """The best price of a side."""

    price: Decimal
    loads: int
    implied: bool


class Ticker(msgspec.Struct, frozen=True):
    """A product at a glance."""

    product_id: str
    seq: int
    phase: str
    bid: Quote | None
    ask: Quote | None
    last_price: Decimal | None
    reference_price: Decimal | None
    day_trades: int
    day_loads: int
    day_high: Decimal | None
    day_low: Decimal | None
    day_average: Decimal | None


class TickerSnapshot(Message, frozen=True, tag="ticker_snapshot"):
    """The tickers of one product or of all that are open."""

    product_id: str | None
    seq: int
    tickers: tuple[Ticker, ...]


class Tickers(Message, frozen=True, tag="ticker"):
    """Tickers that changed, each whole."""

    prev_seq: int
    product_id: str | None
    seq: int
    tickers: tuple[Ticker, ...]


class ListedEvent(Event, frozen=True, tag="product_listed"):
    """A product is listed."""

    product_id: str
    phase: str


class PhaseEvent(Event, frozen=True, tag="phase"):
    """A product's book is in another phase."""

    product_id: str
    phase: str
    reason: str
    until: datetime | None = None


class ReferencePriceEvent(Event, frozen=True, tag="reference_price"):
    """Collars and volatility bounds are measured from another price, which no auction found."""

    product_id: str
    price: Decimal
    reason: str


class MarketEvent(Event, frozen=True, tag="market"):
    """The market opened or closed, or its kill switch was pulled or released."""

    change: str
    day: str | None = None
    reason: str | None = None


class QuoteRequestEvent(Event, frozen=True, tag="quote_request"):
    """Somebody asks for quotes."""

    product_id: str
    loads: int
    side: Side | None = None


class AuctionEvent(Event, frozen=True, tag="auction"):
    """An auction ended at one price."""

    product_id: str
    price: Decimal
    loads: int
    surplus_loads: int


class IndicativeEvent(Event, frozen=True, tag="indicative"):
    """What an auction would trade if it ended now; no price where nothing crosses."""

    product_id: str
    price: Decimal | None = None
    loads: int = 0
    surplus_loads: int = 0


AnyStatusEvent = (
    ListedEvent | PhaseEvent | ReferencePriceEvent | MarketEvent | QuoteRequestEvent | AuctionEvent | IndicativeEvent
)


class ProductStatus(msgspec.Struct, frozen=True):
    """A product's phase, and until when an alarm leaves it there."""

    product_id: str
    phase: str
    until: datetime | None
    reference_price: Decimal | None


class StatusSnapshot(Message, frozen=True, tag="status_snapshot"):
    """Whether orders are taken, and the phase of each product."""

    product_id: str | None
    seq: int
    is_open: bool
    halted: bool
    day: str
    products: tuple[ProductStatus, ...]


class Status(Message, frozen=True, tag="status"):
    """What happened to the market and its products."""

    prev_seq: int
    product_id: str | None
    seq: int
    events: tuple[AnyStatusEvent, ...]
