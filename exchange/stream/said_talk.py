"""Messages of the conversation: answers to what a client asks, and signs of life."""

from __future__ import annotations

from typing import Any, Literal

from exchange.orders_api import ChangeAnswer, OrderAnswer
from exchange.stream.base import Channel, Part, Said

OnDisconnect = Literal["keep", "cancel_placed", "cancel_flagged"]


class Welcome(Said, frozen=True, tag="welcome"):
    """The key is known. A heartbeat comes every ``heartbeat_s`` seconds."""

    participant_id: str
    key_id: str
    scopes: list[str]
    heartbeat_s: float
    seq: int


class Subscribed(Said, frozen=True, tag="subscribed"):
    """The subscription stands. ``resumed``: what follows continues after ``seq``; otherwise a snapshot comes first."""

    id: str | None
    channel: Channel
    product_id: str | None
    seq: int
    resumed: bool


class Unsubscribed(Said, frozen=True, tag="unsubscribed"):
    """Nothing more comes of this subscription."""

    id: str | None
    channel: Channel
    product_id: str | None


class Beat(Part, frozen=True, gc=False):
    """The ``seq`` of the last message that was sent of a subscription."""

    channel: Channel
    product_id: str | None
    seq: int


class Heartbeat(Said, frozen=True, tag="heartbeat"):
    """All is well up to the log's position ``seq``; whoever has not got to a subscription's ``seq`` lost something."""

    seq: int
    at: str
    subscriptions: list[Beat]


class Pong(Said, frozen=True, tag="pong"):
    """The answer to a ping."""

    id: str | None
    at: str


class Entry(Part, frozen=True):
    """What became of one order of a frame: ``order`` or ``problem``."""

    client_order_id: str
    status: int
    order: OrderAnswer | None
    problem: dict[str, Any] | None


class Placed(Said, frozen=True, tag="placed"):
    """The orders of a frame, in its order, after the commit."""

    id: str | None
    results: list[Entry]


class Changed(Said, frozen=True, tag="changed"):
    """What an amendment or a cancel did, after the commit."""

    id: str | None
    order: ChangeAnswer


class CancelledPart(Part, frozen=True, gc=False):
    """An order that was cancelled, and its open loads."""

    order_id: str
    loads: int


class AllCancelled(Said, frozen=True, tag="all_cancelled"):
    """The orders that were cancelled, after the commit."""

    id: str | None
    orders: list[CancelledPart]


class OptionsSet(Said, frozen=True, tag="options_set"):
    """The options of the connection as they are now."""

    id: str | None
    cancel_on_disconnect: OnDisconnect


class ProblemSaid(Said, frozen=True, tag="problem"):
    """A frame that changed nothing: ``problem`` has the problem details (RFC 9457) as REST gives them."""

    id: str | None
    problem: dict[str, Any]
