"""The words of the exchange: products, orders, trades, traders, limits.

A product is hydrogen or haulage in whole loads of one container class for one delivery window:

    ex_works    hydrogen collected by the buyer at ``hub``
    delivered   hydrogen brought by the seller to ``hub``
    haulage     carriage of a load from ``hub`` to ``destination_hub``

Prices are fen per kg, masses grams, money fen, times UTC microseconds. Entities are the rows of the read model; while
an order is open its entity is also what rests in the book.
"""

from __future__ import annotations

from typing import Literal

from kernel.machine import Entity

Side = Literal["buy", "sell"]
TimeInForce = Literal["gtc", "day", "ioc"]
ProductKind = Literal["ex_works", "delivered", "haulage"]
Commodity = Literal["hydrogen", "haulage"]
OrderStatus = Literal["new", "partially_filled", "filled", "cancelled", "expired", "rejected"]  # the names of FIX
ProductStatus = Literal["open", "closed"]
CancelReason = Literal[
    "requested",
    "ioc",
    "expired",
    "market_closed",
    "product_closed",
    "suspended",
    "amended_below_executed",
    "self_trade",
]

# The widest terms a product may have. At all three at once an order's reservation is 10^18 fen, inside a signed 64-bit
# column; real terms are four digits of fen, some hundred kg and some hundred loads.
PRICE_FEN_PER_KG_MAX = 10**7
MASS_G_MAX = 10**8
LOADS_MAX = 10**6
#: The most money one participant may be granted: sums of grants stay inside a signed 64-bit column.
GRANTED_FEN_MAX = 10**18

#: Who may sell what, and who may buy it.
SELLERS: dict[Commodity, frozenset[str]] = {
    "hydrogen": frozenset({"producer", "storage_operator"}),
    "haulage": frozenset({"haulier"}),
}
BUYERS: dict[Commodity, frozenset[str]] = {
    "hydrogen": frozenset({"station", "storage_operator"}),
    "haulage": frozenset({"station", "storage_operator", "producer"}),
}


def commodity_of(kind: ProductKind) -> Commodity:
    """What a product of ``kind`` trades, and which capacity its seller uses."""
    return "haulage" if kind == "haulage" else "hydrogen"


def capacity_id(participant_id: str, commodity: str, window_start: int) -> str:
    """The row key of a capacity: ``P1:hydrogen:1767650400000000``."""
    return f"{participant_id}:{commodity}:{window_start}"


class Product(Entity, gc=False):
    """What can be traded, and on which terms."""

    id: str
    kind: ProductKind
    hub: str
    destination_hub: str  # "" unless haulage
    container_class: str
    grade: str
    nominal_mass_g: int
    maximum_mass_g: int  # nominal plus tolerance, whole kg: what a load's money is held for
    window_start: int
    window_end: int
    price_tick_fen: int
    price_max_fen: int
    loads_max: int  # of one order
    status: ProductStatus
    listed_at: int
    closed_at: int | None
    event_seq: int


class Order(Entity, gc=False):
    """A limit order from its placing to its end."""

    id: int
    participant_id: str
    client_order_id: str
    product_id: str
    side: Side
    price_fen_per_kg: int
    loads: int  # in total, executed ones included
    time_in_force: TimeInForce
    status: OrderStatus
    executed_loads: int
    executed_price_sum_fen_per_kg: int  # trade price times loads, summed; over executed_loads it is the average price
    reason: str  # why it was rejected or cancelled, "" otherwise
    field: str  # what a rejection points at, "" otherwise
    shortfall: int  # fen or loads that a limit lacked, 0 otherwise
    placed_at: int
    updated_at: int
    event_seq: int


class Trade(Entity, gc=False):
    """Loads that changed hands at the resting order's price."""

    id: int
    product_id: str
    price_fen_per_kg: int
    loads: int
    buyer_id: str
    seller_id: str
    buy_order_id: int
    sell_order_id: int
    taker_side: Side
    traded_at: int
    event_seq: int


class Trader(Entity, gc=False):
    """A participant that was admitted to trading."""

    id: str  # the participant's
    roles: str  # separated by blanks, in the order of admission
    suspended: bool
    admitted_at: int
    event_seq: int


class MoneyLimit(Entity, gc=False):
    """A buyer's money on the exchange: what is neither reserved nor committed may be ordered for."""

    id: str  # the participant's
    granted_fen: int
    reserved_fen: int  # open buy orders, at their own price
    committed_fen: int  # traded and not yet settled, at the trade's price
    updated_at: int
    event_seq: int

    def free(self) -> int:
        """The fen that new orders may still reserve."""
        return self.granted_fen - self.reserved_fen - self.committed_fen


class CapacityLimit(Entity, gc=False):
    """The loads a seller or haulier declared for one window."""

    id: str  # see `capacity_id`
    participant_id: str
    commodity: Commodity
    window_start: int
    loads: int
    reserved_loads: int  # open sell orders
    consumed_loads: int  # traded
    updated_at: int
    event_seq: int

    def free(self) -> int:
        """The loads that new orders may still reserve."""
        return self.loads - self.reserved_loads - self.consumed_loads


class MarketState(Entity, gc=False):
    """Whether orders are taken, and the trading day."""

    id: str  # always "market"
    is_open: bool
    day: str  # YYYY-MM-DD of the market's zone, "" before the first
    event_seq: int
