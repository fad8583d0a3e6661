"""Transport: lorries, vessels and meters are registered, loads depart and arrive, gas is vented."""

from __future__ import annotations

from collections.abc import Iterator

from kernel.clock import to_text
from kernel.messages import Event
from kernel.quantity import MICROS_PER_S
from tracking import commands, errors, events
from tracking.density import PRESSURE_PA_MAX, contents_g
from tracking.model import (
    METERS,
    OPENING_ACCOUNT,
    SHIPMENTS,
    VEHICLES,
    VENT_ACCOUNT,
    VESSELS,
    Meter,
    Shipment,
    Vehicle,
    Vessel,
    vessel_account,
)
from tracking.movements import move
from tracking.turn import Turn, check_code, check_party, check_range, check_state, check_text

#: A cylinder of a bundle, and four times the largest trailer.
WATER_VOLUME_L_MIN = 10
WATER_VOLUME_L_MAX = 150_000
VESSEL_PRESSURE_PA_MIN = 1_000_000
#: Gas in a vessel on the road; a vehicle's tank may reach 85 °C.
GAS_TEMPERATURE_MK_MIN = 220_000
GAS_TEMPERATURE_MK_MAX = 358_150
#: From the best laboratory scale to an instrument that nobody should trade by: 1 ppm to 5 %.
UNCERTAINTY_PPM_MAX = 50_000


def register_vehicle(turn: Turn, command: commands.RegisterVehicle) -> Iterator[Event]:
    check_code("plate", command.plate)
    if turn.view.get(Vehicle, VEHICLES, command.plate) is not None:
        raise errors.AlreadyRegistered(field="plate", kind="vehicle", id=command.plate)
    yield events.VehicleRegistered(plate=command.plate, participant_id=command.participant_id)


def register_vessel(turn: Turn, command: commands.RegisterVessel) -> Iterator[Event]:
    check_code("vessel_id", command.vessel_id)
    if turn.view.get(Vessel, VESSELS, command.vessel_id) is not None:
        raise errors.AlreadyRegistered(field="vessel_id", kind="vessel", id=command.vessel_id)
    check_range("water_volume_l", command.water_volume_l, WATER_VOLUME_L_MIN, WATER_VOLUME_L_MAX)
    check_range("max_pressure_pa", command.max_pressure_pa, VESSEL_PRESSURE_PA_MIN, PRESSURE_PA_MAX)
    check_range("heel_pressure_pa", command.heel_pressure_pa, 0, command.max_pressure_pa)
    check_range("heel_temperature_mk", command.heel_temperature_mk, GAS_TEMPERATURE_MK_MIN, GAS_TEMPERATURE_MK_MAX)
    if command.inspection_due_at <= turn.at:
        raise errors.InspectionDue(
            field="inspection_due_at", vessel_id=command.vessel_id, inspection_due=to_text(command.inspection_due_at)
        )
    yield events.VesselRegistered(
        vessel_id=command.vessel_id, participant_id=command.participant_id, kind=command.kind,
        water_volume_l=command.water_volume_l, max_pressure_pa=command.max_pressure_pa,
        inspection_due_at=command.inspection_due_at,
        heel_mass_g=contents_g(command.heel_pressure_pa, command.heel_temperature_mk, command.water_volume_l),
    )  # fmt: skip


def register_meter(turn: Turn, command: commands.RegisterMeter) -> Iterator[Event]:
    check_text("label", command.label)
    check_range("uncertainty_ppm", command.uncertainty_ppm, 1, UNCERTAINTY_PPM_MAX)
    meter_id = f"M{turn.seq}"
    if command.calibrated_until <= turn.at:
        raise errors.CalibrationExpired(
            field="calibrated_until", meter_id=command.label, calibrated_until=to_text(command.calibrated_until)
        )
    yield events.MeterRegistered(
        meter_id=meter_id, participant_id=command.participant_id, kind=command.kind, label=command.label,
        uncertainty_ppm=command.uncertainty_ppm, calibrated_until=command.calibrated_until,
    )  # fmt: skip


def depart(turn: Turn, command: commands.Depart) -> Iterator[Event]:
    shipment = turn.own_shipment(command.participant_id, command.shipment_id)
    check_party(shipment, command.participant_id, shipment.carrier_id, "carrier")
    check_state(shipment, "loaded")
    check_text("waybill_no", command.waybill_no)
    vessel = turn.vessel(shipment.vessel_id)
    if vessel.inspection_due_at <= turn.at:
        raise errors.InspectionDue(
            field="shipment_id", vessel_id=vessel.id, inspection_due=to_text(vessel.inspection_due_at)
        )
    yield events.ShipmentDeparted(
        shipment_id=shipment.id, participant_id=command.participant_id, plate=shipment.plate,
        vessel_id=shipment.vessel_id, waybill_no=command.waybill_no,
    )  # fmt: skip


