"""The platform as processes of its own on free ports of the loopback: started, awaited, and told to stop."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Self

import httpx

from kernel.config import SERVICES, Settings

LOOPBACK = "127.0.0.1"
#: A process imports, migrates and replays before it answers; a slow disk takes its time.
START_S_MAX = 60.0
STOP_S_MAX = 30.0
LOOK_EVERY_S = 0.05
_LOG_TAIL_BYTES = 2_000


class ServerEnded(RuntimeError):
    """A process ended, or did not begin to answer; the message has the end of its log."""


class Servers:
    """The processes. ``schemas`` has the schema of each: one process for everything, or one a service by its name.

    ``simulated_clock`` is where their clocks stand, "" for the machine's time. ``log`` takes what they say; where there
    are several, each has a file beside it.
    """

    def __init__(self, settings: Settings, schemas: Mapping[str, str | None], simulated_clock: str, log: Path) -> None:
        self._settings = settings
        self._schemas = schemas
        self._clock = simulated_clock
        self._log = log
        self._apart = len(schemas) > 1
        urls = _free_urls(len(schemas))
        #: Where each service answers.
        self.urls = dict(zip(schemas, urls, strict=True)) if self._apart else dict.fromkeys(SERVICES, urls[0])
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._files: list[IO[bytes]] = []
        self._on_terminate: Any = None

    def __enter__(self) -> Self:
        # Told to end, this process ends the others first.
        self._on_terminate = signal.signal(signal.SIGTERM, _leave)
        shared = self._environment()
        self._log.parent.mkdir(parents=True, exist_ok=True)
        try:
            for name, schema in self._schemas.items():
                self._running[name] = self._start(name, {**shared, "H2MARKET_SCHEMA": schema or ""})
            for name in self._running:
                self._await_ready(name)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()
        signal.signal(signal.SIGTERM, self._on_terminate)

    def stop(self) -> None:
        """Ends every process and waits for it."""
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            try:
                process.wait(STOP_S_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._running.clear()
        for file in self._files:
            file.close()
        self._files.clear()

    def _environment(self) -> dict[str, str]:
        """This process's environment, with what the processes must know of the database and of each other."""
        environment = {**os.environ, "DATABASE_URL": self._settings.database_url, "H2MARKET_SCHEDULER": "on"}
        environment["H2MARKET_SIMULATED_CLOCK"] = self._clock
        if self._settings.webhook_networks:
            environment["H2MARKET_WEBHOOK_NETWORKS"] = " ".join(self._settings.webhook_networks)
        for service in SERVICES:
            environment[f"H2MARKET_{service.upper()}_URL"] = self.urls[service] if self._apart else ""
        environment["H2MARKET_SERVICE_KEY"] = secrets.token_urlsafe(32) if self._apart else ""
        return environment

    def _start(self, name: str, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        port = self._url_of(name).rpartition(":")[2]
        service = [name] if self._apart else []
        file = self._log_of(name).open("wb")
        self._files.append(file)
        command = [sys.executable, "-m", "h2market", "serve", *service, "--host", LOOPBACK, "--port", port]
        # A group of its own: an interrupt at the keyboard is this process's to answer, and then it stops the others.
        return subprocess.Popen(  # noqa: S603 -- every word of the command is from here
            command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
        )

    def _url_of(self, name: str) -> str:
        return self.urls[name if self._apart else SERVICES[0]]

    def _log_of(self, name: str) -> Path:
        return self._log.with_stem(f"{self._log.stem}-{name}") if self._apart else self._log

    def _await_ready(self, name: str) -> None:
        process, log = self._running[name], self._log_of(name)
        until = time.monotonic() + START_S_MAX
        with httpx.Client(base_url=self._url_of(name), trust_env=False) as client:
            while process.poll() is None and time.monotonic() < until:
                try:
                    if client.get("/health/ready").is_success:
                        return
                except httpx.TransportError:
                    pass  # it does not listen yet
                time.sleep(LOOK_EVERY_S)
        end = log.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace")
        raise ServerEnded(f"the server did not start; the end of {log}: {end}")


def _leave(number: int, _frame: object) -> None:
    sys.exit(128 + number)


def _free_urls(how_many: int) -> list[str]:
    """Ports that nobody listens on; held together until all are known, so that they differ."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(how_many)]
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        return [f"http://{LOOPBACK}:{probe.getsockname()[1]}" for probe in probes]
