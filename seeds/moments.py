"""Times of the simulated day."""

from __future__ import annotations

from datetime import date, datetime, time

from kernel.clock import SHANGHAI, from_datetime


def at(day: date, hour: int, minute: int = 0) -> int:
    """A time of the market's zone in UTC microseconds."""
    return from_datetime(datetime.combine(day, time(hour, minute), SHANGHAI))
