"""Snapshots of rooms in memory: how they lie in the database, and who makes the large ones.

A snapshot lies in parts, so that storing a large one is many short transactions. The first part is stored last: without
it a snapshot was never finished. It is whole where its digest says so, and a start passes over every other.

A small state is encoded between two turns. To encode a large one so would hold all answers for a second. But a state is
a function of the log, so another process makes it from the snapshot before and the events since. Either is stored part
by part, between the turns of the rooms.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection, Table, select

from kernel.log import Tail
from kernel.scribe import END_S_MAX
from kernel.store import Delete, Row, Write
from kernel.tables import SnapshotRow
from kernel.writer import Writer

_log = logging.getLogger("h2market.snapshots")

#: Snapshots a room keeps: the newest shortens a start, those before it stand in where it cannot be read.
SNAPSHOTS_KEPT = 3
#: Bytes of one part: some milliseconds of the writer.
PART_BYTES = 1_000_000
#: Bytes that wait in this process for the writer.
PIPE_BYTES = 1 << 20
#: Where no scheduler class below all others exists.
NICENESS = 19

_TABLE: Table = SnapshotRow.__dict__["__table__"]


class Snapshot(NamedTuple):
    """A state at ``seq``; ``hash`` is the log's there, ``digest`` the SHA-256 of the state in hex."""

    seq: int
    hash: bytes
    digest: str
    state: bytes


def newest_first(connection: Connection, room: str, until: int | None = None) -> Iterator[Snapshot]:
    """The finished snapshots of a room, or those until an event."""
    columns = _TABLE.c
    of_room = select(columns.seq).where(columns.room == room, columns.part == 0).order_by(columns.seq.desc())
    if until is not None:
        of_room = of_room.where(columns.seq <= until)
    for seq in connection.execute(of_room).scalars().all():
        parts = connection.execute(
            select(columns.hash, columns.digest, columns.state)
            .where(columns.room == room, columns.seq == seq)
            .order_by(columns.part)
        ).all()
        yield Snapshot(seq, bytes(parts[0].hash), parts[0].digest, b"".join(bytes(part.state) for part in parts))


def superseded(connection: Connection, room: str) -> list[Row]:
    """The keys of the parts that the newest finished snapshots make needless, and of all that was never finished. For
    whoever stores none at the moment."""
    columns = _TABLE.c
    keys = select(columns.room, columns.seq, columns.part).where(columns.room == room).order_by(columns.seq)
    stored = [tuple(key) for key in connection.execute(keys)]
    kept = sorted(seq for _, seq, part in stored if part == 0)[-SNAPSHOTS_KEPT:]
    return [key for key in stored if key[1] not in kept]


def parts_from(connection: Connection, room: str, seq: int, part: int) -> list[Row]:
    """The keys of the parts of a snapshot from one on."""
    columns = _TABLE.c
    keys = select(columns.room, columns.seq, columns.part).where(
        columns.room == room, columns.seq == seq, columns.part >= part
    )
    return [tuple(key) for key in connection.execute(keys)]


