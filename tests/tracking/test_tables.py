"""Rows are entities: the same columns in the same order, of the types that they hold, on both stores."""

from __future__ import annotations

import asyncio
from types import NoneType
from typing import Any, get_args, get_type_hints

import msgspec
import pytest
from sqlalchemy import BigInteger, Boolean, Text, text
from sqlmodel import SQLModel

from kernel.machine import Entity, View
from kernel.room import table_of
from tests.tracking.room import House, running
from tracking.machine import TrackingMachine
from tracking.model import ENTITIES, MOVEMENTS, SHIPMENTS, VESSELS, MassMovement, Shipment, Vessel
from tracking.service import entity_of, make_room
from tracking.tables import ROWS, ShipmentRow, TrackingEvent

TABLES = pytest.mark.parametrize(("name", "entity"), list(ENTITIES.items()), ids=list(ENTITIES))
ALL_ROWS: list[type[SQLModel]] = [*ROWS.values(), TrackingEvent]


def column_type(hint: Any) -> type:
    bare = next(part for part in (get_args(hint) or (hint,)) if part is not NoneType)
    return Boolean if bare is bool else BigInteger if bare is int else Text


@TABLES
def test_columns_are_the_fields_in_order(name: str, entity: type[Entity]) -> None:
    table = table_of(ROWS[name])
    hints = get_type_hints(entity)
    assert table.name == name
    assert [column.name for column in table.columns] == [field.name for field in msgspec.structs.fields(entity)]
    assert [column.name for column in table.primary_key] == ["id"]
    assert table.columns.keys()[-1] == "event_seq"
    for column in table.columns:
        assert isinstance(column.type, column_type(hints[column.name])), column.name
        assert column.nullable == (NoneType in get_args(hints[column.name])), column.name


def test_every_table_carries_the_rooms_prefix() -> None:
    assert ROWS.keys() == ENTITIES.keys()
    assert all(table_of(row).name.startswith("tracking_") for row in ALL_ROWS)
    indexes = [str(index.name) for row in ROWS.values() for index in table_of(row).indexes]
    assert all(name.startswith("tracking_") for name in indexes)
    assert len(indexes) == len(set(indexes))


def replayed(house: House) -> TrackingMachine:
    machine = TrackingMachine(View())
    with house.service.store.read_engine.connect() as connection:
        for recorded in house.service.sequencer.room.log.read(connection):
            machine.evolve(recorded.event, recorded.at, recorded.seq)
    return machine


def test_what_is_stored_comes_back_as_it_was(database_url: str) -> None:
    async def run() -> None:
        async with running(database_url) as house:
            await house.to_delivered()
            expected = replayed(house).view.entities[SHIPMENTS]["S10-1"]
            with house.service.store.reading() as session:
                row = session.get(ShipmentRow, "S10-1")
                assert row is not None
                stored = entity_of(Shipment, row)
            assert stored == expected
            assert stored.held is False
            assert (stored.seller_mass_g, stored.departed_at, stored.closed_at) == (330_000, house.clock.now_us(), None)

    asyncio.run(run())


def spoil_vessel(machine: TrackingMachine) -> None:
    vessel = machine.view.get(Vessel, VESSELS, "TT-01")
    assert vessel is not None
    vessel.mass_g += 1


def spoil_shipment(machine: TrackingMachine) -> None:
    shipment = machine.view.get(Shipment, SHIPMENTS, "S10-1")
    assert shipment is not None
    shipment.delivered_mass_g -= 1


def spoil_movement(machine: TrackingMachine) -> None:
    machine.view.put(MOVEMENTS, "0-1", MassMovement("0-1", "", "", "vent", "vessel:TT-99", "loss:vent", 5, 1, 1))


@pytest.mark.parametrize(
    ("spoil", "rule", "event", "figures"),
    [
        (spoil_vessel, "mass_vessel_contents", "CustodyPassed", ("43235 g", "43234 g")),
        (spoil_shipment, "mass_delivered", "CustodyPassed", ("329999 g", "330000 g")),
        (spoil_movement, "mass_vessel_unknown", "", ("-5 g", "0 g")),
    ],
)
def test_the_audit_finds_a_gram(sqlite_url: str, spoil: Any, rule: str, event: str, figures: tuple[str, str]) -> None:
    async def run() -> None:
        async with running(sqlite_url) as house:
            await house.to_delivered()
            machine = replayed(house)
            with house.service.store.read_engine.connect() as connection:
                assert list(make_room().audit(machine, connection)) == []
                spoil(machine)
                found = next(one for one in make_room().audit(machine, connection) if one.rule == rule)
            assert (found.room, found.event) == ("tracking", event)
            for figure in figures:
                assert figure in found.en
                assert figure in found.zh

    asyncio.run(run())


def test_verify_names_the_event_behind_a_row_that_was_changed(database_url: str) -> None:
    async def run() -> None:
        async with running(database_url) as house:
            await house.to_delivered()
            assert house.findings() == []
            writer = house.service.sequencer.writer
            await writer.run(_change)
            await house.plan(trade_id=77)
            (found,) = house.findings()
            assert found.startswith("row_changed: tracking_vessels TT-01: mass_g is 1, the log says 43234")
            assert "CustodyPassed" in found

    asyncio.run(run())


def _change(connection: Any) -> None:
    with connection.begin():
        connection.execute(text("UPDATE tracking_vessels SET mass_g = 1 WHERE id = 'TT-01'"))
