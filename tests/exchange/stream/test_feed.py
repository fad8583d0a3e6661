"""What is sent rebuilds the book, whatever was traded and whenever a reader came: every kind of order, through the feed
without a network."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import to_builtins
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool
from sqlmodel import SQLModel

from benchmarks.everything import PRODUCTS, Flow, opening
from exchange.book import Ladder
from exchange.machine import ExchangeMachine
from exchange.stream import companies, singles
from exchange.stream.faces import implied_prices
from exchange.stream.hub import Hub
from exchange.stream.items import own_order
from exchange.stream.outbox import Outbox
from exchange.stream.subscription import Key, Subscription
from kernel.errors import H2MarketError
from kernel.log import Tail
from kernel.messages import Recorded
from kernel.quantity import format_price
from tests.exchange.stream.client import Chain, LevelBook, OrderBook

AT = 1_767_600_000_000_000
DEPTHS = (1, 3, 100)


class FakeSequencer:
    """A machine that runs ahead of what is committed, as the real one's does; what is on its way may be lost."""

    def __init__(self) -> None:
        self.machine = ExchangeMachine()
        self.room = SimpleNamespace(watch=None)
        self.tail = Tail(0, b"", AT)
        self._on_the_way: deque[tuple[list[Recorded], bytes]] = deque()
        self._committed = self.machine.dump()
        self._listeners: list[Callable[[Sequence[Recorded]], None]] = []

    def on_commit(self, listener: Callable[[Sequence[Recorded]], None]) -> None:
        self._listeners.append(listener)

    async def read(self, reader: Callable[[Any], Any]) -> Any:
        await asyncio.sleep(0)
        self.commit()
        found = reader(self.machine)
        await asyncio.sleep(0)  # the reader has it a little later
        return found

    def decide(self, commands: Sequence[Any], at: int) -> list[Any]:
        """Decides commands as one batch on top of those on the way; gives their events."""
        recorded: list[Recorded] = []
        before = self._on_the_way[-1][0][-1].seq if self._on_the_way else self.tail.seq
        for command in commands:
            seq = before + len(recorded) + 1
            try:
                events = self.machine.apply(command, at, seq)
            except H2MarketError:
                continue
            recorded += [Recorded(place, at, "test", event) for place, event in enumerate(events, seq)]
        if recorded:
            if self.room.watch is not None:
                self.room.watch(self.machine, recorded[0].seq, recorded[-1].seq)
            self._on_the_way.append((recorded, self.machine.dump()))
        self.machine.changes.clear()
        return [one.event for one in recorded]

    def commit(self, most: int = 1_000) -> None:
        """Commits what was decided first."""
        while self._on_the_way and most:
            (recorded, self._committed), most = self._on_the_way.popleft(), most - 1
            self.tail = Tail(recorded[-1].seq, b"", recorded[-1].at)
            for listener in self._listeners:
                listener(recorded)

    def lose(self) -> None:
        """Nothing that is on the way ever happened."""
        self._on_the_way.clear()
        self.machine.restore(self._committed)


class Own:
    """A company's business."""

    def __init__(self) -> None:
        self.chain = Chain()
        self.orders: dict[str, Any] = {}
        self.more = False
        self.events: list[tuple[int, str]] = []
        self.limits: Any = None

    def take(self, message: dict[str, Any]) -> None:
        if message["type"] == "own_snapshot":
            if not self.more:
                self.orders = {}
            self.more = message["more"]
            self.chain.begin(message["seq"])
            self.orders.update((one["order_id"], one) for one in message["orders"])
            self.limits = message["limits"]
            return
        assert not self.more
        self.chain.take(message)
        for item in message["events"]:
            if item["event"] == "limits":
                self.limits = {**item, "capacities": None}
            elif item.get("order"):
                if item["order"]["status"] in ("new", "partially_filled", "suspended"):
                    self.orders[item["order_id"]] = item["order"]
                else:
                    self.orders.pop(item["order_id"], None)


