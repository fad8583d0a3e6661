"""A product's book as single orders, kept from a snapshot and the changes that follow it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from heapq import nlargest, nsmallest
from itertools import islice
from zlib import crc32

from h2market.client.kept import CHECKED, Broken, Kept
from h2market.client.model import Side
from h2market.client.said_base import Channel
from h2market.client.said_market import BookOrder, OrderChange, OrdersDelta, OrdersSnapshot

Queue = dict[str, BookOrder]  # by their ids, oldest first


class BookOrders(Kept):
    """Every order that rests in a product's book, without its owner, of an iceberg the loads that it shows."""

    channel: Channel = "orders"

    def __init__(self, product_id: str) -> None:
        super().__init__(product_id)
        self._sides: dict[Side, dict[Decimal, Queue]] = {"buy": {}, "sell": {}}
        self._places: dict[str, tuple[Side, Decimal]] = {}
        self._more = False  # a snapshot of many orders is under way

    @property
    def bids(self) -> list[BookOrder]:
        """The orders that buy, by priority."""
        side = self._sides["buy"]
        return [order for price in sorted(side, reverse=True) for order in side[price].values()]

    @property
    def asks(self) -> list[BookOrder]:
        """The orders that sell, by priority."""
        side = self._sides["sell"]
        return [order for price in sorted(side) for order in side[price].values()]

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, order_id: object) -> bool:
        return order_id in self._places

    def ahead(self, order_id: str) -> int:
        """The loads that trade before an order. Raises KeyError for one that does not rest here."""
        side, own_price = self._places[order_id]
        loads = 0
        for price, queue in self._sides[side].items():
            if price == own_price:
                for order in queue.values():
                    if order.order_id == order_id:
                        break
                    loads += order.loads
            elif (price > own_price) == (side == "buy"):
                loads += sum(order.loads for order in queue.values())
        return loads

    def hear(self, said: object) -> None:
        if isinstance(said, OrdersSnapshot):
            self.begin(said)
        else:
            assert isinstance(said, OrdersDelta)
            self.take(said)

    def begin(self, said: OrdersSnapshot) -> None:
        """Begins anew with a snapshot, or goes on with the next part of it. Raises Broken where its checksum does not
        hold."""
        if not self._more:
            self._sides, self._places, self.seq = {"buy": {}, "sell": {}}, {}, -1
            self._set_live(False)
        for order in said.bids:
            self._add("buy", order)
        for order in said.asks:
            self._add("sell", order)
        self._more = said.more
        if not said.more:
            self._end(said.seq, said.checksum)

    def pause(self) -> None:
        """The connection is away; what began with a part of a snapshot begins anew."""
        super().pause()
        self._more = False

    def take(self, said: OrdersDelta) -> None:
        """Takes in what changed. Raises Broken for a gap, for an order that is not here, and where the checksum does
        not hold."""
        self._check_chain(said.prev_seq)
        for change in said.changes:
            self._change(change)
        self._end(said.seq, said.checksum)

    def _change(self, change: OrderChange) -> None:
        order = BookOrder(change.order_id, change.price, change.loads)
        if change.action == "add":
            if order.order_id in self:
                self._remove(order.order_id)
            self._add(change.side, order)
        elif order.order_id not in self:
            raise Broken(f"{self.product_id}: {order.order_id} is not here and yet it changed")
        elif change.action == "remove":
            self._remove(order.order_id)
        else:
            side, price = self._places[order.order_id]
            self._sides[side][price][order.order_id] = order

    def _add(self, side: Side, order: BookOrder) -> None:
        self._sides[side].setdefault(order.price, {})[order.order_id] = order
        self._places[order.order_id] = side, order.price

    def _remove(self, order_id: str) -> None:
        side, price = self._places.pop(order_id)
        queue = self._sides[side][price]
        del queue[order_id]
        if not queue:
            del self._sides[side][price]

    def checksum(self) -> int:
        """CRC-32 of the first orders, each ``ORDER_ID:PRICE:LOADS``, joined by commas; bids, a bar, asks."""
        bids, asks = self._sides["buy"], self._sides["sell"]
        sides = (_first(bids, nlargest(CHECKED, bids)), _first(asks, nsmallest(CHECKED, asks)))
        text = "|".join(",".join(f"{one.order_id}:{one.price}:{one.loads}" for one in side) for side in sides)
        return crc32(text.encode())


def _first(side: dict[Decimal, Queue], prices: list[Decimal]) -> Iterator[BookOrder]:
    return islice((order for price in prices for order in side[price].values()), CHECKED)
