"""A small room for testing the kernel: named counters that must not fall below zero, once in memory, once over a
view."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec
from sqlalchemy import BigInteger, Text
from sqlmodel import Field, SQLModel

from kernel.errors import Refusal
from kernel.machine import Changes, Entity, View
from kernel.messages import Command, Event
from kernel.room import MemoryRoom, Projected, Room, ViewRoom, table_of
from kernel.tables import EventRow


class Add(Command, frozen=True):
    name: str
    amount: int


class Explode(Command, frozen=True):
    """Makes the machine fail half-way, as a defect would."""

    name: str


class Added(Event, frozen=True):
    name: str
    amount: int


class BelowZero(Refusal):
    code, en, zh = "below_zero", "{name} would fall to {value}.", "{name} 将降至 {value}。"


class CounterEvent(EventRow, table=True):
    __tablename__ = "counter_events"


class CounterRow(SQLModel, table=True):
    __tablename__ = "counter_counters"

    id: str = Field(primary_key=True, sa_type=Text)
    value: int = Field(sa_type=BigInteger)
    event_seq: int = Field(sa_type=BigInteger)


class Counter(Entity):
    id: str
    value: int
    event_seq: int


class MemoryCounters:
    """All counters in memory."""

    def __init__(self) -> None:
        self.changes = Changes()
        self.counters: dict[str, Counter] = {}

    def apply(self, command: Command, at: int, seq: int) -> Sequence[Event]:
        if isinstance(command, Explode):
            self.counters[command.name] = Counter(command.name, -999, seq)
            raise ZeroDivisionError("a defect")
        assert isinstance(command, Add)
        now = self.counters[command.name].value if command.name in self.counters else 0
        if now + command.amount < 0:
            raise BelowZero(field="amount", name=command.name, value=now + command.amount)
        event = Added(command.name, command.amount)
        self.evolve(event, at, seq)
        return [event]

    def evolve(self, event: Event, at: int, seq: int) -> None:
        assert isinstance(event, Added)
        counter = self.counters.setdefault(event.name, Counter(event.name, 0, 0))
        counter.value += event.amount
        counter.event_seq = seq
        self.changes.put("counter_counters", counter.id, counter)

    def digest(self) -> str:
        return hashlib.sha256(self.dump()).hexdigest()

    def dump(self) -> bytes:
        return msgspec.json.encode(sorted(self.counters.values(), key=lambda counter: counter.id))

    def restore(self, state: bytes) -> None:
        self.counters = {counter.id: counter for counter in msgspec.json.decode(state, type=list[Counter])}


class ViewCounters:
    """Counters over a view."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.changes = view.changes

    def apply(self, command: Command, at: int, seq: int) -> Sequence[Event]:
        if isinstance(command, Explode):
            self.view.put("counter_counters", command.name, Counter(command.name, -999, seq))
            raise ZeroDivisionError("a defect")
        assert isinstance(command, Add)
        counter = self.view.get(Counter, "counter_counters", command.name)
        now = counter.value if counter else 0
        if now + command.amount < 0:
            raise BelowZero(field="amount", name=command.name, value=now + command.amount)
        event = Added(command.name, command.amount)
        self.evolve(event, at, seq)
        return [event]

    def evolve(self, event: Event, at: int, seq: int) -> None:
        assert isinstance(event, Added)
        counter = self.view.get(Counter, "counter_counters", event.name) or Counter(event.name, 0, 0)
        counter.value += event.amount
        counter.event_seq = seq
        self.view.put("counter_counters", counter.id, counter)


TABLES = {"counter_counters": table_of(CounterRow)}


def memory_room() -> Room:
    projections = {"counter_counters": Projected(table_of(CounterRow), msgspec.structs.astuple)}
    return MemoryRoom("counter", (Added,), (Add, Explode), table_of(CounterEvent), projections, MemoryCounters)


def view_room() -> Room:
    return ViewRoom(
        "counter",
        (Added,),
        (Add, Explode),
        table_of(CounterEvent),
        TABLES,
        {"counter_counters": Counter},
        ViewCounters,
        lambda command: [("counter_counters", command.name)],
        lambda _command, _view: [],
    )
