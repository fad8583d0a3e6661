"""One command's turn: the view it decides over, its time, and the log position of its next event.

Deciders are generators of events. The machine takes each event into effect before it asks for the next, so a decider
sees its own effects; it raises its refusals before the first event and never after.
"""

from __future__ import annotations

import re
from typing import TypeVar

from kernel.errors import NotFound
from kernel.machine import Entity, View
from tracking import errors
from tracking.model import (
    FACILITIES,
    METERS,
    POOLS,
    PRODUCTS,
    SHIPMENTS,
    VEHICLES,
    VESSELS,
    Facility,
    Meter,
    PairingPool,
    Product,
    Shipment,
    ShipmentStatus,
    Vehicle,
    Vessel,
)

#: Names, reasons, licence numbers: a line of a form.
TEXT_LENGTH_MAX = 200
CODE_LENGTH_MAX = 32
#: Capitals only, as on the plate itself: 晋a0001 would be a second lorry, free while 晋A0001 is on the road.
_CODE = re.compile(r"[0-9A-Z\u4e00-\u9fff][0-9A-Z\u4e00-\u9fff-]{1,31}")

E = TypeVar("E", bound=Entity)


class Turn:
    """Where a decider stands."""

    __slots__ = ("at", "seq", "view")

    def __init__(self, view: View, at: int, seq: int) -> None:
        self.view = view
        self.at = at
        self.seq = seq

    def find(self, kind: type[E], table: str, key: str, noun: str, field: str) -> E:
        """The entity. Raises NotFound naming the field."""
        found = self.view.get(kind, table, key)
        if found is None:
            raise NotFound(field=field, kind=noun, id=key)
        return found

    def put(self, table: str, entity: Entity, key: str) -> None:
        """Stores an entity that the event at this position changed."""
        entity.event_seq = self.seq  # type: ignore[attr-defined]  # every entity has it, as its last field
        self.view.put(table, key, entity)

    # --- what is known, for evolving: the log says that it exists

    def product(self, key: str) -> Product:
        return known(self.view.get(Product, PRODUCTS, key))

    def shipment(self, key: str) -> Shipment:
        return known(self.view.get(Shipment, SHIPMENTS, key))

    def vessel(self, key: str) -> Vessel:
        return known(self.view.get(Vessel, VESSELS, key))

    def vehicle(self, key: str) -> Vehicle:
        return known(self.view.get(Vehicle, VEHICLES, key))

    def pool(self, participant_id: str) -> PairingPool:
        """The pool of a party, empty where it had none."""
        found = self.view.get(PairingPool, POOLS, participant_id)
        return found if found is not None else PairingPool(participant_id, "", "", 0)

    # --- what a caller may name, for deciding

    def own_shipment(self, participant_id: str, key: str) -> Shipment:
        """A shipment that the participant is a party of; others do not exist for it."""
        shipment = self.find(Shipment, SHIPMENTS, key, "shipment", "shipment_id")
        if participant_id not in (shipment.seller_id, shipment.buyer_id, shipment.carrier_id):
            raise NotFound(field="shipment_id", kind="shipment", id=key)
        return shipment

    def own_facility(self, participant_id: str, key: str) -> Facility:
        facility = self.find(Facility, FACILITIES, key, "facility", "facility_id")
        if facility.participant_id != participant_id:
            raise NotFound(field="facility_id", kind="facility", id=key)
        return facility

    def own_vehicle(self, participant_id: str, plate: str) -> Vehicle:
        vehicle = self.find(Vehicle, VEHICLES, plate, "vehicle", "plate")
        if vehicle.owner_id != participant_id:
            raise NotFound(field="plate", kind="vehicle", id=plate)
        return vehicle

    def own_vessel(self, participant_id: str, key: str) -> Vessel:
        vessel = self.find(Vessel, VESSELS, key, "vessel", "vessel_id")
        if vessel.custodian_id != participant_id:
            raise NotFound(field="vessel_id", kind="vessel", id=key)
        return vessel

    def own_meter(self, participant_id: str, key: str) -> Meter:
        meter = self.find(Meter, METERS, key, "meter", "meter_id")
        if meter.owner_id != participant_id:
            raise NotFound(field="meter_id", kind="meter", id=key)
        return meter


def known(found: E | None) -> E:
    """What an event of the log says must be there."""
    assert found is not None, "the entity is not in the view: it is missing from touches()"
    return found


def check_range(field: str, value: int, minimum: int, maximum: int) -> None:
    """Raises OutOfRange."""
    if not minimum <= value <= maximum:
        raise errors.OutOfRange(field, value, minimum, maximum)


def check_text(field: str, text: str, length_max: int = TEXT_LENGTH_MAX) -> None:
    """Raises TextUnfit for a text that is empty, too long, not printable or has blanks around it."""
    if not 1 <= len(text) <= length_max or text != text.strip() or not text.isprintable():
        raise errors.TextUnfit(field=field, length_max=length_max)


def check_code(field: str, code: str) -> None:
    """Raises CodeUnfit for what is no plate or registration code."""
    if _CODE.fullmatch(code) is None:
        raise errors.CodeUnfit(field=field, length_max=CODE_LENGTH_MAX)


def check_state(shipment: Shipment, *expected: ShipmentStatus) -> None:
    """Raises WrongState, or ShipmentHeld while a hand-over is disputed."""
    if shipment.held:
        raise errors.ShipmentHeld(field="shipment_id", shipment_id=shipment.id)
    if shipment.status not in expected:
        raise errors.WrongState(
            field="shipment_id", shipment_id=shipment.id, status=shipment.status, expected=" / ".join(expected)
        )


def check_party(shipment: Shipment, participant_id: str, wanted: str, role: str) -> None:
    """Raises WrongParty unless the participant is the one whose step it is."""
    if participant_id != wanted:
        raise errors.WrongParty(field="participant_id", expected=role, shipment_id=shipment.id)


def split_ids(text: str) -> list[str]:
    """A column of ids to its ids, in order."""
    return text.split()


def with_id(text: str, key: str) -> str:
    """A column of ids with one more at its end."""
    return f"{text} {key}" if text else key


def without_id(text: str, key: str) -> str:
    """A column of ids without one."""
    return " ".join(each for each in text.split() if each != key)
