"""Bank statements as ISO 20022 camt.053 (versions 2, 4, 6 and 8): the booked entries of one account in CNY.

An entry's sign is its own CdtDbtInd, also where RvslInd says that it takes another one back. A batch entry becomes one
line per transaction, if the transactions say their amounts and these add up to the entry's. Entries that are pending or
for information only are left out: they may vanish again.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from xml.parsers import expat

from xsdata.exceptions import ConverterWarning, ParserError
from xsdata.formats.dataclass.parsers import XmlParser
from xsdata.formats.dataclass.parsers.config import ParserConfig
from xsdata.formats.dataclass.parsers.handlers import XmlEventHandler

from kernel.errors import InvalidInput
from settlement.bankfile import (
    NUMBER_LENGTH_MAX,
    REFERENCE_LENGTH_MAX,
    TEXT_LENGTH_MAX,
    amount_in_range,
    check_count,
    check_size,
    checked,
    day_of,
    need_cny,
    text_of,
)
from settlement.model import BankStatementFile, Direction, StatementLine

VERSIONS = ("02", "04", "06", "08")
#: camt.053 nests some 15 deep.
DEPTH_MAX = 40
ELEMENTS_MAX = 2_000_000
#: What ISO 20022 itself allows an amount.
TOTAL_DIGITS_MAX = 18
FRACTION_DIGITS_MAX = 5

_NAMESPACE = re.compile(r"urn:iso:std:iso:20022:tech:xsd:camt\.053\.001\.([0-9]{2})", re.ASCII)
_PARSER = XmlParser(
    config=ParserConfig(fail_on_unknown_properties=True, fail_on_converter_warnings=True), handler=XmlEventHandler
)
_DIRECTIONS: dict[str, Direction] = {"CRDT": "credit", "DBIT": "debit"}


def read_camt053(content: bytes) -> BankStatementFile:
    """The one statement in a camt.053 file. Raises InvalidInput naming the element, or BodyTooLarge."""
    check_size(content)
    version = _version(_guard(content))
    module = importlib.import_module(f"pyiso20022.camt.camt_053_001_{version}")
    try:
        document = _PARSER.from_bytes(content, module.Document)
    except (ParserError, ConverterWarning, TypeError, ValueError):
        raise InvalidInput(
            "Document",
            "schema",
            f"The file is not a camt.053.001.{version} document.",
            f"文件不是有效的 camt.053.001.{version} 报文。",
        ) from None
    statements = document.bk_to_cstmr_stmt.stmt
    if len(statements) != 1:
        raise InvalidInput(
            "Stmt", "one_statement", "The file must hold exactly one statement.", "文件须恰好包含一份对账单。"
        )
    return _statement(statements[0])


def _guard(content: bytes) -> str:
    """Reads through the XML once, without building anything, and gives the root's namespace and name.

    Refuses what a bank never sends and an attacker does: document types, entities, bottomless nesting.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    root: list[str] = []
    depth = elements = 0

    def started(name: str, _attributes: dict[str, str]) -> None:
        nonlocal depth, elements
        if not root:
            root.append(name)
        depth += 1
        elements += 1
        if depth > DEPTH_MAX or elements > ELEMENTS_MAX:
            raise InvalidInput("file", "xml_size", "The XML is nested too deep or too large.", "XML 嵌套过深或过大。")

    def ended(_name: str) -> None:
        nonlocal depth
        depth -= 1

    def refused(*_arguments: object) -> None:
        raise InvalidInput(
            "file", "xml_doctype", "A document type or entities are not allowed.", "不允许 DOCTYPE 或实体。"
        )

    parser.StartElementHandler, parser.EndElementHandler = started, ended
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refused
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise InvalidInput(
            "file",
            "xml",
            f"The file is not well-formed XML (line {error.lineno}).",
            f"文件不是合法的 XML（第 {error.lineno} 行）。",
        ) from None
    except (LookupError, ValueError):
        raise InvalidInput("file", "xml_encoding", "The file's encoding is not known.", "文件编码无法识别。") from None
    return root[0]


