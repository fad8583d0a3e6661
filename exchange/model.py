"""The words of the exchange: products, orders, trades, traders, limits.

A product is hydrogen or haulage in whole loads of one container class for one delivery window:

    ex_works    hydrogen collected by the buyer at ``hub``
    delivered   hydrogen brought by the seller to ``hub``
    haulage     carriage of a load from ``hub`` to ``destination_hub``

Prices are fen per kg, masses grams, money fen, times UTC microseconds.
"""

from __future__ import annotations

from typing import Literal

from kernel.machine import Entity, quick
from kernel.messages import Message

Side = Literal["buy", "sell"]
OrderType = Literal["limit", "market", "stop", "stop_limit"]
TimeInForce = Literal["gtc", "gtd", "day", "session", "ioc", "fok"]
ProductKind = Literal["ex_works", "delivered", "haulage"]
Commodity = Literal["hydrogen", "haulage"]
#: The names of FIX 5.0 SP2, tag 39. A suspended order hibernates: it is kept out of the market until it is activated.
OrderStatus = Literal["new", "partially_filled", "filled", "cancelled", "expired", "rejected", "suspended"]
ProductStatus = Literal["open", "closed"]
#: What a product's book does with orders:
#:
#:     pending      listed, takes none yet
#:     auction      collects; matches all at one price when the auction ends
#:     continuous   matches as they come
#:     halted       takes none; cancels pass
#:     frozen       takes none, and its owners' cancels neither; what protects still ends orders: kill and dead-man
#:                  switches, cancel on disconnect, suspension, an order's time, the product's close
#:     closed       ended, its orders cancelled
#:     expired      closed, and its delivery window is over
Phase = Literal["pending", "auction", "continuous", "halted", "frozen", "closed", "expired"]
#: What happens when a participant's order meets one of its own (names as in CME's and FIX's SelfMatchPrevention).
SelfTradeMode = Literal["cancel_newest", "cancel_oldest", "cancel_both", "decrement"]
#: Which part of an implied match a trade is; "" for a direct one.
Leg = Literal["", "hydrogen", "haulage"]
#: What became of a trade: it stands, somebody asks for it back, two people of the operator took it back and its loads
#: are being ended, it is undone.
TradeState = Literal["active", "disputed", "recalling", "recalled"]
#: How far a recall is: asked for, seen by the first eyes, by the second (its loads are being ended), done; or turned
#: down by the operator, run out undecided, refused because a load had begun to move.
RecallState = Literal["requested", "approved", "recalling", "recalled", "rejected", "withdrawn", "expired", "refused"]
CancelReason = Literal[
    "requested",
    "mass_cancel",
    "ioc",
    "fok",
    "minimum",
    "expired",
    "product_closed",
    "suspended",
    "kill_switch",
    "dead_man",
    "disconnected",
    "amended_below_executed",
    "self_trade",
    "volatility",
    "overtaken",
]

# The widest terms a product may have. At all three at once an order's reservation is 10^18 fen, inside a signed 64-bit
# column; real terms are four digits of fen, some hundred kg and some hundred loads.
PRICE_FEN_PER_KG_MAX = 10**7
MASS_G_MAX = 10**8
LOADS_MAX = 10**6
#: The most money one participant may be granted: sums of grants stay inside a signed 64-bit column.
GRANTED_FEN_MAX = 10**18
#: Orders that act together or not at all (Nord Pool's linked basket takes as many).
BASKET_ORDERS_MAX = 100
#: Orders that one request or frame may bring.
BATCH_ORDERS_MAX = 100
#: Orders of one book that wait outside its ladders (stops, all-or-none, agreements): a trade may look at each.
ASIDE_ORDERS_MAX = 10_000
#: Later than any time that an order may be good till: the year 2200.
NEVER = 7_258_118_400_000_000
BASIS_POINTS = 10_000
#: How long after a trade its recall may be asked for, and how long the operator then has to decide.
RECALL_WINDOW_US = 30 * 60 * 1_000_000
RECALL_DECISION_US = 60 * 60 * 1_000_000
#: Capacities are kept and declared for windows that began at most so long ago: none of their loads is traded any more.
WINDOW_BEHIND_US = 35 * 86_400 * 1_000_000
#: Loads are sold up to a year ahead.
WINDOW_AHEAD_US = 400 * 86_400 * 1_000_000
#: Windows that a participant may have capacities of: five a day for more than a year.
WINDOWS_MAX = 2_200
#: Orders and amendments a participant may send in 10 s, an hour and a day, unless the operator sets others.
RATES_DEFAULT = (20_000, 2_000_000, 20_000_000)

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


