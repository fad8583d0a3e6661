"""The stream object against a served exchange, over a line that is cut, goes silent, and drops what it likes."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from decimal import Decimal
from random import Random
from typing import Any, cast

import pytest

from exchange import commands as c
from exchange.stream import singles
from h2market import client as h
from h2market.client.feed import Feed
from tests.exchange.market import PRODUCT
from tests.exchange.stream.served import Served
from tests.h2market.client.either import QUICK, bid, offer
from tests.h2market.client.proxy import Proxy

PATIENCE_S = 20.0


async def until(holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - what is waited for is on the other side of a network
            await asyncio.sleep(0.01)


async def next_of(feed: Feed, kind: type[Any]) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        async for said in feed:
            if isinstance(said, kind):
                return said
    raise AssertionError(f"the feed ended before {kind}")


def run(step: Coroutine[Any, Any, None]) -> None:
    asyncio.run(step)


@asynccontextmanager
async def streaming(served: Served, who: str, url: str = "", **options: Any) -> AsyncIterator[h.Stream]:
    async with h.Stream(
        url or f"http://127.0.0.1:{served.port}", served.secrets[who], retry=QUICK, **options
    ) as stream:
        yield stream


async def levels(served: Served) -> tuple[list[h.Level], list[h.Level]]:
    async with h.AsyncClient(f"http://127.0.0.1:{served.port}", served.secrets["auditor"]) as client:
        depth = await client.book(PRODUCT, 100)
        return list(depth.bids), list(depth.asks)


async def trade_at_random(stream: h.Stream, chance: Random, name: str, count: int) -> None:
    side = offer if name.startswith("s") else bid
    for number in range(count):
        price = f"{(2_000 + 5 * chance.randint(-6, 6)) / 100:.2f}"
        await stream.place(side(f"{name}-{number}", chance.randint(1, 2), price))


def test_a_book_follows_and_orders_are_answered(served: Served) -> None:
    async def steps() -> None:
        async with streaming(served, "seller") as seller, streaming(served, "buyer") as buyer:
            book = await buyer.book(PRODUCT)
            own = await buyer.own()
            trades = await buyer.trades(PRODUCT)
            placed = await seller.place(offer("s-1", 3, "20.00"))
            await until(lambda: book.best_ask)
            assert book.asks == [h.Level(Decimal("20.00"), 3, 1)]
            bought = await buyer.place(bid("b-1", 2, "20.00"))
            assert (bought.status, bought.fills[0].price) == ("filled", Decimal("20.00"))
            async with asyncio.timeout(PATIENCE_S):
                fill = await anext(own.fills())
            assert isinstance(fill, h.FillEvent)
            assert (fill.side, fill.loads, fill.taker) == ("buy", 2, True)
            assert (fill.order_id, fill.trade_id) == (bought.order_id, bought.fills[0].trade_id)
            assert (await next_of(trades, h.Trades)).trades[0].trade_id == fill.trade_id
            changed = await seller.amend(placed.order_id, price=Decimal("21.00"))
            assert changed.price == Decimal("21.00")
            assert [one.loads for one in await seller.cancel_all(this_key=True)] == [1]
            await until(lambda: not book.asks)
            with pytest.raises(h.NotFound):
                await seller.cancel(placed.order_id)
            with pytest.raises(h.Refused):
                await seller.place(offer("s-2", 1, "20.01"))
            long = [offer(f"{number:064}", 1, "20.00", agreement="a" * 700) for number in range(100)]
            with pytest.raises(ValueError, match="send fewer orders"):
                await seller.place_batch(long)
            status, tickers = await buyer.status(), await buyer.tickers()
            assert (await next_of(status, h.StatusSnapshot)).is_open
            assert (await next_of(tickers, h.TickerSnapshot)).tickers[0].day_loads == 2
            await buyer.unsubscribe(book)
            await seller.place(offer("s-3", 1, "20.00"))
            again = await buyer.book(PRODUCT, depth=5)
            await until(lambda: again.best_ask)
            assert not book.asks

    run(steps())


def test_the_orders_of_a_book_follow_over_cuts_and_lost_messages(served: Served, proxy: Proxy) -> None:
    """Icebergs, amendments and cancels while messages are dropped and the line is cut: what is kept are the orders of
    the exchange's own book, in its order."""

    async def steps() -> None:
        chance = Random(9)
        async with streaming(served, "buyer", proxy.url) as reader, streaming(served, "seller") as seller:
            book = await reader.orders(PRODUCT)
            with pytest.raises(h.NotFound):
                await reader.orders("NO-SUCH-PRODUCT")
            proxy.frames = lambda frame: None if b'"orders"' in frame and chance.random() < 0.2 else frame
            async with streaming(served, "buyer") as buyer:
                placed = []
                for number in range(26):
                    price = Decimal(2_000 + 5 * chance.randint(1, 4)) / 100
                    more = {"display_loads": 1} if number % 4 == 1 else {}
                    placed.append(await seller.place(offer(f"s-{number}", 1 + number % 2, f"{price:.2f}", **more)))
                    if number % 7 == 3:
                        await buyer.place(bid(f"b-{number}", 2, "20.20", time_in_force="ioc"))
                    if number % 6 == 4:
                        with contextlib.suppress(h.NotFound, h.Refused):
                            await seller.amend(placed[-3].order_id, loads=1)
                    if number % 9 == 5:
                        with contextlib.suppress(h.NotFound):
                            await seller.cancel(placed[-2].order_id)
                    if number % 10 == 5:
                        proxy.cut()
            proxy.frames = lambda frame: frame
            tail = served.house.sequencers["exchange"].tail.seq
            resting = await asyncio.to_thread(_resting, served)
            await until(lambda: book.is_live and [(one.order_id, one.loads) for one in book.asks] == resting)
            assert book.seq <= tail and len(book) == len(resting) and not book.bids
            assert reader.connections > 1
            last = book.asks[-1]
            assert last.order_id in book
            assert book.ahead(last.order_id) == sum(one.loads for one in book.asks[:-1])
            await reader.unsubscribe(book)
            assert not book.is_live

    run(steps())


