"""`h2market verify` names the event behind whatever was changed by hand in the database, on both stores."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from sqlalchemy import text

from h2market.rooms import make_rooms
from kernel.store import Store, Write, write_rows
from tests.e2e.floor import PRODUCT, Floor
from tests.e2e.server import Server, verify, verify_here

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

TABLES = {
    table.name: table
    for room in make_rooms().values()
    for table in (room.log.table, *(projected.table for projected in room.projections.values()))
}


class Tampering(NamedTuple):
    """A change by hand of the rows of a table, and what the finding must name: room, rule, and the event's type."""

    table: str
    where: str
    change: str
    room: str
    rule: str
    event: str


TAMPERINGS = {
    "one byte of an event": Tampering(
        "exchange_events", "type = 'Traded'",
        """UPDATE {table} SET payload = replace(payload, '2,"buyer_id', '3,"buyer_id')""",
        "exchange", "event_changed", "Traded",
    ),
    "the time of an event": Tampering(
        "settlement_events", "type = 'HoldMade'", "UPDATE {table} SET at = at + 1",
        "settlement", "event_changed", "HoldMade",
    ),
    "who did it": Tampering(
        "participants_events", "type = 'CompanyApproved'", "UPDATE {table} SET actor = 'nobody'",
        "participants", "event_changed", "CompanyApproved",
    ),
    "an event taken out": Tampering(
        "exchange_events", "type = 'ProductListed'", "DELETE FROM {table}",
        "exchange", "log_gap", "",
    ),
    "a balance": Tampering(
        "settlement_accounts", "substr(id, 1, 4) = 'cash' AND debits_pending_fen > 0",
        "UPDATE {table} SET credits_posted_fen = credits_posted_fen + 1",
        "settlement", "row_changed", "HoldMade",
    ),
    "a trading limit": Tampering(
        "exchange_money", "committed_fen > 0", "UPDATE {table} SET granted_fen = granted_fen + 1",
        "exchange", "row_changed", "OrderPlaced",
    ),
    "an order taken out": Tampering(
        "exchange_orders", "client_order_id = 'c2'", "DELETE FROM {table}",
        "exchange", "row_missing", "OrderPlaced",
    ),
    "a load that was planned": Tampering(
        "tracking_shipments", "load_no = 2", "UPDATE {table} SET status = 'accepted'",
        "tracking", "row_changed", "ShipmentPlanned",
    ),
}  # fmt: skip


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
                terms = {"product_id": PRODUCT, "side": company.side, "price": "20.00", "loads": 2}
                body = {"client_order_id": f"c{number}", **terms}
                floor.ask(client, "POST", "/v1/orders", company.secret, json=body)
            floor.server.catch_up(client)
    finally:
        floor.server.stop()
    return database_url


def test_verify_names_what_was_changed_by_hand(traded: str) -> None:
    code, told = verify(traded)
    assert (code, told["verified"], told["findings"]) == (0, True, [])
    store = Store(traded)
    with store.connect_writer() as connection:
        for name, tampering in TAMPERINGS.items():
            with connection.begin():
                query = f"SELECT * FROM {tampering.table} WHERE {tampering.where}"  # noqa: S608
                before = [tuple(row) for row in connection.execute(text(query))]
                change = f"{tampering.change} WHERE {tampering.where}".format(table=tampering.table)
                assert connection.execute(text(change)).rowcount == len(before) > 0, name
            code, told = verify_here(traded)
            findings = told["findings"]
            assert (code, told["verified"]) == (1, False), name
            named = [one for one in findings if (one["room"], one["rule"]) == (tampering.room, tampering.rule)]
            assert named, (name, findings)
            assert all(one["seq"] > 0 and one["event"] for one in named), (name, named)
            assert tampering.event in {"", *(one["event"] for one in named)}, (name, named)
            with connection.begin():
                write_rows(connection, [Write(TABLES[tampering.table], before, replace=True)])
            assert verify_here(traded)[0] == 0, name
    store.close()
