"""A group of orders as one command under the client order ids of all of them, and its outcome order by order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import msgspec

from exchange.commands import PlaceBasket, PlaceGroup, PlaceOrder
from exchange.events import OrderPlaced, OrderRejected
from kernel.errors import InvalidInput
from kernel.sequencer import Envelope, Key, Outcome

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


def group_parts(outcome: Outcome, commands: Sequence[PlaceOrder]) -> Iterator[Outcome]:
    """For each order what happened from its placing or rejection on."""
    begins = {
        event.terms.client_order_id: index
        for index, event in enumerate(outcome.events)
        if isinstance(event, OrderPlaced | OrderRejected)
    }
    for command in commands:
        index = begins[command.terms.client_order_id]
        yield outcome._replace(seq=outcome.seq + index, events=outcome.events[index:])
