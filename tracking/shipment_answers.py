"""What the shipment routes read and answer, and rows turned into it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from kernel.edge import Answer, Body, Line, MassIn, MassOut, TimeIn, TimeOut
from tracking.model import Fault, HaulageStatus, HydrogenKind, RejectReason, ShipmentStatus, Side, Verdict
from tracking.positions_api import FixAnswer
from tracking.quality import RESULT_MAX
from tracking.tables import HaulageRow, ShipmentRow
from tracking.wire import FACILITY_PATTERN, Code, trade_text

#: More species than any standard names.
RESULTS_MAX = 64

Judged = Literal["in_spec", "off_spec", "incomplete"]


class ShipmentAnswer(Answer):
    """A load of hydrogen on its way; what is not known yet is null.

    ``carrier_id`` is the haulier, or the party that sees to its own transport. ``lost_mass`` left the vessel between
    loading and its end; it is negative where the meters found more.
    """

    shipment_id: str
    trade_id: str
    load_no: int
    product_id: str
    kind: HydrogenKind
    container_class: str
    grade: str
    seller_id: str
    buyer_id: str
    transport_party_id: str
    carrier_id: str | None
    custodian_id: str
    state: ShipmentStatus
    held: bool
    origin_hub: str | None
    destination_hub: str | None
    window_start: TimeOut
    window_end: TimeOut
    haulage_trade_id: str | None
    haulage_load_no: int | None
    nominal_mass: MassOut
    maximum_mass: MassOut
    seller_mass: MassOut | None
    buyer_mass: MassOut | None
    confirmed_mass: MassOut | None
    pickup_facility_id: str | None
    dropoff_facility_id: str | None
    plate: str | None
    vessel_id: str | None
    driver_licence: str | None
    escort_licence: str | None
    waybill_no: str | None
    quality: Judged | None
    heel_before: MassOut | None
    heel_after: MassOut | None
    loaded_mass: MassOut
    short_mass: MassOut
    delivered_mass: MassOut
    returned_mass: MassOut
    lost_mass: MassOut
    late_s: int
    reject_reason: RejectReason | None
    fault: Fault | None
    cancel_reason: str | None
    planned_at: TimeOut
    departed_at: TimeOut | None
    arrived_at: TimeOut | None
    delivered_at: TimeOut | None
    closed_at: TimeOut | None


class ShipmentDetail(ShipmentAnswer):
    """A shipment and where its lorry was seen last, while the lorry is on it."""

    position: FixAnswer | None


class TimelineAnswer(Answer):
    """One step of a shipment: the name of its event, and who took it (null where nobody in particular did)."""

    seq: int
    at: TimeOut
    kind: str
    participant_id: str | None


class HaulageAnswer(Answer):
    """A load of carriage; ``shipment_id`` is null while it waits for its hydrogen."""

    trade_id: str
    load_no: int
    product_id: str
    haulier_id: str
    shipper_id: str
    origin_hub: str
    destination_hub: str
    container_class: str
    window_start: TimeOut
    window_end: TimeOut
    state: HaulageStatus
    shipment_id: str | None


class Nothing(Body):
    """An empty object: the step says it all."""


class NewNomination(Body):
    """How much the caller's side gives or takes, and where."""

    mass: MassIn
    facility_id: str = Field(pattern=FACILITY_PATTERN, examples=["F3"])


class NominationAnswer(Answer):
    """A nomination; ``confirmed_mass`` is the lesser of both sides', null until both have nominated."""

    shipment_id: str
    side: Side
    mass: MassOut
    facility_id: str
    hub: str
    confirmed_mass: MassOut | None
    state: Literal["planned", "nominated"]


class NewTransport(Body):
    """The lorry, the vessel, and the licences of driver and escort."""

    plate: Code = Field(examples=["晋A0001"])
    vessel_id: Code = Field(examples=["TT-01"])
    driver_licence: Line
    escort_licence: Line


class TransportAnswer(Answer):
    """Nominated transport."""

    shipment_id: str
    carrier_id: str
    plate: str
    vessel_id: str
    driver_licence: str
    escort_licence: str
    own_transport: bool


