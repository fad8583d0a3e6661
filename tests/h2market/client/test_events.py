"""Both clients read the log over server-sent events: over a line that is cut anywhere, each event comes once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from itertools import islice
from random import Random
from typing import Any

import msgspec
import pytest

from h2market import client as h
from participants.commands import RevokeKey
from tests.exchange.market import order
from tests.exchange.stream.served import Served
from tests.h2market.client.either import QUICK
from tests.h2market.client.proxy import Proxy, problem

PATIENCE_S = 30.0
Read = Callable[..., list[Any]]


def _sync(url: str, key: str, count: int, **options: Any) -> list[Any]:
    with h.Client(url, key, retry=QUICK) as client:
        return list(islice(client.events(**options), count))


def _async(url: str, key: str, count: int, **options: Any) -> list[Any]:
    async def run() -> list[Any]:
        found: list[Any] = []
        async with asyncio.timeout(PATIENCE_S), h.AsyncClient(url, key, retry=QUICK) as client:
            async for event in client.events(**options):
                found.append(event)
                if len(found) == count:
                    break
        return found

    return asyncio.run(run())


@pytest.fixture(params=[_sync, _async], ids=["sync", "async"])
def read(request: pytest.FixtureRequest) -> Read:
    """The first so many events of a client of one kind."""
    found: Read = request.param
    return found


def trade(served: Served, rounds: int) -> None:
    """Each round leaves a rejection, two orders and a trade."""

    async def run() -> None:
        async with served.rest("buyer") as buyer, served.rest("seller") as seller:
            for number in range(rounds):
                await buyer.post("/v1/orders", json=order(f"x-{number}", "buy", 1, "20.01"))
                await seller.post("/v1/orders", json=order(f"s-{number}", "sell", 1, "20.00"))
                await buyer.post("/v1/orders", json=order(f"b-{number}", "buy", 1, "20.00"))

    asyncio.run(run())


def test_events_come_typed_and_in_order(served: Served, read: Read) -> None:
    since = served.house.sequencers["exchange"].tail.seq
    trade(served, 1)
    url = f"http://127.0.0.1:{served.port}"
    events = read(url, served.secrets["buyer"], 4, since=since)
    assert [type(event) for event in events] == [h.OrderEvent, h.OrderEvent, h.StreamTrade, h.FillEvent]
    rejected, _, public, fill = events
    assert (rejected.change, rejected.reason, rejected.field) == ("rejected", "price_off_tick", "price")
    assert (public.price, public.seq) == (fill.price, fill.seq) == (Decimal("20.00"), since + 4)
    assert read(url, served.secrets["other"], 1, since=since) == [public]


def test_over_cuts_anywhere_each_event_comes_once(served: Served, proxy: Proxy, read: Read) -> None:
    since = served.house.sequencers["exchange"].tail.seq
    trade(served, 12)
    key = served.secrets["auditor"]  # who sees both sides of a trade: one position, three events
    url = f"http://127.0.0.1:{served.port}"
    faithful = read(url, key, 72, since=since)
    assert len({(event.seq, msgspec.json.encode(event)) for event in faithful}) == 72
    chance = Random(5)
    proxy.cuts.extend(chance.randint(1, 4_000) for _ in range(25))
    assert read(proxy.url, key, 72, since=since) == faithful
    assert len(proxy.requests) > 5


def test_who_began_without_a_position_misses_nothing_over_a_cut(served: Served, proxy: Proxy) -> None:
    """The exchange tells where the log stands before anything happens."""

    async def run() -> None:
        patient = h.Retry(tries_max=1_000, pause_s=0.01, pause_s_max=0.05)
        async with h.AsyncClient(proxy.url, served.secrets["buyer"], retry=patient) as client:
            events = client.events()

            async def one() -> h.LogEvent:
                return await anext(events)

            first = asyncio.create_task(one())
            async with asyncio.timeout(PATIENCE_S):
                while not proxy.requests:  # noqa: ASYNC110 - what is waited for is on the other side of a network
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0.5)  # it has heard where the log stands
                port, proxy.target = proxy.target, 1  # nobody is there
                proxy.cut()
                await asyncio.to_thread(trade, served, 1)
                proxy.target = port
                event = await first
            assert isinstance(event, h.OrderEvent)
            assert event.change == "rejected"

    asyncio.run(run())


def test_what_passes_is_waited_for_and_what_stays_is_raised(served: Served, proxy: Proxy, read: Read) -> None:
    since = served.house.sequencers["exchange"].tail.seq
    trade(served, 1)
    proxy.plan.extend([problem(503, "unavailable"), problem(429, "rate_limited", 0)])
    assert len(read(proxy.url, served.secrets["buyer"], 4, since=since)) == 4
    with pytest.raises(h.Unauthenticated):
        read(proxy.url, "no-such-key", 1)
    with pytest.raises(h.InvalidRequest) as refused:
        read(proxy.url, served.secrets["buyer"], 1, since=10**9)
    assert refused.value.field == "since"
    proxy.plan.extend([problem(503, "unavailable")] * 20)
    with pytest.raises(h.ServerFailed):
        read(proxy.url, served.secrets["buyer"], 1)
    proxy.plan.clear()
    proxy.target = 1
    with pytest.raises(h.NoAnswer):
        read(proxy.url, served.secrets["buyer"], 1)


def test_a_revoked_key_ends_it(served: Served, read: Read) -> None:
    secret, url = served.secrets["buyer"], f"http://127.0.0.1:{served.port}"
    caller = served.house.key_ring.authenticate(secret)
    assert caller is not None

    async def revoke() -> None:
        await asyncio.sleep(0.5)
        await asyncio.to_thread(served.submit, RevokeKey(caller.key_id), "participants")

    async def run() -> None:
        revoking = asyncio.create_task(revoke())
        with pytest.raises(h.Unauthenticated):
            await asyncio.to_thread(read, url, secret, 10_000)
        await revoking

    asyncio.run(run())
