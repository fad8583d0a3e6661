"""The laws of tracking under any sequence of steps, right and wrong ones.

Hypothesis drives a market of three loads. Most steps are what the shipment's state asks for, with readings and
nominations of any size; the others come from the wrong party, at the wrong time, or twice. After each of them the books
must balance to the gram; at the end a replay of the log must give the same entities.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import H2MarketError
from kernel.machine import Entity
from kernel.messages import Command
from kernel.quantity import MICROS_PER_S
from tests.tracking.scene import (
    BUYER,
    DELIVERED,
    EX_WORKS,
    HAULIER,
    NOMINAL_G,
    RIVAL,
    SELLER,
    STRANGER,
    WINDOW_END,
    Scene,
)
from tracking import commands, events
from tracking.balance import mass_balance
from tracking.commands import COMMANDS
from tracking.events import EVENTS
from tracking.machine import DECIDERS, EFFECTS
from tracking.model import (
    ENTITIES,
    FAULT_OF,
    HAND_OVERS,
    MOVEMENTS,
    SHIPMENTS,
    VEHICLES,
    VESSELS,
    HandOver,
    MassMovement,
    Shipment,
    Side,
    Stage,
    Vehicle,
    Vessel,
    hand_over_id,
)

PARTIES = (SELLER, BUYER, HAULIER, RIVAL, STRANGER)
SHIPMENT_IDS = ("S10-1", "S11-1", "S12-1", "S99-1")
PLATES = ("晋A0001", "晋A0002", "晋B0001", "晋L0001", "晋A9001")
VESSEL_IDS = ("TT-01", "TT-02", "TT-11", "TT-21", "TT-31")
OWN = {
    HAULIER: ("晋A0001", "TT-01"),
    RIVAL: ("晋B0001", "TT-11"),
    BUYER: ("晋L0001", "TT-21"),
    SELLER: ("晋A9001", "TT-31"),
}
STAGES: tuple[Stage, ...] = ("load", "unload", "return")
SIDES: tuple[Side, ...] = ("giver", "taker")
masses = st.one_of(st.just(NOMINAL_G), st.integers(325_000, 335_000), st.integers(0, 500_000))
residues = st.one_of(st.just(2_000_000), st.integers(0, 20_000_000))


class Market:
    """A scene with what the test knows of it by itself: who holds each load, by the signatures alone."""

    def __init__(self, data: st.DataObject) -> None:
        self.scene = Scene()
        self.data = data
        self.custodians: dict[str, str] = {}
        self.signatures: dict[str, dict[str, str]] = {}

    def draw(self, strategy: st.SearchStrategy[int]) -> int:
        return self.data.draw(strategy)

    def pick(self, choices: tuple[str, ...]) -> str:
        return self.data.draw(st.sampled_from(choices))

    def pick_of(self, *choices: Command) -> Command:
        return self.data.draw(st.sampled_from(choices))

    def try_to(self, command: Command) -> None:
        try:
            decided = self.scene.do(command)
        except H2MarketError:
            return
        for event in decided:
            self.note(event)

    def note(self, event: object) -> None:
        if isinstance(event, events.ShipmentPlanned):
            self.custodians[event.shipment_id] = event.seller_id
        elif isinstance(event, events.HandOverSigned):
            key = hand_over_id(event.shipment_id, event.stage)
            signed = self.signatures.setdefault(key, {})
            assert event.side not in signed
            signed[event.side] = event.participant_id
            if len(signed) == len(SIDES):
                assert self.custodians[event.shipment_id] == signed["giver"]
                self.custodians[event.shipment_id] = signed["taker"]

    # --- steps

    def right_step(self, shipment: Shipment) -> Command | None:
        """What the state of the shipment asks for next."""
        key = shipment.id
        carrier = shipment.carrier_id or shipment.transport_party_id
        if shipment.held:
            stage: Stage = {"loading": "load", "unloading": "unload"}.get(shipment.status, "return")  # type: ignore[assignment]
            residue = None if stage == "load" else self.draw(st.integers(0, 60_000))
            return commands.SettleHandOver(key, stage, self.draw(masses), residue, "settled by the operator")
        match shipment.status:
            case "planned":
                if shipment.seller_mass_g is None:
                    return commands.Nominate(SELLER, key, self.draw(masses), "F1")
                return commands.Nominate(BUYER, key, self.draw(masses), "F2")
            case "nominated" if not shipment.plate:
                return commands.NominateTransport(carrier, key, *OWN[carrier], "D-1", "E-1")
            case "nominated" | "loading":
                return self.hand_over_step(key, "load", SELLER, carrier)
            case "rejected" | "returning":
                return self.hand_over_step(key, "return", carrier, SELLER)
            case "delivered":
                return commands.AcceptLoad(BUYER, key)
        return self.step_on_the_road(shipment, carrier)

    def step_on_the_road(self, shipment: Shipment, carrier: str) -> Command | None:
        key = shipment.id
        match shipment.status:
            case "loaded":
                return commands.Depart(carrier, key, "YD-1")
            case "departed" if self.data.draw(st.booleans()):
                return commands.VentVessel(
                    carrier, shipment.vessel_id, self.draw(st.integers(1, 5_000)), "relief valve"
                )
            case "departed":
                return commands.Arrive(carrier, key)
            case "arrived" if self.data.draw(st.booleans()):
                return commands.RejectLoad(BUYER, key, self.data.draw(st.sampled_from(sorted(FAULT_OF))))
            case "arrived" | "unloading":
                return self.hand_over_step(key, "unload", carrier, BUYER)
        return None

    def hand_over_step(self, key: str, stage: Stage, giver: str, taker: str) -> Command:
        hand_over = self.scene.store.get(HAND_OVERS, {}).get(hand_over_id(key, stage))
        assert hand_over is None or isinstance(hand_over, HandOver)
        if hand_over is None or hand_over.given_mass_g is None:
            return self.reading(key, stage, "giver", giver)
        if hand_over.taken_mass_g is None:
            return self.reading(key, stage, "taker", taker)
        side: Side = "giver" if hand_over.giver_signed_at is None else "taker"
        return commands.SignHandOver(giver if side == "giver" else taker, key, stage, side, "K1", hand_over.digest)

    def reading(self, key: str, stage: Stage, side: Side, party: str) -> Command:
        meters_of = party if (party, "flow") in self.scene.meters else SELLER
        reading = self.scene.reading(stage, side, meters_of, self.draw(masses), key=key, residue_pa=self.draw(residues))
        return commands.RecordReading(
            party, key, stage, side, reading.meter_id, reading.before_mass_g, reading.after_mass_g,
            after_pressure_pa=reading.after_pressure_pa, after_temperature_mk=reading.after_temperature_mk,
        )  # fmt: skip

    def any_step(self) -> Command:
        """A step of anybody at any time."""
        key, party = self.pick(SHIPMENT_IDS), self.pick(PARTIES)
        stage: Stage = self.data.draw(st.sampled_from(STAGES))
        side: Side = self.data.draw(st.sampled_from(SIDES))
        match self.draw(st.integers(0, 11)):
            case 0:
                return commands.Nominate(party, key, self.draw(masses), self.pick(("F1", "F2", "F3", "F5", "F9")))
            case 1:
                return commands.NominateTransport(party, key, self.pick(PLATES), self.pick(VESSEL_IDS), "D-1", "E-1")
            case 2:
                return self.reading(key, stage, side, party)
            case 3:
                return commands.SignHandOver(party, key, stage, side, "K1", "0" * 64)
            case 4:
                return commands.Depart(party, key, "YD-1")
            case 5:
                return commands.Arrive(party, key)
            case 6:
                return commands.AcceptLoad(party, key)
            case 7:
                return commands.RejectLoad(
                    self.pick((BUYER, party)), key, self.data.draw(st.sampled_from(sorted(FAULT_OF)))
                )
            case 8:
                return commands.VentVessel(
                    self.pick((HAULIER, BUYER, SELLER)), self.pick(VESSEL_IDS), self.draw(masses), "vent"
                )
            case 9:
                return self.pick_of(
                    commands.SettleHandOver(key, stage, self.draw(masses), self.draw(masses), "note"),
                    commands.CancelShipment(key, "the lorry left empty"),
                )
            case 10:
                self.scene.at += self.draw(st.sampled_from((1, 3_600, 86_400))) * MICROS_PER_S
                return commands.LapseShipments(SHIPMENT_IDS, ("C20-1", "C21-1"))
            case _:
                return commands.AcceptOverdue(SHIPMENT_IDS)


def check_laws(market: Market) -> None:
    """What holds after every step."""
    scene = market.scene
    scene.check()
    shipments = [each for each in scene.store.get(SHIPMENTS, {}).values() if isinstance(each, Shipment)]
    for shipment in shipments:
        assert shipment.custodian_id == market.custodians[shipment.id]
        if shipment.heel_before_g is not None and shipment.heel_after_g is None:
            assert scene.vessel(shipment.vessel_id).custodian_id == shipment.custodian_id == shipment.carrier_id
    open_plates = [each.plate for each in shipments if each.plate and scene.vehicle(each.plate).shipment_id == each.id]
    assert len(open_plates) == len(set(open_plates))
    for vehicle in scene.store[VEHICLES].values():
        assert isinstance(vehicle, Vehicle)
        if vehicle.shipment_id:
            assert scene.shipment(vehicle.shipment_id).plate == vehicle.id
    assert_total(scene.store)


def assert_total(store: Mapping[str, Mapping[str, Entity]]) -> None:
    """Everything that ever entered a vessel is in it, at a station, back at a plant, or lost; counted the slow way."""
    movements = [each for each in store.get(MOVEMENTS, {}).values() if isinstance(each, MassMovement)]
    vessels = [each for each in store[VESSELS].values() if isinstance(each, Vessel)]
    entered = sum(each.mass_g for each in movements if each.target.startswith("vessel:"))
    left = sum(each.mass_g for each in movements if each.source.startswith("vessel:"))
    assert entered - left == sum(each.mass_g for each in vessels)
    assert all(each.mass_g >= 0 for each in vessels)


@given(st.data())
def test_the_books_balance_under_any_sequence_of_steps(data: st.DataObject) -> None:
    market = Market(data)
    scene = market.scene
    for trade_id, product_id in ((10, EX_WORKS), (11, DELIVERED), (12, EX_WORKS)):
        market.try_to(commands.PlanTrade(trade_id, product_id, 1, BUYER, SELLER))
    market.try_to(commands.PlanTrade(20, "HAUL", 1, BUYER, HAULIER))
    market.try_to(commands.PlanTrade(21, "HAUL", 1, SELLER, RIVAL))
    for _ in range(data.draw(st.integers(20, 80))):
        if data.draw(st.sampled_from((True, True, True, True, False))):
            step = market.right_step(scene.shipment(market.pick(SHIPMENT_IDS[:3])))
            if step is not None:
                market.try_to(step)
        else:
            market.try_to(market.any_step())
        check_laws(market)
    assert scene.replayed() == scene.store


def test_a_whole_market_day_replays_to_the_same_entities() -> None:
    scene = Scene().to_delivered(330_000, 329_000)
    scene.do(commands.AcceptLoad(BUYER, "S10-1"))
    scene.plan(trade_id=11)
    scene.at = WINDOW_END
    scene.do(commands.LapseShipments(("S11-1",)))
    assert scene.replayed() == scene.store


@pytest.mark.parametrize(
    ("table", "key", "field", "rule"),
    [
        (VESSELS, "TT-01", "mass_g", "vessel_contents"),
        (SHIPMENTS, "S10-1", "loaded_mass_g", "loaded"),
        (SHIPMENTS, "S10-1", "delivered_mass_g", "delivered"),
        (SHIPMENTS, "S10-1", "returned_mass_g", "returned"),
        (SHIPMENTS, "S10-1", "lost_mass_g", "lost"),
        (SHIPMENTS, "S10-1", "heel_before_g", "shipment_balance"),
        (SHIPMENTS, "S10-1", "heel_after_g", "shipment_balance"),
    ],
)
def test_a_gram_too_many_is_found(table: str, key: str, field: str, rule: str) -> None:
    scene = Scene().to_delivered(330_000, 329_000)
    assert mass_balance(scene.store) == []
    entity = scene.store[table][key]
    setattr(entity, field, getattr(entity, field) + 1)
    assert rule in {each.rule for each in mass_balance(scene.store)}


def test_a_movement_that_is_gone_or_of_no_vessel_is_found() -> None:
    scene = Scene().to_loaded()
    del scene.store[VESSELS]["TT-11"]
    assert [each.rule for each in mass_balance(scene.store)] == ["vessel_unknown"]
    scene = Scene().to_loaded()
    entry = max(scene.store[MOVEMENTS].values(), key=lambda each: getattr(each, "event_seq", 0))
    del scene.store[MOVEMENTS][getattr(entry, "id", "")]
    assert {each.rule for each in mass_balance(scene.store)} == {"vessel_contents", "loaded"}


def test_every_command_is_decided_and_every_event_takes_effect() -> None:
    assert set(DECIDERS) == set(COMMANDS)
    assert set(EFFECTS) == set(EVENTS)


def test_every_entity_begins_with_its_id_and_ends_with_its_event() -> None:
    for entity in ENTITIES.values():
        assert (entity.__struct_fields__[0], entity.__struct_fields__[-1]) == ("id", "event_seq")
