"""The fictional companies: valid where something checks them, and nobody real."""

from __future__ import annotations

from collections import Counter
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod
from stdnum.cn import uscc

from kernel.messages import Command
from participants import commands as c
from participants.machine import ParticipantsMachine
from participants.model import E7_PER_DEGREE, ROLE_OF_FACILITY
from seeds.companies import BANKS, COMPANIES, COMPANY_OF_CODE, Company, near
from seeds.containers import CONTAINER_CLASSES, TUBE20, TUBE30
from seeds.identity import account_number, credit_code, lorry_plate, vessel_code
from seeds.towns import STATION_HUBS, TOWN_OF_HUB

_EARTH = Geod(ellps="WGS84")


def test_the_cast() -> None:
    roles = Counter(company.role for company in COMPANIES)
    assert roles == {
        "operator": 1, "auditor": 1, "producer": 9, "haulier": 6, "storage_operator": 2, "station": 15,
    }  # fmt: skip
    assert {company.hub for company in COMPANIES if company.role == "station"} == {*STATION_HUBS}


@pytest.mark.parametrize("what", ["code", "uscc", "name", "name_zh", "account"])
def test_what_tells_companies_apart(what: str) -> None:
    assert len({getattr(company, what) for company in COMPANIES}) == len(COMPANIES)


def test_companies_are_found_by_code() -> None:
    assert all(COMPANY_OF_CODE[company.code] is company for company in COMPANIES)


def test_the_register_takes_every_company() -> None:
    machine, seqs = ParticipantsMachine(), count(1)

    def send(command: Command) -> int:
        seq = next(seqs)
        machine.apply(command, 1, seq)
        return seq

    for company in COMPANIES:
        participant_id = f"P{send(c.RegisterCompany(company.uscc, company.name, company.name_zh, (company.role,)))}"
        send(c.ApproveCompany(participant_id))
        for site in company.sites:
            values = [getattr(site, name) for name in c.AddFacility.__struct_fields__ if name != "participant_id"]
            send(c.AddFacility(participant_id, *values))
    assert len(machine.companies) == len(COMPANIES)
    assert len(machine.facilities) == sum(len(company.sites) for company in COMPANIES)


def test_every_trading_company_has_a_site_of_its_kind_near_its_town() -> None:
    places = set()
    for company in _trading():
        (site,) = company.sites
        town = TOWN_OF_HUB[site.hub]
        apart_m = _EARTH.inv(
            town.longitude_e7 / E7_PER_DEGREE, town.latitude_e7 / E7_PER_DEGREE,
            site.longitude_e7 / E7_PER_DEGREE, site.latitude_e7 / E7_PER_DEGREE,
        )[2]  # fmt: skip
        assert ROLE_OF_FACILITY[site.kind] == company.role
        assert 1_900 < apart_m < 6_100
        places.add((site.latitude_e7, site.longitude_e7))
    assert len(places) == len(_trading())
    assert near("TAIYUAN", 7) == near("TAIYUAN", 7) != near("TAIYUAN", 8)


def test_fleets_are_told_apart_and_of_a_known_class() -> None:
    trailers = [trailer for company in COMPANIES for trailer in company.fleet]
    assert len(trailers) == 82
    for what in ("vessel_id", "plate", "driver_licence", "escort_licence"):
        assert len({getattr(trailer, what) for trailer in trailers}) == len(trailers)
    for company in COMPANIES:
        assert bool(company.fleet) == (company.role == "haulier")
        assert {trailer.container_class for trailer in company.fleet} <= {*company.container_classes}


def test_supply_and_need_fit() -> None:
    for window in (0, 1):
        supply = sum(company.supplies[window] for company in COMPANIES)
        need = sum(company.needs[window] for company in COMPANIES)
        fleet = sum(len(company.fleet) for company in COMPANIES)
        assert 0.8 * need < supply < 1.6 * need
        assert fleet > need  # storage operators need lorries too


def test_banks() -> None:
    assert {company.bank for company in COMPANIES} == {*BANKS}


@given(st.integers(1, 99_999))
def test_credit_codes_check_and_are_fictional(number: int) -> None:
    code = credit_code(number)
    assert uscc.is_valid(code)
    assert code.startswith("91149999H2M")


def test_organisation_code_check_of_a_known_code() -> None:
    """By hand: H2M00001 weighs 17*3 + 2*7 + 22*9 + 1*2 = 265, which is 1 modulo 11, so the check is 10, written X."""
    assert credit_code(1)[8:17] == "H2M00001X"


def test_forms_of_numbers() -> None:
    assert lorry_plate(7) == "晋X0007A"
    assert vessel_code("TUBE20", 7) == "H2M-TUBE20-0007"
    assert account_number(2, 7) == "9990020000000007"


def test_what_a_trailer_sets_down_is_a_load() -> None:
    """Water volume times the fall in density, kg/m3 at 15 °C (table of densities of hydrogen, CoolProp)."""
    fall_kg_per_m3 = {TUBE20.code: 14.940 - 3.773, TUBE30.code: 21.152 - 2.499}
    for container in CONTAINER_CLASSES:
        set_down_g = container.water_volume_l * fall_kg_per_m3[container.code]
        assert container.nominal_mass_g < set_down_g < container.maximum_mass_g
        assert container.maximum_mass_g % 1_000 == 0
    assert (TUBE20.maximum_mass_g, TUBE30.maximum_mass_g) == (294_000, 630_000)


def _trading() -> list[Company]:
    return [company for company in COMPANIES if company.role not in ("operator", "auditor")]
