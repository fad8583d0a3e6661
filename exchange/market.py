"""What becomes of a request about products, the market's day, traders and limits: decided here, changed nowhere."""

from __future__ import annotations

from collections.abc import Iterable

from exchange import commands as c
from exchange.account import Account
from exchange.capacity_errors import CapacityBelowUse, WindowOutOfReach, WindowsTooMany
from exchange.errors import (
    AmountInvalid,
    CommitmentExceeded,
    LoadsOutOfRange,
    MarketDayConflict,
    MarketIsClosed,
    MarketIsHalted,
    OrderRateExceeded,
    ProductIsClosed,
    ProductNotFound,
    ProductTermsFixed,
    ProductUnknown,
    RoleUnsuitable,
    TermsInvalid,
    TraderNotFound,
    order_refusal,
)
from exchange.events import (
    CapacitySet,
    CommitmentReleased,
    DeadManSet,
    MarketClosed,
    MarketHalted,
    MarketOpened,
    MarketResumed,
    MoneyGranted,
    MoneyReduced,
    MoneyReductionRefused,
    OrderCancelled,
    OrderRatesSet,
    ProductClosed,
    ProductListed,
    QuoteRequested,
    ReferencePriceSet,
    SelfTradeModeSet,
    TraderAdmitted,
    TraderKilled,
    TraderReinstated,
    TraderReleased,
    TraderSuspended,
)
from exchange.model import (
    GRANTED_FEN_MAX,
    LOADS_MAX,
    MASS_G_MAX,
    PRICE_FEN_PER_KG_MAX,
    WINDOW_AHEAD_US,
    WINDOW_BEHIND_US,
    WINDOWS_MAX,
    CancelReason,
    Commodity,
    Order,
    Product,
    Side,
    Trader,
)
from exchange.reference_errors import ReferencePriceInUse, ReferencePriceInvalid, ReferencePriceOver
from exchange.state import ExchangeState
from kernel.clock import to_text
from kernel.messages import Event
from kernel.quantity import GRAMS_PER_KG, MICROS_PER_S, format_money, format_price

#: A collar of 100 % and more is none.
BPS_MAX = 9_999
AUCTION_S_MAX = 86_400
#: Above any rate that a participant could reach.
RATE_MAX = 10**9
DEAD_MAN_S_MAX = 86_400


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
            command.price_tick_fen, command.price_max_fen, command.loads_max, command.collar_bps,
            command.volatility_bps, command.protection_bps, command.auction_s, command.reference_price_fen,
            command.phase,
        )
    ]  # fmt: skip


def _terms(of: Product | c.ListProduct) -> tuple[object, ...]:
    return (
        of.kind, of.hub, of.destination_hub, of.container_class, of.grade, of.nominal_mass_g, of.maximum_mass_g,
        of.window_start, of.window_end, of.price_tick_fen, of.price_max_fen, of.loads_max, of.collar_bps,
        of.volatility_bps, of.protection_bps, of.auction_s,
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
        "collar_bps": 0 <= command.collar_bps <= BPS_MAX,
        "volatility_bps": 0 <= command.volatility_bps <= BPS_MAX,
        "protection_bps": 0 <= command.protection_bps <= BPS_MAX,
        "auction_s": 0 < command.auction_s <= AUCTION_S_MAX,
        "reference_price_fen": 0 <= command.reference_price_fen <= command.price_max_fen,
        "phase": command.phase in ("pending", "auction", "continuous", "halted"),
    }
    for term, valid in holds.items():
        if not valid:
            raise TermsInvalid(field=term, term=term)


def set_reference_price(state: ExchangeState, command: c.SetReferencePrice) -> list[Event]:
    """Raises ProductNotFound, ReferencePriceOver, ReferencePriceInUse, or ReferencePriceInvalid."""
    about = {"product_id": command.product_id}
    if command.product_id not in state.products:
        raise ProductNotFound(field="product_id", **about)
    book = state.books.get(command.product_id)
    if book is None:
        raise ReferencePriceOver(field="product_id", **about)
    if book.trading:
        raise ReferencePriceInUse(field="product_id", **about)
    product, price = book.product, command.reference_price_fen
    if not 0 < price <= product.price_max_fen:
        raise ReferencePriceInvalid(field="reference_price", high=format_price(product.price_max_fen))
    if price == product.reference_price_fen:
        return []
    return [ReferencePriceSet(product.id, price, command.reason, command.participant_id, command.key_id)]


def close_product(state: ExchangeState, command: c.CloseProduct) -> list[Event]:
    """Raises ProductNotFound."""
    if command.product_id not in state.products:
        raise ProductNotFound(product_id=command.product_id)
    if command.product_id not in state.books:
        return []
    ending = [order for order in state.orders.values() if order.terms.product_id == command.product_id]
    return [*cancellations(ending, "product_closed"), ProductClosed(command.product_id)]


