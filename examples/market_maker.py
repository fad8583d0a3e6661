"""A market maker: it stands on both sides of one product until the market closes, and then proves its position.

    H2MARKET_KEY=... python -m examples.market_maker --url http://127.0.0.1:8000 --product EXW-TAIYUAN-TUBE20-20260303A

Its company stores hydrogen, so it may both buy and sell; it has money on the exchange and has declared loads. It quotes
around a fair price that follows its fills, leans against what it holds, and never holds more than it may. Quotes are
post-only and end with the connection: the exchange cancels them where the maker is not there to move them.

At the end it cancels its quotes, adds up its fills as the stream told of them, but for trades that were recalled, and
compares them with the trades, the money and the loads that the exchange has on record. It prints one line of JSON, and
exits 1 if anything differs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from h2market.client import (
    ApiError,
    AsyncClient,
    Feed,
    FillEvent,
    Gap,
    Limits,
    NewOrder,
    NotFound,
    OrderBook,
    OrderEvent,
    OutcomeUnknown,
    Own,
    Placed,
    Product,
    RecallEvent,
    Retry,
    Status,
    StatusSnapshot,
    Stream,
)
from h2market.client.model import Side
from h2market.client.said_market import MarketEvent

#: An order is over in these states.
OVER = frozenset({"filled", "cancelled", "expired", "rejected"})
#: How much of the way to the price of a fill the fair price goes.
FOLLOWS = Decimal("0.2")
#: Quotes are looked at when something happens, and at least so often.
LOOK_EVERY_S = 0.5
#: How long the last news may take after the market has closed.
SETTLED_S_MAX = 10.0


@dataclass(frozen=True, slots=True)
class Terms:
    """How it quotes: prices in CNY/kg, sizes in loads."""

    fair: Decimal
    half_spread: Decimal = Decimal("0.20")
    lean: Decimal = Decimal("0.05")  # a load held moves both prices by so much
    loads: int = 2  # of one quote
    position_max: int = 10  # loads bought more than sold, or sold more than bought


@dataclass(slots=True)
class Position:
    """What was traded, by trade and side, and is not undone."""

    fills: dict[tuple[str, str], tuple[Decimal, int]] = field(default_factory=dict)
    recalled: set[tuple[str, str]] = field(default_factory=set)

    def add(self, trade_id: str, side: str, price: Decimal, loads: int) -> bool:
        """Takes in a fill; False for one that is known, or known to be undone: REST may say so before the stream tells
        of the fill."""
        if (trade_id, side) in self.fills or (trade_id, side) in self.recalled:
            return False
        self.fills[trade_id, side] = price, loads
        return True

    def take_off(self, trade_id: str, side: str) -> None:
        """Leaves out a trade that was recalled."""
        self.fills.pop((trade_id, side), None)
        self.recalled.add((trade_id, side))

    def loads_of(self, side: str) -> int:
        """The loads of one side."""
        return sum(loads for (_, one), (_, loads) in self.fills.items() if one == side)

    def value_of(self, side: str) -> Decimal:
        """Price times loads of one side; times the mass of a load it is money."""
        return sum((price * loads for (_, one), (price, loads) in self.fills.items() if one == side), Decimal(0))

    @property
    def loads(self) -> int:
        """Bought less sold."""
        return self.loads_of("buy") - self.loads_of("sell")


class MarketMaker:
    """One product, one day."""

    def __init__(self, client: AsyncClient, stream: Stream, product: Product, terms: Terms) -> None:
        self.position = Position()
        self.placed = self.refused = self.gaps = 0
        self._client = client
        self._stream = stream
        self._product = product
        self._terms = terms
        self._fair = terms.fair
        self._run_id = uuid.uuid4().hex[:12]
        self._quotes: dict[Side, Placed] = {}
        self._over: set[str] = set()  # orders that have ended, told by the stream
        self._connection = 0  # the one that the quotes were placed on
        self._news = asyncio.Event()
        self._is_open = True

    async def run(self) -> dict[str, Any]:
        """Quotes until the market closes; gives the account of the day."""
        before = await self._client.limits()
        book = await self._stream.book(self._product.product_id)
        own, status = await self._stream.own(), await self._stream.status(self._product.product_id)
        listening = [
            asyncio.create_task(self._hear_own(own)),
            asyncio.create_task(self._hear_status(status)),
            asyncio.create_task(self._hear_book(book)),
        ]
        while self._is_open:
            for task in listening:
                if task.done():
                    task.result()  # a feed ends only where the stream does, and says why
            await self._look(book)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._news.wait()
            self._news.clear()
        await self._stream.cancel_all(product_id=self._product.product_id, this_key=True)
        account = await self._settled(before)
        for task in listening:
            task.cancel()
        return account

    # --- what it hears

    async def _hear_own(self, own: Feed) -> None:
        async for said in own:
            if isinstance(said, Gap):
                self.gaps += 1
                await self._catch_up()
            elif isinstance(said, Own):
                for event in said.events:
                    if isinstance(event, OrderEvent | FillEvent) and event.order and event.order.status in OVER:
                        self._over.add(event.order_id)
                    if isinstance(event, FillEvent) and event.product_id == self._product.product_id:
                        self._fill(event.trade_id, event.side, event.price, event.loads)
                    if isinstance(event, RecallEvent) and event.product_id == self._product.product_id:
                        self._recall(event)
            self._news.set()

    def _recall(self, event: RecallEvent) -> None:
        if event.change == "recalled":  # until then the trade stands, whoever wants it back
            self.position.take_off(event.trade_id, event.side)

    async def _catch_up(self) -> None:
        """The stream could not tell all: REST has every trade."""
        async for trade in self._client.trades(product_id=self._product.product_id):
            if trade.side is not None and trade.recalled:
                self.position.take_off(trade.trade_id, trade.side)
            elif trade.side is not None:
                self._fill(trade.trade_id, trade.side, trade.price, trade.loads)

    def _fill(self, trade_id: str, side: str, price: Decimal, loads: int) -> None:
        if self.position.add(trade_id, side, price, loads):
            self._fair += (price - self._fair) * FOLLOWS

    async def _hear_status(self, status: Feed) -> None:
        async for said in status:
            if isinstance(said, StatusSnapshot):
                self._is_open = said.is_open
            elif isinstance(said, Status):
                for event in said.events:
                    if isinstance(event, MarketEvent) and event.change in ("opened", "closed"):
                        self._is_open = event.change == "opened"
            self._news.set()

    async def _hear_book(self, book: OrderBook) -> None:
        while True:
            await book.changed()
            self._news.set()

    # --- what it does

    async def _look(self, book: OrderBook) -> None:
        """Moves the quotes to where they should be."""
        if not book.is_live:
            return  # blind: the exchange cancels what was placed on the connection
        try:
            if self._connection != self._stream.connections:
                self._connection = self._stream.connections
                self._quotes.clear()
                await self._stream.cancel_all(product_id=self._product.product_id, this_key=True)
            orders = [order for side in ("buy", "sell") if (order := await self._moved(side, book)) is not None]
            if orders:
                await self._place(orders)
        except OutcomeUnknown:
            self._connection = 0  # whatever was placed is cancelled before the next quote

    async def _moved(self, side: Side, book: OrderBook) -> NewOrder | None:
        """The quote that a side should have, if it has another or none; the one that it has is cancelled."""
        wanted = self._wanted(side, book)
        quote = self._quotes.get(side)
        if quote is not None and quote.order_id in self._over:
            del self._quotes[side]
            quote = None
        if quote is not None:
            if wanted is not None and wanted == quote.price:
                return None
            del self._quotes[side]
            with suppress(NotFound):  # it traded, or ended with a connection; the feed tells which
                await self._stream.cancel(quote.order_id)
        if wanted is None:
            return None
        self.placed += 1
        return NewOrder(
            client_order_id=f"mm-{self._run_id}-{self.placed}", product_id=self._product.product_id, side=side,
            loads=self._terms.loads, price=wanted, post_only=True, time_in_force="day",
        )  # fmt: skip

    def _wanted(self, side: Side, book: OrderBook) -> Decimal | None:
        """The price of a side; None where it may not trade more."""
        held = self.position.loads
        room = self._terms.position_max - (held if side == "buy" else -held)
        if room < self._terms.loads:
            return None
        middle, tick = self._fair - self._terms.lean * held, self._product.price_tick
        if side == "buy":
            price = _on_tick(middle - self._terms.half_spread, tick, ROUND_FLOOR)
            if book.best_ask is not None and "sell" not in self._quotes:
                price = min(price, book.best_ask.price - tick)
            return max(price, tick)
        price = _on_tick(middle + self._terms.half_spread, tick, ROUND_CEILING)
        if book.best_bid is not None and "buy" not in self._quotes:
            price = max(price, book.best_bid.price + tick)
        return min(price, self._product.price_max)

    async def _place(self, orders: list[NewOrder]) -> None:
        for order, entry in zip(orders, await self._stream.place_batch(orders), strict=True):
            try:
                placed = entry.placed()
            except ApiError as error:
                if error.status >= 500:
                    raise OutcomeUnknown("place", client_order_ids=(order.client_order_id,)) from error
                self.refused += 1  # the book has moved, a limit is used up, or the market has closed meanwhile
            else:
                self._quotes[order.side] = placed

    # --- what it proves

    async def _settled(self, before: Limits) -> dict[str, Any]:
        """The account, as soon as the last news has come; with what differs if that does not help."""
        waits = 0.0
        while True:
            account = await self._account(before)
            if account["ok"] or waits > SETTLED_S_MAX:
                return account
            await asyncio.sleep(0.2)
            waits += 0.2

    async def _account(self, before: Limits) -> dict[str, Any]:
        product = self._product
        on_record = {
            (trade.trade_id, str(trade.side)): (trade.price, trade.loads)
            async for trade in self._client.trades(product_id=product.product_id)
            if not trade.recalled
        }
        still_open = [one async for one in self._client.orders(status="open", product_id=product.product_id)]
        after = await self._client.limits()
        own = self.position
        differences: dict[str, int | str] = {
            "fills": len(own.fills.items() ^ on_record.items()),
            "open_orders": len(still_open),
            "money": str(after.committed - before.committed - own.value_of("buy") * product.maximum_mass),
            "reserved": str(after.reserved),
            "loads": _consumed(after, product) - _consumed(before, product) - own.loads_of("sell"),
        }
        return {
            "product_id": product.product_id,
            "fills": len(own.fills),
            "recalled": len(own.recalled),
            "bought_loads": own.loads_of("buy"),
            "sold_loads": own.loads_of("sell"),
            "position_loads": own.loads,
            "gain_per_kg_loads": str(own.value_of("sell") - own.value_of("buy") + own.loads * self._fair),
            "money_held": str(after.committed),
            "quotes": self.placed,
            "refused": self.refused,
            "gaps": self.gaps,
            "connections": self._stream.connections,
            "differences": differences,
            "ok": all(Decimal(one) == 0 for one in differences.values()),
        }


def _consumed(limits: Limits, product: Product) -> int:
    """The loads of the product's window that were sold."""
    commodity = "haulage" if product.kind == "haulage" else "hydrogen"
    return sum(
        one.consumed_loads
        for one in limits.capacities
        if one.commodity == commodity and one.window_start == product.window_start
    )


def _on_tick(price: Decimal, tick: Decimal, rounding: str) -> Decimal:
    return (price / tick).to_integral_value(rounding=rounding) * tick


async def make_market(url: str, key: str, product_id: str, terms: Terms) -> dict[str, Any]:
    """One day of market making; gives its account."""
    patient = Retry(tries_max=1_000, patience_s=120.0, pause_s_max=1.0)
    async with (
        AsyncClient(url, key, retry=patient) as client,
        Stream(url, key, on_disconnect="cancel_placed", answer_s=120.0, retry=patient) as stream,
    ):
        product = await client.product(product_id)
        return await MarketMaker(client, stream, product, terms).run()


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Makes a market in one product until the market closes.")
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--product", required=True)
    parser.add_argument("--fair", type=Decimal, default=Decimal("20.00"), help="CNY/kg to begin with")
    parser.add_argument("--position-max", type=int, default=10, help="loads")
    options = parser.parse_args()
    terms = Terms(fair=options.fair, position_max=options.position_max)
    account = asyncio.run(make_market(options.url, os.environ["H2MARKET_KEY"], options.product, terms))
    sys.stdout.write(json.dumps(account) + "\n")
    return 0 if account["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
