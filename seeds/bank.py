"""The simulated bank: statements of the market's account as the files that a bank would send."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from kernel.quantity import format_money
from settlement.model import BankStatementFile, StatementLine
from settlement.statement_csv import write_csv

VERSIONS = ("02", "04", "06", "08")


def statement_csv(statement: BankStatementFile) -> bytes:
    """The statement in the project's own CSV layout."""
    return write_csv(statement)


def statement_camt053(statement: BankStatementFile, version: str = "08") -> bytes:
    """The statement as camt.053.001 in one of `VERSIONS`."""
    assert version in VERSIONS
    namespace = f"urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}"
    document = ET.Element("Document", {"xmlns": namespace})
    message = ET.SubElement(document, "BkToCstmrStmt")
    created = f"{statement.to_day}T23:59:59+08:00"
    header = ET.SubElement(message, "GrpHdr")
    _text(header, "MsgId", f"M-{statement.reference}"[:35])
    _text(header, "CreDtTm", created)
    stmt = ET.SubElement(message, "Stmt")
    _text(stmt, "Id", statement.reference)
    _text(stmt, "CreDtTm", created)
    period = ET.SubElement(stmt, "FrToDt")
    _text(period, "FrDtTm", f"{statement.from_day}T00:00:00+08:00")
    _text(period, "ToDtTm", created)
    _account(ET.SubElement(stmt, "Acct"), statement.account_number)
    _balance(stmt, "OPBD", statement.opening_fen, statement.from_day)
    _balance(stmt, "CLBD", statement.closing_fen, statement.to_day)
    for line in statement.lines:
        _entry(stmt, line, version)
    ET.indent(document)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(document, encoding="unicode")}\n'.encode()


def _text(parent: ET.Element, name: str, text: str) -> ET.Element:
    element = ET.SubElement(parent, name)
    element.text = text
    return element


def _account(parent: ET.Element, number: str) -> None:
    _text(ET.SubElement(ET.SubElement(parent, "Id"), "Othr"), "Id", number)


def _amount(parent: ET.Element, amount_fen: int) -> None:
    _text(parent, "Amt", format_money(abs(amount_fen))).set("Ccy", "CNY")


def _balance(stmt: ET.Element, code: str, amount_fen: int, day: str) -> None:
    balance = ET.SubElement(stmt, "Bal")
    _text(ET.SubElement(ET.SubElement(balance, "Tp"), "CdOrPrtry"), "Cd", code)
    _amount(balance, amount_fen)
    _text(balance, "CdtDbtInd", "CRDT" if amount_fen >= 0 else "DBIT")
    _text(ET.SubElement(balance, "Dt"), "Dt", day)


def _entry(stmt: ET.Element, line: StatementLine, version: str) -> None:
    sign = "CRDT" if line.direction == "credit" else "DBIT"
    entry = ET.SubElement(stmt, "Ntry")
    _amount(entry, line.amount_fen)
    _text(entry, "CdtDbtInd", sign)
    if line.reversal:
        _text(entry, "RvslInd", "true")
    status = ET.SubElement(entry, "Sts")
    if version == "08":
        _text(status, "Cd", "BOOK")
    else:
        status.text = "BOOK"
    _text(ET.SubElement(entry, "BookgDt"), "Dt", line.booked_on)
    if line.bank_reference:
        _text(entry, "AcctSvcrRef", line.bank_reference)
    code = ET.SubElement(ET.SubElement(entry, "BkTxCd"), "Prtry")
    _text(code, "Cd", "TRF")
    details = ET.SubElement(ET.SubElement(entry, "NtryDtls"), "TxDtls")
    _text(ET.SubElement(details, "Refs"), "EndToEndId", line.end_to_end_id or "NOTPROVIDED")
    if version != "02":
        _amount(details, line.amount_fen)
        _text(details, "CdtDbtInd", sign)
    _parties(details, line, version)
    if line.remittance:
        # A line of remittance text holds 140 characters.
        remittance = ET.SubElement(details, "RmtInf")
        for start in range(0, len(line.remittance), 140):
            _text(remittance, "Ustrd", line.remittance[start : start + 140])


def _parties(details: ET.Element, line: StatementLine, version: str) -> None:
    if not line.counterparty_name and not line.counterparty_account:
        return
    role = "Dbtr" if line.direction == "credit" else "Cdtr"
    parties = ET.SubElement(details, "RltdPties")
    if line.counterparty_name:
        party = ET.SubElement(parties, role)
        _text(ET.SubElement(party, "Pty") if version == "08" else party, "Nm", line.counterparty_name)
    if line.counterparty_account:
        _account(ET.SubElement(parties, f"{role}Acct"), line.counterparty_account)
