"""The shape that every room's state machine has.

    apply(command, at, seq)  -> events      decides and takes effect; raises a Refusal and then has changed nothing
    evolve(event, at, seq)                  takes the effect of an event that was decided before

Both leave the same state for the same log. The machine asks no clock, no store and no randomness: ``at`` (UTC
microseconds) and ``seq`` (the log position that the first event of the command will have) come in; ids are made from
``seq``. What changed is collected in ``changes`` for the projection, which empties it once the rows are written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from kernel.messages import Command, Event


class Entity(msgspec.Struct):
    """A row-shaped piece of state. Fields are the columns of its table in order: ints, strings, bools or None.

    The last field of each entity is ``event_seq``, the log position that changed it last: it lets `verify` name the
    event behind a row that does not agree.
    """


S = TypeVar("S", bound=msgspec.Struct)


def quick(cls: type[S]) -> type[S]:
    """Lets a struct be written by the interpreter itself, which takes a third of the time that msgspec's setter takes.

    For structs with ``gc=False`` alone: of others, msgspec's setter tells the collector what they hold.
    """
    assert not cls.__struct_config__.gc, f"{cls.__name__} is the collector's"
    cls.__setattr__ = object.__setattr__  # type: ignore[method-assign]
    cls.__delattr__ = object.__delattr__  # type: ignore[method-assign]
    return cls


class Changes:
    """What a machine changed since its rows were last written: table name -> key -> entity."""

    __slots__ = ("tables",)

    def __init__(self) -> None:
        self.tables: dict[str, dict[Any, Any]] = {}

    def put(self, table: str, key: Any, entity: Any) -> None:
        """Marks ``entity`` as changed; its last state is what gets written."""
        rows = self.tables.get(table)
        if rows is None:
            rows = self.tables[table] = {}
        rows[key] = entity

    def clear(self) -> None:
        """Forgets what was changed, after its rows were written."""
        self.tables = {}


class Machine(Protocol):
    """A pure state machine over one log."""

    changes: Changes

    def apply(self, command: Command, at: int, seq: int) -> Sequence[Event]: ...

    def evolve(self, event: Event, at: int, seq: int) -> None: ...


E = TypeVar("E", bound=Entity)


class View:
    """The part of a room's state that a batch touches, as entities by table and key.

    A machine over a view decides from `get` and writes with `put`. Before a batch the service loads every key that the
    batch's commands name; in tests and in `verify` a view is complete, because everything in it came from the log.
    """

    def __init__(self) -> None:
        self.entities: dict[str, dict[str, Entity]] = {}
        self.changes = Changes()

    def get(self, kind: type[E], table: str, key: str) -> E | None:
        """The entity, or None where there is none. The caller may change it in place and then `put` it."""
        found = self.entities.get(table, {}).get(key)
        assert found is None or isinstance(found, kind), f"{table} {key} is not a {kind.__name__}"
        return found

    def put(self, table: str, key: str, entity: Entity) -> None:
        """Stores an entity and marks it as changed."""
        self.entities.setdefault(table, {})[key] = entity
        self.changes.put(table, key, entity)

    def preload(self, table: str, key: str, entity: Entity) -> None:
        """Stores an entity as it stands in the database, without marking it."""
        self.entities.setdefault(table, {})[key] = entity
