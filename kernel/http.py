"""HTTP conventions, as one piece of pure ASGI around the whole application.

Request ids, API keys, rate limits, body limits and problem details (RFC 9457) are decided here, before any framework
sees the request. What was found is in ``scope["h2market"]``, a `Call`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import math
import re
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

from kernel.auth import Authenticator, Principal, Scope
from kernel.errors import BodyTooLarge, H2MarketError, Internal, InvalidInput, Language, RateLimited, Unauthenticated
from kernel.ids import request_id
from kernel.rates import RATE_WINDOW_S, RequestRates
from kernel.sequencer import Key

ASGIScope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[ASGIScope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

#: What a request comes to: status and JSON body, or the error that it ends with.
Reply = tuple[int, bytes] | H2MarketError
Respond = Callable[[Reply], None]
#: Writes an answer: status, headers, body.
Write = Callable[[int, Headers, bytes], None]

#: The largest bodies are a hundred transfers and five hundred positions, some 100 kB each.
BODY_BYTES_MAX = 256 << 10
#: Paths under this need a key: without one, not even the body is read.
PRIVATE = "/v1/"
KEY_PATTERN = r"^[!-~]{1,128}$"
#: Methods on which an idempotency key means something; on others it is not even read.
CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_KEY = re.compile(rb"[!-~]{1,128}")
_WEIGHT = re.compile(r"q=[01](\.[0-9]{0,3})?")
_JSON = (b"content-type", b"application/json")
_PROBLEM_TYPE = b"application/problem+json"

_log = logging.getLogger("h2market.http")


class Call:
    """One request as the conventions see it."""

    __slots__ = ("body", "content_type", "idempotency_key", "language", "principal", "request_id")

    def __init__(self, rid: str, language: Language, content_type: bytes | None) -> None:
        self.request_id = rid
        self.language: Language = language
        self.content_type = content_type
        self.principal: Principal | None = None
        self.idempotency_key: str | None = None
        self.body = b""

    def require(self, scope: Scope) -> Principal:
        """The caller, if its key carries ``scope``. Raises Unauthenticated or Forbidden."""
        if self.principal is None:
            raise Unauthenticated(field="Authorization")
        self.principal.require(scope)
        return self.principal

    def key(self, route: str) -> Key | None:
        """The request's idempotency key, if it has one: unique per participant; the fingerprint covers route and
        body."""
        if self.idempotency_key is None or self.principal is None:
            return None
        fingerprint = hashlib.sha256(route.encode() + b"\n" + self.body).digest()
        return Key(self.principal.participant_id, self.idempotency_key, fingerprint)


class DirectRoute(NamedTuple):
    """A route that is served without a framework, and without a task where the server knows how.

    ``begin`` reads the call and returns; it raises, or calls ``respond`` once, then or later, in the event loop.
    ``scope`` is what the metrics know it by.
    """

    method: str
    path: str
    scope: ASGIScope
    begin: Callable[[Call, Respond], None]


async def reply_of(direct: DirectRoute, call: Call) -> tuple[int, bytes]:
    """The reply of a direct route, for servers that know tasks only. Raises the error that the request ends with."""
    replied: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
    direct.begin(call, lambda reply: None if replied.done() else replied.set_result(reply))
    reply = await replied
    if isinstance(reply, H2MarketError):
        raise reply
    return reply


def responding(respond: Respond, make: Callable[[Any], tuple[int, bytes]]) -> Callable[[Any], None]:
    """A callback that makes the reply to a decided command, and responds with it or with what went wrong."""

    def decided(outcome: Any) -> None:
        try:
            reply: Reply = make(outcome)
        except H2MarketError as error:
            reply = error
        except Exception as error:
            reply = as_internal(error)
        respond(reply)

    return decided


def call_of(scope: ASGIScope) -> Call:
    """The `Call` of a request that came through `Edge`."""
    call = scope["h2market"]
    assert isinstance(call, Call)
    return call


def problem(error: H2MarketError, rid: str, language: Language, instance: str) -> dict[str, Any]:
    """The problem details of an error: stable ``code``, the field, the rule, and the numbers of the sentence."""
    entry: dict[str, Any] = {"field": error.field, "rule": error.rule, "detail": error.sentence(language)}
    details = getattr(error, "entries", None)
    return {
        "type": f"urn:h2market:problem:{error.code}",
        "title": error.code.replace("_", " "),
        "status": error.status,
        "detail": error.sentence(language),
        "instance": instance,
        "code": error.code,
        "request_id": rid,
        "errors": details(language) if details else [entry],
        **({"params": error.params} if error.params and not isinstance(error, InvalidInput) else {}),
    }


def problem_response(
    error: H2MarketError, call: Call | None, path: str
) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, headers and body of the answer to a failed request."""
    rid = call.request_id if call else request_id(None)
    body = json.dumps(problem(error, rid, call.language if call else "en", path), ensure_ascii=False).encode()
    headers = [(b"content-type", _PROBLEM_TYPE), (b"content-length", str(len(body)).encode())]
    if "retry_after_s" in error.params:
        headers.append((b"retry-after", str(error.params["retry_after_s"]).encode()))
    if "allow" in error.params:
        headers.append((b"allow", str(error.params["allow"]).encode()))
    if error.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    return error.status, headers, body


