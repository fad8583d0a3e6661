"""Positions come late, twice and out of order; where a lorry is does not depend on that."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import H2MarketError
from kernel.quantity import MICROS_PER_S
from tests.tracking.scene import HAULIER, NOW, RIVAL, Scene, names, without
from tracking import commands, events
from tracking.model import POSITIONS, VEHICLES, Position, Vehicle
from tracking.positions import AGE_DAYS_MAX, FIXES_MAX, FUTURE_S_MAX

PLATE = "晋A0001"
DAY = 86_400 * MICROS_PER_S


def fix(at: int, latitude: int = 378_000_000, speed: int = 60_000, pressure: int | None = None) -> events.Fix:
    return events.Fix(at, latitude, 1_125_000_000, speed, pressure, None if pressure is None else 288_150)


def report(*fixes: events.Fix, party: str = HAULIER, plate: str = PLATE) -> commands.ReportPositions:
    return commands.ReportPositions(party, plate, fixes)


def test_a_fix_is_stored_once_and_the_same_again_is_no_event() -> None:
    scene = Scene()
    assert names(scene.do(report(fix(NOW)))) == ["PositionsReported"]
    assert scene.do(report(fix(NOW))) == []
    assert scene.do(report(fix(NOW, latitude=1))) == []
    stored = scene.store[POSITIONS][f"{PLATE}@{NOW}"]
    assert isinstance(stored, Position) and stored.latitude_e7 == 378_000_000


def test_only_what_is_new_of_a_batch_is_in_the_event() -> None:
    scene = Scene()
    scene.do(report(fix(NOW - 2), fix(NOW - 1)))
    reported = scene.do(report(fix(NOW - 1), fix(NOW), fix(NOW), fix(NOW - 2)))[0]
    assert reported == events.PositionsReported(PLATE, HAULIER, (fix(NOW),))


def test_a_late_fix_is_stored_but_the_vehicle_stays_where_it_is() -> None:
    scene = Scene()
    scene.do(report(fix(NOW, latitude=1, pressure=20_000_000)))
    scene.do(report(fix(NOW - DAY, latitude=2)))
    vehicle = scene.vehicle(PLATE)
    assert (vehicle.fix_time, vehicle.latitude_e7, vehicle.pressure_pa) == (NOW, 1, 20_000_000)
    assert len(scene.store[POSITIONS]) == 2


@pytest.mark.parametrize(
    ("command", "code", "field"),
    [
        (report(), "out_of_range", "fixes"),
        (report(*[fix(NOW)] * (FIXES_MAX + 1)), "out_of_range", "fixes"),
        (report(fix(NOW), fix(NOW + (FUTURE_S_MAX + 1) * MICROS_PER_S)), "fix_in_future", "fixes.1.fix_time"),
        (report(fix(NOW - AGE_DAYS_MAX * DAY - 1)), "fix_too_old", "fixes.0.fix_time"),
        (report(fix(NOW, latitude=900_000_001)), "out_of_range", "fixes.0.latitude_e7"),
        (report(events.Fix(NOW, 0, -1_800_000_001, 0)), "out_of_range", "fixes.0.longitude_e7"),
        (report(fix(NOW, speed=250_001)), "out_of_range", "fixes.0.speed_m_per_h"),
        (report(fix(NOW, pressure=70_000_001)), "out_of_range", "fixes.0.pressure_pa"),
        (report(events.Fix(NOW, 0, 0, 0, 0, 199_999)), "out_of_range", "fixes.0.temperature_mk"),
        (report(fix(NOW), plate="晋Z0001"), "not_found", "plate"),
        (report(fix(NOW), party=RIVAL), "not_found", "plate"),
    ],
)
def test_it_is_refused(command: commands.ReportPositions, code: str, field: str) -> None:
    scene = Scene()
    with pytest.raises(H2MarketError) as caught:
        scene.do(command)
    assert (caught.value.code, caught.value.field) == (code, field)
    assert "{" not in caught.value.sentence("en") + caught.value.sentence("zh")
    assert POSITIONS not in scene.store


fix_times = st.lists(st.integers(NOW - 50, NOW), min_size=1, max_size=12, unique=True)


@given(fix_times, st.data())
def test_the_order_of_arrival_and_repetition_never_matter(times: list[int], data: st.DataObject) -> None:
    """Any split into batches, in any order, with any repetition, leaves the positions of one batch in order."""
    fixes = [fix(each, latitude=each % 1_000) for each in times]
    straight, shuffled = Scene(furnished=False), Scene(furnished=False)
    for scene in (straight, shuffled):
        scene.do(commands.RegisterVehicle(HAULIER, PLATE))
    straight.do(report(*sorted(fixes, key=lambda each: each.fix_time)))
    arriving = data.draw(st.permutations(fixes + data.draw(st.lists(st.sampled_from(fixes), max_size=6))))
    while arriving:
        size = data.draw(st.integers(1, len(arriving)))
        shuffled.do(report(*arriving[:size]))
        arriving = arriving[size:]
    assert comparable(shuffled) == comparable(straight)
    assert shuffled.replayed() == shuffled.store


def comparable(scene: Scene) -> list[dict[str, object]]:
    """Positions and vehicles but for the place in the log that made them."""
    rows = [scene.store[POSITIONS][key] for key in sorted(scene.store[POSITIONS])]
    vehicle = scene.store[VEHICLES][PLATE]
    assert isinstance(vehicle, Vehicle)
    return [without(row, "event_seq") for row in [*rows, vehicle]]
