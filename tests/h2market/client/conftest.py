"""A served exchange, the same behind a proxy that loses things, and clients of both kinds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.exchange.conftest import sqlite_copy, sqlite_market
from tests.exchange.market import Market
from tests.exchange.stream.served import Served
from tests.h2market.client.proxy import Proxy

__all__ = ["sqlite_copy", "sqlite_market"]


@pytest.fixture
def served(sqlite_copy: tuple[Market, str]) -> Iterator[Served]:
    """A market that took no order yet, behind a port."""
    template, url = sqlite_copy
    one = Served(url, dict(template.ids), dict(template.secrets))
    one.start()
    yield one
    one.stop()


@pytest.fixture
def proxy(served: Served) -> Iterator[Proxy]:
    """What stands between a client and the market."""
    with Proxy(served.port) as one:
        yield one
