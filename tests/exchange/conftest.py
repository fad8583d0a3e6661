"""An open market on each store in turn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.exchange.market import Market


@pytest.fixture
def market(database_url: str) -> Iterator[Market]:
    """A market that took no order yet."""
    opened = Market(database_url)
    opened.open()
    yield opened
    opened.close()
