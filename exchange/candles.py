"""Candles: what the trades of a product came to in each interval."""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import func
from sqlmodel import Session, col, select

from exchange.answers import CandleAnswer
from exchange.pace import DAY_US, HOUR_US, ZONE_US
from exchange.tables import ContestedTradeRow, TradeRow
from kernel.edge import Page, number_cursor, page_of
from kernel.quantity import divide_half_even

Interval = Literal["1m", "5m", "1h", "1d"]
INTERVAL_US: dict[Interval, int] = {"1m": 60_000_000, "5m": 300_000_000, "1h": HOUR_US, "1d": DAY_US}


def candles_of(
    session: Session, product_id: str, interval_us: int, cursor: str | None, limit: int
) -> Page[CandleAnswer]:
    """A page of a product's candles, newest first: what its trades come to now, without those that were recalled.
    Intervals without trades are left out."""
    shifted = col(TradeRow.traded_at) + ZONE_US  # days begin at midnight in the market's zone
    start = shifted - shifted % interval_us - ZONE_US
    recalled = col(TradeRow.id).in_(select(ContestedTradeRow.id).where(ContestedTradeRow.state == "recalled"))
    sums = (
        select(  # type: ignore[call-overload]
            start.label("start"),
            func.min(TradeRow.id).label("first"),
            func.max(TradeRow.id).label("last"),
            func.max(TradeRow.price_fen_per_kg).label("high"),
            func.min(TradeRow.price_fen_per_kg).label("low"),
            func.sum(col(TradeRow.price_fen_per_kg) * col(TradeRow.loads)).label("paid"),
            func.sum(TradeRow.loads).label("loads"),
            func.count().label("trades"),
        )
        .where(TradeRow.product_id == product_id, ~recalled)
        .group_by(start)
    )
    after = number_cursor(cursor)
    if after is not None:
        sums = sums.where(col(TradeRow.traded_at) < after)
    rows = session.exec(sums.order_by(start.desc()).limit(limit + 1)).all()
    ends = {row.first for row in rows} | {row.last for row in rows}
    prices: dict[int, int] = {}
    ordered = sorted(ends)
    for begin in range(0, len(ordered), 500):
        part = ordered[begin : begin + 500]
        found = session.exec(select(TradeRow.id, TradeRow.price_fen_per_kg).where(col(TradeRow.id).in_(part)))
        prices.update(dict(found.all()))

    def candle(row: Any) -> CandleAnswer:
        loads = int(row.loads)
        return CandleAnswer(
            start=row.start, open=prices[row.first], high=row.high, low=row.low, close=prices[row.last],
            average=divide_half_even(int(row.paid), loads), loads=loads, trades=row.trades,
        )  # fmt: skip

    return page_of(rows, limit, lambda row: row.start, candle)
