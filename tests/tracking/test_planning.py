"""Trades become loads, and hydrogen finds its haulage, first come first served."""

from __future__ import annotations

import pytest

from tests.tracking.scene import (
    BUYER,
    DELIVERED,
    EX_WORKS,
    HAUL_BACK,
    HAUL_NEXT,
    HAULIER,
    RIVAL,
    SELLER,
    WINDOW_END,
    Scene,
    names,
)
from tracking import commands, events
from tracking.model import HAULAGE, POOLS, HaulageLoad, PairingPool


def pool(scene: Scene, party: str) -> tuple[str, str]:
    found = scene.store[POOLS][party]
    assert isinstance(found, PairingPool)
    return found.shipments, found.haulage


def haulage(scene: Scene, key: str) -> HaulageLoad:
    found = scene.store[HAULAGE][key]
    assert isinstance(found, HaulageLoad)
    return found


def test_each_load_of_a_trade_is_a_shipment() -> None:
    scene = Scene()
    planned = scene.plan(loads=3)
    assert names(planned) == ["ShipmentPlanned"] * 3
    assert [event.shipment_id for event in planned if isinstance(event, events.ShipmentPlanned)] == [
        "S10-1",
        "S10-2",
        "S10-3",
    ]
    assert pool(scene, BUYER) == ("S10-1 S10-2 S10-3", "")


def test_a_trade_is_planned_once() -> None:
    scene = Scene()
    scene.plan(loads=2)
    scene.haul(trade_id=20)
    assert scene.plan(loads=2) == []
    assert scene.haul(trade_id=20) == []


def test_a_product_and_a_facility_are_mirrored_once() -> None:
    scene = Scene()
    before = len(scene.log)
    scene.list_product(EX_WORKS, "ex_works", "ELSEWHERE", "")
    scene.do(commands.RegisterFacility("F1", SELLER, "plant", "x", "x", "ELSEWHERE", 1, 1))
    assert len(scene.log) == before


@pytest.mark.parametrize(("hydrogen", "shipper", "custodian"), [(EX_WORKS, BUYER, SELLER), (DELIVERED, SELLER, SELLER)])
def test_haulage_goes_to_the_party_that_sees_to_the_transport(hydrogen: str, shipper: str, custodian: str) -> None:
    scene = Scene()
    scene.plan(hydrogen)
    assert names(scene.haul(shipper=shipper)) == ["HaulagePlanned", "HaulageAssigned"]
    shipment = scene.shipment()
    assert (shipment.haulage_trade_id, shipment.haulage_load_no, shipment.carrier_id) == (20, 1, HAULIER)
    assert (shipment.origin_hub, shipment.destination_hub) == ("TAIYUAN", "LINFEN")
    assert shipment.custodian_id == custodian
    assert pool(scene, shipper) == ("", "")
    assert haulage(scene, "C20-1").status == "assigned"


def test_hydrogen_traded_after_its_haulage_finds_it() -> None:
    scene = Scene()
    scene.haul()
    assert names(scene.plan()) == ["ShipmentPlanned", "HaulageAssigned"]


def test_pairing_is_first_come_first_served() -> None:
    scene = Scene()
    scene.plan(trade_id=10)
    scene.plan(trade_id=11)
    scene.haul(trade_id=20, haulier=RIVAL)
    scene.haul(trade_id=21)
    assert scene.shipment("S10-1").carrier_id == RIVAL
    assert scene.shipment("S11-1").carrier_id == HAULIER


def test_loads_beyond_the_haulage_wait() -> None:
    scene = Scene()
    scene.plan(loads=3)
    scene.haul(loads=2)
    assert pool(scene, BUYER) == ("S10-3", "")


@pytest.mark.parametrize(
    ("product_id", "shipper"),
    [(HAUL_BACK, BUYER), (HAUL_NEXT, BUYER), ("HAUL", SELLER)],
    ids=["another origin", "another window", "another party"],
)
def test_what_does_not_fit_is_not_paired(product_id: str, shipper: str) -> None:
    scene = Scene()
    scene.plan()
    assert names(scene.haul(product_id=product_id, shipper=shipper)) == ["HaulagePlanned"]


