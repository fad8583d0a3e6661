"""Delivery: the buyer accepts a load, or does not take it and says why."""

from __future__ import annotations

from collections.abc import Iterator

from kernel.messages import Event
from kernel.quantity import MICROS_PER_S
from tracking import commands, errors, events
from tracking.model import (
    FAULT_OF,
    HAND_OVERS,
    HAULAGE,
    READINGS,
    SHIPMENTS,
    HandOver,
    HaulageLoad,
    MeterReading,
    Shipment,
    hand_over_id,
    reading_id,
)
from tracking.turn import Turn, check_party, check_state, known

#: The buyer signed for the gas already; a day is enough to say that it is accepted.
ACCEPTANCE_S = 24 * 3_600


def accept_load(turn: Turn, command: commands.AcceptLoad) -> Iterator[Event]:
    shipment = turn.own_shipment(command.participant_id, command.shipment_id)
    check_party(shipment, command.participant_id, shipment.buyer_id, "buyer")
    check_state(shipment, "delivered")
    yield _acceptance(shipment)


def accept_overdue(turn: Turn, command: commands.AcceptOverdue) -> Iterator[Event]:
    for key in command.shipment_ids:
        shipment = turn.view.get(Shipment, SHIPMENTS, key)
        if shipment is None or shipment.status != "delivered" or shipment.delivered_at is None:
            continue
        if turn.at >= shipment.delivered_at + ACCEPTANCE_S * MICROS_PER_S:
            yield _acceptance(shipment)


def _acceptance(shipment: Shipment) -> events.LoadAccepted:
    return events.LoadAccepted(
        shipment_id=shipment.id, trade_id=shipment.trade_id, load_no=shipment.load_no,
        haulage_trade_id=shipment.haulage_trade_id, haulage_load_no=shipment.haulage_load_no,
        loaded_mass_g=shipment.loaded_mass_g, delivered_mass_g=shipment.delivered_mass_g, late_s=shipment.late_s,
    )  # fmt: skip


def reject_load(turn: Turn, command: commands.RejectLoad) -> Iterator[Event]:
    shipment = turn.own_shipment(command.participant_id, command.shipment_id)
    check_party(shipment, command.participant_id, shipment.buyer_id, "buyer")
    check_state(shipment, "arrived", "unloading")
    taken = reading_id(hand_over_id(shipment.id, "unload"), "taker")
    if turn.view.get(MeterReading, READINGS, taken) is not None:
        raise errors.ReceiverHasRead(field="shipment_id", shipment_id=shipment.id)
    if command.reason == "late" and shipment.late_s == 0:
        raise errors.NotLate(field="reason", shipment_id=shipment.id)
    fault = FAULT_OF[command.reason]
    yield events.LoadRejected(
        shipment_id=shipment.id, trade_id=shipment.trade_id, load_no=shipment.load_no,
        haulage_trade_id=shipment.haulage_trade_id, haulage_load_no=shipment.haulage_load_no, reason=command.reason,
        fault=fault, haulage_due_mass_g=haulage_due_g(shipment, fault),
    )  # fmt: skip


def haulage_due_g(shipment: Shipment, fault: str) -> int:
    """What a haulier without fault is paid for: the loaded mass, up to the mass that its money is held for."""
    if not shipment.haulage_id or fault == "haulier":
        return 0
    return min(shipment.loaded_mass_g, shipment.maximum_mass_g)


# --- effects


def load_accepted(turn: Turn, event: events.LoadAccepted) -> None:
    shipment = turn.shipment(event.shipment_id)
    shipment.status = "accepted"
    shipment.closed_at = turn.at
    turn.put(SHIPMENTS, shipment, shipment.id)
    _use_haulage(turn, shipment)


def load_rejected(turn: Turn, event: events.LoadRejected) -> None:
    shipment = turn.shipment(event.shipment_id)
    shipment.status = "rejected"
    shipment.reject_reason = event.reason
    shipment.fault = event.fault
    turn.put(SHIPMENTS, shipment, shipment.id)
    hand_over = turn.view.get(HandOver, HAND_OVERS, hand_over_id(shipment.id, "unload"))
    if hand_over is not None:
        hand_over.status = "void"
        hand_over.closed_at = turn.at
        turn.put(HAND_OVERS, hand_over, hand_over.id)
    _use_haulage(turn, shipment)


def _use_haulage(turn: Turn, shipment: Shipment) -> None:
    if shipment.haulage_id:
        haulage = known(turn.view.get(HaulageLoad, HAULAGE, shipment.haulage_id))
        haulage.status = "used"
        turn.put(HAULAGE, haulage, haulage.id)
