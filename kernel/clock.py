"""Time as an argument: every room asks a clock, none asks the system."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Protocol

from kernel.quantity import MICROS_PER_S

#: The market's days. China has kept one zone without summer time since 1991, so a fixed offset is exact.
SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")


class Clock(Protocol):
    """Tells the time in UTC microseconds."""

    def now_us(self) -> int: ...


class SystemClock:
    """The machine's own time."""

    def now_us(self) -> int:
        return time.time_ns() // 1_000


class SimulatedClock:
    """A time that stands still until it is moved, and never goes back."""

    def __init__(self, now_us: int) -> None:
        self._now_us = now_us

    def now_us(self) -> int:
        return self._now_us

    def advance_to(self, now_us: int) -> None:
        """Moves the time forward. Raises ValueError for a time in the past."""
        if now_us < self._now_us:
            raise ValueError(f"the clock stands at {to_text(self._now_us)} and does not go back to {to_text(now_us)}")
        self._now_us = now_us


@lru_cache(maxsize=1_024)
@lru_cache(maxsize=1_024)  # what was decided together happened at one time
def to_text(at_us: int) -> str:
    """UTC microseconds to RFC 3339 in the market's zone, e.g. ``2026-01-05T09:00:00+08:00``."""
    return to_datetime(at_us).isoformat()


def to_datetime(at_us: int) -> datetime:
    """UTC microseconds to an aware datetime in the market's zone."""
    seconds, micros = divmod(at_us, MICROS_PER_S)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros).astimezone(SHANGHAI)


def from_datetime(moment: datetime) -> int:
    """An aware datetime to UTC microseconds. Raises ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("a time needs its offset, e.g. 2026-01-05T09:00:00+08:00")
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * MICROS_PER_S + delta.microseconds


def from_text(text: str) -> int:
    """RFC 3339 with offset to UTC microseconds. Raises ValueError."""
    return from_datetime(datetime.fromisoformat(text))


def market_day(at_us: int) -> date:
    """The calendar day in the market's zone."""
    return to_datetime(at_us).date()


def day_bounds_us(day: date) -> tuple[int, int]:
    """First microsecond of ``day`` in the market's zone, and of the day after."""
    start = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
    return from_datetime(start), from_datetime(start + timedelta(days=1))
