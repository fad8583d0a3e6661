"""The logs read back by plain arithmetic that shares no code with the rooms: how often each thing was done, and what is
left of each limit."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from sqlalchemy import text

from kernel.store import Store

Event = tuple[int, str, dict[str, Any]]


def events_of(store: Store, room: str) -> list[Event]:
    """Every event of a room: position, type, fields."""
    with store.read_engine.connect() as connection:
        rows = connection.execute(text(f"SELECT seq, type, payload FROM {room}_events ORDER BY seq"))  # noqa: S608
        return [(row.seq, row.type, json.loads(row.payload)) for row in rows]


class Recount:
    """What the logs of exchange and settlement say was done. Keys say by whom and under which name."""

    def __init__(self, store: Store, mass_kg: int) -> None:
        self.mass_kg = mass_kg
        self.orders: dict[tuple[str, str], list[tuple[str, int, int, str]]] = {}
        self.amendments: Counter[tuple[int, int]] = Counter()
        self.cancels: Counter[int] = Counter()
        self.grants: Counter[tuple[str, str]] = Counter()
        self.reductions: Counter[tuple[str, str]] = Counter()
        self.granted: Counter[str] = Counter()
        self.reserved: Counter[str] = Counter()
        self.committed: Counter[str] = Counter()
        self.consumed: Counter[str] = Counter()
        self.offered: Counter[str] = Counter()
        self._open: dict[int, list[Any]] = {}  # order -> participant, side, price, open loads
        self._asleep: set[int] = set()  # those that hibernate and reserve nothing
        handlers = {
            "OrderPlaced": self._placed,
            "OrderRejected": self._rejected,
            "OrderAmended": self._amended,
            "OrderCancelled": self._cancelled,
            "Traded": self._traded,
            "MoneyGranted": self._money_granted,
            "MoneyReduced": self._money_reduced,
            "MoneyReductionRefused": self._reduction_refused,
        }
        for seq, kind, event in events_of(store, "exchange"):
            if kind in handlers:
                handlers[kind](seq, event)
        self.statements: Counter[str] = Counter()
        self.deposits: Counter[tuple[str, str]] = Counter()
        self.credited: Counter[str] = Counter()
        self.withdrawals: Counter[tuple[str, str]] = Counter()
        self.asked: set[tuple[str, str]] = set()
        for _, kind, event in events_of(store, "settlement"):
            if kind == "StatementImported":
                self.statements[event["reference"]] += 1
            elif kind == "DepositCredited":
                self.deposits[event["participant_id"], event["entry_id"]] += 1
                self.credited[event["participant_id"]] += event["amount_fen"]
            elif kind == "WithdrawalRequested":
                self.withdrawals[event["participant_id"], event["client_id"]] += 1
                self.asked.add((event["participant_id"], event["withdrawal_id"]))

    def doubles(self) -> dict[Any, int]:
        """What was done more often than once, and how often."""
        counters: list[Counter[Any]] = [
            self.amendments, self.cancels, self.grants, self.reductions,
            self.statements, self.deposits, self.withdrawals,
        ]  # fmt: skip
        counted = {name: times for counter in counters for name, times in counter.items()}
        counted |= {name: len(terms) for name, terms in self.orders.items()}
        return {name: times for name, times in counted.items() if times > 1}

    # --- the exchange's events

    def _placed(self, seq: int, event: dict[str, Any]) -> None:
        self._entered(event)
        terms = event["terms"]
        self._open[seq] = [event["participant_id"], terms["side"], event["price_fen_per_kg"], terms["loads"]]
        if terms.get("options", {}).get("hibernated"):
            self._asleep.add(seq)
        self._rest(seq, 1)

    def _rejected(self, _seq: int, event: dict[str, Any]) -> None:
        self._entered(event)

    def _entered(self, event: dict[str, Any]) -> None:
        asked = event["terms"]
        # What an event leaves out has its default.
        terms = asked["side"], asked["price_fen_per_kg"], asked["loads"], asked.get("time_in_force", "gtc")
        self.orders.setdefault((event["participant_id"], asked["client_order_id"]), []).append(terms)

    def _amended(self, _seq: int, event: dict[str, Any]) -> None:
        self.amendments[event["order_id"], event["price_fen_per_kg"]] += 1
        order = self._open[event["order_id"]]
        self._rest(event["order_id"], -1)
        order[2] = event["price_fen_per_kg"]
        self._rest(event["order_id"], 1)

    def _cancelled(self, _seq: int, event: dict[str, Any]) -> None:
        if event["reason"] == "requested":
            self.cancels[event["order_id"]] += 1
        assert self._open[event["order_id"]][3] == event["loads"]
        self._rest(event["order_id"], -1)
        del self._open[event["order_id"]]

    def _traded(self, _seq: int, event: dict[str, Any]) -> None:
        for order_id in (event["buy_order_id"], event["sell_order_id"]):
            self._rest(order_id, -1)
            self._open[order_id][3] -= event["loads"]
            self._rest(order_id, 1)
        self.committed[event["buyer_id"]] += event["loads"] * event["price_fen_per_kg"] * self.mass_kg
        self.consumed[event["seller_id"]] += event["loads"]

    def _money_granted(self, _seq: int, event: dict[str, Any]) -> None:
        self.grants[event["participant_id"], event["reference"]] += 1
        self.granted[event["participant_id"]] += event["amount_fen"]

    def _money_reduced(self, _seq: int, event: dict[str, Any]) -> None:
        self.reductions[event["participant_id"], event["reference"]] += 1
        self.granted[event["participant_id"]] -= event["amount_fen"]

    def _reduction_refused(self, _seq: int, event: dict[str, Any]) -> None:
        self.reductions[event["participant_id"], event["reference"]] += 1

    def _rest(self, order_id: int, sign: int) -> None:
        if order_id in self._asleep:
            return
        participant_id, side, price, loads = self._open[order_id]
        if side == "buy":
            self.reserved[participant_id] += sign * loads * price * self.mass_kg
        else:
            self.offered[participant_id] += sign * loads