async def send_problem(send: Send, error: H2MarketError, call: Call | None, path: str) -> None:
    """Answers with an error."""
    status, headers, body = problem_response(error, call, path)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def as_internal(error: Exception) -> Internal:
    """An unexpected error as the one the caller sees; its id finds the log line."""
    error_id = uuid.uuid4().hex
    _log.error("error %s", error_id, exc_info=error)
    return Internal(error_id=error_id)


class Disconnected(Exception):
    """The caller went away before its request was complete: there is nothing to decide and nobody to answer."""


class Edge:
    """The outermost ASGI application.

    ``body_limits`` gives longer limits (bytes) for paths that begin with a prefix. ``observe(scope, status, seconds)``
    is called after each request. ``direct`` routes never reach the application.
    """

    def __init__(
        self,
        app: ASGIApp,
        authenticator: Authenticator,
        *,
        rates: RequestRates,
        body_limits: dict[str, int] | None = None,
        observe: Callable[[ASGIScope, int, float], None] | None = None,
        direct: Sequence[DirectRoute] = (),
    ) -> None:
        self._app = app
        self._direct = direct
        self._authenticator = authenticator
        self._rates = rates
        self._body_limits = body_limits or {}
        self._observe = observe

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        call, extra = _open(headers)
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *extra]
            await send(message)

        scope["h2market"] = call
        try:
            method, path = scope["method"], scope["path"]
            self._admit(method, path, scope["query_string"], scope.get("client"), headers, call, extra)
            if method not in ("GET", "HEAD"):
                call.body = await self._read(path, headers, receive)
                receive = _once(call.body, receive)
            await self._app(scope, receive, send_with_headers)
        except Disconnected:
            return
        except Exception as error:
            if status:
                raise  # the answer has begun: the server closes the connection
            known = error if isinstance(error, H2MarketError) else as_internal(error)
            await send_problem(send_with_headers, known, call, scope["path"])
        finally:
            if self._observe and status:
                self._observe(scope, status, time.perf_counter() - started)

    def direct_routes(self) -> dict[tuple[bytes, bytes], Callable[[Headers, Any, bytes, Write], None]]:
        """What a server may call in place of the application for a request with a body that has arrived whole: by
        method and target, a function of the request's headers, its client, its body, and what writes the answer."""
        return {(one.method.encode(), one.path.encode()): partial(self._serve, one) for one in self._direct}

    def _serve(self, direct: DirectRoute, headers: Headers, client: Any, body: bytes, write: Write) -> None:
        """What `__call__` does, for a direct route."""
        started = time.perf_counter()
        by_name = dict(headers)
        call, extra = _open(by_name)

        def respond(reply: Reply) -> None:
            if isinstance(reply, H2MarketError):
                status, own, content = problem_response(reply, call, direct.path)
            else:
                status, content = reply
                own = json_headers(content)
            write(status, own + extra, content)
            if self._observe:
                self._observe(direct.scope, status, time.perf_counter() - started)

        try:
            self._admit(direct.method, direct.path, b"", client, by_name, call, extra)
            call.body = body
            direct.begin(call, respond)
        except H2MarketError as error:
            respond(error)
        except Exception as error:
            respond(as_internal(error))

    def _admit(
        self,
        method: str,
        path: str,
        query: bytes,
        client: Any,
        headers: dict[bytes, bytes],
        call: Call,
        extra: Headers,
    ) -> None:
        """Finds the caller, counts the request and reads its key; ``extra`` gets the headers that every answer has."""
        authorization = headers.get(b"authorization")
        if authorization is not None:
            call.principal = self._authenticator.authenticate(_secret(authorization))
        self._count(client, call, extra)
        if call.principal is None and (authorization is not None or path.startswith(PRIVATE)):
            raise Unauthenticated(field="Authorization")
        if b"%00" in query:  # PostgreSQL has no text with NUL
            raise InvalidInput("query", "nul", "A query has no NUL characters.", "查询参数不得包含 NUL 字符。")
        if method in CHANGING:
            call.idempotency_key = _idempotency_key(headers.get(b"idempotency-key"))

    def _count(self, client: Any, call: Call, headers: Headers) -> None:
        """Counts the request against its key, or its address, and adds the headers that say so; raises RateLimited."""
        if call.principal:
            limit, count, left_s = self._rates.of_key(call.principal.key_id, time.monotonic())
        else:
            limit, count, left_s = self._rates.of_address(client[0] if client else "", time.monotonic())
        reset_s = math.ceil(left_s)
        headers += (
            (b"ratelimit-limit", b"%d" % limit),
            (b"ratelimit-remaining", b"%d" % max(0, limit - count)),
            (b"ratelimit-reset", b"%d" % reset_s),
        )
        if count > limit:
            raise RateLimited(limit=limit, window_s=RATE_WINDOW_S, retry_after_s=reset_s)

    async def _read(self, path: str, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        """The whole body, if it is within the limit of its path."""
        limit = next((value for prefix, value in self._body_limits.items() if path.startswith(prefix)), BODY_BYTES_MAX)
        declared = headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared) > limit:
            raise BodyTooLarge(field="body", limit=limit)
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            more = message.get("more_body", False)
            if size > limit:
                raise BodyTooLarge(field="body", limit=limit)
        return parts[0] if len(parts) == 1 else b"".join(parts)


