"""Recalls in the exchange's log: each goes its way step by step and ends once, whatever dies meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tests.crash.logs import Logged

_DISPUTED = frozenset({"TradeRecallRequested", "TradeRecallApproved"})
_CONFIRMED = frozenset({"TradeRecallConfirmed"})
#: The steps of a recall, and those that one may come after.
STEPS = {
    "TradeRecallRequested": frozenset({""}), "TradeRecallApproved": frozenset({"TradeRecallRequested"}),
    "TradeRecallConfirmed": frozenset({"TradeRecallApproved"}), "TradeRecalled": _CONFIRMED,
    "TradeRecallRefused": _CONFIRMED, "TradeRecallRejected": _DISPUTED, "TradeRecallExpired": _DISPUTED,
    "TradeRecallWithdrawn": _DISPUTED,
}  # fmt: skip


class Recalls:
    """``outages``: see `MarketTime`."""

    def __init__(self, outages: Sequence[tuple[int, int]]) -> None:
        self.wrong: list[str] = []
        self.undone = 0
        self.across_kills = 0  # of those, asked for before a kill and undone after it
        self._outages = outages
        self._stands: dict[int, Logged] = {}  # the last step of each
        self._asked_at: dict[int, int] = {}
        self._gone: set[int] = set()  # trades that were undone

    def take(self, one: Logged) -> None:
        """Looks at the next event."""
        if one.type not in STEPS:
            return
        recall_id = one.fields["recall_id"]
        before = self._stands.get(recall_id)
        if (before.type if before else "") not in STEPS[one.type]:
            self.wrong.append(f"{one.type} of R{recall_id} at {one.seq} follows {before and before.type}")
        self._asked_at.setdefault(recall_id, one.at)
        self._stands[recall_id] = one
        if one.type == "TradeRecalled":
            self._undo(one)

    def _undo(self, one: Logged) -> None:
        self.undone += 1
        asked_at = self._asked_at[one.fields["recall_id"]]
        self.across_kills += any(asked_at <= down < up <= one.at for down, up in self._outages)
        trades = one.fields["trades"]
        for trade in trades:
            if trade["trade_id"] in self._gone:
                self.wrong.append(f"T{trade['trade_id']} was undone again at {one.seq}")
            self._gone.add(trade["trade_id"])
        legs = [trade.get("leg", "") for trade in trades]
        if legs not in ([""], ["haulage", "hydrogen"]):
            self.wrong.append(f"R{one.fields['recall_id']} undid the legs {legs}")

    def unfinished(self) -> Iterator[str]:
        """What should have ended by now: all rooms have seen everything, and a confirmed recall waits for nobody."""
        for recall_id, one in self._stands.items():
            if one.type == "TradeRecallConfirmed":
                yield f"R{recall_id} was confirmed at {one.seq} and has not ended"


def sides(event: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Every trade of a recall from both its sides: the trade, the side, the other side."""
    for trade in event["trades"]:
        yield trade, "buy", "sell"
        yield trade, "sell", "buy"
