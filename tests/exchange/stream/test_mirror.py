"""What is sent rebuilds the book, whatever was traded: every kind of order, through the feed without a network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import to_builtins

from benchmarks.everything import PRODUCTS, Flow, opening
from exchange.book import Ladder
from exchange.machine import ExchangeMachine
from exchange.stream.base import encode
from exchange.stream.books import implied_prices
from exchange.stream.mirror import Mirror
from exchange.stream.outbox import Outbox
from exchange.stream.subscription import Subscription
from exchange.stream.topics import Books
from kernel.errors import H2MarketError
from kernel.log import Tail
from kernel.messages import Recorded
from kernel.quantity import format_price
from tests.exchange.stream.client import LevelBook, OrderBook

AT = 1_767_600_000_000_000
DEPTHS = (1, 3, 100)


class FakeSequencer:
    """A machine whose commits are heard at once."""

    def __init__(self) -> None:
        self.machine = ExchangeMachine()
        self.tail = Tail(0, b"", AT)
        self._listeners: list[Callable[[Sequence[Recorded]], None]] = []

    def on_commit(self, listener: Callable[[Sequence[Recorded]], None]) -> None:
        self._listeners.append(listener)

    async def read(self, reader: Callable[[Any], Any]) -> Any:
        return reader(self.machine)

    def commit(self, commands: Sequence[Any], at: int) -> list[Any]:
        """Decides commands as one batch; gives their events."""
        recorded: list[Recorded] = []
        for command in commands:
            seq = self.tail.seq + len(recorded) + 1
            try:
                events = self.machine.apply(command, at, seq)
            except H2MarketError:
                continue
            recorded += [Recorded(place, at, "test", event) for place, event in enumerate(events, seq)]
        self.machine.changes.clear()
        self.tail = Tail(self.tail.seq + len(recorded), b"", at)
        if recorded:
            for listener in self._listeners:
                listener(recorded)
        return [one.event for one in recorded]


class Reader:
    """One reader of every product: levels at some depths, and single orders."""

    def __init__(self, books: Books, mirror: Mirror) -> None:
        self.outbox = Outbox(lambda: pytest.fail("cut off"))
        self.levels = {(product[0], depth): LevelBook() for product in PRODUCTS for depth in DEPTHS}
        self.singles = {product[0]: OrderBook() for product in PRODUCTS}
        # One connection has one subscription of a book; here every depth has a queue of its own.
        self.boxes: dict[tuple[str, int], Outbox] = {}
        for product_id, depth in self.levels:
            box = self.boxes[product_id, depth] = Outbox(lambda: pytest.fail("cut off"))
            one = Subscription(("book", product_id), box, depth, 0)
            snapshot = books.levels(mirror, product_id, one).snapshot(mirror.state)
            one.begin(encode(snapshot), snapshot.seq)
        for product_id in self.singles:
            box = self.boxes[product_id, 0] = Outbox(lambda: pytest.fail("cut off"))
            one = Subscription(("orders", product_id), box, 1, 0)
            singles = books.singles(mirror, product_id, one).snapshot(mirror.state)
            one.begin(encode(singles), singles.seq)

    async def read(self) -> None:
        """Takes in what waits: after several turns it is one message."""
        for (product_id, depth), box in self.boxes.items():
            book: Any = self.levels[product_id, depth] if depth else self.singles[product_id]

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


def levels_of(ladder: Ladder) -> list[tuple[str, int, int]]:
    return [(format_price(level.price), level.loads, level.orders) for level in ladder.best_first()]


def orders_of(ladder: Ladder) -> list[tuple[str, str, int]]:
    return [(f"O{one.id}", format_price(one.price_fen_per_kg), one.shown_loads) for one in ladder.orders()]


async def trade(seed: int, rounds: int) -> tuple[int, int]:
    """Trades, and looks now and then whether everybody sees the same; gives how many messages and trades there were."""
    chance, flow = Random(seed), Flow(seed)
    sequencer = FakeSequencer()
    sequencer.commit(list(opening()), AT)
    books = Books()
    mirror = Mirror(sequencer, books.publish, lambda: pytest.fail("the feed stopped"))  # type: ignore[arg-type]
    readers: list[Reader] = []
    at, turns = AT, 0
    for turn in range(rounds):
        if turn in (0, rounds // 3):
            await mirror.open()
            mirror.catch_up()
            readers.append(Reader(books, mirror))
        at += chance.randint(0, 500_000)
        flow.learn(sequencer.commit(flow.take(chance.randint(1, 12), at), at), at)
        if chance.random() < 0.7:
            mirror.catch_up()
            turns += 1
        for reader in readers:
            if chance.random() < 0.5:
                await reader.read()
    mirror.catch_up()
    for reader in readers:
        await reader.read()
        reader.check(sequencer.machine)
    assert mirror.state is not sequencer.machine.state
    mirror.close()
    return sum(book.messages for reader in readers for book in reader.levels.values()), turns


@settings(max_examples=30)
@given(st.integers(0, 10**6))
def test_a_client_s_books_are_those_of_the_engine(seed: int) -> None:
    messages, turns = asyncio.run(trade(seed, 60))
    assert messages > turns


def test_after_long_trading_too() -> None:
    asyncio.run(trade(7, 1_500))
