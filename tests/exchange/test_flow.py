"""The benchmark's flow, made with a book of its own, ends in the same way in the exchange."""

from __future__ import annotations

import pytest

from benchmarks.core import rehearse, run_core
from benchmarks.flow import SHAPES, make_flow


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_the_exchange_ends_a_flow_as_the_flow_s_own_book_does(shape: str) -> None:
    steps, expected = make_flow(shape, 3_000)
    commands, outcome, digest = rehearse(steps)
    assert outcome == expected
    assert outcome.trades > 300
    assert run_core(commands, digest) > 0