def open_market(state: ExchangeState, command: c.OpenMarket) -> list[Event]:
    """Raises MarketDayConflict while another day is open, and for a day that lies behind. A day whose end nobody told,
    because it fell into a break, ends when the next begins."""
    if state.market.is_open and state.market.day == command.day:
        return []
    if state.market.is_open or command.day < state.market.day:
        raise MarketDayConflict(field="day", day=state.market.day, requested=command.day)
    if command.day == state.market.day:
        return [MarketOpened(command.day)]
    left = [order for order in state.orders.values() if order.terms.time_in_force in ("session", "day")]
    return [*cancellations(left, "expired"), MarketOpened(command.day)]


def close_market(state: ExchangeState, command: c.CloseMarket) -> list[Event]:
    """Raises MarketDayConflict for another day than the one that is open."""
    if not state.market.is_open:
        return []
    if command.day != state.market.day:
        raise MarketDayConflict(field="day", day=state.market.day, requested=command.day)
    ending = ("session", "day") if command.ends_day else ("session",)
    expiring = [order for order in state.orders.values() if order.terms.time_in_force in ending]
    return [*cancellations(expiring, "expired"), MarketClosed(command.day, command.ends_day)]


def halt_market(state: ExchangeState, command: c.HaltMarket) -> list[Event]:
    return [] if state.market.halted else [MarketHalted(command.reason)]


def resume_market(state: ExchangeState, _command: c.ResumeMarket) -> list[Event]:
    return [MarketResumed()] if state.market.halted else []


def request_quote(state: ExchangeState, command: c.RequestQuote, at: int) -> list[Event]:
    """Raises an OrderRefused that says why the participant may not trade the product now, or LoadsOutOfRange."""
    book = state.books.get(command.product_id)
    account = state.account(command.participant_id)
    breach: tuple[str, str, int] | None = None
    if account.blocked:
        breach = account.blocked, "", 0
    elif account.pace.room(at) < 1:  # the market hears of each, as of an order
        breach = OrderRateExceeded.code, "", 0
    elif book is None:
        known = command.product_id in state.products
        breach = ProductIsClosed.code if known else ProductUnknown.code, "product_id", 0
    elif not state.market.is_open:
        breach = MarketIsClosed.code, "", 0
    elif state.market.halted:
        breach = MarketIsHalted.code, "", 0
    elif not any(book.commodity in traded for traded in _sides(account, command.side)):
        breach = RoleUnsuitable.code, "side", 0
    elif not 1 <= command.loads <= book.product.loads_max:
        breach = LoadsOutOfRange.code, "loads", 0
    if breach is not None:
        raise order_refusal(*breach)
    return [QuoteRequested(command.participant_id, command.product_id, command.side, command.loads)]


def _sides(account: Account, side: Side | None) -> Iterable[frozenset[Commodity]]:
    """What the account trades on a side, or on both."""
    if side is None:
        return account.buys, account.sells
    return (account.buys if side == "buy" else account.sells,)


def admit_trader(state: ExchangeState, command: c.AdmitTrader) -> list[Event]:
    trader = _trader(state, command.participant_id)
    if trader is not None and trader.roles == " ".join(command.roles):
        return []
    return [TraderAdmitted(command.participant_id, command.roles)]


def suspend_trader(state: ExchangeState, command: c.SuspendTrader) -> list[Event]:
    trader = _trader(state, command.participant_id)
    if trader is None or trader.suspended:
        return []
    return [*cancellations(state.orders_of(trader.id), "suspended"), TraderSuspended(trader.id)]


def reinstate_trader(state: ExchangeState, command: c.ReinstateTrader) -> list[Event]:
    trader = _trader(state, command.participant_id)
    return [TraderReinstated(trader.id)] if trader is not None and trader.suspended else []


def kill_trader(state: ExchangeState, command: c.KillTrader) -> list[Event]:
    """Raises TraderNotFound."""
    trader = _known_trader(state, command.participant_id)
    if trader.barred if command.by_operator else trader.killed:
        return []
    return [*cancellations(state.orders_of(trader.id), "kill_switch"), TraderKilled(trader.id, command.by_operator)]


def release_trader(state: ExchangeState, command: c.ReleaseTrader) -> list[Event]:
    """Raises TraderNotFound."""
    trader = _known_trader(state, command.participant_id)
    pulled = trader.barred if command.by_operator else trader.killed
    return [TraderReleased(trader.id, command.by_operator)] if pulled else []


