"""A served exchange on each store in turn, on a copy of the market that is made once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.exchange.stream.served import Served


@pytest.fixture(params=["sqlite", "postgres"])
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    """A market that took no order yet, behind a port."""
    template, url = request.getfixturevalue(f"{request.param}_copy")
    one = Served(url, dict(template.ids), dict(template.secrets))
    one.start()
    yield one
    one.stop()


@pytest.fixture
def served_here(sqlite_copy: tuple[object, str], request: pytest.FixtureRequest) -> Iterator[Served]:
    """The same on SQLite alone: for what does not depend on the store."""
    template, url = request.getfixturevalue("sqlite_copy")
    one = Served(url, dict(template.ids), dict(template.secrets))
    one.start()
    yield one
    one.stop()
