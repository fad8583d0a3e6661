"""What instruments show of what is there: flow meters, weighbridges, and the gauges of a trailer.

Each instrument errs in its own way, by a bias that it keeps and by a little each time, and stays within 1.2 times the
uncertainty of its certificate: two honest readings of one load then agree within the tolerance, which is twice the
uncertainty of both together. The true masses are known to the simulation alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

from kernel.quantity import format_mass
from seeds.companies import Trailer
from tracking.density import contents_g as contents_at
from tracking.quantities import format_pressure, format_temperature

Reading = dict[str, str]

#: Standard uncertainty of a certificate, in ppm of what the instrument shows.
UNCERTAINTY_PPM = {"flow": 5_000, "weighbridge": 50, "gauge": 5_000}
#: Of its uncertainty, the most that an instrument is off for good, and the most that it is off by chance.
BIAS_PERCENT, CHANCE_PERCENT = 90, 30

#: A lorry with an empty trailer, driver and fuel.
TARE_G = 38_600_000
_PPM = 1_000_000


@dataclass(slots=True)
class Instrument:
    """A registered meter. ``counted_g`` is where a flow meter's totaliser stands."""

    meter_id: str
    kind: Literal["flow", "weighbridge", "gauge"]
    bias_ppm: int
    counted_g: int = 0

    def shown_g(self, rng: Random, true_g: int) -> int:
        """What it makes of a true mass."""
        chance = UNCERTAINTY_PPM[self.kind] * CHANCE_PERCENT // 100
        return true_g + true_g * (self.bias_ppm + rng.randint(-chance, chance)) // _PPM

    def read(self, rng: Random, passed_g: int, *, set_down: bool) -> Reading:
        """A flow meter's or weighbridge's reading of a mass that passed; ``set_down``: off the lorry, not onto it."""
        if self.kind == "flow":
            before_g = self.counted_g
            self.counted_g += self.shown_g(rng, passed_g)
            return self._masses(before_g, self.counted_g)
        empty_g, full_g = self.shown_g(rng, TARE_G), self.shown_g(rng, TARE_G + passed_g)
        return self._masses(full_g, empty_g) if set_down else self._masses(empty_g, full_g)

    def _masses(self, before_g: int, after_g: int) -> Reading:
        return {"meter_id": self.meter_id, "before_mass": format_mass(before_g), "after_mass": format_mass(after_g)}


def new_instrument(rng: Random, meter_id: str, kind: Literal["flow", "weighbridge", "gauge"]) -> Instrument:
    """An instrument with an error of its own."""
    bias = UNCERTAINTY_PPM[kind] * BIAS_PERCENT // 100
    return Instrument(meter_id, kind, rng.randint(-bias, bias), rng.randint(0, 9_999_999_999) if kind == "flow" else 0)


@dataclass(slots=True)
class Truck:
    """A trailer with its lorry and its gauge; ``contents_g`` is what is truly in it."""

    trailer: Trailer
    gauge: Instrument
    contents_g: int
    is_out: bool = False

    def heel_g(self) -> int:
        """What stays in it when it is emptied down to the pressure of its heel."""
        return _contents(self.trailer, self.trailer.heel_pressure_pa, self.trailer.heel_temperature_mk)

    def gauge_change(self, rng: Random, after_g: int, *, shown_percent: int = 100) -> Reading:
        """The gauge before and after the contents become ``after_g``, which they then are. Gas that was pressed in is
        warm, gas that was let out is cold. ``shown_percent`` below 100: the gauge is misread."""
        warm = after_g > self.contents_g
        before = self._gauged(rng, rng.randint(276_000, 283_000), self.contents_g)
        self.contents_g = after_g
        temperature_mk = rng.randint(283_000, 287_000) if warm else rng.randint(268_000, 275_000)
        after = self._gauged(rng, temperature_mk, after_g * shown_percent // 100)
        return {
            "meter_id": self.gauge.meter_id,
            **{f"before_{name}": value for name, value in before.items()},
            **{f"after_{name}": value for name, value in after.items()},
        }

    def sensors(self, rng: Random) -> Reading:
        """Pressure and temperature as the terminal on the trailer sends them."""
        return self._gauged(rng, rng.randint(276_000, 284_000), self.contents_g)

    def _gauged(self, rng: Random, temperature_mk: int, contents_g: int) -> Reading:
        shown_g = self.gauge.shown_g(rng, contents_g)
        pressure_pa = pressure_of(self.trailer, shown_g, temperature_mk)
        return {
            "pressure": format_pressure(pressure_pa),
            "temperature": format_temperature(temperature_mk),
        }


def new_truck(rng: Random, trailer: Trailer, meter_id: str) -> Truck:
    """A truck with the heel in its trailer."""
    truck = Truck(trailer, new_instrument(rng, meter_id, "gauge"), 0)
    truck.contents_g = truck.heel_g()
    return truck


def pressure_of(trailer: Trailer, mass_g: int, temperature_mk: int) -> int:
    """The least pressure at which the trailer holds ``mass_g``, in Pa; no more than it bears."""
    low_pa, high_pa = 0, trailer.max_pressure_pa
    while low_pa < high_pa:
        middle_pa = (low_pa + high_pa) // 2
        if _contents(trailer, middle_pa, temperature_mk) < mass_g:
            low_pa = middle_pa + 1
        else:
            high_pa = middle_pa
    return low_pa


def _contents(trailer: Trailer, pressure_pa: int, temperature_mk: int) -> int:
    return contents_at(pressure_pa, temperature_mk, trailer.water_volume_l)
