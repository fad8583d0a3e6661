"""The exchange as a running room."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from copy import copy
from itertools import islice
from typing import NamedTuple

from sqlalchemy import Connection

from exchange.auction import Equilibrium, equilibrium
from exchange.book import Book
from exchange.commands import COMMANDS
from exchange.errors import ProductNotFound, TraderNotFound
from exchange.events import EVENTS, Traded
from exchange.implied import best_implied, implies_offers
from exchange.machine import ExchangeMachine
from exchange.model import DeadMan, MarketState, Phase, Product, Side, TradeFacts, Trader
from exchange.phases import Collected, collected_of
from exchange.project import PROJECTIONS
from exchange.recall_errors import TradeNotFound
from exchange.tables import ExchangeEvent
from kernel.machine import Machine
from kernel.messages import Recorded
from kernel.room import Finding, MemoryRoom, table_of
from kernel.service import Service

#: Price levels a side of the book shows at most.
LEVELS_MAX = 100


class ExchangeRoom(MemoryRoom):
    """The exchange's log, machine and rows."""

    def audit(self, machine: Machine, connection: Connection) -> Iterable[Finding]:
        """The laws of books and limits over the replayed state; and that a recall names trades as they were made."""
        assert isinstance(machine, ExchangeMachine)
        for contested in machine.state.recalls.trades.values():
            around = self.log.read(connection, max(0, contested.id - 2), 3)
            if contested.facts() not in facts_of(around, contested.id):
                yield Finding(
                    self.name, "recall_of_another_trade", contested.recall_id, "TradeRecallRequested",
                    f"The recall R{contested.recall_id} names T{contested.id} otherwise than it was made.",
                    f"撤销申请 R{contested.recall_id} 所述成交 T{contested.id} 与实际成交不符。",
                )  # fmt: skip
        try:
            machine.check()
        except AssertionError as broken:
            yield Finding(
                self.name, "invariant", 0, "", f"The state breaks a law: {broken}.", f"状态违反不变量：{broken}。"
            )


def make_room() -> ExchangeRoom:
    """A room that has not read its log yet."""
    return ExchangeRoom("exchange", EVENTS, COMMANDS, table_of(ExchangeEvent), PROJECTIONS, ExchangeMachine)


class Level(NamedTuple):
    """Open loads at one price."""

    price_fen_per_kg: int
    loads: int
    orders: int


class Implied(NamedTuple):
    """The best price that two other books imply for one, and how many loads."""

    side: Side  # buy for a bid, sell for an offer
    price_fen_per_kg: int
    loads: int


class Depth(NamedTuple):
    """The best levels of a book, best first, as they were after the event ``seq``."""

    product_id: str
    seq: int
    phase: Phase
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    implied: Implied | None = None
    indicative: Equilibrium | None = None  # what the auction would trade if it ended now


class Rates(NamedTuple):
    """Orders and amendments of a participant in these ten seconds, this hour and this day: used and allowed."""

    used: tuple[int, int, int]
    allowed: tuple[int, int, int]


