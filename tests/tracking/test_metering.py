"""Tolerances: the combined uncertainty of both meters, in integers."""

from __future__ import annotations

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tracking.scene import HAULIER, NOMINAL_G, SELLER, Scene, names
from tracking.metering import COVERAGE_FACTOR, tolerance_g
from tracking.model import class_pressure_pa

uncertainties = st.integers(0, 10**17)


@given(uncertainties, uncertainties)
def test_the_tolerance_is_the_rounded_down_root(one_ug: int, other_ug: int) -> None:
    with localcontext() as context:
        context.prec = 60
        exact = COVERAGE_FACTOR * (Decimal(one_ug) ** 2 + Decimal(other_ug) ** 2).sqrt() / 1_000_000
    assert tolerance_g(one_ug, other_ug) == int(exact)


@given(uncertainties, uncertainties, st.integers(0, 10**15))
def test_a_worse_meter_never_narrows_the_tolerance(one_ug: int, other_ug: int, more_ug: int) -> None:
    assert tolerance_g(one_ug + more_ug, other_ug) >= tolerance_g(one_ug, other_ug) == tolerance_g(other_ug, one_ug)


def test_three_four_five() -> None:
    assert tolerance_g(3_000_000, 4_000_000) == 10


@pytest.mark.parametrize(("difference_g", "status"), [(0, "proposed"), (4, "proposed"), (5, "disputed")])
def test_the_bound_itself_is_inside(difference_g: int, status: str) -> None:
    """330 kg by a flow meter of 5000 ppm and 38.33 t on a weighbridge of 50 ppm: 2 sqrt(1650^2 + 1916.5^2) = 5057 g."""
    scene = Scene().to_transport()
    scene.read("load", "giver", SELLER, NOMINAL_G)
    concluded = scene.read("load", "taker", HAULIER, NOMINAL_G - 5_053 - difference_g)
    assert scene.hand_over("load").tolerance_g == 5_057
    assert scene.hand_over("load").status == status
    assert names(concluded)[0] == "ReadingRecorded"


@pytest.mark.parametrize(
    ("container_class", "pressure_pa"),
    [("TUBE20", 20_000_000), ("TUBE52", 52_000_000), ("BUNDLE", 0), ("", 0), ("20TUBE", 0)],
)
def test_a_container_class_names_its_pressure(container_class: str, pressure_pa: int) -> None:
    assert class_pressure_pa(container_class) == pressure_pa
