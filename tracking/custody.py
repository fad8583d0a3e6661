"""Custody: a load changes hands when both sides have signed the same document, and never otherwise.

The document names both readings, the tolerance and the agreed mass. Inside the tolerance the LESSER reading is agreed:
the giver is not paid for gas that only its own meter saw, and the taker answers for no more than it measured. Outside
of it, or where what came out of a vessel and stayed in it is not what was in it, the hand-over is disputed and the
shipment held until the operator settles it; gas that got lost on the way is vented before. Each side signs the SHA-256
digest of the document's canonical JSON.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from kernel.messages import Event, Message
from kernel.quantity import format_mass
from tracking import commands, errors, events
from tracking.density import contents_g
from tracking.model import (
    HAND_OVERS,
    METER_DIFFERENCE_ACCOUNT,
    READINGS,
    SHIPMENTS,
    Dispute,
    HandOver,
    MeterKind,
    MeterReading,
    Shipment,
    Stage,
    Vessel,
    facility_account,
    hand_over_id,
    reading_id,
    vessel_account,
)
from tracking.movements import move
from tracking.transport import GAS_TEMPERATURE_MK_MIN, free_transport
from tracking.turn import Turn, check_party, check_range, check_text, known


class SideReading(Message, frozen=True, gc=False):
    """One side's reading as the document states it."""

    meter_id: str
    meter_kind: MeterKind
    before_mass_g: int | None
    after_mass_g: int | None
    before_pressure_pa: int | None
    before_temperature_mk: int | None
    after_pressure_pa: int | None
    after_temperature_mk: int | None
    mass_g: int
    uncertainty_ug: int
    read_at: int


class HandOverDocument(Message, frozen=True, gc=False):
    """What both sides sign. Its canonical form is the JSON of these fields in this order, without blanks."""

    hand_over_id: str
    trade_id: int
    load_no: int
    stage: Stage
    giver_id: str
    taker_id: str
    facility_id: str
    plate: str
    vessel_id: str
    giver_reading: SideReading
    taker_reading: SideReading
    tolerance_g: int
    agreed_mass_g: int
    residue_mass_g: int | None
    note: str  # the operator's, where it settled a dispute


class Agreement(NamedTuple):
    """What is to be signed: the mass that passes and what stays in the vessel (None at loading)."""

    tolerance_g: int
    agreed_mass_g: int
    residue_mass_g: int | None
    note: str = ""


def parties(shipment: Shipment, stage: Stage) -> tuple[str, str]:
    """Giver and taker of a stage."""
    if stage == "load":
        return shipment.seller_id, shipment.carrier_id
    if stage == "unload":
        return shipment.carrier_id, shipment.buyer_id
    return shipment.carrier_id, shipment.seller_id


def compose(
    shipment: Shipment, hand_over: HandOver, giver: MeterReading, taker: MeterReading, agreement: Agreement
) -> HandOverDocument:
    """The document of a hand-over under the given agreement."""
    return HandOverDocument(
        hand_over_id=hand_over.id, trade_id=shipment.trade_id, load_no=shipment.load_no, stage=hand_over.stage,
        giver_id=hand_over.giver_id, taker_id=hand_over.taker_id, facility_id=hand_over.facility_id,
        plate=hand_over.plate, vessel_id=hand_over.vessel_id, giver_reading=_stated(giver),
        taker_reading=_stated(taker), tolerance_g=agreement.tolerance_g, agreed_mass_g=agreement.agreed_mass_g,
        residue_mass_g=agreement.residue_mass_g, note=agreement.note,
    )  # fmt: skip


def document_of(
    shipment: Shipment, hand_over: HandOver, giver: MeterReading, taker: MeterReading
) -> HandOverDocument | None:
    """The document of a hand-over as it stands in the read models; None while there is nothing to sign."""
    if hand_over.tolerance_g is None or hand_over.agreed_mass_g is None:
        return None
    agreement = Agreement(hand_over.tolerance_g, hand_over.agreed_mass_g, hand_over.residue_mass_g, hand_over.note)
    return compose(shipment, hand_over, giver, taker, agreement)


def canonical(document: HandOverDocument) -> bytes:
    """The bytes whose digest is signed."""
    return msgspec.json.encode(document)


def digest_of(document: HandOverDocument) -> str:
    """SHA-256 of the canonical form, hex."""
    return hashlib.sha256(canonical(document)).hexdigest()


