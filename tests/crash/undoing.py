"""The operator's two people and those who ask for trades back: recalls are brought to each of their ends."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from kernel.clock import from_text
from kernel.quantity import MICROS_PER_S
from tests.crash.requests import TIMEOUT_S, Kind, Lines, Request
from tests.crash.sending import PAUSE_S, Sender
from tests.e2e.floor import Company

#: Trades of which one is recalled: the newest.
LATELY = 20
#: Recalls of a course that wait for a decision at most; so some do when the server is killed.
WAITING = 2
#: How many recalls are looked at: the newest.
LOOKED_AT = 100
#: What is to become of a recall. Its reason says so, and whoever looks at it later knows: the server may have been
#: killed meanwhile.
COURSES = ("undo", "reject", "withdraw", "forget")
#: For how long a trade can be asked back.
WINDOW_US = 1_800 * MICROS_PER_S
#: How many of a hundred requests are tried by somebody whom the trade does not concern, or who did not ask.
MEDDLES_PERCENT = 15


@dataclass(slots=True)
class Undoer(Sender):
    """Asks for trades back, as the operator or for a party, and takes them along one course. Of each course but the
    first some are approved before their end; what is forgotten waits until its time is over."""

    course: str = COURSES[0]
    second: Company | None = None
    companies: tuple[Company, ...] = ()
    waiting: list[dict[str, Any]] = field(default_factory=list)  # recalls of its course that are undecided
    trades: list[dict[str, Any]] = field(default_factory=list)

    async def pause(self, lines: Lines) -> None:
        """Looks at what there is to decide, for it may have been asked for before the server was killed; from then on
        it knows. What there is to ask for it looks at each time."""
        await asyncio.sleep(PAUSE_S / 2)
        if not self.requests:
            recalls = await self._look(lines, f"/v1/recalls?limit={LOOKED_AT}")
            self.waiting = [
                one for one in recalls if one["reason"] == self.course and one["state"] in ("requested", "approved")
            ]
        if len(self.waiting) < WAITING or self.course == "forget":
            trades = await self._look(lines, f"/v1/trades?limit={LATELY}")
            since_us = self.time.asked_us - WINDOW_US
            self.trades = [one for one in trades if one["state"] == "active" and from_text(one["at"]) > since_us]

    def heard(self, request: Request) -> None:
        """Keeps what waits: a recall that was asked for, and one that was approved. Any other answer is the last."""
        if request.kind == "recall":
            self.waiting += [dict(request.answer)] if request.status == 201 else []
            return
        known = next((one for one in self.waiting if request.about in one["trade_ids"]), None)
        if known is None or request.answer.get("code") == "recall_of_another":
            return
        if request.status != 200 or request.kind != "approval":
            self.waiting.remove(known)
        else:
            known["state"] = "approved"

    async def _look(self, lines: Lines, path: str) -> list[dict[str, Any]]:
        headers = {"Authorization": f"Bearer {self.company.secret}"}
        status, answer = await lines.ask("GET", path, headers, TIMEOUT_S, {})
        return list(answer["items"]) if status == 200 else []

    def next(self) -> Request:
        """A step of a recall that waits, or another recall."""
        if len(self.waiting) >= self.random.randint(1, WAITING):
            recall = self.random.choice(self.waiting)
            step = self._step(recall)
            if step is not None:
                return step
        trade = self.random.choice(self.trades) if self.trades else {"trade_id": "T1"}
        traded = trade.get("buyer_id"), trade.get("seller_id")
        parties = [one for one in self.companies if one.participant_id in traded]
        by = self._meddler() or self.random.choice((None, *parties))
        trade_id = trade["trade_id"]
        body = {"reason": self.course}
        return self._request("recall", "POST", f"/v1/trades/{trade_id}/recall", body, about=trade_id, company=by)

    def _meddler(self) -> Company | None:
        return self.random.choice(self.companies) if self.random.randrange(100) < MEDDLES_PERCENT else None

    def _step(self, recall: dict[str, Any]) -> Request | None:
        """The next step of its course; None for a recall that is left alone."""
        is_approved = recall["state"] == "approved"
        if self.course == "undo":
            step: tuple[Kind, Company | None] = ("confirmation", self.second) if is_approved else ("approval", None)
            return self._decide(recall, *step)
        if not is_approved and self.random.random() < 0.3:
            return self._decide(recall, "approval")
        if self.course == "reject":
            return self._decide(recall, "rejection", self.random.choice((None, self.second)))
        return self._withdraw(recall) if self.course == "withdraw" else None

    def _withdraw(self, recall: dict[str, Any]) -> Request:
        asked = next((one for one in self.companies if one.participant_id == recall["requester_id"]), None)
        return self._decide(recall, "recall_withdrawal", self._meddler() or asked)

    def _decide(self, recall: dict[str, Any], kind: Kind, by: Company | None = None) -> Request:
        trade_id = self.random.choice(recall["trade_ids"])
        path = f"/v1/trades/{trade_id}/recall/{kind.removeprefix('recall_')}"
        body = {"reason": "the trade stands"} if kind == "rejection" else None
        return self._request(kind, "POST", path, body, about=trade_id, company=by)
