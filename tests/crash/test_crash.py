"""The short form: one kill on each store."""

from __future__ import annotations

import pytest

from tests.crash.rounds import run_rounds

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(300)]


def test_nothing_acknowledged_is_lost_and_nothing_is_done_twice(database_url: str) -> None:
    tally = run_rounds(database_url, rounds=1, seed=7)
    assert tally.acked > 0
    assert (tally.lost, tally.doubled, tally.problems, tally.verified) == ([], [], [], True)
