"""Group commit on both stores: nothing acknowledged is lost, nothing refused shows, every key takes effect once."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import SQLModel

from kernel.clock import SimulatedClock
from kernel.errors import Internal, KeyReused, Unavailable
from kernel.machine import Changes
from kernel.room import Room, table_of
from kernel.sequencer import Cursor, Envelope, Key, Outcome, Sequencer, Writer
from kernel.store import Store, Write, WriterTaken
from kernel.verify import verify_room
from kernel.writer import POSTED_MAX
from tests.kernel.counter import Add, Added, BelowZero, CounterRow, Explode, memory_room, view_room
from tests.kernel.faults import Held, break_next_commit

ROOMS = pytest.mark.parametrize("make_room", [memory_room, view_room])


@asynccontextmanager
async def running(url: str, room: Room, **options: Any) -> AsyncIterator[Sequencer]:
    store = Store(url)
    writer = Writer(store)
    with writer.connection.begin():
        SQLModel.metadata.create_all(writer.connection)
    sequencer = Sequencer(room, writer, SimulatedClock(1_000), **options)
    sequencer.start(writer.connection)
    writer.start()
    try:
        yield sequencer
    finally:
        await sequencer.stop()
        writer.stop()
        store.close()


def values(sequencer: Sequencer) -> dict[str, int]:
    with sequencer.writer.store.read_engine.connect() as connection:
        return {row.id: row.value for row in connection.execute(text("SELECT id, value FROM counter_counters"))}


def findings(sequencer: Sequencer) -> list[str]:
    with sequencer.writer.store.read_engine.connect() as connection:
        return [finding.rule for finding in verify_room(sequencer.room, connection)]


def wait_for(event: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
    """Waits in the writer's thread for an event of the loop."""
    asyncio.run_coroutine_threadsafe(event.wait(), loop).result()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - what is waited for says nothing by itself
            await asyncio.sleep(0)


def key(name: str, body: bytes = b"") -> Key:
    return Key("P1", name, hashlib.sha256(body).digest())


@ROOMS
def test_answers_follow_the_commit(database_url: str, make_room: Callable[[], Room]) -> None:
    async def run() -> None:
        async with running(database_url, make_room()) as sequencer:
            outcomes = await asyncio.gather(*(sequencer.submit(Add("a", 1), actor="K1") for _ in range(200)))
            assert sorted(outcome.seq for outcome in outcomes) == list(range(1, 201))
            assert values(sequencer) == {"a": 200}
            assert sequencer.commits < 200  # commits are shared
            assert findings(sequencer) == []

    asyncio.run(run())


@ROOMS
def test_a_refusal_changes_nothing_and_spares_its_neighbours(database_url: str, make_room: Callable[[], Room]) -> None:
    async def run() -> None:
        async with running(database_url, make_room()) as sequencer:
            results = await sequencer.submit_many(
                [Envelope(Add("a", 5), "K1"), Envelope(Add("a", -6), "K1"), Envelope(Add("a", -5), "K1")]
            )
            assert [type(result).__name__ for result in results] == ["Outcome", "BelowZero", "Outcome"]
            assert values(sequencer) == {"a": 0}
            with pytest.raises(BelowZero, match="a would fall to -1"):
                await sequencer.submit(Add("a", -1), actor="K1")
            assert sequencer.tail.seq == 2

    asyncio.run(run())


@ROOMS
def test_a_key_takes_effect_once(database_url: str, make_room: Callable[[], Room]) -> None:
    async def run() -> None:
        async with running(database_url, make_room()) as sequencer:
            both = await asyncio.gather(*(sequencer.submit(Add("a", 1), actor="K1", key=key("k")) for _ in range(2)))
            later = await sequencer.submit(Add("a", 1), actor="K1", key=key("k"))
            assert [outcome.seq for outcome in (*both, later)] == [1, 1, 1]
            assert later.replayed
            assert later.events == (Added("a", 1),)
            with pytest.raises(KeyReused):
                await sequencer.submit(Add("a", 2), actor="K1", key=key("k", b"another body"))
            assert values(sequencer) == {"a": 1}
        async with running(database_url, make_room()) as again:
            assert (await again.submit(Add("a", 1), actor="K1", key=key("k"))).replayed

    asyncio.run(run())


