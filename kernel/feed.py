"""Following logs and sending commands, in the same process or over HTTP.

Source   where a follower reads another room's events: the same database, or GET /v1/internal/ROOM/events
Port     where commands for another room go: its sequencer, or POST /v1/internal/ROOM/commands
Follower one reader with a cursor; what it asks of its own room is committed together with the cursor
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

import httpx
import msgspec

from kernel.errors import RETRY_AFTER_S, H2MarketError, Unavailable, brief
from kernel.log import Log, StoredEvent
from kernel.messages import Codec, Command, Event, Recorded
from kernel.sequencer import Cursor, Envelope, Key, Sequencer
from kernel.store import Store

#: Events a follower takes at a time: one transaction of its own room.
FOLLOW_EVENTS_MAX = 200
#: How long a remote reader's request stays open while nothing happens.
POLL_WAIT_S = 5.0
RETRY_MIN_S, RETRY_MAX_S = 0.1, 5.0

_log = logging.getLogger("h2market.follower")


class WireEvent(msgspec.Struct, frozen=True):
    """A stored event as it travels between services; hashes in hex."""

    seq: int
    at: int
    type: str
    actor: str
    payload: str
    prev_hash: str
    hash: str

    @classmethod
    def of(cls, row: StoredEvent) -> WireEvent:
        """The travelling form of a stored event."""
        return cls(row.seq, row.at, row.type, row.actor, row.payload, row.prev_hash.hex(), row.hash.hex())

    def stored(self) -> StoredEvent:
        """The stored form of a travelling event."""
        return StoredEvent(
            self.seq,
            self.at,
            self.type,
            self.actor,
            self.payload,
            bytes.fromhex(self.prev_hash),
            bytes.fromhex(self.hash),
        )


class WireCommand(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A command on its way to another service, with the key under which it takes effect once."""

    type: str
    payload: str
    key: str


class Source(Protocol):
    """A log that can be followed."""

    async def stored(self, after: int, limit: int) -> list[StoredEvent]:
        """The next events; waits a while when there are none, then answers with an empty list."""
        ...

    async def head(self) -> int:
        """The log's last position, for the lag."""
        ...


class LocalSource:
    """The log of a room in the same process."""

    def __init__(self, store: Store, sequencer: Sequencer) -> None:
        self._store = store
        self._log = sequencer.room.log
        self._sequencer = sequencer
        self._news = asyncio.Event()
        sequencer.on_commit(lambda _recorded: self._news.set())

    async def stored(self, after: int, limit: int) -> list[StoredEvent]:
        if self._sequencer.tail.seq <= after:
            self._news.clear()
            # Not wait_for: before Python 3.12 it swallows a cancellation that comes with the news, and a follower that
            # is told to stop goes on for ever.
            try:
                async with asyncio.timeout(POLL_WAIT_S):
                    await self._news.wait()
            except TimeoutError:
                return []
        return await asyncio.to_thread(read_stored, self._store, self._log, after, limit)

    async def head(self) -> int:
        return self._sequencer.tail.seq


def read_stored(store: Store, log: Log, after: int, limit: int) -> list[StoredEvent]:
    """A page of a log from the read connections."""
    with store.read_engine.connect() as connection:
        return list(log.stored(connection, after, limit))


class RemoteSource:
    """The log of a room in another process."""

    def __init__(self, client: httpx.AsyncClient, room: str) -> None:
        self._client = client
        self._room = room
        self._head = 0

    async def stored(self, after: int, limit: int) -> list[StoredEvent]:
        response = await self._client.get(
            f"/v1/internal/{self._room}/events",
            params={"after": after, "limit": limit, "wait_s": POLL_WAIT_S},
            timeout=POLL_WAIT_S + 10,
        )
        response.raise_for_status()
        self._head = int(response.headers["X-Log-Head"])
        return [wire.stored() for wire in msgspec.json.decode(response.content, type=list[WireEvent])]

    async def head(self) -> int:
        response = await self._client.get(f"/v1/internal/{self._room}/head")
        response.raise_for_status()
        return int(response.json()["seq"])


class Port(Protocol):
    """Where commands for a room go."""

    async def send(self, command: Command, *, actor: str, key: str) -> None:
        """Has the command take effect once. Raises its H2MarketError, or Unavailable when it should be sent again."""
        ...


