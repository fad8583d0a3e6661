"""Which entities a command touches: what the service loads before the machine decides.

`touches` knows a command alone; `touches_more` sees what was loaded for it and names the next hop: the lorry, vessel,
haulage and pool behind a shipment, the loads waiting in a pool. It is asked until it names nothing new. What a batch
itself links, it has named already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from kernel.machine import View
from kernel.messages import Command
from tracking import commands
from tracking.model import (
    CERTIFICATES,
    FACILITIES,
    HAND_OVERS,
    HAULAGE,
    METERS,
    POOLS,
    POSITIONS,
    PRODUCTS,
    READINGS,
    RECALLS,
    SHIPMENTS,
    VEHICLES,
    VESSELS,
    HaulageLoad,
    PairingPool,
    Product,
    Shipment,
    Stage,
    Vessel,
    hand_over_id,
    haulage_id,
    position_id,
    reading_id,
    recall_key,
    shipment_id,
)
from tracking.turn import split_ids

Keys = Iterator[tuple[str, str]]


def touches(command: Command) -> list[tuple[str, str]]:
    """The (table, key) pairs that follow from the command alone."""
    return list(_TOUCHES[type(command)](command))


def touches_more(command: Command, view: View) -> list[tuple[str, str]]:
    """The (table, key) pairs that follow from what `touches` named, once that is in ``view``."""
    if isinstance(command, commands.PlanTrade):
        product = view.get(Product, PRODUCTS, command.product_id)
        kind = product.kind if product is not None else ""
        return list(_waiting(view, (command.buyer_id, command.seller_id), kind))
    if isinstance(command, commands.RecallTrades):
        return list(_behind_trades(view, command))
    if isinstance(command, commands.LapseShipments):
        return [*_behind_shipments(view, command.shipment_ids), *_behind_haulage(view, command.haulage_ids)]
    if isinstance(command, commands.AcceptOverdue):
        return list(_behind_shipments(view, command.shipment_ids))
    if isinstance(command, commands.VentVessel):
        vessel = view.get(Vessel, VESSELS, command.vessel_id)
        return [(SHIPMENTS, vessel.shipment_id)] if vessel is not None and vessel.shipment_id else []
    key = getattr(command, "shipment_id", None)
    return list(_behind_shipments(view, (key,))) if key is not None else []


def _waiting(view: View, party_ids: Iterable[str], kind: str) -> Keys:
    """The other halves that wait: carriage for hydrogen, hydrogen for carriage, both while the product is not known."""
    for party_id in party_ids:
        pool = view.get(PairingPool, POOLS, party_id)
        if pool is None:
            continue
        if kind in ("", "haulage"):
            yield from ((SHIPMENTS, key) for key in split_ids(pool.shipments))
        if kind != "haulage":
            yield from ((HAULAGE, key) for key in split_ids(pool.haulage))


def _behind_shipments(view: View, keys: Iterable[str]) -> Keys:
    for key in keys:
        shipment = view.get(Shipment, SHIPMENTS, key)
        if shipment is None:
            continue
        yield POOLS, shipment.transport_party_id
        if shipment.haulage_id:
            yield HAULAGE, shipment.haulage_id
        if shipment.plate:
            yield VEHICLES, shipment.plate
        if shipment.vessel_id:
            yield VESSELS, shipment.vessel_id


def _behind_trades(view: View, command: commands.RecallTrades) -> Keys:
    """Both halves of each load, and whatever else of its party waits: it may belong to the half that is left."""
    for trade in command.trades:
        yield from _waiting(view, (trade.buyer_id, trade.seller_id), "")
        for load_no in range(1, trade.loads + 1):
            yield from _behind_shipments(view, (shipment_id(trade.trade_id, load_no),))
            haulage = view.get(HaulageLoad, HAULAGE, haulage_id(trade.trade_id, load_no))
            if haulage is not None and haulage.shipment_id:
                yield SHIPMENTS, haulage.shipment_id
                if haulage.shipment_id in view.entities.get(SHIPMENTS, {}):
                    yield from _behind_shipments(view, (haulage.shipment_id,))


def _behind_haulage(view: View, keys: Iterable[str]) -> Keys:
    for key in keys:
        haulage = view.get(HaulageLoad, HAULAGE, key)
        if haulage is not None:
            yield POOLS, haulage.shipper_id


def _hand_over(shipment: str, stage: Stage) -> Keys:
    key = hand_over_id(shipment, stage)
    yield HAND_OVERS, key
    yield READINGS, reading_id(key, "giver")
    yield READINGS, reading_id(key, "taker")


def _product(command: commands.RegisterProduct) -> Keys:
    yield PRODUCTS, command.product_id


def _facility(command: commands.RegisterFacility) -> Keys:
    yield FACILITIES, command.facility_id


def _trade(command: commands.PlanTrade) -> Keys:
    yield PRODUCTS, command.product_id
    yield POOLS, command.buyer_id
    yield POOLS, command.seller_id
    for load_no in range(1, command.loads + 1):
        yield SHIPMENTS, shipment_id(command.trade_id, load_no)
        yield HAULAGE, haulage_id(command.trade_id, load_no)


def _recall(command: commands.RecallTrades) -> Keys:
    yield RECALLS, recall_key(command.recall_id)
    for trade in command.trades:
        yield POOLS, trade.buyer_id
        yield POOLS, trade.seller_id
        for load_no in range(1, trade.loads + 1):
            key = shipment_id(trade.trade_id, load_no)
            yield SHIPMENTS, key
            yield HAND_OVERS, hand_over_id(key, "load")
            yield HAULAGE, haulage_id(trade.trade_id, load_no)


def _vehicle(command: commands.RegisterVehicle) -> Keys:
    yield VEHICLES, command.plate


def _vessel(command: commands.RegisterVessel | commands.VentVessel) -> Keys:
    yield VESSELS, command.vessel_id


def _nothing(_command: commands.RegisterMeter) -> Keys:
    return iter(())


def _nomination(command: commands.Nominate) -> Keys:
    yield SHIPMENTS, command.shipment_id
    yield FACILITIES, command.facility_id


def _transport(command: commands.NominateTransport) -> Keys:
    yield SHIPMENTS, command.shipment_id
    yield VEHICLES, command.plate
    yield VESSELS, command.vessel_id


def _reading(command: commands.RecordReading) -> Keys:
    yield SHIPMENTS, command.shipment_id
    yield METERS, command.meter_id
    yield HAND_OVERS, hand_over_id(command.shipment_id, "load")
    yield from _hand_over(command.shipment_id, command.stage)


def _staged(command: commands.SignHandOver | commands.SettleHandOver) -> Keys:
    yield SHIPMENTS, command.shipment_id
    yield from _hand_over(command.shipment_id, command.stage)


def _certificate(command: commands.AttachCertificate) -> Keys:
    yield SHIPMENTS, command.shipment_id
    yield CERTIFICATES, command.shipment_id


def _shipment(command: commands.Depart | commands.Arrive | commands.AcceptLoad) -> Keys:
    yield SHIPMENTS, command.shipment_id


def _rejection(command: commands.RejectLoad) -> Keys:
    yield SHIPMENTS, command.shipment_id
    yield from _hand_over(command.shipment_id, "unload")


def _cancellation(command: commands.CancelShipment) -> Keys:
    yield SHIPMENTS, command.shipment_id
    yield HAND_OVERS, hand_over_id(command.shipment_id, "load")


def _positions(command: commands.ReportPositions) -> Keys:
    yield VEHICLES, command.plate
    yield from ((POSITIONS, position_id(command.plate, fix.fix_time)) for fix in command.fixes)


def _several(command: commands.LapseShipments | commands.AcceptOverdue) -> Keys:
    yield from ((SHIPMENTS, key) for key in command.shipment_ids)
    if isinstance(command, commands.LapseShipments):
        yield from ((HAULAGE, key) for key in command.haulage_ids)


_TOUCHES: Mapping[type[Command], Callable[[Any], Keys]] = {
    commands.RegisterProduct: _product,
    commands.RegisterFacility: _facility,
    commands.PlanTrade: _trade,
    commands.RecallTrades: _recall,
    commands.RegisterVehicle: _vehicle,
    commands.RegisterVessel: _vessel,
    commands.RegisterMeter: _nothing,
    commands.Nominate: _nomination,
    commands.NominateTransport: _transport,
    commands.RecordReading: _reading,
    commands.SignHandOver: _staged,
    commands.AttachCertificate: _certificate,
    commands.Depart: _shipment,
    commands.Arrive: _shipment,
    commands.AcceptLoad: _shipment,
    commands.RejectLoad: _rejection,
    commands.VentVessel: _vessel,
    commands.ReportPositions: _positions,
    commands.SettleHandOver: _staged,
    commands.CancelShipment: _cancellation,
    commands.LapseShipments: _several,
    commands.AcceptOverdue: _several,
}
