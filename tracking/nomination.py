"""Nomination: how much, where, and with which lorry and vessel. Of two masses the lesser stands."""

from __future__ import annotations

from collections.abc import Iterator

from kernel.clock import to_text
from kernel.messages import Event
from kernel.quantity import format_decimal, format_mass
from tracking import commands, errors, events
from tracking.density import capacity_g
from tracking.model import (
    DROPOFF_KINDS,
    PICKUP_KINDS,
    SHIPMENTS,
    VEHICLES,
    VESSELS,
    Facility,
    Shipment,
    Side,
    Vehicle,
    Vessel,
    class_pressure_pa,
)
from tracking.planning import leave_pool
from tracking.transport import free_transport
from tracking.turn import Turn, check_party, check_range, check_state, check_text


def nominate(turn: Turn, command: commands.Nominate) -> Iterator[Event]:
    shipment = turn.own_shipment(command.participant_id, command.shipment_id)
    side = _nominating_side(shipment, command.participant_id)
    check_state(shipment, "planned")
    _check_window(shipment, turn.at)
    check_range("mass_g", command.mass_g, 1, shipment.maximum_mass_g)
    facility = turn.own_facility(command.participant_id, command.facility_id)
    _check_facility(shipment, side, facility)
    yield events.MassNominated(
        shipment_id=shipment.id, participant_id=command.participant_id, side=side, mass_g=command.mass_g,
        facility_id=facility.id, hub=facility.hub,
    )  # fmt: skip
    if shipment.seller_mass_g is not None and shipment.buyer_mass_g is not None:
        yield events.NominationConfirmed(
            shipment_id=shipment.id, mass_g=min(shipment.seller_mass_g, shipment.buyer_mass_g),
            pickup_facility_id=shipment.pickup_facility_id, dropoff_facility_id=shipment.dropoff_facility_id,
        )  # fmt: skip


def nominate_transport(turn: Turn, command: commands.NominateTransport) -> Iterator[Event]:
    shipment = turn.own_shipment(command.participant_id, command.shipment_id)
    carrier_id = shipment.carrier_id or shipment.transport_party_id
    check_party(shipment, command.participant_id, carrier_id, "carrier")
    check_state(shipment, "nominated")
    _check_window(shipment, turn.at)
    check_text("driver_licence", command.driver_licence)
    check_text("escort_licence", command.escort_licence)
    vehicle = turn.own_vehicle(command.participant_id, command.plate)
    vessel = turn.own_vessel(command.participant_id, command.vessel_id)
    _check_free(shipment, vehicle, vessel)
    _check_vessel(shipment, vessel)
    yield events.TransportNominated(
        shipment_id=shipment.id, participant_id=command.participant_id, plate=vehicle.id, vessel_id=vessel.id,
        driver_licence=command.driver_licence, escort_licence=command.escort_licence,
        own_transport=not shipment.haulage_id,
    )  # fmt: skip


def _nominating_side(shipment: Shipment, participant_id: str) -> Side:
    if participant_id == shipment.seller_id:
        return "giver"
    if participant_id == shipment.buyer_id:
        return "taker"
    raise errors.WrongParty(field="participant_id", expected="seller / buyer", shipment_id=shipment.id)


def _check_window(shipment: Shipment, at: int) -> None:
    if at >= shipment.window_end:
        raise errors.WindowEnded(field="shipment_id", shipment_id=shipment.id, window_end=to_text(shipment.window_end))


def _check_facility(shipment: Shipment, side: Side, facility: Facility) -> None:
    accepted = PICKUP_KINDS if side == "giver" else DROPOFF_KINDS
    if facility.kind not in accepted:
        raise errors.FacilityKindUnfit(
            field="facility_id", facility_id=facility.id, kind=facility.kind, accepted=", ".join(sorted(accepted))
        )
    expected = _required_hub(shipment, side)
    if expected and facility.hub != expected:
        raise errors.FacilityElsewhere(
            field="facility_id", facility_id=facility.id, hub=facility.hub, expected=expected
        )


