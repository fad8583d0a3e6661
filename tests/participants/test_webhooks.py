"""Webhooks from end to end, on both stores: what arrives, in which order, and what happens when it does not."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from standardwebhooks import Webhook, WebhookVerificationError

from exchange.commands import CancelOrder, HaltMarket
from kernel.verify import verify_room
from participants.courier import PAUSES_S
from tests.exchange.market import PRODUCT, Market, problem
from tests.participants.hooked import LATER, HookedMarket
from tests.participants.receiver import Receiver

KEPT = ("participants_webhook_standing", "participants_webhook_cursors", "participants_webhook_attempts")


def types(receiver: Receiver, path: str = "/hooks") -> list[str]:
    return [one.message["type"] for one in receiver.at(path)]


def trade(market: Market) -> None:
    """Two loads are offered and one is bought."""
    market.rest("seller", "s-1", "sell", 2, "20.00")
    market.rest("buyer", "b-1", "buy", 1, "21.00")


def test_own_orders_and_trades_arrive_signed_and_in_order(market: HookedMarket, receiver: Receiver) -> None:
    hook = market.hook("buyer", receiver.url())
    trade(market)
    market.until(lambda: len(receiver.at()) == 2)
    placed, made = receiver.at()
    verifier = Webhook(hook["secret"])
    for one in (placed, made):
        assert verifier.verify(one.body, one.headers) == one.message
        assert one.is_signed_with(hook["secret"])
    with pytest.raises(WebhookVerificationError):
        verifier.verify(placed.body + b" ", placed.headers)
    assert (placed.message["type"], made.message["type"]) == ("order.placed", "trade.made")
    assert placed.message["seq"] < made.message["seq"]
    assert placed.message["log"] == made.message["log"] == "exchange"
    own = market.find("buyer", "b-1")["order_id"]
    assert placed.message["timestamp"] == LATER
    assert placed.message["data"] == {
        "order_id": own,
        "participant_id": market.ids["buyer"],
        "key_id": placed.message["data"]["key_id"],
        "client_order_id": "b-1",
        "product_id": PRODUCT,
        "side": "buy",
        "price": "21.00",
        "loads": 1,
        "time_in_force": "gtc",
        "options": {},
    }
    assert made.message["data"] == {
        "trade_id": f"T{made.message['seq']}",
        "product_id": PRODUCT,
        "price": "20.00",
        "loads": 1,
        "buyer_id": market.ids["buyer"],
        "seller_id": market.ids["seller"],
        "leg": "",
        "side": "buy",
        "order_id": own,
        "client_order_id": "b-1",
    }
    assert made.id == f"exchange-{made.message['seq']}-buy"
    assert placed.headers["content-type"] == "application/json"


def test_each_company_hears_of_its_own_business_alone(market: HookedMarket, receiver: Receiver) -> None:
    market.hook("buyer", receiver.url("/buyer"))
    market.hook("seller", receiver.url("/seller"))
    market.hook("other", receiver.url("/other"))
    trade(market)
    own = market.find("seller", "s-1")["order_id"]
    market.submit(CancelOrder(market.ids["seller"], int(own[1:])))
    placed = [market.place("buyer", f"b-{number}", "buy", 20, "80.00").status_code for number in (2, 3, 4)]
    assert placed == [201, 201, 422]
    market.until(lambda: len(receiver.at("/seller")) == 3 and len(receiver.at("/buyer")) == 5)
    assert types(receiver, "/seller") == ["order.placed", "trade.made", "order.cancelled"]
    for one in receiver.at("/seller"):
        assert "b-1" not in one.body.decode()
        assert one.message["data"]["client_order_id"] == "s-1"
        assert one.message["data"]["side"] == "sell"
    assert types(receiver, "/buyer") == ["order.placed", "trade.made", "order.placed", "order.placed", "order.rejected"]
    rejected = receiver.at("/buyer")[4].message["data"]
    assert (rejected["reason"], rejected["price"]) == ("money_limit_exceeded", "80.00")
    assert rejected["shortfall"] == "446000.00"
    assert types(receiver, "/other") == []


def test_public_events_come_to_who_asked_for_them(market: HookedMarket, receiver: Receiver) -> None:
    market.hook("other", receiver.url("/all"), "market.*", "quote.requested", "order.*")
    market.hook("other", receiver.url("/own"))
    market.submit(HaltMarket("drill"))
    market.until(lambda: types(receiver, "/all") == ["market.halted"])
    assert receiver.at("/all")[0].message["data"] == {"reason": "drill"}
    assert types(receiver, "/own") == []


def test_a_message_is_sent_again_until_it_is_taken_and_nothing_overtakes(
    market: HookedMarket, receiver: Receiver
) -> None:
    receiver.answer(500, 503, 302, 200)
    hook = market.hook("buyer", receiver.url())
    trade(market)
    market.until(lambda: len(receiver.at()) == 5)
    ids = [one.id for one in receiver.at()]
    assert ids[0] == ids[1] == ids[2] == ids[3] != ids[4]
    assert all(one.is_signed_with(hook["secret"]) for one in receiver.at())
    assert market.pace.pauses_s == [pytest.approx(one, abs=1) for one in PAUSES_S[:3]]
    assert receiver.at("/elsewhere") == []
    market.until(lambda: market.seen("buyer", hook["webhook_id"])["positions"][1]["behind"] == 0)
    seen = market.seen("buyer", hook["webhook_id"])
    assert (seen["state"], seen["failures"], seen["next_attempt_at"], seen["last_error"]) == ("active", 0, None, "")


def test_a_webhook_that_fails_for_days_is_disabled_and_goes_on_where_it_stopped(
    market: HookedMarket, receiver: Receiver
) -> None:
    receiver.answer(500)
    name = market.hook("buyer", receiver.url(), "order.*", "trade.*")["webhook_id"]
    trade(market)
    market.until(lambda: market.seen("buyer", name)["state"] == "disabled")
    seen = market.seen("buyer", name)
    assert len(receiver.at()) == len(PAUSES_S) + 1
    assert (seen["reason"], seen["failures"]) == ("status_500", len(PAUSES_S) + 1)
    behind = {one["log"]: one["behind"] for one in seen["positions"]}
    assert behind["exchange"] > 0
    receiver.answer(200)
    receiver.forget()
    market.rest_a_while()
    assert receiver.at() == []
    assert market.ask("PATCH", f"/v1/webhooks/{name}", "buyer", json={"active": True}).json()["state"] == "active"
    market.until(lambda: types(receiver) == ["order.placed", "trade.made"])


def test_a_receiver_that_is_gone_is_believed(market: HookedMarket, receiver: Receiver) -> None:
    receiver.answer(410)
    name = market.hook("buyer", receiver.url())["webhook_id"]
    market.hook("buyer", receiver.url("/second"), "webhook.*")
    trade(market)
    market.until(lambda: market.seen("buyer", name)["state"] == "disabled")
    assert len(receiver.at()) == 1
    market.until(lambda: types(receiver, "/second") == ["webhook.disabled"])
    assert receiver.at("/second")[0].message["data"] == {"webhook_id": name, "reason": "status_410"}


def test_a_slow_receiver_delays_no_other_and_no_order(market: HookedMarket, receiver: Receiver) -> None:
    held = receiver.hold("/slow")
    market.hook("buyer", receiver.url("/slow"))
    market.hook("buyer", receiver.url("/quick"))
    trade(market)
    market.until(lambda: len(receiver.at("/quick")) == 2)
    assert len(receiver.at("/slow")) <= 1  # its second message waits for the answer to the first
    held.set()
    market.until(lambda: len(receiver.at("/slow")) == 2)


def test_a_paused_webhook_waits(market: HookedMarket, receiver: Receiver) -> None:
    name = market.hook("buyer", receiver.url())["webhook_id"]
    paused = market.ask("PATCH", f"/v1/webhooks/{name}", "buyer", json={"active": False}).json()
    assert paused["state"] == "paused"
    trade(market)
    market.rest_a_while()
    assert receiver.at() == []
    change = {"active": True, "event_types": ["trade.made"], "url": receiver.url("/moved")}
    assert market.ask("PATCH", f"/v1/webhooks/{name}", "buyer", json=change).json()["event_types"] == ["trade.made"]
    market.until(lambda: types(receiver, "/moved") == ["trade.made"])


def test_replay_sends_again_in_order_under_the_same_ids(market: HookedMarket, receiver: Receiver) -> None:
    name = market.hook("buyer", receiver.url())["webhook_id"]
    trade(market)
    market.until(lambda: len(receiver.at()) == 2)
    first = [one.id for one in receiver.at()]
    receiver.forget()
    answer = market.ask("POST", f"/v1/webhooks/{name}/replay", "buyer", json={})
    assert answer.status_code == 202, answer.text
    market.until(lambda: [one.id for one in receiver.at()] == first)
    receiver.forget()
    seq = int(first[1].split("-")[1])
    market.ask("POST", f"/v1/webhooks/{name}/replay", "buyer", json={"since_seq": seq})
    market.until(lambda: [one.id for one in receiver.at()] == first[1:])
    receiver.forget()
    # The limit that was granted before there was a webhook lies within this time.
    since = {"since": "2026-03-02T00:00:00+08:00"}
    market.ask("POST", f"/v1/webhooks/{name}/replay", "buyer", json=since)
    market.until(lambda: [one.id for one in receiver.at()][-2:] == first)
    assert "limit.granted" in types(receiver)


def test_attempts_are_listed_newest_first_in_pages(market: HookedMarket, receiver: Receiver) -> None:
    receiver.answer(500, 200)
    name = market.hook("buyer", receiver.url())["webhook_id"]
    trade(market)
    path = f"/v1/webhooks/{name}/deliveries"
    market.until(lambda: len(market.ask("GET", path, "buyer").json()["items"]) == 3)
    page = market.ask("GET", f"{path}?limit=2", "buyer").json()
    assert [(one["type"], one["attempt"], one["delivered"]) for one in page["items"]] == [
        ("trade.made", 1, True),
        ("order.placed", 2, True),
    ]
    (last,) = market.ask("GET", f"{path}?limit=2&cursor={page['next_cursor']}", "buyer").json()["items"]
    assert (last["status_code"], last["error"], last["log"]) == (500, "status_500", "exchange")


def test_a_ping_tells_what_came_of_it(market: HookedMarket, receiver: Receiver) -> None:
    hook = market.hook("buyer", receiver.url())
    name = hook["webhook_id"]
    market.ask("PATCH", f"/v1/webhooks/{name}", "buyer", json={"active": False})
    told = market.ask("POST", f"/v1/webhooks/{name}/ping", "buyer").json()
    assert (told["type"], told["delivered"], told["status_code"]) == ("webhook.ping", True, 204)
    (got,) = receiver.at()
    Webhook(hook["secret"]).verify(got.body, got.headers)
    receiver.answer(404)
    told = market.ask("POST", f"/v1/webhooks/{name}/ping", "buyer").json()
    assert (told["delivered"], told["error"]) == (False, "status_404")


def test_two_secrets_sign_until_the_overlap_ends(market: HookedMarket, receiver: Receiver) -> None:
    hook = market.hook("buyer", receiver.url())
    name, before = hook["webhook_id"], hook["secret"]
    rotated = market.ask("POST", f"/v1/webhooks/{name}/secret", "buyer", json={"overlap_s": 3_600}).json()
    assert rotated["secret"] != before
    assert rotated["previous_secret_until"] == "2026-03-02T10:31:00+08:00"
    assert market.ask("POST", f"/v1/webhooks/{name}/ping", "buyer").json()["delivered"]
    market.move("2026-03-02T10:31:00+08:00")
    assert market.ask("POST", f"/v1/webhooks/{name}/ping", "buyer").json()["delivered"]
    during, after = receiver.at()
    for secret in (before, rotated["secret"]):
        Webhook(secret).verify(during.body, during.headers)
    assert len(after.headers["webhook-signature"].split()) == 1
    assert after.is_signed_with(rotated["secret"])
    assert not after.is_signed_with(before)


def test_a_secret_is_shown_once_and_is_nowhere_in_the_store(market: HookedMarket, receiver: Receiver) -> None:
    body, headers = {"url": receiver.url()}, {"Idempotency-Key": "one"}
    hook = market.ask("POST", "/v1/webhooks", "buyer", json=body, headers=headers).json()
    again = market.ask("POST", "/v1/webhooks", "buyer", json=body, headers=headers).json()
    assert again["webhook_id"] == hook["webhook_id"]
    assert (hook["secret"][:6], again["secret"]) == ("whsec_", None)
    assert market.seen("buyer", hook["webhook_id"])["secret"] is None
    with market.house.store.read_engine.connect() as connection:
        for table in ("participants_events", "participants_webhooks", "kernel_idempotency"):
            rows = connection.execute(text(f"SELECT * FROM {table}")).all()  # noqa: S608
            assert hook["secret"][6:] not in repr(rows)


def test_another_companys_webhook_does_not_exist(market: HookedMarket, receiver: Receiver) -> None:
    name = market.hook("buyer", receiver.url())["webhook_id"]
    for who in ("seller", "operator", "auditor"):
        for method, rest, body in (
            ("GET", "", None),
            ("PATCH", "", {"active": False}),
            ("DELETE", "", None),
            ("POST", "/secret", {}),
            ("POST", "/ping", None),
            ("POST", "/replay", {}),
            ("GET", "/deliveries", None),
        ):
            answer = market.ask(method, f"/v1/webhooks/{name}{rest}", who, json=body)
            assert problem(answer) == (404, "not_found", "webhook_id", "not_found"), (who, method, rest)
        assert market.ask("GET", "/v1/webhooks", who).json()["items"] == []
    assert market.seen("buyer", name)["state"] == "active"


def test_a_deleted_webhook_is_no_more(market: HookedMarket, receiver: Receiver) -> None:
    name = market.hook("buyer", receiver.url())["webhook_id"]
    assert market.ask("DELETE", f"/v1/webhooks/{name}", "buyer").status_code == 204
    trade(market)
    market.rest_a_while()
    assert receiver.at() == []
    assert market.ask("GET", f"/v1/webhooks/{name}", "buyer").status_code == 404
    assert market.ask("GET", "/v1/webhooks", "buyer").json()["items"] == []


def has_no_rows(market: HookedMarket, webhook_id: str) -> bool:
    """Whether the deliverer keeps nothing of a webhook."""
    with market.house.store.read_engine.connect() as connection:
        count = "SELECT count(*) FROM {} WHERE webhook_id = :id"
        return not any(connection.execute(text(count.format(table)), {"id": webhook_id}).scalar() for table in KEPT)


def has_rows(market: HookedMarket, webhook_id: str) -> bool:
    return not has_no_rows(market, webhook_id)


def test_a_deleted_webhook_leaves_nothing_that_grows(market: HookedMarket, receiver: Receiver) -> None:
    """Ten at a time, and as many as one likes one after another."""
    for _ in range(12):
        name = market.hook("buyer", receiver.url())["webhook_id"]
        assert market.ask("POST", f"/v1/webhooks/{name}/ping", "buyer").json()["delivered"]
        market.until(partial(has_rows, market, name))
        assert market.ask("DELETE", f"/v1/webhooks/{name}", "buyer").status_code == 204
        market.until(partial(has_no_rows, market, name))
    assert market.deliverer._standings == {}


def test_ten_webhooks_are_enough(market: HookedMarket, receiver: Receiver) -> None:
    for _ in range(10):
        market.hook("buyer", receiver.url())
    with market.unchanged():
        answer = market.ask("POST", "/v1/webhooks", "buyer", json={"url": receiver.url()})
        assert problem(answer)[:2] == (422, "webhooks_full")


def test_a_store_that_is_away_for_a_moment_leaves_no_webhook_without_its_courier(
    market: HookedMarket, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = market.hook("buyer", receiver.url())["webhook_id"]
    market.rest_a_while()
    read, failures = market.deliverer._read, list[Exception]()

    def fail(webhook_id: str) -> Any:
        if failures:
            raise failures.pop()
        return read(webhook_id)

    monkeypatch.setattr(market.deliverer, "_read", fail)
    for method, rest, body in (("PATCH", "", {"event_types": ["trade.*"]}), ("POST", "/replay", {"since_seq": 10**18})):
        failures[:] = [OperationalError("", None, Exception("gone"))] * 2
        assert market.ask(method, f"/v1/webhooks/{name}{rest}", "buyer", json=body).is_success
        market.until(lambda: not failures and market.deliverer.delivering == 1)
    trade(market)
    market.until(lambda: [one.message["type"] for one in receiver.at()] == ["trade.made"])


def test_a_restart_goes_on_where_it_stopped(database_url: str, receiver: Receiver) -> None:
    market = HookedMarket(database_url)
    market.open()
    receiver.answer(200, 500)
    hook = market.hook("buyer", receiver.url())
    trade(market)
    market.pace.sleep = _for_ever  # type: ignore[method-assign]
    market.until(lambda: market.seen("buyer", hook["webhook_id"])["failures"] == 1)
    market.close()
    receiver.answer(200)
    again = _again(database_url, market)
    again.until(lambda: len(receiver.at()) == 3)
    ids = [one.id for one in receiver.at()]
    assert ids[1] == ids[2] != ids[0]
    assert again.pace.pauses_s == [pytest.approx(PAUSES_S[0], abs=5)]
    again.until(lambda: again.seen("buyer", hook["webhook_id"])["failures"] == 0)
    with again.house.store.read_engine.connect() as connection:
        assert list(verify_room(again.house.rooms["participants"], connection)) == []
    again.close()


def test_after_a_crash_nothing_is_missing_and_repeats_have_the_same_ids(database_url: str, receiver: Receiver) -> None:
    market = HookedMarket(database_url)
    market.open()
    hook = market.hook("buyer", receiver.url())
    trade(market)
    market.until(lambda: len(receiver.at()) == 2)
    first = [one.id for one in receiver.at()]
    market.crash()
    again = _again(database_url, market)
    again.rest("buyer", "b-2", "buy", 1, "10.00")
    again.until(lambda: receiver.at()[-1].message["data"].get("client_order_id") == "b-2")
    ids = [one.id for one in receiver.at()]
    assert list(dict.fromkeys(ids))[:2] == first
    assert len(set(ids)) == 3
    assert all(one.is_signed_with(hook["secret"]) for one in receiver.at())
    again.close()


async def _for_ever(seconds: float) -> None:
    """No pause ends."""
    await asyncio.sleep(3_600 if seconds > 0 else 0)


def _again(database_url: str, before: HookedMarket) -> HookedMarket:
    market = HookedMarket(database_url)
    market.ids, market.secrets = before.ids, before.secrets
    market.start()
    return market