def _resting(served: Served) -> list[tuple[str, int]]:
    """The offers that rest, by priority, as the exchange has them."""

    def look(machine: Any) -> list[tuple[str, int]]:
        return [(f"O{one.id}", one.shown_loads) for one in machine.state.books[PRODUCT].asks.orders()]

    found: list[tuple[str, int]] = served.inside(served.house.sequencers["exchange"].read(look))
    return found


def test_programs_that_do_not_await_follow_the_orders_of_a_book(served: Served) -> None:
    url = f"http://127.0.0.1:{served.port}"
    with h.Client(url, served.secrets["seller"]) as seller:
        seller.place(offer("s-1", 2, "20.00"))
        said = h.follow(url, served.secrets["buyer"], "orders", PRODUCT, retry=QUICK)
        first = next(said)
        assert isinstance(first, h.OrdersSnapshot)
        assert [(one.price, one.loads) for one in first.asks] == [(Decimal("20.00"), 2)]
        seller.cancel(first.asks[0].order_id)
        second = next(said)
        assert isinstance(second, h.OrdersDelta)
        assert [(one.action, one.order_id) for one in second.changes] == [("remove", first.asks[0].order_id)]
        said.close()  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="one product"):
        next(h.follow(url, served.secrets["buyer"], "orders"))


def test_who_is_not_let_in_is_told(served: Served) -> None:
    async def steps() -> None:
        with pytest.raises(h.StreamRefused):
            async with h.Stream(f"http://127.0.0.1:{served.port}", "no-such-key"):
                pass
        with Proxy(1) as gone:
            port = gone.port
        with pytest.raises(h.NoAnswer):
            async with h.Stream(f"http://127.0.0.1:{port}", "key", connect_s=0.3):
                pass
        async with streaming(served, "buyer") as stream:
            with pytest.raises(h.NotFound):
                await stream.book("NO-SUCH-PRODUCT")
            await stream.book(PRODUCT)
        with pytest.raises(h.StreamClosed):
            await stream.own()
        async with streaming(served, "auditor") as stream:
            with pytest.raises(h.Forbidden):
                await stream.place(bid("a-1", 1, "20.00"))
        with pytest.raises(h.StreamRefused):  # it may not trade, so it may not have its orders cancelled either
            async with streaming(served, "auditor", on_disconnect="cancel_placed") as stream:
                await stream.own()

    run(steps())


