"""Proves a database: every chain whole, every read model what its log says, every room's own laws kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select

from kernel.log import GENESIS, Log, StoredEvent, chain_hash
from kernel.machine import Machine
from kernel.room import Finding, MemoryMachine, MemoryRoom, Projected, Room, table_of
from kernel.snapshots import Snapshot, newest_first
from kernel.tables import IdempotencyRow, SnapshotRow

#: Rows compared at a time.
ROWS_PER_PAGE = 5_000


def verify_room(
    room: Room, connection: Connection, progress: Callable[[int], None] = lambda _events: None
) -> Iterator[Finding]:
    """Yields what does not hold in ``room``; nothing when all is well. ``progress`` is told events as they are read."""
    machine = room.blank()
    snapshots = Snapshots(room, connection)
    replayed = True
    prev_hash, seq = GENESIS, 0
    kinds: dict[int, str] = {}
    for row in room.log.stored(connection):
        kinds[row.seq] = row.type
        yield from _check_link(room, row, prev_hash, seq)
        prev_hash, seq = row.hash, row.seq
        if replayed:
            finding = _evolve(room.log, machine, row, room.name) or snapshots.follow(row, machine)
            if finding:
                replayed = False
                yield finding
        progress(1)
    yield from _check_end(room.name, connection, seq)
    if replayed:
        yield from snapshots.end(machine)
        for name, projected in room.projections.items():
            yield from _check_rows(room.name, name, projected, machine, connection, kinds)
        yield from room.audit(machine, connection)


class Snapshots:
    """The stored snapshots of a room in memory: each must be the state of the log where it was taken, and lead from
    there to the next one, the last to the end."""

    def __init__(self, room: Room, connection: Connection) -> None:
        self._room = room
        self._stored: list[Snapshot] = []
        self._restored: MemoryMachine | None = None
        self._since = 0
        if isinstance(room, MemoryRoom):
            self._stored = list(newest_first(connection, room.name))

    def follow(self, row: StoredEvent, machine: Machine) -> Finding | None:
        """Takes an event that ``machine`` has taken, and compares where a snapshot was taken after it."""
        if self._restored is not None:
            finding = _evolve(self._room.log, self._restored, row, self._room.name)
            if finding:
                return finding
            self._restored.changes.clear()
        if not self._stored or self._stored[-1].seq != row.seq:
            return None
        assert isinstance(self._room, MemoryRoom)
        stored = self._stored.pop()
        finding = next(self.end(machine), None)
        restored = self._room.blank()
        try:
            restored.restore(stored.state)
        except (msgspec.MsgspecError, ValueError, KeyError):
            self._restored = None  # written by another version: a start passes over it too
            return finding
        self._restored, self._since = restored, row.seq
        if finding is None and stored.digest != restored.digest():
            finding = self._differs(row.seq, row.type, "its digest is another")
        return finding or next(self.end(machine), None)

    def end(self, machine: Machine) -> Iterator[Finding]:
        """Compares what the last snapshot led to with what the whole log led to."""
        if self._restored is None:
            return
        assert isinstance(self._room, MemoryRoom)
        if self._restored.digest() != self._room.digest(machine):
            yield self._differs(self._since, "", "it leads to another state than a replay from the start")

    def _differs(self, seq: int, event: str, why: str) -> Finding:
        return Finding(
            self._room.name,
            "snapshot_differs",
            seq,
            event,
            f"The snapshot after event {seq} is not the state of the log: {why}.",
            f"事件 {seq} 之后的快照与日志状态不一致：{why}。",
        )


def _check_link(room: Room, row: StoredEvent, prev_hash: bytes, seq: int) -> Iterator[Finding]:
    if row.seq != seq + 1:
        yield Finding(
            room.name,
            "log_gap",
            row.seq,
            row.type,
            f"Event {row.seq} follows {seq}: {row.seq - seq - 1} events are missing.",
            f"事件 {row.seq} 紧接在 {seq} 之后：缺少 {row.seq - seq - 1} 个事件。",
        )
    if row.prev_hash != prev_hash:
        yield Finding(
            room.name,
            "chain_broken",
            row.seq,
            row.type,
            f"Event {row.seq} ({row.type}) is not chained to event {seq}.",
            f"事件 {row.seq}（{row.type}）没有与事件 {seq} 相链接。",
        )
    if not _is_as_written(row):
        yield Finding(
            room.name,
            "event_changed",
            row.seq,
            row.type,
            f"Event {row.seq} ({row.type}) is not what was written: its hash does not fit.",
            f"事件 {row.seq}（{row.type}）与写入时不一致：哈希不符。",
        )


def _check_end(room: str, connection: Connection, seq: int) -> Iterator[Finding]:
    """A chain without its last events is whole; keys and snapshots remember how far it went."""
    keys, snapshots = table_of(IdempotencyRow).c, table_of(SnapshotRow).c
    went_to = [
        connection.execute(select(func.max(last)).where(owner == room)).scalar() or 0
        for last, owner in ((keys.first_seq + keys.events - 1, keys.room), (snapshots.seq, snapshots.room))
    ]
    if max(went_to) > seq:
        yield Finding(
            room,
            "log_cut",
            seq,
            "",
            f"The log ends with event {seq}, but there was an event {max(went_to)}: its end is missing.",
            f"日志止于事件 {seq}，但曾有事件 {max(went_to)}：末尾缺失。",
        )


def _is_as_written(row: StoredEvent) -> bool:
    try:
        return chain_hash(row.prev_hash, row.seq, row.at, row.type, row.actor, row.payload.encode()) == row.hash
    except (AttributeError, TypeError):
        return False  # SQLite keeps values of any type in any column, and somebody put one there


def _evolve(log: Log, machine: Machine, row: StoredEvent, room: str) -> Finding | None:
    try:
        machine.evolve(log.decode(row).event, row.at, row.seq)
    except (msgspec.MsgspecError, KeyError, ValueError, AssertionError, TypeError, AttributeError, IndexError) as error:
        return Finding(
            room,
            "replay_failed",
            row.seq,
            row.type,
            f"Event {row.seq} ({row.type}) cannot be replayed: {type(error).__name__}: {error}.",
            f"事件 {row.seq}（{row.type}）无法重放：{type(error).__name__}：{error}。",
        )
    return None


def _check_rows(
    room: str, name: str, projected: Projected, machine: Machine, connection: Connection, kinds: dict[int, str]
) -> Iterator[Finding]:
    table = projected.table
    columns = [column.name for column in table.columns]
    key_at = [columns.index(column.name) for column in table.primary_key.columns]
    seq_at = columns.index("event_seq")
    expected = {}
    for entity in machine.changes.tables.get(name, {}).values():
        row = projected.row(entity)
        expected[tuple(row[index] for index in key_at)] = row
    # An option of the statement: one of the connection would stay, and the next room's log be read under it.
    for found in connection.execute(select(table).execution_options(yield_per=ROWS_PER_PAGE)):
        actual: tuple[Any, ...] = tuple(found)
        key = tuple(actual[index] for index in key_at)
        wanted = expected.pop(key, None)
        shown = ", ".join(map(str, key))
        if wanted is None:
            seq = actual[seq_at]
            yield Finding(
                room,
                "row_unknown",
                seq,
                kinds.get(seq, ""),
                f"{name} {shown} is in the database but no event made it.",
                f"{name} {shown} 存在于数据库中，但没有任何事件产生它。",
            )
        elif actual != wanted:
            seq = wanted[seq_at]
            diffs = [(column, a, w) for column, a, w in zip(columns, actual, wanted, strict=True) if a != w]
            en = "; ".join(f"{column} is {a!r}, the log says {w!r}" for column, a, w in diffs)
            zh = "；".join(f"{column} 为 {a!r}，日志为 {w!r}" for column, a, w in diffs)
            yield Finding(
                room,
                "row_changed",
                seq,
                kinds.get(seq, ""),
                f"{name} {shown}: {en} (last changed by event {seq} {kinds.get(seq, '')}).",
                f"{name} {shown}：{zh}（最后由事件 {seq} {kinds.get(seq, '')} 更改）。",
            )
    for key, wanted in expected.items():
        seq = wanted[seq_at]
        shown = ", ".join(map(str, key))
        yield Finding(
            room,
            "row_missing",
            seq,
            kinds.get(seq, ""),
            f"{name} {shown} is missing (last changed by event {seq} {kinds.get(seq, '')}).",
            f"{name} {shown} 缺失（最后由事件 {seq} {kinds.get(seq, '')} 更改）。",
        )
