"""Bank statements: read once, continued without a gap, each entry to its owner or to suspense."""

from __future__ import annotations

import msgspec
import pytest

from exchange.commands import GrantMoney
from kernel.errors import NotFound
from settlement.bank import statement_key
from settlement.commands import AssignEntry, ImportStatement, OpenAccount, OpenBooks
from settlement.courier import limits_courier
from settlement.errors import (
    REFUSALS,
    BooksNotOpen,
    BooksOpenOtherwise,
    EntryNotOpen,
    EntryTargetRefused,
    StatementDiffers,
    StatementGap,
    StatementInFuture,
    StatementOfAnotherAccount,
    StatementOutOfOrder,
    StatementOverlaps,
    StatementRepeated,
    StatementSize,
    StatementSum,
)
from settlement.events import DepositCredited, EntryAssigned, EntrySuspended, StatementImported
from settlement.model import BANK_BOOKS, BANK_ENTRIES, BankBook, BankEntry, BankStatementFile, StatementLine
from settlement.references import payment_reference
from tests.settlement.helpers import BANK_ACCOUNT, House, cash, deposit

STATEMENT = statement_key(BANK_ACCOUNT, "S1")


def credit(amount_fen: int, remittance: str = "", **more: str | bool) -> StatementLine:
    return StatementLine("credit", amount_fen, "2026-01-05", remittance=remittance, **more)  # type: ignore[arg-type]


def debit(amount_fen: int, end_to_end_id: str = "") -> StatementLine:
    return StatementLine("debit", amount_fen, "2026-01-05", end_to_end_id=end_to_end_id)


def entry(house: House, line_no: int, statement_id: str = STATEMENT) -> BankEntry:
    return house.row(BankEntry, BANK_ENTRIES, f"{statement_id}-{line_no}")


def test_a_payment_with_the_reference_is_the_participants() -> None:
    house = House().open("P7")
    events = house.bank(deposit("P7", 123_456))
    assert [type(event) for event in events] == [StatementImported, DepositCredited]
    assert cash(house, "P7") == (123_456, 0)
    assert house.account("bank:main").balance_fen == -123_456
    assert limits_courier(house.log[-1]) == [GrantMoney("P7", 123_456, f"{STATEMENT}-1")]
    assert entry(house, 1).state == "matched" and entry(house, 1).account_id == "cash:P7"
    assert house.replayed() == house.state()


@pytest.mark.parametrize(
    "line",
    [
        credit(100, "no reference"),
        credit(100, payment_reference("P8")),  # not a participant
        credit(100, "H2M-P7-85"),  # check digits of nobody
        credit(100, f"{payment_reference('P7')} {payment_reference('P9')}"),  # of two
        credit(100, payment_reference("P7"), reversal=True),
    ],
)
def test_a_payment_without_one_certain_owner_waits_in_suspense(line: StatementLine) -> None:
    house = House().open("P7", "P9")
    assert isinstance(house.bank(line)[-1], EntrySuspended)
    assert house.account("suspense").balance_fen == 100 and cash(house, "P7") == (0, 0)
    assert limits_courier(house.log[-1]) == []


def test_a_statement_is_read_once() -> None:
    house = House().open("P7")
    statement = house.next_statement(deposit("P7", 100))
    assert house.do(ImportStatement(statement))
    assert house.do(ImportStatement(statement)) == []
    assert cash(house, "P7") == (100, 0)
    other = msgspec.structs.replace(statement, lines=(deposit("P7", 200),), closing_fen=200)
    with pytest.raises(StatementDiffers):
        house.do(ImportStatement(other))


def test_a_statement_continues_the_last_one() -> None:
    house = House().open("P7")
    house.bank(deposit("P7", 100))
    good = house.next_statement(deposit("P7", 50))
    for change, refusal in (
        ({"opening_fen": 99, "closing_fen": 149}, StatementGap),
        ({"closing_fen": 151}, StatementSum),
        ({"account_number": "6222000000000000"}, StatementOfAnotherAccount),
        ({"from_day": "2026-01-04", "to_day": "2026-01-04"}, StatementOutOfOrder),
        ({"to_day": "2026-01-06"}, StatementInFuture),
        ({"to_day": "9999-12-31"}, StatementInFuture),
        ({"lines": (deposit("P7", 0),)}, StatementSize),
        ({"lines": (deposit("P7", 1),) * 10_001, "closing_fen": 10_101}, StatementSize),
    ):
        bad: BankStatementFile = msgspec.structs.replace(good, **change)
        with pytest.raises(refusal):
            house.do(ImportStatement(bad))
    assert house.do(ImportStatement(good))
    assert house.row(BankBook, BANK_BOOKS, "bank:main").closing_fen == 150


