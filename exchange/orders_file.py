"""Orders in a file: CSV or XLSX whose first row names fields of `NewOrder`, an empty cell being a field left out.

Every row stands for itself: one that is no order is told so, and the others are placed. What a spreadsheet knows as a
number, a date or a truth value is taken as what it shows; a date without a zone is one of Asia/Shanghai.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from xml.etree.ElementTree import ParseError

from openpyxl import load_workbook
from pydantic import TypeAdapter, ValidationError

from exchange.orders_api import NewOrder
from kernel.clock import SHANGHAI
from kernel.errors import H2MarketError, InvalidInput, UnsupportedMedia
from kernel.exports import CSV, XLSX
from kernel.http import Call, problem
from kernel.validation import from_validation

#: Orders of one file: one commit takes as many.
ROWS_MAX = 1_000
#: Rows of a table, with those that are empty: a workbook can claim any number of them in a few bytes.
LINES_MAX = 10_000
#: Columns that are looked at, and bytes that a packed file may unpack to: more than any full file's.
COLUMNS_MAX = 64
UNPACKED_BYTES_MAX = 4 << 20

_order = TypeAdapter(NewOrder)
#: Larger numbers are none of an order's: they are shown as they come, and refused as what they are.
_EXACT_BELOW = 1e15
_WHOLE = re.compile(r"-?[0-9]{1,12}")
_INTEGERS = frozenset({"loads", "minimum_loads", "display_loads"})
_TRUTHS = frozenset({"all_or_none", "post_only", "hibernated", "cancel_on_disconnect"})
_SAID = {"true": True, "false": False, "1": True, "0": False}

Table = Iterator[Sequence[Any]]


class OrderRowProblem:
    """A row that is no order, and why."""

    def __init__(self, client_order_id: str, error: H2MarketError) -> None:
        self.client_order_id = client_order_id
        self.error = error

    def entry(self, call: Call, path: str) -> dict[str, Any]:
        """Its result."""
        details = problem(self.error, call.request_id, call.language, path)
        return {
            "client_order_id": self.client_order_id, "status": self.error.status, "order": None, "problem": details,
        }  # fmt: skip


def read_orders(content_type: str, body: bytes) -> dict[int, NewOrder | OrderRowProblem]:
    """The orders of a file by the number of their row, the header's being 1; empty rows count and say nothing.

    Raises UnsupportedMedia, or InvalidInput for what is no table of orders.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in (CSV, XLSX):
        raise UnsupportedMedia(field="Content-Type", accepted=f"{CSV}, {XLSX}")
    table = _csv_rows(body) if kind == CSV else _xlsx_rows(body)
    names = _names(next(table, ()))
    rows: dict[int, NewOrder | OrderRowProblem] = {}
    for number, cells in enumerate(table, 2):
        if number > LINES_MAX:
            raise _unreadable("rows_max", f"A file has at most {LINES_MAX} rows.", f"一个文件最多 {LINES_MAX} 行。")
        if all(cell in (None, "") for cell in cells):
            continue
        if len(rows) == ROWS_MAX:
            raise _unreadable("rows_max", f"A file has at most {ROWS_MAX} orders.", f"一个文件最多 {ROWS_MAX} 笔订单。")
        rows[number] = _read_row(names, cells)
    if not rows:
        raise _unreadable("empty", "The file has no orders.", "文件中没有订单。")
    return rows


def _names(header: Sequence[Any]) -> list[str]:
    """The fields that the columns hold; a column without a name is not looked at."""
    names = [str(cell or "").strip().lower() for cell in header]
    unknown = next((name for name in names if name and name not in NewOrder.model_fields), None)
    if unknown is not None or "client_order_id" not in names:
        known = ", ".join(NewOrder.model_fields)
        raise _unreadable(
            "columns",
            f"The first row names fields of an order, client_order_id among them: {known}.",
            f"首行须为订单字段名，且包含 client_order_id：{known}。",
        )
    named = [name for name in names if name]
    if len(set(named)) != len(named):
        raise _unreadable("columns", "A field is named twice.", "同一字段出现了两次。")
    return names


def _read_row(names: Sequence[str], cells: Sequence[Any]) -> NewOrder | OrderRowProblem:
    found = {
        name: _value(name, cell) for name, cell in zip(names, cells, strict=False) if name and cell not in (None, "")
    }
    try:
        return _order.validate_python(found)
    except ValidationError as error:
        problem_of_row = from_validation(error.errors(include_url=False))
        return OrderRowProblem(str(found.get("client_order_id", ""))[:64], problem_of_row)


def _value(name: str, cell: Any) -> Any:
    """A cell as a request would have it."""
    if isinstance(cell, datetime):
        return (cell if cell.tzinfo else cell.replace(tzinfo=SHANGHAI)).isoformat()
    if name in _TRUTHS:
        return _SAID.get(str(cell).strip().lower(), cell)
    text = cell.strip() if isinstance(cell, str) else _shown(cell)
    return int(text) if name in _INTEGERS and _WHOLE.fullmatch(text) else text


def _shown(cell: Any) -> str:
    """A number as a spreadsheet shows it: 35.2 is "35.2", 3.0 is "3"."""
    if isinstance(cell, float) and abs(cell) < _EXACT_BELOW:
        exact = Decimal(repr(cell))
        return f"{exact.quantize(Decimal(1)) if exact == exact.to_integral_value() else exact:f}"
    return str(cell)


def _csv_rows(body: bytes) -> Table:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable("utf8", "Save the file as UTF-8.", "请以 UTF-8 编码保存文件。") from error
    if "\x00" in text:
        raise _unreadable("nul", "A CSV file has no NUL characters.", "CSV 文件不得包含 NUL 字符。")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            line = reader.line_num
            raise _unreadable(
                "csv", f"Line {line} is no CSV: {error}.", f"第 {line} 行不是有效的 CSV：{error}。"
            ) from error


def _xlsx_rows(body: bytes) -> Table:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as packed:
            if sum(part.file_size for part in packed.infolist()) > UNPACKED_BYTES_MAX:
                raise _unreadable("unpacked", "The file unpacks to too much.", "文件解压后过大。")
        book = load_workbook(io.BytesIO(body), read_only=True, data_only=True)
        sheet = book.worksheets[0]
        # What a sheet says of its own size may be wrong: rows outside of it would be lost without a word.
        sheet.reset_dimensions()
        yield from sheet.iter_rows(max_col=COLUMNS_MAX, max_row=LINES_MAX + 1, values_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError, IndexError, TypeError, ParseError, OSError, EOFError) as error:
        raise _unreadable("xlsx", "The file is no XLSX workbook.", "文件不是有效的 XLSX 工作簿。") from error


def _unreadable(rule: str, en: str, zh: str) -> InvalidInput:
    return InvalidInput("body", rule, en, zh)