class Reader:
    """One reader of every product: levels at some depths, single orders, and the business of one company."""

    def __init__(self, hub: Hub, company: str) -> None:
        self.hub = hub
        self.company = company
        self.own = Own()
        self.levels = {(product[0], depth): LevelBook() for product in PRODUCTS for depth in DEPTHS}
        self.singles = {product[0]: OrderBook() for product in PRODUCTS}
        self.boxes: list[tuple[Outbox, Any]] = []
        self.subscriptions: list[Subscription] = []

    async def begin(self) -> None:
        """Subscribes to everything at once. Here every depth has a queue of its own."""
        wanted: list[tuple[Key, int, Any]] = [
            *((("book", product_id), depth, book) for (product_id, depth), book in self.levels.items()),
            *((("orders", product_id), 1, book) for product_id, book in self.singles.items()),
            (("own", self.company), 1, self.own),
        ]

        async def one(key: Key, depth: int, book: Any) -> None:
            box = Outbox(lambda: pytest.fail("cut off"))
            subscription = Subscription(key, box, depth, 0)
            self.boxes.append((box, book))
            self.subscriptions.append(subscription)
            await self.hub.begin(subscription, None, lambda _seq, _resumed: None)

        await asyncio.gather(*(one(*each) for each in wanted))

    def leave(self) -> None:
        for one in self.subscriptions:
            self.hub.remove(one)

    async def read(self) -> None:
        """Takes in what waits: after several turns it is one message."""
        for box, book in self.boxes:

            async def take(text: str, book: Any = book) -> None:
                book.take(json.loads(text))

            await box.flush(take)

    def check(self, machine: ExchangeMachine) -> None:
        """Asserts that the reader's books are those of the engine."""
        for (product_id, depth), level_book in self.levels.items():
            book = machine.state.books[product_id]
            for side, ladder in (("bids", book.bids), ("asks", book.asks)):
                assert level_book.rows(side) == levels_of(ladder)[:depth], (product_id, depth, side)
            implied = [None if one is None else to_builtins(one) for one in implied_prices(book)]
            assert list(level_book.implied) == implied, product_id
        for product_id, order_book in self.singles.items():
            book = machine.state.books[product_id]
            for side, ladder in (("buy", book.bids), ("sell", book.asks)):
                assert order_book.rows(side) == orders_of(ladder), (product_id, side)
        recalled = machine.state.recalls.orders
        open_orders = [own_order(one, recalled.get(one.id)) for one in machine.state.orders.values()
                       if one.participant_id == self.company]  # fmt: skip
        assert self.own.orders == {one.order_id: to_builtins(one) for one in open_orders}
        money = machine.state.account(self.company).money
        assert self.own.limits["reserved"] == f"{money.reserved_fen / 100:.2f}"


def levels_of(ladder: Ladder) -> list[tuple[str, int, int]]:
    return [(format_price(level.price), level.loads, level.orders) for level in ladder.best_first()]


def orders_of(ladder: Ladder) -> list[tuple[str, str, int]]:
    return [(f"O{one.id}", format_price(one.price_fen_per_kg), one.shown_loads) for one in ladder.orders()]


@pytest.fixture(autouse=True, scope="module")
def _small_slices() -> Iterator[None]:
    """Few orders at a time, so that much happens while a reader begins."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(singles, "READ_ORDERS", 4)
        patch.setattr(singles, "PART_ORDERS", 3)
        patch.setattr(companies, "READ_ORDERS", 5)
        patch.setattr(companies, "PART_ORDERS", 2)
        yield


def make_hub(sequencer: FakeSequencer) -> Hub:
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    SQLModel.metadata.create_all(engine)
    service = SimpleNamespace(sequencer=sequencer, store=SimpleNamespace(read_engine=engine))
    hub = Hub(service)  # type: ignore[arg-type]

    async def open_orders(participant_id: str) -> list[int]:
        sequencer.commit()
        return [one.id for one in sequencer.machine.state.orders.values() if one.participant_id == participant_id]

    hub.past.open_orders = open_orders  # type: ignore[method-assign]
    return hub


async def trade(seed: int, rounds: int) -> tuple[int, int]:
    """Trades, and looks now and then whether everybody sees the same; gives how many messages and turns there were."""
    chance, flow = Random(seed), Flow(seed)
    sequencer = FakeSequencer()
    sequencer.decide(list(opening()), AT)
    sequencer.commit()
    hub = make_hub(sequencer)
    hub.feed._failed = lambda: pytest.fail("the feed stopped")
    await hub.open()
    readers: list[Reader] = []
    beginning: list[asyncio.Task[None]] = []
    at, turns = AT, 0
    for turn in range(rounds):
        if turn in (0, rounds // 3, rounds // 2):
            product = chance.choice(PRODUCTS)
            readers.append(Reader(hub, chance.choice([*product[2], *product[3]])))
            beginning.append(asyncio.create_task(readers[-1].begin()))
        at += chance.randint(0, 500_000)
        flow.learn(sequencer.decide(flow.take(chance.randint(1, 12), at), at), at)
        if chance.random() < 0.1:
            sequencer.lose()
        if chance.random() < 0.7:
            sequencer.commit(chance.randint(1, 3))
            hub.feed.catch_up()
            turns += 1
        await asyncio.sleep(0)
        for reader in readers:
            if chance.random() < 0.5:
                await reader.read()
        if turn == rounds // 2 + 5:  # one leaves before it has everything
            readers.pop().leave()
    sequencer.commit()
    hub.feed.catch_up()
    await asyncio.gather(*beginning)
    hub.feed.catch_up()
    for reader in readers:
        await reader.read()
        reader.check(sequencer.machine)
        reader.leave()
    assert all(seq > sequencer.tail.seq for seq in hub.feed._looks)
    assert not hub._books.depths
    assert not hub._books.singles
    hub.feed.close()
    return sum(book.messages for reader in readers for book in reader.levels.values()), turns


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_a_client_s_books_are_those_of_the_engine(seed: int) -> None:
    messages, turns = asyncio.run(trade(seed, 60))
    assert messages > turns


def test_after_long_trading_too() -> None:
    asyncio.run(trade(7, 1_500))
