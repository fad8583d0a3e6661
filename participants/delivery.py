"""Delivers notices to webhooks: each webhook has a courier of its own, so none waits for another.

A courier takes the next notice by time over all logs, sends it, and goes on when it was taken; until then it tries
again after growing pauses, and nothing overtakes. After the last try the webhook is disabled in the register. Its
cursors stay where they are, so nothing is lost: activated again, it goes on there.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
from sqlalchemy import Connection, select

from kernel.clock import SystemClock, to_text
from kernel.errors import H2MarketError
from kernel.messages import Event, Recorded
from kernel.notice_feed import NoticeFeed, NoticeSource
from kernel.notices import Notice
from kernel.quantity import MICROS_PER_S
from kernel.room import table_of
from kernel.sequencer import Sequencer
from kernel.store import Store
from participants import events
from participants.commands import DisableWebhook
from participants.errors import WebhookBusy
from participants.outgoing import Answered, Outgoing
from participants.signing import signed_headers
from participants.tables import WebhookRow
from participants.webhook_books import Attempt, Books, Standing

#: Pauses before each further attempt: about three days in all, then the webhook is disabled.
PAUSES_S = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
#: By how much a pause is drawn longer or shorter, so that what failed together is not tried again together.
JITTER = 0.2
#: How often couriers hear that there is news: a busy log has some every millisecond.
RING_EVERY_S = 0.05
#: Positions a courier passes without a message before it is written down; they are looked through again after a crash.
UNWRITTEN_EVENTS_MAX = 2_000
#: A courier that is far behind leaves the others, and the engine, room between two stretches of the log.
CATCH_UP_PAUSE_S = 0.005
ACTOR = "webhooks"
GONE = 410
PING = "webhook.ping"

_OF_WEBHOOKS = (
    events.WebhookAdded,
    events.WebhookChanged,
    events.WebhookSecretRotated,
    events.WebhookDisabled,
    events.WebhookDeleted,
)
_log = logging.getLogger("h2market.webhooks")


class Pace(Protocol):
    """Time and chance, as the deliverer asks for them."""

    def now_us(self) -> int: ...

    async def sleep(self, seconds: float) -> None: ...

    def spread(self, seconds: float) -> float: ...


class RealPace:
    """The machine's time. A market in simulated time delivers in real time all the same: receivers have real clocks."""

    def __init__(self) -> None:
        self._clock = SystemClock()

    def now_us(self) -> int:
        return self._clock.now_us()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def spread(self, seconds: float) -> float:
        """A pause of about so many seconds."""
        return seconds * random.uniform(1 - JITTER, 1 + JITTER)


class Bell:
    """Wakes everybody who waits for news, not oftener than couriers can use."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._rung: asyncio.TimerHandle | None = None

    @property
    def next(self) -> asyncio.Event:
        """Is set the next time the bell rings; asked for before one looks."""
        return self._event

    def ring(self) -> None:
        """Rings in a moment."""
        if self._rung is None:
            self._rung = asyncio.get_running_loop().call_later(RING_EVERY_S, self._ring)

    def _ring(self) -> None:
        self._rung = None
        event, self._event = self._event, asyncio.Event()
        event.set()

    def silence(self) -> None:
        """Rings no more."""
        if self._rung is not None:
            self._rung.cancel()


def message_id(room: str, one: Notice) -> str:
    """The id of a notice's message: the same at every attempt, in every replay, for every webhook."""
    return "-".join((room, str(one.seq), *filter(None, (one.part,))))


class _Body(msgspec.Struct):
    type: str
    timestamp: str
    log: str
    seq: int
    data: msgspec.Raw


def body_of(room: str, one: Notice) -> bytes:
    """What is sent: type, time and data as the scheme asks, and the notice's place in its log."""
    return msgspec.json.encode(_Body(one.type, to_text(one.at), room, one.seq, one.data))


