"""The benchmark's flow, made with a book of its own, ends in the same way in the exchange."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks import variants
from benchmarks.core import rehearse, run_core
from benchmarks.flow import SHAPES, make_flow
from tools.compile_core import ROOT


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_the_exchange_ends_a_flow_as_the_flow_s_own_book_does(shape: str) -> None:
    steps, expected = make_flow(shape, 3_000)
    commands, outcome, digest = rehearse(steps)
    assert outcome == expected
    assert outcome.trades > 300
    assert run_core(commands, digest) > 0


def test_another_process_says_what_it_runs_and_takes_its_turns() -> None:
    steps, _ = make_flow("near", 3_000)
    _, _, digest = rehearse(steps)
    command = [sys.executable, "-m", "benchmarks.core", "--shape", "near", "--serve", "3000"]
    done = subprocess.run(command, cwd=ROOT, input="run\nrun\n", stdout=subprocess.PIPE, text=True, check=True)
    first, *seconds = done.stdout.splitlines()
    assert first.split() == [variants.OWN.replace(" ", "-"), digest]
    assert [float(one) > 0 for one in seconds] == [True, True]
