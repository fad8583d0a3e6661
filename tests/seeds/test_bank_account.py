"""The simulated bank: statements that continue each other, references that are read or not, orders that are paid."""

from __future__ import annotations

from datetime import date
from random import Random
from typing import Any

import pytest

from seeds.bank import VERSIONS, statement_camt053, statement_csv
from seeds.bank_account import BankAccount, payments_of
from seeds.client import Session
from seeds.companies import COMPANY_OF_CODE
from seeds.funding import mangled, pay_in
from seeds.members import Member
from settlement.camt import read_camt053
from settlement.model import BankBook, PaymentBatch, Withdrawal
from settlement.pain import write_pain001
from settlement.references import participants_named, payment_reference
from settlement.statement_csv import read_csv

DAY, NEXT = date(2026, 3, 1), date(2026, 3, 2)


class KnownReference(Session):
    """A session that knows one thing."""

    def __init__(self, reference: str) -> None:
        self._reference = reference

    def get(self, path: str, *, service: str = "", **query: str | int) -> Any:
        assert path == "/v1/payment-reference"
        return {"reference": self._reference}


def _members(*codes: str) -> list[Member]:
    return [
        Member(COMPANY_OF_CODE[code], f"P{number}", KnownReference(payment_reference(f"P{number}")))
        for number, code in enumerate(codes, 7)
    ]


def _withdrawal(number: int, amount_fen: int) -> Withdrawal:
    return Withdrawal(
        id=f"W{number}", participant_id="P7", client_id="", purpose="payout", amount_fen=amount_fen,
        payee_holder="栖霜渡氢能有限公司", payee_account="9990010000000003", payee_bank_code="999100000001",
        state="instructed", reason="", entry_id="", batch_id="PB9", requested_at=0, resolved_at=0, event_seq=number,
    )  # fmt: skip


def test_statements_continue_each_other_in_every_format() -> None:
    account = BankAccount("9991000000000018")
    pay_in(account, _members("frostford", "greensail"), DAY, Random(1))
    first = account.statement("20260301-1", DAY, DAY)
    account.pay_in(NEXT, 500, "somebody", "123456789", "")
    second = account.statement("20260302-1", NEXT, NEXT)
    third = account.statement("20260303-1", NEXT, NEXT)
    assert (first.opening_fen, first.closing_fen) == (0, 100_000_000)
    assert (second.opening_fen, second.closing_fen) == (100_000_000, 100_000_500)
    assert (third.opening_fen, third.closing_fen, third.lines) == (100_000_500, 100_000_500, ())
    assert len({line.bank_reference for line in (*first.lines, *second.lines)}) == 3
    for version in VERSIONS:
        assert read_camt053(statement_camt053(first, version)) == first
    assert read_csv(statement_csv(second)) == second


def test_a_reference_names_its_payer_however_it_is_written_around() -> None:
    for seed in range(20):
        account = BankAccount("9991000000000018")
        pay_in(account, _members("frostford", "greensail", "dawnlotus"), DAY, Random(seed))
        lines = account.statement("1", DAY, DAY).lines
        assert [participants_named(line.remittance) for line in lines] == [("P7",), ("P8",), ("P9",)]


def test_a_mangled_reference_names_nobody() -> None:
    for number in range(1, 3_000):
        reference = payment_reference(f"P{number}")
        assert mangled(reference) != reference
        assert participants_named(f"氢能交易保证金 {mangled(reference)}") == ()


@pytest.mark.parametrize(("reference", "written"), [("H2M-P7-86", "H2M-P7-68"), ("H2M-P1-99", "H2M-P1-90")])
def test_how_a_reference_is_mangled(reference: str, written: str) -> None:
    assert mangled(reference) == written


def test_the_one_that_mangles_its_reference() -> None:
    account = BankAccount("9991000000000018")
    pay_in(account, _members("frostford", "greensail"), DAY, Random(1), mangle="greensail")
    lines = account.statement("1", DAY, DAY).lines
    assert [participants_named(line.remittance) for line in lines] == [("P7",), ()]
    assert lines[1].counterparty_name == COMPANY_OF_CODE["greensail"].name_zh


def test_the_bank_pays_what_the_file_orders() -> None:
    book = BankBook(
        id="bank:main", account_number="9991000000000018", holder="h2market", bank_code="999100000018",
        closing_fen=0, closing_day="", last_statement_id="", event_seq=1,
    )  # fmt: skip
    withdrawals = [_withdrawal(11, 12_345_600), _withdrawal(12, 1)]
    order = write_pain001(book, PaymentBatch("PB9", 2, 12_345_601, 1_772_580_000_000_000, 9), withdrawals)
    assert [payment["end_to_end_id"] for payment in payments_of(order)] == ["W11", "W12"]
    account = BankAccount("9991000000000018")
    account.pay_in(DAY, 20_000_000, "somebody", "123456789", "")
    assert account.carry_out(NEXT, order) == 2
    statement = account.statement("1", DAY, NEXT)
    assert statement.closing_fen == 20_000_000 - 12_345_601
    paid = statement.lines[1]
    assert (paid.direction, paid.amount_fen, paid.counterparty_account) == ("debit", 12_345_600, "9990010000000003")
    assert read_camt053(statement_camt053(statement, "04")) == statement
