"""The short way to read plain limit orders, which most orders are.

What is read here reads the same the long way, and what is not read here goes that way: an order with an option, or with
a mistake, whose every field is then named. The short way takes a tenth of the time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import msgspec

from exchange.model import BATCH_ORDERS_MAX, LOADS_MAX, OrderTerms, Side, TimeInForce
from kernel.quantity import parse_price

#: Client order id, product and price of an order: what `NewOrder` asks of each.
_FIT = re.compile(r"[A-Za-z0-9._:/-]{1,64}\n[A-Z0-9-]{1,80}\n(0|[1-9][0-9]{0,11})(\.[0-9]{1,2})?", re.ASCII)
_ID = re.compile(r"[!-~]{1,64}")
_price = lru_cache(maxsize=65_536)(parse_price)


class _Order(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    client_order_id: str
    product_id: str
    side: Side
    price: str
    loads: int
    time_in_force: TimeInForce = "gtc"


class _Batch(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    orders: list[_Order]
    group: Literal["reject_partially"] = "reject_partially"


class _Frame(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    op: Literal["place"]
    orders: list[_Order]
    id: str | None = None


_decode_order = msgspec.json.Decoder(_Order).decode
_decode_batch = msgspec.json.Decoder(_Batch).decode
_decode_frame = msgspec.json.Decoder(_Frame).decode
#: What is no JSON, or is not plain.
_OTHER = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class PlainPlace(msgspec.Struct, frozen=True, gc=False):
    """A frame of plain limit orders."""

    id: str | None
    terms: list[OrderTerms]


def read_order(body: bytes) -> OrderTerms | None:
    """The order of a request; None for one that goes the long way."""
    try:
        found = _decode_order(body)
    except _OTHER:
        return None
    return _terms(found)


def read_batch(body: bytes) -> list[OrderTerms] | None:
    """The orders of a batch of which each stands for itself; None for one that goes the long way."""
    try:
        found = _decode_batch(body)
    except _OTHER:
        return None
    return _all_terms(found.orders)


def read_frame(frame: str | bytes) -> PlainPlace | None:
    """The orders of a frame; None for one that goes the long way."""
    try:
        found = _decode_frame(frame)
    except _OTHER:
        return None
    if not (found.id is None or _ID.fullmatch(found.id)):
        return None
    terms = _all_terms(found.orders)
    return None if terms is None else PlainPlace(found.id, terms)


def _all_terms(orders: Sequence[_Order]) -> list[OrderTerms] | None:
    if not 0 < len(orders) <= BATCH_ORDERS_MAX:
        return None
    found = []
    for one in orders:
        terms = _terms(one)
        if terms is None:
            return None
        found.append(terms)
    return found


def _terms(one: _Order) -> OrderTerms | None:
    client_order_id, product_id, price = one.client_order_id, one.product_id, one.price
    if not (1 <= one.loads <= LOADS_MAX and _FIT.fullmatch(f"{client_order_id}\n{product_id}\n{price}")):
        return None
    return OrderTerms(client_order_id, product_id, one.side, _price(price), one.loads, one.time_in_force, None)
