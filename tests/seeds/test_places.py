"""Towns, roads and opinions on prices against the figures they are said to follow."""

from __future__ import annotations

import pytest

from seeds.prices import PRICE_TICK_FEN, delivered, ex_works, haulage, on_tick
from seeds.roads import ROUTE_M_MAX, ROUTES, great_circle_m, road_m
from seeds.towns import BY_PRODUCT_HUBS, GREEN_HUBS, STATION_HUBS, STORAGE_HUBS, TOWN_OF_HUB, TOWNS


def test_towns_lie_in_shanxi() -> None:
    assert len(TOWN_OF_HUB) == len(TOWNS) == 14
    for town in TOWNS:
        assert 34_500_000_0 < town.latitude_e7 < 40_800_000_0
        assert 110_200_000_0 < town.longitude_e7 < 114_600_000_0


def test_every_town_has_a_part_in_the_market() -> None:
    assert {*BY_PRODUCT_HUBS, *GREEN_HUBS, *STORAGE_HUBS, *STATION_HUBS} == {*TOWN_OF_HUB}


@pytest.mark.parametrize(
    ("origin", "destination", "km"),
    [
        ("TAIYUAN", "LULIANG", 131),
        ("TAIYUAN", "JINZHONG", 27),
        ("TAIYUAN", "LINFEN", 219),
        ("TAIYUAN", "CHANGZHI", 194),
        ("TAIYUAN", "DATONG", 255),
        ("LINFEN", "CHANGZHI", 143),
        ("LULIANG", "LINFEN", 163),
    ],
)
def test_great_circles(origin: str, destination: str, km: int) -> None:
    """Known distances were taken on a sphere, which differs from the ellipsoid by up to 0.6 %."""
    assert abs(great_circle_m(origin, destination) - 1_000 * km) <= 500 + 6 * km
    assert road_m(origin, destination) == great_circle_m(origin, destination) * 13 // 10


def test_routes_are_within_reach_and_serve_every_station_hub() -> None:
    assert {route.destination for route in ROUTES} == {*STATION_HUBS}
    for route in ROUTES:
        assert route.origin != route.destination
        assert 0 < route.distance_m <= ROUTE_M_MAX
        assert route.distance_m == road_m(route.origin, route.destination)


@pytest.mark.parametrize(
    ("origin", "destination", "fen"),
    # 3.80 CNY/kg + 0.03 CNY/kg per km, to the tick
    [("TAIYUAN", "JINZHONG", 485), ("QINGXU", "TAIYUAN", 515), ("YUANPING", "DATONG", 1_005)],
)
def test_haulage_follows_the_distance(origin: str, destination: str, fen: int) -> None:
    opinion = haulage(origin, destination)
    assert opinion.middle_fen_per_kg == fen
    assert opinion.low_fen_per_kg < fen < opinion.high_fen_per_kg


def test_ex_works_ranges() -> None:
    for hub in BY_PRODUCT_HUBS:
        assert (ex_works(hub).low_fen_per_kg, ex_works(hub).high_fen_per_kg) == (1_500, 2_500)
    for hub in GREEN_HUBS:
        assert (ex_works(hub).low_fen_per_kg, ex_works(hub).high_fen_per_kg) == (2_500, 3_500)


def test_delivered_is_the_cheapest_sum() -> None:
    for hub in STATION_HUBS:
        plants = [route.origin for route in ROUTES if route.destination == hub and route.origin not in STORAGE_HUBS]
        sums = [ex_works(plant).middle_fen_per_kg + haulage(plant, hub).middle_fen_per_kg for plant in plants]
        assert delivered(hub).middle_fen_per_kg == min(sums)


def test_opinions_are_ordered_on_the_tick_and_say_their_source() -> None:
    opinions = [ex_works(hub) for hub in (*BY_PRODUCT_HUBS, *GREEN_HUBS, *STORAGE_HUBS)]
    opinions += [delivered(hub) for hub in STATION_HUBS] + [
        haulage(route.origin, route.destination) for route in ROUTES
    ]
    for opinion in opinions:
        assert 0 < opinion.low_fen_per_kg <= opinion.middle_fen_per_kg <= opinion.high_fen_per_kg
        assert opinion.middle_fen_per_kg % PRICE_TICK_FEN == 0
        assert opinion.source


def test_nothing_is_known_of_places_that_do_not_trade() -> None:
    with pytest.raises(KeyError):
        ex_works("LINFEN")
    with pytest.raises(KeyError):
        delivered("XIAOYI")
    with pytest.raises(KeyError):
        road_m("TAIYUAN", "ATLANTIS")


@pytest.mark.parametrize(("price", "tick"), [(1_001, 1_000), (1_003, 1_005), (1_000, 1_000)])
def test_tick(price: int, tick: int) -> None:
    assert on_tick(price) == tick
