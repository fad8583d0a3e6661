"""The short form: one kill on each store."""

from __future__ import annotations

from tests.crash.rounds import run_rounds


def test_nothing_acknowledged_is_lost(database_url: str) -> None:
    tally = run_rounds(database_url, rounds=1, seed=7)
    assert tally.acked > 0
    assert (tally.lost, tally.doubled, tally.verified) == ([], [], True), tally.problems
