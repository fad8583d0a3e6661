"""Planning: trades become loads, loads of hydrogen and of carriage find each other, unused ones lapse."""

from __future__ import annotations

from collections.abc import Iterator

from kernel.messages import Event
from tracking import commands, events
from tracking.model import (
    FACILITIES,
    HAULAGE,
    POOLS,
    PRODUCTS,
    SHIPMENTS,
    Facility,
    HaulageLoad,
    HaulageStatus,
    Product,
    Shipment,
    haulage_id,
    shipment_id,
)
from tracking.transport import free_transport
from tracking.turn import Turn, known, split_ids, with_id, without_id


def register_product(turn: Turn, command: commands.RegisterProduct) -> Iterator[Event]:
    if turn.view.get(Product, PRODUCTS, command.product_id) is None:
        yield events.ProductRegistered(
            product_id=command.product_id, kind=command.kind, hub=command.hub, destination_hub=command.destination_hub,
            container_class=command.container_class, grade=command.grade, nominal_mass_g=command.nominal_mass_g,
            maximum_mass_g=command.maximum_mass_g, window_start=command.window_start, window_end=command.window_end,
        )  # fmt: skip


def register_facility(turn: Turn, command: commands.RegisterFacility) -> Iterator[Event]:
    if turn.view.get(Facility, FACILITIES, command.facility_id) is None:
        yield events.FacilityRegistered(
            facility_id=command.facility_id, participant_id=command.participant_id, kind=command.kind,
            name=command.name, name_zh=command.name_zh, hub=command.hub, latitude_e7=command.latitude_e7,
            longitude_e7=command.longitude_e7,
        )  # fmt: skip


def plan_trade(turn: Turn, command: commands.PlanTrade) -> Iterator[Event]:
    product = turn.find(Product, PRODUCTS, command.product_id, "product", "product_id")
    if product.kind == "haulage":
        yield from _plan_haulage(turn, command, product)
    else:
        yield from _plan_hydrogen(turn, command, product)


def _plan_hydrogen(turn: Turn, command: commands.PlanTrade, product: Product) -> Iterator[Event]:
    assert product.kind != "haulage"
    for load_no in range(1, command.loads + 1):
        key = shipment_id(command.trade_id, load_no)
        if turn.view.get(Shipment, SHIPMENTS, key) is not None:
            continue
        yield events.ShipmentPlanned(
            shipment_id=key, trade_id=command.trade_id, load_no=load_no, product_id=product.id,
            seller_id=command.seller_id, buyer_id=command.buyer_id, kind=product.kind, hub=product.hub,
            container_class=product.container_class, grade=product.grade, nominal_mass_g=product.nominal_mass_g,
            maximum_mass_g=product.maximum_mass_g, window_start=product.window_start, window_end=product.window_end,
        )  # fmt: skip
        yield from pair_shipment(turn, turn.shipment(key))


def _plan_haulage(turn: Turn, command: commands.PlanTrade, product: Product) -> Iterator[Event]:
    for load_no in range(1, command.loads + 1):
        key = haulage_id(command.trade_id, load_no)
        if turn.view.get(HaulageLoad, HAULAGE, key) is not None:
            continue
        yield events.HaulagePlanned(
            haulage_trade_id=command.trade_id, haulage_load_no=load_no, product_id=product.id,
            haulier_id=command.seller_id, shipper_id=command.buyer_id, origin_hub=product.hub,
            destination_hub=product.destination_hub, container_class=product.container_class,
            window_start=product.window_start, window_end=product.window_end,
        )  # fmt: skip
        yield from pair_haulage(turn, known(turn.view.get(HaulageLoad, HAULAGE, key)))


def pair_shipment(turn: Turn, shipment: Shipment) -> Iterator[Event]:
    """Gives a load of hydrogen that waits the first load of carriage that fits."""
    for waiting in split_ids(turn.pool(shipment.transport_party_id).haulage):
        haulage = known(turn.view.get(HaulageLoad, HAULAGE, waiting))
        if fits(shipment, haulage):
            yield _assignment(shipment, haulage)
            return


