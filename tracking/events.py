"""What happened to loads on their way. Published: fields are only ever added, with defaults."""

from __future__ import annotations

from kernel.messages import Event, Message
from tracking.model import (
    Dispute,
    Fault,
    HydrogenKind,
    MeterKind,
    MovementKind,
    ProductKind,
    RejectReason,
    Side,
    Stage,
    Verdict,
    VesselKind,
)


class ProductRegistered(Event, frozen=True, gc=False):
    """A product of the exchange is known here."""

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


class FacilityRegistered(Event, frozen=True, gc=False):
    """A facility of the register is known here."""

    facility_id: str
    participant_id: str
    kind: str
    name: str
    name_zh: str
    hub: str
    latitude_e7: int
    longitude_e7: int


class VehicleRegistered(Event, frozen=True, gc=False):
    """A lorry can be nominated."""

    plate: str
    participant_id: str


class VesselRegistered(Event, frozen=True, gc=False):
    """A vessel can be nominated; its heel opens its account."""

    vessel_id: str
    participant_id: str
    kind: VesselKind
    water_volume_l: int
    max_pressure_pa: int
    inspection_due_at: int
    heel_mass_g: int


class MeterRegistered(Event, frozen=True, gc=False):
    """An instrument can be read at hand-overs."""

    meter_id: str
    participant_id: str
    kind: MeterKind
    label: str
    uncertainty_ppm: int
    calibrated_until: int


class ShipmentPlanned(Event, frozen=True, gc=False):
    """A traded load of hydrogen waits for its nominations and its transport."""

    shipment_id: str
    trade_id: int
    load_no: int
    product_id: str
    seller_id: str
    buyer_id: str
    kind: HydrogenKind
    hub: str
    container_class: str
    grade: str
    nominal_mass_g: int
    maximum_mass_g: int
    window_start: int
    window_end: int


class HaulagePlanned(Event, frozen=True, gc=False):
    """A traded load of carriage waits for its hydrogen."""

    haulage_trade_id: int
    haulage_load_no: int
    product_id: str
    haulier_id: str
    shipper_id: str
    origin_hub: str
    destination_hub: str
    container_class: str
    window_start: int
    window_end: int


class HaulageAssigned(Event, frozen=True, gc=False):
    """A load of carriage and a load of hydrogen of the same party belong together."""

    shipment_id: str
    haulage_trade_id: int
    haulage_load_no: int
    haulier_id: str


class MassNominated(Event, frozen=True, gc=False):
    """One side said how much it will give or take, and where."""

    shipment_id: str
    participant_id: str
    side: Side
    mass_g: int
    facility_id: str
    hub: str


class NominationConfirmed(Event, frozen=True, gc=False):
    """Both sides nominated: the lesser mass stands and the facilities are fixed."""

    shipment_id: str
    mass_g: int
    pickup_facility_id: str
    dropoff_facility_id: str


class TransportNominated(Event, frozen=True, gc=False):
    """The carrier named lorry and vessel; what it had named before is free again."""

    shipment_id: str
    participant_id: str
    plate: str
    vessel_id: str
    driver_licence: str
    escort_licence: str
    own_transport: bool


class ReadingRecorded(Event, frozen=True, gc=False):
    """One side's reading at a hand-over; the first one opens it."""

    shipment_id: str
    stage: Stage
    side: Side
    participant_id: str
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
    residue_mass_g: int | None


class HandOverProposed(Event, frozen=True, gc=False):
    """The readings agree within the tolerance; both sides may sign ``digest``."""

    shipment_id: str
    stage: Stage
    given_mass_g: int
    taken_mass_g: int
    tolerance_g: int
    agreed_mass_g: int
    residue_mass_g: int | None
    digest: str


class HandOverDisputed(Event, frozen=True, gc=False):
    """The readings do not agree; the shipment is held until the operator settles them."""

    shipment_id: str
    stage: Stage
    given_mass_g: int
    taken_mass_g: int
    tolerance_g: int
    dispute: Dispute


class HandOverSettled(Event, frozen=True, gc=False):
    """The operator settled a dispute; both sides may sign ``digest``."""

    shipment_id: str
    stage: Stage
    agreed_mass_g: int
    residue_mass_g: int | None
    note: str
    digest: str


class HandOverSigned(Event, frozen=True, gc=False):
    """One side signed."""

    shipment_id: str
    stage: Stage
    side: Side
    participant_id: str
    key_id: str
    digest: str


class Movement(Message, frozen=True, gc=False):
    """A double entry of mass."""

    kind: MovementKind
    source: str
    target: str
    mass_g: int


