"""The orders at one price of a book."""

from __future__ import annotations

from collections import deque

import msgspec

from exchange.model import Order
from kernel.machine import quick


@quick
class Level(msgspec.Struct, gc=False, eq=False):
    """The orders at one price, oldest first. ``loads`` is what they show; ``dead`` counts slots without an order."""

    price: int
    loads: int
    queue: deque[Order]
    dead: int = 0

    @property
    def orders(self) -> int:
        """How many stand here."""
        return len(self.queue) - self.dead