def _version(root: str) -> str:
    match = _NAMESPACE.fullmatch(root.removesuffix(" Document"))
    if match is None or match.group(1) not in VERSIONS:
        raise InvalidInput(
            "Document",
            "version",
            f"Send camt.053.001 in version {', '.join(VERSIONS)}.",
            f"请提供 camt.053.001，版本 {'、'.join(VERSIONS)}。",
        )
    return match.group(1)


def _statement(stmt: Any) -> BankStatementFile:
    booked = [(number, entry) for number, entry in enumerate(stmt.ntry, start=1) if _status(entry) == "BOOK"]
    check_count(len(booked))
    lines = tuple(line for number, entry in booked for line in _lines(entry, f"Ntry.{number}"))
    opening, closing = _balance(stmt, "OPBD"), _balance(stmt, "CLBD")
    return checked(
        BankStatementFile(
            account_number=_account_number(stmt.acct, "Acct", required=True),
            reference=text_of(stmt.id, "Stmt.Id", REFERENCE_LENGTH_MAX, required=True),
            from_day=_period_day(stmt, "fr_dt_tm", opening),
            to_day=_period_day(stmt, "to_dt_tm", closing),
            opening_fen=_balance_fen(opening, "OPBD"),
            closing_fen=_balance_fen(closing, "CLBD"),
            lines=lines,
        )
    )


def _status(entry: Any) -> str:
    # Up to version 6 a code, later a choice that holds one.
    return str(getattr(entry.sts, "value", getattr(entry.sts, "cd", "")))


def _balance(stmt: Any, code: str) -> Any:
    found = [balance for balance in stmt.bal if str(_code(balance.tp.cd_or_prtry)) == code]
    if len(found) != 1:
        raise InvalidInput(
            f"Bal.{code}",
            "one_balance",
            f"The statement needs one {code} balance.",
            f"对账单须有且仅有一个 {code} 余额。",
        )
    return found[0]


def _code(choice: Any) -> Any:
    return getattr(choice.cd, "value", choice.cd)


def _balance_fen(balance: Any, code: str) -> int:
    amount_fen = _fen(balance.amt, f"Bal.{code}.Amt")
    return amount_fen if _direction(balance, f"Bal.{code}") == "credit" else -amount_fen


def _direction(booked: Any, field: str) -> Direction:
    """Whether an entry or a balance is in credit or debit; an empty element is read as empty text."""
    direction = _DIRECTIONS.get(getattr(booked.cdt_dbt_ind, "value", ""))
    if direction is None:
        raise InvalidInput(f"{field}.CdtDbtInd", "direction", "Write CRDT or DBIT.", "请写 CRDT 或 DBIT。")
    return direction


def _period_day(stmt: Any, end: str, balance: Any) -> str:
    period = stmt.fr_to_dt
    moment = getattr(period, end, None)
    return day_of(str(moment)[:10], "FrToDt") if moment is not None else _day(balance.dt, "Bal.Dt")


def _day(choice: Any, field: str) -> str:
    moment = (choice.dt or choice.dt_tm) if choice is not None else None
    return day_of(str(moment)[:10] if moment is not None else "", field)


def _fen(amount: Any, field: str) -> int:
    """CNY with at most two decimals to fen, exactly."""
    need_cny(amount.ccy, f"{field}.Ccy")
    value = Decimal(amount.value)
    fen = value.scaleb(2) if _is_plain(value) else None
    if fen is None or fen != fen.to_integral_value() or fen < 0 or fen.adjusted() > 14:
        raise InvalidInput(
            field,
            "precision",
            "An amount in CNY has at most two decimals and is not negative.",
            "人民币金额最多两位小数且不为负。",
        )
    return int(fen)


def _is_plain(value: Decimal) -> bool:
    """Whether a number is within the standard's own limits, where every step of arithmetic is exact."""
    _, digits, exponent = value.as_tuple()  # of NaN and Infinity the exponent is a letter
    return isinstance(exponent, int) and -FRACTION_DIGITS_MAX <= exponent <= 0 and len(digits) <= TOTAL_DIGITS_MAX


