"""The operator ends a load that nobody gives any more: the gas stays its seller's, all else is free again."""

from __future__ import annotations

import asyncio

import pytest

from kernel.errors import NotFound
from tests.tracking.room import OPERATOR, House, running
from tests.tracking.scene import BUYER, DELIVERED, HAULIER, HEEL_G, NOMINAL_G, SELLER, WINDOW_END, Scene, names
from tracking import commands, errors, events
from tracking.jobs import lapse
from tracking.model import HAULAGE, MOVEMENTS, HaulageLoad
from tracking.published import FACTS

WHY = "The haulier's gauge is broken and the lorry left empty."


def cancel(scene: Scene, key: str = "S10-1", reason: str = WHY) -> list[str]:
    return names(scene.do(commands.CancelShipment(key, reason)))


def begun() -> Scene:
    """A load whose plant has read its meter, and whose haulier has not."""
    scene = Scene().to_transport()
    scene.read("load", "giver", SELLER, NOMINAL_G)
    return scene


def disputed() -> Scene:
    scene = begun()
    scene.read("load", "taker", HAULIER, NOMINAL_G // 2)
    assert scene.shipment().held
    return scene


def half_signed() -> Scene:
    scene = begun()
    scene.read("load", "taker", HAULIER, NOMINAL_G)
    digest = scene.hand_over("load").digest
    scene.do(commands.SignHandOver(SELLER, "S10-1", "load", "giver", "K1", digest))
    return scene


@pytest.mark.parametrize("at_the_arm", [begun, disputed, half_signed])
def test_a_load_at_the_loading_arm_is_cancelled_with_its_haulage(at_the_arm: object) -> None:
    scene: Scene = at_the_arm()  # type: ignore[operator]
    booked = dict(scene.store[MOVEMENTS])
    assert cancel(scene) == ["ShipmentCancelled", "HaulageLapsed"]
    shipment = scene.shipment()
    assert (shipment.status, shipment.held, shipment.custodian_id) == ("cancelled", False, SELLER)
    assert (shipment.cancel_reason, shipment.closed_at) == (WHY, scene.at)
    assert (scene.vehicle().shipment_id, scene.vessel().shipment_id) == ("", "")
    assert (scene.vessel().mass_g, scene.store[MOVEMENTS]) == (HEEL_G, booked)
    assert scene.hand_over("load").status == "void"
    assert scene.side_reading("load", "giver").mass_g == NOMINAL_G  # a reading never changes
    haulage = scene.store[HAULAGE]["C20-1"]
    assert isinstance(haulage, HaulageLoad) and haulage.status == "lapsed"
    scene.check()
    assert scene.replayed() == scene.store


def test_the_document_of_a_cancelled_load_can_no_longer_be_signed() -> None:
    scene = half_signed()
    digest = scene.hand_over("load").digest
    cancel(scene)
    with pytest.raises(errors.NotReadyToSign):
        scene.do(commands.SignHandOver(HAULIER, "S10-1", "load", "taker", "K2", digest))
    with pytest.raises(errors.WrongState):
        scene.read("load", "taker", HAULIER, NOMINAL_G)


def test_its_lorry_and_vessel_carry_the_next_load() -> None:
    scene = begun()
    scene.plan(trade_id=11)
    scene.haul(trade_id=21)
    scene.nominate("S11-1")
    cancel(scene)
    scene.transport("S11-1")
    scene.read("load", "giver", SELLER, NOMINAL_G, key="S11-1")
    assert scene.shipment("S11-1").status == "loading"


def test_a_load_that_waits_leaves_the_pool() -> None:
    scene = Scene()
    scene.plan(DELIVERED)
    assert cancel(scene) == ["ShipmentCancelled"]
    assert names(scene.haul(shipper=SELLER)) == ["HaulagePlanned"]  # and finds nothing to carry


def test_a_plan_and_its_cancelling_in_one_batch() -> None:
    scene = Scene()
    scene.do(commands.PlanTrade(10, "EXW", 1, BUYER, SELLER), commands.CancelShipment("S10-1", WHY))
    assert names(scene.haul()) == ["HaulagePlanned"]
    assert scene.replayed() == scene.store


@pytest.mark.parametrize("scene", [Scene().to_loaded(), Scene().to_departed(), Scene().to_delivered()])
def test_gas_that_was_given_is_not_cancelled_away(scene: Scene) -> None:
    with pytest.raises(errors.WrongState):
        cancel(scene)


def test_nothing_is_cancelled_twice_or_without_a_reason() -> None:
    scene = begun()
    with pytest.raises(errors.TextUnfit):
        cancel(scene, reason=" ")
    cancel(scene)
    with pytest.raises(errors.WrongState):
        cancel(scene)
    with pytest.raises(NotFound):
        cancel(scene, "S99-1")


def test_the_event_says_which_load_and_why() -> None:
    scene = begun()
    event = scene.do(commands.CancelShipment("S10-1", WHY))[0]
    assert event == events.ShipmentCancelled("S10-1", 10, 1, WHY)


def test_the_operator_ends_what_the_scheduler_leaves_alone(database_url: str) -> None:
    async def run() -> None:
        async with running(database_url) as house:
            await house.to_transport()
            await house.read("load", "giver", SELLER, 330)
            await house.move_to(2 * WINDOW_END)
            await lapse(house.service)
            await _is(house, "loading")
            path = "/v1/shipments/S10-1/cancellation"
            for party in (SELLER, BUYER, HAULIER):
                await house.post(party, path, {"reason": WHY}, status=403)
            answer = await house.step(OPERATOR, path, {"reason": WHY})
            assert (answer["state"], answer["reason"], answer["haulage_released"]) == ("cancelled", WHY, True)
            await _is(house, "cancelled")
            for party in (SELLER, BUYER, HAULIER):
                seen = await house.get(party, "/v1/shipments/S10-1")
                assert (seen["cancel_reason"], seen["custodian_id"]) == (WHY, SELLER)
            (hand_over,) = (await house.get(SELLER, "/v1/shipments/S10-1/hand-overs"))["items"]
            assert hand_over["status"] == "void"
            with house.service.store.reading() as session:
                (fact,) = FACTS["loads"].read(session)
            assert (fact.outcome, fact.closed_at) == ("cancelled", 2 * WINDOW_END)  # type: ignore[attr-defined]
            problem = await house.post(OPERATOR, path, {"reason": WHY}, status=409)
            assert problem["code"] == "wrong_state"
            assert house.findings() == []

    asyncio.run(run())


async def _is(house: House, state: str) -> None:
    (item,) = (await house.get(SELLER, "/v1/shipments", state=state))["items"]
    assert item["shipment_id"] == "S10-1"
