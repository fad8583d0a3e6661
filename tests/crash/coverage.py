"""Which types of orders, and which ways to act on them, the exchange really took: counted in its log, and in answers
where the log does not tell them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from tests.crash.logs import Logged
from tests.crash.orders import logged_terms
from tests.crash.recount import Recount
from tests.crash.requests import Request
from tests.crash.three_parties import ThreeParties

#: What the load must have had. Each name is counted below.
REQUIRED = frozenset({
    "limit", "market", "stop", "stop_limit",
    "gtc", "gtd", "day", "session", "ioc", "fok",
    "iceberg", "clip_price_change", "minimum_loads", "all_or_none", "post_only", "hibernated", "cancel_on_disconnect",
    "pre_arranged", "pre_arranged_trade", "stop_elected",
    "batch", "group_reject_all", "basket", "import",
    "phase_auction", "phase_halted", "phase_continuous", "uncrossed", "market_halted", "market_resumed",
    "amend_price", "amend_lower", "amend_higher", "amend_across", "amend_below_executed",
    "cancel", "mass_cancel_all", "mass_cancel_product", "mass_cancel_side", "mass_cancel_key",
    "hibernate", "activate", "quote_request", "kill_switch", "kill_switch_operator", "release", "release_operator",
    "self_trade_decrement", "self_trade_cancel_oldest", "self_trade_cancel_both", "self_trade_cancel_newest",
    "self_trade_prevented", "expired", "disconnected", "dead_man",
    "ws_batch", "ws_amend", "ws_cancel", "ws_mass_cancel",
    "recall_requested", "recall_approved", "recall_confirmed", "recalled",
    "implied_delivered", "implied_ex_works", "implied_haulage",  # by whose order came last
})  # fmt: skip


class Coverage:
    """Counts what was accepted."""

    def __init__(self, recount: Recount, three_parties: ThreeParties) -> None:
        self._counts: Counter[str] = Counter()
        self._three_parties = three_parties
        self._recount = recount  # as it stands before the event that is counted
        self._agreed: set[int] = set()
        self._moved = 0  # an order whose price was just amended

    @property
    def counts(self) -> Counter[str]:
        """How often each was done."""
        return self._counts + Counter({f"implied_{who}": n for who, n in self._three_parties.matches.items()})

    def missing(self) -> list[str]:
        """What the load should have had and did not have."""
        return sorted(REQUIRED - self.counts.keys())

    def take(self, one: Logged) -> None:
        """Counts an event of the exchange."""
        self._counts.update(self._names(one))
        self._moved = one.fields["order_id"] if one.type == "OrderAmended" else 0

    def answered(self, request: Request) -> None:
        """Counts a request that was taken, where its events do not say how it was asked."""
        if request.status is None or request.status >= 300:
            return
        way = "ws_" if request.method == "WS" else ""
        if request.kind in ("batch", "import", "amend", "cancel", "mass_cancel"):
            self._counts[way + request.kind] += 1
        if request.kind == "mass_cancel" and not way:
            chosen = request.path.partition("?")[2].partition("=")[0].removesuffix("_id")
            self._counts[f"mass_cancel_{chosen or 'all'}"] += 1
        if request.kind in ("group", "basket") and all(one["order"] for one in request.answer["results"]):
            self._counts["basket" if request.kind == "basket" else "group_reject_all"] += 1

    def _names(self, one: Logged) -> Iterable[str]:
        event = one.fields
        match one.type:
            case "OrderPlaced":
                return self._terms(event)
            case "OrderAmended":
                return self._amendment(event)
            case "OrderCancelled":
                return self._end(event["reason"])
            case "OrderReduced":
                return ("self_trade_prevented",)
            case "Traded":
                return self._trade(event)
            case "TraderKilled" | "TraderReleased":
                name = "kill_switch" if one.type == "TraderKilled" else "release"
                return (f"{name}_operator" if event.get("by_operator") else name,)
            case "PhaseChanged":
                return (f"phase_{event['phase']}",)
            case "SelfTradeModeSet":
                return (f"self_trade_{event['mode']}",)
            case "DeadManSet":
                return ("dead_man",) if event["fires_at"] else ()
        simple = {"TradeRecallRequested": "recall_requested", "TradeRecallApproved": "recall_approved",
                  "TradeRecallConfirmed": "recall_confirmed", "TradeRecalled": "recalled",
                  "OrderElected": "stop_elected", "OrderHibernated": "hibernate", "OrderActivated": "activate",
                  "QuoteRequested": "quote_request", "Uncrossed": "uncrossed", "MarketHalted": "market_halted",
                  "MarketResumed": "market_resumed"}  # fmt: skip
        return (simple[one.type],) if one.type in simple else ()

    def _terms(self, event: dict[str, Any]) -> Iterator[str]:
        terms = logged_terms(event["terms"])
        yield terms["order_type"]
        yield terms["time_in_force"]
        if terms["display_loads"]:
            yield "iceberg"
        if terms["clip_price_change_fen"]:
            yield "clip_price_change"
        for name in ("minimum_loads", "all_or_none", "post_only", "hibernated", "cancel_on_disconnect"):
            if terms[name]:
                yield name
        if terms["agreement"]:
            self._agreed.add(event["order_id"])
            yield "pre_arranged"

    def _amendment(self, event: dict[str, Any]) -> Iterator[str]:
        order = self._recount.open[event["order_id"]]
        if event["price_fen_per_kg"] != order.price_fen:
            yield "amend_price"
        if event["loads"] < order.loads:
            yield "amend_lower"
        if event["loads"] > order.loads:
            yield "amend_higher"

    def _end(self, reason: str) -> Iterator[str]:
        names = {"amended_below_executed": "amend_below_executed", "self_trade": "self_trade_prevented"}
        if reason in names or reason in ("expired", "disconnected"):
            yield names.get(reason, reason)

    def _trade(self, event: dict[str, Any]) -> Iterator[str]:
        if self._moved and event["taker_order_id"] == self._moved:
            yield "amend_across"
        if {event["buy_order_id"], event["sell_order_id"]} <= self._agreed:
            yield "pre_arranged_trade"
