"""Routes of hand-overs: readings, the document that both sides sign, and the operator's word on a dispute."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import Field
from sqlmodel import Session, col, select

from kernel.edge import Answer, Body, Line, MassIn, MassOut, TimeOut
from kernel.sequencer import Outcome
from tracking import commands, events
from tracking.custody import canonical, document_of
from tracking.model import Dispute, HandOver, MeterKind, MeterReading, Shipment, Side, Stage, reading_id
from tracking.quantities import PressureIn, PressureOut, TemperatureIn, TemperatureOut
from tracking.service import TrackingService, entity_of
from tracking.tables import HandOverRow, ReadingRow, ShipmentRow
from tracking.wire import (
    DIGEST_PATTERN,
    METER_PATTERN,
    READ_PROBLEMS,
    WRITE_PROBLEMS,
    Caller,
    IdempotencyKey,
    ShipmentId,
    event_of,
    find_event,
    visible_shipment,
)

Status = Literal["open", "proposed", "disputed", "settled", "agreed", "void"]


class NewReading(Body):
    """What one side read. ``flow`` and ``weighbridge`` need the masses, ``gauge`` pressure and temperature before and
    after; at unloading and return the giver also reads the vessel's pressure and temperature afterwards."""

    stage: Stage
    side: Side
    meter_id: str = Field(pattern=METER_PATTERN, examples=["M7"])
    before_mass: MassIn | None = None
    after_mass: MassIn | None = None
    before_pressure: PressureIn | None = None
    before_temperature: TemperatureIn | None = None
    after_pressure: PressureIn | None = None
    after_temperature: TemperatureIn | None = None


class ConclusionAnswer(Answer):
    """What the readings come to: ``open`` until both are in, then a proposal with its digest, or a dispute."""

    status: Literal["open", "proposed", "disputed"]
    digest: str | None
    agreed_mass: MassOut | None
    tolerance: MassOut | None


class ReadingAnswer(Answer):
    """A reading: ``mass`` is what passed from giver to taker by it."""

    shipment_id: str
    stage: Stage
    side: Side
    mass: MassOut
    hand_over: ConclusionAnswer


class NewSignature(Body):
    """``digest`` is the SHA-256 of the document that the signer read; the caller's key signs."""

    stage: Stage
    side: Side
    digest: str = Field(pattern=DIGEST_PATTERN)


class SignatureAnswer(Answer):
    """A signature; ``custody_passed`` with the second one."""

    shipment_id: str
    stage: Stage
    side: Side
    participant_id: str
    key_id: str
    digest: str
    signed_at: TimeOut
    custody_passed: bool


class NewSettlement(Body):
    """The operator's word on a dispute. ``residue_mass`` stays in the vessel: none at loading, needed otherwise."""

    stage: Stage
    agreed_mass: MassIn
    residue_mass: MassIn | None = None
    note: Line


class SettledAnswer(Answer):
    """A settled reading; both sides sign ``digest``."""

    shipment_id: str
    stage: Stage
    agreed_mass: MassOut
    residue_mass: MassOut | None
    note: str
    digest: str


class SideReadingAnswer(Answer):
    """One side's reading as it was given; ``uncertainty`` is the standard uncertainty of ``mass``, in grams."""

    participant_id: str
    meter_id: str
    meter_kind: MeterKind
    before_mass: MassOut | None
    after_mass: MassOut | None
    before_pressure: PressureOut | None
    before_temperature: TemperatureOut | None
    after_pressure: PressureOut | None
    after_temperature: TemperatureOut | None
    mass: MassOut
    uncertainty_ug: int
    residue_mass: MassOut | None
    read_at: TimeOut


class SignedBy(Answer):
    """Who signed, with which key, and when."""

    participant_id: str
    key_id: str
    signed_at: TimeOut