def json_headers(body: bytes) -> Headers:
    """The headers of a JSON body."""
    return [_JSON, (b"content-length", b"%d" % len(body))]


def _open(headers: dict[bytes, bytes]) -> tuple[Call, Headers]:
    """A request as it is before anything of it was checked, and the headers that its answer has in any case."""
    rid = request_id(_text(headers.get(b"x-request-id")))
    call = Call(rid, language_of(headers.get(b"accept-language", b"")), headers.get(b"content-type"))
    return call, [(b"x-request-id", rid.encode())]


def _once(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body that was read, then whatever comes (a disconnect)."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


@lru_cache(maxsize=1_024)
def _secret(authorization: bytes) -> str:
    """The secret of an Authorization header; one that is no bearer token is nobody's."""
    kind, _, secret = authorization.partition(b" ")
    return secret.strip().decode("latin-1") if kind.lower() == b"bearer" else ""


def _idempotency_key(value: bytes | None) -> str | None:
    if value is None:
        return None
    if _KEY.fullmatch(value) is None:
        raise InvalidInput(
            "Idempotency-Key",
            "pattern",
            "An idempotency key has 1 to 128 visible ASCII characters.",
            "幂等键由 1 至 128 个可见 ASCII 字符组成。",
        )
    return value.decode()


@lru_cache(maxsize=256)
def language_of(accept_language: bytes) -> Language:
    """Chinese if the caller prefers it over English, by weight and then by order; English for one who names neither."""
    best, language = 0.0, "en"
    for part in accept_language.decode("latin-1").lower().split(","):
        tag, _, weight = part.replace(" ", "").partition(";")
        quality = 1.0 if not weight else float(weight[2:]) if _WEIGHT.fullmatch(weight) else 0.0
        if tag.split("-")[0] in ("en", "zh") and quality > best:
            best, language = quality, tag[:2]
    return "zh" if language == "zh" else "en"
