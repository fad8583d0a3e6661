"""Money, prices and masses: integers inside, exact decimal strings at the edge.

| quantity | inside          | at the edge        |
| money    | fen             | CNY, 2 decimals    |
| price    | fen per kg      | CNY/kg, 2 decimals |
| mass     | g               | kg, 3 decimals     |

No binary float is ever parsed, summed or compared here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from kernel.errors import InvalidInput

GRAMS_PER_KG = 1_000
FEN_PER_CNY = 100
MICROS_PER_S = 1_000_000

#: The largest whole part an edge string may have. Twelve digits of CNY are 10^14 fen: products of a
#: price and a mass of a load stay far inside a signed 64-bit column.
WHOLE_DIGITS_MAX = 12


def decimal_pattern(digits: int, *, signed: bool = False) -> str:
    """The regular expression of an edge string with at most ``digits`` decimals."""
    sign = "-?" if signed else ""
    fraction = rf"(\.[0-9]{{1,{digits}}})?" if digits else ""
    return rf"^{sign}(0|[1-9][0-9]{{0,{WHOLE_DIGITS_MAX - 1}}}){fraction}$"


_UNSIGNED = {digits: re.compile(decimal_pattern(digits), re.ASCII) for digits in (0, 2, 3)}
_SIGNED = {digits: re.compile(decimal_pattern(digits, signed=True), re.ASCII) for digits in (0, 2, 3)}


def parse_decimal(text: object, digits: int, *, field: str = "", signed: bool = False) -> int:
    """``"35.2"`` with 2 digits gives 3520. Refuses floats, signs, exponents, blanks and over-precision.

    Raises InvalidInput with the rule ``decimal_string`` or ``precision``.
    """
    if not isinstance(text, str):
        raise InvalidInput(
            field,
            "decimal_string",
            'Write a decimal string such as "35.20", not a number.',
            '请写十进制字符串，例如 "35.20"，而不是数字。',
        )
    pattern = (_SIGNED if signed else _UNSIGNED)[digits]
    if pattern.fullmatch(text) is None or text.endswith("\n"):
        raise InvalidInput(
            field,
            "decimal_string",
            f"Write a {'' if signed else 'non-negative '}decimal string with at most "
            f"{digits} decimals and {WHOLE_DIGITS_MAX} whole digits.",
            f"请写{'' if signed else '非负'}十进制字符串，小数最多 {digits} 位，整数最多 {WHOLE_DIGITS_MAX} 位。",
        )
    whole, _, fraction = text.partition(".")
    scale: int = 10**digits
    magnitude = int(whole.lstrip("-")) * scale + int(fraction.ljust(digits, "0") or "0")
    return -magnitude if text.startswith("-") else magnitude


def format_decimal(value: int, digits: int) -> str:
    """3520 with 2 digits gives ``"35.20"``."""
    sign = "-" if value < 0 else ""
    whole, fraction = divmod(abs(value), 10**digits)
    return f"{sign}{whole}.{fraction:0{digits}d}" if digits else f"{sign}{whole}"


def parse_money(text: object, *, field: str = "amount") -> int:
    """CNY text to fen."""
    return parse_decimal(text, 2, field=field)


def format_money(amount_fen: int) -> str:
    """Fen to CNY text."""
    return format_decimal(amount_fen, 2)


def parse_price(text: object, *, field: str = "price") -> int:
    """CNY/kg text to fen per kg."""
    return parse_decimal(text, 2, field=field)


def format_price(price_fen_per_kg: int) -> str:
    """Fen per kg to CNY/kg text."""
    return format_decimal(price_fen_per_kg, 2)


def parse_mass(text: object, *, field: str = "mass") -> int:
    """Kg text to grams."""
    return parse_decimal(text, 3, field=field)


def format_mass(mass_g: int) -> str:
    """Grams to kg text."""
    return format_decimal(mass_g, 3)


def divide_half_even(numerator: int, denominator: int) -> int:
    """The integer nearest to ``numerator / denominator``, ties to the even one. ``denominator`` > 0."""
    assert denominator > 0
    quotient, remainder = divmod(numerator, denominator)
    twice = 2 * remainder
    if twice > denominator or (twice == denominator and quotient % 2 == 1):
        return quotient + 1
    return quotient


def amount_fen(price_fen_per_kg: int, mass_g: int) -> int:
    """What ``mass_g`` costs, in fen, rounded once, half to even."""
    return divide_half_even(price_fen_per_kg * mass_g, GRAMS_PER_KG)


def split_by_largest_remainder(total: int, weights: Sequence[int]) -> list[int]:
    """Parts of ``total`` in proportion to ``weights`` that add up to ``total`` exactly.

    Ties of the remainder go to the earlier part. ``total`` >= 0, weights >= 0 with a positive sum.
    """
    whole = sum(weights)
    assert total >= 0 and whole > 0 and all(weight >= 0 for weight in weights)
    parts = [total * weight // whole for weight in weights]
    remainders = [total * weight % whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda index: (-remainders[index], index))
    for index in by_remainder[: total - sum(parts)]:
        parts[index] += 1
    assert sum(parts) == total
    return parts
