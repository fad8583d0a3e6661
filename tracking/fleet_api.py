"""Routes of the fleet: lorries, vessels and the meters that loads are measured with."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import Field
from sqlmodel import col, select

from kernel.edge import PAGE_DEFAULT, Answer, Body, Line, MassIn, MassOut, Page, TimeIn, TimeOut
from kernel.errors import NotFound
from kernel.service import fetch_page
from tracking import commands, events
from tracking.model import MeterKind, VesselKind
from tracking.positions_api import FixAnswer, last_fix
from tracking.quantities import PressureIn, PressureOut, TemperatureIn
from tracking.service import TrackingService
from tracking.tables import MeterRow, VehicleRow, VesselRow
from tracking.transport import UNCERTAINTY_PPM_MAX, WATER_VOLUME_L_MAX, WATER_VOLUME_L_MIN
from tracking.wire import (
    LIST_PROBLEMS,
    READ_PROBLEMS,
    WRITE_PROBLEMS,
    Caller,
    Code,
    Cursor,
    IdempotencyKey,
    Limit,
    Plate,
    VesselId,
    check_code_cursor,
    event_of,
)


class NewVehicle(Body):
    """A lorry of the caller's company."""

    plate: Code = Field(examples=["晋A0001"])


class VehicleAnswer(Answer):
    """A lorry: the shipment of its open waybill and where it was seen last, null where there is none."""

    plate: str
    participant_id: str
    shipment_id: str | None
    position: FixAnswer | None
    registered_at: TimeOut


class NewVessel(Body):
    """A vessel of the caller's company under its registration code, with the heel that is in it."""

    vessel_id: Code = Field(examples=["TT-01"])
    kind: VesselKind
    water_volume_l: int = Field(ge=WATER_VOLUME_L_MIN, le=WATER_VOLUME_L_MAX)
    max_pressure: PressureIn
    inspection_due: TimeIn
    heel_pressure: PressureIn
    heel_temperature: TemperatureIn


class VesselAnswer(Answer):
    """A vessel. ``mass`` is what is in it: the heel between two loads."""

    vessel_id: str
    kind: VesselKind
    custodian_id: str
    water_volume_l: int
    max_pressure: PressureOut
    inspection_due: TimeOut
    mass: MassOut
    shipment_id: str | None
    registered_at: TimeOut


class NewMeter(Body):
    """An instrument of the caller's company with the standard uncertainty of its calibration certificate."""

    kind: MeterKind
    label: Line
    uncertainty_ppm: int = Field(ge=1, le=UNCERTAINTY_PPM_MAX)
    calibrated_until: TimeIn


class MeterAnswer(Answer):
    """An instrument."""

    meter_id: str
    participant_id: str
    kind: MeterKind
    label: str
    uncertainty_ppm: int
    calibrated_until: TimeOut
    registered_at: TimeOut


class NewVent(Body):
    """Gas that was let out of a vessel, or got out."""

    mass: MassIn
    reason: Line


class VentAnswer(Answer):
    """A loss; ``shipment_id`` is null between two loads."""

    vessel_id: str
    shipment_id: str | None
    mass: MassOut
    reason: str
    at: TimeOut


def _vehicle(row: VehicleRow) -> VehicleAnswer:
    return VehicleAnswer(
        plate=row.id, participant_id=row.owner_id, shipment_id=row.shipment_id or None, position=last_fix(row),
        registered_at=row.registered_at,
    )  # fmt: skip


def _vessel(row: VesselRow) -> VesselAnswer:
    known: dict[str, Any] = row.model_dump()
    known |= {
        "vessel_id": row.id, "max_pressure": row.max_pressure_pa, "inspection_due": row.inspection_due_at,
        "mass": row.mass_g, "shipment_id": row.shipment_id or None,
    }  # fmt: skip
    return VesselAnswer.model_validate(known)


def _meter(row: MeterRow) -> MeterAnswer:
    return MeterAnswer.model_validate({**row.model_dump(), "meter_id": row.id, "participant_id": row.owner_id})


def fleet_routes(service: TrackingService) -> APIRouter:
    """Vehicles, vessels and meters."""
    routes = APIRouter()
    _add_vehicles(routes, service)
    _add_vessels(routes, service)
    _add_meters(routes, service)
    return routes