@ROOMS
def test_a_defect_takes_out_its_own_command_only(database_url: str, make_room: Callable[[], Room]) -> None:
    async def run() -> None:
        async with running(database_url, make_room()) as sequencer:
            results = await asyncio.gather(
                sequencer.submit(Add("a", 1), actor="K1"),
                sequencer.submit(Explode("a"), actor="K2"),
                sequencer.submit(Add("a", 1), actor="K1"),
                return_exceptions=True,
            )
            assert isinstance(results[1], Internal)
            assert values(sequencer) == {"a": 2}
            assert findings(sequencer) == []

    asyncio.run(run())


@ROOMS
def test_a_failed_commit_refuses_the_batch_and_service_goes_on(
    database_url: str, make_room: Callable[[], Room]
) -> None:
    async def run() -> None:
        async with running(database_url, make_room()) as sequencer:
            await sequencer.submit(Add("a", 1), actor="K1")
            writes = sequencer.room.writes

            def spoiled(_changes: Changes) -> list[Write]:
                return [Write(table_of(CounterRow), [("a",)], replace=True)]

            sequencer.room.writes = spoiled  # type: ignore[method-assign, assignment]
            with pytest.raises(Unavailable):
                await sequencer.submit(Add("a", 10), actor="K1")
            sequencer.room.writes = writes  # type: ignore[method-assign]
            outcome = await sequencer.submit(Add("a", 100), actor="K1")
            assert outcome.seq == 2
            assert values(sequencer) == {"a": 101}
            assert findings(sequencer) == []

    asyncio.run(run())


@ROOMS
@pytest.mark.parametrize("committed", [True, False])
def test_an_unknown_commit_is_read_back(database_url: str, make_room: Callable[[], Room], committed: bool) -> None:
    """Who writes is gone during COMMIT, once after and once before the database took it."""

    async def run() -> None:
        async with running(database_url, make_room()) as sequencer:
            await sequencer.submit(Add("a", 1), actor="K1")
            break_next_commit(sequencer, committed=committed)
            if committed:
                assert (await sequencer.submit(Add("a", 10), actor="K1")).seq == 2
            else:
                with pytest.raises(Unavailable):
                    await sequencer.submit(Add("a", 10), actor="K1")
            await sequencer.submit(Add("a", 100), actor="K1")
            assert values(sequencer) == {"a": 111 if committed else 101}
            assert findings(sequencer) == []

    asyncio.run(run())


@ROOMS
def test_a_key_sent_again_while_its_commit_runs_takes_effect_once(
    database_url: str, make_room: Callable[[], Room]
) -> None:
    async def run() -> None:
        async with running(database_url, make_room()) as sequencer:
            held = Held(sequencer)
            first = asyncio.ensure_future(sequencer.submit(Add("a", 1), actor="K1", key=key("k")))
            await until(held.begun.is_set)
            same = asyncio.ensure_future(sequencer.submit(Add("a", 1), actor="K1", key=key("k")))
            other = asyncio.ensure_future(sequencer.submit(Add("a", 2), actor="K1", key=key("k", b"another body")))
            await asyncio.sleep(0.02)
            assert not (first.done() or same.done() or other.done())
            held.go_on()
            assert ((await first).replayed, (await same).replayed, (await same).seq) == (False, True, 1)
            with pytest.raises(KeyReused):
                await other
            assert values(sequencer) == {"a": 1}
            assert sequencer.commits == 2

    asyncio.run(run())


