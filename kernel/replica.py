"""A copy of another service's log: the same events at the same positions with the same hashes.

Every service needs to know whose key a request carries. The participants room has one writer; the other processes
follow its log, check the chain as they copy it, and build their own directory from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from sqlalchemy import Connection

from kernel.feed import Follower
from kernel.log import EMPTY, StoredEvent, Tail, chain_hash
from kernel.messages import Recorded
from kernel.room import Room
from kernel.sequencer import Writer
from kernel.store import write_rows


class ChainBroken(RuntimeError):
    """The events that came do not continue the copied chain."""

    def __init__(self, room: str, seq: int) -> None:
        super().__init__(f"event {seq} of {room} does not continue the chain")


class Replica:
    """The copied log of ``room``, with its machine and rows, written by this process's writer."""

    def __init__(self, room: Room, writer: Writer) -> None:
        self.room = room
        self._writer = writer
        self.tail = EMPTY
        self._stale = False  # the machine has taken in what may not be in the store
        self._listeners: list[Callable[[Sequence[Recorded]], None]] = []

    def start(self, connection: Connection) -> None:
        """Reads the copy as it stands."""
        with connection.begin():
            self.tail = self.room.rebuild(connection)

    def on_commit(self, listener: Callable[[Sequence[Recorded]], None]) -> None:
        """Calls ``listener`` in the event loop with newly copied events."""
        self._listeners.append(listener)

    async def deliver(self, rows: Sequence[StoredEvent], follower: Follower) -> None:
        """Copies a page of events in one transaction."""
        problem: Exception | None = None
        try:
            await self._writer.run(partial(self._take, rows))
        except Exception as error:
            problem = error
        # Where the outcome of a commit was not known the rows may be there all the same: the tail says how far it came.
        copied = [self.room.log.decode(row) for row in rows if follower.cursor < row.seq <= self.tail.seq]
        follower.cursor = max(follower.cursor, self.tail.seq)
        for listener in self._listeners:
            if copied:
                listener(copied)
        if problem is not None:
            raise problem

    def _take(self, rows: Sequence[StoredEvent], connection: Connection) -> None:
        if self._stale:
            self._rebuild(connection)
        try:
            self._copy(connection, [row for row in rows if row.seq > self.tail.seq])
        except Exception:
            self._stale = True
            self._rebuild(self._writer.connection)  # the one that it failed on may be broken
            raise

    def _rebuild(self, connection: Connection) -> None:
        with connection.begin():
            self.tail = self.room.rebuild(connection)
        self._stale = False

    def _copy(self, connection: Connection, rows: Sequence[StoredEvent]) -> None:
        with connection.begin():
            machine = self.room.open(connection, ())
            tail = self.tail
            for row in rows:
                expected = chain_hash(tail.hash, row.seq, row.at, row.type, row.actor, row.payload.encode())
                if row.seq != tail.seq + 1 or row.prev_hash != tail.hash or row.hash != expected:
                    raise ChainBroken(self.room.name, row.seq)
                recorded = self.room.log.decode(row)
                machine.evolve(recorded.event, recorded.at, recorded.seq)
                tail = Tail(row.seq, row.hash, row.at)
            write_rows(connection, [self.room.log.write(rows), *self.room.writes(machine.changes)])
        machine.changes.clear()
        self.tail = tail
