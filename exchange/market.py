"""What becomes of a request about products, the market's day, traders and limits: decided here, changed nowhere."""

from __future__ import annotations

from collections.abc import Iterable

from exchange import commands as c
from exchange.errors import (
    AmountInvalid,
    CapacityBelowUse,
    CommitmentExceeded,
    MarketDayConflict,
    ProductNotFound,
    ProductTermsFixed,
    RoleUnsuitable,
    TermsInvalid,
    TraderNotFound,
)
from exchange.events import (
    CapacitySet,
    CommitmentReleased,
    MarketClosed,
    MarketOpened,
    MoneyGranted,
    MoneyReduced,
    MoneyReductionRefused,
    OrderCancelled,
    ProductClosed,
    ProductListed,
    TraderAdmitted,
    TraderReinstated,
    TraderSuspended,
)
from exchange.model import (
    GRANTED_FEN_MAX,
    LOADS_MAX,
    MASS_G_MAX,
    PRICE_FEN_PER_KG_MAX,
    CancelReason,
    Order,
    Product,
)
from exchange.state import ExchangeState
from kernel.messages import Event
from kernel.quantity import GRAMS_PER_KG, format_money


def list_product(state: ExchangeState, command: c.ListProduct) -> list[Event]:
    """Raises TermsInvalid, or ProductTermsFixed where the id is listed with other terms."""
    listed = state.products.get(command.product_id)
    if listed is not None:
        if _terms(listed) == _terms(command):
            return []
        raise ProductTermsFixed(product_id=command.product_id)
    _check_terms(command)
    return [
        ProductListed(
            command.product_id, command.kind, command.hub, command.destination_hub, command.container_class,
            command.grade, command.nominal_mass_g, command.maximum_mass_g, command.window_start, command.window_end,
            command.price_tick_fen, command.price_max_fen, command.loads_max,
        )
    ]  # fmt: skip


def _terms(of: Product | c.ListProduct) -> tuple[object, ...]:
    return (
        of.kind, of.hub, of.destination_hub, of.container_class, of.grade, of.nominal_mass_g, of.maximum_mass_g,
        of.window_start, of.window_end, of.price_tick_fen, of.price_max_fen, of.loads_max,
    )  # fmt: skip


def _check_terms(command: c.ListProduct) -> None:
    haulage = command.kind == "haulage"
    holds = {
        "destination_hub": bool(command.destination_hub) == haulage and command.destination_hub != command.hub,
        "nominal_mass_g": 0 < command.nominal_mass_g <= command.maximum_mass_g,
        # Whole kilograms: a load's hold is then an exact number of fen at any price.
        "maximum_mass_g": command.maximum_mass_g <= MASS_G_MAX and command.maximum_mass_g % GRAMS_PER_KG == 0,
        "window_end": command.window_start < command.window_end,
        "price_tick_fen": 0 < command.price_tick_fen <= command.price_max_fen,
        "price_max_fen": command.price_max_fen <= PRICE_FEN_PER_KG_MAX,
        "loads_max": 0 < command.loads_max <= LOADS_MAX,
    }
    for term, valid in holds.items():
        if not valid:
            raise TermsInvalid(field=term, term=term)


def close_product(state: ExchangeState, command: c.CloseProduct) -> list[Event]:
    """Raises ProductNotFound."""
    if command.product_id not in state.products:
        raise ProductNotFound(product_id=command.product_id)
    book = state.books.get(command.product_id)
    if book is None:
        return []
    return [*_cancellations(book.orders(), "product_closed"), ProductClosed(command.product_id)]


def open_market(state: ExchangeState, command: c.OpenMarket) -> list[Event]:
    """Raises MarketDayConflict while another day is open, and for a day that lies behind."""
    if state.market.is_open and state.market.day == command.day:
        return []
    if state.market.is_open or command.day < state.market.day:
        raise MarketDayConflict(field="day", day=state.market.day, requested=command.day)
    return [MarketOpened(command.day)]


def close_market(state: ExchangeState, command: c.CloseMarket) -> list[Event]:
    """Raises MarketDayConflict for another day than the one that is open."""
    if not state.market.is_open:
        return []
    if command.day != state.market.day:
        raise MarketDayConflict(field="day", day=state.market.day, requested=command.day)
    expiring = [order for order in state.orders.values() if order.time_in_force == "day"]
    return [*_cancellations(expiring, "expired"), MarketClosed(command.day)]


