"""The operator's two people, who undo trades one step at a time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from tests.crash.requests import TIMEOUT_S, Kind, Lines, Request
from tests.crash.sending import PAUSE_S, Sender
from tests.e2e.floor import Company

#: Trades of which one is recalled: the newest.
LATELY = 20
#: Recalls that wait for a decision at most; so some do when the server is killed.
WAITING = 2


@dataclass(slots=True)
class Undoer(Sender):
    """Asks for trades back, as the operator or for a party, and has what was asked for approved and confirmed."""

    second: Company | None = None
    parties: tuple[Company, ...] = ()
    waiting: dict[str, list[str]] = field(default_factory=dict)  # trades of recalls, by their state
    trades: list[dict[str, Any]] = field(default_factory=list)

    async def pause(self, lines: Lines) -> None:
        """Looks at what there is to decide: it may have been asked for before the server was killed."""
        await asyncio.sleep(PAUSE_S)
        for state in ("requested", "approved"):
            found = await self._look(lines, f"/v1/recalls?state={state}")
            self.waiting[state] = [one["trade_ids"][0] for one in found]
        self.trades = await self._look(lines, f"/v1/trades?limit={LATELY}")

    async def _look(self, lines: Lines, path: str) -> list[dict[str, Any]]:
        headers = {"Authorization": f"Bearer {self.company.secret}"}
        status, answer = await lines.ask("GET", path, headers, TIMEOUT_S, {})
        return list(answer["items"]) if status == 200 else []

    def next(self) -> Request:
        """A step of a recall that waits, or another recall."""
        requested, approved = self.waiting.get("requested", []), self.waiting.get("approved", [])
        if len(requested) + len(approved) >= self.random.randint(1, WAITING):
            if approved and (not requested or self.random.random() < 0.5):
                return self._step("confirmation", self.random.choice(approved), self.second)
            if requested:
                return self._step("approval", self.random.choice(requested), None)
        trade_id = self.random.choice(self.trades)["trade_id"] if self.trades else "T1"
        by = self.random.choice((None, *self.parties))  # who is no party is refused
        body = {"reason": "an error of one digit"}
        return self._request("recall", "POST", f"/v1/trades/{trade_id}/recall", body, about=trade_id, company=by)

    def _step(self, kind: Kind, trade_id: str, by: Company | None) -> Request:
        return self._request(kind, "POST", f"/v1/trades/{trade_id}/recall/{kind}", None, about=trade_id, company=by)
