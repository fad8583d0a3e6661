"""A market with webhooks on each store in turn, and a receiver."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.participants.hooked import LATER, HookedMarket
from tests.participants.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver on the loopback."""
    with Receiver() as listening:
        yield listening


@pytest.fixture
def market(database_url: str) -> Iterator[HookedMarket]:
    """An open market that took no order yet."""
    market = HookedMarket(database_url)
    market.open()
    market.move(LATER)
    yield market
    market.close()
