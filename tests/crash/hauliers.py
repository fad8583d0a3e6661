"""Connections that make the third party: who carries hydrogen, and who wants it delivered."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from kernel.quantity import format_price
from tests.crash.orders import MIDDLE_FEN, TICK_FEN, order
from tests.crash.requests import Lines, Request
from tests.crash.sending import PAUSE_S, Sender
from tests.e2e.floor import TERMS

#: Carriage from where the first two products are, and hydrogen delivered where that leads: a route with each of them.
HAULAGE, DELIVERED = "HAUL-TAIYUAN-LINFEN-TUBE20-20260303A", "DLV-LINFEN-TUBE20-20260303A"
HAULAGE_TERMS = TERMS | {"product_id": HAULAGE, "kind": "haulage", "destination_hub": "LINFEN"}
DELIVERED_TERMS = TERMS | {"product_id": DELIVERED, "kind": "delivered", "hub": "LINFEN"}
#: Around which price a load is carried, and how far around it orders are priced.
CARRIAGE_FEN = 300
AROUND_TICKS = 8
CARDS = (
    *("limit",) * 8, "ioc", "ioc", "iceberg", "iceberg", "day", "minimum_loads", "post_only", "all_or_none", "fok",
    "amend_price", "amend_price", "amend_higher", "cancel", "cancel", "hibernate", "activate",
)  # fmt: skip


@dataclass(slots=True)
class Carried(Sender):
    """Orders for one product of a route: a haulier's offers, or a station's bids delivered. Prices are such that what
    comes now rests and now meets the two other books, as may an order for hydrogen ex works that comes later."""

    product_id: str = ""
    middle_fen: int = 0

    async def pause(self, lines: Lines) -> None:
        """The books that it meets are filled by others."""
        await asyncio.sleep(PAUSE_S / 2)

    def next(self) -> Request:
        """Mostly orders, now and then a change of one."""
        card = self.random.choice(CARDS)
        if card == "amend_price" and self.open_orders:
            order_id = self.lately()
            return self._request("amend", "PATCH", f"/v1/orders/{order_id}", {"price": self._price()}, about=order_id)
        changed = self._amend(card) or self._change(card)
        kind = card if card not in ("amend_price", "amend_higher", "cancel", "hibernate", "activate") else "limit"
        return changed or self._request("order", "POST", "/v1/orders", self.order(kind))

    def order(self, kind: str, product_id: str = "", side: str = "") -> dict[str, Any]:
        """The body of an order for its product."""
        side = side or ("sell" if self.product_id == HAULAGE else "buy")
        name = f"{self.name}-{next(self.numbers)}"
        body = order(kind, name, product_id or self.product_id, side, self.random, self.time.asked_us)
        return body | {"price": self._price()}

    def _price(self) -> str:
        return format_price(self.middle_fen + TICK_FEN * self.random.randint(-AROUND_TICKS, AROUND_TICKS))


def carrier_terms() -> dict[str, Any]:
    """What a haulier's connection trades in."""
    return {"product_id": HAULAGE, "middle_fen": CARRIAGE_FEN}


def receiver_terms() -> dict[str, Any]:
    """What a connection trades in that wants hydrogen delivered."""
    return {"product_id": DELIVERED, "middle_fen": MIDDLE_FEN + CARRIAGE_FEN}
