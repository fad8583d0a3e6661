"""What the stream says, as frozen structs. Message and event types that a later server adds are passed over.

``seq`` is a position in the exchange's log: a message is true after that event. ``prev_seq`` is the ``seq`` of the
message before it in the same subscription, so whoever compares the two misses nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import get_args

import msgspec

from h2market.client.errors import Problem
from h2market.client.model import BatchEntry, Changed
from h2market.client.said_base import Channel, Message, OnDisconnect
from h2market.client.said_market import (
    AnyStatusEvent,
    BookDelta,
    BookSnapshot,
    OrdersDelta,
    OrdersSnapshot,
    Status,
    StatusSnapshot,
    StreamTrade,
    Tickers,
    TickerSnapshot,
    Trades,
    TradesSnapshot,
)
from h2market.client.said_own import AnyOwnEvent, Own, OwnSnapshot


class Welcome(Message, frozen=True, tag="welcome"):
    """The key is known. A heartbeat comes every ``heartbeat_s`` seconds."""

    participant_id: str
    key_id: str
    scopes: tuple[str, ...]
    heartbeat_s: float
    seq: int


class Subscribed(Message, frozen=True, tag="subscribed"):
    """A subscription stands. ``resumed``: what follows continues after ``seq``; otherwise a snapshot comes first."""

    id: str | None
    channel: Channel
    product_id: str | None
    seq: int
    resumed: bool


class Beat(msgspec.Struct, frozen=True):
    """The ``seq`` of the last message that was sent of a subscription."""

    channel: Channel
    product_id: str | None
    seq: int


class Heartbeat(Message, frozen=True, tag="heartbeat"):
    """All is well up to ``seq``."""

    seq: int
    at: datetime
    subscriptions: tuple[Beat, ...]


class PlacedMany(Message, frozen=True, tag="placed"):
    """What became of the orders of one frame."""

    id: str | None
    results: tuple[BatchEntry, ...]


class ChangedOne(Message, frozen=True, tag="changed"):
    """What became of an amendment or a cancel."""

    id: str | None
    order: Changed


class CancelledOrder(msgspec.Struct, frozen=True):
    """An order that was cancelled, and its open loads."""

    order_id: str
    loads: int


class AllCancelled(Message, frozen=True, tag="all_cancelled"):
    """The orders that a mass cancel ended."""

    id: str | None
    orders: tuple[CancelledOrder, ...]


class OptionsSet(Message, frozen=True, tag="options_set"):
    """The options of the connection as they are now."""

    id: str | None
    cancel_on_disconnect: OnDisconnect


class ProblemSaid(Message, frozen=True, tag="problem"):
    """A frame that changed nothing, unless its outcome is unknown."""

    id: str | None
    problem: Problem


class Gap(msgspec.Struct, frozen=True):
    """Said by the client itself: what happened after ``after`` and up to ``seq`` cannot be had over the stream any
    more, because the connection was away for too long. Ask REST for it. A snapshot follows."""

    after: int
    seq: int


Delta = BookDelta | OrdersDelta | Trades | Tickers | Status | Own
Snapshot = BookSnapshot | OrdersSnapshot | TradesSnapshot | TickerSnapshot | StatusSnapshot | OwnSnapshot
Reply = PlacedMany | ChangedOne | AllCancelled | OptionsSet | ProblemSaid
AnyMessage = Welcome | Subscribed | Heartbeat | Reply | Delta | Snapshot
#: What a subscription gives: a snapshot first, and what follows it.
Told = Snapshot | Delta | Gap


#: What the log tells over server-sent events.
LogEvent = StreamTrade | AnyStatusEvent | AnyOwnEvent


class _Head(msgspec.Struct, frozen=True):
    """What says of a message or an event which it is."""

    type: str = ""
    event: str = ""


class _Events(msgspec.Struct, frozen=True):
    """A message of events before each of them is known."""

    prev_seq: int
    seq: int
    events: tuple[msgspec.Raw, ...]
    product_id: str | None = None


def _tags(union: object) -> frozenset[str]:
    return frozenset(str(kind.__struct_config__.tag) for kind in get_args(union))


_MESSAGES, _OWN, _STATUS, _LOG = map(_tags, (AnyMessage, AnyOwnEvent, AnyStatusEvent, LogEvent))
_head, _events = msgspec.json.Decoder(_Head), msgspec.json.Decoder(_Events)
_message: msgspec.json.Decoder[AnyMessage] = msgspec.json.Decoder(AnyMessage)
_own: msgspec.json.Decoder[AnyOwnEvent] = msgspec.json.Decoder(AnyOwnEvent)
_status: msgspec.json.Decoder[AnyStatusEvent] = msgspec.json.Decoder(AnyStatusEvent)
_log: msgspec.json.Decoder[LogEvent] = msgspec.json.Decoder(LogEvent)


def read(frame: str | bytes) -> AnyMessage | None:
    """The message of a frame; None for one of a type that this client does not know. Raises msgspec.DecodeError."""
    kind = _head.decode(frame).type
    if kind == "own":
        found = _events.decode(frame)
        own = tuple(_own.decode(one) for one in found.events if _head.decode(one).event in _OWN)
        return Own(prev_seq=found.prev_seq, seq=found.seq, events=own)
    if kind == "status":
        found = _events.decode(frame)
        events = tuple(_status.decode(one) for one in found.events if _head.decode(one).event in _STATUS)
        return Status(prev_seq=found.prev_seq, product_id=found.product_id, seq=found.seq, events=events)
    return _message.decode(frame) if kind in _MESSAGES else None


def read_event(data: str) -> LogEvent | None:
    """The event of server-sent data; None for one that this client does not know. Raises msgspec.DecodeError."""
    return _log.decode(data) if _head.decode(data).event in _LOG else None
