"""A small market on the road: a producer, two stations, two hauliers, and a log that loads only what commands name.

`Scene.do` works as the service does: it loads copies of the entities that `touches` and `touches_more` name into an
empty view, lets the machine decide, and stores what changed. Asking for anything that was not named is an error, and so
is a refusal that leaves a trace.
"""

from __future__ import annotations

import copy
from typing import TypeVar

import msgspec

from kernel.clock import from_text
from kernel.errors import H2MarketError
from kernel.machine import Entity, View
from kernel.messages import Codec, Command, Event, Recorded
from kernel.quantity import MICROS_PER_S
from tracking import commands
from tracking.balance import mass_balance
from tracking.events import EVENTS
from tracking.machine import TrackingMachine
from tracking.model import (
    HAND_OVERS,
    READINGS,
    SHIPMENTS,
    VEHICLES,
    VESSELS,
    HandOver,
    MeterReading,
    Shipment,
    Side,
    Stage,
    Vehicle,
    Vessel,
    hand_over_id,
    reading_id,
)
from tracking.touching import touches, touches_more

SELLER, BUYER, HAULIER, RIVAL, STRANGER = "P1", "P2", "P3", "P4", "P5"
NOW = from_text("2026-01-05T09:00:00+08:00")
WINDOW_START = from_text("2026-01-06T06:00:00+08:00")
WINDOW_END = from_text("2026-01-06T14:00:00+08:00")
NEXT_YEAR = from_text("2027-01-05T00:00:00+08:00")
HOUR = 3_600 * MICROS_PER_S
EX_WORKS, DELIVERED, HAUL, HAUL_BACK, HAUL_NEXT = "EXW", "DLV", "HAUL", "HAUL-BACK", "HAUL-NEXT"
NOMINAL_G, MAXIMUM_G = 330_000, 346_000
#: What 26 m3 hold at 2 MPa and 15 °C: the heel that every vessel of the scene begins and ends with.
HEEL_PA, HEEL_MK, HEEL_G = 2_000_000, 288_150, 43_234
TARE_G = 38_000_000

E = TypeVar("E", bound=Entity)


class NamedView(View):
    """A view that knows nothing but what was named."""

    def __init__(self) -> None:
        super().__init__()
        self.named: set[tuple[str, str]] = set()

    def get(self, kind: type[E], table: str, key: str) -> E | None:
        known = (table, key) in self.named or key in self.entities.get(table, {})
        assert known, f"{table} {key} was not named by touches()"
        return super().get(kind, table, key)


