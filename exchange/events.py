"""What happened on the exchange. Published: fields are only ever added, with defaults.

An order's id is the log position of its OrderPlaced or OrderRejected event, a trade's that of its Traded event. What a
traded load holds of the buyer's money is the trade's price times the product's ``maximum_mass_g``.
"""

from __future__ import annotations

from exchange.model import CancelReason, Commodity, ProductKind, Side, TimeInForce
from kernel.messages import Event


class ProductListed(Event, frozen=True, gc=False):
    """A product can be traded from now on."""

    product_id: str
    kind: ProductKind
    hub: str
    destination_hub: str  # "" unless haulage
    container_class: str
    grade: str
    nominal_mass_g: int
    maximum_mass_g: int
    window_start: int
    window_end: int
    price_tick_fen: int
    price_max_fen: int
    loads_max: int


class ProductClosed(Event, frozen=True, gc=False):
    """Trading in the product ended; its open orders were cancelled just before."""

    product_id: str


class MarketOpened(Event, frozen=True, gc=False):
    """Orders are taken from now on."""

    day: str


class MarketClosed(Event, frozen=True, gc=False):
    """No orders are taken any more; day orders expired just before, the others rest over night."""

    day: str


class TraderAdmitted(Event, frozen=True, gc=False):
    """The participant may trade in these roles; a later admission replaces the roles."""

    participant_id: str
    roles: tuple[str, ...]


class TraderSuspended(Event, frozen=True, gc=False):
    """The participant may not trade for now; its open orders were cancelled just before."""

    participant_id: str


class TraderReinstated(Event, frozen=True, gc=False):
    """The participant may trade again."""

    participant_id: str


class CapacitySet(Event, frozen=True, gc=False):
    """The loads a seller or haulier can provide in a window, in total."""

    participant_id: str
    commodity: Commodity
    window_start: int
    loads: int


class MoneyGranted(Event, frozen=True, gc=False):
    """The participant's trading limit rose."""

    participant_id: str
    amount_fen: int
    reference: str


class MoneyReduced(Event, frozen=True, gc=False):
    """The participant's trading limit fell."""

    participant_id: str
    amount_fen: int
    reference: str


class MoneyReductionRefused(Event, frozen=True, gc=False):
    """The trading limit stayed: it is reserved or committed up to ``shortfall_fen`` of the amount."""

    participant_id: str
    amount_fen: int
    shortfall_fen: int
    reference: str


class CommitmentReleased(Event, frozen=True, gc=False):
    """A traded load is settled: its hold is over, and what it cost left the limit."""

    participant_id: str
    trade_id: int
    load_no: int
    committed_fen: int
    spent_fen: int


class OrderPlaced(Event, frozen=True, gc=False):
    """The order was taken and its limit reserved; its trades follow."""

    order_id: int
    participant_id: str
    client_order_id: str
    product_id: str
    side: Side
    price_fen_per_kg: int
    loads: int
    time_in_force: TimeInForce


class OrderRejected(Event, frozen=True, gc=False):
    """The order was not taken: ``reason`` is a code of `exchange.errors`, ``shortfall`` what a limit lacked."""

    order_id: int
    participant_id: str
    client_order_id: str
    product_id: str
    side: Side
    price_fen_per_kg: int
    loads: int
    time_in_force: TimeInForce
    reason: str
    field: str
    shortfall: int  # fen of a buyer, loads of a seller, 0 where no limit was the reason


class OrderAmended(Event, frozen=True, gc=False):
    """The order has a new price or a new total; its trades follow where it now crosses."""

    order_id: int
    price_fen_per_kg: int
    loads: int
    keeps_priority: bool


class OrderCancelled(Event, frozen=True, gc=False):
    """The order ended with ``loads`` open, which were taken away."""

    order_id: int
    loads: int
    reason: CancelReason


class Traded(Event, frozen=True, gc=False):
    """Loads changed hands at the resting order's price."""

    trade_id: int
    product_id: str
    price_fen_per_kg: int
    loads: int
    buyer_id: str
    seller_id: str
    buy_order_id: int
    sell_order_id: int
    taker_side: Side


EVENTS: tuple[type[Event], ...] = (
    ProductListed,
    ProductClosed,
    MarketOpened,
    MarketClosed,
    TraderAdmitted,
    TraderSuspended,
    TraderReinstated,
    CapacitySet,
    MoneyGranted,
    MoneyReduced,
    MoneyReductionRefused,
    CommitmentReleased,
    OrderPlaced,
    OrderRejected,
    OrderAmended,
    OrderCancelled,
    Traded,
)
