"""Recalls in the exchange's log: each goes its way step by step and ends once, whatever dies meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from kernel.quantity import MICROS_PER_S
from tests.crash.logs import Logged
from tests.crash.market_time import rung_by
from tests.crash.requests import Request

_DISPUTED = frozenset({"TradeRecallRequested", "TradeRecallApproved"})
_CONFIRMED = frozenset({"TradeRecallConfirmed"})
#: The steps of a recall, and those that one may come after.
STEPS = {
    "TradeRecallRequested": frozenset({""}), "TradeRecallApproved": frozenset({"TradeRecallRequested"}),
    "TradeRecallConfirmed": frozenset({"TradeRecallApproved"}), "TradeRecalled": _CONFIRMED,
    "TradeRecallRefused": _CONFIRMED, "TradeRecallRejected": _DISPUTED, "TradeRecallExpired": _DISPUTED,
    "TradeRecallWithdrawn": _DISPUTED,
}  # fmt: skip
#: The last steps, and what each is called.
ENDS = {
    "TradeRecalled": "recalled", "TradeRecallRefused": "refused", "TradeRecallRejected": "rejected",
    "TradeRecallWithdrawn": "withdrawn", "TradeRecallExpired": "expired",
}  # fmt: skip
#: The ends that the load must bring about. None is refused, for no load moves before the next day.
ENDS_REQUIRED = frozenset({"recalled", "rejected", "withdrawn", "expired"})
#: How long the operator may take to decide.
DECISION_US = 3_600 * MICROS_PER_S


class Recalls:
    """``outages``: see `MarketTime`."""

    def __init__(self, outages: Sequence[tuple[int, int]]) -> None:
        self.wrong: list[str] = []
        self.ends: Counter[str] = Counter()
        self.ends_across_kills: Counter[str] = Counter()  # asked for before a kill and ended after it
        self.gone: set[int] = set()  # trades that were undone
        self._outages = outages
        self._stands: dict[int, Logged] = {}  # the last step of each
        self._asked: dict[int, Logged] = {}
        self._contested: dict[int, int] = {}  # which recall a trade waits for

    def missing(self) -> list[str]:
        """The ends that no recall has had."""
        return sorted(ENDS_REQUIRED - self.ends.keys())

    def take(self, one: Logged) -> None:
        """Looks at the next event."""
        if one.type not in STEPS:
            return
        recall_id = one.fields["recall_id"]
        before = self._stands.get(recall_id)
        if (before.type if before else "") not in STEPS[one.type]:
            self.wrong.append(f"{one.type} of R{recall_id} at {one.seq} follows {before and before.type}")
        self._stands[recall_id] = one
        asked = self._asked.get(recall_id)
        if one.type == "TradeRecallRequested":
            self._ask(one)
        elif asked is not None:
            if _numbers(one) != _numbers(asked):
                self.wrong.append(f"{one.type} of R{recall_id} at {one.seq} is about the trades {_numbers(one)}")
            self._check_time(one, asked)
            if one.type in ENDS:
                self._end(one, asked)

    def _ask(self, one: Logged) -> None:
        recall_id = one.fields["recall_id"]
        self._asked.setdefault(recall_id, one)
        if one.fields["decide_by"] != one.at + DECISION_US:
            self.wrong.append(f"R{recall_id} is decided by {one.fields['decide_by']} and was asked for at {one.at}")
        for number in _numbers(one):
            other = self._contested.setdefault(number, recall_id)
            if other != recall_id:
                self.wrong.append(f"T{number} is asked back by R{recall_id} while R{other} waits")
            if number in self.gone:
                self.wrong.append(f"T{number} is undone and asked back by R{recall_id}")

    def _check_time(self, one: Logged, asked: Logged) -> None:
        """Nobody decides too late, and it expires once it is too late. Tracking's answer takes as long as it takes."""
        decide_by = asked.fields["decide_by"]
        if one.type == "TradeRecallExpired":
            in_time = decide_by <= one.at <= rung_by(decide_by, self._outages)
        else:
            in_time = one.at < decide_by or one.type in ("TradeRecalled", "TradeRecallRefused")
        if not in_time:
            self.wrong.append(f"{one.type} of R{one.fields['recall_id']} at {one.seq} is not in time")

    def _end(self, one: Logged, asked: Logged) -> None:
        end = ENDS[one.type]
        self.ends[end] += 1
        if any(asked.at <= down < up <= one.at for down, up in self._outages):
            self.ends_across_kills[end] += 1
        for number in _numbers(one):
            self._contested.pop(number, None)
        if one.type == "TradeRecalled":
            self._undo(one)

    def _undo(self, one: Logged) -> None:
        trades = one.fields["trades"]
        for trade in trades:
            if trade["trade_id"] in self.gone:
                self.wrong.append(f"T{trade['trade_id']} was undone again at {one.seq}")
            self.gone.add(trade["trade_id"])
        legs = [trade.get("leg", "") for trade in trades]
        if legs not in ([""], ["haulage", "hydrogen"]):
            self.wrong.append(f"R{one.fields['recall_id']} undid the legs {legs}")

    def answered(self, request: Request, made: Sequence[Logged]) -> Iterator[str]:
        """What is wrong with a request that was granted: only who asked may withdraw."""
        if request.kind != "recall_withdrawal" or request.status != 200:
            return
        for one in made:
            asked = self._asked.get(one.fields["recall_id"])
            requester = asked.fields.get("requester_id") if asked else None
            if one.type == "TradeRecallWithdrawn" and request.company != requester:
                yield f"R{one.fields['recall_id']} of {requester} was withdrawn by {request.company}"

    def unfinished(self, now_us: int) -> Iterator[str]:
        """What should have ended by now, the market's time: all rooms have seen everything, and a confirmed recall
        waits for nobody, an undecided one until it expires."""
        for recall_id, one in self._stands.items():
            if one.type == "TradeRecallConfirmed":
                yield f"R{recall_id} was confirmed at {one.seq} and has not ended"
            elif one.type in _DISPUTED and recall_id in self._asked:
                decide_by = self._asked[recall_id].fields["decide_by"]
                if rung_by(decide_by, self._outages) <= now_us:
                    yield f"R{recall_id} was to be decided by {decide_by} and did not expire"


def _numbers(one: Logged) -> list[int]:
    return [trade["trade_id"] for trade in one.fields["trades"]]


def sides(event: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Every trade of a recall from both its sides: the trade, the side, the other side."""
    for trade in event["trades"]:
        yield trade, "buy", "sell"
        yield trade, "sell", "buy"
