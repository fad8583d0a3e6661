"""Snapshots of rooms in memory: how they lie in the database, and who makes the large ones.

A snapshot lies in parts, so that storing a large one is many short transactions. It is whole where its digest says so:
a start passes over one that was never finished.

A small state is stored within a turn. A large one would hold all answers for seconds: its encoding keeps the
interpreter's lock and its bytes keep the writer. But a state is a function of the log, so another process makes it from
the snapshot before and the events since, and this one stores what it says between turns, part by part.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection, Table, select, tuple_

from kernel.log import Tail
from kernel.store import Row, upsert_rows
from kernel.tables import SnapshotRow
from kernel.writer import Turn, Writer

_log = logging.getLogger("h2market.snapshots")

#: Snapshots a room keeps: the newest shortens a start, those before it stand in where it cannot be read.
SNAPSHOTS_KEPT = 3
#: Bytes of one part: some milliseconds of the writer.
PART_BYTES = 1_000_000
#: Bytes that wait in this process for the writer.
PIPE_BYTES = 1 << 20
#: Snapshots larger than this are made by another process: it is about 20,000 open orders, or a tenth of a second.
IN_TURN_BYTES_MAX = 4_000_000

_TABLE: Table = SnapshotRow.__dict__["__table__"]


class Snapshot(NamedTuple):
    """A state at ``seq``; ``hash`` is the log's there, ``digest`` the SHA-256 of the state in hex."""

    seq: int
    hash: bytes
    digest: str
    state: bytes


def newest_first(connection: Connection, room: str, until: int | None = None) -> Iterator[Snapshot]:
    """The stored snapshots of a room, whole or not, or those until an event."""
    columns = _TABLE.c
    of_room = select(columns.seq).distinct().where(columns.room == room).order_by(columns.seq.desc())
    if until is not None:
        of_room = of_room.where(columns.seq <= until)
    for seq in connection.execute(of_room).scalars().all():
        parts = connection.execute(
            select(columns.hash, columns.digest, columns.state)
            .where(columns.room == room, columns.seq == seq)
            .order_by(columns.part)
        ).all()
        yield Snapshot(seq, bytes(parts[0].hash), parts[0].digest, b"".join(bytes(part.state) for part in parts))


def store_part(connection: Connection, room: str, tail: Tail, digest: str, part: int, state: bytes) -> None:
    """Stores one part of a snapshot."""
    upsert_rows(connection, _TABLE, [(room, tail.seq, part, tail.hash, digest, state)])


def store(connection: Connection, room: str, tail: Tail, state: bytes) -> None:
    """Stores a whole snapshot, and takes away those that are too many."""
    digest = hashlib.sha256(state).hexdigest()
    for part, start in enumerate(range(0, len(state), PART_BYTES)):
        store_part(connection, room, tail, digest, part, state[start : start + PART_BYTES])
    take_away(connection, superseded(connection, room))


def superseded(connection: Connection, room: str) -> list[Row]:
    """The keys of the parts that the newest snapshots make needless."""
    columns = _TABLE.c
    kept = select(columns.seq).distinct().where(columns.room == room).order_by(columns.seq.desc()).limit(SNAPSHOTS_KEPT)
    oldest = min(connection.execute(kept).scalars(), default=0)
    keys = select(columns.room, columns.seq, columns.part).where(columns.room == room, columns.seq < oldest)
    return [tuple(key) for key in connection.execute(keys)]


def take_away(connection: Connection, keys: Sequence[Row]) -> None:
    """Deletes parts."""
    columns = _TABLE.c
    if keys:
        connection.execute(_TABLE.delete().where(tuple_(columns.room, columns.seq, columns.part).in_(keys)))


class Maker:
    """Has another process make a room's snapshots, one at a time. Used in the event loop.

    ``command``, with the position to stop at as one more argument, is the process; ``environ`` its environment. It
    writes the state's digest as a line, then the state.
    """

    def __init__(self, room: str, writer: Writer, command: Sequence[str], environ: Mapping[str, str]) -> None:
        self.room = room
        self.made = 0
        self._writer = writer
        self._command = command
        self._environ = environ
        self._task: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether a snapshot is under way."""
        return self._task is not None and not self._task.done()

    def begin(self, tail: Tail, stored: Callable[[int], None]) -> None:
        """Begins the snapshot of the log up to ``tail``; ``stored`` is told its bytes once it is there."""
        assert not self.busy
        self._task = asyncio.create_task(self._make(tail, stored), name=f"{self.room}.snapshot")

    async def stop(self) -> None:
        """Gives up what is under way; waits until the process is gone."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _make(self, tail: Tail, stored: Callable[[int], None]) -> None:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command, str(tail.seq), stdout=PIPE, env=self._environ, limit=PIPE_BYTES, start_new_session=True
            )
            try:
                size = await self._take_in(process, tail)
            finally:
                if process.returncode is None:
                    process.kill()
                await process.communicate()  # takes what is left in the pipe: the end would else not be seen
            await self._tidy()
        except Exception:
            # Without it the next start replays from further back; the next snapshot is tried as usual.
            _log.exception("no snapshot of %s could be made at event %s", self.room, tail.seq)
        else:
            self.made += 1
            stored(size)

    async def _take_in(self, process: Process, tail: Tail) -> int:
        """Stores the parts as they come. Raises ValueError where the process ended before it had said everything."""
        assert process.stdout is not None
        digest, size, seen = (await process.stdout.readline()).decode().strip(), 0, hashlib.sha256()
        part = 0
        while state := await _filled(process.stdout):
            seen.update(state)
            await self._turn(lambda: self._store(tail, digest, part, state))  # noqa: B023 - done before the next one
            size, part = size + len(state), part + 1
        code = await process.wait()
        if code or seen.hexdigest() != digest:
            raise ValueError(f"the process ended with {code} after {size} bytes")
        return size

    def _store(self, tail: Tail, digest: str, part: int, state: bytes) -> None:
        connection = self._writer.connection
        with connection.begin():
            store_part(connection, self.room, tail, digest, part, state)

    async def _tidy(self) -> None:
        keys: list[Row] = []

        def look() -> None:
            connection = self._writer.connection
            with connection.begin():
                keys.extend(superseded(connection, self.room))

        def take(key: Row) -> None:
            connection = self._writer.connection
            with connection.begin():
                take_away(connection, [key])

        await self._turn(look)
        for key in keys:
            await self._turn(partial(take, key))

    async def _turn(self, work: Callable[[], None]) -> None:
        """Has the writer's thread do ``work`` in a turn of its own; raises what it raises."""
        future = asyncio.get_running_loop().create_future()
        failed: list[Exception] = []

        def guarded() -> None:
            try:
                work()
            except Exception as error:
                failed.append(error)

        def end() -> None:
            if not future.done():
                future.set_exception(failed[0]) if failed else future.set_result(None)

        self._writer.queue(lambda: Turn(guarded, end))
        await future


async def _filled(stream: asyncio.StreamReader) -> bytes:
    """The next part, shorter only at the end."""
    try:
        return await stream.readexactly(PART_BYTES)
    except asyncio.IncompleteReadError as end:
        return end.partial
