"""Snapshots in parts, and those that another process makes, on both stores."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import SQLModel

from kernel import snapshots
from kernel.clock import SimulatedClock
from kernel.errors import Unavailable
from kernel.log import Tail
from kernel.room import MemoryRoom
from kernel.scribe import Heard, Statement
from kernel.sequencer import Sequencer, Writer
from kernel.snapshots import Keeper, newest_first
from kernel.store import Store, Write
from kernel.verify import verify_room
from tests.kernel.counter import Add, memory_room
from tests.kernel.faults import break_next_commit


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
            assert sequencer.keeper._task is not None
            assert sequencer.keeper._task.done()
            sequencer.snapshot_every = 1
            await five(sequencer)  # what is finished after that begins none
            assert sequencer.keeper._task.done()

    asyncio.run(run())
    assert stored(sqlite_url) == []


@pytest.mark.parametrize("killed_after", ["nothing", "digest", "half", "all"])
def test_a_process_that_is_killed_leaves_what_was_there(
    database_url: str, killed_after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often: what it did not finish counts as no snapshot, and does not stay."""
    monkeypatch.setattr(snapshots, "PART_BYTES", 10)
    said = {"nothing": "", "digest": DIGEST + "\n", "half": f"{DIGEST}\n{STATE[:25]}", "all": f"{DIGEST}\n{STATE}"}
    script = f"import os; os.write(1, {said[killed_after].encode()!r}); os.kill(os.getpid(), 9)"

    async def run() -> None:
        async with running(database_url, script) as sequencer:
            await five(sequencer)
            await take(sequencer)
            whole = stored(database_url)
            assert sequencer.keeper is not None
            for _ in range(snapshots.SNAPSHOTS_KEPT + 1):
                await sequencer.submit(Add("a", 1), actor="K1")
                sequencer.keeper.make(sequencer.tail, lambda size: pytest.fail(f"{size} bytes were stored"))
                await made(sequencer)
            assert stored(database_url) == whole
        async with running(database_url, "") as sequencer:
            assert sequencer.room.snapshot_seq == 5
            assert await sequencer.read(lambda machine: machine.counters["a"].value) == 9

    asyncio.run(run())


@pytest.mark.parametrize("part", range(4))
def test_a_scribe_that_dies_at_any_part_leaves_no_half_snapshot(
    sqlite_url: str, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "PART_BYTES", 10)

    async def run() -> None:
        async with running(sqlite_url, "") as sequencer:
            await five(sequencer)
            keeper, scribe = sequencer.keeper, sequencer.writer._scribe
            assert keeper is not None
            assert scribe is not None
            post, parts = scribe.post, iter(range(4))

            def post_or_die(statements: Sequence[Statement], heard: Heard) -> None:
                if next(parts) == part:
                    scribe._process.kill()
                post(statements, heard)

            monkeypatch.setattr(scribe, "post", post_or_die)
            keeper.keep(sequencer.tail, STATE.encode(), lambda size: pytest.fail(f"{size} bytes were stored"))
            await made(sequencer)
            with sequencer.writer.store.read_engine.connect() as connection:
                assert list(newest_first(connection, "counter")) == []
            await take(sequencer)
            assert keeper.kept == 1
        async with running(sqlite_url, "") as sequencer:
            assert sequencer.room.snapshot_seq == 5

    asyncio.run(run())


def test_a_server_that_goes_away_while_a_snapshot_is_stored(
    fresh_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "PART_BYTES", 10)

    async def run() -> None:
        async with running(fresh_postgres_url, "") as sequencer:
            await five(sequencer)
            keeper = sequencer.keeper
            assert keeper is not None
            store = keeper._store

            async def store_or_lose(tail: Tail, digest: str, part: int, state: bytes) -> None:
                if part == 2:
                    driver = sequencer.writer.connection.connection.driver_connection
                    with sequencer.writer.store.read_engine.connect() as reader:
                        pid = driver.info.backend_pid  # type: ignore[union-attr]
                        reader.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
                await store(tail, digest, part, state)

            with monkeypatch.context() as losing:
                losing.setattr(keeper, "_store", store_or_lose)
                keeper.keep(sequencer.tail, STATE.encode(), lambda size: pytest.fail(f"{size} bytes were stored"))
                await made(sequencer)
            async with asyncio.timeout(20):
                while True:
                    with suppress(Unavailable):
                        await sequencer.submit(Add("a", 1), actor="K1")
                        break
            await take(sequencer)
            assert keeper.kept == 1
        assert {seq for seq, _ in stored(fresh_postgres_url)} == {6}
        async with running(fresh_postgres_url, "") as sequencer:
            assert sequencer.room.snapshot_seq == 6
            assert await sequencer.read(lambda machine: machine.counters["a"].value) == 6

    asyncio.run(run())


