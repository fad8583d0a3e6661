"""An order whose placing nobody could answer for: whoever asks again reaches certainty."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

import kernel.read_back
from h2market import client as h
from h2market.client.requests import NOWHERE
from tests.exchange.market import PRODUCT
from tests.exchange.stream.served import Served
from tests.h2market.client.either import Either, bid, offer
from tests.h2market.client.proxy import Proxy
from tests.kernel.faults import Outage

Connect = Callable[..., Either]
#: One try: what is asked is asked once.
ONCE = h.Retry(tries_max=1)
PAGE = b"HTTP/1.1 %d X\r\nContent-Type: text/html\r\nContent-Length: 7\r\n\r\n<html/>"


@pytest.fixture(params=["sync", "async"])
def connect(request: pytest.FixtureRequest, served: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    """Makes clients of one kind, of an exchange that does not look long for a store that is away."""
    monkeypatch.setattr(kernel.read_back, "READ_BACK_S", 0.05)
    made: list[Either] = []

    def make(who: str, url: str = "", **options: object) -> Either:
        made.append(Either(request.param, url or f"http://127.0.0.1:{served.port}", served.secrets[who], **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("committed", [True, False])
def test_a_commit_that_nobody_could_answer_for(connect: Connect, served: Served, proxy: Proxy, committed: bool) -> None:
    buyer, impatient = connect("buyer"), connect("buyer", proxy.url, retry=ONCE)
    buyer.place(bid("first", 1, "10.00"))
    outage = Outage(served.house.sequencers["exchange"])
    outage.begin(committed=committed)
    proxy.plan.extend(["pass", "lose answer"])  # the exchange says outcome_unknown, and the look-up is lost
    with pytest.raises(h.OutcomeUnknown) as unknown:
        impatient.place(bid("b-1", 2, "20.00"))
    assert unknown.value.client_order_ids == ("b-1",)
    for _ in range(2):  # as long as the store is away nobody can say
        with pytest.raises(h.OutcomeUnknown) as still:
            impatient.end_order("b-1")
        assert still.value.client_order_ids == ("b-1",)
    outage.end()

    ended = [buyer.end_order("b-1") for _ in range(2)]
    assert ended[0] == ended[1]
    assert [one.client_order_id for one in buyer.orders(status="open")] == ["first"]
    if committed:
        assert (ended[0].status, ended[0].loads, ended[0].open_loads) == ("cancelled", 2, 0)
    else:
        assert ended[0] is None
        with pytest.raises(h.Conflict):  # what was sent first comes last
            buyer.place(bid("b-1", 2, "20.00"))
    assert [one.client_order_id for one in buyer.orders(status="open")] == ["first"]
    assert [one.status for one in buyer.orders() if one.client_order_id == "b-1"] == [
        "cancelled" if committed else "rejected"
    ]


@pytest.mark.parametrize("word", ["lose request", "lose answer"])
def test_a_request_that_was_lost(connect: Connect, proxy: Proxy, word: str) -> None:
    buyer = connect("buyer", proxy.url, retry=ONCE)
    proxy.plan.extend([word, "lose answer"])
    with pytest.raises(h.OutcomeUnknown):
        buyer.place(bid("b-1", 2, "20.00"))
    found = buyer.end_order("b-1")
    assert (found is None) == (word == "lose request")
    assert buyer.orders(status="open") == []


def test_what_it_answers_is_how_the_order_ended(connect: Connect) -> None:
    buyer, seller = connect("buyer"), connect("seller")
    buyer.place(bid("filled", 1, "20.00"))
    seller.place(offer("s-1", 1, "20.00"))
    buyer.place(bid("part", 3, "20.00"))
    seller.place(offer("s-2", 1, "20.00"))
    buyer.place(bid("asleep", 1, "20.00", hibernated=True))
    with pytest.raises(h.Refused):
        buyer.place(bid("refused", 1, "20.01"))
    found = {name: buyer.end_order(name) for name in ("filled", "part", "asleep", "refused", "never-sent")}
    assert {name: one and (one.status, one.executed_loads, one.open_loads) for name, one in found.items()} == {
        "filled": ("filled", 1, 0), "part": ("cancelled", 1, 0), "asleep": ("cancelled", 0, 0),
        "refused": ("rejected", 0, 0), "never-sent": None,
    }  # fmt: skip
    assert (found["part"], found["refused"].reason) == (buyer.find_order("part"), "price_off_tick")
    assert buyer.product(PRODUCT).product_id != NOWHERE


def test_an_order_that_trades_while_it_is_ended(connect: Connect, served: Served, proxy: Proxy) -> None:
    """Its cancel finds nothing open: the answer is the order as it traded."""
    buyer = connect("buyer", proxy.url)
    buyer.place(bid("b-1", 1, "20.00"))
    found = buyer.find_order("b-1")
    stale = proxy_answer(found)
    connect("seller").place(offer("s-1", 1, "20.00"))
    proxy.plan.extend(["pass", (stale,)])
    assert buyer.end_order("b-1").status == "filled"
    assert [request.split(b" ")[0] for request in proxy.requests[-4:]] == [b"POST", b"GET", b"DELETE", b"GET"]


def proxy_answer(found: h.Order) -> bytes:
    """A page of orders as it stood a moment ago."""
    import msgspec

    body = msgspec.json.Encoder(decimal_format="string").encode({"items": [found], "next_cursor": None})
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


@pytest.mark.parametrize("plan", [
    ["lose request", "lose request"],
    ["lose answer", "pass", "lose answer"],
    ["pass", "pass", "lose answer"],
    ["pass", "pass", PAGE % 404, "pass"],
    ["pass", "pass", "pass", "lose answer"],
])  # fmt: skip
def test_nobody_is_told_more_than_is_known(connect: Connect, proxy: Proxy, plan: list[object]) -> None:
    buyer = connect("buyer", proxy.url, retry=ONCE)
    buyer.place(bid("b-1", 2, "20.00"))
    proxy.plan.extend(plan)
    with pytest.raises(h.OutcomeUnknown) as unknown:
        buyer.end_order("b-1")
    assert unknown.value.client_order_ids == ("b-1",)
    proxy.plan.clear()
    assert buyer.end_order("b-1").status == "cancelled"


@pytest.mark.parametrize("status", [409, 422])
def test_who_is_not_the_exchange_uses_no_id_up(connect: Connect, proxy: Proxy, status: int) -> None:
    buyer = connect("buyer", proxy.url, retry=ONCE)
    proxy.plan.append(PAGE % status)
    with pytest.raises(h.OutcomeUnknown):
        buyer.end_order("b-1")
    assert buyer.place(bid("b-1", 2, "20.00")).status == "new"
