"""Certificates against the limits of the data file."""

from __future__ import annotations

import pytest

from kernel.clock import from_text
from tests.tracking.scene import NOW, SELLER, Scene
from tracking import commands, events
from tracking.model import CERTIFICATES, QualityCertificate
from tracking.quality import STANDARDS, find_standard, judge

STANDARD = find_standard("GB/T 37244", "2018")
#: A sample at every limit: the bound itself is inside.
AT_LIMITS = {limit.species: limit.minimum or limit.maximum or 0 for limit in STANDARD.limits}


def test_the_limits_are_those_of_the_published_table() -> None:
    """µmol/mol of the standard's table times 1000; particulates in µg/kg."""
    assert AT_LIMITS == {
        "hydrogen": 999_700_000, "total_non_hydrogen": 300_000, "water": 5_000, "total_hydrocarbons": 2_000,
        "oxygen": 5_000, "helium": 300_000, "nitrogen_and_argon": 100_000, "carbon_dioxide": 2_000,
        "carbon_monoxide": 200, "total_sulfur": 4, "formaldehyde": 10, "formic_acid": 200, "ammonia": 100,
        "total_halogenated": 50, "particulates": 1_000,
    }  # fmt: skip


def test_every_standard_says_where_it_comes_from_and_from_when_it_applies() -> None:
    for standard in STANDARDS.values():
        assert standard.source
        assert 0 < standard.valid_from_us() < from_text("2026-01-01T00:00:00+08:00")
        assert len({limit.species for limit in standard.limits}) == len(standard.limits)


def test_a_sample_at_its_limits_is_in_spec() -> None:
    assert judge(STANDARD, AT_LIMITS) == ("in_spec", ())


@pytest.mark.parametrize("limit", STANDARD.limits, ids=lambda limit: limit.species)
def test_one_species_beyond_its_limit_is_off_spec(limit: object) -> None:
    species = getattr(limit, "species", "")
    step = -1 if species == "hydrogen" else 1
    assert judge(STANDARD, AT_LIMITS | {species: AT_LIMITS[species] + step}) == ("off_spec", (species,))


def test_a_missing_species_is_incomplete_unless_another_is_off_spec() -> None:
    partial = {species: value for species, value in AT_LIMITS.items() if species != "ammonia"}
    assert judge(STANDARD, partial) == ("incomplete", ("ammonia",))
    assert judge(STANDARD, partial | {"water": 5_001}) == ("off_spec", ("water",))


def test_the_verdict_stands_in_the_event_and_on_the_shipment() -> None:
    scene = Scene().to_loaded()
    results = tuple(commands.QualityResult(species, value) for species, value in AT_LIMITS.items())
    attached = scene.do(
        commands.AttachCertificate(SELLER, "S10-1", "Taiyuan Gas Laboratory", NOW, "GB/T 37244", "2018", results)
    )[0]
    assert isinstance(attached, events.CertificateAttached)
    assert (attached.verdict, attached.findings) == ("in_spec", ())
    stored = scene.store[CERTIFICATES]["S10-1"]
    assert isinstance(stored, QualityCertificate)
    assert stored.results.startswith('[["hydrogen",999700000],["total_non_hydrogen",300000]')
    assert scene.shipment().quality == "in_spec"