def test_what_is_decided_while_another_batch_is_written_stands_on_it(sqlite_url: str) -> None:
    async def run() -> None:
        async with running(sqlite_url, memory_room()) as sequencer:
            held = Held(sequencer)
            sent = []
            for amount in (5, -5, -1):
                sent.append(asyncio.ensure_future(sequencer.submit(Add("a", amount), actor="K1")))
                await asyncio.sleep(0.02)
            seen = asyncio.ensure_future(sequencer.read(lambda machine: machine.counters["a"].value))
            await asyncio.sleep(0.02)
            assert not (seen.done() or any(one.done() for one in sent))
            held.go_on()
            assert [(await one).seq for one in sent[:2]] == [1, 2]
            with pytest.raises(BelowZero):
                await sent[2]
            assert (await seen, values(sequencer), findings(sequencer)) == (0, {"a": 0}, [])

    asyncio.run(run())


@pytest.mark.parametrize("committed", [True, False])
def test_a_batch_that_fails_takes_those_on_top_of_it_and_no_later_one(sqlite_url: str, committed: bool) -> None:
    """What was decided on a batch that is not written never happened; what waits is decided on the rebuilt room."""

    async def run() -> None:
        async with running(sqlite_url, memory_room()) as sequencer:
            await sequencer.submit(Add("a", 1), actor="K1")
            heard: list[int] = []
            sequencer.on_commit(lambda recorded: heard.extend(one.seq for one in recorded))
            held = Held(sequencer)
            if not committed:
                held.stop_writing()
            doomed = [asyncio.ensure_future(sequencer.submit(Add("a", 10), actor="K1")) for _ in range(3)]
            await until(lambda: sequencer.writer._on_the_way == 1)
            on_top = asyncio.ensure_future(sequencer.submit(Add("a", 100), actor="K1"))
            await until(lambda: sequencer.writer._on_the_way == POSTED_MAX)
            later = asyncio.ensure_future(sequencer.submit(Add("a", 1_000), actor="K1"))
            seen = asyncio.ensure_future(sequencer.read(lambda machine: machine.counters["a"].value))
            await asyncio.sleep(0.01)
            await held.lose(committed=committed)
            results = await asyncio.gather(*doomed, on_top, return_exceptions=True)
            if committed:
                assert [getattr(one, "seq", None) for one in results] == [2, 3, 4, 5]
            else:
                assert [type(one) for one in results] == [Unavailable] * 4
            await asyncio.gather(later, seen)
            assert values(sequencer) == {"a": 1_131 if committed else 1_001}
            assert (findings(sequencer), sequencer.broken) == ([], None)
            assert heard == list(range(2, sequencer.tail.seq + 1))

    asyncio.run(run())


def test_a_process_that_writes_and_is_killed_is_started_again(sqlite_url: str) -> None:
    async def run() -> None:
        async with running(sqlite_url, memory_room()) as sequencer:
            done = 0
            for round_ in range(5):
                sent = [asyncio.ensure_future(sequencer.submit(Add("a", 1), actor="K1")) for _ in range(50)]
                await asyncio.sleep(0.002 * round_)
                if (scribe := sequencer.writer._scribe) is not None:
                    scribe._process.kill()
                results = await asyncio.gather(*sent, return_exceptions=True)
                assert all(isinstance(one, Unavailable | Outcome) for one in results)
                done += sum(isinstance(one, Outcome) for one in results)
            assert (values(sequencer), findings(sequencer)) == ({"a": done}, [])

    asyncio.run(run())


@ROOMS
def test_a_caller_that_gives_up_leaves_its_command_and_its_neighbours(
    database_url: str, make_room: Callable[[], Room]
) -> None:
    async def run() -> None:
        async with running(database_url, make_room()) as sequencer:
            sent = [asyncio.ensure_future(sequencer.submit(Add("a", 1), actor="K1", key=key(f"{i}"))) for i in range(3)]
            await asyncio.sleep(0)
            sent[1].cancel()
            assert [(await sent[0]).seq, (await sent[2]).seq] == [1, 3]
            assert (await sequencer.submit(Add("a", 1), actor="K1", key=key("1"))).seq == 2

    asyncio.run(run())


