"""What the day used, counted from the logs: not what a script meant to do, but what the exchange has on record.

A `Ledger` takes the register's log for the labels of keys, and then the exchange's, event by event. What it remembers
of an order is what its placing said.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from exchange import events as e
from exchange.model import OrderOptions
from kernel.messages import Event, Recorded
from participants.events import KeyIssued
from seeds.scenes.marks import BATCH, FILE, QUOTE, STREAM_LABEL, series_of

PLAIN = OrderOptions()
#: Events that are a feature by themselves.
_COUNTED: dict[type[Event], str] = {
    e.OrderHibernated: "hibernated",
    e.OrderActivated: "activated",
    e.QuoteRequested: "quote_requests",
    e.MarketHalted: "market_halted",
    e.MarketResumed: "market_resumed",
    e.TraderReleased: "kill_switches_released",
    e.TradeRecallRequested: "recalls_requested",
    e.TradeRecalled: "trades_recalled",
    e.TradeRecallRejected: "recalls_rejected",
    e.TradeRecallWithdrawn: "recalls_withdrawn",
}
_REFUSED = {
    "post_only_would_trade": "post_only_refused",
    "kill_switch": "refused_by_kill_switch",
    "market_halted": "refused_by_halt",
    "order_rate_exceeded": "refused_by_rate",
    "price_outside_collar": "refused_by_collar",
}
_ENDED = {
    "ioc": "ioc_cancelled",
    "minimum": "minimum_cancelled",
    "mass_cancel": "mass_cancelled",
    "dead_man": "dead_man_cancelled",
    "disconnected": "disconnected_cancelled",
    "amended_below_executed": "amended_below_executed",
}
_EXPIRED = {"gtd": "gtd_expired", "session": "session_expired", "day": "day_expired"}
_ELECTED = {"stop": "stop_elected", "stop_limit": "stop_limit_elected"}


class Group(NamedTuple):
    """A command that placed several orders: its first event, and how many it made."""

    first_seq: int
    events: int


@dataclass(slots=True)
class _Known:
    """An order as it was placed, and what it traded."""

    placed: e.OrderPlaced
    alone: bool  # no part of a group
    loads: int = 0
    prices: set[int] = field(default_factory=set)

    @property
    def options(self) -> OrderOptions:
        return self.placed.terms.options or PLAIN


class Ledger:
    """Counts of one day by feature. ``groups`` are the commands under more than one client order id."""

    def __init__(self, groups: Iterable[Group]) -> None:
        self.counts: Counter[str] = Counter()
        self._groups = {group.first_seq: group.events for group in groups}
        self._group_until = 0  # the last event of the group that is under way
        self._stream_keys: set[str] = set()
        self._orders: dict[int, _Known] = {}
        self._batches: defaultdict[str, set[str]] = defaultdict(set)
        self._modes: dict[str, str] = {}
        self._requests: dict[str, tuple[int, str]] = {}  # the last in each product: its position and whose it is
        self._collecting: dict[str, str] = {}  # why a product's book collects
        self._is_open = False
        self._amended = 0  # the order that was amended last, until another is placed
        self._takers: dict[type[Any], Callable[[Any, int, int], None]] = {
            e.OrderPlaced: self._place,
            e.OrderRejected: self._reject,
            e.OrderAmended: self._amend,
            e.OrderElected: self._elect,
            e.OrderCancelled: self._cancel,
            e.OrderReduced: self._reduce,
            e.Traded: self._trade,
            e.QuoteRequested: self._request,
            e.SelfTradeModeSet: self._set_mode,
            e.TraderKilled: self._kill,
            e.MarketOpened: self._open,
            e.MarketClosed: self._close,
            e.PhaseChanged: self._change_phase,
            e.Uncrossed: self._uncross,
            e.ReferencePriceSet: self._refer,
        }

    def learn_keys(self, register: Iterable[Recorded]) -> None:
        """Takes the register's log."""
        for recorded in register:
            if isinstance(recorded.event, KeyIssued) and recorded.event.label.endswith(STREAM_LABEL):
                self._stream_keys.add(recorded.event.key_id)

    def take(self, recorded: Recorded) -> None:
        """Takes the next event of the exchange's log."""
        kind = type(recorded.event)
        if kind in _COUNTED:
            self.counts[_COUNTED[kind]] += 1
        if recorded.seq in self._groups:
            self._group_until = recorded.seq + self._groups[recorded.seq] - 1
            self._begin_group(recorded.event)
        if kind in self._takers:
            self._takers[kind](recorded.event, recorded.seq, recorded.at)

    # --- orders

    def _begin_group(self, first: Event) -> None:
        """Only a basket is made of fill-or-kill orders."""
        assert isinstance(first, e.OrderPlaced | e.OrderRejected), f"a group begins with {first}"
        what = "baskets" if first.terms.time_in_force == "fok" else "groups"
        became = "filled" if what == "baskets" else "taken"
        self.counts[f"{what}_{became if isinstance(first, e.OrderPlaced) else 'refused'}"] += 1

    def _place(self, event: e.OrderPlaced, seq: int, _at: int) -> None:
        self._amended = 0
        known = self._orders[event.order_id] = _Known(event, seq > self._group_until)
        self.counts[f"{known.options.order_type}_orders"] += 1
        self.counts["ioc_orders"] += event.terms.time_in_force == "ioc"
        self.counts["post_only_placed"] += known.options.post_only
        self.counts["stream_orders"] += event.key_id in self._stream_keys
        series = series_of(event.terms.client_order_id)
        self.counts["maker_quotes"] += series == QUOTE
        self.counts["orders_imported"] += series == FILE
        self._batch(event.terms.client_order_id, "taken")

    def _reject(self, event: e.OrderRejected, _seq: int, _at: int) -> None:
        if event.reason in _REFUSED:
            self.counts[_REFUSED[event.reason]] += 1
        self._batch(event.terms.client_order_id, "refused")

    def _batch(self, client_order_id: str, became: str) -> None:
        """A batch in which each order stands for itself is parted where one was taken and another refused."""
        if series_of(client_order_id) == BATCH:
            series = self._batches[client_order_id.rpartition("/")[0]]
            series.add(became)
            self.counts["batches_parted"] = sum(len(found) == 2 for found in self._batches.values())

    def _amend(self, event: e.OrderAmended, _seq: int, _at: int) -> None:
        self.counts["amended_in_place" if event.keeps_priority else "amended_to_the_end"] += 1
        self._amended = event.order_id

    def _elect(self, event: e.OrderElected, _seq: int, _at: int) -> None:
        self.counts[_ELECTED[self._orders[event.order_id].options.order_type]] += 1

    def _cancel(self, event: e.OrderCancelled, _seq: int, _at: int) -> None:
        known = self._orders[event.order_id]
        if event.reason in _ENDED:
            self.counts[_ENDED[event.reason]] += 1
        elif event.reason == "fok":
            self.counts["fok_cancelled"] += 1
        elif event.reason == "expired" and known.placed.terms.time_in_force in _EXPIRED:
            self.counts[_EXPIRED[known.placed.terms.time_in_force]] += 1
        elif event.reason == "self_trade":
            self._meet_own(known)

    def _reduce(self, event: e.OrderReduced, _seq: int, _at: int) -> None:
        if event.reason == "self_trade":
            self._meet_own(self._orders[event.order_id])

    def _meet_own(self, known: _Known) -> None:
        mode = self._modes.get(known.placed.participant_id, "cancel_newest")
        self.counts[f"self_trade_{mode}"] += 1

    def _set_mode(self, event: e.SelfTradeModeSet, _seq: int, _at: int) -> None:
        self._modes[event.participant_id] = event.mode

    # --- trades

    def _trade(self, event: e.Traded, _seq: int, _at: int) -> None:
        buy, sell = self._orders[event.buy_order_id], self._orders[event.sell_order_id]
        self.counts["implied_matches"] += event.leg == "haulage"
        self.counts["pre_arranged_trades"] += bool(buy.options.agreement)
        self.counts["maker_trades"] += any(series_of(one.placed.terms.client_order_id) == QUOTE for one in (buy, sell))
        if event.taker_order_id and event.taker_order_id == self._amended:
            self.counts["amended_into_trade"] += 1
            self._amended = 0
        request = self._requests.get(event.product_id)
        if request is not None and event.taker_order_id:
            quote = sell if event.taker_order_id == event.buy_order_id else buy
            asker = event.buyer_id if quote is sell else event.seller_id
            self.counts["quotes_taken"] += asker == request[1] and quote.placed.order_id > request[0]
        # Of a delivered order's implied match one leg counts.
        for known in (buy, sell) if event.leg != "haulage" else (sell,):
            self._fill(known, event)

    def _fill(self, known: _Known, event: e.Traded) -> None:
        options, terms = known.options, known.placed.terms
        first = not known.loads
        known.loads += event.loads
        whole = known.loads == terms.loads
        self.counts["fok_filled"] += whole and known.alone and terms.time_in_force == "fok"
        self.counts["all_or_none_filled"] += whole and options.all_or_none
        self.counts["minimum_traded"] += first and bool(options.minimum_loads)
        if options.display_loads:
            self.counts["icebergs_traded"] += first
            self.counts["iceberg_price_steps"] += bool(known.prices) and event.price_fen_per_kg not in known.prices
            known.prices.add(event.price_fen_per_kg)

    def _request(self, event: e.QuoteRequested, seq: int, _at: int) -> None:
        self._requests[event.product_id] = (seq, event.participant_id)

    # --- the market

    def _kill(self, event: e.TraderKilled, _seq: int, _at: int) -> None:
        self.counts["operator_kill_switches" if event.by_operator else "own_kill_switches"] += 1

    def _open(self, _event: e.MarketOpened, _seq: int, _at: int) -> None:
        self._is_open = True

    def _close(self, _event: e.MarketClosed, _seq: int, _at: int) -> None:
        self._is_open = False

    def _change_phase(self, event: e.PhaseChanged, _seq: int, _at: int) -> None:
        if event.phase != "auction":
            self._collecting.pop(event.product_id, None)
            return
        why = event.reason
        if why == "calendar":
            self.counts["calendar_phases"] += 1
            why = "closing" if self._is_open else "opening"  # books collect before the market opens
        self.counts["volatility_halts"] += why == "volatility"
        self._collecting[event.product_id] = why

    def _refer(self, event: e.ReferencePriceSet, _seq: int, _at: int) -> None:
        self.counts["references_corrected"] += bool(event.key_id)  # the others are auctions'

    def _uncross(self, event: e.Uncrossed, _seq: int, _at: int) -> None:
        self.counts[f"{self._collecting.get(event.product_id, 'other')}_auctions"] += 1
