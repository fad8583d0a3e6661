"""What tracking tells the parties of a load: seller, buyer and carrier."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlmodel import Session, col, select

from kernel.messages import Event, Recorded
from kernel.notices import Bulletin, Notice, Told, notice, rendered
from tracking import events as e
from tracking.tables import HaulageRow, ShipmentRow

TOLD: dict[type[Event], Told] = {
    e.ShipmentPlanned: Told("shipment.planned", "a traded load waits for nominations", "已成交车次待提名"),
    e.HaulageAssigned: Told("shipment.haulage_assigned", "a load has its haulage", "车次已配对运输"),
    e.HaulageReleased: Told(
        "shipment.haulage_released",
        "a load and its haulage part, since one of their trades is recalled",
        "因其中一笔成交被撤销，车次与运输解除配对",
    ),
    e.NominationConfirmed: Told("shipment.nominated", "both sides nominated", "双方提名已确认"),
    e.TransportNominated: Told(
        "shipment.transport_nominated", "the carrier named lorry and vessel", "承运方已指定车辆"
    ),
    e.HandOverProposed: Told("hand_over.proposed", "the readings agree and may be signed", "读数一致，可签字"),
    e.HandOverDisputed: Told("hand_over.disputed", "the readings do not agree", "读数不一致，存在争议"),
    e.HandOverSettled: Told("hand_over.settled", "the operator settled a dispute", "运营方已裁定争议"),
    e.HandOverSigned: Told("hand_over.signed", "one side signed", "一方已签字"),
    e.CustodyPassed: Told("hand_over.custody_passed", "the load changed hands", "保管责任已转移"),
    e.CertificateAttached: Told("shipment.certificate_attached", "a quality certificate came", "质量证书已附"),
    e.ShipmentDeparted: Told("shipment.departed", "the load is on the road", "车辆已发车"),
    e.ShipmentArrived: Told("shipment.arrived", "the load is at its destination", "车辆已到达"),
    e.LoadAccepted: Told("shipment.accepted", "the load was accepted", "已验收"),
    e.LoadRejected: Told("shipment.rejected", "the load was rejected", "已拒收"),
    e.ShipmentLapsed: Told("shipment.lapsed", "nothing was delivered in the window", "车次已失效"),
    e.ShipmentCancelled: Told("shipment.cancelled", "the operator ended the load", "车次已取消"),
    e.HaulagePlanned: Told("haulage.planned", "traded haulage waits for its load", "已成交运输待配对"),
    e.HaulageCancelled: Told("haulage.cancelled", "the trade of the haulage is recalled", "运输成交已撤销"),
    e.HaulageLapsed: Told("haulage.lapsed", "traded haulage was not used", "运输已失效"),
}
#: What a party reads where it belongs, and not in passing: papers of persons, and the account of a vessel.
_HIDDEN = frozenset(
    {"driver_licence", "escort_licence", "key_id", "results", "contents_before_g", "contents_after_g", "movements"}
)


def make(session: Session, recorded: Sequence[Recorded]) -> Iterator[Notice]:
    """The notices of these events, in order; each party reads the same."""
    shipments = _shipments(session, recorded)
    haulage = _haulage(session, recorded)
    for one in recorded:
        data = rendered(one.event, _HIDDEN)
        for participant_id in dict.fromkeys(_parties(one.event, shipments, haulage)):
            if participant_id:
                yield notice(TOLD[type(one.event)], one, participant_id, data)


BULLETIN = Bulletin(TOLD, make)


def _parties(event: Event, shipments: dict[str, Any], haulage: dict[tuple[int, int], Any]) -> Sequence[str]:
    match event:
        case e.ShipmentPlanned():
            return event.seller_id, event.buyer_id
        case e.HaulagePlanned():
            return event.haulier_id, event.shipper_id
        case e.HaulageLapsed() | e.HaulageCancelled():
            return tuple(haulage[event.haulage_trade_id, event.haulage_load_no])
        case e.HaulageReleased():
            carriage = haulage[event.haulage_trade_id, event.haulage_load_no]
            return *shipments[event.shipment_id], *carriage
        case _:
            return tuple(shipments[event.shipment_id])  # type: ignore[attr-defined]


def _shipments(session: Session, recorded: Sequence[Recorded]) -> dict[str, Any]:
    ids = {getattr(one.event, "shipment_id", None) for one in recorded} - {None}
    query = select(ShipmentRow.id, ShipmentRow.seller_id, ShipmentRow.buyer_id, ShipmentRow.carrier_id)
    found = session.exec(query.where(col(ShipmentRow.id).in_(ids))).all() if ids else ()
    return {row[0]: row[1:] for row in found}


def _haulage(session: Session, recorded: Sequence[Recorded]) -> dict[tuple[int, int], Any]:
    about = (e.HaulageLapsed, e.HaulageCancelled, e.HaulageReleased)
    trades = {one.event.haulage_trade_id for one in recorded if isinstance(one.event, about)}
    query = select(HaulageRow.trade_id, HaulageRow.load_no, HaulageRow.haulier_id, HaulageRow.shipper_id)
    found = session.exec(query.where(col(HaulageRow.trade_id).in_(trades))).all() if trades else ()
    return {(row[0], row[1]): row[2:] for row in found}
