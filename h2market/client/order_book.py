"""A product's book as price levels, kept from a snapshot and the deltas that follow it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from zlib import crc32

from h2market.client.kept import CHECKED, Broken, Kept
from h2market.client.model import Level
from h2market.client.said_base import Channel
from h2market.client.said_market import BookDelta, BookSnapshot, ImpliedLevel


class OrderBook(Kept):
    """The best levels of a product, as they were after the exchange's event `seq`.

    While the connection is away the book stands still and `is_live` is false: whoever quotes by it should look.
    """

    channel: Channel = "book"

    def __init__(self, product_id: str, depth: int) -> None:
        super().__init__(product_id)
        self.depth = depth
        self.implied_bid: ImpliedLevel | None = None
        self.implied_ask: ImpliedLevel | None = None
        self._bids: dict[Decimal, Level] = {}
        self._asks: dict[Decimal, Level] = {}

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

    def hear(self, said: object) -> None:
        if isinstance(said, BookSnapshot):
            self.begin(said)
        else:
            assert isinstance(said, BookDelta)
            self.take(said)

    def begin(self, said: BookSnapshot) -> None:
        """Begins anew with a snapshot. Raises Broken where it is of another depth, or its checksum does not hold."""
        if said.depth != self.depth:
            raise Broken(f"{self.product_id}: a snapshot of {said.depth} levels, where {self.depth} were asked for")
        self._bids = {level.price: level for level in said.bids}
        self._asks = {level.price: level for level in said.asks}
        self.implied_bid, self.implied_ask = said.implied_bid, said.implied_ask
        self._end(said.seq, said.checksum)

    def take(self, said: BookDelta) -> None:
        """Takes in what changed. Raises Broken for a gap, and where the checksum does not hold."""
        self._check_chain(said.prev_seq)
        for side, levels in ((self._bids, said.bids), (self._asks, said.asks)):
            for level in levels:
                if level.loads:
                    side[level.price] = level
                else:
                    side.pop(level.price, None)
        self.implied_bid, self.implied_ask = said.implied_bid, said.implied_ask
        self._end(said.seq, said.checksum)

    def checksum(self) -> int:
        """CRC-32 of the best levels: each ``PRICE:LOADS:ORDERS``, best first, joined by commas; bids, a bar, asks."""
        count = min(self.depth, CHECKED)
        sides = (
            ",".join(f"{one.price}:{one.loads}:{one.orders}" for one in side[:count]) for side in (self.bids, self.asks)
        )
        return crc32("|".join(sides).encode())


def _best_first(levels: Mapping[Decimal, Level], *, highest: bool) -> list[Level]:
    return [levels[price] for price in sorted(levels, reverse=highest)]
