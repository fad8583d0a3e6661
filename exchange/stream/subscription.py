"""One connection's interest in one channel."""

from __future__ import annotations

import asyncio
from typing import Any

from exchange.stream.base import Channel
from exchange.stream.outbox import MESSAGES_MAX, Outbox
from exchange.stream.shared import Shared

#: Changes of single orders that gather in one message for a reader: beyond that it is cut off. A throttled one is sent
#: half as many without waiting longer. Levels and tickers need no such limit: there are only so many of them.
GATHERED_MAX = 100_000

Key = tuple[Channel, str]  # the channel and the product, "" for all


class _Turn:
    """A subscription's place in the queue; void once the subscription began anew."""

    __slots__ = ("_subscription",)

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription

    def render(self) -> bytes | None:
        return self._subscription.render(self)


class Subscription:
    """What a connection wants of a channel, and how far it was told.

    ``push`` sends each message, ``offer`` the latest state: with a throttle, or where the reader is slow, messages that
    were offered become one. While ``held`` is a list, pushed messages wait in it: the past is told first. ``before`` is
    the one whose place it takes.
    """

    __slots__ = (
        "_loop", "_next_at", "_outbox", "_pending", "_timer", "_turn", "before", "depth", "held", "key", "seq",
        "throttle_s",
    )  # fmt: skip

    def __init__(
        self, key: Key, outbox: Outbox, depth: int, throttle_s: float, before: Subscription | None = None
    ) -> None:  # fmt: skip
        self.key = key
        self.depth = depth
        self.throttle_s = throttle_s
        self.before = before
        self.seq = 0  # of the last message
        self.held: list[Shared[Any]] | None = None
        self._outbox = outbox
        self._pending: Shared[Any] | None = None
        self._turn: _Turn | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._next_at = 0.0

    def begin(self, snapshot: bytes | None, seq: int) -> None:
        """Begins with a snapshot that is true after event ``seq``, or without one where the reader knows that much."""
        self.forget()
        self.seq = seq
        if snapshot is not None:
            self._outbox.put(snapshot)

    def hold(self) -> None:
        """Here it will begin: what happens from now on waits, also for the one before, which goes on from here if this
        one cannot."""
        self.held = []
        if self.before is not None:
            self.before.held = []

    def say(self, part: bytes) -> None:
        """Sends a part of what it begins with."""
        self._outbox.put(part)

    async def room(self) -> None:
        """Returns when the reader has taken most of what waits for it, or is gone."""
        await self._outbox.room()

    def push(self, shared: Shared[Any]) -> None:
        """Sends a message, after those that were pushed before."""
        if self.held is not None:
            self.held.append(shared)
            if len(self.held) > MESSAGES_MAX:
                self._outbox.give_up()
            return
        self.tell(shared)

    def tell(self, shared: Shared[Any]) -> None:
        """Sends a message at once, also while others are held."""
        self._outbox.put(shared.render(self.seq))
        self.seq = shared.seq

    def release(self) -> None:
        """Sends what was held while the past was told."""
        if self.held is None:
            return
        held, self.held = self.held, None
        for shared in held:
            if shared.seq > self.seq:
                self.push(shared)
        if self._pending is not None:
            self._queue()

    def offer(self, shared: Shared[Any]) -> None:
        """Says how things are now, as soon as the throttle and the reader allow."""
        self._pending = shared if self._pending is None else self._pending.merged(shared)
        if self._turn is None and self.held is None:
            self._queue()
        elif self._pending.gathered > GATHERED_MAX // 2:
            self._hurry(self._pending.gathered)

    def _hurry(self, gathered: int) -> None:
        """Sends what gathered without waiting longer. Where it is the reader that takes nothing, that has an end."""
        timer, turn = self._timer, self._turn
        if turn is not None and timer is not None and timer.when() > self._loop.time():
            timer.cancel()
            self._outbox.put_due(turn)
            self._timer = None
        elif gathered > GATHERED_MAX:
            self._outbox.give_up()

    def _queue(self) -> None:
        self._turn = turn = _Turn(self)
        wait_s = self._next_at - self._loop.time() if self.throttle_s else 0
        if wait_s > 0:
            self._timer = self._loop.call_later(wait_s, self._outbox.put_due, turn)
        else:
            self._outbox.put_due(turn)

    def render(self, turn: _Turn) -> bytes | None:
        """What was offered, as one message."""
        if turn is not self._turn:
            return None
        pending, self._pending, self._turn, self._timer = self._pending, None, None, None
        assert pending is not None
        if self.throttle_s:
            self._next_at = self._loop.time() + self.throttle_s
        message = pending.render(self.seq)
        self.seq = pending.seq
        return message

    def forget(self) -> None:
        """Drops what was offered and not sent."""
        self._pending = self._turn = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
