"""One product's single orders as they are sent.

The view keeps what a reader of it has: the orders of each price in their order. It is read from the machine some
thousand orders at a time, price by price from the best on. What happens meanwhile at a price that was read is taken in;
at one that was not it is seen when that is read. A snapshot of many orders goes out in parts as well, from levels that
stay as they were: a level that changes meanwhile is copied first.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Iterator
from math import inf
from typing import NamedTuple

from exchange.book import Ladder
from exchange.errors import ProductNotFound
from exchange.model import Side
from exchange.state import ExchangeState
from exchange.stream.base import price_text
from exchange.stream.faces import ladders, orders_checksum
from exchange.stream.looks import Moves, Queue
from exchange.stream.said_books import OrdersDelta, OrdersSnapshot, Single, SingleChange
from exchange.stream.shared import Shared

#: Orders that are read from the machine at a time, while nothing is decided; a price is read as a whole.
READ_ORDERS = 3_000
#: Orders in one message of a snapshot.
PART_ORDERS = 1_000

_SIDES: tuple[Side, Side] = ("buy", "sell")
_SIGN: dict[Side, int] = {"buy": 1, "sell": -1}
_LevelOrders = dict[int, int]  # shown loads by order, in order of priority


class SharedOrders(Shared[OrdersDelta]):
    """A delta of single orders."""

    __slots__ = ("_kept", "_largest")

    def __init__(
        self, message: OrdersDelta, kept: dict[str, SingleChange] | None = None, largest: int = 0
    ) -> None:  # fmt: skip
        super().__init__(message)
        self._kept = kept
        self._largest = largest  # of the messages that it was merged from

    @property
    def gathered(self) -> int:
        return 0 if self._kept is None else len(self._kept) - self._largest

    def merged(self, later: Shared[OrdersDelta]) -> SharedOrders:
        """What both say together. What waits for one reader grows in its place, however much that is."""
        kept, largest = self._kept, self._largest
        if kept is None:
            kept, largest = {one.order_id: one for one in self.message.changes}, len(self.message.changes)
        new = later.message
        merge(kept, new.changes)
        largest = max(largest, len(new.changes))
        return SharedOrders(OrdersDelta(0, new.product_id, new.seq, [], new.checksum), kept, largest)

    def render(self, prev_seq: int) -> bytes:
        """The message after ``prev_seq``."""
        if self._kept is not None:
            old = self.message
            changes = list(self._kept.values())
            self.message, self._kept = OrdersDelta(0, old.product_id, old.seq, changes, old.checksum), None
        return super().render(prev_seq)


def merge(kept: dict[str, SingleChange], later: list[SingleChange]) -> None:
    """Adds later changes to earlier ones, of which there is one an order."""
    for change in later:
        before = kept.get(change.order_id)
        if change.action == "change" and before is not None and before.action == "add":
            # It keeps the place that it was added to.
            kept[change.order_id] = SingleChange("add", change.order_id, change.side, change.price, change.loads)
            continue
        if change.action != "change":
            kept.pop(change.order_id, None)
        kept[change.order_id] = change


class Slice(NamedTuple):
    """What was read at a time. ``ends``: up to which key each side is known now."""

    levels: list[tuple[Side, int, _LevelOrders]]
    ends: dict[Side, float]
    checksum: int


class Frozen(NamedTuple):
    """A view as it was after event ``seq``, each side's levels best first."""

    product_id: str
    seq: int
    checksum: int
    levels: list[tuple[Side, int, _LevelOrders]]

    def parts(self) -> Iterator[OrdersSnapshot]:
        """The messages of the snapshot."""
        waiting: OrdersSnapshot | None = None
        singles: dict[Side, list[Single]] = {"buy": [], "sell": []}
        count = 0
        for side, price, orders in self.levels:
            text = price_text(price)
            for order_id, loads in orders.items():
                singles[side].append(Single(f"O{order_id}", text, loads))
                count += 1
                if count == PART_ORDERS:
                    if waiting is not None:
                        yield waiting
                    waiting, singles, count = self._part(singles), {"buy": [], "sell": []}, 0
        if waiting is None or count:
            if waiting is not None:
                yield waiting
            waiting = self._part(singles)
        yield OrdersSnapshot(
            self.product_id, self.seq, waiting.bids, waiting.asks, self.checksum, more=False
        )  # fmt: skip

    def _part(self, singles: dict[Side, list[Single]]) -> OrdersSnapshot:
        return OrdersSnapshot(self.product_id, self.seq, singles["buy"], singles["sell"], self.checksum, more=True)