def _stated(reading: MeterReading) -> SideReading:
    return SideReading(**{name: getattr(reading, name) for name in SideReading.__struct_fields__})


# --- both readings are in


def conclude(
    turn: Turn, shipment: Shipment, giver: MeterReading, taker: MeterReading, tolerance: int
) -> events.HandOverProposed | events.HandOverDisputed:
    """What two readings come to: a proposal at the lesser of both, or a dispute."""
    hand_over = known(turn.view.get(HandOver, HAND_OVERS, giver.hand_over_id))
    agreed = min(giver.mass_g, taker.mass_g)
    dispute: Dispute = ""
    if abs(giver.mass_g - taker.mass_g) > tolerance:
        dispute = "readings"
    elif not _is_possible(turn, shipment, hand_over.stage, agreed, giver.residue_mass_g, tolerance):
        dispute = "contents"
    if dispute:
        return events.HandOverDisputed(
            shipment_id=shipment.id, stage=hand_over.stage, given_mass_g=giver.mass_g, taken_mass_g=taker.mass_g,
            tolerance_g=tolerance, dispute=dispute,
        )  # fmt: skip
    document = compose(shipment, hand_over, giver, taker, Agreement(tolerance, agreed, giver.residue_mass_g))
    return events.HandOverProposed(
        shipment_id=shipment.id, stage=hand_over.stage, given_mass_g=giver.mass_g, taken_mass_g=taker.mass_g,
        tolerance_g=tolerance, agreed_mass_g=agreed, residue_mass_g=giver.residue_mass_g, digest=digest_of(document),
    )  # fmt: skip


def _is_possible(
    turn: Turn, shipment: Shipment, stage: Stage, agreed_g: int, residue_g: int | None, tolerance: int
) -> bool:
    """Whether it agrees with the vessel: loading within what it holds at its coldest, unloading what was in it.

    The meters of loading and unloading differ, so the books may be off by the tolerances of both. No more than that may
    be missing: the seller is paid for what is delivered, so haulier and buyer do not write off its gas between them.
    """
    vessel = turn.vessel(shipment.vessel_id)
    if stage == "load":
        return vessel.mass_g + agreed_g <= fullest_g(vessel)
    loading = known(turn.view.get(HandOver, HAND_OVERS, hand_over_id(shipment.id, "load")))
    return abs(vessel.mass_g - agreed_g - (residue_g or 0)) <= tolerance + (loading.tolerance_g or 0)


def fullest_g(vessel: Vessel) -> int:
    """The most that a vessel can ever hold: at its highest pressure and the lowest temperature of gas on the road."""
    return contents_g(vessel.max_pressure_pa, GAS_TEMPERATURE_MK_MIN, vessel.water_volume_l)


def settle_hand_over(turn: Turn, command: commands.SettleHandOver) -> Iterator[Event]:
    shipment = turn.find(Shipment, SHIPMENTS, command.shipment_id, "shipment", "shipment_id")
    key = hand_over_id(shipment.id, command.stage)
    hand_over = turn.find(HandOver, HAND_OVERS, key, "hand-over", "stage")
    if hand_over.status != "disputed":
        raise errors.NotDisputed(field="stage", hand_over_id=key)
    check_text("note", command.note)
    giver = known(turn.view.get(MeterReading, READINGS, reading_id(key, "giver")))
    taker = known(turn.view.get(MeterReading, READINGS, reading_id(key, "taker")))
    lowest = 1 if command.stage == "load" else 0
    check_range("agreed_mass_g", command.agreed_mass_g, lowest, max(giver.mass_g, taker.mass_g))
    _check_settlement(turn.vessel(shipment.vessel_id), command)
    agreement = Agreement(hand_over.tolerance_g or 0, command.agreed_mass_g, command.residue_mass_g, command.note)
    yield events.HandOverSettled(
        shipment_id=shipment.id, stage=command.stage, agreed_mass_g=command.agreed_mass_g,
        residue_mass_g=command.residue_mass_g, note=command.note,
        digest=digest_of(compose(shipment, hand_over, giver, taker, agreement)),
    )  # fmt: skip


