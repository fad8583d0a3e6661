"""The density of hydrogen against what NIST published, and as a function that a meter can rely on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.density import (
    PRESSURE_PA_MAX,
    TEMPERATURE_MK_MAX,
    TEMPERATURE_MK_MIN,
    capacity_g,
    compressibility,
    contents_g,
    density_g_per_m3,
)

#: Lemmon, Huber, Leachman 2008: (T in K, p in MPa) -> Z.
PUBLISHED = (
    (200, 1, 1.00675450),
    (300, 10, 1.05985282),
    (400, 50, 1.24304763),
    (500, 200, 1.74461629),
    (200, 200, 2.85953449),
)
#: Leachman's equation of state in CoolProp 8.0: (MPa, °C) -> kg/m3, printed to the gram.
REFERENCE = (
    (5, -40, 5_029), (5, 0, 4_304), (5, 15, 4_083), (5, 25, 3_949), (5, 40, 3_763), (5, 85, 3_299),
    (20, -40, 18_125), (20, 0, 15_687), (20, 15, 14_940), (20, 25, 14_481), (20, 40, 13_846), (20, 85, 12_242),
    (30, 15, 21_152), (35, 15, 23_995), (50, -40, 37_157), (50, 15, 31_637), (70, 15, 40_172), (70, 85, 34_375),
)  # fmt: skip

pressures = st.integers(0, PRESSURE_PA_MAX)
temperatures = st.integers(TEMPERATURE_MK_MIN, 400_000)


@pytest.mark.parametrize(("kelvin", "megapascal", "z"), PUBLISHED)
def test_compressibility_is_the_published_one(kelvin: int, megapascal: int, z: float) -> None:
    assert compressibility(megapascal * 1_000_000, kelvin * 1_000) == pytest.approx(z, abs=1e-8)


@pytest.mark.parametrize(("megapascal", "celsius", "density"), REFERENCE)
def test_density_agrees_with_the_full_equation_of_state(megapascal: int, celsius: int, density: int) -> None:
    found = density_g_per_m3(megapascal * 1_000_000, celsius * 1_000 + 273_150)
    assert abs(found - density) <= density * 1e-4 + 1


@given(pressures, pressures, temperatures)
def test_contents_rise_with_pressure(one_pa: int, other_pa: int, temperature_mk: int) -> None:
    low, high = sorted((one_pa, other_pa))
    assert contents_g(low, temperature_mk, 26_000) <= contents_g(high, temperature_mk, 26_000)


@given(pressures, temperatures, temperatures)
def test_contents_fall_with_temperature(pressure_pa: int, one_mk: int, other_mk: int) -> None:
    cold, warm = sorted((one_mk, other_mk))
    assert contents_g(pressure_pa, cold, 26_000) >= contents_g(pressure_pa, warm, 26_000)


def test_density_is_strictly_monotonic_step_by_step() -> None:
    by_pressure = [density_g_per_m3(pa, 288_150) for pa in range(0, PRESSURE_PA_MAX + 1, 500_000)]
    by_temperature = [density_g_per_m3(20_000_000, mk) for mk in range(220_000, 400_001, 1_000)]
    assert by_pressure == sorted(set(by_pressure))
    assert by_temperature == sorted(set(by_temperature), reverse=True)


def test_an_empty_vessel_holds_nothing() -> None:
    assert contents_g(0, 288_150, 26_000) == 0


def test_a_trailer_of_26_m3_holds_388_kg_at_20_mpa_and_15_degrees() -> None:
    assert capacity_g(20_000_000, 26_000) == 388_430


def test_cooling_is_no_loss() -> None:
    """The gas of 20 MPa at 40 °C reads 18.36 MPa at 15 °C: the same grams."""
    hot, cooled = contents_g(20_000_000, 313_150, 26_000), contents_g(18_360_000, 288_150, 26_000)
    assert abs(hot - cooled) < hot // 1_000


@pytest.mark.parametrize(
    ("pressure_pa", "temperature_mk"),
    [(-1, 288_150), (PRESSURE_PA_MAX + 1, 288_150), (1, TEMPERATURE_MK_MIN - 1), (1, TEMPERATURE_MK_MAX + 1)],
)
def test_outside_its_limits_the_form_says_nothing(pressure_pa: int, temperature_mk: int) -> None:
    with pytest.raises(ValueError, match="is outside"):
        contents_g(pressure_pa, temperature_mk, 1)
