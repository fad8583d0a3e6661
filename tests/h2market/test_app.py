"""The assembled application: documentation without internet, health, metrics, what an unknown path gets."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace

import httpx
import pytest

from h2market.app import create_app
from h2market.platform import Platform
from kernel.config import SERVICES, Settings
from kernel.scribe import Hung, Scribe
from tests.kernel.test_posted import scribe_of
from tests.kernel.test_sequencer import until
from tests.kernel.test_silence import silence, undying


def visit(
    database_url: str,
    look: Callable[[httpx.AsyncClient], Awaitable[None]],
    platforms: Callable[[Platform], None] = lambda _platform: None,
) -> None:
    """Runs ``look`` against the whole platform in this process, which ``platforms`` is given."""

    async def run() -> None:
        settings = replace(Settings(), database_url=database_url, simulated_clock="2026-03-02T06:00:00+08:00")
        platform = Platform(settings)
        platforms(platform)
        app = create_app(settings, SERVICES, platform)
        await platform.start()
        try:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://h2market") as client:
                await look(client)
        finally:
            await platform.stop()

    asyncio.run(run())


def test_the_documentation_needs_no_internet(sqlite_url: str) -> None:
    async def look(client: httpx.AsyncClient) -> None:
        page = await client.get("/docs")
        assert page.status_code == 200
        assets = re.findall(r"(?:src|href)=\"([^\"]+)\"", page.text)
        assert assets
        for asset in assets:
            assert asset.startswith("/static/"), asset
            assert (await client.get(asset)).status_code == 200

    visit(sqlite_url, look)


def test_every_route_is_documented_with_its_errors(sqlite_url: str) -> None:
    async def look(client: httpx.AsyncClient) -> None:
        document = (await client.get("/openapi.json")).json()
        assert len(document["paths"]) > 50
        ids = [operation["operationId"] for item in document["paths"].values() for operation in item.values()]
        assert len(ids) == len(set(ids))
        for path, item in document["paths"].items():
            if path.startswith("/v1/"):
                for operation in item.values():
                    assert "401" in operation["responses"], (path, operation["operationId"])

    visit(sqlite_url, look)


def test_health_tells_of_every_room_and_follower(sqlite_url: str) -> None:
    async def look(client: httpx.AsyncClient) -> None:
        health = (await client.get("/health")).json()
        assert health["ok"]
        assert [room["name"] for room in health["rooms"]] == ["participants", "exchange", "tracking", "settlement"]
        assert {follower["name"] for follower in health["followers"]} >= {"tracking.exchange", "settlement.courier"}
        assert (await client.get("/health/live")).json() == {"ok": True}
        assert (await client.get("/health/ready")).json() == {"ok": True}

    visit(sqlite_url, look)


def test_metrics_count_requests_by_route(sqlite_url: str) -> None:
    async def look(client: httpx.AsyncClient) -> None:
        (await client.get("/health/live"))
        text = (await client.get("/metrics")).text
        assert 'h2market_requests_total{method="GET",route="/health/live",status="200"} 1.0' in text
        assert 'h2market_request_seconds_count{route="/health/live"} 1.0' in text
        assert "h2market_log_seq" in text

    visit(sqlite_url, look)


def test_a_writer_that_hangs_is_told_of_and_holds_up_no_stop(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("TICK_S", 3_600), ("DEATH_S_MAX", 0.1)):
        monkeypatch.setattr(f"kernel.scribe.{name}", value)
    houses: list[Platform] = []

    async def hang(house: Platform) -> int:
        await house.writer.write([])
        scribe = scribe_of(house.sequencers["exchange"])
        pid = undying(scribe)
        waiting = asyncio.ensure_future(house.writer.write([]))
        await until(lambda: house.writer._on_the_way == 1)
        await silence(scribe)
        with pytest.raises(Hung):
            await waiting
        return pid

    async def ready(client: httpx.AsyncClient) -> bool:
        return (await client.get("/health/ready")).status_code == 200

    async def look(client: httpx.AsyncClient) -> None:
        (house,) = houses
        pid = await hang(house)
        assert not await ready(client)
        health = (await client.get("/health")).json()
        assert (health["ok"], {room["broken"] for room in health["rooms"]}) == (False, {"Hung"})
        text = (await client.get("/metrics")).text
        assert 'h2market_broken{room="tracking"} 1.0' in text
        assert "h2market_writer_silences 1.0" in text
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(20):
            while not await ready(client):  # noqa: ASYNC110 - what is waited for says nothing by itself
                await asyncio.sleep(0.05)
        health = (await client.get("/health")).json()
        assert {room["broken"] for room in health["rooms"]} == {None}
        await hang(house)  # and so it is stopped
        left.append(scribe_of(house.sequencers["exchange"]))

    left: list[Scribe] = []
    visit(sqlite_url, look, houses.append)
    (scribe,) = left
    os.kill(scribe._process.pid, signal.SIGKILL)
    scribe._process.wait()
    scribe._channel.close()


def test_an_unknown_path_is_a_problem(sqlite_url: str) -> None:
    async def look(client: httpx.AsyncClient) -> None:
        answer = await client.get("/nothing", headers={"Accept-Language": "zh"})
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
        body = answer.json()
        assert (body["code"], body["errors"][0]["field"], body["errors"][0]["rule"]) == ("not_found", "path", "path")
        assert "不存在" in body["detail"]
        assert answer.headers["x-request-id"] == body["request_id"]

    visit(sqlite_url, look)