def _add_vehicles(routes: APIRouter, service: TrackingService) -> None:
    @routes.post("/v1/vehicles", status_code=201, responses=WRITE_PROBLEMS, operation_id="registerVehicle")
    async def register(body: NewVehicle, call: Caller, idempotency_key: IdempotencyKey = None) -> VehicleAnswer:
        """Registers a lorry of the caller's company. Scope: track."""
        principal = call.require("track")
        command = commands.RegisterVehicle(principal.participant_id, body.plate)
        outcome = await service.execute(call, command, "POST /v1/vehicles")
        event = event_of(outcome, events.VehicleRegistered)
        return VehicleAnswer(
            plate=event.plate, participant_id=event.participant_id, shipment_id=None, position=None,
            registered_at=outcome.at,
        )  # fmt: skip

    @routes.get("/v1/vehicles", responses=LIST_PROBLEMS, operation_id="listVehicles")
    def vehicles(call: Caller, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT) -> Page[VehicleAnswer]:
        """The company's lorries by plate; all of them for the operator and auditors. Scope: read."""
        principal = call.require("read")
        check_code_cursor(cursor)
        query = select(VehicleRow)
        if not principal.sees_all:
            query = query.where(VehicleRow.owner_id == principal.participant_id)
        with service.store.reading() as session:
            return fetch_page(
                session, query, col(VehicleRow.id), cursor, limit, _vehicle, numeric=False, newest_first=False
            )

    @routes.get("/v1/vehicles/{plate}", responses=READ_PROBLEMS, operation_id="getVehicle")
    def vehicle(plate: Plate, call: Caller) -> VehicleAnswer:
        """One lorry and where it was seen last. Scope: read."""
        principal = call.require("read")
        with service.store.reading() as session:
            row = session.get(VehicleRow, plate)
        if row is None or not (principal.sees_all or row.owner_id == principal.participant_id):
            raise NotFound(field="plate", kind="vehicle", id=plate)
        return _vehicle(row)


def _add_vessels(routes: APIRouter, service: TrackingService) -> None:
    @routes.post("/v1/vessels", status_code=201, responses=WRITE_PROBLEMS, operation_id="registerVessel")
    async def register(body: NewVessel, call: Caller, idempotency_key: IdempotencyKey = None) -> VesselAnswer:
        """Registers a vessel of the caller's company; its heel opens its mass account. Scope: track."""
        principal = call.require("track")
        command = commands.RegisterVessel(
            principal.participant_id, body.vessel_id, body.kind, body.water_volume_l, body.max_pressure,
            body.inspection_due, body.heel_pressure, body.heel_temperature,
        )  # fmt: skip
        outcome = await service.execute(call, command, "POST /v1/vessels")
        event = event_of(outcome, events.VesselRegistered)
        return VesselAnswer(
            vessel_id=event.vessel_id, kind=event.kind, custodian_id=event.participant_id,
            water_volume_l=event.water_volume_l, max_pressure=event.max_pressure_pa,
            inspection_due=event.inspection_due_at, mass=event.heel_mass_g, shipment_id=None,
            registered_at=outcome.at,
        )  # fmt: skip

    @routes.get("/v1/vessels", responses=LIST_PROBLEMS, operation_id="listVessels")
    def vessels(call: Caller, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT) -> Page[VesselAnswer]:
        """The company's vessels by code; all of them for the operator and auditors. Scope: read."""
        principal = call.require("read")
        check_code_cursor(cursor)
        query = select(VesselRow)
        if not principal.sees_all:
            query = query.where(VesselRow.custodian_id == principal.participant_id)
        with service.store.reading() as session:
            return fetch_page(
                session, query, col(VesselRow.id), cursor, limit, _vessel, numeric=False, newest_first=False
            )

    @routes.post("/v1/vessels/{vessel_id}/vents", status_code=201, responses=WRITE_PROBLEMS, operation_id="ventVessel")
    async def vent(
        vessel_id: VesselId, body: NewVent, call: Caller, idempotency_key: IdempotencyKey = None
    ) -> VentAnswer:
        """Writes off gas that left a vessel into the air. Scope: track."""
        principal = call.require("track")
        command = commands.VentVessel(principal.participant_id, vessel_id, body.mass, body.reason)
        outcome = await service.execute(call, command, f"POST /v1/vessels/{vessel_id}/vents")
        event = event_of(outcome, events.GasVented)
        return VentAnswer(
            vessel_id=event.vessel_id, shipment_id=event.shipment_id or None, mass=event.mass_g, reason=event.reason,
            at=outcome.at,
        )  # fmt: skip


def _add_meters(routes: APIRouter, service: TrackingService) -> None:
    @routes.post("/v1/meters", status_code=201, responses=WRITE_PROBLEMS, operation_id="registerMeter")
    async def register(body: NewMeter, call: Caller, idempotency_key: IdempotencyKey = None) -> MeterAnswer:
        """Registers an instrument of the caller's company. Scope: track."""
        principal = call.require("track")
        command = commands.RegisterMeter(
            principal.participant_id, body.kind, body.label, body.uncertainty_ppm, body.calibrated_until
        )
        outcome = await service.execute(call, command, "POST /v1/meters")
        event = event_of(outcome, events.MeterRegistered)
        return MeterAnswer(
            meter_id=event.meter_id, participant_id=event.participant_id, kind=event.kind, label=event.label,
            uncertainty_ppm=event.uncertainty_ppm, calibrated_until=event.calibrated_until, registered_at=outcome.at,
        )  # fmt: skip

    @routes.get("/v1/meters", responses=LIST_PROBLEMS, operation_id="listMeters")
    def meters(call: Caller, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT) -> Page[MeterAnswer]:
        """The company's instruments, newest first; all of them for the operator and auditors. Scope: read."""
        principal = call.require("read")
        query = select(MeterRow)
        if not principal.sees_all:
            query = query.where(MeterRow.owner_id == principal.participant_id)
        with service.store.reading() as session:
            return fetch_page(session, query, col(MeterRow.event_seq), cursor, limit, _meter)
