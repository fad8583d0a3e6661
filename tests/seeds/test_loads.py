"""The scenes of the day and its agenda."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest

from seeds.deliveries import Agenda
from seeds.loads import SCENES, Load
from seeds.loads import cast as cast_scenes
from seeds.pace import Pace
from seeds.trips import Plan


def _load(number: int, window_end: int) -> Load:
    nobody: Any = None
    plan = Plan(0, 1, 2, 3)
    return Load(f"S{number}-1", nobody, nobody, nobody, "TUBE20", "A", "B", window_end, 1, 1, plan, Random(number))


def test_every_scene_befalls_one_load_of_the_morning() -> None:
    loads = [_load(number, 14 if number % 2 else 22) for number in range(60)]
    cast_scenes(Random(1), loads)
    played = [load for load in loads if load.scene]
    assert sorted(load.scene or "" for load in played) == sorted(SCENES)
    assert {load.window_end for load in played} == {14}


def test_a_day_without_enough_loads_is_refused() -> None:
    with pytest.raises(ValueError, match="larger than population"):
        cast_scenes(Random(1), [_load(number, 14) for number in range(len(SCENES) - 1)])


def test_the_agenda_keeps_time_and_then_order_and_takes_what_comes_up() -> None:
    moves: list[int] = []
    pace = SimpleNamespace(now_us=5)

    def move(now_us: int) -> None:
        moves.append(now_us)
        pace.now_us = now_us

    pace.move = move
    done: list[str] = []
    agenda = Agenda()
    first, second, third = (_load(number, 14) for number in (1, 2, 3))

    def note(load: Load) -> None:
        done.append(load.shipment_id)
        if load is second:
            agenda.add(10, note, third)

    agenda.add(20, note, first)
    agenda.add(10, note, second)
    agenda.add(20, note, second)
    agenda.add(5, note, first)
    agenda.run(cast(Pace, pace))
    assert done == ["S1-1", "S2-1", "S3-1", "S1-1", "S2-1", "S3-1"]
    assert moves == [10, 20]