def test_over_cuts_nothing_is_missed_and_nothing_comes_twice(served: Served, proxy: Proxy) -> None:
    """Trading goes on while the line is cut again and again: fills are those of REST, the book is that of REST."""

    async def steps() -> None:
        fills: list[h.FillEvent] = []

        async def listen(own: Feed) -> None:
            async for fill in own.fills():
                assert isinstance(fill, h.FillEvent)
                fills.append(fill)

        async def cut(count: int) -> None:
            for _ in range(count):
                await asyncio.sleep(0.15)
                await asyncio.to_thread(proxy.cut)

        async with streaming(served, "buyer", proxy.url) as buyer, streaming(served, "seller") as seller:
            book = await buyer.book(PRODUCT, depth=100)
            listening = asyncio.create_task(listen(await buyer.own()))
            await asyncio.gather(
                trade_at_random(buyer, Random(1), "b", 60), trade_at_random(seller, Random(2), "s", 18), cut(4)
            )
            assert buyer.connections >= 4
            await until(lambda: book.is_live)
            bids, asks = await levels(served)
            await until(lambda: (book.bids, book.asks) == (bids, asks))
            async with h.AsyncClient(f"http://127.0.0.1:{served.port}", served.secrets["buyer"]) as client:
                trades = [trade async for trade in client.trades()][::-1]
                sent = [one.client_order_id async for one in client.orders()]
            assert trades
            await until(lambda: len(fills) >= len(trades))
            assert [(one.trade_id, one.loads) for one in fills] == [(one.trade_id, one.loads) for one in trades]
            assert sorted(sent) == sorted(f"b-{number}" for number in range(60))
        await listening

    run(steps())


def test_a_gap_and_a_wrong_checksum_are_noticed_and_mended(served: Served, proxy: Proxy) -> None:
    async def steps() -> None:
        spoiled: list[str] = []

        def spoil(frame: bytes) -> bytes | None:
            said = json.loads(frame)
            if said["type"] not in ("book", "own") or spoiled.count(said["type"]) == 2:
                return frame
            spoiled.append(said["type"])
            if said["type"] == "book" and spoiled.count("book") == 2:
                said["checksum"] ^= 1
                return json.dumps(said).encode()
            return None

        proxy.frames = spoil
        async with streaming(served, "buyer", proxy.url) as buyer, streaming(served, "seller") as seller:
            book = await buyer.book(PRODUCT)
            own = await buyer.own()
            for number in range(6):
                await seller.place(offer(f"s-{number}", 1, f"20.{number}0"))
                await buyer.place(bid(f"b-{number}", 1, "19.00"))
            bids, asks = await levels(served)
            await until(lambda: (book.bids, book.asks) == (bids, asks))
            assert spoiled.count("book") == spoiled.count("own") == 2
            placed: list[str] = []
            async with asyncio.timeout(PATIENCE_S):
                async for said in own:
                    assert not isinstance(said, h.Gap)
                    events = said.events if isinstance(said, h.Own) else ()
                    placed += [one.order_id for one in events if isinstance(one, h.OrderEvent)]
                    if len(placed) == 6:
                        break
            assert len(set(placed)) == 6
            assert buyer.connections == 1

    run(steps())


def test_what_a_heartbeat_counts_and_was_not_heard_is_asked_for(served: Served, proxy: Proxy) -> None:
    """The last message before a silence is lost: no later one shows the gap, the heartbeat does."""

    async def steps() -> None:
        served.hub.heartbeat_s = 0.2
        proxy.frames = lambda frame: None if json.loads(frame)["type"] in ("book", "own") else frame
        async with streaming(served, "buyer", proxy.url) as buyer, streaming(served, "seller") as seller:
            book = await buyer.book(PRODUCT)
            await seller.place(offer("s-1", 1, "20.00"))
            await until(lambda: book.best_ask)  # of the snapshot that was asked for

    run(steps())


