"""What the kernel needs to know of a room to run it: its log, its machine, its rows.

A `MemoryRoom` keeps its whole state in memory and is rebuilt from a snapshot and the log. A `ViewRoom` loads, for every
batch, the entities that the batch's commands touch; its rows are its state, so it starts at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec
from sqlalchemy import Connection, Table, select
from sqlmodel import SQLModel

from kernel.log import Log, Tail
from kernel.machine import Changes, Entity, Machine, View
from kernel.messages import Codec, Command, Event
from kernel.snapshots import newest_first
from kernel.store import Row, Write

#: Keys named in one statement while a view is loaded.
KEYS_PER_STATEMENT_MAX = 500


def table_of(model: type[SQLModel]) -> Table:
    """The SQLAlchemy table that an SQLModel class declares."""
    table = model.__dict__["__table__"]
    assert isinstance(table, Table)
    return table


class Projected(NamedTuple):
    """How one kind of entity becomes rows: ``row`` gives the columns in order. ``once`` marks rows that never
    change."""

    table: Table
    row: Callable[[Any], Row]
    once: bool = False


class Finding(NamedTuple):
    """Something that does not hold, found by an audit: the event it is about, and the sentence in both languages."""

    room: str
    rule: str
    seq: int
    event: str
    en: str
    zh: str


class Room(ABC):
    """One service's log with the machine that decides what goes into it."""

    #: The last event and the bytes of the newest snapshot, 0 where there is none.
    snapshot_seq = 0
    snapshot_bytes = 0
    #: Is shown the machine right after it decided a batch, with the batch's first and last event. It may not be
    #: committed yet, and may never be; ``watch`` is called wherever the batch is decided, and must not raise.
    watch: Callable[[Any, int, int], None] | None = None

    def __init__(
        self,
        name: str,
        events: Iterable[type[Event]],
        commands: Iterable[type[Command]],
        log_table: Table,
        projections: Mapping[str, Projected],
    ) -> None:
        self.name = name
        self.events: Codec[Event] = Codec(events)
        self.commands: Codec[Command] = Codec(commands)
        self.log = Log(log_table, self.events)
        self.projections = projections

    @abstractmethod
    def rebuild(self, connection: Connection) -> Tail:
        """Brings the room to the state of its log, whatever it was before; returns the log's tail."""

    @abstractmethod
    def open(self, connection: Connection, commands: Sequence[Command]) -> Machine:
        """The machine that decides the next batch."""

    @abstractmethod
    def blank(self) -> Machine:
        """A machine that has seen no event, to replay a log into."""

    def writes(self, changes: Changes) -> list[Write]:
        """The rows of what changed."""
        found = []
        for name, entities in changes.tables.items():
            if entities:
                table, row, once = self.projections[name]
                found.append(Write(table, [row(entity) for entity in entities.values()], not once))
        return found

    def audit(self, machine: Machine, connection: Connection) -> Iterable[Finding]:
        """The room's own laws, checked on a machine replayed from the log."""
        return ()


class MemoryMachine(Machine, Protocol):
    """A machine whose state can be stored whole. Its digest is the SHA-256 of what `dump` gives."""

    def digest(self) -> str: ...

    def dump(self) -> bytes: ...

    def restore(self, state: bytes) -> None: ...


