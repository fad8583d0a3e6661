"""The server's short way gives the answers of its long way, whatever a connection does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import uvicorn

from h2market.uvicorn_protocol import DIRECT_BODY_BYTES_MAX, OneWriteProtocol
from kernel.auth import Principal
from kernel.errors import Unavailable
from kernel.http import ASGIScope, Call, DirectRoute, Edge, Receive, Respond, Send, call_of, json_headers, reply_of

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
    edge = Edge(echo, Keys(), per_window=1_000, anonymous_per_window=1_000, direct=(echo.route,))
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
