"""The state of the exchange as bytes.

A snapshot only shortens a start: it holds nothing that the log does not give again. Its encoding is canonical, so that
two states are equal when their bytes are.
"""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

from exchange.model import CapacityLimit, MarketState, MoneyLimit, Order, Product, Trader
from exchange.state import ExchangeState


class Snapshot(msgspec.Struct, forbid_unknown_fields=True):
    """The whole state. Orders stand by product, bids before asks, in priority order; the rest by id."""

    version: Literal[1]
    market: MarketState
    products: list[Product]
    traders: list[Trader]
    money: list[MoneyLimit]
    capacity: list[CapacityLimit]
    orders: list[Order]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Snapshot)


def dump(state: ExchangeState) -> bytes:
    """The state as a snapshot; equal states give equal bytes."""
    return _encoder.encode(
        Snapshot(
            1,
            state.market,
            [product for _, product in sorted(state.products.items())],
            [trader for _, trader in sorted(state.traders.items())],
            [money for _, money in sorted(state.limits.money.items())],
            sorted(state.limits.capacities(), key=lambda capacity: capacity.id),
            [order for _, book in sorted(state.books.items()) for order in book.orders()],
        )
    )


def load(data: bytes) -> ExchangeState:
    """The state of a snapshot. Raises msgspec.ValidationError or msgspec.DecodeError for what is not one."""
    snapshot = _decoder.decode(data)
    state = ExchangeState()
    state.market = snapshot.market
    state.limits.money = {money.id: money for money in snapshot.money}
    for capacity in snapshot.capacity:
        state.limits.window(capacity.commodity, capacity.window_start)[capacity.participant_id] = capacity
    for product in snapshot.products:
        state.products[product.id] = product
        if product.status == "open":
            state.open_book(product)
    for trader in snapshot.traders:
        state.admit(trader)
    state.rest(snapshot.orders)
    return state


def digest(state: ExchangeState) -> str:
    """The SHA-256 of the snapshot, in hex."""
    return hashlib.sha256(dump(state)).hexdigest()
