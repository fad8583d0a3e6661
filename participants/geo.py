"""Positions: decimal degrees at the edge, and GCJ-02 turned into WGS-84.

Maps sold in China show positions in GCJ-02, which lies some 500 m beside WGS-84. The register keeps WGS-84 only; a
caller who copies from such a map declares ``gcj02``. The forward formula is the public one (Krasovsky 1940 ellipsoid
plus a sum of sines); it has no closed inverse, so the inverse is a fixed-point iteration, which contracts because the
shift hardly differs between two positions half a kilometre apart. Shifts that check it: Taiyuan 557 m, Xiaoyi 574 m,
Beijing 556 m.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Literal

from kernel.errors import InvalidInput
from participants.model import E7_PER_DEGREE

Datum = Literal["wgs84", "gcj02"]

_SEMI_MAJOR_M = 6_378_245.0
_ECCENTRICITY_SQUARED = 0.006_693_421_622_965_943
#: The box outside which the public formula leaves positions as they are: south, west, north, east in degrees.
GCJ02_BOX = (0.8293, 72.004, 55.8271, 137.8347)
#: A last step this small (about 0.1 mm) ends the inverse; three steps are usual, ten are never needed inside the box.
_STEP_DEGREES_MIN = 1e-9
_STEPS_MAX = 10

_DEGREES = re.compile(r"-?(0|[1-9][0-9]{0,2})(\.[0-9]{1,7})?", re.ASCII)


def position_e7(latitude: str, longitude: str, datum: Datum = "wgs84") -> tuple[int, int]:
    """Decimal degrees as text to WGS-84 degrees times 10^7.

    Raises InvalidInput with the rules ``degrees``, ``range``, ``datum`` or ``gcj02_region``.
    """
    latitude_e7 = _parse(latitude, "latitude", 90)
    longitude_e7 = _parse(longitude, "longitude", 180)
    if datum == "wgs84":
        return latitude_e7, longitude_e7
    if datum != "gcj02":
        raise InvalidInput("datum", "datum", "The datum is wgs84 or gcj02.", "坐标系须为 wgs84 或 gcj02。")
    if not in_gcj02_region(latitude_e7 / E7_PER_DEGREE, longitude_e7 / E7_PER_DEGREE):
        raise InvalidInput(
            "datum",
            "gcj02_region",
            "GCJ-02 is defined in China only: send this position as WGS-84.",
            "GCJ-02 仅适用于中国境内：请以 WGS-84 提供此坐标。",
        )
    found = gcj02_to_wgs84(latitude_e7 / E7_PER_DEGREE, longitude_e7 / E7_PER_DEGREE)
    return round(found[0] * E7_PER_DEGREE), round(found[1] * E7_PER_DEGREE)


def format_e7(degrees_e7: int) -> str:
    """375472000 gives ``"37.5472000"``."""
    return f"{Decimal(degrees_e7).scaleb(-7):f}"


def in_gcj02_region(latitude: float, longitude: float) -> bool:
    """Whether the public formula shifts a position here."""
    south, west, north, east = GCJ02_BOX
    return south <= latitude <= north and west <= longitude <= east


def wgs84_to_gcj02(latitude: float, longitude: float) -> tuple[float, float]:
    """WGS-84 degrees to GCJ-02 degrees."""
    if not in_gcj02_region(latitude, longitude):
        return latitude, longitude
    north, east = _shift(latitude, longitude)
    return latitude + north, longitude + east


def gcj02_to_wgs84(latitude: float, longitude: float) -> tuple[float, float]:
    """GCJ-02 degrees to WGS-84 degrees, to better than a millimetre inside the region."""
    if not in_gcj02_region(latitude, longitude):
        return latitude, longitude
    guess_latitude, guess_longitude = latitude, longitude
    for _ in range(_STEPS_MAX):
        north, east = _shift(guess_latitude, guess_longitude)
        step = max(abs(latitude - north - guess_latitude), abs(longitude - east - guess_longitude))
        guess_latitude, guess_longitude = latitude - north, longitude - east
        if step < _STEP_DEGREES_MIN:
            break
    return guess_latitude, guess_longitude


def _shift(latitude: float, longitude: float) -> tuple[float, float]:
    """How far GCJ-02 lies north and east of WGS-84 here, in degrees."""
    x, y = longitude - 105.0, latitude - 35.0
    root = math.sqrt(abs(x))
    common = (20.0 * math.sin(6.0 * x * math.pi) + 20.0 * math.sin(2.0 * x * math.pi)) * 2.0 / 3.0
    north_m = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + common
    north_m += _sines(y, (20.0, 1.0), (40.0, 1 / 3))
    north_m += _sines(y, (160.0, 1 / 12), (320.0, 1 / 30))
    east_m = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + common
    east_m += _sines(x, (20.0, 1.0), (40.0, 1 / 3))
    east_m += _sines(x, (150.0, 1 / 12), (300.0, 1 / 30))
    sine = math.sin(math.radians(latitude))
    curvature = 1.0 - _ECCENTRICITY_SQUARED * sine * sine
    meridian_m = _SEMI_MAJOR_M * (1.0 - _ECCENTRICITY_SQUARED) / (curvature * math.sqrt(curvature))
    parallel_m = _SEMI_MAJOR_M / math.sqrt(curvature) * math.cos(math.radians(latitude))
    return math.degrees(north_m / meridian_m), math.degrees(east_m / parallel_m)


def _sines(value: float, *terms: tuple[float, float]) -> float:
    return sum(amplitude * math.sin(value * frequency * math.pi) for amplitude, frequency in terms) * 2.0 / 3.0


def _parse(text: str, field: str, degrees_max: int) -> int:
    if _DEGREES.fullmatch(text) is None:
        raise InvalidInput(
            field,
            "degrees",
            'Write decimal degrees with at most 7 decimals, such as "37.8694".',
            '请写十进制度数，小数最多 7 位，例如 "37.8694"。',
        )
    value = int(Decimal(text).scaleb(7))
    if abs(value) > degrees_max * E7_PER_DEGREE:
        raise InvalidInput(
            field,
            "range",
            f"Degrees lie between -{degrees_max} and {degrees_max}.",
            f"度数须介于 -{degrees_max} 与 {degrees_max} 之间。",
        )
    return value