def test_a_statement_that_moves_nothing_is_read_once_under_any_reference() -> None:
    house = House().open("P7")
    sweep = StatementLine("debit", 100, "2026-01-05", remittance="sweep")
    statement = house.next_statement(deposit("P7", 100), sweep)
    assert house.do(ImportStatement(statement))
    with pytest.raises(StatementRepeated):
        house.do(ImportStatement(msgspec.structs.replace(statement, reference="S2")))
    with pytest.raises(StatementOverlaps):
        house.do(ImportStatement(msgspec.structs.replace(statement, reference="S2", from_day="2026-01-04")))
    assert cash(house, "P7") == (100, 0)
    for reference in ("S2", "S3"):  # two of one day without entries are two
        assert house.do(ImportStatement(msgspec.structs.replace(statement, reference=reference, lines=())))


def test_a_day_without_entries_is_a_statement_too() -> None:
    house = House().open("P7")
    assert len(house.bank()) == 1


def test_the_books_open_once_with_what_the_bank_holds() -> None:
    house = House()
    with pytest.raises(BooksNotOpen):
        house.do(ImportStatement(house.next_statement()))
    command = OpenBooks(BANK_ACCOUNT, "Market", "102161000012", 5_000)
    assert house.do(command)
    assert house.do(command) == []
    with pytest.raises(BooksOpenOtherwise):
        house.do(OpenBooks("1", "Market", "102161000012"))
    assert house.account("market").balance_fen == 5_000
    house.closing_fen = 5_000
    assert house.bank(credit(1))


def test_the_operator_gives_an_entry_its_owner_once() -> None:
    house = House().open("P7")
    house.bank(credit(100, "?"))
    key = f"{STATEMENT}-1"
    assert house.do(AssignEntry(key, "cash:P7", "by phone")) == [
        EntryAssigned(key, "cash:P7", "P7", "credit", 100, "by phone")
    ]
    assert limits_courier(house.log[-1]) == [GrantMoney("P7", 100, key)]
    assert cash(house, "P7") == (100, 0) and house.account("suspense").balance_fen == 0
    with pytest.raises(EntryNotOpen):
        house.do(AssignEntry(key, "cash:P7"))
    assert house.replayed() == house.state()


def test_an_entry_goes_to_an_open_account_that_may_have_it() -> None:
    house = House().open("P7")
    house.bank(credit(100, "?"))
    for target in ("cash:P8", "bank:main", "suspense", "book:none", ""):
        with pytest.raises(EntryTargetRefused):
            house.do(AssignEntry(f"{STATEMENT}-1", target))
    with pytest.raises(NotFound):
        house.do(AssignEntry(f"{STATEMENT}-2", "cash:P7"))


def test_bank_charges_and_interest_are_the_markets() -> None:
    house = House().open("P7")
    house.bank(deposit("P7", 1_000), credit(70, "interest"), debit(30))
    house.do(AssignEntry(f"{STATEMENT}-2", "market"))
    house.do(AssignEntry(f"{STATEMENT}-3", "market"))
    assert limits_courier(house.log[-1]) == []
    assert house.account("market").balance_fen == 40 and house.account("suspense").balance_fen == 0
    assert house.account("bank:main").balance_fen == -1_040


def test_an_account_with_a_limit_cannot_take_a_charge_it_has_no_money_for() -> None:
    house = House().open("P7")
    house.do(OpenAccount("book:fees", debits_must_not_exceed_credits=True))
    house.bank(credit(100), debit(30))
    with pytest.raises(REFUSALS["exceeds_credits"]):
        house.do(AssignEntry(f"{STATEMENT}-2", "book:fees"))
    house.do(AssignEntry(f"{STATEMENT}-1", "book:fees"))
    house.do(AssignEntry(f"{STATEMENT}-2", "book:fees"))
    assert house.account("book:fees").balance_fen == 70


def test_the_bank_account_is_what_the_last_statement_says() -> None:
    house = House().open("P7")
    house.bank(deposit("P7", 900), credit(50), debit(20))
    house.bank(debit(10, "W999"))
    assert -house.account("bank:main").balance_fen == house.row(BankBook, BANK_BOOKS, "bank:main").closing_fen == 920
