"""Most entities and their rows are the same thing twice: `verify` compares them column by column."""

from __future__ import annotations

import msgspec
import pytest
from sqlalchemy import Boolean, Integer, Text

from exchange import model
from exchange.events import Traded
from exchange.machine import ExchangeMachine
from exchange.project import PROJECTIONS
from exchange.service import make_room
from kernel.machine import Entity

ENTITIES: dict[str, type[Entity]] = {
    "exchange_products": model.Product,
    "exchange_traders": model.Trader,
    "exchange_money": model.MoneyLimit,
    "exchange_capacity": model.CapacityLimit,
    "exchange_state": model.MarketState,
}


@pytest.mark.parametrize("name", sorted(ENTITIES))
def test_the_fields_of_an_entity_are_the_columns_of_its_table_in_order(name: str) -> None:
    columns = list(PROJECTIONS[name].table.columns)
    fields = msgspec.structs.fields(ENTITIES[name])
    assert [field.name for field in fields] == [column.name for column in columns]
    assert fields[-1].name == "event_seq"
    assert [column.name for column in columns if column.primary_key] == ["id"]


@pytest.mark.parametrize("name", sorted(ENTITIES))
def test_a_column_holds_what_its_field_holds(name: str) -> None:
    kinds = {"int": Integer, "bool": Boolean}
    for field, column in zip(msgspec.structs.fields(ENTITIES[name]), PROJECTIONS[name].table.columns, strict=True):
        plain = next((kind for kind in ("int", "bool") if kind in _names(field.type)), "str")
        assert isinstance(column.type, kinds.get(plain, Text)), f"{name}.{field.name}"
        assert column.nullable == ("NoneType" in _names(field.type)), f"{name}.{field.name}"


def _names(annotation: object) -> set[str]:
    inner = getattr(annotation, "__args__", (annotation,))
    return {getattr(one, "__name__", "str") for one in inner}


def test_the_row_of_an_order_fills_every_column() -> None:
    options = model.OrderOptions("stop_limit", stop_price_fen_per_kg=90, display_loads=2)
    terms = model.OrderTerms("c-1", "X", "buy", 100, 5, "gtc", options)
    order = model.Order(7, "P1", "K1", terms, 100, 5, 3, 2, 200, model.NEVER, 11, 12, 13, True, True)
    columns = [column.name for column in PROJECTIONS["exchange_orders"].table.columns]
    row = dict(zip(columns, PROJECTIONS["exchange_orders"].row(order), strict=True))
    assert (row["id"], row["key_id"], row["side"], row["order_type"]) == (7, "K1", "buy", "stop_limit")
    assert (row["loads"], row["executed_loads"], row["shown_loads"], row["status"]) == (5, 2, 2, "partially_filled")
    assert row["options"] == '{"order_type":"stop_limit","stop_price_fen_per_kg":90,"display_loads":2}'
    assert (row["placed_at"], row["updated_at"], row["event_seq"], row["elected"]) == (11, 12, 13, True)


def test_the_row_of_a_trade_fills_every_column() -> None:
    trade = Traded(9, "X", 100, 2, "B", "S", 7, 8, 7, "hydrogen")
    columns = [column.name for column in PROJECTIONS["exchange_trades"].table.columns]
    row = dict(zip(columns, PROJECTIONS["exchange_trades"].row((trade, 11)), strict=True))
    assert (row["id"], row["event_seq"], row["traded_at"], row["taker_order_id"]) == (9, 9, 11, 7)
    assert (row["buyer_id"], row["sell_order_id"], row["leg"]) == ("B", 8, "hydrogen")


def test_every_table_of_the_room_carries_its_name_and_is_projected() -> None:
    tables = {
        name for name in PROJECTIONS[next(iter(PROJECTIONS))].table.metadata.tables if name.startswith("exchange_")
    }
    assert tables == {*PROJECTIONS, "exchange_events"}


def test_the_room_reads_its_own_events_and_commands() -> None:
    room = make_room()
    assert isinstance(room.blank(), ExchangeMachine)
    assert (room.events.names[-1], room.commands.names[0]) == ("TradeRecallExpired", "ListProduct")
