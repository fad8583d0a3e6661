"""The doors of the stream: `/v1/stream` (WebSocket), `/v1/events` (server-sent events), `/asyncapi.json`.

Plain ASGI, as the order routes are. The key comes in the Authorization header; a browser, which cannot send one, brings
it in its first message. A key in the header that is not valid is answered with 401 instead of the handshake.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from exchange.service import ExchangeService
from exchange.stream.asyncapi import document
from exchange.stream.connection import CLOSE_TOO_MANY, Connection
from exchange.stream.door import Door, Place
from exchange.stream.hub import Hub
from exchange.stream.server_events import ServerEvents
from kernel.auth import Authenticator
from kernel.errors import H2MarketError, NotFound, Unauthenticated
from kernel.http import ASGIApp, ASGIScope, Call, Receive, Send, call_of, language_of, problem_response, send_problem
from kernel.ids import request_id
from kernel.rates import RequestRates
from kernel.streams import Streams

STREAM = "/v1/stream"
EVENTS = "/v1/events"
ASYNCAPI = "/asyncapi.json"
#: A frame may be as long as a batch of orders over REST: it is read in the event loop.
FRAME_BYTES_MAX = 64 << 10
#: How a server lets an application end a connection whose reader is stuck; see `h2market.uvicorn_stream`.
CUT = "h2market.cut"


def ahead_of(
    app: ASGIApp,
    service: ExchangeService,
    streams: Streams,
    authenticator: Authenticator,
    *,
    rates: RequestRates,
    version: str,
) -> ASGIApp:
    """An application that serves the stream and hands on everything else."""
    hub = Hub(service)
    streams.listen(on_keys=hub.check_keys, on_leave=hub.leave)
    return Doors(app, hub, Door(authenticator, rates), version)


class _Route:
    """What the metrics call a request by."""

    def __init__(self, path: str) -> None:
        self.path = path


class Doors:
    """The application in front of another one, to which it hands on all that is not its own."""

    def __init__(self, app: ASGIApp, hub: Hub, door: Door, version: str) -> None:
        self._app = app
        self._hub = hub
        self._door = door
        self._events = ServerEvents(hub, door)
        self._version = version
        self._document = b""

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._stream(scope, receive, send)
        elif scope["type"] == "http" and scope["method"] == "GET" and scope["path"] in (EVENTS, ASYNCAPI):
            scope["route"] = _Route(scope["path"])
            await (self._serve_events if scope["path"] == EVENTS else self._describe)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _serve_events(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        try:
            await self._events.serve(scope, receive, send)
        except H2MarketError as error:
            await send_problem(send, error, call_of(scope), scope["path"])

    async def _describe(self, _scope: ASGIScope, _receive: Receive, send: Send) -> None:
        self._document = self._document or msgspec.json.encode(document(self._version))
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(self._document))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self._document})

    async def _stream(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        call = Call(request_id(None), language_of(headers.get(b"accept-language", b"")), None)
        await receive()  # websocket.connect
        try:
            if scope["path"] != STREAM:
                raise NotFound(field="path", rule="path", kind="path", id=scope["path"][:200])
            secret, name = self._caller(scope, headers.get(b"authorization"))
            with self._door.take(name) as place:
                await self._talk(scope, receive, send, call, secret, place)
        except H2MarketError as error:
            await _reject(scope, send, error, call)

    def _caller(self, scope: ASGIScope, authorization: bytes | None) -> tuple[str | None, str]:
        """The key that the request brings, and whose place the connection takes. Raises Unauthenticated for a key that
        nobody has, RateLimited for one connection too many."""
        if authorization is None:
            client = scope.get("client")
            address = client[0] if client else ""
            self._door.count_anonymous(address)
            return None, f"address {address}"
        kind, _, secret = authorization.partition(b" ")
        found = self._door.find(secret.strip().decode("latin-1")) if kind.lower() == b"bearer" else None
        if found is None:
            raise Unauthenticated(field="Authorization")
        return secret.strip().decode("latin-1"), found.key_id

    async def _talk(
        self, scope: ASGIScope, receive: Receive, send: Send, call: Call, secret: str | None, place: Place
    ) -> None:  # fmt: skip
        await send({"type": "websocket.accept"})

        async def send_text(text: str) -> None:
            await send({"type": "websocket.send", "text": text})

        async def next_frame() -> str | bytes | None:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return None
            text: str | bytes | None = message.get("text")
            return message["bytes"] if text is None else text

        connection = Connection(self._hub, self._door, place, call.language, send_text, _closer(scope, send))
        await connection.run(next_frame, secret)


def _closer(scope: ASGIScope, send: Send) -> Callable[[int, str], None]:
    """How a connection is ended from this side. A server that knows the extension does so even where nothing can be
    sent; with others the close waits for its turn."""
    cut = scope.get("extensions", {}).get(CUT)
    if cut is not None:
        return cut["close"]  # type: ignore[no-any-return]
    closing: list[asyncio.Task[None]] = []

    async def close_in_turn(code: int, reason: str) -> None:
        try:
            await send({"type": "websocket.close", "code": code, "reason": reason})
        except (OSError, RuntimeError):
            return  # it is closed already

    def close(code: int, reason: str) -> None:
        closing.append(asyncio.create_task(close_in_turn(code, reason)))

    return close


async def _reject(scope: ASGIScope, send: Send, error: H2MarketError, call: Call) -> None:
    """Answers the handshake with a problem, as far as the server can."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": CLOSE_TOO_MANY if error.status == 429 else 4000 + error.status})
        return
    status, headers, body = problem_response(error, call, scope["path"])
    headers.append((b"x-request-id", call.request_id.encode()))
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})
