"""Structs that are written without msgspec's setter."""

from __future__ import annotations

from copy import copy

import msgspec
import pytest

from kernel.machine import quick


@quick
class Counted(msgspec.Struct, gc=False):
    """Something with a count."""

    name: str
    count: int = 0


def test_a_quick_struct_is_one_like_others() -> None:
    counted = Counted("loads")
    counted.count += 2
    assert counted == copy(counted) == Counted("loads", 2)
    assert msgspec.json.decode(msgspec.json.encode(counted), type=Counted) == counted


def test_a_quick_struct_has_no_other_fields() -> None:
    with pytest.raises(AttributeError):
        Counted("loads").other = 1  # type: ignore[attr-defined]


def test_a_struct_that_the_collector_follows_keeps_its_setter() -> None:
    class Followed(msgspec.Struct):
        found: list[str]

    with pytest.raises(AssertionError, match="Followed is the collector's"):
        quick(Followed)
