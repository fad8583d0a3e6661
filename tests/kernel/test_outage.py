"""The store goes away while requests come in: nobody hangs, nobody is told what is not so, and service goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

import kernel.read_back
from kernel.errors import OutcomeUnknown, Unavailable
from kernel.messages import Recorded
from kernel.room import Room
from kernel.sequencer import Sequencer
from tests.kernel.counter import Add
from tests.kernel.faults import Outage, break_next_commit
from tests.kernel.test_sequencer import ROOMS, findings, key, running, values

WAIT_S = 10


async def add(sequencer: Sequencer, amount: int, name: str = "") -> int:
    async with asyncio.timeout(WAIT_S):
        return (await sequencer.submit(Add("a", amount), actor="K1", key=key(name) if name else None)).seq


def no_connection() -> Connection:
    raise OperationalError("connect", {}, ConnectionRefusedError("secret.host:5432"))


async def mended(sequencer: Sequencer) -> None:
    """Waits for the room to write again: PostgreSQL takes its time to end the session that held the writer's lock."""
    while sequencer.broken is not None:
        with suppress(Unavailable):
            await sequencer.mend()
        await asyncio.sleep(0.02)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel.read_back, "READ_BACK_S", 0.05)
    monkeypatch.setattr(kernel.read_back, "READ_BACK_PAUSE_S", 0.01)


@ROOMS
def test_an_outage_refuses_and_hangs_nobody(database_url: str, make_room: Callable[[], Room]) -> None:
    async def run() -> None:
        async with running(database_url, make_room()) as sequencer:
            await add(sequencer, 1)
            outage = Outage(sequencer)
            outage.begin(committed=False)
            with pytest.raises(OutcomeUnknown):
                await add(sequencer, 10)
            for _ in range(3):
                with pytest.raises(Unavailable):
                    await add(sequencer, 10)
                assert sequencer.broken is not None
            outage.end()
            assert await add(sequencer, 100) == 2
            assert sequencer.broken is None
            assert values(sequencer) == {"a": 101}
            assert findings(sequencer) == []

    asyncio.run(run())


@ROOMS
@pytest.mark.parametrize("committed", [True, False])
def test_an_unknown_commit_is_read_back_once_the_store_is_there_again(
    database_url: str, make_room: Callable[[], Room], committed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel.read_back, "READ_BACK_S", WAIT_S)  # two attempts, however slow the machine is

    async def run() -> None:
        async with running(database_url, make_room()) as sequencer:
            await add(sequencer, 1)
            Outage(sequencer, attempts=2).begin(committed=committed)
            if committed:
                assert await add(sequencer, 10) == 2
            else:
                with pytest.raises(Unavailable):
                    await add(sequencer, 10)
            await add(sequencer, 100)
            assert values(sequencer) == {"a": 111 if committed else 101}
            assert findings(sequencer) == []

    asyncio.run(run())


@ROOMS
@pytest.mark.parametrize("committed", [True, False])
def test_what_was_never_read_back_takes_effect_once_under_its_key(
    database_url: str, make_room: Callable[[], Room], committed: bool
) -> None:
    async def run() -> None:
        async with running(database_url, make_room()) as sequencer:
            heard: list[Recorded] = []
            sequencer.on_commit(heard.extend)
            await add(sequencer, 1)
            outage = Outage(sequencer)
            outage.begin(committed=committed)
            with pytest.raises(OutcomeUnknown):
                await add(sequencer, 10, "k")
            outage.end()
            assert await add(sequencer, 10, "k") == 2
            await add(sequencer, 100)
            assert values(sequencer) == {"a": 111}
            assert findings(sequencer) == []
            assert [recorded.seq for recorded in heard] == [1, 2, 3]

    asyncio.run(run())


@ROOMS
def test_a_database_that_was_away_is_written_to_again(
    database_url: str, make_room: Callable[[], Room], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        async with running(database_url, make_room()) as sequencer:
            await sequencer.submit(Add("a", 1), actor="K1")
            with monkeypatch.context() as away:
                away.setattr(sequencer.writer.store, "connect_writer", no_connection)
                await sequencer.writer.run(lambda _connection: sequencer.writer.disconnect())
                for _ in range(3):
                    async with asyncio.timeout(5):
                        with pytest.raises(Unavailable):
                            await sequencer.submit(Add("a", 10), actor="K1")
                assert sequencer.broken == "OperationalError"
                assert sequencer.waiting == 0
            async with asyncio.timeout(10):
                await mended(sequencer)
                await sequencer.submit(Add("a", 2), actor="K1")
            assert values(sequencer) == {"a": 3}
            assert findings(sequencer) == []

    asyncio.run(run())


@ROOMS
def test_a_commit_whose_answer_was_lost_is_told_of_without_another_request(
    database_url: str, make_room: Callable[[], Room], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        heard: list[int] = []
        async with running(database_url, make_room()) as sequencer:
            sequencer.on_commit(lambda recorded: heard.extend(one.seq for one in recorded))
            await sequencer.submit(Add("a", 1), actor="K1")
            with monkeypatch.context() as away:
                away.setattr(sequencer.writer.store, "connect_writer", no_connection)
                break_next_commit(sequencer, committed=True)
                with pytest.raises(OutcomeUnknown):
                    await sequencer.submit(Add("a", 10), actor="K1", key=key("k"))
            assert heard == [1]
            async with asyncio.timeout(WAIT_S):
                await mended(sequencer)
            assert heard == [1, 2]
            again = await sequencer.submit(Add("a", 10), actor="K1", key=key("k"))
            assert (again.replayed, values(sequencer)) == (True, {"a": 11})
            assert findings(sequencer) == []

    asyncio.run(run())


@ROOMS
def test_a_connection_that_cannot_even_be_closed_is_replaced(
    sqlite_url: str, make_room: Callable[[], Room], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stuck() -> None:
        raise OSError("nobody closes this")

    async def run() -> None:
        async with running(sqlite_url, make_room()) as sequencer:
            await add(sequencer, 1)
            outage = Outage(sequencer)
            monkeypatch.setattr(sequencer.writer.connection, "close", stuck)
            outage.begin(committed=False)
            with pytest.raises(OutcomeUnknown):
                await add(sequencer, 10)
            outage.end()
            assert await add(sequencer, 100) == 2
            assert values(sequencer) == {"a": 101}

    asyncio.run(run())


@ROOMS
def test_a_connection_that_postgresql_ends_is_made_anew(fresh_postgres_url: str, make_room: Callable[[], Room]) -> None:
    async def run() -> None:
        async with running(fresh_postgres_url, make_room()) as sequencer:
            await add(sequencer, 1)
            backend = sequencer.writer.connection.connection.driver_connection.info.backend_pid  # type: ignore[union-attr]
            with sequencer.writer.store.read_engine.connect() as reader:
                reader.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": backend})
            with pytest.raises(Unavailable):
                await add(sequencer, 10)
            assert await add(sequencer, 100) == 2
            assert values(sequencer) == {"a": 101}
            assert findings(sequencer) == []

    asyncio.run(run())