class LocalPort:
    """The sequencer of a room in the same process."""

    def __init__(self, sequencer: Sequencer) -> None:
        self._sequencer = sequencer

    async def send(self, command: Command, *, actor: str, key: str) -> None:
        fingerprint = hashlib.sha256(self._sequencer.room.commands.encode(command)).digest()
        await self._sequencer.submit(command, actor=actor, key=Key("service", key, fingerprint))


class RemotePort:
    """A room in another process."""

    def __init__(self, client: httpx.AsyncClient, room: str, codec: Codec[Command]) -> None:
        self._client = client
        self._room = room
        self._codec = codec

    async def send(self, command: Command, *, actor: str, key: str) -> None:
        wire = WireCommand(type(command).__name__, self._codec.encode(command).decode(), key)
        try:
            response = await self._client.post(
                f"/v1/internal/{self._room}/commands",
                content=msgspec.json.encode(wire),
                headers={"Content-Type": "application/json"},
            )
        except httpx.TransportError as error:
            raise Unavailable(retry_after_s=RETRY_AFTER_S) from error
        if response.status_code >= 400:
            raise RemoteError(response.status_code, response.text)


class RemoteError(RuntimeError):
    """Another service did not do what it was asked."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"the other service answered {status}: {body[:500]}")
        self.status = status


class Follower:
    """Reads a source from where it stopped, and hands on what it read.

    It stops at an event that it cannot apply, says so in `error`, and tries that event again with growing pauses:
    nothing is skipped.
    """

    def __init__(self, name: str, source: Source, deliver: Deliver, cursor: int) -> None:
        self.name = name
        self.source = source
        self.cursor = cursor
        self.error: str | None = None
        self._deliver = deliver

    async def lag(self) -> int:
        """Events that have happened and are not yet applied."""
        return max(0, await self.source.head() - self.cursor)

    async def run(self) -> None:
        """Follows until it is cancelled."""
        pause = RETRY_MIN_S
        while True:
            try:
                await self.step()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                self.error = brief(error)
                _log.warning("follower %s stands at %s: %s: %s", self.name, self.cursor, type(error).__name__, error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, RETRY_MAX_S)
            else:
                self.error = None
                pause = RETRY_MIN_S

    async def step(self) -> None:
        """Takes one page of events, if there are any."""
        rows = await self.source.stored(self.cursor, FOLLOW_EVENTS_MAX)
        if rows:
            assert rows[0].seq == self.cursor + 1, f"{self.name}: the log has a gap after {self.cursor}"
            await self._deliver(rows, self)


class Deliver(Protocol):
    """What a follower does with a page of events; it moves `follower.cursor` with what has taken effect."""

    async def __call__(self, rows: Sequence[StoredEvent], follower: Follower, /) -> None: ...


class ToOwnRoom:
    """Turns events into commands of the follower's own room: effects and cursor in one transaction."""

    def __init__(
        self, sequencer: Sequencer, codec: Codec[Event], handle: Callable[[Recorded], Sequence[Command]]
    ) -> None:
        self._sequencer = sequencer
        self._codec = codec
        self._handle = handle

    async def __call__(self, rows: Sequence[StoredEvent], follower: Follower) -> None:
        envelopes = [
            Envelope(command, follower.name)
            for row in rows
            for command in self._handle(Recorded(row.seq, row.at, row.actor, self._codec.decode(row.type, row.payload)))
        ]
        await self._sequencer.follow(envelopes, Cursor(follower.name, rows[-1].seq))
        follower.cursor = rows[-1].seq


class ToPort:
    """Turns events into commands of another room. Each carries a key made from its event, so that it takes effect once
    however often it is sent; the cursor follows in the own room's store."""

    def __init__(
        self, sequencer: Sequencer, port: Port, codec: Codec[Event], handle: Callable[[Recorded], Sequence[Command]]
    ) -> None:
        self._sequencer = sequencer
        self._port = port
        self._codec = codec
        self._handle = handle

    async def __call__(self, rows: Sequence[StoredEvent], follower: Follower) -> None:
        for row in rows:
            recorded = Recorded(row.seq, row.at, row.actor, self._codec.decode(row.type, row.payload))
            for number, command in enumerate(self._handle(recorded)):
                await self._send(command, follower.name, f"{follower.name}:{row.seq}:{number}")
            follower.cursor = row.seq
        await self._sequencer.follow((), Cursor(follower.name, rows[-1].seq))

    async def _send(self, command: Command, name: str, key: str) -> None:
        try:
            await self._port.send(command, actor=name, key=key)
        except H2MarketError as error:
            if error.status >= 500:
                raise
            raise RuntimeError(f"{type(command).__name__} was refused: {error}") from error
