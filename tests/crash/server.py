"""A server that can be killed: started as a process on loopback, ended by SIGKILL or politely."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

READY_SECONDS_MAX = 60


class Server:
    """`h2market serve` on one database. ``log`` takes what it says."""

    def __init__(self, database_url: str, service_key: str, clock: str, log: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._log = log
        self._arguments = ["serve", "--port", str(self.port), "--simulated-clock", clock]
        self._environment = {
            **os.environ,
            "DATABASE_URL": database_url,
            "H2MARKET_SERVICE_KEY": service_key,
            "H2MARKET_REQUESTS_PER_10S": "100000000",
            "H2MARKET_ANONYMOUS_REQUESTS_PER_10S": "100000000",
            "H2MARKET_LOG_LEVEL": "WARNING",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the process and waits until it listens. Raises RuntimeError if it does not."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "h2market", *self._arguments], env=self._environment, stdout=log, stderr=log
            )
        until = time.monotonic() + READY_SECONDS_MAX
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise RuntimeError(f"the server ended with {self._process.returncode}: see {self._log}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"the server does not listen: see {self._log}")

    def kill(self) -> None:
        """SIGKILL: no handler runs, no buffer is flushed."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, and waits for the end."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(timeout=60)
            self._process = None
