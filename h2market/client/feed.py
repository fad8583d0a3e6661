"""What a stream is subscribed to, and how far each subscription has got."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, Generic, Self, TypeVar

from h2market.client.errors import ClientError, Overrun, StreamClosed
from h2market.client.kept import Broken, Kept
from h2market.client.said import Delta, Gap, Snapshot, Subscribed, Told
from h2market.client.said_base import Channel
from h2market.client.said_market import OrdersSnapshot, StatusSnapshot, TradesSnapshot
from h2market.client.said_own import FillEvent, Own, OwnSnapshot

#: Messages that wait in one feed for whoever reads it.
WAITING_MAX = 100_000
#: How long a snapshot may take to be there: some seconds where a book holds a million orders.
SNAPSHOT_S_MAX = 60.0
#: Snapshots of channels that are a sequence of events: one that comes later leaves a gap.
_OF_EVENTS = (OwnSnapshot, StatusSnapshot, TradesSnapshot)

Name = tuple[Channel, str | None]
K = TypeVar("K", bound=Kept)


def is_whole(said: Snapshot | Delta) -> bool:
    """Whether nothing more of it follows."""
    return not (isinstance(said, OrdersSnapshot | OwnSnapshot) and said.more)


class Subscription:
    """One channel of one product, or of all with None. ``asked`` is the id of the request that is under way: what comes
    before its answer belongs to what was before, and is passed over."""

    def __init__(self, channel: Channel, product_id: str | None, **options: int) -> None:
        self.name: Name = (channel, product_id)
        self.seq = -1  # of the last message; -1 before the first
        self.asked: str | None = None
        self.asked_at_s = 0.0
        self.broken = 0  # how often it did not add up since the last message that did
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._options = options
        self._since: int | None = None  # of the request that is under way
        self._is_snapshot_due = False

    def request(self, asked: str, *, anew: bool) -> dict[str, Any]:
        """The request that begins it, from where it stands unless ``anew``."""
        self.asked, self.asked_at_s = asked, asyncio.get_running_loop().time()
        channel, product_id = self.name
        request: dict[str, Any] = {"op": "subscribe", "id": asked, "channel": channel, **self._options}
        if product_id is not None:
            request["product_id"] = product_id
        self._since = self.seq if self.seq >= 0 and not anew else None
        if self._since is not None:
            request["since"] = self._since
        return request

    def begin(self, said: Subscribed) -> None:
        """It stands. Raises Broken where it was resumed from elsewhere than where it stands, or though a snapshot was
        asked for."""
        self.asked = None
        self._is_snapshot_due = not said.resumed
        if said.resumed and said.seq != self._since:
            raise Broken(f"{self.name}: was to go on after {self._since}, resumed at {said.seq}")
        if not self.ready.done():
            self.ready.set_result(None)

    def take(self, said: Snapshot | Delta) -> None:
        """Takes in what was said. Raises Broken for a gap, and for a snapshot where none is due."""
        is_delta = isinstance(said, Delta)
        if is_delta == self._is_snapshot_due:
            raise Broken(f"{self.name}: after {self.seq} came {type(said).__name__} of {said.seq}")
        self._is_snapshot_due = not is_whole(said)
        self.hear(said)
        self.seq = -1 if self._is_snapshot_due else said.seq
        if is_delta:  # a snapshot proves nothing: what follows it may not add up again
            self.broken = 0

    def hear(self, said: Snapshot | Delta) -> None:
        """Does with it what it is for. Raises Broken for a gap."""
        raise AssertionError("a subscription is of a book, or a feed")

    def compare(self, seq: int | None) -> None:
        """Compares with what a heartbeat says that it was sent last; None: the exchange sends it nothing. Raises Broken
        where that is not here."""
        if seq is None and self._is_snapshot_due:  # it is being read there: large ones come in parts
            if asyncio.get_running_loop().time() - self.asked_at_s > SNAPSHOT_S_MAX:
                raise Broken(f"{self.name}: no snapshot came in {SNAPSHOT_S_MAX:.0f} s")
            return
        if seq is None:
            raise Broken(f"{self.name}: the exchange does not know of it")
        if seq > max(self.seq, 0):
            raise Broken(f"{self.name}: stands at {self.seq}, and was sent {seq}")

    def pause(self) -> None:
        """The connection is away."""

    def forget(self) -> None:
        """What it has does not add up."""

    def fail(self, error: ClientError) -> None:
        """Nothing more will come."""
        if not self.ready.done():
            self.ready.set_exception(error)
            self.ready.exception()  # whoever waits for it hears of it; nobody may


class KeptSubscription(Subscription, Generic[K]):
    """Keeps something current."""

    def __init__(self, kept: K, **options: int) -> None:
        super().__init__(kept.channel, kept.product_id, **options)
        self.kept = kept

    def begin(self, said: Subscribed) -> None:
        super().begin(said)
        if said.resumed:
            self.kept.resume(said.seq)

    def hear(self, said: Snapshot | Delta) -> None:
        self.kept.hear(said)

    def forget(self) -> None:
        """Part of a change may be in it by now: nothing goes on from there, also not on the next connection."""
        self.seq = self.kept.seq = -1

    def pause(self) -> None:
        self.kept.pause()

    def fail(self, error: ClientError) -> None:
        super().fail(error)
        self.kept.fail(error)


class Feed(Subscription):
    """The messages of a channel, each once and in order, over as many connections as it takes. Iterate over it."""

    def __init__(self, channel: Channel, product_id: str | None, **options: int) -> None:
        super().__init__(channel, product_id, **options)
        self._waiting: deque[Told] = deque()
        self._news = asyncio.Event()
        self._ended: ClientError | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Told:
        while not self._waiting:
            if isinstance(self._ended, StreamClosed):
                raise StopAsyncIteration
            if self._ended is not None:
                raise self._ended
            self._news.clear()
            await self._news.wait()
        return self._waiting.popleft()

    async def fills(self) -> AsyncIterator[FillEvent | Gap]:
        """The trades of own orders; of channel ``own``. A `Gap` says that some can only be had over REST."""
        async for said in self:
            if isinstance(said, Gap):
                yield said
            elif isinstance(said, Own):
                for event in said.events:
                    if isinstance(event, FillEvent):
                        yield event

    def hear(self, said: Snapshot | Delta) -> None:
        if isinstance(said, Delta):
            if said.prev_seq != self.seq:
                raise Broken(f"{self.name}: after {self.seq} came a message that follows {said.prev_seq}")
        elif isinstance(said, _OF_EVENTS) and -1 < self.seq < said.seq:
            self._waiting.append(Gap(self.seq, said.seq))
        if self._ended is not None:
            return
        self._waiting.append(said)
        if len(self._waiting) > WAITING_MAX:
            self._waiting.clear()
            self.fail(Overrun(f"{WAITING_MAX} messages of {self.name} wait and were not read"))
        self._news.set()

    def fail(self, error: ClientError) -> None:
        super().fail(error)
        if self._ended is None:
            self._ended = error
        self._news.set()
