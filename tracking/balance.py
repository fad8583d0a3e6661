"""The mass balance: every gram is somewhere, and each vessel and shipment agrees with the movements behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from kernel.machine import Entity
from tracking.model import (
    MOVEMENTS,
    SHIPMENTS,
    VESSELS,
    MassMovement,
    Shipment,
    Vessel,
    vessel_account,
)

#: What each account gained from its movements; the whole adds up to nothing.
Balances = dict[str, int]


class Imbalance(NamedTuple):
    """Something that does not add up: where, which rule, what it should be and what it is."""

    subject: str
    rule: str
    expected_g: int
    found_g: int
    event_seq: int


def mass_balance(entities: Mapping[str, Mapping[str, Entity]]) -> list[Imbalance]:
    """Checks a complete set of entities to the gram; empty when all is well."""
    movements = [each for each in entities.get(MOVEMENTS, {}).values() if isinstance(each, MassMovement)]
    vessels = {each.id: each for each in entities.get(VESSELS, {}).values() if isinstance(each, Vessel)}
    of_shipment: dict[str, list[MassMovement]] = {}
    for movement in movements:
        of_shipment.setdefault(movement.shipment_id, []).append(movement)
    found = [*_check_vessels(vessels, balances(movements))]
    for shipment in entities.get(SHIPMENTS, {}).values():
        if isinstance(shipment, Shipment):
            found += _check_shipment(shipment, vessels, of_shipment.get(shipment.id, []))
    return found


def balances(movements: list[MassMovement]) -> Balances:
    """What each account gained."""
    totals: Balances = {}
    for movement in movements:
        totals[movement.source] = totals.get(movement.source, 0) - movement.mass_g
        totals[movement.target] = totals.get(movement.target, 0) + movement.mass_g
    return totals


def _check_vessels(vessels: Mapping[str, Vessel], totals: Balances) -> Iterator[Imbalance]:
    for vessel in vessels.values():
        booked = totals.get(vessel_account(vessel.id), 0)
        if booked != vessel.mass_g:
            yield Imbalance(vessel.id, "vessel_contents", booked, vessel.mass_g, vessel.event_seq)
        if vessel.mass_g < 0:
            yield Imbalance(vessel.id, "contents_negative", 0, vessel.mass_g, vessel.event_seq)
    booked_vessels = {account.removeprefix("vessel:") for account in totals if account.startswith("vessel:")}
    for unknown in sorted(booked_vessels - vessels.keys()):
        yield Imbalance(unknown, "vessel_unknown", 0, totals[vessel_account(unknown)], 0)


def _check_shipment(
    shipment: Shipment, vessels: Mapping[str, Vessel], movements: list[MassMovement]
) -> Iterator[Imbalance]:
    account = vessel_account(shipment.vessel_id)
    booked = {
        "loaded": sum(each.mass_g for each in movements if each.kind == "load"),
        "delivered": sum(each.mass_g for each in movements if each.kind == "unload"),
        "returned": sum(each.mass_g for each in movements if each.kind == "return"),
        "lost": sum(
            ((each.source == account) - (each.target == account)) * each.mass_g
            for each in movements
            if each.kind in ("meter_difference", "vent")
        ),
    }
    stated = {
        "loaded": shipment.loaded_mass_g,
        "delivered": shipment.delivered_mass_g,
        "returned": shipment.returned_mass_g,
        "lost": shipment.lost_mass_g,
    }
    for rule, expected in booked.items():
        if stated[rule] != expected:
            yield Imbalance(shipment.id, rule, expected, stated[rule], shipment.event_seq)
    if shipment.heel_before_g is None:
        return
    heel_g = shipment.heel_after_g if shipment.heel_after_g is not None else vessels[shipment.vessel_id].mass_g
    gone_g = shipment.delivered_mass_g + shipment.returned_mass_g + shipment.lost_mass_g
    expected = gone_g + heel_g - shipment.heel_before_g
    if expected != shipment.loaded_mass_g:
        yield Imbalance(shipment.id, "shipment_balance", expected, shipment.loaded_mass_g, shipment.event_seq)
