"""What a command leads to, case by case: the specification of books, orders, limits, phases and the market's day.

The cases stand by subject in the folder ``cases``, in the language of `scenarios`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.machine import ExchangeMachine
from tests.exchange.scenarios import Scenario

FOLDER = Path(__file__).parent / "cases"


def cases() -> list[tuple[str, list[str]]]:
    """The cases of all tables, by subject and name."""
    found = []
    for file in sorted(FOLDER.glob("*.txt")):
        for part in file.read_text(encoding="utf-8").split("CASE ")[1:]:
            name, *lines = (line.partition("#")[0].strip() for line in part.splitlines())
            found.append((f"{file.stem}-{name}", joined(lines)))
    return found


def joined(lines: list[str]) -> list[str]:
    """The lines of a case; one that begins with a bar goes on telling the events of the one before."""
    whole: list[str] = []
    for line in lines:
        if line.startswith("|"):
            whole[-1] += f" ; {line[1:]}" if "|" in whole[-1] else line
        elif line:
            whole.append(line)
    return whole


CASES = cases()


def test_every_case_has_its_own_name() -> None:
    names = [name for name, _ in CASES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("restarts", [False, True], ids=["", "restarting"])
@pytest.mark.parametrize(("name", "lines"), CASES, ids=[name for name, _ in CASES])
def test_case(name: str, lines: list[str], restarts: bool) -> None:
    scenario = Scenario()
    for line in lines:
        command, _, expected = line.partition("|")
        assert scenario.run(command) == " ".join(expected.split()), f"{name}: {command.strip()}"
        if restarts:
            scenario.machine.restore(scenario.machine.dump())
    replayed = ExchangeMachine()
    for seq, at, event in scenario.log:
        replayed.evolve(event, at, seq)
    replayed.check()
    assert replayed.digest() == scenario.machine.digest()
