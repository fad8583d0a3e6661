"""How the fictional market comes onto the platform: companies, keys, places, fleets, products, capacities.

Everything goes through the public interface: the operator registers and approves, then each company does its own part
with its own key.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from random import Random
from typing import Any

from kernel.clock import to_text
from kernel.quantity import format_mass, format_price
from participants.model import E7_PER_DEGREE
from seeds.client import Session
from seeds.companies import COMPANIES, Company, Site, Trailer
from seeds.instruments import UNCERTAINTY_PPM, Instrument, new_instrument, new_truck
from seeds.members import Market, Member
from seeds.pace import Pace
from seeds.products import WINDOW_HOURS, ProductTerms, products, window_us
from tracking.quantities import format_pressure, format_temperature

Step = Callable[[int], None]

OPERATOR = COMPANIES[0]
TRADER_SCOPES = ("trade", "track", "settle", "read")
AUDITOR_SCOPES = ("read", "audit")
#: Vessels are inspected and meters calibrated for so long from the day on.
VALID_DAYS = 300
#: A fictional clearing code of a bank's head office: no bank has a code that begins with 9991.
_BANK_CODE = "9991{number:08d}"


def steps_of_founding(days: int) -> int:
    """How often `found` reports a step."""
    return len(COMPANIES) - 1 + days * len(products(date(2026, 1, 1)))


def found(operator: Session, operator_id: str, pace: Pace, first_day: date, rng: Random, step: Step) -> Market:
    """Brings the companies onto the platform; ``first_day`` is the first day of trading."""
    members: dict[str, Member] = {}
    pace.catch_up()
    for company in COMPANIES[1:]:
        members[company.code] = _register(operator, company)
        step(1)
    pace.catch_up()  # so that every process knows the keys
    market = Market(operator, operator_id, members, {member.participant_id: member for member in members.values()})
    for member in market.traders():
        _settle_in(member)
    pace.catch_up()  # ids are positions in a log: no facility comes between two meters by chance
    for member in market.traders():
        _equip(member, first_day, rng)
    pace.catch_up()
    return market


def _register(operator: Session, company: Company) -> Member:
    entered = {"uscc": company.uscc, "name": company.name, "name_zh": company.name_zh, "roles": [company.role]}
    participant_id = operator.post("/v1/participants", entered)["participant_id"]
    operator.post(f"/v1/participants/{participant_id}/approval")
    scopes = AUDITOR_SCOPES if company.role == "auditor" else TRADER_SCOPES
    key = {"participant_id": participant_id, "scopes": scopes, "label": f"{company.name} trading desk"}
    secret = operator.post("/v1/keys", key)["secret"]
    return Member(company, participant_id, Session(operator.wire, secret, company.code))


def _settle_in(member: Member) -> None:
    company, session = member.company, member.session
    payout = {
        "holder": company.name_zh,
        "account_number": company.account,
        "bank_code": _BANK_CODE.format(number=company.bank.number),
    }
    session.put("/v1/payout-account", payout)
    member.facility_id = session.post("/v1/facilities", _facility(company.sites[0]))["facility_id"]


def _equip(member: Member, day: date, rng: Random) -> None:
    company, session = member.company, member.session
    valid_until = to_text(window_us(day + timedelta(days=VALID_DAYS), "A")[0])
    if company.fleet:
        for trailer in company.fleet:
            _bring_truck(member, trailer, valid_until, rng)
        return
    flow = _meter(session, rng, "flow", f"{company.name} flow meter", valid_until)
    member.giving = member.taking = flow
    if company.role == "storage_operator":
        member.taking = _meter(session, rng, "weighbridge", f"{company.name} weighbridge", valid_until)


def _facility(site: Site) -> dict[str, Any]:
    return {
        "kind": site.kind,
        "name": site.name,
        "name_zh": site.name_zh,
        "hub": site.hub,
        "latitude": site.latitude_e7 / E7_PER_DEGREE,
        "longitude": site.longitude_e7 / E7_PER_DEGREE,
        "opens": _clock_text(site.opens_minute),
        "closes": _clock_text(site.closes_minute),
    }


def _clock_text(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _bring_truck(member: Member, trailer: Trailer, valid_until: str, rng: Random) -> None:
    session = member.session
    session.post("/v1/vehicles", {"plate": trailer.plate})
    vessel = {
        "vessel_id": trailer.vessel_id,
        "kind": "tube_trailer",
        "water_volume_l": trailer.water_volume_l,
        "max_pressure": format_pressure(trailer.max_pressure_pa),
        "inspection_due": valid_until,
        "heel_pressure": format_pressure(trailer.heel_pressure_pa),
        "heel_temperature": format_temperature(trailer.heel_temperature_mk),
    }
    session.post("/v1/vessels", vessel)
    gauge = _meter_id(session, "gauge", f"Gauge of {trailer.vessel_id}", valid_until)
    member.trucks.append(new_truck(rng, trailer, gauge))


def _meter(session: Session, rng: Random, kind: Any, label: str, valid_until: str) -> Instrument:
    return new_instrument(rng, _meter_id(session, kind, label, valid_until), kind)


def _meter_id(session: Session, kind: str, label: str, valid_until: str) -> str:
    meter = {
        "kind": kind,
        "label": label,
        "uncertainty_ppm": UNCERTAINTY_PPM[kind],
        "calibrated_until": valid_until,
    }
    return str((session.post("/v1/meters", meter))["meter_id"])


def list_products(market: Market, pace: Pace, day: date, step: Step) -> None:
    """Lists what is traded on ``day``, and has everybody declare what it can provide on the day after."""
    for terms in products(day):
        market.operator.post("/v1/products", product_body(terms))
        step(1)
    pace.catch_up()
    for member in market.traders():
        for loads, window in zip(member.company.capacity, WINDOW_HOURS, strict=True):
            if loads:
                start = window_us(day + timedelta(days=1), window)[0]
                declared = {"commodity": member.company.commodity, "window_start": to_text(start), "loads": loads}
                member.session.put("/v1/capacities", declared)


def product_body(terms: ProductTerms) -> dict[str, Any]:
    """What lists a product; controls beside its terms are the caller's to add."""
    return {
        "product_id": terms.product_id,
        "kind": terms.kind,
        "hub": terms.hub,
        "destination_hub": terms.destination_hub,
        "container_class": terms.container_class,
        "grade": terms.grade,
        "nominal_mass": format_mass(terms.nominal_mass_g),
        "maximum_mass": format_mass(terms.maximum_mass_g),
        "window_start": to_text(terms.window_start),
        "window_end": to_text(terms.window_end),
        "price_tick": format_price(terms.price_tick_fen),
        "price_max": format_price(terms.price_max_fen),
        "loads_max": terms.loads_max,
    }
