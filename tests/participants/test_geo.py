"""GCJ-02 against figures that were measured with the public formula, and the inverse against the forward formula."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from kernel.errors import InvalidInput
from participants.geo import format_e7, gcj02_to_wgs84, in_gcj02_region, position_e7, wgs84_to_gcj02

_EARTH = Geod(ellps="WGS84")


def _apart_m(first: tuple[float, float], second: tuple[float, float]) -> float:
    return float(_EARTH.inv(first[1], first[0], second[1], second[0])[2])


@pytest.mark.parametrize(
    ("town", "latitude", "longitude", "shift_m"),
    [
        ("Taiyuan", 37.87, 112.55, 557),
        ("Xiaoyi", 37.146, 111.779, 574),
        ("Beijing", 39.9042, 116.4074, 556),
        ("Shanghai", 31.2304, 121.4737, 482),
        ("Foshan", 23.0218, 113.1219, 629),
    ],
)
def test_shift_of_known_towns(town: str, latitude: float, longitude: float, shift_m: int) -> None:
    assert round(_apart_m((latitude, longitude), wgs84_to_gcj02(latitude, longitude))) == shift_m


@given(st.floats(18, 54), st.floats(73, 135))
def test_inverse_undoes_the_shift(latitude: float, longitude: float) -> None:
    back = gcj02_to_wgs84(*wgs84_to_gcj02(latitude, longitude))
    assert _apart_m((latitude, longitude), back) < 0.001


@pytest.mark.parametrize(("latitude", "longitude"), [(35.68, 139.69), (-33.9, 151.2), (51.5, -0.1)])
def test_nothing_is_shifted_outside_the_region(latitude: float, longitude: float) -> None:
    assert not in_gcj02_region(latitude, longitude)
    assert wgs84_to_gcj02(latitude, longitude) == (latitude, longitude)
    assert gcj02_to_wgs84(latitude, longitude) == (latitude, longitude)


def test_position_is_taken_as_declared() -> None:
    assert position_e7("37.87", "112.55") == (378_700_000, 1_125_500_000)
    latitude, longitude = wgs84_to_gcj02(37.87, 112.55)
    converted = position_e7(f"{latitude:.7f}", f"{longitude:.7f}", "gcj02")
    a_seventh_decimal_m = 0.012
    assert _apart_m((37.87, 112.55), (converted[0] / 1e7, converted[1] / 1e7)) < a_seventh_decimal_m


@pytest.mark.parametrize(
    ("latitude", "longitude", "datum", "field", "rule"),
    [
        ("37.87000001", "112.55", "wgs84", "latitude", "degrees"),
        ("37,87", "112.55", "wgs84", "latitude", "degrees"),
        ("1e1", "112.55", "wgs84", "latitude", "degrees"),
        ("37.87", "+112.55", "wgs84", "longitude", "degrees"),
        ("37.87", "112.55\n", "wgs84", "longitude", "degrees"),
        ("90.0000001", "112.55", "wgs84", "latitude", "range"),
        ("37.87", "-180.1", "wgs84", "longitude", "range"),
        ("35.68", "139.69", "gcj02", "datum", "gcj02_region"),
        ("37.87", "112.55", "bd09", "datum", "datum"),
    ],
)
def test_what_is_no_position(latitude: str, longitude: str, datum: str, field: str, rule: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        position_e7(latitude, longitude, datum)  # type: ignore[arg-type]  # a caller may send anything
    assert (caught.value.field, caught.value.rule) == (field, rule)


@given(st.integers(-1_800_000_000, 1_800_000_000))
def test_degrees_survive_being_written(degrees_e7: int) -> None:
    assert position_e7("0", format_e7(degrees_e7)) == (0, degrees_e7)
