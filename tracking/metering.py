"""Metering: what an instrument read at a hand-over, and how far two instruments may differ.

A flow meter counts what passes; a weighbridge weighs the vehicle before and after; a gauge gives pressure and
temperature of the vessel, whose contents follow from the density of hydrogen. In each case the reading is a difference:
what was in the vessel before loading, its heel, was never loaded.

The uncertainty of a meter is stated in ppm of what it shows: of the mass that passed a flow meter, of the heavier gross
mass on a weighbridge, of the fuller contents behind a gauge. Grams times ppm are micrograms: it all stays in integers.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isqrt
from typing import NamedTuple

from kernel.clock import to_text
from kernel.messages import Event
from kernel.quantity import format_mass
from tracking import commands, errors, events
from tracking.custody import conclude, parties
from tracking.density import contents_g
from tracking.model import (
    HAND_OVERS,
    READINGS,
    SHIPMENTS,
    HandOver,
    Meter,
    MeterKind,
    MeterReading,
    Shipment,
    ShipmentStatus,
    Side,
    Stage,
    Vessel,
    hand_over_id,
    reading_id,
)
from tracking.transport import GAS_TEMPERATURE_MK_MAX, GAS_TEMPERATURE_MK_MIN
from tracking.turn import Turn, check_party, check_range, check_state

#: Coverage factor of the tolerance: two standard uncertainties cover about 95 %.
COVERAGE_FACTOR = 2
MICROGRAMS_PER_G = 1_000_000
#: A weighbridge shows some ten tonnes, a totaliser years of flow: a million tonnes is beyond both.
SHOWN_MASS_G_MAX = 10**12

#: In which states a hand-over of each stage may be read.
READABLE: dict[Stage, tuple[ShipmentStatus, ShipmentStatus]] = {
    "load": ("nominated", "loading"),
    "unload": ("arrived", "unloading"),
    "return": ("rejected", "returning"),
}


class Measured(NamedTuple):
    """What a reading means: the mass that passed, its uncertainty, and what stays in the vessel where that was read."""

    mass_g: int
    uncertainty_ug: int
    residue_mass_g: int | None


def tolerance_g(giver_uncertainty_ug: int, taker_uncertainty_ug: int) -> int:
    """How far two readings may differ: both meters' combined uncertainty times the coverage factor, rounded down."""
    return isqrt(COVERAGE_FACTOR**2 * (giver_uncertainty_ug**2 + taker_uncertainty_ug**2)) // MICROGRAMS_PER_G


def record_reading(turn: Turn, command: commands.RecordReading) -> Iterator[Event]:
    shipment = turn.own_shipment(command.participant_id, command.shipment_id)
    check_state(shipment, *READABLE[command.stage])
    if not shipment.vessel_id:
        raise errors.TransportMissing(field="shipment_id", shipment_id=shipment.id)
    giver_id, taker_id = parties(shipment, command.stage)
    wanted = giver_id if command.side == "giver" else taker_id
    check_party(shipment, command.participant_id, wanted, command.side)
    if shipment.status == "nominated" and turn.at >= shipment.window_end:
        raise errors.WindowEnded(field="shipment_id", shipment_id=shipment.id, window_end=to_text(shipment.window_end))
    key = hand_over_id(shipment.id, command.stage)
    if turn.view.get(MeterReading, READINGS, reading_id(key, command.side)) is not None:
        raise errors.ReadingExists(field="side", side=command.side, hand_over_id=key)
    meter = turn.own_meter(command.participant_id, command.meter_id)
    if meter.calibrated_until <= turn.at:
        raise errors.CalibrationExpired(
            field="meter_id", meter_id=meter.id, calibrated_until=to_text(meter.calibrated_until)
        )
    measured = measure(command, meter, turn.vessel(shipment.vessel_id))
    yield events.ReadingRecorded(
        shipment_id=shipment.id, stage=command.stage, side=command.side, participant_id=command.participant_id,
        meter_id=meter.id, meter_kind=meter.kind, before_mass_g=command.before_mass_g,
        after_mass_g=command.after_mass_g, before_pressure_pa=command.before_pressure_pa,
        before_temperature_mk=command.before_temperature_mk, after_pressure_pa=command.after_pressure_pa,
        after_temperature_mk=command.after_temperature_mk, mass_g=measured.mass_g,
        uncertainty_ug=measured.uncertainty_ug, residue_mass_g=measured.residue_mass_g,
    )  # fmt: skip
    giver = turn.view.get(MeterReading, READINGS, reading_id(key, "giver"))
    taker = turn.view.get(MeterReading, READINGS, reading_id(key, "taker"))
    if giver is not None and taker is not None:
        tolerance = tolerance_g(giver.uncertainty_ug, taker.uncertainty_ug)
        yield conclude(turn, shipment, giver, taker, tolerance)


