"""A TCP proxy that loses what a network loses, at moments that a test chooses."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Self

START_S_MAX = 10.0
#: What a proxy in front of a server says when the server is gone.
BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 7\r\n\r\n<html/>"


def problem(status: int, code: str, retry_after_s: int | None = None) -> bytes:
    """An answer that the exchange gives when it is busy or its store is away."""
    body = b'{"type":"urn:h2market:problem:%s","status":%d,"detail":"...","code":"%s","request_id":"r","errors":[]}' % (
        code.encode(), status, code.encode(),
    )  # fmt: skip
    after = b"" if retry_after_s is None else b"Retry-After: %d\r\n" % retry_after_s
    head = b"HTTP/1.1 %d X\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\n%s\r\n"
    return head % (status, len(body), after) + body


class Proxy:
    """Hands on to a port of the loopback. ``plan`` says what becomes of the next HTTP requests, one word each:

    ``pass``; ``lose request`` and ``lose answer`` end the connection before and after the server saw it; ``swallow``
    keeps the answer and the connection; bytes are an answer in place of the server's; ``(bytes,)`` are one after it
    decided. What comes after the plan passes.

    Server-sent events go through as they come; ``cuts`` says after how many bytes each connection of them is ended.

    On a WebSocket every frame of the server goes through ``frames``, which may change it, drop it with None, or end the
    connection with a ConnectionError.
    """

    def __init__(self, port: int) -> None:
        self.target = port
        self.port = 0
        self.plan: deque[Any] = deque()
        self.requests: list[bytes] = []
        self.cuts: deque[int] = deque()
        self.frames: Callable[[bytes], bytes | None] = lambda frame: frame
        self.frozen = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(START_S_MAX)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_S_MAX)

    def cut(self) -> None:
        """Ends every connection, as a cable would."""
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result(START_S_MAX)

    async def _cut(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stop.wait()
        server.close()
        await self._cut()
        await asyncio.sleep(0)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self._writers.add(server_writer)
        try:
            while request := await _message(reader):
                if request.startswith(b"GET /v1/events"):
                    self.requests.append(request)
                    server_writer.write(request)
                    await self._pass_on(server_reader, writer)
                    break
                if not await self._one(request, server_reader, server_writer, writer):
                    break
                if b"upgrade: websocket" in request.lower():
                    await self._tunnel(reader, server_reader, server_writer, writer)
                    break
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            for one in (writer, server_writer):
                self._writers.discard(one)
                one.transport.abort()

    async def _one(
        self, request: bytes, server_reader: asyncio.StreamReader, server_writer: asyncio.StreamWriter,
        writer: asyncio.StreamWriter,
    ) -> bool:  # fmt: skip
        """Hands one request on as planned; False where that ends the connection."""
        self.requests.append(request)
        word = self.plan.popleft() if self.plan else "pass"
        if isinstance(word, bytes):
            writer.write(word)
            return True
        if word == "lose request":
            return False
        server_writer.write(request)
        answer = await _message(server_reader)
        if word == "lose answer":
            return False
        if word == "swallow":
            await asyncio.sleep(3_600)
        writer.write(word[0] if isinstance(word, tuple) else answer)
        return True

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The bytes of a stream, until it is cut."""
        word = self.plan.popleft() if self.plan else "pass"
        if isinstance(word, bytes):
            writer.write(word)
            await writer.drain()
            return
        left = self.cuts.popleft() if self.cuts else None
        while data := await reader.read(65_536):
            writer.write(data[:left])
            await writer.drain()
            if left is not None:
                left -= len(data)
                if left <= 0:
                    return

    async def _tunnel(
        self, reader: asyncio.StreamReader, server_reader: asyncio.StreamReader, server_writer: asyncio.StreamWriter,
        writer: asyncio.StreamWriter,
    ) -> None:  # fmt: skip
        both: list[Coroutine[Any, Any, None]] = [self._up(reader, server_writer), self._down(server_reader, writer)]
        tasks = [asyncio.create_task(one) for one in both]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readexactly(2)
            length = head[1] & 127
            if length > 125:
                length = int.from_bytes(await reader.readexactly(2 if length == 126 else 8))
            payload: bytes | None = await reader.readexactly(length)
            if head[0] & 15 == 1:  # text
                assert payload is not None
                payload = self.frames(payload)
            if payload is not None and not self.frozen:
                writer.write(head[:1] + _length(len(payload)) + payload)


def _length(length: int) -> bytes:
    if length < 126:
        return bytes([length])
    return b"\x7e" + length.to_bytes(2) if length < 65_536 else b"\x7f" + length.to_bytes(8)


async def _message(reader: asyncio.StreamReader) -> bytes:
    """One HTTP message with its body; nothing at the end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    return head + await reader.readexactly(length)
