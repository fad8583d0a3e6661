"""The event log: one append-only table per room, each event chained to the one before by SHA-256."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from struct import Struct as Layout
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, select

from kernel.messages import Codec, Event, Recorded
from kernel.store import Row, Write

GENESIS = bytes(32)
#: Events read from the database at a time while a log is replayed.
PAGE_EVENTS = 2_000

_HEAD = Layout(">qqHH")


class Tail(NamedTuple):
    """The last event of a log; ``seq`` 0 and GENESIS for an empty one."""

    seq: int
    hash: bytes
    at: int


EMPTY = Tail(0, GENESIS, 0)


class StoredEvent(NamedTuple):
    """A row of an event table, as it stands in the database."""

    seq: int
    at: int
    type: str
    actor: str
    payload: str
    prev_hash: bytes
    hash: bytes


def chain_hash(prev_hash: bytes, seq: int, at: int, kind: str, actor: str, payload: bytes) -> bytes:
    """SHA-256 over the previous hash, the position, the time, the length-prefixed type and actor, and the payload."""
    kind_length, actor_length, names = _names(kind, actor)
    return sha256(b"".join((prev_hash, _HEAD.pack(seq, at, kind_length, actor_length), names, payload))).digest()


@lru_cache(maxsize=4_096)
def _names(kind: str, actor: str) -> tuple[int, int, bytes]:
    kind_bytes, actor_bytes = kind.encode(), actor.encode()
    return len(kind_bytes), len(actor_bytes), kind_bytes + actor_bytes


class Log:
    """One room's events in one table; the caller brings the connection and the transaction."""

    def __init__(self, table: Table, codec: Codec[Event]) -> None:
        self.table = table
        self.codec = codec

    def chain(self, tail: Tail, at: int, decided: Iterable[tuple[str, Sequence[Event]]]) -> tuple[list[Row], Tail]:
        """The rows that append the events of each actor after ``tail``, fields as in StoredEvent, and the new tail."""
        rows: list[Row] = []
        encode, seq, prev_hash = self.codec.encode, tail.seq, tail.hash
        for actor, events in decided:
            for event in events:
                seq += 1
                kind = type(event).__name__
                payload = encode(event)
                digest = chain_hash(prev_hash, seq, at, kind, actor, payload)
                rows.append((seq, at, kind, actor, payload.decode(), prev_hash, digest))
                prev_hash = digest
        return rows, Tail(seq, prev_hash, at)

    def write(self, rows: Sequence[Row]) -> Write:
        """Appends chained rows. A position that is taken fails the transaction: two writers cannot both go on."""
        return Write(self.table, rows, replace=False)

    def tail(self, connection: Connection) -> Tail:
        """The last event as the database has it."""
        columns = self.table.c
        row = connection.execute(
            select(columns.seq, columns.hash, columns.at).order_by(columns.seq.desc()).limit(1)
        ).first()
        return Tail(row.seq, bytes(row.hash), row.at) if row else EMPTY

    def hash_at(self, connection: Connection, seq: int) -> bytes | None:
        """The hash of the event at ``seq``; GENESIS for 0."""
        if seq == 0:
            return GENESIS
        found = connection.execute(select(self.table.c.hash).where(self.table.c.seq == seq)).scalar()
        return None if found is None else bytes(found)

    def stored(self, connection: Connection, after: int = 0, limit: int | None = None) -> Iterator[StoredEvent]:
        """The rows after a position, in order, read page by page."""
        return map(StoredEvent._make, self._rows(connection, StoredEvent._fields, after, limit))

    def read(self, connection: Connection, after: int = 0, limit: int | None = None) -> Iterator[Recorded]:
        """The events after a position, decoded."""
        decode = self.codec.decode
        for seq, at, kind, actor, payload in self._rows(connection, StoredEvent._fields[:5], after, limit):
            yield Recorded(seq, at, actor, decode(kind, payload))

    def _rows(self, connection: Connection, columns: Sequence[str], after: int, limit: int | None) -> Iterator[Any]:
        """The values as the driver gives them, by position: a start reads hundreds of thousands of rows, and to convert
        and name each value costs more than to decode what is in them."""
        names = ", ".join(f'"{name}"' for name in columns)
        mark = "?" if connection.dialect.name == "sqlite" else "%s"
        statement = f'SELECT {names} FROM "{self.table.name}" WHERE seq > {mark} ORDER BY seq LIMIT {mark}'  # noqa: S608
        left = sys.maxsize if limit is None else limit
        while left > 0:
            page = min(PAGE_EVENTS, left)
            rows: Sequence[Any] = connection.exec_driver_sql(statement, (after, page)).all()
            yield from rows
            if len(rows) < page:
                return
            after, left = rows[-1][0], left - page

    def decode(self, row: StoredEvent) -> Recorded:
        """The event of a stored row."""
        return Recorded(row.seq, row.at, row.actor, self.codec.decode(row.type, row.payload))
