"""Messages about trades, and a product at a glance."""

from __future__ import annotations

import msgspec

from exchange.model import Leg, Phase, Side
from exchange.stream.base import Item, Part, Said


class TradeItem(Item, frozen=True, tag="trade", kw_only=True):
    """A trade without its parties. ``taker_side`` is null where neither side came to the other (an auction, an
    agreement, the leg of an implied match between two who rested); ``leg`` is the part of an implied match."""

    trade_id: str
    product_id: str
    price: str
    loads: int
    taker_side: Side | None
    leg: Leg
    recalled: bool = False  # in a snapshot: it was undone since


class RecalledItem(Item, frozen=True, tag="trade_recalled", kw_only=True):
    """A trade was undone: it counts no more."""

    trade_id: str
    product_id: str
    price: str
    loads: int


class TradesSnapshot(Said, frozen=True, tag="trades_snapshot"):
    """The latest trades, oldest first."""

    product_id: str | None
    seq: int
    trades: list[TradeItem]


class Trades(Said, frozen=True, tag="trades", omit_defaults=True):
    """Trades, in order; and earlier ones that were recalled, left out where there are none."""

    prev_seq: int
    product_id: str | None
    seq: int
    trades: list[TradeItem]
    recalled: list[RecalledItem] = msgspec.field(default_factory=list)


class Quote(Part, frozen=True, gc=False):
    """The best price of a side. ``implied``: it comes from two other books."""

    price: str
    loads: int
    implied: bool


class TickerItem(Part, frozen=True, gc=False):
    """A product at a glance. ``day_*`` is about the trades of the market's day."""

    product_id: str
    seq: int
    phase: Phase
    bid: Quote | None
    ask: Quote | None
    last_price: str | None
    reference_price: str | None
    day_trades: int
    day_loads: int
    day_high: str | None
    day_low: str | None
    day_average: str | None


class TickerSnapshot(Said, frozen=True, tag="ticker_snapshot"):
    """The tickers of one product or of all that are open."""

    product_id: str | None
    seq: int
    tickers: list[TickerItem]


class Tickers(Said, frozen=True, tag="ticker"):
    """Tickers that changed, each whole."""

    prev_seq: int
    product_id: str | None
    seq: int
    tickers: list[TickerItem]
