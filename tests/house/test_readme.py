"""The tour in the README does what the README says: its blocks are run as they stand, and their outputs compared."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.house import ROOT

ENGLISH, CHINESE = ROOT / "README.md", ROOT / "README.zh-CN.md"
FENCE = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
#: What no two runs have in common.
REQUEST_ID = re.compile(r'"request_id": "[^"]+"')
#: Stands between the outputs of two steps.
MARK = "--- end of step ---"
#: Starting a server, and some forty requests with a client process each.
RUN_S_MAX = 240


class Step(NamedTuple):
    """A block of commands and the output that the page shows below it, "" if it shows none."""

    commands: str
    output: str


def steps(page: Path) -> list[Step]:
    """The tour of a page: every block of bash, with the block of text that follows it."""
    fences = [(match["language"], match["text"]) for match in FENCE.finditer(page.read_text(encoding="utf-8"))]
    following = [*fences[1:], ("", "")]
    return [
        Step(text, output if kind == "text" else "")
        for (language, text), (kind, output) in zip(fences, following, strict=True)
        if language == "bash"
    ]


def test_both_languages_take_the_same_tour() -> None:
    assert steps(ENGLISH) == steps(CHINESE)
    assert len(steps(ENGLISH)) >= 10


@pytest.mark.timeout(RUN_S_MAX + 30)
@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_tour_ends_as_the_page_says(tmp_path: Path) -> None:
    tour = steps(ENGLISH)
    ran = _run(tour, tmp_path)
    assert ran.returncode == 0, ran.stderr
    outputs = ran.stdout.split(f"{MARK}\n")
    assert outputs.pop() == "", "the last step was not reached"
    assert [REQUEST_ID.sub('"request_id": "..."', output) for output in outputs] == [step.output for step in tour]


def _run(tour: list[Step], folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs all steps in one shell in an empty folder, and ends the server if the shell does not come to that."""
    programs = folder / "programs"
    programs.mkdir()
    _write_program(programs / "h2market", "-m h2market")
    _write_program(programs / "python3", "")
    lines = ["set -euo pipefail", "trap 'kill ${SERVER:-} 2> /dev/null || true' EXIT"]
    lines += [f"{step.commands}echo '{MARK}'" for step in tour]
    return subprocess.run(
        ["bash", "-c", "\n".join([*lines, "wait"])],
        cwd=folder,
        env=_environment(programs),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=RUN_S_MAX,
    )


def _write_program(file: Path, arguments: str) -> None:
    file.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
    file.chmod(0o755)


def _environment(programs: Path) -> dict[str, str]:
    """This process's environment without what would lead the tour elsewhere."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("H2MARKET_", "COV_")) and not name.lower().endswith("_proxy")
    }
    path = f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**kept, "PATH": path, "PORT": str(_free_port()), "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
