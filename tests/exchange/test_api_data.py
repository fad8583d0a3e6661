"""Quote requests, candles, implied prices, and lists as tables; on both stores."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from openpyxl import load_workbook

from kernel.exports import CSV, XLSX, defused
from seeds.identity import credit_code
from tests.exchange.market import PRODUCT, TERMS, TRADER, Market, problem


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_request_for_quotes_is_anonymous(market: Market) -> None:
    body = {"product_id": PRODUCT, "side": "buy", "loads": 3}
    made = market.ask("POST", "/v1/quote-requests", json=body, headers={"Idempotency-Key": "q"})
    asked = made.json()
    assert (made.status_code, asked["side"], asked["loads"], asked["own"]) == (201, "buy", 3, True)
    with market.unchanged():
        again = market.ask("POST", "/v1/quote-requests", json=body, headers={"Idempotency-Key": "q"})
    assert again.json() == asked
    market.ask("POST", "/v1/quote-requests", "other", json={"product_id": PRODUCT, "loads": 1})
    items = market.ask("GET", "/v1/quote-requests", "seller", params={"product_id": PRODUCT}).json()["items"]
    assert [(one["side"], one["loads"], one["own"]) for one in items] == [(None, 1, False), ("buy", 3, False)]
    assert items[1] == {**asked, "own": False}
    for who in ("buyer", "other"):
        assert market.ids[who] not in market.ask("GET", "/v1/quote-requests", "auditor").text


def test_a_request_for_quotes_that_makes_no_sense_is_refused(market: Market) -> None:
    for change, told in (
        ({"product_id": "EXW-NOWHERE"}, ("unknown_product", "product_id")),
        ({"loads": 21}, ("loads_out_of_range", "loads")),
        ({"loads": 0}, ("invalid_input", "loads")),
        ({"side": "hold"}, ("invalid_input", "side")),
    ):
        with market.unchanged():
            answer = market.ask("POST", "/v1/quote-requests", json={"product_id": PRODUCT, "loads": 1, **change})
        assert problem(answer)[:3] == (422, *told), change
    market.move("2026-03-02T16:00:00+08:00")
    closed = market.ask("POST", "/v1/quote-requests", json={"product_id": PRODUCT, "loads": 1})
    assert problem(closed)[:2] == (422, "market_closed")


def trade(market: Market, number: int, price: str, loads: int) -> None:
    market.rest("seller", f"s-{number}", "sell", loads, price)
    market.rest("buyer", f"b-{number}", "buy", loads, price)


def test_candles_say_what_the_trades_came_to(market: Market) -> None:
    for number, (price, loads) in enumerate([("20.00", 1), ("21.00", 2), ("19.00", 1), ("20.50", 1)]):
        trade(market, number, price, loads)
    market.move("2026-03-02T09:36:10+08:00")
    trade(market, 9, "22.00", 1)
    candles = market.ask("GET", f"/v1/products/{PRODUCT}/candles", params={"interval": "5m"}).json()["items"]
    assert candles == [
        {
            "start": "2026-03-02T09:35:00+08:00", "open": "22.00", "high": "22.00", "low": "22.00", "close": "22.00",
            "average": "22.00", "loads": 1, "trades": 1,
        },
        {
            "start": "2026-03-02T09:30:00+08:00", "open": "20.00", "high": "21.00", "low": "19.00", "close": "20.50",
            "average": "20.30", "loads": 5, "trades": 4,
        },
    ]  # fmt: skip
    for interval, start in (("1m", "09:36"), ("1h", "09:00"), ("1d", "00:00")):
        newest = market.ask("GET", f"/v1/products/{PRODUCT}/candles", params={"interval": interval}).json()["items"][0]
        assert newest["start"] == f"2026-03-02T{start}:00+08:00"
    first = market.ask("GET", f"/v1/products/{PRODUCT}/candles", params={"interval": "5m", "limit": 1}).json()
    more = {"interval": "5m", "limit": 1, "cursor": first["next_cursor"]}
    rest = market.ask("GET", f"/v1/products/{PRODUCT}/candles", params=more).json()
    assert (first["items"] + rest["items"], rest["next_cursor"]) == (candles, None)
    assert problem(market.ask("GET", "/v1/products/EXW-NOWHERE/candles"))[:2] == (404, "product_not_found")


def test_the_book_shows_what_other_books_imply(market: Market) -> None:
    haulage = {**TERMS, "product_id": "HAUL-A", "kind": "haulage", "destination_hub": "JINZHONG"}
    delivered = {**TERMS, "product_id": "DLV-A", "kind": "delivered", "hub": "JINZHONG"}
    for terms in (haulage, delivered):
        assert market.ask("POST", "/v1/products", "operator", json=terms).status_code == 201
    market.rest("seller", "s-1", "sell", 3, "19.00")
    market.rest("buyer", "b-1", "buy", 2, "24.00", product_id="DLV-A")
    book = market.ask("GET", "/v1/products/HAUL-A/book").json()
    assert (book["bids"], book["implied_bid"], book["implied_ask"]) == ([], {"price": "5.00", "loads": 2}, None)


def test_a_leg_between_two_who_rested_has_no_taker(market: Market) -> None:
    haulage = {**TERMS, "product_id": "HAUL-A", "kind": "haulage", "destination_hub": "JINZHONG"}
    delivered = {**TERMS, "product_id": "DLV-A", "kind": "delivered", "hub": "JINZHONG"}
    for terms in (haulage, delivered):
        assert market.ask("POST", "/v1/products", "operator", json=terms).status_code == 201
    market.enter("haulier", credit_code(50), ("haulier",), TRADER)
    market.settle()
    body = {"commodity": "haulage", "window_start": TERMS["window_start"], "loads": 5}
    assert market.ask("PUT", "/v1/capacities", "haulier", json=body).status_code == 200
    market.rest("haulier", "h-1", "sell", 1, "5.00", product_id="HAUL-A")
    market.rest("buyer", "b-1", "buy", 1, "24.00", product_id="DLV-A")
    market.rest("seller", "s-1", "sell", 1, "19.00")
    for product, leg, side in ((PRODUCT, "hydrogen", "sell"), ("HAUL-A", "haulage", None)):
        (told,) = market.ask("GET", f"/v1/products/{product}/trades").json()["items"]
        assert (told["leg"], told["taker_side"]) == (leg, side)


# --- tables


@pytest.mark.parametrize(
    ("query", "headers", "media"),
    [
        ({"format": "csv"}, {}, "text/csv; charset=utf-8"),
        ({"format": "xlsx"}, {}, XLSX),
        ({"format": "json"}, {"Accept": CSV}, "application/json"),
        ({}, {"Accept": CSV}, "text/csv; charset=utf-8"),
        ({}, {"Accept": f"application/json;q=0.5, {XLSX}"}, XLSX),
        ({}, {"Accept": "text/html, */*;q=0.8"}, "application/json"),
        ({}, {"Accept": "text/csv;q=zero"}, "application/json"),
    ],
)
def test_a_list_comes_in_the_form_that_is_asked_for(
    market: Market, query: dict[str, str], headers: dict[str, str], media: str
) -> None:
    answer = market.ask("GET", "/v1/orders", params=query, headers=headers)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, media)


def test_every_list_comes_as_a_table(market: Market) -> None:
    trade(market, 1, "20.00", 1)
    order_id = market.find("buyer", "b-1")["order_id"]
    market.ask("POST", "/v1/quote-requests", json={"product_id": PRODUCT, "loads": 1})
    for path in (
        "/v1/orders", "/v1/trades", f"/v1/orders/{order_id}/trades", "/v1/products", f"/v1/products/{PRODUCT}/trades",
        f"/v1/products/{PRODUCT}/candles", "/v1/quote-requests", "/v1/calendar",
    ):  # fmt: skip
        page = market.ask("GET", path, params={"limit": 500}).json()
        rows = table(market.ask("GET", path, params={"format": "csv", "limit": 500}).text)
        assert len(rows) == len(page["items"]) > 0, path
        assert list(rows[0]) == list(page["items"][0]), path
        book = load_workbook(io.BytesIO(market.ask("GET", path, params={"format": "xlsx", "limit": 500}).content))
        assert [cell.value for cell in book.worksheets[0][1]] == list(rows[0]), path
        assert book.worksheets[0].max_row == len(rows) + 1, path


def test_a_table_goes_on_where_it_stopped(market: Market) -> None:
    for number in range(3):
        market.rest("buyer", f"b-{number}", "buy", 1, "20.00")
    first = market.ask("GET", "/v1/orders", params={"format": "csv", "limit": 2})
    assert 'filename="orders.csv"' in first.headers["Content-Disposition"]
    query = {"format": "csv", "limit": 2, "cursor": first.headers["X-Next-Cursor"]}
    rest = market.ask("GET", "/v1/orders", params=query)
    assert "X-Next-Cursor" not in rest.headers
    assert [row["client_order_id"] for row in table(first.text) + table(rest.text)] == ["b-2", "b-1", "b-0"]


def test_numbers_are_numbers_in_a_spreadsheet(market: Market) -> None:
    market.rest("buyer", "b-1", "buy", 2, "20.05")
    data = market.ask("GET", "/v1/orders", params={"format": "xlsx"}).content
    sheet = load_workbook(io.BytesIO(data)).worksheets[0]
    row = dict(zip((cell.value for cell in sheet[1]), sheet[2], strict=True))
    assert (row["price"].value, row["price"].number_format, row["loads"].value) == (20.05, "0.00", 2)
    assert (row["average_price"].value or "", row["client_order_id"].value) == ("", "b-1")


def test_a_formula_is_defused(market: Market) -> None:
    """A reason that the operator types, or a name of somebody else, must not run in a spreadsheet."""
    for text in ("=1+1", "+1;cmd", "-2+3", "@SUM(A1)", "\t=1", "＝1", "-"):
        assert defused(text) == f"'{text}"
    for text in ("", "-12.50", "12", "b-1", "a=b", "2026-03-02T09:30:00+08:00"):
        assert defused(text) == text
    terms: dict[str, Any] = {**TERMS, "product_id": "EXW-B", "grade": '=HYPERLINK("http://an.example","x")'}
    assert market.ask("POST", "/v1/products", "operator", json=terms).status_code == 201
    rows = table(market.ask("GET", "/v1/products", params={"format": "csv"}).text)
    assert rows[0]["grade"] == f"'{terms['grade']}"
    sheet = load_workbook(io.BytesIO(market.ask("GET", "/v1/products", params={"format": "xlsx"}).content)).worksheets[
        0
    ]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n"}
