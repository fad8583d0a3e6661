"""Work in the writer's thread: whoever asked hears what came of it, and what was queued is done."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import OperationalError
from sqlmodel import SQLModel

from kernel.room import table_of
from kernel.store import Row, Store, Write, write_rows
from kernel.writer import Writer
from tests.kernel.samples import PairRow

PAIRS = table_of(PairRow)
WAIT_S = 20


@pytest.fixture
def writer(database_url: str) -> Iterator[Writer]:
    store = Store(database_url)
    one = Writer(store)
    with one.connection.begin():
        SQLModel.metadata.create_all(one.connection, tables=[PAIRS])
    one.start()
    yield one
    one.stop()
    store.close()


def add(connection: Connection, row: Row) -> str:
    """Commits a row; gives the name of the thread that did."""
    with connection.begin():
        write_rows(connection, [Write(PAIRS, [row], replace=False)])
    return threading.current_thread().name


def count(connection: Connection) -> int:
    with connection.begin():
        found: int = connection.execute(select(func.count()).select_from(PAIRS)).scalar_one()
        return found


def test_who_asked_gets_what_the_work_gives(writer: Writer) -> None:
    async def run() -> None:
        assert await writer.run(lambda connection: add(connection, ("a", 1, 10))) == "h2market-writer"
        assert await writer.run(count) == 1

    asyncio.run(run())


def test_an_error_is_its_caller_s_and_nobody_else_s(writer: Writer) -> None:
    async def run() -> None:
        first, again, other = await asyncio.gather(
            writer.run(lambda connection: add(connection, ("a", 1, 10))),
            writer.run(lambda connection: add(connection, ("a", 1, 11))),
            writer.write([Write(PAIRS, [("b", 1, 20)], replace=False)]),
            return_exceptions=True,
        )
        assert (first, other) == ("h2market-writer", None)
        assert "unique" in str(again).lower()
        assert await writer.run(count) == 2

    asyncio.run(run())


def test_a_store_that_gives_no_connection_is_the_caller_s_error(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> Connection:
        raise OperationalError("connect", None, Exception("away"))

    async def run() -> None:
        with monkeypatch.context() as patched:
            patched.setattr(writer.store, "connect_writer", away)
            await writer.run(lambda _connection: writer.disconnect())
            with pytest.raises(OperationalError, match="away"):
                await writer.run(count)
        assert await writer.run(count) == 0

    asyncio.run(run())


@pytest.mark.parametrize("when", ["waiting", "working"])
def test_what_a_cancelled_caller_queued_is_done_all_the_same(writer: Writer, when: str) -> None:
    held, working = threading.Event(), threading.Event()

    def hold(connection: Connection) -> None:
        working.set()
        assert held.wait(WAIT_S)
        add(connection, ("a", 1, 10))

    async def run() -> None:
        holding = asyncio.create_task(writer.run(hold))
        waiting = asyncio.create_task(writer.run(lambda connection: add(connection, ("b", 1, 20))))
        assert await asyncio.to_thread(working.wait, WAIT_S)
        gone, stays = (waiting, holding) if when == "waiting" else (holding, waiting)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        held.set()
        await stays
        assert await writer.run(count) == 2

    asyncio.run(run())


def test_the_thread_outlives_a_loop_that_ends_before_its_work(writer: Writer) -> None:
    held, working, done = threading.Event(), threading.Event(), threading.Event()

    def hold(connection: Connection) -> None:
        working.set()
        assert held.wait(WAIT_S)
        add(connection, ("a", 1, 10))
        done.set()

    async def run() -> None:
        asking = asyncio.create_task(writer.run(hold))
        assert await asyncio.to_thread(working.wait, WAIT_S)
        asking.cancel()

    asyncio.run(run())
    held.set()
    assert done.wait(WAIT_S)
    writer.stop()
    assert not writer._thread.is_alive()
    with writer.store.read_engine.connect() as connection:
        assert count(connection) == 1
