"""Group commit: the queue in front of each room, and the turns in which its commands are decided and committed.

Requests that arrive while a commit is under way wait in their room's queue; the room's next turn takes them all, lets
the machine decide them one by one, and commits events, rows, idempotency keys and cursors in one transaction. Only then
is anybody answered. A batch that cannot be committed is refused as a whole and the room is rebuilt from its log. Where
the store went away during the commit, the log is read back before anybody is answered.

A turn of a room in memory on SQLite decides in the event loop and leaves the writing to the scribe; while it writes,
the next turn is decided on top of it. If the first fails, so do those on top of it. A room that loads what it decides
on, and any room on PostgreSQL, would make the loop wait: its turn runs in the writer's thread from the first statement
to the last, on what is committed. Whatever goes wrong is put right in the thread.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

from sqlalchemy import Connection, Transaction
from sqlalchemy.exc import SQLAlchemyError

from kernel.batch import (
    Answer,
    Batch,
    Cursor,
    Envelope,
    Key,
    Outcome,
    Poisoned,
    Result,
    Unit,
    conclude,
    internal_error,
    refuse,
    settle,
)
from kernel.clock import Clock
from kernel.errors import RETRY_AFTER_S, H2MarketError, OutcomeUnknown, Unavailable, brief
from kernel.log import EMPTY, Tail
from kernel.messages import Command, Recorded
from kernel.read_back import was_committed
from kernel.room import MemoryRoom, Room
from kernel.scribe import Hung, Lost
from kernel.snapshots import Keeper
from kernel.store import statements, write_rows
from kernel.writer import Posted, Turn, Writer

__all__ = ["Answer", "Cursor", "Envelope", "Key", "Outcome", "Result", "Sequencer", "Writer"]

#: Units a room's queue holds before it refuses: about a second of work of one writer.
QUEUE_MAX = 10_000
#: Commands one transaction takes: larger batches gain nothing and make the first of them wait.
BATCH_COMMANDS_MAX = 1_000
#: Commands that one transaction takes even if half of all would be fewer.
BATCH_COMMANDS_MIN = 16
#: How long a batch may grow while more arrives: it grows no longer than callers come, and a lone caller never waits.
GATHER_S = 0.004
#: Events between two snapshots of a room in memory: a start replays about this many, in a second or two.
SNAPSHOT_EVERY_EVENTS = 250_000
#: A state is encoded between two turns where the snapshot before had at most so many bytes: some 60,000 open orders, or
#: 50 ms.
ENCODED_BYTES_MAX = 16_000_000

_log = logging.getLogger("h2market.sequencer")


class Sequencer:
    """The queue in front of one room. Its public methods are called in the event loop."""

    def __init__(
        self,
        room: Room,
        writer: Writer,
        clock: Clock,
        *,
        queue_max: int = QUEUE_MAX,
        snapshot_every: int = SNAPSHOT_EVERY_EVENTS,
        keeper: Keeper | None = None,
    ) -> None:
        self.room = room
        self.writer = writer
        self.clock = clock
        self.queue_max = queue_max
        self.snapshot_every = snapshot_every
        self.tail = EMPTY
        self.commits = 0
        self.rebuilds = 0
        self._broken: str | None = None
        self._decides_in_loop = writer.store.is_sqlite and isinstance(room, MemoryRoom)
        self.keeper = keeper or (Keeper(room.name, writer) if isinstance(room, MemoryRoom) else None)
        self._snapshot_seq = 0  # of the newest that was tried
        self._on_the_way: deque[Batch] = deque()  # decided and posted
        self._failed: list[tuple[Batch, Exception]] = []  # posted in vain, as far as is known
        self._pending: deque[Unit] = deque()
        self._waiting_commands = 0
        self._queued = False
        self._listeners: list[Callable[[Sequence[Recorded]], None]] = []

    def start(self, connection: Connection) -> None:
        """Brings the room to the state of its log. Before the writer's thread runs."""
        with connection.begin():
            self.tail = self.room.rebuild(connection)
        self._snapshot_seq = self.room.snapshot_seq

    async def stop(self) -> None:
        """Gives up a snapshot that is under way. Before the writer stops."""
        if self.keeper is not None:
            await self.keeper.stop()

    def on_commit(self, listener: Callable[[Sequence[Recorded]], None]) -> None:
        """Calls ``listener`` in the event loop with the events of each commit, in order, before their senders are
        answered."""
        self._listeners.append(listener)

    @property
    def broken(self) -> str | None:
        """What keeps the room from writing."""
        return Hung.__name__ if self.writer.hung else self._broken

    @property
    def waiting(self) -> int:
        """Units in the queue."""
        return len(self._pending)

    async def submit(self, command: Command, *, actor: str, key: Key | None = None) -> Outcome:
        """Decides one command. Raises its H2MarketError, or Unavailable when nothing was changed and it may be sent
        again."""
        result: Result = (await self.submit_many((Envelope(command, actor, key),)))[0]
        if isinstance(result, H2MarketError):
            raise result
        return result

    async def mend(self) -> None:
        """Tries to bring a broken room back. Where nobody is sent while a room is not ready, nothing else would."""
        if self.broken is not None:
            await self.read(lambda _machine: None)

    async def submit_many(self, envelopes: Sequence[Envelope]) -> list[Result]:
        """Decides several commands of one caller in order; each stands for itself."""
        future = asyncio.get_running_loop().create_future()
        self.enqueue(envelopes, partial(settle, future))
        results: list[Result] = await future
        return results

    async def follow(self, envelopes: Sequence[Envelope], cursor: Cursor) -> None:
        """Decides what a follower asks and moves its cursor, all in one transaction or nothing of it."""
        future = asyncio.get_running_loop().create_future()
        self._put(Unit(tuple(envelopes), partial(settle, future), cursor=cursor))
        await future

    async def read(self, reader: Callable[[Any], Any]) -> Any:
        """Runs ``reader(machine)`` between two batches, when the machine's state is what is committed. MemoryRooms
        only."""
        future = asyncio.get_running_loop().create_future()
        self._put(Unit((), partial(settle, future), read=reader))
        return await future

    def enqueue(self, envelopes: Sequence[Envelope], answer: Answer) -> None:
        """As `submit_many`, for callers that are no coroutine: ``answer`` is called with the list of results, or with
        the H2MarketError that concerns them all. Raises Unavailable at once if the queue is full."""
        self._put(Unit(envelopes, answer))

    def _put(self, unit: Unit) -> None:
        if len(self._pending) >= self.queue_max:
            raise Unavailable(retry_after_s=RETRY_AFTER_S)
        self._pending.append(unit)
        self._waiting_commands += len(unit.envelopes)
        if not self._queued:
            self._queued = True
            loop = asyncio.get_running_loop()
            loop.call_soon(self._gather, loop, 0, loop.time() + GATHER_S)

    def _gather(self, loop: asyncio.AbstractEventLoop, before: int, until: float) -> None:
        """Queues for a turn once nothing more has arrived, or others have waited long enough."""
        waiting = len(self._pending)
        if waiting > before and waiting < BATCH_COMMANDS_MAX and loop.time() < until:
            loop.call_soon(self._gather, loop, waiting, until)
        else:
            self.writer.queue(self._begin)

    # --- a turn

    def _begin(self) -> Turn | Posted | Literal["later"] | None:
        """In the loop: takes what waits, and does with it what needs not wait."""
        if not (self._decides_in_loop and self.broken is None and self.writer.sound):
            return self._in_thread(self._take())
        if self._on_the_way and self._pending[0].needs_rest:
            return "later"
        units = self._take()
        writes = self._answer_reads(units)
        self._end([unit for unit in units if unit.read is not None], ())
        if not writes:
            return None
        on_the_way = tuple(self._on_the_way)
        try:
            tail = on_the_way[-1].tail if on_the_way else self.tail
            reader = self.writer.reader
            batch = Batch(self.room, reader, writes, tail, max(self.clock.now_us(), tail.at), on_the_way)
            batch.decide()
            if reader.in_transaction():
                reader.rollback()
            posted = Posted(statements(batch.writes()), partial(self._written, batch))
        except Exception as error:
            self.writer.drop_reader()
            return self._in_thread(writes, error)
        batch.machine.changes.clear()
        batch.on_the_way = ()  # it need not keep them alive
        self._on_the_way.append(batch)
        return posted

    def _in_thread(self, units: Sequence[Unit], failed: Exception | None = None) -> Turn:
        """A turn of the writer's thread. ``failed``: what went wrong in the loop."""
        recorded: list[Recorded] = []
        return Turn(partial(self._work, units, failed, recorded), partial(self._end, units, recorded))

    def _take(self) -> list[Unit]:
        """What the next batch takes. What needs the state that is committed ends it, where more is on its way.

        Callers who are answered together come back together. Where all of them went into one batch, the loop would idle
        while it is written, and the scribe while they are answered: so a batch takes half of them.
        """
        units: list[Unit] = []
        commands = 0
        pending = self._pending
        most = BATCH_COMMANDS_MAX
        if self._decides_in_loop:
            asked = self._waiting_commands + sum(batch.commands for batch in self._on_the_way)
            most = min(most, max(BATCH_COMMANDS_MIN, (asked + 1) // 2))
        while pending and (not units or commands + len(pending[0].envelopes) <= most):
            if self._on_the_way and pending[0].needs_rest:
                break
            unit = pending.popleft()
            commands += len(unit.envelopes)
            units.append(unit)
        self._waiting_commands -= commands
        self._queued = bool(pending)
        if self._queued:
            self.writer.queue(self._begin)
        return units

    def _written(self, batch: Batch, error: Exception | None) -> None:
        """In the loop: the scribe wrote a batch, or did not."""
        self._on_the_way.remove(batch)
        if error is None:
            self._came_true(batch)
            self._end(batch.units, batch.recorded())
            return
        _log.error("the commit of %s failed", self.room.name, exc_info=error)
        self._failed.append((batch, error))
        if len(self._failed) == 1:
            units: list[Unit] = []
            recorded: list[Recorded] = []
            self.writer.put_right(Turn(partial(self._recover, units, recorded), partial(self._end, units, recorded)))

    def _recover(self, units: list[Unit], recorded: list[Recorded]) -> None:
        """In the writer's thread: finds out what of the posted is in the log, and rebuilds the room from it."""
        failed, self._failed = self._failed, []
        unknown: OutcomeUnknown | None = None
        for batch, error in failed:
            units += batch.units
            if isinstance(error, Hung):  # it may still be written
                unknown = OutcomeUnknown(retry_after_s=RETRY_AFTER_S)
            try:
                if unknown is None and not (isinstance(error, Lost) and was_committed(self.writer, batch)):
                    refuse(batch.units)
            except OutcomeUnknown as away:
                unknown = away
            if unknown is not None:
                conclude(batch.units, unknown)
        self._mend(recorded)

    def _work(self, units: Sequence[Unit], failed: Exception | None, recorded: list[Recorded]) -> None:
        """In the writer's thread: everything that is left between the queue and the answers. ``failed`` is what went
        wrong in the loop; ``recorded`` gets the events that listeners hear of."""
        able = failed is not None or (self.broken is None and self.writer.sound)
        if not able and not self._mend(recorded):
            refuse(units)
            return
        writes = list(units) if failed else self._answer_reads(units)
        while writes:
            try:
                if failed is not None:
                    raise failed
                batch = self._commit_all(writes)
            except Poisoned as poisoned:
                failed = None
                writes.remove(poisoned.unit)
                poisoned.unit.outcome = poisoned.error
                if not self._mend(recorded):
                    refuse(writes)
                    return
            except OutcomeUnknown as unknown:
                conclude(writes, unknown)
                self._mend(recorded)
                return
            except Exception as error:
                _log.error("the commit of %s failed", self.room.name, exc_info=error)
                refuse(writes)
                self._mend(recorded)
                return
            else:
                recorded += batch.recorded()
                return

    def _end(self, units: Sequence[Unit], recorded: Sequence[Recorded]) -> None:
        """In the loop: tells who listens, then who asked."""
        if recorded:
            for listener in self._listeners:
                try:
                    listener(recorded)
                except Exception:
                    _log.exception("a listener of %s failed", self.room.name)
        for unit in units:
            try:
                unit.answer(unit.outcome)
            except Exception:
                _log.exception("a caller of %s could not be answered", self.room.name)
        due = self.tail.seq - self._snapshot_seq >= self.snapshot_every
        if due and self.keeper is not None and not self.keeper.busy:
            self._snapshot_seq = self.tail.seq
            self._begin_snapshot(self.keeper)

    def _answer_reads(self, units: Sequence[Unit]) -> list[Unit]:
        """Serves the units that only read, while the state is what is committed; gives back the others."""
        writes = []
        for unit in units:
            if unit.read is None:
                writes.append(unit)
                continue
            try:
                unit.outcome = unit.read(self.room.open(self.writer.connection, ()))
            except H2MarketError as error:
                unit.outcome = error
            except Exception:
                unit.outcome = internal_error("a read failed")
        return writes

    def _commit_all(self, units: Sequence[Unit]) -> Batch:
        """Decides the units and makes what they did part of the log. Raises Poisoned, or whatever the store raises if
        it did not become so, and OutcomeUnknown if nobody can say."""
        connection = self.writer.connection
        transaction = connection.begin()
        try:
            batch = Batch(self.room, connection, units, self.tail, max(self.clock.now_us(), self.tail.at))
            batch.decide()
            write_rows(connection, batch.writes())
        except BaseException:
            _rollback(transaction)
            raise
        self._commit(transaction, batch)
        return batch

    def _commit(self, transaction: Transaction, batch: Batch) -> None:
        try:
            transaction.commit()
        except Exception:
            _log.exception("the outcome of a commit of %s is not known", self.room.name)
            if not was_committed(self.writer, batch):
                raise
        batch.machine.changes.clear()
        self._came_true(batch)

    def _came_true(self, batch: Batch) -> None:
        self.tail = batch.tail
        self.commits += 1

    def _mend(self, recorded: list[Recorded]) -> bool:
        """Rebuilds the room from its log after a batch that did not become part of it, as far as is known, or after
        the store was away. ``recorded`` gets the events of a commit that was never read back and did happen."""
        try:
            connection = self.writer.connection
            self.writer.store.forget_unfinished(connection)  # it would come back after who asked was told otherwise
            with connection.begin():
                tail = self.room.rebuild(connection)
                unheard = list(self.room.log.read(connection, self.tail.seq))
        except Exception as error:
            if self.broken is None:  # what is tried again every second is told once
                _log.exception("%s could not be rebuilt from its log", self.room.name)
            self._broken = brief(error)
            self.writer.disconnect()
            return False
        self.tail = tail
        recorded += unheard
        self._broken = None
        self.rebuilds += 1
        return True

    def _begin_snapshot(self, keeper: Keeper) -> None:
        # As far as the snapshot before tells, if there is one that was made lately.
        unknown = self.tail.seq - self.room.snapshot_seq > 2 * self.snapshot_every
        if keeper.makes and (unknown or self.room.snapshot_bytes > ENCODED_BYTES_MAX):
            keeper.make(self.tail, partial(self._snapshot_kept, self.tail.seq))
        else:
            self.writer.queue(partial(self._encode, keeper))

    def _encode(self, keeper: Keeper) -> Turn | Literal["later"] | None:
        """A turn that has the state stored as it is then. It is encoded where it is decided upon."""
        if self._on_the_way:
            return "later"
        states: list[tuple[Tail, bytes]] = []

        def work() -> None:
            if self.broken is None and isinstance(self.room, MemoryRoom):  # a broken one is ahead of its log
                states.append((self.tail, self.room.machine.dump()))

        def end() -> None:
            for tail, state in states if not keeper.busy else ():
                keeper.keep(tail, state, partial(self._snapshot_kept, tail.seq))

        if not self._decides_in_loop:
            return Turn(work, end)
        work()
        end()
        return None

    def _snapshot_kept(self, seq: int, size: int) -> None:
        self.room.snapshot_seq, self.room.snapshot_bytes = seq, size


def _rollback(transaction: Transaction) -> None:
    try:
        transaction.rollback()
    except SQLAlchemyError:
        _log.exception("a rollback failed; the connection is given up")
