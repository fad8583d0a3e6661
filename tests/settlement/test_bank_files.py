"""Bank statements in, payment orders out: round trips, and files that are wrong by accident or on purpose."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pyiso20022.pain import pain_001_001_09 as pain
from xsdata.formats.dataclass.parsers import XmlParser

from kernel.errors import BodyTooLarge, InvalidInput
from seeds.bank import VERSIONS, statement_camt053, statement_csv
from settlement.bank import content_hash
from settlement.bankfile import FILE_SIZE_MAX
from settlement.camt import read_camt053
from settlement.model import (
    AMOUNT_MAX_FEN,
    BankBook,
    BankStatementFile,
    Direction,
    PaymentBatch,
    StatementLine,
    Withdrawal,
)
from settlement.pain import write_pain001
from settlement.statement_csv import HEADER, read_csv

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Co", "Cn", "Zs", "Zl", "Zp")), max_size=30)
WORDS = st.lists(TEXT.filter(bool), max_size=3).map(" ".join)


@st.composite
def statements(draw: st.DrawFn) -> BankStatementFile:
    lines = tuple(
        draw(
            st.lists(
                st.builds(
                    StatementLine,
                    direction=st.sampled_from(("credit", "debit")),
                    amount_fen=st.integers(1, AMOUNT_MAX_FEN),
                    booked_on=st.dates().map(str),
                    reversal=st.booleans(),
                    end_to_end_id=TEXT.filter(lambda t: t != "NOTPROVIDED"),
                    bank_reference=TEXT,
                    counterparty_name=WORDS,
                    counterparty_account=TEXT,
                    remittance=WORDS,
                ),
                max_size=5,
            )
        )
    )
    opening_fen = draw(st.integers(-AMOUNT_MAX_FEN, AMOUNT_MAX_FEN))
    moved_fen = sum(line.amount_fen if line.direction == "credit" else -line.amount_fen for line in lines)
    first, last = sorted((draw(st.dates()), draw(st.dates())))
    return BankStatementFile(
        draw(TEXT.filter(bool)),
        draw(TEXT.filter(bool)),
        str(first),
        str(last),
        opening_fen,
        opening_fen + moved_fen,
        lines,
    )


def one(direction: Direction = "credit", amount_fen: int = 1_050, remittance: str = "H2M-P7-86") -> BankStatementFile:
    line = StatementLine(direction, amount_fen, "2026-01-06", False, "E1", "R1", "晋源氢能", "62170001", remittance)
    sign = 1 if direction == "credit" else -1
    return BankStatementFile("6222", "S1", "2026-01-06", "2026-01-06", 100, 100 + sign * amount_fen, (line,))


@settings(max_examples=60, deadline=None)
@given(statement=statements(), version=st.sampled_from(VERSIONS))
def test_what_a_bank_writes_is_what_is_read(statement: BankStatementFile, version: str) -> None:
    assume(abs(statement.closing_fen) <= AMOUNT_MAX_FEN)
    assert read_camt053(statement_camt053(statement, version)) == statement
    assert read_csv(statement_csv(statement)) == statement


def test_a_statement_is_the_same_in_every_format() -> None:
    statement = one()
    read = [read_camt053(statement_camt053(statement, version)) for version in VERSIONS] + [
        read_csv(statement_csv(statement))
    ]
    assert {content_hash(each) for each in read} == {content_hash(statement)}


def camt(old: str = "", new: str = "", version: str = "08") -> bytes:
    text = statement_camt053(one(), version).decode()
    assert old in text
    return text.replace(old, new, 1).encode() if old else text.encode()


HOSTILE_CAMT = {
    "xml": b"<Document",
    "not_empty": b" \n ",
    "xml_doctype": b'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "b">]><Document>&a;</Document>',
    "xml_size": b"<a>" * 41 + b"</a>" * 41,
    "xml_encoding": b'<?xml version="1.0" encoding="no-such"?><Document/>',
    "version": b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.052.001.08"/>',
    "schema": camt("<CdtDbtInd>CRDT</CdtDbtInd>", "<CdtDbtInd>BOTH</CdtDbtInd>"),
    "one_balance": camt("<Cd>OPBD</Cd>", "<Cd>ITBD</Cd>"),
    "currency": camt('Ccy="CNY"', 'Ccy="EUR"'),
    "precision": camt(">10.50</Amt>", ">10.505</Amt>"),
    "balances_add_up": camt(">10.50</Amt>", ">10.51</Amt>").replace(b">10.50</Amt>", b">10.51</Amt>"),
    "range": camt(">10.50</Amt>", ">0.00</Amt>"),
    "day": camt("<FrDtTm>2026-01-06T", "<FrDtTm>-2026-01-06T"),
    "required": camt("<Id>S1</Id>", "<Id> </Id>"),
    "length": camt("<Id>S1</Id>", f"<Id>{'x' * 65}</Id>"),
}


@pytest.mark.parametrize(
    "amount", ["10.505", "1E1", "1E+999999", "1E-999999", "NaN", "sNaN", "Infinity", "-10.50", f"10.50{'0' * 40}1"]
)
def test_an_amount_that_is_no_plain_decimal_is_refused(amount: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_camt053(camt(">10.50</Amt>", f">{amount}</Amt>"))
    assert (caught.value.field, caught.value.rule) == ("Ntry.1.Amt", "precision")


def test_an_empty_direction_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        read_camt053(camt().replace(b"<CdtDbtInd>CRDT</CdtDbtInd>", b"<CdtDbtInd/>"))
    assert caught.value.rule == "direction"


@pytest.mark.parametrize("rule", HOSTILE_CAMT)
def test_a_camt_file_that_is_wrong_says_which_rule(rule: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_camt053(HOSTILE_CAMT[rule])
    assert caught.value.rule == rule and caught.value.field


@pytest.mark.parametrize(
    "bomb",
    [
        b'<!DOCTYPE d SYSTEM "file:///etc/hostname"><Document/>',
        b'<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]><Document>&b;&b;</Document>',
        b'<!DOCTYPE d [<!ENTITY % x SYSTEM "http://127.0.0.1/x"> %x;]><Document/>',
    ],
)
def test_entities_are_refused_before_they_are_resolved(bomb: bytes) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_camt053(bomb)
    assert caught.value.rule == "xml_doctype"


def test_a_file_over_the_limit_is_not_read() -> None:
    for read in (read_camt053, read_csv):
        with pytest.raises(BodyTooLarge):
            read(b"x" * (FILE_SIZE_MAX + 1))


def test_too_many_entries_are_refused() -> None:
    line = StatementLine("credit", 1, "2026-01-06")
    many = msgspec.structs.replace(one(), lines=(line,) * 10_001, closing_fen=10_101)
    with pytest.raises(InvalidInput) as caught:
        read_csv(statement_csv(many))
    assert caught.value.rule == "count"


def test_two_statements_in_a_file_are_refused() -> None:
    text = camt().decode()
    stmt = text[text.index("<Stmt>") : text.index("</Stmt>") + 7]
    with pytest.raises(InvalidInput) as caught:
        read_camt053(text.replace(stmt, stmt + stmt).encode())
    assert caught.value.rule == "one_statement"


@pytest.mark.parametrize("version", VERSIONS)
def test_only_booked_entries_count(version: str) -> None:
    text = statement_camt053(one(), version).decode()
    entry = text[text.index("<Ntry>") : text.index("</Ntry>") + 7]
    pending = entry.replace("BOOK", "PDNG").replace("10.50", "99.00")
    assert read_camt053(text.replace(entry, pending + entry).encode()) == one()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_batch_entry_becomes_a_line_a_transaction(version: str) -> None:
    text = statement_camt053(one(), version).decode()
    details = text[text.index("<TxDtls>") : text.index("</TxDtls>") + 9]
    if version == "02":
        amount = '<AmtDtls><TxAmt><Amt Ccy="CNY">{}</Amt></TxAmt></AmtDtls><RltdPties>'
        parts = [details.replace("<RltdPties>", amount.format(cny)) for cny in ("4.00", "6.50")]
    else:
        parts = [details.replace("10.50", cny) for cny in ("4.00", "6.50")]
    lines = read_camt053(text.replace(details, "".join(parts)).encode()).lines
    assert [line.amount_fen for line in lines] == [400, 650]
    with pytest.raises(InvalidInput) as caught:
        read_camt053(text.replace(details, parts[0] + parts[0]).encode())
    assert caught.value.rule == "batch_adds_up"
    if version == "02":
        with pytest.raises(InvalidInput) as caught:
            read_camt053(text.replace(details, details + details).encode())
        assert caught.value.rule == "batch_amounts"


def test_a_reversal_keeps_its_own_sign() -> None:
    line = msgspec.structs.replace(one("debit", 100).lines[0], reversal=True)
    statement = msgspec.structs.replace(one("debit", 100), lines=(line,))
    read = read_camt053(statement_camt053(statement)).lines[0]
    assert (read.direction, read.reversal, read.amount_fen) == ("debit", True, 100)


def csv_with(**cells: str) -> bytes:
    rows = [line.split(",") for line in statement_csv(one()).decode().splitlines()]
    for name, value in cells.items():
        row, column = (1, name[5:]) if name.startswith("head_") else (2, name)
        rows[row][HEADER.index(column)] = value
    return "\n".join(",".join(row) for row in rows).encode()


HOSTILE_CSV = [
    (b"", "not_empty"),
    (b"\xff\xfe", "utf8"),
    (b"a,b\n", "columns"),
    (b'"a', "csv"),
    (",".join(HEADER).encode(), "statement_row"),
    (",".join(reversed(HEADER)).encode(), "header"),
    (csv_with(head_type="entry"), "statement_row"),
    (csv_with(type="statement"), "entry"),
    (csv_with(head_from_day="2026-1-6"), "day"),
    (csv_with(head_from_day="20260106"), "day"),
    (csv_with(head_from_day="2026-01-07"), "order"),
    (csv_with(head_opening="1e3"), "decimal_string"),
    (csv_with(head_closing="9.99"), "balances_add_up"),
    (csv_with(head_account=""), "required"),
    (csv_with(head_currency="EUR"), "currency"),
    (csv_with(currency=""), "currency"),
    (csv_with(amount="-10.50"), "decimal_string"),
    (csv_with(amount="10.505"), "decimal_string"),
    (csv_with(amount="0.00"), "range"),
    (csv_with(direction="in"), "direction"),
    (csv_with(reversal="1"), "boolean"),
    (csv_with(booked_on="2026-02-30"), "day"),
    (csv_with(remittance="x" * 501), "length"),
    (csv_with(remittance="a\x07b"), "characters"),
]


@pytest.mark.parametrize(("content", "rule"), HOSTILE_CSV)
def test_a_csv_file_that_is_wrong_says_which_rule(content: bytes, rule: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_csv(content)
    assert caught.value.rule == rule and caught.value.field


@settings(max_examples=150, deadline=None)
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    for read in (read_camt053, read_csv):
        with pytest.raises(InvalidInput):
            read(content)


def withdrawal(number: int, amount_fen: int) -> Withdrawal:
    return Withdrawal(
        f"W{number}",
        "P7",
        "c",
        "payout",
        amount_fen,
        "山西 <某> & 公司",
        "62170001",
        "103161000013",
        "instructed",
        "",
        "",
        "PB9",
        0,
        0,
        1,
    )


def test_a_payment_file_says_each_withdrawal_once_and_their_sum() -> None:
    book = BankBook("bank:main", "6222000012345678", "汾河氢能清算有限公司", "102161000012", 0, "", "", 1)
    batch = PaymentBatch("PB9", 2, 1_000_000_000_050, 1_767_600_000_000_000, 9)
    content = write_pain001(book, batch, [withdrawal(12, 1_000_000_000_000), withdrawal(3, 50)])
    assert content == write_pain001(book, batch, [withdrawal(3, 50), withdrawal(12, 1_000_000_000_000)])
    order = XmlParser().from_bytes(content, pain.Document).cstmr_cdt_trf_initn
    assert order.grp_hdr.msg_id == "PB9" and order.grp_hdr.nb_of_txs == "2"
    assert str(order.grp_hdr.ctrl_sum) == "10000000000.50"
    transfers = order.pmt_inf[0].cdt_trf_tx_inf
    assert [(each.pmt_id.end_to_end_id, str(each.amt.instd_amt.value)) for each in transfers] == [
        ("W3", "0.50"),
        ("W12", "10000000000.00"),
    ]
    assert transfers[0].cdtr.nm == "山西 <某> & 公司"
    assert transfers[0].cdtr_agt.fin_instn_id.clr_sys_mmb_id.mmb_id == "103161000013"
