"""What each event does to the state: to products, traders and limits here, to orders in `exchange.state`, to trades
that are called back in `exchange.recall_effects`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from exchange import events as e
from exchange.model import (
    RECALL_WINDOW_US,
    WINDOW_BEHIND_US,
    CapacityLimit,
    DeadMan,
    Product,
    QuoteRequest,
    Trader,
    capacity_id,
    commodity_of,
)
from exchange.recall_effects import (
    recall_approved,
    recall_confirmed,
    recall_ended,
    recall_requested,
    trade_recalled,
)
from exchange.state import (
    ExchangeState,
    order_activated,
    order_amended,
    order_cancelled,
    order_elected,
    order_hibernated,
    order_placed,
    order_reduced,
    order_rejected,
    traded,
)
from kernel.messages import Event

# --- products and the market


def product_listed(state: ExchangeState, event: e.ProductListed, at: int, seq: int) -> None:
    product = Product(
        event.product_id, event.kind, event.hub, event.destination_hub, event.container_class, event.grade,
        event.nominal_mass_g, event.maximum_mass_g, event.window_start, event.window_end, event.price_tick_fen,
        event.price_max_fen, event.loads_max, event.collar_bps, event.volatility_bps, event.protection_bps,
        event.auction_s, event.phase, 0, event.reference_price_fen, at, None, seq,
    )  # fmt: skip
    state.products[product.id] = product
    state.open_book(product)
    state.changes.put("exchange_products", product.id, product)


def phase_changed(state: ExchangeState, event: e.PhaseChanged, _at: int, seq: int) -> None:
    product = state.products[event.product_id]
    product.phase = event.phase
    product.phase_until = event.until
    book = state.books.get(product.id)
    if book is not None:
        book.continuous = event.phase == "continuous"
        state.say_whether_trading(book)
    product.event_seq = seq
    state.changes.put("exchange_products", product.id, product)


def uncrossed(state: ExchangeState, event: e.Uncrossed, _at: int, seq: int) -> None:
    book = state.books[event.product_id]
    book.refer_to(event.price_fen_per_kg)
    book.last_price, book.last_trade = event.price_fen_per_kg, 0
    book.product.event_seq = seq
    state.changes.put("exchange_products", event.product_id, book.product)


def reference_price_set(state: ExchangeState, event: e.ReferencePriceSet, _at: int, seq: int) -> None:
    """Orders that rest keep their place and price, in the new collar or not."""
    book = state.books[event.product_id]
    book.refer_to(event.reference_price_fen)
    book.product.event_seq = seq
    state.changes.put("exchange_products", event.product_id, book.product)


def product_closed(state: ExchangeState, event: e.ProductClosed, at: int, seq: int) -> None:
    book = state.close_book(event.product_id)
    assert not book.bids.levels and not book.asks.levels, f"{event.product_id} closes with open orders"
    product = book.product
    product.phase = "closed"
    product.phase_until = 0
    product.closed_at = at
    product.event_seq = seq
    state.changes.put("exchange_products", product.id, product)


def market_opened(state: ExchangeState, event: e.MarketOpened, at: int, seq: int) -> None:
    state.market.is_open, state.market.day = True, event.day
    _forget_windows(state, at)
    _market_changed(state, seq)


def _forget_windows(state: ExchangeState, at: int) -> None:
    """Lets go of the capacities of windows that began long ago, else the state would grow for ever; not where a product
    may still be traded, or a recall may still give loads back."""
    recalls = state.recalls
    called_back = {trade.product_id for trade in recalls.trades.values() if trade.recall_id in recalls.open}
    needed = {
        (commodity_of(product.kind), product.window_start)
        for product in state.products.values()
        if product.closed_at is None or product.closed_at >= at - RECALL_WINDOW_US or product.id in called_back
    }
    for key in [key for key in state.windows if key[1] <= at - WINDOW_BEHIND_US and key not in needed]:
        del state.windows[key]


def market_closed(state: ExchangeState, event: e.MarketClosed, _at: int, seq: int) -> None:
    state.market.is_open, state.market.day = False, event.day
    _market_changed(state, seq)


def market_halted(state: ExchangeState, _event: e.MarketHalted, _at: int, seq: int) -> None:
    state.market.halted = True
    _market_changed(state, seq)


def market_resumed(state: ExchangeState, _event: e.MarketResumed, _at: int, seq: int) -> None:
    state.market.halted = False
    _market_changed(state, seq)


def _market_changed(state: ExchangeState, seq: int) -> None:
    state.market.event_seq = seq
    for book in state.books.values():
        state.say_whether_trading(book)
    state.changes.put("exchange_state", state.market.id, state.market)


def quote_requested(state: ExchangeState, event: e.QuoteRequested, at: int, seq: int) -> None:
    state.account(event.participant_id).pace.count(at)
    asked = QuoteRequest(seq, event.participant_id, event.product_id, event.side, event.loads, at, seq)
    state.changes.put("exchange_quote_requests", str(seq), asked)


def nothing(_state: ExchangeState, _event: Event, _at: int, _seq: int) -> None:
    """Nothing changes: the event tells whoever listens."""


# --- traders and limits


def trader_admitted(state: ExchangeState, event: e.TraderAdmitted, at: int, seq: int) -> None:
    known = state.account(event.participant_id).trader
    roles = " ".join(event.roles)
    if known is None:
        pace = state.account(event.participant_id).pace
        known = Trader(
            event.participant_id, roles, False, False, False, "cancel_newest", pace.per_10s_max, pace.per_hour_max,
            pace.per_day_max, at, seq,
        )  # fmt: skip
    known.roles, known.admitted_at = roles, at
    _trader_changed(state, known, seq)


def trader_suspended(state: ExchangeState, event: e.TraderSuspended, _at: int, seq: int) -> None:
    trader = _trader(state, event.participant_id)
    trader.suspended = True
    _trader_changed(state, trader, seq)


def trader_reinstated(state: ExchangeState, event: e.TraderReinstated, _at: int, seq: int) -> None:
    trader = _trader(state, event.participant_id)
    trader.suspended = False
    _trader_changed(state, trader, seq)


def trader_killed(state: ExchangeState, event: e.TraderKilled, _at: int, seq: int) -> None:
    trader = _trader(state, event.participant_id)
    if event.by_operator:
        trader.barred = True
    else:
        trader.killed = True
    _trader_changed(state, trader, seq)


def trader_released(state: ExchangeState, event: e.TraderReleased, _at: int, seq: int) -> None:
    trader = _trader(state, event.participant_id)
    if event.by_operator:
        trader.barred = False
    else:
        trader.killed = False
    _trader_changed(state, trader, seq)


def self_trade_mode_set(state: ExchangeState, event: e.SelfTradeModeSet, _at: int, seq: int) -> None:
    trader = _trader(state, event.participant_id)
    trader.self_trade_mode = event.mode
    _trader_changed(state, trader, seq)


def order_rates_set(state: ExchangeState, event: e.OrderRatesSet, _at: int, seq: int) -> None:
    trader = _trader(state, event.participant_id)
    trader.per_10s_max, trader.per_hour_max, trader.per_day_max = (
        event.per_10s_max, event.per_hour_max, event.per_day_max,
    )  # fmt: skip
    _trader_changed(state, trader, seq)


def _trader(state: ExchangeState, participant_id: str) -> Trader:
    trader = state.accounts[participant_id].trader
    assert trader is not None
    return trader


def _trader_changed(state: ExchangeState, trader: Trader, seq: int) -> None:
    trader.event_seq = seq
    state.admit(trader)
    state.changes.put("exchange_traders", trader.id, trader)


def dead_man_set(state: ExchangeState, event: e.DeadManSet, _at: int, seq: int) -> None:
    if event.fires_at:
        state.dead_men[event.participant_id] = DeadMan(event.participant_id, event.timeout_s, event.fires_at, seq)
    else:
        state.dead_men.pop(event.participant_id, None)


def capacity_set(state: ExchangeState, event: e.CapacitySet, _at: int, seq: int) -> None:
    sellers = state.window(event.commodity, event.window_start)
    capacity = sellers.get(event.participant_id)
    if capacity is None:
        key = capacity_id(event.participant_id, event.commodity, event.window_start)
        capacity = CapacityLimit(key, event.participant_id, event.commodity, event.window_start, 0, 0, 0, seq)
        sellers[event.participant_id] = capacity
    capacity.loads = event.loads
    assert capacity.free() >= 0, f"{capacity.id} is over its limit"
    capacity.event_seq = seq
    state.changes.capacity[capacity.id] = capacity


def money_granted(state: ExchangeState, event: e.MoneyGranted, _at: int, seq: int) -> None:
    _grant(state, event.participant_id, event.amount_fen, seq)


def money_reduced(state: ExchangeState, event: e.MoneyReduced, _at: int, seq: int) -> None:
    _grant(state, event.participant_id, -event.amount_fen, seq)


def commitment_released(state: ExchangeState, event: e.CommitmentReleased, _at: int, seq: int) -> None:
    """Ends a hold: what was not spent is free again."""
    money = state.account(event.participant_id).money
    money.committed_fen -= event.committed_fen
    assert money.committed_fen >= 0, f"committed money of {money.id}"
    _grant(state, event.participant_id, -event.spent_fen, seq)


def _grant(state: ExchangeState, participant_id: str, amount_fen: int, seq: int) -> None:
    money = state.account(participant_id).money
    money.granted_fen += amount_fen
    assert money.free() >= 0, f"{participant_id} is over its money limit"
    money.event_seq = seq
    state.changes.money[participant_id] = money


Effect = Callable[[ExchangeState, Any, int, int], None]

EFFECTS: dict[type[Event], Effect] = {
    e.ProductListed: product_listed,
    e.PhaseChanged: phase_changed,
    e.Uncrossed: uncrossed,
    e.ReferencePriceSet: reference_price_set,
    e.ProductClosed: product_closed,
    e.MarketOpened: market_opened,
    e.MarketClosed: market_closed,
    e.MarketHalted: market_halted,
    e.MarketResumed: market_resumed,
    e.QuoteRequested: quote_requested,
    e.TraderAdmitted: trader_admitted,
    e.TraderSuspended: trader_suspended,
    e.TraderReinstated: trader_reinstated,
    e.TraderKilled: trader_killed,
    e.TraderReleased: trader_released,
    e.SelfTradeModeSet: self_trade_mode_set,
    e.OrderRatesSet: order_rates_set,
    e.DeadManSet: dead_man_set,
    e.CapacitySet: capacity_set,
    e.MoneyGranted: money_granted,
    e.MoneyReduced: money_reduced,
    e.MoneyReductionRefused: nothing,
    e.CommitmentReleased: commitment_released,
    e.OrderPlaced: order_placed,
    e.OrderRejected: order_rejected,
    e.OrderAmended: order_amended,
    e.OrderReduced: order_reduced,
    e.OrderElected: order_elected,
    e.OrderHibernated: order_hibernated,
    e.OrderActivated: order_activated,
    e.OrderCancelled: order_cancelled,
    e.Traded: traded,
    e.TradeRecallRequested: recall_requested,
    e.TradeRecallApproved: recall_approved,
    e.TradeRecallConfirmed: recall_confirmed,
    e.TradeRecalled: trade_recalled,
    e.TradeRecallRefused: recall_ended,
    e.TradeRecallRejected: recall_ended,
    e.TradeRecallWithdrawn: recall_ended,
    e.TradeRecallExpired: recall_ended,
}
