"""Capacities lie in memory: how many of them a participant may have there."""

from __future__ import annotations

import pytest

from exchange import commands as c
from exchange.capacity_errors import WindowsTooMany
from exchange.model import WINDOWS_MAX
from tests.exchange.scenarios import WINDOW_START, Scenario


def test_a_participant_has_capacities_of_so_many_windows_and_no_more() -> None:
    scenario = Scenario()
    for number in range(1, WINDOWS_MAX):  # one it has from the opening
        command = c.SetCapacity("Q1", "hydrogen", WINDOW_START + number, 1)
        scenario.machine.apply(command, scenario.now, len(scenario.log) + number)
    with pytest.raises(WindowsTooMany) as refused:
        scenario.apply(c.SetCapacity("Q1", "hydrogen", WINDOW_START - 1, 1))
    assert (refused.value.field, refused.value.params) == ("window_start", {"most": WINDOWS_MAX})
    assert scenario.run("windows Q1") == str(WINDOWS_MAX)
    assert scenario.run("capacity Q1 hydrogen 7 0") == "CapacitySet"
    assert scenario.run("capacity S1 hydrogen 7 1") == "CapacitySet"
