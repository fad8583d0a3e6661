"""The pace of the simulated day: time is moved on purpose, and never before everybody has caught up.

Jobs ring while time moves, and what one of them does may be work for another: a load that tracking accepts at five past
is one that settlement pays at a quarter past. So time stops wherever a job does something, or, of several processes,
rings. If it went on to the full hour at once, the machine's speed would decide whether the payment comes at that
quarter or at a later one.
"""

from __future__ import annotations

import time
from typing import Any

from kernel.clock import from_text, to_text
from kernel.quantity import MICROS_PER_S
from seeds.client import Refused, Session, Unreachable

#: How long followers may take to catch up before the day is given up; they need milliseconds.
CATCH_UP_S_MAX = 60.0
LOOK_EVERY_S = 0.01
#: The most that one request moves a clock: some hundred jobs may ring meanwhile.
STEP_US = 3_600 * MICROS_PER_S
_UNKNOWN_KEY = {"name": "participants", "lag": 1, "error": None}


class Pace:
    """Clocks and followers of every process. ``operator`` has the scope operate; the clocks stand at ``now_us``."""

    def __init__(self, operator: Session, now_us: int) -> None:
        self.now_us = now_us
        self._operator = operator
        self._processes = operator.wire.processes
        #: By process: how many events there were when all was quiet, and when its next job rings.
        self._events: dict[str, int] = {}
        self._rings_at: dict[str, int | None] = {}

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
                self._events = {
                    service: sum(room["seq"] for room in look["rooms"])
                    for service, look in zip(self._processes, looks, strict=True)
                }
                return
            before = seqs if quiet else None
            if time.monotonic() > until:
                raise Unreachable(f"the followers did not catch up in {CATCH_UP_S_MAX:.0f} s: {looks}")
            time.sleep(LOOK_EVERY_S)

    def move(self, now_us: int) -> None:
        """Moves the clocks of all processes, stopping wherever a job does something, so that it is followed before
        another one rings."""
        self.catch_up()
        if len(self._processes) == 1:
            self._move_alone(now_us)
            return
        if not self._rings_at:
            self._set_clocks()  # where they stand: so it is told when the first job rings
        while self.now_us < now_us:
            rings = [at for at in self._rings_at.values() if at is not None]
            self.now_us = min([now_us, *rings])
            self._set_clocks()

    def _move_alone(self, now_us: int) -> None:
        """The one process there is says itself where a job did something."""
        (service,) = self._processes
        while self.now_us < now_us:
            told = {"now": to_text(min(now_us, self.now_us + STEP_US)), "pause": True}
            moved = self._operator.post("/v1/operator/clock", told, service=service)
            self.now_us = from_text(moved["now"])
            if {service: moved["events"]} != self._events:
                self.catch_up()

    def _set_clocks(self) -> None:
        """Puts all clocks to the time, and waits for what the jobs did; most find nothing to do.

        Every clock is moved before any job rings: what one process does at nine o'clock another follows at once, and
        should not find it five to nine. What rings at one moment rings by its name where one process runs everything,
        so by its service's name here.
        """
        services = sorted(self._processes)
        events = {service: self._tell(service, ring=False) for service in services}
        events |= {service: self._tell(service, ring=True) for service in services if self._is_due(service)}
        if events != self._events:
            self.catch_up()

    def _is_due(self, service: str) -> bool:
        rings_at = self._rings_at[service]
        return rings_at is not None and rings_at <= self.now_us

    def _tell(self, service: str, *, ring: bool) -> int:
        """Tells a process the time; returns how many events its logs hold."""
        told = {"now": to_text(self.now_us), "ring": ring}
        moved = self._operator.post("/v1/operator/clock", told, service=service)
        rings_at = moved["rings_at"]
        self._rings_at[service] = None if rings_at is None else from_text(rings_at)
        return int(moved["events"])

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
