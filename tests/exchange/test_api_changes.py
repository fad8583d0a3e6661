"""Amending and cancelling orders over HTTP, on both stores."""

from __future__ import annotations

from typing import Any

from tests.exchange.market import Market, problem


def test_a_cancel_takes_away_what_is_open(market: Market) -> None:
    order_id = market.rest("buyer", "b-1", "buy", 5, "20.00")
    market.rest("seller", "s-1", "sell", 2, "20.00")
    answer = market.ask("DELETE", f"/v1/orders/{order_id}")
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "order_id": order_id,
            "status": "cancelled",
            "price": None,
            "loads": None,
            "cancelled_loads": 3,
            "fills": [],
            "keeps_priority": None,
            "at": "2026-03-02T09:30:00+08:00",
        },
    )
    view = market.find("buyer", "b-1")
    assert (view["status"], view["reason"], view["executed_loads"], view["open_loads"]) == (
        "cancelled", "requested", 2, 0,
    )  # fmt: skip
    assert market.limits("buyer")["reserved"] == "0.00"
    with market.unchanged():
        again = market.ask("DELETE", f"/v1/orders/{order_id}")
    assert problem(again)[:2] == (404, "order_not_open")


def test_cancels_pass_while_the_market_is_closed(market: Market) -> None:
    order_id = market.rest("buyer", "b-1", "buy", 5, "20.00")
    market.move("2026-03-02T15:00:00+08:00")
    assert market.ask("DELETE", f"/v1/orders/{order_id}").json()["cancelled_loads"] == 5


def test_a_cancel_under_a_key_gives_the_same_answer_again(market: Market) -> None:
    order_id, other = market.rest("buyer", "b-1", "buy", 5, "20.00"), market.rest("buyer", "b-2", "buy", 1, "20.00")
    headers = {"Idempotency-Key": "cancel-1"}
    first = market.ask("DELETE", f"/v1/orders/{order_id}", headers=headers)
    with market.unchanged():
        again = market.ask("DELETE", f"/v1/orders/{order_id}", headers=headers)
        reused = market.ask("DELETE", f"/v1/orders/{other}", headers=headers)
    assert (again.status_code, again.json()) == (200, first.json())
    assert problem(reused) == (409, "idempotency_key_reused", "Idempotency-Key", "idempotency_key_reused")


def test_fewer_loads_keep_the_place_in_the_queue(market: Market) -> None:
    first = market.rest("buyer", "b-1", "buy", 5, "20.00")
    second = market.rest("other", "o-1", "buy", 5, "20.00")
    answer = market.ask("PATCH", f"/v1/orders/{first}", json={"loads": 3}).json()
    assert (answer["status"], answer["loads"], answer["price"], answer["keeps_priority"]) == (
        "amended", 3, "20.00", True,
    )  # fmt: skip
    market.rest("seller", "s-1", "sell", 3, "20.00")
    assert market.ask("GET", f"/v1/orders/{first}").json()["status"] == "filled"
    assert market.ask("GET", f"/v1/orders/{second}", "other").json()["executed_loads"] == 0


def test_more_loads_lose_the_place_in_the_queue(market: Market) -> None:
    first = market.rest("buyer", "b-1", "buy", 2, "20.00")
    second = market.rest("other", "o-1", "buy", 2, "20.00")
    answer = market.ask("PATCH", f"/v1/orders/{first}", json={"loads": 3}).json()
    assert (answer["loads"], answer["keeps_priority"]) == (3, False)
    market.rest("seller", "s-1", "sell", 2, "20.00")
    assert market.ask("GET", f"/v1/orders/{first}").json()["executed_loads"] == 0
    assert market.ask("GET", f"/v1/orders/{second}", "other").json()["status"] == "filled"


def test_an_amended_price_may_trade_at_once(market: Market) -> None:
    market.rest("seller", "s-1", "sell", 2, "20.50")
    order_id = market.rest("buyer", "b-1", "buy", 3, "20.00")
    answer = market.ask("PATCH", f"/v1/orders/{order_id}", json={"price": "21.00"}).json()
    assert [(fill["price"], fill["loads"]) for fill in answer["fills"]] == [("20.50", 2)]
    assert (answer["price"], answer["keeps_priority"]) == ("21.00", False)
    assert market.limits("buyer") == {  # reserved: 1 x 21.00 x 300 kg, committed: 2 x 20.50 x 300 kg
        "granted": "1000000.00", "reserved": "6300.00", "committed": "12300.00", "free": "981400.00",
    }  # fmt: skip


def test_an_amendment_to_what_is_executed_ends_the_order(market: Market) -> None:
    order_id = market.rest("buyer", "b-1", "buy", 5, "20.00")
    market.rest("seller", "s-1", "sell", 2, "20.00")
    answer = market.ask("PATCH", f"/v1/orders/{order_id}", json={"loads": 2}).json()
    assert (answer["status"], answer["cancelled_loads"]) == ("cancelled", 3)
    view = market.find("buyer", "b-1")
    assert (view["status"], view["reason"]) == ("cancelled", "amended_below_executed")


