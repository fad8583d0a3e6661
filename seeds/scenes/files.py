"""Orders in files: two stations import theirs from a spreadsheet and from CSV, and export them again."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from openpyxl import load_workbook
from xlsxwriter import Workbook

from seeds.scenes.marks import FILE
from seeds.scenes.stage import PAULOWNIA, RUSHMOON, Stage

CSV = "text/csv"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
#: What is compared of an exported order, as text and as numbers.
TEXTS = ("order_id", "client_order_id", "product_id", "side", "status", "reason", "placed_at")
NUMBERS = ("price", "loads", "executed_loads", "open_loads")
_PATH = "/v1/orders/import"

Table = list[list[Any]]


def import_orders(stage: Stage) -> None:
    """Rushmoon sends a workbook in which one price is off the tick, Paulownia Court a CSV file."""
    gas = stage.night.gas
    bids = _table(stage, RUSHMOON, (-60, -63, -70))
    taken = stage.session(RUSHMOON).upload(_PATH, _as_workbook(bids), XLSX)
    assert [entry["status"] for entry in taken["results"]] == [201, 422, 201], f"{taken}"
    taken = stage.session(PAULOWNIA).upload(_PATH, _as_csv(_table(stage, PAULOWNIA, (-65, -75))), CSV)
    assert taken["placed"] == 2, f"{taken}"
    for code in (RUSHMOON, PAULOWNIA):
        stage.session(code).delete("/v1/orders", product_id=gas.product_id)


def export_orders(stage: Stage) -> int:
    """Each station's orders as a table and as the interface lists them; returns how many rows are the same."""
    same = 0
    for code, form in ((PAULOWNIA, "csv"), (RUSHMOON, "xlsx")):
        session = stage.session(code)
        content = session.download("/v1/orders", format=form)
        rows = list(_read_csv(content) if form == "csv" else _read_workbook(content))
        listed = [_comparable(order) for order in session.pages("/v1/orders")]
        assert [_comparable(row) for row in rows] == listed, f"{code}: the {form} table is not the list"
        same += len(rows)
    return same


def _table(stage: Stage, code: str, aboves: Sequence[int]) -> Table:
    gas = stage.night.gas
    names = ["client_order_id", "product_id", "side", "price", "loads", "time_in_force"]
    return [names] + [
        [stage.order_id(code, FILE), gas.product_id, "buy", stage.price(gas, above), 1, "day"] for above in aboves
    ]


def _as_workbook(table: Table) -> bytes:
    data = io.BytesIO()
    book = Workbook(data, {"in_memory": True})
    sheet = book.add_worksheet()
    for line, row in enumerate(table):
        sheet.write_row(line, 0, row)
    book.close()
    return data.getvalue()


def _as_csv(table: Table) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(table)
    return text.getvalue().encode()


def _read_csv(content: bytes) -> Iterator[dict[str, Any]]:
    return csv.DictReader(io.StringIO(content.decode()))


def _read_workbook(content: bytes) -> Iterator[dict[str, Any]]:
    rows = load_workbook(io.BytesIO(content), read_only=True).worksheets[0].iter_rows(values_only=True)
    names = [str(name) for name in next(rows)]
    return (dict(zip(names, row, strict=True)) for row in rows)


def _comparable(order: dict[str, Any]) -> tuple[Any, ...]:
    """An order as both forms can say it: prices as numbers, an empty cell as no text."""
    return *(order[name] or "" for name in TEXTS), *(Decimal(str(order[name])) for name in NUMBERS)
