"""The stream object against a server that says what it likes: no book that it cannot vouch for, nothing in doubt
that is told as certain, and an end to everything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from h2market import client as h
from tests.h2market.client.either import bid
from tests.h2market.client.hostile import (
    AT,
    PRODUCT,
    Line,
    Message,
    checksum,
    delta,
    heartbeat,
    serving,
    snapshot,
    subscribed,
    welcome,
)

QUICK = h.Retry(tries_max=6, patience_s=20.0, pause_s=0.005, pause_s_max=0.02)
PATIENCE_S = 60.0


@asynccontextmanager
async def streaming(url: str, **options: Any) -> AsyncIterator[h.Stream]:
    async with h.Stream(url, "key", **{"retry": QUICK, "answer_s": 2.0, **options}) as stream:
        yield stream


async def until(holds: Any) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - what is waited for is on the other side of a network
            await asyncio.sleep(0.005)


async def ends(book: h.OrderBook) -> h.ClientError:
    """What a book was given up for. It was not live whenever it did not add up."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                await book.changed()
            except h.ClientError as error:
                assert not book.is_live
                return error


async def live(book: h.OrderBook) -> list[str]:
    """The prices of a book that is vouched for."""
    await until(lambda: book.is_live)
    return [str(level.price) for level in book.bids]


async def begin(line: Line, *bids: str, seq: int = 10, heartbeat_s: float = 10.0) -> None:
    await line.say(welcome(heartbeat_s))
    await line.say(subscribed(await line.hear("subscribe"), seq), snapshot(seq, *bids))


def test_a_book_that_broke_does_not_go_on_from_where_it_stood() -> None:
    """A change that does not add up is in the book already: to be told that nothing has changed mends nothing."""

    async def talk(line: Line) -> None:
        await begin(line, "20.00")
        await line.say(delta(10, 11, "19.00", checksum("20.00")))
        while True:
            await line.say(subscribed(await line.hear("subscribe"), 10, resumed=True))

    async def steps() -> None:
        async with serving(talk) as (url, heard), streaming(url) as stream:
            book = await stream.book(PRODUCT)
            assert "resumed at 10" in str(await ends(book))
            assert "since" not in heard[1]
            assert len(heard) < 15

    asyncio.run(steps())


def test_a_book_that_broke_begins_anew_on_the_next_connection_too() -> None:
    async def talk(line: Line) -> None:
        if line.number == 1:
            await begin(line, "20.00")
            await line.say(delta(10, 11, "19.00", 1))
            await line.hear("subscribe")
            await line.close()  # before it could answer
            return
        await line.say(welcome())
        request = await line.hear("subscribe")
        if "since" in request:  # nothing has changed since, says an honest server
            await line.say(subscribed(request, 10, resumed=True))
        else:
            await line.say(subscribed(request, 11), snapshot(11, "20.00", "19.50"))

    async def steps() -> None:
        async with serving(talk) as (url, heard), streaming(url) as stream:
            book = await stream.book(PRODUCT)
            await until(lambda: stream.connections == 2)
            assert await live(book) == ["20.00", "19.50"]
            assert len(heard) == 3

    asyncio.run(steps())


def test_a_book_of_fewer_levels_than_asked_for_is_none() -> None:
    async def talk(line: Line) -> None:
        await line.say(welcome())
        while True:
            request = await line.hear("subscribe")
            await line.say(subscribed(request, 10), {**snapshot(10, "20.00"), "depth": 1})

    async def steps() -> None:
        async with serving(talk) as (url, _), streaming(url) as stream:
            assert "1 levels" in str(await ends(await stream.book(PRODUCT)))

    asyncio.run(steps())


def test_nothing_is_resumed_that_never_began() -> None:
    async def talk(line: Line) -> None:
        await line.say(welcome())
        while True:
            await line.say(subscribed(await line.hear("subscribe"), -1, resumed=True))

    async def steps() -> None:
        async with serving(talk) as (url, _), streaming(url) as stream:
            with pytest.raises(h.StreamError):
                await stream.book(PRODUCT)

    asyncio.run(steps())


@pytest.mark.parametrize(
    "beat",
    [heartbeat(("book", PRODUCT, 20)), heartbeat(), heartbeat(("book", "Y", 10))],
    ids=["ahead", "none", "other"],
)
def test_a_book_of_which_a_heartbeat_knows_otherwise_is_not_vouched_for(beat: Message) -> None:
    async def talk(line: Line) -> None:
        await begin(line, "20.00", heartbeat_s=1.0)
        while True:
            await line.say(beat)
            await line.say(subscribed(await line.hear("subscribe"), 10), snapshot(10, "20.00"))

    async def steps() -> None:
        async with serving(talk) as (url, _), streaming(url) as stream:
            await ends(await stream.book(PRODUCT))

    asyncio.run(steps())


