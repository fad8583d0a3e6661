"""What may be asked of the exchange."""

from __future__ import annotations

from exchange.model import CancelReason, Commodity, OrderTerms, Phase, ProductKind, SelfTradeMode, Side, TradeFacts
from kernel.messages import Command

# --- products and the market


class ListProduct(Command, frozen=True, gc=False):
    """Lists a product. The same terms again change nothing; other terms are refused."""

    product_id: str
    kind: ProductKind
    hub: str
    destination_hub: str  # "" unless haulage
    container_class: str
    grade: str
    nominal_mass_g: int
    maximum_mass_g: int  # whole kg
    window_start: int
    window_end: int
    price_tick_fen: int
    price_max_fen: int
    loads_max: int
    collar_bps: int = 0
    volatility_bps: int = 0
    protection_bps: int = 500
    auction_s: int = 300
    reference_price_fen: int = 0
    phase: Phase = "continuous"


class ChangePhase(Command, frozen=True, gc=False):
    """Moves a product to another phase. An auction that ends is matched first, if what follows takes trades."""

    product_id: str
    phase: Phase
    reason: str = "operator"
    until: int = 0  # when an alarm makes it continuous again; 0: never


class SetReferencePrice(Command, frozen=True, gc=False):
    """Corrects the price that collars and volatility bounds are measured from, while the product does not trade."""

    product_id: str
    reference_price_fen: int
    reason: str
    participant_id: str  # of the operator
    key_id: str


class CloseProduct(Command, frozen=True, gc=False):
    """Ends trading in a product, as when its window begins, and cancels its open orders."""

    product_id: str


class OpenMarket(Command, frozen=True, gc=False):
    """Takes orders from now on."""

    day: str  # YYYY-MM-DD of the market's zone


class CloseMarket(Command, frozen=True, gc=False):
    """Takes no orders any more; orders of the session expire, and at the day's end those of the day."""

    day: str
    ends_day: bool = True


class HaltMarket(Command, frozen=True, gc=False):
    """Pulls the kill switch of the whole market: nothing but cancels passes until it is resumed."""

    reason: str


class ResumeMarket(Command, frozen=True, gc=False):
    """Releases the kill switch of the whole market."""


class RingAlarms(Command, frozen=True, gc=False):
    """Does what falls due by now: orders good till a time, dead-man switches, phases that end, recalls undecided."""


class RequestQuote(Command, frozen=True, gc=False):
    """Asks the market for quotes, without saying who asks."""

    participant_id: str
    product_id: str
    side: Side | None  # what the asker would do; None keeps it open
    loads: int


# --- traders and limits


class AdmitTrader(Command, frozen=True, gc=False):
    """Lets a participant trade in these roles."""

    participant_id: str
    roles: tuple[str, ...]


class SuspendTrader(Command, frozen=True, gc=False):
    """Stops a participant and cancels its open orders. One that was never admitted is left as it is."""

    participant_id: str


class ReinstateTrader(Command, frozen=True, gc=False):
    """Lets a suspended participant trade again."""

    participant_id: str


class KillTrader(Command, frozen=True, gc=False):
    """Pulls a participant's kill switch: cancels its open orders and refuses new ones until it is released.

    The operator has one of its own for each participant, which the participant cannot release.
    """

    participant_id: str
    by_operator: bool = False


class ReleaseTrader(Command, frozen=True, gc=False):
    """Releases a participant's kill switch, or the operator's for it."""

    participant_id: str
    by_operator: bool = False


class SetSelfTradeMode(Command, frozen=True, gc=False):
    """Chooses what happens when orders of the participant meet one another, whichever keys sent them."""

    participant_id: str
    mode: SelfTradeMode


class SetOrderRates(Command, frozen=True, gc=False):
    """Sets how many orders and amendments a participant may send."""

    participant_id: str
    per_10s_max: int
    per_hour_max: int
    per_day_max: int


class SetDeadMan(Command, frozen=True, gc=False):
    """Sets or renews a switch that cancels the participant's orders after ``timeout_s``; 0 switches it off."""

    participant_id: str
    timeout_s: int


class SetCapacity(Command, frozen=True, gc=False):
    """Declares the loads a participant can provide in a window, in total."""

    participant_id: str
    commodity: Commodity
    window_start: int
    loads: int


class GrantMoney(Command, frozen=True, gc=False):
    """Raises a participant's trading limit."""

    participant_id: str
    amount_fen: int
    reference: str


