"""The loads of a trade that is undone are ended together, or none of them where one has begun to move."""

from __future__ import annotations

import pytest

from exchange import events as exchange_events
from exchange.commands import ConcludeRecall
from exchange.model import TradeFacts
from kernel.messages import Recorded
from tests.tracking.scene import (
    BUYER,
    DELIVERED,
    HAULIER,
    NOMINAL_G,
    RIVAL,
    SELLER,
    WINDOW_END,
    Scene,
    names,
)
from tracking import commands, events
from tracking.courier import recall_courier
from tracking.following import follow_exchange
from tracking.model import HAULAGE, POOLS, RECALLS, SHIPMENTS, HaulageLoad, PairingPool, Recall

HYDROGEN = commands.RecalledLoads(10, 1, BUYER, SELLER)
CARRIAGE = commands.RecalledLoads(20, 1, BUYER, HAULIER)


def recall(scene: Scene, *trades: commands.RecalledLoads, recall_id: int = 77) -> list[str]:
    """Asks for the loads to be ended; what holds after every command holds after this one too."""
    decided = names(scene.do(commands.RecallTrades(recall_id, trades)))
    scene.check()
    assert scene.replayed() == scene.store
    return decided


def answer(scene: Scene, recall_id: int = 77) -> Recall:
    found = scene.store[RECALLS][f"R{recall_id}"]
    assert isinstance(found, Recall)
    return found


def carriage(scene: Scene, key: str = "C20-1") -> HaulageLoad:
    found = scene.store[HAULAGE][key]
    assert isinstance(found, HaulageLoad)
    return found


def pool(scene: Scene, party: str = BUYER) -> tuple[str, str]:
    found = scene.store[POOLS][party]
    assert isinstance(found, PairingPool)
    return found.shipments, found.haulage


def test_a_load_that_waits_is_cancelled_and_leaves_its_pool() -> None:
    scene = Scene()
    scene.plan(loads=2)
    assert recall(scene, commands.RecalledLoads(10, 2, BUYER, SELLER)) == [
        "ShipmentCancelled",
        "ShipmentCancelled",
        "RecallAnswered",
    ]
    assert {scene.shipment(key).status for key in ("S10-1", "S10-2")} == {"cancelled"}
    assert scene.shipment().cancel_reason == "Trade recalled (R77) / 成交已撤销（R77）"
    assert (answer(scene).done, answer(scene).obstacle, pool(scene)) == (True, "", ("", ""))


def test_a_nominated_load_frees_lorry_and_vessel() -> None:
    scene = Scene().to_transport()
    recall(scene, HYDROGEN)
    assert (scene.shipment().status, scene.shipment().custodian_id) == ("cancelled", SELLER)
    assert (scene.vehicle().shipment_id, scene.vessel().shipment_id) == ("", "")


def test_own_transport_is_freed_too() -> None:
    scene = Scene()
    scene.plan()
    scene.nominate()
    scene.transport(carrier=BUYER, plate="晋L0001", vessel_id="TT-21")
    assert recall(scene, HYDROGEN) == ["ShipmentCancelled", "RecallAnswered"]
    assert (scene.vehicle("晋L0001").shipment_id, scene.vessel("TT-21").shipment_id) == ("", "")


@pytest.mark.parametrize(
    ("at", "state"),
    [("to_loaded", "loaded"), ("to_departed", "departed"), ("to_arrived", "arrived"), ("to_delivered", "delivered")],
)
@pytest.mark.parametrize("trades", [(HYDROGEN,), (CARRIAGE,), (CARRIAGE, HYDROGEN)])
def test_a_load_that_moves_stays_and_so_does_its_carriage(
    at: str, state: str, trades: tuple[commands.RecalledLoads, ...]
) -> None:
    scene: Scene = getattr(Scene(), at)()
    before = dict(scene.store[SHIPMENTS]), dict(scene.store[HAULAGE]), pool(scene)
    assert recall(scene, *trades) == ["RecallAnswered"]
    assert (answer(scene).done, answer(scene).obstacle, answer(scene).obstacle_state) == (False, "S10-1", state)
    assert (scene.store[SHIPMENTS], scene.store[HAULAGE], pool(scene)) == before


