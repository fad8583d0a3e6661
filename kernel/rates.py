"""How many requests a caller made lately: windows of fixed length, in memory."""

from __future__ import annotations

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