class ReduceMoney(Command, frozen=True, gc=False):
    """Lowers a participant's trading limit by free money."""

    participant_id: str
    amount_fen: int
    reference: str


class ReleaseCommitment(Command, frozen=True, gc=False):
    """Ends the hold of a settled load: ``spent_fen`` of it left the participant's money."""

    participant_id: str
    trade_id: int
    load_no: int
    committed_fen: int
    spent_fen: int


# --- orders


class PlaceOrder(Command, frozen=True, gc=False):
    """Places an order; ``key_id`` is the API key that sent it."""

    participant_id: str
    key_id: str
    terms: OrderTerms


class PlaceBasket(Command, frozen=True, gc=False):
    """Places orders that trade in full at once, all of them, or not at all."""

    participant_id: str
    key_id: str
    terms: tuple[OrderTerms, ...]


class PlaceGroup(Command, frozen=True, gc=False):
    """Places orders that are all taken or all rejected; once taken, each trades for itself."""

    participant_id: str
    key_id: str
    terms: tuple[OrderTerms, ...]


class CancelOrder(Command, frozen=True, gc=False):
    """Cancels what is open of the participant's own order."""

    participant_id: str
    order_id: int


class CancelOrders(Command, frozen=True, gc=False):
    """Cancels all of a participant's open orders, or those of a product, a side or a key ("" for any).

    With ``order_ids`` only what is among them.
    """

    participant_id: str
    product_id: str = ""
    side: Side | None = None
    key_id: str = ""
    reason: CancelReason = "mass_cancel"
    on_disconnect_only: bool = False
    order_ids: tuple[int, ...] = ()


class AmendOrder(Command, frozen=True, gc=False):
    """Gives the participant's own order another price, another total of loads (executed ones included), or both."""

    participant_id: str
    order_id: int
    price_fen_per_kg: int | None
    loads: int | None


class HibernateOrder(Command, frozen=True, gc=False):
    """Takes the participant's own order out of the market without ending it; its limit is free meanwhile."""

    participant_id: str
    order_id: int


class ActivateOrder(Command, frozen=True, gc=False):
    """Brings a hibernating order back, behind those that are there."""

    participant_id: str
    order_id: int


# --- recalls


class RequestRecall(Command, frozen=True, gc=False):
    """Asks to undo a trade. ``trades`` is what the log says of it; both of them, where it is a leg of an implied
    match."""

    trade_id: int
    trades: tuple[TradeFacts, ...]
    participant_id: str
    key_id: str
    by_operator: bool
    reason: str


class ApproveRecall(Command, frozen=True, gc=False):
    """The first eyes of the operator. ``participant_id`` is the company that the key belongs to."""

    trade_id: int
    participant_id: str
    key_id: str


class ConfirmRecall(Command, frozen=True, gc=False):
    """The second eyes of the operator: another key than the one that approved."""

    trade_id: int
    participant_id: str
    key_id: str


class RejectRecall(Command, frozen=True, gc=False):
    """Turns the request down; until the second eyes confirmed it, one key of the operator is enough."""

    trade_id: int
    key_id: str
    reason: str


class WithdrawRecall(Command, frozen=True, gc=False):
    """Takes a request back, by the company that asked; as long as the second eyes have not confirmed it.

    Whom the recall does not concern, unless ``by_operator``, is not told that there is one."""

    trade_id: int
    participant_id: str
    key_id: str
    by_operator: bool


class ConcludeRecall(Command, frozen=True, gc=False):
    """Tracking's answer: every load is ended, or one had begun to move and none was. Said twice it does nothing."""

    recall_id: int
    done: bool
    reason: str


COMMANDS: tuple[type[Command], ...] = (
    ListProduct,
    ChangePhase,
    SetReferencePrice,
    CloseProduct,
    OpenMarket,
    CloseMarket,
    HaltMarket,
    ResumeMarket,
    RingAlarms,
    RequestQuote,
    AdmitTrader,
    SuspendTrader,
    ReinstateTrader,
    KillTrader,
    ReleaseTrader,
    SetSelfTradeMode,
    SetOrderRates,
    SetDeadMan,
    SetCapacity,
    GrantMoney,
    ReduceMoney,
    ReleaseCommitment,
    PlaceOrder,
    PlaceBasket,
    PlaceGroup,
    CancelOrder,
    CancelOrders,
    AmendOrder,
    HibernateOrder,
    ActivateOrder,
    RequestRecall,
    ApproveRecall,
    ConfirmRecall,
    RejectRecall,
    WithdrawRecall,
    ConcludeRecall,
)
