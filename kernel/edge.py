"""Pydantic types for the edge: decimal strings outside, integers inside, and pages of lists."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from kernel.clock import from_text, to_text
from kernel.errors import InvalidInput
from kernel.quantity import decimal_pattern, format_decimal, parse_decimal
from kernel.text import UNSEEN

PAGE_MAX = 500
PAGE_DEFAULT = 100


class Body(BaseModel):
    """A request's body: unknown fields are refused, text is not turned into numbers."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Answer(BaseModel):
    """A response's body."""

    model_config = ConfigDict(frozen=True)


def _reader(digits: int, *, signed: bool = False) -> Callable[[object], int]:
    def read(value: object) -> int:
        try:
            return parse_decimal(value, digits, signed=signed)
        except InvalidInput as error:
            raise PydanticCustomError(
                "decimal_string", "{message}", {"message": error.sentence("en"), "error": error}
            ) from error

    return read


def _writer(digits: int) -> PlainSerializer:
    return PlainSerializer(lambda value: format_decimal(value, digits), return_type=str)


def _schema(digits: int, example: str, unit: str, *, signed: bool = False) -> dict[str, Any]:
    return {
        "type": "string",
        "pattern": decimal_pattern(digits, signed=signed),
        "examples": [example],
        "description": unit,
    }


_MONEY, _PRICE, _MASS = _schema(2, "1234.50", "CNY"), _schema(2, "35.20", "CNY/kg"), _schema(3, "280.000", "kg")

# Inward types read a decimal string into an integer of fen, fen per kg or grams; outward types write it back.
MoneyIn = Annotated[int, BeforeValidator(_reader(2)), WithJsonSchema(_MONEY, mode="validation")]
PriceIn = Annotated[int, BeforeValidator(_reader(2)), WithJsonSchema(_PRICE, mode="validation")]
MassIn = Annotated[int, BeforeValidator(_reader(3)), WithJsonSchema(_MASS, mode="validation")]
MoneyOut = Annotated[int, _writer(2), WithJsonSchema(_schema(2, "-1234.50", "CNY", signed=True), mode="serialization")]
PriceOut = Annotated[int, _writer(2), WithJsonSchema(_PRICE, mode="serialization")]
MassOut = Annotated[int, _writer(3), WithJsonSchema(_schema(3, "-0.250", "kg", signed=True), mode="serialization")]


_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)


def _time(value: object) -> int:
    if not isinstance(value, str):
        raise PydanticCustomError(
            "time", "Write a time as RFC 3339 text with its offset, e.g. 2026-01-05T09:00:00+08:00."
        )
    try:
        if _RFC3339.fullmatch(value) is None:  # the library reads other forms too, and cuts off finer fractions
            raise ValueError(value)
        moment = from_text(value)
    except (ValueError, OverflowError) as error:
        raise PydanticCustomError(
            "time", "Write a time as RFC 3339 text with its offset, e.g. 2026-01-05T09:00:00+08:00."
        ) from error
    if not 0 <= moment < 7_258_118_400_000_000:  # the year 2200
        raise PydanticCustomError("time_range", "A time lies between 1970 and 2200.")
    return moment


_TIME_SCHEMA = {"type": "string", "format": "date-time", "examples": ["2026-01-05T09:00:00+08:00"]}
_TIME_IN_SCHEMA = {**_TIME_SCHEMA, "description": "RFC 3339 with its offset, from 1970 and before 2200."}
TimeIn = Annotated[int, BeforeValidator(_time), WithJsonSchema(_TIME_IN_SCHEMA, mode="validation")]
TimeOut = Annotated[int, PlainSerializer(to_text, return_type=str), WithJsonSchema(_TIME_SCHEMA, mode="serialization")]
#: A calendar day from 1970 to 2199 that exists, as a pattern, so that the published schema says exactly what is read.
DAY_PATTERN = (
    r"^((19[7-9][0-9]|2[01][0-9]{2})-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    r"|02-(0[1-9]|1[0-9]|2[0-8]))"
    r"|(19(7[26]|8[048]|9[26])|20([02468][048]|[13579][26])|21(0[48]|[2468][048]|[13579][26]))-02-29)$"
)
#: One line of text that people write: nothing unseen, and not only blanks.
LINE_PATTERN = rf"^[^{UNSEEN}]*[^\s{UNSEEN}][^{UNSEEN}]*$"
Line = Annotated[str, Field(min_length=1, max_length=200, pattern=LINE_PATTERN)]
#: What the document says of a cursor; what it holds is nobody's business but the page's that gave it out.
CURSOR_SCHEMA: dict[str, Any] = {"pattern": "^[A-Za-z0-9_-]{2,200}$"}

T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """One page of a list; ``next_cursor`` is null on the last one."""

    items: list[T]
    next_cursor: str | None = None


def encode_cursor(key: str) -> str:
    """An opaque cursor that continues after ``key``."""
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> str | None:
    """The key of a cursor. Raises InvalidInput for one that was not given out here."""
    if cursor is None:
        return None
    try:
        key = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise _bad_cursor() from error
    if not key or not key.isprintable():
        raise _bad_cursor()
    return key


def number_cursor(cursor: str | None) -> int | None:
    """The key of a cursor over numbers."""
    text = decode_cursor(cursor)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise _bad_cursor()
    return int(text)


def _bad_cursor() -> InvalidInput:
    return InvalidInput(
        "cursor", "cursor", "Send the next_cursor of the page before, unchanged.", "请原样发送上一页的 next_cursor。"
    )


def page_of(rows: Sequence[Any], limit: int, key: Callable[[Any], object], item: Callable[[Any], T]) -> Page[T]:
    """A page from ``limit + 1`` rows: the one too many tells that there is more."""
    shown = rows[:limit]
    more = len(rows) > limit
    return Page(items=[item(row) for row in shown], next_cursor=encode_cursor(str(key(shown[-1]))) if more else None)
