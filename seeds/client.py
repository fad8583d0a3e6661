"""A small client of the public interface: an API key, JSON in and out, problem details as an exception.

Where services run apart, each request goes to the one that owns its path. A service that cannot take a request now
(503, or 429 for too many) says when to come again, and the client does. Every request that changes something carries an
idempotency key or is one by itself, as an order or a replacement is, so it is also sent again when its answer got lost.

The simulated day asks one thing after another, so the client waits for each answer; the standard library's connection
costs a tenth of what an asynchronous client does, and there are thousands of requests.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

#: The largest page that the interface gives.
PAGE_MAX = 500
TIMEOUT_S = 60.0
TRIES_MAX = 20
RETRY_S = 1.0

_AGAIN = frozenset({429, 503})
_ORDERS = frozenset({"/v1/orders", "/v1/orders/batch"})
_OWNERS = {
    "tracking": ("vehicles", "vessels", "meters", "shipments", "haulage", "positions", "mass-balance"),
    "settlement": (
        "bank-statements", "bank-entries", "accounts", "transfers", "obligations", "dues", "statements",
        "payout-account", "withdrawals", "corrections", "payment-files", "payment-reference", "settlement-runs",
        "reconciliation",
    ),
}  # fmt: skip
_OWNER_OF = {resource: service for service, resources in _OWNERS.items() for resource in resources}


class Refused(Exception):
    """The platform did not do what it was asked; ``code`` is that of its problem details."""

    def __init__(self, method: str, path: str, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.code = str(problem.get("code", ""))
        self.problem = problem
        super().__init__(f"{method} {path} was answered with {status} {self.code}: {problem.get('detail', '')}")


class Unreachable(Exception):
    """No answer came, however often it was asked for."""


class Reply(NamedTuple):
    """An answer as it came."""

    status: int
    media_type: str
    retry_after_s: float
    content: bytes

    def json(self) -> Any:
        """Its content, decoded."""
        return json.loads(self.content)


def owner_of(path: str) -> str:
    """The service that owns a path: ``/v1/shipments/S12-1`` belongs to tracking."""
    return _OWNER_OF.get(path.removeprefix("/v1/").partition("/")[0], "exchange")


class Wire:
    """Connections to the services; ``urls`` by service, the same for all of them where one process runs everything."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = dict(urls)
        #: One service of each process: what is told to a process is told to it once.
        self.processes = tuple({url: service for service, url in reversed(self._urls.items())}.values())[::-1]
        self._connections = {
            url: HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT_S) for url in self._urls.values()
        }

    def url_of(self, service: str) -> str:
        """Where a service answers."""
        return self._urls[service]

    def close(self) -> None:
        """Hangs up."""
        for connection in self._connections.values():
            connection.close()

    def send(
        self, service: str, method: str, path: str, headers: Mapping[str, str], content: bytes | None = None
    ) -> Reply:
        """Sends a request until it is answered and not to be sent again. Raises Refused or Unreachable."""
        connection = self._connections[self._urls[service]]
        for _ in range(TRIES_MAX):
            try:
                connection.request(method, path, content, headers)
                reply = _reply(connection.getresponse())
            except (OSError, HTTPException):
                connection.close()  # the next request connects anew
                time.sleep(RETRY_S)
                continue
            if reply.status not in _AGAIN:
                return _checked(reply, method, path)
            time.sleep(reply.retry_after_s)
        raise Unreachable(f"{method} {path} was not taken in {TRIES_MAX} tries")


def _reply(response: HTTPResponse) -> Reply:
    return Reply(
        response.status,
        response.getheader("Content-Type", ""),
        float(response.getheader("Retry-After", RETRY_S)),
        response.read(),
    )


def _checked(reply: Reply, method: str, path: str) -> Reply:
    if reply.status < 400:
        return reply
    problem = reply.json() if "json" in reply.media_type else {"detail": reply.content[:500].decode(errors="replace")}
    raise Refused(method, path, reply.status, problem)


def _target(path: str, query: Mapping[str, str | int]) -> str:
    return quote(path) + (f"?{urlencode(query)}" if query else "")


class Session:
    """Requests under one API key. ``label`` makes idempotency keys readable and, with a number, unique."""

    def __init__(self, wire: Wire, secret: str, label: str) -> None:
        self.wire = wire
        self.secret = secret
        self._headers = {"Authorization": f"Bearer {secret}", "Accept-Language": "en"}
        self._label = label
        self._numbers = count(1)

    def get(self, path: str, *, service: str = "", **query: str | int) -> Any:
        """The JSON at a path."""
        return self._read(path, query, service).json()

    def download(self, path: str, **query: str | int) -> bytes:
        """The bytes at a path."""
        return self._read(path, query).content

    def pages(self, path: str, **query: str | int) -> list[Any]:
        """All items of a list, page by page."""
        items: list[Any] = []
        cursor: dict[str, str] = {}
        while True:
            page = self._read(path, {"limit": PAGE_MAX, **query, **cursor}).json()
            items += page["items"]
            if page["next_cursor"] is None:
                return items
            cursor = {"cursor": page["next_cursor"]}

    def post(self, path: str, body: Any = None, *, key: str = "", service: str = "") -> Any:
        """The answer to a new thing; ``key`` takes the place of an idempotency key of the session's own."""
        return self._change("POST", path, body, key, service)

    def patch(self, path: str, body: Any) -> Any:
        """The answer to a change."""
        return self._change("PATCH", path, body)

    def put(self, path: str, body: Any) -> Any:
        """The answer to a replacement."""
        return self._change("PUT", path, body)

    def delete(self, path: str, **query: str | int) -> Any:
        """The answer to a removal; ``query`` says of what."""
        return self._change("DELETE", path, None, query=query)

    def upload(self, path: str, content: bytes, media_type: str) -> Any:
        """The answer to a file."""
        headers = {**self._headers, "Content-Type": media_type, "Idempotency-Key": self._next_key()}
        return self.wire.send(owner_of(path), "POST", path, headers, content).json()

    def _read(self, path: str, query: Mapping[str, str | int], service: str = "") -> Reply:
        return self.wire.send(service or owner_of(path), "GET", _target(path, query), self._headers)

    def _change(
        self, method: str, path: str, body: Any, key: str = "", service: str = "",
        query: Mapping[str, str | int] | None = None,
    ) -> Any:  # fmt: skip
        headers = {**self._headers, "Content-Type": "application/json"}
        # Orders carry a key of their own, the client order id.
        if not (method == "POST" and path in _ORDERS):
            headers["Idempotency-Key"] = key or self._next_key()
        content = None if body is None else json.dumps(body).encode()
        return self.wire.send(service or owner_of(path), method, _target(path, query or {}), headers, content).json()

    def _next_key(self) -> str:
        return f"{self._label}-{next(self._numbers)}"
