"""Bodies and answers of the exchange's routes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from exchange.market import AUCTION_S_MAX, BPS_MAX
from exchange.model import (
    LOADS_MAX,
    Commodity,
    Leg,
    OrderStatus,
    OrderType,
    Phase,
    ProductKind,
    ProductStatus,
    Side,
    TimeInForce,
    TradeState,
)
from kernel.edge import Answer, Body, Line, MassIn, MassOut, MoneyOut, PriceIn, PriceOut, TimeIn, TimeOut


class NewProduct(Body):
    """The terms of a product: hydrogen or haulage in whole loads of one container class for one delivery window."""

    product_id: str = Field(pattern=r"^[A-Z0-9-]{1,80}$", examples=["EXW-QINGXU-TUBE20-20260303A"])
    kind: ProductKind
    hub: str = Field(pattern=r"^[A-Z][A-Z0-9]{1,23}$")
    destination_hub: str = Field(default="", pattern=r"^([A-Z][A-Z0-9]{1,23})?$", description="Haulage only.")
    container_class: str = Field(pattern=r"^[A-Z][A-Z0-9]{1,23}$", examples=["TUBE20"])
    grade: str = Field(min_length=1, max_length=80, pattern=r"^[ -~]+$", examples=["GB/T 37244-2018"])
    nominal_mass: MassIn
    maximum_mass: MassIn
    window_start: TimeIn
    window_end: TimeIn
    price_tick: PriceIn
    price_max: PriceIn
    loads_max: int = Field(ge=1, le=LOADS_MAX)
    collar_bps: int = Field(default=0, ge=0, le=BPS_MAX, description="Limits further from the reference are refused.")
    volatility_bps: int = Field(default=0, ge=0, le=BPS_MAX, description="A trade further from it halts the book.")
    protection_bps: int = Field(default=500, ge=0, le=BPS_MAX, description="How far a market order may trade.")
    auction_s: int = Field(default=300, ge=1, le=AUCTION_S_MAX, description="How long a volatility auction lasts.")
    reference_price: PriceIn | None = None
    phase: Literal["pending", "auction", "continuous", "halted"] = "continuous"


class ProductAnswer(Answer):
    """A product and whether it can be traded."""

    product_id: str
    kind: ProductKind
    hub: str
    destination_hub: str
    container_class: str
    grade: str
    nominal_mass: MassOut
    maximum_mass: MassOut
    window_start: TimeOut
    window_end: TimeOut
    price_tick: PriceOut
    price_max: PriceOut
    loads_max: int
    collar_bps: int
    volatility_bps: int
    protection_bps: int
    auction_s: int
    reference_price: PriceOut | None
    phase: Phase
    phase_until: TimeOut | None
    status: ProductStatus


class LevelAnswer(Answer):
    """Open loads at one price."""

    price: PriceOut
    loads: int
    orders: int


class IndicativeAnswer(Answer):
    """What an auction would trade if it ended now; ``surplus_loads`` are of buyers where positive, of sellers where
    negative."""

    price: PriceOut
    loads: int
    surplus_loads: int


class ImpliedAnswer(Answer):
    """The best price that two other books imply: it trades like a level, after the orders at the same price, and is
    counted in no level."""

    price: PriceOut
    loads: int


class BookAnswer(Answer):
    """The best levels of a book, best first, after the exchange's event ``seq``."""

    product_id: str
    seq: int
    phase: Phase
    bids: list[LevelAnswer]
    asks: list[LevelAnswer]
    implied_bid: ImpliedAnswer | None
    implied_ask: ImpliedAnswer | None
    indicative: IndicativeAnswer | None = Field(description="In an auction whose two sides cross.")


class ReferencePrice(Body):
    """Another price to measure collars and volatility bounds from, and why."""

    reference_price: PriceIn
    reason: Line


class PhaseChange(Body):
    """Another phase for a product. An auction that ends is matched first, if what follows takes trades."""

    phase: Literal["auction", "continuous", "halted", "frozen", "closed", "expired"]
    reason: Line = "operator"
    until: TimeIn | None = Field(default=None, description="When it becomes continuous again; left out: when told to.")


class CandleAnswer(Answer):
    """The trades of a product in one interval that begins at ``start``."""

    start: TimeOut
    open: PriceOut
    high: PriceOut
    low: PriceOut
    close: PriceOut
    average: PriceOut
    loads: int
    trades: int


class PublicTrade(Answer):
    """A trade without its parties."""

    trade_id: str
    product_id: str
    price: PriceOut
    loads: int
    taker_side: Side | None = Field(
        description="Null where neither side came to the other: an auction, an agreement, an implied match's other leg."
    )
    leg: Leg = Field(description="Part of an implied match of three parties.")
    at: TimeOut
    recalled: bool = Field(description="It was undone, and counts in no candle and no ticker.")


class OwnTrade(PublicTrade):
    """A trade as its parties see it; the counterparty is the other side of the delivery.

    ``side`` and ``order_id`` are the caller's own: null for an operator or auditor, who is no party. ``state`` says
    whether somebody asks for the trade back.
    """

    side: Side | None
    order_id: str | None
    buyer_id: str
    seller_id: str
    state: TradeState


class OrderView(Answer):
    """An order as it stands now.

    What recalls took back is in ``recalled_loads`` and no more in ``executed_loads`` and ``average_price``; the order
    is not reinstated, so its status stays.
    """

    order_id: str
    client_order_id: str
    product_id: str
    participant_id: str
    side: Side
    price: PriceOut
    loads: int
    time_in_force: TimeInForce
    order_type: OrderType
    options: dict[str, str | int | bool] = Field(description="What the order asked for beyond its limit.")
    status: OrderStatus
    executed_loads: int
    open_loads: int
    shown_loads: int
    recalled_loads: int
    average_price: PriceOut | None
    reason: str
    field: str = Field(description="What a rejection points at.")
    shortfall: str | int | None = Field(description="What a limit lacked of a rejected order: CNY as text, or loads.")
    placed_at: TimeOut
    updated_at: TimeOut


class NewCapacity(Body):
    """The loads the caller's company can provide in a window, in total."""

    commodity: Commodity
    window_start: TimeIn
    loads: int = Field(ge=0, le=LOADS_MAX)


class NewCapacityAnswer(Answer):
    """The capacity as it was declared."""

    commodity: Commodity
    window_start: TimeOut
    loads: int


class CapacityAnswer(Answer):
    """A declared capacity and what is left of it."""

    commodity: Commodity
    window_start: TimeOut
    loads: int
    reserved_loads: int
    consumed_loads: int
    free_loads: int


class LimitsAnswer(Answer):
    """What the caller's company may still order for."""

    participant_id: str
    granted: MoneyOut
    reserved: MoneyOut
    committed: MoneyOut
    free: MoneyOut
    capacities: list[CapacityAnswer]
