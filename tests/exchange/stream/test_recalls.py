"""A recall on the stream: both parties hear each step, the market hears of the trade that counts no more."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from exchange import commands as c
from exchange.model import TradeFacts
from kernel.clock import from_text
from kernel.messages import Command
from tests.exchange.market import NOW, PRODUCT
from tests.exchange.stream.client import PATIENCE_S, Chain, Message
from tests.exchange.stream.served import Served
from tests.exchange.stream.test_server_events import read

STEPS = ["requested", "approved", "recalling", "recalled"]


async def traded(served: Served, price: str = "20.00", loads: int = 2, number: int = 1) -> TradeFacts:
    """A trade between seller and buyer, who wants no more of it; the seller's order stays open."""
    sold = await served.place("seller", f"s{number}", "sell", loads + 1, price)
    bought = await served.place("buyer", f"b{number}", "buy", loads, price)
    trade_id = served.house.sequencers["exchange"].tail.seq
    fen = int(price.replace(".", ""))
    return TradeFacts(
        trade_id, PRODUCT, fen, loads, served.ids["buyer"], served.ids["seller"], int(bought[1:]), int(sold[1:]), "",
        from_text(NOW),
    )  # fmt: skip


async def submit(served: Served, *commands: Command) -> None:
    for command in commands:
        await asyncio.to_thread(served.submit, command)


async def undo(served: Served, trade: TradeFacts) -> None:
    """The whole of a recall."""
    ask = c.RequestRecall(trade.trade_id, (trade,), trade.buyer_id, "K1", False, "one digit too many")
    recall_id = served.house.sequencers["exchange"].tail.seq + 1
    await submit(
        served, ask, c.ApproveRecall(trade.trade_id, "P1", "K8"), c.ConfirmRecall(trade.trade_id, "P1", "K9"),
        c.ConcludeRecall(recall_id, True, ""),
    )  # fmt: skip


def of(messages: list[Message], kind: str) -> list[Message]:
    return [message for message in messages if message["type"] == kind]


def test_each_party_hears_of_its_own_side(served: Served) -> None:
    async def run() -> None:
        trade = await traded(served)
        async with (
            served.client("buyer") as buyer,
            served.client("seller") as seller,
            served.client("other") as other,
        ):
            for client in (buyer, seller, other):
                await client.ask(op="subscribe", channel="own")
            since = served.house.sequencers["exchange"].tail.seq
            await undo(served, trade)
            for client, side, order_id in (
                (buyer, "buy", trade.buy_order_id),
                (seller, "sell", trade.sell_order_id),
            ):
                items = [item for message in of(await client.until_quiet(), "own") for item in message["events"]]
                told = [item for item in items if item["event"] == "recall"]
                assert [item["change"] for item in told] == STEPS
                assert {(item["side"], item["order_id"], item["trade_id"]) for item in told} == {
                    (side, f"O{order_id}", f"T{trade.trade_id}")
                }
                assert told[0]["reason"] == "one digit too many"
                assert told[0]["requester_id"] == served.ids["buyer"]
                assert told[0]["decide_by"] == "2026-03-02T10:30:00+08:00"
                assert "K8" not in str(told) and "K9" not in str(told)
                capacities = [item["capacities"] for item in items if item["event"] == "limits"]
                if side == "sell":
                    assert capacities[-1][0]["consumed_loads"] == 0
            assert of(await other.until_quiet(), "own") == []
        async with served.client("buyer") as late:
            await late.ask(op="subscribe", channel="own", since=since)
            heard: list[Message] = []
            async with asyncio.timeout(PATIENCE_S):
                while len(heard) < len(STEPS):
                    items = [item for message in of(await late.until_quiet(), "own") for item in message["events"]]
                    heard += [item for item in items if item["event"] == "recall"]
            assert [item["change"] for item in heard] == STEPS

    asyncio.run(run())


