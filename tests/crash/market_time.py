"""The market's time in a crash test: it goes on under load and while the server is down, as it would for everybody."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

from kernel.clock import from_text, to_text
from kernel.quantity import MICROS_PER_S
from tests.crash.requests import TIMEOUT_S, Broken, Left, Lines
from tests.e2e.server import NOW

#: How far the clock moves at a time, and how long it then stands on this machine.
STEP_S = (5, 20)
PAUSE_S = 0.1
#: How long the server is down, in the market's time. Some of it is longer than a dead-man switch waits.
OUTAGE_S = (0, 90)
#: Longer than the operator may take to decide about a recall: once while the server is down, and once under load, so
#: early that what was asked for just before is undecided still.
LEAP_S = 61 * 60
LEAP_AT_STEP = 6
#: A simulated clock rings the alarms at each full minute.
RING_US = 60 * MICROS_PER_S
#: Then the time stands: the closing auction takes fewer types of orders.
LATEST = "2026-03-02T14:50:00+08:00"


class MarketTime:
    """Where the server's simulated clock stands, as far as is known from outside."""

    def __init__(self) -> None:
        self.asked_us = from_text(NOW)
        self.acked_us = self.asked_us
        #: (where it was last known to be, where it began again) of every outage.
        self.outages: list[tuple[int, int]] = []
        self._leapt = 0

    async def run(self, lines: Lines, secret: str, chance: random.Random) -> None:
        """Moves the clock until the server is gone."""
        headers = {"Authorization": f"Bearer {secret}"}
        steps = 0
        while self.asked_us < from_text(LATEST):
            await asyncio.sleep(PAUSE_S)
            steps += 1
            self.asked_us += chance.randint(*STEP_S) * MICROS_PER_S
            if steps == LEAP_AT_STEP and self._leapt == 1:
                self._leap()
            body = {"json": {"now": to_text(self.asked_us)}}
            try:
                status, _ = await lines.ask("POST", "/v1/operator/clock", headers, TIMEOUT_S, body)
            except (Broken, Left):
                return
            assert status == 200, f"the clock was not moved: {status}"
            self.acked_us = self.asked_us

    def outage(self, chance: random.Random) -> str:
        """The server was killed: where its clock begins again."""
        down_us = self.acked_us
        self.asked_us += chance.randint(*OUTAGE_S) * MICROS_PER_S
        if not self._leapt:
            self._leap()
        self.outages.append((down_us, self.asked_us))
        self.acked_us = self.asked_us
        return to_text(self.asked_us)

    def _leap(self) -> None:
        self._leapt += 1
        self.asked_us += LEAP_S * MICROS_PER_S


def rung_by(at_us: int, outages: Sequence[tuple[int, int]]) -> int:
    """The latest moment at which an alarm set for ``at_us`` rings: the first full minute, or where the clock begins
    again if the server was down by then."""
    due_us = at_us + -at_us % RING_US
    return next((up for down, up in outages if down < due_us <= up), due_us)
