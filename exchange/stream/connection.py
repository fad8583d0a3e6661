"""One WebSocket: who calls, what it asks, and the end of it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import msgspec

from exchange.plain import PlainPlace, read_frame
from exchange.stream.base import Said, encode
from exchange.stream.door import Door
from exchange.stream.door import Place as Seat
from exchange.stream.entry import INSTANCE, Desk
from exchange.stream.hub import Hub
from exchange.stream.outbox import STUCK_S_MAX, Outbox
from exchange.stream.requests import (
    AnyRequest,
    Auth,
    Ping,
    Place,
    Resync,
    SetOptions,
    Subscribe,
    Unsubscribe,
    read,
)
from exchange.stream.said_talk import (
    Beat,
    Heartbeat,
    OptionsSet,
    Pong,
    ProblemSaid,
    Subscribed,
    Unsubscribed,
    Welcome,
)
from exchange.stream.subscription import Key, Subscription
from kernel.auth import Principal
from kernel.clock import to_text
from kernel.errors import Conflict, H2MarketError, InvalidInput, Language, NotFound, RateLimited, Unauthenticated
from kernel.http import as_internal, problem
from kernel.ids import request_id

#: Subscriptions of one connection.
SUBSCRIPTIONS_MAX = 500
#: Frames of one connection that are under way at a time; the next is not read before one of them is answered.
FRAMES_MAX = 64
#: How long a connection is not read after a frame that is none, or was one too many.
REFUSED_PAUSE_S = 0.01
#: How long a connection may stay without a key.
AUTH_S_MAX = 10.0

#: Close codes: those of HTTP, moved into the range that applications may use.
CLOSE_NO_KEY = 4401
CLOSE_SUSPENDED = 4403
CLOSE_TOO_SLOW = 4408
CLOSE_TOO_MANY = 4429
CLOSE_RESTART = 1012

SendText = Callable[[str], Awaitable[None]]
Receive = Callable[[], Awaitable[str | bytes | None]]
Close = Callable[[int, str], None]

_log = logging.getLogger("h2market.stream")


class Ended(Exception):
    """The connection is to be closed with a code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class _Gone(Exception):
    """The connection has ended while a subscription began."""


