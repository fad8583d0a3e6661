"""Recalls over HTTP on both stores: who may ask, who decides, and what everybody reads of the trade afterwards."""

from __future__ import annotations

import csv
import io
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from exchange.commands import ConcludeRecall, RequestRecall
from exchange.model import TradeFacts
from kernel.clock import from_text
from kernel.verify import verify_room
from tests.exchange.market import NOW, PRODUCT, Market, problem

REASON = {"reason": "The price has one digit too many."}


def traded(market: Market, loads: int = 2, price: str = "20.00") -> str:
    """A trade between seller and buyer; gives its id."""
    market.rest("seller", "s-1", "sell", 3, price)
    (fill,) = market.place("buyer", "b-1", "buy", loads, price).json()["fills"]
    return str(fill["trade_id"])


def ask_back(market: Market, trade_id: str, who: str = "buyer", key: str = "") -> dict[str, Any]:
    headers = {"Idempotency-Key": key} if key else {}
    answer = market.ask("POST", f"/v1/trades/{trade_id}/recall", who, json=REASON, headers=headers)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def decide(market: Market, trade_id: str, step: str, who: str) -> dict[str, Any]:
    body = {"json": REASON} if step == "rejection" else {}
    answer = market.ask("POST", f"/v1/trades/{trade_id}/recall/{step}", who, **body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def confirmed(market: Market, trade_id: str) -> int:
    """Both eyes agreed; gives the recall's number."""
    second = market.key("operator", ("operate", "read"))
    recall_id = ask_back(market, trade_id)["recall_id"]
    assert decide(market, trade_id, "approval", "operator")["state"] == "approved"
    assert decide(market, trade_id, "confirmation", second)["state"] == "recalling"
    return int(recall_id[1:])


def recalled(market: Market, trade_id: str) -> None:
    """The loads are ended, as tracking says."""
    market.submit(ConcludeRecall(confirmed(market, trade_id), True, ""))


def trade(market: Market, who: str, trade_id: str) -> dict[str, Any]:
    items = market.ask("GET", "/v1/trades", who).json()["items"]
    return next(item for item in items if item["trade_id"] == trade_id)


def test_a_request_says_what_it_asked_for(market: Market) -> None:
    trade_id = traded(market)
    asked = ask_back(market, trade_id)
    assert asked == {
        "recall_id": f"R{market.length()}",
        "state": "requested",
        "trade_ids": [trade_id],
        "requester_id": market.ids["buyer"],
        "reason": REASON["reason"],
        "requested_at": "2026-03-02T09:30:00+08:00",
        "decide_by": "2026-03-02T10:30:00+08:00",
        "approved_by": None,
        "confirmed_by": None,
        "answer": "",
        "updated_at": "2026-03-02T09:30:00+08:00",
    }
    for who in ("buyer", "seller", "operator", "auditor"):
        assert market.ask("GET", f"/v1/trades/{trade_id}/recall", who).json() == asked
        assert market.ask("GET", "/v1/recalls", who).json()["items"] == [asked]
        assert trade(market, who, trade_id)["state"] == "disputed"
    assert market.ask("GET", "/v1/recalls", "other").json()["items"] == []
    assert problem(market.ask("GET", f"/v1/trades/{trade_id}/recall", "other"))[:2] == (404, "not_found")
    assert problem(market.ask("GET", "/v1/trades/T9999/recall"))[:2] == (404, "not_found")


def test_four_eyes_are_seen_by_the_operator_alone(market: Market) -> None:
    trade_id = traded(market)
    market.submit(ConcludeRecall(confirmed(market, trade_id), False, "S28-1 loading"))
    told = market.ask("GET", f"/v1/trades/{trade_id}/recall", "operator").json()
    assert (told["state"], told["answer"]) == ("refused", "S28-1 loading")
    assert told["approved_by"] and told["confirmed_by"] and told["approved_by"] != told["confirmed_by"]
    buyers = market.ask("GET", f"/v1/trades/{trade_id}/recall", "buyer").json()
    assert buyers == {**told, "approved_by": None, "confirmed_by": None}
    assert trade(market, "buyer", trade_id)["state"] == "active"


def test_who_may_not(market: Market) -> None:
    trade_id = traded(market)
    reader = market.key("buyer", ("read",))
    with market.unchanged():
        path = f"/v1/trades/{trade_id}/recall"
        assert problem(market.ask("POST", path, "other", json=REASON)) == (
            404, "trade_not_found", "trade_id", "trade_not_found",
        )  # fmt: skip
        assert problem(market.ask("POST", path, reader, json=REASON))[:2] == (403, "forbidden")
        assert problem(market.ask("POST", path, "auditor", json=REASON))[:2] == (403, "forbidden")
        assert problem(market.ask("POST", path, "", json=REASON))[:2] == (401, "unauthenticated")
        for step in ("approval", "confirmation", "rejection"):
            body = {"json": REASON} if step == "rejection" else {}
            assert problem(market.ask("POST", f"{path}/{step}", "buyer", **body))[:2] == (403, "forbidden")
            assert problem(market.ask("POST", f"{path}/{step}", "operator", **body)) == (
                404, "recall_not_open", "trade_id", "recall_not_open",
            )  # fmt: skip


def test_what_is_no_trade_is_not_found(market: Market) -> None:
    traded(market)
    with market.unchanged():
        for number in (1, market.length() - 1, market.length() + 1, 10**17):
            found = problem(market.ask("POST", f"/v1/trades/T{number}/recall", "operator", json=REASON))
            assert found == (404, "trade_not_found", "trade_id", "trade_not_found")
        assert problem(market.ask("POST", "/v1/trades/O1/recall", "operator", json=REASON))[0] == 422
        for body in ({}, {"reason": ""}, {"reason": "x" * 201}, {"reason": "a\nb"}, {"reason": "x", "more": 1}):
            assert market.ask("POST", "/v1/trades/T1/recall", "operator", json=body).status_code == 422


def test_the_same_key_does_not_confirm_and_says_so_in_both_languages(market: Market) -> None:
    trade_id = traded(market)
    ask_back(market, trade_id, "seller")
    decide(market, trade_id, "approval", "operator")
    path = f"/v1/trades/{trade_id}/recall/confirmation"
    with market.unchanged():
        refused = market.ask("POST", path, "operator", headers={"Accept-Language": "zh"})
        assert problem(refused) == (422, "recall_needs_other_eyes", "Authorization", "recall_needs_other_eyes")
        assert "另一密钥" in refused.json()["detail"]
        assert "another one" in market.ask("POST", path, "operator").json()["detail"]


def test_a_key_sent_twice_takes_effect_once(market: Market) -> None:
    trade_id = traded(market)
    second = market.key("operator", ("operate", "read"))
    first = ask_back(market, trade_id, key="back")
    with market.unchanged():
        assert ask_back(market, trade_id, key="back") == first
    for step, who in (("approval", "operator"), ("confirmation", second)):
        path, headers = f"/v1/trades/{trade_id}/recall/{step}", {"Idempotency-Key": f"k-{step}"}
        answer = market.ask("POST", path, who, headers=headers)
        assert answer.status_code == 200
        with market.unchanged():
            assert market.ask("POST", path, who, headers=headers).json() == answer.json()
            assert problem(market.ask("POST", path, who))[:2] == (409, "recall_unsuitable")
    with market.unchanged():
        reused = market.ask(
            "POST", f"/v1/trades/{trade_id}/recall", json={"reason": "another"}, headers={"Idempotency-Key": "back"}
        )
        assert problem(reused)[:2] == (409, "idempotency_key_reused")


def test_a_rejected_recall_leaves_the_trade_and_may_be_asked_for_again(market: Market) -> None:
    trade_id = traded(market)
    ask_back(market, trade_id)
    assert problem(market.ask("POST", f"/v1/trades/{trade_id}/recall", "seller", json=REASON)) == (
        409, "trade_contested", "trade_id", "trade_contested",
    )  # fmt: skip
    assert decide(market, trade_id, "rejection", "operator")["state"] == "rejected"
    assert trade(market, "seller", trade_id)["state"] == "active"
    again = ask_back(market, trade_id, "seller")
    listed = market.ask("GET", "/v1/recalls", "operator").json()["items"]
    assert [(one["recall_id"], one["state"]) for one in listed] == [
        (again["recall_id"], "requested"),
        (listed[1]["recall_id"], "rejected"),
    ]
    assert listed[1]["answer"] == REASON["reason"]
    waiting = market.ask("GET", "/v1/recalls", "operator", params={"state": "requested"}).json()["items"]
    assert [one["recall_id"] for one in waiting] == [again["recall_id"]]
    assert market.ask("GET", "/v1/recalls", params={"state": "undone"}).status_code == 422


def withdraw(market: Market, trade_id: str, who: str, key: str = "") -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return market.ask("POST", f"/v1/trades/{trade_id}/recall/withdrawal", who, headers=headers)


def test_who_asked_takes_the_request_back_and_it_may_be_asked_for_again(market: Market) -> None:
    trade_id = traded(market)
    recall_id = ask_back(market, trade_id)["recall_id"]
    decide(market, trade_id, "approval", "operator")
    with market.unchanged():
        for who in ("seller", "operator"):
            assert problem(withdraw(market, trade_id, who)) == (
                422, "recall_of_another", "Authorization", "recall_of_another",
            )  # fmt: skip
        assert problem(withdraw(market, trade_id, "other"))[:2] == (404, "recall_not_open")
        assert problem(withdraw(market, "T9999", "other"))[:2] == (404, "recall_not_open")
        assert problem(withdraw(market, trade_id, "auditor"))[:2] == (403, "forbidden")
        assert problem(withdraw(market, trade_id, market.key("buyer", ("read",))))[:2] == (403, "forbidden")
        assert problem(withdraw(market, "O1", "buyer"))[0] == 422
    market.move("2026-03-02T09:31:00+08:00")
    second = market.key("buyer", ("trade",))
    answer = withdraw(market, trade_id, second, "back")
    expected = {
        "recall_id": recall_id, "trade_id": trade_id, "state": "withdrawn", "at": "2026-03-02T09:31:00+08:00",
    }  # fmt: skip
    assert (answer.status_code, answer.json()) == (200, expected)
    with market.unchanged():
        assert withdraw(market, trade_id, second, "back").json() == expected
        assert problem(withdraw(market, trade_id, "buyer"))[:2] == (404, "recall_not_open")
    assert trade(market, "seller", trade_id)["state"] == "active"
    told = market.ask("GET", f"/v1/trades/{trade_id}/recall", "seller").json()
    assert (told["state"], told["answer"], told["updated_at"]) == ("withdrawn", "", "2026-03-02T09:31:00+08:00")
    found = market.ask("GET", "/v1/recalls", params={"state": "withdrawn"}).json()["items"]
    assert [one["recall_id"] for one in found] == [recall_id]
    ask_back(market, trade_id, "operator")
    assert withdraw(market, trade_id, "operator").json()["state"] == "withdrawn"
    room = market.house.rooms["exchange"]
    with market.house.store.read_engine.connect() as connection:
        assert list(verify_room(room, connection)) == []


def test_what_is_confirmed_is_not_taken_back(market: Market) -> None:
    trade_id = traded(market)
    confirmed(market, trade_id)
    with market.unchanged():
        assert problem(withdraw(market, trade_id, "buyer"))[:2] == (409, "recall_unsuitable")


def test_after_half_an_hour_nobody_asks_and_after_an_hour_nobody_decided(market: Market) -> None:
    trade_id = traded(market)
    market.move("2026-03-02T10:00:00+08:00")
    ask_back(market, trade_id)
    market.move("2026-03-02T10:59:00+08:00")
    assert trade(market, "buyer", trade_id)["state"] == "disputed"
    market.move("2026-03-02T11:00:00+08:00")
    assert market.ask("GET", f"/v1/trades/{trade_id}/recall").json()["state"] == "expired"
    assert trade(market, "buyer", trade_id)["state"] == "active"
    with market.unchanged():
        late = market.ask("POST", f"/v1/trades/{trade_id}/recall", json=REASON)
        assert problem(late) == (422, "recall_window_over", "trade_id", "recall_window_over")
        assert late.json()["params"]["until"] == "2026-03-02T10:00:00+08:00"


def test_a_recalled_trade_is_flagged_and_counts_in_no_figure(market: Market) -> None:
    trade_id = traded(market, 2, "25.00")
    market.rest("keeper", "k-1", "sell", 1, "20.00")
    market.rest("other", "o-1", "buy", 1, "20.00")
    recalled(market, trade_id)
    for who in ("buyer", "seller", "operator"):
        assert (trade(market, who, trade_id)["state"], trade(market, who, trade_id)["recalled"]) == ("recalled", True)
    public = market.ask("GET", f"/v1/products/{PRODUCT}/trades", "other").json()["items"]
    assert [(one["price"], one["recalled"]) for one in public] == [("20.00", False), ("25.00", True)]
    (candle,) = market.ask("GET", f"/v1/products/{PRODUCT}/candles", params={"interval": "1d"}).json()["items"]
    assert {name: candle[name] for name in ("open", "high", "low", "close", "average", "loads", "trades")} == {
        "open": "20.00", "high": "20.00", "low": "20.00", "close": "20.00", "average": "20.00", "loads": 1,
        "trades": 1,
    }  # fmt: skip


def test_a_candle_of_recalled_trades_alone_is_gone(market: Market) -> None:
    recalled(market, traded(market))
    assert market.ask("GET", f"/v1/products/{PRODUCT}/candles", params={"interval": "1h"}).json()["items"] == []


def test_orders_executed_less_and_are_not_reinstated(market: Market) -> None:
    trade_id = traded(market, 2, "25.00")
    before = market.find("seller", "s-1")
    assert (before["status"], before["executed_loads"], before["open_loads"]) == ("partially_filled", 2, 1)
    market.move("2026-03-02T09:31:00+08:00")
    recalled(market, trade_id)
    bought, sold = market.find("buyer", "b-1"), market.find("seller", "s-1")
    shown = ("status", "loads", "executed_loads", "recalled_loads", "open_loads", "average_price")
    assert [bought[name] for name in shown] == ["filled", 2, 0, 2, 0, None]
    assert [sold[name] for name in shown] == ["partially_filled", 3, 0, 2, 1, None]
    assert market.ask("GET", f"/v1/orders/{bought['order_id']}").json() == bought
    assert bought["updated_at"] == sold["updated_at"] == "2026-03-02T09:31:00+08:00"
    changed = market.ask("GET", "/v1/orders", params={"since": "2026-03-02T09:31:00+08:00"}).json()["items"]
    assert [one["order_id"] for one in changed] == [bought["order_id"]]
    for path in ("/v1/trades", f"/v1/products/{PRODUCT}/trades"):
        for since, count in (("09:31:00", 1), ("09:31:01", 0)):
            asked = market.ask("GET", path, params={"since": f"2026-03-02T{since}+08:00"})
            assert len(asked.json()["items"]) == count
    (own,) = market.ask("GET", f"/v1/orders/{bought['order_id']}/trades").json()["items"]
    assert (own["trade_id"], own["state"]) == (trade_id, "recalled")
    market.rest("other", "o-1", "buy", 1, "25.00")
    sold = market.find("seller", "s-1")
    assert [sold[name] for name in shown] == ["filled", 3, 1, 2, 0, "25.00"]


def test_the_sellers_loads_are_free_and_the_buyers_money_waits_for_settlement(market: Market) -> None:
    trade_id = traded(market)
    before = market.ask("GET", "/v1/limits", "seller").json()["capacities"][0]
    assert (before["reserved_loads"], before["consumed_loads"]) == (1, 2)
    recalled(market, trade_id)
    after = market.ask("GET", "/v1/limits", "seller").json()["capacities"][0]
    assert (after["reserved_loads"], after["consumed_loads"], after["free_loads"]) == (1, 0, 39)
    assert market.limits("buyer")["committed"] == "12000.00"


def test_tables_name_the_state(market: Market) -> None:
    trade_id = traded(market)
    recalled(market, trade_id)
    rows = list(csv.DictReader(io.StringIO(market.ask("GET", "/v1/trades", params={"format": "csv"}).text)))
    assert [(row["trade_id"], row["recalled"], row["state"]) for row in rows] == [(trade_id, "true", "recalled")]
    rows = list(csv.DictReader(io.StringIO(market.ask("GET", "/v1/orders", params={"format": "csv"}).text)))
    assert [(row["executed_loads"], row["recalled_loads"]) for row in rows] == [("0", "2")]
    rows = list(csv.DictReader(io.StringIO(market.ask("GET", "/v1/recalls", params={"format": "csv"}).text)))
    assert [(row["state"], row["trade_ids"]) for row in rows] == [("recalled", f'["{trade_id}"]')]
    sheet = market.ask("GET", "/v1/recalls", params={"format": "xlsx"})
    assert sheet.content.startswith(b"PK")


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("exchange_recalls", "state = 'rejected'"),
        ("exchange_contested_trades", "state = 'active'"),
        ("exchange_contested_trades", "loads = loads + 1"),
        ("exchange_order_recalls", "loads = 0"),
    ],
)
def test_verify_finds_a_row_that_somebody_changed(market: Market, table: str, change: str) -> None:
    recalled(market, traded(market))
    room = market.house.rooms["exchange"]
    with market.house.store.read_engine.connect() as connection:
        assert list(verify_room(room, connection)) == []
    writing = market.house.writer.connection
    with writing.begin():
        writing.execute(text(f"UPDATE {table} SET {change}"))  # noqa: S608
    with market.house.store.read_engine.connect() as connection:
        assert {finding.rule for finding in verify_room(room, connection)} == {"row_changed"}


