"""Trades, status and own business: told in order, and after a break without gap and repeat."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from random import Random
from typing import Any

import pytest

from exchange import commands as c
from exchange.events import Traded
from exchange.stream import hub
from exchange.stream.items import trade_item
from tests.exchange.market import PRODUCT, WINDOW_START, order
from tests.exchange.stream.client import Chain, Client, Message
from tests.exchange.stream.served import Served
from tests.exchange.stream.test_books import some_orders

#: Said as things stand when they are said: no events of the log.
STANDING = ("limits", "indicative")


def items_of(messages: Iterable[Message], chain: Chain | None = None) -> list[dict[str, Any]]:
    """The items of event messages; with a chain their positions are checked."""
    found: list[dict[str, Any]] = []
    for message in messages:
        if message["type"] in ("trades", "status", "own"):
            if chain is not None:
                chain.take(message)
            found += message.get("events") or message["trades"]
    return found


def plain(items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Items without what is said as it stands at the moment."""
    return [{k: v for k, v in item.items() if k != "order"} for item in items if item["event"] not in STANDING]


async def trade_some(served: Served, rounds: int) -> None:
    """Both sides trade, and the operator moves the product in and out of an auction."""
    chance = Random(3)
    async with served.client("buyer") as buyer, served.client("seller") as seller:
        for number in range(rounds):
            for client, who in ((buyer, "buyer"), (seller, "seller")):
                await client.ask(op="place", orders=some_orders(chance, who, 2))
            if number % 7 == 3:
                for phase in ("auction", "continuous"):
                    command = c.ChangePhase(PRODUCT, phase)
                    await asyncio.to_thread(served.submit, command)


@pytest.mark.parametrize("channel", ["trades", "status", "own"])
def test_a_reader_who_comes_back_misses_nothing_and_hears_nothing_twice(served: Served, channel: str) -> None:
    begun: list[int] = []  # neither may be there when the first orders come

    async def faithful(client: Client, trading: asyncio.Task[None]) -> list[dict[str, Any]]:
        chain = Chain()
        chain.begin((await client.ask(op="subscribe", channel=channel))["seq"])
        begun.append(chain.seq)
        await trading
        return items_of(await client.until_quiet(), chain)

    async def fickle(trading: asyncio.Task[None]) -> list[dict[str, Any]]:
        chance, found, chain, first = Random(5), [], Chain(), True
        last = False
        while not last:
            last = trading.done()
            async with served.client("buyer") as client:
                since = {} if first else {"since": chain.seq}
                told = await client.ask(op="subscribe", channel=channel, **since)
                assert told["resumed"] is not first
                chain.begin(told["seq"])
                if first:
                    begun.append(chain.seq)
                first = False
                if not last:
                    await asyncio.sleep(chance.random() / 5)
                found += items_of(await client.until_quiet(), chain)
        return found

    async def run() -> None:
        async with served.client("buyer") as client:
            trading = asyncio.create_task(trade_some(served, 30))
            stayed, left = await asyncio.gather(faithful(client, trading), fickle(trading))
            left, stayed = ([one for one in plain(items) if one["seq"] > max(begun)] for items in (left, stayed))
            assert left == stayed
            assert len(stayed) > 5
            await trading

    asyncio.run(run())


