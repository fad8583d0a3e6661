"""The life of a load from nomination to its end, in tables."""

from __future__ import annotations

import pytest

from kernel.quantity import MICROS_PER_S
from tests.tracking.scene import (
    BUYER,
    DELIVERED,
    HAULIER,
    HEEL_G,
    HOUR,
    MAXIMUM_G,
    NOMINAL_G,
    SELLER,
    WINDOW_END,
    Scene,
    names,
)
from tracking import commands, events
from tracking.custody import canonical, digest_of, document_of
from tracking.delivery import ACCEPTANCE_S
from tracking.model import HAULAGE, MOVEMENTS, POOLS, TIMELINE, HaulageLoad, MassMovement, PairingPool, RejectReason


@pytest.mark.parametrize(
    ("seller_g", "buyer_g", "confirmed_g"),
    [(330_000, 330_000, 330_000), (346_000, 300_000, 300_000), (250_000, 346_000, 250_000)],
)
def test_the_lesser_nomination_stands(seller_g: int, buyer_g: int, confirmed_g: int) -> None:
    scene = Scene()
    scene.plan()
    confirmed = scene.nominate(seller_g=seller_g, buyer_g=buyer_g)[-1]
    assert confirmed == events.NominationConfirmed("S10-1", confirmed_g, "F1", "F2")
    assert (scene.shipment().status, scene.shipment().confirmed_mass_g) == ("nominated", confirmed_g)


def test_a_nomination_may_be_changed_until_the_other_side_has_nominated() -> None:
    scene = Scene()
    scene.plan()
    scene.do(commands.Nominate(SELLER, "S10-1", 200_000, "F6"))
    scene.nominate()
    assert (scene.shipment().confirmed_mass_g, scene.shipment().pickup_facility_id) == (NOMINAL_G, "F1")


def test_another_lorry_frees_the_first() -> None:
    scene = Scene().to_transport()
    scene.transport(plate="晋A0002", vessel_id="TT-02")
    assert (scene.vehicle().shipment_id, scene.vessel().shipment_id) == ("", "")
    assert (scene.vehicle("晋A0002").shipment_id, scene.vessel("TT-02").shipment_id) == ("S10-1", "S10-1")


@pytest.mark.parametrize(
    ("product_id", "carrier", "plate", "vessel_id"),
    [("EXW", BUYER, "晋L0001", "TT-21"), (DELIVERED, SELLER, "晋A9001", "TT-31")],
)
def test_own_transport_leaves_the_pool_and_needs_no_haulage(
    product_id: str, carrier: str, plate: str, vessel_id: str
) -> None:
    scene = Scene()
    scene.plan(product_id)
    scene.nominate()
    scene.transport(carrier=carrier, plate=plate, vessel_id=vessel_id)
    pool = scene.store[POOLS][carrier]
    assert isinstance(pool, PairingPool) and pool.shipments == ""
    assert names(scene.haul(shipper=carrier)) == ["HaulagePlanned"]
    scene.hand("load", SELLER, carrier, NOMINAL_G, NOMINAL_G)
    scene.depart(carrier=carrier)
    scene.arrive(carrier=carrier)
    scene.hand("unload", carrier, BUYER, NOMINAL_G, NOMINAL_G)
    accepted = scene.do(commands.AcceptLoad(BUYER, "S10-1"))[0]
    assert accepted == events.LoadAccepted("S10-1", 10, 1, 0, 0, NOMINAL_G, NOMINAL_G, 0)


