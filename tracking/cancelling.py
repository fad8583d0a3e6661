"""Cancelling: the operator ends a load that nobody will give any more, while its gas is still its seller's.

A load that nobody began lapses by itself. Once one side has read its meter the scheduler leaves it alone, since a lorry
stands at the loading arm; if the other side then never reads or never signs, only the operator can end it.
"""

from __future__ import annotations

from collections.abc import Iterator

from kernel.messages import Event
from tracking import commands, errors, events
from tracking.model import HAND_OVERS, SHIPMENTS, HandOver, Shipment, ShipmentStatus, hand_over_id
from tracking.planning import leave_pool
from tracking.transport import free_transport
from tracking.turn import Turn, check_text

#: Until both sides have signed for the loading, the gas is in the seller's hands and no mass is booked.
CANCELLABLE: tuple[ShipmentStatus, ...] = ("planned", "nominated", "loading")


def cancel_shipment(turn: Turn, command: commands.CancelShipment) -> Iterator[Event]:
    shipment = turn.find(Shipment, SHIPMENTS, command.shipment_id, "shipment", "shipment_id")
    # A disputed reading is no hindrance: cancelling is the other way out of a dispute.
    if shipment.status not in CANCELLABLE:
        raise errors.WrongState(
            field="shipment_id", shipment_id=shipment.id, status=shipment.status, expected=" / ".join(CANCELLABLE)
        )
    check_text("reason", command.reason)
    yield events.ShipmentCancelled(
        shipment_id=shipment.id, trade_id=shipment.trade_id, load_no=shipment.load_no, reason=command.reason
    )
    if shipment.haulage_id:
        yield events.HaulageLapsed(haulage_trade_id=shipment.haulage_trade_id, haulage_load_no=shipment.haulage_load_no)


# --- effects


def shipment_cancelled(turn: Turn, event: events.ShipmentCancelled) -> None:
    shipment = turn.shipment(event.shipment_id)
    assert shipment.custodian_id == shipment.seller_id, f"{shipment.id} was given already"
    leave_pool(turn, shipment)
    free_transport(turn, shipment)
    shipment.status = "cancelled"
    shipment.held = False
    shipment.cancel_reason = event.reason
    shipment.closed_at = turn.at
    turn.put(SHIPMENTS, shipment, shipment.id)
    hand_over = turn.view.get(HandOver, HAND_OVERS, hand_over_id(shipment.id, "load"))
    if hand_over is not None:
        hand_over.status = "void"
        hand_over.closed_at = turn.at
        turn.put(HAND_OVERS, hand_over, hand_over.id)