class Connection:
    """A client's conversation. ``close(code, reason)`` ends it from this side, also where the reader is stuck."""

    def __init__(
        self, hub: Hub, door: Door, place: Seat, language: Language, send: SendText, close: Close
    ) -> None:  # fmt: skip
        self.ended: tuple[int, str] | None = None
        self._hub = hub
        self._door = door
        self._place_taken = place
        self._language: Language = language
        self._send = send
        self._close = close
        self._outbox = Outbox(lambda: self._end(CLOSE_TOO_SLOW, "slow reader"))
        self._desk = Desk(hub.service, language)
        self._subscriptions: dict[Key, Subscription] = {}
        self._beginning: Subscription | None = None
        self._secret = ""
        self._caller: Principal | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(FRAMES_MAX)
        self._lane = asyncio.Lock()  # subscriptions begin and end one after another

    # --- what the hub asks

    def beat(self) -> None:
        """Sends a heartbeat, and looks whether the reader is still there."""
        self._outbox.check(STUCK_S_MAX)
        if self.ended is not None:
            return
        begun = [one for one in self._subscriptions.values() if one is not self._beginning]
        beats = [Beat(one.key[0], _product(one.key), one.seq) for one in begun]
        now = to_text(self._hub.service.clock.now_us())
        seq = self._hub.feed.seq if self._hub.feed.is_open else self._hub.service.sequencer.tail.seq
        self._say(Heartbeat(seq, now, beats))

    def check_key(self) -> None:
        """Ends the connection where its key was revoked or its company suspended."""
        if self._caller is None:
            return
        found = self._door.find(self._secret)
        if found is None:
            self._end(CLOSE_NO_KEY, "the key is no longer valid")
        elif not found.active:
            self._end(CLOSE_SUSPENDED, "the company is suspended")
        else:
            self._caller = found

    def restart(self) -> None:
        """Tells the client to come back."""
        self._end(CLOSE_RESTART, "the feed begins anew: connect again")

    def _end(self, code: int, reason: str) -> None:
        if self.ended is None:
            self.ended = code, reason
            self._close(code, reason)

    # --- the conversation

    async def run(self, receive: Receive, secret: str | None) -> None:
        """Talks until either side ends it. ``receive`` gives frames, and None at the end."""
        writing = asyncio.create_task(self._outbox.run(self._send), name="stream.writer")
        writing.add_done_callback(_heard_out)
        try:
            await self._authenticate(receive, secret)
            self._hub.join(self)
            while self.ended is None and (frame := await receive()) is not None:
                await self._take(frame)
        except Ended as ended:
            writing.cancel()
            await self._last_words()
            self._end(ended.code, ended.reason)
        finally:
            self.ended = self.ended or (1000, "")
            self._hub.part(self)
            for one in self._subscriptions.values():
                self._hub.remove(one)
            if self._beginning is not None:
                self._hub.remove(self._beginning)
            self._subscriptions.clear()
            self._outbox.close()
            writing.cancel()
            await asyncio.shield(self._finish())

    async def _last_words(self) -> None:
        try:
            async with asyncio.timeout(1):
                await self._outbox.flush(self._send)
        except (OSError, TimeoutError):
            return

    async def _finish(self) -> None:
        """What was asked is decided before the orders of the connection are cancelled."""
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._caller is not None:
            await self._desk.end(self._caller)

    async def _authenticate(self, receive: Receive, secret: str | None) -> None:
        request_name: str | None = None
        if secret is None:
            secret, request_name = await self._first(receive)
        caller = self._door.find(secret)
        if caller is None:
            self._refuse(Unauthenticated(field="key"), request_name)
            raise Ended(CLOSE_NO_KEY, "no such key")
        if not caller.active:
            raise Ended(CLOSE_SUSPENDED, "the company is not approved or is suspended")
        try:
            self._place_taken.move(caller.key_id)
        except RateLimited as error:
            self._refuse(error, request_name)
            raise Ended(CLOSE_TOO_MANY, "this key has as many streams as it may") from error
        self._secret, self._caller = secret, caller
        hub = self._hub
        seq = hub.service.sequencer.tail.seq
        self._say(Welcome(caller.participant_id, caller.key_id, sorted(caller.scopes), hub.heartbeat_s, seq))

    async def _first(self, receive: Receive) -> tuple[str, str | None]:
        """The key of the first message, and its id."""
        try:
            async with asyncio.timeout(AUTH_S_MAX):
                frame = await receive()
        except TimeoutError as error:
            raise Ended(CLOSE_NO_KEY, "no key came") from error
        if frame is None:
            raise Ended(CLOSE_NO_KEY, "no key came")
        try:
            request = read(frame)
        except H2MarketError as error:
            self._refuse(error, _id_of(frame))
            raise Ended(CLOSE_NO_KEY, "the first message brings the key") from error
        if not isinstance(request, Auth):
            self._refuse(Unauthenticated(field="op", rule="auth_first"), request.id)
            raise Ended(CLOSE_NO_KEY, "the first message brings the key")
        return request.key, request.id

    async def _take(self, frame: str | bytes) -> None:
        """Reads a frame and begins what it asks."""
        assert self._caller is not None
        try:
            self._door.count(self._caller.key_id, time.monotonic())
            request = read_frame(frame) or read(frame)
        except H2MarketError as error:
            self._refuse(error, _id_of(frame))
            # What came with it waits: without a pause the loop would refuse all of it before anybody else's turn.
            await asyncio.sleep(REFUSED_PAUSE_S)
            return
        await self._room.acquire()
        task = asyncio.create_task(self._answer(request))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._room.release()

    async def _answer(self, request: AnyRequest | PlainPlace) -> None:
        try:
            await self._do(request)
        except H2MarketError as error:
            self._refuse(error, request.id)
        except Exception as error:
            self._refuse(as_internal(error), request.id)

    def _do(self, request: AnyRequest | PlainPlace) -> Coroutine[Any, Any, None]:
        if isinstance(request, PlainPlace | Place):
            return self._place(request)
        if isinstance(request, Subscribe):
            return self._in_lane(self._subscribe(request))
        if isinstance(request, Unsubscribe):
            return self._in_lane(self._unsubscribe(request))
        if isinstance(request, Resync):
            return self._in_lane(self._resync(request))
        return self._other(request)

    async def _in_lane(self, step: Coroutine[Any, Any, None]) -> None:
        async with self._lane:
            await step

    async def _place(self, request: Place | PlainPlace) -> None:
        assert self._caller is not None
        self._caller.require("trade")
        self._outbox.put(await self._desk.place(self._caller, request))

    async def _other(self, request: Any) -> None:
        assert self._caller is not None
        if isinstance(request, Ping):
            self._say(Pong(request.id, to_text(self._hub.service.clock.now_us())))
        elif isinstance(request, Auth):
            raise Conflict(field="op", rule="authenticated", message="This connection has its key already.")
        else:
            self._caller.require("trade")
            if isinstance(request, SetOptions):
                self._desk.on_disconnect = request.cancel_on_disconnect
                self._say(OptionsSet(request.id, request.cancel_on_disconnect))
            else:
                self._outbox.put(await self._desk.change(self._caller, request))

    # --- subscriptions

    async def _subscribe(self, request: Subscribe) -> None:
        assert self._caller is not None
        self._caller.require("read")
        key = self._key(request)
        if key not in self._subscriptions and len(self._subscriptions) >= SUBSCRIPTIONS_MAX:
            raise Conflict(
                field="channel", rule="subscriptions_max",
                message=f"A connection has at most {SUBSCRIPTIONS_MAX} subscriptions.",
            )  # fmt: skip
        known = self._subscriptions.get(key)
        one = Subscription(key, self._outbox, request.depth, request.throttle_ms / 1_000, known)
        await self._begin(one, request.since, request.id)

    async def _begin(self, one: Subscription, since: int | None, name: str | None) -> None:
        """Lets a subscription begin. Until it does, the one before goes on; and after, if it cannot begin."""

        def start(seq: int, resumed: bool) -> None:
            if self.ended is not None:
                raise _Gone
            self._drop(one.key)
            self._subscriptions[one.key] = one
            self._say(Subscribed(name, one.key[0], _product(one.key), seq, resumed))

        self._beginning = one
        try:
            await self._hub.begin(one, since, start)
        except BaseException as error:
            self._hub.remove(one)
            if self._subscriptions.get(one.key) is one:  # a defect, after it was said to stand
                del self._subscriptions[one.key]
                self._say(Unsubscribed(name, one.key[0], _product(one.key)))
            elif one.before is not None:
                one.before.release()
            if not isinstance(error, _Gone):
                raise
        finally:
            self._beginning = one.before = None

    async def _resync(self, request: Resync) -> None:
        key = self._key(request)
        known = self._subscriptions.get(key)
        if known is None:
            raise NotFound(field="channel", kind="subscription", id=f"{request.channel} {key[1]}".strip())
        one = Subscription(key, self._outbox, known.depth, known.throttle_s, known)
        await self._begin(one, None, request.id)

    async def _unsubscribe(self, request: Unsubscribe) -> None:
        key = self._key(request)
        if not self._drop(key):
            raise NotFound(field="channel", kind="subscription", id=f"{request.channel} {key[1]}".strip())
        self._say(Unsubscribed(request.id, request.channel, _product(key)))

    def _drop(self, key: Key) -> bool:
        known = self._subscriptions.pop(key, None)
        if known is not None:
            self._hub.remove(known)
        return known is not None

    def _key(self, request: Subscribe | Unsubscribe | Resync) -> Key:
        assert self._caller is not None
        if request.channel == "own":
            if request.product_id is not None:
                raise InvalidInput(
                    "product_id", "extra_forbidden", "The channel own is of the whole company.",
                    "own 频道针对整个企业，不接受 product_id。",
                )  # fmt: skip
            return "own", self._caller.participant_id
        if request.product_id is None and request.channel in ("book", "orders"):
            raise InvalidInput("product_id", "missing", "Name the product.", "请提供产品编号。")
        return request.channel, request.product_id or ""

    # --- what is said

    def _say(self, message: Said) -> None:
        self._outbox.put(encode(message))

    def _refuse(self, error: H2MarketError, name: str | None) -> None:
        self._say(ProblemSaid(name, problem(error, request_id(None), self._language, INSTANCE)))


def _product(key: Key) -> str | None:
    return None if key[0] == "own" else key[1] or None


def _id_of(frame: str | bytes) -> str | None:
    """The id of a frame that could not be read otherwise, if it has one."""
    try:
        decoded = msgspec.json.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    name = decoded.get("id") if isinstance(decoded, dict) else None
    return name if isinstance(name, str) and len(name) <= 64 else None


def _heard_out(writing: asyncio.Task[None]) -> None:
    """A reader that went away ends the writer with an OSError, which says nothing new."""
    if not writing.cancelled() and (error := writing.exception()) is not None and not isinstance(error, OSError):
        _log.error("the writer of a stream broke", exc_info=error)
