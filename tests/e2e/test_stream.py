"""The stream of the served platform as a process: over a restart, and when it is told to stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import websockets

from tests.e2e.floor import PRODUCT, Floor
from tests.e2e.server import Server
from tests.exchange.stream.client import Chain, Client, LevelBook

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
#: How long a server may take to stop while streams are open.
STOP_S_MAX = 8.0


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def floor(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    """A server with a buyer, a seller and a product."""
    folder = tmp_path_factory.mktemp("streamed")
    url = f"sqlite:///{folder / 'h2market.db'}"
    if request.param == "postgres":
        url = str(request.getfixturevalue("postgres_url"))
    server = Server(url, folder)
    opened = Floor(server)
    opened.found()
    server.start()
    try:
        with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client:
            opened.open(client, buyers=1, sellers=1, cash_fen=100_000_000)
        yield opened
    finally:
        server.stop()


@asynccontextmanager
async def connect(floor: Floor, company: int) -> AsyncIterator[Client]:
    """A connection of a company: 0 buys, 1 sells."""
    secret = floor.companies[company].secret
    url = floor.server.url.replace("http", "ws") + "/v1/stream"
    async with websockets.connect(
        url, additional_headers={"Authorization": f"Bearer {secret}"}, proxy=None
    ) as connected:  # fmt: skip
        yield Client(connected)


def order(client_order_id: str, side: str, price: str) -> dict[str, Any]:
    return {"client_order_id": client_order_id, "product_id": PRODUCT, "side": side, "price": price, "loads": 1}


def test_a_reader_resumes_over_a_restart_of_the_server(floor: Floor) -> None:
    async def before() -> tuple[int, list[str]]:
        chain, book, found = Chain(), LevelBook(), []
        async with connect(floor, 0) as buyer, connect(floor, 1) as seller:
            chain.begin((await buyer.ask(op="subscribe", channel="trades"))["seq"])
            await buyer.ask(op="subscribe", channel="book", product_id=PRODUCT)
            await seller.ask(op="place", orders=[order(f"s{number}", "sell", "20.00") for number in range(5)])
            await buyer.ask(op="place", orders=[order("b1", "buy", "20.00")])
            for message in await buyer.until_quiet():
                if message["type"] == "trades":
                    chain.take(message)
                    found += [one["trade_id"] for one in message["trades"]]
                elif message["type"].startswith("book"):
                    book.take(message)
        assert book.rows("asks") == [("20.00", 4, 4)]
        async with connect(floor, 0) as buyer:  # trades that the first reader does not hear of
            await buyer.ask(op="place", orders=[order("b2", "buy", "20.00"), order("b3", "buy", "20.00")])
        return chain.seq, found

    async def after(since: int) -> list[str]:
        async with connect(floor, 0) as client:
            told = await client.ask(op="subscribe", channel="trades", since=since)
            assert told["resumed"]
            trades = await client.hear("trades")
            assert trades["prev_seq"] == since
            return [one["trade_id"] for one in trades["trades"]]

    since, found = asyncio.run(before())
    floor.server.stop()
    floor.server.start()
    missed = asyncio.run(after(since))
    with httpx.Client(base_url=floor.server.url, trust_env=False, timeout=30) as client:
        headers = {"Authorization": f"Bearer {floor.operator}"}
        rest = client.get(f"/v1/products/{PRODUCT}/trades", headers=headers).json()["items"]
    assert found + missed == [one["trade_id"] for one in reversed(rest)]
    assert len(missed) == 2


def test_open_streams_do_not_keep_a_server_from_stopping(floor: Floor) -> None:
    async def run() -> None:
        headers = {"Authorization": f"Bearer {floor.operator}"}
        async with (
            connect(floor, 1) as client,
            httpx.AsyncClient(base_url=floor.server.url, trust_env=False, timeout=30) as rest,
            rest.stream("GET", "/v1/events", headers=headers) as answer,
        ):
            await client.ask(op="set_options", cancel_on_disconnect="cancel_placed")
            await client.ask(op="place", orders=[order("last", "sell", "30.00")])
            lines = answer.aiter_lines()
            await anext(lines)
            began = time.monotonic()
            await asyncio.to_thread(floor.server.stop)
            assert time.monotonic() - began < STOP_S_MAX
            assert (await client.ended())[0] == 1012

    asyncio.run(run())
    floor.server.start()
    with httpx.Client(base_url=floor.server.url, trust_env=False, timeout=30) as client:
        headers = {"Authorization": f"Bearer {floor.companies[1].secret}"}
        found = client.get("/v1/orders", params={"client_order_id": "last"}, headers=headers).json()["items"]
    assert (found[0]["status"], found[0]["reason"]) == ("cancelled", "disconnected")