class HandOverAnswer(Answer):
    """A change of custody. ``document`` is the text whose SHA-256, in UTF-8, is ``digest``; null until there is one."""

    hand_over_id: str
    stage: Stage
    status: Status
    giver_id: str
    taker_id: str
    facility_id: str
    plate: str
    vessel_id: str
    giver_reading: SideReadingAnswer | None
    taker_reading: SideReadingAnswer | None
    tolerance: MassOut | None
    agreed_mass: MassOut | None
    residue_mass: MassOut | None
    dispute: Literal["readings", "contents"] | None
    note: str
    digest: str | None
    document: str | None
    giver_signature: SignedBy | None
    taker_signature: SignedBy | None
    opened_at: TimeOut
    closed_at: TimeOut | None


class HandOversAnswer(Answer):
    """The hand-overs of a shipment, first to last."""

    items: list[HandOverAnswer]


def custody_routes(service: TrackingService) -> APIRouter:
    """Hand-overs."""
    routes = APIRouter()

    @routes.post(
        "/v1/shipments/{shipment_id}/readings", status_code=201, responses=WRITE_PROBLEMS, operation_id="recordReading"
    )
    async def record(
        shipment_id: ShipmentId, body: NewReading, call: Caller, idempotency_key: IdempotencyKey = None
    ) -> ReadingAnswer:
        """One side's reading at a hand-over; it never changes. Scope: track."""
        principal = call.require("track")
        command = commands.RecordReading(
            principal.participant_id, shipment_id, body.stage, body.side, body.meter_id, body.before_mass,
            body.after_mass, body.before_pressure, body.before_temperature, body.after_pressure,
            body.after_temperature,
        )  # fmt: skip
        outcome = await service.execute(call, command, f"POST /v1/shipments/{shipment_id}/readings")
        event = event_of(outcome, events.ReadingRecorded)
        return ReadingAnswer(
            shipment_id=event.shipment_id, stage=event.stage, side=event.side, mass=event.mass_g,
            hand_over=_conclusion(outcome),
        )  # fmt: skip

    @routes.get("/v1/shipments/{shipment_id}/hand-overs", responses=READ_PROBLEMS, operation_id="listHandOvers")
    def hand_overs(shipment_id: ShipmentId, call: Caller) -> HandOversAnswer:
        """Readings, documents and signatures. Scope: read; the shipment's parties, the operator and auditors."""
        principal = call.require("read")
        with service.store.reading() as session:
            row = visible_shipment(session, principal, shipment_id)
            return HandOversAnswer(items=_hand_overs(session, row))

    @routes.post(
        "/v1/shipments/{shipment_id}/signatures", status_code=201, responses=WRITE_PROBLEMS, operation_id="signHandOver"
    )
    async def sign(
        shipment_id: ShipmentId, body: NewSignature, call: Caller, idempotency_key: IdempotencyKey = None
    ) -> SignatureAnswer:
        """Signs a document with the caller's key; custody passes with the second signature. Scope: track."""
        principal = call.require("track")
        command = commands.SignHandOver(
            principal.participant_id, shipment_id, body.stage, body.side, principal.key_id, body.digest
        )
        outcome = await service.execute(call, command, f"POST /v1/shipments/{shipment_id}/signatures")
        event = event_of(outcome, events.HandOverSigned)
        return SignatureAnswer(
            shipment_id=event.shipment_id, stage=event.stage, side=event.side, participant_id=event.participant_id,
            key_id=event.key_id, digest=event.digest, signed_at=outcome.at,
            custody_passed=find_event(outcome, events.CustodyPassed) is not None,
        )  # fmt: skip

    @routes.post(
        "/v1/shipments/{shipment_id}/settled-reading",
        status_code=201,
        responses=WRITE_PROBLEMS,
        operation_id="settleReading",
    )
    async def settle(
        shipment_id: ShipmentId, body: NewSettlement, call: Caller, idempotency_key: IdempotencyKey = None
    ) -> SettledAnswer:
        """The operator settles a disputed reading; both sides still sign. Scope: operate."""
        call.require("operate")
        command = commands.SettleHandOver(shipment_id, body.stage, body.agreed_mass, body.residue_mass, body.note)
        outcome = await service.execute(call, command, f"POST /v1/shipments/{shipment_id}/settled-reading")
        event = event_of(outcome, events.HandOverSettled)
        return SettledAnswer(
            shipment_id=event.shipment_id, stage=event.stage, agreed_mass=event.agreed_mass_g,
            residue_mass=event.residue_mass_g, note=event.note, digest=event.digest,
        )  # fmt: skip

    return routes


