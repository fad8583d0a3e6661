"""What is imported is declared: a package that merely happens to be installed is missing on the next machine."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.house import ROOT
from tools.check_locks import named, normalized

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES: list[str] = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
OURS = {*PACKAGES, "benchmarks", "examples", "tests", "tools"}
RUNTIME = named(PROJECT)
DISTRIBUTIONS = packages_distributions()


def imported(source: str) -> set[str]:
    """The top-level names of everything a module imports, whether at its top or inside a function."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names - sys.stdlib_module_names


def undeclared(files: Iterator[Path], declared: set[str]) -> set[tuple[str, str]]:
    """(file, import) pairs that no declared package provides."""
    return {
        (str(file.relative_to(ROOT)), name)
        for file in files
        for name in imported(file.read_text()) - OURS
        if not declared & {normalized(distribution) for distribution in DISTRIBUTIONS.get(name, [])}
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_the_package_imports_only_what_it_asks_for(package: str) -> None:
    assert undeclared((ROOT / package).rglob("*.py"), RUNTIME) == set()


@pytest.mark.parametrize("folder", ["benchmarks", "examples", "tests", "tools"])
def test_the_workshop_imports_only_what_is_declared(folder: str) -> None:
    assert undeclared((ROOT / folder).rglob("*.py"), RUNTIME | named(PROJECT, "dev")) == set()


def test_an_undeclared_import_is_seen() -> None:
    source = "import os, hypothesis.strategies\ndef late() -> None:\n    from sqlalchemy.orm import Session\n"
    assert imported(source) == {"hypothesis", "sqlalchemy"}
    assert ("tests/house/test_dependencies.py", "pytest") in undeclared(iter([Path(__file__)]), RUNTIME)
