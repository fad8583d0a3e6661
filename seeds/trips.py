"""How a load travels: when it is filled, how long the road takes, where the lorry was on the way.

Lorries drive in straight lines between the sites at some 45 km/h, measured over the road distance; the way back empty
is not simulated. All times are UTC microseconds and fall on full ticks, so that the simulated clock stops less often.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate
from random import Random
from typing import Any

from kernel.clock import to_text
from kernel.quantity import MICROS_PER_S
from participants.model import E7_PER_DEGREE
from seeds.roads import road_m

MINUTE_US = 60 * MICROS_PER_S
TICK_US = 10 * MINUTE_US
#: Plants begin this long before a window opens.
EARLY_MIN = 60
#: Loading is begun within so many minutes from when it can be.
STAGGER_MIN = 120
SPEED_KM_H = (40, 50)
FILLING_MIN = (40, 70)
EMPTYING_MIN = (35, 60)
#: Minutes between two fixes of a terminal.
FIX_EVERY_MIN = 15
#: A plant fills a little beyond what was confirmed, in ppm, so that no meter finds less.
BEYOND_PPM = (9_000, 13_000)

Position = tuple[int, int]
Fix = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """The times of a load."""

    fill_at: int
    depart_at: int
    arrive_at: int
    empty_at: int  # when it is empty and read

    def later(self, minutes: int) -> Plan:
        """All of it later."""
        move_us = minutes * MINUTE_US
        return Plan(*(at + move_us for at in (self.fill_at, self.depart_at, self.arrive_at, self.empty_at)))

    def arriving(self, at: int) -> Plan:
        """Held up on the road until ``at``."""
        return replace(self, arrive_at=at, empty_at=at + self.empty_at - self.arrive_at)


def plan_trip(rng: Random, origin: str, destination: str, window_start: int, window_end: int) -> Plan:
    """The times of a load that comes inside its window, from hub to hub."""
    fill_us = rng.randint(*FILLING_MIN) * MINUTE_US
    road_us = road_m(origin, destination) * 3_600 // (1_000 * rng.randint(*SPEED_KM_H)) * MICROS_PER_S
    empty_us = rng.randint(*EMPTYING_MIN) * MINUTE_US
    earliest = max(window_start - EARLY_MIN * MINUTE_US, window_start - fill_us - road_us)
    latest = window_end - fill_us - road_us - empty_us - 4 * TICK_US
    fill_at = earliest + min(rng.randint(0, STAGGER_MIN) * MINUTE_US, max(0, latest - earliest))
    # Each stretch is rounded up by itself: a departure put off must not make the lorry faster.
    ends = accumulate((on_tick(fill_at), *map(on_tick, (fill_us, road_us, empty_us))))
    return Plan(*ends)


def on_tick(at: int) -> int:
    """The next full tick."""
    return -(-at // TICK_US) * TICK_US


def filled_g(rng: Random, confirmed_g: int, maximum_g: int) -> int:
    """What a plant truly fills for a confirmed mass."""
    return min(confirmed_g + confirmed_g * rng.randint(*BEYOND_PPM) // 1_000_000, maximum_g)


def fix_times(depart_at: int, arrive_at: int) -> list[int]:
    """When the terminal takes its fixes, the last one at arrival."""
    return [*range(depart_at, arrive_at, FIX_EVERY_MIN * MINUTE_US), arrive_at]


def fix(at: int, plan: Plan, origin: Position, destination: Position, metres: int) -> Fix:
    """Where a lorry is at a time of its trip, and how fast."""
    whole = plan.arrive_at - plan.depart_at
    gone = at - plan.depart_at
    latitude, longitude = (
        start + (end - start) * gone // whole for start, end in zip(origin, destination, strict=True)
    )
    moving = 0 < gone < whole
    return {
        "fix_time": to_text(at),
        "latitude": latitude / E7_PER_DEGREE,
        "longitude": longitude / E7_PER_DEGREE,
        "speed_km_h": round(metres * 3_600 * MICROS_PER_S / whole) / 1_000 if moving else 0.0,
    }