def test_a_line_that_goes_silent_is_left(served: Served, proxy: Proxy) -> None:
    async def steps() -> None:
        served.hub.heartbeat_s = 0.2
        async with streaming(served, "buyer", proxy.url) as buyer, streaming(served, "seller") as seller:
            book = await buyer.book(PRODUCT)
            await until(lambda: book.is_live)
            proxy.frozen = True
            await seller.place(offer("s-1", 1, "20.00"))
            await until(lambda: not book.is_live)
            proxy.frozen = False
            await until(lambda: book.best_ask and book.is_live)
            assert buyer.connections >= 2

    run(steps())


def test_an_order_whose_answer_is_lost_is_asked_for_again_on_the_next_connection(served: Served, proxy: Proxy) -> None:
    async def steps() -> None:
        lost: list[str] = []

        def lose(frame: bytes) -> bytes | None:
            kind = json.loads(frame)["type"]
            if kind in ("placed", "changed", "all_cancelled") and lost.count(kind) == 0:
                lost.append(kind)
                raise ConnectionResetError
            return frame

        proxy.frames = lose
        async with streaming(served, "buyer", proxy.url) as buyer:
            placed = await buyer.place(bid("b-1", 3, "20.00"))
            assert (placed.status, placed.client_order_id) == ("new", "b-1")
            assert (await buyer.amend(placed.order_id, loads=2)).loads == 2
            assert len(await buyer.cancel_all()) == 1
            assert lost == ["placed", "changed", "all_cancelled"]
            assert buyer.connections == 4
            proxy.frames = lambda frame: None if json.loads(frame)["type"] == "placed" else frame
            with pytest.raises(h.OutcomeUnknown) as unknown:
                await buyer.place(bid("b-2", 3, "20.00"), timeout_s=0.5)
            assert unknown.value.client_order_ids == ("b-2",)
        async with h.AsyncClient(f"http://127.0.0.1:{served.port}", served.secrets["buyer"]) as client:
            assert [one.client_order_id async for one in client.orders()] == ["b-2", "b-1"]

    run(steps())


def test_what_was_to_end_with_the_connection_ends(served: Served, proxy: Proxy) -> None:
    async def steps() -> None:
        async with (
            streaming(served, "buyer", proxy.url, on_disconnect="cancel_placed") as buyer,
            streaming(served, "other") as other,
        ):
            own = await buyer.own()
            book = await other.book(PRODUCT)
            await buyer.place(bid("b-1", 3, "20.00"))
            await until(lambda: book.best_bid)
            await asyncio.to_thread(proxy.cut)
            await until(lambda: not book.bids)
            async with asyncio.timeout(PATIENCE_S):
                async for said in own:
                    events = said.events if isinstance(said, h.Own) else ()
                    if any(isinstance(one, h.OrderEvent) and one.reason == "disconnected" for one in events):
                        break

    run(steps())


def test_a_revoked_key_ends_the_stream_and_says_so(served: Served) -> None:
    async def steps() -> None:
        from participants.commands import RevokeKey

        async with streaming(served, "buyer") as buyer:
            own = await buyer.own()
            assert buyer.welcome is not None
            await next_of(own, h.OwnSnapshot)
            revoke = RevokeKey(buyer.welcome.key_id)
            await asyncio.to_thread(served.submit, revoke, "participants")
            with pytest.raises(h.StreamRefused):
                await next_of(own, h.Gap)
            with pytest.raises(h.StreamRefused):
                await buyer.place(bid("b-1", 1, "20.00"))

    run(steps())


