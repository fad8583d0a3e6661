"""Streams of several companies beside a day that is told line by line: one thread keeps them all.

Whatever a scene says over a stream it waits for, and what it should hear it waits for too, so the order of things is
that of the script. A `Line` stands between a company and the exchange, and can be cut.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from h2market.client import Feed, Own, Retry, Stream
from h2market.client.said_base import OnDisconnect
from h2market.client.said_own import AnyOwnEvent
from seeds.client import Unreachable

T = TypeVar("T")

#: How long anything that must come may take: it needs milliseconds.
HEARD_S_MAX = 60.0
#: A company whose line was cut is back in a moment.
RETRY = Retry(pause_s=0.05, pause_s_max=0.2)


class Line:
    """Hands on what comes to a port of its own, until it is cut; whoever calls again is put through again."""

    def __init__(self, url: str) -> None:
        target = urlsplit(url)
        assert target.hostname is not None
        assert target.port is not None
        self._target = target.hostname, target.port
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._talks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where to call."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def open(self) -> None:
        """Begins to take calls."""
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)

    async def cut(self) -> None:
        """Ends every call in the middle of a word."""
        for end in list(self._ends):
            end.transport.abort()

    async def close(self) -> None:
        """Takes no calls any more."""
        assert self._server is not None
        self._server.close()
        await self.cut()
        if self._talks:
            await asyncio.wait(self._talks)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        task.add_done_callback(self._talks.discard)
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        ends = {writer, far_writer}
        self._ends |= ends
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_pass_on(reader, far_writer))
                both.create_task(_pass_on(far_reader, writer))
        except* OSError:
            pass
        finally:
            self._ends -= ends
            for end in ends:
                end.transport.abort()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    raise ConnectionResetError("one side has hung up")


class Streams:
    """The thread and its streams. Leave it, and all of them end."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="seeds.streams", daemon=True)
        self._open: list[Stream | Line] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        for one in reversed(self._open):
            self.run(one.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, step: Coroutine[Any, Any, T]) -> T:
        """Has the thread do something and waits for it. Raises Unreachable for what does not come."""

        async def bounded() -> T:
            async with asyncio.timeout(HEARD_S_MAX):
                return await step

        name = getattr(step, "__qualname__", "what was asked of a stream")
        try:
            return asyncio.run_coroutine_threadsafe(bounded(), self._loop).result()
        except TimeoutError as error:
            raise Unreachable(f"{name} did not come to an end in {HEARD_S_MAX:.0f} s") from error

    def line(self) -> Line:
        """A line to the exchange that can be cut."""
        line = Line(self.url)
        self.run(line.open())
        self._open.append(line)
        return line

    def open(self, key: str, *, line: Line | None = None, on_disconnect: OnDisconnect = "keep") -> Stream:
        """A company's stream under one of its keys."""

        async def connect() -> Stream:
            url = self.url if line is None else line.url
            return await Stream(url, key, on_disconnect=on_disconnect, retry=RETRY).__aenter__()

        stream = self.run(connect())
        self._open.append(stream)
        return stream


async def hear_own(own: Feed, enough: Callable[[list[AnyOwnEvent]], bool]) -> list[AnyOwnEvent]:
    """The events of a company's own business from here on, as soon as they are enough."""
    heard: list[AnyOwnEvent] = []
    while not enough(heard):
        said = await anext(own)
        if isinstance(said, Own):
            heard += said.events
    return heard