def test_an_answer_or_a_listener_that_fails_spares_its_neighbours(sqlite_url: str) -> None:
    async def run() -> None:
        async with running(sqlite_url, memory_room()) as sequencer:
            heard: list[object] = []

            def fail(_outcome: object) -> None:
                raise ZeroDivisionError

            sequencer.on_commit(fail)
            sequencer.enqueue((Envelope(Add("a", 1), "K1"),), fail)
            sequencer.enqueue((Envelope(Add("a", 1), "K1"),), heard.append)
            await until(lambda: bool(heard))
            assert values(sequencer) == {"a": 2}

    asyncio.run(run())


@ROOMS
def test_a_follower_moves_its_cursor_with_its_effects(database_url: str, make_room: Callable[[], Room]) -> None:
    async def run() -> None:
        async with running(database_url, make_room()) as sequencer:
            await sequencer.follow([Envelope(Add("a", 1), "f")], Cursor("f", 7))
            await sequencer.follow([Envelope(Add("a", 1), "f")], Cursor("f", 7))  # sent again after a lost answer
            assert values(sequencer) == {"a": 1}
            with pytest.raises(BelowZero):
                await sequencer.follow([Envelope(Add("a", 5), "f"), Envelope(Add("a", -50), "f")], Cursor("f", 8))
            assert values(sequencer) == {"a": 1}
            await sequencer.follow([Envelope(Add("a", 5), "f")], Cursor("f", 8))
            assert values(sequencer) == {"a": 6}

    asyncio.run(run())


def test_a_full_queue_refuses(sqlite_url: str) -> None:
    async def run() -> None:
        async with running(sqlite_url, memory_room(), queue_max=3) as sequencer:
            hold = asyncio.Event()
            loop = asyncio.get_running_loop()
            held = asyncio.ensure_future(sequencer.writer.run(lambda _connection: wait_for(hold, loop)))
            waiting = [asyncio.ensure_future(sequencer.submit(Add("a", 1), actor="K1")) for _ in range(3)]
            await asyncio.sleep(0)
            with pytest.raises(Unavailable) as refused:
                await sequencer.submit(Add("a", 1), actor="K1")
            assert refused.value.params["retry_after_s"] == 1
            hold.set()
            await asyncio.gather(held, *waiting)
            assert values(sequencer) == {"a": 3}

    asyncio.run(run())


def test_snapshots_shorten_a_start_and_can_be_lost(database_url: str) -> None:
    async def run() -> None:
        async with running(database_url, memory_room(), snapshot_every=10) as sequencer:
            for _ in range(25):
                await sequencer.submit(Add("a", 1), actor="K1")
            digest = await sequencer.read(lambda machine: machine.digest())
        for spoil in ("SELECT 1", "UPDATE kernel_snapshots SET digest = 'x'", "DELETE FROM kernel_snapshots"):
            async with running(database_url, memory_room()) as sequencer:
                assert await sequencer.read(lambda machine: machine.digest()) == digest
            store = Store(database_url)
            with store.connect_writer() as connection, connection.begin():
                connection.execute(text(spoil))
            store.close()
        async with running(database_url, memory_room()) as sequencer:
            assert await sequencer.read(lambda machine: machine.digest()) == digest

    asyncio.run(run())


def test_verify_goes_on_from_every_snapshot(database_url: str) -> None:
    async def fill() -> list[int]:
        async with running(database_url, memory_room(), snapshot_every=10) as sequencer:
            assert sequencer.keeper is not None
            for _ in range(55):
                await sequencer.submit(Add("a", 1), actor="K1")
                while sequencer.keeper.busy:  # noqa: ASYNC110 - what is waited for says nothing by itself
                    await asyncio.sleep(0.001)
            with sequencer.writer.store.read_engine.connect() as connection:
                return list(connection.execute(text("SELECT seq FROM kernel_snapshots ORDER BY seq")).scalars())

    assert asyncio.run(fill()) == [30, 40, 50]
    assert spoiled_findings(database_url, "SELECT 1") == []
    other = b'[{"id":"a","value":39,"event_seq":40}]'
    assert spoiled_findings(database_url, "UPDATE kernel_snapshots SET digest = 'x' WHERE seq = 40") == [
        ("snapshot_differs", 40)
    ]
    digest = hashlib.sha256(other).hexdigest()
    spoil = "UPDATE kernel_snapshots SET digest = :digest, state = :state WHERE seq = 40"
    assert spoiled_findings(database_url, spoil, digest=digest, state=other) == [("snapshot_differs", 40)]
    # What another version wrote is passed over, as a start does.
    spoil = "UPDATE kernel_snapshots SET state = :state"
    assert spoiled_findings(database_url, spoil, state=b"of another version") == []


