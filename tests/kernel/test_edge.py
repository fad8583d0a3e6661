"""What the edge reads as a time."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from kernel.edge import TimeIn

_TIME: TypeAdapter[int] = TypeAdapter(TimeIn)
NINE = 1_767_574_800_000_000


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-01-05T09:00:00+08:00", NINE),
        ("2026-01-05T01:00:00Z", NINE),
        ("2026-01-05T09:00:00.5+08:00", NINE + 500_000),
        ("2026-01-05T09:00:00.123456+08:00", NINE + 123_456),
    ],
)
def test_rfc_3339_with_its_offset_is_a_time(text: str, at: int) -> None:
    assert _TIME.validate_python(text) == at


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-05T09:00:00.1234567+08:00",  # finer than what is kept
        "2026-01-05T09:00:00,5+08:00",
        "2026-01-05T09:00:00",
        "2026-01-05T09:00+08:00",
        "2026-01-05T09+08:00",
        "2026-01-05T09:00:00+08:00:30",
        "2026-01-05T09:00:00+24:00",
        "2026-01-05T09:00:60+08:00",
        "2026-01-05T24:00:00+08:00",
        "2026-01-05 09:00:00+08:00",
        "2026-01-05x09:00:00+08:00",
        "20260105T090000+0800",
        "2026-W02-1T09:00:00+08:00",
        "２０２６-01-05T09:00:00+08:00",
        "2026-01-05T09:00:00+08:00\n",
        "0001-01-01T00:00:00+08:00",
        "9999-12-31T23:59:59-23:59",
    ],
)
def test_anything_else_is_none(text: str) -> None:
    with pytest.raises(ValidationError):
        _TIME.validate_python(text)
