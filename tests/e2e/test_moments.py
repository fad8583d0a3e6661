"""What is held against one another is read at one moment: a commit between two looks is no difference."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from sqlmodel import Session

import tracking.api
from h2market.verification import verify_store
from kernel.clock import from_text
from kernel.store import Store
from tests.e2e.house import House
from tracking.commands import RegisterVessel

DUE = from_text("2027-01-01T00:00:00+08:00")

VESSEL = {
    "vessel_id": "TT-77", "kind": "tube_trailer", "water_volume_l": 26_000, "max_pressure": "20.0",
    "inspection_due": "2027-01-01T00:00:00+08:00", "heel_pressure": "2.0", "heel_temperature": "15.000",
}  # fmt: skip


@pytest.fixture
def house(database_url: str) -> Iterator[House]:
    house = House(database_url)
    house.open()
    yield house
    house.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # whose driver begins no transaction by itself
def test_verify_finds_nothing_where_the_server_writes_meanwhile(house: House) -> None:
    logs = house.logs()
    until = logs["participants"] + logs["exchange"] + logs["tracking"]
    seen = 0

    def step(steps: int) -> None:
        """After the last event of tracking's log, and before its rows, a vessel is registered."""
        nonlocal seen
        seen += steps
        if seen == until:
            house.well("POST", "/v1/vessels", "haulier", json=VESSEL)

    store = Store(house.platform.settings.database_url)
    assert verify_store(store, step).findings == ()
    store.close()
    house.catch_up()
    assert house.logs()["tracking"] == logs["tracking"] + 1


def test_the_mass_balance_is_closed_while_gas_moves(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    sums, submit, loop = tracking.api._sums, house.platform.sequencers["tracking"].submit, house.loop
    came: list[str] = []

    def sums_and_a_vessel(session: Session, account: str) -> dict[str, int]:
        """Between the sums of the movements and the contents of the vessels, a vessel comes with its heel."""
        found = sums(session, account)
        if not came:
            came.append("TT-78")
            vessel = RegisterVessel(
                house.names["haulier"], "TT-78", "tube_trailer", 26_000, 20_000_000, DUE, 2_000_000, 288_150
            )
            asyncio.run_coroutine_threadsafe(submit(vessel, actor="tests"), loop).result(10)
        return found

    monkeypatch.setattr(tracking.api, "_sums", sums_and_a_vessel)
    assert house.well("GET", "/v1/mass-balance", "operator")["closed"]
    assert came
