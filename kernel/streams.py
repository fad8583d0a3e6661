"""Answers that go on for as long as nobody ends them: what they must be told of.

A request is decided by the key that it brought; a stream outlives its request, so it hears when keys change, and when
the process is told to stop.
"""

from __future__ import annotations

from collections.abc import Callable


class Streams:
    """The listeners of one process's streams."""

    def __init__(self) -> None:
        self._on_keys: list[Callable[[], None]] = []
        self._on_leave: list[Callable[[], None]] = []

    def listen(self, *, on_keys: Callable[[], None], on_leave: Callable[[], None]) -> None:
        """Calls ``on_keys`` after each change of the register, ``on_leave`` when the process is told to stop."""
        self._on_keys.append(on_keys)
        self._on_leave.append(on_leave)

    def check_keys(self) -> None:
        """The register has changed: keys may have come or gone."""
        for listener in self._on_keys:
            listener()

    def leave(self) -> None:
        """The process is told to stop. May be called from a signal's handler."""
        for listener in self._on_leave:
            listener()
