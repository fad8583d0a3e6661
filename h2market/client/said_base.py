"""What every message of the stream has in common."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

Channel = Literal["book", "orders", "trades", "ticker", "status", "own"]
OnDisconnect = Literal["keep", "cancel_placed", "cancel_flagged"]


class Message(msgspec.Struct, frozen=True, tag_field="type", kw_only=True):
    """A message of the exchange."""


class Event(msgspec.Struct, frozen=True, tag_field="event", kw_only=True):
    """Something that happened at ``seq``."""

    seq: int
    at: datetime
