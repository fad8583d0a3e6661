"""The pace of the simulated day: time is moved on purpose, and never before everybody has caught up."""

from __future__ import annotations

import time
from typing import Any

from kernel.clock import to_text
from kernel.quantity import MICROS_PER_S
from seeds.client import Refused, Session, Unreachable

#: How long followers may take to catch up before the day is given up; they need milliseconds.
CATCH_UP_S_MAX = 60.0
LOOK_EVERY_S = 0.01
HOUR_US = 3_600 * MICROS_PER_S
_UNKNOWN_KEY = {"name": "participants", "lag": 1, "error": None}


class Pace:
    """Clocks and followers of every process. ``operator`` has the scope operate; the clocks stand at ``now_us``."""

    def __init__(self, operator: Session, now_us: int) -> None:
        self.now_us = now_us
        self._operator = operator
        self._processes = operator.wire.processes

    def catch_up(self) -> None:
        """Waits until every log is followed to its end. Raises Unreachable.

        One look at one process sees all of it at once. Processes are looked at one after another, so there it takes two
        looks in a row that find nothing to follow and nothing new.
        """
        until = time.monotonic() + CATCH_UP_S_MAX
        before: list[int] | None = None
        while True:
            looks = [self._look(service) for service in self._processes]
            quiet = all(map(_is_quiet, looks))
            seqs = [room["seq"] for look in looks for room in look["rooms"]]
            if quiet and (len(looks) == 1 or seqs == before):
                return
            before = seqs if quiet else None
            if time.monotonic() > until:
                raise Unreachable(f"the followers did not catch up in {CATCH_UP_S_MAX:.0f} s: {looks}")
            time.sleep(LOOK_EVERY_S)

    def move(self, now_us: int) -> None:
        """Moves the clocks of all processes, stopping at each full hour, so that what the scheduler did there is
        followed before it rings again."""
        self.catch_up()
        while self.now_us < now_us:
            self.now_us = min(now_us, (self.now_us // HOUR_US + 1) * HOUR_US)
            fired = 0
            for service in self._processes:
                moved = self._operator.post("/v1/operator/clock", {"now": to_text(self.now_us)}, service=service)
                fired += moved["fired"]
            if fired:
                self.catch_up()

    def _look(self, service: str) -> Any:
        try:
            return self._operator.get("/health", service=service)
        except Refused as refused:
            if refused.status != 401:
                raise
            return {"rooms": [], "followers": [_UNKNOWN_KEY]}  # the key has not reached this process yet


def _is_quiet(health: Any) -> bool:
    followed = all(follower["lag"] == 0 and follower["error"] is None for follower in health["followers"])
    return followed and all(room["waiting"] == 0 for room in health["rooms"])
