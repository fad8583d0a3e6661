"""Who reads along: an auditor has the books and every trade from the stream, a station its own business. What they
rebuilt is compared with what the interface says of the same thing."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from h2market.client import Feed, FillEvent, Level, LimitsEvent, OrderBook, Own, OwnSnapshot, Stream, Trades
from seeds.scenes.stage import PAULOWNIA, Stage
from seeds.scenes.streams import Streams
from seeds.towns import BY_PRODUCT_HUBS

#: How deep the books are read.
DEPTH = 10


class Watch:
    """The auditor's stream, and the station's."""

    def __init__(self, stage: Stage, streams: Streams, auditor_key: str, station_key: str) -> None:
        self._stage = stage
        self._streams = streams
        auditor, station = streams.open(auditor_key), streams.open(station_key)
        self._books: list[OrderBook] = streams.run(_subscribe(auditor, _products(stage)))
        self._trades: Feed = streams.run(auditor.trades())
        self._own: Feed = streams.run(station.own())

    def compare_books(self) -> int:
        """Every book level by level; returns how many of them had orders."""
        for book in self._books:
            shown = self._stage.operator.get(f"/v1/products/{book.product_id}/book", levels=DEPTH)
            bids, asks = (
                [Level(Decimal(one["price"]), one["loads"], one["orders"]) for one in shown[side]]
                for side in ("bids", "asks")
            )
            self._streams.run(_become(book, bids, asks))
        return sum(bool(book.bids or book.asks) for book in self._books)

    def compare_trades(self) -> int:
        """Every trade of the market; returns how many there were."""
        on_record = {
            trade["trade_id"]: (trade["product_id"], Decimal(trade["price"]), trade["loads"], trade["leg"])
            for trade in self._stage.operator.pages("/v1/trades")
        }
        heard = self._streams.run(_hear_trades(self._trades, len(on_record)))
        assert heard == on_record, f"heard {len(heard)} trades, on record are {len(on_record)}"
        return len(heard)

    def compare_position(self) -> int:
        """The station's fills and its money; returns how many fills there were."""
        session = self._stage.session(PAULOWNIA)
        on_record = {
            trade["trade_id"]: (trade["side"], Decimal(trade["price"]), trade["loads"])
            for trade in session.pages("/v1/trades")
        }
        limits = session.get("/v1/limits")
        money = tuple(Decimal(limits[name]) for name in ("granted", "reserved", "committed", "free"))
        fills = self._streams.run(_hear_position(self._own, len(on_record), money))
        assert fills == on_record, f"heard {fills}, on record is {on_record}"
        return len(fills)


def _products(stage: Stage) -> list[str]:
    """The books of the night, and of the day those in which most is traded."""
    night = [book.product_id for book in stage.night.books()]
    products = stage.operator.pages("/v1/products", kind="ex_works")
    return night + [
        one["product_id"] for one in products if one["hub"] in BY_PRODUCT_HUBS and one["product_id"] not in night
    ]


async def _subscribe(stream: Stream, products: Iterable[str]) -> list[OrderBook]:
    return [await stream.book(product_id, depth=DEPTH) for product_id in products]


async def _become(book: OrderBook, bids: list[Level], asks: list[Level]) -> None:
    """Waits until a book is as the interface shows it."""
    while (book.bids, book.asks) != (bids, asks):
        await book.changed()


async def _hear_trades(feed: Feed, how_many: int) -> dict[str, Any]:
    heard: dict[str, Any] = {}
    while len(heard) < how_many:
        said = await anext(feed)
        for one in said.trades if isinstance(said, Trades) else ():
            heard[one.trade_id] = (one.product_id, one.price, one.loads, one.leg)
    return heard


async def _hear_position(feed: Feed, how_many: int, money: tuple[Decimal, ...]) -> dict[str, Any]:
    """The fills, as soon as there are so many and the limits stand at ``money``."""
    fills: dict[str, Any] = {}
    stands: tuple[Decimal, ...] = ()
    while len(fills) < how_many or stands != money:
        said = await anext(feed)
        if isinstance(said, OwnSnapshot):
            stands = _money(said.limits)
        for one in said.events if isinstance(said, Own) else ():
            if isinstance(one, FillEvent):
                fills[one.trade_id] = (str(one.side), one.price, one.loads)
            elif isinstance(one, LimitsEvent):
                stands = _money(one)
    return fills


def _money(limits: LimitsEvent) -> tuple[Decimal, ...]:
    return limits.granted, limits.reserved, limits.committed, limits.free
