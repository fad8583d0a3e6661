"""After a kill: what was acknowledged is there, what was not takes effect once when it is sent again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
from sqlalchemy import text

from kernel.store import Store
from tests.crash.load import Memory, Sent

#: Acknowledged orders that are looked up over HTTP each round; all of them are looked up in the database.
LOOKED_UP_MAX = 150


def look_up(client: httpx.Client, name: str, key: str) -> list[dict[str, Any]]:
    """The orders that the API finds under a client order id: none or one."""
    headers = {"Authorization": f"Bearer {key}"}
    response = client.get("/v1/orders", params={"client_order_id": name}, headers=headers)
    response.raise_for_status()
    found: list[dict[str, Any]] = response.json()["items"]
    return found


def lost(memory: Memory, rows: dict[str, dict[str, Any]], client: httpx.Client) -> Iterator[str]:
    """What was acknowledged and is not as it was acknowledged."""
    for number, (name, sent) in enumerate(memory.acknowledged().items()):
        row = rows.get(name)
        if row is None:
            yield f"{name} was answered with {sent.status} and is gone"
            continue
        yield from _changed(name, sent, row, memory)
        if number < LOOKED_UP_MAX and len(look_up(client, name, sent.key)) != 1:
            yield f"{name} is not found by its client order id"


def _changed(name: str, sent: Sent, row: dict[str, Any], memory: Memory) -> Iterator[str]:
    if sent.status == 201 and f"O{row['id']}" != sent.answer["order_id"]:
        yield f"{name} was acknowledged as {sent.answer['order_id']} and is O{row['id']}"
    if (sent.status == 201) == (row["status"] == "rejected"):
        yield f"{name} was answered with {sent.status} and is {row['status']}"
    if (row["product_id"], row["side"]) != (sent.body["product_id"], sent.body["side"]):
        yield f"{name} is another order"
    if name in memory.cancelled and row["status"] in ("new", "partially_filled"):
        yield f"{name}: its cancel was acknowledged and it is open"
    wanted = memory.amended.get(name, sent.body["loads"])
    if name not in memory.touched and row["loads"] != wanted:
        yield f"{name} has {row['loads']} loads where {wanted} were acknowledged"


def rows_by_client_id(database_url: str) -> dict[str, dict[str, Any]]:
    """Every order row by its client order id."""
    store = Store(database_url)
    with store.read_engine.connect() as connection:
        rows = connection.execute(text("SELECT * FROM exchange_orders")).mappings().all()
    store.close()
    return {row["client_order_id"]: dict(row) for row in rows}


def doubled(database_url: str) -> list[str]:
    """Client order ids with more than one event that made an order of them."""
    store = Store(database_url)
    made: Counter[tuple[str, str]] = Counter()
    with store.read_engine.connect() as connection:
        statement = text("SELECT payload FROM exchange_events WHERE type IN ('OrderPlaced', 'OrderRejected')")
        for (payload,) in connection.execute(statement):
            event = json.loads(payload)
            made[event["participant_id"], event["client_order_id"]] += 1
    store.close()
    return [f"{name} of {company} took effect {count} times" for (company, name), count in made.items() if count > 1]


def send_again(memory: Memory, rows: dict[str, dict[str, Any]], client: httpx.Client) -> tuple[int, list[str]]:
    """Sends every unanswered order again; how many had been stored, and what is wrong with the answers."""
    found, wrong = 0, []
    for name, sent in memory.unanswered().items():
        stored = rows.get(name)
        found += stored is not None
        response = client.post("/v1/orders", json=sent.body, headers={"Authorization": f"Bearer {sent.key}"})
        if response.status_code not in (201, 422):
            wrong.append(f"{name} sent again was answered with {response.status_code}: {response.text[:200]}")
        elif stored is not None and response.status_code == 201 and response.json()["order_id"] != f"O{stored['id']}":
            wrong.append(f"{name} was stored as O{stored['id']} and sent again became {response.json()['order_id']}")
        if len(look_up(client, name, sent.key)) != 1:
            wrong.append(f"{name} is not found once by its client order id")
    return found, wrong


def verify(database_url: str) -> tuple[bool, str]:
    """`h2market verify` on the database of a stopped server."""
    run = subprocess.run(
        [sys.executable, "-m", "h2market", "verify", "--json"],
        env={**os.environ, "DATABASE_URL": database_url}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    last = run.stdout.strip().splitlines()[-1] if run.stdout.strip() else run.stderr[-2_000:]
    return run.returncode == 0, last
