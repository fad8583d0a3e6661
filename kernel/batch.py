"""One transaction in the making: commands decided in order, and everything that is written because of them."""

from __future__ import annotations

import asyncio
import itertools
import logging
import uuid
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection

from kernel.errors import RETRY_AFTER_S, H2MarketError, Internal, KeyReused, Unavailable
from kernel.log import Tail
from kernel.messages import Command, Event, Recorded
from kernel.room import Room, table_of
from kernel.store import Row, Write, rows_with_keys
from kernel.tables import CursorRow, IdempotencyRow

_log = logging.getLogger("h2market.sequencer")


class Key(msgspec.Struct, frozen=True, gc=False):
    """An idempotency key: unique for ever within its room and scope; ``fingerprint`` is the SHA-256 of the request."""

    scope: str
    key: str
    fingerprint: bytes


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """A command, who sends it, and the key under which it takes effect once.

    A command that makes several things has a key for each: ``also`` are the others, with the same fingerprint.
    """

    command: Command
    actor: str
    key: Key | None = None
    also: tuple[Key, ...] = ()

    def all_keys(self) -> tuple[Key, ...]:
        """All its keys."""
        return self.also if self.key is None else (self.key, *self.also) if self.also else (self.key,)


class Cursor(NamedTuple):
    """How far a follower comes with the unit that carries this."""

    follower: str
    seq: int


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What a command did: its events from position ``seq`` on. ``replayed``: it had been done before under its key."""

    seq: int
    at: int
    events: tuple[Event, ...]
    replayed: bool = False


Result = Outcome | H2MarketError


#: Takes what became of a caller's envelopes: a result for each, or the error that concerns them all.
Answer = Callable[[Any], None]


class Unit:
    """What one caller submitted together. With a cursor it is all or nothing. ``outcome`` is what ``answer`` will be
    told: a result for each envelope, what ``read`` gave, or the error of the whole."""

    __slots__ = ("answer", "cursor", "envelopes", "outcome", "read")

    def __init__(
        self,
        envelopes: Sequence[Envelope],
        answer: Answer,
        cursor: Cursor | None = None,
        read: Callable[[Any], Any] | None = None,
    ) -> None:
        self.envelopes = envelopes
        self.answer = answer
        self.cursor = cursor
        self.read = read
        self.outcome: Any = None

    @property
    def needs_rest(self) -> bool:
        """Whether it asks for what is committed, and so waits for what is decided and not yet written."""
        return self.read is not None or self.cursor is not None


def refuse(units: Sequence[Unit]) -> None:
    """Says of units that nothing was changed and that they may be sent again."""
    conclude(units, Unavailable(retry_after_s=RETRY_AFTER_S))


def conclude(units: Sequence[Unit], error: H2MarketError) -> None:
    """Says the same of all units."""
    for unit in units:
        unit.outcome = error


def settle(future: asyncio.Future[Any], outcome: Any) -> None:
    """Answers a caller that waits, if it still does."""
    if future.done():
        return
    if isinstance(outcome, H2MarketError):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


class Poisoned(Exception):
    """A unit that must be taken out so that the others of its batch can go on."""

    def __init__(self, unit: Unit, error: H2MarketError) -> None:
        self.unit = unit
        self.error = error


class Batch:
    """One transaction in the making, on top of those that are ``on_the_way``: decided before, and not yet written."""

    def __init__(
        self,
        room: Room,
        connection: Connection,
        units: Sequence[Unit],
        tail: Tail,
        at: int,
        on_the_way: Sequence[Batch] = (),
    ) -> None:
        self.room = room
        self.log = room.log
        self.connection = connection
        self.units = units
        self.tail = tail
        self.at = at
        self.on_the_way = on_the_way
        self.commands = sum(len(unit.envelopes) for unit in units)
        self.rows: list[Row] = []
        self._decided: list[tuple[str, tuple[Event, ...]]] = []
        self._first_seq = self._next_seq = tail.seq + 1
        self.keys: dict[tuple[str, str], tuple[bytes, Outcome]] = {}
        self.key_rows: list[Row] = []
        self.cursors: dict[str, int] = {}
        self.machine = self.room.open(connection, [envelope.command for unit in units for envelope in unit.envelopes])

    def decide(self) -> None:
        """Lets the machine decide every unit in order, and chains what happened to the log."""
        self._known_keys()
        done = self._known_cursors()
        for unit in self.units:
            if unit.cursor is None:
                unit.outcome = [self._one(unit, envelope) for envelope in unit.envelopes]
            elif unit.cursor.seq > done.get(unit.cursor.follower, 0):
                for envelope in unit.envelopes:
                    result = self._one(unit, envelope)
                    if isinstance(result, H2MarketError):
                        raise Poisoned(unit, result)
                done[unit.cursor.follower] = self.cursors[unit.cursor.follower] = unit.cursor.seq
        self.rows, self.tail = self.log.chain(self.tail, self.at, self._decided)
        if self.room.watch is not None and self._next_seq > self._first_seq:
            self.room.watch(self.machine, self._first_seq, self._next_seq - 1)

    def recorded(self) -> list[Recorded]:
        """What happened, as listeners hear of it."""
        seqs, at = itertools.count(self._first_seq), self.at
        return [Recorded(next(seqs), at, actor, event) for actor, events in self._decided for event in events]

    def writes(self) -> list[Write]:
        """What the transaction writes."""
        writes = [
            self.log.write(self.rows),
            *self.room.writes(self.machine.changes),
            Write(table_of(IdempotencyRow), self.key_rows, replace=False),
            Write(table_of(CursorRow), list(self.cursors.items()), replace=True),
        ]
        return [write for write in writes if write.rows]

    def _one(self, unit: Unit, envelope: Envelope) -> Result:
        command, actor, keys = envelope.command, envelope.actor, envelope.all_keys()
        for key in keys:
            known = self.keys.get((key.scope, key.key))
            if known is not None:
                fingerprint, outcome = known
                if fingerprint != key.fingerprint:
                    return KeyReused(field="Idempotency-Key", key=key.key)
                return replace(outcome, replayed=True)
        seq, at = self._next_seq, self.at
        try:
            events = tuple(self.machine.apply(command, at, seq))
        except H2MarketError as refusal:
            return refusal
        except Exception as error:
            raise Poisoned(
                unit, internal_error(f"{self.room.name} could not decide {type(command).__name__}")
            ) from error
        outcome = Outcome(seq, at, events)
        self._next_seq = seq + len(events)
        self._decided.append((actor, events))
        for key in keys:
            self.keys[key.scope, key.key] = key.fingerprint, outcome
            self.key_rows.append((self.room.name, key.scope, key.key, key.fingerprint, seq, len(events), at))
        return outcome

    def _known_keys(self) -> None:
        """Finds what the batch's keys did before."""
        wanted = {
            (key.scope, key.key) for unit in self.units for envelope in unit.envelopes for key in envelope.all_keys()
        }
        for before in self.on_the_way:
            for key in wanted & before.keys.keys():
                self.keys[key] = before.keys[key]
        columns = ("scope", "key", "fingerprint", "first_seq", "events", "at")
        table, room = table_of(IdempotencyRow), self.room.name
        unknown = [(room, *key) for key in wanted.difference(self.keys)]
        found = rows_with_keys(self.connection, table, columns, ("room", "scope", "key"), unknown)
        for scope, name, fingerprint, first_seq, count, at in found:
            events = tuple(one.event for one in self.log.read(self.connection, first_seq - 1, count))
            self.keys[scope, name] = bytes(fingerprint), Outcome(first_seq, at, events)

    def _known_cursors(self) -> dict[str, int]:
        followers = sorted({unit.cursor.follower for unit in self.units if unit.cursor})
        table = table_of(CursorRow)
        wanted = [(follower,) for follower in followers]
        return dict(rows_with_keys(self.connection, table, ("follower", "seq"), ("follower",), wanted))


def internal_error(what: str) -> Internal:
    """Logs the exception under way and gives the error that the caller sees; its id finds the log line."""
    error_id = uuid.uuid4().hex
    _log.exception("%s (error %s)", what, error_id)
    return Internal(error_id=error_id)