class MemoryRoom(Room):
    """A room whose state lives in memory; ``factory`` gives an empty machine."""

    def __init__(
        self,
        name: str,
        events: Iterable[type[Event]],
        commands: Iterable[type[Command]],
        log_table: Table,
        projections: Mapping[str, Projected],
        factory: Callable[[], MemoryMachine],
    ) -> None:
        super().__init__(name, events, commands, log_table, projections)
        self._factory = factory
        self.machine = factory()

    def blank(self) -> MemoryMachine:
        return self._factory()

    def open(self, connection: Connection, commands: Sequence[Command]) -> MemoryMachine:
        return self.machine

    def digest(self, machine: Machine) -> str:
        """The digest of one of this room's machines."""
        found: str = machine.digest()  # type: ignore[attr-defined]
        return found

    def rebuild(self, connection: Connection) -> Tail:
        machine, after = self._from_snapshot(connection)
        self._evolve(connection, machine, after)
        self.machine = machine
        return self.log.tail(connection)

    def state_at(self, connection: Connection, seq: int) -> bytes:
        """The state after event ``seq`` of a log that others may be writing, as a snapshot; starts from the stored
        one before. Raises ValueError for a log that has no such event."""
        machine, after = self._from_snapshot(connection, seq)
        if self._evolve(connection, machine, after, seq - after) != seq:
            raise ValueError(f"{self.name} has no event {seq}")
        return machine.dump()

    def _evolve(self, connection: Connection, machine: MemoryMachine, after: int, limit: int | None = None) -> int:
        """Takes the events after a position; returns the last one's."""
        for recorded in self.log.read(connection, after, limit):
            machine.evolve(recorded.event, recorded.at, recorded.seq)
            machine.changes.clear()
            after = recorded.seq
        return after

    def _from_snapshot(self, connection: Connection, until: int | None = None) -> tuple[MemoryMachine, int]:
        """The newest snapshot, of those until an event, that agrees with the log and with its own digest, else an empty
        machine."""
        for stored in newest_first(connection, self.name, until):
            if self.log.hash_at(connection, stored.seq) != stored.hash:
                continue
            machine = self.blank()
            try:
                machine.restore(stored.state)
            except (msgspec.DecodeError, ValueError, KeyError):
                continue  # written by another version, or never finished: the log has everything
            if machine.digest() == stored.digest:
                self.snapshot_seq, self.snapshot_bytes = stored.seq, len(stored.state)
                return machine, stored.seq
        self.snapshot_seq = self.snapshot_bytes = 0
        return self.blank(), 0


Touched = Iterable[tuple[str, str]]


class ViewRoom(Room):
    """A room that loads what a batch touches.

    ``entities`` gives the entity class of each table; ``touches(command)`` names (table, id) pairs;
    ``touches_more(command, view)`` names what is only known once those are loaded, and is asked until it names nothing
    new; ``factory(view)`` makes the machine.
    """

    def __init__(
        self,
        name: str,
        events: Iterable[type[Event]],
        commands: Iterable[type[Command]],
        log_table: Table,
        tables: Mapping[str, Table],
        entities: Mapping[str, type[Entity]],
        factory: Callable[[View], Machine],
        touches: Callable[[Any], Touched],
        touches_more: Callable[[Any, View], Touched],
    ) -> None:
        projections = {key: Projected(table, msgspec.structs.astuple) for key, table in tables.items()}
        super().__init__(name, events, commands, log_table, projections)
        self._entities = entities
        self._factory = factory
        self._touches = touches
        self._touches_more = touches_more

    def blank(self) -> Machine:
        return self._factory(View())

    def rebuild(self, connection: Connection) -> Tail:
        return self.log.tail(connection)

    def open(self, connection: Connection, commands: Sequence[Command]) -> Machine:
        view = View()
        asked = {pair for command in commands for pair in self._touches(command)}
        wanted = asked
        while wanted:  # each hop may show the next one
            self._load(connection, view, wanted)
            wanted = {pair for command in commands for pair in self._touches_more(command, view)} - asked
            asked |= wanted
        return self._factory(view)

    def _load(self, connection: Connection, view: View, pairs: Touched) -> None:
        wanted: dict[str, set[str]] = {}
        for name, key in pairs:
            if key not in view.entities.get(name, {}):
                wanted.setdefault(name, set()).add(key)
        for name, keys in wanted.items():
            table, entity = self.projections[name].table, self._entities[name]
            ordered = sorted(keys)
            for start in range(0, len(ordered), KEYS_PER_STATEMENT_MAX):
                chunk = ordered[start : start + KEYS_PER_STATEMENT_MAX]
                for row in connection.execute(select(table).where(table.c.id.in_(chunk))):
                    view.preload(name, row.id, entity(*row))
