"""Products at a glance: best prices, the last one, and what was traded on the market's day."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import msgspec
from sqlalchemy import Connection, func, select

from exchange import events as e
from exchange.book import Book, Ladder
from exchange.changes import Printed
from exchange.state import ExchangeState
from exchange.stream.base import price_text
from exchange.stream.books import implied_prices
from exchange.stream.said_books import ImpliedLevel
from exchange.stream.said_prints import Quote, TickerItem, Tickers
from exchange.stream.shared import Shared
from exchange.tables import TradeRow
from kernel.clock import day_bounds_us
from kernel.messages import Recorded
from kernel.quantity import divide_half_even
from kernel.room import table_of


class DayTrades(msgspec.Struct, gc=False):
    """The trades of one product on one day; prices in fen per kg."""

    trades: int = 0
    loads: int = 0
    high: int = 0
    low: int = 0
    price_loads: int = 0  # prices times loads, summed

    def add(self, price: int, loads: int) -> None:
        """Takes in a trade."""
        self.high = max(self.high, price)
        self.low = min(self.low, price) if self.trades else price
        self.trades += 1
        self.loads += loads
        self.price_loads += price * loads

    def merge(self, other: DayTrades) -> None:
        """Takes in other trades of the day."""
        self.high = max(self.high, other.high)
        self.low = min(self.low, other.low) if self.trades and other.trades else self.low or other.low
        self.trades += other.trades
        self.loads += other.loads
        self.price_loads += other.price_loads


class Day:
    """The trades of the market's day by product."""

    def __init__(self, day: str) -> None:
        self.day = day
        self.products: dict[str, DayTrades] = {}

    def add(self, trades: Iterable[Printed]) -> None:
        """Takes in trades of the day."""
        for event, _at in trades:
            self.of(event.product_id).add(event.price_fen_per_kg, event.loads)

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
    price, loads = trades.price_fen_per_kg, trades.loads
    sums = (func.count(), func.sum(loads), func.max(price), func.min(price), func.sum(price * loads))
    query = select(trades.product_id, *sums).where(trades.id > after, trades.id <= seq).group_by(trades.product_id)
    for product_id, *figures in connection.execute(query):
        found.products[product_id] = DayTrades(*map(int, figures))
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


def ticker_of(state: ExchangeState, product_id: str, day: Day, seq: int) -> TickerItem | None:
    """A product at a glance, as it is after event ``seq``; None for one that is not listed."""
    product = state.products.get(product_id)
    if product is None:
        return None
    book = state.books.get(product_id)
    bid, ask = quotes(book)
    traded = day.of(product_id)
    last = book.last_price if book is not None else 0
    average = divide_half_even(traded.price_loads, traded.loads) if traded.loads else 0
    return TickerItem(
        product_id, seq, product.phase, bid, ask, _price(last), _price(product.reference_price_fen), traded.trades,
        traded.loads, _price(traded.high), _price(traded.low), _price(average),
    )  # fmt: skip


def _price(fen_per_kg: int) -> str | None:
    return price_text(fen_per_kg) if fen_per_kg else None


def quotes(book: Book | None) -> tuple[Quote | None, Quote | None]:
    """The best bid and ask; an implied price only where it is better than the direct one."""
    if book is None:
        return None, None
    implied_bid, implied_ask = implied_prices(book)
    return _best(book.bids, implied_bid), _best(book.asks, implied_ask)


def _best(ladder: Ladder, implied: ImpliedLevel | None) -> Quote | None:
    price = ladder.best_price()
    direct = None if price is None else Quote(price_text(price), ladder.levels[price].loads, False)
    if implied is None:
        return direct
    if price is not None:
        fen = int(implied.price.replace(".", ""))
        if (fen - price) * ladder.sign <= 0:
            return direct
    return Quote(implied.price, implied.loads, True)
