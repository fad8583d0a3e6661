"""The rows of tracking; columns stand in the order of the entities in `tracking.model`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sqlalchemy import BigInteger, Boolean, Index, Text
from sqlmodel import Field, SQLModel

from kernel.tables import EventRow
from tracking.model import (
    CERTIFICATES,
    FACILITIES,
    HAND_OVERS,
    HAULAGE,
    METERS,
    MOVEMENTS,
    POOLS,
    POSITIONS,
    PRODUCTS,
    READINGS,
    RECALLS,
    SHIPMENTS,
    TIMELINE,
    VEHICLES,
    VESSELS,
)


class TrackingEvent(EventRow, table=True):
    """Tracking's log."""

    __tablename__ = "tracking_events"


class ProductRow(SQLModel, table=True):
    """What was traded; see `tracking.model.Product`."""

    __tablename__ = "tracking_products"

    id: str = Field(primary_key=True, sa_type=Text)
    kind: str = Field(sa_type=Text)
    hub: str = Field(sa_type=Text)
    destination_hub: str = Field(sa_type=Text)
    container_class: str = Field(sa_type=Text)
    grade: str = Field(sa_type=Text)
    nominal_mass_g: int = Field(sa_type=BigInteger)
    maximum_mass_g: int = Field(sa_type=BigInteger)
    window_start: int = Field(sa_type=BigInteger)
    window_end: int = Field(sa_type=BigInteger)
    event_seq: int = Field(sa_type=BigInteger)


class FacilityRow(SQLModel, table=True):
    """A plant, depot, storage or station; see `tracking.model.Facility`."""

    __tablename__ = "tracking_facilities"

    id: str = Field(primary_key=True, sa_type=Text)
    participant_id: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    name_zh: str = Field(sa_type=Text)
    hub: str = Field(sa_type=Text)
    latitude_e7: int = Field(sa_type=BigInteger)
    longitude_e7: int = Field(sa_type=BigInteger)
    event_seq: int = Field(sa_type=BigInteger)


class PoolRow(SQLModel, table=True):
    """A party's waiting loads; see `tracking.model.PairingPool`."""

    __tablename__ = "tracking_pools"

    id: str = Field(primary_key=True, sa_type=Text)
    shipments: str = Field(sa_type=Text)
    haulage: str = Field(sa_type=Text)
    event_seq: int = Field(sa_type=BigInteger)


class HaulageRow(SQLModel, table=True):
    """A load of carriage; see `tracking.model.HaulageLoad`."""

    __tablename__ = "tracking_haulage"
    __table_args__ = (
        Index("tracking_haulage_of_haulier", "haulier_id"),
        Index("tracking_haulage_of_shipper", "shipper_id"),
        Index("tracking_haulage_due", "status", "window_end"),
    )

    id: str = Field(primary_key=True, sa_type=Text)
    trade_id: int = Field(sa_type=BigInteger)
    load_no: int = Field(sa_type=BigInteger)
    product_id: str = Field(sa_type=Text)
    haulier_id: str = Field(sa_type=Text)
    shipper_id: str = Field(sa_type=Text)
    origin_hub: str = Field(sa_type=Text)
    destination_hub: str = Field(sa_type=Text)
    container_class: str = Field(sa_type=Text)
    window_start: int = Field(sa_type=BigInteger)
    window_end: int = Field(sa_type=BigInteger)
    shipment_id: str = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    planned_at: int = Field(sa_type=BigInteger)
    event_seq: int = Field(sa_type=BigInteger)


