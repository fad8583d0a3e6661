"""Group commit: the one writer of the database, and the queue in front of each room.

Requests that arrive while a commit is under way wait in their room's queue; the next turn of the writer takes them all,
lets the machine decide them one by one, and commits events, rows, idempotency keys and cursors in one transaction. Only
then is anybody answered. A batch that cannot be committed is refused as a whole and the room is rebuilt from its log.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from kernel.batch import Batch, Cursor, Envelope, Key, Outcome, Poisoned, Result, Unit, internal_error
from kernel.clock import Clock
from kernel.errors import H2MarketError, OutcomeUnknown, Unavailable, brief
from kernel.log import EMPTY, Tail
from kernel.messages import Command, Recorded
from kernel.room import Room
from kernel.writer import Writer

__all__ = ["Cursor", "Envelope", "Key", "Outcome", "Result", "Sequencer", "Writer"]

#: Requests a room's queue holds before it refuses: about a second of work of one writer.
QUEUE_MAX = 10_000
#: Commands one transaction takes: larger batches gain nothing and make the first of them wait.
BATCH_COMMANDS_MAX = 1_000
#: How long a turn waits for more while several callers are at work: a batch of twice the size costs each of them half
#: as much, and the wait is no longer than a commit. A lone caller never waits.
GATHER_S = 0.0015
RETRY_AFTER_S = 1
#: How long the store is asked what became of a commit that it broke off. The rooms of the process share the store, so
#: nobody else could be served in that time.
READ_BACK_S = 10.0
READ_BACK_PAUSE_S = 0.1
#: Events between two snapshots of a room in memory: a start replays at most this many, in about a second.
SNAPSHOT_EVERY_EVENTS = 100_000

_log = logging.getLogger("h2market.sequencer")


class Sequencer:
    """The queue in front of one room. Its methods are called in the event loop; the machine runs in the writer's
    thread."""

    def __init__(
        self,
        room: Room,
        writer: Writer,
        clock: Clock,
        *,
        queue_max: int = QUEUE_MAX,
        snapshot_every: int = SNAPSHOT_EVERY_EVENTS,
    ) -> None:
        self.room = room
        self.writer = writer
        self.clock = clock
        self.queue_max = queue_max
        self.snapshot_every = snapshot_every
        self.tail = EMPTY
        self.commits = 0
        self.rebuilds = 0
        self.broken: str | None = None
        self._snapshot_seq = 0
        self._unheard: list[Recorded] = []
        self._pending: deque[Unit] = deque()
        self._scheduled = False
        self._crowded = False
        self._lock = threading.Lock()
        self._listeners: list[Callable[[Sequence[Recorded]], None]] = []

    # --- the loop's side

    def start(self, connection: Connection) -> None:
        """Brings the room to the state of its log. Before the writer's thread runs."""
        with connection.begin():
            self.tail = self.room.rebuild(connection)
        self._snapshot_seq = self.tail.seq

    def on_commit(self, listener: Callable[[Sequence[Recorded]], None]) -> None:
        """Calls ``listener`` in the event loop with the events of each commit, in order, before their senders are
        answered."""
        self._listeners.append(listener)

    @property
    def waiting(self) -> int:
        """Units in the queue."""
        return len(self._pending)

    async def submit(self, command: Command, *, actor: str, key: Key | None = None) -> Outcome:
        """Decides one command. Raises its H2MarketError, or Unavailable when nothing was changed and it may be sent
        again."""
        result: Result = (await self._enqueue((Envelope(command, actor, key),), None, None))[0]
        if isinstance(result, H2MarketError):
            raise result
        return result

    async def mend(self) -> None:
        """Tries to bring a broken room back. Where nobody is sent while a room is not ready, nothing else would."""
        if self.broken is not None:
            await self._enqueue((), None, lambda _machine: None)

    async def submit_many(self, envelopes: Sequence[Envelope]) -> list[Result]:
        """Decides several commands of one caller in order; each stands for itself."""
        results: list[Result] = await self._enqueue(tuple(envelopes), None, None)
        return results

    async def follow(self, envelopes: Sequence[Envelope], cursor: Cursor) -> None:
        """Decides what a follower asks and moves its cursor, all in one transaction or nothing of it."""
        await self._enqueue(tuple(envelopes), cursor, None)

    async def read(self, reader: Callable[[Any], Any]) -> Any:
        """Runs ``reader(machine)`` between two batches, when the machine's state is what is committed. MemoryRooms
        only."""
        return await self._enqueue((), None, reader)

    def _enqueue(
        self, envelopes: Sequence[Envelope], cursor: Cursor | None, read: Callable[[Any], Any] | None
    ) -> asyncio.Future[Any]:
        if len(self._pending) >= self.queue_max:
            raise Unavailable(retry_after_s=RETRY_AFTER_S)
        unit = Unit(envelopes, cursor, read)
        with self._lock:
            self._pending.append(unit)
            wake = not self._scheduled
            self._scheduled = True
        if wake:
            self.writer.call(self._turn)
        return unit.future

    # --- the writer's side

    def _take(self) -> list[Unit]:
        units: list[Unit] = []
        commands = 0
        with self._lock:
            while self._pending and (not units or commands + len(self._pending[0].envelopes) <= BATCH_COMMANDS_MAX):
                unit = self._pending.popleft()
                commands += len(unit.envelopes)
                units.append(unit)
        return units

    def _turn(self) -> None:
        if self._crowded:
            time.sleep(GATHER_S)
        units = self._take()
        self._crowded = len(units) > 1
        try:
            self._serve(units)
        finally:
            with self._lock:
                more = bool(self._pending)
                self._scheduled = more
            if more:
                self.writer.call(self._turn)

    def _serve(self, units: list[Unit]) -> None:
        if (self.broken is not None or not self.writer.sound) and not self._mend():
            self._refuse(units)
            return
        for unit in units:
            if unit.read is not None:
                self._read(unit)
        writes = [unit for unit in units if unit.read is None]
        while writes:
            try:
                recorded = self._commit(self.writer.connection, writes)
            except Poisoned as poisoned:
                writes.remove(poisoned.unit)
                self._answer([poisoned.unit], poisoned.error)
                if not self._mend():
                    self._refuse(writes)
                    return
            except OutcomeUnknown as unknown:
                self._mend()
                self._answer(writes, unknown)
                return
            except Exception:
                _log.exception("the commit of %s failed", self.room.name)
                self._refuse(writes)
                self._mend()
                return
            else:
                self._deliver(writes, recorded)
                self._snapshot()
                return

    def _read(self, unit: Unit) -> None:
        assert unit.read is not None
        try:
            unit.results = unit.read(self.room.open(self.writer.connection, ()))
        except H2MarketError as error:
            self._answer([unit], error)
        except Exception:
            self._answer([unit], internal_error("a read failed"))
        else:
            self._deliver([unit], [])

    def _commit(self, connection: Connection, units: Sequence[Unit]) -> list[Recorded]:
        """Decides the units and commits what they did. Raises Poisoned, OutcomeUnknown, or what the store raises."""
        transaction = connection.begin()
        try:
            batch = Batch(self.room, connection, units, self.tail, max(self.clock.now_us(), self.tail.at))
            batch.decide()
            batch.write()
        except BaseException:
            _rollback(transaction)
            raise
        try:
            transaction.commit()
        except Exception:
            _log.exception("the outcome of a commit of %s is not known", self.room.name)
            if not self._was_committed(batch.tail):
                raise
        batch.machine.changes.clear()
        self.tail = batch.tail
        self.commits += 1
        return batch.recorded

    def _was_committed(self, tail: Tail) -> bool:
        """Reads the log back where the connection broke during a commit: is its end the end of the batch?

        Raises OutcomeUnknown where the store stays away: to refuse the batch then might be untrue.
        """
        until = time.monotonic() + READ_BACK_S
        while True:
            try:
                connection = self.writer.reconnect()
                with connection.begin():
                    return self.room.log.hash_at(connection, tail.seq) == tail.hash and tail.seq != self.tail.seq
            except Exception as error:
                if time.monotonic() >= until:
                    raise OutcomeUnknown(retry_after_s=RETRY_AFTER_S) from error
            time.sleep(READ_BACK_PAUSE_S)

    def _mend(self) -> bool:
        """Rebuilds the room from its log after a batch that did not become part of it, as far as is known, or after
        the store was away."""
        try:
            connection = self.writer.connection
            with connection.begin():
                tail = self.room.rebuild(connection)
                # Events beyond the tail: a commit that was never read back did happen.
                unheard = list(self.room.log.read(connection, self.tail.seq))
        except Exception as error:
            if self.broken is None:  # what is tried again every second is told once
                _log.exception("%s could not be rebuilt from its log", self.room.name)
            self.broken = brief(error)
            self.writer.disconnect()
            return False
        self.tail = tail
        self._unheard += unheard
        self.broken = None
        self.rebuilds += 1
        return True

    def _snapshot(self) -> None:
        if self.tail.seq - self._snapshot_seq < self.snapshot_every:
            return
        self._snapshot_seq = self.tail.seq
        try:
            connection = self.writer.connection
            with connection.begin():
                self.room.save_snapshot(connection, self.tail)
        except Exception:
            # A snapshot only shortens the next start: without it the log is replayed from further back.
            _log.exception("no snapshot of %s could be stored", self.room.name)

    def _refuse(self, units: Sequence[Unit]) -> None:
        self._answer(units, Unavailable(retry_after_s=RETRY_AFTER_S))

    def _answer(self, units: Sequence[Unit], error: H2MarketError) -> None:
        if units:
            self._tell(units[0].loop, [])
        for unit in units:
            _call(unit.loop, _fail, unit.future, error)

    def _tell(self, loop: asyncio.AbstractEventLoop, recorded: Sequence[Recorded]) -> None:
        """Listeners hear of a commit once, and before its senders."""
        heard, self._unheard = [*self._unheard, *recorded], []
        if heard:
            _call(loop, self._hear, heard)

    def _hear(self, recorded: Sequence[Recorded]) -> None:
        for listener in self._listeners:
            listener(recorded)

    def _deliver(self, units: Sequence[Unit], recorded: Sequence[Recorded]) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[Unit]] = {}
        for unit in units:
            by_loop.setdefault(unit.loop, []).append(unit)
        self._tell(units[0].loop, recorded)
        for loop, own in by_loop.items():
            _call(loop, self._resolve, own)

    def _resolve(self, units: Sequence[Unit]) -> None:
        for unit in units:
            if not unit.future.done():
                unit.future.set_result(unit.results)


def _rollback(transaction: Any) -> None:
    try:
        transaction.rollback()
    except SQLAlchemyError:
        _log.exception("a rollback failed; the connection is given up")


def _fail(future: asyncio.Future[Any], error: H2MarketError) -> None:
    if not future.done():
        future.set_exception(error)


def _call(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *args: Any) -> None:
    """Calls back into a loop that may have ended while its caller waited: then nobody is there to be told."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(function, *args)