class Courier:
    """Delivers to one webhook as it is; a change of the webhook makes a new one."""

    def __init__(self, house: Deliverer, webhook: WebhookRow, standing: Standing) -> None:
        self._house = house
        self._webhook = webhook
        self._standing = standing
        types = webhook.event_types.split()
        self._exact = frozenset(types)
        self._written = dict(standing.cursors)

    async def run(self) -> None:
        """Delivers until it is cancelled, or the webhook is given up."""
        while True:
            room, notices = await self._next()
            for one in notices:
                if not await self._deliver(room, one):
                    return
            self._standing.cursors[room] = notices[0].seq
            self._note()

    def _wanted(self, kind: str) -> bool:
        return kind in self._exact or f"{kind.partition('.')[0]}.*" in self._exact

    async def _next(self) -> tuple[str, list[Notice]]:
        while True:
            bell = self._house.bell.next
            looked = [(feed.room, await self._look(feed)) for feed in self._house.feeds]
            found = [(room, notices) for room, notices in looked if notices]
            if found:
                return min(found, key=lambda pair: pair[1][0].at)
            await bell.wait()

    async def _look(self, feed: NoticeFeed) -> list[Notice]:
        """The next notices in one log, past everything that is not for this webhook.

        In a log that is new to it a webhook begins at the time at which it was added."""
        cursors = self._standing.cursors
        if feed.room not in cursors:
            position = await feed.position(self._webhook.added_at)
            if position is None:
                return []
            cursors[feed.room] = position
        while True:
            after = cursors[feed.room]
            notices, through = await feed.next_of(self._webhook.participant_id, after, self._wanted)
            if notices or through == after:
                return notices
            cursors[feed.room] = through
            if through - self._written.get(feed.room, 0) >= UNWRITTEN_EVENTS_MAX:
                self._note()
            if through < feed.head:
                await asyncio.sleep(CATCH_UP_PAUSE_S)

    async def _deliver(self, room: str, one: Notice) -> bool:
        """Sends a notice until it is taken; False where the webhook is given up."""
        standing, pace = self._standing, self._house.pace
        while True:
            await pace.sleep(max(0.0, (standing.next_attempt_at - pace.now_us()) / MICROS_PER_S))
            await self._house.books.room()
            answered = await self._house.send(self._webhook, message_id(room, one), body_of(room, one))
            attempt = attempt_of(message_id(room, one), one.type, room, one.seq, standing.failures + 1, pace, answered)
            self._judge(answered, attempt.at)
            self._note(attempt)
            if answered.delivered:
                return True
            if answered.status_code == GONE or standing.failures > len(PAUSES_S):
                await self._house.disable(self._webhook.id, answered.error)
                return False

    def _judge(self, answered: Answered, at: int) -> None:
        standing = self._standing
        standing.last_attempt_at, standing.last_error = at, answered.error
        if answered.delivered:
            standing.failures, standing.next_attempt_at, standing.last_success_at = 0, 0, at
            return
        pauses = PAUSES_S[standing.failures : standing.failures + 1]
        standing.failures += 1
        standing.next_attempt_at = at + sum(round(self._house.pace.spread(one) * MICROS_PER_S) for one in pauses)

    def _note(self, attempt: Attempt | None = None) -> None:
        self._written = dict(self._standing.cursors)
        self._house.books.note(self._webhook.id, self._standing, attempt)


def attempt_of(message: str, kind: str, room: str, seq: int, number: int, pace: Pace, answered: Answered) -> Attempt:
    """What is remembered of an attempt that has just ended."""
    return Attempt(
        message,
        kind,
        room,
        seq,
        number,
        pace.now_us(),
        answered.duration_ms,
        answered.delivered,
        answered.status_code,
        answered.error,
    )