class ShipmentRow(SQLModel, table=True):
    """A load of hydrogen; see `tracking.model.Shipment`."""

    __tablename__ = "tracking_shipments"
    __table_args__ = (
        Index("tracking_shipments_of_trade", "trade_id"),
        Index("tracking_shipments_of_seller", "seller_id"),
        Index("tracking_shipments_of_buyer", "buyer_id"),
        Index("tracking_shipments_of_carrier", "carrier_id"),
        Index("tracking_shipments_due", "status", "window_end"),
    )

    id: str = Field(primary_key=True, sa_type=Text)
    trade_id: int = Field(sa_type=BigInteger)
    load_no: int = Field(sa_type=BigInteger)
    product_id: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    container_class: str = Field(sa_type=Text)
    grade: str = Field(sa_type=Text)
    seller_id: str = Field(sa_type=Text)
    buyer_id: str = Field(sa_type=Text)
    transport_party_id: str = Field(sa_type=Text)
    origin_hub: str = Field(sa_type=Text)
    destination_hub: str = Field(sa_type=Text)
    nominal_mass_g: int = Field(sa_type=BigInteger)
    maximum_mass_g: int = Field(sa_type=BigInteger)
    window_start: int = Field(sa_type=BigInteger)
    window_end: int = Field(sa_type=BigInteger)
    status: str = Field(sa_type=Text)
    held: bool = Field(sa_type=Boolean)
    custodian_id: str = Field(sa_type=Text)
    haulage_id: str = Field(sa_type=Text)
    haulage_trade_id: int = Field(sa_type=BigInteger)
    haulage_load_no: int = Field(sa_type=BigInteger)
    carrier_id: str = Field(sa_type=Text)
    seller_mass_g: int | None = Field(sa_type=BigInteger, nullable=True)
    pickup_facility_id: str = Field(sa_type=Text)
    buyer_mass_g: int | None = Field(sa_type=BigInteger, nullable=True)
    dropoff_facility_id: str = Field(sa_type=Text)
    confirmed_mass_g: int | None = Field(sa_type=BigInteger, nullable=True)
    plate: str = Field(sa_type=Text)
    vessel_id: str = Field(sa_type=Text)
    driver_licence: str = Field(sa_type=Text)
    escort_licence: str = Field(sa_type=Text)
    waybill_no: str = Field(sa_type=Text)
    quality: str = Field(sa_type=Text)
    heel_before_g: int | None = Field(sa_type=BigInteger, nullable=True)
    heel_after_g: int | None = Field(sa_type=BigInteger, nullable=True)
    loaded_mass_g: int = Field(sa_type=BigInteger)
    short_mass_g: int = Field(sa_type=BigInteger)
    delivered_mass_g: int = Field(sa_type=BigInteger)
    returned_mass_g: int = Field(sa_type=BigInteger)
    lost_mass_g: int = Field(sa_type=BigInteger)
    late_s: int = Field(sa_type=BigInteger)
    reject_reason: str = Field(sa_type=Text)
    fault: str = Field(sa_type=Text)
    cancel_reason: str = Field(sa_type=Text)
    planned_at: int = Field(sa_type=BigInteger)
    departed_at: int | None = Field(sa_type=BigInteger, nullable=True)
    arrived_at: int | None = Field(sa_type=BigInteger, nullable=True)
    delivered_at: int | None = Field(sa_type=BigInteger, nullable=True)
    closed_at: int | None = Field(sa_type=BigInteger, nullable=True)
    event_seq: int = Field(sa_type=BigInteger)


class VehicleRow(SQLModel, table=True):
    """A lorry; see `tracking.model.Vehicle`."""

    __tablename__ = "tracking_vehicles"
    __table_args__ = (Index("tracking_vehicles_of_owner", "owner_id"),)

    id: str = Field(primary_key=True, sa_type=Text)
    owner_id: str = Field(sa_type=Text)
    shipment_id: str = Field(sa_type=Text)
    fix_time: int | None = Field(sa_type=BigInteger, nullable=True)
    latitude_e7: int | None = Field(sa_type=BigInteger, nullable=True)
    longitude_e7: int | None = Field(sa_type=BigInteger, nullable=True)
    speed_m_per_h: int | None = Field(sa_type=BigInteger, nullable=True)
    pressure_pa: int | None = Field(sa_type=BigInteger, nullable=True)
    temperature_mk: int | None = Field(sa_type=BigInteger, nullable=True)
    registered_at: int = Field(sa_type=BigInteger)
    event_seq: int = Field(sa_type=BigInteger)


