"""How many orders a participant sent in these ten seconds, this hour and this day.

Hours and days end where ten seconds end, so what the hour and the day still allow is looked up once every ten seconds.
"""

from __future__ import annotations

import msgspec

from exchange.model import RATES_DEFAULT
from kernel.machine import quick

TEN_S_US, HOUR_US, DAY_US = 10_000_000, 3_600_000_000, 86_400_000_000
#: Days end at midnight in Asia/Shanghai, eight hours before UTC's.
ZONE_US = 8 * HOUR_US


@quick
class Pace(msgspec.Struct, gc=False):
    """Counts of one participant. ``used`` of ``allowed`` in the ten seconds that end at ``ends_at``."""

    per_10s_max: int = RATES_DEFAULT[0]
    per_hour_max: int = RATES_DEFAULT[1]
    per_day_max: int = RATES_DEFAULT[2]
    ends_at: int = 0
    used: int = 0
    allowed: int = 0
    hour: int = 0
    hour_used: int = 0  # before these ten seconds
    day: int = 0
    day_used: int = 0

    def room(self, at: int) -> int:
        """How many more may come now; changes nothing."""
        return self.allowed - self.used if at < self.ends_at else self._begun(at)[0]

    def uses(self, at: int) -> tuple[int, int, int]:
        """What was used of these ten seconds, this hour and this day; changes nothing."""
        if at < self.ends_at:
            return self.used, self.hour_used + self.used, self.day_used + self.used
        _, _, hour_used, _, day_used = self._begun(at)
        return 0, hour_used, day_used

    def count(self, at: int) -> None:
        """Counts one."""
        if at >= self.ends_at:
            self.begin(at)
        self.used += 1

    def begin(self, at: int) -> None:
        """Begins the ten seconds around ``at``, which something that is about to be counted has come to."""
        self.allowed, self.hour, self.hour_used, self.day, self.day_used = self._begun(at)
        self.used = 0
        self.ends_at = at - at % TEN_S_US + TEN_S_US

    def allow(self, per_10s_max: int, per_hour_max: int, per_day_max: int) -> None:
        """Sets other bounds, which hold at once."""
        self.per_10s_max, self.per_hour_max, self.per_day_max = per_10s_max, per_hour_max, per_day_max
        self.allowed = self._allowed(self.hour_used, self.day_used)

    def _begun(self, at: int) -> tuple[int, int, int, int, int]:
        """Another ten seconds: what they allow, and what their hour and day have used before them."""
        hour, day = at // HOUR_US, (at + ZONE_US) // DAY_US
        hour_used = self.hour_used + self.used if hour == self.hour else 0
        day_used = self.day_used + self.used if day == self.day else 0
        return self._allowed(hour_used, day_used), hour, hour_used, day, day_used

    def _allowed(self, hour_used: int, day_used: int) -> int:
        return min(self.per_10s_max, self.per_hour_max - hour_used, self.per_day_max - day_used)
