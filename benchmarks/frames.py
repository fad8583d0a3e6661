"""A load generator for WebSockets on loopback: connections with one frame under way each, written by hand.

A client's library would cost this process more than the server spends on a frame. The mask of every frame is zero, so
that its text stands in it as it is; servers unmask it like any other.
"""

from __future__ import annotations

import asyncio
import base64
import os
import struct
import time
from collections.abc import Callable
from functools import partial

from benchmarks.load import SECONDS_MAX, Load

_TEXT_FINAL, _MASKED = 0x81, 0x80
_ZERO_MASK = b"\0\0\0\0"


def frame(text: bytes) -> bytes:
    """A text frame of a client."""
    length = len(text)
    if length < 126:
        return bytes((_TEXT_FINAL, _MASKED | length)) + _ZERO_MASK + text
    if length < 1 << 16:
        return struct.pack(">BBH", _TEXT_FINAL, _MASKED | 126, length) + _ZERO_MASK + text
    return struct.pack(">BBQ", _TEXT_FINAL, _MASKED | 127, length) + _ZERO_MASK + text


def text_of(buffer: bytes) -> tuple[bytes, bytes] | None:
    """The text of a server's frame and what follows it; None while it is not complete."""
    if len(buffer) < 2:
        return None
    length, start = buffer[1], 2
    if length == 126:
        length, start = int.from_bytes(buffer[2:4], "big"), 4
    elif length == 127:
        length, start = int.from_bytes(buffer[2:10], "big"), 10
    end = start + length
    return (buffer[start:end], buffer[end:]) if len(buffer) >= end and start <= len(buffer) else None


class _Stream(asyncio.Protocol):
    """One connection: greets, then writes a frame, waits for its answer, writes the next."""

    def __init__(
        self, load: Load, key: str, make: Callable[[], bytes | None], good: Callable[[bytes], bool],
        done: asyncio.Future[None],
    ) -> None:  # fmt: skip
        self._load, self._key, self._make, self._good, self._done = load, key, make, good, done
        self._buffer = b""
        self._open = False
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        nonce = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self._key}\r\nUpgrade: websocket"
            f"\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {nonce}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._open:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head[:16]:
                self._fail(head)
                return
            self._open, self._buffer = True, rest
        while (read := text_of(self._buffer)) is not None:
            text, self._buffer = read
            if text.startswith(b'{"type":"welcome"'):
                self._next()
            elif text.startswith(b'{"type":"heartbeat"'):
                continue
            elif not self._good(text):
                self._fail(text)
            else:
                self._load.latencies.append(time.perf_counter() - self._sent_at)
                self._load.answered += 1
                self._next()

    def _fail(self, what: bytes) -> None:
        self._load.failed += 1
        self._load.first_failure = self._load.first_failure or what[:600].decode(errors="replace")
        self._transport.close()

    def _next(self) -> None:
        text = self._make()
        if text is None:
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(frame(text))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_result(None)


async def run(
    port: int, makers: list[tuple[str, Callable[[], bytes]]], seconds: float, good: Callable[[bytes], bool]
) -> Load:
    """Loads 127.0.0.1:``port`` for ``seconds`` with a connection for each pair of a key and a maker of frames; ``good``
    says whether an answer is as wanted."""
    load = Load()
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    until = started + min(seconds, SECONDS_MAX)
    ends = []
    for key, make in makers:
        done = loop.create_future()
        ends.append(done)
        stream = _Stream(load, key, partial(_while, make, until), good, done)
        await loop.create_connection(partial(_same, stream), "127.0.0.1", port)
    await asyncio.wait(ends, timeout=seconds + 10)
    load.seconds = time.perf_counter() - started
    return load


def _same(stream: _Stream) -> _Stream:
    return stream


def _while(make: Callable[[], bytes], until: float) -> bytes | None:
    """The next frame as long as there is time."""
    return make() if time.perf_counter() < until else None
