"""Switches over HTTP: of a company, and of the operator for a company and for the market; on both stores."""

from __future__ import annotations

from tests.exchange.market import PRODUCT, Market, problem


def test_a_mass_cancel_says_how_many(market: Market) -> None:
    first = market.rest("keeper", "k-1", "buy", 1, "18.00")
    second = market.rest("keeper", "k-2", "sell", 1, "21.00")
    third = market.rest("keeper", "k-3", "buy", 1, "17.00", hibernated=True)
    other = market.rest("buyer", "b-1", "buy", 1, "18.00")
    assert market.ask("DELETE", "/v1/orders", "keeper", params={"product_id": "EXW-NOWHERE"}).json()["cancelled"] == 0
    assert market.ask("DELETE", "/v1/orders", "keeper", params={"key_id": "K1"}).json()["cancelled"] == 0
    sold = market.ask("DELETE", "/v1/orders", "keeper", params={"side": "sell", "key_id": "own"}).json()
    assert (sold["cancelled"], sold["order_ids"]) == (1, [second])
    market.move("2026-03-02T16:00:00+08:00")  # also while the market is closed
    rest = market.ask("DELETE", "/v1/orders", "keeper", headers={"Idempotency-Key": "all"})
    assert (rest.status_code, rest.json()["cancelled"], rest.json()["order_ids"]) == (200, 2, [first, third])
    with market.unchanged():
        assert market.ask("DELETE", "/v1/orders", "keeper", headers={"Idempotency-Key": "all"}).json() == rest.json()
    assert market.find("keeper", "k-1")["reason"] == "mass_cancel"
    assert market.ask("GET", f"/v1/orders/{other}").json()["status"] == "new"


def test_an_order_sleeps_and_wakes_up_behind_the_others(market: Market) -> None:
    first, second = (market.rest(who, "x", "buy", 1, "20.00") for who in ("buyer", "other"))
    asleep = market.ask("POST", f"/v1/orders/{first}/hibernation").json()
    assert (asleep["order_id"], asleep["hibernated"], asleep["changed"], asleep["fills"]) == (first, True, True, [])
    assert market.limits("buyer")["reserved"] == "0.00"
    assert market.ask("GET", "/v1/orders", params={"status": "suspended"}).json()["items"][0]["order_id"] == first
    assert market.ask("POST", f"/v1/orders/{first}/hibernation").json()["changed"] is False
    awake = market.ask("POST", f"/v1/orders/{first}/activation", headers={"Idempotency-Key": "up"})
    assert (awake.json()["hibernated"], awake.json()["changed"]) == (False, True)
    with market.unchanged():
        again = market.ask("POST", f"/v1/orders/{first}/activation", headers={"Idempotency-Key": "up"})
    assert again.json() == awake.json()
    assert market.limits("buyer")["reserved"] == "6000.00"
    market.rest("seller", "s-1", "sell", 1, "20.00")
    assert market.ask("GET", f"/v1/orders/{second}", "other").json()["status"] == "filled"
    assert market.ask("GET", f"/v1/orders/{first}").json()["status"] == "new"


def test_an_order_that_wakes_up_may_trade(market: Market) -> None:
    order_id = market.rest("buyer", "b-1", "buy", 2, "20.00", hibernated=True)
    market.rest("seller", "s-1", "sell", 1, "19.00")
    fills = market.ask("POST", f"/v1/orders/{order_id}/activation").json()["fills"]
    assert [(fill["price"], fill["loads"], fill["leg"]) for fill in fills] == [("19.00", 1, "")]
    trades = market.ask("GET", f"/v1/orders/{order_id}/trades").json()["items"]
    assert [(one["trade_id"], one["side"], one["order_id"]) for one in trades] == [
        (fills[0]["trade_id"], "buy", order_id)
    ]


def test_only_its_owner_wakes_an_order(market: Market) -> None:
    order_id = market.rest("buyer", "b-1", "buy", 2, "20.00", hibernated=True)
    with market.unchanged():
        for action in ("hibernation", "activation"):
            assert problem(market.ask("POST", f"/v1/orders/{order_id}/{action}", "other"))[:2] == (
                404, "order_not_open",
            )  # fmt: skip
        assert problem(market.ask("GET", f"/v1/orders/{order_id}/trades", "other"))[:2] == (404, "not_found")