def _conclusion(outcome: Outcome) -> ConclusionAnswer:
    proposed = find_event(outcome, events.HandOverProposed)
    if proposed is not None:
        return ConclusionAnswer(
            status="proposed", digest=proposed.digest, agreed_mass=proposed.agreed_mass_g,
            tolerance=proposed.tolerance_g,
        )  # fmt: skip
    disputed = find_event(outcome, events.HandOverDisputed)
    if disputed is not None:
        return ConclusionAnswer(status="disputed", digest=None, agreed_mass=None, tolerance=disputed.tolerance_g)
    return ConclusionAnswer(status="open", digest=None, agreed_mass=None, tolerance=None)


def _hand_overs(session: Session, shipment: ShipmentRow) -> list[HandOverAnswer]:
    found = session.exec(
        select(HandOverRow).where(HandOverRow.shipment_id == shipment.id).order_by(col(HandOverRow.opened_at))
    ).all()
    readings = {
        row.id: entity_of(MeterReading, row)
        for row in session.exec(select(ReadingRow).where(ReadingRow.shipment_id == shipment.id))
    }
    entity = entity_of(Shipment, shipment)
    return [_hand_over(entity, entity_of(HandOver, row), readings) for row in found]


def _hand_over(shipment: Shipment, hand_over: HandOver, readings: dict[str, MeterReading]) -> HandOverAnswer:
    giver = readings.get(reading_id(hand_over.id, "giver"))
    taker = readings.get(reading_id(hand_over.id, "taker"))
    document = document_of(shipment, hand_over, giver, taker) if giver is not None and taker is not None else None
    return HandOverAnswer(
        hand_over_id=hand_over.id, stage=hand_over.stage,
        status="open" if hand_over.status == "reading" else hand_over.status, giver_id=hand_over.giver_id,
        taker_id=hand_over.taker_id, facility_id=hand_over.facility_id, plate=hand_over.plate,
        vessel_id=hand_over.vessel_id, giver_reading=_reading(giver), taker_reading=_reading(taker),
        tolerance=hand_over.tolerance_g, agreed_mass=hand_over.agreed_mass_g, residue_mass=hand_over.residue_mass_g,
        dispute=_dispute(hand_over.dispute), note=hand_over.note, digest=hand_over.digest or None,
        document=canonical(document).decode() if document is not None else None,
        giver_signature=_signature(hand_over.giver_id, hand_over.giver_key_id, hand_over.giver_signed_at),
        taker_signature=_signature(hand_over.taker_id, hand_over.taker_key_id, hand_over.taker_signed_at),
        opened_at=hand_over.opened_at, closed_at=hand_over.closed_at,
    )  # fmt: skip


def _reading(reading: MeterReading | None) -> SideReadingAnswer | None:
    if reading is None:
        return None
    known: dict[str, Any] = {
        name.removesuffix("_g").removesuffix("_pa").removesuffix("_mk"): getattr(reading, name)
        for name in MeterReading.__struct_fields__
    }
    return SideReadingAnswer.model_validate(known)


def _dispute(dispute: Dispute) -> Literal["readings", "contents"] | None:
    return dispute or None


def _signature(participant_id: str, key_id: str, signed_at: int | None) -> SignedBy | None:
    if signed_at is None:
        return None
    return SignedBy(participant_id=participant_id, key_id=key_id, signed_at=signed_at)
