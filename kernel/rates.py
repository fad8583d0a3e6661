"""How many requests a caller made lately: windows of fixed length, in memory."""

from __future__ import annotations

#: Seconds of a window in which the requests of one key, or of one address, are counted.
RATE_WINDOW_S = 10
Used = tuple[int, int, float]  # the limit, how many there were, the seconds until the window ends
#: Callers that are remembered; a flood from more addresses than this forgets the oldest of them.
NAMES_MAX = 50_000


class Rates:
    """Counts by name in windows of ``window_s`` seconds, each of which begins with its first request."""

    def __init__(self, window_s: int, names_max: int = NAMES_MAX) -> None:
        self._window_s = window_s
        self._names_max = names_max
        self._windows: dict[str, tuple[float, int]] = {}  # when it ends, how many so far; oldest window first

    def count(self, name: str, now_s: float) -> tuple[int, float]:
        """Counts one request at ``now_s``: how many its window has with it, and the seconds until the window ends."""
        ends_s, count = self._windows.get(name, (0.0, 0))
        if now_s >= ends_s:
            self._begin(name)
            ends_s, count = now_s + self._window_s, 0
        self._windows[name] = ends_s, count + 1
        return count + 1, ends_s - now_s

    def _begin(self, name: str) -> None:
        self._windows.pop(name, None)  # a new window stands at the end
        if len(self._windows) >= self._names_max:
            del self._windows[next(iter(self._windows))]


class RequestRates:
    """What a key, or an address without one, may ask, over REST and over its streams together."""

    def __init__(self, per_window: int, anonymous_per_window: int) -> None:
        self._rates = Rates(RATE_WINDOW_S)
        self._per_window = per_window
        self._anonymous_per_window = anonymous_per_window

    def of_key(self, key_id: str, now_s: float) -> Used:
        """Counts a request, or a frame, under a key."""
        count, left_s = self._rates.count(key_id, now_s)
        return self._per_window, count, left_s

    def of_address(self, address: str, now_s: float) -> Used:
        """Counts a request without a key."""
        count, left_s = self._rates.count(f"address {address}", now_s)
        return self._anonymous_per_window, count, left_s