def test_orders_are_found_by_side_status_and_change(market: Market) -> None:
    market.rest("keeper", "k-1", "buy", 1, "18.00")
    market.rest("keeper", "k-2", "sell", 1, "21.00")
    market.ask("DELETE", "/v1/orders", "keeper", params={"side": "buy"})

    def ids(**query: str) -> list[str]:
        items = market.ask("GET", "/v1/orders", "keeper", params=query).json()["items"]
        return [item["client_order_id"] for item in items]

    assert ids() == ["k-2", "k-1"]
    assert (ids(side="buy"), ids(status="cancelled"), ids(status="new")) == (["k-1"], ["k-1"], ["k-2"])
    assert (ids(since="2026-03-02T09:30:00+08:00"), ids(since="2026-03-02T09:30:01+08:00")) == (["k-2", "k-1"], [])


def test_the_self_trade_mode_is_chosen(market: Market) -> None:
    assert market.ask("GET", "/v1/self-trade-mode", "keeper").json() == {"mode": "cancel_newest"}
    assert market.ask("PUT", "/v1/self-trade-mode", "keeper", json={"mode": "decrement"}).status_code == 200
    assert market.ask("GET", "/v1/self-trade-mode", "keeper").json() == {"mode": "decrement"}
    market.rest("keeper", "k-1", "sell", 3, "19.00")
    answer = market.place("keeper", "k-2", "buy", 1, "19.00").json()
    assert (answer["status"], market.find("keeper", "k-1")["loads"]) == ("cancelled", 2)
    assert problem(market.ask("PUT", "/v1/self-trade-mode", json={"mode": "never"}))[:3] == (
        422, "invalid_input", "mode",
    )  # fmt: skip


def test_the_dead_man_switch_fires_unless_it_is_renewed(market: Market) -> None:
    assert market.ask("GET", "/v1/dead-man-switch").json() == {"timeout_s": 0, "fires_at": None}
    order_id = market.rest("buyer", "b-1", "buy", 1, "20.00")
    set_to = market.ask("PUT", "/v1/dead-man-switch", json={"timeout_s": 120}).json()
    assert set_to == {"timeout_s": 120, "fires_at": "2026-03-02T09:32:00+08:00"}
    market.move("2026-03-02T09:31:00+08:00")
    renewed = market.ask("PUT", "/v1/dead-man-switch", json={"timeout_s": 120}).json()
    assert renewed["fires_at"] == "2026-03-02T09:33:00+08:00"
    market.move("2026-03-02T09:32:00+08:00")
    assert market.ask("GET", f"/v1/orders/{order_id}").json()["status"] == "new"
    market.move("2026-03-02T09:33:00+08:00")
    order = market.ask("GET", f"/v1/orders/{order_id}").json()
    assert (order["status"], order["reason"]) == ("cancelled", "dead_man")
    assert market.ask("GET", "/v1/dead-man-switch").json() == {"timeout_s": 0, "fires_at": None}
    for timeout_s in (-1, 86_401, "60"):
        refused = market.ask("PUT", "/v1/dead-man-switch", json={"timeout_s": timeout_s})
        assert problem(refused)[:3] == (422, "invalid_input", "timeout_s")


def test_a_company_pulls_its_kill_switch(market: Market) -> None:
    market.rest("buyer", "b-1", "buy", 1, "20.00")
    pulled = market.ask("POST", "/v1/kill-switch").json()
    assert pulled == {
        "participant_id": market.ids["buyer"], "pulled": True, "pulled_by_operator": False, "cancelled": 1,
    }  # fmt: skip
    assert market.find("buyer", "b-1")["reason"] == "kill_switch"
    refused = market.place("buyer", "b-2", "buy", 1, "20.00")
    assert problem(refused)[:2] == (422, "kill_switch")
    assert market.ask("GET", "/v1/kill-switch").json()["pulled"] is True
    assert market.ask("DELETE", "/v1/kill-switch").json()["pulled"] is False
    market.rest("buyer", "b-3", "buy", 1, "20.00")


def test_a_company_cannot_release_the_operators_switch(market: Market) -> None:
    path = f"/v1/participants/{market.ids['buyer']}/kill-switch"
    market.rest("buyer", "b-1", "buy", 1, "20.00")
    assert problem(market.ask("POST", path, "other"))[:2] == (403, "forbidden")
    assert market.ask("POST", path, "operator").json()["cancelled"] == 1
    own = market.ask("DELETE", "/v1/kill-switch").json()
    assert (own["pulled"], own["pulled_by_operator"]) == (False, True)
    assert problem(market.place("buyer", "b-2", "buy", 1, "20.00"))[:2] == (422, "kill_switch")
    assert market.ask("DELETE", path, "operator").json()["pulled_by_operator"] is False
    assert market.ask("GET", path, "operator").json()["pulled"] is False
    market.rest("buyer", "b-3", "buy", 1, "20.00")
    unknown = market.ask("POST", "/v1/participants/P999/kill-switch", "operator")
    assert problem(unknown)[:2] == (404, "trader_not_found")


