"""Opinions on prices: what the participants of the simulated day believe before they see a book.

Sources, all of them rough and dated: ex works, coke-oven gas of high purity in Shanxi 15 to 25 CNY/kg, unverified
recollection of 2026, beside SMM production costs for Shanxi of 10.9 to 14.1 CNY/kg from coal (2025-08 to 2026-06);
green hydrogen 25 to 35 CNY/kg, from the production-side index of 2022 (about 35 nationally) and the Yangtze delta's
33.69 to 34.17 CNY/kg; haulage 3.8 CNY/kg plus 0.03 CNY/kg per km, a fit through published tube-trailer costs
(5.43 CNY/kg at 50 km and 20.18 at 500 km; 6.3 at 100 km and 16.2 at 500 km). Prices include VAT.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from kernel.quantity import divide_half_even
from seeds.roads import ROUTES, road_m
from seeds.towns import BY_PRODUCT_HUBS, GREEN_HUBS, STATION_HUBS, STORAGE_HUBS

PRICE_TICK_FEN = 5
HAULAGE_BASE_FEN_PER_KG = 380
HAULAGE_FEN_PER_KG_KM = 3
#: What a storage operator asks for keeping a load from the morning to the afternoon. An assumption of these seeds.
STORAGE_FEN_PER_KG = 120

_BY_PRODUCT_SOURCE = (
    "high-purity hydrogen of coke-oven gas in Shanxi, 15-25 CNY/kg ex works, unverified recollection (2026)"
)
_GREEN_SOURCE = "green hydrogen, 25-35 CNY/kg ex works: production-side indices of 2022 below their 35 CNY/kg"
_HAULAGE_SOURCE = "fit of published tube-trailer costs: 3.8 CNY/kg + 0.03 CNY/kg per km"
_SUM_SOURCE = "cheapest ex works opinion plus haulage"
_STORED_SOURCE = "cheapest delivered opinion plus 1.20 CNY/kg for storage, an assumption"


@dataclass(frozen=True, slots=True)
class Opinion:
    """A believed range of a price, ``middle`` inside it, and where it comes from."""

    low_fen_per_kg: int
    middle_fen_per_kg: int
    high_fen_per_kg: int
    source: str


#: Where inside the range a hub's plants lie: the coking towns are cheap, windy Shuozhou is cheaper than Yuanping.
_EX_WORKS: dict[str, Opinion] = {
    "QINGXU": Opinion(1_500, 2_000, 2_500, _BY_PRODUCT_SOURCE),
    "XIAOYI": Opinion(1_500, 1_800, 2_500, _BY_PRODUCT_SOURCE),
    "HONGTONG": Opinion(1_500, 1_900, 2_500, _BY_PRODUCT_SOURCE),
    "LUCHENG": Opinion(1_500, 1_950, 2_500, _BY_PRODUCT_SOURCE),
    "HEJIN": Opinion(1_500, 2_050, 2_500, _BY_PRODUCT_SOURCE),
    "SHUOZHOU": Opinion(2_500, 2_750, 3_500, _GREEN_SOURCE),
    "YUANPING": Opinion(2_500, 2_900, 3_500, _GREEN_SOURCE),
}
assert set(_EX_WORKS) == {*BY_PRODUCT_HUBS, *GREEN_HUBS}


def on_tick(price_fen_per_kg: int) -> int:
    """The nearest price that the products take."""
    return divide_half_even(price_fen_per_kg, PRICE_TICK_FEN) * PRICE_TICK_FEN


@cache
def haulage(origin: str, destination: str) -> Opinion:
    """What hauling a kilogram from hub to hub costs. Raises KeyError for an unknown hub."""
    cost = HAULAGE_BASE_FEN_PER_KG + divide_half_even(HAULAGE_FEN_PER_KG_KM * road_m(origin, destination), 1_000)
    return Opinion(on_tick(cost * 90 // 100), on_tick(cost), on_tick(cost * 120 // 100), _HAULAGE_SOURCE)


def ex_works(hub: str) -> Opinion:
    """What a kilogram costs at the gate of a plant or a storage. Raises KeyError where nothing is sold ex works."""
    if hub in _EX_WORKS:
        return _EX_WORKS[hub]
    if hub not in STORAGE_HUBS:
        raise KeyError(hub)
    bought = delivered(hub)
    return Opinion(
        bought.low_fen_per_kg + STORAGE_FEN_PER_KG,
        bought.middle_fen_per_kg + STORAGE_FEN_PER_KG,
        bought.high_fen_per_kg + STORAGE_FEN_PER_KG,
        _STORED_SOURCE,
    )


@cache
def delivered(hub: str) -> Opinion:
    """What a kilogram costs brought to a hub: from the plant that is cheapest with haulage. Raises KeyError."""
    if hub not in STATION_HUBS:
        raise KeyError(hub)
    origins = [route.origin for route in ROUTES if route.destination == hub and route.origin in _EX_WORKS]
    sums = [(_EX_WORKS[origin], haulage(origin, hub)) for origin in origins]
    gas, carriage = min(sums, key=lambda pair: pair[0].middle_fen_per_kg + pair[1].middle_fen_per_kg)
    return Opinion(
        gas.low_fen_per_kg + carriage.low_fen_per_kg,
        gas.middle_fen_per_kg + carriage.middle_fen_per_kg,
        gas.high_fen_per_kg + carriage.high_fen_per_kg,
        _SUM_SOURCE,
    )