def test_a_restart_goes_on_in_the_middle_of_a_recall(market: Market) -> None:
    trade_id = traded(market)
    recall_id = confirmed(market, trade_id)
    with market.house.store.read_engine.connect() as connection:
        market.house.rooms["exchange"].rebuild(connection)
    assert trade(market, "buyer", trade_id)["state"] == "recalling"
    market.submit(ConcludeRecall(recall_id, True, ""))
    assert trade(market, "buyer", trade_id)["state"] == "recalled"


def test_a_recall_that_names_another_trade_is_found(market: Market) -> None:
    """What a request carries of the trade is compared with the log, not only with the rows made from it."""
    trade_id = int(traded(market)[1:])
    buyer, seller = market.ids["buyer"], market.ids["seller"]
    facts = TradeFacts(trade_id, PRODUCT, 20_00, 3, buyer, seller, 1, 2, "", from_text(NOW))
    market.submit(RequestRecall(trade_id, (facts,), market.ids["buyer"], "K1", False, "x"))
    with market.house.store.read_engine.connect() as connection:
        (finding,) = verify_room(market.house.rooms["exchange"], connection)
    assert finding.rule == "recall_of_another_trade" and str(trade_id) in finding.en and str(trade_id) in finding.zh


def test_webhooks_tell_each_party_of_its_own_side_and_not_which_keys_decided(market: Market) -> None:
    trade_id = traded(market)
    before = market.length()
    recalled(market, trade_id)
    notices = market.notices(before)
    types = ["recall_requested", "recall_approved", "recall_confirmed", "recalled"]
    told = [one for one in notices if one.type.startswith("trade.")]
    assert [one.type for one in told] == [f"trade.{name}" for name in types for _ in range(2)]
    for who, side, order_id in (
        ("buyer", "buy", market.find("buyer", "b-1")["order_id"]),
        ("seller", "sell", market.find("seller", "s-1")["order_id"]),
    ):
        own = [one for one in told if one.participant_id == market.ids[who]]
        data = [msgspec.json.decode(one.data) for one in own]
        assert len({(one.seq, one.part) for one in own}) == len(types)
        assert {(one["trade_id"], one["side"], one["order_id"], one["price"], one["loads"]) for one in data} == {
            (trade_id, side, order_id, "20.00", 2)
        }
        assert (data[0]["reason"], data[0]["requester_id"]) == (REASON["reason"], market.ids["buyer"])
        assert data[0]["decide_by"] == "2026-03-02T10:30:00+08:00"
        assert not any("key_id" in one for one in data)
