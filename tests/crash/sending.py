"""Who sends what: connections of companies, each of which goes on until the server is gone."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from kernel.quantity import format_money, format_price
from tests.crash.market_time import MarketTime
from tests.crash.orders import KINDS, MIDDLE_FEN, ORDER_LOADS_MAX, TICK_FEN, order
from tests.crash.requests import TIMEOUT_S, Broken, Kind, Left, Lines, Request
from tests.e2e.floor import PRODUCT, TERMS, Company, Floor

#: A second product beside the first: a basket buys or sells both or none.
PRODUCTS = (PRODUCT, PRODUCT.removesuffix("A") + "B")
SECOND_TERMS = TERMS | {"product_id": PRODUCTS[1]}
#: Orders of one batch request.
BATCH_ORDERS = 5
#: What is paid in with each bank statement, and asked for with each withdrawal, in fen.
DEPOSIT_FEN = 1_000_000
WITHDRAWAL_FEN = 100
RETRY_S = 0.05
#: How long the connections that are not to flood the market wait between two requests.
PAUSE_S = 0.04
#: How many of its orders a connection takes to be open still.
LATELY = 5
#: How many of a hundred requests are left before their answer can come, as by a caller whose line broke.
LEFT_PERCENT = 4
LEFT_AFTER_S = 0.002
#: What a connection sends, in proportion: all of it is sent before anything comes up again.
DECK = (
    *KINDS, *("limit",) * 8, "batch", "batch", "import", "group", "group", "basket", "basket",
    "cancel", "cancel", "cancel",
    "amend_price", "amend_price", "amend_lower", "amend_lower", "amend_higher", "amend_across", "amend_below",
    "hibernate", "hibernate", "activate", "activate",
    "mass_cancel_all", "mass_cancel_product", "mass_cancel_side", "mass_cancel_key",
)  # fmt: skip


@dataclass(slots=True)
class Sender:
    """One connection: sends one request after the other for one company, until the server is gone."""

    company: Company
    name: str
    random: random.Random
    time: MarketTime
    requests: list[Request] = field(default_factory=list)
    open_orders: dict[str, int] = field(default_factory=dict)  # its loads in total
    asleep: list[str] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    deck: deque[str] = field(default_factory=deque)

    async def run(self, lines: Lines) -> None:
        """Ends with the server. Its last request is left without an answer, and so are some others."""
        try:
            while True:
                await self.pause(lines)
                await self._send_next(lines)
        except (Broken, Left):
            return

    async def pause(self, lines: Lines) -> None:
        """What it does between two requests."""

    async def _send_next(self, lines: Lines) -> None:
        request = self.next()
        self.requests.append(request)
        left = self.random.randrange(100) < LEFT_PERCENT and request.method != "WS"
        try:
            while not await request.send(lines, LEFT_AFTER_S if left else TIMEOUT_S):  # noqa: ASYNC110
                await asyncio.sleep(RETRY_S)
        except Left:
            return
        self.heard(request)

    def next(self) -> Request:
        """The next of the deck; a plain order where it needs one that is not there."""
        if not self.deck:
            cards = list(DECK)
            self.random.shuffle(cards)
            self.deck.extend(cards)
        card = self.deck.popleft()
        if card in KINDS:
            return self._request("order", "POST", "/v1/orders", self.order(card))
        made = self._batch(card) or self._amend(card) or self._change(card)
        return made or self._request("order", "POST", "/v1/orders", self.order("limit"))

    def order(self, kind: str, product_id: str = "", side: str = "") -> dict[str, Any]:
        """The body of an order of a kind."""
        side = side or (self.random.choice(("buy", "sell")) if self.company.side == "both" else self.company.side)
        product_id = product_id or PRODUCTS[self.random.random() < 0.2]
        name = f"{self.name}-{next(self.numbers)}"
        return order(kind, name, product_id, side, self.random, self.time.asked_us)

    def _batch(self, card: str) -> Request | None:
        path = "/v1/orders/batch"
        if card in ("batch", "import"):
            orders = [self.order(self.random.choice(tuple(KINDS))) for _ in range(BATCH_ORDERS)]
            if card == "import":
                return self._request("import", "POST", "/v1/orders/import", {"orders": orders})
            return self._request("batch", "POST", path, {"orders": orders})
        if card == "group":
            orders = [self.order("limit") for _ in range(BATCH_ORDERS)]
            return self._request("group", "POST", path, {"orders": orders, "group": "reject_all"})
        if card != "basket":
            return None
        first = self.order("fok", PRODUCTS[0])
        orders = [first, self.order("fok", PRODUCTS[1], first["side"])]
        for one in orders:  # so far through the other side that most baskets are filled
            one["price"] = format_price(MIDDLE_FEN + TICK_FEN * (20 if one["side"] == "buy" else -20))
            one["loads"] = 1
        return self._request("basket", "POST", path, {"orders": orders, "group": "basket"})

    def _amend(self, card: str) -> Request | None:
        if not card.startswith("amend") or not self.open_orders:
            return None
        order_id = self.lately()
        loads = self.open_orders[order_id]
        body: dict[str, Any]
        if card == "amend_price":
            body = {"price": format_price(MIDDLE_FEN + TICK_FEN * self.random.randint(-20, 20))}
        elif card == "amend_across":
            across = 8 if self.company.side == "buy" else -8
            body = {"price": format_price(MIDDLE_FEN + TICK_FEN * across)}
        elif card == "amend_below":
            body = {"loads": 0}
        else:
            body = {"loads": max(1, loads - 1) if card == "amend_lower" else loads + 1}
        return self._request("amend", "PATCH", f"/v1/orders/{order_id}", body, about=order_id)

    def _change(self, card: str) -> Request | None:
        if card.startswith("mass_cancel"):
            return self._mass_cancel(card)
        if card == "activate" and self.asleep:
            order_id = self.asleep.pop(self.random.randrange(len(self.asleep)))
            return self._request("activate", "POST", f"/v1/orders/{order_id}/activation", None, about=order_id)
        if not self.open_orders:
            return None
        order_id = self.lately()
        if card == "hibernate":
            return self._request("hibernate", "POST", f"/v1/orders/{order_id}/hibernation", None, about=order_id)
        if card == "cancel":
            del self.open_orders[order_id]
            return self._request("cancel", "DELETE", f"/v1/orders/{order_id}", None, about=order_id)
        return None

    def lately(self) -> str:
        """One of the orders that came to rest lately: others have most often traded since."""
        return self.random.choice(tuple(self.open_orders)[-LATELY:])

    def _mass_cancel(self, card: str) -> Request:
        """Of a product, of a side, of this key, or of everything."""
        side = self.random.choice(("buy", "sell"))
        chosen = {"product": f"product_id={self.random.choice(PRODUCTS)}", "side": f"side={side}", "key": "key_id=own"}
        query = chosen.get(card.removeprefix("mass_cancel_"), "")
        return self._request("mass_cancel", "DELETE", f"/v1/orders?{query}", None)

    def heard(self, request: Request) -> None:
        """Remembers what can be amended, put to sleep, woken up or cancelled."""
        for body, status, answer in request.answered_orders():
            if status == 201 and answer["status"] == "suspended":
                self.asleep.append(answer["order_id"])
            elif status == 201 and answer["open_loads"]:
                self.open_orders[answer["order_id"]] = body["loads"]
        if request.status != 200:
            self.open_orders.pop(request.about, None)
        elif request.kind == "hibernate":
            self.asleep.append(request.about)
            self.open_orders.pop(request.about, None)
        elif request.kind == "activate":
            self.open_orders[request.about] = ORDER_LOADS_MAX
        elif request.kind == "amend" and request.about in self.open_orders and request.body.get("loads"):
            self.open_orders[request.about] = request.body["loads"]

    def _request(
        self, kind: Kind, method: str, path: str, body: Any, about: str = "", company: Company | None = None
    ) -> Request:
        key = f"{self.name}-{next(self.numbers)}"
        by = company or self.company
        return Request(kind, by.participant_id, by.secret, method, path, key, body, about)


@dataclass(slots=True)
class Teller(Sender):
    """One connection that moves money: the bank's statements under the operator's key, or a company's withdrawals."""

    floor: Floor | None = None

    async def pause(self, lines: Lines) -> None:
        """Money moves more rarely than orders."""
        await asyncio.sleep(PAUSE_S)

    def next(self) -> Request:
        """The next statement with deposits of every buyer, or the next withdrawal."""
        if self.floor is None:
            body = {"amount": format_money(WITHDRAWAL_FEN), "client_id": f"{self.name}-{next(self.numbers)}"}
            return self._request("withdrawal", "POST", "/v1/withdrawals", body)
        for company in self.floor.companies:
            if company.buys:
                self.floor.pay_in(company, DEPOSIT_FEN)
        return self._request("statement", "POST", "/v1/bank-statements", self.floor.statement())