class Deliverer:
    """All couriers of the house, where the register's log is written.

    ``key`` is the market's webhook key; ``sources`` are the logs that are told of.
    """

    def __init__(
        self,
        register: Sequencer,
        store: Store,
        sources: Mapping[str, NoticeSource],
        outgoing: Callable[[], Outgoing],
        pace: Pace | None = None,
    ) -> None:
        self.pace: Pace = pace or RealPace()
        self.books = Books(store, register.writer)
        self.bell = Bell()
        self.feeds = tuple(NoticeFeed(room, source, self.bell.ring) for room, source in sources.items())
        self.key = b""
        self._register = register
        self._store = store
        self._make_outgoing = outgoing
        self._outgoing: Outgoing | None = None
        self._standings: dict[str, Standing] = {}
        self._couriers: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._pinging: set[str] = set()
        self._one_at_a_time = asyncio.Lock()
        register.on_commit(self._learn)

    # --- life

    async def start(self, connection: Connection, key: bytes) -> None:
        """Goes on where it stopped. Before the writer's thread runs."""
        self.key = key
        self._outgoing = self._make_outgoing()
        with connection.begin():
            self._standings = self.books.read(connection)
            rows = connection.execute(select(table_of(WebhookRow))).all()
        for row in rows:
            self._employ(WebhookRow.model_validate(row._asdict()))
        self._background(self.books.run(), "webhooks.books")
        for feed in self.feeds:
            self._background(feed.run(), f"webhooks.{feed.room}")

    async def stop(self) -> None:
        """Ends every delivery and writes down how far it came."""
        self.bell.silence()
        tasks = [*self._couriers.values(), *self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for webhook_id, standing in self._standings.items():
            self.books.note(webhook_id, standing)
        try:
            await self.books.write()
        except H2MarketError:
            _log.exception("what was delivered last could not be noted")
        if self._outgoing is not None:
            await self._outgoing.close()

    # --- what routes ask

    async def settle(self) -> None:
        """Writes down now where a new webhook begins. Where it cannot, the time at which it was added has to do."""
        try:
            await self.books.write()
        except H2MarketError:
            _log.exception("where a webhook begins could not be noted")

    def standing(self, webhook_id: str) -> Standing:
        """How delivery to a webhook stands."""
        return self._standings.get(webhook_id) or Standing()

    async def ping(self, webhook: WebhookRow) -> Attempt:
        """Sends one message now, whatever the webhook's state, and tells what came of it; it is not tried again."""
        if webhook.id in self._pinging:
            raise WebhookBusy(webhook_id=webhook.id)
        self._pinging.add(webhook.id)
        try:
            at = self.pace.now_us()
            name = f"ping-{webhook.id}-{at}"
            data = msgspec.Raw(msgspec.json.encode({"webhook_id": webhook.id}))
            one = Notice(0, at, PING, webhook.participant_id, data)
            answered = await self.send(webhook, name, body_of("", one))
            attempt = attempt_of(name, one.type, "", 0, 1, self.pace, answered)
            self.books.note(webhook.id, self._standing_of(webhook.id), attempt)
            return attempt
        finally:
            self._pinging.discard(webhook.id)

    async def replay(self, webhook_id: str, cursors: Mapping[str, int]) -> None:
        """Goes on from other positions, and tries at once. Raises Unavailable where that could not be written down."""
        async with self._one_at_a_time:
            await self._dismiss(webhook_id)
            standing = self._standing_of(webhook_id)
            standing.cursors |= cursors
            standing.failures, standing.next_attempt_at = 0, 0
            self.books.note(webhook_id, standing)
            try:
                await self.books.write()
            finally:
                await self._employ_again(webhook_id)

    def heads(self) -> dict[str, int]:
        """The last known position of every log that is told of."""
        return {feed.room: feed.head for feed in self.feeds}

    # --- what couriers ask

    async def send(self, webhook: WebhookRow, name: str, body: bytes) -> Answered:
        """One signed attempt."""
        assert self._outgoing is not None
        salts = [webhook.salt]
        if webhook.previous_salt and self._register.clock.now_us() < webhook.previous_until:
            salts.append(webhook.previous_salt)
        headers = signed_headers(self.key, salts, name, self.pace.now_us(), body)
        headers |= {"content-type": "application/json", "user-agent": "h2market"}
        return await self._outgoing.post(webhook.url, headers, body)

    async def disable(self, webhook_id: str, reason: str) -> None:
        """Has a webhook disabled in the register; one that is not active any more is let be."""
        while True:
            try:
                await self._register.submit(DisableWebhook(webhook_id, reason), actor=ACTOR)
            except H2MarketError as error:
                if error.status < 500:
                    return
                await self.pace.sleep(PAUSES_S[0])
            else:
                return

    # --- couriers

    def _learn(self, recorded: Sequence[Recorded]) -> None:
        changed = [one.event for one in recorded if isinstance(one.event, _OF_WEBHOOKS)]
        for event in changed:
            if isinstance(event, events.WebhookAdded):
                self._begin(event.webhook_id)
        if changed:
            self._background(self._follow(changed), "webhooks.follow")

    def _begin(self, webhook_id: str) -> None:
        """A new webhook hears of what happens from now on. A log whose end is not known here yet is looked through
        later (see `Courier`)."""
        standing = self._standing_of(webhook_id)
        standing.cursors = {feed.room: feed.source.last for feed in self.feeds if feed.source.last}
        self.books.note(webhook_id, standing)

    async def _follow(self, changed: Iterable[Event]) -> None:
        """Gives every webhook that changed a new courier, in the order in which they changed."""
        async with self._one_at_a_time:
            for event in changed:
                webhook_id: str = event.webhook_id  # type: ignore[attr-defined]
                await self._dismiss(webhook_id)
                if isinstance(event, events.WebhookChanged):
                    standing = self._standing_of(webhook_id)
                    standing.failures, standing.next_attempt_at = 0, 0
                await self._employ_again(webhook_id)

    async def _employ_again(self, webhook_id: str) -> None:
        webhook = await asyncio.to_thread(self._read, webhook_id)
        if webhook is not None:
            self._employ(webhook)

    def _read(self, webhook_id: str) -> WebhookRow | None:
        with self._store.reading() as session:
            return session.get(WebhookRow, webhook_id)

    def _employ(self, webhook: WebhookRow) -> None:
        if webhook.state != "active":
            return
        courier = Courier(self, webhook, self._standing_of(webhook.id))
        self._couriers[webhook.id] = task = asyncio.create_task(courier.run(), name=f"webhooks.{webhook.id}")
        task.add_done_callback(_complain)

    async def _dismiss(self, webhook_id: str) -> None:
        task = self._couriers.pop(webhook_id, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _standing_of(self, webhook_id: str) -> Standing:
        return self._standings.setdefault(webhook_id, Standing())

    def _background(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(_complain)


def _complain(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _log.error("%s ended", task.get_name(), exc_info=task.exception())
