"""The two classes of tube trailer in which the fictional market trades.

A load is what a trailer sets down, so the heel that stays in it does not count. With the density of hydrogen at 15 °C
(14.94 kg/m3 at 20 MPa, 21.15 at 30, 3.77 at 4.6, 2.50 at 3.0; Leachman 2009 by CoolProp and the NIST form) a steel
trailer of 26 m3 holds 388 kg at 20 MPa and sets down 290 kg, a composite one of 33 m3 holds 698 kg at 30 MPa and sets
down 615 kg. That carries the usual figures of about 280 kg and 600 kg a load.
"""

from __future__ import annotations

from dataclasses import dataclass

#: A load may turn out heavier than nominal by this much; money is held for the heavier one.
TOLERANCE_PERCENT = 5


@dataclass(frozen=True, slots=True)
class ContainerClass:
    """A class of trailer. Pressures are absolute; the heel is at 15 °C."""

    code: str
    name: str
    name_zh: str
    nominal_mass_g: int
    water_volume_l: int
    max_pressure_pa: int
    heel_pressure_pa: int
    heel_temperature_mk: int

    @property
    def maximum_mass_g(self) -> int:
        """Nominal plus tolerance; whole kilograms, so that a load's hold is an exact number of fen at any price."""
        return self.nominal_mass_g * (100 + TOLERANCE_PERCENT) // 100


TUBE20 = ContainerClass(
    "TUBE20", "Steel tube trailer, 20 MPa", "20 MPa 钢制长管拖车", 280_000, 26_000, 20_000_000, 4_600_000, 288_150
)
TUBE30 = ContainerClass(
    "TUBE30",
    "Composite tube trailer, 30 MPa",
    "30 MPa 复合材料长管拖车",
    600_000,
    33_000,
    30_000_000,
    3_000_000,
    288_150,
)

CONTAINER_CLASSES: tuple[ContainerClass, ...] = (TUBE20, TUBE30)
CONTAINER_CLASS_OF_CODE: dict[str, ContainerClass] = {found.code: found for found in CONTAINER_CLASSES}
