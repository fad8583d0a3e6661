"""The locks keep their promises, and the check finds a lock that does not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.house import ROOT
from tools.check_locks import check, normalized, read_lock

HASH = "    --hash=sha256:" + "0" * 64
GOOD = f"alpha==1.0 \\\n{HASH}\n    # via h2market (pyproject.toml)\nbeta==2.0 ; sys_platform == 'win32' \\\n{HASH}\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of this project's own locks, to be broken."""
    for name in ("pyproject.toml", "requirements.lock", "requirements-dev.lock", "requirements-build.lock"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def change(file: Path, old: str, new: str) -> None:
    """Replaces text that must be there."""
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_this_project_keeps_its_promises() -> None:
    assert list(check(ROOT)) == []


def test_reads_pins() -> None:
    assert read_lock(GOOD) == ({"alpha": {"1.0"}, "beta": {"2.0"}}, [])


def test_two_versions_for_different_pythons_stand_beside_each_other() -> None:
    text = (
        f"alpha==1.0 ; python_full_version < '3.12' \\\n{HASH}\nalpha==2.0 ; python_full_version >= '3.12' \\\n{HASH}\n"
    )
    assert read_lock(text) == ({"alpha": {"1.0", "2.0"}}, [])


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("--index-" + "url https://an.example", "not a pinned package"),
        ("--find-" + "links wheels", "not a pinned package"),
        ("# made by a tool --index-" + "url https://an.example", "not a pinned package"),
        ("    # via https://an.example/x", "not a pinned package"),
        ("gamma>=1.0 \\", "not a pinned package"),
        ("gamma @ https://an.example/gamma", "not a pinned package"),
        ("-e .", "not a pinned package"),
        ("gamma==1.0", "gamma has no hash"),
    ],
)
def test_finds_what_does_not_belong(line: str, problem: str) -> None:
    _, problems = read_lock(f"{GOOD}{line}\n")
    assert len(problems) == 1
    assert problem in problems[0]


def test_a_dependency_that_is_not_locked_is_named(tree: Path) -> None:
    change(tree / "pyproject.toml", "dependencies = [\n", 'dependencies = [\n    "Not_Locked>=1",\n')
    sentence = "not-locked is asked for in pyproject.toml and not locked: run make lock"
    assert list(check(tree)) == [f"requirements.lock: {sentence}", f"requirements-dev.lock: {sentence}"]


def test_locks_that_differ_are_named(tree: Path) -> None:
    change(tree / "requirements.lock", "\nfastapi==", "\nfastapi==0.0.")
    problems = list(check(tree))
    assert len(problems) == 1
    assert problems[0].startswith("requirements-dev.lock: fastapi is not at 0.0.")


@pytest.mark.parametrize(
    ("requirement", "name"),
    [("SQLAlchemy>=2", "sqlalchemy"), ("psycopg[binary]>=3", "psycopg"), ("ruamel.yaml", "ruamel-yaml")],
)
def test_names_are_compared_as_an_index_compares_them(requirement: str, name: str) -> None:
    assert normalized(requirement) == name
