"""The assembled application: documentation without internet, health, metrics, what an unknown path gets."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace

import httpx

from h2market.app import create_app
from h2market.platform import Platform
from kernel.config import SERVICES, Settings


def visit(database_url: str, look: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
    """Runs ``look`` against the whole platform in this process."""

    async def run() -> None:
        settings = replace(Settings(), database_url=database_url, simulated_clock="2026-03-02T06:00:00+08:00")
        platform = Platform(settings)
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


def test_an_unknown_path_is_a_problem(sqlite_url: str) -> None:
    async def look(client: httpx.AsyncClient) -> None:
        answer = await client.get("/nothing", headers={"Accept-Language": "zh"})
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
        body = answer.json()
        assert (body["code"], body["errors"][0]["field"], body["errors"][0]["rule"]) == ("not_found", "path", "path")
        assert "不存在" in body["detail"]
        assert answer.headers["x-request-id"] == body["request_id"]

    visit(sqlite_url, look)