class OrderOptions(Message, frozen=True, gc=False, omit_defaults=True):
    """What most orders do without; they carry None instead."""

    order_type: OrderType = "limit"
    stop_price_fen_per_kg: int = 0  # of stop and stop_limit: the trade price that elects the order
    minimum_loads: int = 0  # trade at least so many at once on entry, or none
    all_or_none: bool = False  # waits aside until the book can fill it whole
    post_only: bool = False  # refused where it would trade on entry
    display_loads: int = 0  # an iceberg shows so many at a time; 0: all of them
    clip_price_change_fen: int = 0  # how much worse for its owner's counterparty each further clip is priced
    expires_at: int = 0  # of gtd
    hibernated: bool = False  # placed asleep, without reserving anything
    cancel_on_disconnect: bool = False
    counterparty_id: str = ""  # pre-arranged: trades with this participant's mirrored order only
    agreement: str = ""  # what both sides call their pre-arranged trade


class OrderTerms(Message, frozen=True, gc=False, omit_defaults=True):
    """What its owner asked for; shared by command, event and order, and never changed."""

    client_order_id: str
    product_id: str
    side: Side
    price_fen_per_kg: int  # the limit; 0 for a market order, whose protection is found on entry
    loads: int
    time_in_force: TimeInForce = "gtc"
    options: OrderOptions | None = None


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
    collar_bps: int  # how far from the reference price a limit may lie; 0: anywhere
    volatility_bps: int  # a trade further from the reference price halts the book into an auction; 0: never
    protection_bps: int  # how far through the best price a market order may trade
    auction_s: int  # how long a volatility auction lasts
    phase: Phase
    phase_until: int  # when an alarm ends the phase; 0: no alarm does
    reference_price_fen: int  # 0: none yet
    listed_at: int
    closed_at: int | None
    event_seq: int

    @property
    def status(self) -> ProductStatus:
        """Whether orders may rest in its book."""
        return "closed" if self.phase in ("closed", "expired") else "open"


@quick
class Order(Entity, gc=False, eq=False, array_like=True):
    """An order from its placing to its end. In a snapshot, which holds many, it goes without its fields' names.

    ``loads`` is what it is for in total, ``open_loads`` what did not trade; ``shown_loads`` is what the book shows of
    the open ones. ``resting``: it stands in a ladder of its book.
    """

    id: int
    participant_id: str
    key_id: str
    terms: OrderTerms
    price_fen_per_kg: int
    loads: int
    open_loads: int
    shown_loads: int
    price_sum_fen_per_kg: int  # trade price times loads, summed; over the executed loads it is the average price
    expires_at: int
    placed_at: int
    updated_at: int
    event_seq: int
    resting: bool = False
    elected: bool = False  # a stop whose price was reached
    ended: OrderStatus | Literal[""] = ""  # how it ended without trading all of its loads, or "suspended"
    reason: str = ""  # why it was rejected or cancelled
    field: str = ""  # what a rejection points at
    shortfall: int = 0  # fen or loads that a limit lacked
    rank: int = 0  # the event that sent it behind the others, which matters beside the ladders; 0: none did

    @property
    def executed_loads(self) -> int:
        """What traded."""
        return self.loads - self.open_loads

    @property
    def status(self) -> OrderStatus:
        """Its state in the words of FIX."""
        if self.ended:
            return self.ended
        if self.open_loads == self.loads:
            return "new"
        return "partially_filled" if self.open_loads else "filled"


class Trader(Entity, gc=False):
    """A participant that was admitted to trading."""

    id: str  # the participant's
    roles: str  # separated by blanks, in the order of admission
    suspended: bool
    killed: bool  # its own kill switch is pulled
    barred: bool  # the operator's kill switch for it is pulled
    self_trade_mode: SelfTradeMode
    per_10s_max: int
    per_hour_max: int
    per_day_max: int
    admitted_at: int
    event_seq: int


