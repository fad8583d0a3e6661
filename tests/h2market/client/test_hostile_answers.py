"""Both clients against a server that answers what it likes: nothing twice, nothing false, and an end to everything."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from h2market import client as h
from h2market.client.log_events import LogReading
from h2market.client.talk import Retry
from tests.exchange.stream.served import Served
from tests.h2market.client.either import Either, bid
from tests.h2market.client.proxy import Proxy, problem
from tests.h2market.client.test_rest import Connect, connect, orders_of

__all__ = ["connect"]

PAGE_GONE = b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 7\r\n\r\n<html/>"


def ok(body: Any, *headers: bytes) -> bytes:
    """An answer that is taken for the exchange's."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = [b"HTTP/1.1 200 OK", b"Content-Type: application/json", b"Content-Length: %d" % len(content), *headers]
    return b"\r\n".join(head) + b"\r\n\r\n" + content


def too_many(after: bytes) -> bytes:
    return problem(429, "rate_limited").replace(b"\r\n\r\n", b"\r\nRetry-After: " + after + b"\r\n\r\n", 1)


@pytest.mark.parametrize("after", [b"\xb2", b"soon", b"-1", b"nan", b"Wed, 21 Oct 2026 07:28:00 GMT", b"0.5", b""])
def test_a_time_to_come_back_that_is_none_is_passed_over(connect: Connect, proxy: Proxy, after: bytes) -> None:
    buyer = connect("buyer", proxy.url)
    proxy.plan.extend([too_many(after), "pass"])
    assert buyer.place(bid("b-1", 1, "20.00")).status == "new"


@pytest.mark.parametrize("after", [b"3601", b"9" * 4_000])
def test_nobody_waits_for_an_hour(connect: Connect, proxy: Proxy, after: bytes) -> None:
    buyer = connect("buyer", proxy.url)
    proxy.plan.append(too_many(after))
    with pytest.raises(h.RateLimited):
        buyer.place(bid("b-1", 1, "20.00"))


