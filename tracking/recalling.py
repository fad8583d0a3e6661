"""Recalling: the loads of a trade that is undone are ended, all of them, or none where one has begun to move.

Here alone is known whether a load moves, and here alone its loading begins: so the two cannot both happen. Of a pair of
hydrogen and carriage only one half may be recalled; the other half keeps its trade and waits for another one.
"""

from __future__ import annotations

from collections.abc import Iterator

from kernel.messages import Event
from tracking import commands, events
from tracking.model import (
    HAULAGE,
    POOLS,
    RECALLS,
    SHIPMENTS,
    HaulageLoad,
    Recall,
    Shipment,
    ShipmentStatus,
    haulage_id,
    recall_key,
    shipment_id,
)
from tracking.planning import end_haulage, pair_haulage, pair_shipment
from tracking.transport import free_transport
from tracking.turn import Turn, known, with_id

#: Nothing was read, signed or moved: lorry and vessel may be named, but loading has not begun.
STILL: tuple[ShipmentStatus, ...] = ("planned", "nominated")
#: What ended without a delivery is no obstacle.
ENDED: tuple[ShipmentStatus, ...] = ("lapsed", "cancelled")


def recall_trades(turn: Turn, command: commands.RecallTrades) -> Iterator[Event]:
    if turn.view.get(Recall, RECALLS, recall_key(command.recall_id)) is not None:
        return
    shipments, haulage = _loads(turn, command)
    obstacle = next(_moving(turn, shipments, haulage), None)
    if obstacle is not None:
        yield events.RecallAnswered(
            recall_id=command.recall_id, done=False, obstacle=obstacle.id, obstacle_state=obstacle.status
        )
        return
    left: list[Shipment | HaulageLoad] = []
    yield from _end_haulage(turn, haulage, _reason(command), left)
    yield from _end_shipments(turn, shipments, _reason(command), left)
    yield events.RecallAnswered(recall_id=command.recall_id, done=True, obstacle="", obstacle_state="")
    for half in left:
        if isinstance(half, Shipment):
            if half.status in STILL and not half.haulage_id:
                yield from pair_shipment(turn, half)
        elif half.status == "waiting":
            yield from pair_haulage(turn, half)


def _reason(command: commands.RecallTrades) -> str:
    key = recall_key(command.recall_id)
    return f"Trade recalled ({key}) / 成交已撤销（{key}）"


def _end_haulage(
    turn: Turn, haulage: list[HaulageLoad], reason: str, left: list[Shipment | HaulageLoad]
) -> Iterator[Event]:
    """Ends loads of carriage; the loads of hydrogen that lose theirs are added to ``left``."""
    for load in haulage:
        if load.status == "assigned":
            left.append(turn.shipment(load.shipment_id))
            yield _released(load)
        if load.status == "waiting":
            yield events.HaulageCancelled(haulage_trade_id=load.trade_id, haulage_load_no=load.load_no, reason=reason)


def _end_shipments(
    turn: Turn, shipments: list[Shipment], reason: str, left: list[Shipment | HaulageLoad]
) -> Iterator[Event]:
    """Ends loads of hydrogen; the loads of carriage that lose theirs are added to ``left``."""
    for shipment in shipments:
        if shipment.status not in STILL:
            continue
        if shipment.haulage_id:
            carriage = known(turn.view.get(HaulageLoad, HAULAGE, shipment.haulage_id))
            left.append(carriage)
            yield _released(carriage)
        yield events.ShipmentCancelled(
            shipment_id=shipment.id, trade_id=shipment.trade_id, load_no=shipment.load_no, reason=reason
        )


def _loads(turn: Turn, command: commands.RecallTrades) -> tuple[list[Shipment], list[HaulageLoad]]:
    """The loads of the trades: each is one of hydrogen or one of carriage."""
    keys = [(trade.trade_id, load_no) for trade in command.trades for load_no in range(1, trade.loads + 1)]
    shipments = [turn.view.get(Shipment, SHIPMENTS, shipment_id(*key)) for key in keys]
    haulage = [turn.view.get(HaulageLoad, HAULAGE, haulage_id(*key)) for key in keys]
    for key, hydrogen, carriage in zip(keys, shipments, haulage, strict=True):
        assert (hydrogen is None) != (carriage is None), f"load {key} was never planned"
    return [one for one in shipments if one is not None], [one for one in haulage if one is not None]


def _moving(turn: Turn, shipments: list[Shipment], haulage: list[HaulageLoad]) -> Iterator[Shipment | HaulageLoad]:
    """The loads that are past recalling."""
    for shipment in shipments:
        if shipment.status not in (*STILL, *ENDED):
            yield shipment
    for load in haulage:
        if load.status == "used":
            yield load
        elif load.status == "assigned":
            carried = turn.shipment(load.shipment_id)
            if carried.status not in STILL:
                yield carried


def _released(load: HaulageLoad) -> events.HaulageReleased:
    return events.HaulageReleased(
        shipment_id=load.shipment_id, haulage_trade_id=load.trade_id, haulage_load_no=load.load_no
    )


# --- effects


def haulage_released(turn: Turn, event: events.HaulageReleased) -> None:
    shipment = turn.shipment(event.shipment_id)
    haulage = known(turn.view.get(HaulageLoad, HAULAGE, haulage_id(event.haulage_trade_id, event.haulage_load_no)))
    free_transport(turn, shipment)
    shipment.plate = shipment.vessel_id = shipment.driver_licence = shipment.escort_licence = ""
    shipment.haulage_id = shipment.carrier_id = ""
    shipment.haulage_trade_id = shipment.haulage_load_no = 0
    # A hub that the product or a nomination fixed stays; one that only the carriage fixed is open again.
    if shipment.kind == "ex_works" and not shipment.dropoff_facility_id:
        shipment.destination_hub = ""
    if shipment.kind == "delivered" and not shipment.pickup_facility_id:
        shipment.origin_hub = ""
    turn.put(SHIPMENTS, shipment, shipment.id)
    haulage.shipment_id = ""
    haulage.status = "waiting"
    turn.put(HAULAGE, haulage, haulage.id)
    pool = turn.pool(haulage.shipper_id)
    pool.shipments = with_id(pool.shipments, shipment.id)
    pool.haulage = with_id(pool.haulage, haulage.id)
    turn.put(POOLS, pool, pool.id)


def haulage_cancelled(turn: Turn, event: events.HaulageCancelled) -> None:
    end_haulage(turn, haulage_id(event.haulage_trade_id, event.haulage_load_no), "cancelled")


def recall_answered(turn: Turn, event: events.RecallAnswered) -> None:
    recall = Recall(
        recall_key(event.recall_id), event.recall_id, event.done, event.obstacle, event.obstacle_state, turn.at,
        turn.seq,
    )  # fmt: skip
    turn.put(RECALLS, recall, recall.id)
