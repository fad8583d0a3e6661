"""What happened on the exchange. Published: fields are only ever added, with defaults.

An order's id is the log position of its OrderPlaced or OrderRejected event, a trade's that of its Traded event. What a
traded load holds of the buyer's money is the trade's price times the product's ``maximum_mass_g``.
"""

from __future__ import annotations

from exchange.model import (
    CancelReason,
    Commodity,
    Leg,
    OrderTerms,
    Phase,
    ProductKind,
    SelfTradeMode,
    Side,
    TradeFacts,
)
from kernel.messages import Event


class ProductListed(Event, frozen=True, gc=False):
    """A product is listed in its first phase."""

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
    collar_bps: int = 0
    volatility_bps: int = 0
    protection_bps: int = 0
    auction_s: int = 0
    reference_price_fen: int = 0
    phase: Phase = "continuous"


class PhaseChanged(Event, frozen=True, gc=False):
    """A product's book is in another phase; at ``until`` an alarm makes it continuous, unless that is 0."""

    product_id: str
    phase: Phase
    reason: str
    until: int


class Uncrossed(Event, frozen=True, gc=False):
    """An auction ended at one price, which is the new reference price; its trades follow.

    ``surplus_loads`` could not trade at that price, of buyers where it is positive and of sellers where negative.
    """

    product_id: str
    price_fen_per_kg: int
    loads: int
    surplus_loads: int


class ReferencePriceSet(Event, frozen=True, gc=False):
    """Collars and volatility bounds are measured from another price.

    By the operator, ``participant_id`` with the key ``key_id``; or by the end of an auction without a price of its own
    (both are "" then), where its book would trade over a route.
    """

    product_id: str
    reference_price_fen: int
    reason: str
    participant_id: str = ""
    key_id: str = ""


class ProductClosed(Event, frozen=True, gc=False):
    """Trading in the product ended; its open orders were cancelled just before."""

    product_id: str


class MarketOpened(Event, frozen=True, gc=False):
    """Orders are taken from now on."""

    day: str


class MarketClosed(Event, frozen=True, gc=False):
    """No orders are taken any more; session or day orders expired just before, the others rest over night."""

    day: str
    ends_day: bool = True


class MarketHalted(Event, frozen=True, gc=False):
    """The market's kill switch was pulled: only cancels pass."""

    reason: str


class MarketResumed(Event, frozen=True, gc=False):
    """The market's kill switch was released."""


class QuoteRequested(Event, frozen=True, gc=False):
    """Somebody asks for quotes. ``participant_id`` is not published to the market."""

    participant_id: str
    product_id: str
    side: Side | None
    loads: int


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


class TraderKilled(Event, frozen=True, gc=False):
    """The participant's kill switch was pulled, its own or the operator's; its open orders were cancelled just
    before."""

    participant_id: str
    by_operator: bool = False


class TraderReleased(Event, frozen=True, gc=False):
    """The participant's kill switch was released, its own or the operator's."""

    participant_id: str
    by_operator: bool = False


class SelfTradeModeSet(Event, frozen=True, gc=False):
    """What happens when the participant's orders meet one another."""

    participant_id: str
    mode: SelfTradeMode


class OrderRatesSet(Event, frozen=True, gc=False):
    """How many orders and amendments the participant may send."""

    participant_id: str
    per_10s_max: int
    per_hour_max: int
    per_day_max: int


class DeadManSet(Event, frozen=True, gc=False):
    """The participant's orders end at ``fires_at`` unless the switch is renewed; 0: it is off."""

    participant_id: str
    timeout_s: int
    fires_at: int


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
    """The order was taken and its limit reserved, unless it hibernates; its trades follow.

    ``price_fen_per_kg`` is the limit that holds: that of the terms, or the protection of an order without one.
    """

    order_id: int
    participant_id: str
    key_id: str
    price_fen_per_kg: int
    terms: OrderTerms


class OrderRejected(Event, frozen=True, gc=False):
    """The order was not taken: ``reason`` is a code of `exchange.errors`, ``shortfall`` what a limit lacked."""

    order_id: int
    participant_id: str
    key_id: str
    terms: OrderTerms
    reason: str
    field: str
    shortfall: int  # fen of a buyer, loads of a seller, 0 where no limit was the reason


class OrderAmended(Event, frozen=True, gc=False):
    """The order has a new price or a new total; its trades follow where it now crosses."""

    order_id: int
    price_fen_per_kg: int
    loads: int
    keeps_priority: bool


class OrderReduced(Event, frozen=True, gc=False):
    """The order was made smaller by ``loads`` in its place, where it met one of the same participant."""

    order_id: int
    loads: int
    reason: CancelReason


