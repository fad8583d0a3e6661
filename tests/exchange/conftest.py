"""An open market on each store in turn, copied from one that is made once."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from tests.exchange.market import Market

_numbers = itertools.count(1)
_TEMPLATE = "exchange_template"


def _made(url: str) -> Market:
    """A market that was opened and closed again."""
    market = Market(url)
    market.open()
    market.close()
    return market


def _postgres(server_url: str, statement: str, name: str) -> str:
    """Runs a statement about databases; gives the URL of the one with the name."""
    url = make_url(server_url).set(drivername="postgresql+psycopg")
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(statement))
    admin.dispose()
    return url.set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def sqlite_market(tmp_path_factory: pytest.TempPathFactory) -> tuple[Market, Path]:
    """A market in a file, and the file."""
    file = tmp_path_factory.mktemp("exchange") / "h2market.db"
    return _made(f"sqlite:///{file}"), file


@pytest.fixture(scope="session")
def postgres_market(postgres_url: str) -> Market:
    """A market in the template database."""
    return _made(_postgres(postgres_url, f"CREATE DATABASE {_TEMPLATE}", _TEMPLATE))


@pytest.fixture
def sqlite_copy(sqlite_market: tuple[Market, Path], tmp_path: Path) -> tuple[Market, str]:
    """The market in the file, and the URL of a copy."""
    market, file = sqlite_market
    return market, f"sqlite:///{shutil.copy(file, tmp_path / 'h2market.db')}"


@pytest.fixture
def postgres_copy(postgres_market: Market, postgres_url: str) -> Iterator[tuple[Market, str]]:
    """The market in the template database, and the URL of a copy."""
    name = f"exchange_{next(_numbers)}"
    yield postgres_market, _postgres(postgres_url, f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}", name)
    _postgres(postgres_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", name)


@pytest.fixture(params=["sqlite", "postgres"])
def market(request: pytest.FixtureRequest) -> Iterator[Market]:
    """A market that took no order yet."""
    template, url = request.getfixturevalue(f"{request.param}_copy")
    market = Market(url)
    market.ids, market.secrets = dict(template.ids), dict(template.secrets)
    market.start()
    yield market
    market.close()