class NewResult(Body):
    """One species, in the unit of the standard's limit; below the detection limit counts as that limit."""

    species: str = Field(min_length=1, max_length=40, pattern=r"^[a-z0-9_]+$", examples=["carbon_monoxide"])
    value: int = Field(ge=0, le=RESULT_MAX)


class NewCertificate(Body):
    """A laboratory's results for the gas of a shipment."""

    laboratory: Line
    sampled_at: TimeIn
    standard: str = Field(min_length=1, max_length=40, pattern=r"^[ -~]+$", examples=["GB/T 37244"])
    edition: str = Field(min_length=1, max_length=20, pattern=r"^[ -~]+$", examples=["2018"])
    results: list[NewResult] = Field(max_length=RESULTS_MAX)


class CertificateAnswer(Answer):
    """The verdict; ``findings`` are the species over their limit or missing."""

    shipment_id: str
    standard: str
    edition: str
    verdict: Judged
    findings: list[str]


class NewDeparture(Body):
    """The load sets off under a waybill."""

    waybill_no: Line


class DepartureAnswer(Answer):
    """A load on the road."""

    shipment_id: str
    plate: str
    vessel_id: str
    waybill_no: str
    departed_at: TimeOut


class ArrivalAnswer(Answer):
    """A load at its drop-off, ``late_s`` seconds after its window."""

    shipment_id: str
    late_s: int
    arrived_at: TimeOut


class AcceptanceAnswer(Answer):
    """A load that is done."""

    shipment_id: str
    state: Literal["accepted"]
    loaded_mass: MassOut
    delivered_mass: MassOut
    late_s: int
    closed_at: TimeOut


class NewRejection(Body):
    """Why the load is not taken; the reason names who answers for it."""

    reason: RejectReason


class RejectionAnswer(Answer):
    """A load that was not taken; carriage is due for ``haulage_due_mass``."""

    shipment_id: str
    state: Literal["rejected"]
    reason: RejectReason
    fault: Fault
    haulage_due_mass: MassOut
    at: TimeOut


class NewCancellation(Body):
    """Why the operator ends the load; its parties read it."""

    reason: Line


class CancellationAnswer(Answer):
    """A load that was ended before its gas changed hands; its seller keeps the gas."""

    shipment_id: str
    state: Literal["cancelled"]
    reason: str
    haulage_released: bool
    closed_at: TimeOut


#: Columns in which "" stands for what is not known yet.
_EMPTY = (
    "carrier_id", "origin_hub", "destination_hub", "pickup_facility_id", "dropoff_facility_id", "plate", "vessel_id",
    "driver_licence", "escort_licence", "waybill_no", "quality", "reject_reason", "fault",
    "cancel_reason",
)  # fmt: skip


def _columns(row: ShipmentRow) -> dict[str, Any]:
    """The row under the edge's names: masses without their unit, nothing empty."""
    known = {name.removesuffix("_g"): value for name, value in row.model_dump().items()}
    return known | {name: known[name] or None for name in _EMPTY} | {
        "shipment_id": row.id, "trade_id": trade_text(row.trade_id), "state": row.status,
        "haulage_trade_id": trade_text(row.haulage_trade_id), "haulage_load_no": row.haulage_load_no or None,
    }  # fmt: skip


def shipment_answer(row: ShipmentRow) -> ShipmentAnswer:
    """A shipment in a list."""
    return ShipmentAnswer.model_validate(_columns(row))


def shipment_detail(row: ShipmentRow, position: FixAnswer | None) -> ShipmentDetail:
    """A shipment by itself."""
    return ShipmentDetail.model_validate({**_columns(row), "position": position})


def haulage_answer(row: HaulageRow) -> HaulageAnswer:
    """A load of carriage."""
    known: dict[str, Any] = row.model_dump()
    known |= {"trade_id": trade_text(row.trade_id), "state": row.status, "shipment_id": row.shipment_id or None}
    return HaulageAnswer.model_validate(known)


def judged(verdict: Verdict) -> Judged:
    """The verdict of a certificate that there is."""
    assert verdict != ""
    return verdict
