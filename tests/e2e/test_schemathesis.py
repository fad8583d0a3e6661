"""`schemathesis run` against a served platform finds nothing, whoever asks, and leaves a database that verifies.

The short form runs with every test run: every limit of every field for the operator, the document's own examples and
chains of requests for a trader. ``SCHEMATHESIS_EXAMPLES=50`` makes it a longer one: all of it for both, and so many
drawn requests an operation.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.floor import Floor
from tests.e2e.server import Server, verify
from tests.house import ROOT

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "0"))
SHORT = {
    "operator": ["--phases", "examples,coverage"],
    "trader": ["--phases", "examples,stateful", "--max-examples", "2"],
}
LONG = ["--max-examples", str(EXAMPLES)]
RUN_S_MAX = 3_600 if EXAMPLES else 100

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(2 * RUN_S_MAX)]


@pytest.fixture(scope="module")
def floor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    """A server with an operator, a buyer with money, a seller with loads, and a product."""
    folder = tmp_path_factory.mktemp("served")
    server = Server(f"sqlite:///{folder / 'h2market.db'}", folder)
    opened = Floor(server)
    opened.found()
    server.start()
    try:
        with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client:
            opened.open(client, buyers=1, sellers=1, cash_fen=100_000_000)
        yield opened
    finally:
        server.stop()


@pytest.mark.parametrize("who", ["trader", "operator"])
def test_schemathesis_finds_nothing(floor: Floor, tmp_path: Path, who: str) -> None:
    secret = floor.operator if who == "operator" else floor.companies[0].secret
    done = run_schemathesis(floor.server.url, secret, tmp_path, LONG if EXAMPLES else SHORT[who])
    assert done.returncode == 0, f"{done.stdout[-20_000:]}\n{done.stderr[-4_000:]}\n{floor.server.log_tail()}"
    assert "❌" not in done.stdout
    health = httpx.get(f"{floor.server.url}/health", trust_env=False, timeout=30).json()
    assert health["ok"], health


def test_what_it_sent_left_a_database_that_verifies(floor: Floor) -> None:
    floor.server.stop()
    status, verified = verify(floor.server.database_url)
    assert (status, verified["findings"]) == (0, [])


def run_schemathesis(url: str, secret: str, folder: Path, options: list[str]) -> subprocess.CompletedProcess[str]:
    """Runs it as the committed configuration says, in a folder of its own, where it leaves what it remembers."""
    command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(ROOT / "schemathesis.toml")]
    arguments = ["run", f"{url}/openapi.json", "-H", f"Authorization: Bearer {secret}", "--no-color", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1", "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [*command, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=RUN_S_MAX,
        check=False,
    )
