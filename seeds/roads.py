"""Road distances between hubs, and the routes on which haulage is traded.

A road distance is the great-circle distance times 1.3. The factor is an assumption of these seeds: it stands in for a
road network, so a distance here is plausible and not the one of any particular road. Great circles that check the
positions: Taiyuan-Lüliang 131 km, Taiyuan-Jinzhong 27 km, Linfen-Changzhi 143 km.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from pyproj import Geod

from participants.model import E7_PER_DEGREE
from seeds.towns import BY_PRODUCT_HUBS, GREEN_HUBS, STATION_HUBS, STORAGE_HUBS, TOWN_OF_HUB

#: Road over great circle, in hundredths.
ROAD_FACTOR_PERCENT = 130
#: Tube trailers are held suitable up to some 200 km; a little beyond keeps Datong within reach of both green hubs.
ROUTE_M_MAX = 220_000

_EARTH = Geod(ellps="WGS84")


@dataclass(frozen=True, slots=True)
class Route:
    """A way from a hub where loads are taken up to a hub where they are set down; the distance is one way."""

    origin: str
    destination: str
    distance_m: int


@cache
def great_circle_m(origin: str, destination: str) -> int:
    """Metres between two hubs as the crow flies. Raises KeyError for an unknown hub."""
    start, end = TOWN_OF_HUB[origin], TOWN_OF_HUB[destination]
    metres: float = _EARTH.inv(
        start.longitude_e7 / E7_PER_DEGREE,
        start.latitude_e7 / E7_PER_DEGREE,
        end.longitude_e7 / E7_PER_DEGREE,
        end.latitude_e7 / E7_PER_DEGREE,
    )[2]
    return round(metres)


def road_m(origin: str, destination: str) -> int:
    """Metres between two hubs by road. Raises KeyError for an unknown hub."""
    return great_circle_m(origin, destination) * ROAD_FACTOR_PERCENT // 100


def _routes() -> tuple[Route, ...]:
    origins = (*BY_PRODUCT_HUBS, *GREEN_HUBS, *STORAGE_HUBS)
    destinations = STATION_HUBS
    pairs = [(origin, destination) for origin in origins for destination in destinations if origin != destination]
    routes = [Route(origin, destination, road_m(origin, destination)) for origin, destination in pairs]
    return tuple(route for route in routes if route.distance_m <= ROUTE_M_MAX)


#: Every route on which haulage is traded, by origin and then by destination in the order of the towns.
ROUTES: tuple[Route, ...] = _routes()
