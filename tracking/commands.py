"""What may be asked of tracking."""

from __future__ import annotations

from kernel.messages import Command, Message
from tracking.events import Fix
from tracking.model import MeterKind, ProductKind, RejectReason, Side, Stage, VesselKind

# --- what followers ask


class RegisterProduct(Command, frozen=True, gc=False):
    """Mirrors a product of the exchange. Known ones are left as they are."""

    product_id: str
    kind: ProductKind
    hub: str
    destination_hub: str
    container_class: str
    grade: str
    nominal_mass_g: int
    maximum_mass_g: int
    window_start: int
    window_end: int


class RegisterFacility(Command, frozen=True, gc=False):
    """Mirrors a facility of the register. Known ones are left as they are."""

    facility_id: str
    participant_id: str
    kind: str
    name: str
    name_zh: str
    hub: str
    latitude_e7: int
    longitude_e7: int


class PlanTrade(Command, frozen=True, gc=False):
    """Plans the loads of a trade and pairs hydrogen with haulage. A trade that is planned is left as it is."""

    trade_id: int
    product_id: str
    loads: int
    buyer_id: str
    seller_id: str


class RecalledLoads(Message, frozen=True, gc=False):
    """The loads of a trade that the exchange would undo, and its parties."""

    trade_id: int
    loads: int
    buyer_id: str
    seller_id: str


class RecallTrades(Command, frozen=True, gc=False):
    """Ends every load of the trades of a recall, or none of them where one has begun to move; answered once."""

    recall_id: int
    trades: tuple[RecalledLoads, ...]


# --- what participants ask


class RegisterVehicle(Command, frozen=True, gc=False):
    """Registers a lorry by its plate."""

    participant_id: str
    plate: str


class RegisterVessel(Command, frozen=True, gc=False):
    """Registers a vessel by its registration code, with its heel as pressure and temperature show it."""

    participant_id: str
    vessel_id: str
    kind: VesselKind
    water_volume_l: int
    max_pressure_pa: int
    inspection_due_at: int
    heel_pressure_pa: int
    heel_temperature_mk: int


class RegisterMeter(Command, frozen=True, gc=False):
    """Registers an instrument with the standard uncertainty of its calibration certificate."""

    participant_id: str
    kind: MeterKind
    label: str
    uncertainty_ppm: int
    calibrated_until: int


class Nominate(Command, frozen=True, gc=False):
    """The seller's or the buyer's mass and facility. May be changed until both sides have nominated."""

    participant_id: str
    shipment_id: str
    mass_g: int
    facility_id: str


class NominateTransport(Command, frozen=True, gc=False):
    """The carrier's lorry, vessel, driver and escort. May be changed until loading begins."""

    participant_id: str
    shipment_id: str
    plate: str
    vessel_id: str
    driver_licence: str
    escort_licence: str


class RecordReading(Command, frozen=True, gc=False):
    """One side's reading at a hand-over.

    ``flow`` and ``weighbridge`` give masses before and after, ``gauge`` the vessel's pressure and temperature before
    and after. At unloading and return the giver also gives pressure and temperature after: they measure the residue.
    """

    participant_id: str
    shipment_id: str
    stage: Stage
    side: Side
    meter_id: str
    before_mass_g: int | None = None
    after_mass_g: int | None = None
    before_pressure_pa: int | None = None
    before_temperature_mk: int | None = None
    after_pressure_pa: int | None = None
    after_temperature_mk: int | None = None


class SignHandOver(Command, frozen=True, gc=False):
    """Signs the document of a hand-over for one side; ``digest`` is the SHA-256 of what the signer read."""

    participant_id: str
    shipment_id: str
    stage: Stage
    side: Side
    key_id: str
    digest: str


class QualityResult(Message, frozen=True, gc=False):
    """One species, in the unit of the standard's limit; what is below the detection limit counts as that limit."""

    species: str
    value: int


class AttachCertificate(Command, frozen=True, gc=False):
    """Puts the laboratory's results with a shipment, before it departs."""

    participant_id: str
    shipment_id: str
    laboratory: str
    sampled_at: int
    standard: str
    edition: str
    results: tuple[QualityResult, ...]


class Depart(Command, frozen=True, gc=False):
    """The carrier sets off under a waybill."""

    participant_id: str
    shipment_id: str
    waybill_no: str


class Arrive(Command, frozen=True, gc=False):
    """The carrier is at the drop-off facility."""

    participant_id: str
    shipment_id: str


class AcceptLoad(Command, frozen=True, gc=False):
    """The buyer accepts what was delivered."""

    participant_id: str
    shipment_id: str


class RejectLoad(Command, frozen=True, gc=False):
    """The buyer does not take the load; the gas goes back. Possible until the buyer has read its meter."""

    participant_id: str
    shipment_id: str
    reason: RejectReason


class VentVessel(Command, frozen=True, gc=False):
    """The custodian let gas out of a vessel, or found that a valve did."""

    participant_id: str
    vessel_id: str
    mass_g: int
    reason: str


class ReportPositions(Command, frozen=True, gc=False):
    """Fixes of one vehicle, late, twice and out of order as they come."""

    participant_id: str
    plate: str
    fixes: tuple[Fix, ...]


# --- what the operator and the scheduler ask


class SettleHandOver(Command, frozen=True, gc=False):
    """The operator's word on a disputed hand-over. ``residue_mass_g`` is None at loading. Both sides still sign."""

    shipment_id: str
    stage: Stage
    agreed_mass_g: int
    residue_mass_g: int | None
    note: str


class CancelShipment(Command, frozen=True, gc=False):
    """The operator ends a load whose gas is still its seller's, and says why. Nothing is due for it."""

    shipment_id: str
    reason: str


class LapseShipments(Command, frozen=True, gc=False):
    """Ends what was not begun when its window ended. Ids that are not due are left as they are."""

    shipment_ids: tuple[str, ...]
    haulage_ids: tuple[str, ...] = ()


class AcceptOverdue(Command, frozen=True, gc=False):
    """Accepts delivered loads whose buyer let the time for a word pass. Ids that are not due are left as they are."""

    shipment_ids: tuple[str, ...]


COMMANDS: tuple[type[Command], ...] = (
    RegisterProduct,
    RegisterFacility,
    PlanTrade,
    RecallTrades,
    RegisterVehicle,
    RegisterVessel,
    RegisterMeter,
    Nominate,
    NominateTransport,
    RecordReading,
    SignHandOver,
    AttachCertificate,
    Depart,
    Arrive,
    AcceptLoad,
    RejectLoad,
    VentVessel,
    ReportPositions,
    SettleHandOver,
    CancelShipment,
    LapseShipments,
    AcceptOverdue,
)
