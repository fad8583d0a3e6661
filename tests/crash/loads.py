"""The loads of every trade, by the logs of exchange and tracking: planned once; and ended, and their money let go, if a
recall undid the trade and not otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.crash.logs import Logged

_PLANNED = frozenset({"ShipmentPlanned", "HaulagePlanned"})
_ENDED = frozenset({"ShipmentCancelled", "HaulageCancelled"})


class Loads:
    """Counts what became of the loads. No load is delivered while a crash test runs: all are for the next day."""

    def __init__(self) -> None:
        self._loads: dict[int, int] = {}  # of each trade
        self._undone: set[int] = set()
        self._planned: Counter[tuple[int, int]] = Counter()
        self._ended: Counter[tuple[int, int]] = Counter()
        self._let_go: Counter[tuple[int, int]] = Counter()

    def take(self, one: Logged) -> None:
        """Looks at the next event of either log."""
        event = one.fields
        if one.type == "Traded":
            self._loads[event["trade_id"]] = event["loads"]
        elif one.type == "TradeRecalled":
            self._undone |= {trade["trade_id"] for trade in event["trades"]}
        elif one.type == "CommitmentReleased":
            self._let_go[event["trade_id"], event["load_no"]] += 1
        elif one.type in _PLANNED | _ENDED:
            counted = self._planned if one.type in _PLANNED else self._ended
            prefix = "haulage_" if one.type.startswith("Haulage") else ""
            counted[event[f"{prefix}trade_id"], event[f"{prefix}load_no"]] += 1

    def wrong(self) -> Iterator[str]:
        """What is not so now that every room has seen everything."""
        every = {(trade_id, load_no) for trade_id, loads in self._loads.items() for load_no in range(1, loads + 1)}
        seen = every | self._planned.keys() | self._ended.keys() | self._let_go.keys()
        for trade_id, load_no in sorted(seen):
            is_traded, is_undone = (trade_id, load_no) in every, trade_id in self._undone
            for what, counted, wanted in (
                ("planned", self._planned, is_traded),
                ("ended", self._ended, is_traded and is_undone),
                ("let go", self._let_go, is_traded and is_undone),
            ):
                times = counted[trade_id, load_no]
                if times != wanted:
                    yield f"load {load_no} of T{trade_id} was {what} {times} times and not {int(wanted)}"
