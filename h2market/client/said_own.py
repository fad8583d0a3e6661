"""Messages about a company's own orders, trades and limits."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from h2market.client.model import Capacity, Side
from h2market.client.said_base import Event, Message


class OwnOrder(msgspec.Struct, frozen=True):
    """An order as its owner sees it, as it stood when the message was made."""

    order_id: str
    client_order_id: str
    product_id: str
    side: Side
    order_type: str
    time_in_force: str
    price: Decimal
    loads: int
    executed_loads: int
    open_loads: int
    shown_loads: int
    average_price: Decimal | None
    status: str
    reason: str
    field: str
    shortfall: Decimal | None
    placed_at: datetime
    updated_at: datetime
    recalled_loads: int = 0


class OwnEvent(Event, frozen=True):
    """Something that happened to the company's own business."""

    participant_id: str


class OrderEvent(OwnEvent, frozen=True, tag="order"):
    """What happened to an order; ``price`` and ``loads`` are those of the event,
    ``field`` and ``shortfall`` (CNY, or loads) say what a rejection points at."""

    change: str
    order_id: str
    order: OwnOrder | None = None
    price: Decimal | None = None
    loads: int | None = None
    keeps_priority: bool | None = None
    reason: str | None = None
    field: str | None = None
    shortfall: Decimal | None = None


class FillEvent(OwnEvent, frozen=True, tag="fill"):
    """A trade of an own order. ``taker`` is None where no side came last."""

    trade_id: str
    order_id: str
    product_id: str
    side: Side
    price: Decimal
    loads: int
    counterparty_id: str
    order: OwnOrder | None = None
    leg: str = ""
    taker: bool | None = None


class RecallEvent(OwnEvent, frozen=True, tag="recall"):
    """A recall of a trade of an own order: at ``recalled`` the order executed ``loads`` less, but for the buyer of the
    haulage of an implied match."""

    change: str
    recall_id: str
    trade_id: str
    order_id: str
    product_id: str
    side: Side
    price: Decimal
    loads: int
    counterparty_id: str
    leg: str = ""
    reason: str | None = None
    requester_id: str | None = None
    decide_by: datetime | None = None


class MoneyEvent(OwnEvent, frozen=True, tag="money"):
    """The money limit was changed from outside of trading."""

    change: str
    amount: Decimal
    reference: str | None = None
    shortfall: Decimal | None = None
    spent: Decimal | None = None


class CapacityEvent(OwnEvent, frozen=True, tag="capacity"):
    """The declared loads of a window, in total."""

    commodity: str
    window_start: datetime
    loads: int


class TraderEvent(OwnEvent, frozen=True, tag="trader"):
    """What the company may do, or how, has changed."""

    change: str
    roles: tuple[str, ...] | None = None
    self_trade_mode: str | None = None
    per_10s: int | None = None
    per_hour: int | None = None
    per_day: int | None = None
    timeout_s: int | None = None
    fires_at: datetime | None = None


class LimitsEvent(OwnEvent, frozen=True, tag="limits"):
    """Limits as they stand; ``capacities`` are those that changed, in a snapshot all."""

    granted: Decimal
    reserved: Decimal
    committed: Decimal
    free: Decimal
    capacities: tuple[Capacity, ...] = ()


AnyOwnEvent = OrderEvent | FillEvent | RecallEvent | MoneyEvent | CapacityEvent | TraderEvent | LimitsEvent


class OwnSnapshot(Message, frozen=True, tag="own_snapshot"):
    """The company's open orders, oldest first, and its limits. ``more``: another part of the orders follows."""

    seq: int
    participant_id: str
    orders: tuple[OwnOrder, ...]
    limits: LimitsEvent
    more: bool = False


class Own(Message, frozen=True, tag="own"):
    """What happened to the company's own business."""

    prev_seq: int
    seq: int
    events: tuple[AnyOwnEvent, ...]