def _check_settlement(vessel: Vessel, command: commands.SettleHandOver) -> None:
    if command.stage == "load":
        if command.residue_mass_g is not None:
            raise errors.OutOfRange("residue_mass_g", command.residue_mass_g, 0, 0)
        room_g = fullest_g(vessel) - vessel.mass_g
        if command.agreed_mass_g > room_g:
            raise _impossible(command.agreed_mass_g, room_g)
        return
    if command.residue_mass_g is None:
        raise errors.ResidueUnmeasured(field="residue_mass_g")
    check_range("residue_mass_g", command.residue_mass_g, 0, vessel.mass_g)
    total_g = command.agreed_mass_g + command.residue_mass_g
    if total_g > vessel.mass_g:
        raise _impossible(total_g, vessel.mass_g)


def _impossible(mass_g: int, maximum_g: int) -> errors.SettlementImpossible:
    return errors.SettlementImpossible(field="agreed_mass_g", mass=format_mass(mass_g), maximum=format_mass(maximum_g))


# --- both sides sign


def sign_hand_over(turn: Turn, command: commands.SignHandOver) -> Iterator[Event]:
    shipment = turn.own_shipment(command.participant_id, command.shipment_id)
    key = hand_over_id(shipment.id, command.stage)
    hand_over = turn.find(HandOver, HAND_OVERS, key, "hand-over", "stage")
    wanted = hand_over.giver_id if command.side == "giver" else hand_over.taker_id
    check_party(shipment, command.participant_id, wanted, command.side)
    if hand_over.status not in ("proposed", "settled"):
        raise errors.NotReadyToSign(field="stage", hand_over_id=key, status=hand_over.status)
    signed_at = hand_over.giver_signed_at if command.side == "giver" else hand_over.taker_signed_at
    if signed_at is not None:
        raise errors.AlreadySigned(field="side", side=command.side, hand_over_id=key)
    if command.digest != hand_over.digest:
        raise errors.DigestMismatch(field="digest", hand_over_id=key)
    check_text("key_id", command.key_id)
    yield events.HandOverSigned(
        shipment_id=shipment.id, stage=command.stage, side=command.side, participant_id=command.participant_id,
        key_id=command.key_id, digest=command.digest,
    )  # fmt: skip
    if hand_over.giver_signed_at is not None and hand_over.taker_signed_at is not None:
        yield _pass_custody(turn, shipment, hand_over)


def _pass_custody(turn: Turn, shipment: Shipment, hand_over: HandOver) -> events.CustodyPassed:
    vessel = turn.vessel(hand_over.vessel_id)
    assert shipment.custodian_id == hand_over.giver_id, f"{shipment.id} is not in the hands of {hand_over.giver_id}"
    movements = _loading(hand_over) if hand_over.stage == "load" else _unloading(hand_over, vessel)
    account = vessel_account(vessel.id)
    change_g = sum(((each.target == account) - (each.source == account)) * each.mass_g for each in movements)
    return events.CustodyPassed(
        shipment_id=shipment.id, stage=hand_over.stage, giver_id=hand_over.giver_id, taker_id=hand_over.taker_id,
        vessel_id=vessel.id, mass_g=hand_over.agreed_mass_g or 0, contents_before_g=vessel.mass_g,
        contents_after_g=vessel.mass_g + change_g, movements=tuple(movements),
    )  # fmt: skip


def _loading(hand_over: HandOver) -> list[events.Movement]:
    """The agreed mass enters the vessel; what only the plant's meter saw is a difference of meters."""
    plant, agreed = facility_account(hand_over.facility_id), hand_over.agreed_mass_g or 0
    movements = [events.Movement(kind="load", source=plant, target=vessel_account(hand_over.vessel_id), mass_g=agreed)]
    unseen = (hand_over.given_mass_g or 0) - agreed
    if unseen > 0:
        movements.append(
            events.Movement(kind="meter_difference", source=plant, target=METER_DIFFERENCE_ACCOUNT, mass_g=unseen)
        )
    return movements


def _unloading(hand_over: HandOver, vessel: Vessel) -> list[events.Movement]:
    """The agreed mass leaves the vessel, the measured residue stays; what is over or missing is a meter difference."""
    account, facility = vessel_account(vessel.id), facility_account(hand_over.facility_id)
    agreed = hand_over.agreed_mass_g or 0
    missing = vessel.mass_g - agreed - (hand_over.residue_mass_g or 0)
    movements: list[events.Movement] = []
    # A gain is booked first, so that the vessel never gives what it does not hold.
    if missing < 0:
        movements.append(
            events.Movement(kind="meter_difference", source=METER_DIFFERENCE_ACCOUNT, target=account, mass_g=-missing)
        )
    if agreed > 0:
        kind = hand_over.stage
        movements.append(events.Movement(kind=kind, source=account, target=facility, mass_g=agreed))
    if missing > 0:
        movements.append(
            events.Movement(kind="meter_difference", source=account, target=METER_DIFFERENCE_ACCOUNT, mass_g=missing)
        )
    return movements


