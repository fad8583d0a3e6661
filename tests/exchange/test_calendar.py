"""The trading calendar, and the market that follows it, on both stores."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from exchange.calendar import USUAL, Calendar, load_calendar, read_year
from kernel.clock import from_text, to_text
from tests.exchange.market import PRODUCT, TERMS, Market, problem

CALENDAR = load_calendar({})
FILE = Path("exchange/data/calendar-2026.json")


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
    ("change", "says"),
    [
        ({"full": {"opens": "08:50", "trades": "09:00", "collects": "09:00", "closes": "15:00"}}, "not in order"),
        ({"half": {"opens": "8:50", "trades": "09:00", "collects": "11:00", "closes": "12:00"}}, "HH:MM"),
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


def test_a_year_without_a_file_has_the_usual_hours() -> None:
    day = Calendar([]).day(date(2026, 2, 17))
    assert (day.state, to_text(day.opens_at)[11:16], to_text(day.closes_at)[11:16]) == (
        "open", USUAL.opens, USUAL.closes,
    )  # fmt: skip


# --- the market


def phase(market: Market) -> str:
    return str(market.ask("GET", f"/v1/products/{PRODUCT}").json()["phase"])


def test_a_day_closes_and_the_next_opens_in_an_auction(market: Market) -> None:
    market.rest("buyer", "b-1", "buy", 2, "20.00", time_in_force="day")
    market.move("2026-03-02T14:57:00+08:00")
    assert phase(market) == "auction"
    market.rest("seller", "s-1", "sell", 1, "19.00")
    assert market.ask("GET", f"/v1/products/{PRODUCT}/book").json()["indicative"]["loads"] == 1
    market.move("2026-03-02T15:00:00+08:00")
    # The order of the day traded in the closing auction before the rest of it expired.
    day = market.find("buyer", "b-1")
    assert (day["status"], day["executed_loads"], day["average_price"]) == ("expired", 1, "20.00")
    assert (market.ask("GET", "/v1/market").json()["is_open"], phase(market)) == (False, "continuous")


def test_the_opening_auction_matches_at_nine(market: Market) -> None:
    later = {"window_start": "2026-03-05T06:00:00+08:00", "window_end": "2026-03-05T14:00:00+08:00"}
    product = "EXW-TAIYUAN-TUBE20-20260305A"
    market.ask("POST", "/v1/products", "operator", json={**TERMS, **later, "product_id": product})
    body = {"commodity": "hydrogen", "window_start": later["window_start"], "loads": 5}
    market.ask("PUT", "/v1/capacities", "seller", json=body)
    market.move("2026-03-03T08:49:00+08:00")
    assert problem(market.place("buyer", "b-0", "buy", 1, "20.00", product_id=product))[1] == "market_closed"
    market.move("2026-03-03T08:50:00+08:00")
    assert market.ask("GET", f"/v1/products/{product}").json()["phase"] == "auction"
    market.rest("buyer", "b-1", "buy", 2, "20.00", product_id=product)
    market.rest("seller", "s-1", "sell", 2, "19.00", product_id=product)
    assert problem(market.place("buyer", "b-2", "buy", 1, "20.00", product_id=product, time_in_force="ioc"))[1] == (
        "not_in_auction"
    )
    market.move("2026-03-03T09:00:00+08:00")
    assert market.ask("GET", f"/v1/products/{product}").json()["phase"] == "continuous"
    assert market.find("buyer", "b-1")["status"] == "filled"


def test_what_the_operator_halted_stays_halted(market: Market) -> None:
    market.ask("POST", f"/v1/products/{PRODUCT}/phase", "operator", json={"phase": "halted"})
    market.move("2026-03-02T15:00:00+08:00")
    assert phase(market) == "halted"


def test_the_calendar_is_told(market: Market) -> None:
    page = market.ask("GET", "/v1/calendar", params={"limit": 1}).json()
    assert page["items"] == [
        {
            "day": "2026-03-02", "state": "open", "holiday": None, "holiday_zh": None, "makes_up": False,
            "opens_at": "2026-03-02T08:50:00+08:00", "trades_at": "2026-03-02T09:00:00+08:00",
            "collects_at": "2026-03-02T14:57:00+08:00", "closes_at": "2026-03-02T15:00:00+08:00",
        }
    ]  # fmt: skip
    after = market.ask("GET", "/v1/calendar", params={"limit": 1, "cursor": page["next_cursor"]}).json()
    assert after["items"][0]["day"] == "2026-03-03"
    closed = market.ask("GET", "/v1/calendar", params={"from": "2026-02-16", "limit": 1}).json()["items"][0]
    assert (closed["state"], closed["holiday"], closed["opens_at"]) == ("closed", "Spring Festival", None)
    last = market.ask("GET", "/v1/calendar", params={"from": "2027-12-31"}).json()
    assert (len(last["items"]), last["next_cursor"]) == (1, None)
    assert market.ask("GET", "/v1/calendar", params={"from": "2199-01-01"}).json()["items"] == []
    for query, field in (({"from": "2026-02-30"}, "from"), ({"cursor": "MTIz"}, "cursor")):
        assert problem(market.ask("GET", "/v1/calendar", params=query))[:3] == (422, "invalid_input", field)
