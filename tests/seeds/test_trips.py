"""Trips: inside their window, on full ticks, along the road."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.clock import from_text
from kernel.quantity import MICROS_PER_S
from seeds.day import NEXT
from seeds.products import window_us
from seeds.roads import ROUTES, road_m
from seeds.trips import EARLY_MIN, MINUTE_US, TICK_US, filled_g, fix, fix_times, on_tick, plan_trip

_ROUTES = st.sampled_from(ROUTES)


@given(st.integers(), _ROUTES, st.sampled_from(("A", "B")))
def test_a_planned_trip_keeps_its_window(seed: int, route: object, window: str) -> None:
    assert isinstance(route, type(ROUTES[0]))
    start, end = window_us(NEXT, window)  # type: ignore[arg-type]
    plan = plan_trip(Random(seed), route.origin, route.destination, start, end)
    assert start - EARLY_MIN * MINUTE_US <= plan.fill_at < plan.depart_at < plan.arrive_at < plan.empty_at <= end
    assert {at % TICK_US for at in (plan.fill_at, plan.depart_at, plan.arrive_at, plan.empty_at)} == {0}
    hours = (plan.arrive_at - plan.depart_at) / (3_600 * MICROS_PER_S)
    assert 20 < road_m(route.origin, route.destination) / 1_000 / hours < 55


def test_a_trip_is_a_function_of_its_chance() -> None:
    start, end = window_us(NEXT, "A")
    trips = [plan_trip(Random(seed), "QINGXU", "TAIYUAN", start, end) for seed in (1, 1, 2)]
    assert trips[0] == trips[1] != trips[2]


def test_a_trip_that_is_moved_or_held_up() -> None:
    plan = plan_trip(Random(1), "QINGXU", "TAIYUAN", *window_us(NEXT, "A"))
    later = plan.later(30)
    assert (later.fill_at - plan.fill_at, later.empty_at - plan.empty_at) == (30 * MINUTE_US, 30 * MINUTE_US)
    held_up = plan.arriving(plan.arrive_at + TICK_US)
    assert held_up.depart_at == plan.depart_at
    assert held_up.empty_at - held_up.arrive_at == plan.empty_at - plan.arrive_at


@pytest.mark.parametrize(("at", "tick"), [(0, 0), (1, TICK_US), (TICK_US, TICK_US), (TICK_US + 1, 2 * TICK_US)])
def test_ticks(at: int, tick: int) -> None:
    assert on_tick(at) == tick


def test_fixes_lead_from_plant_to_station() -> None:
    plan = plan_trip(Random(1), "XIAOYI", "TAIYUAN", *window_us(NEXT, "A"))
    start, end = (371_000_000, 1_117_000_000), (378_000_000, 1_125_000_000)
    times = fix_times(plan.depart_at, plan.arrive_at)
    fixes = [fix(at, plan, start, end, 150_000) for at in times]
    assert (times[0], times[-1]) == (plan.depart_at, plan.arrive_at)
    assert [from_text(one["fix_time"]) for one in fixes] == sorted(set(times))
    assert (fixes[0]["latitude"], fixes[0]["longitude"]) == (37.1, 111.7)
    assert (fixes[-1]["latitude"], fixes[-1]["longitude"]) == (37.8, 112.5)
    assert [one["latitude"] for one in fixes] == sorted(one["latitude"] for one in fixes)
    assert fixes[0]["speed_km_h"] == fixes[-1]["speed_km_h"] == 0.0
    hours = (plan.arrive_at - plan.depart_at) / (3_600 * MICROS_PER_S)
    assert abs(fixes[1]["speed_km_h"] - 150 / hours) < 0.01


def test_a_plant_fills_no_more_than_the_product_allows() -> None:
    assert filled_g(Random(1), 280_000, 281_000) == 281_000
    assert 280_000 < filled_g(Random(1), 280_000, 294_000) < 294_000
