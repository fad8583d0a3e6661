"""Bank statements as CSV, for banks that deliver no camt.053.

UTF-8 (a byte order mark is allowed), comma, one header line, then rows of three types in this order:

    type,account,reference,from_day,to_day,opening,closing
    ...

written as one table with the columns of `HEADER`. The first row has the type ``statement`` and carries the account, the
bank's own reference, the days and the balances; each further row has the type ``entry``. Amounts are decimal strings in
CNY (``1234.50``), never negative; ``direction`` is ``credit`` for money that came in and ``debit`` for money that left;
``reversal`` is empty, ``false`` or ``true``. Balances may be negative.
"""

from __future__ import annotations

import csv
import io

from kernel.errors import InvalidInput
from kernel.quantity import format_money, parse_decimal
from settlement.bankfile import (
    NUMBER_LENGTH_MAX,
    REFERENCE_LENGTH_MAX,
    amount_in_range,
    check_count,
    check_size,
    checked,
    day_of,
    need_cny,
    text_of,
)
from settlement.model import BankStatementFile, Direction, StatementLine

HEADER = (
    "type",
    "account",
    "reference",
    "from_day",
    "to_day",
    "opening",
    "closing",
    "currency",
    "direction",
    "amount",
    "booked_on",
    "reversal",
    "end_to_end_id",
    "bank_reference",
    "counterparty_name",
    "counterparty_account",
    "remittance",
)

_DIRECTIONS: dict[str, Direction] = {"credit": "credit", "debit": "debit"}
_REVERSALS = {"": False, "false": False, "true": True}


def read_csv(content: bytes) -> BankStatementFile:
    """The statement in a CSV file. Raises InvalidInput naming the line and the column, or BodyTooLarge."""
    check_size(content)
    rows = _rows(content)
    if tuple(rows[0]) != HEADER:
        raise InvalidInput(
            "line 1", "header", f"The header must be: {','.join(HEADER)}.", f"表头须为：{','.join(HEADER)}。"
        )
    if len(rows) < 2 or rows[1][0] != "statement":
        raise InvalidInput(
            "line 2", "statement_row", "The first row must be of type statement.", "首行类型须为 statement。"
        )
    check_count(len(rows) - 2)
    head = dict(zip(HEADER, rows[1], strict=True))
    need_cny(head["currency"], "line 2.currency")
    lines = tuple(_line(row, f"line {number}") for number, row in enumerate(rows[2:], start=3))
    return checked(
        BankStatementFile(
            account_number=text_of(head["account"], "line 2.account", NUMBER_LENGTH_MAX, required=True),
            reference=text_of(head["reference"], "line 2.reference", REFERENCE_LENGTH_MAX, required=True),
            from_day=day_of(head["from_day"], "line 2.from_day"),
            to_day=day_of(head["to_day"], "line 2.to_day"),
            opening_fen=parse_decimal(head["opening"], 2, field="line 2.opening", signed=True),
            closing_fen=parse_decimal(head["closing"], 2, field="line 2.closing", signed=True),
            lines=lines,
        )
    )


def _rows(content: bytes) -> list[list[str]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput("file", "utf8", "The file is not UTF-8.", "文件不是 UTF-8 编码。") from None
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error:
        raise InvalidInput("file", "csv", "The file is not well-formed CSV.", "文件不是合法的 CSV。") from None
    for number, row in enumerate(rows, start=1):
        if len(row) != len(HEADER):
            raise InvalidInput(
                f"line {number}", "columns", f"There must be {len(HEADER)} columns.", f"每行须有 {len(HEADER)} 列。"
            )
    return rows or [[]]


def _line(row: list[str], field: str) -> StatementLine:
    cells = dict(zip(HEADER, row, strict=True))
    if cells["type"] != "entry":
        raise InvalidInput(
            f"{field}.type", "entry", "Rows after the first are of type entry.", "首行之后的类型须为 entry。"
        )
    if cells["direction"] not in _DIRECTIONS:
        raise InvalidInput(f"{field}.direction", "direction", "Write credit or debit.", "请写 credit 或 debit。")
    if cells["reversal"] not in _REVERSALS:
        raise InvalidInput(f"{field}.reversal", "boolean", "Write true, false or nothing.", "请写 true、false 或留空。")
    need_cny(cells["currency"], f"{field}.currency")
    return StatementLine(
        direction=_DIRECTIONS[cells["direction"]],
        amount_fen=amount_in_range(parse_decimal(cells["amount"], 2, field=f"{field}.amount"), f"{field}.amount"),
        booked_on=day_of(cells["booked_on"], f"{field}.booked_on"),
        reversal=_REVERSALS[cells["reversal"]],
        end_to_end_id=text_of(cells["end_to_end_id"], f"{field}.end_to_end_id", REFERENCE_LENGTH_MAX),
        bank_reference=text_of(cells["bank_reference"], f"{field}.bank_reference", REFERENCE_LENGTH_MAX),
        counterparty_name=text_of(cells["counterparty_name"], f"{field}.counterparty_name"),
        counterparty_account=text_of(cells["counterparty_account"], f"{field}.counterparty_account", NUMBER_LENGTH_MAX),
        remittance=text_of(cells["remittance"], f"{field}.remittance"),
    )


def write_csv(statement: BankStatementFile) -> bytes:
    """The CSV of a statement, as `read_csv` reads it."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    head = (
        "statement",
        statement.account_number,
        statement.reference,
        statement.from_day,
        statement.to_day,
        format_money(statement.opening_fen),
        format_money(statement.closing_fen),
        "CNY",
    )
    writer.writerow(head + ("",) * (len(HEADER) - len(head)))
    for line in statement.lines:
        writer.writerow(
            (
                "entry",
                "",
                "",
                "",
                "",
                "",
                "",
                "CNY",
                line.direction,
                format_money(line.amount_fen),
                line.booked_on,
                "true" if line.reversal else "",
                line.end_to_end_id,
                line.bank_reference,
                line.counterparty_name,
                line.counterparty_account,
                line.remittance,
            )
        )
    return out.getvalue().encode()
