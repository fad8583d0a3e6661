"""The assembled platform: what comes before what at its start."""

from __future__ import annotations

import asyncio
import secrets

import pytest
from sqlalchemy import text

from h2market.bootstrap import create_key
from h2market.platform import Platform
from kernel.config import Settings
from kernel.store import Store
from seeds.identity import credit_code
from settlement.service import SettlementService


def test_the_books_are_open_before_any_log_is_followed(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the job is: the first start writes the same log on every machine."""
    settings = Settings(database_url=sqlite_url, simulated_clock="2026-03-02T06:00:00+08:00")
    names = ("Operator", "运营方")
    asyncio.run(create_key(settings, None, ("operate",), "tests", credit_code(1), names, secrets.token_bytes))
    open_books = SettlementService.open_books

    async def dawdle(service: SettlementService, actor: str) -> None:
        await asyncio.sleep(0.3)
        await open_books(service, actor)

    monkeypatch.setattr(SettlementService, "open_books", dawdle)
    asyncio.run(_start_until_followed(settings))
    store = Store(sqlite_url)
    with store.read_engine.connect() as connection:
        rows = connection.execute(text("SELECT type FROM settlement_events ORDER BY seq")).all()
    store.close()
    assert [row.type for row in rows] == ["BooksOpened", "CashAccountOpened"]


async def _start_until_followed(settings: Settings) -> None:
    platform = Platform(settings)
    await platform.start()
    try:
        async with asyncio.timeout(30):
            while any([await follower.lag() for follower in platform.followers]):  # noqa: ASYNC110 - a short wait
                await asyncio.sleep(0.01)
    finally:
        await platform.stop()
