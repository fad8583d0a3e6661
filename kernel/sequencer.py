"""Group commit: the one writer of the database, and the queue in front of each room.

Requests that arrive while a commit is under way wait in their room's queue; the next turn of the writer takes them all,
lets the machine decide them one by one, and commits events, rows, idempotency keys and cursors in one transaction. Only
then is anybody answered. A batch that cannot be committed is refused as a whole and the room is rebuilt from its log.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any, NamedTuple

from sqlalchemy import Connection, select, tuple_
from sqlalchemy.exc import SQLAlchemyError

from kernel.clock import Clock
from kernel.errors import H2MarketError, Internal, KeyReused, Unavailable
from kernel.log import EMPTY, Log, StoredEvent, Tail
from kernel.messages import Command, Event, Recorded
from kernel.room import Room, table_of
from kernel.store import Row, Store, insert_rows, upsert_rows
from kernel.tables import CursorRow, IdempotencyRow

#: Requests a room's queue holds before it refuses: about a second of work of one writer.
QUEUE_MAX = 10_000
#: Commands one transaction takes: larger batches gain nothing and make the first of them wait.
BATCH_COMMANDS_MAX = 1_000
RETRY_AFTER_S = 1
#: Events between two snapshots of a room in memory: a start replays at most this many, in about a second.
SNAPSHOT_EVERY_EVENTS = 100_000

_log = logging.getLogger("h2market.sequencer")


class Key(NamedTuple):
    """An idempotency key: unique for ever within its room and scope; ``fingerprint`` is the SHA-256 of the request."""

    scope: str
    key: str
    fingerprint: bytes


class Envelope(NamedTuple):
    """A command, who sends it, and the key under which it takes effect once."""

    command: Command
    actor: str
    key: Key | None = None


class Cursor(NamedTuple):
    """How far a follower comes with the unit that carries this."""

    follower: str
    seq: int


class Outcome(NamedTuple):
    """What a command did: its events from position ``seq`` on. ``replayed``: it had been done before under its key."""

    seq: int
    at: int
    events: tuple[Event, ...]
    replayed: bool = False


Result = Outcome | H2MarketError


class _Unit:
    """What one caller submitted together. With a cursor it is all or nothing."""

    __slots__ = ("cursor", "envelopes", "future", "loop", "read", "results")

    def __init__(self, envelopes: Sequence[Envelope], cursor: Cursor | None, read: Callable[[Any], Any] | None) -> None:
        self.envelopes = envelopes
        self.cursor = cursor
        self.read = read
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.results: Any = None


class _Poisoned(Exception):
    """A unit that must be taken out so that the others of its batch can go on."""

    def __init__(self, unit: _Unit, error: H2MarketError) -> None:
        self.unit = unit
        self.error = error


class Writer:
    """The thread that owns the writing connection; rooms queue for a turn."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._turns: SimpleQueue[Callable[[Connection], None] | None] = SimpleQueue()
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._run, name="h2market-writer", daemon=True)

    def start(self) -> None:
        """Takes the writer's lock. Raises WriterTaken."""
        if self._connection is None:
            self._connection = self.store.connect_writer()
        self._thread.start()

    def call(self, turn: Callable[[Connection], None]) -> None:
        """Queues a turn."""
        self._turns.put(turn)

    @property
    def connection(self) -> Connection:
        """The writing connection; only the writer's own thread, or a caller before `start`, may use it."""
        if self._connection is None:
            self._connection = self.store.connect_writer()
        return self._connection

    def reconnect(self) -> Connection:
        """A new writing connection in place of one that is broken."""
        if self._connection is not None:
            try:
                self._connection.close()
            except SQLAlchemyError:
                self._connection.invalidate()
            self._connection = None
        return self.connection

    def stop(self) -> None:
        """Finishes what is queued, then lets the connection go."""
        self._turns.put(None)
        self._thread.join()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _run(self) -> None:
        while (turn := self._turns.get()) is not None:
            try:
                turn(self.connection)
            except Exception:
                # A turn answers its own callers; what reaches this point is a defect of the kernel itself.
                _log.exception("a turn of the writer failed")


