"""Settlement's tables are its entities: the same columns in the same order, and rows that survive both stores."""

from __future__ import annotations

import types
import typing

import msgspec
import pytest
from sqlalchemy import BigInteger, Boolean, Text

from settlement.balances import balance_at as of_rows
from settlement.commands import HoldForTrade, RecordDue
from settlement.ledger_checks import check_holds, check_ledger, sums_of
from settlement.model import ENTITIES, TRANSFERS, Account, Transfer
from settlement.queries import balance_at
from settlement.service import make_room
from settlement.tables import TABLES
from tests.settlement.app import counter
from tests.settlement.helpers import START, deposit

TYPES = {int: BigInteger, str: Text, bool: Boolean}


def column_of(annotation: object) -> tuple[type, bool]:
    """The column type and whether it may be null."""
    arguments = typing.get_args(annotation)
    if isinstance(annotation, types.UnionType):
        return TYPES[next(one for one in arguments if one is not type(None))], True
    if typing.get_origin(annotation) is typing.Literal:
        return TYPES[type(arguments[0])], False
    assert isinstance(annotation, type)
    return TYPES[annotation], False


@pytest.mark.parametrize("name", sorted(ENTITIES))
def test_a_table_has_the_fields_of_its_entity_in_order(name: str) -> None:
    entity, table = ENTITIES[name], TABLES[name]
    hints = typing.get_type_hints(entity)
    fields = [(field.name, *column_of(hints[field.name])) for field in msgspec.structs.fields(entity)]
    assert [(column.name, type(column.type), bool(column.nullable)) for column in table.columns] == fields
    assert [column.name for column in table.primary_key.columns] == ["id"]
    assert table.name == name
    assert fields[-1][0] == "event_seq"


def test_every_entity_has_its_table() -> None:
    assert set(TABLES) == set(ENTITIES)


def test_a_room_reads_back_what_it_wrote(database_url: str) -> None:
    with counter(database_url, "P1", "P2") as house:
        house.fund(P1=9_000_00)
        house.do(HoldForTrade(10, "EXW", 20_00, 1, "P1", "P2"))
        house.do(RecordDue("accepted", 11, 1, 0, 0, 1_000, 0))  # of a trade not known: its amounts are null
        assert house.verify() == []
        before = house.service.store
        with before.read_engine.connect() as connection:
            for name, table in TABLES.items():
                for row in connection.execute(table.select()):
                    entity = ENTITIES[name](*row)
                    assert msgspec.structs.astuple(entity) == tuple(row)
                    assert type(entity.id) is str  # type: ignore[attr-defined]


def test_a_balance_summed_by_the_database_is_that_of_the_rows(database_url: str) -> None:
    with counter(database_url, "P1", "P2") as house:
        times = []
        for number in range(4):
            house.clock.advance_to(START + number * 1_000_000)
            house.bank(deposit("P1", 5_000_00))
            house.do(HoldForTrade(10 + number, "EXW", 10_00, 1, "P1", "P2"))
            if number:
                house.do(RecordDue("accepted" if number % 2 else "lapsed", 9 + number, 1, 0, 0, 200_000, 0))
            house.send("POST", "/v1/settlement-runs")
            times += [house.clock.now_us() - 1, house.clock.now_us()]
        with house.service.store.reading() as session:
            rows = [Transfer(*row) for row in session.connection().execute(TABLES[TRANSFERS].select())]
            for account_id in ("cash:P1", "cash:P2", "bank:main"):
                for at in times:
                    assert balance_at(session, account_id, at) == of_rows(rows, account_id, at)


@pytest.mark.parametrize(
    ("change", "law"),
    [
        (
            "UPDATE settlement_accounts SET credits_posted_fen = credits_posted_fen + 1 WHERE id = 'cash:P1'",
            {"row_changed"},
        ),
        ("DELETE FROM settlement_transfers WHERE kind = 'pending'", {"row_missing"}),
        ("UPDATE settlement_events SET payload = replace(payload, '900000', '900001')", {"event_changed"}),
    ],
)
def test_verify_finds_what_was_changed_past_the_ledger(sqlite_url: str, change: str, law: set[str]) -> None:
    with counter(sqlite_url, "P1", "P2") as house:
        house.fund(P1=9_000_00)
        house.do(HoldForTrade(10, "EXW", 20_00, 1, "P1", "P2"))
        assert house.verify() == []
        house.tamper(change)
        assert law <= {finding.rule for finding in house.verify()}


def test_the_audit_names_the_law_that_a_replayed_state_breaks(sqlite_url: str) -> None:
    with counter(sqlite_url, "P1", "P2") as house:
        house.fund(P1=9_000_00)
        house.do(HoldForTrade(10, "EXW", 20_00, 1, "P1", "P2"))
        room = make_room()
        machine = room.blank()
        with house.service.store.read_engine.connect() as connection:
            for recorded in room.log.read(connection):
                machine.evolve(recorded.event, recorded.at, recorded.seq)
            assert list(room.audit(machine, connection)) == []
            account = machine.changes.tables["settlement_accounts"]["cash:P1"]
            account.credits_posted_fen += 1
            machine.changes.tables["settlement_transfers"].pop("H10-1")
            found = list(room.audit(machine, connection))
        assert {(finding.rule, finding.event) for finding in found} == {
            ("balance_is_sum_of_transfers", ""),
            ("debits_equal_credits", ""),
            ("holds_are_for_something", ""),
        }
        hold = next(finding for finding in found if finding.rule == "holds_are_for_something")
        assert hold.en == "H10-1: to be held (held) 7000.00 CNY, held by the ledger nothing."
        assert hold.zh == "H10-1：应冻结 (held) 7000.00 CNY，账簿冻结 无。"
        assert hold.seq > 0


def test_a_broken_limit_is_found() -> None:
    account = Account("cash:P1", "P1", "", 5, 3, 0, 0, True, False, 0, 1)
    book = Account("book:x", "", "", 3, 5, 0, 0, False, True, 0, 1)
    laws = [broken.law for broken in check_ledger([account, book], sums_of([]))]
    assert laws.count("limit_kept") == 2


def test_a_hold_for_nothing_is_found() -> None:
    hold = Transfer("H1-1", "pending", "pending", "cash:P1", "cash:P2", 5, "", "trade_hold", "", 0, 0, 0, 1)
    post = Transfer("H2-1:post", "post", "posted", "cash:P1", "cash:P2", 5, "H2-1", "trade_hold", "", 0, 0, 0, 1)
    by_hand = Transfer("x", "pending", "pending", "market", "cash:P2", 5, "", "transfer", "", 0, 0, 0, 1)
    assert [(one.law, one.key) for one in check_holds([], [], [hold, post, by_hand])] == [
        ("holds_are_for_something", "H1-1"),
        ("paid_was_posted", "H2-1"),
    ]