def _required_hub(shipment: Shipment, side: Side) -> str:
    """The hub that the product or the haulage fixes on this side; "" where the party may choose."""
    by_product = shipment.kind == "ex_works" if side == "giver" else shipment.kind == "delivered"
    if not by_product and not shipment.haulage_id:
        return ""
    return shipment.origin_hub if side == "giver" else shipment.destination_hub


def _check_free(shipment: Shipment, vehicle: Vehicle, vessel: Vessel) -> None:
    if vehicle.shipment_id not in ("", shipment.id):
        raise errors.VehicleBusy(field="plate", plate=vehicle.id, shipment_id=vehicle.shipment_id)
    if vessel.shipment_id not in ("", shipment.id):
        raise errors.VesselBusy(field="vessel_id", vessel_id=vessel.id, shipment_id=vessel.shipment_id)


def _mpa(pressure_pa: int) -> str:
    """Pascals as a person reads them: 20000000 is 20.0."""
    whole, _, fraction = format_decimal(pressure_pa, 6).partition(".")
    return f"{whole}.{fraction.rstrip('0') or '0'}"


def _check_vessel(shipment: Shipment, vessel: Vessel) -> None:
    needed_pa = class_pressure_pa(shipment.container_class)
    if vessel.max_pressure_pa < needed_pa:
        raise errors.VesselPressureTooLow(
            field="vessel_id", vessel_id=vessel.id, max_pressure=_mpa(vessel.max_pressure_pa),
            container_class=shipment.container_class, needed=_mpa(needed_pa),
        )  # fmt: skip
    capacity = capacity_g(vessel.max_pressure_pa, vessel.water_volume_l)
    needed_g = shipment.confirmed_mass_g or 0
    if capacity < needed_g:
        raise errors.VesselTooSmall(
            field="vessel_id", vessel_id=vessel.id, capacity=format_mass(capacity), needed=format_mass(needed_g)
        )
    if vessel.inspection_due_at < shipment.window_end:
        raise errors.InspectionDue(
            field="vessel_id", vessel_id=vessel.id, inspection_due=to_text(vessel.inspection_due_at)
        )


# --- effects


def mass_nominated(turn: Turn, event: events.MassNominated) -> None:
    shipment = turn.shipment(event.shipment_id)
    if event.side == "giver":
        shipment.seller_mass_g = event.mass_g
        shipment.pickup_facility_id = event.facility_id
        shipment.origin_hub = event.hub
    else:
        shipment.buyer_mass_g = event.mass_g
        shipment.dropoff_facility_id = event.facility_id
        shipment.destination_hub = event.hub
    turn.put(SHIPMENTS, shipment, shipment.id)


def nomination_confirmed(turn: Turn, event: events.NominationConfirmed) -> None:
    shipment = turn.shipment(event.shipment_id)
    shipment.confirmed_mass_g = event.mass_g
    shipment.status = "nominated"
    turn.put(SHIPMENTS, shipment, shipment.id)


def transport_nominated(turn: Turn, event: events.TransportNominated) -> None:
    shipment = turn.shipment(event.shipment_id)
    free_transport(turn, shipment)
    if event.own_transport:
        leave_pool(turn, shipment)
    shipment.carrier_id = event.participant_id
    shipment.plate = event.plate
    shipment.vessel_id = event.vessel_id
    shipment.driver_licence = event.driver_licence
    shipment.escort_licence = event.escort_licence
    turn.put(SHIPMENTS, shipment, shipment.id)
    vehicle = turn.vehicle(event.plate)
    vehicle.shipment_id = shipment.id
    turn.put(VEHICLES, vehicle, vehicle.id)
    vessel = turn.vessel(event.vessel_id)
    vessel.shipment_id = shipment.id
    turn.put(VESSELS, vessel, vessel.id)