@pytest.mark.parametrize(
    "answer",
    [
        ok(b"abcde", b"Content-Encoding: gzip"),
        ok(b"[" * 100_000 + b"]" * 100_000),
        ok({"order_id": "O1"}),
        ok(b'{"order_id":"O1'),
        b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{",
        b"HTTP/1.1 301 X\r\nLocation: /v1/orders\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=["no gzip", "depth", "half an order", "half a text", "cut off", "redirect"],
)
def test_what_cannot_be_read_is_asked_for_again_and_placed_once(connect: Connect, proxy: Proxy, answer: bytes) -> None:
    buyer = connect("buyer", proxy.url)
    proxy.plan.append((answer,))
    assert buyer.place(bid("b-1", 1, "20.00")).client_order_id == "b-1"
    assert orders_of(buyer) == [("b-1", "new")]


def test_a_problem_of_any_depth_is_a_problem(connect: Connect, proxy: Proxy) -> None:
    deep = b'{"code":"deep","status":409,"params":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}"
    proxy.plan.append(ok(deep).replace(b"200 OK", b"409 X", 1))
    with pytest.raises(h.Conflict):
        connect("buyer", proxy.url).limits()


def test_an_answer_about_another_order_is_none(connect: Connect, proxy: Proxy, served: Served) -> None:
    """As a cache, or a proxy that mixes up its connections, would give it."""
    buyer = connect("buyer", proxy.url)
    other = json.loads(_placed(served, "buyer", "b-0"))
    proxy.plan.append((ok(other),))
    placed = buyer.place(bid("b-1", 2, "20.00"))
    assert (placed.client_order_id, placed.loads) == ("b-1", 2)
    proxy.plan.append((ok({
        "order_id": "O999999", "status": "cancelled", "price": None, "loads": None, "cancelled_loads": 2, "fills": [],
        "keeps_priority": None, "at": placed.at.isoformat(),
    }),))  # fmt: skip
    assert buyer.cancel(placed.order_id).order_id == placed.order_id
    assert sorted(orders_of(buyer)) == [("b-0", "new"), ("b-1", "cancelled")]


def _placed(served: Served, who: str, name: str) -> bytes:
    """The answer that another order had."""
    import httpx

    body = {"client_order_id": name, "product_id": bid(name, 1, "20.00").product_id, "side": "buy", "price": "20.00"}
    answer = httpx.post(
        f"http://127.0.0.1:{served.port}/v1/orders", json={**body, "loads": 1}, trust_env=False,
        headers={"Authorization": f"Bearer {served.secrets[who]}"},
    )  # fmt: skip
    return answer.content


@pytest.mark.parametrize(
    "spoil",
    [
        lambda results: results[:1],
        lambda results: [*results, results[0]],
        lambda results: results[::-1],
        lambda results: [{**results[0], "order": None, "problem": None}, results[1]],
        lambda results: [{**results[0], "order": results[1]["order"]}, results[1]],
    ],
    ids=["one left out", "one twice", "the other way round", "nothing said", "another's"],
)
def test_a_batch_is_answered_order_by_order_or_asked_for_again(
    connect: Connect, proxy: Proxy, spoil: Callable[[list[Any]], list[Any]]
) -> None:
    buyer = connect("buyer", proxy.url)
    orders = [bid("b-1", 1, "20.00"), bid("b-2", 1, "20.05")]
    results = [
        {
            "client_order_id": one.client_order_id, "status": 201, "problem": None,
            "order": {
                "order_id": f"O{number}", "client_order_id": one.client_order_id, "product_id": one.product_id,
                "side": "buy", "price": str(one.price), "loads": 1, "time_in_force": "gtc", "status": "new",
                "executed_loads": 0, "open_loads": 1, "fills": [], "reason": "", "at": "2026-03-02T09:30:00+08:00",
            },
        }
        for number, one in enumerate(orders, 900)
    ]  # fmt: skip
    proxy.plan.append((ok({"results": spoil(results)}),))
    entries = buyer.place_batch(orders)
    assert [entry.placed().client_order_id for entry in entries] == ["b-1", "b-2"]
    assert {entry.placed().order_id for entry in entries}.isdisjoint({"O900", "O901"})
    assert len(orders_of(buyer)) == 2


def test_a_page_of_something_in_between_does_not_tell_what_became_of_an_order(connect: Connect, proxy: Proxy) -> None:
    buyer = connect("buyer", proxy.url)
    proxy.plan.extend(["lose answer", PAGE_GONE])
    assert buyer.place(bid("b-1", 1, "20.00")).status == "new"
    placed = buyer.find_order("b-1")
    proxy.plan.extend(["lose answer", PAGE_GONE])
    with pytest.raises(h.OutcomeUnknown) as unknown:
        buyer.cancel(placed.order_id)
    assert buyer.cancel(placed.order_id, idempotency_key=unknown.value.idempotency_key).cancelled_loads == 1


def test_a_list_that_does_not_get_on_ends(connect: Connect, proxy: Proxy) -> None:
    buyer = connect("buyer", proxy.url)
    proxy.plan.append(ok({"items": [], "next_cursor": "again"}))
    with pytest.raises(h.NoAnswer):
        buyer.orders()
    item = {"trade_id": "T1", "product_id": "X", "price": "1.00", "loads": 1, "taker_side": None, "leg": ""}
    page = ok({"items": [{**item, "at": "2026-03-02T09:30:00+08:00", "recalled": False}], "next_cursor": "again"})
    proxy.plan.extend([page, page, page])
    with pytest.raises(h.NoAnswer):
        buyer.public_trades("X")
    assert len(proxy.plan) == 1


def test_an_order_of_another_name_is_not_what_was_looked_for(connect: Connect, proxy: Proxy) -> None:
    buyer = connect("buyer", proxy.url)
    buyer.place(bid("b-1", 1, "20.00"))
    found = buyer.find_order("b-1")
    page = json.dumps({"items": [_as_sent(found)], "next_cursor": None})
    proxy.plan.append(ok(page.encode()))
    with pytest.raises(h.NoAnswer):
        buyer.find_order("b-2")


def _as_sent(found: Any) -> Any:
    import msgspec

    return json.loads(msgspec.json.Encoder(decimal_format="string").encode(found))


@contextmanager
def speaking(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that hears a request, and then says what it likes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=_serve_one, args=(connection, talk), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def _serve_one(connection: socket.socket, talk: Callable[[socket.socket], None]) -> None:
    with connection:
        try:
            connection.recv(65_536)
            talk(connection)
        except OSError:
            return


def _drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(1_000):
        connection.sendall(b" ")
        time.sleep(0.05)


def _flood(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b" " * 65_536)


@pytest.mark.parametrize("talk", [_drip, _flood])
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_an_answer_without_end_is_not_waited_for(
    kind: str, talk: Callable[[socket.socket], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("h2market.client.line.ANSWER_BYTES_MAX", 1_000_000)
    retry = Retry(tries_max=2, pause_s=0.01, patience_s=30)
    with speaking(talk) as url:
        client = Either(kind, url, "key", timeout_s=0.5, retry=retry)
        with pytest.raises(h.OutcomeUnknown):
            client.cancel("O1")
        with pytest.raises(h.NoAnswer):
            client.limits()
        client.close()


# --- the log


def told(seq: int, key: str = "") -> list[str]:
    """The lines of one event."""
    event = {"event": "trade", "seq": seq, "at": "2026-03-02T09:30:00+08:00", "trade_id": f"T{seq}", "product_id": "X"}
    more = {"price": "20.00", "loads": 1, "taker_side": "buy", "recalled": False}
    return [f"id: {key or seq}", f"data: {json.dumps({**event, **more})}", ""]


def take(reading: LogReading, *lines: str) -> list[int]:
    return [event.seq for line in lines for event in reading.take(line)]


def test_an_event_comes_once_however_often_it_is_said() -> None:
    reading = LogReading(3, Retry())
    assert reading.query() == {"since": "3"}
    assert take(reading, *told(5), *told(5), *told(4), *told(3), *told(6), *told(5), *told(7)) == [5, 6, 7]
    assert reading.query() == {"since": "7"}


@pytest.mark.parametrize("key", ["x", "-1", "\u00b2", "1.5", "\u0663"])
def test_what_is_no_position_ends_the_reading(key: str) -> None:
    with pytest.raises(h.NoAnswer):
        take(LogReading(None, Retry()), *told(5, key))


def test_a_log_that_only_repeats_itself_is_left() -> None:
    reading = LogReading(5, Retry(tries_max=3))
    for _ in range(2):
        reading.query()
        assert take(reading, ": nothing new", "id: 5", "") == []
        reading.pause_s()
    with pytest.raises(h.NoAnswer):
        reading.pause_s()
