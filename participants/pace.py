"""When things are done that nobody waits for: pauses, chance, and the bell that calls to work."""

from __future__ import annotations

import asyncio
import random
from typing import Protocol

from kernel.clock import SystemClock

#: By how much a pause is drawn longer or shorter, so that what failed together is not tried again together.
JITTER = 0.2
#: How often couriers hear that there is news: a busy log has some every millisecond.
RING_EVERY_S = 0.05


class Pace(Protocol):
    """Time and chance, as the deliverer asks for them."""

    def now_us(self) -> int: ...

    async def sleep(self, seconds: float) -> None: ...

    def spread(self, seconds: float) -> float: ...


class RealPace:
    """The machine's time. A market in simulated time delivers in real time all the same: receivers have real clocks."""

    def __init__(self) -> None:
        self._clock = SystemClock()

    def now_us(self) -> int:
        return self._clock.now_us()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def spread(self, seconds: float) -> float:
        """A pause of about so many seconds."""
        return seconds * random.uniform(1 - JITTER, 1 + JITTER)


class Bell:
    """Wakes everybody who waits for news, not oftener than couriers can use."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._rung: asyncio.TimerHandle | None = None

    @property
    def next(self) -> asyncio.Event:
        """Is set the next time the bell rings; asked for before one looks."""
        return self._event

    def ring(self) -> None:
        """Rings in a moment."""
        if self._rung is None:
            self._rung = asyncio.get_running_loop().call_later(RING_EVERY_S, self._ring)

    def _ring(self) -> None:
        self._rung = None
        event, self._event = self._event, asyncio.Event()
        event.set()

    def silence(self) -> None:
        """Rings no more."""
        if self._rung is not None:
            self._rung.cancel()
