"""Whoever takes nothing: what waits for it stays small, then it is cut off, and nobody else notices."""

from __future__ import annotations

import asyncio
import json

import pytest

from exchange.stream import connection
from exchange.stream.outbox import Outbox
from exchange.stream.subscription import Subscription
from tests.exchange.market import PRODUCT, order
from tests.exchange.stream.client import Client, LevelBook, OrderBook
from tests.exchange.stream.served import Served
from tests.exchange.stream.test_books import level_of, rest_rows
from tests.exchange.stream.test_ends import slow_waits, stuck
from tests.exchange.stream.test_heartbeats import until

ROUNDS_MAX = 3_000
ORDERS = 30


async def trade(seller: Client, number: int, count: int = ORDERS) -> None:
    """Many orders, and all of them cancelled."""
    prices = [f"{20 + 0.05 * ((number * 13 + k * 7) % 90):.2f}" for k in range(count)]
    orders = [order(f"s{number}-{k}", "sell", 1, price) for k, price in enumerate(prices)]
    answer = await seller.ask(op="place", orders=orders)
    assert {one["status"] for one in answer["results"]} == {201}
    await seller.ask(op="cancel_all")
    await asyncio.sleep(0.003)  # the feed has its turn


def only_connection(served: Served) -> connection.Connection:
    (one,) = served.hub._connections
    assert isinstance(one, connection.Connection)
    return one


def subscribed(one: connection.Connection, channel: str) -> Subscription:
    return next(found for key, found in one._subscriptions.items() if key[0] == channel)


def waiting(box: Outbox) -> tuple[int, set[str]]:
    """How many subscriptions wait for their turn, and what kinds of messages wait whole."""
    items = list(box._waiting)
    whole = [item for item in items if isinstance(item, bytes)]
    return len(items) - len(whole), {json.loads(item)["type"] for item in whole}


async def same_as_rest(served: Served, client: Client, level_book: LevelBook, order_book: OrderBook) -> None:
    """Asserts that a client's books are those of REST."""
    for message in await client.until_quiet():
        if message["type"] in ("book", "book_snapshot"):
            level_book.take(message)
        elif message["type"] in ("orders", "orders_snapshot"):
            order_book.take(message)
    depth = await served.depth()
    assert level_book.rows("asks") == rest_rows(depth, "asks")
    assert level_of(order_book, "sell") == level_book.rows("asks")


def test_what_waits_for_a_stuck_reader_is_one_message_a_subscription_until_it_is_cut(
    served_here: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "STUCK_S_MAX", 3_600)
    served_here.hub.heartbeat_s = 0.05

    async def run() -> None:
        slow = await stuck(served_here, "auditor")
        await slow.hear("welcome")
        for channel in ("book", "orders", "ticker"):
            await slow.ask(op="subscribe", channel=channel, product_id=PRODUCT)
        one = only_connection(served_here)
        box = one._outbox
        async with served_here.client("auditor") as quick, served_here.client("seller") as seller:
            level_book, order_book = LevelBook(), OrderBook()
            await quick.ask(op="subscribe", channel="book", product_id=PRODUCT, depth=100)
            await quick.ask(op="subscribe", channel="orders", product_id=PRODUCT)
            slow.socket.transport.pause_reading()
            for number in range(ROUNDS_MAX):
                await trade(seller, number)
                if slow_waits(served_here):
                    break
            else:
                pytest.fail("the reader was never slow")
            for more in range(40):
                await trade(seller, number + 1 + more)
                turns, whole = waiting(box)
                assert turns <= 3
                assert whole <= {"heartbeat"}
            assert turns == 3
            levels = subscribed(one, "book")._pending
            assert levels is not None
            assert len(levels.message.asks) <= 90  # there are so many prices
            assert one.ended is None
            assert box._sending_since is not None
            box._sending_since -= 3_600  # the time is over
            await until(lambda: len(served_here.hub._connections) < 3)
            assert one.ended == (4408, "slow reader")
            assert (len(box._waiting), len(served_here.hub._subscriptions)) == (0, 2)
            await served_here.place("seller", "last", "sell", 2, "33.00")
            await same_as_rest(served_here, quick, level_book, order_book)
            assert level_book.rows("asks") == [("33.00", 2, 1)]
        slow.socket.transport.resume_reading()
        assert (await slow.ended())[0] == 4408

    asyncio.run(run())