def admit_trader(state: ExchangeState, command: c.AdmitTrader) -> list[Event]:
    trader = state.traders.get(command.participant_id)
    if trader is not None and trader.roles == " ".join(command.roles):
        return []
    return [TraderAdmitted(command.participant_id, command.roles)]


def suspend_trader(state: ExchangeState, command: c.SuspendTrader) -> list[Event]:
    trader = state.traders.get(command.participant_id)
    if trader is None or trader.suspended:
        return []
    own = [order for order in state.orders.values() if order.participant_id == command.participant_id]
    return [*_cancellations(own, "suspended"), TraderSuspended(command.participant_id)]


def reinstate_trader(state: ExchangeState, command: c.ReinstateTrader) -> list[Event]:
    trader = state.traders.get(command.participant_id)
    if trader is None or not trader.suspended:
        return []
    return [TraderReinstated(command.participant_id)]


def set_capacity(state: ExchangeState, command: c.SetCapacity) -> list[Event]:
    """Raises TraderNotFound, RoleUnsuitable, AmountInvalid, or CapacityBelowUse with the loads that lack."""
    sells = state.rights["sell"].get(command.participant_id)
    if sells is None:
        raise TraderNotFound(participant_id=command.participant_id)
    if command.commodity not in sells:
        raise RoleUnsuitable(field="commodity")
    if not 0 <= command.loads <= LOADS_MAX:
        raise AmountInvalid(field="loads", low=0, high=LOADS_MAX)
    known = state.limits.windows.get((command.commodity, command.window_start), {}).get(command.participant_id)
    used = 0 if known is None else known.reserved_loads + known.consumed_loads
    if command.loads < used:
        raise CapacityBelowUse(field="loads", used=used, shortfall=used - command.loads)
    if known is not None and known.loads == command.loads:
        return []
    return [CapacitySet(command.participant_id, command.commodity, command.window_start, command.loads)]


def grant_money(state: ExchangeState, command: c.GrantMoney) -> list[Event]:
    """Raises AmountInvalid."""
    money = state.limits.money.get(command.participant_id)
    room_fen = GRANTED_FEN_MAX - (0 if money is None else money.granted_fen)
    _check_amount(command.amount_fen, room_fen)
    return [MoneyGranted(command.participant_id, command.amount_fen, command.reference)]


def reduce_money(state: ExchangeState, command: c.ReduceMoney) -> list[Event]:
    """Raises AmountInvalid. Money that orders or trades hold stays: an event says how much lacks."""
    _check_amount(command.amount_fen, GRANTED_FEN_MAX)
    money = state.limits.money.get(command.participant_id)
    shortfall_fen = command.amount_fen - (0 if money is None else money.free())
    if shortfall_fen > 0:
        return [MoneyReductionRefused(command.participant_id, command.amount_fen, shortfall_fen, command.reference)]
    return [MoneyReduced(command.participant_id, command.amount_fen, command.reference)]


def release_commitment(state: ExchangeState, command: c.ReleaseCommitment) -> list[Event]:
    """Raises CommitmentExceeded."""
    money = state.limits.money.get(command.participant_id)
    committed_fen = 0 if money is None else money.committed_fen
    _check_release(committed_fen, command.committed_fen, "committed_fen")
    _check_release(command.committed_fen, command.spent_fen, "spent_fen")
    return [
        CommitmentReleased(
            command.participant_id, command.trade_id, command.load_no, command.committed_fen, command.spent_fen
        )
    ]


def _check_release(committed_fen: int, requested_fen: int, field: str) -> None:
    if not 0 <= requested_fen <= committed_fen:
        raise CommitmentExceeded(
            field=field, committed=format_money(committed_fen), requested=format_money(requested_fen)
        )


def _check_amount(amount_fen: int, high_fen: int) -> None:
    if not 0 < amount_fen <= high_fen:
        raise AmountInvalid(field="amount", low=format_money(1), high=format_money(high_fen))


def _cancellations(orders: Iterable[Order], reason: CancelReason) -> list[Event]:
    """The end of several open orders, oldest first."""
    return [
        OrderCancelled(order.id, order.loads - order.executed_loads, reason)
        for order in sorted(orders, key=lambda order: order.id)
    ]
