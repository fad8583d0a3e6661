"""`Client` and `AsyncClient`: the same methods, the one waiting and the other awaited."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal, Self, TypeVar

import httpx

from h2market.client import requests
from h2market.client.line import aread_all, lost, read_all
from h2market.client.log_events import EVENTS, SILENCE_S_MAX, LogReading
from h2market.client.model import (
    BatchEntry,
    Capacity,
    Changed,
    Commodity,
    DeclaredCapacity,
    Depth,
    Limits,
    Market,
    NewOrder,
    Order,
    Page,
    Placed,
    Product,
    PublicTrade,
    Recall,
    RecallStep,
    Trade,
)
from h2market.client.requests import next_cursor
from h2market.client.said import LogEvent
from h2market.client.talk import Pause, Reply, Request, Retry, Talk

T = TypeVar("T")
Pages = Callable[[str | None], Talk[Page[T]]]
Status = Literal["open", "done"]

#: How long a connection, or one answer, may take.
TIMEOUT_S = 10.0
_LISTENING = httpx.Timeout(TIMEOUT_S, read=SILENCE_S_MAX)


def _headers(key: str, language: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", "Accept-Language": language}


class Client:
    """The exchange over REST under one API key. Use it in a ``with`` block, or call `close`.

    Every method raises an `ApiError` for a refusal, `NoAnswer` where nothing came back, and `OutcomeUnknown` where a
    change may or may not have taken effect. ``language`` is that of the sentences: ``en`` or ``zh``.
    """

    def __init__(
        self, url: str, key: str, *, timeout_s: float = TIMEOUT_S, retry: Retry | None = None, language: str = "en"
    ) -> None:
        self._retry = retry or Retry()
        self._timeout_s = timeout_s
        self._http = httpx.Client(base_url=url, headers=_headers(key, language), timeout=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hangs up."""
        self._http.close()

    def place(self, order: NewOrder) -> Placed:
        """Places an order, once. Raises Refused where the rules of the trade say no."""
        return self._run(requests.place(order, self._retry))

    def place_batch(self, orders: Sequence[NewOrder]) -> tuple[BatchEntry, ...]:
        """Places up to 100 orders in one commit, each for itself; an entry has its order or its problem."""
        return self._run(requests.place_batch(orders, self._retry))

    def cancel(self, order_id: str, *, idempotency_key: str = "") -> Changed:
        """Cancels what is open of an order. Raises NotFound for one that is not open."""
        return self._run(requests.cancel(order_id, idempotency_key, self._retry))

    def amend(
        self, order_id: str, *, price: Decimal | None = None, loads: int | None = None, idempotency_key: str = ""
    ) -> Changed:
        """Gives an order another price, another total of loads (executed ones included), or both."""
        return self._run(requests.amend(order_id, price, loads, idempotency_key, self._retry))

    def order(self, order_id: str) -> Order:
        """One order as it stands."""
        return self._run(requests.order(order_id, self._retry))

    def find_order(self, client_order_id: str) -> Order | None:
        """The order that was sent under a client order id, whatever became of it."""
        return self._run(requests.find_order(client_order_id, self._retry))

    def end_order(self, client_order_id: str) -> Order | None:
        """Makes sure of an order after OutcomeUnknown: gives it as it ended, with what was open of it cancelled, or
        None where it never took effect; then its id is used up, and it never will."""
        return self._run(requests.end_order(client_order_id, self._retry))

    def orders(self, *, status: Status | None = None, product_id: str | None = None) -> Iterator[Order]:
        """The company's orders, newest first."""
        return self._all(
            lambda cursor: requests.orders(self._retry, cursor=cursor, status=status, product_id=product_id)
        )

    def trades(self, *, product_id: str | None = None) -> Iterator[Trade]:
        """The company's trades, newest first."""
        return self._all(lambda cursor: requests.trades(self._retry, product_id, cursor=cursor))

    def public_trades(self, product_id: str) -> Iterator[PublicTrade]:
        """The trades of a product without their parties, newest first."""
        return self._all(lambda cursor: requests.public_trades(product_id, self._retry, cursor=cursor))

    def request_recall(self, trade_id: str, reason: str, *, idempotency_key: str = "") -> Recall:
        """Asks to undo a trade; the operator decides."""
        return self._run(requests.request_recall(trade_id, reason, idempotency_key, self._retry))

    def recall(self, trade_id: str) -> Recall:
        """The latest recall of a trade. Raises NotFound where there was none."""
        return self._run(requests.recall(trade_id, self._retry))

    def recalls(self, *, state: str | None = None) -> Iterator[Recall]:
        """Recalls of the company's trades, newest first; all of them for the operator."""
        return self._all(lambda cursor: requests.recalls(self._retry, cursor=cursor, state=state))

    def approve_recall(self, trade_id: str, *, idempotency_key: str = "") -> RecallStep:
        """The operator's first eyes."""
        return self._run(requests.decide_recall(trade_id, "approval", "", idempotency_key, self._retry))

    def confirm_recall(self, trade_id: str, *, idempotency_key: str = "") -> RecallStep:
        """The operator's second eyes: another key than the one that approved."""
        return self._run(requests.decide_recall(trade_id, "confirmation", "", idempotency_key, self._retry))

    def reject_recall(self, trade_id: str, reason: str, *, idempotency_key: str = "") -> RecallStep:
        """Turns a recall down."""
        return self._run(requests.decide_recall(trade_id, "rejection", reason, idempotency_key, self._retry))

    def withdraw_recall(self, trade_id: str, *, idempotency_key: str = "") -> RecallStep:
        """Takes the company's own request back, before the operator's second eyes."""
        return self._run(requests.decide_recall(trade_id, "withdrawal", "", idempotency_key, self._retry))

    def products(
        self, *, kind: str | None = None, hub: str | None = None, status: Literal["open", "closed"] | None = None
    ) -> Iterator[Product]:
        """Products by their id."""
        return self._all(
            lambda cursor: requests.products(self._retry, cursor=cursor, kind=kind, hub=hub, status=status)
        )

    def product(self, product_id: str) -> Product:
        """One product."""
        return self._run(requests.product(product_id, self._retry))

    def book(self, product_id: str, levels: int = 10) -> Depth:
        """The best levels of a product's book."""
        return self._run(requests.book(product_id, levels, self._retry))

    def market(self) -> Market:
        """Whether orders are taken."""
        return self._run(requests.market(self._retry))

    def limits(self) -> Limits:
        """The company's money on the exchange, and its capacities."""
        return self._run(requests.limits(self._retry))

    def capacities(self) -> tuple[Capacity, ...]:
        """What the company declared, latest window first."""
        return self.limits().capacities

    def declare_capacity(
        self, commodity: Commodity, window_start: datetime, loads: int, *, idempotency_key: str = ""
    ) -> DeclaredCapacity:
        """Declares the loads that the company can provide in a window, in total."""
        return self._run(requests.declare(commodity, window_start, loads, idempotency_key, self._retry))

    def events(self, *, since: int | None = None) -> Iterator[LogEvent]:
        """The log as it grows: trades, status, and the company's own business; see `LogReading`. Never ends by itself:
        raises the ApiError of a refusal, or NoAnswer once patience is over."""
        reading = LogReading(since, self._retry)
        while True:
            try:
                with self._http.stream("GET", EVENTS, params=reading.query(), timeout=_LISTENING) as response:
                    if response.is_error:
                        until_s = time.monotonic() + self._timeout_s
                        reading.refused(read_all(response, reading.began_s, until_s))
                    else:
                        for line in response.iter_lines():
                            yield from reading.take(line)
            except httpx.RequestError as error:
                reading.lost(error)
            time.sleep(reading.pause_s())

    def _all(self, pages: Pages[T]) -> Iterator[T]:
        cursor: str | None = None
        while True:
            page = self._run(pages(cursor))
            yield from page.items
            cursor = next_cursor(page, cursor)
            if cursor is None:
                return

    def _run(self, talk: Talk[T]) -> T:
        reply: Reply = None
        while True:
            try:
                step = talk.send(reply)
            except StopIteration as done:
                result: T = done.value
                return result
            if isinstance(step, Pause):
                time.sleep(step.seconds)
            else:
                reply = self._send(step)

    def _send(self, request: Request) -> Reply:
        began_s = time.monotonic()
        try:
            with self._http.stream(
                request.method, request.path, params=request.query, content=request.body, headers=request.headers
            ) as response:
                return read_all(response, began_s, time.monotonic() + self._timeout_s)
        except httpx.RequestError as error:
            return lost(error, began_s)


