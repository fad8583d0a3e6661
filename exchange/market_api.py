"""Routes of the market as a whole: whether it is open, its calendar, its halt, requests for quotes."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from sqlmodel import Session, col, select

from exchange import commands
from exchange.calendar import TradingDay, calendar
from exchange.market_answers import CalendarDay, Halt, MarketAnswer, NewQuoteRequest, QuoteRequestAnswer
from exchange.model import Side
from exchange.parameters import Caller, IdempotencyKey, OfProduct
from exchange.service import ExchangeService
from exchange.tables import MarketRow, QuoteRequestRow
from kernel.clock import market_day
from kernel.edge import DAY_PATTERN, Page, decode_cursor, encode_cursor
from kernel.errors import InvalidInput
from kernel.exports import Listed, listed
from kernel.openapi import problems
from kernel.service import reading

From = Annotated[
    str | None,
    Query(
        alias="from",
        pattern=DAY_PATTERN,
        examples=["2026-01-05"],
        description="The first day, in Asia/Shanghai; today unless given.",
    ),
]


def market_routes(service: ExchangeService) -> APIRouter:
    """The market's day, and what concerns everybody in it."""
    routes = APIRouter(tags=["market"])
    reads = reading(service)
    trading_days = calendar()  # a file that is no calendar stops the start, not the first morning

    @routes.get("/v1/market", responses=problems(401, 403, 429), operation_id="getMarket")
    def market(call: Caller, session: Session = reads) -> MarketAnswer:
        """Whether the market is open. Scope: read."""
        call.require("read")
        row = session.get(MarketRow, "market")
        return MarketAnswer(
            is_open=bool(row and row.is_open), halted=bool(row and row.halted), day=row.day if row else "",
            now=service.clock.now_us(),
        )  # fmt: skip

    @routes.post("/v1/market/halt", responses=problems(401, 403, 409, 413, 422, 429, 503), operation_id="haltMarket")
    async def halt(body: Halt, call: Caller, idempotency_key: IdempotencyKey = None) -> MarketAnswer:
        """Pulls the kill switch of the whole market: nothing but cancels passes until it is resumed. Scope:
        operate."""
        call.require("operate")
        await service.execute(call, commands.HaltMarket(body.reason), "POST /v1/market/halt")
        return await _as_it_stands(service)

    @routes.delete("/v1/market/halt", responses=problems(401, 403, 409, 422, 429, 503), operation_id="resumeMarket")
    async def resume(call: Caller, idempotency_key: IdempotencyKey = None) -> MarketAnswer:
        """Releases the kill switch of the whole market. Scope: operate."""
        call.require("operate")
        await service.execute(call, commands.ResumeMarket(), "DELETE /v1/market/halt")
        return await _as_it_stands(service)

    @routes.get(
        "/v1/calendar", response_model=Page[CalendarDay], responses=listed(401, 403, 422, 429),
        operation_id="getCalendar",
    )  # fmt: skip
    def days(call: Caller, part: Listed, first: From = None) -> object:
        """The days of trading from one day to the end of the next year: open, half or closed, with their times, public
        holidays and the weekend days that make up for them. Scope: read."""
        call.require("read")
        today = market_day(service.clock.now_us())
        day = _after(part.cursor) or (date.fromisoformat(first) if first else today)
        last = date(today.year + 1, 12, 31)
        count = max(0, min(part.limit, (last - day).days + 1))
        items = [_calendar_day(trading_days.day(day + timedelta(days=offset))) for offset in range(count)]
        more = bool(items) and day + timedelta(days=count) <= last
        page = Page(items=items, next_cursor=encode_cursor(items[-1].day) if more else None)
        return part.answer(page, CalendarDay, "calendar")

    @routes.post(
        "/v1/quote-requests",
        status_code=201,
        responses=problems(401, 403, 409, 413, 422, 429, 503),
        operation_id="requestQuote",
    )
    async def request_quote(
        body: NewQuoteRequest, call: Caller, idempotency_key: IdempotencyKey = None
    ) -> QuoteRequestAnswer:
        """Asks the market for quotes without saying who asks; counts as an order against the order rates. Scope:
        trade."""
        principal = call.require("trade")
        command = commands.RequestQuote(principal.participant_id, body.product_id, body.side, body.loads)
        outcome = await service.execute(call, command, "POST /v1/quote-requests")
        return QuoteRequestAnswer(
            request_id=f"Q{outcome.seq}", product_id=body.product_id, side=body.side, loads=body.loads, at=outcome.at,
            own=True,
        )  # fmt: skip

    @routes.get(
        "/v1/quote-requests", response_model=Page[QuoteRequestAnswer], responses=listed(401, 403, 422, 429),
        operation_id="listQuoteRequests",
    )  # fmt: skip
    def quote_requests(call: Caller, part: Listed, product_id: OfProduct = None, session: Session = reads) -> object:
        """What the market was asked for, newest first, without who asked. Scope: read."""
        principal = call.require("read")
        query = select(QuoteRequestRow)
        if product_id is not None:
            query = query.where(QuoteRequestRow.product_id == product_id)

        def answer(row: QuoteRequestRow) -> QuoteRequestAnswer:
            side: Side | None = None if row.side is None else "buy" if row.side == "buy" else "sell"
            return QuoteRequestAnswer(
                request_id=f"Q{row.id}", product_id=row.product_id, side=side, loads=row.loads, at=row.asked_at,
                own=row.participant_id == principal.participant_id,
            )  # fmt: skip

        return part.page(session, query, col(QuoteRequestRow.id), answer, QuoteRequestAnswer, "quote-requests")

    return routes


async def _as_it_stands(service: ExchangeService) -> MarketAnswer:
    market = await service.market()
    return MarketAnswer(is_open=market.is_open, halted=market.halted, day=market.day, now=service.clock.now_us())


def _after(cursor: str | None) -> date | None:
    """The day after the one that a cursor names."""
    text = decode_cursor(cursor)
    if text is None:
        return None
    try:
        return date.fromisoformat(text) + timedelta(days=1)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(
            "cursor", "cursor", "Send the next_cursor of the page before, unchanged.",
            "请原样发送上一页的 next_cursor。",
        ) from error  # fmt: skip


def _calendar_day(day: TradingDay) -> CalendarDay:
    holiday = day.holiday
    return CalendarDay(
        day=day.day.isoformat(),
        state=day.state,
        holiday=holiday.name if holiday else None,
        holiday_zh=holiday.name_zh if holiday else None,
        makes_up=day.makes_up,
        opens_at=day.opens_at or None,
        trades_at=day.trades_at or None,
        pauses_at=day.pauses_at or None,
        resumes_at=day.resumes_at or None,
        collects_at=day.collects_at or None,
        closes_at=day.closes_at or None,
    )
