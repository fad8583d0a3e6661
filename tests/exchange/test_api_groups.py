"""Orders that are taken together or not at all, and baskets, over HTTP on both stores."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from exchange import commands as c
from tests.exchange.market import Market, order, problem


def send(market: Market, group: str, orders: list[dict[str, Any]], who: str = "buyer") -> httpx.Response:
    return market.ask("POST", "/v1/orders/batch", who, json={"group": group, "orders": orders})


def told(answer: httpx.Response) -> list[tuple[int, str]]:
    """Status of each order and what became of it: its status, or the code of its problem."""
    assert answer.status_code == 200, answer.text
    return [
        (one["status"], one["order"]["status"] if one["order"] else one["problem"]["code"])
        for one in answer.json()["results"]
    ]


def test_a_group_is_taken_whole(market: Market) -> None:
    market.rest("seller", "s-1", "sell", 1, "19.00")
    answer = send(market, "reject_all", [order("b-1", "buy", 2, "20.00"), order("b-2", "buy", 1, "18.00")])
    assert told(answer) == [(201, "partially_filled"), (201, "new")]
    assert [one["order"]["order_id"] for one in answer.json()["results"]] == [
        market.find("buyer", "b-1")["order_id"],
        market.find("buyer", "b-2")["order_id"],
    ]


def test_one_refusal_refuses_the_group(market: Market) -> None:
    limits = market.limits("buyer")
    answer = send(market, "reject_all", [order("b-1", "buy", 2, "20.00"), order("b-2", "buy", 1, "20.01")])
    assert told(answer) == [(422, "group_rejected"), (422, "price_off_tick")]
    assert answer.json()["results"][1]["problem"]["errors"][0]["field"] == "orders.1.price"
    assert market.limits("buyer") == limits
    assert market.find("buyer", "b-1")["status"] == "rejected"
    by_itself = send(market, "reject_partially", [order("b-3", "buy", 2, "20.00"), order("b-4", "buy", 1, "20.01")])
    assert told(by_itself) == [(201, "new"), (422, "price_off_tick")]


def test_the_limit_covers_a_group_together(market: Market) -> None:
    orders = [order(f"b-{number}", "buy", 20, "80.00") for number in (1, 2, 3)]  # 480,000.00 each of 1,000,000.00
    answer = send(market, "reject_all", orders)
    assert told(answer) == [(422, "group_rejected"), (422, "group_rejected"), (422, "money_limit_exceeded")]
    assert answer.json()["results"][2]["problem"]["params"] == {"shortfall": "440000.00"}
    assert market.limits("buyer")["reserved"] == "0.00"
    assert told(send(market, "reject_all", [order(f"c-{number}", "buy", 20, "80.00") for number in (1, 2)])) == [
        (201, "new"), (201, "new"),
    ]  # fmt: skip


def test_a_group_sent_again_gives_the_first_answer(market: Market) -> None:
    market.rest("seller", "s-1", "sell", 1, "19.00")
    orders = [order("b-1", "buy", 2, "20.00"), order("b-2", "buy", 1, "18.00")]
    for group in ("reject_all", "basket"):
        first = send(market, group, [{**one, "client_order_id": f"{group}-{one['price']}"} for one in orders])
        with market.unchanged():
            again = send(market, group, [{**one, "client_order_id": f"{group}-{one['price']}"} for one in orders])
        assert (again.status_code, again.json()) == (200, first.json() | {"results": again.json()["results"]})
        assert told(again) == told(first)


def test_a_client_order_id_of_a_group_is_taken_for_ever(market: Market) -> None:
    orders = [order("b-1", "buy", 2, "20.00"), order("b-2", "buy", 1, "18.00")]
    send(market, "reject_all", orders)
    with market.unchanged():
        alone = market.ask("POST", "/v1/orders", json=orders[1])
        assert problem(alone)[:3] == (409, "idempotency_key_reused", "client_order_id")
        other = send(market, "reject_all", [order("b-3", "buy", 1, "20.00"), orders[1]])
        assert problem(other)[:3] == (409, "idempotency_key_reused", "orders.1.client_order_id")
        basket = send(market, "basket", orders)
        assert problem(basket)[:3] == (409, "idempotency_key_reused", "orders.0.client_order_id")
        twice = send(market, "reject_all", [order("x", "buy", 1, "20.00"), order("x", "buy", 1, "19.00")])
        assert problem(twice) == (422, "invalid_input", "orders.1.client_order_id", "unique")


def test_a_market_order_that_the_group_overtook_is_placed_and_ended(market: Market) -> None:
    market.rest("seller", "s-1", "sell", 2, "19.00")
    ioc = {**order("b-2", "buy", 1, "0"), "order_type": "market", "time_in_force": "ioc"}
    del ioc["price"]
    answer = send(market, "reject_all", [order("b-1", "buy", 2, "20.00"), ioc])
    assert told(answer) == [(201, "filled"), (201, "cancelled")]
    assert answer.json()["results"][1]["order"]["reason"] == "overtaken"
    assert market.limits("buyer")["reserved"] == "0.00"


def test_a_post_only_order_behind_its_own_group_does_not_trade(market: Market) -> None:
    orders = [order("k-1", "sell", 1, "19.00"), order("k-2", "buy", 1, "19.00", post_only=True)]
    assert told(send(market, "reject_all", orders, "keeper")) == [(201, "new"), (201, "cancelled")]
    assert market.limits("keeper")["reserved"] == "0.00"


@pytest.mark.parametrize(
    ("price", "second", "reserved"),
    [("40.00", (201, "filled"), "960000.00"), ("70.00", (201, "cancelled"), "912000.00")],
)
def test_a_market_order_takes_no_money_that_the_group_needs(
    market: Market, price: str, second: tuple[int, str], reserved: str
) -> None:
    """The second of them meets a worse price than it was checked for: what it needs more is there, or it ends."""
    market.rest("seller", "s-1", "sell", 1, "20.00")
    market.rest("seller", "s-2", "sell", 2, price)
    orders = [order(f"b-{number}", "buy", number, "0") for number in (1, 2)]
    for body in orders:
        del body["price"]
        body.update(order_type="market", time_in_force="ioc")
    orders += [order(f"b-{number}", "buy", 20, "80.00") for number in (3, 4)]  # 960,000.00 of 1,000,000.00
    results = told(send(market, "reject_all", orders))
    assert results[:2] == [(201, "filled"), second]
    assert [status for status, _ in results] == [201] * 4
    assert market.limits("buyer")["reserved"] == reserved


def test_a_basket_fills_whole_or_not_at_all(market: Market) -> None:
    market.rest("seller", "s-1", "sell", 2, "19.00")
    fok = {"time_in_force": "fok"}
    answer = send(market, "basket", [order("b-1", "buy", 1, "19.00", **fok), order("b-2", "buy", 2, "19.00", **fok)])
    assert told(answer) == [(422, "basket_unfilled"), (422, "basket_unfilled")]
    assert told(send(market, "basket", [order("b-3", "buy", 1, "19.00")])) == [(422, "options_conflict")]
    answer = send(market, "basket", [order("b-4", "buy", 1, "19.00", **fok), order("b-5", "buy", 1, "19.00", **fok)])
    assert told(answer) == [(201, "filled"), (201, "filled")]
    assert market.find("buyer", "b-5")["executed_loads"] == 1


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_group_speaks_both_languages(market: Market, language: str) -> None:
    body = {"group": "reject_all", "orders": [order("b-1", "buy", 1, "20.00"), order("b-2", "buy", 99, "20.00")]}
    answer = market.ask("POST", "/v1/orders/batch", json=body, headers={"Accept-Language": language})
    detail = answer.json()["results"][0]["problem"]["detail"]
    assert (
        detail
        == {
            "en": "Another order of the group is refused, so none of them was placed.",
            "zh": "同组中有其他订单被拒绝，故全部未受理。",
        }[language]
    )


def test_a_group_replays_to_the_same_state(market: Market) -> None:
    market.rest("seller", "s-1", "sell", 2, "19.00")
    send(market, "reject_all", [order("b-1", "buy", 3, "20.00"), order("b-2", "buy", 1, "19.95", post_only=True)])
    send(market, "reject_all", [order("k-1", "sell", 1, "21.00"), order("k-2", "buy", 1, "21.00")], "keeper")
    room = market.house.rooms["exchange"]
    before = room.machine.digest()  # type: ignore[attr-defined]
    with market.house.store.read_engine.connect() as connection:
        machine = room.blank()
        for recorded in room.log.read(connection, 0):
            machine.evolve(recorded.event, recorded.at, recorded.seq)
    assert machine.digest() == before  # type: ignore[attr-defined]
    machine.check()  # type: ignore[attr-defined]


def test_an_agreement_is_entered_once_in_a_group(market: Market) -> None:
    terms = {"counterparty_id": market.ids["seller"], "agreement": "deal-1"}
    orders = [order("b-1", "buy", 1, "20.00", **terms), order("b-2", "buy", 1, "20.00", **terms)]
    assert told(send(market, "reject_all", orders)) == [(422, "group_rejected"), (422, "agreement_taken")]


def test_a_group_keeps_inside_the_order_rates(market: Market) -> None:
    market.submit(c.SetOrderRates(market.ids["buyer"], 1, 1_000, 1_000))
    orders = [order("b-1", "buy", 1, "20.00"), order("b-2", "buy", 1, "20.00")]
    assert told(send(market, "reject_all", orders)) == [(422, "order_rate_exceeded"), (422, "order_rate_exceeded")]
