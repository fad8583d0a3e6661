"""The alarm clock: APScheduler says when, rooms say what.

A job only sends commands that are due by the room's own tables and the clock, so running it twice, late, or after an
outage does no harm. One that fails rings again soon: by its own times alone, one failed commit would leave the market
shut for a day. In simulated time the same jobs fire in order while the clock is moved.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

from kernel.clock import Clock, SimulatedClock, from_datetime, to_datetime
from kernel.errors import brief
from kernel.quantity import MICROS_PER_S

#: Firings one move of a simulated clock may cause: a month of a job a minute would be a mistake of the caller.
FIRINGS_MAX = 40_000
#: When a job that failed rings again, unless its own time comes first: a commit that failed is most often one alone.
RETRY_S = 60

_ZONE = ZoneInfo("Asia/Shanghai")
_log = logging.getLogger("h2market.jobs")


class Job(NamedTuple):
    """What one room does at set times of the market's day. ``cron`` takes APScheduler's fields (hour, minute, ...).

    ``simulated``, where given, holds instead while a clock is simulated, so that a day's move does not fire every
    second."""

    name: str
    cron: Mapping[str, str | int]
    run: Callable[[Any], Awaitable[None]]
    simulated: Mapping[str, str | int] | None = None


class AlarmClock:
    """Fires jobs at their times, by the machine's time or by a simulated one."""

    def __init__(self, clock: Clock, jobs: Sequence[tuple[Job, Callable[[], Awaitable[None]]]]) -> None:
        self._clock = clock
        self._scheduler = AsyncIOScheduler(timezone=_ZONE)
        self._jobs = jobs
        self.failures: dict[str, str] = {}

    async def start(self, *, catch_up: bool = True) -> None:
        """Starts firing. With ``catch_up`` every job runs once at once, for what fell due while nothing ran."""
        simulated = isinstance(self._clock, SimulatedClock)
        now = to_datetime(self._clock.now_us())
        for job, run in self._jobs:
            trigger = CronTrigger(timezone=_ZONE, **((simulated and job.simulated) or job.cron))
            self._scheduler.add_job(
                self._fire,
                trigger,
                args=(job.name, run),
                id=job.name,
                misfire_grace_time=None,
                coalesce=True,
                max_instances=1,
                next_run_time=trigger.get_next_fire_time(None, now),
            )
        self._scheduler.start(paused=simulated)
        if catch_up:
            for job, run in self._jobs:
                await self._fire(job.name, run)

    async def advance(self, now_us: int, enough: Callable[[], bool] = lambda: False) -> int:
        """Moves a simulated clock and fires what falls due on the way, each at its own time. Returns how many fired.

        Where it is ``enough`` after all that fell due at one time, the clock stays there.
        """
        clock = self._clock
        assert isinstance(clock, SimulatedClock), "only a simulated clock can be moved"
        fired = 0
        while (due := self._next(now_us)) is not None:
            if fired and from_datetime(due.next_run_time) > clock.now_us() and enough():
                return fired
            assert fired < FIRINGS_MAX, "one move of the clock fires too many jobs"
            now = due.next_run_time
            clock.advance_to(max(clock.now_us(), from_datetime(now)))
            due.modify(next_run_time=due.trigger.get_next_fire_time(now, now))
            await due.func(*due.args)
            fired += 1
        if not (fired and enough()):
            clock.advance_to(now_us)
        return fired

    def set(self, now_us: int) -> None:
        """Moves a simulated clock and fires nothing: what falls due waits for `advance`, then each at this time."""
        assert isinstance(self._clock, SimulatedClock), "only a simulated clock can be moved"
        self._clock.advance_to(now_us)

    def rings_at(self) -> int | None:
        """When the next job rings; None where there are no jobs."""
        times = [from_datetime(job.next_run_time) for job in self._scheduler.get_jobs() if job.next_run_time]
        return min(times, default=None)

    def stop(self) -> None:
        """Fires no more."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def _next(self, until_us: int) -> Any:
        jobs = [
            job
            for job in self._scheduler.get_jobs()
            if job.next_run_time and from_datetime(job.next_run_time) <= until_us
        ]
        return min(jobs, key=lambda job: (job.next_run_time, job.id), default=None)

    async def _fire(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        try:
            await run()
        except Exception as error:
            # The alarm rings again: what was due is still due then. Until it works, /health says so.
            self.failures[name] = brief(error)
            _log.exception("job %s failed", name)
            self._ring_soon(name)
        else:
            self.failures.pop(name, None)

    def _ring_soon(self, name: str) -> None:
        job = self._scheduler.get_job(name)
        soon = to_datetime(self._clock.now_us() + RETRY_S * MICROS_PER_S)
        if job is not None and job.next_run_time is not None and soon < job.next_run_time:
            job.modify(next_run_time=soon)