@pytest.mark.parametrize(
    ("given_g", "taken_g", "agreed_g", "unseen_g"),
    [(330_000, 330_000, 330_000, 0), (331_000, 330_000, 330_000, 1_000), (330_000, 331_000, 330_000, 0)],
)
def test_loading_books_the_lesser_reading(given_g: int, taken_g: int, agreed_g: int, unseen_g: int) -> None:
    scene = Scene().to_loaded(given_g, taken_g)
    shipment = scene.shipment()
    assert (shipment.status, shipment.loaded_mass_g, shipment.custodian_id) == ("loaded", agreed_g, HAULIER)
    assert shipment.heel_before_g == HEEL_G
    assert scene.vessel().mass_g == HEEL_G + agreed_g
    differences = [
        entry.mass_g
        for entry in scene.store[MOVEMENTS].values()
        if isinstance(entry, MassMovement) and entry.kind == "meter_difference"
    ]
    assert sum(differences) == unseen_g
    scene.check()


def test_loading_below_the_nomination_is_fine_and_flagged() -> None:
    assert Scene().to_loaded(300_000, 300_000).shipment().short_mass_g == NOMINAL_G - 300_000
    assert Scene().to_loaded(340_000, 340_000).shipment().short_mass_g == 0


def test_custody_passes_with_the_second_signature_only() -> None:
    scene = Scene().to_transport()
    scene.read("load", "giver", SELLER, NOMINAL_G)
    scene.read("load", "taker", HAULIER, NOMINAL_G)
    assert names(scene.sign("load", "taker", HAULIER)) == ["HandOverSigned"]
    assert (scene.shipment().custodian_id, scene.shipment().status) == (SELLER, "loading")
    assert scene.vessel().mass_g == HEEL_G
    assert names(scene.sign("load", "giver", SELLER)) == ["HandOverSigned", "CustodyPassed"]
    assert (scene.shipment().custodian_id, scene.shipment().status) == (HAULIER, "loaded")
    signed = scene.hand_over("load")
    assert (signed.status, signed.giver_key_id, signed.taker_key_id) == ("agreed", "K-P1", "K-P3")


def test_the_digest_is_that_of_the_document_that_anybody_can_compose() -> None:
    scene = Scene().to_transport()
    scene.read("load", "giver", SELLER, NOMINAL_G)
    giver = scene.side_reading("load", "giver")
    assert document_of(scene.shipment(), scene.hand_over("load"), giver, giver) is None
    scene.read("load", "taker", HAULIER, NOMINAL_G)
    taker = scene.side_reading("load", "taker")
    document = document_of(scene.shipment(), scene.hand_over("load"), giver, taker)
    assert document is not None
    assert digest_of(document) == scene.hand_over("load").digest
    assert canonical(document).startswith(b'{"hand_over_id":"S10-1:load","trade_id":10,"load_no":1,"stage":"load"')


def test_a_dispute_holds_the_shipment_until_it_is_settled_and_signed() -> None:
    scene = Scene().to_transport()
    scene.read("load", "giver", SELLER, NOMINAL_G)
    disputed = scene.read("load", "taker", HAULIER, 250_000)
    assert names(disputed) == ["ReadingRecorded", "HandOverDisputed"]
    assert (scene.shipment().held, scene.hand_over("load").dispute) == (True, "readings")
    scene.do(commands.SettleHandOver("S10-1", "load", 329_000, None, "the weighbridge was misread"))
    assert scene.shipment().held is False
    document = document_of(
        scene.shipment(),
        scene.hand_over("load"),
        scene.side_reading("load", "giver"),
        scene.side_reading("load", "taker"),
    )
    assert document is not None and document.note == "the weighbridge was misread"
    assert digest_of(document) == scene.hand_over("load").digest
    scene.sign("load", "giver", SELLER)
    scene.sign("load", "taker", HAULIER)
    assert (scene.shipment().loaded_mass_g, scene.vessel().mass_g) == (329_000, HEEL_G + 329_000)
    scene.check()


def test_more_than_the_vessel_held_is_disputed_though_the_readings_agree() -> None:
    scene = Scene().to_arrived()
    scene.read("unload", "giver", HAULIER, 345_000)
    assert names(scene.read("unload", "taker", BUYER, 345_000))[-1] == "HandOverDisputed"
    assert scene.hand_over("unload").dispute == "contents"
    scene.do(commands.SettleHandOver("S10-1", "unload", NOMINAL_G, HEEL_G, "both meters were off"))
    scene.sign("unload", "giver", HAULIER)
    scene.sign("unload", "taker", BUYER)
    assert scene.shipment().delivered_mass_g == NOMINAL_G
    scene.check()


