"""The route by which an operator moves a simulated clock."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field

from h2market.platform import Platform
from kernel.clock import to_text
from kernel.edge import Answer, Body, TimeIn, TimeOut
from kernel.errors import Conflict
from kernel.http import Call
from kernel.openapi import problems
from kernel.quantity import MICROS_PER_S
from kernel.service import caller

#: One move of a simulated clock: every job that falls due on the way runs before the answer is given.
CLOCK_STEP_DAYS_MAX = 7
Caller = Annotated[Call, Depends(caller)]
_DAY_US = 86_400 * MICROS_PER_S


class ClockMove(Body):
    """Where to move a simulated clock."""

    now: TimeIn
    ring: bool = Field(
        default=True,
        description="False leaves what falls due to the next move, so that the clocks of several processes can be "
        "moved before any of them acts.",
    )
    pause: bool = Field(
        default=False,
        description="True stays at the first time at which a job made something happen, so that it can be followed "
        "before time goes on.",
    )


class ClockAnswer(Answer):
    """A simulated clock and how many jobs its move set off. ``rings_at`` is when the next one rings, null where none
    will, and ``events`` how many events the logs of this process hold."""

    now: TimeOut
    fired: int
    rings_at: TimeOut | None
    events: int


def clock_routes(house: Platform) -> APIRouter:
    """`POST /v1/operator/clock`."""
    routes = APIRouter(tags=["operator"])

    @routes.post("/v1/operator/clock", responses=problems(401, 403, 409, 413, 422, 429), operation_id="moveClock")
    async def move(body: ClockMove, call: Caller) -> ClockAnswer:
        """Moves the simulated clock forward, by a week at most, and runs the jobs that fall due on the way, unless it
        is told not to ring or to pause. Scope: operate."""
        if call.principal is None or "service" not in call.principal.scopes:
            call.require("operate")
        if body.now < house.clock.now_us():
            raise Conflict(
                field="now",
                rule="clock_forward",
                message=f"The clock stands at {to_text(house.clock.now_us())} and does not go back.",
            )
        if body.now > house.clock.now_us() + CLOCK_STEP_DAYS_MAX * _DAY_US:
            raise Conflict(
                field="now",
                rule="clock_step",
                message=f"One move takes the clock at most {CLOCK_STEP_DAYS_MAX} days on from "
                f"{to_text(house.clock.now_us())}.",
            )
        fired, before = 0, _events(house)
        if body.ring:
            fired = await house.alarm.advance(body.now, lambda: body.pause and _events(house) > before)
        else:
            house.alarm.set(body.now)
        return ClockAnswer(
            now=house.clock.now_us(), fired=fired, rings_at=house.alarm.rings_at(), events=_events(house)
        )

    return routes


def _events(house: Platform) -> int:
    """How many events the logs of this process hold."""
    return sum(one.tail.seq for one in house.sequencers.values())
