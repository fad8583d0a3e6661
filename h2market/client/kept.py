"""What a stream keeps current: something that begins with a snapshot and takes in the changes after it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

from h2market.client.errors import ClientError
from h2market.client.said_base import Channel

#: Levels, or orders, of each side that a checksum covers, best first.
CHECKED = 10


class Broken(Exception):
    """What is here is not what the exchange has: a message was lost, or taken in twice."""


class Kept(ABC):
    """Of one product, as it was after the exchange's event `seq`.

    While the connection is away it stands still and `is_live` is false: whoever quotes by it should look.
    """

    channel: Channel

    def __init__(self, product_id: str) -> None:
        self.product_id = product_id
        self.seq = -1
        self.is_live = False
        self._news = asyncio.Event()
        self._ended: ClientError | None = None

    @property
    def name(self) -> tuple[Channel, str | None]:
        """What it is subscribed to."""
        return self.channel, self.product_id

    async def changed(self) -> None:
        """Returns when something has changed since this was last awaited. Raises what ended it, once nothing more will
        come: a StreamError, or the ApiError of a refusal."""
        if self._ended is None:
            await self._news.wait()
            self._news.clear()
        if self._ended is not None:
            raise self._ended

    @abstractmethod
    def hear(self, said: object) -> None:
        """Takes in a snapshot or a delta of its own kind. Raises Broken where it does not fit."""

    @abstractmethod
    def checksum(self) -> int:
        """What the exchange's checksum must be."""

    def resume(self, seq: int) -> None:
        """The exchange says that nothing has changed since ``seq``."""
        if seq != self.seq:
            raise Broken(f"{self.product_id}: stands at {self.seq}, resumed at {seq}")
        self._set_live(True)

    def pause(self) -> None:
        """The connection is away."""
        self._set_live(False)

    def fail(self, error: ClientError) -> None:
        """Nothing more will come."""
        self._ended = self._ended or error
        self.is_live = False
        self._news.set()

    def _set_live(self, live: bool) -> None:
        if self.is_live != live:
            self.is_live = live
            self._news.set()

    def _check_chain(self, prev_seq: int) -> None:
        if prev_seq != self.seq:
            raise Broken(f"{self.product_id}: after {self.seq} came a message that follows {prev_seq}")

    def _end(self, seq: int, checksum: int) -> None:
        if self.checksum() != checksum:
            raise Broken(f"{self.product_id}: the checksum after {seq} does not hold")
        self.seq = seq
        self.is_live = True
        self._news.set()