def test_gas_that_neither_came_out_nor_stayed_is_disputed_though_the_readings_agree() -> None:
    """The seller is paid for what is delivered: haulier and buyer do not write off its gas between them."""
    scene = Scene().to_arrived()
    scene.read("unload", "giver", HAULIER, 100_000)
    assert names(scene.read("unload", "taker", BUYER, 100_000))[-1] == "HandOverDisputed"
    assert (scene.shipment().held, scene.hand_over("unload").dispute) == (True, "contents")
    scene.do(commands.SettleHandOver("S10-1", "unload", 100_000, HEEL_G, "a valve leaked at the station"))
    scene.sign("unload", "giver", HAULIER)
    scene.sign("unload", "taker", BUYER)
    assert (scene.shipment().delivered_mass_g, scene.shipment().lost_mass_g) == (100_000, NOMINAL_G - 100_000)
    scene.check()


def test_gas_that_was_vented_on_the_way_is_not_missing_at_the_station() -> None:
    scene = Scene().to_arrived()
    scene.do(commands.VentVessel(HAULIER, "TT-01", 30_000, "relief valve"))
    scene.hand("unload", HAULIER, BUYER, 300_000, 300_000)
    assert (scene.shipment().delivered_mass_g, scene.shipment().lost_mass_g) == (300_000, 30_000)
    scene.check()


def test_more_than_a_vessel_can_hold_is_disputed_at_loading() -> None:
    scene = Scene().to_transport()
    scene.read("load", "giver", SELLER, 3_300_000)
    scene.read("load", "taker", HAULIER, 3_300_000)
    assert scene.hand_over("load").dispute == "contents"


def test_a_gauge_measures_from_the_heel_and_not_from_zero() -> None:
    scene = Scene().to_transport()
    full = commands.RecordReading(
        HAULIER,
        "S10-1",
        "load",
        "taker",
        scene.meters[HAULIER, "gauge"],
        before_pressure_pa=2_000_000,
        before_temperature_mk=288_150,
        after_pressure_pa=20_000_000,
        after_temperature_mk=288_150,
    )
    recorded = scene.do(full)[0]
    assert isinstance(recorded, events.ReadingRecorded)
    assert recorded.mass_g == 388_430 - HEEL_G
    assert recorded.uncertainty_ug == 388_430 * 5_000


@pytest.mark.parametrize(
    ("given_g", "taken_g", "residue_pa", "delivered_g", "lost_g"),
    [
        (330_000, 330_000, 2_000_000, 330_000, 0),
        (330_000, 329_000, 2_000_000, 329_000, 1_000),
        (328_000, 330_000, 2_000_000, 328_000, 2_000),
        (332_000, 331_000, 2_000_000, 331_000, -1_000),
        (326_000, 326_000, 2_000_000, 326_000, 4_000),
    ],
)
def test_unloading_books_delivery_residue_and_difference(
    given_g: int, taken_g: int, residue_pa: int, delivered_g: int, lost_g: int
) -> None:
    scene = Scene().to_arrived()
    scene.read("unload", "giver", HAULIER, given_g, residue_pa=residue_pa)
    scene.read("unload", "taker", BUYER, taken_g)
    scene.sign("unload", "giver", HAULIER)
    scene.sign("unload", "taker", BUYER)
    shipment = scene.shipment()
    assert (shipment.status, shipment.custodian_id) == ("delivered", BUYER)
    assert (shipment.delivered_mass_g, shipment.lost_mass_g) == (delivered_g, lost_g)
    assert shipment.heel_after_g == scene.vessel().mass_g
    assert (scene.vehicle().shipment_id, scene.vessel().shipment_id) == ("", "")
    scene.check()