def test_another_container_class_does_not_fit() -> None:
    scene = Scene()
    scene.list_product("HAUL-30", "haulage", "TAIYUAN", "LINFEN", container="TUBE30")
    scene.plan()
    assert names(scene.haul(product_id="HAUL-30")) == ["HaulagePlanned"]


def test_delivered_hydrogen_wants_haulage_to_its_hub() -> None:
    scene = Scene()
    scene.plan(DELIVERED)
    assert names(scene.haul(shipper=SELLER, product_id=HAUL_BACK)) == ["HaulagePlanned"]


def test_a_nominated_facility_fixes_the_hub_for_pairing() -> None:
    scene = Scene()
    scene.plan()
    scene.do(commands.Nominate(BUYER, "S10-1", 300_000, "F3"))
    assert names(scene.haul()) == ["HaulagePlanned"]


def test_one_batch_plans_product_trades_and_haulage() -> None:
    """What a batch makes itself is known within it."""
    scene = Scene()
    scene.do(
        commands.RegisterProduct(
            "NEW", "ex_works", "TAIYUAN", "", "TUBE20", "FCV", 1, 1_000, WINDOW_END, WINDOW_END + 1
        ),
        commands.PlanTrade(30, "NEW", 2, BUYER, SELLER),
        commands.PlanTrade(31, HAUL_NEXT, 1, BUYER, HAULIER),
        commands.PlanTrade(32, HAUL_NEXT, 2, BUYER, HAULIER),
    )
    assert scene.shipment("S30-1").haulage_id == "C31-1"
    assert scene.shipment("S30-2").haulage_id == "C32-1"
    assert pool(scene, BUYER) == ("", "C32-2")


def test_a_load_that_nobody_nominated_lapses_with_its_haulage() -> None:
    scene = Scene()
    scene.plan()
    scene.haul()
    scene.at = WINDOW_END
    lapsed = scene.do(commands.LapseShipments(("S10-1",)))
    assert lapsed == [events.ShipmentLapsed("S10-1", 10, 1), events.HaulageLapsed(20, 1)]
    assert scene.shipment().status == "lapsed"
    assert haulage(scene, "C20-1").status == "lapsed"


def test_a_lapse_frees_lorry_and_vessel() -> None:
    scene = Scene().to_transport()
    scene.at = WINDOW_END
    scene.do(commands.LapseShipments(("S10-1",)))
    assert (scene.vehicle().shipment_id, scene.vessel().shipment_id) == ("", "")


def test_unpaired_loads_lapse_out_of_the_pool() -> None:
    scene = Scene()
    scene.plan()
    scene.haul(product_id=HAUL_BACK)
    assert pool(scene, BUYER) == ("S10-1", "C20-1")
    scene.at = WINDOW_END
    assert names(scene.do(commands.LapseShipments(("S10-1",), ("C20-1",)))) == ["ShipmentLapsed", "HaulageLapsed"]
    assert pool(scene, BUYER) == ("", "")


def test_nothing_lapses_before_its_window_ends_or_twice_or_once_begun() -> None:
    scene = Scene().to_transport()
    scene.plan(trade_id=11)
    scene.haul(trade_id=21, product_id=HAUL_BACK)
    scene.at = WINDOW_END - 1
    assert scene.do(commands.LapseShipments(("S10-1", "S11-1", "S99-1"), ("C20-1", "C21-1", "C99-1"))) == []
    scene.read("load", "giver", SELLER, 330_000)
    scene.at = WINDOW_END
    assert names(scene.do(commands.LapseShipments(("S10-1", "S11-1")))) == ["ShipmentLapsed"]
    assert scene.do(commands.LapseShipments(("S10-1", "S11-1"))) == []
