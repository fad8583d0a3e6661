"""The exchange as a running room."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from itertools import islice
from typing import NamedTuple

from sqlalchemy import Connection

from exchange.book import Book
from exchange.commands import COMMANDS
from exchange.errors import ProductNotFound
from exchange.events import EVENTS
from exchange.machine import ExchangeMachine
from exchange.model import Product
from exchange.project import PROJECTIONS
from exchange.tables import ExchangeEvent
from kernel.machine import Machine
from kernel.room import Finding, MemoryRoom, table_of
from kernel.service import Service

#: Price levels a side of the book shows at most.
LEVELS_MAX = 100


class ExchangeRoom(MemoryRoom):
    """The exchange's log, machine and rows."""

    def audit(self, machine: Machine, connection: Connection) -> Iterable[Finding]:
        """The laws of books and limits over the replayed state."""
        assert isinstance(machine, ExchangeMachine)
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


class Depth(NamedTuple):
    """The best levels of a book, best first, as they were after the event ``seq``."""

    product_id: str
    seq: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


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

        def read(machine: ExchangeMachine) -> Depth:
            book = machine.state.books.get(product_id)
            if book is None:
                if product_id not in machine.state.products:
                    raise ProductNotFound(field="product_id", product_id=product_id)
                return Depth(product_id, self.sequencer.tail.seq, (), ())
            return _depth(book, levels, self.sequencer.tail.seq)

        depth = await self.sequencer.read(read)
        assert isinstance(depth, Depth)
        return depth


def _depth(book: Book, levels: int, seq: int) -> Depth:
    bids, asks = (
        tuple(Level(level.price, level.loads, level.orders) for level in islice(ladder.best_first(), levels))
        for ladder in (book.bids, book.asks)
    )
    return Depth(book.product.id, seq, bids, asks)
