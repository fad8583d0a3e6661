"""The products of a market day: what is listed on ``day`` for delivery on the day after.

Two windows: A from 06:00 to 14:00 and B from 14:00 to 22:00 of the market's zone; C, the night that follows, is traded
in a few books alone (`seeds.night`). Ids are made of the terms, such as
``HAUL-QINGXU-TAIYUAN-TUBE20-20260106A``. The caps are far above any opinion: they catch typing errors and bound what an
order can reserve (consumption-side indices of 2022-23 lay at 55 to 73 CNY/kg).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from kernel.clock import day_bounds_us
from kernel.quantity import MICROS_PER_S
from seeds.containers import CONTAINER_CLASSES, TUBE20, ContainerClass
from seeds.prices import PRICE_TICK_FEN
from seeds.roads import ROUTES
from seeds.towns import BY_PRODUCT_HUBS, GREEN_HUBS, STATION_HUBS, STORAGE_HUBS

Window = Literal["A", "B", "C"]
Kind = Literal["ex_works", "delivered", "haulage"]

#: Hours of the market's zone at which the windows begin and end.
WINDOW_HOURS: dict[Window, tuple[int, int]] = {"A": (6, 14), "B": (14, 22)}
#: The night ends at 06:00 of the day after.
NIGHT_HOURS = (22, 30)
#: Hydrogen for fuel-cell vehicles: the quality that every load of this market is held to.
GRADE = "GB/T 37244-2018"
PRICE_MAX_FEN: dict[Kind, int] = {"ex_works": 6_000, "delivered": 8_000, "haulage": 4_000}
#: More than one plant loads in a window.
LOADS_PER_ORDER_MAX = 20

#: Hubs with filling and unloading for composite trailers; at all others steel ones are traded alone.
TUBE30_ORIGINS = ("QINGXU", "XIAOYI", "SHUOZHOU")
TUBE30_DESTINATIONS = ("TAIYUAN", "LULIANG", "DATONG")


@dataclass(frozen=True, slots=True)
class ProductTerms:
    """The terms of a product; the fields are those of the exchange's ListProduct, in order."""

    product_id: str
    kind: Kind
    hub: str
    destination_hub: str  # "" unless haulage
    container_class: str
    grade: str
    nominal_mass_g: int
    maximum_mass_g: int
    window_start: int
    window_end: int
    price_tick_fen: int
    price_max_fen: int
    loads_max: int


def window_us(delivery_day: date, window: Window) -> tuple[int, int]:
    """Start and end of a window in UTC microseconds."""
    midnight = day_bounds_us(delivery_day)[0]
    opens, closes = WINDOW_HOURS.get(window, NIGHT_HOURS)
    return midnight + opens * 3_600 * MICROS_PER_S, midnight + closes * 3_600 * MICROS_PER_S


def product_id(kind: Kind, hub: str, destination: str, container: str, delivery_day: date, window: Window) -> str:
    """The id of the product with these terms."""
    places = {"ex_works": f"EXW-{hub}", "delivered": f"DLV-{hub}", "haulage": f"HAUL-{hub}-{destination}"}[kind]
    return f"{places}-{container}-{delivery_day:%Y%m%d}{window}"


def products(day: date) -> tuple[ProductTerms, ...]:
    """All products that are listed on ``day``, for delivery on the day after."""
    return tuple(_products(day + timedelta(days=1)))


def _products(delivery_day: date) -> Iterator[ProductTerms]:
    for window in WINDOW_HOURS:
        for container in CONTAINER_CLASSES:
            for kind, hub, destination in _places(container):
                yield terms_of(kind, hub, destination, container, delivery_day, window)


def _places(container: ContainerClass) -> Iterator[tuple[Kind, str, str]]:
    steel = container is TUBE20
    origins = (*BY_PRODUCT_HUBS, *GREEN_HUBS, *STORAGE_HUBS) if steel else TUBE30_ORIGINS
    destinations = STATION_HUBS if steel else TUBE30_DESTINATIONS
    for hub in origins:
        yield "ex_works", hub, ""
    for hub in destinations:
        yield "delivered", hub, ""
    for route in ROUTES:
        if route.origin in origins and route.destination in destinations:
            yield "haulage", route.origin, route.destination


def terms_of(
    kind: Kind, hub: str, destination: str, container: ContainerClass, delivery_day: date, window: Window
) -> ProductTerms:
    """The terms of a product; ``destination`` is "" unless it is haulage."""
    start, end = window_us(delivery_day, window)
    return ProductTerms(
        product_id(kind, hub, destination, container.code, delivery_day, window),
        kind,
        hub,
        destination,
        container.code,
        GRADE,
        container.nominal_mass_g,
        container.maximum_mass_g,
        start,
        end,
        PRICE_TICK_FEN,
        PRICE_MAX_FEN[kind],
        LOADS_PER_ORDER_MAX,
    )
