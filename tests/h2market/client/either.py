"""Both clients behind one face: a test that runs on it has run on both."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from typing import Any

from h2market.client import AsyncClient, Client, NewOrder, Retry
from tests.exchange.market import PRODUCT

#: Waits that are no test of patience.
QUICK = Retry(tries_max=6, patience_s=20.0, pause_s=0.01, pause_s_max=0.05)


class Either:
    """A client of one kind; whatever it gives is waited for, and lists are read to their end."""

    def __init__(self, kind: str, url: str, key: str, **options: Any) -> None:
        options = {"retry": QUICK, "timeout_s": 5.0, **options}
        self._runner = asyncio.Runner()
        self._client: Any = Client(url, key, **options) if kind == "sync" else AsyncClient(url, key, **options)

    def close(self) -> None:
        self._well(self._client.close())
        self._runner.close()

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments, **named: self._well(getattr(self._client, name)(*arguments, **named))

    def _well(self, found: Any) -> Any:
        if inspect.isasyncgen(found):
            return self._runner.run(_read(found))
        if inspect.isgenerator(found):
            return list(found)
        return self._runner.run(found) if inspect.iscoroutine(found) else found


async def _read(items: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in items]


def bid(client_order_id: str, loads: int, price: str, **more: Any) -> NewOrder:
    return _order(client_order_id, "buy", loads, price, more)


def offer(client_order_id: str, loads: int, price: str, **more: Any) -> NewOrder:
    return _order(client_order_id, "sell", loads, price, more)


def _order(client_order_id: str, side: Any, loads: int, price: str, more: dict[str, Any]) -> NewOrder:
    from decimal import Decimal

    return NewOrder(
        client_order_id=client_order_id, product_id=PRODUCT, side=side, loads=loads, price=Decimal(price), **more
    )
