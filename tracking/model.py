"""The words of tracking: shipments, vessels, hand-overs, readings, movements, positions.

A shipment is one traded load of hydrogen on its way from a plant to a station. Its life:

    planned -> nominated -> loading -> loaded -> departed -> arrived -> unloading -> delivered -> accepted
                                                             arrived | unloading -> rejected -> returning -> returned
    planned | nominated -> lapsed
    planned | nominated | loading -> cancelled, by the operator
    planned | nominated -> cancelled, with the trade that is recalled

Masses are grams, pressures absolute Pa, temperatures mK, water volumes litres, times UTC microseconds, positions
WGS-84 degrees times 10^7. Every entity is the row of its table: fields are columns in order, the id first and
``event_seq`` last.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from kernel.machine import Entity

ProductKind = Literal["ex_works", "delivered", "haulage"]
HydrogenKind = Literal["ex_works", "delivered"]
ShipmentStatus = Literal[
    "planned", "nominated", "loading", "loaded", "departed", "arrived", "unloading", "delivered", "accepted",
    "rejected", "returning", "returned", "lapsed", "cancelled",
]  # fmt: skip
HaulageStatus = Literal["waiting", "assigned", "used", "lapsed", "cancelled"]
Stage = Literal["load", "unload", "return"]
Side = Literal["giver", "taker"]
#: ``flow`` is a totaliser that counts what passes, ``weighbridge`` the gross mass of the vehicle, ``gauge`` the
#: vessel's own pressure and temperature on its water volume.
MeterKind = Literal["flow", "weighbridge", "gauge"]
VesselKind = Literal["tube_trailer", "bundle"]
HandOverStatus = Literal["reading", "proposed", "disputed", "settled", "agreed", "void"]
#: Why a hand-over is disputed: the readings differ by more than the tolerance, or do not fit the vessel's contents.
Dispute = Literal["", "readings", "contents"]
MovementKind = Literal["opening", "load", "unload", "return", "meter_difference", "vent"]
Verdict = Literal["", "in_spec", "off_spec", "incomplete"]
Fault = Literal["seller", "haulier", "buyer"]
RejectReason = Literal[
    "off_spec", "low_pressure", "documents_missing", "late", "leak", "contaminated", "seal_broken", "cannot_receive"
]

#: Who answers for a rejection. Quality, pressure and the quality papers are the seller's, what happens on the road and
#: in the vessel is the haulier's, a station that cannot take the load has to answer for itself.
FAULT_OF: Mapping[RejectReason, Fault] = MappingProxyType(
    {
        "off_spec": "seller",
        "low_pressure": "seller",
        "documents_missing": "seller",
        "late": "haulier",
        "leak": "haulier",
        "contaminated": "haulier",
        "seal_broken": "haulier",
        "cannot_receive": "buyer",
    }
)

PICKUP_KINDS = frozenset({"plant", "storage"})
DROPOFF_KINDS = frozenset({"station", "storage"})

_CLASS_PRESSURE = re.compile(r"[A-Z]+([0-9]{1,3})", re.ASCII)


def class_pressure_pa(container_class: str) -> int:
    """The working pressure that a container class names in MPa: ``TUBE20`` gives 20,000,000 Pa; 0 without a number."""
    match = _CLASS_PRESSURE.fullmatch(container_class)
    return int(match.group(1)) * 1_000_000 if match else 0


def shipment_id(trade_id: int, load_no: int) -> str:
    """The id of a hydrogen load: ``S124-1``."""
    return f"S{trade_id}-{load_no}"


def haulage_id(trade_id: int, load_no: int) -> str:
    """The id of a haulage load: ``C131-1`` (C for carriage; H is a hold's letter)."""
    return f"C{trade_id}-{load_no}"


def recall_key(recall_id: int) -> str:
    """The id of an answered recall: ``R140``."""
    return f"R{recall_id}"


def hand_over_id(shipment: str, stage: Stage) -> str:
    """The id of a hand-over: ``S124-1:load``."""
    return f"{shipment}:{stage}"


def reading_id(hand_over: str, side: Side) -> str:
    """The id of one side's reading: ``S124-1:load:giver``."""
    return f"{hand_over}:{side}"


def position_id(plate: str, fix_time: int) -> str:
    """The id of a fix: a vehicle is at one place at a time."""
    return f"{plate}@{fix_time}"


def facility_account(facility_id: str) -> str:
    """The mass account of a plant, a storage or a station."""
    return f"facility:{facility_id}"


def vessel_account(vessel_id: str) -> str:
    """The mass account of a vessel."""
    return f"vessel:{vessel_id}"


OPENING_ACCOUNT = "opening"
METER_DIFFERENCE_ACCOUNT = "loss:meter_difference"
VENT_ACCOUNT = "loss:vent"


class Product(Entity, gc=False):
    """What was traded, as far as a load's way needs it: a mirror of the exchange's product."""

    id: str
    kind: ProductKind
    hub: str
    destination_hub: str  # "" unless haulage
    container_class: str
    grade: str
    nominal_mass_g: int
    maximum_mass_g: int
    window_start: int
    window_end: int
    event_seq: int


class Facility(Entity, gc=False):
    """A plant, depot, storage or station of a participant: a mirror of the register's."""

    id: str
    participant_id: str
    kind: str
    name: str
    name_zh: str
    hub: str
    latitude_e7: int
    longitude_e7: int
    event_seq: int


class PairingPool(Entity, gc=False):
    """The loads of one party that wait for their other half, in the order in which they were traded.

    There is one pool a party, because a Traded event names parties and no window: the pool can be loaded for it alone.
    """

    id: str  # the participant's
    shipments: str  # shipment ids, separated by blanks
    haulage: str  # haulage load ids, separated by blanks
    event_seq: int


class HaulageLoad(Entity, gc=False):
    """One traded load of carriage from hub to hub."""

    id: str
    trade_id: int
    load_no: int
    product_id: str
    haulier_id: str
    shipper_id: str
    origin_hub: str
    destination_hub: str
    container_class: str
    window_start: int
    window_end: int
    shipment_id: str  # "" while it waits
    status: HaulageStatus
    planned_at: int
    event_seq: int


class Shipment(Entity, gc=False):
    """One traded load of hydrogen from plant to station."""

    id: str
    trade_id: int
    load_no: int
    product_id: str
    kind: HydrogenKind
    container_class: str
    grade: str
    seller_id: str
    buyer_id: str
    transport_party_id: str  # who sees to the transport: ex works the buyer, delivered the seller
    origin_hub: str  # "" while nothing fixed it
    destination_hub: str  # "" while nothing fixed it
    nominal_mass_g: int
    maximum_mass_g: int
    window_start: int
    window_end: int
    status: ShipmentStatus
    held: bool  # a hand-over is disputed
    custodian_id: str  # who holds the load: the seller, then the carrier, then the buyer (or the seller again)
    haulage_id: str  # "" with own transport
    haulage_trade_id: int  # 0 with own transport
    haulage_load_no: int  # 0 with own transport
    carrier_id: str  # "" until haulage or own transport is known
    seller_mass_g: int | None  # the seller's nomination
    pickup_facility_id: str
    buyer_mass_g: int | None  # the buyer's nomination
    dropoff_facility_id: str
    confirmed_mass_g: int | None  # the lesser of both nominations
    plate: str
    vessel_id: str
    driver_licence: str
    escort_licence: str
    waybill_no: str
    quality: Verdict  # "" without a certificate
    heel_before_g: int | None  # in the vessel before loading
    heel_after_g: int | None  # in the vessel after unloading or return
    loaded_mass_g: int
    short_mass_g: int  # loaded below what was confirmed
    delivered_mass_g: int
    returned_mass_g: int
    lost_mass_g: int  # out of the vessel between loading and its end; negative where the meters found more
    late_s: int
    reject_reason: str
    fault: str
    cancel_reason: str  # the operator's, where it ended the load before it was given
    planned_at: int
    departed_at: int | None
    arrived_at: int | None
    delivered_at: int | None
    closed_at: int | None
    event_seq: int


class Recall(Entity, gc=False):
    """What was answered to the exchange's question whether the loads of its trades can be ended."""

    id: str  # see `recall_key`
    recall_id: int
    done: bool  # else nothing was ended
    obstacle: str  # the load that had begun to move, "" if it is done
    obstacle_state: str
    decided_at: int
    event_seq: int


class Vehicle(Entity, gc=False):
    """A registered lorry and where it was seen last."""

    id: str  # the plate
    owner_id: str
    shipment_id: str  # the open waybill, "" when free
    fix_time: int | None
    latitude_e7: int | None
    longitude_e7: int | None
    speed_m_per_h: int | None
    pressure_pa: int | None
    temperature_mk: int | None
    registered_at: int
    event_seq: int


class Vessel(Entity, gc=False):
    """A pressure vessel on wheels and the gas in it. What lies in it is in the hands of its custodian."""

    id: str  # its registration code
    kind: VesselKind
    custodian_id: str
    water_volume_l: int
    max_pressure_pa: int
    inspection_due_at: int
    mass_g: int  # contents: the heel between two loads
    shipment_id: str  # "" when free
    registered_at: int
    event_seq: int


class Meter(Entity, gc=False):
    """A registered instrument with the uncertainty of its certificate (coverage factor 1)."""

    id: str
    owner_id: str
    kind: MeterKind
    label: str
    uncertainty_ppm: int
    calibrated_until: int
    registered_at: int
    event_seq: int


class MeterReading(Entity, gc=False):
    """What one side read at a hand-over. Never changed."""

    id: str
    shipment_id: str
    hand_over_id: str
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
    mass_g: int  # what passed from giver to taker by this reading
    uncertainty_ug: int  # of mass_g, in micrograms
    residue_mass_g: int | None  # in the vessel afterwards, where pressure and temperature were read
    read_at: int
    event_seq: int


class HandOver(Entity, gc=False):
    """A change of custody: two readings, one document, two signatures under its digest."""

    id: str
    shipment_id: str
    stage: Stage
    giver_id: str
    taker_id: str
    vessel_id: str
    plate: str
    facility_id: str
    status: HandOverStatus
    given_mass_g: int | None
    taken_mass_g: int | None
    tolerance_g: int | None
    agreed_mass_g: int | None
    residue_mass_g: int | None  # None at loading
    dispute: Dispute
    note: str  # why the operator settled it as it did
    digest: str  # SHA-256 of the document, hex; "" until there is one
    giver_key_id: str
    giver_signed_at: int | None
    taker_key_id: str
    taker_signed_at: int | None
    opened_at: int
    closed_at: int | None
    event_seq: int


class MassMovement(Entity, gc=False):
    """A double entry: ``mass_g`` leaves ``source`` and enters ``target``."""

    id: str
    shipment_id: str  # "" outside of shipments
    hand_over_id: str  # "" outside of hand-overs
    kind: MovementKind
    source: str
    target: str
    mass_g: int
    moved_at: int
    event_seq: int


class QualityCertificate(Entity, gc=False):
    """A laboratory's results for the gas of a shipment, and what they mean under a standard."""

    id: str  # the shipment's
    shipment_id: str
    participant_id: str
    laboratory: str
    sampled_at: int
    standard: str
    edition: str
    results: str  # JSON: [[species, value], ...] in the units of the standard's limits
    verdict: Verdict
    findings: str  # species that are over their limit or missing, separated by blanks
    attached_at: int
    event_seq: int


class Position(Entity, gc=False):
    """Where a vehicle was at ``fix_time``; pressure and temperature where it carries the sensors."""

    id: str
    plate: str
    fix_time: int
    latitude_e7: int
    longitude_e7: int
    speed_m_per_h: int
    pressure_pa: int | None
    temperature_mk: int | None
    received_at: int
    event_seq: int


class TimelineEntry(Entity, gc=False):
    """One step of a shipment; ``event_seq`` finds the event with its particulars."""

    id: str
    shipment_id: str
    at: int
    kind: str  # the event's name
    participant_id: str  # "" where nobody in particular did it
    event_seq: int


PRODUCTS = "tracking_products"
FACILITIES = "tracking_facilities"
POOLS = "tracking_pools"
HAULAGE = "tracking_haulage"
SHIPMENTS = "tracking_shipments"
VEHICLES = "tracking_vehicles"
VESSELS = "tracking_vessels"
METERS = "tracking_meters"
READINGS = "tracking_readings"
HAND_OVERS = "tracking_hand_overs"
MOVEMENTS = "tracking_movements"
CERTIFICATES = "tracking_certificates"
POSITIONS = "tracking_positions"
TIMELINE = "tracking_timeline"
RECALLS = "tracking_recalls"

#: The entity of each table.
ENTITIES: Mapping[str, type[Entity]] = MappingProxyType(
    {
        PRODUCTS: Product,
        FACILITIES: Facility,
        POOLS: PairingPool,
        HAULAGE: HaulageLoad,
        SHIPMENTS: Shipment,
        VEHICLES: Vehicle,
        VESSELS: Vessel,
        METERS: Meter,
        READINGS: MeterReading,
        HAND_OVERS: HandOver,
        MOVEMENTS: MassMovement,
        CERTIFICATES: QualityCertificate,
        POSITIONS: Position,
        TIMELINE: TimelineEntry,
        RECALLS: Recall,
    }
)
