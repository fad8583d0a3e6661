"""Dead-man switches, by the exchange's log alone: each that is not renewed fires once, in time, and leaves no order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from kernel.quantity import MICROS_PER_S
from tests.crash.logs import Logged
from tests.crash.market_time import rung_by
from tests.crash.recount import Recount


class Armed(NamedTuple):
    """A switch that is set."""

    set_at: int
    fires_at: int


@dataclass(slots=True)
class DeadMen:
    """What became of the switches. ``outages``: where the clock was last known to be, and where it began again."""

    recount: Recount  # as it stands before the event that is taken
    outages: Sequence[tuple[int, int]]
    armed: int = 0
    renewed: int = 0
    fired: int = 0
    fired_after_outage: int = 0  # it was set before the server was killed, and fired afterwards
    missed: list[str] = field(default_factory=list)
    _switches: dict[str, Armed] = field(default_factory=dict)
    _ended_by: dict[str, int] = field(default_factory=dict)  # orders that a switch cancelled and that await its event

    def take(self, one: Logged) -> None:
        """Looks at the next event of the exchange, before it is counted."""
        if one.type == "OrderCancelled" and one.fields["reason"] == "dead_man":
            owner = self.recount.open[one.fields["order_id"]].participant_id
            self._ended_by[owner] = self._ended_by.get(owner, 0) + 1
        elif one.type == "DeadManSet":
            self._set(one)
        elif self._ended_by and one.type != "OrderCancelled":
            self.missed.append(f"orders of {list(self._ended_by)} were cancelled before event {one.seq} by no switch")
            self._ended_by.clear()

    def _set(self, one: Logged) -> None:
        participant_id, timeout_s, fires_at = (one.fields[name] for name in ("participant_id", "timeout_s", "fires_at"))
        known = self._switches.pop(participant_id, None)
        if fires_at:
            self.renewed += known is not None
            self.armed += known is None
            self._switches[participant_id] = Armed(one.at, fires_at)
            if fires_at != one.at + timeout_s * MICROS_PER_S:
                self.missed.append(f"{participant_id} asked for {timeout_s} s at event {one.seq} and got another time")
            if known is not None and self._due(known) < one.at:
                self.missed.append(f"the switch of {participant_id} was due before it was renewed at event {one.seq}")
        elif timeout_s:
            self._fire(one, participant_id, known)
        elif known is not None and self._due(known) < one.at:
            self.missed.append(f"the switch of {participant_id} was due before it was put off at event {one.seq}")

    def _fire(self, one: Logged, participant_id: str, known: Armed | None) -> None:
        self.fired += 1
        self._ended_by.pop(participant_id, None)
        if known is None:
            self.missed.append(f"the switch of {participant_id} fired at event {one.seq} and was not set")
            return
        self.fired_after_outage += any(known.set_at <= down <= one.at and up <= one.at for down, up in self.outages)
        if not known.fires_at <= one.at <= self._due(known):
            self.missed.append(f"the switch of {participant_id} fired at event {one.seq}, not when it was due")
        every = self.recount.open.items()
        left = [f"O{order_id}" for order_id, order in every if order.participant_id == participant_id]
        if left:
            self.missed.append(f"the switch of {participant_id} fired at event {one.seq} and left {left[:5]} open")

    def _due(self, switch: Armed) -> int:
        """The latest moment at which it fires."""
        return rung_by(switch.fires_at, self.outages)

    def overdue(self, now_us: int) -> Sequence[str]:
        """The switches that should have fired by now, the market's time, and did not."""
        return [
            f"the switch of {participant_id} was due at {switch.fires_at} and did not fire"
            for participant_id, switch in sorted(self._switches.items())
            if self._due(switch) <= now_us
        ]
