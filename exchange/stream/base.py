"""What every message of the stream has in common. One JSON object a message; ``type`` says which.

Prices and money are decimal strings, times RFC 3339. ``seq`` is a position in the exchange's log: the message is true
after that event. ``prev_seq`` is the ``seq`` of the message before it in the same subscription.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import msgspec

from kernel.quantity import format_price

Channel = Literal["book", "orders", "trades", "ticker", "status", "own"]

#: Few prices are in use at a time, and each is written many times.
price_text = lru_cache(maxsize=65_536)(format_price)
encode = msgspec.json.Encoder().encode


class Part(msgspec.Struct, frozen=True, gc=False):
    """A part of a message."""


class Said(msgspec.Struct, frozen=True, tag_field="type"):
    """A message of the server."""


class Item(msgspec.Struct, frozen=True, tag_field="event", omit_defaults=True, kw_only=True):
    """Something that happened at ``seq``; what does not apply to it is left out."""

    seq: int
    at: str
