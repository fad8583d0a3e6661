"""A load generator for HTTP/1.1 on loopback: keep-alive connections, each with one request under way.

It runs in a process of its own so that its work does not count as the server's. Requests are bytes made beforehand.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

#: A run never lasts longer than this, whatever it was asked for.
SECONDS_MAX = 60.0


@dataclass(slots=True)
class Load:
    """What one run measured; latencies in seconds."""

    seconds: float = 0.0
    answered: int = 0
    failed: int = 0
    latencies: list[float] = field(default_factory=list)
    first_failure: str = ""

    def rate(self) -> float:
        """Requests answered as wanted in a second."""
        return self.answered / self.seconds

    def quantile_ms(self, share: float) -> float:
        """The latency that ``share`` of the requests did not exceed, milliseconds."""
        ordered = sorted(self.latencies)
        return 1_000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class _Connection(asyncio.Protocol):
    """One keep-alive connection: writes a request, waits for the whole answer, writes the next."""

    def __init__(self, load: Load, make: Callable[[], bytes | None], done: asyncio.Future[None], wanted: bytes) -> None:
        self._load, self._make, self._done, self._wanted = load, make, done, wanted
        self._buffer = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def _next(self) -> None:
        request = self._make()
        if request is None:
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = self._buffer[:head_end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._buffer) < head_end + 4 + length:
            return
        self._load.latencies.append(time.perf_counter() - self._sent_at)
        if head[9:12] == self._wanted:
            self._load.answered += 1
        else:
            self._load.failed += 1
            self._load.first_failure = self._load.first_failure or self._buffer[:600].decode(errors="replace")
        self._buffer = b""
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_result(None)


async def run(port: int, makers: list[Callable[[], bytes]], seconds: float, wanted: bytes = b"201") -> Load:
    """Loads 127.0.0.1:``port`` for ``seconds`` with one connection for each of ``makers``."""
    load = Load()
    loop = asyncio.get_running_loop()
    until = time.perf_counter() + min(seconds, SECONDS_MAX)
    started = time.perf_counter()
    ends = []
    for make in makers:
        done = loop.create_future()
        ends.append(done)
        connection = _Connection(load, _until(make, until), done, wanted)
        await loop.create_connection(partial(_same, connection), "127.0.0.1", port)
    await asyncio.wait(ends, timeout=seconds + 10)
    load.seconds = time.perf_counter() - started
    return load


def _same(connection: _Connection) -> _Connection:
    return connection


def _until(make: Callable[[], bytes], until: float) -> Callable[[], bytes | None]:
    """``make`` as long as there is time, then nothing."""
    return lambda: make() if time.perf_counter() < until else None


def request(method: str, path: str, body: bytes, key: str = "") -> bytes:
    """The bytes of a request."""
    authorization = f"Authorization: Bearer {key}\r\n" if key else ""
    return (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{authorization}Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body