class Sequencer:
    """The queue in front of one room. Its methods are called in the event loop; the machine runs in the writer's thread."""

    def __init__(self, room: Room, writer: Writer, clock: Clock, *, queue_max: int = QUEUE_MAX,
                 snapshot_every: int = SNAPSHOT_EVERY_EVENTS) -> None:
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
        self._pending: deque[_Unit] = deque()
        self._scheduled = False
        self._lock = threading.Lock()
        self._listeners: list[Callable[[Sequence[Recorded]], None]] = []

    # --- the loop's side

    def start(self, connection: Connection) -> None:
        """Brings the room to the state of its log. Before the writer's thread runs."""
        with connection.begin():
            self.tail = self.room.rebuild(connection)
        self._snapshot_seq = self.tail.seq

    def on_commit(self, listener: Callable[[Sequence[Recorded]], None]) -> None:
        """Calls ``listener`` in the event loop with the events of each commit, in order, before their senders are answered."""
        self._listeners.append(listener)

    @property
    def waiting(self) -> int:
        """Units in the queue."""
        return len(self._pending)

    async def submit(self, command: Command, *, actor: str, key: Key | None = None) -> Outcome:
        """Decides one command. Raises its H2MarketError, or Unavailable when nothing was changed and it may be sent again."""
        result: Result = (await self._enqueue((Envelope(command, actor, key),), None, None))[0]
        if isinstance(result, H2MarketError):
            raise result
        return result

    async def submit_many(self, envelopes: Sequence[Envelope]) -> list[Result]:
        """Decides several commands of one caller in order; each stands for itself."""
        results: list[Result] = await self._enqueue(tuple(envelopes), None, None)
        return results

    async def follow(self, envelopes: Sequence[Envelope], cursor: Cursor) -> None:
        """Decides what a follower asks and moves its cursor, all in one transaction or nothing of it."""
        await self._enqueue(tuple(envelopes), cursor, None)

    async def read(self, reader: Callable[[Any], Any]) -> Any:
        """Runs ``reader(machine)`` between two batches, when the machine's state is what is committed. MemoryRooms only."""
        return await self._enqueue((), None, reader)

    def _enqueue(self, envelopes: Sequence[Envelope], cursor: Cursor | None, read: Callable[[Any], Any] | None) -> asyncio.Future[Any]:
        if len(self._pending) >= self.queue_max:
            raise Unavailable(retry_after_s=RETRY_AFTER_S)
        unit = _Unit(envelopes, cursor, read)
        with self._lock:
            self._pending.append(unit)
            wake = not self._scheduled
            self._scheduled = True
        if wake:
            self.writer.call(self._turn)
        return unit.future

    # --- the writer's side

    def _take(self) -> list[_Unit]:
        units: list[_Unit] = []
        commands = 0
        with self._lock:
            while self._pending and (not units or commands + len(self._pending[0].envelopes) <= BATCH_COMMANDS_MAX):
                unit = self._pending.popleft()
                commands += len(unit.envelopes)
                units.append(unit)
        return units

    def _turn(self, connection: Connection) -> None:
        units = self._take()
        try:
            self._serve(connection, units)
        finally:
            with self._lock:
                more = bool(self._pending)
                self._scheduled = more
            if more:
                self.writer.call(self._turn)

    def _serve(self, connection: Connection, units: list[_Unit]) -> None:
        if self.broken is not None and not self._mend(connection):
            self._refuse(units)
            return
        reads = [unit for unit in units if unit.read is not None]
        for unit in reads:
            self._read(connection, unit)
        writes = [unit for unit in units if unit.read is None]
        while writes:
            try:
                recorded = self._commit(connection, writes)
            except _Poisoned as poisoned:
                writes.remove(poisoned.unit)
                self._answer([poisoned.unit], poisoned.error)
                if not self._mend(connection):
                    self._refuse(writes)
                    return
            except Exception:
                _log.exception("the commit of %s failed", self.room.name)
                self._refuse(writes)
                self._mend(self.writer.connection)
                return
            else:
                self._deliver(writes, recorded)
                self._snapshot(self.writer.connection)
                return

    def _read(self, connection: Connection, unit: _Unit) -> None:
        assert unit.read is not None
        try:
            unit.results = unit.read(self.room.open(connection, ()))
        except H2MarketError as error:
            self._answer([unit], error)
        except Exception:
            self._answer([unit], _internal("a read failed"))
        else:
            self._deliver([unit], [])

    def _commit(self, connection: Connection, units: Sequence[_Unit]) -> list[Recorded]:
        """Decides the units and commits what they did. Raises _Poisoned, or whatever the store raises."""
        transaction = connection.begin()
        try:
            batch = _Batch(self, connection, units)
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
        """Reads the log back where the connection broke during a commit: is its end the end of the batch?"""
        connection = self.writer.reconnect()
        with connection.begin():
            return self.room.log.hash_at(connection, tail.seq) == tail.hash and tail.seq != self.tail.seq

    def _mend(self, connection: Connection) -> bool:
        """Rebuilds the room from its log after a batch that did not become part of it."""
        try:
            if connection.invalidated or connection.closed:
                connection = self.writer.reconnect()
            with connection.begin():
                self.tail = self.room.rebuild(connection)
        except Exception as error:
            self.broken = f"{type(error).__name__}: {error}"
            _log.exception("%s could not be rebuilt from its log", self.room.name)
            try:
                self.writer.reconnect()
            except Exception:
                _log.exception("the writer has no connection")
            return False
        self.broken = None
        self.rebuilds += 1
        return True

    def _snapshot(self, connection: Connection) -> None:
        if self.tail.seq - self._snapshot_seq < self.snapshot_every:
            return
        self._snapshot_seq = self.tail.seq
        try:
            with connection.begin():
                self.room.save_snapshot(connection, self.tail)
        except Exception:
            # A snapshot only shortens the next start: without it the log is replayed from further back.
            _log.exception("no snapshot of %s could be stored", self.room.name)

    def _refuse(self, units: Sequence[_Unit]) -> None:
        self._answer(units, Unavailable(retry_after_s=RETRY_AFTER_S))

    def _answer(self, units: Sequence[_Unit], error: H2MarketError) -> None:
        for unit in units:
            _call(unit.loop, _fail, unit.future, error)

    def _deliver(self, units: Sequence[_Unit], recorded: Sequence[Recorded]) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[_Unit]] = {}
        for unit in units:
            by_loop.setdefault(unit.loop, []).append(unit)
        for loop, own in by_loop.items():
            _call(loop, self._resolve, own, recorded)
            recorded = []  # listeners hear of a commit once

    def _resolve(self, units: Sequence[_Unit], recorded: Sequence[Recorded]) -> None:
        if recorded:
            for listener in self._listeners:
                listener(recorded)
        for unit in units:
            if not unit.future.done():
                unit.future.set_result(unit.results)