def test_a_heartbeat_that_agrees_changes_nothing() -> None:
    async def talk(line: Line) -> None:
        await begin(line, "20.00")
        for _ in range(20):
            await line.say(heartbeat(("book", PRODUCT, 10)))
        await line.say(delta(10, 12, "19.00", checksum("20.00", "19.00")))

    async def steps() -> None:
        async with serving(talk) as (url, heard), streaming(url) as stream:
            book = await stream.book(PRODUCT)
            await until(lambda: book.seq == 12)
            assert (await live(book), len(heard)) == (["20.00", "19.00"], 1)

    asyncio.run(steps())


@pytest.mark.parametrize(
    "more",
    [
        [snapshot(9, "18.00")],
        [snapshot(10, "20.00")],
        [snapshot(12, "21.00")],
        [delta(9, 10, "20.00", checksum("20.00"))],
        [delta(11, 12, "19.00", checksum("20.00", "19.00"))],
        [delta(10, 11, "19.00", checksum("20.00", "19.00"))] * 2,
    ],
    ids=["an older snapshot", "the same", "a newer one", "an older change", "a gap", "a change twice"],
)
def test_what_comes_out_of_turn_is_noticed_and_mended(more: list[Message]) -> None:
    async def talk(line: Line) -> None:
        await begin(line, "20.00")
        await line.say(*more)
        request = await line.hear("subscribe")
        assert "since" not in request
        await line.say(*more)  # of the subscription before: passed over
        await line.say(subscribed(request, 30), snapshot(30, "22.00"))

    async def steps() -> None:
        async with serving(talk) as (url, heard), streaming(url) as stream:
            book = await stream.book(PRODUCT)
            await until(lambda: book.seq == 30)
            assert (await live(book), len(heard)) == (["22.00"], 2)

    asyncio.run(steps())


def test_a_book_whose_changes_never_add_up_is_given_up_and_not_asked_for_for_ever() -> None:
    async def talk(line: Line) -> None:
        await line.say(welcome())
        while True:
            request = await line.hear("subscribe")
            await line.say(subscribed(request, 10), snapshot(10, "20.00"), delta(10, 11, "19.00", 7))

    async def steps() -> None:
        async with serving(talk) as (url, heard), streaming(url) as stream:
            assert "checksum" in str(await ends(await stream.book(PRODUCT)))
            assert len(heard) < 15

    asyncio.run(steps())


def test_a_subscription_that_is_not_answered_any_more_is_given_up() -> None:
    async def talk(line: Line) -> None:
        if line.number == 1:
            await begin(line, "20.00")
            await line.close()
            return
        await line.say(welcome())
        while True:
            await asyncio.sleep(0.01)
            await line.say(heartbeat(("book", PRODUCT, 10)))

    async def steps() -> None:
        async with serving(talk) as (url, _), streaming(url) as stream:
            book = await stream.book(PRODUCT)
            stream._answer_s = 0.01
            assert "not answered" in str(await ends(book))

    asyncio.run(steps())


@pytest.mark.parametrize(
    "frame",
    ["{", "[]", '{"type": "book", "seq": "many"}', snapshot(10, "sNaN"), snapshot(10, "NaN", "20.00"), "deep"],
    ids=["no text", "no message", "wrong types", "no number", "no price", "depth"],
)
def test_what_cannot_be_taken_ends_the_stream_and_whoever_waits_hears_of_it(frame: Any) -> None:
    deep = '{"type":"problem","id":"x","problem":{"params":{"a":' + "[" * 100_000 + "]" * 100_000 + "}}}"

    async def talk(line: Line) -> None:
        await line.say(welcome())
        request = await line.hear("subscribe")
        await line.say(subscribed(request, 10))
        await line.hear("place")
        await line.say(deep if frame == "deep" else frame)

    async def steps() -> None:
        async with serving(talk) as (url, heard), streaming(url, answer_s=PATIENCE_S) as stream:
            book = await stream.book(PRODUCT)
            ended = asyncio.create_task(ends(book))
            with pytest.raises(h.OutcomeUnknown):
                await stream.place(bid("b-1", 1, "20.00"))
            assert "cannot" in str(await ended)
            assert [one["op"] for one in heard] == ["subscribe", "place"]
            with pytest.raises(h.StreamError):
                await stream.place(bid("b-2", 1, "20.00"))

    asyncio.run(steps())


def entry(name: str, order: Message | None = None, problem: Message | None = None) -> Message:
    return {"client_order_id": name, "status": 201, "order": order, "problem": problem}