def spoiled_findings(url: str, spoil: str, **values: object) -> list[tuple[str, int]]:
    """What verify finds once a statement has spoiled the database."""
    store = Store(url)
    with store.connect_writer() as connection, connection.begin():
        connection.execute(text(spoil), values)
        found = [(finding.rule, finding.seq) for finding in verify_room(memory_room(), connection)]
    store.close()
    return found


def test_a_second_writer_is_refused(database_url: str) -> None:
    first, second = Store(database_url), Store(database_url)
    connection = first.connect_writer()
    with pytest.raises(WriterTaken):
        second.connect_writer()
    connection.close()
    first.close()
    second.connect_writer().close()
    second.close()


def test_verify_names_an_event_whose_text_is_no_text(sqlite_url: str) -> None:
    async def run() -> None:
        async with running(sqlite_url, memory_room()) as sequencer:
            await sequencer.submit(Add("a", 1), actor="K1")
        store = Store(sqlite_url)
        with store.connect_writer() as connection:
            with connection.begin():
                connection.execute(text("UPDATE counter_events SET payload = x'ff00'"))
            with connection.begin():
                found = list(verify_room(memory_room(), connection))
        store.close()
        assert [finding.rule for finding in found] == ["event_changed", "replay_failed"]

    asyncio.run(run())


@ROOMS
@pytest.mark.parametrize(
    ("spoil", "rule", "seq"),
    [
        ("UPDATE counter_events SET payload = replace(payload, '3', '4') WHERE seq = 2", "event_changed", 2),
        ("UPDATE counter_counters SET value = 9 WHERE id = 'a'", "row_changed", 3),
        ("DELETE FROM counter_counters WHERE id = 'a'", "row_missing", 3),
        ("DELETE FROM counter_events WHERE seq = 2", "log_gap", 3),
        ("INSERT INTO counter_counters VALUES ('z', 1, 2)", "row_unknown", 2),
    ],
)
def test_verify_names_the_event(
    database_url: str, make_room: Callable[[], Room], spoil: str, rule: str, seq: int
) -> None:
    async def run() -> None:
        async with running(database_url, make_room()) as sequencer:
            for name, amount in (("a", 1), ("b", 3), ("a", 5)):
                await sequencer.submit(Add(name, amount), actor="K1")
        store = Store(database_url)
        with store.connect_writer() as connection:
            with connection.begin():
                connection.execute(text(spoil))
            with connection.begin():
                found = list(verify_room(make_room(), connection))
        store.close()
        named = [finding for finding in found if (finding.rule, finding.seq) == (rule, seq)]
        assert named, found
        assert named[0].event == "Added"

    asyncio.run(run())


@ROOMS
def test_verify_misses_the_end_of_a_log_that_was_cut(database_url: str, make_room: Callable[[], Room]) -> None:
    async def run() -> None:
        async with running(database_url, make_room()) as sequencer:
            await sequencer.submit(Add("a", 1), actor="K1")
            await sequencer.submit(Add("a", 5), actor="K1", key=key("k"))
            assert findings(sequencer) == []
            with sequencer.writer.connection.begin():
                for spoil in (
                    "DELETE FROM counter_events WHERE seq = 2",
                    "UPDATE counter_counters SET value = 1, event_seq = 1",
                ):
                    sequencer.writer.connection.execute(text(spoil))
            assert findings(sequencer) == ["log_cut"]

    asyncio.run(run())
