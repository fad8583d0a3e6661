"""Orders from files of CSV and XLSX, on both stores."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime
from typing import Any

import httpx
import pytest
from openpyxl import Workbook

from exchange.orders_file import LINES_MAX, ROWS_MAX, UNPACKED_BYTES_MAX
from kernel.exports import CSV, XLSX
from tests.exchange.market import PRODUCT, Market, problem

HEADER = "client_order_id,product_id,side,price,loads"


def send(market: Market, content: bytes | str, media: str = CSV, **headers: str) -> httpx.Response:
    return market.ask("POST", "/v1/orders/import", content=content, headers={"Content-Type": media, **headers})


def workbook(rows: list[list[Any]]) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


def told(answer: httpx.Response) -> list[tuple[int, str, int, str]]:
    assert answer.status_code == 200, answer.text
    return [
        (one["row"], one["client_order_id"], one["status"],
         one["order"]["status"] if one["order"] else one["problem"]["errors"][0]["field"])
        for one in answer.json()["results"]
    ]  # fmt: skip


def test_a_csv_file_places_its_orders(market: Market) -> None:
    market.rest("seller", "s-1", "sell", 1, "19.00")
    text = (
        "\ufeffclient_order_id,product_id,side,price,loads,time_in_force,post_only,display_loads\r\n"
        f"b-1,{PRODUCT},buy,20.00,2,day,,\r\n"
        "\r\n"
        f"b-2,{PRODUCT},buy,18.50,5,,TRUE,1\r\n"
    )
    answer = send(market, text)
    assert told(answer) == [(2, "b-1", 201, "partially_filled"), (4, "b-2", 201, "new")]
    assert answer.json()["placed"] == 2
    assert market.find("buyer", "b-2")["options"] == {"post_only": True, "display_loads": 1}
    with market.unchanged():
        assert send(market, text).json() == answer.json()


def test_each_row_stands_for_itself(market: Market) -> None:
    rows = [f"b-1,{PRODUCT},buy,20.00,1", f"b-2,{PRODUCT},buy,20.00,many", f"b-3,{PRODUCT},hold,20,1",
            f"b-4,{PRODUCT},buy,20.01,1", f"b-5,{PRODUCT},buy,20.00", f"b-1,{PRODUCT},buy,21.00,1"]  # fmt: skip
    answer = send(market, "\n".join([HEADER, *rows]), **{"Accept-Language": "zh"})
    assert told(answer) == [
        (2, "b-1", 201, "new"),
        (3, "b-2", 422, "loads"),
        (4, "b-3", 422, "side"),
        (5, "b-4", 422, "rows.5.price"),
        (6, "b-5", 422, "loads"),
        (7, "b-1", 409, "rows.7.client_order_id"),
    ]
    assert answer.json()["placed"] == 1
    assert answer.json()["results"][3]["problem"]["detail"] == "价格不是该产品最小变动价位的整数倍。"


def test_a_workbook_places_its_orders(market: Market) -> None:
    rows: list[list[Any]] = [
        ["client_order_id", "product_id", "side", "price", "loads", "time_in_force", "expires_at", "", "hibernated"],
        ["b-1", PRODUCT, "buy", 20.05, 2, None, None, "a note", False],
        [None] * 9,
        ["b-2", PRODUCT, "buy", "18.50", 1.0, "gtd", datetime(2026, 3, 2, 12), None, True],  # noqa: DTZ001 - as typed
        [7, PRODUCT, "buy", 20.055, 1],
    ]
    answer = send(market, workbook(rows), XLSX)
    assert told(answer) == [(2, "b-1", 201, "new"), (4, "b-2", 201, "suspended"), (5, "7", 422, "price")]
    assert market.find("buyer", "b-1")["price"] == "20.05"
    assert market.find("buyer", "b-2")["options"] == {"expires_at": "2026-03-02T12:00:00+08:00", "hibernated": True}


@pytest.mark.parametrize(
    ("content", "media", "status", "rule"),
    [
        (HEADER, CSV, 422, "empty"),
        ("", CSV, 422, "columns"),
        ("product_id,side\nx,buy", CSV, 422, "columns"),
        (f"{HEADER},colour\nb-1", CSV, 422, "columns"),
        (f"{HEADER},loads\nb-1", CSV, 422, "columns"),
        (f'{HEADER}\n"b-1', CSV, 422, "csv"),
        (HEADER.encode() + b"\n\xff", CSV, 422, "utf8"),
        (f"{HEADER}\nb\x00", CSV, 422, "nul"),
        ("\n".join([HEADER, *(["x,y,buy,1,1"] * (ROWS_MAX + 1))]), CSV, 422, "rows_max"),
        (b"PK\x03\x04 and no more", XLSX, 422, "xlsx"),
        (b"", XLSX, 422, "xlsx"),
        ("{}", "application/json", 415, "unsupported_media_type"),
    ],
)
def test_a_file_that_is_no_table_of_orders_is_refused(
    market: Market, content: bytes | str, media: str, status: int, rule: str
) -> None:
    with market.unchanged():
        answer = send(market, content, media)
    assert (problem(answer)[0], problem(answer)[3]) == (status, rule)


def test_a_file_that_unpacks_to_too_much_is_refused(market: Market) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/workbook.xml", b" " * (UNPACKED_BYTES_MAX + 1))
    with market.unchanged():
        assert problem(send(market, data.getvalue(), XLSX))[3] == "unpacked"


def test_a_zip_that_is_no_workbook_is_refused(market: Market) -> None:
    for name, content in (("a.txt", b"x"), ("[Content_Types].xml", b"<no"), ("[Content_Types].xml", b"<a/>")):
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as packed:
            packed.writestr(name, content)
        assert problem(send(market, data.getvalue(), XLSX))[3] == "xlsx", name


def rewritten(content: bytes, *changes: tuple[bytes, bytes]) -> bytes:
    """A workbook with other bytes in its sheet."""
    data = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as read, zipfile.ZipFile(data, "w") as written:
        for name in read.namelist():
            part = read.read(name)
            if name == "xl/worksheets/sheet1.xml":
                for old, new in changes:
                    assert old in part
                    part = part.replace(old, new)
            written.writestr(name, part)
    return data.getvalue()


ONE_ORDER: list[list[Any]] = [HEADER.split(","), ["b-1", PRODUCT, "buy", "20.00", 1]]


def test_rows_outside_of_what_a_sheet_says_of_itself_are_orders_too(market: Market) -> None:
    answer = send(market, rewritten(workbook(ONE_ORDER), (b'ref="A1:E2"', b'ref="A1:E1"')), XLSX)
    assert told(answer) == [(2, "b-1", 201, "new")]


def test_a_row_far_below_is_too_many_rows(market: Market) -> None:
    for row in (LINES_MAX + 1, 10**10):
        far = rewritten(workbook(ONE_ORDER), (b'<row r="2"', b'<row r="%d"' % row), (b"<dimension", b"<sheetSize"))
        with market.unchanged():
            assert problem(send(market, far, XLSX))[3] == "rows_max", row
    last = rewritten(workbook(ONE_ORDER), (b'<row r="2"', b'<row r="%d"' % LINES_MAX))
    assert told(send(market, last, XLSX)) == [(LINES_MAX, "b-1", 201, "new")]


def test_a_number_that_no_field_takes_is_that_row_s_problem(market: Market) -> None:
    cells = [["b-1", PRODUCT, "buy", 1e300, 1], ["b-2", PRODUCT, "buy", "20.00", 1e300], ["b-3", PRODUCT, "buy", 20, 1]]
    answer = send(market, workbook([HEADER.split(","), *cells]), XLSX)
    assert told(answer) == [(2, "b-1", 422, "price"), (3, "b-2", 422, "loads"), (4, "b-3", 201, "new")]