def test_who_was_away_too_long_begins_with_a_snapshot(served_here: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        await served_here.place("seller", "s1", "sell", 1, "20.00")
        await served_here.place("buyer", "b1", "buy", 1, "20.00")
        async with served_here.client("buyer") as client:
            told = await client.ask(op="subscribe", channel="trades", since=0)
            assert told["resumed"]
            assert [one["trade_id"] for one in (await client.hear("trades"))["trades"]] == ["T28"]
            monkeypatch.setattr(hub, "EVENTS_MAX", 2)
            told = await client.ask(op="subscribe", channel="trades", since=0)
            assert not told["resumed"]
            snapshot = await client.hear("trades_snapshot")
            assert [one["trade_id"] for one in snapshot["trades"]] == ["T28"]

    asyncio.run(run())


def test_a_position_that_the_log_has_not_reached_is_refused(served_here: Served) -> None:
    async def run() -> None:
        async with served_here.client("buyer") as client:
            refused = await client.ask(op="subscribe", channel="trades", since=10**9)
            assert refused["problem"]["errors"][0]["field"] == "since"

    asyncio.run(run())


def test_own_shows_only_own(served: Served) -> None:
    async def run() -> None:
        async with (
            served.client("buyer") as buyer,
            served.client("seller") as seller,
            served.client("auditor") as third,
        ):
            for client in (buyer, seller, third):
                await client.ask(op="subscribe", channel="own")
            first = await seller.ask(op="place", orders=[order("s1", "sell", 3, "20.00")])
            await buyer.ask(op="place", orders=[order("b1", "buy", 2, "20.00"), order("b2", "buy", 1, "19.00")])
            order_id = first["results"][0]["order"]["order_id"]
            await seller.ask(op="amend", order_id=order_id, loads=5)
            await seller.ask(op="cancel", order_id=order_id)
            told = {client: items_of(await client.until_quiet()) for client in (buyer, seller, third)}
            for client, who in ((buyer, "buyer"), (seller, "seller")):
                assert {item["participant_id"] for item in told[client]} == {served.ids[who]}
            assert told[third] == []
            changes = [(one["event"], one.get("change")) for one in told[seller] if one["event"] != "limits"]
            assert changes == [("order", "placed"), ("fill", None), ("order", "amended"), ("order", "cancelled")]
            fill = next(one for one in told[buyer] if one["event"] == "fill")
            assert (fill["taker"], fill["side"], fill["counterparty_id"]) == (True, "buy", served.ids["seller"])
            assert fill["order"]["status"] == "filled"
            limits = [one for one in told[buyer] if one["event"] == "limits"][-1]
            async with served.rest("buyer") as rest:
                shown = (await rest.get("/v1/limits")).json()
            assert [limits[name] for name in ("granted", "reserved", "committed", "free")] == [
                shown[name] for name in ("granted", "reserved", "committed", "free")
            ]

    asyncio.run(run())


def test_own_says_what_a_rejection_points_at(served_here: Served) -> None:
    async def run() -> None:
        async with served_here.client("buyer") as live, served_here.client("buyer") as late:
            since = (await live.ask(op="subscribe", channel="own"))["seq"]
            await live.ask(op="place", orders=[order("b1", "buy", 20, "80.00"), order("b2", "buy", 1, "20.01")])
            wide = [order(f"w{number}", "buy", 20, "80.00") for number in range(2)]  # 480,000.00 each
            await live.ask(op="place", orders=wide)
            await late.ask(op="subscribe", channel="own", since=since)  # the same from the rows
            for reader in (live, late):
                rejected = [one for one in items_of(await reader.until_quiet()) if one.get("change") == "rejected"]
                for item in (*rejected, *(one["order"] for one in rejected)):
                    if item.get("reason") == "price_off_tick":
                        assert (item["field"], item.get("shortfall")) == ("price", None)
                    else:
                        assert (item["reason"], item["field"]) == ("money_limit_exceeded", "loads")
                        assert item["shortfall"] == "440000.00"
                assert len(rejected) == 2

    asyncio.run(run())


def test_the_snapshot_of_own_has_open_orders_and_limits(served_here: Served) -> None:
    async def run() -> None:
        open_id = await served_here.place("seller", "s1", "sell", 3, "20.00")
        await served_here.place("buyer", "b1", "buy", 1, "20.00")
        async with served_here.client("seller") as client:
            await client.ask(op="subscribe", channel="own")
            snapshot = await client.hear("own_snapshot")
            assert [(one["order_id"], one["open_loads"]) for one in snapshot["orders"]] == [(open_id, 2)]
            capacity = snapshot["limits"]["capacities"][0]
            assert (capacity["window_start"], capacity["reserved_loads"], capacity["consumed_loads"]) == (
                WINDOW_START, 2, 1,
            )  # fmt: skip

    asyncio.run(run())


def test_status_tells_of_market_phases_and_quote_requests(served_here: Served) -> None:
    async def run() -> None:
        async with served_here.client("buyer") as client, served_here.client("buyer") as one:
            await client.ask(op="subscribe", channel="status")
            await one.ask(op="subscribe", channel="status", product_id=PRODUCT)
            await client.ask(op="subscribe", channel="ticker", product_id=PRODUCT)
            assert (await client.hear("status_snapshot"))["is_open"]
            for command in (
                c.RequestQuote(served_here.ids["other"], PRODUCT, "buy", 3),
                c.ChangePhase(PRODUCT, "auction", "operator"),
                c.SetReferencePrice(PRODUCT, 1_950, "a slip", served_here.ids["other"], "K1"),
                c.HaltMarket("drill"),
                c.ResumeMarket(),
            ):
                await asyncio.to_thread(served_here.submit, command)
            for reader in (client, one):
                said = await reader.until_quiet()
                told = plain(items_of([message for message in said if message["type"] == "status"]))
                assert [item["event"] for item in told] == [
                    "quote_request", "phase", "reference_price", "market", "market",
                ]  # fmt: skip
                assert (told[2]["product_id"], told[2]["price"], told[2]["reason"]) == (PRODUCT, "19.50", "a slip")
                assert all({"participant_id", "key_id"}.isdisjoint(item) for item in told)
                tickers = [one for message in said if message["type"] == "ticker" for one in message["tickers"]]
                assert [one["reference_price"] for one in tickers][-1:] == (["19.50"] if reader is client else [])

    asyncio.run(run())


def test_an_auction_shows_what_it_would_trade(served_here: Served) -> None:
    async def run() -> None:
        await asyncio.to_thread(served_here.submit, c.ChangePhase(PRODUCT, "auction"))
        async with served_here.client("buyer") as client:
            await client.ask(op="subscribe", channel="status")
            first = (await client.hear("status"))["events"][0]
            assert (first["event"], first["price"]) == ("indicative", None)
            await served_here.place("seller", "s1", "sell", 3, "19.00")
            await served_here.place("buyer", "b1", "buy", 2, "21.00")
            item: Message = {}
            while item.get("loads") != 2:
                item = (await client.hear("status"))["events"][-1]
            assert (item["price"], item["surplus_loads"]) == ("19.00", -1)
            await asyncio.to_thread(served_here.submit, c.ChangePhase(PRODUCT, "continuous"))
            ended = (await client.hear("status"))["events"]
            assert [one["event"] for one in ended] == ["auction", "phase"]

    asyncio.run(run())


def test_the_ticker_follows_prices_and_the_day(served: Served) -> None:
    async def run() -> None:
        await served.place("seller", "s1", "sell", 3, "20.00")
        await served.place("buyer", "b1", "buy", 1, "20.00")
        async with served.client("buyer") as client:
            await client.ask(op="subscribe", channel="ticker")
            ticker = (await client.hear("ticker_snapshot"))["tickers"][0]
            assert (ticker["last_price"], ticker["day_trades"], ticker["day_loads"]) == ("20.00", 1, 1)
            assert ticker["ask"] == {"price": "20.00", "loads": 2, "implied": False}
            await served.place("seller", "s2", "sell", 1, "19.50")
            await served.place("buyer", "b2", "buy", 1, "19.50")
            while ticker["day_trades"] < 2:
                ticker = (await client.hear("ticker"))["tickers"][-1]
            assert (ticker["day_high"], ticker["day_low"], ticker["day_average"]) == ("20.00", "19.50", "19.75")

    asyncio.run(run())


def test_the_ticker_tells_of_a_trade_that_moved_no_book(served: Served) -> None:
    """An agreement of two: neither order was ever in a ladder, as where both came and went within one turn."""

    async def run() -> None:
        await served.place("seller", "s1", "sell", 3, "20.50")
        async with served.client("buyer") as client:
            await client.ask(op="subscribe", channel="ticker")
            assert (await client.hear("ticker_snapshot"))["tickers"][0]["day_trades"] == 0
            agreed = {"agreement": "a"}
            await served.place("seller", "s2", "sell", 1, "20.00", counterparty_id=served.ids["buyer"], **agreed)
            await served.place("buyer", "b1", "buy", 1, "20.00", counterparty_id=served.ids["seller"], **agreed)
            ticker = (await client.hear("ticker"))["tickers"][-1]
            while not ticker["day_trades"]:  # one that tells of the first half
                ticker = (await client.hear("ticker"))["tickers"][-1]
            assert (ticker["day_trades"], ticker["day_loads"], ticker["day_average"]) == (1, 1, "20.00")

    asyncio.run(run())


@pytest.mark.parametrize(("taker", "side"), [(0, None), (5, "buy"), (6, "sell"), (7, None)])
def test_a_trade_s_taker_is_one_of_its_two_orders(taker: int, side: str | None) -> None:
    leg = Traded(9, PRODUCT, 500, 1, "P1", "P2", 5, 6, taker, "haulage" if taker == 7 else "")
    assert trade_item(leg, 0).taker_side == side
