"""A product's book, kept from a snapshot and the deltas that follow it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from zlib import crc32

from h2market.client.model import Level
from h2market.client.said_market import BookDelta, BookSnapshot, ImpliedLevel

#: Levels of each side that a checksum covers, best first.
CHECKED = 10


class Broken(Exception):
    """The levels here are not those of the exchange: a message was lost, or taken in twice."""


class OrderBook:
    """The best levels of a product, as they were after the exchange's event `seq`.

    While the connection is away the book stands still and `is_live` is false: whoever quotes by it should look.
    """

    def __init__(self, product_id: str, depth: int) -> None:
        self.product_id = product_id
        self.depth = depth
        self.seq = -1
        self.is_live = False
        self.implied_bid: ImpliedLevel | None = None
        self.implied_ask: ImpliedLevel | None = None
        self._bids: dict[Decimal, Level] = {}
        self._asks: dict[Decimal, Level] = {}
        self._news = asyncio.Event()

    @property
    def bids(self) -> list[Level]:
        """The levels that buy, best first."""
        return _best_first(self._bids, highest=True)

    @property
    def asks(self) -> list[Level]:
        """The levels that sell, best first."""
        return _best_first(self._asks, highest=False)

    @property
    def best_bid(self) -> Level | None:
        """The highest price that somebody pays."""
        return self._bids[max(self._bids)] if self._bids else None

    @property
    def best_ask(self) -> Level | None:
        """The lowest price that somebody takes."""
        return self._asks[min(self._asks)] if self._asks else None

    async def changed(self) -> None:
        """Returns when the book has changed since this was last awaited."""
        await self._news.wait()
        self._news.clear()

    def begin(self, said: BookSnapshot) -> None:
        """Begins anew with a snapshot. Raises Broken where its checksum does not hold."""
        self._bids = {level.price: level for level in said.bids}
        self._asks = {level.price: level for level in said.asks}
        self._end(said)

    def take(self, said: BookDelta) -> None:
        """Takes in what changed. Raises Broken for a gap, and where the checksum does not hold."""
        if said.prev_seq != self.seq:
            raise Broken(f"{self.product_id}: after {self.seq} came a message that follows {said.prev_seq}")
        for side, levels in ((self._bids, said.bids), (self._asks, said.asks)):
            for level in levels:
                if level.loads:
                    side[level.price] = level
                else:
                    side.pop(level.price, None)
        self._end(said)

    def resume(self, seq: int) -> None:
        """The exchange says that nothing has changed since ``seq``."""
        if seq != self.seq:
            raise Broken(f"{self.product_id}: stands at {self.seq}, resumed at {seq}")
        self._set_live(True)

    def pause(self) -> None:
        """The connection is away."""
        self._set_live(False)

    def _set_live(self, live: bool) -> None:
        if self.is_live != live:
            self.is_live = live
            self._news.set()

    def _end(self, said: BookSnapshot | BookDelta) -> None:
        self.implied_bid, self.implied_ask = said.implied_bid, said.implied_ask
        if self.checksum() != said.checksum:
            raise Broken(f"{self.product_id}: the checksum after {said.seq} does not hold")
        self.seq = said.seq
        self.is_live = True
        self._news.set()

    def checksum(self) -> int:
        """CRC-32 of the best levels: each ``PRICE:LOADS:ORDERS``, best first, joined by commas; bids, a bar, asks."""
        count = min(self.depth, CHECKED)
        sides = (
            ",".join(f"{one.price}:{one.loads}:{one.orders}" for one in side[:count]) for side in (self.bids, self.asks)
        )
        return crc32("|".join(sides).encode())


def _best_first(levels: Mapping[Decimal, Level], *, highest: bool) -> list[Level]:
    return [levels[price] for price in sorted(levels, reverse=highest)]
