"""The state of the exchange as bytes.

A snapshot only shortens a start: it holds nothing that the log does not give again. Its encoding is canonical, so that
two states are equal when their bytes are.
"""

from __future__ import annotations

import hashlib
from heapq import heapify
from typing import Literal

import msgspec

from exchange.model import (
    NEVER,
    CapacityLimit,
    ContestedTrade,
    DeadMan,
    MarketState,
    MoneyLimit,
    Order,
    OrderRecall,
    Product,
    Recall,
    Trader,
)
from exchange.pace import Pace
from exchange.state import ExchangeState


class BookState(msgspec.Struct, forbid_unknown_fields=True, array_like=True):
    """What a book is beside its product and the orders that wait; what rests stands in order of priority."""

    product_id: str
    last_price: int
    last_trade: int
    bids: list[Order]
    asks: list[Order]


class Snapshot(msgspec.Struct, forbid_unknown_fields=True):
    """The whole state, by id."""

    version: Literal[3]
    market: MarketState
    products: list[Product]
    traders: list[Trader]
    money: list[MoneyLimit]
    paces: list[tuple[str, Pace]]
    capacity: list[CapacityLimit]
    dead_men: list[DeadMan]
    books: list[BookState]
    aside: list[Order]
    recalls: list[Recall]
    contested: list[ContestedTrade]
    recalled: list[OrderRecall]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Snapshot)


def dump(state: ExchangeState) -> bytes:
    """The state as a snapshot; equal states give equal bytes."""
    accounts = sorted(state.accounts.items())
    return _encoder.encode(
        Snapshot(
            3,
            state.market,
            [product for _, product in sorted(state.products.items())],
            [account.trader for _, account in accounts if account.trader is not None],
            # An account that nothing happened to yet is as good as none.
            [account.money for _, account in accounts if account.money.event_seq],
            [(name, account.pace) for name, account in accounts if account.pace.ends_at],
            sorted(state.capacities(), key=lambda capacity: capacity.id),
            [switch for _, switch in sorted(state.dead_men.items())],
            [
                BookState(
                    product_id, book.last_price, book.last_trade, list(book.bids.orders()), list(book.asks.orders())
                )
                for product_id, book in sorted(state.books.items())
            ],
            sorted((order for order in state.orders.values() if not order.resting), key=lambda order: order.id),
            [recall for _, recall in sorted(state.recalls.open.items())],
            [contested for _, contested in sorted(state.recalls.trades.items())],
            [recalled for _, recalled in sorted(state.recalls.orders.items())],
        )
    )


def load(data: bytes) -> ExchangeState:
    """The state of a snapshot. Raises msgspec.ValidationError or msgspec.DecodeError for what is not one."""
    snapshot = _decoder.decode(data)
    state = ExchangeState()
    state.market = snapshot.market
    for capacity in snapshot.capacity:
        state.window(capacity.commodity, capacity.window_start)[capacity.participant_id] = capacity
    for product in snapshot.products:
        state.products[product.id] = product
        if product.status == "open":
            state.open_book(product)
    for money in snapshot.money:
        state.account(money.id).money = money
    for name, pace in snapshot.paces:
        state.account(name).pace = pace
    for trader in snapshot.traders:
        state.admit(trader)
    state.dead_men = {switch.id: switch for switch in snapshot.dead_men}
    for stored in snapshot.books:
        book = state.books[stored.product_id]
        book.last_price, book.last_trade = stored.last_price, stored.last_trade
        for ladder, orders in ((book.bids, stored.bids), (book.asks, stored.asks)):
            ladder.fill(orders)
            state.orders.update((order.id, order) for order in orders)
    for order in snapshot.aside:
        state.orders[order.id] = order
        state.books[order.terms.product_id].keep(order)
    state.expiring = [(order.expires_at, order.id) for order in state.orders.values() if order.expires_at < NEVER]
    heapify(state.expiring)
    state.owners.file(state.orders)
    state.recalls.open = {recall.id: recall for recall in snapshot.recalls}
    state.recalls.trades = {contested.id: contested for contested in snapshot.contested}
    state.recalls.orders = {recalled.id: recalled for recalled in snapshot.recalled}
    return state


def digest(state: ExchangeState) -> str:
    """The SHA-256 of the snapshot, in hex."""
    return hashlib.sha256(dump(state)).hexdigest()