def measure(command: commands.RecordReading, meter: Meter, vessel: Vessel) -> Measured:
    """Works out a reading. Raises a Refusal naming the figure at fault."""
    contents_before = _contents(command, "before", vessel)
    contents_after = _contents(command, "after", vessel)
    if meter.kind == "gauge":
        before = _needed("before_pressure_pa", contents_before, meter.kind)
        after = _needed("after_pressure_pa", contents_after, meter.kind)
    else:
        before = _needed("before_mass_g", command.before_mass_g, meter.kind)
        after = _needed("after_mass_g", command.after_mass_g, meter.kind)
        check_range("before_mass_g", before, 0, SHOWN_MASS_G_MAX)
        check_range("after_mass_g", after, 0, SHOWN_MASS_G_MAX)
    rises = meter.kind == "flow" or command.stage == "load"
    mass = after - before if rises else before - after
    if mass < 0 or (mass == 0 and command.stage == "load"):
        field = "after_pressure_pa" if meter.kind == "gauge" else "after_mass_g"
        raise errors.ReadingNotPositive(field=field, mass=format_mass(mass))
    if command.stage != "load" and command.side == "giver" and contents_after is None:
        raise errors.ResidueUnmeasured(field="after_pressure_pa")
    shown = mass if meter.kind == "flow" else max(before, after)
    residue = None if command.stage == "load" else contents_after
    return Measured(mass, shown * meter.uncertainty_ppm, residue)


def _needed(field: str, value: int | None, kind: MeterKind) -> int:
    if value is None:
        raise errors.ReadingIncomplete(field=field, kind=kind)
    return value


def _contents(command: commands.RecordReading, moment: str, vessel: Vessel) -> int | None:
    """The vessel's contents by pressure and temperature before or after; None where neither was read."""
    pressure_field, temperature_field = f"{moment}_pressure_pa", f"{moment}_temperature_mk"
    pressure: int | None = getattr(command, pressure_field)
    temperature: int | None = getattr(command, temperature_field)
    if pressure is None and temperature is None:
        return None
    pressure = _needed(pressure_field, pressure, "gauge")
    temperature = _needed(temperature_field, temperature, "gauge")
    check_range(pressure_field, pressure, 0, vessel.max_pressure_pa)
    check_range(temperature_field, temperature, GAS_TEMPERATURE_MK_MIN, GAS_TEMPERATURE_MK_MAX)
    return contents_g(pressure, temperature, vessel.water_volume_l)


# --- effects


def reading_recorded(turn: Turn, event: events.ReadingRecorded) -> None:
    shipment = turn.shipment(event.shipment_id)
    key = hand_over_id(shipment.id, event.stage)
    if turn.view.get(HandOver, HAND_OVERS, key) is None:
        _open_hand_over(turn, shipment, event.stage)
    reading = MeterReading(
        id=reading_id(key, event.side), shipment_id=shipment.id, hand_over_id=key, stage=event.stage, side=event.side,
        participant_id=event.participant_id, meter_id=event.meter_id, meter_kind=event.meter_kind,
        before_mass_g=event.before_mass_g, after_mass_g=event.after_mass_g,
        before_pressure_pa=event.before_pressure_pa, before_temperature_mk=event.before_temperature_mk,
        after_pressure_pa=event.after_pressure_pa, after_temperature_mk=event.after_temperature_mk,
        mass_g=event.mass_g, uncertainty_ug=event.uncertainty_ug, residue_mass_g=event.residue_mass_g,
        read_at=turn.at, event_seq=turn.seq,
    )  # fmt: skip
    turn.put(READINGS, reading, reading.id)
    _note_mass(turn, key, event.side, event.mass_g)


def _open_hand_over(turn: Turn, shipment: Shipment, stage: Stage) -> None:
    giver_id, taker_id = parties(shipment, stage)
    hand_over = HandOver(
        id=hand_over_id(shipment.id, stage), shipment_id=shipment.id, stage=stage, giver_id=giver_id,
        taker_id=taker_id, vessel_id=shipment.vessel_id, plate=shipment.plate,
        facility_id=shipment.dropoff_facility_id if stage == "unload" else shipment.pickup_facility_id,
        status="reading", given_mass_g=None, taken_mass_g=None, tolerance_g=None, agreed_mass_g=None,
        residue_mass_g=None, dispute="", note="", digest="", giver_key_id="", giver_signed_at=None, taker_key_id="",
        taker_signed_at=None, opened_at=turn.at, closed_at=None, event_seq=turn.seq,
    )  # fmt: skip
    turn.put(HAND_OVERS, hand_over, hand_over.id)
    shipment.status = READABLE[stage][1]
    turn.put(SHIPMENTS, shipment, shipment.id)


def _note_mass(turn: Turn, key: str, side: Side, mass_g: int) -> None:
    hand_over = turn.find(HandOver, HAND_OVERS, key, "hand-over", "stage")
    if side == "giver":
        hand_over.given_mass_g = mass_g
    else:
        hand_over.taken_mass_g = mass_g
    turn.put(HAND_OVERS, hand_over, key)
