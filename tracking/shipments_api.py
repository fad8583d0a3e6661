"""Routes of shipments: what is on its way, and the steps of its life but for the hand-overs."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from sqlmodel import Session, col, or_, select

from kernel.edge import PAGE_DEFAULT, Page
from kernel.service import fetch_page
from tracking import commands, events
from tracking.model import HaulageStatus, ShipmentStatus
from tracking.positions_api import FixAnswer, last_fix
from tracking.service import TrackingService
from tracking.shipment_answers import (
    AcceptanceAnswer,
    ArrivalAnswer,
    CancellationAnswer,
    CertificateAnswer,
    DepartureAnswer,
    HaulageAnswer,
    NewCancellation,
    NewCertificate,
    NewDeparture,
    NewNomination,
    NewRejection,
    NewTransport,
    NominationAnswer,
    Nothing,
    RejectionAnswer,
    ShipmentAnswer,
    ShipmentDetail,
    TimelineAnswer,
    TransportAnswer,
    haulage_answer,
    judged,
    shipment_answer,
    shipment_detail,
)
from tracking.tables import HaulageRow, ShipmentRow, TimelineRow, VehicleRow
from tracking.wire import (
    LIST_PROBLEMS,
    READ_PROBLEMS,
    WRITE_PROBLEMS,
    Caller,
    Cursor,
    IdempotencyKey,
    Limit,
    OfTrade,
    ShipmentId,
    event_of,
    find_event,
    load_page,
    party_of,
    visible_shipment,
)

Role = Literal["seller", "buyer", "haulier"]
OfRole = Annotated[Role | None, Query(description="Only loads in which the caller's company is this.")]
_ROLE_COLUMN = {"seller": ShipmentRow.seller_id, "buyer": ShipmentRow.buyer_id, "haulier": ShipmentRow.carrier_id}


def shipment_routes(service: TrackingService) -> APIRouter:
    """Shipments and haulage."""
    routes = APIRouter()
    _add_reads(routes, service)
    _add_nominations(routes, service)
    _add_journey(routes, service)
    _add_outcomes(routes, service)
    return routes


def _timeline(row: TimelineRow) -> TimelineAnswer:
    return TimelineAnswer(seq=row.event_seq, at=row.at, kind=row.kind, participant_id=row.participant_id or None)


def _position(session: Session, row: ShipmentRow) -> FixAnswer | None:
    vehicle = session.get(VehicleRow, row.plate) if row.plate else None
    return last_fix(vehicle) if vehicle is not None and vehicle.shipment_id == row.id else None


def _add_reads(routes: APIRouter, service: TrackingService) -> None:
    @routes.get("/v1/shipments", responses=LIST_PROBLEMS, operation_id="listShipments")
    def shipments(
        call: Caller,
        state: ShipmentStatus | None = None,
        trade_id: OfTrade = None,
        role: OfRole = None,
        cursor: Cursor = None,
        limit: Limit = PAGE_DEFAULT,
    ) -> Page[ShipmentAnswer]:
        """The company's loads, newest trade first; all of them for the operator and auditors. Scope: read."""
        principal = call.require("read")
        query = select(ShipmentRow)
        if not principal.sees_all:
            query = query.where(party_of(principal.participant_id))
        if state is not None:
            query = query.where(ShipmentRow.status == state)
        if trade_id is not None:
            query = query.where(ShipmentRow.trade_id == int(trade_id[1:]))
        if role is not None:
            query = query.where(col(_ROLE_COLUMN[role]) == principal.participant_id)
        with service.store.reading() as session:
            return load_page(session, query, ShipmentRow, cursor, limit, shipment_answer)

    @routes.get("/v1/shipments/{shipment_id}", responses=READ_PROBLEMS, operation_id="getShipment")
    def shipment(shipment_id: ShipmentId, call: Caller) -> ShipmentDetail:
        """One load and where its lorry was seen last. Scope: read; its parties, the operator and auditors."""
        principal = call.require("read")
        with service.store.reading() as session:
            row = visible_shipment(session, principal, shipment_id)
            return shipment_detail(row, _position(session, row))

    @routes.get("/v1/shipments/{shipment_id}/timeline", responses=READ_PROBLEMS, operation_id="getTimeline")
    def timeline(
        shipment_id: ShipmentId, call: Caller, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT
    ) -> Page[TimelineAnswer]:
        """The steps of a load in order. Scope: read; its parties, the operator and auditors."""
        principal = call.require("read")
        query = select(TimelineRow).where(TimelineRow.shipment_id == shipment_id)
        with service.store.reading() as session:
            visible_shipment(session, principal, shipment_id)
            return fetch_page(session, query, col(TimelineRow.event_seq), cursor, limit, _timeline, newest_first=False)

    @routes.get("/v1/haulage", responses=LIST_PROBLEMS, operation_id="listHaulage")
    def haulage(
        call: Caller, state: HaulageStatus | None = None, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT
    ) -> Page[HaulageAnswer]:
        """Loads of carriage that the company sold or bought, newest trade first. Scope: read."""
        principal = call.require("read")
        query, own = select(HaulageRow), principal.participant_id
        if not principal.sees_all:
            query = query.where(or_(col(HaulageRow.haulier_id) == own, col(HaulageRow.shipper_id) == own))
        if state is not None:
            query = query.where(HaulageRow.status == state)
        with service.store.reading() as session:
            return load_page(session, query, HaulageRow, cursor, limit, haulage_answer)