@pytest.mark.parametrize(("after_us", "late_s"), [(-1, 0), (0, 0), (MICROS_PER_S, 1), (90 * 60 * MICROS_PER_S, 5_400)])
def test_arrival_after_the_window_is_late(after_us: int, late_s: int) -> None:
    scene = Scene().to_departed()
    scene.at = WINDOW_END + after_us
    assert scene.arrive() == [events.ShipmentArrived("S10-1", HAULIER, late_s)]


def test_acceptance_tells_settlement_everything() -> None:
    scene = Scene().to_departed()
    scene.at = WINDOW_END + 60 * MICROS_PER_S
    scene.arrive()
    scene.hand("unload", HAULIER, BUYER, 329_500, 329_000)
    assert scene.do(commands.AcceptLoad(BUYER, "S10-1")) == [
        events.LoadAccepted("S10-1", 10, 1, 20, 1, NOMINAL_G, 329_000, 60)
    ]
    haulage = scene.store[HAULAGE]["C20-1"]
    assert isinstance(haulage, HaulageLoad) and haulage.status == "used"


def test_a_buyer_that_says_nothing_has_accepted_after_a_day() -> None:
    scene = Scene().to_delivered()
    scene.at += ACCEPTANCE_S * MICROS_PER_S - 1
    assert scene.do(commands.AcceptOverdue(("S10-1", "S99-1"))) == []
    scene.at += 1
    assert names(scene.do(commands.AcceptOverdue(("S10-1", "S99-1")))) == ["LoadAccepted"]
    assert scene.do(commands.AcceptOverdue(("S10-1",))) == []


@pytest.mark.parametrize(
    ("reason", "fault", "due_g"),
    [
        ("off_spec", "seller", NOMINAL_G),
        ("low_pressure", "seller", NOMINAL_G),
        ("documents_missing", "seller", NOMINAL_G),
        ("cannot_receive", "buyer", NOMINAL_G),
        ("late", "haulier", 0),
        ("leak", "haulier", 0),
        ("contaminated", "haulier", 0),
        ("seal_broken", "haulier", 0),
    ],
)
def test_a_rejection_names_its_fault_and_the_haulage_due(reason: RejectReason, fault: str, due_g: int) -> None:
    scene = Scene().to_departed()
    scene.at = WINDOW_END + HOUR
    scene.arrive()
    rejected = scene.do(commands.RejectLoad(BUYER, "S10-1", reason))[0]
    assert isinstance(rejected, events.LoadRejected)
    assert (rejected.reason, rejected.fault, rejected.haulage_due_mass_g) == (reason, fault, due_g)
    assert (rejected.haulage_trade_id, rejected.haulage_load_no) == (20, 1)
    assert scene.shipment().custodian_id == HAULIER


def test_haulage_is_due_for_no_more_than_its_money_is_held_for() -> None:
    scene = Scene().to_loaded(345_500, 345_500)
    assert scene.shipment().loaded_mass_g < MAXIMUM_G
    heavy = Scene().to_loaded(350_000, 350_000)
    heavy.depart()
    heavy.arrive()
    rejected = heavy.do(commands.RejectLoad(BUYER, "S10-1", "off_spec"))[0]
    assert isinstance(rejected, events.LoadRejected) and rejected.haulage_due_mass_g == MAXIMUM_G


def test_own_transport_has_no_haulage_due() -> None:
    scene = Scene()
    scene.plan()
    scene.nominate()
    scene.transport(carrier=BUYER, plate="晋L0001", vessel_id="TT-21")
    scene.hand("load", SELLER, BUYER, NOMINAL_G, NOMINAL_G)
    scene.depart(carrier=BUYER)
    scene.arrive(carrier=BUYER)
    rejected = scene.do(commands.RejectLoad(BUYER, "S10-1", "off_spec"))[0]
    assert rejected == events.LoadRejected("S10-1", 10, 1, 0, 0, "off_spec", "seller", 0)


