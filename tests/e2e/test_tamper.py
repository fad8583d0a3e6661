"""`h2market verify` names the event behind whatever was changed by hand in the database, on both stores."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Connection, text

from kernel.store import Store
from tests.e2e.floor import PRODUCT, Floor
from tests.e2e.server import Server, verify

pytestmark = pytest.mark.e2e


@pytest.fixture
def traded(database_url: str, tmp_path: Path) -> str:
    """A database in which money was paid in, orders traded and loads were planned; its server has stopped."""
    floor = Floor(Server(database_url, tmp_path))
    floor.found()
    floor.server.start()
    try:
        with httpx.Client(base_url=floor.server.url, trust_env=False, timeout=20) as client:
            floor.open(client, buyers=1, sellers=1, cash_fen=100_000_000)
            for number, company in enumerate([*floor.companies, floor.companies[0]]):
                body = {
                    "client_order_id": f"c{number}",
                    "product_id": PRODUCT,
                    "side": company.side,
                    "price": "20.00",
                    "loads": 2,
                }
                floor.ask(client, "POST", "/v1/orders", company.secret, json=body)
            floor.server.catch_up(client)
    finally:
        floor.server.stop()
    return database_url
