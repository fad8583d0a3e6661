"""The platform as a process of its own, on the loopback: started, killed, and started again on its database."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
from typer.testing import CliRunner

from h2market import cli

#: The simulated clock's start: a market day, within trading hours.
NOW = "2026-03-02T09:30:00+08:00"
#: For a machine that has much else to do: nothing is decided by how long it takes.
READY_S_MAX = 120.0
VERIFY_S_MAX = 120.0


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


class Server:
    """`h2market serve` on one database. Its log goes to a file in ``folder``."""

    def __init__(self, database_url: str, folder: Path, **environment: str) -> None:
        self.database_url = database_url
        self.clock = NOW  # where the simulated clock stands at the next start
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._environment = {
            **os.environ,
            "DATABASE_URL": database_url,
            "H2MARKET_SERVICE_KEY": secrets.token_hex(24),
            "H2MARKET_REQUESTS_PER_10S": "100000000",
            "H2MARKET_ANONYMOUS_REQUESTS_PER_10S": "100000000",
            "H2MARKET_LOG_LEVEL": "WARNING",
            **environment,
        }

    def start(self) -> None:
        """Starts and waits until every room can write."""
        arguments = ["h2market", "serve", "--port", str(self.port), "--simulated-clock", self.clock]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *arguments], env=self._environment, stdout=log, stderr=log
            )
        until = time.monotonic() + READY_S_MAX
        with httpx.Client(base_url=self.url, trust_env=False, timeout=5) as client:
            while not _ready(client):
                ended = self._process.poll()
                if ended is not None or time.monotonic() > until:
                    self.kill()
                    raise RuntimeError(f"the server did not start ({ended}):\n{self.log_tail()}")
                time.sleep(0.05)

    def kill(self) -> None:
        """Ends the process at once, as a power cut would: SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """Ends the process in order."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.kill()
            self._process = None

    def log_tail(self) -> str:
        """The last of what it logged."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-4_000:] if self._log.exists() else ""

    def catch_up(self, client: httpx.Client) -> None:
        """Waits until every follower has applied every event."""
        until = time.monotonic() + READY_S_MAX
        quiet = 0
        while quiet < 2:  # what one follower does may give another one work
            health = client.get("/health").json()
            assert time.monotonic() < until, f"the followers do not catch up: {health['followers']}\n{self.log_tail()}"
            quiet = 0 if any(one["lag"] or one["error"] for one in health["followers"]) else quiet + 1
            time.sleep(0.05)


def _ready(client: httpx.Client) -> bool:
    try:
        return client.get("/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def verify_here(database_url: str) -> tuple[int, dict[str, Any]]:
    """The same as `verify` in this process, which has imported everything already."""
    done = CliRunner().invoke(cli.app, ["verify", "--json", "--database-url", database_url])
    return done.exit_code, json.loads(done.stdout.splitlines()[-1])


def verify(database_url: str) -> tuple[int, dict[str, Any]]:
    """Runs `h2market verify --json`; gives its exit code and what it printed last."""
    done = subprocess.run(
        [sys.executable, "-m", "h2market", "verify", "--json", "--database-url", database_url],
        capture_output=True,
        timeout=VERIFY_S_MAX,
        check=False,
    )
    lines = done.stdout.decode().splitlines()
    assert lines, done.stderr.decode()[-4_000:]
    return done.returncode, json.loads(lines[-1])
