"""The products of a day."""

from __future__ import annotations

from dataclasses import fields
from datetime import date

from exchange import commands as c
from exchange.machine import ExchangeMachine
from kernel.clock import to_text
from seeds.products import ProductTerms, product_id, products
from seeds.towns import STATION_HUBS

_DAY = date(2026, 1, 5)
_LISTED = {terms.product_id: terms for terms in products(_DAY)}


def test_terms_are_those_of_the_exchange_and_it_lists_them_all() -> None:
    named = tuple(field.name for field in fields(ProductTerms))
    assert named == c.ListProduct.__struct_fields__[: len(named)]  # the others have defaults
    machine = ExchangeMachine()
    for seq, terms in enumerate(products(_DAY), 1):
        values = [getattr(terms, field.name) for field in fields(terms)]
        assert len(machine.apply(c.ListProduct(*values), 1, seq)) == 1
    assert len(_LISTED) == len(products(_DAY)) == 108


def test_windows_are_those_of_the_next_day() -> None:
    windows = {(to_text(terms.window_start), to_text(terms.window_end)) for terms in _LISTED.values()}
    assert windows == {
        ("2026-01-06T06:00:00+08:00", "2026-01-06T14:00:00+08:00"),
        ("2026-01-06T14:00:00+08:00", "2026-01-06T22:00:00+08:00"),
    }


def test_delivery_passes_the_end_of_a_year() -> None:
    assert "EXW-XIAOYI-TUBE20-20260101A" in {terms.product_id for terms in products(date(2025, 12, 31))}


def test_ids_are_made_of_the_terms() -> None:
    terms = _LISTED["HAUL-QINGXU-TAIYUAN-TUBE30-20260106B"]
    assert (terms.kind, terms.hub, terms.destination_hub, terms.container_class) == (
        "haulage", "QINGXU", "TAIYUAN", "TUBE30",
    )  # fmt: skip
    assert (terms.nominal_mass_g, terms.maximum_mass_g) == (600_000, 630_000)
    assert (terms.price_tick_fen, terms.price_max_fen) == (5, 4_000)
    assert product_id("delivered", "LINFEN", "", "TUBE20", date(2026, 1, 6), "A") == "DLV-LINFEN-TUBE20-20260106A"


def test_everything_sold_ex_works_can_be_hauled_to_a_station() -> None:
    for gas in _LISTED.values():
        if gas.kind == "ex_works":
            ways = [
                terms
                for terms in _LISTED.values()
                if terms.kind == "haulage"
                and (terms.hub, terms.container_class, terms.window_start)
                == (gas.hub, gas.container_class, gas.window_start)
            ]
            assert ways
            assert {way.destination_hub for way in ways} <= {*STATION_HUBS}
