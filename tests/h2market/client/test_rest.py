"""Both clients against a served exchange: typed answers, typed errors, and nothing twice over a bad line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from h2market import client as h
from tests.exchange.market import NOW, PRODUCT, WINDOW_START
from tests.exchange.stream.served import Served
from tests.h2market.client.either import QUICK, Either, bid, offer
from tests.h2market.client.proxy import BAD_GATEWAY, Proxy, problem

Connect = Callable[..., Either]


@pytest.fixture(params=["sync", "async"])
def connect(request: pytest.FixtureRequest, served: Served) -> Iterator[Connect]:
    """Makes clients of one kind: of a company, straight or through a proxy."""
    made: list[Either] = []

    def make(who: str, url: str = "", **options: Any) -> Either:
        made.append(Either(request.param, url or f"http://127.0.0.1:{served.port}", served.secrets[who], **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def orders_of(client: Either) -> list[tuple[str, str]]:
    return [(one.client_order_id, one.status) for one in client.orders()]


def test_the_life_of_an_order_in_types(connect: Connect) -> None:
    buyer, seller = connect("buyer"), connect("seller")
    offered = seller.place(offer("s-1", 3, "20.00", post_only=True))
    assert (offered.status, offered.open_loads, offered.fills) == ("new", 3, ())
    assert offered.at == datetime.fromisoformat(NOW)

    bought = buyer.place(bid("b-1", 2, "21.00", time_in_force="ioc"))
    assert (bought.status, bought.executed_loads) == ("filled", 2)
    (fill,) = bought.fills
    assert (fill.price, fill.loads) == (Decimal("20.00"), 2)

    amended = seller.amend(offered.order_id, price=Decimal("22.50"), loads=4)
    assert (amended.status, amended.price, amended.loads) == ("amended", Decimal("22.50"), 4)
    assert buyer.book(PRODUCT).asks == (h.Level(Decimal("22.50"), 2, 1),)
    cancelled = seller.cancel(offered.order_id)
    assert (cancelled.status, cancelled.cancelled_loads) == ("cancelled", 2)

    found = seller.order(offered.order_id)
    assert found == seller.find_order("s-1")
    assert (found.status, found.average_price, found.options) == ("cancelled", Decimal("20.00"), {"post_only": True})
    (sold,) = seller.trades(product_id=PRODUCT)
    assert (sold.side, sold.order_id, sold.trade_id) == ("sell", offered.order_id, fill.trade_id)
    (public,) = buyer.public_trades(PRODUCT)
    assert (public.taker_side, public.at) == ("buy", datetime.fromisoformat(NOW))


def test_the_market_and_the_company_in_types(connect: Connect) -> None:
    seller = connect("seller")
    assert seller.market().is_open
    (product,) = seller.products(status="open")
    assert product == seller.product(PRODUCT)
    assert (product.maximum_mass, product.price_tick) == (Decimal("300.000"), Decimal("0.05"))
    declared = seller.declare_capacity("hydrogen", datetime.fromisoformat(WINDOW_START), 50)
    assert declared.loads == 50
    seller.place(offer("s-1", 3, "20.00"))
    (capacity,) = seller.capacities()
    assert (capacity.loads, capacity.reserved_loads, capacity.free_loads) == (50, 3, 47)
    assert connect("buyer").limits().free == Decimal("1000000.00")


def test_lists_are_read_page_by_page(connect: Connect) -> None:
    buyer = connect("buyer")
    for part in range(6):
        buyer.place_batch([bid(f"b-{part}-{number}", 1, "1.00") for number in range(100)])
    assert len({one.order_id for one in buyer.orders(status="open")}) == 600


def test_every_option_of_an_order_arrives(connect: Connect) -> None:
    buyer = connect("buyer")
    expires = datetime.fromisoformat("2026-03-02T12:00:00+08:00")
    placed = [
        buyer.place(bid("o-1", 4, "10.00", display_loads=1, clip_price_change=Decimal("0.05"))),
        buyer.place(bid("o-2", 4, "10.00", time_in_force="gtd", expires_at=expires)),
        buyer.place(bid("o-3", 4, "10.00", hibernated=True)),
        buyer.place(bid("o-4", 4, "10.00", all_or_none=True)),
        buyer.place(bid("o-5", 4, "10.00", cancel_on_disconnect=True)),
        buyer.place(bid("o-6", 4, "30.00", order_type="stop_limit", stop_price=Decimal("25.00"))),
    ]
    options = [buyer.order(one.order_id).options for one in placed]
    assert options[0] == {"display_loads": 1, "clip_price_change": "0.05"}
    assert options[1] == {"expires_at": "2026-03-02T12:00:00+08:00"}
    assert options[2:5] == [{"hibernated": True}, {"all_or_none": True}, {"cancel_on_disconnect": True}]
    assert options[5] == {"stop_price": "25.00"}
    ended = buyer.place(bid("o-7", 4, "10.00", minimum_loads=2, time_in_force="ioc"))
    assert (ended.status, ended.reason, ended.open_loads) == ("cancelled", "minimum", 0)


def test_refusals_say_what_is_wrong(connect: Connect) -> None:
    buyer = connect("buyer")
    for name in ("b-1", "b-2"):
        buyer.place(bid(name, 20, "80.00"))
    with pytest.raises(h.Refused) as refused:
        buyer.place(bid("b-3", 20, "80.00"))
    assert (refused.value.code, refused.value.field) == ("money_limit_exceeded", "loads")
    assert Decimal(refused.value.params["shortfall"]) > 0
    assert refused.value.request_id
    with pytest.raises(h.InvalidRequest) as invalid:
        buyer.place(bid("no blanks", 1, "20.00"))
    assert (invalid.value.field, invalid.value.rule) == ("client_order_id", "string_pattern_mismatch")
    with pytest.raises(h.NotFound):
        buyer.cancel("O999999")
    with pytest.raises(h.Conflict):
        buyer.place(bid("b-1", 19, "80.00"))
    with pytest.raises(h.Forbidden):
        connect("auditor").place(bid("a-1", 1, "20.00"))
    with pytest.raises(h.NotFound, match="。"):
        connect("buyer", language="zh").cancel("O999999")


def test_a_batch_answers_each_order_for_itself(connect: Connect) -> None:
    good, bad = connect("buyer").place_batch([bid("b-1", 1, "20.00"), bid("b-2", 1, "20.01")])
    assert good.placed().status == "new"
    with pytest.raises(h.Refused) as refused:
        bad.placed()
    assert (refused.value.code, refused.value.field) == ("price_off_tick", "orders.1.price")


LOSSES: list[list[Any]] = [
    ["lose request"],
    ["lose answer"],
    ["lose answer", "lose answer", "lose request"],
    [BAD_GATEWAY],
    [(BAD_GATEWAY,)],
    [(problem(503, "outcome_unknown", 0),)],
    [(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n<html/>",)],
    [problem(503, "unavailable", 0), "lose answer"],
    [problem(429, "rate_limited", 1)],
]


def test_an_order_takes_effect_once_whatever_is_lost(connect: Connect, proxy: Proxy) -> None:
    buyer = connect("buyer", proxy.url)
    for number, plan in enumerate(LOSSES):
        proxy.requests.clear()
        proxy.plan.extend(plan)
        placed = buyer.place(bid(f"b-{number}", 2, "20.00"))
        assert (placed.status, placed.client_order_id) == ("new", f"b-{number}")
        assert len(proxy.requests) == len(plan) + 1
        assert orders_of(buyer)[0] == (f"b-{number}", "new")
    assert len(orders_of(buyer)) == len(LOSSES)
    assert buyer.limits().reserved == len(LOSSES) * Decimal("12000.00")


def test_changes_take_effect_once_whatever_is_lost(connect: Connect, served: Served, proxy: Proxy) -> None:
    buyer = connect("buyer", proxy.url)
    for number, word in enumerate(("lose request", "lose answer", (BAD_GATEWAY,))):
        order_id = buyer.place(bid(f"b-{number}", 2, "20.00")).order_id
        proxy.plan.append(word)
        amended = buyer.amend(order_id, loads=3)
        assert (amended.loads, amended.keeps_priority) == (3, False)
        events = served.house.sequencers["exchange"].tail.seq
        proxy.plan.append(word)
        assert buyer.cancel(order_id).cancelled_loads == 3
        assert served.house.sequencers["exchange"].tail.seq == events + 1
        proxy.plan.append(word)
        entries = buyer.place_batch([bid(f"c-{number}", 1, "20.00"), bid(f"d-{number}", 1, "20.01")])
        assert [entry.status for entry in entries] == [201, 422]
        newest = [(f"d-{number}", "rejected"), (f"c-{number}", "new"), (f"b-{number}", "cancelled")]
        assert orders_of(buyer)[:3] == newest
    assert len(orders_of(buyer)) == 9


def test_an_outcome_that_no_answer_tells_is_looked_up(connect: Connect, proxy: Proxy) -> None:
    connect("seller").place(offer("s-1", 1, "19.00"))
    buyer = connect("buyer", proxy.url)
    proxy.plan.extend(["lose answer"] * QUICK.tries_max)
    placed = buyer.place(bid("b-1", 2, "20.00"))
    assert (placed.status, placed.executed_loads, placed.open_loads) == ("partially_filled", 1, 1)
    assert [(fill.price, fill.loads) for fill in placed.fills] == [(Decimal("19.00"), 1)]
    proxy.plan.extend(["lose answer"] * QUICK.tries_max)
    with pytest.raises(h.Refused) as refused:
        buyer.place(bid("b-2", 2, "20.01"))
    assert refused.value.code == "price_off_tick"
    proxy.plan.extend(["lose answer"] * QUICK.tries_max)
    entries = buyer.place_batch([bid("b-3", 1, "20.00"), bid("b-4", 1, "20.01")])
    assert [(entry.status, entry.order is None) for entry in entries] == [(201, False), (422, True)]


def test_what_never_arrived_stays_unknown_and_says_so(connect: Connect, proxy: Proxy) -> None:
    buyer = connect("buyer", proxy.url)
    proxy.plan.extend(["lose request"] * QUICK.tries_max)
    with pytest.raises(h.OutcomeUnknown) as unknown:
        buyer.place(bid("b-1", 2, "20.00"))
    assert unknown.value.client_order_ids == ("b-1",)
    assert buyer.find_order("b-1") is None
    order_id = buyer.place(bid("b-1", 2, "20.00")).order_id
    proxy.plan.extend(["lose answer"] * QUICK.tries_max)
    with pytest.raises(h.OutcomeUnknown) as unknown:
        buyer.cancel(order_id)
    assert buyer.cancel(order_id, idempotency_key=unknown.value.idempotency_key).cancelled_loads == 2


def test_a_server_that_is_not_there_changed_nothing(connect: Connect) -> None:
    with Proxy(1) as gone:
        url = gone.url
    buyer = connect("buyer", url)
    with pytest.raises(h.NoAnswer):
        buyer.place(bid("b-1", 2, "20.00"))
    with pytest.raises(h.NoAnswer):
        buyer.limits()


def test_a_slow_answer_is_asked_for_again(connect: Connect, proxy: Proxy) -> None:
    buyer = connect("buyer", proxy.url, timeout_s=0.5)
    proxy.plan.append("swallow")
    assert buyer.place(bid("b-1", 2, "20.00")).status == "new"
    assert orders_of(buyer) == [("b-1", "new")]


def test_patience_ends_and_the_last_problem_is_told(connect: Connect, proxy: Proxy) -> None:
    buyer = connect("buyer", proxy.url)
    proxy.plan.extend([problem(503, "unavailable", 0)] * QUICK.tries_max)
    with pytest.raises(h.ServerFailed) as failed:
        buyer.place(bid("b-1", 2, "20.00"))
    assert (failed.value.status, failed.value.code) == (503, "unavailable")
    impatient = connect("buyer", proxy.url, retry=h.Retry(patience_s=0.5))
    proxy.plan.append(problem(429, "rate_limited", 9))
    with pytest.raises(h.RateLimited):
        impatient.place(bid("b-1", 2, "20.00"))
    assert orders_of(buyer) == []


def test_a_key_that_went_away_meanwhile_leaves_the_outcome_unknown(connect: Connect, proxy: Proxy) -> None:
    buyer = connect("buyer", proxy.url)
    proxy.plan.extend(["lose answer", problem(401, "unauthenticated"), problem(401, "unauthenticated")])
    with pytest.raises(h.OutcomeUnknown):
        buyer.place(bid("b-1", 2, "20.00"))
    proxy.plan.append(problem(401, "unauthenticated"))
    with pytest.raises(h.Unauthenticated):
        buyer.place(bid("b-2", 2, "20.00"))