class VesselRow(SQLModel, table=True):
    """A vessel; see `tracking.model.Vessel`."""

    __tablename__ = "tracking_vessels"
    __table_args__ = (Index("tracking_vessels_of_custodian", "custodian_id"),)

    id: str = Field(primary_key=True, sa_type=Text)
    kind: str = Field(sa_type=Text)
    custodian_id: str = Field(sa_type=Text)
    water_volume_l: int = Field(sa_type=BigInteger)
    max_pressure_pa: int = Field(sa_type=BigInteger)
    inspection_due_at: int = Field(sa_type=BigInteger)
    mass_g: int = Field(sa_type=BigInteger)
    shipment_id: str = Field(sa_type=Text)
    registered_at: int = Field(sa_type=BigInteger)
    event_seq: int = Field(sa_type=BigInteger)


class MeterRow(SQLModel, table=True):
    """An instrument; see `tracking.model.Meter`."""

    __tablename__ = "tracking_meters"
    __table_args__ = (Index("tracking_meters_of_owner", "owner_id"),)

    id: str = Field(primary_key=True, sa_type=Text)
    owner_id: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    label: str = Field(sa_type=Text)
    uncertainty_ppm: int = Field(sa_type=BigInteger)
    calibrated_until: int = Field(sa_type=BigInteger)
    registered_at: int = Field(sa_type=BigInteger)
    event_seq: int = Field(sa_type=BigInteger)


class ReadingRow(SQLModel, table=True):
    """One side's reading; see `tracking.model.MeterReading`."""

    __tablename__ = "tracking_readings"
    __table_args__ = (Index("tracking_readings_of_shipment", "shipment_id"),)

    id: str = Field(primary_key=True, sa_type=Text)
    shipment_id: str = Field(sa_type=Text)
    hand_over_id: str = Field(sa_type=Text)
    stage: str = Field(sa_type=Text)
    side: str = Field(sa_type=Text)
    participant_id: str = Field(sa_type=Text)
    meter_id: str = Field(sa_type=Text)
    meter_kind: str = Field(sa_type=Text)
    before_mass_g: int | None = Field(sa_type=BigInteger, nullable=True)
    after_mass_g: int | None = Field(sa_type=BigInteger, nullable=True)
    before_pressure_pa: int | None = Field(sa_type=BigInteger, nullable=True)
    before_temperature_mk: int | None = Field(sa_type=BigInteger, nullable=True)
    after_pressure_pa: int | None = Field(sa_type=BigInteger, nullable=True)
    after_temperature_mk: int | None = Field(sa_type=BigInteger, nullable=True)
    mass_g: int = Field(sa_type=BigInteger)
    uncertainty_ug: int = Field(sa_type=BigInteger)
    residue_mass_g: int | None = Field(sa_type=BigInteger, nullable=True)
    read_at: int = Field(sa_type=BigInteger)
    event_seq: int = Field(sa_type=BigInteger)


class HandOverRow(SQLModel, table=True):
    """A change of custody; see `tracking.model.HandOver`."""

    __tablename__ = "tracking_hand_overs"
    __table_args__ = (Index("tracking_hand_overs_of_shipment", "shipment_id"),)

    id: str = Field(primary_key=True, sa_type=Text)
    shipment_id: str = Field(sa_type=Text)
    stage: str = Field(sa_type=Text)
    giver_id: str = Field(sa_type=Text)
    taker_id: str = Field(sa_type=Text)
    vessel_id: str = Field(sa_type=Text)
    plate: str = Field(sa_type=Text)
    facility_id: str = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    given_mass_g: int | None = Field(sa_type=BigInteger, nullable=True)
    taken_mass_g: int | None = Field(sa_type=BigInteger, nullable=True)
    tolerance_g: int | None = Field(sa_type=BigInteger, nullable=True)
    agreed_mass_g: int | None = Field(sa_type=BigInteger, nullable=True)
    residue_mass_g: int | None = Field(sa_type=BigInteger, nullable=True)
    dispute: str = Field(sa_type=Text)
    note: str = Field(sa_type=Text)
    digest: str = Field(sa_type=Text)
    giver_key_id: str = Field(sa_type=Text)
    giver_signed_at: int | None = Field(sa_type=BigInteger, nullable=True)
    taker_key_id: str = Field(sa_type=Text)
    taker_signed_at: int | None = Field(sa_type=BigInteger, nullable=True)
    opened_at: int = Field(sa_type=BigInteger)
    closed_at: int | None = Field(sa_type=BigInteger, nullable=True)
    event_seq: int = Field(sa_type=BigInteger)