def test_who_was_away_for_too_long_hears_of_the_gap(
    served: Served, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def steps() -> None:
        monkeypatch.setattr("exchange.stream.hub.EVENTS_MAX", 5)
        async with streaming(served, "buyer", proxy.url) as buyer, streaming(served, "other") as other:
            own = await buyer.own()
            await next_of(own, h.OwnSnapshot)
            target, proxy.target = proxy.target, 1
            await asyncio.to_thread(proxy.cut)
            await trade_at_random(other, Random(3), "b", 10)
            proxy.target = target
            gap = await next_of(own, h.Gap)
            assert gap.seq - gap.after >= 10
            assert isinstance(await next_of(own, h.OwnSnapshot), h.OwnSnapshot)

    run(steps())


def test_what_a_later_server_adds_is_passed_over(served: Served, proxy: Proxy) -> None:
    def add(frame: bytes) -> bytes:
        said = json.loads(frame)
        if said["type"] == "own":
            said["events"].insert(0, {"event": "unheard_of", "seq": said["seq"]})
        if said["type"] == "heartbeat":
            said = {"type": "unheard_of"}
        return json.dumps({**said, "unheard_of": 1}).encode()

    async def steps() -> None:
        served.hub.heartbeat_s = 0.1
        proxy.frames = add
        async with streaming(served, "buyer", proxy.url) as buyer:
            own = await buyer.own()
            await buyer.place(bid("b-1", 1, "20.00"))
            said = cast(h.Own, await next_of(own, h.Own))
            assert isinstance(said.events[0], h.OrderEvent)
            await asyncio.sleep(0.3)
            assert buyer.connections == 1

    run(steps())


def test_a_snapshot_in_parts_is_kept_whole_and_goes_on(
    served: Served, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the line is cut in the middle of one."""
    monkeypatch.setattr(singles, "PART_ORDERS", 2)
    parts = 0

    def cut(frame: bytes) -> bytes:
        nonlocal parts
        said = json.loads(frame)
        if said["type"] == "orders_snapshot":
            parts += 1
            if parts == 2:
                raise ConnectionError
        return frame

    async def steps() -> None:
        async with streaming(served, "seller") as seller, streaming(served, "buyer", proxy.url) as buyer:
            for number in range(7):
                await seller.place(offer(f"s-{number}", 1, f"{20 + number % 3}.00"))
            proxy.frames = cut
            book = await buyer.orders(PRODUCT)
            await until(lambda: book.is_live)
            assert [str(one.price) for one in book.asks] == ["20.00"] * 3 + ["21.00"] * 2 + ["22.00"] * 2
            assert buyer.connections == 2
            await seller.place(offer("s-7", 1, "20.00"))
            await until(lambda: len(book) == 8)
            assert buyer.connections == 2

    run(steps())


def test_limits_from_outside_come_over_the_stream(served: Served) -> None:
    async def steps() -> None:
        async with streaming(served, "buyer") as buyer:
            own = await buyer.own()
            await next_of(own, h.OwnSnapshot)
            granted = c.GrantMoney(served.ids["buyer"], 100, "more")
            await asyncio.to_thread(served.submit, granted)
            said = await next_of(own, h.Own)
            assert [one.granted for one in said.events if isinstance(one, h.LimitsEvent)] == [Decimal("1000001.00")]

    run(steps())


def test_what_can_never_add_up_ends_loudly(served: Served, proxy: Proxy) -> None:
    def spoil(frame: bytes) -> bytes:
        said = json.loads(frame)
        if said["type"] == "book_snapshot":
            said["checksum"] ^= 1
        if said["type"] == "trades_snapshot":
            said["seq"] = "many"
        return json.dumps(said).encode()

    async def steps() -> None:
        proxy.frames = spoil
        async with streaming(served, "buyer", proxy.url) as buyer:
            book = await buyer.book(PRODUCT)
            await until(lambda: book.product_id not in [name[1] for name in buyer._subscriptions])
            assert not book.is_live
            own = await buyer.own()
            await buyer.trades()
            with pytest.raises(h.StreamError, match="cannot read"):
                await next_of(own, h.Gap)

    run(steps())


def test_a_feed_that_nobody_reads_is_given_up(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("h2market.client.feed.WAITING_MAX", 5)

    async def steps() -> None:
        async with streaming(served, "buyer") as buyer:
            own = await buyer.own()
            await trade_at_random(buyer, Random(4), "b", 10)
            with pytest.raises(h.Overrun):
                await next_of(own, h.Gap)
            assert (await buyer.place(bid("last", 1, "20.00"))).status == "new"

    run(steps())
