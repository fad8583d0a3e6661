"""Connections that do one thing: agree on trades, use a WebSocket, keep or pull switches, change phases."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from kernel.quantity import format_price
from tests.crash.orders import KINDS, MIDDLE_FEN
from tests.crash.requests import Kind, Lines, Request
from tests.crash.sending import PAUSE_S, PRODUCTS, Sender
from tests.e2e.floor import Company

#: Frames over one WebSocket before its line breaks.
FRAMES = (2, 12)
MODES = ("cancel_placed", "cancel_flagged", "keep")
CARDS = ("place",) * 16 + ("amend", "amend", "cancel", "cancel", "cancel_all")
SELF_TRADE_MODES = ("decrement", "cancel_oldest", "cancel_both", "cancel_newest")
#: How long the operator leaves a market in a phase.
PHASE_S = 0.15
#: How long a dead-man switch waits, in seconds of the market.
DEAD_MAN_S = (30, 120)


@dataclass(slots=True)
class Broker(Sender):
    """Arranges trades between a buyer and a seller, and sends both sides. Now and then one side never comes."""

    seller: Company | None = None
    half: dict[str, Any] | None = None

    async def pause(self, lines: Lines) -> None:
        """Agreements are rare."""
        await asyncio.sleep(PAUSE_S)

    def next(self) -> Request:
        """The buyer's side of the next agreement, or the seller's of the last."""
        assert self.seller is not None
        if self.half is not None:
            body, self.half = self.half, None
            mirrored = {
                "client_order_id": f"{self.name}-{next(self.numbers)}", "side": "sell",
                "counterparty_id": self.company.participant_id,
            }  # fmt: skip
            return self._request("order", "POST", "/v1/orders", body | mirrored, company=self.seller)
        body = {
            "client_order_id": f"{self.name}-{next(self.numbers)}", "product_id": PRODUCTS[0], "side": "buy",
            "price": format_price(MIDDLE_FEN), "loads": self.random.randint(1, 3), "time_in_force": "gtc",
            "counterparty_id": self.seller.participant_id, "agreement": f"{self.name}-{next(self.numbers)}",
        }  # fmt: skip
        if self.random.random() < 0.9:
            self.half = body
        return self._request("order", "POST", "/v1/orders", body)

    def heard(self, request: Request) -> None:
        """An agreement is left as it is."""


@dataclass(slots=True)
class Wire(Sender):
    """Order entry over a WebSocket whose line breaks again and again, with a word on what becomes of the orders."""

    frames: int = 0

    async def pause(self, lines: Lines) -> None:
        """Breaks the line now and then, and begins the next with another option."""
        await asyncio.sleep(PAUSE_S / 2)
        self.frames -= 1
        if self.frames < 0:
            lines.hang_up(self.company.secret)
            self.frames = self.random.randint(*FRAMES)
            options = {"op": "set_options", "id": "options", "cancel_on_disconnect": self.random.choice(MODES)}
            await lines.say(self.company.secret, options)

    def next(self) -> Request:
        """Mostly orders of every kind, now and then an amendment or a cancel."""
        card = self.random.choice(CARDS)
        if card in ("amend", "cancel") and self.open_orders:
            order_id = self.lately()
            if card == "cancel":
                del self.open_orders[order_id]
                return self._frame("cancel", {"order_id": order_id}, order_id)
            price = format_price(MIDDLE_FEN + 5 * self.random.randint(-10, 10))
            return self._frame("amend", {"order_id": order_id, "price": price}, order_id)
        if card == "cancel_all":
            chosen: dict[str, Any] = self.random.choice(
                ({"this_key": True}, {"side": "buy"}, {"side": "sell"}, {"product_id": PRODUCTS[1]})
            )
            return self._frame("mass_cancel", {"op": "cancel_all", **chosen})
        # Plain orders are read in one pass, others the long way: frames of both.
        plain = self.random.random() < 0.4
        kinds = ["limit" if plain else self.random.choice(tuple(KINDS)) for _ in range(self.random.randint(1, 3))]
        return self._frame("batch", {"op": "place", "orders": [self.order(kind) for kind in kinds]})

    def _frame(self, kind: Kind, body: dict[str, Any], about: str = "") -> Request:
        request = self._request(kind, "WS", "/v1/stream", {"op": kind, **body}, about)
        request.body["id"] = request.key
        if kind != "batch":
            request.body["idempotency_key"] = request.key
        return request


@dataclass(slots=True)
class DeadMan(Sender):
    """Keeps its company's dead-man switch: sets it, renews it, and at some point renews it no more."""

    #: How many of a hundred looks at the switch renew it; one in twenty switches it off.
    renews_percent: int = 50

    async def pause(self, lines: Lines) -> None:
        """It looks at the switch as often as the market's clock moves."""
        await asyncio.sleep(0.1)
        while self.random.randrange(100) >= self.renews_percent:
            await asyncio.sleep(0.1)
            # Somebody has to notice that the server is gone.
            await lines.ask("GET", "/health/live", {}, 30, {})

    def next(self) -> Request:
        """Sets or renews the switch."""
        timeout_s = 0 if self.random.random() < 0.05 else self.random.randint(*DEAD_MAN_S)
        return self._request("dead_man", "PUT", "/v1/dead-man-switch", {"timeout_s": timeout_s})


