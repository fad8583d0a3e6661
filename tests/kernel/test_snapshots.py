"""Snapshots in parts, and those that another process makes, on both stores."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text
from sqlmodel import SQLModel

from kernel import snapshots
from kernel.clock import SimulatedClock
from kernel.errors import Unavailable
from kernel.room import MemoryRoom
from kernel.sequencer import Sequencer, Writer
from kernel.snapshots import Keeper, newest_first
from kernel.store import Store
from kernel.verify import verify_room
from tests.kernel.counter import Add, memory_room


@asynccontextmanager
async def running(url: str, script: str, every: int = sys.maxsize) -> AsyncIterator[Sequencer]:
    """A room whose snapshots come from a Python script; the position to stop at is ``sys.argv[1]``."""
    store = Store(url)
    writer = Writer(store)
    with writer.connection.begin():
        SQLModel.metadata.create_all(writer.connection)
    keeper = Keeper("counter", writer, (sys.executable, "-c", script), {})
    sequencer = Sequencer(memory_room(), writer, SimulatedClock(1_000), snapshot_every=every, keeper=keeper)
    sequencer.start(writer.connection)
    writer.start()
    try:
        yield sequencer
    finally:
        await sequencer.stop()
        writer.stop()
        store.close()


async def made(sequencer: Sequencer) -> None:
    """Waits until no snapshot is under way."""
    assert sequencer.keeper is not None
    async with asyncio.timeout(60):
        while sequencer.keeper.busy:  # noqa: ASYNC110 - what is waited for says nothing by itself
            await asyncio.sleep(0.005)


async def take(sequencer: Sequencer) -> None:
    """Stores a snapshot of the room as it is."""
    assert sequencer.keeper is not None
    assert isinstance(sequencer.room, MemoryRoom)
    sequencer.keeper.keep(sequencer.tail, sequencer.room.machine.dump(), lambda _size: None)
    await made(sequencer)


def saying(state: str, digest: str) -> str:
    """A script that says so."""
    return f"import sys; sys.stdout.write('{digest}' + chr(10) + '{state}')"


STATE = '[{"id":"a","value":5,"event_seq":5}]'
DIGEST = hashlib.sha256(STATE.encode()).hexdigest()


def stored(url: str) -> list[tuple[int, int]]:
    """Positions and parts."""
    store = Store(url)
    with store.read_engine.connect() as connection:
        rows = connection.execute(text("SELECT seq, part FROM kernel_snapshots ORDER BY seq, part"))
        found = [(row.seq, row.part) for row in rows]
    store.close()
    return found


async def five(sequencer: Sequencer) -> None:
    for _ in range(5):
        await sequencer.submit(Add("a", 1), actor="K1")


def test_a_large_state_is_made_elsewhere_and_stored_in_parts(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kernel.sequencer.ENCODED_BYTES_MAX", 10)
    monkeypatch.setattr(snapshots, "PART_BYTES", 10)

    async def run() -> None:
        async with running(database_url, saying(STATE, DIGEST)) as sequencer:
            await five(sequencer)
            assert stored(database_url) == []
            sequencer.snapshot_every = 1
            sequencer.room.snapshot_bytes = 11  # as a snapshot before would have said
            sequencer.room.snapshot_seq = 5
            await sequencer.read(lambda _machine: None)
            await made(sequencer)
            sequencer.snapshot_every = sys.maxsize
            assert sequencer.keeper is not None
            assert (sequencer.keeper.kept, sequencer.room.snapshot_bytes) == (1, len(STATE))
        assert stored(database_url) == [(5, part) for part in range(4)]
        async with running(database_url, "") as sequencer:
            assert sequencer.room.snapshot_seq == 5
            assert await sequencer.read(lambda machine: machine.counters["a"].value) == 5
            with sequencer.writer.store.read_engine.connect() as connection:
                assert list(verify_room(sequencer.room, connection)) == []

    asyncio.run(run())


@pytest.mark.parametrize(
    "script",
    ["raise SystemExit(3)", saying(STATE, "another"), saying(STATE[:-3], DIGEST), saying(STATE, DIGEST) + "; exit(1)"],
)
def test_a_snapshot_that_was_never_finished_is_passed_over(
    sqlite_url: str, script: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        async with running(sqlite_url, script) as sequencer:
            await five(sequencer)
            assert sequencer.keeper is not None
            with caplog.at_level(logging.ERROR, "h2market.snapshots"):
                sequencer.keeper.make(sequencer.tail, lambda size: pytest.fail(f"{size} bytes were stored"))
                await made(sequencer)
            assert "no snapshot of counter could be stored at event 5" in caplog.text
            await five(sequencer)
        async with running(sqlite_url, "") as sequencer:
            assert await sequencer.read(lambda machine: machine.counters["a"].value) == 10

    asyncio.run(run())


@pytest.mark.skipif(sys.platform != "linux", reason="other systems know no such class")
def test_the_process_has_only_what_nobody_else_wants(sqlite_url: str) -> None:
    """In the session of the server: Linux shares processors out among sessions first."""
    script = """
