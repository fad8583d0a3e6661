"""What is sent and what comes back. Prices and money are `Decimal`, times aware `datetime`, sizes whole loads.

The structs are frozen, and fields that a later server adds are left out. Words that a later server may add to (why an
order was cancelled, a product's phase) are plain text.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, Literal, TypeVar

import msgspec

from h2market.client.errors import Problem, error_of

Side = Literal["buy", "sell"]
OrderType = Literal["limit", "market", "stop", "stop_limit"]
TimeInForce = Literal["gtc", "gtd", "day", "session", "ioc", "fok"]
Commodity = Literal["hydrogen", "haulage"]
T = TypeVar("T")


class NewOrder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An order for whole loads. ``client_order_id`` is yours, unique for ever: sent again it takes effect once."""

    client_order_id: str
    product_id: str
    side: Side
    loads: int
    price: Decimal | None = None  # the limit; left out by market and stop orders
    time_in_force: TimeInForce = "gtc"
    order_type: OrderType = "limit"
    stop_price: Decimal | None = None  # the trade price that elects a stop
    minimum_loads: int | None = None  # at once on entry, or nothing
    all_or_none: bool = False
    post_only: bool = False  # refused where it would trade on entry
    display_loads: int | None = None  # an iceberg shows so many at a time
    clip_price_change: Decimal | None = None
    expires_at: datetime | None = None  # of time_in_force gtd
    hibernated: bool = False
    cancel_on_disconnect: bool = False
    counterparty_id: str | None = None  # pre-arranged: trades with this company only
    agreement: str | None = None  # what both sides call the trade


class Fill(msgspec.Struct, frozen=True):
    """A trade of one order. ``leg`` is the part of an implied match, "" for a direct one."""

    trade_id: str
    price: Decimal
    loads: int
    leg: str = ""


class Placed(msgspec.Struct, frozen=True):
    """An order as it stood when its placing was answered."""

    order_id: str
    client_order_id: str
    product_id: str
    side: Side
    price: Decimal
    loads: int
    time_in_force: str
    status: str
    executed_loads: int
    open_loads: int
    fills: tuple[Fill, ...]
    reason: str
    at: datetime


class BatchEntry(msgspec.Struct, frozen=True):
    """What became of one order of a batch: ``order`` or ``problem``."""

    client_order_id: str
    status: int
    order: Placed | None
    problem: Problem | None

    def placed(self) -> Placed:
        """The order. Raises the ApiError of one that was not taken."""
        if self.order is None:
            assert self.problem is not None
            raise error_of(self.problem)
        return self.order


class Changed(msgspec.Struct, frozen=True):
    """What an amendment or a cancel did; ``price`` and ``loads`` are those of an amended order."""

    order_id: str
    status: Literal["amended", "cancelled"]
    price: Decimal | None
    loads: int | None
    cancelled_loads: int
    fills: tuple[Fill, ...]
    keeps_priority: bool | None
    at: datetime


class Order(msgspec.Struct, frozen=True):
    """An order as it stands now. ``options`` is what it asked for beyond its limit."""

    order_id: str
    client_order_id: str
    product_id: str
    participant_id: str
    side: Side
    price: Decimal
    loads: int
    time_in_force: str
    order_type: str
    options: dict[str, Any]
    status: str
    executed_loads: int
    open_loads: int
    shown_loads: int
    average_price: Decimal | None
    reason: str
    field: str  # what a rejection points at
    shortfall: Decimal | None  # what a limit lacked of a rejected order: CNY, or loads
    placed_at: datetime
    updated_at: datetime
    recalled_loads: int = 0


class Trade(msgspec.Struct, frozen=True):
    """A trade of the caller's company; ``side`` and ``order_id`` are its own, None for an operator or auditor."""

    trade_id: str
    product_id: str
    price: Decimal
    loads: int
    taker_side: Side | None
    leg: str
    at: datetime
    side: Side | None
    order_id: str | None
    buyer_id: str
    seller_id: str
    state: str = "active"
    recalled: bool = False


class Recall(msgspec.Struct, frozen=True):
    """A request to undo a trade, or the two trades of an implied match together. The operator's keys are None to all
    others."""

    recall_id: str
    state: str
    trade_ids: tuple[str, ...]
    requester_id: str
    reason: str
    requested_at: datetime
    decide_by: datetime
    approved_by: str | None
    confirmed_by: str | None
    answer: str
    updated_at: datetime


class RecallStep(msgspec.Struct, frozen=True):
    """What a decision of the operator made of a recall."""

    recall_id: str
    trade_id: str
    state: str
    at: datetime


class PublicTrade(msgspec.Struct, frozen=True):
    """A trade without its parties. ``taker_side`` is None where neither side came to the other."""

    trade_id: str
    product_id: str
    price: Decimal
    loads: int
    taker_side: Side | None
    leg: str
    at: datetime
    recalled: bool = False


class Product(msgspec.Struct, frozen=True):
    """What can be traded: hydrogen or haulage in whole loads for one delivery window. Masses are kg."""

    product_id: str
    kind: str
    hub: str
    destination_hub: str
    container_class: str
    grade: str
    nominal_mass: Decimal
    maximum_mass: Decimal
    window_start: datetime
    window_end: datetime
    price_tick: Decimal
    price_max: Decimal
    loads_max: int
    collar_bps: int
    volatility_bps: int
    protection_bps: int
    auction_s: int
    reference_price: Decimal | None
    phase: str
    phase_until: datetime | None
    status: Literal["open", "closed"]


class Level(msgspec.Struct, frozen=True):
    """The loads shown at one price, and in how many orders."""

    price: Decimal
    loads: int
    orders: int

    def __post_init__(self) -> None:
        check_price(self.price)


def check_price(price: Decimal) -> None:
    """Raises ValueError, and so msgspec.ValidationError where it is read, for what no book can be sorted by."""
    if not price.is_finite():
        raise ValueError(f"{price} is no price")


class Depth(msgspec.Struct, frozen=True):
    """The best levels of a book, best first, after the exchange's event ``seq``."""

    product_id: str
    seq: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class Capacity(msgspec.Struct, frozen=True):
    """The loads declared for a window and what is left of them."""

    commodity: Commodity
    window_start: datetime
    loads: int
    reserved_loads: int
    consumed_loads: int
    free_loads: int


class DeclaredCapacity(msgspec.Struct, frozen=True):
    """A capacity as it was declared."""

    commodity: Commodity
    window_start: datetime
    loads: int


class Limits(msgspec.Struct, frozen=True):
    """What the company may still order for: money in CNY, and capacities."""

    participant_id: str
    granted: Decimal
    reserved: Decimal
    committed: Decimal
    free: Decimal
    capacities: tuple[Capacity, ...]


class Market(msgspec.Struct, frozen=True):
    """Whether orders are taken."""

    is_open: bool
    halted: bool
    day: str
    now: datetime


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list; ``next_cursor`` is None on the last one."""

    items: tuple[T, ...]
    next_cursor: str | None = None


class BatchAnswer(msgspec.Struct, frozen=True):
    """The entries of a batch, in its order."""

    results: tuple[BatchEntry, ...]