def test_the_first_reading_at_the_loading_arm_is_the_beginning() -> None:
    scene = Scene().to_transport()
    scene.read("load", "giver", SELLER, NOMINAL_G)
    recall(scene, HYDROGEN)
    assert (answer(scene).done, answer(scene).obstacle_state, scene.shipment().status) == (False, "loading", "loading")


def test_after_the_recall_loading_cannot_begin() -> None:
    scene = Scene().to_transport()
    recall(scene, HYDROGEN)
    with pytest.raises(Exception, match="cancelled"):
        scene.read("load", "giver", SELLER, NOMINAL_G)


def test_one_load_that_moves_keeps_its_siblings() -> None:
    scene = Scene()
    scene.plan(loads=2)
    scene.haul(loads=2)
    scene.nominate("S10-2")
    scene.transport("S10-2")
    scene.read("load", "giver", SELLER, NOMINAL_G, key="S10-2")
    assert recall(scene, commands.RecalledLoads(10, 2, BUYER, SELLER)) == ["RecallAnswered"]
    assert (answer(scene).obstacle, scene.shipment("S10-1").status) == ("S10-2", "planned")


def test_a_recall_is_answered_once() -> None:
    scene = Scene().to_nominated()
    recall(scene, HYDROGEN)
    assert recall(scene, HYDROGEN) == []
    scene.plan(trade_id=11)
    refused = Scene().to_loaded()
    recall(refused, HYDROGEN)
    assert recall(refused, HYDROGEN) == []


def test_what_ended_without_a_delivery_is_no_obstacle() -> None:
    scene = Scene()
    scene.plan(loads=2)
    scene.do(commands.CancelShipment("S10-1", "The plant is down."))
    assert recall(scene, commands.RecalledLoads(10, 2, BUYER, SELLER)) == ["ShipmentCancelled", "RecallAnswered"]
    assert scene.shipment("S10-1").cancel_reason == "The plant is down."
    lapsed = Scene().to_nominated()
    lapsed.at = WINDOW_END
    lapsed.do(commands.LapseShipments(("S10-1",)))
    assert recall(lapsed, CARRIAGE, HYDROGEN) == ["RecallAnswered"]
    assert answer(lapsed).done


# --- pairs of which one half is recalled


def test_an_implied_match_ends_whole() -> None:
    scene = Scene().to_transport()
    assert recall(scene, CARRIAGE, HYDROGEN) == [
        "HaulageReleased",
        "HaulageCancelled",
        "ShipmentCancelled",
        "RecallAnswered",
    ]
    assert (scene.shipment().status, carriage(scene).status) == ("cancelled", "cancelled")
    assert (scene.vehicle().shipment_id, scene.vessel().shipment_id, pool(scene)) == ("", "", ("", ""))


def test_carriage_whose_hydrogen_is_recalled_waits_for_another_load() -> None:
    scene = Scene().to_transport()
    assert recall(scene, HYDROGEN) == ["HaulageReleased", "ShipmentCancelled", "RecallAnswered"]
    assert (carriage(scene).status, carriage(scene).shipment_id, pool(scene)) == ("waiting", "", ("", "C20-1"))
    assert names(scene.plan(trade_id=12)) == ["ShipmentPlanned", "HaulageAssigned"]
    assert carriage(scene).shipment_id == "S12-1"


def test_carriage_finds_the_hydrogen_that_waits_already() -> None:
    scene = Scene().to_transport()
    scene.plan(trade_id=11)
    assert recall(scene, HYDROGEN)[-1] == "HaulageAssigned"
    assert (carriage(scene).shipment_id, scene.shipment("S11-1").haulage_id) == ("S11-1", "C20-1")


