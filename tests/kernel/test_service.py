"""What the routes of a room stand on, seen through a route."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlmodel import Session

from kernel.clock import SystemClock
from kernel.errors import Unavailable
from kernel.service import Service, reading
from kernel.store import Store


def test_a_read_lets_its_connection_go_before_the_answer_is_sent(database_url: str) -> None:
    """A caller who is slow to take its answer would else keep one of the few connections from everybody."""
    store = Store(database_url)
    store.connect_writer().close()
    app, reads = FastAPI(), reading(Service(None, store, SystemClock()))  # type: ignore[arg-type]

    @app.get("/")
    def one(session: Session = reads) -> int:
        return int(session.execute(text("SELECT 1")).scalar_one())

    held: list[int] = []

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        async def watch(message: Any) -> None:
            held.append(store.read_engine.pool.checkedout())  # type: ignore[attr-defined]
            await send(message)

        await app(scope, receive, watch)

    async def run() -> str:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(watched), base_url="http://h2market") as client:
            return (await client.get("/")).text

    assert asyncio.run(run()) == "1"
    assert held == [0, 0]
    store.close()


def test_a_read_that_gets_no_connection_says_to_try_again(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kernel.store.READER_WAIT_S", 0.01)
    monkeypatch.setattr("kernel.store.READERS_MAX", 1)
    store = Store(database_url)
    store.connect_writer().close()
    with store.read_engine.connect(), pytest.raises(Unavailable), store.reading() as session:
        session.execute(text("SELECT 1"))
    store.close()
