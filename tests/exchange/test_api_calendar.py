"""The market that follows the trading calendar, on both stores."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.calendar import calendar
from tests.exchange.market import PRODUCT, TERMS, Market, problem

BREAK = {"pauses": "11:30", "resumes": "13:30"}


@pytest.fixture
def a_break(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    year = json.loads(Path("exchange/data/calendar-2026.json").read_text())
    file = tmp_path / "calendar.json"
    file.write_text(json.dumps({**year, "full": {**year["full"], **BREAK}}))
    monkeypatch.setenv("H2MARKET_CALENDAR", str(file))
    calendar.cache_clear()
    yield
    calendar.cache_clear()


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


def test_nothing_trades_before_the_opening_auction(market: Market) -> None:
    later = {"window_start": "2026-03-05T06:00:00+08:00", "window_end": "2026-03-05T14:00:00+08:00"}
    product = "EXW-TAIYUAN-TUBE20-20260305A"
    market.ask("POST", "/v1/products", "operator", json={**TERMS, **later, "product_id": product})
    body = {"commodity": "hydrogen", "window_start": later["window_start"], "loads": 5}
    for who in ("seller", "keeper"):
        market.ask("PUT", "/v1/capacities", who, json=body)
    own = market.rest("keeper", "k-1", "sell", 1, "19.00", product_id=product)
    market.rest("seller", "s-1", "sell", 2, "19.50", product_id=product)
    market.rest("keeper", "k-2", "buy", 2, "20.00", product_id=product, all_or_none=True)
    market.move("2026-03-02T18:00:00+08:00")
    assert market.ask("DELETE", f"/v1/orders/{own}", "keeper").status_code == 200
    market.move("2026-03-03T08:59:00+08:00")
    assert market.ask("GET", "/v1/market").json()["is_open"]
    assert market.find("keeper", "k-2")["status"] == "new"
    market.move("2026-03-03T09:00:00+08:00")
    assert market.find("keeper", "k-2")["status"] == "filled"


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
            "pauses_at": None, "resumes_at": None,
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


def rest_three(market: Market) -> None:
    for time_in_force in ("session", "day", "gtc"):
        market.rest("buyer", f"b-{time_in_force}", "buy", 1, "20.00", time_in_force=time_in_force)


def statuses(market: Market) -> list[str]:
    return [market.find("buyer", f"b-{time_in_force}")["status"] for time_in_force in ("session", "day", "gtc")]


@pytest.mark.usefixtures("a_break")
def test_a_break_ends_the_session_and_not_the_day(market: Market) -> None:
    rest_three(market)
    market.move("2026-03-02T11:29:00+08:00")
    assert statuses(market) == ["new", "new", "new"]
    market.move("2026-03-02T11:30:00+08:00")
    assert statuses(market) == ["expired", "new", "new"]
    assert problem(market.place("seller", "s-1", "sell", 1, "20.00"))[1] == "market_closed"
    market.move("2026-03-02T13:30:00+08:00")
    market.rest("buyer", "afternoon", "buy", 1, "19.00", time_in_force="session")
    market.move("2026-03-02T13:31:00+08:00")
    assert market.find("buyer", "afternoon")["status"] == "new"
    market.move("2026-03-02T15:00:00+08:00")
    assert (statuses(market), market.find("buyer", "afternoon")["status"]) == (["expired", "expired", "new"], "expired")
    today = market.ask("GET", "/v1/calendar", params={"limit": 1}).json()["items"][0]
    assert (today["pauses_at"], today["resumes_at"]) == ("2026-03-02T11:30:00+08:00", "2026-03-02T13:30:00+08:00")


@pytest.mark.usefixtures("a_break")
def test_a_break_that_was_slept_through_ends_the_session_all_the_same(market: Market) -> None:
    rest_three(market)
    market.leap("2026-03-02T14:00:00+08:00")
    assert (statuses(market), market.ask("GET", "/v1/market").json()["is_open"]) == (["expired", "new", "new"], True)


@pytest.mark.usefixtures("a_break")
def test_a_day_that_ends_in_a_break_ends_for_its_orders(market: Market) -> None:
    rest_three(market)
    market.move("2026-03-02T11:30:00+08:00")
    market.leap("2026-03-03T05:00:00+08:00")
    assert statuses(market) == ["expired", "new", "new"]
    market.move("2026-03-03T05:01:00+08:00")
    market.leap("2026-03-03T08:50:00+08:00")
    assert statuses(market)[:2] == ["expired", "expired"]
