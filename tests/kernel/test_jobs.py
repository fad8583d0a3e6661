"""The alarm clock: jobs fire in the order of their times, late ones at once, and a failing one rings again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from kernel.clock import Clock, SimulatedClock, SystemClock, from_text, to_text
from kernel.jobs import AlarmClock, Job

START = from_text("2026-03-02T08:50:00+08:00")


class Diary:
    """What was done, and at what time by the clock."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.entries: list[tuple[str, str]] = []
        self.broken: set[str] = set()

    def job(self, name: str, **cron: str | int) -> tuple[Job, Callable[[], Awaitable[None]]]:
        async def run(_service: object = None) -> None:
            if name in self.broken:
                raise LookupError(f"{name} is broken")
            self.entries.append((to_text(self.clock.now_us())[11:16], name))

        return Job(name, cron, run), run


def test_a_moved_clock_fires_what_falls_due_on_the_way_in_order() -> None:
    async def run() -> None:
        clock = SimulatedClock(START)
        diary = Diary(clock)
        alarm = AlarmClock(
            clock,
            [
                diary.job("quarter", minute="*/15"),
                diary.job("hours", hour="9,15", minute=0),
                diary.job("daily", hour=0, minute=10),
            ],
        )
        await alarm.start(catch_up=False)
        fired = await alarm.advance(from_text("2026-03-02T09:30:00+08:00"))
        assert diary.entries == [("09:00", "hours"), ("09:00", "quarter"), ("09:15", "quarter"), ("09:30", "quarter")]
        assert fired == 4
        assert to_text(clock.now_us()) == "2026-03-02T09:30:00+08:00"
        diary.entries.clear()
        assert await alarm.advance(from_text("2026-03-02T09:44:59+08:00")) == 0
        assert await alarm.advance(from_text("2026-03-04T00:00:00+08:00")) == 154 + 3 + 1
        assert [entry for entry in diary.entries if entry[1] == "daily"] == [("00:10", "daily")]
        assert [entry for entry in diary.entries if entry[1] == "hours"] == [
            ("15:00", "hours"), ("09:00", "hours"), ("15:00", "hours"),
        ]  # fmt: skip
        alarm.stop()

    asyncio.run(run())


def test_a_clock_that_is_set_fires_nothing_until_it_is_moved() -> None:
    async def run() -> None:
        clock = SimulatedClock(START)
        diary = Diary(clock)
        alarm = AlarmClock(clock, [diary.job("hours", hour="9,15", minute=0)])
        await alarm.start(catch_up=False)
        nine = from_text("2026-03-02T09:00:00+08:00")
        alarm.set(nine)
        assert (clock.now_us(), alarm.rings_at(), diary.entries) == (nine, nine, [])
        assert await alarm.advance(nine) == 1
        assert diary.entries == [("09:00", "hours")]
        alarm.stop()

    asyncio.run(run())


def test_a_clock_stays_where_enough_was_done_once_all_of_that_moment_is() -> None:
    async def run() -> None:
        clock = SimulatedClock(START)
        diary = Diary(clock)
        alarm = AlarmClock(clock, [diary.job("a", minute=0), diary.job("b", minute=0), diary.job("c", minute="*/5")])
        await alarm.start(catch_up=False)
        until = from_text("2026-03-02T09:12:00+08:00")
        assert await alarm.advance(until, lambda: ("09:00", "a") in diary.entries) == 5
        assert diary.entries == [("08:50", "c"), ("08:55", "c"), ("09:00", "a"), ("09:00", "b"), ("09:00", "c")]
        assert to_text(clock.now_us())[11:16] == "09:00"
        assert await alarm.advance(until, lambda: len(diary.entries) == 7) == 2
        assert to_text(clock.now_us())[11:16] == "09:10"  # after the last job before 09:12
        assert await alarm.advance(until, lambda: True) == 0
        assert clock.now_us() == until
        alarm.stop()

    asyncio.run(run())


def test_a_start_catches_up_on_every_job_once() -> None:
    async def run() -> None:
        clock = SimulatedClock(START)
        diary = Diary(clock)
        alarm = AlarmClock(clock, [diary.job("hours", hour=9, minute=0), diary.job("daily", hour=0, minute=10)])
        await alarm.start()
        assert diary.entries == [("08:50", "hours"), ("08:50", "daily")]
        assert await alarm.advance(from_text("2026-03-02T09:00:00+08:00")) == 1
        assert diary.entries[2:] == [("09:00", "hours")]
        alarm.stop()

    asyncio.run(run())


