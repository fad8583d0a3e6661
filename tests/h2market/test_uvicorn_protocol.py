"""What a connection may cost: a server on a free port of the loopback, and callers who send what no client sends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from h2market import uvicorn_protocol
from h2market.uvicorn_protocol import OneWriteProtocol

LARGE = b"x" * (8 << 20)


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the length of what was sent, or with more than a socket holds."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = LARGE if scope["path"] == "/large" else b"%d" % size
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    config = Config(app, log_config=None)
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: OneWriteProtocol(config, state, {}), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        async with asyncio.timeout(10):
            yield reader, writer
    finally:
        writer.close()
        server.close()


ENDLESS = {
    "line": b"GET /" + b"a" * (1 << 20),
    "header": b"GET / HTTP/1.1\r\nX: " + b"a" * (1 << 20),
    "headers": b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 200_000,
    "trailers": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: a\r\n" * 200_000,
}


@pytest.mark.parametrize("endless", ENDLESS.values(), ids=ENDLESS)
def test_a_head_without_end_is_cut_off(endless: bytes) -> None:
    async def run() -> None:
        async with connected() as (_, writer):
            with suppress(ConnectionError):
                writer.write(endless)
                await writer.drain()
                while not writer.is_closing():
                    await asyncio.sleep(0.01)
                    writer.write(b"a")

    asyncio.run(run())


def test_bodies_and_requests_that_come_together_are_not_counted() -> None:
    async def run() -> None:
        post = b"POST / HTTP/1.1\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000
        async with connected() as (reader, writer):
            writer.write(post * 5 + b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
            answers = await reader.read()
            assert answers.count(b"\r\n\r\n200000") == 5
            assert answers.endswith(b"\r\n\r\n0")

    asyncio.run(run())


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"\x16\x03\x01\x00",
    ],
)
def test_what_is_no_http_gets_problem_details(sent: bytes) -> None:
    async def run() -> None:
        async with connected() as (reader, writer):
            writer.write(sent)
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 400 ")
            assert b"content-type: application/problem+json" in head
            assert json.loads(body)["code"] == "malformed_request"

    asyncio.run(run())


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"\r\n", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc"])
def test_a_request_that_does_not_arrive_is_given_up(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uvicorn_protocol, "ARRIVAL_S_MAX", 0.05)
    monkeypatch.setattr(uvicorn_protocol, "LOOK_EVERY_S", 0.05)

    async def run() -> None:
        async with connected() as (reader, writer):
            writer.write(sent)
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await reader.readexactly(1)

    asyncio.run(run())


def test_an_answer_that_is_not_taken_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uvicorn_protocol, "LOOK_EVERY_S", 0.1)

    async def run() -> None:
        async with connected() as (reader, writer):
            writer.write(b"GET /large HTTP/1.1\r\n\r\n")
            await asyncio.sleep(0.6)  # the stream's own buffer is full long since
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await reader.readexactly(len(LARGE))

    asyncio.run(run())
