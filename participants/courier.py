"""Delivers to one webhook: one message at a time, in order, each until it is taken.

A courier takes the next notice by time over all logs, sends it, and goes on when it was taken; until then it tries
again after growing pauses, and nothing overtakes. After the last try it has the webhook disabled.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from kernel.clock import to_text
from kernel.notice_feed import NoticeFeed
from kernel.notices import Notice
from kernel.quantity import MICROS_PER_S
from participants.outgoing import Answered
from participants.pace import Bell, Pace
from participants.tables import WebhookRow
from participants.webhook_books import Attempt, Books, Standing

#: Pauses before each further attempt: about three days in all, then the webhook is disabled.
PAUSES_S = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
#: Positions a courier passes without a message before it is written down; they are looked through again after a crash.
UNWRITTEN_EVENTS_MAX = 2_000
GONE = 410


class House(Protocol):
    """What a courier asks of whoever employs it."""

    pace: Pace
    bell: Bell
    books: Books
    feeds: tuple[NoticeFeed, ...]

    async def send(self, webhook: WebhookRow, name: str, body: bytes) -> Answered:
        """One signed attempt."""
        ...

    async def disable(self, webhook: WebhookRow, reason: str) -> None:
        """Has the webhook disabled."""
        ...


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

    def __init__(self, house: House, webhook: WebhookRow, standing: Standing) -> None:
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
                await self._house.disable(self._webhook, answered.error)
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