class OrderElected(Event, frozen=True, gc=False):
    """A stop's price was reached: from now on it is an order like others; its trades follow."""

    order_id: int


class OrderHibernated(Event, frozen=True, gc=False):
    """The order left the market without ending; its limit is free."""

    order_id: int


class OrderActivated(Event, frozen=True, gc=False):
    """A hibernating order is back, behind the others, its limit reserved; its trades follow."""

    order_id: int


class OrderCancelled(Event, frozen=True, gc=False):
    """The order ended with ``loads`` open, which were taken away."""

    order_id: int
    loads: int
    reason: CancelReason


class Traded(Event, frozen=True, gc=False):
    """Loads changed hands: at the resting order's price, or at one price for both (an auction's, an agreement's).

    ``taker_order_id`` is the order that came last, 0 where none did. An implied match is two trades for one delivered
    buy order: its ``haulage`` leg, and then its ``hydrogen`` leg.
    """

    trade_id: int
    product_id: str
    price_fen_per_kg: int
    loads: int
    buyer_id: str
    seller_id: str
    buy_order_id: int
    sell_order_id: int
    taker_order_id: int
    leg: Leg = ""


# --- recalls: an implied match is recalled whole, so ``trades`` may be two, its haulage before its hydrogen


class TradeRecallRequested(Event, frozen=True, gc=False):
    """A party or the operator asks to undo a trade, which is disputed from now on; the operator decides by
    ``decide_by``. ``recall_id`` is the log position of this event."""

    recall_id: int
    trades: tuple[TradeFacts, ...]
    requester_id: str
    key_id: str
    reason: str
    decide_by: int


class TradeRecallApproved(Event, frozen=True, gc=False):
    """The first of two people of the operator would undo the trade."""

    recall_id: int
    key_id: str
    trades: tuple[TradeFacts, ...]


class TradeRecallConfirmed(Event, frozen=True, gc=False):
    """The second one too. Tracking now ends the loads, or says that one has begun; the trade stands until then."""

    recall_id: int
    key_id: str
    trades: tuple[TradeFacts, ...]


class TradeRecalled(Event, frozen=True, gc=False):
    """Tracking ended every load: the trade is undone. Its sellers may sell the loads again; its orders stay ended.

    What it committed of the buyer's money is released load by load, as settlement lets go its holds.
    """

    recall_id: int
    trades: tuple[TradeFacts, ...]


class TradeRecallRefused(Event, frozen=True, gc=False):
    """A load had begun to move: the trade stands. ``reason`` names the load and how far it is."""

    recall_id: int
    reason: str
    trades: tuple[TradeFacts, ...]


class TradeRecallRejected(Event, frozen=True, gc=False):
    """One person of the operator turned the request down: the trade stands."""

    recall_id: int
    key_id: str
    reason: str
    trades: tuple[TradeFacts, ...]


class TradeRecallWithdrawn(Event, frozen=True, gc=False):
    """Who asked took the request back: the trade stands."""

    recall_id: int
    key_id: str
    trades: tuple[TradeFacts, ...]


class TradeRecallExpired(Event, frozen=True, gc=False):
    """Nobody decided in time: the trade stands."""

    recall_id: int
    trades: tuple[TradeFacts, ...]


EVENTS: tuple[type[Event], ...] = (
    ProductListed,
    PhaseChanged,
    Uncrossed,
    ReferencePriceSet,
    ProductClosed,
    MarketOpened,
    MarketClosed,
    MarketHalted,
    MarketResumed,
    QuoteRequested,
    TraderAdmitted,
    TraderSuspended,
    TraderReinstated,
    TraderKilled,
    TraderReleased,
    SelfTradeModeSet,
    OrderRatesSet,
    DeadManSet,
    CapacitySet,
    MoneyGranted,
    MoneyReduced,
    MoneyReductionRefused,
    CommitmentReleased,
    OrderPlaced,
    OrderRejected,
    OrderAmended,
    OrderReduced,
    OrderElected,
    OrderHibernated,
    OrderActivated,
    OrderCancelled,
    Traded,
    TradeRecallRequested,
    TradeRecallApproved,
    TradeRecallConfirmed,
    TradeRecalled,
    TradeRecallRefused,
    TradeRecallRejected,
    TradeRecallWithdrawn,
    TradeRecallExpired,
)

#: The events of a recall.
RECALL_EVENTS = (
    TradeRecallRequested,
    TradeRecallApproved,
    TradeRecallConfirmed,
    TradeRecalled,
    TradeRecallRefused,
    TradeRecallRejected,
    TradeRecallWithdrawn,
    TradeRecallExpired,
)
