"""Orders that are not taken: rejected by a rule of the trade and found again, or not well formed and never there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from exchange import commands as c
from exchange.errors import ORDER_REFUSALS
from tests.exchange.market import PRODUCT, TERMS, Market, order, problem

HAULAGE = "HAUL-TAIYUAN-LINFEN-TUBE20-20260303A"
GONE = "EXW-TAIYUAN-TUBE20-20260302B"


def _rejected(market: Market, who: str, body: dict[str, Any]) -> dict[str, Any]:
    """Sends an order that must be rejected with one event and be found again; gives the problem."""
    before = market.length()
    answer = market.ask("POST", "/v1/orders", who, json=body)
    status, code, field, rule = problem(answer)
    assert (status, rule) == (422, code)
    assert market.length() == before + 1
    found = market.find(who, body["client_order_id"])
    assert (found["status"], found["reason"], found["open_loads"], found["executed_loads"]) == ("rejected", code, 0, 0)
    assert (found["field"], found["shortfall"]) == (field or "", answer.json().get("params", {}).get("shortfall"))
    assert (found["order_id"], found["price"], found["loads"]) == (f"O{before + 1}", body["price"], body["loads"])
    return {"code": code, "field": field, "params": answer.json().get("params", {}), "detail": answer.json()["detail"]}


def test_an_order_against_a_rule_is_rejected_and_found_again(market: Market) -> None:
    haulage = {**TERMS, "product_id": HAULAGE, "kind": "haulage", "destination_hub": "LINFEN"}
    for terms in (haulage, {**TERMS, "product_id": GONE}):
        assert market.ask("POST", "/v1/products", "operator", json=terms).status_code == 201
    market.submit(c.CloseProduct(GONE))
    cases = [
        ("buyer", order("1", "buy", 1, "20.01"), "price_off_tick", "price"),
        ("buyer", order("2", "buy", 1, "80.05"), "price_out_of_range", "price"),
        ("buyer", order("3", "buy", 1, "0.00"), "price_out_of_range", "price"),
        ("buyer", order("4", "buy", 1, "999999999999.00"), "price_out_of_range", "price"),
        ("buyer", order("5", "buy", 21, "20.00"), "loads_out_of_range", "loads"),
        ("buyer", order("6", "buy", 1_000_000, "20.00"), "loads_out_of_range", "loads"),
        ("buyer", order("7", "buy", 1, "20.00", product_id="EXW-NOWHERE"), "unknown_product", "product_id"),
        ("buyer", order("8", "buy", 1, "20.00", product_id=GONE), "product_closed", "product_id"),
        ("buyer", order("9", "sell", 1, "20.00"), "role_unsuitable", "side"),
        ("seller", order("1", "buy", 1, "20.00"), "role_unsuitable", "side"),
        ("seller", order("2", "sell", 1, "20.00", product_id=HAULAGE), "role_unsuitable", "side"),
        ("operator", order("1", "buy", 1, "20.00"), "role_unsuitable", "side"),
    ]
    for who, body, code, field in cases:
        told = _rejected(market, who, body)
        assert (told["code"], told["field"]) == (code, field), body
    assert market.limits("buyer")["reserved"] == "0.00"


def test_a_limit_that_does_not_suffice_names_what_lacks(market: Market) -> None:
    market.rest("buyer", "b-1", "buy", 20, "80.00")
    market.rest("buyer", "b-2", "buy", 20, "80.00")
    told = _rejected(market, "buyer", order("b-3", "buy", 20, "80.00"))
    assert (told["code"], told["field"], told["params"]) == (
        "money_limit_exceeded",
        "loads",
        {"shortfall": "440000.00"},
    )
    assert "440000.00 CNY" in told["detail"]
    for number in (1, 2):
        market.rest("seller", f"s-{number}", "sell", 19, "80.00", time_in_force="day")
    told = _rejected(market, "seller", order("s-3", "sell", 5, "20.00"))
    assert (told["code"], told["field"], told["params"]) == ("capacity_exceeded", "loads", {"shortfall": 3})
    told = _rejected(market, "other", order("o-1", "buy", 20, "80.00", product_id="EXW-NOWHERE"))
    assert told["params"] == {}


def test_a_closed_market_and_a_suspended_company_take_no_orders(market: Market) -> None:
    market.rest("buyer", "b-1", "buy", 1, "20.00")
    market.submit(c.SuspendTrader(market.ids["buyer"]))
    view = market.find("buyer", "b-1")
    assert (view["status"], view["reason"]) == ("cancelled", "suspended")
    told = _rejected(market, "buyer", order("b-2", "buy", 1, "20.00"))
    assert (told["code"], told["field"]) == ("suspended", None)
    market.submit(c.ReinstateTrader(market.ids["buyer"]))
    market.rest("buyer", "b-3", "buy", 1, "20.00")
    market.move("2026-03-02T15:00:00+08:00")
    told = _rejected(market, "buyer", order("b-4", "buy", 1, "20.00"))
    assert (told["code"], told["field"]) == ("market_closed", None)


def test_a_suspension_in_the_register_reaches_the_exchange(market: Market) -> None:
    market.rest("buyer", "b-1", "buy", 1, "20.00")
    path = f"/v1/participants/{market.ids['buyer']}/suspension"
    assert market.ask("POST", path, "operator", json={"reason": "unpaid"}).status_code == 200
    market.settle()
    assert market.find("buyer", "b-1")["reason"] == "suspended"
    assert _rejected(market, "buyer", order("b-2", "buy", 1, "20.00"))["code"] == "suspended"


def test_rejections_speak_chinese_to_who_asks_for_it(market: Market) -> None:
    answer = market.ask("POST", "/v1/orders", json=order("1", "buy", 1, "20.01"), headers={"Accept-Language": "zh-CN"})
    assert answer.json()["detail"] == "价格不是该产品最小变动价位的整数倍。"
    again = market.place("buyer", "1", "buy", 1, "20.01")
    assert again.json()["detail"] == "The price is not a multiple of the product's price tick."
    invalid = market.ask("POST", "/v1/orders", json={}, headers={"Accept-Language": "zh"}).json()
    assert {entry["detail"] for entry in invalid["errors"]} == {"缺少该字段。"}


@pytest.mark.parametrize("code", sorted(ORDER_REFUSALS))
def test_every_rejection_has_its_sentence_in_both_languages(code: str) -> None:
    refusal = ORDER_REFUSALS[code](field="x", shortfall=1)
    assert refusal.sentence("en").isascii()
    assert refusal.sentence("zh").endswith("。")


# --- not well formed


def test_a_body_with_a_wrong_field_is_no_order(market: Market) -> None:
    well = order("b-1", "buy", 1, "20.00")
    cases: list[tuple[str, Any, str]] = [
        ("price", 20.0, "decimal_string"),
        ("price", 20, "decimal_string"),
        ("price", None, "missing"),
        ("price", ["20.00"], "decimal_string"),
        ("price", "20.001", "decimal_string"),
        ("price", "-20.00", "decimal_string"),
        ("price", "2e1", "decimal_string"),
        ("price", " 20.00", "decimal_string"),
        ("price", "", "decimal_string"),
        ("price", "NaN", "decimal_string"),
        ("price", "1" * 13, "decimal_string"),
        ("loads", "1", "int_type"),
        ("loads", 1.5, "int_type"),
        ("loads", 1.0, "int_type"),
        ("loads", True, "int_type"),
        ("loads", None, "int_type"),
        ("loads", 0, "greater_than_equal"),
        ("loads", -1, "greater_than_equal"),
        ("loads", 1_000_001, "less_than_equal"),
        ("loads", 10**30, "less_than_equal"),
        ("side", "hold", "literal_error"),
        ("side", "BUY", "literal_error"),
        ("side", 1, "literal_error"),
        ("time_in_force", "good", "literal_error"),
        ("product_id", "exw", "string_pattern_mismatch"),
        ("product_id", "", "string_pattern_mismatch"),
        ("product_id", "X" * 81, "string_pattern_mismatch"),
        ("product_id", 7, "string_type"),
        ("client_order_id", "", "string_pattern_mismatch"),
        ("client_order_id", "a b", "string_pattern_mismatch"),
        ("client_order_id", "a\n", "string_pattern_mismatch"),
        ("client_order_id", "订单", "string_pattern_mismatch"),
        ("client_order_id", "\u0000", "string_pattern_mismatch"),
        ("client_order_id", "x" * 65, "string_pattern_mismatch"),
        ("participant_id", "P1", "extra_forbidden"),
    ]
    with market.unchanged():
        for field, value, rule in cases:
            answer = market.ask("POST", "/v1/orders", json={**well, field: value})
            assert problem(answer) == (422, "invalid_input", field, rule), (field, value)
        for field in ("client_order_id", "product_id", "side", "price", "loads"):
            body = {name: value for name, value in well.items() if name != field}
            assert problem(market.ask("POST", "/v1/orders", json=body)) == (422, "invalid_input", field, "missing")


def test_every_wrong_field_is_listed(market: Market) -> None:
    body = {**order("b-1", "hold", 0, "20"), "price": 20}
    errors = market.ask("POST", "/v1/orders", json=body).json()["errors"]
    assert [entry["field"] for entry in errors] == ["side", "price", "loads"]


@pytest.mark.parametrize("path", ["/v1/orders", "/v1/orders/batch", "/v1/products"])
def test_a_body_that_is_no_object_is_refused(market: Market, path: str) -> None:
    deep = "[" * 10_000 + "]" * 10_000
    bodies = [
        b"",
        b"{",
        b"null",
        b"[]",
        b"7",
        b'"x"',
        b"\xff\xfe",
        b'{"price": NaN}',
        b'{"a": "\\ud800"}',
        deep.encode(),
    ]
    with market.unchanged():
        for body in bodies:
            answer = market.ask("POST", path, "operator", content=body, headers={"Content-Type": "application/json"})
            assert problem(answer)[:2] == (422, "invalid_input"), (body[:20], answer.text)


def test_a_doubled_field_does_not_smuggle_a_value_past_the_rules(market: Market) -> None:
    text = json.dumps(order("b-1", "buy", 1, "20.00"))[:-1] + ', "loads": 2}'
    answer = market.ask("POST", "/v1/orders", content=text.encode(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 201
    assert answer.json()["loads"] == market.find("buyer", "b-1")["loads"] == 2
    assert answer.json()["product_id"] == PRODUCT