# --- effects


def _hand_over(turn: Turn, shipment_id: str, stage: Stage) -> HandOver:
    return known(turn.view.get(HandOver, HAND_OVERS, hand_over_id(shipment_id, stage)))


def hand_over_proposed(turn: Turn, event: events.HandOverProposed) -> None:
    hand_over = _hand_over(turn, event.shipment_id, event.stage)
    hand_over.status = "proposed"
    hand_over.tolerance_g = event.tolerance_g
    hand_over.agreed_mass_g = event.agreed_mass_g
    hand_over.residue_mass_g = event.residue_mass_g
    hand_over.digest = event.digest
    turn.put(HAND_OVERS, hand_over, hand_over.id)


def hand_over_disputed(turn: Turn, event: events.HandOverDisputed) -> None:
    hand_over = _hand_over(turn, event.shipment_id, event.stage)
    hand_over.status = "disputed"
    hand_over.tolerance_g = event.tolerance_g
    hand_over.dispute = event.dispute
    turn.put(HAND_OVERS, hand_over, hand_over.id)
    shipment = turn.shipment(event.shipment_id)
    shipment.held = True
    turn.put(SHIPMENTS, shipment, shipment.id)


def hand_over_settled(turn: Turn, event: events.HandOverSettled) -> None:
    hand_over = _hand_over(turn, event.shipment_id, event.stage)
    hand_over.status = "settled"
    hand_over.agreed_mass_g = event.agreed_mass_g
    hand_over.residue_mass_g = event.residue_mass_g
    hand_over.note = event.note
    hand_over.digest = event.digest
    turn.put(HAND_OVERS, hand_over, hand_over.id)
    shipment = turn.shipment(event.shipment_id)
    shipment.held = False
    turn.put(SHIPMENTS, shipment, shipment.id)


def hand_over_signed(turn: Turn, event: events.HandOverSigned) -> None:
    hand_over = _hand_over(turn, event.shipment_id, event.stage)
    if event.side == "giver":
        hand_over.giver_key_id, hand_over.giver_signed_at = event.key_id, turn.at
    else:
        hand_over.taker_key_id, hand_over.taker_signed_at = event.key_id, turn.at
    turn.put(HAND_OVERS, hand_over, hand_over.id)


def custody_passed(turn: Turn, event: events.CustodyPassed) -> None:
    hand_over = _hand_over(turn, event.shipment_id, event.stage)
    hand_over.status = "agreed"
    hand_over.closed_at = turn.at
    turn.put(HAND_OVERS, hand_over, hand_over.id)
    vessel = turn.vessel(event.vessel_id)
    assert vessel.mass_g == event.contents_before_g
    move(turn, vessel, event.movements, shipment_id=event.shipment_id, hand_over_id=hand_over.id)
    assert vessel.mass_g == event.contents_after_g
    shipment = turn.shipment(event.shipment_id)
    shipment.custodian_id = event.taker_id
    if event.stage == "load":
        _loaded(shipment, event)
    else:
        _unloaded(turn, shipment, event)
    turn.put(SHIPMENTS, shipment, shipment.id)


def _loaded(shipment: Shipment, event: events.CustodyPassed) -> None:
    shipment.status = "loaded"
    shipment.heel_before_g = event.contents_before_g
    shipment.loaded_mass_g = event.mass_g
    shipment.short_mass_g = max(0, (shipment.confirmed_mass_g or 0) - event.mass_g)


def _unloaded(turn: Turn, shipment: Shipment, event: events.CustodyPassed) -> None:
    shipment.heel_after_g = event.contents_after_g
    shipment.lost_mass_g += event.contents_before_g - event.mass_g - event.contents_after_g
    if event.stage == "unload":
        shipment.status = "delivered"
        shipment.delivered_mass_g = event.mass_g
        shipment.delivered_at = turn.at
    else:
        shipment.status = "returned"
        shipment.returned_mass_g = event.mass_g
        shipment.closed_at = turn.at
    free_transport(turn, shipment)
