"""What is asked of the server, and what became of it: every request can be sent again as it was."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Literal, Self

import httpx
import websockets

from exchange.errors import ORDER_REFUSALS

Kind = Literal[
    "order", "batch", "group", "basket", "import",
    "amend", "cancel", "mass_cancel", "hibernate", "activate",
    "self_trade", "dead_man", "kill", "release", "quote", "phase", "halt", "resume",
    "statement", "withdrawal", "recall", "approval", "confirmation", "rejection", "recall_withdrawal",
]  # fmt: skip
#: Their idempotency keys are the client order ids.
PLACING = frozenset({"order", "batch", "group", "basket", "import"})
TIMEOUT_S = 30.0
#: Statuses that say that nothing was changed, and that it may be sent again.
NOT_NOW = frozenset({429, 503})


class Broken(Exception):
    """No answer came, and none will: the server is gone."""


class Left(Exception):
    """The caller did not wait for the answer."""


@dataclass(slots=True)
class Request:
    """One request. ``status`` is None until it is answered; an answer with 503 is none, for it changed nothing.

    Over a WebSocket ``method`` is WS and ``body`` the frame; its answer has the status that REST would give.
    """

    kind: Kind
    company: str
    secret: str
    method: str
    path: str
    key: str
    body: Any
    #: The company or order that it is about, where that is not the caller's company.
    about: str = ""
    status: int | None = None
    answer: Any = None

    @property
    def orders(self) -> list[dict[str, Any]]:
        """The orders that it places."""
        if self.kind not in PLACING:
            return []
        placed: list[dict[str, Any]] = [self.body] if self.kind == "order" else self.body["orders"]
        return placed

    @property
    def names(self) -> set[tuple[str, str]]:
        """The idempotency keys under which it takes effect, with their scopes."""
        if self.kind in PLACING:
            return {(f"{self.company}/orders", order["client_order_id"]) for order in self.orders}
        return {(self.company, self.key)}

    @property
    def took_effect(self) -> bool:
        """Whether the answer says that something was written: a rejected order is, too."""
        if self.status is None:
            return False
        return self.status < 300 or (self.kind == "order" and self.answer.get("code") in ORDER_REFUSALS)

    def answered_orders(self) -> Iterator[tuple[dict[str, Any], int, dict[str, Any]]]:
        """The orders that made an event, as far as the answer tells: body, status, order or problem."""
        if self.kind == "order" and self.took_effect:
            assert self.status is not None
            yield self.body, self.status, self.answer
        elif self.kind in PLACING and self.status == 200:
            for body, result in zip(self.orders, self.answer["results"], strict=True):
                if result["order"] or result["problem"]["code"] in ORDER_REFUSALS:
                    yield body, result["status"], result["order"] or result["problem"]

    async def send(self, lines: Lines, timeout_s: float = TIMEOUT_S) -> bool:
        """Sends it and keeps the answer; False where the server could not take it now, and changed nothing.

        Raises Broken where no answer came: then nobody knows. Raises Left after ``timeout_s``.
        """
        status, answer = await self.send_again(lines, timeout_s)
        if status in NOT_NOW:
            return False
        self.status, self.answer = status, answer
        return True

    async def send_again(self, lines: Lines, timeout_s: float = TIMEOUT_S) -> tuple[int, Any]:
        """The answer to the same request, without keeping it."""
        if self.method == "WS":
            return await lines.say(self.secret, self.body, timeout_s)
        headers = {"Authorization": f"Bearer {self.secret}"}
        if self.kind not in PLACING:
            headers["Idempotency-Key"] = self.key
        options: dict[str, Any] = {} if self.body is None else {"json": self.body}
        if self.kind in ("statement", "import"):
            headers["Content-Type"] = "text/csv"
            options = {"content": self.body if self.kind == "statement" else table(self.orders)}
        return await lines.ask(self.method, self.path, headers, timeout_s, options)


def table(orders: Sequence[dict[str, Any]]) -> str:
    """Orders as a file of CSV: a column for each field that one of them has."""
    text = io.StringIO()
    writer = csv.DictWriter(text, sorted({name for order in orders for name in order}))
    writer.writeheader()
    writer.writerows({name: str(value) for name, value in order.items()} for order in orders)
    return text.getvalue()


class Lines:
    """The ways to the server: HTTP, and a WebSocket for each key that says something over one."""

    def __init__(self, url: str, connections: int = 8) -> None:
        limits = httpx.Limits(max_connections=connections)
        self.client = httpx.AsyncClient(base_url=url, trust_env=False, timeout=TIMEOUT_S, limits=limits)
        self._url = url.replace("http", "ws", 1) + "/v1/stream"
        self._sockets: dict[str, websockets.ClientConnection] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.client)
        return self

    async def __aexit__(self, *_error: object) -> None:
        for secret in list(self._sockets):
            self.hang_up(secret)
        await self._stack.aclose()

    async def ask(
        self, method: str, path: str, headers: dict[str, str], timeout_s: float, options: dict[str, Any]
    ) -> tuple[int, Any]:
        """One request over HTTP."""
        try:
            answer = await self.client.request(method, path, headers=headers, timeout=timeout_s, **options)
            return answer.status_code, answer.json()
        except httpx.TimeoutException as error:
            raise Left from error
        except httpx.TransportError as error:
            raise Broken from error

    async def say(self, secret: str, frame: dict[str, Any], timeout_s: float = TIMEOUT_S) -> tuple[int, Any]:
        """One frame over the key's WebSocket, and its answer. One at a time."""
        async with self._turns.setdefault(secret, asyncio.Lock()):
            try:
                async with asyncio.timeout(timeout_s):
                    socket = self._sockets.get(secret) or await self._connect(secret)
                    await socket.send(json.dumps(frame))
                    while True:
                        message: dict[str, Any] = json.loads(await socket.recv())
                        if message.get("id") == frame["id"]:
                            return _status_of(message)
            except TimeoutError as error:
                self.hang_up(secret)
                raise Left from error
            except (OSError, websockets.WebSocketException) as error:
                self.hang_up(secret)
                raise Broken from error

    async def _connect(self, secret: str) -> websockets.ClientConnection:
        headers = {"Authorization": f"Bearer {secret}"}
        socket = await websockets.connect(self._url, additional_headers=headers, proxy=None)
        self._sockets[secret] = socket
        return socket

    def hang_up(self, secret: str) -> None:
        """Ends the key's WebSocket without a word, as a line that breaks."""
        socket = self._sockets.pop(secret, None)
        if socket is not None:
            socket.transport.abort()


def _status_of(message: dict[str, Any]) -> tuple[int, Any]:
    if message["type"] == "problem":
        return message["problem"]["status"], message["problem"]
    return 200, message.get("order", message) if message["type"] == "changed" else message
