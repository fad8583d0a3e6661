"""What waits to be sent on one connection, and the patience with whoever reads it slowly.

Answers, trades and own business wait in a queue with a limit. Books and tickers do not wait as messages: a subscription
waits, and says what is new when its turn comes. So a slow reader gets fewer and larger messages, and only one whose
queue is full, or to whom nothing could be sent for a long time, is cut off. Nobody else waits for it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

#: Messages and bytes that wait for one reader before it is cut off.
MESSAGES_MAX = 10_000
BYTES_MAX = 16 << 20
#: A snapshot of many messages waits for its reader while so much is waiting for it.
ROOM_BYTES = 1 << 20
#: How long a reader may take nothing at all.
STUCK_S_MAX = 20.0


class Due(Protocol):
    """Something that will know what to say when its turn comes."""

    def render(self) -> bytes | None:
        """The message; None if there is nothing to say any more."""
        ...


class Outbox:
    """The queue of one connection. ``cut`` is called once where its reader is too slow."""

    def __init__(self, cut: Callable[[], None]) -> None:
        self.messages_max = MESSAGES_MAX
        self.bytes_max = BYTES_MAX
        self._cut: Callable[[], None] | None = cut
        self._waiting: deque[bytes | Due] = deque()
        self._bytes = 0
        self._news = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._sending_since: float | None = None
        self._loop = asyncio.get_running_loop()

    def put(self, message: bytes) -> None:
        """Queues a message that must not be lost."""
        if self._cut is None:
            return
        self._waiting.append(message)
        self._bytes += len(message)
        if self._bytes > ROOM_BYTES:
            self._has_room.clear()
        self._news.set()
        if len(self._waiting) > self.messages_max or self._bytes > self.bytes_max:
            self.give_up()

    def put_due(self, due: Due) -> None:
        """Queues something that will say how things are when its turn comes."""
        if self._cut is not None:
            self._waiting.append(due)
            self._news.set()

    async def room(self) -> None:
        """Returns when there is room for a message of many, or nobody to send it to."""
        await self._has_room.wait()

    def close(self) -> None:
        """Nothing more is sent: whoever waits for room need not."""
        self._cut = None
        self._has_room.set()

    def check(self, stuck_s_max: float) -> None:
        """Cuts off a reader that has taken nothing for too long."""
        since = self._sending_since
        if since is not None and self._loop.time() - since > stuck_s_max:
            self.give_up()

    def give_up(self) -> None:
        """Cuts off the reader, and drops what waits for it."""
        cut = self._cut
        self.close()
        self._waiting.clear()
        if cut is not None:
            cut()

    async def run(self, send: Callable[[str], Awaitable[None]]) -> None:
        """Sends what comes until it is cancelled or the reader is gone. ``send`` waits while the reader's buffers are
        full."""
        try:
            await self._run(send)
        finally:
            self.close()  # whoever waits for room would wait for ever

    async def _run(self, send: Callable[[str], Awaitable[None]]) -> None:
        waiting = self._waiting
        while True:
            while waiting:
                due = waiting.popleft()
                if isinstance(due, bytes):
                    self._bytes -= len(due)
                    if self._bytes <= ROOM_BYTES:
                        self._has_room.set()
                    message: bytes | None = due
                else:
                    message = due.render()
                if message is not None:
                    self._sending_since = self._loop.time()
                    await send(message.decode())
                    self._sending_since = None
            self._news.clear()
            await self._news.wait()

    async def flush(self, send: Callable[[str], Awaitable[None]]) -> None:
        """Sends what waits now: the last words before a connection is closed."""
        while self._waiting:
            due = self._waiting.popleft()
            message = due if isinstance(due, bytes) else due.render()
            if message is not None:
                await send(message.decode())
