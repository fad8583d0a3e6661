"""A resync, or a second subscribe, that fails: it is said, and what was subscribed before goes on without a gap."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from exchange import commands as c
from exchange.stream.hub import Hub
from exchange.stream.said_prints import TradeItem
from exchange.stream.subscription import Subscription
from kernel.errors import Unavailable
from tests.exchange.market import PRODUCT
from tests.exchange.stream.client import Chain, Message
from tests.exchange.stream.served import Served


class Broken:
    """Stands in for something that reads: says that it was asked, waits, and fails as a store does that is away."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self, *_of: object) -> Any:
        self.asked.set()
        await self.go_on.wait()
        raise Unavailable(retry_after_s=1)


async def happens(served: Served, number: int) -> None:
    """Something that every channel tells of: orders, a trade, and what the operator does."""
    await served.place("seller", f"s{number}", "sell", 1, "20.00")
    await served.place("buyer", f"b{number}", "buy", 1, "20.00")
    for command in (c.HaltMarket("drill"), c.ResumeMarket()):
        await asyncio.to_thread(served.submit, command)


def rounds(channel: str, messages: list[Message]) -> int:
    """How often that was told of, each time once."""
    match channel:
        case "ticker":
            return int(messages[-1]["tickers"][0]["day_trades"])
        case "trades":
            told = [item["trade_id"] for message in messages for item in message["trades"]]
        case "status":
            told = [item["seq"] for message in messages for item in message["events"] if item.get("change") == "halted"]
        case _:
            told = [item["seq"] for message in messages for item in message["events"] if item["event"] == "fill"]
    assert len(set(told)) == len(told)
    return len(told)


def subscription(channel: str) -> dict[str, str]:
    return {"channel": channel} if channel == "own" else {"channel": channel, "product_id": PRODUCT}


#: What reads for each channel, where it begins with a snapshot and where it is resumed.
READS = [
    ("ticker", "resync", "service.sequencer.read"),
    ("trades", "resync", "past.latest_trades"),
    ("trades", "since", "past.trades"),
    ("status", "resync", "_indicative"),
    ("status", "since", "past.statuses"),
    ("own", "resync", "past.open_orders"),
    ("own", "since", "past.own"),
]


@pytest.mark.parametrize(("channel", "how", "reads"), READS)
def test_what_was_subscribed_before_goes_on_where_another_cannot_begin(
    served_here: Served, monkeypatch: pytest.MonkeyPatch, channel: str, how: str, reads: str
) -> None:
    hub, broken = served_here.hub, Broken()

    async def run() -> None:
        async with served_here.client("seller") as client, served_here.client("other") as other:
            await client.ask(op="subscribe", **subscription(channel))
            begun = await client.hear(f"{channel}_snapshot")
            await other.ask(op="subscribe", channel="trades")
            await happens(served_here, 1)
            with monkeypatch.context() as away:
                away.setattr(*owner_of(hub, reads), broken)
                since = {} if how == "resync" else {"since": begun["seq"]}
                await client.say(
                    op="resync" if how == "resync" else "subscribe", id="again", **since, **subscription(channel)
                )
                await asyncio.to_thread(served_here.inside, broken.asked.wait())
                if channel != "ticker":  # else nobody reads anything meanwhile
                    await happens(served_here, 2)
                    await other.hear("trades")
                    await other.hear("trades")  # nobody else waits
                served_here._loop.call_soon_threadsafe(broken.go_on.set)
                refused = await client.answer("again")
                assert (refused["type"], refused["problem"]["code"]) == ("problem", "unavailable")
            if channel == "ticker":
                await happens(served_here, 2)
            await happens(served_here, 3)
            await client.until_quiet()
            assert [one["type"] for one in client.all].count("subscribed") == 1
            told, chain = [one for one in client.all if one["type"] == channel], Chain()
            chain.begin(begun["seq"])
            for message in told:
                chain.take(message)
            assert rounds(channel, told) == 3
            beat = await client.hear("heartbeat")
            assert [one["seq"] for one in beat["subscriptions"]] == [chain.seq]
            again = await client.ask(op="resync", **subscription(channel))
            assert (again["type"], again["resumed"]) == ("subscribed", False)
            assert (await client.hear(f"{channel}_snapshot"))["seq"] >= chain.seq
        assert not hub._subscriptions

    hub.heartbeat_s = 0.05
    asyncio.run(run())


def owner_of(hub: Hub, path: str) -> tuple[Any, str]:
    """Whose attribute it is, and its name."""
    owner: Any = hub
    *names, last = path.split(".")
    for name in names:
        owner = getattr(owner, name)
    return owner, last


@pytest.mark.parametrize("channel", ["book", "orders", "ticker", "trades", "status", "own"])
def test_a_subscription_that_breaks_after_it_was_said_to_stand_is_said_to_be_over(
    served_here: Served, monkeypatch: pytest.MonkeyPatch, channel: str
) -> None:
    """Which would be a defect; the reader is to know all the same."""

    def breaks(*_of: object) -> None:
        raise RuntimeError("a defect")

    async def run() -> None:
        async with served_here.client("seller") as client:
            await client.ask(op="subscribe", **subscription(channel))
            await client.until_quiet()
            with monkeypatch.context() as broken:
                broken.setattr(Subscription, "begin", breaks)
                await client.say(op="resync", id="again", **subscription(channel))
                heard = [await client.answer("again") for _ in range(3)]
            assert [one["type"] for one in heard] == ["subscribed", "unsubscribed", "problem"]
            assert heard[2]["problem"]["code"] == "internal"
            gone = await client.ask(op="unsubscribe", **subscription(channel))
            assert gone["problem"]["code"] == "not_found"
            assert not served_here.hub._subscriptions
            await client.ask(op="subscribe", **subscription(channel))
            await client.hear(f"{channel}_snapshot")

    asyncio.run(run())


def test_what_comes_after_the_new_beginning_is_told_behind_it(
    served_here: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Positions rise over a resync too, also where its snapshot takes long to read."""
    asked, go_on, read = asyncio.Event(), asyncio.Event(), served_here.hub.past.latest_trades

    async def slowly(product_id: str, until: int) -> list[TradeItem]:
        asked.set()
        await go_on.wait()
        return await read(product_id, until)

    async def run() -> None:
        async with served_here.client("seller") as client, served_here.client("other") as other:
            await client.ask(op="subscribe", **subscription("trades"))
            await other.ask(op="subscribe", channel="trades")
            await happens(served_here, 1)
            await client.until_quiet()
            monkeypatch.setattr(served_here.hub.past, "latest_trades", slowly)
            await client.say(op="resync", id="again", **subscription("trades"))
            await asyncio.to_thread(served_here.inside, asked.wait())
            await happens(served_here, 2)
            while (await other.hear("trades"))["seq"] < served_here.hub.feed.seq - 2:
                pass
            served_here._loop.call_soon_threadsafe(go_on.set)
            began = await client.answer("again")
            await client.until_quiet()
            place = client.all.index(began)
            assert all(one["seq"] <= began["seq"] for one in client.all[:place] if one["type"] == "trades")
            snapshot, behind = [one for one in client.all[place + 1 :] if one["type"].startswith("trades")]
            assert (snapshot["type"], len(snapshot["trades"])) == ("trades_snapshot", 1)
            assert (behind["prev_seq"], len(behind["trades"])) == (snapshot["seq"], 1)

    asyncio.run(run())
