"""Books over a socket: what a client rebuilds is what REST shows."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest

from exchange import commands as c
from tests.exchange.market import PRODUCT, order
from tests.exchange.stream.client import Client, LevelBook, OrderBook
from tests.exchange.stream.served import Served


def rest_rows(depth: dict[str, Any], side: str) -> list[tuple[Any, ...]]:
    return [(level["price"], level["loads"], level["orders"]) for level in depth[side]]


async def follow(client: Client, book: LevelBook | OrderBook, kind: str) -> None:
    """Takes in what came for one book."""
    for message in await client.until_quiet():
        if message["type"] in (kind, f"{kind}_snapshot"):
            book.take(message)


def some_orders(chance: Random, who: str, count: int) -> list[dict[str, Any]]:
    """Orders around one price, of several kinds."""
    made = []
    for _ in range(count):
        side = {"buyer": "buy", "other": "buy", "seller": "sell"}.get(who) or chance.choice(("buy", "sell"))
        price = f"{(2_000 + 5 * chance.randint(-8, 8)) / 100:.2f}"
        more: dict[str, Any] = chance.choice(
            ({}, {}, {}, {"display_loads": 1}, {"time_in_force": "ioc"}, {"post_only": True}, {"all_or_none": True})
        )
        made.append(order(f"{who}-{chance.random()}", side, chance.randint(1, 3), price, **more))
    return made


def test_after_random_trading_a_client_has_what_rest_shows(served: Served) -> None:
    async def trader(who: str, rounds: int) -> None:
        chance = Random(who)
        async with served.client(who) as client:
            open_orders: list[str] = []
            for _ in range(rounds):
                answer = await client.ask(op="place", orders=some_orders(chance, who, chance.randint(1, 4)))
                assert answer["type"] == "placed"
                open_orders += [one["order"]["order_id"] for one in answer["results"] if one["order"]]
                if open_orders and chance.random() < 0.6:
                    order_id = open_orders.pop(chance.randrange(len(open_orders)))
                    how = {"op": "cancel"} if chance.random() < 0.5 else {"op": "amend", "loads": chance.randint(1, 3)}
                    assert (await client.ask(order_id=order_id, **how))["type"] in ("changed", "problem")

    async def run() -> None:
        async with served.client("auditor") as first, served.client("auditor") as late:
            full, narrow, singles = LevelBook(), LevelBook(), OrderBook()
            await first.ask(op="subscribe", channel="book", product_id=PRODUCT, depth=100)
            await first.ask(op="subscribe", channel="orders", product_id=PRODUCT)
            await asyncio.gather(*(trader(who, 25) for who in ("buyer", "other", "seller", "keeper")), join(late))
            for message in await first.until_quiet():
                if message["type"].startswith("book"):
                    full.take(message)
                elif message["type"].startswith("orders"):
                    singles.take(message)
            await follow(late, narrow, "book")
            depth = await served.depth()
            for side in ("bids", "asks"):
                assert full.rows(side) == rest_rows(depth, side)
                assert narrow.rows(side) == rest_rows(depth, side)[:3]
            assert full.rows("bids")
            assert full.messages > 20
            assert [level_of(singles, "buy"), level_of(singles, "sell")] == [full.rows("bids"), full.rows("asks")]

    async def join(late: Client) -> None:
        await asyncio.sleep(0.1)
        await late.ask(op="subscribe", channel="book", product_id=PRODUCT, depth=3, throttle_ms=20)

    asyncio.run(run())


def level_of(singles: OrderBook, side: str) -> list[tuple[Any, ...]]:
    levels: dict[str, tuple[int, int]] = {}
    for _, price, loads in singles.rows(side):
        before = levels.get(price, (0, 0))
        levels[price] = before[0] + loads, before[1] + 1
    return [(price, *figures) for price, figures in levels.items()]


def test_a_snapshot_comes_first_and_is_what_stood_before(served: Served) -> None:
    async def run() -> None:
        await served.place("seller", "s1", "sell", 3, "20.00")
        async with served.client("buyer") as client:
            told = await client.ask(op="subscribe", channel="book", product_id=PRODUCT)
            snapshot = await client.hear("book_snapshot")
            assert told["type"] == "subscribed"
            assert not told["resumed"]
            assert snapshot["asks"] == [{"price": "20.00", "loads": 3, "orders": 1}]
            assert [one["type"] for one in client.all[1:3]] == ["subscribed", "book_snapshot"]
            await served.place("buyer", "b1", "buy", 3, "20.00")
            delta = await client.hear("book")
            assert delta["asks"] == [{"price": "20.00", "loads": 0, "orders": 0}]
            assert delta["prev_seq"] == snapshot["seq"]

    asyncio.run(run())


def test_a_throttled_reader_gets_few_messages_and_the_same_book(served_here: Served) -> None:
    async def run() -> None:
        async with served_here.client("auditor") as slow, served_here.client("auditor") as quick:
            books = {slow: LevelBook(), quick: LevelBook()}
            await slow.ask(op="subscribe", channel="book", product_id=PRODUCT, depth=100, throttle_ms=1_000)
            await quick.ask(op="subscribe", channel="book", product_id=PRODUCT, depth=100)
            for number in range(40):
                await served_here.place("seller", f"s{number}", "sell", 1, f"{20 + number % 7}.00")
            await asyncio.sleep(1.1)
            for client, book in books.items():
                await follow(client, book, "book")
            assert books[slow].sides == books[quick].sides
            assert books[slow].messages * 2 < books[quick].messages

    asyncio.run(run())


def test_resync_gives_a_new_snapshot_and_goes_on_from_it(served_here: Served) -> None:
    async def run() -> None:
        async with served_here.client("buyer") as client:
            book = LevelBook()
            await client.ask(op="subscribe", channel="book", product_id=PRODUCT)
            await served_here.place("seller", "s1", "sell", 1, "20.00")
            await client.until_quiet()
            again = await client.ask(op="resync", channel="book", product_id=PRODUCT)
            assert (again["type"], again["resumed"]) == ("subscribed", False)
            await served_here.place("seller", "s2", "sell", 2, "20.05")
            await follow(client, book, "book")
            assert book.rows("asks") == [("20.00", 1, 1), ("20.05", 2, 1)]
            refused = await client.ask(op="resync", channel="orders", product_id=PRODUCT)
            assert refused["problem"]["code"] == "not_found"

    asyncio.run(run())


def test_a_book_that_did_not_change_goes_on_without_a_snapshot(served_here: Served) -> None:
    async def run() -> None:
        async with served_here.client("buyer") as keeps, served_here.client("buyer") as client:
            await keeps.ask(op="subscribe", channel="book", product_id=PRODUCT)
            await served_here.place("seller", "s1", "sell", 1, "20.00")
            seq = (await keeps.hear("book"))["seq"]
            told = await client.ask(op="subscribe", channel="book", product_id=PRODUCT, since=seq)
            assert (told["resumed"], told["seq"]) == (True, seq)
            await served_here.place("seller", "s2", "sell", 1, "20.05")
            assert (await client.hear("book"))["prev_seq"] == seq
            assert not [one for one in client.all if one["type"] == "book_snapshot"]
            stale = await client.ask(op="subscribe", channel="book", product_id=PRODUCT, since=seq)
            assert not stale["resumed"]
            assert len((await client.hear("book_snapshot"))["asks"]) == 2

    asyncio.run(run())


def test_the_book_of_a_closed_product_is_empty(served_here: Served) -> None:
    async def run() -> None:
        await served_here.place("seller", "s1", "sell", 1, "20.00")
        async with served_here.client("buyer") as client:
            book, singles = LevelBook(), OrderBook()
            await client.ask(op="subscribe", channel="book", product_id=PRODUCT)
            await client.ask(op="subscribe", channel="orders", product_id=PRODUCT)
            await asyncio.to_thread(served_here.submit, c.CloseProduct(PRODUCT))
            for message in await client.until_quiet():
                if message["type"].startswith("book"):
                    book.take(message)
                elif message["type"].startswith("orders"):
                    singles.take(message)
            assert book.rows("asks") == []
            assert singles.rows("sell") == []
            assert book.messages == 2

    asyncio.run(run())


@pytest.mark.parametrize("channel", ["book", "orders", "ticker", "trades", "status"])
def test_a_product_that_was_never_listed_is_not_found(served_here: Served, channel: str) -> None:
    async def run() -> None:
        async with served_here.client("buyer") as client:
            refused = await client.ask(op="subscribe", channel=channel, product_id="NONE")
            assert refused["problem"]["code"] == "product_not_found"
            assert refused["problem"]["errors"][0]["field"] == "product_id"

    asyncio.run(run())
