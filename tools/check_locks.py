"""What the lock files promise: every package at one version, every artifact by its hash, no index and no host.

Run it as ``python -m tools.check_locks``; it prints each broken promise and exits 1 if there is one.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

RUNTIME = "requirements.lock"
DEVELOPMENT = "requirements-dev.lock"
BUILD = "requirements-build.lock"

_PIN = re.compile(r"^(?P<name>[a-z0-9]+(?:-[a-z0-9]+)*)==(?P<version>[^\s;]+)(?: ; [^\\]+?)?(?: \\)?$")
_HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")
#: Why a package is there: the names of others, this project, or the lock that this one is held to.
_NOTE = re.compile(
    r"^    # (?:via)? *(?:[\w.-]+|h2market \(pyproject\.toml(?::\w+)?\)|-c requirements(?:-dev)?\.lock)?$"
)
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")

#: A package may be pinned to several versions, for different Pythons.
Pins = dict[str, set[str]]


def normalized(requirement: str) -> str:
    """The package's name as an index compares it: ``SQLAlchemy>=2`` gives ``sqlalchemy``."""
    found = _NAME.match(requirement)
    assert found, requirement
    return re.sub(r"[-_.]+", "-", found.group()).lower()


def read_lock(text: str) -> tuple[Pins, list[str]]:
    """The pins of a lock file, and a sentence for every line that does not belong in one."""
    pins: Pins = {}
    problems: list[str] = []
    name, hashes = "", 0
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        if _HASH.match(line) and name:
            hashes += 1
            continue
        if _NOTE.match(line):
            continue
        if name and not hashes:
            problems.append(f"line {number}: {name} has no hash")
        pin = _PIN.match(line)
        if pin:
            name, hashes = pin["name"], 0
            pins.setdefault(name, set()).add(pin["version"])
        elif line:
            problems.append(f"line {number}: not a pinned package: {line.strip()}")
        else:
            name, hashes = "", 0
    return pins, problems


def named(project: dict[str, object], group: str | None = None) -> set[str]:
    """The packages that pyproject.toml asks for: those of the package with its extras, or those of a group."""
    table = project["project"]
    assert isinstance(table, dict)
    if group is None:
        asked = [*table["dependencies"], *(one for extra in table["optional-dependencies"].values() for one in extra)]
        return {normalized(requirement) for requirement in asked}
    groups = project["dependency-groups"]
    assert isinstance(groups, dict)
    names: set[str] = set()
    for entry in groups[group]:
        names |= named(project, entry["include-group"]) if isinstance(entry, dict) else {normalized(entry)}
    return names


def check(root: Path) -> Iterator[str]:
    """A sentence for each promise that is not kept by the files under ``root``."""
    project = tomllib.loads((root / "pyproject.toml").read_text())
    pins: dict[str, Pins] = {}
    for file in (RUNTIME, DEVELOPMENT, BUILD):
        pins[file], problems = read_lock((root / file).read_text())
        yield from (f"{file}: {problem}" for problem in problems)
    asked = {
        RUNTIME: named(project),
        DEVELOPMENT: named(project) | named(project, "dev"),
        BUILD: named(project, "build"),
    }
    for file, names in asked.items():
        missing = sorted(names - pins[file].keys())
        yield from (f"{file}: {name} is asked for in pyproject.toml and not locked: run make lock" for name in missing)
    for file in (RUNTIME, BUILD):
        for name, versions in pins[file].items():
            if pins[DEVELOPMENT].get(name) != versions:
                yield f"{DEVELOPMENT}: {name} is not at {' and '.join(sorted(versions))} as in {file}: run make lock"


def main() -> int:
    """Checks the locks of the tree that this file stands in."""
    root = Path(__file__).resolve().parent.parent
    problems = list(check(root))
    for problem in problems:
        print(problem)
    print(f"check_locks: {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
