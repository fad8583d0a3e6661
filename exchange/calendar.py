"""The trading calendar: which days the market trades, and what its books do at which time of a day.

    08:50  opens     the books collect for the opening auction
    09:00  trades    the auction is matched, trading is continuous
    14:57  collects  the books collect for the closing auction
    15:00  closes    the auction is matched, the market is closed

A break, if the day has one, closes the market from ``pauses`` to ``resumes`` and so ends the day's first session:
orders of the session expire, those of the day stay.

Hydrogen is produced and burnt on Sundays and holidays too, so a day is open unless the calendar says otherwise. Public
holidays and the weekend days that make up for them are data of each year, as the State Council arranges them; of a year
that has none yet every day is open. Days and times are those of Asia/Shanghai.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from kernel.clock import day_bounds_us, market_day
from kernel.quantity import MICROS_PER_S

DayState = Literal["open", "half", "closed"]
_FOLDER = Path(__file__).parent / "data"


class Hours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The times of a day, as HH:MM; ``pauses`` and ``resumes`` are those of a break, or empty."""

    opens: str
    trades: str
    collects: str
    closes: str
    pauses: str = ""
    resumes: str = ""


class Holiday(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A public holiday from its first day to its last."""

    name: str
    name_zh: str
    first: date
    last: date


class Year(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One year's arrangement, as its file has it."""

    year: int
    source: str
    full: Hours
    half: Hours
    holidays: tuple[Holiday, ...]
    make_up_days: tuple[date, ...]
    closed: tuple[date, ...]
    half_days: tuple[date, ...]


class TradingDay(NamedTuple):
    """One day. The times are UTC microseconds, 0 on a closed day."""

    day: date
    state: DayState
    holiday: Holiday | None
    makes_up: bool  # a weekend day on which people work for a holiday
    opens_at: int
    trades_at: int
    collects_at: int
    closes_at: int
    pauses_at: int  # 0 on a day without a break
    resumes_at: int


class Wanted(NamedTuple):
    """What the market should do at a moment. ``auction_until`` is when the books stop collecting, 0 if they trade;
    ``resumed_at`` when the break of an open day ended, 0 if there is none behind."""

    is_open: bool
    day: date
    auction_until: int
    resumed_at: int
    in_break: bool


USUAL = Hours("08:50", "09:00", "14:57", "15:00")


class Calendar:
    """The arrangements of some years."""

    def __init__(self, years: Iterable[Year]) -> None:
        self.years = {year.year: _checked(year) for year in years}

    def day(self, day: date) -> TradingDay:
        """What the calendar says of a day."""
        year = self.years.get(day.year)
        if year is None:
            return _trading_day(day, "open", USUAL, None, False)
        state: DayState = "closed" if day in year.closed else "half" if day in year.half_days else "open"
        holiday = next((one for one in year.holidays if one.first <= day <= one.last), None)
        return _trading_day(day, state, year.half if state == "half" else year.full, holiday, day in year.make_up_days)

    def at(self, now_us: int) -> Wanted:
        """What the market should do now."""
        day = self.day(market_day(now_us))
        if not day.opens_at <= now_us < day.closes_at:
            return Wanted(False, day.day, 0, 0, False)
        if day.pauses_at <= now_us < day.resumes_at:
            return Wanted(False, day.day, 0, 0, True)
        until = day.trades_at if now_us < day.trades_at else day.closes_at if now_us >= day.collects_at else 0
        return Wanted(True, day.day, until, day.resumes_at if now_us >= day.resumes_at else 0, False)


def _trading_day(day: date, state: DayState, hours: Hours, holiday: Holiday | None, makes_up: bool) -> TradingDay:
    midnight = day_bounds_us(day)[0]
    times = (hours.opens, hours.trades, hours.collects, hours.closes, hours.pauses, hours.resumes)
    return TradingDay(
        day, state, holiday, makes_up,
        *(midnight + _minutes(text) * 60 * MICROS_PER_S if text and state != "closed" else 0 for text in times),
    )  # fmt: skip


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    if not (len(text) == 5 and hours.isdigit() and minutes.isdigit() and int(hours) < 24 and int(minutes) < 60):
        raise ValueError(f"a time of the calendar is HH:MM, not {text!r}")
    return int(hours) * 60 + int(minutes)


def _checked(year: Year) -> Year:
    for hours in (year.full, year.half):
        times = [_minutes(text) for text in (hours.opens, hours.trades, hours.collects, hours.closes)]
        if hours.pauses or hours.resumes:
            times[2:2] = [_minutes(hours.pauses), _minutes(hours.resumes)]
        if not times[0] <= times[1] < times[-2] <= times[-1] or times[1:-1] != sorted({*times[1:-1]}):
            raise ValueError(f"the hours of {year.year} are not in order: {hours}")
    days = [*year.make_up_days, *year.closed, *year.half_days]
    days += [day for one in year.holidays for day in (one.first, one.last)]
    for day in days:
        if day.year != year.year:
            raise ValueError(f"the calendar of {year.year} names {day}")
    return year


def read_year(path: Path) -> Year:
    """The arrangement in a file. Raises ValueError naming the file for one that is none."""
    try:
        return _checked(msgspec.json.decode(path.read_bytes(), type=Year))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is no calendar of a year: {error}") from error


def load_calendar(environ: Mapping[str, str] = os.environ) -> Calendar:
    """The calendars that come with the package; the file that H2MARKET_CALENDAR names takes the place of its year's.
    Raises ValueError."""
    years = [read_year(path) for path in sorted(_FOLDER.glob("calendar-*.json"))]
    named = environ.get("H2MARKET_CALENDAR")
    return Calendar([*years, read_year(Path(named))] if named else years)


@cache
def calendar() -> Calendar:
    """This process's calendar, read once."""
    return load_calendar()
