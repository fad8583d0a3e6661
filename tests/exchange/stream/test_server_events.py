"""The log over plain HTTP: public events, one's own between them, and everything for who may see it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from exchange import commands as c
from participants.commands import SuspendCompany
from tests.exchange.market import PRODUCT
from tests.exchange.stream.client import PATIENCE_S
from tests.exchange.stream.served import Served

Block = tuple[str, str, dict[str, Any]]  # id, event, data


async def blocks(answer: httpx.Response) -> AsyncIterator[Block]:
    """Server-sent events as they come; comments are left out."""
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value
        elif not line:
            if "data" in fields:
                yield fields.get("id", ""), fields["event"], json.loads(fields["data"])
            fields = {}


async def read(served: Served, who: str, count: int, path: str = "/v1/events?since=0", **headers: str) -> list[Block]:
    """The first so many events."""
    found: list[Block] = []
    async with served.rest(who) as client, client.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        async with asyncio.timeout(PATIENCE_S):
            async for block in blocks(answer):
                found.append(block)
                if len(found) == count:
                    break
    return found


async def trade_once(served: Served) -> None:
    await served.place("seller", "s1", "sell", 3, "20.00")
    await served.place("buyer", "b1", "buy", 1, "20.00")
    await asyncio.to_thread(served.submit, c.RequestQuote(served.ids["other"], PRODUCT, "buy", 3))


def test_the_market_sees_no_owners_and_each_company_its_own(served: Served) -> None:
    async def run() -> None:
        start = served.house.sequencers["exchange"].tail.seq
        await trade_once(served)
        path = f"/v1/events?since={start}"
        market = await read(served, "other", 2, path)
        assert [(name, data.get("trade_id")) for _, name, data in market] == [("trade", "T28"), ("quote_request", None)]
        assert not any("participant_id" in data for _, _, data in market)
        own = await read(served, "buyer", 4, path)
        assert [name for _, name, _ in own] == ["order", "trade", "fill", "quote_request"]
        assert {data["participant_id"] for _, name, data in own if name in ("order", "fill")} == {served.ids["buyer"]}
        everything = await read(served, "auditor", 6, path)
        assert [name for _, name, _ in everything] == ["order", "order", "trade", "fill", "fill", "quote_request"]

    asyncio.run(run())


def test_a_reader_goes_on_after_the_last_event_that_it_saw(served: Served) -> None:
    async def run() -> None:
        await trade_once(served)
        everything = await read(served, "auditor", 20)
        ids = [int(name) for name, _, _ in everything if name]
        assert ids == sorted(set(ids))
        cut = next(place for place, block in enumerate(everything) if block[0] and place > 8)
        resumed = await read(
            served, "auditor", 20 - cut - 1, "/v1/events", **{"Last-Event-ID": everything[cut][0]}
        )  # fmt: skip
        assert resumed == everything[cut + 1 :]

    asyncio.run(run())


@pytest.mark.parametrize("position", ["0" * 20 + "9" * 30, "0" * 5_000, "-1", "9" * 5_000, str(2**63), "\u0665"])
def test_what_is_no_position_is_refused(served_here: Served, position: str) -> None:
    async def run() -> None:
        async with served_here.rest("buyer") as client:
            for path, headers in ((f"/v1/events?since={position}", {}), ("/v1/events", {"Last-Event-ID": position})):
                if position.isascii() or not headers:
                    answer = await client.get(path, headers=headers)
                    assert answer.status_code == 422
                    assert answer.json()["errors"][0]["rule"] == "position"

    asyncio.run(run())


def test_a_reader_knows_where_it_is_before_anything_happens(served_here: Served) -> None:
    """A block without data is no event, but a browser comes back with its id all the same."""

    async def run() -> None:
        tail = served_here.house.sequencers["exchange"].tail.seq
        for path, position in (("/v1/events", tail), ("/v1/events?since=3", 3)):
            async with served_here.rest("buyer") as client, client.stream("GET", path) as answer:
                lines = answer.aiter_lines()
                assert [await anext(lines) for _ in range(3)][1:] == [f"id: {position}", ""]

    asyncio.run(run())


def test_without_a_position_it_begins_with_what_happens_now(served_here: Served) -> None:
    async def run() -> None:
        reading = asyncio.create_task(read(served_here, "buyer", 1, "/v1/events"))
        await asyncio.sleep(0.5)
        await served_here.place("buyer", "b1", "buy", 1, "20.00")
        assert [(name, data["change"]) for _, name, data in await reading] == [("order", "placed")]

    asyncio.run(run())


@pytest.mark.parametrize(("path", "headers", "field"), [
    ("/v1/events?since=x", {}, "since"),
    ("/v1/events?since=", {}, "since"),
    ("/v1/events?since=999999", {}, "since"),
    ("/v1/events", {"Last-Event-ID": "-1"}, "Last-Event-ID"),
])  # fmt: skip
def test_a_position_that_is_none_is_refused(
    served_here: Served, path: str, headers: dict[str, str], field: str
) -> None:
    async def run() -> None:
        async with served_here.rest("buyer") as client:
            answer = await client.get(path, headers=headers)
            assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)

    asyncio.run(run())


def test_no_key_no_events(served_here: Served) -> None:
    async def run() -> None:
        async with served_here.rest("nobody") as client:
            assert (await client.get("/v1/events")).status_code == 401

    asyncio.run(run())


def test_the_stream_ends_when_the_company_is_suspended(served_here: Served) -> None:
    async def run() -> None:
        async with served_here.rest("buyer") as client, client.stream("GET", "/v1/events") as answer:
            lines = answer.aiter_lines()
            assert (await anext(lines)).startswith(":")
            command = SuspendCompany(served_here.ids["buyer"], "drill")
            await asyncio.to_thread(served_here.submit, command, "participants")
            async with asyncio.timeout(PATIENCE_S):
                async for _ in lines:
                    pass

    asyncio.run(run())