def _lines(entry: Any, field: str) -> Iterator[StatementLine]:
    total_fen = amount_in_range(_fen(entry.amt, f"{field}.Amt"), f"{field}.Amt")
    details = [detail for group in entry.ntry_dtls for detail in group.tx_dtls]
    if len(details) <= 1:
        yield _line(entry, details[0] if details else None, total_fen, field)
        return
    amounts_fen = [_detail_fen(detail, entry, f"{field}.TxDtls.{number}") for number, detail in enumerate(details, 1)]
    if sum(amounts_fen) != total_fen:
        raise InvalidInput(
            f"{field}.NtryDtls",
            "batch_adds_up",
            "The transactions of the batch do not add up to it.",
            "批量明细之和与该条金额不符。",
        )
    for detail, amount_fen in zip(details, amounts_fen, strict=True):
        yield _line(entry, detail, amount_fen, field)


def _detail_fen(detail: Any, entry: Any, field: str) -> int:
    # Version 2 says a transaction's amount in AmtDtls only.
    amount = getattr(detail, "amt", None)
    if amount is None and detail.amt_dtls is not None and detail.amt_dtls.tx_amt is not None:
        amount = detail.amt_dtls.tx_amt.amt
    if amount is None:
        raise InvalidInput(
            field, "batch_amounts", "A transaction of a batch entry needs its amount.", "批量明细须有金额。"
        )
    direction = getattr(detail, "cdt_dbt_ind", None)
    if direction is not None and direction != entry.cdt_dbt_ind:
        raise InvalidInput(
            field, "batch_direction", "A transaction runs against its entry.", "批量明细方向与该条不一致。"
        )
    return amount_in_range(_fen(amount, field), field)


def _line(entry: Any, detail: Any, amount_fen: int, field: str) -> StatementLine:
    direction = _direction(entry, field)
    references = getattr(detail, "refs", None)
    end_to_end_id = getattr(references, "end_to_end_id", None) or ""
    bank_reference = getattr(references, "acct_svcr_ref", None) or entry.acct_svcr_ref or entry.ntry_ref
    name, account = _counterparty(detail, direction, field)
    return StatementLine(
        direction=direction,
        amount_fen=amount_fen,
        booked_on=_day(entry.bookg_dt or entry.val_dt, f"{field}.BookgDt"),
        reversal=bool(entry.rvsl_ind),
        end_to_end_id="" if end_to_end_id == "NOTPROVIDED" else text_of(end_to_end_id, f"{field}.EndToEndId"),
        bank_reference=text_of(bank_reference, f"{field}.AcctSvcrRef"),
        counterparty_name=name,
        counterparty_account=account,
        remittance=_remittance(entry, detail, field),
    )


def _counterparty(detail: Any, direction: Direction, field: str) -> tuple[str, str]:
    """Name and account of who paid, or was paid."""
    parties = getattr(detail, "rltd_pties", None)
    if parties is None:
        return "", ""
    role = "dbtr" if direction == "credit" else "cdtr"
    party, account = getattr(parties, role), getattr(parties, f"{role}_acct")
    named = getattr(party, "pty", party)  # from version 8 on a choice of a party and an agent
    name = text_of(getattr(named, "nm", None), f"{field}.RltdPties")
    return name, _account_number(account, f"{field}.RltdPties") if account is not None else ""


def _account_number(account: Any, field: str, *, required: bool = False) -> str:
    identification = account.id
    other = identification.othr.id if identification is not None and identification.othr is not None else None
    number = identification.iban or other if identification is not None else None
    return text_of(number, f"{field}.Id", NUMBER_LENGTH_MAX, required=required)


def _remittance(entry: Any, detail: Any, field: str) -> str:
    """What the payer wrote, cut to the length of the column; without it, what the bank wrote."""
    information = getattr(detail, "rmt_inf", None)
    texts = list(information.ustrd) + [_creditor_reference(item) for item in information.strd] if information else []
    texts = [text for text in texts if text] or [getattr(detail, "addtl_tx_inf", None) or entry.addtl_ntry_inf or ""]
    return text_of(" ".join(texts)[:TEXT_LENGTH_MAX], f"{field}.RmtInf")


def _creditor_reference(item: Any) -> str:
    reference = item.cdtr_ref_inf
    return (reference.ref or "") if reference is not None else ""