def test_an_amendment_under_a_key_gives_the_same_answer_again(market: Market) -> None:
    order_id = market.rest("buyer", "b-1", "buy", 5, "20.00")
    headers = {"Idempotency-Key": "amend-1"}
    first = market.ask("PATCH", f"/v1/orders/{order_id}", headers=headers, json={"loads": 3})
    market.ask("PATCH", f"/v1/orders/{order_id}", json={"loads": 2})
    with market.unchanged():
        again = market.ask("PATCH", f"/v1/orders/{order_id}", headers=headers, json={"loads": 3})
        reused = market.ask("PATCH", f"/v1/orders/{order_id}", headers=headers, json={"loads": 1})
    assert (again.status_code, again.json()) == (200, first.json())
    assert problem(reused)[1:3] == ("idempotency_key_reused", "Idempotency-Key")
    assert market.find("buyer", "b-1")["loads"] == 2


def test_an_amendment_that_is_refused_changes_nothing(market: Market) -> None:
    order_id = market.rest("buyer", "b-1", "buy", 5, "20.00")
    view, limits = market.find("buyer", "b-1"), market.limits("buyer")
    cases: list[tuple[Any, tuple[str, str | None, str]]] = [
        ({}, ("invalid_input", "body", "empty")),
        ({"price": None, "loads": None}, ("invalid_input", "body", "empty")),
        ({"loads": "3"}, ("invalid_input", "loads", "int_type")),
        ({"loads": -1}, ("invalid_input", "loads", "greater_than_equal")),
        ({"price": 21}, ("invalid_input", "price", "decimal_string")),
        ({"price": "-1.00"}, ("invalid_input", "price", "decimal_string")),
        ({"side": "sell"}, ("invalid_input", "side", "extra_forbidden")),
        ([], ("invalid_input", "body", "model_type")),
        ({"price": "20.01"}, ("price_off_tick", "price", "price_off_tick")),
        ({"price": "80.05"}, ("price_out_of_range", "price", "price_out_of_range")),
        ({"price": "0.00"}, ("price_out_of_range", "price", "price_out_of_range")),
        ({"loads": 21}, ("loads_out_of_range", "loads", "loads_out_of_range")),
    ]
    with market.unchanged():
        for body, told in cases:
            assert problem(market.ask("PATCH", f"/v1/orders/{order_id}", json=body)) == (422, *told), body
    assert (market.find("buyer", "b-1"), market.limits("buyer")) == (view, limits)


def test_an_amendment_over_the_limit_names_what_lacks(market: Market) -> None:
    for number in (1, 2):
        market.rest("buyer", f"b-{number}", "buy", 20, "80.00")
    order_id = market.rest("buyer", "b-3", "buy", 1, "80.00")
    with market.unchanged():
        answer = market.ask("PATCH", f"/v1/orders/{order_id}", json={"loads": 3})
    assert problem(answer)[:3] == (422, "money_limit_exceeded", "loads")
    assert answer.json()["params"] == {"shortfall": "32000.00"}
    market.move("2026-03-02T15:00:00+08:00")
    with market.unchanged():
        closed = market.ask("PATCH", f"/v1/orders/{order_id}", json={"price": "79.00"})
    assert problem(closed) == (422, "market_closed", None, "market_closed")


def test_anothers_order_is_as_unknown_as_none(market: Market) -> None:
    order_id = market.rest("buyer", "b-1", "buy", 5, "20.00")
    with market.unchanged():
        for path in (f"/v1/orders/{order_id}", "/v1/orders/O999999", "/v1/orders/O999999999999999999"):
            assert problem(market.ask("GET", path, "other"))[:2] == (404, "not_found")
            assert problem(market.ask("DELETE", path, "other"))[:2] == (404, "order_not_open")
            assert problem(market.ask("PATCH", path, "other", json={"loads": 1}))[:2] == (404, "order_not_open")
    assert market.ask("GET", f"/v1/orders/{order_id}", "operator").json()["client_order_id"] == "b-1"
    assert market.ask("GET", f"/v1/orders/{order_id}", "auditor").json()["participant_id"] == market.ids["buyer"]


def test_an_id_that_is_none_finds_nothing(market: Market) -> None:
    with market.unchanged():
        for name in ("o1", "O0", "O01", "T1", "1", "O1x", "O" + "9" * 19, "O-1", "O１", "%20", "O1%0A"):
            for method, body in (("DELETE", None), ("PATCH", {"loads": 1})):
                answer = market.ask(method, f"/v1/orders/{name}", json=body)
                assert problem(answer)[:3] == (404, "not_found", "order_id"), name
            assert market.ask("GET", f"/v1/orders/{name}").status_code in (404, 422), name