def _add_nominations(routes: APIRouter, service: TrackingService) -> None:
    @routes.post(
        "/v1/shipments/{shipment_id}/nominations",
        status_code=201,
        responses=WRITE_PROBLEMS,
        operation_id="nominate",
    )
    async def nominate(
        shipment_id: ShipmentId, body: NewNomination, call: Caller, idempotency_key: IdempotencyKey = None
    ) -> NominationAnswer:
        """The seller's or the buyer's mass and facility; of two masses the lesser stands. Scope: track."""
        principal = call.require("track")
        command = commands.Nominate(principal.participant_id, shipment_id, body.mass, body.facility_id)
        outcome = await service.execute(call, command, f"POST /v1/shipments/{shipment_id}/nominations")
        event = event_of(outcome, events.MassNominated)
        confirmed = find_event(outcome, events.NominationConfirmed)
        return NominationAnswer(
            shipment_id=event.shipment_id, side=event.side, mass=event.mass_g, facility_id=event.facility_id,
            hub=event.hub, confirmed_mass=confirmed.mass_g if confirmed else None,
            state="nominated" if confirmed else "planned",
        )  # fmt: skip

    @routes.post(
        "/v1/shipments/{shipment_id}/transport",
        status_code=201,
        responses=WRITE_PROBLEMS,
        operation_id="nominateTransport",
    )
    async def transport(
        shipment_id: ShipmentId, body: NewTransport, call: Caller, idempotency_key: IdempotencyKey = None
    ) -> TransportAnswer:
        """The carrier's lorry, vessel, driver and escort; may be changed until loading begins. Scope: track."""
        principal = call.require("track")
        command = commands.NominateTransport(
            principal.participant_id, shipment_id, body.plate, body.vessel_id, body.driver_licence, body.escort_licence
        )
        outcome = await service.execute(call, command, f"POST /v1/shipments/{shipment_id}/transport")
        event = event_of(outcome, events.TransportNominated)
        return TransportAnswer(
            shipment_id=event.shipment_id, carrier_id=event.participant_id, plate=event.plate,
            vessel_id=event.vessel_id, driver_licence=event.driver_licence, escort_licence=event.escort_licence,
            own_transport=event.own_transport,
        )  # fmt: skip

    @routes.post(
        "/v1/shipments/{shipment_id}/certificate",
        status_code=201,
        responses=WRITE_PROBLEMS,
        operation_id="attachCertificate",
    )
    async def certificate(
        shipment_id: ShipmentId, body: NewCertificate, call: Caller, idempotency_key: IdempotencyKey = None
    ) -> CertificateAnswer:
        """The seller's quality certificate, held against the limits of a standard's edition. Scope: track."""
        principal = call.require("track")
        command = commands.AttachCertificate(
            principal.participant_id, shipment_id, body.laboratory, body.sampled_at, body.standard, body.edition,
            tuple(commands.QualityResult(result.species, result.value) for result in body.results),
        )  # fmt: skip
        outcome = await service.execute(call, command, f"POST /v1/shipments/{shipment_id}/certificate")
        event = event_of(outcome, events.CertificateAttached)
        return CertificateAnswer(
            shipment_id=event.shipment_id, standard=event.standard, edition=event.edition,
            verdict=judged(event.verdict), findings=list(event.findings),
        )  # fmt: skip