class _Batch:
    """One transaction in the making."""

    def __init__(self, sequencer: Sequencer, connection: Connection, units: Sequence[_Unit]) -> None:
        self.room = sequencer.room
        self.log: Log = sequencer.room.log
        self.connection = connection
        self.units = units
        self.tail = sequencer.tail
        self.at = max(sequencer.clock.now_us(), sequencer.tail.at)
        self.rows: list[StoredEvent] = []
        self.recorded: list[Recorded] = []
        self.keys: dict[tuple[str, str], tuple[bytes, Outcome]] = {}
        self.key_rows: list[Row] = []
        self.cursors: dict[str, int] = {}
        self.machine = self.room.open(connection, [envelope.command for unit in units for envelope in unit.envelopes])

    def decide(self) -> None:
        """Lets the machine decide every unit in order."""
        self._known_keys()
        done = self._known_cursors()
        for unit in self.units:
            if unit.cursor is None:
                unit.results = [self._one(unit, envelope) for envelope in unit.envelopes]
            elif unit.cursor.seq > done.get(unit.cursor.follower, 0):
                for envelope in unit.envelopes:
                    result = self._one(unit, envelope)
                    if isinstance(result, H2MarketError):
                        raise _Poisoned(unit, result)
                done[unit.cursor.follower] = self.cursors[unit.cursor.follower] = unit.cursor.seq

    def write(self) -> None:
        """Puts the batch into the transaction."""
        self.log.append(self.connection, self.rows)
        self.room.write(self.connection, self.machine.changes)
        insert_rows(self.connection, table_of(IdempotencyRow), self.key_rows)
        upsert_rows(self.connection, table_of(CursorRow), list(self.cursors.items()))

    def _one(self, unit: _Unit, envelope: Envelope) -> Result:
        command, actor, key = envelope
        if key is not None:
            known = self.keys.get((key.scope, key.key))
            if known is not None:
                fingerprint, outcome = known
                return outcome if fingerprint == key.fingerprint else KeyReused(field="Idempotency-Key", key=key.key)
        try:
            events = self.machine.apply(command, self.at, self.tail.seq + 1)
        except H2MarketError as refusal:
            return refusal
        except Exception as error:
            raise _Poisoned(unit, _internal(f"{self.room.name} could not decide {type(command).__name__}")) from error
        outcome = Outcome(self.tail.seq + 1, self.at, tuple(events))
        rows, self.tail = self.log.chain(self.tail, self.at, actor, events)
        self.rows += rows
        self.recorded += [Recorded(row.seq, self.at, actor, event) for row, event in zip(rows, events, strict=True)]
        if key is not None:
            self.keys[key.scope, key.key] = key.fingerprint, outcome._replace(replayed=True)
            self.key_rows.append((self.room.name, key.scope, key.key, key.fingerprint, outcome.seq, len(events), self.at))
        return outcome

    def _known_keys(self) -> None:
        """Loads what the batch's keys did before."""
        wanted = list({(envelope.key.scope, envelope.key.key) for unit in self.units for envelope in unit.envelopes if envelope.key})
        columns = table_of(IdempotencyRow).c
        for start in range(0, len(wanted), 400):
            chunk = wanted[start : start + 400]
            for row in self.connection.execute(
                select(columns.scope, columns.key, columns.fingerprint, columns.first_seq, columns.events, columns.at)
                .where(columns.room == self.room.name, tuple_(columns.scope, columns.key).in_(chunk))
            ).all():
                events = tuple(found.event for found in self.log.read(self.connection, row.first_seq - 1, row.events))
                outcome = Outcome(row.first_seq, row.at, events, replayed=True)
                self.keys[row.scope, row.key] = bytes(row.fingerprint), outcome

    def _known_cursors(self) -> dict[str, int]:
        followers = {unit.cursor.follower for unit in self.units if unit.cursor}
        if not followers:
            return {}
        columns = table_of(CursorRow).c
        found = self.connection.execute(select(columns.follower, columns.seq).where(columns.follower.in_(followers)))
        return {row.follower: row.seq for row in found}


def _internal(what: str) -> Internal:
    error_id = uuid.uuid4().hex
    _log.exception("%s (error %s)", what, error_id)
    return Internal(error_id=error_id)


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