def test_a_room_that_is_rebuilt_meanwhile_gets_the_snapshot_of_its_log(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state was the log's when it was encoded, and what fails afterwards is not in it."""
    monkeypatch.setattr(snapshots, "PART_BYTES", 10)

    async def run() -> None:
        async with running(sqlite_url, "") as sequencer:
            await five(sequencer)
            keeper, writer = sequencer.keeper, sequencer.writer
            assert keeper is not None
            store = keeper._store

            async def store_and_rebuild(tail: Tail, digest: str, part: int, state: bytes) -> None:
                if part == 2:
                    break_next_commit(sequencer, committed=False)
                    with pytest.raises(Unavailable):
                        await sequencer.submit(Add("a", 100), actor="K1")
                await store(tail, digest, part, state)

            monkeypatch.setattr(keeper, "_store", store_and_rebuild)
            await take(sequencer)
            assert (keeper.kept, sequencer.rebuilds, writer._on_the_way) == (1, 1, 0)
            with writer.store.read_engine.connect() as connection:
                assert [(one.seq, one.state.decode()) for one in newest_first(connection, "counter")] == [(5, STATE)]
                assert list(verify_room(sequencer.room, connection)) == []

    asyncio.run(run())


def test_parts_of_another_version_at_the_same_event_go(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It wrote more of them: they would make the new one unreadable."""
    monkeypatch.setattr(snapshots, "PART_BYTES", 10)

    async def run() -> None:
        async with running(sqlite_url, "") as sequencer:
            await five(sequencer)
            rows = [("counter", 5, part, sequencer.tail.hash, "of another", b"0123456789") for part in range(9)]
            await sequencer.writer.write([Write(snapshots._TABLE, rows, replace=True)])
            await take(sequencer)
        async with running(sqlite_url, "") as sequencer:
            assert sequencer.room.snapshot_seq == 5
        assert stored(sqlite_url) == [(5, part) for part in range(4)]

    asyncio.run(run())


def test_a_system_that_forbids_another_class_gets_its_snapshot(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_about: object) -> None:
        raise PermissionError("the container forbids it")

    for name in ("sched_setscheduler", "setpriority"):
        monkeypatch.setattr(os, name, forbidden, raising=False)

    async def run() -> None:
        async with running(sqlite_url, saying(STATE, DIGEST)) as sequencer:
            await five(sequencer)
            assert sequencer.keeper is not None
            sequencer.keeper.make(sequencer.tail, lambda _size: None)
            await made(sequencer)
            assert sequencer.keeper.kept == 1

    asyncio.run(run())


def test_a_stop_does_not_wait_for_a_process_that_cannot_be_ended(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "END_S_MAX", 0.05)
    monkeypatch.setattr(snapshots, "_give_way", lambda _pid: None)  # a busy machine would not let it begin
    monkeypatch.setattr(asyncio.subprocess.Process, "kill", lambda _process: None)
    script = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(600)"

    async def run() -> None:
        async with running(sqlite_url, script) as sequencer:
            await five(sequencer)
            assert sequencer.keeper is not None
            sequencer.keeper.make(sequencer.tail, lambda _size: None)
            async with asyncio.timeout(20):
                while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
                await sequencer.stop()
            os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
            assert sequencer.keeper._task is not None
            await asyncio.wait((sequencer.keeper._task,))

    asyncio.run(run())


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
