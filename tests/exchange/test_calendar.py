"""The trading calendar."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import msgspec
import pytest

from exchange.calendar import USUAL, Calendar, calendar, load_calendar, read_year
from kernel.clock import from_text, to_text

CALENDAR = load_calendar({})
FILE = Path("exchange/data/calendar-2026.json")
HOURS = {"opens": "08:50", "trades": "09:00", "collects": "14:57", "closes": "15:00"}


@pytest.mark.parametrize(
    ("day", "state", "holiday", "makes_up"),
    [
        ("2026-03-02", "open", None, False),
        ("2026-03-08", "open", None, False),  # a Sunday
        ("2026-01-01", "half", "元旦", False),
        ("2026-01-04", "open", None, True),
        ("2026-02-14", "open", None, True),
        ("2026-02-17", "closed", "春节", False),
        ("2026-02-23", "open", "春节", False),
        ("2026-09-25", "open", "中秋节", False),
        ("2026-10-01", "half", "国庆节", False),
        ("2026-10-10", "open", None, True),
        ("2031-10-01", "open", None, False),  # nobody has arranged that year yet
    ],
)
def test_a_day_of_the_calendar(day: str, state: str, holiday: str | None, makes_up: bool) -> None:
    found = CALENDAR.day(date.fromisoformat(day))
    assert (found.state, found.holiday and found.holiday.name_zh, found.makes_up) == (state, holiday, makes_up)
    assert bool(found.opens_at) == (state != "closed")


def test_holidays_make_up_what_the_state_council_says() -> None:
    year = CALENDAR.years[2026]
    days = sum((one.last - one.first).days + 1 for one in year.holidays)
    assert (len(year.holidays), days, len(year.make_up_days)) == (7, 33, 6)
    assert all(day.weekday() >= 5 for day in year.make_up_days)


@pytest.mark.parametrize(
    ("now", "is_open", "until"),
    [
        ("2026-03-02T08:49:59+08:00", False, None),
        ("2026-03-02T08:50:00+08:00", True, "2026-03-02T09:00:00+08:00"),
        ("2026-03-02T08:59:59+08:00", True, "2026-03-02T09:00:00+08:00"),
        ("2026-03-02T09:00:00+08:00", True, None),
        ("2026-03-02T14:56:59+08:00", True, None),
        ("2026-03-02T14:57:00+08:00", True, "2026-03-02T15:00:00+08:00"),
        ("2026-03-02T15:00:00+08:00", False, None),
        ("2026-10-01T11:58:00+08:00", True, "2026-10-01T12:00:00+08:00"),
        ("2026-10-01T12:00:00+08:00", False, None),
        ("2026-02-17T10:00:00+08:00", False, None),
    ],
)
def test_what_the_market_should_do(now: str, is_open: bool, until: str | None) -> None:
    wanted = CALENDAR.at(from_text(now))
    assert (wanted.is_open, to_text(wanted.auction_until) if wanted.auction_until else None) == (is_open, until)


@pytest.mark.parametrize(
    ("now", "is_open", "in_break", "resumed"),
    [
        ("2026-03-02T11:29:59+08:00", True, False, None),
        ("2026-03-02T11:30:00+08:00", False, True, None),
        ("2026-03-02T13:29:59+08:00", False, True, None),
        ("2026-03-02T13:30:00+08:00", True, False, "2026-03-02T13:30:00+08:00"),
        ("2026-03-02T14:58:00+08:00", True, False, "2026-03-02T13:30:00+08:00"),
        ("2026-03-02T15:00:00+08:00", False, False, None),
        ("2026-10-01T11:30:00+08:00", True, False, None),  # half days have hours of their own
    ],
)
def test_a_day_with_a_break(now: str, is_open: bool, in_break: bool, resumed: str | None) -> None:
    year = CALENDAR.years[2026]
    full = msgspec.structs.replace(year.full, pauses="11:30", resumes="13:30")
    wanted = Calendar([msgspec.structs.replace(year, full=full)]).at(from_text(now))
    resumed_at = to_text(wanted.resumed_at) if wanted.resumed_at else None
    assert (wanted.is_open, wanted.in_break, resumed_at) == (is_open, in_break, resumed)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"full": {"opens": "08:50", "trades": "09:00", "collects": "09:00", "closes": "15:00"}}, "not in order"),
        ({"half": {"opens": "8:50", "trades": "09:00", "collects": "11:00", "closes": "12:00"}}, "HH:MM"),
        ({"full": {**HOURS, "pauses": "11:30"}}, "HH:MM"),
        ({"full": {**HOURS, "pauses": "13:30", "resumes": "11:30"}}, "not in order"),
        ({"full": {**HOURS, "pauses": "11:30", "resumes": "11:30"}}, "not in order"),
        ({"full": {**HOURS, "pauses": "09:00", "resumes": "11:30"}}, "not in order"),
        ({"full": {**HOURS, "pauses": "13:30", "resumes": "14:57"}}, "not in order"),
        ({"closed": ["2027-01-01"]}, "names 2027-01-01"),
        ({"closed": ["soon"]}, "no calendar"),
        ({"weather": "fair"}, "weather"),
    ],
)
def test_a_file_that_is_no_calendar_is_refused(tmp_path: Path, change: dict[str, object], says: str) -> None:
    file = tmp_path / "calendar.json"
    file.write_text(json.dumps({**json.loads(FILE.read_text()), **change}))
    with pytest.raises(ValueError, match=says):
        read_year(file)


def test_an_own_file_takes_the_place_of_its_year(tmp_path: Path) -> None:
    file = tmp_path / "calendar.json"
    file.write_text(json.dumps({**json.loads(FILE.read_text()), "closed": ["2026-03-02"]}))
    own = load_calendar({"H2MARKET_CALENDAR": str(file)})
    assert own.day(date(2026, 3, 2)).state == "closed"
    assert own.day(date(2026, 2, 17)).state == "open"
    with pytest.raises(ValueError, match="missing"):
        load_calendar({"H2MARKET_CALENDAR": str(tmp_path / "missing.json")})


def test_the_house_has_one_calendar() -> None:
    assert calendar() is calendar()
    assert calendar().day(date(2026, 10, 10)).makes_up


def test_a_year_without_a_file_has_the_usual_hours() -> None:
    day = Calendar([]).day(date(2026, 2, 17))
    assert (day.state, to_text(day.opens_at)[11:16], to_text(day.closes_at)[11:16]) == (
        "open", USUAL.opens, USUAL.closes,
    )  # fmt: skip
