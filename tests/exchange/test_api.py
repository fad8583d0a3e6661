"""Placing orders over HTTP: trades, replays and batches, on both stores."""

from __future__ import annotations

from typing import Any

from tests.exchange.market import PRODUCT, Market, order, problem


def test_an_order_rests_and_reserves_its_limit(market: Market) -> None:
    answer = market.place("buyer", "b-1", "buy", 2, "20.00")
    number = market.length()
    assert answer.status_code == 201
    assert answer.json() == {
        "order_id": f"O{number}",
        "client_order_id": "b-1",
        "product_id": PRODUCT,
        "side": "buy",
        "price": "20.00",
        "loads": 2,
        "time_in_force": "gtc",
        "status": "new",
        "executed_loads": 0,
        "open_loads": 2,
        "fills": [],
        "reason": "",
        "at": "2026-03-02T09:30:00+08:00",
    }
    assert market.limits("buyer") == {
        "granted": "1000000.00", "reserved": "12000.00", "committed": "0.00", "free": "988000.00",
    }  # fmt: skip
    assert market.ask("GET", f"/v1/orders/O{number}").json() == {
        "order_id": f"O{number}",
        "client_order_id": "b-1",
        "product_id": PRODUCT,
        "participant_id": market.ids["buyer"],
        "side": "buy",
        "price": "20.00",
        "loads": 2,
        "time_in_force": "gtc",
        "order_type": "limit",
        "options": {},
        "status": "new",
        "executed_loads": 0,
        "open_loads": 2,
        "shown_loads": 2,
        "recalled_loads": 0,
        "average_price": None,
        "reason": "",
        "field": "",
        "shortfall": None,
        "placed_at": "2026-03-02T09:30:00+08:00",
        "updated_at": "2026-03-02T09:30:00+08:00",
    }


def test_a_crossing_order_trades_at_the_resting_prices(market: Market) -> None:
    first = market.rest("seller", "s-1", "sell", 2, "19.00")
    market.rest("seller", "s-2", "sell", 1, "19.50")
    answer = market.place("buyer", "b-1", "buy", 5, "20.00").json()
    assert (answer["status"], answer["executed_loads"], answer["open_loads"]) == ("partially_filled", 3, 2)
    assert [(fill["price"], fill["loads"]) for fill in answer["fills"]] == [("19.00", 2), ("19.50", 1)]
    assert market.limits("buyer") == {  # reserved: 2 x 20.00 x 300 kg, committed: (2 x 19.00 + 19.50) x 300 kg
        "granted": "1000000.00", "reserved": "12000.00", "committed": "17250.00", "free": "970750.00",
    }  # fmt: skip
    view = market.find("buyer", "b-1")
    assert (view["status"], view["executed_loads"], view["average_price"]) == ("partially_filled", 3, "19.17")
    filled = market.ask("GET", f"/v1/orders/{first}", "seller").json()
    assert (filled["status"], filled["open_loads"], filled["average_price"]) == ("filled", 0, "19.00")
    capacity = market.ask("GET", "/v1/limits", "seller").json()["capacities"][0]
    assert {name: capacity[name] for name in ("loads", "reserved_loads", "consumed_loads", "free_loads")} == {
        "loads": 40, "reserved_loads": 0, "consumed_loads": 3, "free_loads": 37,
    }  # fmt: skip


def test_immediate_or_cancel_leaves_nothing_in_the_book(market: Market) -> None:
    market.rest("seller", "s-1", "sell", 2, "19.00")
    answer = market.place("buyer", "b-1", "buy", 5, "20.00", time_in_force="ioc").json()
    assert (answer["status"], answer["executed_loads"], answer["open_loads"], answer["reason"]) == (
        "cancelled", 2, 0, "ioc",
    )  # fmt: skip
    view = market.find("buyer", "b-1")
    assert (view["status"], view["reason"], view["executed_loads"], view["open_loads"]) == ("cancelled", "ioc", 2, 0)
    assert market.limits("buyer")["reserved"] == "0.00"


