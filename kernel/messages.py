"""Commands and events: frozen values with one canonical encoding.

A room lists its messages in a `Codec`; the name of the class is the type that the log stores, and the JSON text
of the fields, in the order in which they are declared, is the payload that the hash chain covers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

import msgspec


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A frozen value. Fields are ints, strings, bools, None, tuples of those or other Messages."""


class Command(Message, frozen=True, gc=False):
    """What may be asked of a room; the name is an imperative."""


class Event(Message, frozen=True, gc=False):
    """What happened in a room; the name is in the past tense. Published: fields are only ever added, with defaults."""


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """An event at its place in a log: ``seq`` from 1 without gaps, ``at`` in UTC microseconds."""

    seq: int
    at: int
    actor: str
    event: Event


M = TypeVar("M", bound=Message)


class Codec(Generic[M]):
    """Encodes and decodes the messages of one room by their class name."""

    def __init__(self, classes: Iterable[type[M]]) -> None:
        self._decoders: dict[str, msgspec.json.Decoder[M]] = {
            cls.__name__: msgspec.json.Decoder(cls) for cls in classes
        }
        self._encoder = msgspec.json.Encoder()

    @property
    def names(self) -> tuple[str, ...]:
        """The types this codec knows, as declared."""
        return tuple(self._decoders)

    def encode(self, message: M) -> bytes:
        """The canonical JSON of the fields."""
        return self._encoder.encode(message)

    def decode(self, name: str, payload: bytes | str) -> M:
        """The message of type ``name``. Raises msgspec.ValidationError or KeyError for what is not one."""
        return self._decoders[name].decode(payload)
