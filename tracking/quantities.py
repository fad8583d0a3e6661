"""Pressures, temperatures, positions and speeds at the edge, and refusals in the caller's own words.

| quantity    | inside | at the edge          |
| pressure    | Pa     | MPa, 6 decimals      |
| temperature | mK     | °C, 3 decimals       |
| position    | 10^-7° | degrees as a number  |
| speed       | m/h    | km/h as a number     |
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from kernel.clock import to_text
from kernel.errors import H2MarketError, InvalidInput
from kernel.quantity import WHOLE_DIGITS_MAX, decimal_pattern, format_decimal, format_mass, parse_decimal

PRESSURE_DIGITS, TEMPERATURE_DIGITS = 6, 3
ICE_POINT_MK = 273_150
E7_PER_DEGREE = 10_000_000
M_PER_KM = 1_000

_PRESSURE = re.compile(decimal_pattern(PRESSURE_DIGITS), re.ASCII)


def parse_pressure(text: object) -> int:
    """MPa text to Pa. Raises InvalidInput."""
    if not isinstance(text, str) or _PRESSURE.fullmatch(text) is None or text.endswith("\n"):
        raise InvalidInput(
            "pressure",
            "decimal_string",
            f'Write MPa as a non-negative decimal string such as "20.0", with at most {PRESSURE_DIGITS} decimals and '
            f"{WHOLE_DIGITS_MAX} whole digits.",
            f'请以非负十进制字符串书写 MPa，例如 "20.0"，小数最多 {PRESSURE_DIGITS} 位，'
            f"整数最多 {WHOLE_DIGITS_MAX} 位。",
        )
    whole, _, fraction = text.partition(".")
    return int(whole + fraction.ljust(PRESSURE_DIGITS, "0"))


def format_pressure(pressure_pa: int) -> str:
    """Pa to MPa text."""
    return format_decimal(pressure_pa, PRESSURE_DIGITS)


def parse_temperature(text: object) -> int:
    """°C text to mK. Raises InvalidInput."""
    return parse_decimal(text, TEMPERATURE_DIGITS, field="temperature", signed=True) + ICE_POINT_MK


def format_temperature(temperature_mk: int) -> str:
    """mK to °C text."""
    return format_decimal(temperature_mk - ICE_POINT_MK, TEMPERATURE_DIGITS)


def _reader(parse: Callable[[object], int]) -> BeforeValidator:
    def read(value: object) -> int:
        try:
            return parse(value)
        except InvalidInput as error:
            raise PydanticCustomError(
                "decimal_string", "{message}", {"message": error.sentence("en"), "error": error}
            ) from error

    return BeforeValidator(read)


def _schema(digits: int, example: str, unit: str, *, signed: bool = False) -> dict[str, Any]:
    pattern = decimal_pattern(digits, signed=signed)
    return {"type": "string", "pattern": pattern, "examples": [example], "description": unit}


_PRESSURE_SCHEMA = _schema(PRESSURE_DIGITS, "20.000000", "MPa, absolute")
_TEMPERATURE_SCHEMA = _schema(TEMPERATURE_DIGITS, "15.000", "°C", signed=True)

PressureIn = Annotated[int, _reader(parse_pressure), WithJsonSchema(_PRESSURE_SCHEMA, mode="validation")]
PressureOut = Annotated[
    int, PlainSerializer(format_pressure, return_type=str), WithJsonSchema(_PRESSURE_SCHEMA, mode="serialization")
]
TemperatureIn = Annotated[int, _reader(parse_temperature), WithJsonSchema(_TEMPERATURE_SCHEMA, mode="validation")]
TemperatureOut = Annotated[
    int, PlainSerializer(format_temperature, return_type=str), WithJsonSchema(_TEMPERATURE_SCHEMA, mode="serialization")
]


def degrees(value_e7: int) -> float:
    """10^-7 degrees to degrees."""
    return value_e7 / E7_PER_DEGREE


def degrees_e7(value: float) -> int:
    """Degrees to 10^-7 degrees, about a centimetre."""
    return round(value * E7_PER_DEGREE)


def km_per_h(speed_m_per_h: int) -> float:
    """m/h to km/h."""
    return speed_m_per_h / M_PER_KM


def m_per_h(speed_km_h: float) -> int:
    """km/h to m/h."""
    return round(speed_km_h * M_PER_KM)


#: How a field of the machine is called at the edge, and how its figures are written there.
_SUFFIXES: tuple[tuple[str, str, Callable[[int], str]], ...] = (
    ("mass_g", "mass", format_mass),
    ("pressure_pa", "pressure", format_pressure),
    ("temperature_mk", "temperature", format_temperature),
    ("latitude_e7", "latitude", lambda value: str(degrees(value))),
    ("longitude_e7", "longitude", lambda value: str(degrees(value))),
    ("speed_m_per_h", "speed_km_h", lambda value: str(km_per_h(value))),
    ("inspection_due_at", "inspection_due", to_text),
    ("sampled_at", "sampled_at", to_text),
    ("participant_id", "Authorization", str),
)


def as_written(refusal: H2MarketError) -> None:
    """Turns the field that a refusal names, and the figures of a range, into what the caller reads and writes."""
    if refusal.field is None:
        return
    for inside, outside, write in _SUFFIXES:
        if refusal.field.endswith(inside):
            refusal.field = refusal.field.removesuffix(inside) + outside
            if "what" in refusal.params:
                figures = {name: write(int(refusal.params[name])) for name in ("value", "minimum", "maximum")}
                refusal.params = {**refusal.params, "what": refusal.field, **figures}
            return