def test_order_rates_are_told_and_set(market: Market) -> None:
    market.rest("buyer", "b-1", "buy", 1, "20.00")
    told = market.ask("GET", "/v1/order-rates").json()
    assert told["per_10s"] == {"used": 1, "allowed": 20_000}
    path = f"/v1/participants/{market.ids['buyer']}/order-rates"
    rates = {"per_10s": 2, "per_hour": 3, "per_day": 100}
    assert problem(market.ask("PUT", path, "buyer", json=rates))[:2] == (403, "forbidden")
    assert market.ask("PUT", path, "operator", json=rates).json()["per_10s"] == {"used": 1, "allowed": 2}
    market.rest("buyer", "b-2", "buy", 1, "20.00")
    assert problem(market.place("buyer", "b-3", "buy", 1, "20.00"))[:2] == (422, "order_rate_exceeded")
    market.move("2026-03-02T09:31:00+08:00")
    told = market.ask("GET", path, "operator").json()
    assert (told["per_10s"], told["per_hour"]) == ({"used": 0, "allowed": 2}, {"used": 3, "allowed": 3})
    market.move("2026-03-02T10:00:00+08:00")
    assert market.ask("GET", "/v1/order-rates").json()["per_hour"] == {"used": 0, "allowed": 3}


def test_a_halt_stops_everything_but_cancels(market: Market) -> None:
    order_id = market.rest("buyer", "b-1", "buy", 1, "20.00")
    assert problem(market.ask("POST", "/v1/market/halt", json={"reason": "x"}))[:2] == (403, "forbidden")
    assert market.ask("POST", "/v1/market/halt", "operator", json={"reason": "leak"}).json()["halted"] is True
    assert market.ask("GET", "/v1/market").json()["halted"] is True
    assert problem(market.place("seller", "s-1", "sell", 1, "20.00"))[:2] == (422, "market_halted")
    assert market.ask("DELETE", f"/v1/orders/{order_id}").status_code == 200
    assert market.ask("DELETE", "/v1/market/halt", "operator").json()["halted"] is False
    market.rest("seller", "s-2", "sell", 1, "20.00")


def test_the_operator_moves_a_product_through_its_phases(market: Market) -> None:
    path = f"/v1/products/{PRODUCT}/phase"
    assert problem(market.ask("POST", path, json={"phase": "halted"}))[:2] == (403, "forbidden")

    def move(phase: str, **more: str) -> tuple[str, str]:
        answer = market.ask("POST", path, "operator", json={"phase": phase, **more}).json()
        return answer["phase"], answer["status"]

    market.rest("buyer", "b-1", "buy", 1, "20.00")
    assert move("frozen") == ("frozen", "open")
    assert problem(market.ask("DELETE", f"/v1/orders/{market.find('buyer', 'b-1')['order_id']}"))[:2] == (
        422, "product_frozen",
    )  # fmt: skip
    assert market.ask("DELETE", "/v1/orders").json()["cancelled"] == 0
    assert move("halted") == ("halted", "open")
    assert problem(market.place("seller", "s-1", "sell", 1, "20.00"))[:2] == (422, "product_halted")
    assert problem(market.ask("POST", path, "operator", json={"phase": "expired"}))[:3] == (
        409, "phase_unsuitable", "phase",
    )  # fmt: skip
    assert move("closed") == ("closed", "closed")
    assert move("expired") == ("expired", "closed")
    assert market.find("buyer", "b-1")["reason"] == "product_closed"
    nowhere = market.ask("POST", "/v1/products/EXW-NOWHERE/phase", "operator", json={"phase": "closed"})
    assert problem(nowhere)[:3] == (404, "product_not_found", "product_id")


def test_an_auction_shows_what_it_would_trade(market: Market) -> None:
    path = f"/v1/products/{PRODUCT}/phase"
    until = {"phase": "auction", "until": "2026-03-02T09:40:00+08:00", "reason": "news"}
    assert market.ask("POST", path, "operator", json=until).json()["phase_until"] == "2026-03-02T09:40:00+08:00"
    market.rest("buyer", "b-1", "buy", 3, "20.00")
    assert market.ask("GET", f"/v1/products/{PRODUCT}/book").json()["indicative"] is None
    market.rest("seller", "s-1", "sell", 2, "19.00")
    book = market.ask("GET", f"/v1/products/{PRODUCT}/book").json()
    assert (book["phase"], book["indicative"]) == ("auction", {"price": "20.00", "loads": 2, "surplus_loads": 1})
    market.move("2026-03-02T09:40:00+08:00")
    trades = market.ask("GET", f"/v1/products/{PRODUCT}/trades").json()["items"]
    assert [(one["price"], one["loads"], one["taker_side"]) for one in trades] == [("20.00", 2, None)]
    assert market.ask("GET", f"/v1/products/{PRODUCT}").json()["reference_price"] == "20.00"


