"""A group of orders as one command under the client order ids of all of them, and its outcome order by order."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from exchange.commands import PlaceBasket, PlaceGroup, PlaceOrder
from exchange.events import OrderPlaced, OrderRejected
from kernel.errors import H2MarketError, InvalidInput, KeyReused
from kernel.sequencer import Envelope, Key, Result

_encode = msgspec.json.Encoder().encode


def group_envelope(commands: Sequence[PlaceOrder], group: str, scope: str) -> Envelope:
    """One command for all orders. Its keys are their client order ids in ``scope``, its fingerprint covers the whole
    group: the same group again gives the first answer, one of its orders elsewhere is another request."""
    terms = tuple(command.terms for command in commands)
    ids = [one.client_order_id for one in terms]
    for index, client_order_id in enumerate(ids):
        if client_order_id in ids[:index]:
            raise InvalidInput(
                f"orders.{index}.client_order_id", "unique",
                "Each order of a group has a client order id of its own.", "同组中每笔订单须有各自的 client_order_id。",
            )  # fmt: skip
    place = PlaceBasket if group == "basket" else PlaceGroup
    fingerprint = hashlib.sha256(_encode((group, terms))).digest()
    keys = [Key(scope, client_order_id, fingerprint) for client_order_id in ids]
    first = commands[0]
    return Envelope(place(first.participant_id, first.key_id, terms), first.key_id, keys[0], tuple(keys[1:]))


def group_parts(result: Result, commands: Sequence[PlaceOrder]) -> Sequence[Result]:
    """For each order what happened from its placing or rejection on. Raises what the whole group was answered with."""
    if isinstance(result, KeyReused):
        key = str(result.params["key"])
        index = [command.terms.client_order_id for command in commands].index(key)
        raise KeyReused(field=f"orders.{index}.client_order_id", key=key)
    if isinstance(result, H2MarketError):
        raise result
    begins = {
        event.terms.client_order_id: index
        for index, event in enumerate(result.events)
        if isinstance(event, OrderPlaced | OrderRejected)
    }
    found = [begins[command.terms.client_order_id] for command in commands]
    return [replace(result, seq=result.seq + index, events=result.events[index:]) for index in found]