def arrive(turn: Turn, command: commands.Arrive) -> Iterator[Event]:
    shipment = turn.own_shipment(command.participant_id, command.shipment_id)
    check_party(shipment, command.participant_id, shipment.carrier_id, "carrier")
    check_state(shipment, "departed")
    late_s = max(0, turn.at - shipment.window_end) // MICROS_PER_S
    yield events.ShipmentArrived(shipment_id=shipment.id, participant_id=command.participant_id, late_s=late_s)


def vent_vessel(turn: Turn, command: commands.VentVessel) -> Iterator[Event]:
    vessel = turn.own_vessel(command.participant_id, command.vessel_id)
    check_text("reason", command.reason)
    if vessel.mass_g == 0:
        raise errors.VesselEmpty(field="vessel_id", vessel_id=vessel.id)
    check_range("mass_g", command.mass_g, 1, vessel.mass_g)
    shipment_id = ""
    if vessel.shipment_id:
        shipment = turn.shipment(vessel.shipment_id)
        # While a hand-over is open its document speaks of the contents: they stay as they were read.
        if shipment.status in ("loading", "unloading", "returning"):
            raise errors.VesselBusy(field="vessel_id", vessel_id=vessel.id, shipment_id=shipment.id)
        shipment_id = shipment.id if shipment.heel_before_g is not None else ""
    yield events.GasVented(
        vessel_id=vessel.id, participant_id=command.participant_id, shipment_id=shipment_id, mass_g=command.mass_g,
        reason=command.reason,
    )  # fmt: skip


# --- effects


def vehicle_registered(turn: Turn, event: events.VehicleRegistered) -> None:
    vehicle = Vehicle(
        id=event.plate, owner_id=event.participant_id, shipment_id="", fix_time=None, latitude_e7=None,
        longitude_e7=None, speed_m_per_h=None, pressure_pa=None, temperature_mk=None, registered_at=turn.at,
        event_seq=turn.seq,
    )  # fmt: skip
    turn.put(VEHICLES, vehicle, vehicle.id)


def vessel_registered(turn: Turn, event: events.VesselRegistered) -> None:
    vessel = Vessel(
        id=event.vessel_id, kind=event.kind, custodian_id=event.participant_id, water_volume_l=event.water_volume_l,
        max_pressure_pa=event.max_pressure_pa, inspection_due_at=event.inspection_due_at, mass_g=0, shipment_id="",
        registered_at=turn.at, event_seq=turn.seq,
    )  # fmt: skip
    turn.put(VESSELS, vessel, vessel.id)
    if event.heel_mass_g:
        account = vessel_account(vessel.id)
        heel = events.Movement(kind="opening", source=OPENING_ACCOUNT, target=account, mass_g=event.heel_mass_g)
        move(turn, vessel, (heel,), shipment_id="", hand_over_id="")


def meter_registered(turn: Turn, event: events.MeterRegistered) -> None:
    meter = Meter(
        id=event.meter_id, owner_id=event.participant_id, kind=event.kind, label=event.label,
        uncertainty_ppm=event.uncertainty_ppm, calibrated_until=event.calibrated_until, registered_at=turn.at,
        event_seq=turn.seq,
    )  # fmt: skip
    turn.put(METERS, meter, meter.id)


def shipment_departed(turn: Turn, event: events.ShipmentDeparted) -> None:
    shipment = turn.shipment(event.shipment_id)
    shipment.status = "departed"
    shipment.waybill_no = event.waybill_no
    shipment.departed_at = turn.at
    turn.put(SHIPMENTS, shipment, shipment.id)


def shipment_arrived(turn: Turn, event: events.ShipmentArrived) -> None:
    shipment = turn.shipment(event.shipment_id)
    shipment.status = "arrived"
    shipment.late_s = event.late_s
    shipment.arrived_at = turn.at
    turn.put(SHIPMENTS, shipment, shipment.id)


def gas_vented(turn: Turn, event: events.GasVented) -> None:
    vessel = turn.vessel(event.vessel_id)
    vent = events.Movement(kind="vent", source=vessel_account(vessel.id), target=VENT_ACCOUNT, mass_g=event.mass_g)
    move(turn, vessel, (vent,), shipment_id=event.shipment_id, hand_over_id="")
    if event.shipment_id:
        shipment = turn.shipment(event.shipment_id)
        shipment.lost_mass_g += event.mass_g
        turn.put(SHIPMENTS, shipment, shipment.id)


def free_transport(turn: Turn, shipment: Shipment) -> None:
    """Lets go of the lorry and the vessel that a shipment holds, if any."""
    if shipment.plate:
        vehicle = turn.vehicle(shipment.plate)
        vehicle.shipment_id = ""
        turn.put(VEHICLES, vehicle, vehicle.id)
    if shipment.vessel_id:
        vessel = turn.vessel(shipment.vessel_id)
        vessel.shipment_id = ""
        turn.put(VESSELS, vessel, vessel.id)
