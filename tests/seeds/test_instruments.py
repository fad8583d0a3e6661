"""Meters err and still agree: what two honest instruments show of one load is within the tolerance of both."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.quantity import parse_mass
from seeds.companies import COMPANIES, Trailer
from seeds.containers import CONTAINER_CLASS_OF_CODE
from seeds.deliveries import HEEL_PERCENT, MISREAD_PERCENT
from seeds.instruments import (
    BIAS_PERCENT,
    CHANCE_PERCENT,
    UNCERTAINTY_PPM,
    Instrument,
    Reading,
    Truck,
    new_instrument,
    new_truck,
    pressure_of,
)
from seeds.trips import filled_g
from tracking.density import contents_g
from tracking.metering import tolerance_g
from tracking.quantities import parse_pressure, parse_temperature

_TRAILERS = {trailer.container_class: trailer for company in COMPANIES for trailer in company.fleet}
_KINDS = st.sampled_from(("flow", "weighbridge"))
_CLASSES = st.sampled_from(sorted(_TRAILERS))


def _gauged(trailer: Trailer, reading: Reading, moment: str) -> int:
    """Grams in the trailer by what its gauge showed, which is never more than the trailer bears."""
    pressure, temperature = (
        parse_pressure(reading[f"{moment}_pressure"]),
        parse_temperature(reading[f"{moment}_temperature"]),
    )
    assert pressure <= trailer.max_pressure_pa
    return contents_g(pressure, temperature, trailer.water_volume_l)


def _metered(meter: Instrument, reading: Reading) -> tuple[int, int]:
    """Grams that passed by a meter, and their uncertainty in micrograms, as tracking takes them."""
    before, after = parse_mass(reading["before_mass"]), parse_mass(reading["after_mass"])
    passed = abs(after - before)
    return passed, (passed if meter.kind == "flow" else max(before, after)) * UNCERTAINTY_PPM[meter.kind]


def _apart(truck: Truck, gauge: Reading, meter: Instrument, metered: Reading) -> tuple[int, int]:
    """How far gauge and meter are apart, and how far they may be."""
    before, after = (_gauged(truck.trailer, gauge, moment) for moment in ("before", "after"))
    passed, uncertainty_ug = _metered(meter, metered)
    tolerance = tolerance_g(uncertainty_ug, max(before, after) * UNCERTAINTY_PPM["gauge"])
    return abs(abs(after - before) - passed), tolerance


@given(st.integers(), _CLASSES, _KINDS)
def test_two_honest_readings_agree_at_loading_and_unloading(seed: int, container: str, kind: str) -> None:
    rng, made = Random(seed), CONTAINER_CLASS_OF_CODE[container]
    truck = new_truck(rng, _TRAILERS[container], "M1")
    meter = new_instrument(rng, "M2", kind)  # type: ignore[arg-type]
    true_g = filled_g(rng, made.nominal_mass_g, made.maximum_mass_g)
    loaded = meter.read(rng, true_g, set_down=False)
    apart, tolerance = _apart(truck, truck.gauge_change(rng, truck.contents_g + true_g), meter, loaded)
    assert apart <= tolerance
    residue_g = truck.heel_g() * rng.randint(*HEEL_PERCENT) // 100
    unloaded = meter.read(rng, truck.contents_g - residue_g, set_down=True)
    apart, tolerance = _apart(truck, truck.gauge_change(rng, residue_g), meter, unloaded)
    assert apart <= tolerance
    assert truck.contents_g == residue_g


@given(st.integers(), _CLASSES)
def test_no_meter_finds_less_than_was_confirmed(seed: int, container: str) -> None:
    rng, made = Random(seed), CONTAINER_CLASS_OF_CODE[container]
    truck, meter = new_truck(rng, _TRAILERS[container], "M1"), new_instrument(rng, "M2", "flow")
    true_g = filled_g(rng, made.nominal_mass_g, made.maximum_mass_g)
    assert _metered(meter, meter.read(rng, true_g, set_down=False))[0] >= made.nominal_mass_g
    gauge = truck.gauge_change(rng, truck.contents_g + true_g)
    shown_g = _gauged(truck.trailer, gauge, "after") - _gauged(truck.trailer, gauge, "before")
    assert shown_g >= made.nominal_mass_g


@given(st.integers(), _CLASSES)
def test_a_misread_gauge_is_disputed(seed: int, container: str) -> None:
    rng, made = Random(seed), CONTAINER_CLASS_OF_CODE[container]
    truck, meter = new_truck(rng, _TRAILERS[container], "M1"), new_instrument(rng, "M2", "flow")
    loaded = meter.read(rng, made.nominal_mass_g, set_down=False)
    full_g = truck.contents_g + made.nominal_mass_g
    apart, tolerance = _apart(truck, truck.gauge_change(rng, full_g, shown_percent=MISREAD_PERCENT), meter, loaded)
    assert apart > tolerance
    assert truck.contents_g == full_g  # the gas knows nothing of the gauge


@given(st.integers(), st.integers(0, 10**9), st.sampled_from(("flow", "weighbridge", "gauge")))
def test_an_instrument_stays_within_its_error(seed: int, true_g: int, kind: str) -> None:
    rng = Random(seed)
    shown_g = new_instrument(rng, "M1", kind).shown_g(rng, true_g)  # type: ignore[arg-type]
    most_ppm = UNCERTAINTY_PPM[kind] * (BIAS_PERCENT + CHANCE_PERCENT) // 100
    assert abs(shown_g - true_g) <= true_g * most_ppm // 1_000_000 + 1


def test_a_totaliser_counts_on() -> None:
    rng, meter = Random(1), Instrument("M1", "flow", 0, 5_000)
    first, second = meter.read(rng, 1_000, set_down=False), meter.read(rng, 2_000, set_down=True)
    assert first["before_mass"] == "5.000"
    assert second["before_mass"] == first["after_mass"]
    assert parse_mass(second["after_mass"]) > parse_mass(second["before_mass"])


def test_a_weighbridge_sees_a_lorry_grow_heavier_and_lighter() -> None:
    rng, meter = Random(1), Instrument("M1", "weighbridge", 0)
    loading, unloading = meter.read(rng, 280_000, set_down=False), meter.read(rng, 280_000, set_down=True)
    assert parse_mass(loading["after_mass"]) > parse_mass(loading["before_mass"]) > 38_000_000
    assert parse_mass(unloading["after_mass"]) < parse_mass(unloading["before_mass"])


@pytest.mark.parametrize("container", sorted(_TRAILERS))
@pytest.mark.parametrize("mass_g", [1, 50_000, 300_000])
def test_the_pressure_is_the_least_that_holds_the_mass(container: str, mass_g: int) -> None:
    trailer = _TRAILERS[container]
    pressure = pressure_of(trailer, mass_g, 285_000)
    assert contents_g(pressure, 285_000, trailer.water_volume_l) >= mass_g
    assert contents_g(pressure - 1, 285_000, trailer.water_volume_l) < mass_g


def test_no_pressure_is_above_what_the_trailer_bears() -> None:
    trailer = _TRAILERS["TUBE20"]
    assert pressure_of(trailer, 10_000_000, 285_000) == trailer.max_pressure_pa
