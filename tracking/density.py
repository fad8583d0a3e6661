"""The density of gaseous hydrogen, and with it the mass in a vessel of known pressure and temperature.

The short form of NIST (Lemmon, Huber, Leachman, J. Res. NIST 113, 2008): the compressibility factor is

    Z(p, T) = 1 + sum of a_i (100 K / T)^b_i (p / 1 MPa)^c_i

with nine terms, within 0.01 % of the full equation of state at 220 to 1000 K up to 70 MPa. The table below is checked
against the five points that the paper publishes; copies with wrong powers of ten are in circulation.

The exponents are real numbers, so the formula is in floating point. Its result is rounded to whole grams once, when a
reading is recorded; from then on the event carries the grams and nothing is computed again.
"""

from __future__ import annotations

import math

#: (a, b, c) of the nine terms.
TERMS = (
    (0.05888460, 1.325, 1.0),
    (-0.06136111, 1.87, 1.0),
    (-0.002650473, 2.5, 2.0),
    (0.002731125, 2.8, 2.0),
    (0.001802374, 2.938, 2.42),
    (-0.001150707, 3.14, 2.63),
    (0.9588528e-4, 3.37, 3.0),
    (-0.1109040e-6, 3.75, 4.0),
    (0.1264403e-9, 4.0, 5.0),
)
MOLAR_MASS_G_PER_MOL = 2.01588
GAS_CONSTANT_J_PER_MOL_K = 8.314472

#: Where the form holds. Vessels on the road stay inside by far.
TEMPERATURE_MK_MIN = 220_000
TEMPERATURE_MK_MAX = 1_000_000
PRESSURE_PA_MAX = 70_000_000

#: A vessel's capacity is stated at its highest pressure and 15 °C.
REFERENCE_TEMPERATURE_MK = 288_150

_LITRES_PER_M3 = 1_000


def compressibility(pressure_pa: int, temperature_mk: int) -> float:
    """Z of hydrogen; 1.0 for an ideal gas. ``temperature_mk`` > 0; accuracy holds inside the limits of this module."""
    inverse = 100_000 / temperature_mk
    pressure_mpa = pressure_pa / 1_000_000
    return 1.0 + sum((a * math.pow(inverse, b) * math.pow(pressure_mpa, c) for a, b, c in TERMS), 0.0)


def density_g_per_m3(pressure_pa: int, temperature_mk: int) -> int:
    """Grams in a cubic metre, rounded once. Raises ValueError outside the form's limits."""
    return round(_density(pressure_pa, temperature_mk))


def contents_g(pressure_pa: int, temperature_mk: int, water_volume_l: int) -> int:
    """Grams in a vessel of ``water_volume_l`` at an absolute pressure, rounded once. Raises ValueError like above."""
    return round(_density(pressure_pa, temperature_mk) * water_volume_l / _LITRES_PER_M3)


def capacity_g(max_pressure_pa: int, water_volume_l: int) -> int:
    """What a vessel holds at its highest pressure and 15 °C."""
    return contents_g(max_pressure_pa, REFERENCE_TEMPERATURE_MK, water_volume_l)


def _density(pressure_pa: int, temperature_mk: int) -> float:
    if not 0 <= pressure_pa <= PRESSURE_PA_MAX:
        raise ValueError(f"{pressure_pa} Pa is outside 0 to {PRESSURE_PA_MAX} Pa")
    if not TEMPERATURE_MK_MIN <= temperature_mk <= TEMPERATURE_MK_MAX:
        raise ValueError(f"{temperature_mk} mK is outside {TEMPERATURE_MK_MIN} to {TEMPERATURE_MK_MAX} mK")
    temperature_k = temperature_mk / 1_000
    ideal = pressure_pa * MOLAR_MASS_G_PER_MOL / (GAS_CONSTANT_J_PER_MOL_K * temperature_k)
    return ideal / compressibility(pressure_pa, temperature_mk)
