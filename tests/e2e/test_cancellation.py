"""The operator cancels a load: what was held for it is free again everywhere, and the books still agree."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.house import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(f"sqlite:///{tmp_path / 'h2market.db'}")
    house.open()
    yield house
    house.close()


def test_a_cancelled_load_releases_the_buyers_money_and_leaves_no_difference(house: House) -> None:
    (account,) = house.well("GET", "/v1/accounts", "buyer")["items"]
    limits = house.well("GET", "/v1/limits", "buyer")
    assert (account["held"], limits["committed"]) == ("6000.00", "6000.00")
    house.well("POST", "/v1/shipments/{shipment}/cancellation", "operator", json={"reason": "The plant is down."})
    house.catch_up()
    (account,) = house.well("GET", "/v1/accounts", "buyer")["items"]
    limits = house.well("GET", "/v1/limits", "buyer")
    assert (account["held"], limits["committed"]) == ("0.00", "0.00")
    (due,) = house.well("GET", "/v1/dues", "seller")["items"]
    assert (due["outcome"], due["state"], due["reason"]) == ("cancelled", "voided", "The plant is down.")
    assert house.well("GET", "/v1/mass-balance", "operator")["closed"]
    assert house.well("GET", "/v1/reconciliation", "operator")["differences"] == 0
