"""Pure and compiled, the core is the same machine. Where it runs compiled, it is held against a pure copy of itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exchange import VARIANT, matching, orders, state
from exchange.book import Ladder
from exchange.machine import ExchangeMachine
from tests.exchange.variant_log import End, decide, replay
from tools.compile_core import MODULES, ROOT, copy_tree

only_compiled = pytest.mark.skipif(VARIANT == "pure", reason="the core runs pure here: see make test-compiled")


@pytest.fixture(scope="module")
def pure(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree without what was compiled."""
    folder = tmp_path_factory.mktemp("pure") / "tree"
    copy_tree(ROOT, folder)
    return folder


def run_in(folder: Path, how: str, log: bytes = b"") -> tuple[list[bytes], End]:
    """The lines that a core elsewhere printed, and what it came to."""
    command = [sys.executable, "-m", "tests.exchange.variant_log", how]
    done = subprocess.run(command, cwd=folder, input=log, stdout=subprocess.PIPE, check=True)
    *lines, end = done.stdout.splitlines()
    return lines, msgspec.json.decode(end, type=End)


def test_a_log_is_decided_and_replayed_to_the_same_state() -> None:
    lines, decided = decide()
    replayed = replay(lines)
    assert len(lines) > 7_000
    assert (replayed.digest, replayed.snapshot) == (decided.digest, decided.snapshot)


@only_compiled
def test_both_variants_decide_the_same(pure: Path) -> None:
    lines, here = decide()
    pure_lines, there = run_in(pure, "decide")
    assert (here.variant, there.variant) == ("compiled", "pure")
    assert lines == pure_lines
    assert (here.digest, here.snapshot, here.rows) == (there.digest, there.snapshot, there.rows)


@only_compiled
def test_each_variant_replays_the_other_s_log_and_takes_its_snapshot(pure: Path) -> None:
    pure_lines, there = run_in(pure, "decide")
    assert replay(pure_lines).digest == there.digest
    lines, here = decide()
    _, replayed = run_in(pure, "replay", b"\n".join(lines))
    assert (replayed.variant, replayed.digest) == ("pure", here.digest)
    machine = ExchangeMachine()
    machine.restore(there.snapshot)
    assert machine.digest() == here.digest


@only_compiled
def test_every_module_that_is_to_be_compiled_is() -> None:
    files = {module: str(sys.modules[module].__file__) for module in MODULES}
    assert [module for module, file in files.items() if file.endswith(".py")] == []


@pytest.mark.parametrize(
    ("function", "count"),
    [(orders.place_order, 4), (orders.cancel_order, 4), (matching.trade, 7), (state.end_order, 6), (state.fill, 9)],
)
@pytest.mark.parametrize("nonsense", [None, "P1", 7])
def test_what_is_no_part_of_the_market_raises(function: Any, count: int, nonsense: Any) -> None:
    with pytest.raises((AttributeError, TypeError)):
        function(*[nonsense] * count)


@pytest.mark.parametrize("nonsense", [None, "P1", 7])
def test_what_is_no_order_is_not_put_into_a_book(nonsense: Any) -> None:
    ladder = Ladder(1)
    for function in (ladder.place, ladder.remove, ladder.close):
        with pytest.raises((AttributeError, TypeError)):
            function(nonsense)
    assert not ladder.keys
    assert not ladder.levels