class OrdersView:
    """The single orders of a book as they were sent, which is how they stand once all of them are read."""

    def __init__(self, product_id: str) -> None:
        self.product_id = product_id
        self.seq = 0
        self.reading = asyncio.Lock()
        self._checksum = 0
        self._levels: dict[Side, dict[int, _LevelOrders]] = {"buy": {}, "sell": {}}
        self._ends: dict[Side, float] = {"buy": inf, "sell": inf}  # keys from here on are known
        self._places: dict[int, tuple[Side, int]] = {}
        self._lent: set[int] = set()  # levels, by the identity of their dict, that a snapshot goes out from

    @property
    def whole(self) -> bool:
        """Whether all orders are read."""
        return all(end == -inf for end in self._ends.values())

    # --- how it begins

    def read(self, state: ExchangeState, _seq: int) -> Slice:
        """The next orders; while nothing is decided."""
        if self.product_id not in state.products:
            raise ProductNotFound(field="product_id", product_id=self.product_id)
        sides = ladders(state, self.product_id)
        levels: list[tuple[Side, int, _LevelOrders]] = []
        ends = dict(self._ends)
        room = READ_ORDERS
        for side, ladder in zip(_SIDES, sides, strict=True):
            if room > 0:
                room -= _read_side(side, ladder, ends, levels, room)
        return Slice(levels, ends, orders_checksum(sides))

    def put(self, found: Slice, seq: int) -> None:
        """Takes in what was read after event ``seq``, once all until then was taken in."""
        for side, price, orders in found.levels:
            self._levels[side][price] = orders
            self._places.update(dict.fromkeys(orders, (side, price)))
        self._ends, self._checksum, self.seq = found.ends, found.checksum, seq

    def freeze(self) -> Frozen:
        """The view as it stands."""
        levels = [
            (side, price, self._levels[side][price])
            for side in _SIDES
            for price in sorted(self._levels[side], reverse=side == "buy")
        ]
        self._lent.update(id(orders) for _, _, orders in levels)
        return Frozen(self.product_id, self.seq, self._checksum, levels)

    # --- what happens

    def take(self, moves: Moves, seq: int) -> list[SingleChange]:
        """Takes in what a batch did; gives the changes that a reader has to make, in their order."""
        changes: list[SingleChange] = []
        for order_id in moves.gone:
            self._remove(order_id, changes)
        for side, price, order_id, loads in moves.kept:
            if self._knows(side, price):
                self._set(side, price, order_id, loads, changes)
        for queue in moves.queues:
            self._line_up(queue, changes)
        self._checksum = moves.checksum
        if changes:
            self.seq = seq
        return changes

    def delta(self, changes: list[SingleChange]) -> SharedOrders:
        """The message of changes that were just made."""
        return SharedOrders(OrdersDelta(0, self.product_id, self.seq, changes, self._checksum))

    def _knows(self, side: Side, price: int) -> bool:
        return price * _SIGN[side] >= self._ends[side]

    def _own(self, side: Side, price: int) -> _LevelOrders:
        """A level that may be changed."""
        levels = self._levels[side]
        orders = levels.get(price)
        if orders is None:
            orders = levels[price] = {}
        elif id(orders) in self._lent:
            self._lent.discard(id(orders))
            orders = levels[price] = dict(orders)
        return orders

    def _remove(self, order_id: int, changes: list[SingleChange] | None) -> None:
        place = self._places.pop(order_id, None)
        if place is None:
            return
        side, price = place
        orders = self._own(side, price)
        del orders[order_id]
        if not orders:
            del self._levels[side][price]
        if changes is not None:
            changes.append(SingleChange("remove", f"O{order_id}", side, price_text(price), 0))

    def _set(self, side: Side, price: int, order_id: int, loads: int, changes: list[SingleChange]) -> None:
        assert self._places[order_id] == (side, price), f"order {order_id} moved and kept its place"
        if self._levels[side][price][order_id] != loads:
            self._own(side, price)[order_id] = loads
            changes.append(SingleChange("change", f"O{order_id}", side, price_text(price), loads))

    def _line_up(self, queue: Queue, changes: list[SingleChange]) -> None:
        """Brings the end of one price's queue into its order: those that stand as they should stay, the others join
        anew behind them."""
        side, price, last = queue
        if not self._knows(side, price):
            for order_id, _ in last:  # those that came from a price that is known left it
                self._remove(order_id, changes)
            return
        stay = self._standing(side, price, last)
        for order_id, loads in last[:stay]:
            self._set(side, price, order_id, loads, changes)
        for order_id, loads in last[stay:]:
            self._remove(order_id, None)
            self._own(side, price)[order_id] = loads
            self._places[order_id] = side, price
            changes.append(SingleChange("add", f"O{order_id}", side, price_text(price), loads))

    def _standing(self, side: Side, price: int, last: list[tuple[int, int]]) -> int:
        """How many of the first of them are the end of the queue already, once the others are out of it."""
        wanted = {order_id for order_id, _ in last}
        tail = []
        for order_id in reversed(self._levels[side].get(price, {})):
            if order_id not in wanted:
                break
            tail.append(order_id)
        stay = 0
        for order_id in reversed(tail):
            if order_id == last[stay][0]:
                stay += 1
                if stay == len(last):
                    break
        return stay


def _read_side(
    side: Side, ladder: Ladder, ends: dict[Side, float], levels: list[tuple[Side, int, _LevelOrders]], room: int
) -> int:
    """Reads the next prices of a side, at least one; gives how many orders they had."""
    count = 0
    for place in range(bisect_left(ladder.keys, ends[side]) - 1, -1, -1):
        key = ladder.keys[place]
        price = key * ladder.sign
        orders = {one.id: one.shown_loads for one in ladder.levels[price].queue if one.resting}
        levels.append((side, price, orders))
        ends[side] = key
        count += len(orders)
        if count >= room:
            return count
    ends[side] = -inf
    return count
