"""Delivers notices to webhooks: each active webhook has a courier of its own, so none waits for another.

The register says which webhooks there are; a change of one replaces its courier. Cursors stay where they are while a
webhook is paused or disabled, so nothing is lost: activated again, it goes on there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from kernel.errors import H2MarketError
from kernel.messages import Event, Recorded
from kernel.notice_feed import NoticeFeed, NoticeSource
from kernel.notices import Notice
from kernel.room import table_of
from kernel.scribe import END_S_MAX
from kernel.sequencer import Sequencer
from kernel.store import Store
from participants import events
from participants.commands import DisableWebhook
from participants.courier import PAUSES_S, Courier, attempt_of, body_of
from participants.errors import WebhookBusy
from participants.outgoing import Answered, Outgoing
from participants.pace import Bell, Pace, RealPace
from participants.signing import signed_headers
from participants.tables import WebhookRow
from participants.webhook_books import RETRY_S, Attempt, Books, Standing

ACTOR = "webhooks"
PING = "webhook.ping"

_OF_WEBHOOKS = (
    events.WebhookAdded,
    events.WebhookChanged,
    events.WebhookSecretRotated,
    events.WebhookDisabled,
    events.WebhookDeleted,
)
_log = logging.getLogger("h2market.webhooks")


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
            if row.state == "deleted":
                if row.id in self._standings:
                    self._forget(row.id)
            else:
                self._employ(WebhookRow.model_validate(row._asdict()))
        self._background(self.books.run(), "webhooks.books")
        for feed in self.feeds:
            self._background(feed.run(), f"webhooks.{feed.room}")

    async def stop(self) -> None:
        """Ends every delivery and writes down how far it came."""
        if self._outgoing is None:
            return  # it never started
        self.bell.silence()
        tasks = [*self._couriers.values(), *self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for webhook_id, standing in self._standings.items():
            self.books.note(webhook_id, standing)
        try:
            async with asyncio.timeout(END_S_MAX):
                await self.books.write()
        except (H2MarketError, TimeoutError):  # it is delivered again
            _log.exception("what was delivered last could not be noted")
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
            standing = self._standings.get(webhook.id)
            if standing is not None:  # it was not deleted meanwhile
                self.books.note(webhook.id, standing, attempt)
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
                self._background(self._renew(webhook_id), "webhooks.renew")

    @property
    def delivering(self) -> int:
        """Webhooks that are active."""
        return len(self._couriers)

    @property
    def failing(self) -> int:
        """Active webhooks whose next message was not taken yet."""
        return sum(self.standing(webhook_id).failures > 0 for webhook_id in self._couriers)

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
        return await self._outgoing.post(webhook.url, headers, body, webhook.participant_id)

    async def disable(self, webhook: WebhookRow, reason: str) -> None:
        """Has a webhook disabled in the register; one that was changed meanwhile, or is not active, is let be."""
        command = DisableWebhook(webhook.id, reason, webhook.event_seq)
        while True:
            try:
                await self._register.submit(command, actor=ACTOR)
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
                    self.books.note(webhook_id, standing)
                if isinstance(event, events.WebhookDeleted):
                    self._forget(webhook_id)
                else:
                    await self._employ_again(webhook_id)

    async def _renew(self, webhook_id: str) -> None:
        async with self._one_at_a_time:
            await self._dismiss(webhook_id)
            await self._employ_again(webhook_id)

    def _forget(self, webhook_id: str) -> None:
        """What was delivered to a webhook that is deleted is nobody's to read any more."""
        self._standings.pop(webhook_id, None)
        self.books.forget(webhook_id)

    async def _employ_again(self, webhook_id: str) -> None:
        """Gives a webhook a courier, however long the store is away: it would have none until it changes again."""
        while True:
            try:
                webhook = await asyncio.to_thread(self._read, webhook_id)
            except (SQLAlchemyError, H2MarketError):
                _log.exception("the webhook %s cannot be read", webhook_id)
                await self.pace.sleep(RETRY_S)
            else:
                break
        if webhook is not None:
            self._employ(webhook)

    def _read(self, webhook_id: str) -> WebhookRow | None:
        with self._store.reading() as session:
            return session.get(WebhookRow, webhook_id)

    def _employ(self, webhook: WebhookRow) -> None:
        if webhook.state != "active":
            return
        courier = Courier(self, webhook, self._standing_of(webhook.id))
        task = asyncio.create_task(self._keep(courier, webhook.id), name=f"webhooks.{webhook.id}")
        self._couriers[webhook.id] = task
        task.add_done_callback(_complain)

    async def _keep(self, courier: Courier, webhook_id: str) -> None:
        """Lets a courier run; one that breaks says so to the webhook's owner, and in the log."""
        try:
            await courier.run()
        except Exception:
            self._standing_of(webhook_id).last_error = "internal"
            raise

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