class MovementRow(SQLModel, table=True):
    """A double entry of mass; see `tracking.model.MassMovement`."""

    __tablename__ = "tracking_movements"
    __table_args__ = (Index("tracking_movements_of_shipment", "shipment_id"),)

    id: str = Field(primary_key=True, sa_type=Text)
    shipment_id: str = Field(sa_type=Text)
    hand_over_id: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    source: str = Field(sa_type=Text)
    target: str = Field(sa_type=Text)
    mass_g: int = Field(sa_type=BigInteger)
    moved_at: int = Field(sa_type=BigInteger)
    event_seq: int = Field(sa_type=BigInteger)


class CertificateRow(SQLModel, table=True):
    """A quality certificate; see `tracking.model.QualityCertificate`."""

    __tablename__ = "tracking_certificates"

    id: str = Field(primary_key=True, sa_type=Text)
    shipment_id: str = Field(sa_type=Text)
    participant_id: str = Field(sa_type=Text)
    laboratory: str = Field(sa_type=Text)
    sampled_at: int = Field(sa_type=BigInteger)
    standard: str = Field(sa_type=Text)
    edition: str = Field(sa_type=Text)
    results: str = Field(sa_type=Text)
    verdict: str = Field(sa_type=Text)
    findings: str = Field(sa_type=Text)
    attached_at: int = Field(sa_type=BigInteger)
    event_seq: int = Field(sa_type=BigInteger)


class PositionRow(SQLModel, table=True):
    """A fix; see `tracking.model.Position`."""

    __tablename__ = "tracking_positions"
    __table_args__ = (Index("tracking_positions_of_vehicle", "plate", "fix_time"),)

    id: str = Field(primary_key=True, sa_type=Text)
    plate: str = Field(sa_type=Text)
    fix_time: int = Field(sa_type=BigInteger)
    latitude_e7: int = Field(sa_type=BigInteger)
    longitude_e7: int = Field(sa_type=BigInteger)
    speed_m_per_h: int = Field(sa_type=BigInteger)
    pressure_pa: int | None = Field(sa_type=BigInteger, nullable=True)
    temperature_mk: int | None = Field(sa_type=BigInteger, nullable=True)
    received_at: int = Field(sa_type=BigInteger)
    event_seq: int = Field(sa_type=BigInteger)


class TimelineRow(SQLModel, table=True):
    """A step of a shipment; see `tracking.model.TimelineEntry`."""

    __tablename__ = "tracking_timeline"
    __table_args__ = (Index("tracking_timeline_of_shipment", "shipment_id", "event_seq"),)

    id: str = Field(primary_key=True, sa_type=Text)
    shipment_id: str = Field(sa_type=Text)
    at: int = Field(sa_type=BigInteger)
    kind: str = Field(sa_type=Text)
    participant_id: str = Field(sa_type=Text)
    event_seq: int = Field(sa_type=BigInteger)


class RecallRow(SQLModel, table=True):
    """An answered recall; see `tracking.model.Recall`."""

    __tablename__ = "tracking_recalls"

    id: str = Field(primary_key=True, sa_type=Text)
    recall_id: int = Field(sa_type=BigInteger)
    done: bool = Field(sa_type=Boolean)
    obstacle: str = Field(sa_type=Text)
    obstacle_state: str = Field(sa_type=Text)
    decided_at: int = Field(sa_type=BigInteger)
    event_seq: int = Field(sa_type=BigInteger)


#: The row class of each table.
ROWS: Mapping[str, type[SQLModel]] = MappingProxyType(
    {
        PRODUCTS: ProductRow,
        FACILITIES: FacilityRow,
        POOLS: PoolRow,
        HAULAGE: HaulageRow,
        SHIPMENTS: ShipmentRow,
        VEHICLES: VehicleRow,
        VESSELS: VesselRow,
        METERS: MeterRow,
        READINGS: ReadingRow,
        HAND_OVERS: HandOverRow,
        MOVEMENTS: MovementRow,
        CERTIFICATES: CertificateRow,
        POSITIONS: PositionRow,
        TIMELINE: TimelineRow,
        RECALLS: RecallRow,
    }
)
