"""Each company's own business: what it begins with, and what each turn of the feed says to those that listen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from typing import NamedTuple

from exchange.model import CapacityLimit, MoneyLimit
from exchange.state import ExchangeState
from exchange.stream.feed import Turn
from exchange.stream.items import limits_item, own_items, own_order
from exchange.stream.looks import Standing
from exchange.stream.said_own import AnyOwnItem, LimitsItem, Own, OwnOrder, OwnSnapshot
from exchange.stream.subscription import Subscription
from exchange.stream.topics import push

#: Orders that are read from the machine at a time, while nothing is decided.
READ_ORDERS = 3_000
#: Orders in one message of a snapshot.
PART_ORDERS = 250


class Limits(NamedTuple):
    """A company's limits."""

    money: MoneyLimit
    capacities: list[CapacityLimit]

    def item(self, seq: int, at: int) -> LimitsItem:
        """As they are told."""
        return limits_item(self.money.id, self.money, sorted(self.capacities, key=lambda one: one.id), seq, at)


def limits_of(state: ExchangeState, participant_id: str) -> Limits:
    """A company's limits as they stand."""
    account = state.accounts.get(participant_id)
    money = MoneyLimit(participant_id, 0, 0, 0, 0) if account is None else copy(account.money)
    return Limits(money, [copy(one) for one in state.capacities() if one.participant_id == participant_id])


class Slice(NamedTuple):
    """What was read at a time; ``limits`` with the last."""

    orders: dict[int, Standing]
    next_place: int
    limits: Limits | None


class OwnImage:
    """A company's open orders in the making: read some at a time, while those that change meanwhile are taken in.

    ``ids`` are those that were open at some moment since it began to take in what happens.
    """

    def __init__(self, participant_id: str) -> None:
        self.participant_id = participant_id
        self.limits: Limits | None = None  # once all is read
        self.ids: Sequence[int] = ()
        self._place = 0
        self._orders: dict[int, Standing] = {}

    def read(self, state: ExchangeState, _seq: int) -> Slice:
        """The next orders; while nothing is decided."""
        begin, end = self._place, self._place + READ_ORDERS
        orders, recalled = state.orders, state.recalls.orders
        wanted = [orders[order_id] for order_id in self.ids[begin:end] if order_id in orders]
        found = {one.id: (copy(one), copy(recalled.get(one.id))) for one in wanted}
        return Slice(found, end, limits_of(state, self.participant_id) if end >= len(self.ids) else None)

    def put(self, found: Slice) -> None:
        """Takes in what was read, once all until then was taken in."""
        self._place, self.limits = found.next_place, found.limits
        self._orders.update(found.orders)

    def take(self, turn: Turn) -> None:
        """Takes in what happened."""
        for look in turn.looks:
            for order_id, standing in look.orders.items():
                order = standing[0]
                if order.participant_id == self.participant_id:
                    if order.open_loads and order.ended in ("", "suspended"):
                        self._orders[order_id] = standing
                    else:
                        self._orders.pop(order_id, None)

    def parts(self, seq: int, at: int) -> Iterator[OwnSnapshot]:
        """The messages of the snapshot, once all is read."""
        assert self.limits is not None
        limits = self.limits.item(seq, at)
        ids = sorted(self._orders)
        for begin in range(0, max(len(ids), 1), PART_ORDERS):
            orders = [own_order(*self._orders[order_id]) for order_id in ids[begin : begin + PART_ORDERS]]
            more = begin + PART_ORDERS < len(ids)
            yield OwnSnapshot(seq, self.participant_id, orders, limits, more)


class Companies:
    """Who listens to its own business."""

    def __init__(self) -> None:
        self.listeners: dict[str, set[Subscription]] = {}
        self.images: set[OwnImage] = set()

    def publish(self, turn: Turn) -> None:
        """Tells each company that listens what happened to it."""
        for image in self.images:
            image.take(turn)
        if not self.listeners:
            return
        found: dict[str, list[AnyOwnItem]] = {}
        orders: dict[int, Standing] = {}
        limits: dict[str, Limits] = {}
        for look in turn.looks:
            orders.update(look.orders)
            for name, money in look.money.items():
                before = limits.get(name)
                later = {one.id: one for one in look.capacities if one.participant_id == name}
                kept = [] if before is None else [one for one in before.capacities if one.id not in later]
                limits[name] = Limits(money, kept + list(later.values()))
        standing = _standings(orders)

        def owner(order_id: int) -> str | None:
            known = orders.get(order_id)
            return None if known is None else known[0].participant_id

        for recorded in turn.recorded:
            for item in own_items(recorded, self.listeners.__contains__, owner, standing):
                found.setdefault(item.participant_id, []).append(item)
        for name, now in limits.items():
            seq = max(now.money.event_seq, *(one.event_seq for one in now.capacities), 0)
            found.setdefault(name, []).append(limits_item(name, now.money, now.capacities, seq, turn.at))
        for name, items in found.items():
            push(self.listeners.get(name, ()), Own(0, max(item.seq for item in items), items))


def _standings(orders: dict[int, Standing]) -> Callable[[int], OwnOrder | None]:
    """The orders of a turn as their owners see them, each made once."""
    made: dict[int, OwnOrder] = {}

    def standing(order_id: int) -> OwnOrder | None:
        found = made.get(order_id)
        if found is None and order_id in orders:
            found = made[order_id] = own_order(*orders[order_id])
        return found

    return standing