import hashlib, os, sys, time
until = time.monotonic() + 20
while os.sched_getscheduler(0) != os.SCHED_IDLE and time.monotonic() < until:
    time.sleep(0.01)
state = f'{os.sched_getscheduler(0)} {os.getsid(0) == os.getsid(os.getppid())} {os.getpgid(0) == os.getpid()}'
print(hashlib.sha256(state.encode()).hexdigest())
sys.stdout.write(state)
"""

    async def run() -> None:
        async with running(sqlite_url, script) as sequencer:
            await five(sequencer)
            assert sequencer.keeper is not None
            sequencer.keeper.make(sequencer.tail, lambda _size: None)
            await made(sequencer)
            with sequencer.writer.store.read_engine.connect() as connection:
                assert next(newest_first(connection, "counter")).state.decode() == f"{os.SCHED_IDLE} True True"

    asyncio.run(run())


def test_a_part_that_is_not_written_gives_up_that_snapshot_only(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The process that writes dies beneath it: the orders that it took along are concluded as ever."""
    monkeypatch.setattr(snapshots, "PART_BYTES", 10)

    async def run() -> None:
        async with running(sqlite_url, "") as sequencer:
            await five(sequencer)
            assert sequencer.keeper is not None
            scribe = sequencer.writer._scribe
            assert scribe is not None
            os.kill(scribe._process.pid, signal.SIGSTOP)
            sequencer.keeper.keep(sequencer.tail, STATE.encode(), lambda size: pytest.fail(f"{size} bytes were stored"))
            async with asyncio.timeout(20):
                while not scribe._waiting:  # noqa: ASYNC110 - what is waited for says nothing by itself
                    await asyncio.sleep(0.005)
            behind = asyncio.ensure_future(sequencer.submit(Add("a", 1), actor="K1"))
            async with asyncio.timeout(20):
                while len(scribe._waiting) < 2:  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.005)
            scribe._process.kill()
            with pytest.raises(Unavailable):
                await behind
            await made(sequencer)
            assert "no snapshot of counter could be stored at event 5" in caplog.text
            assert await sequencer.read(lambda machine: machine.counters["a"].value) == 5
            await take(sequencer)
            assert sequencer.keeper.kept == 1
        async with running(sqlite_url, "") as sequencer:
            assert sequencer.room.snapshot_seq == 5
            assert await sequencer.read(lambda machine: machine.counters["a"].value) == 5

    asyncio.run(run())


def test_a_stop_ends_the_process(sqlite_url: str) -> None:
    async def run() -> None:
        async with running(sqlite_url, "import time; print('x', flush=True); time.sleep(600)") as sequencer:
            await five(sequencer)
            assert sequencer.keeper is not None
            sequencer.keeper.make(sequencer.tail, lambda _size: None)
            await asyncio.sleep(0.1)
            await five(sequencer)  # nobody waits for it
            await sequencer.stop()
            assert not sequencer.keeper.busy

    asyncio.run(run())
    assert stored(sqlite_url) == []


def test_old_snapshots_go(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "PART_BYTES", 20)

    async def run() -> None:
        async with running(database_url, saying(STATE, DIGEST)) as sequencer:
            for _ in range(4):
                await five(sequencer)
                await take(sequencer)
            assert sorted({seq for seq, _ in stored(database_url)}) == [10, 15, 20]
            await five(sequencer)
            assert sequencer.keeper is not None
            sequencer.keeper.make(sequencer.tail, lambda _size: None)
            await made(sequencer)
        assert sorted({seq for seq, _ in stored(database_url)}) == [15, 20, 25]

    asyncio.run(run())


def test_a_start_counts_from_the_snapshot_that_it_began_with(sqlite_url: str) -> None:
    """However often a server is started again, a start replays no more than what is between two snapshots."""

    async def run() -> None:
        for _ in range(3):
            async with running(sqlite_url, "", every=10) as sequencer:
                await five(sequencer)
                await made(sequencer)
        assert stored(sqlite_url) == [(10, 0)]

    asyncio.run(run())


def test_the_state_at_an_event_is_that_of_the_log_there(database_url: str) -> None:
    async def run() -> None:
        async with running(database_url, "") as sequencer:
            await five(sequencer)
            at_five = sequencer.tail
            room = sequencer.room
            assert isinstance(room, MemoryRoom)
            state = room.machine.dump()
            await five(sequencer)
            await take(sequencer)
            with sequencer.writer.store.read_engine.connect() as connection:
                assert room.state_at(connection, at_five.seq) == state
                with pytest.raises(ValueError, match="no event 11"):
                    room.state_at(connection, 11)
                assert [one.seq for one in newest_first(connection, "counter")] == [10]

    asyncio.run(run())
