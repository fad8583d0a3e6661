"""Money, prices and masses: what goes in comes out, and nothing is lost in rounding or in a split."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import InvalidInput
from kernel.quantity import (
    WHOLE_DIGITS_MAX,
    amount_fen,
    decimal_pattern,
    divide_half_even,
    format_decimal,
    format_mass,
    format_money,
    format_price,
    parse_decimal,
    parse_mass,
    parse_money,
    parse_price,
    split_by_largest_remainder,
)

DIGITS = st.sampled_from([0, 2, 3])
WHOLE = st.integers(0, 10**WHOLE_DIGITS_MAX - 1)
AMOUNTS = st.integers(-(10**17), 10**17)


@given(DIGITS, WHOLE, st.data())
def test_a_number_survives_the_edge(digits: int, whole: int, data: st.DataObject) -> None:
    value = whole * 10**digits + data.draw(st.integers(0, 10**digits - 1))
    text = format_decimal(value, digits)
    assert parse_decimal(text, digits) == value
    assert Decimal(text).scaleb(digits) == value


@given(DIGITS, WHOLE)
def test_a_signed_number_survives_the_edge(digits: int, whole: int) -> None:
    assert parse_decimal(format_decimal(-whole, digits), digits, signed=True) == -whole


@given(st.from_regex(decimal_pattern(2), fullmatch=True))
def test_whatever_fits_the_published_pattern_is_read(text: str) -> None:
    if text.endswith("\n"):  # `$` also matches before a last line break; the parser does not take it
        with pytest.raises(InvalidInput):
            parse_decimal(text, 2)
    else:
        assert parse_decimal(text, 2) == Decimal(text).scaleb(2)


@given(st.text(max_size=20))
def test_whatever_does_not_fit_the_published_pattern_is_refused(text: str) -> None:
    if re.fullmatch(decimal_pattern(3), text, re.ASCII) is None:
        with pytest.raises(InvalidInput):
            parse_decimal(text, 3)


@pytest.mark.parametrize(
    "wrong",
    ["", " 1", "1 ", "1.", ".5", "+1", "-1", "01", "1e3", "1_000", "1,5", "0x1", "１", "1.234", "NaN", "1\n", "1" * 13],
)
def test_what_is_no_price_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_price(wrong)
    assert (refused.value.field, refused.value.rule) == ("price", "decimal_string")


@pytest.mark.parametrize("wrong", [35.2, 35, True, None, ["35.20"]])
def test_a_number_is_no_decimal_string(wrong: object) -> None:
    with pytest.raises(InvalidInput, match="not a number") as refused:
        parse_money(wrong)
    assert refused.value.sentence("zh").startswith("请写十进制字符串")


def test_money_price_and_mass_have_their_decimals() -> None:
    assert (parse_money("1234.5"), parse_price("35.2"), parse_mass("280.5")) == (123_450, 3_520, 280_500)
    assert (format_money(-5), format_price(3_520), format_mass(280_500)) == ("-0.05", "35.20", "280.500")


@given(AMOUNTS, st.integers(1, 10**9))
def test_division_rounds_half_to_even(numerator: int, denominator: int) -> None:
    assert divide_half_even(numerator, denominator) == round(Fraction(numerator, denominator))


@given(st.integers(0, 10**7), st.integers(0, 10**8))
def test_an_amount_is_what_decimal_arithmetic_gives(price_fen_per_kg: int, mass_g: int) -> None:
    exact = Decimal(price_fen_per_kg) * Decimal(mass_g) / 1_000
    assert amount_fen(price_fen_per_kg, mass_g) == int(exact.quantize(Decimal(1), ROUND_HALF_EVEN))


@given(st.integers(0, 10**7), st.integers(0, 10**5), st.integers(0, 100))
def test_whole_kilograms_cost_exactly(price_fen_per_kg: int, mass_kg: int, loads: int) -> None:
    assert loads * amount_fen(price_fen_per_kg, mass_kg * 1_000) == loads * price_fen_per_kg * mass_kg


@given(st.integers(0, 10**15), st.lists(st.integers(0, 10**9), min_size=1, max_size=20))
def test_a_split_adds_up_and_is_off_by_less_than_one(total: int, weights: list[int]) -> None:
    if sum(weights) == 0:
        weights[0] = 1
    parts = split_by_largest_remainder(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(total * weight, sum(weights))) < 1
        assert weight or not part


@given(st.integers(0, 10**6), st.integers(1, 12))
def test_equal_weights_give_the_remainder_to_the_earlier(total: int, count: int) -> None:
    parts = split_by_largest_remainder(total, [7] * count)
    assert parts == sorted(parts, reverse=True)
    assert parts[0] - parts[-1] <= 1