class AsyncClient:
    """`Client` for programs that await. Use it in an ``async with`` block, or call `close`."""

    def __init__(
        self, url: str, key: str, *, timeout_s: float = TIMEOUT_S, retry: Retry | None = None, language: str = "en"
    ) -> None:
        self._retry = retry or Retry()
        self._timeout_s = timeout_s
        self._http = httpx.AsyncClient(base_url=url, headers=_headers(key, language), timeout=timeout_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Hangs up."""
        await self._http.aclose()

    async def place(self, order: NewOrder) -> Placed:
        """Places an order, once. Raises Refused where the rules of the trade say no."""
        return await self._run(requests.place(order, self._retry))

    async def place_batch(self, orders: Sequence[NewOrder]) -> tuple[BatchEntry, ...]:
        """Places up to 100 orders in one commit, each for itself; an entry has its order or its problem."""
        return await self._run(requests.place_batch(orders, self._retry))

    async def cancel(self, order_id: str, *, idempotency_key: str = "") -> Changed:
        """Cancels what is open of an order. Raises NotFound for one that is not open."""
        return await self._run(requests.cancel(order_id, idempotency_key, self._retry))

    async def amend(
        self, order_id: str, *, price: Decimal | None = None, loads: int | None = None, idempotency_key: str = ""
    ) -> Changed:
        """Gives an order another price, another total of loads (executed ones included), or both."""
        return await self._run(requests.amend(order_id, price, loads, idempotency_key, self._retry))

    async def order(self, order_id: str) -> Order:
        """One order as it stands."""
        return await self._run(requests.order(order_id, self._retry))

    async def find_order(self, client_order_id: str) -> Order | None:
        """The order that was sent under a client order id, whatever became of it."""
        return await self._run(requests.find_order(client_order_id, self._retry))

    async def end_order(self, client_order_id: str) -> Order | None:
        """Makes sure of an order after OutcomeUnknown: gives it as it ended, with what was open of it cancelled, or
        None where it never took effect; then its id is used up, and it never will."""
        return await self._run(requests.end_order(client_order_id, self._retry))

    def orders(self, *, status: Status | None = None, product_id: str | None = None) -> AsyncIterator[Order]:
        """The company's orders, newest first."""
        return self._all(
            lambda cursor: requests.orders(self._retry, cursor=cursor, status=status, product_id=product_id)
        )

    def trades(self, *, product_id: str | None = None) -> AsyncIterator[Trade]:
        """The company's trades, newest first."""
        return self._all(lambda cursor: requests.trades(self._retry, product_id, cursor=cursor))

    def public_trades(self, product_id: str) -> AsyncIterator[PublicTrade]:
        """The trades of a product without their parties, newest first."""
        return self._all(lambda cursor: requests.public_trades(product_id, self._retry, cursor=cursor))

    async def request_recall(self, trade_id: str, reason: str, *, idempotency_key: str = "") -> Recall:
        """Asks to undo a trade; the operator decides."""
        return await self._run(requests.request_recall(trade_id, reason, idempotency_key, self._retry))

    async def recall(self, trade_id: str) -> Recall:
        """The latest recall of a trade. Raises NotFound where there was none."""
        return await self._run(requests.recall(trade_id, self._retry))

    def recalls(self, *, state: str | None = None) -> AsyncIterator[Recall]:
        """Recalls of the company's trades, newest first; all of them for the operator."""
        return self._all(lambda cursor: requests.recalls(self._retry, cursor=cursor, state=state))

    async def approve_recall(self, trade_id: str, *, idempotency_key: str = "") -> RecallStep:
        """The operator's first eyes."""
        return await self._run(requests.decide_recall(trade_id, "approval", "", idempotency_key, self._retry))

    async def confirm_recall(self, trade_id: str, *, idempotency_key: str = "") -> RecallStep:
        """The operator's second eyes: another key than the one that approved."""
        return await self._run(requests.decide_recall(trade_id, "confirmation", "", idempotency_key, self._retry))

    async def reject_recall(self, trade_id: str, reason: str, *, idempotency_key: str = "") -> RecallStep:
        """Turns a recall down."""
        return await self._run(requests.decide_recall(trade_id, "rejection", reason, idempotency_key, self._retry))

    async def withdraw_recall(self, trade_id: str, *, idempotency_key: str = "") -> RecallStep:
        """Takes the company's own request back, before the operator's second eyes."""
        return await self._run(requests.decide_recall(trade_id, "withdrawal", "", idempotency_key, self._retry))

    def products(
        self, *, kind: str | None = None, hub: str | None = None, status: Literal["open", "closed"] | None = None
    ) -> AsyncIterator[Product]:
        """Products by their id."""
        return self._all(
            lambda cursor: requests.products(self._retry, cursor=cursor, kind=kind, hub=hub, status=status)
        )

    async def product(self, product_id: str) -> Product:
        """One product."""
        return await self._run(requests.product(product_id, self._retry))

    async def book(self, product_id: str, levels: int = 10) -> Depth:
        """The best levels of a product's book."""
        return await self._run(requests.book(product_id, levels, self._retry))

    async def market(self) -> Market:
        """Whether orders are taken."""
        return await self._run(requests.market(self._retry))

    async def limits(self) -> Limits:
        """The company's money on the exchange, and its capacities."""
        return await self._run(requests.limits(self._retry))

    async def capacities(self) -> tuple[Capacity, ...]:
        """What the company declared, latest window first."""
        return (await self.limits()).capacities

    async def declare_capacity(
        self, commodity: Commodity, window_start: datetime, loads: int, *, idempotency_key: str = ""
    ) -> DeclaredCapacity:
        """Declares the loads that the company can provide in a window, in total."""
        return await self._run(requests.declare(commodity, window_start, loads, idempotency_key, self._retry))

    async def events(self, *, since: int | None = None) -> AsyncIterator[LogEvent]:
        """The log as it grows: trades, status, and the company's own business; see `LogReading`. Never ends by itself:
        raises the ApiError of a refusal, or NoAnswer once patience is over."""
        reading = LogReading(since, self._retry)
        while True:
            try:
                async with self._http.stream("GET", EVENTS, params=reading.query(), timeout=_LISTENING) as response:
                    if response.is_error:
                        until_s = time.monotonic() + self._timeout_s
                        reading.refused(await aread_all(response, reading.began_s, until_s))
                    else:
                        async for line in response.aiter_lines():
                            for event in reading.take(line):
                                yield event
            except httpx.RequestError as error:
                reading.lost(error)
            await asyncio.sleep(reading.pause_s())

    async def _all(self, pages: Pages[T]) -> AsyncIterator[T]:
        cursor: str | None = None
        while True:
            page = await self._run(pages(cursor))
            for item in page.items:
                yield item
            cursor = next_cursor(page, cursor)
            if cursor is None:
                return

    async def _run(self, talk: Talk[T]) -> T:
        reply: Reply = None
        while True:
            try:
                step = talk.send(reply)
            except StopIteration as done:
                result: T = done.value
                return result
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
            else:
                reply = await self._send(step)

    async def _send(self, request: Request) -> Reply:
        began_s = time.monotonic()
        try:
            async with (
                asyncio.timeout(2 * self._timeout_s),  # a connection, and an answer that comes a byte at a time
                self._http.stream(
                    request.method, request.path, params=request.query, content=request.body, headers=request.headers
                ) as response,
            ):
                return await aread_all(response, began_s, time.monotonic() + self._timeout_s)
        except TimeoutError:
            return lost(httpx.ReadTimeout("the answer does not come to its end"), began_s)
        except httpx.RequestError as error:
            return lost(error, began_s)