def test_rejected_gas_goes_back_to_its_plant() -> None:
    scene = Scene().to_arrived()
    scene.read("unload", "giver", HAULIER, NOMINAL_G)
    scene.do(commands.RejectLoad(BUYER, "S10-1", "off_spec"))
    assert scene.hand_over("unload").status == "void"
    scene.hand("return", HAULIER, SELLER, 329_900, 329_500)
    shipment = scene.shipment()
    assert (shipment.status, shipment.custodian_id) == ("returned", SELLER)
    assert (shipment.returned_mass_g, shipment.lost_mass_g, shipment.delivered_mass_g) == (329_500, 500, 0)
    assert (scene.vehicle().shipment_id, scene.vessel().shipment_id) == ("", "")
    returned = [entry for entry in scene.store[MOVEMENTS].values() if isinstance(entry, MassMovement)]
    assert [(entry.source, entry.target) for entry in returned if entry.kind == "return"] == [
        ("vessel:TT-01", "facility:F1")
    ]
    scene.check()


def test_a_vessel_that_lost_everything_returns_empty() -> None:
    scene = Scene().to_arrived()
    scene.do(commands.VentVessel(HAULIER, "TT-01", HEEL_G + NOMINAL_G, "relief valve"))
    scene.do(commands.RejectLoad(BUYER, "S10-1", "leak"))
    scene.read("return", "giver", HAULIER, 0, residue_pa=0)
    scene.read("return", "taker", SELLER, 0)
    scene.sign("return", "giver", HAULIER)
    scene.sign("return", "taker", SELLER)
    assert (scene.shipment().status, scene.shipment().lost_mass_g) == ("returned", HEEL_G + NOMINAL_G)
    assert scene.vessel().mass_g == 0
    scene.check()


def test_vented_gas_is_a_loss_of_the_shipment_only_while_it_is_loaded() -> None:
    scene = Scene().to_transport()
    scene.do(commands.VentVessel(HAULIER, "TT-01", 3_234, "purge before filling"))
    assert scene.shipment().lost_mass_g == 0
    scene.load()
    scene.do(commands.VentVessel(HAULIER, "TT-01", 1_000, "relief valve"))
    assert (scene.shipment().heel_before_g, scene.shipment().lost_mass_g) == (40_000, 1_000)
    assert scene.vessel().mass_g == 40_000 + NOMINAL_G - 1_000
    scene.check()


def test_the_heel_of_one_load_is_under_the_next() -> None:
    scene = Scene().to_delivered()
    scene.plan(trade_id=11)
    scene.haul(trade_id=21)
    scene.nominate("S11-1")
    scene.transport("S11-1")
    scene.hand("load", SELLER, HAULIER, 300_000, 300_000, "S11-1")
    assert scene.shipment("S11-1").heel_before_g == scene.shipment("S10-1").heel_after_g
    scene.check()


def test_the_timeline_tells_the_life_in_order() -> None:
    scene = Scene().to_delivered()
    scene.do(commands.AcceptLoad(BUYER, "S10-1"))
    kinds = [type(entry.event).__name__ for entry in scene.log if getattr(entry.event, "shipment_id", "") == "S10-1"]
    entries = sorted(scene.store[TIMELINE].values(), key=lambda entry: entry.event_seq)  # type: ignore[attr-defined]
    assert [entry.kind for entry in entries] == kinds  # type: ignore[attr-defined]
    assert kinds == [
        "ShipmentPlanned", "HaulageAssigned", "MassNominated", "MassNominated", "NominationConfirmed",
        "TransportNominated", "ReadingRecorded", "ReadingRecorded", "HandOverProposed", "HandOverSigned",
        "HandOverSigned", "CustodyPassed", "ShipmentDeparted", "ShipmentArrived", "ReadingRecorded",
        "ReadingRecorded", "HandOverProposed", "HandOverSigned", "HandOverSigned", "CustodyPassed", "LoadAccepted",
    ]  # fmt: skip
