"""Settings, read from the environment once, in one place."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass

from kernel.clock import from_text

SERVICES = ("exchange", "tracking", "settlement")
DEFAULT_DATABASE_URL = "sqlite:///var/h2market.db"
#: Requests one key may make in a window of ten seconds, and callers without a key, per address.
REQUESTS_PER_WINDOW = 20_000
ANONYMOUS_PER_WINDOW = 2_000
#: Shorter keys can be guessed by who has seen a signature.
WEBHOOK_KEY_CHARACTERS_MIN = 32


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
    webhook_key: str = ""
    webhook_networks: tuple[str, ...] = ()
    webhook_http: bool = False

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
            simulated_clock=a_time("H2MARKET_SIMULATED_CLOCK", environ.get("H2MARKET_SIMULATED_CLOCK", "")),
            scheduler=environ.get("H2MARKET_SCHEDULER", "on").lower() not in ("off", "0", "no", "false"),
            webhook_key=_long(environ, "H2MARKET_WEBHOOK_KEY", WEBHOOK_KEY_CHARACTERS_MIN),
            webhook_networks=_networks(environ, "H2MARKET_WEBHOOK_NETWORKS"),
            webhook_http=environ.get("H2MARKET_WEBHOOK_HTTP", "off").lower() in ("on", "1", "yes", "true"),
        )

    def url_of(self, service: str) -> str:
        """Where another service listens."""
        return {"exchange": self.exchange_url, "tracking": self.tracking_url, "settlement": self.settlement_url}[
            service
        ]


def _long(environ: Mapping[str, str], name: str, characters_min: int) -> str:
    text = environ.get(name, "")
    if text and len(text) < characters_min:
        raise ValueError(f"{name} needs at least {characters_min} characters")
    return text


def a_time(name: str, text: str) -> str:
    """A time as it was given, "" for none. Raises ValueError naming the variable or option that is no time."""
    if text:
        try:
            from_text(text)
        except ValueError as error:
            raise ValueError(
                f"{name} is a time with its offset such as 2026-01-05T09:30:00+08:00, not {text!r}"
            ) from error
    return text


def _networks(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    networks = tuple(environ.get(name, "").replace(",", " ").split())
    for one in networks:
        try:
            ipaddress.ip_network(one)
        except ValueError as error:
            raise ValueError(f"{name} lists networks such as 10.1.0.0/16, not {one!r}") from error
    return networks


def _positive(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise ValueError(f"{name} must be a positive whole number, not {text!r}")
    return int(text)