def set_self_trade_mode(state: ExchangeState, command: c.SetSelfTradeMode) -> list[Event]:
    """Raises TraderNotFound."""
    trader = _known_trader(state, command.participant_id)
    return [] if trader.self_trade_mode == command.mode else [SelfTradeModeSet(trader.id, command.mode)]


def set_order_rates(state: ExchangeState, command: c.SetOrderRates) -> list[Event]:
    """Raises TraderNotFound or AmountInvalid."""
    trader = _known_trader(state, command.participant_id)
    rates = (command.per_10s_max, command.per_hour_max, command.per_day_max)
    for field, rate in zip(("per_10s", "per_hour", "per_day"), rates, strict=True):
        if not 0 <= rate <= RATE_MAX:
            raise AmountInvalid(field=field, low=0, high=RATE_MAX)
    if rates == (trader.per_10s_max, trader.per_hour_max, trader.per_day_max):
        return []
    return [OrderRatesSet(trader.id, *rates)]


def set_dead_man(state: ExchangeState, command: c.SetDeadMan, at: int) -> list[Event]:
    """Raises TraderNotFound or AmountInvalid."""
    trader = _known_trader(state, command.participant_id)
    if not 0 <= command.timeout_s <= DEAD_MAN_S_MAX:
        raise AmountInvalid(field="timeout_s", low=0, high=DEAD_MAN_S_MAX)
    if command.timeout_s == 0 and trader.id not in state.dead_men:
        return []
    fires_at = at + command.timeout_s * MICROS_PER_S if command.timeout_s else 0
    return [DeadManSet(trader.id, command.timeout_s, fires_at)]


def _trader(state: ExchangeState, participant_id: str) -> Trader | None:
    account = state.accounts.get(participant_id)
    return None if account is None else account.trader


def _known_trader(state: ExchangeState, participant_id: str) -> Trader:
    trader = _trader(state, participant_id)
    if trader is None:
        raise TraderNotFound(participant_id=participant_id)
    return trader


def set_capacity(state: ExchangeState, command: c.SetCapacity, at: int) -> list[Event]:
    """Raises TraderNotFound, RoleUnsuitable, AmountInvalid, WindowOutOfReach, WindowsTooMany, or CapacityBelowUse with
    the loads that lack."""
    _known_trader(state, command.participant_id)
    if command.commodity not in state.accounts[command.participant_id].sells:
        raise RoleUnsuitable(field="commodity")
    if not 0 <= command.loads <= LOADS_MAX:
        raise AmountInvalid(field="loads", low=0, high=LOADS_MAX)
    earliest, latest = at - WINDOW_BEHIND_US, at + WINDOW_AHEAD_US
    if not earliest < command.window_start <= latest:
        raise WindowOutOfReach(field="window_start", earliest=to_text(earliest), latest=to_text(latest))
    known = state.windows.get((command.commodity, command.window_start), {}).get(command.participant_id)
    if known is None and sum(command.participant_id in sellers for sellers in state.windows.values()) >= WINDOWS_MAX:
        raise WindowsTooMany(field="window_start", most=WINDOWS_MAX)
    used = 0 if known is None else known.reserved_loads + known.consumed_loads
    if command.loads < used:
        raise CapacityBelowUse(field="loads", used=used, shortfall=used - command.loads)
    if known is not None and known.loads == command.loads:
        return []
    return [CapacitySet(command.participant_id, command.commodity, command.window_start, command.loads)]


def grant_money(state: ExchangeState, command: c.GrantMoney) -> list[Event]:
    """Raises AmountInvalid."""
    room_fen = GRANTED_FEN_MAX - state.account(command.participant_id).money.granted_fen
    _check_amount(command.amount_fen, room_fen)
    return [MoneyGranted(command.participant_id, command.amount_fen, command.reference)]


def reduce_money(state: ExchangeState, command: c.ReduceMoney) -> list[Event]:
    """Raises AmountInvalid. Money that orders or trades hold stays: an event says how much lacks."""
    _check_amount(command.amount_fen, GRANTED_FEN_MAX)
    shortfall_fen = command.amount_fen - state.account(command.participant_id).money.free()
    if shortfall_fen > 0:
        return [MoneyReductionRefused(command.participant_id, command.amount_fen, shortfall_fen, command.reference)]
    return [MoneyReduced(command.participant_id, command.amount_fen, command.reference)]


def release_commitment(state: ExchangeState, command: c.ReleaseCommitment) -> list[Event]:
    """Raises CommitmentExceeded."""
    committed_fen = state.account(command.participant_id).money.committed_fen
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


def cancellations(orders: Iterable[Order], reason: CancelReason) -> list[Event]:
    """The end of several open orders, oldest first."""
    return [OrderCancelled(order.id, order.open_loads, reason) for order in sorted(orders, key=lambda order: order.id)]