def test_a_halted_market_does_not_uncross(market: Market) -> None:
    path = f"/v1/products/{PRODUCT}/phase"
    market.ask("POST", path, "operator", json={"phase": "auction", "until": "2026-03-02T09:40:00+08:00"})
    market.rest("buyer", "b-1", "buy", 1, "20.00")
    market.rest("seller", "s-1", "sell", 1, "19.00")
    market.ask("POST", "/v1/market/halt", "operator", json={"reason": "leak"})
    market.move("2026-03-02T09:50:00+08:00")
    assert market.ask("GET", f"/v1/products/{PRODUCT}/trades").json()["items"] == []
    market.ask("DELETE", "/v1/market/halt", "operator")
    market.move("2026-03-02T09:51:00+08:00")
    assert len(market.ask("GET", f"/v1/products/{PRODUCT}/trades").json()["items"]) == 1


def test_a_frozen_product_holds_its_orders_but_not_against_a_kill_switch(market: Market) -> None:
    first = market.rest("keeper", "k-1", "buy", 1, "18.00")
    market.rest("buyer", "b-1", "buy", 1, "18.00")
    market.ask("PUT", "/v1/dead-man-switch", json={"timeout_s": 60})
    market.ask("POST", f"/v1/products/{PRODUCT}/phase", "operator", json={"phase": "frozen"})
    assert problem(market.ask("DELETE", f"/v1/orders/{first}", "keeper"))[:2] == (422, "product_frozen")
    assert market.ask("DELETE", "/v1/orders", "keeper").json()["cancelled"] == 0
    assert market.ask("POST", "/v1/kill-switch", "keeper").json()["cancelled"] == 1
    assert market.find("keeper", "k-1")["reason"] == "kill_switch"
    market.move("2026-03-02T09:40:00+08:00")
    assert market.find("buyer", "b-1")["reason"] == "dead_man"


def test_the_operator_corrects_a_reference_price(market: Market) -> None:
    path = f"/v1/products/{PRODUCT}/reference-price"
    body = {"reference_price": "19.50", "reason": "listed with a slip"}
    with market.unchanged():
        assert problem(market.ask("PUT", path, json=body))[:2] == (403, "forbidden")
        assert problem(market.ask("PUT", path, "operator", json=body))[:3] == (
            409, "reference_price_in_use", "product_id",
        )  # fmt: skip
        nowhere = market.ask("PUT", "/v1/products/EXW-NOWHERE/reference-price", "operator", json=body)
        assert problem(nowhere)[:3] == (404, "product_not_found", "product_id")
    market.ask("POST", f"/v1/products/{PRODUCT}/phase", "operator", json={"phase": "halted"})
    with market.unchanged():
        for wrong in ("0.00", "999999.00"):
            refused = market.ask("PUT", path, "operator", json=body | {"reference_price": wrong})
            assert problem(refused)[:3] == (422, "reference_price_invalid", "reference_price"), wrong
        for missing in ("reference_price", "reason"):
            refused = market.ask("PUT", path, "operator", json={k: v for k, v in body.items() if k != missing})
            assert problem(refused)[:3] == (422, "invalid_input", missing)
    headers = {"Idempotency-Key": "slip"}
    corrected = market.ask("PUT", path, "operator", json=body, headers=headers)
    assert (corrected.status_code, corrected.json()["reference_price"]) == (200, "19.50")
    with market.unchanged():
        assert market.ask("PUT", path, "operator", json=body, headers=headers).json() == corrected.json()
        again = market.ask("PUT", path, "operator", json=body | {"reference_price": "19.00"}, headers=headers)
        assert problem(again)[:2] == (409, "idempotency_key_reused")
    assert market.ask("GET", f"/v1/products/{PRODUCT}").json()["reference_price"] == "19.50"
    market.ask("POST", f"/v1/products/{PRODUCT}/phase", "operator", json={"phase": "closed"})
    assert problem(market.ask("PUT", path, "operator", json=body))[:3] == (409, "reference_price_over", "product_id")