@quick
class MoneyLimit(Entity, gc=False):
    """A buyer's money on the exchange: what is neither reserved nor committed may be ordered for."""

    id: str  # the participant's
    granted_fen: int
    reserved_fen: int  # open buy orders, at their own price
    committed_fen: int  # traded and not yet settled, at the trade's price
    event_seq: int

    def free(self) -> int:
        """The fen that new orders may still reserve."""
        return self.granted_fen - self.reserved_fen - self.committed_fen


@quick
class CapacityLimit(Entity, gc=False):
    """The loads a seller, or the vehicles a haulier, declared for one window."""

    id: str  # see `capacity_id`
    participant_id: str
    commodity: Commodity
    window_start: int
    loads: int
    reserved_loads: int  # open sell orders
    consumed_loads: int  # traded
    event_seq: int

    def free(self) -> int:
        """The loads that new orders may still reserve."""
        return self.loads - self.reserved_loads - self.consumed_loads


class DeadMan(Entity, gc=False):
    """A switch that cancels a participant's orders unless it is renewed in time."""

    id: str  # the participant's
    timeout_s: int
    fires_at: int
    event_seq: int


class QuoteRequest(Entity, gc=False):
    """What somebody asked quotes for."""

    id: int
    participant_id: str
    product_id: str
    side: Side | None  # None: the asker keeps it open
    loads: int
    asked_at: int
    event_seq: int


class TradeFacts(Message, frozen=True, gc=False):
    """A trade as it was made, which never changes: a recall carries it, since the exchange forgets its trades."""

    trade_id: int
    product_id: str
    price_fen_per_kg: int
    loads: int
    buyer_id: str
    seller_id: str
    buy_order_id: int
    sell_order_id: int
    leg: Leg
    traded_at: int


class Recall(Entity, gc=False):
    """A request to undo a trade, or the two trades of an implied match together."""

    id: int
    trade_id: int
    other_trade_id: int  # the hydrogen leg of an implied match, whose haulage leg is ``trade_id``; else 0
    state: RecallState
    requester_id: str  # the company that asked: a party, or the operator
    requester_key_id: str
    reason: str
    requested_at: int
    decide_by: int
    first_key_id: str  # who approved it
    second_key_id: str  # who confirmed it
    answer: str  # why it was rejected or refused
    updated_at: int
    event_seq: int

    def trade_ids(self) -> tuple[int, ...]:
        """Its trades, the haulage of an implied match first."""
        return (self.trade_id, self.other_trade_id) if self.other_trade_id else (self.trade_id,)


class ContestedTrade(Entity, gc=False):
    """A trade whose recall was asked for at least once, and what became of it."""

    id: int  # the trade's
    recall_id: int  # the latest
    state: TradeState
    product_id: str
    price_fen_per_kg: int
    loads: int
    buyer_id: str
    seller_id: str
    buy_order_id: int
    sell_order_id: int
    leg: Leg
    traded_at: int
    event_seq: int

    def facts(self) -> TradeFacts:
        """The trade as it was made."""
        return TradeFacts(
            self.id, self.product_id, self.price_fen_per_kg, self.loads, self.buyer_id, self.seller_id,
            self.buy_order_id, self.sell_order_id, self.leg, self.traded_at,
        )  # fmt: skip


class OrderRecall(Entity, gc=False):
    """What recalls took back of an order's trades. The order's own row says what the book did, and stays."""

    id: int  # the order's
    participant_id: str
    loads: int
    price_sum_fen_per_kg: int
    updated_at: int
    event_seq: int


class MarketState(Entity, gc=False):
    """Whether orders are taken, and the trading day."""

    id: str  # always "market"
    is_open: bool
    halted: bool  # the operator's kill switch for the whole market
    day: str  # YYYY-MM-DD of the market's zone, "" before the first
    event_seq: int


def clip_price(order: Order, low: int, high: int) -> int:
    """The price of an iceberg's next clip: the same where the changed one would lie outside of the book's collar."""
    options = order.terms.options
    assert options is not None
    change = options.clip_price_change_fen
    price = order.price_fen_per_kg + (-change if order.terms.side == "buy" else change)
    return price if low <= price <= high else order.price_fen_per_kg
