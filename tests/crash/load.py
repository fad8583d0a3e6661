"""Clients that place, amend and cancel orders until the server dies, and remember what was sent and what answered."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

import httpx

WORKERS = 12
#: Requests one worker makes at most in a round: the load is bounded in count as in time.
REQUESTS_MAX = 600


@dataclass(slots=True)
class Sent:
    """An order on its way: what was sent, and the answer if there was one."""

    key: str  # the API key of its company
    body: dict[str, Any]
    status: int | None = None
    answer: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Memory:
    """All that the clients of a round know."""

    orders: dict[str, Sent] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)  # client order ids whose cancel was acknowledged
    amended: dict[str, int] = field(default_factory=dict)  # the total of loads that was acknowledged last
    touched: set[str] = field(default_factory=set)  # a change was sent and never answered
    answered: int = 0

    def acknowledged(self) -> dict[str, Sent]:
        """The orders that were answered, accepted or rejected."""
        return {name: sent for name, sent in self.orders.items() if sent.status is not None}

    def unanswered(self) -> dict[str, Sent]:
        """The orders whose fate the clients do not know."""
        return {name: sent for name, sent in self.orders.items() if sent.status is None}


class Worker:
    """One connection of one company."""

    def __init__(self, base_url: str, key: str, side: str, product: str, name: str, memory: Memory, seed: int) -> None:
        self._client = httpx.AsyncClient(
            base_url=base_url, headers={"Authorization": f"Bearer {key}"}, timeout=30, trust_env=False
        )
        self._key, self._side, self._product, self._name = key, side, product, name
        self._memory = memory
        self._random = random.Random(seed)
        self._open: list[str] = []
        self._count = 0

    async def run(self) -> None:
        """Sends until the server is gone."""
        try:
            for _ in range(REQUESTS_MAX):
                await self._one()
        except httpx.TransportError:
            return
        finally:
            await self._client.aclose()

    async def _one(self) -> None:
        draw = self._random.random()
        if draw < 0.12 and self._open:
            await self._cancel(self._open.pop(self._random.randrange(len(self._open))))
        elif draw < 0.22 and self._open:
            await self._amend(self._random.choice(self._open))
        elif draw < 0.32:
            await self._batch([self._order() for _ in range(5)])
        else:
            await self._place(self._order())

    def _order(self) -> dict[str, Any]:
        self._count += 1
        price_fen = 2_000 + 5 * self._random.randrange(-8, 9)
        # One in fifty is over every limit, so that rejections are part of what must survive.
        loads = 100 if self._random.random() < 0.02 else self._random.randint(1, 4)
        return {
            "client_order_id": f"{self._name}.{self._count}", "product_id": self._product, "side": self._side,
            "price": f"{price_fen // 100}.{price_fen % 100:02d}" if loads < 100 else "79.99", "loads": loads,
            "time_in_force": self._random.choice(("gtc", "gtc", "day", "ioc")),
        }  # fmt: skip

    async def _place(self, body: dict[str, Any]) -> None:
        sent = self._memory.orders[body["client_order_id"]] = Sent(self._key, body)
        response = await self._client.post("/v1/orders", json=body)
        self._answer(sent, response.status_code, response.json())

    async def _batch(self, bodies: list[dict[str, Any]]) -> None:
        waiting = [Sent(self._key, body) for body in bodies]
        for sent in waiting:
            self._memory.orders[sent.body["client_order_id"]] = sent
        response = await self._client.post("/v1/orders/batch", json={"orders": bodies})
        if response.status_code == 200:
            for sent, result in zip(waiting, response.json()["results"], strict=True):
                self._answer(sent, result["status"], result["order"] or result["problem"])

    def _answer(self, sent: Sent, status: int, answer: dict[str, Any]) -> None:
        if status == 503:
            return  # nothing was changed: as good as not answered
        sent.status, sent.answer = status, answer
        self._memory.answered += 1
        if status == 201 and answer["open_loads"]:
            self._open.append(sent.body["client_order_id"])

    async def _cancel(self, name: str) -> None:
        self._memory.touched.add(name)
        response = await self._client.delete(f"/v1/orders/{self._memory.orders[name].answer['order_id']}")
        if response.status_code == 200:
            self._memory.cancelled.add(name)
        self._memory.touched.discard(name)
        self._memory.answered += 1

    async def _amend(self, name: str) -> None:
        self._memory.touched.add(name)
        order = self._memory.orders[name].answer
        loads = self._random.randint(1, 6)
        response = await self._client.patch(f"/v1/orders/{order['order_id']}", json={"loads": loads})
        if response.status_code == 200 and response.json()["loads"] is not None:
            self._memory.amended[name] = loads
        self._memory.touched.discard(name)
        self._memory.answered += 1


async def load_until_gone(
    base_url: str, keys: dict[str, list[str]], product: str, name: str, memory: Memory, seed: int
) -> None:
    """Runs all workers; ends when the server is gone or each has sent its share."""
    workers = []
    for number in range(WORKERS):
        side = "buy" if number % 2 else "sell"
        key = keys[side][number // 2 % len(keys[side])]
        workers.append(Worker(base_url, key, side, product, f"{name}.{number}", memory, seed * 1_000 + number))
    await asyncio.gather(*(worker.run() for worker in workers))