class Scene:
    """A log of tracking with its rows."""

    def __init__(self, *, furnished: bool = True) -> None:
        self.store: dict[str, dict[str, Entity]] = {}
        self.log: list[Recorded] = []
        self.at = NOW
        self.codec: Codec[Event] = Codec(EVENTS)
        if furnished:
            self.furnish()

    # --- the service in small

    def do(self, *batch: Command) -> list[Event]:
        """Decides commands as one batch and gives the events of the last."""
        view = NamedView()
        for command in batch:
            self._load(view, touches(command))
        while more := [pair for command in batch for pair in touches_more(command, view) if pair not in view.named]:
            self._load(view, more)
        machine = TrackingMachine(view)
        decided: list[Event] = []
        for command in batch:
            decided = self._decide(machine, view, command)
        for table, rows in view.changes.tables.items():
            self.store.setdefault(table, {}).update(rows)
        return decided

    def _decide(self, machine: TrackingMachine, view: View, command: Command) -> list[Event]:
        before = copy.deepcopy(view.entities)
        marked = {table: set(rows) for table, rows in view.changes.tables.items()}
        seq = len(self.log) + 1
        try:
            decided = machine.apply(command, self.at, seq)
        except H2MarketError:
            assert view.entities == before, "a refusal changed an entity"
            assert {table: set(rows) for table, rows in view.changes.tables.items()} == marked
            raise
        for event in decided:
            text = self.codec.encode(event)
            assert self.codec.decode(type(event).__name__, text) == event
            self.log.append(Recorded(len(self.log) + 1, self.at, "test", event))
        return decided

    def _load(self, view: NamedView, pairs: list[tuple[str, str]]) -> None:
        for table, key in pairs:
            view.named.add((table, key))
            stored = self.store.get(table, {}).get(key)
            if stored is not None and key not in view.entities.get(table, {}):
                view.preload(table, key, copy.copy(stored))

    def replayed(self) -> dict[str, dict[str, Entity]]:
        """The entities that a fresh machine has after the log."""
        machine = TrackingMachine(View())
        for recorded in self.log:
            machine.evolve(recorded.event, recorded.at, recorded.seq)
        return machine.view.entities

    def check(self) -> None:
        """The laws that hold after every command."""
        assert mass_balance(self.store) == []

    # --- the furniture

    def furnish(self) -> None:
        for product_id, kind, hub, destination in (
            (EX_WORKS, "ex_works", "TAIYUAN", ""),
            (DELIVERED, "delivered", "LINFEN", ""),
            (HAUL, "haulage", "TAIYUAN", "LINFEN"),
            (HAUL_BACK, "haulage", "LINFEN", "TAIYUAN"),
        ):
            self.list_product(product_id, kind, hub, destination)
        self.list_product(HAUL_NEXT, "haulage", "TAIYUAN", "LINFEN", start=WINDOW_END)
        for facility_id, owner, kind, hub in (
            ("F1", SELLER, "plant", "TAIYUAN"),
            ("F2", BUYER, "station", "LINFEN"),
            ("F3", BUYER, "station", "YUNCHENG"),
            ("F4", SELLER, "plant", "YUNCHENG"),
            ("F5", BUYER, "depot", "LINFEN"),
            ("F6", SELLER, "storage", "TAIYUAN"),
        ):
            self.do(commands.RegisterFacility(facility_id, owner, kind, facility_id, facility_id, hub, 1, 1))
        self.meters: dict[tuple[str, str], str] = {}
        for owner in (SELLER, BUYER, HAULIER, RIVAL):
            for kind in ("flow", "weighbridge", "gauge"):
                ppm = 50 if kind == "weighbridge" else 5_000
                self.do(commands.RegisterMeter(owner, kind, f"{kind} of {owner}", ppm, NEXT_YEAR))  # type: ignore[arg-type]
                self.meters[owner, kind] = f"M{len(self.log)}"
        for owner, plate, vessel_id in (
            (HAULIER, "晋A0001", "TT-01"),
            (HAULIER, "晋A0002", "TT-02"),
            (RIVAL, "晋B0001", "TT-11"),
            (BUYER, "晋L0001", "TT-21"),
            (SELLER, "晋A9001", "TT-31"),
        ):
            self.do(commands.RegisterVehicle(owner, plate))
            self.register_vessel(owner, vessel_id)

    def list_product(
        self,
        product_id: str,
        kind: str,
        hub: str,
        destination: str,
        start: int = WINDOW_START,
        container: str = "TUBE20",
    ) -> None:
        self.do(
            commands.RegisterProduct(
                product_id, kind, hub, destination, container, "FCV", NOMINAL_G, MAXIMUM_G, start, start + 8 * HOUR  # type: ignore[arg-type]
            )
        )  # fmt: skip

    def register_vessel(
        self, owner: str, vessel_id: str, *, litres: int = 26_000, pressure_pa: int = 20_000_000, due: int = NEXT_YEAR
    ) -> None:
        self.do(
            commands.RegisterVessel(
                owner, vessel_id, "tube_trailer", litres, pressure_pa, due, min(HEEL_PA, pressure_pa), HEEL_MK
            )
        )

    # --- steps

    def plan(
        self, product_id: str = EX_WORKS, trade_id: int = 10, loads: int = 1, buyer: str = BUYER, seller: str = SELLER
    ) -> list[Event]:
        return self.do(commands.PlanTrade(trade_id, product_id, loads, buyer, seller))

    def haul(
        self, trade_id: int = 20, loads: int = 1, shipper: str = BUYER, haulier: str = HAULIER, product_id: str = HAUL
    ) -> list[Event]:
        return self.do(commands.PlanTrade(trade_id, product_id, loads, shipper, haulier))

    def nominate(self, key: str = "S10-1", seller_g: int = NOMINAL_G, buyer_g: int = NOMINAL_G) -> list[Event]:
        self.do(commands.Nominate(SELLER, key, seller_g, "F1"))
        return self.do(commands.Nominate(BUYER, key, buyer_g, "F2"))

    def transport(
        self, key: str = "S10-1", carrier: str = HAULIER, plate: str = "晋A0001", vessel_id: str = "TT-01"
    ) -> list[Event]:
        return self.do(commands.NominateTransport(carrier, key, plate, vessel_id, "D-1", "E-1"))

    def read(self, stage: Stage, side: Side, participant_id: str, mass_g: int, *, key: str = "S10-1",
             residue_pa: int = HEEL_PA, residue_mk: int = HEEL_MK) -> list[Event]:  # fmt: skip
        return self.do(
            self.reading(stage, side, participant_id, mass_g, key=key, residue_pa=residue_pa, residue_mk=residue_mk)
        )

    def reading(
        self, stage: Stage, side: Side, participant_id: str, mass_g: int, *, key: str = "S10-1",
        residue_pa: int = HEEL_PA, residue_mk: int = HEEL_MK,
    ) -> commands.RecordReading:  # fmt: skip
        """A reading of the plant's or station's flow meter, or of the carrier's weighbridge."""
        by_carrier = (side == "taker") == (stage == "load")
        kind = "weighbridge" if by_carrier else "flow"
        low, high = (TARE_G, TARE_G + mass_g) if by_carrier else (0, mass_g)
        falls = by_carrier and stage != "load"
        measures = by_carrier and stage != "load"
        return commands.RecordReading(
            participant_id, key, stage, side, self.meters[participant_id, kind],
            before_mass_g=high if falls else low, after_mass_g=low if falls else high,
            after_pressure_pa=residue_pa if measures else None, after_temperature_mk=residue_mk if measures else None,
        )  # fmt: skip

    def sign(self, stage: Stage, side: Side, participant_id: str, key: str = "S10-1") -> list[Event]:
        digest = self.hand_over(stage, key).digest
        return self.do(commands.SignHandOver(participant_id, key, stage, side, f"K-{participant_id}", digest))

    def hand(self, stage: Stage, giver: str, taker: str, given_g: int, taken_g: int, key: str = "S10-1") -> list[Event]:
        """A whole hand-over: both readings, both signatures."""
        self.read(stage, "giver", giver, given_g, key=key)
        self.read(stage, "taker", taker, taken_g, key=key)
        self.sign(stage, "giver", giver, key)
        return self.sign(stage, "taker", taker, key)

    def load(self, given_g: int = NOMINAL_G, taken_g: int = NOMINAL_G, carrier: str = HAULIER) -> list[Event]:
        return self.hand("load", SELLER, carrier, given_g, taken_g)

    def depart(self, key: str = "S10-1", carrier: str = HAULIER) -> list[Event]:
        return self.do(commands.Depart(carrier, key, "YD-001"))

    def arrive(self, key: str = "S10-1", carrier: str = HAULIER) -> list[Event]:
        return self.do(commands.Arrive(carrier, key))

    def to_nominated(self) -> Scene:
        self.plan()
        self.haul()
        self.nominate()
        return self

    def to_transport(self) -> Scene:
        self.to_nominated().transport()
        return self

    def to_loaded(self, given_g: int = NOMINAL_G, taken_g: int = NOMINAL_G) -> Scene:
        self.to_transport().load(given_g, taken_g)
        return self

    def to_departed(self) -> Scene:
        self.to_loaded().depart()
        return self

    def to_arrived(self) -> Scene:
        self.to_departed().arrive()
        return self

    def to_delivered(self, given_g: int = NOMINAL_G, taken_g: int = NOMINAL_G) -> Scene:
        self.to_arrived().hand("unload", HAULIER, BUYER, given_g, taken_g)
        return self

    # --- what stands

    def shipment(self, key: str = "S10-1") -> Shipment:
        return self._stored(Shipment, SHIPMENTS, key)

    def vessel(self, key: str = "TT-01") -> Vessel:
        return self._stored(Vessel, VESSELS, key)

    def vehicle(self, key: str = "晋A0001") -> Vehicle:
        return self._stored(Vehicle, VEHICLES, key)

    def hand_over(self, stage: Stage, key: str = "S10-1") -> HandOver:
        return self._stored(HandOver, HAND_OVERS, hand_over_id(key, stage))

    def side_reading(self, stage: Stage, side: Side, key: str = "S10-1") -> MeterReading:
        return self._stored(MeterReading, READINGS, reading_id(hand_over_id(key, stage), side))

    def _stored(self, kind: type[E], table: str, key: str) -> E:
        found = self.store[table][key]
        assert isinstance(found, kind)
        return found


def names(events: list[Event]) -> list[str]:
    """The events by name."""
    return [type(event).__name__ for event in events]


def without(entity: Entity, *fields: str) -> dict[str, object]:
    """An entity's columns but for some."""
    return {name: value for name, value in msgspec.structs.asdict(entity).items() if name not in fields}
