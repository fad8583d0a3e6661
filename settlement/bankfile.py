"""What every reader of bank statements holds its input to, whatever the file format."""

from __future__ import annotations

import unicodedata
from datetime import date

from kernel.errors import BodyTooLarge, InvalidInput
from settlement.model import AMOUNT_MAX_FEN, STATEMENT_LINES_MAX, BankStatementFile, StatementLine

#: 10,000 entries of camt.053 with their details are some 20 MB; nobody's day is larger.
FILE_SIZE_MAX = 32 * 1024 * 1024
TEXT_LENGTH_MAX = 500
NUMBER_LENGTH_MAX = 40
REFERENCE_LENGTH_MAX = 64


def check_size(content: bytes) -> None:
    """Raises BodyTooLarge for a file over the limit, InvalidInput for an empty one."""
    if len(content) > FILE_SIZE_MAX:
        raise BodyTooLarge(limit=FILE_SIZE_MAX)
    if not content.strip():
        raise InvalidInput("file", "not_empty", "The file is empty.", "文件为空。")


def text_of(value: str | None, field: str, limit: int = TEXT_LENGTH_MAX, *, required: bool = False) -> str:
    """The text without outer blanks. Raises InvalidInput for control characters, over-length, or a missing one."""
    text = (value or "").strip()
    if required and not text:
        raise InvalidInput(field, "required", "This is needed.", "此项必填。")
    if len(text) > limit:
        raise InvalidInput(field, "length", f"At most {limit} characters.", f"最多 {limit} 个字符。")
    if any(unicodedata.category(character) in ("Cc", "Cs") and character not in "\t\n\r" for character in text):
        raise InvalidInput(field, "characters", "Control characters are not allowed.", "不允许控制字符。")
    return " ".join(text.split())


def day_of(value: str | None, field: str) -> str:
    """YYYY-MM-DD. Raises InvalidInput for anything else."""
    text = text_of(value, field, required=True)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        raise InvalidInput(field, "day", "Write a day as YYYY-MM-DD.", "日期请写作 YYYY-MM-DD。")
    return text


def amount_in_range(amount_fen: int, field: str) -> int:
    """The amount. Raises InvalidInput unless it is of 1 to the maximum of a transfer."""
    if not 1 <= amount_fen <= AMOUNT_MAX_FEN:
        raise InvalidInput(
            field, "range", "An amount is above zero and below 10^12 CNY.", "金额须大于零且小于 10^12 元。"
        )
    return amount_fen


def need_cny(currency: str | None, field: str) -> None:
    """Raises InvalidInput for any other currency."""
    if currency != "CNY":
        raise InvalidInput(field, "currency", "Only CNY is settled here.", "此处只结算人民币（CNY）。")


def checked(statement: BankStatementFile) -> BankStatementFile:
    """The statement, its size, days and balances agreeing. Raises InvalidInput."""
    check_count(len(statement.lines))
    if statement.from_day > statement.to_day:
        raise InvalidInput("from_day", "order", "The first day is after the last.", "起始日晚于截止日。")
    end_fen = statement.opening_fen + sum(map(_signed_fen, statement.lines))
    if end_fen != statement.closing_fen:
        raise InvalidInput(
            "closing",
            "balances_add_up",
            "Opening balance and entries do not give the closing balance.",
            "期初余额加明细不等于期末余额。",
        )
    return statement


def check_count(count: int) -> None:
    """Raises InvalidInput for more entries than a statement may have."""
    if count > STATEMENT_LINES_MAX:
        raise InvalidInput(
            "entries", "count", f"At most {STATEMENT_LINES_MAX} entries.", f"最多 {STATEMENT_LINES_MAX} 条明细。"
        )


def _signed_fen(line: StatementLine) -> int:
    return line.amount_fen if line.direction == "credit" else -line.amount_fen
