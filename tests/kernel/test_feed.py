"""Followers on both stores: every event takes effect exactly once, whatever breaks on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import msgspec
import pytest
from sqlalchemy import BigInteger, Text, text
from sqlmodel import Field, SQLModel

from kernel.clock import SimulatedClock
from kernel.errors import KeyReused, Unavailable
from kernel.feed import Follower, LocalPort, LocalSource, ToOwnRoom, ToPort
from kernel.log import StoredEvent
from kernel.messages import Command, Recorded
from kernel.replica import ChainBroken, Replica
from kernel.room import MemoryRoom, Projected, table_of
from kernel.sequencer import Sequencer, Writer
from kernel.store import Store
from kernel.tables import EventRow
from kernel.verify import verify_room
from tests.kernel.counter import Add, Added, Explode, MemoryCounters, memory_room

WAIT_S = 10


class MirrorEvent(EventRow, table=True):
    __tablename__ = "counter_mirror_events"


class MirrorRow(SQLModel, table=True):
    __tablename__ = "counter_mirror"

    id: str = Field(primary_key=True, sa_type=Text)
    value: int = Field(sa_type=BigInteger)
    event_seq: int = Field(sa_type=BigInteger)


def mirror_room() -> MemoryRoom:
    """The counters again, in tables of their own."""
    projections = {"counter_counters": Projected(table_of(MirrorRow), msgspec.structs.astuple)}
    return MemoryRoom("mirror", (Added,), (Add, Explode), table_of(MirrorEvent), projections, MemoryCounters)


class Rooms:
    """A followed room and a following one, with the writer they share."""

    def __init__(self, url: str) -> None:
        self.store = Store(url)
        self.writer = Writer(self.store)
        clock = SimulatedClock(1_000)
        self.source = Sequencer(memory_room(), self.writer, clock)
        self.target = Sequencer(mirror_room(), self.writer, clock)

    def start(self) -> None:
        connection = self.writer.connection
        with connection.begin():
            SQLModel.metadata.create_all(connection)
        self.source.start(connection)
        self.target.start(connection)
        self.writer.start()

    def cursor(self, name: str = "mirror") -> int:
        with self.store.read_engine.connect() as connection:
            query = text("SELECT seq FROM kernel_cursors WHERE follower = :name")
            return int(connection.execute(query, {"name": name}).scalar() or 0)

    def values(self) -> dict[str, int]:
        with self.store.read_engine.connect() as connection:
            return {row.id: row.value for row in connection.execute(text("SELECT id, value FROM counter_mirror"))}

    def follower(self, handle: Callable[[Recorded], Sequence[Command]]) -> Follower:
        """A follower that goes on where the store says it stopped."""
        deliver = ToOwnRoom(self.target, self.source.room.events, handle)
        return Follower("mirror", LocalSource(self.store, self.source), deliver, self.cursor())

    def courier(self, handle: Callable[[Recorded], Sequence[Command]], port: LocalPort | None = None) -> Follower:
        """A follower that sends commands of the source's events to the target's port, with its cursor in the source."""
        deliver = ToPort(self.source, port or LocalPort(self.target), self.source.room.events, handle)
        return Follower("courier", LocalSource(self.store, self.source), deliver, self.cursor("courier"))


@asynccontextmanager
async def rooms(url: str) -> AsyncIterator[Rooms]:
    found = Rooms(url)
    found.start()
    try:
        yield found
    finally:
        found.writer.stop()
        found.store.close()


@asynccontextmanager
async def following(follower: Follower) -> AsyncIterator[Follower]:
    task = asyncio.create_task(follower.run())
    try:
        yield follower
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not holds():  # noqa: ASYNC110  # what is waited for says nothing by itself
            await asyncio.sleep(0.005)


def again(recorded: Recorded) -> list[Command]:
    """Does the same in the mirror."""
    assert isinstance(recorded.event, Added)
    return [Add(recorded.event.name, recorded.event.amount)]


def test_a_follower_that_is_cut_off_at_any_moment_takes_every_event_once(database_url: str) -> None:
    async def run() -> None:
        async with rooms(database_url) as two:
            sending = asyncio.gather(*(two.source.submit(Add(f"n{i % 7}", i), actor="K1") for i in range(600)))
            for pause_s in (0, 0.001, 0.003, 0.01, 0.02):
                async with following(two.follower(again)):
                    await asyncio.sleep(pause_s)
            await sending
            async with following(two.follower(again)) as follower:
                await until(lambda: follower.cursor == two.source.tail.seq)
                assert await follower.lag() == 0
            assert two.target.tail.seq == two.source.tail.seq == two.cursor() == 600
            assert two.values() == {f"n{rest}": sum(range(rest, 600, 7)) for rest in range(7)}

    asyncio.run(run())


def test_a_page_that_is_delivered_again_has_no_effect(database_url: str) -> None:
    async def run() -> None:
        async with rooms(database_url) as two:
            for amount in (1, 2, 3):
                await two.source.submit(Add("a", amount), actor="K1")
            late, follower = two.follower(again), two.follower(again)
            await follower.step()
            await late.step()  # its cursor in memory is behind: the store's is what counts
            assert (two.values(), two.target.tail.seq, late.cursor) == ({"a": 6}, 3, 3)

    asyncio.run(run())


def test_a_follower_stops_at_what_it_cannot_apply_and_goes_on_once_it_can(database_url: str) -> None:
    async def run() -> None:
        blocked = True

        def handle(recorded: Recorded) -> list[Command]:
            if blocked and recorded.seq == 3:
                raise LookupError("the third event is not understood")
            return again(recorded)

        async with rooms(database_url) as two:
            for amount in (1, 2):
                await two.source.submit(Add("a", amount), actor="K1")
            async with following(two.follower(handle)) as follower:
                await until(lambda: follower.cursor == 2)
                for amount in (4, 8):
                    await two.source.submit(Add("a", amount), actor="K1")
                await until(lambda: follower.error is not None)
                assert follower.error == "LookupError"
                assert (follower.cursor, two.cursor(), await follower.lag()) == (2, 2, 2)
                assert two.values() == {"a": 3}
                blocked = False
                await until(lambda: follower.cursor == 4 and follower.error is None)
            assert two.values() == {"a": 15}

    asyncio.run(run())


def test_a_command_that_is_refused_leaves_nothing_of_its_page(database_url: str) -> None:
    def handle(recorded: Recorded) -> list[Command]:
        assert isinstance(recorded.event, Added)
        return [Add("seen", 1), Add(recorded.event.name, -recorded.event.amount)]

    async def run() -> None:
        async with rooms(database_url) as two:
            await two.target.submit(Add("a", 5), actor="K1")
            await two.source.submit(Add("a", 5), actor="K1")
            await two.source.submit(Add("a", 2), actor="K1")
            async with following(two.follower(handle)) as follower:
                await until(lambda: follower.error is not None)
                assert follower.error == "BelowZero: a would fall to -2."
                assert (two.values(), two.cursor()) == ({"a": 5}, 0)
                await two.target.submit(Add("a", 2), actor="K1")
                await until(lambda: follower.cursor == 2)
            assert two.values() == {"a": 0, "seen": 2}
            with two.store.read_engine.connect() as connection:
                assert list(verify_room(mirror_room(), connection)) == []

    asyncio.run(run())


class Flaky(LocalPort):
    """Does what it is asked, and says of every command once that it did not."""

    def __init__(self, sequencer: Sequencer) -> None:
        super().__init__(sequencer)
        self.sent: list[str] = []

    async def send(self, command: Command, *, actor: str, key: str) -> None:
        await super().send(command, actor=actor, key=key)
        self.sent.append(key)
        if self.sent.count(key) == 1:
            raise Unavailable(retry_after_s=1)


def test_a_command_for_another_room_takes_effect_once_however_often_it_is_sent(database_url: str) -> None:
    def handle(recorded: Recorded) -> list[Command]:
        return [*again(recorded), Add("seen", 1)]

    async def run() -> None:
        async with rooms(database_url) as two:
            for amount in (1, 2):
                await two.source.submit(Add("a", amount), actor="K1")
            port = Flaky(two.target)
            async with following(two.courier(handle, port)) as courier:
                await until(lambda: two.cursor("courier") == 2 and courier.error is None)
            assert len(port.sent) > 2 * len(set(port.sent)) - 1
            rewound = two.courier(handle)
            rewound.cursor = 0  # as after a crash between the last command and the cursor
            await rewound.step()
            assert two.values() == {"a": 3, "seen": 2}
            assert two.target.tail.seq == 4

    asyncio.run(run())


def test_a_courier_stands_at_a_command_that_is_refused(database_url: str) -> None:
    def handle(recorded: Recorded) -> list[Command]:
        assert isinstance(recorded.event, Added)
        return [Add("a", -recorded.event.amount)]

    async def run() -> None:
        async with rooms(database_url) as two:
            await two.source.submit(Add("a", 4), actor="K1")
            async with following(two.courier(handle)) as courier:
                await until(lambda: courier.error is not None)
                assert courier.error == "RuntimeError"
                assert two.cursor("courier") == 0
                await two.target.submit(Add("a", 4), actor="K1")
                await until(lambda: two.cursor("courier") == 1)
            assert two.values() == {"a": 0}

    asyncio.run(run())


def test_a_port_refuses_its_key_for_another_command(database_url: str) -> None:
    async def run() -> None:
        async with rooms(database_url) as two:
            port = LocalPort(two.target)
            await port.send(Add("a", 1), actor="S", key="k1")
            with pytest.raises(KeyReused):
                await port.send(Add("a", 2), actor="S", key="k1")
            assert two.values() == {"a": 1}

    asyncio.run(run())


class Tampered(LocalSource):
    """A source whose second event says something else than its hash."""

    honest = False

    async def stored(self, after: int, limit: int) -> list[StoredEvent]:
        rows = await super().stored(after, limit)
        if self.honest:
            return rows
        return [row._replace(payload='{"name":"a","amount":99}') if row.seq == 2 else row for row in rows]


def test_a_replica_copies_the_log_and_takes_no_event_that_does_not_continue_the_chain(database_url: str) -> None:
    async def run() -> None:
        async with rooms(database_url) as two:
            for amount in (1, 2, 3):
                await two.source.submit(Add("a", amount), actor="K1")
            replica, heard = Replica(mirror_room(), two.writer), list[Recorded]()
            replica.on_commit(heard.extend)
            source = Tampered(two.store, two.source)
            async with following(Follower("replica", source, replica.deliver, replica.tail.seq)) as follower:
                await until(lambda: follower.error is not None)
                assert follower.error == ChainBroken.__name__
                assert (follower.cursor, replica.tail.seq, two.values(), heard) == (0, 0, {}, [])
                source.honest = True
                await until(lambda: follower.cursor == 3)
            assert (replica.tail, two.values()) == (two.source.tail, {"a": 6})
            assert [recorded.seq for recorded in heard] == [1, 2, 3]
            await two.source.submit(Add("b", 4), actor="K1")
            restarted = Replica(mirror_room(), two.writer)
            with two.store.read_engine.connect() as connection:
                restarted.start(connection)
            await Follower("replica", source, restarted.deliver, restarted.tail.seq).step()
            assert (restarted.tail, two.values()) == (two.source.tail, {"a": 6, "b": 4})
            with two.store.read_engine.connect() as connection:
                assert list(verify_room(mirror_room(), connection)) == []

    asyncio.run(run())


def test_a_follower_stops_also_at_the_moment_that_news_comes(sqlite_url: str) -> None:
    async def run() -> None:
        async with rooms(sqlite_url) as two:
            source = LocalSource(two.store, two.source)
            reading = asyncio.create_task(source.stored(0, 10))
            await asyncio.sleep(0)
            source._news.set()
            await asyncio.sleep(0)  # its waiter is done, the reader has not heard of it yet
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading

    asyncio.run(run())


@pytest.mark.parametrize("committed", [True, False])
def test_a_replica_goes_on_after_a_commit_whose_outcome_was_not_known(sqlite_url: str, committed: bool) -> None:
    async def run() -> None:
        async with rooms(sqlite_url) as two:
            for amount in (1, 2):
                await two.source.submit(Add("a", amount), actor="K1")
            replica, heard = Replica(mirror_room(), two.writer), list[Recorded]()
            replica.on_commit(heard.extend)
            follower = Follower("replica", LocalSource(two.store, two.source), replica.deliver, 0)
            begin = two.writer.connection.begin

            class Breaking:
                def __enter__(self) -> None:
                    self.transaction = begin()

                def __exit__(self, *_error: object) -> None:
                    two.writer.connection.begin = begin  # type: ignore[method-assign]
                    if committed:
                        self.transaction.commit()
                    else:
                        self.transaction.rollback()
                    raise ConnectionError("the connection broke")

            two.writer.connection.begin = Breaking  # type: ignore[method-assign, assignment]
            with pytest.raises(ConnectionError):
                await follower.step()
            assert follower.cursor == replica.tail.seq == (2 if committed else 0)
            await two.source.submit(Add("a", 4), actor="K1")
            await follower.step()
            assert (replica.tail, two.values()) == (two.source.tail, {"a": 7})
            assert [recorded.seq for recorded in heard] == [1, 2, 3]

    asyncio.run(run())