def test_single_orders_that_gather_for_a_stuck_reader_have_an_end(
    served_here: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each order that came and went is a change more, whatever the book is like."""
    monkeypatch.setattr(connection, "STUCK_S_MAX", 3_600)
    monkeypatch.setattr("exchange.stream.subscription.GATHERED_MAX", 600)

    async def run() -> None:
        slow = await stuck(served_here, "auditor")
        await slow.hear("welcome")
        await slow.ask(op="subscribe", channel="orders", product_id=PRODUCT)
        one = only_connection(served_here)
        subscription, most = subscribed(one, "orders"), 0
        async with served_here.client("auditor") as quick, served_here.client("seller") as seller:
            level_book, order_book = LevelBook(), OrderBook()
            await quick.ask(op="subscribe", channel="book", product_id=PRODUCT, depth=100)
            await quick.ask(op="subscribe", channel="orders", product_id=PRODUCT)
            slow.socket.transport.pause_reading()
            for number in range(ROUNDS_MAX):
                await trade(seller, number)
                most = max(most, subscription._pending.gathered if subscription._pending is not None else 0)
                if len(served_here.hub._connections) < 3:
                    break
                assert most <= 600 + 4 * ORDERS
            else:
                pytest.fail("the reader was never cut")
            assert most > 300
            assert one.ended == (4408, "slow reader")
            await served_here.place("seller", "last", "sell", 2, "33.00")
            await same_as_rest(served_here, quick, level_book, order_book)
        slow.socket.transport.resume_reading()
        assert (await slow.ended())[0] == 4408

    asyncio.run(run())


def test_what_gathers_for_a_throttled_reader_is_sent_before_it_is_too_much(
    served_here: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exchange.stream.subscription.GATHERED_MAX", 600)

    async def run() -> None:
        async with served_here.client("auditor") as client, served_here.client("seller") as seller:
            await client.ask(op="subscribe", channel="orders", product_id=PRODUCT, throttle_ms=60_000)
            await trade(seller, 0)  # is told at once
            await client.until_quiet()
            for number in range(1, 60):
                await trade(seller, number)
            told = [one for one in await client.until_quiet() if one["type"] == "orders"]
            assert 3 <= len(told) <= 8
            assert all(300 < len(one["changes"]) <= 600 for one in told)
            assert client.socket.close_code is None

    asyncio.run(run())


def test_what_happens_while_a_stuck_reader_begins_is_held_up_to_a_limit(
    served_here: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its snapshot goes out in parts as it takes them; own business waits behind it."""
    monkeypatch.setattr(connection, "STUCK_S_MAX", 3_600)
    monkeypatch.setattr("exchange.stream.companies.PART_ORDERS", 2)
    monkeypatch.setattr("exchange.stream.outbox.ROOM_BYTES", 2_000)
    monkeypatch.setattr("exchange.stream.subscription.MESSAGES_MAX", 40)

    async def run() -> None:
        slow = await stuck(served_here, "seller")
        await slow.hear("welcome")
        await slow.ask(op="subscribe", channel="book", product_id=PRODUCT, depth=100)
        one = only_connection(served_here)
        slow.socket.transport.pause_reading()
        async with served_here.client("seller") as quick, served_here.client("buyer") as buyer:
            for number in range(ROUNDS_MAX):
                await trade(quick, number)
                if slow_waits(served_here):
                    break
            else:
                pytest.fail("the reader was never slow")
            opened = await quick.ask(op="place", orders=[order(f"o{k}", "sell", 1, "24.00") for k in range(ORDERS)])
            assert {result["status"] for result in opened["results"]} == {201}
            await slow.say(op="subscribe", id="own", channel="own")
            await quick.ask(op="subscribe", channel="own")
            await until(lambda: ("own", served_here.ids["seller"]) in one._subscriptions)
            beginning, most, order_id = subscribed(one, "own"), 0, opened["results"][0]["order"]["order_id"]
            for number in range(ROUNDS_MAX):
                await quick.ask(op="amend", order_id=order_id, price=f"{24 + number % 2}.05")
                await quick.hear("own")
                most = max(most, len(beginning.held or ()))
                assert one._outbox._bytes < 20_000
                if len(served_here.hub._connections) < 3:
                    break
                assert most <= 41
            else:
                pytest.fail("the reader was never cut")
            assert most >= 30
            assert one.ended == (4408, "slow reader")
            assert len(served_here.hub._subscriptions) == 1
            assert (await buyer.ask(op="ping"))["type"] == "pong"
        slow.socket.transport.resume_reading()
        assert (await slow.ended())[0] == 4408

    asyncio.run(run())
