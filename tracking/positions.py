"""Positions: where lorries were, however late, doubled and out of order the fixes come.

A vehicle and a fix time name a position: the first that comes under that name stands, the same again changes nothing.
The vehicle's last position is the one with the latest fix time, so the order of arrival never matters.
"""

from __future__ import annotations

from collections.abc import Iterator

from kernel.clock import to_text
from kernel.messages import Event
from kernel.quantity import MICROS_PER_S
from tracking import commands, errors, events
from tracking.density import PRESSURE_PA_MAX
from tracking.model import POSITIONS, VEHICLES, Position, position_id
from tracking.turn import Turn, check_range

#: Fixes in one command: some hours of a terminal that was out of reach.
FIXES_MAX = 500
#: Clocks on vehicles drift; half a minute ahead still sorts well.
FUTURE_S_MAX = 30
#: What terminals buffer where there is no network.
AGE_DAYS_MAX = 7
LATITUDE_E7_MAX = 900_000_000
LONGITUDE_E7_MAX = 1_800_000_000
SPEED_M_PER_H_MAX = 250_000
SENSOR_TEMPERATURE_MK_MIN = 200_000
SENSOR_TEMPERATURE_MK_MAX = 400_000

_US_PER_DAY = 86_400 * MICROS_PER_S


def report_positions(turn: Turn, command: commands.ReportPositions) -> Iterator[Event]:
    vehicle = turn.own_vehicle(command.participant_id, command.plate)
    check_range("fixes", len(command.fixes), 1, FIXES_MAX)
    for index, fix in enumerate(command.fixes):
        _check_fix(f"fixes.{index}", fix, turn.at)
    new: dict[int, events.Fix] = {}
    for fix in command.fixes:
        known = turn.view.get(Position, POSITIONS, position_id(vehicle.id, fix.fix_time))
        if known is None:
            new.setdefault(fix.fix_time, fix)
    if new:
        yield events.PositionsReported(
            plate=vehicle.id, participant_id=command.participant_id, fixes=tuple(new.values())
        )


def _check_fix(path: str, fix: events.Fix, at: int) -> None:
    if fix.fix_time > at + FUTURE_S_MAX * MICROS_PER_S:
        raise errors.FixInFuture(field=f"{path}.fix_time", fix_time=to_text(fix.fix_time))
    if fix.fix_time < at - AGE_DAYS_MAX * _US_PER_DAY:
        raise errors.FixTooOld(field=f"{path}.fix_time", fix_time=to_text(fix.fix_time), days=AGE_DAYS_MAX)
    check_range(f"{path}.latitude_e7", fix.latitude_e7, -LATITUDE_E7_MAX, LATITUDE_E7_MAX)
    check_range(f"{path}.longitude_e7", fix.longitude_e7, -LONGITUDE_E7_MAX, LONGITUDE_E7_MAX)
    check_range(f"{path}.speed_m_per_h", fix.speed_m_per_h, 0, SPEED_M_PER_H_MAX)
    if fix.pressure_pa is not None:
        check_range(f"{path}.pressure_pa", fix.pressure_pa, 0, PRESSURE_PA_MAX)
    if fix.temperature_mk is not None:
        check_range(f"{path}.temperature_mk", fix.temperature_mk, SENSOR_TEMPERATURE_MK_MIN, SENSOR_TEMPERATURE_MK_MAX)


# --- effects


def positions_reported(turn: Turn, event: events.PositionsReported) -> None:
    for fix in event.fixes:
        position = Position(
            id=position_id(event.plate, fix.fix_time), plate=event.plate, fix_time=fix.fix_time,
            latitude_e7=fix.latitude_e7, longitude_e7=fix.longitude_e7, speed_m_per_h=fix.speed_m_per_h,
            pressure_pa=fix.pressure_pa, temperature_mk=fix.temperature_mk, received_at=turn.at, event_seq=turn.seq,
        )  # fmt: skip
        turn.put(POSITIONS, position, position.id)
    vehicle = turn.vehicle(event.plate)
    latest = max(event.fixes, key=lambda fix: fix.fix_time)
    if vehicle.fix_time is None or latest.fix_time > vehicle.fix_time:
        vehicle.fix_time = latest.fix_time
        vehicle.latitude_e7 = latest.latitude_e7
        vehicle.longitude_e7 = latest.longitude_e7
        vehicle.speed_m_per_h = latest.speed_m_per_h
        vehicle.pressure_pa = latest.pressure_pa
        vehicle.temperature_mk = latest.temperature_mk
        turn.put(VEHICLES, vehicle, vehicle.id)
