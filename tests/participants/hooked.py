"""A market whose companies have webhooks, with time that costs nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from participants.delivery import Deliverer
from participants.outgoing import Guard, Outgoing
from tests.exchange.market import Market

LOOPBACK = ("127.0.0.0/8", "::1/128")
WAIT_S = 20.0
#: A minute after the market was opened: what was done to open it lies before every webhook.
LATER = "2026-03-02T09:31:00+08:00"


class QuickPace:
    """A pause is over at once, and moves the clock by as much."""

    def __init__(self) -> None:
        self.pauses_s: list[float] = []
        self._ahead_us = 0

    def now_us(self) -> int:
        return time.time_ns() // 1_000 + self._ahead_us

    async def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self.pauses_s.append(seconds)
            self._ahead_us += round(seconds * 1_000_000)
        await asyncio.sleep(0.001)

    def spread(self, seconds: float) -> float:
        return seconds


class HookedMarket(Market):
    """An exchange that delivers to this machine."""

    def __init__(self, url: str, networks: tuple[str, ...] = LOOPBACK) -> None:
        super().__init__(url, webhook_networks=networks)  # type: ignore[arg-type]
        self.pace = QuickPace()
        self.deliverer.pace = self.pace

    @property
    def deliverer(self) -> Deliverer:
        found = self.house.webhooks
        assert found is not None
        return found

    def hook(self, who: str, url: str, *event_types: str) -> dict[str, Any]:
        """Adds a webhook."""
        body = {"url": url} | ({"event_types": list(event_types)} if event_types else {})
        answer = self.ask("POST", "/v1/webhooks", who, json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def seen(self, who: str, webhook_id: str) -> dict[str, Any]:
        """A webhook as its owner sees it."""
        return dict(self.ask("GET", f"/v1/webhooks/{webhook_id}", who).json())

    def until(self, holds: Callable[[], object], wait_s: float = WAIT_S) -> None:
        """Lets the house work until something holds."""
        until = time.monotonic() + wait_s
        while not holds():
            assert time.monotonic() < until, "it did not come to that"
            self.rest_a_while(0.02)

    def rest_a_while(self, seconds: float = 0.3) -> None:
        """Lets the house work, to see that something does not happen."""
        self._runner.run(asyncio.sleep(seconds))

    def crash(self) -> None:
        """Ends without writing down what was delivered last."""

        async def nothing() -> None:
            return None

        self.deliverer.books.write = nothing  # type: ignore[method-assign]
        self.close()


def open_outgoing() -> Outgoing:
    """Connections to this machine."""
    return Outgoing(Guard(LOOPBACK))
