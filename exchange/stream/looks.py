"""What a batch did, as far as somebody listens: noted when it was decided, told when it is committed.

The machine runs ahead of its log: it decides the next batch while one is being written. Right after it decided a batch
it stands exactly as that batch leaves it, between whole commands. So that is when the feed looks, at what changed and
at nothing else; what became of a batch that was never committed is thrown away. Everything in a look is a copy.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from copy import copy
from typing import NamedTuple

from exchange.book import Ladder
from exchange.model import CapacityLimit, ContestedTrade, MoneyLimit, Order, OrderRecall, Side
from exchange.recall_effects import ORDERS, TRADES
from exchange.state import ExchangeState
from exchange.stream.faces import Face, face_of, ladders, orders_checksum

Standing = tuple[Order, OrderRecall | None]  # an order, and what recalls took back of it
Shown = tuple[int, int]  # an order's id, and the loads that it shows


class Interest(NamedTuple):
    """What is listened to. The feed adds and takes out while others look: whoever looks asks for members only."""

    depths: Mapping[str, int]  # by product: the deepest book that is looked at
    singles: Container[str]  # products whose single orders are looked at
    tickers: Container[str]  # products, "" for all
    companies: Container[str]


class Queue(NamedTuple):
    """The end of one price's queue: the orders that changed behind the last one that did not, in their order. Whatever
    joined is among them."""

    side: Side
    price: int
    last: list[Shown]


class Moves(NamedTuple):
    """What happened to the single orders of a book: ``kept`` are those that changed and stayed in their places."""

    gone: list[int]
    kept: list[tuple[Side, int, int, int]]  # side, price, id, shown loads
    queues: list[Queue]
    checksum: int


class Look(NamedTuple):
    """One batch: its events are ``first`` to ``last``."""

    first: int
    last: int
    touched: Iterable[str]  # products of which anything may have changed
    auctions: list[str]  # those of them in an auction
    faces: list[Face]
    moves: dict[str, Moves]
    orders: dict[int, Standing]  # of companies that listen
    money: dict[str, MoneyLimit]  # of those of them whose limits changed
    capacities: list[CapacityLimit]


def look(state: ExchangeState, interest: Interest, first: int, last: int) -> Look:
    """Notes what changed since the state's changes were last cleared."""
    changes = state.changes
    by_product: dict[str, list[Order]] = {}
    orders: dict[int, Standing] = {}
    recalled, companies, open_orders = state.recalls.orders, interest.companies, state.orders
    for changed in changes.orders.values():
        # One that was lifted out and entered again is another object; what is marked as changed is the one before.
        order = open_orders.get(changed.id, changed)
        product_id = order.terms.product_id
        found = by_product.get(product_id)
        if found is None:
            found = by_product[product_id] = []
        found.append(order)
        if order.participant_id in companies:
            orders[order.id] = copy(order), copy(recalled.get(order.id))
    for taken in changes.tables.get(ORDERS, {}).values():
        assert isinstance(taken, OrderRecall)
        if taken.participant_id in companies and taken.id in state.orders:
            orders[taken.id] = copy(state.orders[taken.id]), copy(taken)
    touched = _touched(state, by_product)
    everything = "" in interest.tickers
    faces = []
    for product_id in touched:
        depth = interest.depths.get(product_id, 0)
        if depth or everything or product_id in interest.tickers:
            face = face_of(state, product_id, max(depth, 1))
            if face is not None:
                faces.append(face)
    return Look(
        first, last, touched, [one for one in touched if state.products[one].phase == "auction"], faces,
        {name: _moves(state, name, by_product.get(name, ())) for name in touched if name in interest.singles}, orders,
        _money(state, companies), [copy(one) for one in changes.capacity.values() if one.participant_id in companies],
    )  # fmt: skip


def _money(state: ExchangeState, companies: Container[str]) -> dict[str, MoneyLimit]:
    """Of whom any limit changed."""
    changes = state.changes
    names = {*changes.money, *(one.participant_id for one in changes.capacity.values())}
    return {name: copy(state.account(name).money) for name in names if name in companies}


def _touched(state: ExchangeState, traded: Iterable[str]) -> set[str]:
    """The products whose orders changed, or something else of them, and those for which they imply prices."""
    tables = state.changes.tables
    changed = tables.get("exchange_products", {})
    touched = {*traded, *(str(name) for name in changed)}
    for contested in tables.get(TRADES, {}).values():
        assert isinstance(contested, ContestedTrade)
        touched.add(contested.product_id)
    closed = any(name not in state.books for name in changed)
    if closed or tables.get("exchange_state"):  # routes that are gone, and the day that trades are counted for
        touched.update(state.books)
    books = [book for name in touched if (book := state.books.get(name)) is not None]
    touched.update(part.product.id for book in books for route in book.routes for part in route.parts())
    return {one for one in touched if one in state.products}


def _moves(state: ExchangeState, product_id: str, changed: Iterable[Order]) -> Moves:
    bids, asks = ladders(state, product_id)
    gone: list[int] = []
    levels: dict[tuple[Side, int], dict[int, Order]] = {}
    for order in changed:
        if order.resting:
            levels.setdefault((order.terms.side, order.price_fen_per_kg), {})[order.id] = order
        else:
            gone.append(order.id)
    kept: list[tuple[Side, int, int, int]] = []
    queues: list[Queue] = []
    for (side, price), found in levels.items():
        last = _last(bids if side == "buy" else asks, price, found)
        if last:
            queues.append(Queue(side, price, last))
        behind = {order_id for order_id, _ in last}
        kept += [(side, price, one.id, one.shown_loads) for one in found.values() if one.id not in behind]
    return Moves(gone, kept, queues, orders_checksum((bids, asks)))


def _last(ladder: Ladder, price: int, changed: Mapping[int, Order]) -> list[Shown]:
    last: list[Shown] = []
    for order in reversed(ladder.levels[price].queue):
        if not order.resting:
            continue
        if order.id not in changed:
            break
        last.append((order.id, order.shown_loads))
    last.reverse()
    return last
