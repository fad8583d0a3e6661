"""What a room tells participants of its log.

A room lists the types of its notices and makes them from its events; whoever delivers them (see
`participants.delivery`) knows nothing of the room. A notice is for one participant, or for everybody who wants it.
What it says is written as the routes write it: decimal strings, times with their offset, ids with their letter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlmodel import Session

from kernel.clock import to_text
from kernel.messages import Event, Message, Recorded
from kernel.quantity import format_mass, format_money, format_price

#: Fields of events that are times without saying so at their end.
_TIMES = frozenset({"window_start", "window_end", "until", "calibrated_until", "decide_by"})
#: Numbers that the routes write as ids, by the end of their name.
_LETTERS = {"order_id": "O", "trade_id": "T"}


class Told(NamedTuple):
    """One type of notice. ``public``: it is for everybody who asks for it, and names no participant."""

    type: str
    en: str
    zh: str
    public: bool = False


class Notice(msgspec.Struct, frozen=True):
    """One event as one participant reads it; ``participant_id`` is "" where everybody may. ``data`` is JSON.

    ``part`` tells apart two notices of one event, such as the two sides of a trade.
    """

    seq: int
    at: int
    type: str
    participant_id: str
    data: msgspec.Raw
    part: str = ""


class Page(msgspec.Struct, frozen=True):
    """The notices of a stretch of a log up to ``through``, in its order; most events make none or few."""

    through: int
    notices: tuple[Notice, ...]


#: Makes the notices of events; the session reads the room's rows, which are at least as new.
Make = Callable[[Session, Sequence[Recorded]], Iterable[Notice]]


class Bulletin(NamedTuple):
    """What one room tells: the notice of each type of event, and how notices are made."""

    told: Mapping[type[Event], Told]
    make: Make

    @property
    def event_names(self) -> frozenset[str]:
        """The names of the events that make notices: others need not be decoded."""
        return frozenset(kind.__name__ for kind in self.told)


def notice(told: Told, recorded: Recorded, participant_id: str, data: Mapping[str, object], part: str = "") -> Notice:
    """A notice of an event. A public one names nobody."""
    assert told.public == (participant_id == "")
    raw = msgspec.Raw(msgspec.json.encode(data))
    return Notice(recorded.seq, recorded.at, told.type, participant_id, raw, part)


def rendered(message: Message, without: frozenset[str] = frozenset()) -> dict[str, object]:
    """The fields of a message as the routes write them, save those in ``without``.

    ``amount_fen`` becomes ``amount`` in CNY, ``price_fen_per_kg`` ``price`` in CNY/kg, ``mass_g`` ``mass`` in kg; 0 as
    a time or an id means that there is none.
    """
    return dict(_fields(message, without))


def _fields(message: Message, without: frozenset[str]) -> Iterator[tuple[str, object]]:
    for name in message.__struct_fields__:
        if name not in without:
            yield _field(name, getattr(message, name))


def _field(name: str, value: Any) -> tuple[str, object]:
    if isinstance(value, tuple):
        return name, [rendered(one) if isinstance(one, Message) else one for one in value]
    if isinstance(value, Message):
        return name, rendered(value)
    for end, write in (("_fen_per_kg", format_price), ("_fen", format_money), ("_g", format_mass)):
        if name.endswith(end):
            return name.removesuffix(end), None if value is None else write(value)
    if name in _TIMES or name.endswith("_at"):
        return name, to_text(value) if value else None
    for end, letter in _LETTERS.items():
        if name.endswith(end) and isinstance(value, int):
            return name, f"{letter}{value}" if value else None
    return name, value