def _add_journey(routes: APIRouter, service: TrackingService) -> None:
    @routes.post(
        "/v1/shipments/{shipment_id}/departure", status_code=201, responses=WRITE_PROBLEMS, operation_id="depart"
    )
    async def depart(
        shipment_id: ShipmentId, body: NewDeparture, call: Caller, idempotency_key: IdempotencyKey = None
    ) -> DepartureAnswer:
        """The carrier sets off under a waybill. Scope: track."""
        principal = call.require("track")
        command = commands.Depart(principal.participant_id, shipment_id, body.waybill_no)
        outcome = await service.execute(call, command, f"POST /v1/shipments/{shipment_id}/departure")
        event = event_of(outcome, events.ShipmentDeparted)
        return DepartureAnswer(
            shipment_id=event.shipment_id, plate=event.plate, vessel_id=event.vessel_id, waybill_no=event.waybill_no,
            departed_at=outcome.at,
        )  # fmt: skip

    @routes.post(
        "/v1/shipments/{shipment_id}/arrival", status_code=201, responses=WRITE_PROBLEMS, operation_id="arrive"
    )
    async def arrive(
        shipment_id: ShipmentId, body: Nothing, call: Caller, idempotency_key: IdempotencyKey = None
    ) -> ArrivalAnswer:
        """The carrier is at the drop-off facility. Scope: track."""
        principal = call.require("track")
        command = commands.Arrive(principal.participant_id, shipment_id)
        outcome = await service.execute(call, command, f"POST /v1/shipments/{shipment_id}/arrival")
        event = event_of(outcome, events.ShipmentArrived)
        return ArrivalAnswer(shipment_id=event.shipment_id, late_s=event.late_s, arrived_at=outcome.at)


def _add_outcomes(routes: APIRouter, service: TrackingService) -> None:
    @routes.post(
        "/v1/shipments/{shipment_id}/acceptance", status_code=201, responses=WRITE_PROBLEMS, operation_id="acceptLoad"
    )
    async def accept(
        shipment_id: ShipmentId, body: Nothing, call: Caller, idempotency_key: IdempotencyKey = None
    ) -> AcceptanceAnswer:
        """The buyer accepts what was delivered. Scope: track."""
        principal = call.require("track")
        command = commands.AcceptLoad(principal.participant_id, shipment_id)
        outcome = await service.execute(call, command, f"POST /v1/shipments/{shipment_id}/acceptance")
        event = event_of(outcome, events.LoadAccepted)
        return AcceptanceAnswer(
            shipment_id=event.shipment_id, state="accepted", loaded_mass=event.loaded_mass_g,
            delivered_mass=event.delivered_mass_g, late_s=event.late_s, closed_at=outcome.at,
        )  # fmt: skip

    @routes.post(
        "/v1/shipments/{shipment_id}/rejection", status_code=201, responses=WRITE_PROBLEMS, operation_id="rejectLoad"
    )
    async def reject(
        shipment_id: ShipmentId, body: NewRejection, call: Caller, idempotency_key: IdempotencyKey = None
    ) -> RejectionAnswer:
        """The buyer does not take the load; possible until it has read its meter. Scope: track."""
        principal = call.require("track")
        command = commands.RejectLoad(principal.participant_id, shipment_id, body.reason)
        outcome = await service.execute(call, command, f"POST /v1/shipments/{shipment_id}/rejection")
        event = event_of(outcome, events.LoadRejected)
        return RejectionAnswer(
            shipment_id=event.shipment_id, state="rejected", reason=event.reason, fault=event.fault,
            haulage_due_mass=event.haulage_due_mass_g, at=outcome.at,
        )  # fmt: skip

    @routes.post(
        "/v1/shipments/{shipment_id}/cancellation",
        status_code=201,
        responses=WRITE_PROBLEMS,
        operation_id="cancelShipment",
    )
    async def cancel(
        shipment_id: ShipmentId, body: NewCancellation, call: Caller, idempotency_key: IdempotencyKey = None
    ) -> CancellationAnswer:
        """The operator ends a load that was not given yet; what is held for it is released. Scope: operate."""
        call.require("operate")
        command = commands.CancelShipment(shipment_id, body.reason)
        outcome = await service.execute(call, command, f"POST /v1/shipments/{shipment_id}/cancellation")
        event = event_of(outcome, events.ShipmentCancelled)
        return CancellationAnswer(
            shipment_id=event.shipment_id, state="cancelled", reason=event.reason,
            haulage_released=find_event(outcome, events.HaulageLapsed) is not None, closed_at=outcome.at,
        )  # fmt: skip
