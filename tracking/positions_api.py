"""Routes of positions: fixes as terminals send them, and the way of a lorry."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field
from sqlmodel import col, select

from kernel.edge import PAGE_DEFAULT, Answer, Body, Page, TimeIn, TimeOut
from kernel.errors import NotFound
from kernel.service import fetch_page
from tracking import commands, events
from tracking.positions import FIXES_MAX, SPEED_M_PER_H_MAX
from tracking.quantities import (
    M_PER_KM,
    PressureIn,
    PressureOut,
    TemperatureIn,
    TemperatureOut,
    degrees,
    degrees_e7,
    km_per_h,
    m_per_h,
)
from tracking.service import TrackingService
from tracking.tables import PositionRow, VehicleRow
from tracking.wire import (
    READ_PROBLEMS,
    WRITE_PROBLEMS,
    Caller,
    Code,
    Cursor,
    From,
    IdempotencyKey,
    Limit,
    Plate,
    To,
    find_event,
)


class NewFix(Body):
    """One position in WGS-84 degrees, with the vessel's pressure and temperature where there are sensors."""

    fix_time: TimeIn
    latitude: float = Field(ge=-90, le=90, examples=[37.8694])
    longitude: float = Field(ge=-180, le=180, examples=[112.5603])
    speed_km_h: float = Field(ge=0, le=SPEED_M_PER_H_MAX // M_PER_KM)
    pressure: PressureIn | None = None
    temperature: TemperatureIn | None = None


class NewPositions(Body):
    """Fixes of one lorry, in any order; what was sent before is known and changes nothing."""

    plate: Code = Field(examples=["晋A0001"])
    fixes: list[NewFix] = Field(min_length=1, max_length=FIXES_MAX)


class PositionsAnswer(Answer):
    """How many fixes were new and how many were known."""

    accepted: int
    known: int


class FixAnswer(Answer):
    """Where a lorry was at ``fix_time``."""

    fix_time: TimeOut
    latitude: float
    longitude: float
    speed_km_h: float
    pressure: PressureOut | None
    temperature: TemperatureOut | None


def last_fix(row: VehicleRow) -> FixAnswer | None:
    """Where a lorry was seen last; None before its first fix."""
    if row.fix_time is None:
        return None
    assert row.latitude_e7 is not None and row.longitude_e7 is not None and row.speed_m_per_h is not None
    return FixAnswer(
        fix_time=row.fix_time, latitude=degrees(row.latitude_e7), longitude=degrees(row.longitude_e7),
        speed_km_h=km_per_h(row.speed_m_per_h), pressure=row.pressure_pa, temperature=row.temperature_mk,
    )  # fmt: skip


def _position(row: PositionRow) -> FixAnswer:
    return FixAnswer(
        fix_time=row.fix_time, latitude=degrees(row.latitude_e7), longitude=degrees(row.longitude_e7),
        speed_km_h=km_per_h(row.speed_m_per_h), pressure=row.pressure_pa, temperature=row.temperature_mk,
    )  # fmt: skip


def _fix(fix: NewFix) -> events.Fix:
    return events.Fix(
        fix.fix_time, degrees_e7(fix.latitude), degrees_e7(fix.longitude), m_per_h(fix.speed_km_h), fix.pressure,
        fix.temperature,
    )  # fmt: skip


def position_routes(service: TrackingService) -> APIRouter:
    """Positions."""
    routes = APIRouter()

    @routes.post("/v1/positions", status_code=201, responses=WRITE_PROBLEMS, operation_id="reportPositions")
    async def report(body: NewPositions, call: Caller, idempotency_key: IdempotencyKey = None) -> PositionsAnswer:
        """Takes fixes of one of the company's lorries: late, twice and out of order as they come. Scope: track."""
        principal = call.require("track")
        command = commands.ReportPositions(principal.participant_id, body.plate, tuple(_fix(fix) for fix in body.fixes))
        outcome = await service.execute(call, command, "POST /v1/positions")
        event = find_event(outcome, events.PositionsReported)
        accepted = len(event.fixes) if event else 0
        return PositionsAnswer(accepted=accepted, known=len(body.fixes) - accepted)

    @routes.get("/v1/vehicles/{plate}/positions", responses=READ_PROBLEMS, operation_id="listPositions")
    def positions(
        plate: Plate,
        call: Caller,
        from_: From = None,
        to: To = None,
        cursor: Cursor = None,
        limit: Limit = PAGE_DEFAULT,
    ) -> Page[FixAnswer]:
        """The way of one of the company's lorries, oldest fix first. Scope: read."""
        principal = call.require("read")
        query = select(PositionRow).where(PositionRow.plate == plate)
        if from_ is not None:
            query = query.where(col(PositionRow.fix_time) >= from_)
        if to is not None:
            query = query.where(col(PositionRow.fix_time) < to)
        with service.store.reading() as session:
            vehicle = session.get(VehicleRow, plate)
            if vehicle is None or not (principal.sees_all or vehicle.owner_id == principal.participant_id):
                raise NotFound(field="plate", kind="vehicle", id=plate)
            return fetch_page(session, query, col(PositionRow.fix_time), cursor, limit, _position, newest_first=False)

    return routes
