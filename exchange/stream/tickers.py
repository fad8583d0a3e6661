"""Products at a glance: best prices, the last one, and what was traded on the market's day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

import msgspec
from sqlalchemy import Connection, func, select

from exchange import events as e
from exchange.changes import Printed
from exchange.model import TradeFacts
from exchange.stream.base import price_text
from exchange.stream.faces import Face, Row
from exchange.stream.said_books import ImpliedLevel
from exchange.stream.said_prints import Quote, TickerItem, Tickers
from exchange.stream.shared import Shared
from exchange.tables import ContestedTradeRow, TradeRow
from kernel.clock import day_bounds_us
from kernel.messages import Recorded
from kernel.quantity import divide_half_even
from kernel.room import table_of


class DayTrades(msgspec.Struct, gc=False):
    """The trades of one product on one day; prices in fen per kg."""

    trades: int = 0
    loads: int = 0
    price_loads: int = 0  # prices times loads, summed
    prices: dict[int, int] = {}  # how many trades there were at each: below 0 while earlier ones are still being read

    def add(self, price: int, loads: int, trades: int = 1) -> None:
        """Takes in trades at a price; negative numbers take back what was recalled."""
        self.trades += trades
        self.loads += loads
        self.price_loads += price * loads
        left = self.prices.get(price, 0) + trades
        if left:
            self.prices[price] = left
        else:
            del self.prices[price]

    def merge(self, other: DayTrades) -> None:
        """Takes in other trades of the day."""
        for price, trades in other.prices.items():
            self.add(price, 0, trades)
        self.loads += other.loads
        self.price_loads += other.price_loads

    @property
    def high(self) -> int:
        """The highest price; 0 without trades."""
        return max(self.prices, default=0)

    @property
    def low(self) -> int:
        """The lowest price; 0 without trades."""
        return min(self.prices, default=0)


class Day:
    """The trades of the market's day by product."""

    def __init__(self, day: str) -> None:
        self.day = day
        self.products: dict[str, DayTrades] = {}

    def add(self, trades: Iterable[Printed]) -> None:
        """Takes in trades of the day."""
        for event, _at in trades:
            self.of(event.product_id).add(event.price_fen_per_kg, event.loads)

    def take_back(self, trades: Iterable[TradeFacts]) -> None:
        """Takes out trades of the day that were recalled."""
        starts_at = day_bounds_us(date.fromisoformat(self.day))[0] if self.day else 0
        for one in trades:
            if one.traded_at >= starts_at:
                self.of(one.product_id).add(one.price_fen_per_kg, -one.loads, -1)

    def merge(self, earlier: Day) -> None:
        """Takes in what was traded before this began to count."""
        for product_id, before in earlier.products.items():
            self.of(product_id).merge(before)

    def of(self, product_id: str) -> DayTrades:
        """The trades of one product."""
        found = self.products.get(product_id)
        if found is None:
            found = self.products[product_id] = DayTrades()
        return found


def read_day(connection: Connection, day: str, seq: int) -> Day:
    """The day's trades up to event ``seq``, from the rows."""
    found = Day(day)
    if not day:
        return found
    trades = table_of(TradeRow).c
    starts_at, _ = day_bounds_us(date.fromisoformat(day))
    before = select(trades.id).where(trades.traded_at < starts_at).order_by(trades.id.desc()).limit(1)
    after = connection.execute(before).scalar() or 0
    contested = table_of(ContestedTradeRow).c
    recalled = select(contested.id).where(contested.state == "recalled", contested.event_seq <= seq)
    price = trades.price_fen_per_kg
    query = (
        select(trades.product_id, price, func.sum(trades.loads), func.count())
        .where(trades.id > after, trades.id <= seq, trades.id.not_in(recalled))
        .group_by(trades.product_id, price)
    )
    for product_id, *figures in connection.execute(query):
        found.of(product_id).add(*map(int, figures))
    return found


def opened_day(others: Iterable[Recorded]) -> str | None:
    """The day that the market opened, if it did."""
    opened = [one.event.day for one in others if isinstance(one.event, e.MarketOpened)]
    return opened[-1] if opened else None


class SharedTickers(Shared[Tickers]):
    """Tickers that changed."""

    __slots__ = ()

    def merged(self, later: Shared[Tickers]) -> SharedTickers:
        """The later word about each product, in the order of their events."""
        kept = {one.product_id: one for one in (*self.message.tickers, *later.message.tickers)}
        tickers = sorted(kept.values(), key=lambda one: one.seq)
        return SharedTickers(Tickers(0, later.message.product_id, later.seq, tickers))


def ticker_of(face: Face, day: Day, seq: int) -> TickerItem:
    """A product at a glance, as it is after event ``seq``."""
    bid, ask = quotes(face)
    traded = day.of(face.product_id)
    average = divide_half_even(traded.price_loads, traded.loads) if traded.loads else 0
    return TickerItem(
        face.product_id, seq, face.phase, bid, ask, _price(face.last_price), _price(face.reference_price),
        traded.trades, traded.loads, _price(traded.high), _price(traded.low), _price(average),
    )  # fmt: skip


def _price(fen_per_kg: int) -> str | None:
    return price_text(fen_per_kg) if fen_per_kg else None


def quotes(face: Face) -> tuple[Quote | None, Quote | None]:
    """The best bid and ask; an implied price only where it is better than the direct one."""
    implied_bid, implied_ask = face.implied
    return _best(face.bids, implied_bid, 1), _best(face.asks, implied_ask, -1)


def _best(rows: Sequence[Row], implied: ImpliedLevel | None, sign: int) -> Quote | None:
    direct = Quote(price_text(rows[0][0]), rows[0][1], False) if rows else None
    if implied is None:
        return direct
    if rows:
        fen = int(implied.price.replace(".", ""))
        if (fen - rows[0][0]) * sign <= 0:
            return direct
    return Quote(implied.price, implied.loads, True)