def pair_haulage(turn: Turn, haulage: HaulageLoad) -> Iterator[Event]:
    """Gives a load of carriage that waits the first load of hydrogen that fits."""
    for waiting in split_ids(turn.pool(haulage.shipper_id).shipments):
        shipment = turn.shipment(waiting)
        if fits(shipment, haulage):
            yield _assignment(shipment, haulage)
            return


def fits(shipment: Shipment, haulage: HaulageLoad) -> bool:
    """Whether a load of carriage can carry a load of hydrogen: same party, window, class, and hubs as far as fixed."""
    return (
        shipment.transport_party_id == haulage.shipper_id
        and shipment.window_start == haulage.window_start
        and shipment.container_class == haulage.container_class
        and shipment.origin_hub in ("", haulage.origin_hub)
        and shipment.destination_hub in ("", haulage.destination_hub)
    )


def _assignment(shipment: Shipment, haulage: HaulageLoad) -> events.HaulageAssigned:
    return events.HaulageAssigned(
        shipment_id=shipment.id, haulage_trade_id=haulage.trade_id, haulage_load_no=haulage.load_no,
        haulier_id=haulage.haulier_id,
    )  # fmt: skip


def lapse_shipments(turn: Turn, command: commands.LapseShipments) -> Iterator[Event]:
    for key in command.shipment_ids:
        shipment = turn.view.get(Shipment, SHIPMENTS, key)
        if shipment is None or shipment.status not in ("planned", "nominated") or turn.at < shipment.window_end:
            continue
        yield events.ShipmentLapsed(shipment_id=key, trade_id=shipment.trade_id, load_no=shipment.load_no)
        if shipment.haulage_id:
            yield events.HaulageLapsed(
                haulage_trade_id=shipment.haulage_trade_id, haulage_load_no=shipment.haulage_load_no
            )
    for key in command.haulage_ids:
        haulage = turn.view.get(HaulageLoad, HAULAGE, key)
        if haulage is not None and haulage.status == "waiting" and turn.at >= haulage.window_end:
            yield events.HaulageLapsed(haulage_trade_id=haulage.trade_id, haulage_load_no=haulage.load_no)


# --- effects


def product_registered(turn: Turn, event: events.ProductRegistered) -> None:
    product = Product(
        event.product_id, event.kind, event.hub, event.destination_hub, event.container_class, event.grade,
        event.nominal_mass_g, event.maximum_mass_g, event.window_start, event.window_end, turn.seq,
    )  # fmt: skip
    turn.put(PRODUCTS, product, product.id)


def facility_registered(turn: Turn, event: events.FacilityRegistered) -> None:
    facility = Facility(
        event.facility_id, event.participant_id, event.kind, event.name, event.name_zh, event.hub, event.latitude_e7,
        event.longitude_e7, turn.seq,
    )  # fmt: skip
    turn.put(FACILITIES, facility, facility.id)


def shipment_planned(turn: Turn, event: events.ShipmentPlanned) -> None:
    ex_works = event.kind == "ex_works"
    shipment = Shipment(
        id=event.shipment_id, trade_id=event.trade_id, load_no=event.load_no, product_id=event.product_id,
        kind=event.kind, container_class=event.container_class, grade=event.grade, seller_id=event.seller_id,
        buyer_id=event.buyer_id, transport_party_id=event.buyer_id if ex_works else event.seller_id,
        origin_hub=event.hub if ex_works else "", destination_hub="" if ex_works else event.hub,
        nominal_mass_g=event.nominal_mass_g, maximum_mass_g=event.maximum_mass_g, window_start=event.window_start,
        window_end=event.window_end, status="planned", held=False, custodian_id=event.seller_id, haulage_id="",
        haulage_trade_id=0, haulage_load_no=0, carrier_id="", seller_mass_g=None, pickup_facility_id="",
        buyer_mass_g=None, dropoff_facility_id="", confirmed_mass_g=None, plate="", vessel_id="", driver_licence="",
        escort_licence="", waybill_no="", quality="", heel_before_g=None, heel_after_g=None, loaded_mass_g=0,
        short_mass_g=0, delivered_mass_g=0, returned_mass_g=0, lost_mass_g=0, late_s=0, reject_reason="", fault="",
        cancel_reason="", planned_at=turn.at, departed_at=None, arrived_at=None, delivered_at=None, closed_at=None,
        event_seq=turn.seq,
    )  # fmt: skip
    turn.put(SHIPMENTS, shipment, shipment.id)
    pool = turn.pool(shipment.transport_party_id)
    pool.shipments = with_id(pool.shipments, shipment.id)
    turn.put(POOLS, pool, pool.id)


