"""What may be asked of the exchange."""

from __future__ import annotations

from exchange.model import Commodity, ProductKind, Side, TimeInForce
from kernel.messages import Command


class ListProduct(Command, frozen=True, gc=False):
    """Opens trading in a product. The same terms again change nothing; other terms are refused."""

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


class CloseProduct(Command, frozen=True, gc=False):
    """Ends trading in a product, as when its window begins, and cancels its open orders."""

    product_id: str


class OpenMarket(Command, frozen=True, gc=False):
    """Takes orders from now on."""

    day: str  # YYYY-MM-DD of the market's zone


class CloseMarket(Command, frozen=True, gc=False):
    """Takes no orders any more and expires the day orders."""

    day: str


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
    """Ends the hold of a traded load: ``spent_fen`` of it was paid, the rest is free again."""

    participant_id: str
    trade_id: int
    load_no: int
    committed_fen: int
    spent_fen: int


class PlaceOrder(Command, frozen=True, gc=False):
    """Asks for a limit order: good till cancelled, for the day, or immediate or cancel."""

    participant_id: str
    client_order_id: str
    product_id: str
    side: Side
    price_fen_per_kg: int
    loads: int
    time_in_force: TimeInForce = "gtc"


class CancelOrder(Command, frozen=True, gc=False):
    """Takes away what is open of an order. Passes while the market is closed."""

    participant_id: str
    order_id: int


class AmendOrder(Command, frozen=True, gc=False):
    """Gives an order a new price or a new total; None leaves it as it is."""

    participant_id: str
    order_id: int
    price_fen_per_kg: int | None = None
    loads: int | None = None  # in total, executed ones included


COMMANDS: tuple[type[Command], ...] = (
    ListProduct,
    CloseProduct,
    OpenMarket,
    CloseMarket,
    AdmitTrader,
    SuspendTrader,
    ReinstateTrader,
    SetCapacity,
    GrantMoney,
    ReduceMoney,
    ReleaseCommitment,
    PlaceOrder,
    CancelOrder,
    AmendOrder,
)
