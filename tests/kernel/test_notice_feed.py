"""One room's notices for many readers: nothing is read twice, missed or mixed up, and a source may fail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel import notice_feed
from kernel.feed import FOLLOW_EVENTS_MAX
from kernel.notice_feed import NoticeFeed
from kernel.notices import Notice, Page

NULL = msgspec.Raw(b"null")


class ListSource:
    """A log in a list: event ``n`` is for participant ``n % 3``, and public where that is 0."""

    def __init__(self, last: int) -> None:
        self.last = last
        self.reads: list[tuple[int, int]] = []
        self.broken = False

    async def page(self, after: int, limit: int) -> Page:
        await asyncio.sleep(0)
        if self.broken:
            raise ConnectionError("away")
        self.reads.append((after, limit))
        end = min(self.last, after + limit)
        return Page(end, tuple(notice_of(seq) for seq in range(after + 1, end + 1)))

    async def head(self, after: int) -> int:
        await asyncio.sleep(0.001)
        if self.broken:
            raise ConnectionError("away")
        return self.last

    async def position(self, at: int) -> int:
        return min(self.last, at - 1)


def notice_of(seq: int) -> Notice:
    owner = seq % 3
    return Notice(seq, seq, "own.thing" if owner else "market.thing", f"P{owner}" if owner else "", NULL)


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notice_feed, "CATCH_UP_PAUSE_S", 0)
    monkeypatch.setattr(notice_feed, "LOOK_EVERY_S", 0)


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await test()

    asyncio.run(whole())


async def read_all(feed: NoticeFeed, participant_id: str, after: int, public: bool = False) -> list[int]:
    """Everything for a participant, as a courier reads it."""
    found: list[int] = []
    while True:
        notices, through = await feed.next_of(
            participant_id, after, lambda kind: public or not kind.startswith("market.")
        )
        if not notices and through == after:
            return found
        found += [one.seq for one in notices]
        after = through


@given(
    last=st.integers(0, 3 * FOLLOW_EVENTS_MAX + 1), after=st.integers(0, 3 * FOLLOW_EVENTS_MAX), public=st.booleans()
)
def test_a_reader_gets_its_own_in_order_and_all_of_it(last: int, after: int, public: bool) -> None:
    async def test() -> None:
        feed = NoticeFeed("room", ListSource(last), lambda: None)
        feed.head = last
        expected = [seq for seq in range(after + 1, last + 1) if seq % 3 == 1 or (public and seq % 3 == 0)]
        assert await read_all(feed, "P1", after, public) == expected

    run(test)


def test_what_many_read_is_read_once() -> None:
    async def test() -> None:
        source = ListSource(2 * FOLLOW_EVENTS_MAX + 7)
        feed = NoticeFeed("room", source, lambda: None)
        feed.head = source.last
        await asyncio.gather(*(read_all(feed, f"P{number % 3}", 0) for number in range(20)))
        assert len(source.reads) == 3
        source.last = feed.head = source.last + 1
        assert await read_all(feed, "P1", source.last - 1) == ([source.last] if source.last % 3 == 1 else [])
        assert source.reads[3:] == [(source.last - 1, FOLLOW_EVENTS_MAX - 7)]

    run(test)


def test_a_source_that_is_away_is_told_of_and_read_again_once_it_is_back() -> None:
    async def test() -> None:
        source = ListSource(5)
        rung: list[int] = []
        feed = NoticeFeed("room", source, lambda: rung.append(feed.head))
        task = asyncio.create_task(feed.run())
        while not rung:  # noqa: ASYNC110 - it is looked at from outside
            await asyncio.sleep(0.001)
        source.broken = True
        assert await feed.next_of("P1", 0, lambda _kind: True) == ([], 0)
        assert feed.error == "ConnectionError: away"
        source.broken = False
        while feed.error:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert await read_all(feed, "P1", 0) == [1, 4]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(test)