PLACED: Message = {
    "order_id": "O1", "client_order_id": "b-2", "product_id": PRODUCT, "side": "buy", "price": "20.00", "loads": 1,
    "time_in_force": "gtc", "status": "new", "executed_loads": 0, "open_loads": 1, "fills": [], "reason": "", "at": AT,
}  # fmt: skip
CHANGED: Message = {
    "order_id": "O2", "status": "cancelled", "price": None, "loads": None, "cancelled_loads": 1, "fills": [],
    "keeps_priority": None, "at": AT,
}  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    [
        {"type": "changed", "order": CHANGED},
        {"type": "all_cancelled", "orders": []},
        {"type": "options_set", "cancel_on_disconnect": "keep"},
        {"type": "placed", "results": []},
        {"type": "placed", "results": [entry("b-1"), entry("b-1")]},
        {"type": "placed", "results": [entry("b-1")]},
        {"type": "placed", "results": [entry("b-2", PLACED)]},
        {"type": "placed", "results": [entry("b-1", PLACED)]},
    ],
)
def test_an_order_that_is_answered_by_something_else_is_of_unknown_outcome(answer: Message) -> None:
    async def talk(line: Line) -> None:
        await line.say(welcome())
        request = await line.hear("place")
        await line.say({**answer, "id": request["id"]}, {**answer, "id": request["id"]})

    async def steps() -> None:
        async with serving(talk) as (url, heard), streaming(url) as stream:
            with pytest.raises(h.OutcomeUnknown) as unknown:
                await stream.place(bid("b-1", 1, "20.00"))
            assert unknown.value.client_order_ids == ("b-1",)
            assert len(heard) == 1

    asyncio.run(steps())


def test_a_cancel_that_is_answered_for_another_order_is_of_unknown_outcome() -> None:
    async def talk(line: Line) -> None:
        await line.say(welcome())
        request = await line.hear("cancel")
        await line.say({"type": "changed", "order": CHANGED, "id": request["id"]})

    async def steps() -> None:
        async with serving(talk) as (url, heard), streaming(url) as stream:
            with pytest.raises(h.OutcomeUnknown) as unknown:
                await stream.cancel("O1")
            assert unknown.value.idempotency_key == heard[0]["idempotency_key"]

    asyncio.run(steps())


@pytest.mark.parametrize("after", ["soon", None, [], -5, "inf", 1e300])
def test_a_time_to_come_back_that_is_none_does_no_harm(after: Any) -> None:
    """To an order, and to a subscription; the one that is absurd is cut to a minute, and the order's time is over."""

    async def talk(line: Line) -> None:
        await line.say(welcome())
        while True:
            request = await line.hear()
            busy = {"code": "unavailable", "status": 503, "detail": "", "params": {"retry_after_s": after}}
            await line.say({"type": "problem", "id": request["id"], "problem": busy})

    async def steps() -> None:
        retry = h.Retry(pause_s=0.05, pause_s_max=0.2)
        async with serving(talk) as (url, _), streaming(url, answer_s=2.0, retry=retry) as stream:
            with pytest.raises(h.NoAnswer):
                await stream.book(PRODUCT)
            with pytest.raises((h.ServerFailed, h.OutcomeUnknown)):  # as its last repeat was answered, or was not
                await stream.place(bid("b-1", 1, "20.00"))

    asyncio.run(steps())


def test_a_server_that_hangs_up_at_once_is_not_come_back_to_in_a_loop() -> None:
    waits: list[int] = []

    class Told(h.Retry):
        def wait_s(self, tries: int) -> float:
            waits.append(tries)
            return 0.001

    async def talk(line: Line) -> None:
        await line.say(welcome())
        await line.close()

    async def steps() -> None:
        async with serving(talk) as (url, _), streaming(url, retry=Told(pause_s_max=PATIENCE_S)):
            await until(lambda: len(waits) >= 5)
            assert waits[:5] == [1, 2, 3, 4, 5]

    asyncio.run(steps())


@pytest.mark.parametrize("heartbeat_s", [1e12, 0, -3])
def test_a_server_that_promises_no_heartbeat_worth_the_name(
    heartbeat_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By one in a thousand years no dead connection is kept; by one every zero seconds none is taken for dead."""
    monkeypatch.setattr("h2market.client.stream.HEARTBEAT_S_MAX", 0.2 if heartbeat_s > 0 else PATIENCE_S)
    monkeypatch.setattr("h2market.client.stream.HEARTBEAT_S_MIN", 0.1 if heartbeat_s > 0 else PATIENCE_S)
    lines: list[int] = []

    async def talk(line: Line) -> None:
        lines.append(line.number)
        await begin(line, "20.00", heartbeat_s=heartbeat_s)
        if heartbeat_s <= 0:
            while True:
                await line.say(heartbeat(("book", PRODUCT, 10)))
                await asyncio.sleep(0.02)

    async def steps() -> None:
        async with serving(talk) as (url, _), streaming(url) as stream:
            book = await stream.book(PRODUCT)
            assert await live(book) == ["20.00"]
            if heartbeat_s > 0:
                await until(lambda: not book.is_live)
                await until(lambda: len(lines) > 1)
            else:
                await asyncio.sleep(0.3)
                assert len(lines) == 1

    asyncio.run(steps())
