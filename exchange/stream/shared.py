"""A message for many: encoded once, with each subscription's own ``prev_seq`` put in."""

from __future__ import annotations

from typing import Any, Generic, Self, TypeVar

from exchange.stream.base import Said, encode

M = TypeVar("M", bound=Said)
_MARK = b'"prev_seq":'


class Shared(Generic[M]):
    """A message with a ``seq`` and a ``prev_seq``, which is 0 in it."""

    __slots__ = ("_head", "_tail", "message", "seq")

    def __init__(self, message: M) -> None:
        self.message = message
        self.seq: int = message.seq  # type: ignore[attr-defined]
        self._head = b""
        self._tail = b""

    def render(self, prev_seq: int) -> bytes:
        """The message after ``prev_seq``."""
        if not self._tail:
            data = encode(self.message)
            at = data.index(_MARK) + len(_MARK)
            assert data[at : at + 2] == b"0,"
            self._head, self._tail = data[:at], data[at + 1 :]
        return b"%b%d%b" % (self._head, prev_seq, self._tail)

    @property
    def gathered(self) -> int:
        """How many parts it has beyond the largest of the messages that it was merged from."""
        return 0

    def merged(self, later: Shared[Any]) -> Self:
        """This and a later message as one. Only messages that say how things are can do without those between."""
        raise AssertionError(f"{type(self.message).__name__} is not to be merged with {later.seq}")
