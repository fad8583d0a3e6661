"""Heartbeats: one timer for everybody, one message for a connection, and in it how far each subscription was told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from exchange.stream.connection import Connection
from tests.exchange.market import PRODUCT
from tests.exchange.stream.client import PATIENCE_S, Client, Message
from tests.exchange.stream.served import Served

CHANNELS = [
    ("book", PRODUCT), ("orders", PRODUCT), ("ticker", PRODUCT), ("ticker", None), ("trades", PRODUCT),
    ("trades", None), ("status", PRODUCT), ("status", None), ("own", None),
]  # fmt: skip


def positions(beat: Message) -> dict[tuple[str, Any], int]:
    found = {(one["channel"], one["product_id"]): one["seq"] for one in beat["subscriptions"]}
    assert len(found) == len(beat["subscriptions"])
    return found


async def next_beat(client: Client) -> Message:
    """The first heartbeat that is made from now on."""
    await client.ask(op="ping")
    client.heard.clear()
    return await client.hear("heartbeat")


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


def test_one_timer_beats_for_all_connections_and_all_their_subscriptions(
    served_here: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    served_here.hub.heartbeat_s = 0.05
    beats: list[Connection] = []
    beat = Connection.beat

    def note(self: Connection) -> None:
        beats.append(self)
        beat(self)

    monkeypatch.setattr(Connection, "beat", note)

    async def timers() -> int:
        return sum(task.get_name() == "stream.heartbeat" for task in asyncio.all_tasks())

    async def run() -> None:
        async with (
            served_here.client("buyer") as one,
            served_here.client("seller") as two,
            served_here.client("other") as three,
        ):
            for client, wanted in ((one, CHANNELS), (two, CHANNELS[:3]), (three, CHANNELS[:0])):
                for channel, product_id in wanted:
                    await client.ask(
                        op="subscribe", channel=channel, **({"product_id": product_id} if product_id else {})
                    )
                assert set(positions(await next_beat(client))) == set(wanted)
            beats.clear()
            await until(lambda: len(beats) >= 12)
            told = beats[:12]
            for begin in range(0, 12, 3):  # in every round each connection once, whatever it is subscribed to
                assert len(set(told[begin : begin + 3])) == 3
            assert await asyncio.to_thread(served_here.inside, timers()) == 1

    asyncio.run(run())


def test_a_heartbeat_says_what_was_sent_and_not_what_waits(served_here: Served) -> None:
    """What a throttle holds back is no message that the reader lost."""
    served_here.hub.heartbeat_s = 0.05

    async def run() -> None:
        async with served_here.client("buyer") as client:
            await client.ask(op="subscribe", channel="book", product_id=PRODUCT, throttle_ms=60_000)
            sent = (await client.hear("book_snapshot"))["seq"]
            await served_here.place("seller", "s1", "sell", 1, "20.00")
            sent = (await client.hear("book"))["seq"]
            await served_here.place("seller", "s2", "sell", 1, "20.05")
            beat = await next_beat(client)
            while beat["seq"] == sent:
                beat = await next_beat(client)
            assert positions(beat) == {("book", PRODUCT): sent}
            assert beat["seq"] > sent

    asyncio.run(run())


def test_the_timer_ends_with_the_last_connection_and_begins_with_the_next(served_here: Served) -> None:
    served_here.hub.heartbeat_s = 0.05

    async def run() -> None:
        for _ in range(2):
            async with served_here.client("buyer") as client:
                await next_beat(client)
            beating = served_here.hub._beating
            assert beating is not None
            await until(beating.done)

    asyncio.run(run())
