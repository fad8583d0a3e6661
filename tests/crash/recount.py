"""The logs read by plain arithmetic that shares no code with the rooms: how often each thing was done, and what is left
of each limit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.crash.logs import Logged
from tests.crash.orders import logged_terms


@dataclass(slots=True)
class Open:
    """An open order, and what of it its book shows."""

    participant_id: str
    product_id: str
    side: str
    price_fen: int
    loads: int
    open_loads: int
    display_loads: int
    clip_price_change_fen: int
    shown_loads: int
    asleep: bool

    def show(self) -> None:
        """Shows a full clip."""
        self.shown_loads = min(self.display_loads or self.open_loads, self.open_loads)


class Recount:
    """What the logs of exchange and settlement say was done. Keys say by whom and under which name."""

    def __init__(self, mass_kg: int, price_max_fen: int) -> None:
        self.mass_kg = mass_kg
        self.price_max_fen = price_max_fen
        self.orders: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.grants: Counter[tuple[str, str]] = Counter()
        self.reductions: Counter[tuple[str, str]] = Counter()
        self.granted: Counter[str] = Counter()
        self.reserved: Counter[str] = Counter()
        self.committed: Counter[str] = Counter()
        self.consumed: Counter[str] = Counter()
        self.released: Counter[tuple[int, int]] = Counter()  # holds, by trade and load
        self.offered: Counter[str] = Counter()
        self.open: dict[int, Open] = {}
        self.statements: Counter[str] = Counter()
        self.deposits: Counter[tuple[str, str]] = Counter()
        self.credited: Counter[str] = Counter()
        self.withdrawals: Counter[tuple[str, str]] = Counter()
        self.asked: set[tuple[str, str]] = set()
        self._handlers = {
            "OrderPlaced": self._placed,
            "OrderRejected": self._entered,
            "OrderAmended": self._amended,
            "OrderReduced": self._reduced,
            "OrderHibernated": self._hibernated,
            "OrderActivated": self._activated,
            "OrderCancelled": self._cancelled,
            "Traded": self._traded,
            "TradeRecalled": self._recalled,
            "CommitmentReleased": self._commitment_released,
            "MoneyGranted": self._money_granted,
            "MoneyReduced": self._money_reduced,
            "MoneyReductionRefused": self._reduction_refused,
            "StatementImported": self._statement,
            "DepositCredited": self._deposit,
            "WithdrawalRequested": self._withdrawal,
        }

    def take(self, one: Logged) -> None:
        """Counts the next event of either log."""
        handler = self._handlers.get(one.type)
        if handler is not None:
            handler(one.fields)

    def doubles(self) -> dict[Any, int]:
        """What was done more often than once, and how often."""
        counters: Sequence[Counter[Any]] = (
            self.grants, self.reductions, self.statements, self.deposits, self.withdrawals, self.released
        )  # fmt: skip
        counted = {name: times for counter in counters for name, times in counter.items()}
        counted |= {name: len(terms) for name, terms in self.orders.items()}
        return {name: times for name, times in counted.items() if times > 1}

    # --- the exchange's events

    def _entered(self, event: dict[str, Any]) -> None:
        terms = logged_terms(event["terms"])
        self.orders.setdefault((event["participant_id"], terms["client_order_id"]), []).append(terms)

    def _placed(self, event: dict[str, Any]) -> None:
        self._entered(event)
        terms = logged_terms(event["terms"])
        order = Open(
            event["participant_id"], terms["product_id"], terms["side"], event["price_fen_per_kg"], terms["loads"],
            terms["loads"], terms["display_loads"], terms["clip_price_change_fen"], 0, terms["hibernated"],
        )  # fmt: skip
        order.show()
        self.open[event["order_id"]] = order
        self._hold(order, 1)

    def _amended(self, event: dict[str, Any]) -> None:
        order = self.open[event["order_id"]]
        self._hold(order, -1)
        order.open_loads += event["loads"] - order.loads
        order.loads, order.price_fen = event["loads"], event["price_fen_per_kg"]
        if event["keeps_priority"]:
            order.shown_loads = min(order.shown_loads, order.open_loads)
        else:
            order.show()
        self._hold(order, 1)

    def _reduced(self, event: dict[str, Any]) -> None:
        order = self.open[event["order_id"]]
        self._hold(order, -1)
        order.loads -= event["loads"]
        order.open_loads -= event["loads"]
        order.shown_loads = min(order.shown_loads, order.open_loads)
        self._hold(order, 1)

    def _hibernated(self, event: dict[str, Any]) -> None:
        order = self.open[event["order_id"]]
        self._hold(order, -1)
        order.asleep = True
        order.show()

    def _activated(self, event: dict[str, Any]) -> None:
        order = self.open[event["order_id"]]
        order.asleep = False
        self._hold(order, 1)

    def _cancelled(self, event: dict[str, Any]) -> None:
        order = self.open.pop(event["order_id"])
        assert order.open_loads == event["loads"], f"{event} of {order}"
        self._hold(order, -1)

    def _traded(self, event: dict[str, Any]) -> None:
        for order_id in (event["buy_order_id"], event["sell_order_id"]):
            order = self.open[order_id]
            if event["leg"] == "haulage" and order.side == "buy":
                continue  # bid delivered: its loads are those of the hydrogen that follows
            self._hold(order, -1)
            order.open_loads -= event["loads"]
            if event["taker_order_id"] in (0, order_id):
                order.show()
            else:
                self._fill_shown(order, event["loads"])
            self._hold(order, 1)
            if not order.open_loads:
                del self.open[order_id]
        self.committed[event["buyer_id"]] += event["loads"] * event["price_fen_per_kg"] * self.mass_kg
        self.consumed[event["seller_id"]] += event["loads"]

    def _recalled(self, event: dict[str, Any]) -> None:
        """The loads can be sold again; the money comes free load by load, as settlement lets its holds go."""
        for trade in event["trades"]:
            self.consumed[trade["seller_id"]] -= trade["loads"]

    def _commitment_released(self, event: dict[str, Any]) -> None:
        self.committed[event["participant_id"]] -= event["committed_fen"]
        self.granted[event["participant_id"]] -= event["spent_fen"]
        self.released[event["trade_id"], event["load_no"]] += 1

    def _fill_shown(self, order: Open, loads: int) -> None:
        """A resting order trades what it shows; the next clip may have another price."""
        order.shown_loads -= loads
        if order.shown_loads or not order.open_loads:
            return
        order.show()
        price = order.price_fen + (-order.clip_price_change_fen if order.side == "buy" else order.clip_price_change_fen)
        if 0 < price <= self.price_max_fen:
            order.price_fen = price

    def _hold(self, order: Open, sign: int) -> None:
        if order.asleep:
            return
        if order.side == "buy":
            self.reserved[order.participant_id] += sign * order.open_loads * order.price_fen * self.mass_kg
        else:
            self.offered[order.participant_id] += sign * order.open_loads

    def _money_granted(self, event: dict[str, Any]) -> None:
        self.grants[event["participant_id"], event["reference"]] += 1
        self.granted[event["participant_id"]] += event["amount_fen"]

    def _money_reduced(self, event: dict[str, Any]) -> None:
        self.reductions[event["participant_id"], event["reference"]] += 1
        self.granted[event["participant_id"]] -= event["amount_fen"]

    def _reduction_refused(self, event: dict[str, Any]) -> None:
        self.reductions[event["participant_id"], event["reference"]] += 1

    # --- settlement's events

    def _statement(self, event: dict[str, Any]) -> None:
        self.statements[event["reference"]] += 1

    def _deposit(self, event: dict[str, Any]) -> None:
        self.deposits[event["participant_id"], event["entry_id"]] += 1
        self.credited[event["participant_id"]] += event["amount_fen"]

    def _withdrawal(self, event: dict[str, Any]) -> None:
        self.withdrawals[event["participant_id"], event["client_id"]] += 1
        self.asked.add((event["participant_id"], event["withdrawal_id"]))