class CustodyPassed(Event, frozen=True, gc=False):
    """Both sides signed: the load changed hands, and the masses are booked."""

    shipment_id: str
    stage: Stage
    giver_id: str
    taker_id: str
    vessel_id: str
    mass_g: int
    contents_before_g: int
    contents_after_g: int
    movements: tuple[Movement, ...]


class CertificateAttached(Event, frozen=True, gc=False):
    """A quality certificate is with the shipment. ``findings`` are the species over their limit or missing."""

    shipment_id: str
    participant_id: str
    laboratory: str
    sampled_at: int
    standard: str
    edition: str
    results: str
    verdict: Verdict
    findings: tuple[str, ...]


class ShipmentDeparted(Event, frozen=True, gc=False):
    """The load is on the road."""

    shipment_id: str
    participant_id: str
    plate: str
    vessel_id: str
    waybill_no: str


class ShipmentArrived(Event, frozen=True, gc=False):
    """The load is at its drop-off facility, ``late_s`` seconds after its window."""

    shipment_id: str
    participant_id: str
    late_s: int


class LoadAccepted(Event, frozen=True, gc=False):
    """The load is done; haulage_trade_id is 0 with own transport."""

    shipment_id: str
    trade_id: int
    load_no: int
    haulage_trade_id: int
    haulage_load_no: int
    loaded_mass_g: int
    delivered_mass_g: int
    late_s: int


class LoadRejected(Event, frozen=True, gc=False):
    """The buyer did not take the load; haulage is due for ``haulage_due_mass_g``."""

    shipment_id: str
    trade_id: int
    load_no: int
    haulage_trade_id: int
    haulage_load_no: int
    reason: RejectReason
    fault: Fault
    haulage_due_mass_g: int


class ShipmentLapsed(Event, frozen=True, gc=False):
    """Nothing was delivered in the shipment's window."""

    shipment_id: str
    trade_id: int
    load_no: int


class ShipmentCancelled(Event, frozen=True, gc=False):
    """The operator ended a load before its gas changed hands, by itself or with the recall of its trade; its hand-over
    is void and its seller keeps the gas."""

    shipment_id: str
    trade_id: int
    load_no: int
    reason: str


class HaulageLapsed(Event, frozen=True, gc=False):
    """Traded carriage was never used."""

    haulage_trade_id: int
    haulage_load_no: int


class HaulageReleased(Event, frozen=True, gc=False):
    """A load of carriage and a load of hydrogen do not belong together any more, since the trade of one of them is
    recalled; the other one waits for its half again, without lorry and vessel."""

    shipment_id: str
    haulage_trade_id: int
    haulage_load_no: int


class HaulageCancelled(Event, frozen=True, gc=False):
    """The trade of a load of carriage is recalled."""

    haulage_trade_id: int
    haulage_load_no: int
    reason: str


class RecallAnswered(Event, frozen=True, gc=False):
    """All loads of a recall are ended (``done``), or none: ``obstacle`` had begun to move and is ``obstacle_state``."""

    recall_id: int
    done: bool
    obstacle: str
    obstacle_state: str


class GasVented(Event, frozen=True, gc=False):
    """Gas left a vessel into the air; ``shipment_id`` is "" between two loads."""

    vessel_id: str
    participant_id: str
    shipment_id: str
    mass_g: int
    reason: str


class Fix(Message, frozen=True, gc=False):
    """One position: WGS-84 degrees times 10^7, pressure and temperature where there are sensors."""

    fix_time: int
    latitude_e7: int
    longitude_e7: int
    speed_m_per_h: int
    pressure_pa: int | None = None
    temperature_mk: int | None = None


class PositionsReported(Event, frozen=True, gc=False):
    """Fixes of a vehicle that were not known before."""

    plate: str
    participant_id: str
    fixes: tuple[Fix, ...]


EVENTS: tuple[type[Event], ...] = (
    ProductRegistered,
    FacilityRegistered,
    VehicleRegistered,
    VesselRegistered,
    MeterRegistered,
    ShipmentPlanned,
    HaulagePlanned,
    HaulageAssigned,
    MassNominated,
    NominationConfirmed,
    TransportNominated,
    ReadingRecorded,
    HandOverProposed,
    HandOverDisputed,
    HandOverSettled,
    HandOverSigned,
    CustodyPassed,
    CertificateAttached,
    ShipmentDeparted,
    ShipmentArrived,
    LoadAccepted,
    LoadRejected,
    ShipmentLapsed,
    ShipmentCancelled,
    HaulageLapsed,
    HaulageReleased,
    HaulageCancelled,
    RecallAnswered,
    GasVented,
    PositionsReported,
)