def test_an_order_for_the_day_expires_when_the_market_closes(market: Market) -> None:
    market.rest("buyer", "b-day", "buy", 1, "20.00", time_in_force="day")
    market.rest("buyer", "b-gtc", "buy", 1, "20.00")
    market.move("2026-03-02T15:00:00+08:00")
    assert market.ask("GET", "/v1/market").json()["is_open"] is False
    day = market.find("buyer", "b-day")
    assert (day["status"], day["reason"]) == ("expired", "expired")
    assert market.find("buyer", "b-gtc")["status"] == "new"
    assert market.limits("buyer")["reserved"] == "6000.00"


def test_an_order_does_not_trade_with_its_own_company(market: Market) -> None:
    market.rest("keeper", "k-1", "sell", 2, "19.00")
    answer = market.place("keeper", "k-2", "buy", 3, "19.00").json()
    assert (answer["status"], answer["reason"], answer["fills"]) == ("cancelled", "self_trade", [])


# --- replays


def test_the_same_order_sent_again_gives_the_first_answer(market: Market) -> None:
    market.rest("seller", "s-1", "sell", 1, "19.00")
    first = market.place("buyer", "b-1", "buy", 2, "20.00")
    market.rest("seller", "s-2", "sell", 1, "19.50")  # by now it is filled
    with market.unchanged():
        again = market.place("buyer", "b-1", "buy", 2, "20.00")
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.json()["status"] == "partially_filled"
    assert market.find("buyer", "b-1")["status"] == "filled"


def test_a_client_order_id_is_not_used_for_another_order(market: Market) -> None:
    first = market.place("buyer", "b-1", "buy", 2, "20.00").json()
    others: list[dict[str, Any]] = [
        {"price": "20.05"},
        {"loads": 3},
        {"side": "sell"},
        {"time_in_force": "ioc"},
        {"product_id": "EXW-TAIYUAN-TUBE20-20260304A"},
    ]
    for other in others:
        with market.unchanged():
            answer = market.ask("POST", "/v1/orders", json={**order("b-1", "buy", 2, "20.00"), **other})
        assert problem(answer) == (409, "idempotency_key_reused", "client_order_id", "idempotency_key_reused"), other
        assert "b-1" in answer.json()["detail"]
    assert market.find("buyer", "b-1")["order_id"] == first["order_id"]


def test_an_equal_price_written_otherwise_is_the_same_order(market: Market) -> None:
    first = market.place("buyer", "b-1", "buy", 2, "20.00")
    with market.unchanged():
        assert market.place("buyer", "b-1", "buy", 2, "20").json() == first.json()


def test_each_company_has_client_order_ids_of_its_own(market: Market) -> None:
    first, second = market.rest("buyer", "x", "buy", 1, "20.00"), market.rest("other", "x", "buy", 1, "20.00")
    assert first != second
    assert (market.find("buyer", "x")["order_id"], market.find("other", "x")["order_id"]) == (first, second)


def test_the_same_order_sent_many_times_at_once_is_one_order(market: Market) -> None:
    before = market.length()
    body = order("b-1", "buy", 2, "20.00")
    answers = market.ask_all([("POST", "/v1/orders", "buyer", {"json": body}) for _ in range(20)])
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert market.length() == before + 1


def test_a_rejection_sent_again_is_the_same_rejection(market: Market) -> None:
    market.move("2026-03-02T15:00:00+08:00")
    first = market.place("buyer", "b-1", "buy", 2, "20.00")
    market.move("2026-03-03T05:50:00+08:00")
    market.move("2026-03-03T09:00:00+08:00")
    assert market.ask("GET", "/v1/market").json()["is_open"] is True
    with market.unchanged():
        again = market.place("buyer", "b-1", "buy", 2, "20.00")
    assert problem(first) == problem(again) == (422, "market_closed", None, "market_closed")