class Keeper:
    """Stores the snapshots of a room, one at a time. Used in the event loop.

    ``command``, with the position to stop at as one more argument, is a process that makes one, and ``environ`` its
    environment. It writes the state's digest as a line, then the state.
    """

    def __init__(
        self, room: str, writer: Writer, command: Sequence[str] = (), environ: Mapping[str, str] | None = None
    ) -> None:
        self.room = room
        self.kept = 0
        self.makes = bool(command)
        self._writer = writer
        self._command = command
        self._environ = environ
        self._task: asyncio.Task[None] | None = None
        self._stopped = False

    @property
    def busy(self) -> bool:
        """Whether none can be begun: one is under way, or the server stops."""
        return self._stopped or (self._task is not None and not self._task.done())

    def keep(self, tail: Tail, state: bytes, stored: Callable[[int], None]) -> None:
        """Begins to store a state that is the log's up to ``tail``; ``stored`` is told its bytes once it is there."""
        self._begin(partial(self._given, tail, state), tail, stored)

    def make(self, tail: Tail, stored: Callable[[int], None]) -> None:
        """Begins to have it made and to store it."""
        assert self.makes
        self._begin(partial(self._made, tail), tail, stored)

    async def stop(self) -> None:
        """Gives up what is under way, and begins nothing more; waits until the process is gone, unless it cannot be
        ended."""
        self._stopped = True
        if self._task is None:
            return
        self._task.cancel()
        _, under_way = await asyncio.wait((self._task,), timeout=END_S_MAX)
        if under_way:
            _log.error("the snapshot of %s could not be given up", self.room)

    def _begin(self, storing: Callable[[], Awaitable[int]], tail: Tail, stored: Callable[[int], None]) -> None:
        assert not self.busy
        self._task = asyncio.create_task(self._finish(storing, tail, stored), name=f"{self.room}.snapshot")

    async def _finish(self, storing: Callable[[], Awaitable[int]], tail: Tail, stored: Callable[[int], None]) -> None:
        try:
            size = await storing()
        except Exception:
            # Without it the next start replays from further back; the next snapshot is tried as usual.
            _log.exception("no snapshot of %s could be stored at event %s", self.room, tail.seq)
        else:
            self.kept += 1
            stored(size)
        try:
            await self._forget(superseded, self.room)
        except Exception:
            _log.exception("needless snapshots of %s could not be deleted", self.room)

    async def _given(self, tail: Tail, state: bytes) -> int:
        digest = (await asyncio.to_thread(hashlib.sha256, state)).hexdigest()
        starts = range(0, len(state), PART_BYTES)
        for part in range(1, len(starts)):
            await self._store(tail, digest, part, state[starts[part] : starts[part] + PART_BYTES])
        await self._finished(tail, digest, len(starts), state[:PART_BYTES])
        return len(state)

    async def _made(self, tail: Tail) -> int:
        """Stores the parts as they come. Raises ValueError where the process ended before it had said everything."""
        process = await asyncio.create_subprocess_exec(
            *self._command, str(tail.seq), stdout=PIPE, env=self._environ, limit=PIPE_BYTES, process_group=0
        )
        try:
            assert process.stdout is not None
            _give_way(process.pid)
            digest, seen = (await process.stdout.readline()).decode().strip(), hashlib.sha256()
            first = await _filled(process.stdout)
            seen.update(first)
            size, parts = len(first), 1
            while state := await _filled(process.stdout):
                seen.update(state)
                await self._store(tail, digest, parts, state)
                size, parts = size + len(state), parts + 1
            code = await process.wait()
            if code or seen.hexdigest() != digest:
                raise ValueError(f"the process ended with {code} after {size} bytes")
            await self._finished(tail, digest, parts, first)
            return size
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()  # takes what is left in the pipe: the end would else not be seen

    async def _store(self, tail: Tail, digest: str, part: int, state: bytes) -> None:
        row = self.room, tail.seq, part, tail.hash, digest, state
        await self._writer.write([Write(_TABLE, [row], replace=True)])

    async def _finished(self, tail: Tail, digest: str, parts: int, first: bytes) -> None:
        """Stores the first part, once those of an attempt before, by another version, are gone from behind the last."""
        await self._forget(parts_from, self.room, tail.seq, parts)
        await self._store(tail, digest, 0, first)

    async def _forget(self, needless: Callable[..., list[Row]], *about: str | int) -> None:
        """Deletes parts, each in a turn of its own. Whoever gives up waits for the end of the read: the store closes
        then."""

        def read() -> list[Row]:
            with self._writer.store.reading() as session:
                return needless(session.connection(), *about)

        reading = asyncio.ensure_future(asyncio.to_thread(read))
        try:
            keys = await asyncio.shield(reading)
        except asyncio.CancelledError:
            await asyncio.wait((reading,))
            raise
        for key in keys:
            await self._writer.write([Delete(_TABLE, [key])])


def _give_way(pid: int) -> None:
    """Lets a process have only what nobody else wants of the processors: whoever waits for an answer comes first.

    It stays in its parent's session: Linux shares processors out among sessions before it looks at priorities within.
    """
    with suppress(OSError):  # it is gone, or the system forbids it: better in the way than not at all
        if sys.platform == "linux":
            os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
        else:
            os.setpriority(os.PRIO_PROCESS, pid, NICENESS)


async def _filled(stream: asyncio.StreamReader) -> bytes:
    """The next part, shorter only at the end."""
    try:
        return await stream.readexactly(PART_BYTES)
    except asyncio.IncompleteReadError as end:
        return end.partial
