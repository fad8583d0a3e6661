"""The arrows between the rooms point one way, and the contracts that say so do catch what breaks them."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.house import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
PACKAGES: list[str] = PROJECT["importlinter"]["root_packages"]
LINT = "import sys; from importlinter.cli import lint_imports_command; sys.path.insert(0, '.'); lint_imports_command()"


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Holds the packages in ``folder`` against the contracts of this house."""
    arguments = ["--config", str(ROOT / "pyproject.toml"), "--no-logo", "--no-cache"]
    return subprocess.run(
        [sys.executable, "-I", "-c", LINT, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={"COLUMNS": "200", "PATH": "/usr/bin:/bin"},
    )


def broken(output: str) -> set[str]:
    """The names of the contracts that did not hold."""
    return {line.removesuffix(" BROKEN").strip() for line in output.splitlines() if line.endswith(" BROKEN")}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with the same packages, each with a machine, a service, events and a client of the one below."""
    for package in PACKAGES:
        folder = tmp_path / package
        folder.mkdir()
        for module in ("__init__", "machine", "service", "events", "errors", "messages", "quantity", "rules"):
            (folder / f"{module}.py").write_text("")
    client = tmp_path / "h2market" / "client"
    client.mkdir()
    for module in ("__init__", "rest"):
        (client / f"{module}.py").write_text("")
    return tmp_path


def test_this_house_keeps_its_contracts() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


def test_packages_are_the_same_everywhere() -> None:
    assert set(PACKAGES) == set(PROJECT["hatch"]["build"]["targets"]["wheel"]["packages"])
    assert set(PACKAGES) < set(PROJECT["mypy"]["packages"])


ARROWS = "The arrows point one way"
PURE = "The core is pure: it imports neither web nor database, not even through another module"
NO_CLOCK = "The core asks no clock, no chance, no store and no system"
CLIENT = "The client stands alone: it speaks the published interface and imports no room"
PUBLISHED = "Of another room, a room imports only what that room publishes"


@pytest.mark.parametrize(
    ("changes", "contracts"),
    [
        ({}, set()),
        ({"exchange/service.py": "import fastapi, sqlalchemy, time"}, set()),
        ({"settlement/service.py": "from exchange.events import *"}, set()),
        ({"settlement/service.py": "from settlement.rules import *"}, set()),
        ({"h2market/service.py": "import console.service, exchange.service, seeds.rules"}, set()),
        ({"exchange/machine.py": "import kernel.quantity, datetime, exchange.rules"}, set()),
        ({"kernel/service.py": "import exchange.events"}, {ARROWS}),
        ({"exchange/service.py": "import tracking.events"}, {ARROWS}),
        ({"settlement/service.py": "import console"}, {ARROWS}),
        ({"tracking/service.py": "import exchange.rules"}, {PUBLISHED}),
        ({"tracking/service.py": "from exchange.service import *"}, {PUBLISHED}),
        ({"exchange/machine.py": "import sqlmodel"}, {PURE}),
        ({"exchange/machine.py": "import exchange.rules", "exchange/rules.py": "import fastapi"}, {PURE}),
        ({"kernel/quantity.py": "import pydantic"}, {PURE}),
        ({"settlement/machine.py": "import time"}, {NO_CLOCK}),
        ({"tracking/events.py": "import random"}, {NO_CLOCK}),
        ({"h2market/client/rest.py": "import kernel.quantity"}, {CLIENT}),
    ],
)
def test_contract_catches(tree: Path, changes: dict[str, str], contracts: set[str]) -> None:
    for path, line in changes.items():
        (tree / path).write_text(f"{line}\n")
    result = lint_imports(tree)
    assert broken(result.stdout) == contracts, result.stdout + result.stderr
    assert result.returncode == (1 if contracts else 0)
