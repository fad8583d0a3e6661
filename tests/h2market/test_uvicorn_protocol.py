"""The server's short way gives the answers of its long way, whatever a connection does; and no connection costs more
than it may, whatever a caller sends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from h2market import uvicorn_protocol
from h2market.uvicorn_protocol import DIRECT_BODY_BYTES_MAX, OneWriteProtocol
from kernel.auth import Principal
from kernel.errors import OutcomeUnknown, Unavailable
from kernel.http import ASGIScope, Call, DirectRoute, Edge, Receive, Respond, Send, call_of, json_headers, reply_of
from kernel.rates import RequestRates

TRADER = Principal("P1", "K1", frozenset(), frozenset({"trade"}), True)
#: Not of an answer itself: when it was given, and the number of its request.
PASSING = ("date", "x-request-id", "ratelimit-remaining", "ratelimit-reset")


class Keys:
    def authenticate(self, secret: str) -> Principal | None:
        return TRADER if secret == "good" else None


class Echo:
    """A direct route that gives the body back, at once or when the test says so; served in both ways."""

    def __init__(self) -> None:
        self.held: list[Callable[[], None]] = []
        self.hold = False
        self.begun = self.framed = 0
        self.route = DirectRoute("POST", "/v1/echo", {"method": "POST"}, self.begin)

    def begin(self, call: Call, respond: Respond) -> None:
        self.begun += 1
        call.require("trade")
        if call.body == b'"full"':
            raise Unavailable(retry_after_s=1)
        if call.body == b'"defect"':
            raise ZeroDivisionError
        if call.body == b'"unknown"':
            respond(OutcomeUnknown(retry_after_s=1))
            return
        body = call.body
        if self.hold:
            self.held.append(lambda: respond((201, body)))
        else:
            respond((201, body))

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        self.framed += 1
        status, body = await reply_of(self.route, call_of(scope))
        await send({"type": "http.response.start", "status": status, "headers": json_headers(body)})
        await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def served(keep_alive_s: int = 5) -> AsyncIterator[tuple[Echo, int]]:
    echo = Echo()
    edge = Edge(echo, Keys(), rates=RequestRates(1_000, 1_000), direct=(echo.route,))
    config = uvicorn.Config(
        edge,
        port=0,
        http=OneWriteProtocol,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_keep_alive=keep_alive_s,
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - the server tells nobody
        await asyncio.sleep(0.01)
    try:
        yield echo, server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await running


def request(body: bytes, target: str = "/v1/echo", key: str = "good", more: str = "") -> bytes:
    head = f"POST {target} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {key}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}{more}\r\n".encode() + body


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    async with asyncio.timeout(5):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:] if line)
        return int(head[0].split()[1]), headers, await reader.readexactly(int(headers["content-length"]))


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - what is waited for says nothing by itself
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    ("body", "key", "status"),
    [
        (b'"a"', "good", 201),
        (b"", "good", 201),
        (b'"full"', "good", 503),
        (b'"defect"', "good", 500),
        (b'"unknown"', "good", 503),
        (b'"a"', "bad", 401),
        (b"x" * (DIRECT_BODY_BYTES_MAX + 1), "good", 201),
    ],
)
def test_both_ways_answer_the_same(body: bytes, key: str, status: int) -> None:
    async def run() -> None:
        async with served() as (echo, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            answers = []
            for target in ("/v1/echo", "/v1/echo?a=b"):  # a query takes the long way
                writer.write(request(body, target, key))
                found, headers, content = await answer(reader)
                kept = {name: value for name, value in headers.items() if name not in PASSING}
                content = content if found == 201 else b""  # a problem names its request
                kept.pop("content-length" if found != 201 else "", None)
                answers.append((found, kept, content))
            assert answers[0] == answers[1]
            assert answers[0][0] == status
            assert echo.framed == (0 if status == 401 else 2 if len(body) > DIRECT_BODY_BYTES_MAX else 1)
            writer.close()

    asyncio.run(run())


def test_requests_in_a_row_are_answered_in_their_order() -> None:
    async def run() -> None:
        async with served() as (echo, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            echo.hold = True
            writer.write(request(b'"1"') + request(b'"2"', "/v1/echo?") + request(b'"3"'))
            await until(lambda: len(echo.held) == 1)
            echo.hold = False
            echo.held[0]()
            assert [(await answer(reader))[2] for _ in range(3)] == [b'"1"', b'"2"', b'"3"']
            writer.close()

    asyncio.run(run())


def test_a_body_may_come_in_pieces() -> None:
    async def run() -> None:
        async with served() as (echo, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for piece in (request(b'"whole"')[:-3], b"le", b'"'):
                assert echo.begun == 0
                writer.write(piece)
                await asyncio.sleep(0.02)
            assert (await answer(reader))[2] == b'"whole"'
            writer.close()

    asyncio.run(run())


def test_a_caller_that_went_away_is_served_once_and_told_nothing() -> None:
    async def run() -> None:
        async with served() as (echo, port):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            echo.hold = True
            writer.write(request(b'"1"'))
            await until(lambda: len(echo.held) == 1)
            writer.close()
            await asyncio.sleep(0.05)
            echo.held[0]()
            assert echo.begun == 1
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            echo.hold = False
            writer.write(request(b'"2"'))
            assert (await answer(reader))[2] == b'"2"'
            writer.close()
            await asyncio.sleep(0.05)
            assert echo.begun == 2

    asyncio.run(run())


def test_a_connection_closes_when_asked_and_when_idle() -> None:
    async def run() -> None:
        async with served(keep_alive_s=1) as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request(b'"1"', more="Connection: close\r\n"))
            assert (await answer(reader))[1]["connection"] == "close"
            assert await reader.read() == b""
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for _ in range(4):  # busy for longer than it may be idle
                writer.write(request(b'"1"'))
                assert (await answer(reader))[0] == 201
                await asyncio.sleep(0.4)
            async with asyncio.timeout(5):
                assert await reader.read() == b""
            writer.close()

    asyncio.run(run())


def test_a_direct_request_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uvicorn_protocol, "ARRIVAL_S_MAX", 0.05)
    monkeypatch.setattr(uvicorn_protocol, "LOOK_EVERY_S", 0.05)

    async def run() -> None:
        async with served() as (echo, port):
            for sent in (request(b'"1"')[:-1], request(b'"1"') + request(b'"2"')[:-1]):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(sent)
                async with asyncio.timeout(10):
                    with suppress(ConnectionError):
                        await reader.read()
                writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request(b'"1"')[:-5] + b"X: " + b"a" * uvicorn_protocol.OVERHEAD_BYTES_MAX)
            assert (await answer(reader))[0] == 400
            assert await reader.read() == b""
            writer.close()
            assert echo.begun == 1

    asyncio.run(run())


def test_an_answer_after_a_connection_was_given_up_is_dropped() -> None:
    async def run() -> None:
        async with served() as (echo, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            echo.hold = True
            writer.write(request(b'"1"') + b"nonsense\r\n\r\n")
            await until(lambda: len(echo.held) == 1)
            echo.held[0]()
            async with asyncio.timeout(5):
                await reader.read()
            writer.close()

    asyncio.run(run())


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
    config = uvicorn.Config(app, log_config=None)
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