def test_an_idempotency_key_beside_the_client_order_id_is_the_same_or_refused(market: Market) -> None:
    body = order("b-1", "buy", 2, "20.00")
    with market.unchanged():
        other = market.ask("POST", "/v1/orders", json=body, headers={"Idempotency-Key": "k"})
    assert problem(other) == (422, "invalid_input", "Idempotency-Key", "client_order_id")
    assert market.ask("POST", "/v1/orders", json=body, headers={"Idempotency-Key": "b-1"}).status_code == 201


# --- batches


def test_each_order_of_a_batch_stands_for_itself(market: Market) -> None:
    market.rest("seller", "s-1", "sell", 1, "19.00")
    before = market.length()
    orders = [
        order("b-1", "buy", 1, "20.00"),
        order("b-2", "buy", 1, "20.01"),
        order("b-1", "buy", 1, "20.00"),
        order("b-1", "buy", 2, "20.00"),
        order("b-3", "buy", 20, "80.00"),
        order("b-4", "buy", 20, "80.00"),
        order("b-5", "buy", 20, "80.00"),
    ]
    answer = market.ask("POST", "/v1/orders/batch", json={"orders": orders})
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [one["client_order_id"] for one in results] == ["b-1", "b-2", "b-1", "b-1", "b-3", "b-4", "b-5"]
    assert [one["status"] for one in results] == [201, 422, 201, 409, 201, 201, 422]
    assert [one["order"] and one["order"]["status"] for one in results] == [
        "filled", None, "filled", None, "new", "new", None,
    ]  # fmt: skip
    assert results[2]["order"] == results[0]["order"]
    problems = {index: one["problem"] for index, one in enumerate(results) if one["problem"]}
    assert {index: (one["code"], one["errors"][0]["field"]) for index, one in problems.items()} == {
        1: ("price_off_tick", "orders.1.price"),
        3: ("idempotency_key_reused", "orders.3.client_order_id"),
        6: ("money_limit_exceeded", "orders.6.loads"),
    }
    # 1,000,000 are granted; a load is committed at 19.00 and twice 20 loads reserved at 80.00, each of 300 kg.
    assert problems[6]["params"] == {"shortfall": "445700.00"}
    assert market.length() == before + 6  # five orders placed or rejected, and a trade
    assert market.find("buyer", "b-5")["status"] == "rejected"


def test_a_batch_sent_again_gives_the_same_orders(market: Market) -> None:
    body = {"orders": [order(f"b-{number}", "buy", 1, "20.00") for number in range(100)]}
    first = market.ask("POST", "/v1/orders/batch", json=body).json()
    with market.unchanged():
        assert market.ask("POST", "/v1/orders/batch", json=body).json() == first
    assert len({one["order"]["order_id"] for one in first["results"]}) == 100


def test_a_batch_that_is_not_well_formed_changes_nothing(market: Market) -> None:
    one, no_loads = order("b-1", "buy", 1, "20.00"), order("b-2", "buy", 0, "20.00")
    many = [order(f"b-{number}", "buy", 1, "20.00") for number in range(101)]
    cases: list[tuple[dict[str, Any], str, str]] = [
        ({"orders": []}, "orders", "too_short"),
        ({"orders": many}, "orders", "too_long"),
        ({"orders": [one, no_loads]}, "orders.1.loads", "greater_than_equal"),
        ({}, "orders", "missing"),
        ({"orders": [one], "all_or_nothing": True}, "all_or_nothing", "extra_forbidden"),
    ]
    with market.unchanged():
        for body, field, rule in cases:
            answer = market.ask("POST", "/v1/orders/batch", json=body)
            assert problem(answer) == (422, "invalid_input", field, rule), rule


def test_a_batch_rejected_for_no_field_names_none(market: Market) -> None:
    market.move("2026-03-02T15:00:00+08:00")
    answer = market.ask("POST", "/v1/orders/batch", json={"orders": [order("b-1", "buy", 1, "20.00")]})
    told = answer.json()["results"][0]["problem"]
    assert (told["code"], told["errors"][0]["field"]) == ("market_closed", None)
