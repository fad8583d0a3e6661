"""What is sent to the server before it is killed, and what became of it: every request can be sent again as it was."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx

from exchange.errors import ORDER_REFUSALS
from kernel.quantity import format_money, format_price
from tests.e2e.floor import PRODUCT, Company, Floor

Kind = Literal["order", "batch", "amend", "cancel", "statement", "withdrawal"]

#: Orders of one batch request, and the largest order.
BATCH_ORDERS = 5
ORDER_LOADS_MAX = 8
#: What is paid in with each bank statement, and asked for with each withdrawal, in fen.
DEPOSIT_FEN = 1_000_000
WITHDRAWAL_FEN = 100
#: Amendments go through 200 prices from this one on, so that each is known by its event.
AMENDED_FEN = 1_500
RETRY_S = 0.05
TIMEOUT_S = 30.0
#: How many of a hundred requests are left before their answer can come, as by a caller whose line broke.
LEFT_PERCENT = 4
LEFT_AFTER_S = 0.002


@dataclass(slots=True)
class Request:
    """One request. ``status`` is None until it is answered; an answer with 503 is none, for it changed nothing."""

    kind: Kind
    company: str
    secret: str
    method: str
    path: str
    key: str
    body: Any
    status: int | None = None
    answer: Any = None

    @property
    def names(self) -> set[tuple[str, str]]:
        """The idempotency keys under which it takes effect, with their scopes."""
        if self.kind not in ("order", "batch"):
            return {(self.company, self.key)}
        orders = [self.body] if self.kind == "order" else self.body["orders"]
        return {(f"{self.company}/orders", order["client_order_id"]) for order in orders}

    @property
    def took_effect(self) -> bool:
        """Whether the answer says that something was written: a rejected order is, too."""
        if self.status is None:
            return False
        return self.status < 300 or (self.kind == "order" and self.answer.get("code") in ORDER_REFUSALS)

    async def send(self, client: httpx.AsyncClient, timeout_s: float = TIMEOUT_S) -> bool:
        """Sends it and keeps the answer; False where the server could not take it now, and changed nothing.

        Raises httpx.TransportError where no answer came: then nobody knows.
        """
        answer = await client.request(self.method, self.path, timeout=timeout_s, **self._options())
        if answer.status_code in (429, 503):
            return False
        self.status, self.answer = answer.status_code, answer.json()
        return True

    async def send_again(self, client: httpx.AsyncClient) -> tuple[int, Any]:
        """The answer to the same request, without keeping it."""
        answer = await client.request(self.method, self.path, **self._options())
        return answer.status_code, answer.json()

    def _options(self) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.secret}"}
        if self.kind not in ("order", "batch"):
            headers["Idempotency-Key"] = self.key
        if self.kind == "statement":
            return {"headers": {**headers, "Content-Type": "text/csv"}, "content": self.body}
        return {"headers": headers, "json": self.body} if self.body is not None else {"headers": headers}


@dataclass(slots=True)
class Sender:
    """One connection: sends one request after the other for one company, until the server is gone."""

    company: Company
    name: str
    random: random.Random
    requests: list[Request] = field(default_factory=list)
    open_orders: list[str] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    amendments: Iterator[int] = field(default_factory=itertools.count)

    async def run(self, client: httpx.AsyncClient) -> None:
        """Ends with the server. Its last request is left without an answer, and so are some others."""
        while True:
            request = self.next()
            self.requests.append(request)
            left = self.random.randrange(100) < LEFT_PERCENT
            try:
                while not await request.send(client, LEFT_AFTER_S if left else TIMEOUT_S):  # noqa: ASYNC110
                    await asyncio.sleep(RETRY_S)
            except httpx.TimeoutException:
                continue
            except httpx.TransportError:
                return
            self.heard(request)

    def next(self) -> Request:
        """Mostly orders, now and then a batch, an amendment or a cancel."""
        draw = self.random.random()
        if draw < 0.15 and self.open_orders:
            order_id = self.open_orders.pop(self.random.randrange(len(self.open_orders)))
            return self._request("cancel", "DELETE", f"/v1/orders/{order_id}", None)
        if draw < 0.30 and self.open_orders:
            body = {"price": format_price(AMENDED_FEN + 5 * (next(self.amendments) % 200))}
            return self._request("amend", "PATCH", f"/v1/orders/{self.random.choice(self.open_orders)}", body)
        if draw < 0.40:
            orders = [self._order() for _ in range(BATCH_ORDERS)]
            return self._request("batch", "POST", "/v1/orders/batch", {"orders": orders})
        return self._request("order", "POST", "/v1/orders", self._order())

    def heard(self, request: Request) -> None:
        """Remembers what can be amended or cancelled."""
        if request.kind == "order" and request.status == 201 and request.answer["open_loads"]:
            self.open_orders.append(request.answer["order_id"])

    def _order(self) -> dict[str, Any]:
        price_fen = 2_000 + 5 * self.random.randint(-6, 6) + (1 if self.random.random() < 0.02 else 0)
        return {
            "client_order_id": f"{self.name}-{next(self.numbers)}",
            "product_id": PRODUCT,
            "side": self.company.side,
            "price": format_price(price_fen),
            "loads": self.random.randint(1, ORDER_LOADS_MAX),
            **self._options(price_fen),
        }

    def _options(self, price_fen: int) -> dict[str, Any]:
        """Half of the orders are plain, the others of every type that has a limit of its own."""
        stop = format_price(price_fen - price_fen % 5)
        return self.random.choice((
            {"time_in_force": "gtc"},
            {"time_in_force": "gtc"},
            {"time_in_force": "gtc"},
            {"time_in_force": "day"},
            {"time_in_force": "session"},
            {"time_in_force": "ioc"},
            {"time_in_force": "fok"},
            {"time_in_force": "gtc", "display_loads": 1},
            {"time_in_force": "gtc", "post_only": True},
            {"time_in_force": "gtc", "all_or_none": True},
            {"time_in_force": "gtc", "minimum_loads": 1},
            {"time_in_force": "gtc", "order_type": "stop_limit", "stop_price": stop},
            {"time_in_force": "gtc", "hibernated": True},
        ))  # fmt: skip

    def _request(self, kind: Kind, method: str, path: str, body: Any) -> Request:
        key = f"{self.name}-{next(self.numbers)}"
        return Request(kind, self.company.participant_id, self.company.secret, method, path, key, body)


@dataclass(slots=True)
class Teller(Sender):
    """One connection that moves money: the bank's statements under the operator's key, or a company's withdrawals."""

    floor: Floor | None = None

    def next(self) -> Request:
        """The next statement with deposits of every buyer, or the next withdrawal."""
        if self.floor is None:
            body = {"amount": format_money(WITHDRAWAL_FEN), "client_id": f"{self.name}-{next(self.numbers)}"}
            return self._request("withdrawal", "POST", "/v1/withdrawals", body)
        for company in self.floor.companies:
            if company.side == "buy":
                self.floor.pay_in(company, DEPOSIT_FEN)
        return self._request("statement", "POST", "/v1/bank-statements", self.floor.statement())
