"""The desk a command is decided at: a draft of the state that is thrown away if the command is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

import msgspec

from kernel.errors import NotFound
from kernel.machine import Entity, View
from kernel.messages import Event

E = TypeVar("E", bound=Entity)

Evolve = Callable[[View, Event, int, int], None]


class Draft(View):
    """A view over another one: what is read is copied, what is written stays here until it is merged."""

    def __init__(self, base: View) -> None:
        super().__init__()
        self._base = base

    def get(self, kind: type[E], table: str, key: str) -> E | None:
        """The draft's own entity, else a copy of the base's."""
        found = super().get(kind, table, key)
        if found is not None:
            return found
        original = self._base.get(kind, table, key)
        if original is None:
            return None
        copy = msgspec.structs.replace(original)
        self.preload(table, key, copy)
        return copy

    def merge(self) -> None:
        """Writes what was changed to the base."""
        for table, entities in self.changes.tables.items():
            for key, entity in entities.items():
                self._base.put(table, key, entity)


class Desk:
    """One command under decision: the draft, the time, and the events so far."""

    def __init__(self, view: View, at: int, seq: int, evolve: Evolve) -> None:
        self.view = view
        self.at = at
        self.seq = seq
        self.events: list[Event] = []
        self._evolve = evolve

    @property
    def next_seq(self) -> int:
        """The log position of the next event."""
        return self.seq + len(self.events)

    def emit(self, event: Event) -> None:
        """Decides an event and takes its effect."""
        self._evolve(self.view, event, self.at, self.next_seq)
        self.events.append(event)

    def record(self, event: Event) -> None:
        """Decides an event whose effect the draft has already."""
        self.events.append(event)

    def need(self, kind: type[E], table: str, key: str, field: str) -> E:
        """The entity. Raises NotFound naming the field."""
        found = self.view.get(kind, table, key)
        if found is None:
            raise NotFound(field=field, kind=_noun(kind), id=key[:64])
        return found


def _noun(kind: type[Entity]) -> str:
    """What a sentence calls an entity: BankEntry is a bank entry."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.__name__).lower()
