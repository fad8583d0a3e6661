"""Entities and their rows are the same thing twice: `verify` compares them column by column."""

from __future__ import annotations

import msgspec
import pytest
from sqlalchemy import Boolean, Integer, Text

from exchange import model
from exchange.machine import ExchangeMachine
from exchange.project import PROJECTIONS
from exchange.service import make_room
from kernel.machine import Entity

ENTITIES: dict[str, type[Entity]] = {
    "exchange_products": model.Product,
    "exchange_orders": model.Order,
    "exchange_trades": model.Trade,
    "exchange_traders": model.Trader,
    "exchange_money": model.MoneyLimit,
    "exchange_capacity": model.CapacityLimit,
    "exchange_state": model.MarketState,
}


@pytest.mark.parametrize("name", sorted(PROJECTIONS))
def test_the_fields_of_an_entity_are_the_columns_of_its_table_in_order(name: str) -> None:
    columns = list(PROJECTIONS[name].table.columns)
    fields = msgspec.structs.fields(ENTITIES[name])
    assert [field.name for field in fields] == [column.name for column in columns]
    assert fields[-1].name == "event_seq"
    assert [column.name for column in columns if column.primary_key] == ["id"]


@pytest.mark.parametrize("name", sorted(PROJECTIONS))
def test_a_column_holds_what_its_field_holds(name: str) -> None:
    kinds = {"int": Integer, "bool": Boolean}
    for field, column in zip(msgspec.structs.fields(ENTITIES[name]), PROJECTIONS[name].table.columns, strict=True):
        plain = next((kind for kind in ("int", "bool") if kind in _names(field.type)), "str")
        assert isinstance(column.type, kinds.get(plain, Text)), f"{name}.{field.name}"
        assert column.nullable == ("NoneType" in _names(field.type)), f"{name}.{field.name}"


def _names(annotation: object) -> set[str]:
    inner = getattr(annotation, "__args__", (annotation,))
    return {getattr(one, "__name__", "str") for one in inner}


def test_every_table_of_the_room_carries_its_name_and_is_projected() -> None:
    tables = {
        name for name in PROJECTIONS[next(iter(PROJECTIONS))].table.metadata.tables if name.startswith("exchange_")
    }
    assert tables == {*PROJECTIONS, "exchange_events"}


def test_the_room_reads_its_own_events_and_commands() -> None:
    room = make_room()
    assert isinstance(room.blank(), ExchangeMachine)
    assert (room.events.names[-1], room.commands.names[0]) == ("Traded", "ListProduct")
