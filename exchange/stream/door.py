"""Who may come in: keys, how many connections one key may have, and how many frames it may send."""

from __future__ import annotations

import math
import time
from typing import Self

from kernel.auth import Authenticator, Principal
from kernel.errors import RateLimited
from kernel.rates import RATE_WINDOW_S, RequestRates, Used

#: Streams that one key, or one address without a key, may have open at a time.
STREAMS_PER_NAME_MAX = 100


class Door:
    """The limits of the streams. A frame counts as a request, in the same count as those over REST."""

    def __init__(self, authenticator: Authenticator, rates: RequestRates) -> None:
        self.streams_max = STREAMS_PER_NAME_MAX
        self._authenticator = authenticator
        self._rates = rates
        self._streams: dict[str, int] = {}

    def find(self, secret: str) -> Principal | None:
        """The principal of a key's secret; None for one that nobody has."""
        return self._authenticator.authenticate(secret)

    def count(self, key_id: str, now_s: float) -> None:
        """Counts a frame. Raises RateLimited for one too many."""
        self._allow(self._rates.of_key(key_id, now_s))

    def count_anonymous(self, address: str) -> None:
        """Counts a connection that brings no key yet. Raises RateLimited for one too many."""
        self._allow(self._rates.of_address(address, time.monotonic()))

    def _allow(self, used: Used) -> None:
        limit, count, left_s = used
        if count > limit:
            raise RateLimited(limit=limit, window_s=RATE_WINDOW_S, retry_after_s=math.ceil(left_s))

    def take(self, name: str) -> Place:
        """A place for one stream. Raises RateLimited where the name has no more."""
        taken = self._streams.get(name, 0)
        if taken >= self.streams_max:
            raise RateLimited(limit=self.streams_max, window_s=RATE_WINDOW_S, retry_after_s=RATE_WINDOW_S)
        self._streams[name] = taken + 1
        return Place(self, name)

    def give_back(self, name: str) -> None:
        """Frees a place."""
        self._streams[name] -= 1
        if not self._streams[name]:
            del self._streams[name]


class Place:
    """A place that one stream takes."""

    def __init__(self, door: Door, name: str) -> None:
        self.name = name
        self._door = door

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._door.give_back(self.name)

    def move(self, name: str) -> None:
        """Takes a place of another name instead: an address's, once its key is known. Raises RateLimited."""
        if name != self.name:
            self._door.take(name)
            self._door.give_back(self.name)
            self.name = name