def test_hydrogen_whose_carriage_is_recalled_keeps_its_nominations_and_waits() -> None:
    scene = Scene().to_transport()
    assert recall(scene, CARRIAGE) == ["HaulageReleased", "HaulageCancelled", "RecallAnswered"]
    shipment = scene.shipment()
    assert (shipment.status, shipment.haulage_id, shipment.carrier_id, shipment.plate) == ("nominated", "", "", "")
    assert (shipment.origin_hub, shipment.destination_hub, pool(scene)) == ("TAIYUAN", "LINFEN", ("S10-1", ""))
    assert (scene.vehicle().shipment_id, scene.vessel().shipment_id) == ("", "")
    assert names(scene.haul(trade_id=21, haulier=RIVAL)) == ["HaulagePlanned", "HaulageAssigned"]
    scene.transport(carrier=RIVAL, plate="晋B0001", vessel_id="TT-11")
    scene.load(carrier=RIVAL)
    assert scene.shipment().status == "loaded"


def test_hydrogen_finds_the_carriage_that_waits_already() -> None:
    scene = Scene()
    scene.plan()
    scene.haul()
    scene.haul(trade_id=21, haulier=RIVAL)
    assert recall(scene, CARRIAGE)[-1] == "HaulageAssigned"
    assert (scene.shipment().carrier_id, carriage(scene, "C21-1").status) == (RIVAL, "assigned")


def test_a_hub_that_only_the_carriage_fixed_is_open_again() -> None:
    scene = Scene()
    scene.plan()
    scene.haul()
    assert scene.shipment().destination_hub == "LINFEN"
    recall(scene, CARRIAGE)
    assert (scene.shipment().origin_hub, scene.shipment().destination_hub) == ("TAIYUAN", "")
    scene.plan(DELIVERED, trade_id=30)
    scene.haul(trade_id=31, shipper=SELLER)
    assert scene.shipment("S30-1").origin_hub == "TAIYUAN"
    recall(scene, commands.RecalledLoads(31, 1, SELLER, HAULIER), recall_id=78)
    assert (scene.shipment("S30-1").origin_hub, scene.shipment("S30-1").destination_hub) == ("", "LINFEN")


def test_a_trade_and_its_recall_may_come_in_one_batch() -> None:
    scene = Scene()
    scene.haul()
    plan = commands.PlanTrade(10, "EXW", 1, BUYER, SELLER)
    assert names(scene.do(plan, commands.RecallTrades(77, (HYDROGEN,))))[-1] == "RecallAnswered"
    assert (scene.shipment().status, carriage(scene).status, pool(scene)) == ("cancelled", "waiting", ("", "C20-1"))
    assert scene.replayed() == scene.store


# --- the exchange is followed and answered


def test_the_second_eyes_make_the_question() -> None:
    facts = TradeFacts(10, "EXW", 3_500, 1, BUYER, SELLER, 8, 9, "", 1)
    confirmed = exchange_events.TradeRecallConfirmed(77, "K9", (facts,))
    assert follow_exchange(Recorded(1, 1, "K9", confirmed)) == [commands.RecallTrades(77, (HYDROGEN,))]
    for earlier in (
        exchange_events.TradeRecallRequested(77, (facts,), BUYER, "K1", "wrong price", 2),
        exchange_events.TradeRecallApproved(77, "K8", (facts,)),
    ):
        assert follow_exchange(Recorded(1, 1, "K8", earlier)) == []


def test_the_exchange_hears_the_answer() -> None:
    done = events.RecallAnswered(77, True, "", "")
    refused = events.RecallAnswered(77, False, "S10-1", "loading")
    assert recall_courier(Recorded(1, 1, "x", done)) == [ConcludeRecall(77, True, "")]
    assert recall_courier(Recorded(1, 1, "x", refused)) == [ConcludeRecall(77, False, "S10-1 loading")]
    assert recall_courier(Recorded(1, 1, "x", events.HaulageLapsed(20, 1))) == []
