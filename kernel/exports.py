"""Lists as tables: CSV (RFC 4180, UTF-8) and XLSX beside the pages of JSON, by ``?format=`` or the Accept header.

A table holds up to `EXPORT_ROWS_MAX` rows unless ``limit`` asks for fewer; where there are more, the header
``X-Next-Cursor`` continues it. A cell that a spreadsheet would take for a formula is defused by an apostrophe: what one
participant called its order must not run in the spreadsheet of another.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel
from sqlmodel import Session
from sqlmodel.sql.expression import SelectOfScalar
from xlsxwriter import Workbook

from kernel.edge import CURSOR_SCHEMA, PAGE_DEFAULT, PAGE_MAX, Page
from kernel.openapi import problems
from kernel.service import fetch_page

#: Rows of one table: a spreadsheet opens them at once, and they take a fraction of a second to write.
EXPORT_ROWS_MAX = 10_000
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv"

Form = Literal["json", "csv", "xlsx"]
_FORM_OF: dict[str, Form] = {"application/json": "json", "*/*": "json", CSV: "csv", XLSX: "xlsx"}
_MEDIA = {"csv": f"{CSV}; charset=utf-8", "xlsx": XLSX}
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
#: What begins a formula, also in the wide forms that a Chinese spreadsheet reads alike.
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")

R = TypeVar("R")
T = TypeVar("T", bound=BaseModel)


def listed(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The answers of a list's route for its documentation: the tables beside the page, and the errors."""
    tables = {CSV: {"schema": {"type": "string"}}, XLSX: {"schema": {"type": "string", "format": "binary"}}}
    return {200: {"content": tables}, **problems(*statuses)}


@dataclass(frozen=True, slots=True)
class Listing:
    """Which part of a list is asked for, and in which form."""

    cursor: str | None
    limit: int
    form: Form

    def page(
        self, session: Session, query: SelectOfScalar[R], key_column: Any, item: Callable[[R], T], model: type[T],
        name: str, *, numeric: bool = True, newest_first: bool = True,
    ) -> Page[T] | Response:  # fmt: skip
        """The part of ``query`` as a page, or as a table called ``name`` with the fields of ``model`` as columns."""
        page = fetch_page(
            session, query, key_column, self.cursor, self.limit, item, numeric=numeric, newest_first=newest_first
        )
        return self.answer(page, model, name)

    def answer(self, page: Page[T], model: type[T], name: str) -> Page[T] | Response:
        """A page in the form that is asked for."""
        if self.form == "json":
            return page
        rows = [row.model_dump() for row in page.items]
        write = _as_csv if self.form == "csv" else _as_xlsx
        headers = {"Content-Disposition": f'attachment; filename="{name}.{self.form}"', "Vary": "Accept"}
        if page.next_cursor is not None:
            headers["X-Next-Cursor"] = page.next_cursor
        return Response(write(model, rows), media_type=_MEDIA[self.form], headers=headers)


def listing(
    request: Request,
    cursor: Annotated[str | None, Query(max_length=200, json_schema_extra=CURSOR_SCHEMA)] = None,
    limit: Annotated[
        int | None,
        Query(ge=1, le=PAGE_MAX, description=f"{PAGE_DEFAULT} unless given; {EXPORT_ROWS_MAX} for a table."),
    ] = None,
    format: Annotated[Form | None, Query(description="A table instead of a page; so does the Accept header.")] = None,
) -> Listing:
    """FastAPI dependency: the part of a list that a request asks for."""
    form = format or _accepted(request.headers.get("accept", ""))
    return Listing(cursor, limit or (PAGE_DEFAULT if form == "json" else EXPORT_ROWS_MAX), form)


Listed = Annotated[Listing, Depends(listing)]


def _accepted(accept: str) -> Form:
    """The form that an Accept header prefers: by weight, then by order; JSON where it names none of them."""
    best, form = 0.0, "json"
    for part in accept.split(","):
        media, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = next((piece[2:] for piece in parameters if piece.startswith("q=")), "1")
        quality = float(weight) if re.fullmatch(r"[01](\.[0-9]{0,3})?", weight) else 0.0
        if media in _FORM_OF and quality > best:
            best, form = quality, _FORM_OF[media]
    return "csv" if form == "csv" else "xlsx" if form == "xlsx" else "json"


def defused(text: str) -> str:
    """Text that no spreadsheet takes for a formula; numbers stay numbers."""
    return f"'{text}" if text.startswith(_FORMULA) and _NUMBER.fullmatch(text) is None else text


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False) if value else ""
    return str(value) if isinstance(value, int) else defused(str(value))


def _as_csv(model: type[BaseModel], rows: Iterable[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    names = list(model.model_fields)
    writer.writerow(names)
    writer.writerows([_cell(row[name]) for name in names] for row in rows)
    return text.getvalue().encode()


def _as_xlsx(model: type[BaseModel], rows: Sequence[dict[str, Any]]) -> bytes:
    data = io.BytesIO()
    book = Workbook(data, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet("h2market")
    names = list(model.model_fields)
    decimals = _decimals(model)
    formats = {digits: book.add_format({"num_format": f"0.{'0' * digits}"}) for digits in set(decimals.values())}
    bold = book.add_format({"bold": True})
    for column, name in enumerate(names):
        sheet.write_string(0, column, name, bold)
        sheet.set_column(column, column, max(len(name), 12) + 2)
    for line, row in enumerate(rows, 1):
        for column, name in enumerate(names):
            value = row[name]
            if isinstance(value, int) and not isinstance(value, bool):
                sheet.write_number(line, column, value)
            elif value is not None and name in decimals:
                sheet.write_number(line, column, float(value), formats[decimals[name]])
            else:
                sheet.write_string(line, column, _cell(value))
    sheet.freeze_panes(1, 0)
    book.close()
    return data.getvalue()


def _decimals(model: type[BaseModel]) -> dict[str, int]:
    """The fields that are decimal strings, with how many decimals they have: sums are made of them, so they are
    numbers in a spreadsheet."""
    found = {}
    for name, schema in model.model_json_schema(mode="serialization")["properties"].items():
        for one in (schema, *schema.get("anyOf", ())):
            digits = re.search(r"\\\.\[0-9\]\{1,([0-9])\}", one.get("pattern", ""))
            if digits:
                found[name] = int(digits[1])
    return found