def test_a_trade_behind_a_recall_is_told_in_order(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both came within one turn: whoever resumes from what it heard last hears neither again."""
    monkeypatch.setattr("exchange.stream.feed.GATHER_S", 0.5)

    async def run() -> None:
        trade = await traded(served)
        chain = Chain()
        async with served.client("other") as client:
            chain.begin((await client.ask(op="subscribe", channel="trades"))["seq"])
            await undo(served, trade)
            later = await traded(served, number=2)
            heard: list[Message] = []
            async with asyncio.timeout(PATIENCE_S):
                while not any(message["trades"] for message in heard):
                    heard += of(await client.until_quiet(), "trades")
            for message in heard:
                chain.take(message)
            assert heard[-1]["seq"] == later.trade_id
            assert [item["trade_id"] for message in heard for item in message.get("recalled", ())] == [
                f"T{trade.trade_id}"
            ]

    asyncio.run(run())


def test_both_parties_hear_that_a_request_was_taken_back(served: Served) -> None:
    async def run() -> None:
        trade = await traded(served)
        async with served.client("buyer") as buyer, served.client("seller") as seller:
            for client in (buyer, seller):
                await client.ask(op="subscribe", channel="own")
            await submit(
                served,
                c.RequestRecall(trade.trade_id, (trade,), trade.buyer_id, "K1", False, "one digit too many"),
                c.WithdrawRecall(trade.trade_id, trade.buyer_id, "K2", False),
            )
            for client in (buyer, seller):
                items = [item for message in of(await client.until_quiet(), "own") for item in message["events"]]
                assert [item["change"] for item in items if item["event"] == "recall"] == ["requested", "withdrawn"]

    asyncio.run(run())


def test_an_order_that_goes_on_says_what_was_taken_back(served: Served) -> None:
    async def run() -> None:
        trade = await traded(served)
        async with served.client("seller") as seller:
            await seller.ask(op="subscribe", channel="own")
            await undo(served, trade)
            await seller.until_quiet()
            await served.place("other", "o1", "buy", 1, "20.00")
            items = [item for message in of(await seller.until_quiet(), "own") for item in message["events"]]
            (fill,) = [item for item in items if item["event"] == "fill"]
            order = fill["order"]
            assert (order["loads"], order["executed_loads"], order["recalled_loads"]) == (3, 1, 2)
            assert (order["status"], order["average_price"]) == ("filled", "20.00")
        trade = await traded(served, number=2)
        await undo(served, trade)
        async with served.client("seller") as seller:
            await seller.ask(op="subscribe", channel="own")
            (snapshot,) = of(await seller.until_quiet(), "own_snapshot")
            (open_order,) = snapshot["orders"]
            assert (open_order["executed_loads"], open_order["recalled_loads"], open_order["open_loads"]) == (0, 2, 1)

    asyncio.run(run())


def test_the_market_hears_which_trade_counts_no_more(served: Served) -> None:
    async def run() -> None:
        trade = await traded(served)
        chain = Chain()
        async with served.client("other") as one, served.client("other") as elsewhere:
            chain.begin((await one.ask(op="subscribe", channel="trades"))["seq"])
            await elsewhere.ask(op="subscribe", channel="trades", product_id=PRODUCT)
            (before,) = of(await one.until_quiet(), "trades_snapshot")
            assert "recalled" not in before["trades"][-1]
            await undo(served, trade)
            (message,) = of(await one.until_quiet(), "trades")
            chain.take(message)
            seq = served.house.sequencers["exchange"].tail.seq
            (recalled,) = message["recalled"]
            assert (message["trades"], message["seq"]) == ([], seq)
            assert recalled == {
                "event": "trade_recalled", "seq": seq, "at": NOW, "trade_id": f"T{trade.trade_id}",
                "product_id": PRODUCT, "price": "20.00", "loads": 2,
            }  # fmt: skip
            assert of(await elsewhere.until_quiet(), "trades")[0]["recalled"] == [recalled]
            await served.place("other", "o1", "buy", 1, "20.00")
            (later,) = of(await one.until_quiet(), "trades")
            assert "recalled" not in later
        async with served.client("other") as late:
            await late.ask(op="subscribe", channel="trades", since=trade.trade_id - 1)
            (message,) = of(await late.until_quiet(), "trades")
            assert message["trades"][0]["trade_id"] == f"T{trade.trade_id}"
            assert message["recalled"] == [recalled]
            await late.ask(op="unsubscribe", channel="trades")
            await late.ask(op="subscribe", channel="trades")
            (snapshot,) = of(await late.until_quiet(), "trades_snapshot")
            assert [item.get("recalled", False) for item in snapshot["trades"][-2:]] == [True, False]

    asyncio.run(run())


def figures(message: Message) -> dict[str, Any]:
    """What a ticker says of the day."""
    ticker = message["tickers"][-1]
    return {name: ticker[name] for name in ticker if name.startswith("day_") or name == "last_price"}


def test_tickers_forget_the_trade_whether_one_listens_already_or_comes_later(served: Served) -> None:
    async def run() -> None:
        await traded(served, "20.00", 1, number=1)
        wrong = await traded(served, "19.00", 3, number=2)
        async with served.client("other") as early:
            await early.ask(op="subscribe", channel="ticker", product_id=PRODUCT)
            (snapshot,) = of(await early.until_quiet(), "ticker_snapshot")
            assert figures(snapshot) == {
                "last_price": "19.00", "day_trades": 2, "day_loads": 4, "day_high": "20.00", "day_low": "19.00",
                "day_average": "19.25",
            }  # fmt: skip
            await undo(served, wrong)
            changed = of(await early.until_quiet(), "ticker")
            left = {
                "last_price": None, "day_trades": 1, "day_loads": 1, "day_high": "20.00", "day_low": "20.00",
                "day_average": "20.00",
            }  # fmt: skip
            assert figures(changed[-1]) == left
        served.inside(_let_go(served))
        async with served.client("other") as late:
            await late.ask(op="subscribe", channel="ticker", product_id=PRODUCT)
            (snapshot,) = of(await late.until_quiet(), "ticker_snapshot")
            assert figures(snapshot) == left
            assert served.hub.feed.opened == 2

    asyncio.run(run())


async def _let_go(served: Served) -> None:
    """The feed begins anew with the next reader."""
    served.hub.feed.close()


def test_the_log_over_http_has_the_same(served: Served) -> None:
    async def run() -> None:
        trade = await traded(served)
        start = served.house.sequencers["exchange"].tail.seq
        await undo(served, trade)
        told = await read(served, "buyer", 5, f"/v1/events?since={start}")
        assert [(name, data.get("change")) for _, name, data in told] == [
            ("recall", "requested"),
            ("recall", "approved"),
            ("recall", "recalling"),
            ("trade_recalled", None),
            ("recall", "recalled"),
        ]
        public = await read(served, "other", 1, f"/v1/events?since={start}")
        assert [name for _, name, _ in public] == ["trade_recalled"]

    asyncio.run(run())
