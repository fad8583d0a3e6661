"""The logs as they lie in the database, read from where the last look at them ended."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import text

from kernel.store import Store


class Logged(NamedTuple):
    """An event of a log: position, time in UTC microseconds, type, fields."""

    seq: int
    at: int
    type: str
    fields: dict[str, Any]


class Range(NamedTuple):
    """The events that a request made."""

    room: str
    first_seq: int
    events: int


class Logs:
    """The events of exchange, tracking and settlement, and the ranges that were made under each idempotency key."""

    def __init__(self, store: Store) -> None:
        self.exchange: list[Logged] = []
        self.tracking: list[Logged] = []
        self.settlement: list[Logged] = []
        self.keys: dict[tuple[str, str], Range] = {}
        self._store = store

    def read_on(self) -> tuple[Sequence[Logged], Sequence[Logged], Sequence[Logged]]:
        """Reads what has come since; gives the new events of exchange, tracking and settlement."""
        exchange, tracking = self._read("exchange", self.exchange), self._read("tracking", self.tracking)
        settlement = self._read("settlement", self.settlement)
        self.read_keys()
        return exchange, tracking, settlement

    def read_keys(self) -> set[tuple[str, str]]:
        """Reads which keys took effect."""
        with self._store.read_engine.connect() as connection:
            rows = connection.execute(text("SELECT room, scope, key, first_seq, events FROM kernel_idempotency"))
            self.keys = {(row.scope, row.key): Range(row.room, row.first_seq, row.events) for row in rows}
        return set(self.keys)

    def _read(self, room: str, log: list[Logged]) -> Sequence[Logged]:
        query = text(f"SELECT seq, at, type, payload FROM {room}_events WHERE seq > :after ORDER BY seq")  # noqa: S608
        after = log[-1].seq if log else 0
        with self._store.read_engine.connect() as connection:
            rows = connection.execute(query, {"after": after})
            fresh = [Logged(row.seq, row.at, row.type, json.loads(row.payload)) for row in rows]
        assert [one.seq for one in fresh] == list(range(after + 1, after + 1 + len(fresh))), f"{room} has a hole"
        log += fresh
        return fresh

    def made_under(self, names: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Sequence[Logged]]:
        """The events of each key; keys under which nothing was done are left out."""
        logs = {"exchange": self.exchange, "settlement": self.settlement}
        found: dict[tuple[str, str], Sequence[Logged]] = {}
        for name in names:
            place = self.keys.get(name)
            if place is not None:
                log = logs.get(place.room, [])
                found[name] = log[place.first_seq - 1 : place.first_seq - 1 + place.events]
        return found
