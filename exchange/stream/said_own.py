"""Messages about a company's own orders, trades and limits."""

from __future__ import annotations

from typing import Literal

from exchange.model import CancelReason, Commodity, Leg, OrderStatus, OrderType, Side, TimeInForce
from exchange.stream.base import Item, Part, Said


class OwnOrder(Part, frozen=True, gc=False):
    """An order as its owner sees it: as it stands when the message is made. What recalls took back is in
    ``recalled_loads``, and no more in ``executed_loads`` and ``average_price``."""

    order_id: str
    client_order_id: str
    product_id: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    price: str
    loads: int
    executed_loads: int
    open_loads: int
    shown_loads: int
    recalled_loads: int
    average_price: str | None
    status: OrderStatus
    reason: str
    field: str
    shortfall: str | int | None
    placed_at: str
    updated_at: str


class OwnItem(Item, frozen=True, kw_only=True):
    """Something that happened to a company's own business."""

    participant_id: str


class OrderItem(OwnItem, frozen=True, tag="order", kw_only=True):
    """What happened to an order. ``price`` and ``loads`` are those of the event; ``field`` and ``shortfall`` say what a
    rejection points at, and what a limit lacked: CNY as text, or loads."""

    change: Literal["placed", "rejected", "amended", "reduced", "elected", "hibernated", "activated", "cancelled"]
    order_id: str
    order: OwnOrder | None
    price: str | None = None
    loads: int | None = None
    keeps_priority: bool | None = None
    reason: CancelReason | str | None = None
    field: str | None = None
    shortfall: str | int | None = None


class FillItem(OwnItem, frozen=True, tag="fill", kw_only=True):
    """A trade of an own order. ``taker`` is null where no side came last."""

    trade_id: str
    order_id: str
    order: OwnOrder | None
    product_id: str
    side: Side
    price: str
    loads: int
    leg: Leg
    taker: bool | None
    counterparty_id: str


class RecallItem(OwnItem, frozen=True, tag="recall", kw_only=True):
    """A recall of a trade of an own order. At ``recalled`` the order executed ``loads`` less, and stays as it is
    otherwise; the haulage of an implied match counts no loads of its buyer."""

    change: Literal["requested", "approved", "recalling", "recalled", "refused", "rejected", "withdrawn", "expired"]
    recall_id: str
    trade_id: str
    order_id: str
    product_id: str
    side: Side
    price: str
    loads: int
    leg: Leg
    counterparty_id: str
    reason: str | None = None
    requester_id: str | None = None
    decide_by: str | None = None


class MoneyItem(OwnItem, frozen=True, tag="money", kw_only=True):
    """The money limit was changed from outside of trading, or a reduction was refused; ``spent`` left the limit when a
    settled load's hold of ``amount`` ended."""

    change: Literal["granted", "reduced", "reduction_refused", "hold_released"]
    amount: str
    reference: str | None = None
    shortfall: str | None = None
    spent: str | None = None


class CapacityItem(OwnItem, frozen=True, tag="capacity", kw_only=True):
    """The declared loads of a window, in total."""

    commodity: Commodity
    window_start: str
    loads: int


class TraderItem(OwnItem, frozen=True, tag="trader", kw_only=True):
    """What the company may do, or how, has changed."""

    change: Literal[
        "admitted", "suspended", "reinstated", "killed", "released", "self_trade_mode", "order_rates", "dead_man"
    ]
    roles: list[str] | None = None
    self_trade_mode: str | None = None
    per_10s: int | None = None
    per_hour: int | None = None
    per_day: int | None = None
    timeout_s: int | None = None
    fires_at: str | None = None


class CapacityPart(Part, frozen=True, gc=False):
    """A declared capacity and what is left of it."""

    commodity: Commodity
    window_start: str
    loads: int
    reserved_loads: int
    consumed_loads: int
    free_loads: int


class LimitsItem(OwnItem, frozen=True, tag="limits", kw_only=True):
    """Limits as they stand. ``capacities`` are those that changed; in a snapshot all. It is no event of the log: after
    a resume it is sent as it is then."""

    granted: str
    reserved: str
    committed: str
    free: str
    capacities: list[CapacityPart]


AnyOwnItem = OrderItem | FillItem | RecallItem | MoneyItem | CapacityItem | TraderItem | LimitsItem


class OwnSnapshot(Said, frozen=True, tag="own_snapshot"):
    """The company's open orders, oldest first, and its limits. Of many orders it comes in parts: ``more`` says that
    another one follows."""

    seq: int
    participant_id: str
    orders: list[OwnOrder]
    limits: LimitsItem
    more: bool


class Own(Said, frozen=True, tag="own"):
    """What happened to the company's own business."""

    prev_seq: int
    seq: int
    events: list[AnyOwnItem]