class ExchangeService(Service):
    """The exchange as its routes and jobs use it."""

    async def product(self, product_id: str) -> Product:
        """A listed product as it stands."""

        def read(machine: ExchangeMachine) -> Product:
            return copy(machine.state.products[product_id])

        product: Product = await self.sequencer.read(read)
        return product

    async def depth(self, product_id: str, levels: int) -> Depth:
        """The book of a product, read between two commits. Raises ProductNotFound; a closed product's book is empty."""
        at = self.clock.now_us()

        def read(machine: ExchangeMachine) -> tuple[Depth, Collected | None]:
            book = machine.state.books.get(product_id)
            if book is None:
                if product_id not in machine.state.products:
                    raise ProductNotFound(field="product_id", product_id=product_id)
                phase = machine.state.products[product_id].phase
                return Depth(product_id, self.sequencer.tail.seq, phase, (), ()), None
            collected = collected_of(book) if book.product.phase == "auction" else None
            return _depth(book, levels, self.sequencer.tail.seq, at), collected

        depth, collected = await self.sequencer.read(read)
        assert isinstance(depth, Depth)
        if collected is None:
            return depth
        # Off the writer, which only copied the orders: finding the price takes time where there are many.
        return depth._replace(indicative=await asyncio.to_thread(equilibrium, *collected))

    async def trade_facts(self, trade_id: int) -> tuple[TradeFacts, ...]:
        """A trade as the log has it, with the other leg of an implied match, haulage first. Raises TradeNotFound.

        Its legs stand side by side in the log: see `exchange.events.Traded`.
        """

        def read() -> tuple[TradeFacts, ...]:
            with self.store.read_engine.connect() as connection:
                around = self.sequencer.room.log.read(connection, max(0, trade_id - 2), 3)
                return facts_of(around, trade_id)

        facts = await asyncio.to_thread(read)
        if not facts:
            raise TradeNotFound(field="trade_id", trade_id=trade_id)
        return facts

    async def market(self) -> MarketState:
        """The market as it stands."""

        def read(machine: ExchangeMachine) -> MarketState:
            return copy(machine.state.market)

        market: MarketState = await self.sequencer.read(read)
        return market

    async def trader(self, participant_id: str) -> Trader:
        """A trader as it stands. Raises TraderNotFound."""

        def read(machine: ExchangeMachine) -> Trader:
            return copy(_trader(machine, participant_id))

        trader: Trader = await self.sequencer.read(read)
        return trader

    async def dead_man(self, participant_id: str) -> DeadMan | None:
        """A participant's dead-man switch, None while it is off."""

        def read(machine: ExchangeMachine) -> DeadMan | None:
            return copy(machine.state.dead_men.get(participant_id))

        switch: DeadMan | None = await self.sequencer.read(read)
        return switch

    async def rates(self, participant_id: str) -> Rates:
        """What a participant used of its order rates, and how much it may. Raises TraderNotFound."""
        at = self.clock.now_us()

        def read(machine: ExchangeMachine) -> Rates:
            trader = _trader(machine, participant_id)
            allowed = trader.per_10s_max, trader.per_hour_max, trader.per_day_max
            return Rates(machine.state.accounts[participant_id].pace.uses(at), allowed)

        rates: Rates = await self.sequencer.read(read)
        return rates


def facts_of(around: Iterable[Recorded], trade_id: int) -> tuple[TradeFacts, ...]:
    """A trade among the events around it, with its other leg; empty where the number is no trade's."""
    trades = {one.seq: (one.event, one.at) for one in around if isinstance(one.event, Traded)}
    if trade_id not in trades:
        return ()
    leg = trades[trade_id][0].leg
    wanted = {"": (trade_id,), "haulage": (trade_id, trade_id + 1), "hydrogen": (trade_id - 1, trade_id)}[leg]
    return tuple(
        TradeFacts(
            one.trade_id, one.product_id, one.price_fen_per_kg, one.loads, one.buyer_id, one.seller_id,
            one.buy_order_id, one.sell_order_id, one.leg, at,
        )
        for one, at in (trades[number] for number in wanted if number in trades)
    )  # fmt: skip


def _depth(book: Book, levels: int, seq: int, at: int) -> Depth:
    bids, asks = (
        tuple(Level(level.price, level.loads, level.orders) for level in islice(ladder.best_first(), levels))
        for ladder in (book.bids, book.asks)
    )
    best = best_implied(book, "", at)
    side: Side = "sell" if implies_offers(book) else "buy"
    implied = None if best is None else Implied(side, best.price_fen_per_kg, best.loads)
    return Depth(book.product.id, seq, book.product.phase, bids, asks, implied)


def _trader(machine: ExchangeMachine, participant_id: str) -> Trader:
    account = machine.state.accounts.get(participant_id)
    if account is None or account.trader is None:
        raise TraderNotFound(field="participant_id", participant_id=participant_id)
    return account.trader
