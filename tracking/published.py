"""What tracking tells other services of itself on demand, for reconciliation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec
from sqlalchemy import and_
from sqlmodel import Session, col, select

from kernel.facts import Fact
from tracking.delivery import haulage_due_g
from tracking.model import HaulageStatus, Shipment, ShipmentStatus
from tracking.service import entity_of
from tracking.tables import HaulageRow, RecallRow, ShipmentRow, TimelineRow

Outcome = Literal["", "accepted", "rejected", "lapsed", "cancelled"]

_OUTCOMES: Mapping[str, Outcome] = {
    "accepted": "accepted",
    "rejected": "rejected",
    "returning": "rejected",
    "returned": "rejected",
    "lapsed": "lapsed",
    "cancelled": "cancelled",
}
_CLOSING = ("LoadAccepted", "LoadRejected", "ShipmentLapsed", "ShipmentCancelled")


class LoadFact(msgspec.Struct, frozen=True):
    """A load of hydrogen. ``outcome`` is "" while it is under way; ``closed_at`` is when the outcome came.

    ``haulage_due_mass_g`` is what carriage of a rejected load is paid for.
    """

    shipment_id: str
    trade_id: int
    load_no: int
    haulage_trade_id: int
    haulage_load_no: int
    state: ShipmentStatus
    outcome: Outcome
    loaded_mass_g: int
    delivered_mass_g: int
    haulage_due_mass_g: int
    closed_at: int | None


class HaulageFact(msgspec.Struct, frozen=True):
    """A load of carriage; ``shipment_id`` is "" while it waits for its hydrogen."""

    haulage_trade_id: int
    load_no: int
    state: HaulageStatus
    shipment_id: str


class RecallFact(msgspec.Struct, frozen=True):
    """An answered recall: every load was ended (``done``), or none."""

    recall_id: int
    done: bool
    decided_at: int


def _recalls(session: Session) -> Iterator[RecallFact]:
    for row in session.exec(select(RecallRow).order_by(col(RecallRow.recall_id))):
        yield RecallFact(row.recall_id, row.done, row.decided_at)


def _loads(session: Session) -> Iterator[LoadFact]:
    closing = and_(col(TimelineRow.shipment_id) == col(ShipmentRow.id), col(TimelineRow.kind).in_(_CLOSING))
    query = (
        select(ShipmentRow, TimelineRow.at)
        .join(TimelineRow, closing, isouter=True)
        .order_by(col(ShipmentRow.trade_id), col(ShipmentRow.load_no))
    )
    for row, closed_at in session.exec(query):
        shipment = entity_of(Shipment, row)
        outcome = _OUTCOMES.get(shipment.status, "")
        yield LoadFact(
            shipment.id, shipment.trade_id, shipment.load_no, shipment.haulage_trade_id, shipment.haulage_load_no,
            shipment.status, outcome, shipment.loaded_mass_g, shipment.delivered_mass_g,
            haulage_due_g(shipment, shipment.fault) if outcome == "rejected" else 0, closed_at,
        )  # fmt: skip


def _haulage(session: Session) -> Iterator[HaulageFact]:
    for row in session.exec(select(HaulageRow).order_by(col(HaulageRow.trade_id), col(HaulageRow.load_no))):
        yield HaulageFact(row.trade_id, row.load_no, row.status, row.shipment_id)  # type: ignore[arg-type]


FACTS: dict[str, Fact] = {
    "loads": Fact(LoadFact, _loads),
    "haulage": Fact(HaulageFact, _haulage),
    "recalls": Fact(RecallFact, _recalls),
}
