"""Settings, read from the environment once, in one place."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

SERVICES = ("exchange", "tracking", "settlement")
DEFAULT_DATABASE_URL = "sqlite:///var/h2market.db"
#: Requests one key may make in a window of ten seconds, and callers without a key, per address.
REQUESTS_PER_WINDOW = 20_000
ANONYMOUS_PER_WINDOW = 2_000


@dataclass(frozen=True, slots=True)
class Settings:
    """What a process needs to know. URLs of the other services are empty where everything runs in one process."""

    database_url: str = DEFAULT_DATABASE_URL
    schema: str | None = None
    service_key: str = ""
    exchange_url: str = ""
    tracking_url: str = ""
    settlement_url: str = ""
    log_level: str = "INFO"
    requests_per_window: int = REQUESTS_PER_WINDOW
    anonymous_per_window: int = ANONYMOUS_PER_WINDOW
    simulated_clock: str = ""
    scheduler: bool = True

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Raises ValueError naming the variable that is not what it should be."""
        return cls(
            database_url=environ.get("DATABASE_URL") or DEFAULT_DATABASE_URL,
            schema=environ.get("H2MARKET_SCHEMA") or None,
            service_key=environ.get("H2MARKET_SERVICE_KEY", ""),
            exchange_url=environ.get("H2MARKET_EXCHANGE_URL", ""),
            tracking_url=environ.get("H2MARKET_TRACKING_URL", ""),
            settlement_url=environ.get("H2MARKET_SETTLEMENT_URL", ""),
            log_level=environ.get("H2MARKET_LOG_LEVEL", "INFO").upper(),
            requests_per_window=_positive(environ, "H2MARKET_REQUESTS_PER_10S", REQUESTS_PER_WINDOW),
            anonymous_per_window=_positive(environ, "H2MARKET_ANONYMOUS_REQUESTS_PER_10S", ANONYMOUS_PER_WINDOW),
            simulated_clock=environ.get("H2MARKET_SIMULATED_CLOCK", ""),
            scheduler=environ.get("H2MARKET_SCHEDULER", "on").lower() not in ("off", "0", "no", "false"),
        )

    def url_of(self, service: str) -> str:
        """Where another service listens."""
        return {"exchange": self.exchange_url, "tracking": self.tracking_url, "settlement": self.settlement_url}[
            service
        ]


def _positive(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise ValueError(f"{name} must be a positive whole number, not {text!r}")
    return int(text)