def test_a_job_that_fails_says_so_spares_the_others_and_rings_again() -> None:
    async def run() -> None:
        clock = SimulatedClock(START)
        diary = Diary(clock)
        alarm = AlarmClock(clock, [diary.job("a", minute=0), diary.job("b", minute=0)])
        diary.broken.add("a")
        await alarm.start()
        assert alarm.failures == {"a": "LookupError"}
        await alarm.advance(from_text("2026-03-02T09:00:00+08:00"))
        assert diary.entries == [("08:50", "b"), ("09:00", "b")]
        diary.broken.clear()
        await alarm.advance(from_text("2026-03-02T10:00:00+08:00"))
        assert diary.entries[2:] == [("09:01", "a"), ("10:00", "a"), ("10:00", "b")]
        assert alarm.failures == {}
        alarm.stop()

    asyncio.run(run())


def test_a_market_whose_opening_failed_once_opens_a_minute_later_and_closes_in_time() -> None:
    async def run() -> None:
        clock = SimulatedClock(START)
        diary = Diary(clock)
        alarm = AlarmClock(clock, [diary.job("hours", hour="9,15", minute=0)])
        await alarm.start(catch_up=False)
        diary.broken.add("hours")
        assert await alarm.advance(from_text("2026-03-02T09:02:30+08:00")) == 3
        diary.broken.clear()
        assert alarm.rings_at() == from_text("2026-03-02T09:03:00+08:00")
        await alarm.advance(from_text("2026-03-02T15:00:00+08:00"))
        assert diary.entries == [("09:03", "hours"), ("15:00", "hours")]
        alarm.stop()

    asyncio.run(run())


def test_by_the_machines_own_time_a_failed_job_rings_again_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kernel.jobs.RETRY_S", 1)

    async def run() -> None:
        rang, again = asyncio.Event(), asyncio.Event()

        async def ring(_service: object = None) -> None:
            if not rang.is_set():
                rang.set()
                raise LookupError("broken at first")
            again.set()

        alarm = AlarmClock(SystemClock(), [(Job("yearly", {"month": 1, "day": 1}, ring), ring)])
        await alarm.start()
        assert alarm.failures == {"yearly": "LookupError"}
        await asyncio.wait_for(again.wait(), 5)
        await asyncio.sleep(0)  # the job has returned
        assert alarm.failures == {}
        alarm.stop()

    asyncio.run(run())


def test_it_says_when_it_rings_next() -> None:
    async def run() -> None:
        clock = SimulatedClock(START)
        diary = Diary(clock)
        alarm = AlarmClock(clock, [diary.job("quarter", minute="*/15"), diary.job("accept", minute=5)])
        await alarm.start()
        seen = []
        for _ in range(4):
            now = alarm.rings_at()
            assert now is not None
            assert await alarm.advance(now) == 1
            seen.append(to_text(now)[11:16])
        assert seen == ["09:00", "09:05", "09:15", "09:30"]
        alarm.stop()
        empty = AlarmClock(clock, [])
        await empty.start()
        assert empty.rings_at() is None
        empty.stop()

    asyncio.run(run())


def test_the_clock_does_not_go_back() -> None:
    async def run() -> None:
        clock = SimulatedClock(START)
        alarm = AlarmClock(clock, [])
        await alarm.start()
        with pytest.raises(ValueError, match="does not go back"):
            await alarm.advance(START - 1)
        assert clock.now_us() == START
        alarm.stop()

    asyncio.run(run())


def test_a_move_that_would_fire_without_end_is_refused() -> None:
    async def run() -> None:
        clock = SimulatedClock(START)
        diary = Diary(clock)
        alarm = AlarmClock(clock, [diary.job("minutely", minute="*")])
        await alarm.start(catch_up=False)
        with pytest.raises(AssertionError, match="too many"):
            await alarm.advance(from_text("2027-03-02T09:00:00+08:00"))
        alarm.stop()

    asyncio.run(run())


def test_the_machines_own_time_rings_too() -> None:
    async def run() -> None:
        rang = asyncio.Event()

        async def ring(_service: object = None) -> None:
            rang.set()

        alarm = AlarmClock(SystemClock(), [(Job("every second", {"second": "*"}, ring), ring)])
        await alarm.start(catch_up=False)
        await asyncio.wait_for(rang.wait(), 5)
        alarm.stop()
        with pytest.raises(AssertionError, match="simulated"):
            await alarm.advance(START)

    asyncio.run(run())