@dataclass(slots=True)
class Switcher(Sender):
    """Asks for quotes, chooses self-trade modes, and pulls kill switches: the company's, and the operator's for it."""

    operator: Company | None = None

    async def pause(self, lines: Lines) -> None:
        """Switches are rare."""
        await asyncio.sleep(PAUSE_S)

    def next(self) -> Request:
        """In any order, a pulled switch being released at once. It begins with releases: the switches may have been
        pulled when the server was killed."""
        if not self.deck:
            cards = ["kill", "kill_operator", "quote", "quote", *SELF_TRADE_MODES]
            self.random.shuffle(cards)
            self.deck.extend(("release", "release_operator", *cards))
        card = self.deck.popleft()
        if card == "quote":
            body = {"product_id": PRODUCTS[0], "loads": self.random.randint(1, 20)}
            return self._request("quote", "POST", "/v1/quote-requests", body)
        if card in SELF_TRADE_MODES:
            return self._request("self_trade", "PUT", "/v1/self-trade-mode", {"mode": card})
        if card.startswith("kill"):
            self.deck.appendleft(card.replace("kill", "release"))
        return self._switch(card)

    def _switch(self, card: str) -> Request:
        own = self.company.participant_id
        kind: Kind = "kill" if card.startswith("kill") else "release"
        method = "POST" if kind == "kill" else "DELETE"
        if card.endswith("operator"):
            path = f"/v1/participants/{own}/kill-switch"
            return self._request(kind, method, path, None, about=own, company=self.operator)
        return self._request(kind, method, "/v1/kill-switch", None, about=own)


@dataclass(slots=True)
class Warden(Sender):
    """The operator, who sends the second product into auctions and halts, and now and then halts the whole market."""

    async def pause(self, lines: Lines) -> None:
        """A phase lasts for a while."""
        await asyncio.sleep(PHASE_S)

    def next(self) -> Request:
        """In any order, and back to trading each time; it begins with that, for the server may have been killed in any
        phase."""
        if not self.deck:
            cards = ["auction", "auction", "halted", "halt"]
            self.random.shuffle(cards)
            trading = {"halt": "resume", "auction": "continuous", "halted": "continuous"}
            self.deck.extend(("resume", "continuous", *(step for card in cards for step in (card, trading[card]))))
        card = self.deck.popleft()
        if card == "halt":
            return self._request("halt", "POST", "/v1/market/halt", {"reason": "a test of the halt"})
        if card == "resume":
            return self._request("resume", "DELETE", "/v1/market/halt", None)
        return self._request("phase", "POST", f"/v1/products/{PRODUCTS[1]}/phase", {"phase": card}, about=PRODUCTS[1])