def haulage_planned(turn: Turn, event: events.HaulagePlanned) -> None:
    key = haulage_id(event.haulage_trade_id, event.haulage_load_no)
    haulage = HaulageLoad(
        id=key, trade_id=event.haulage_trade_id, load_no=event.haulage_load_no, product_id=event.product_id,
        haulier_id=event.haulier_id, shipper_id=event.shipper_id, origin_hub=event.origin_hub,
        destination_hub=event.destination_hub, container_class=event.container_class,
        window_start=event.window_start, window_end=event.window_end, shipment_id="", status="waiting",
        planned_at=turn.at, event_seq=turn.seq,
    )  # fmt: skip
    turn.put(HAULAGE, haulage, key)
    pool = turn.pool(haulage.shipper_id)
    pool.haulage = with_id(pool.haulage, key)
    turn.put(POOLS, pool, pool.id)


def haulage_assigned(turn: Turn, event: events.HaulageAssigned) -> None:
    shipment = turn.shipment(event.shipment_id)
    haulage = known(turn.view.get(HaulageLoad, HAULAGE, haulage_id(event.haulage_trade_id, event.haulage_load_no)))
    shipment.haulage_id = haulage.id
    shipment.haulage_trade_id = haulage.trade_id
    shipment.haulage_load_no = haulage.load_no
    shipment.carrier_id = event.haulier_id
    shipment.origin_hub = haulage.origin_hub
    shipment.destination_hub = haulage.destination_hub
    haulage.shipment_id = shipment.id
    haulage.status = "assigned"
    turn.put(SHIPMENTS, shipment, shipment.id)
    turn.put(HAULAGE, haulage, haulage.id)
    pool = turn.pool(haulage.shipper_id)
    pool.shipments = without_id(pool.shipments, shipment.id)
    pool.haulage = without_id(pool.haulage, haulage.id)
    turn.put(POOLS, pool, pool.id)


def shipment_lapsed(turn: Turn, event: events.ShipmentLapsed) -> None:
    shipment = turn.shipment(event.shipment_id)
    leave_pool(turn, shipment)
    free_transport(turn, shipment)
    shipment.status = "lapsed"
    shipment.closed_at = turn.at
    turn.put(SHIPMENTS, shipment, shipment.id)


def haulage_lapsed(turn: Turn, event: events.HaulageLapsed) -> None:
    end_haulage(turn, haulage_id(event.haulage_trade_id, event.haulage_load_no), "lapsed")


def end_haulage(turn: Turn, key: str, status: HaulageStatus) -> None:
    """Ends a load of carriage that was not used, and takes it out of its pool if it waits there."""
    haulage = known(turn.view.get(HaulageLoad, HAULAGE, key))
    if haulage.status == "waiting":
        pool = turn.pool(haulage.shipper_id)
        pool.haulage = without_id(pool.haulage, haulage.id)
        turn.put(POOLS, pool, pool.id)
    haulage.status = status
    turn.put(HAULAGE, haulage, haulage.id)


def leave_pool(turn: Turn, shipment: Shipment) -> None:
    """Takes a shipment out of its party's pool, if it waits there."""
    pool = turn.pool(shipment.transport_party_id)
    if shipment.id in split_ids(pool.shipments):
        pool.shipments = without_id(pool.shipments, shipment.id)
        turn.put(POOLS, pool, pool.id)
