"""The stream for programs that do not await."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Literal, Protocol, TypeVar

from h2market.client.feed import Feed
from h2market.client.said import Told
from h2market.client.stream import Stream

T = TypeVar("T")
FollowedChannel = Literal["trades", "ticker", "status", "own", "orders"]


class _Run(Protocol):
    def __call__(self, step: Coroutine[Any, Any, T], /) -> T: ...


def follow(
    url: str, key: str, channel: FollowedChannel, product_id: str | None = None, **options: Any
) -> Iterator[Told]:
    """The messages of a channel, as a feed of `Stream` gives them, one at a time. ``options`` are those of `Stream`.

    The connection is kept by a thread of its own, and is closed with the iterator.
    """
    with _loop() as run:
        stream = Stream(url, key, **options)
        run(stream.__aenter__())
        try:
            feed = run(_subscribe(stream, channel, product_id))
            while True:
                yield run(anext(feed))
        except StopAsyncIteration:
            return
        finally:
            run(stream.close())


async def _subscribe(stream: Stream, channel: FollowedChannel, product_id: str | None) -> Feed:
    if channel == "own":
        return await stream.own()
    if channel == "orders":
        if product_id is None:
            raise ValueError("the orders of a book are those of one product: name it")
        return await stream.order_changes(product_id)
    begin = {"trades": stream.trades, "ticker": stream.tickers, "status": stream.status}[channel]
    return await begin(product_id)


@contextmanager
def _loop() -> Iterator[_Run]:
    """An event loop in a thread, and what runs a step in it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="h2market.follow", daemon=True)
    thread.start()

    def run(step: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(step, loop).result()

    try:
        yield run
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
