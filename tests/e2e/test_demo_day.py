"""The demonstration as it is run: its figures, the same on every run and store, and what it leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from h2market.platform import HOME
from h2market.servers import Servers
from h2market.verification import schemas_of
from kernel.config import SERVICES, Settings
from kernel.store import Store
from tests.e2e.demo_recounts import PLAYED, RECOUNTS
from tests.house import ROOT

#: A minute on two idle cores, which a test machine seldom has.
DAY_S_MAX = 600
#: Events in which chance has a part.
OF_CHANCE = ("KeyIssued", "WebhookAdded", "WebhookChanged")

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(2 * DAY_S_MAX + 60)]


def _demo(url: str, folder: Path, *options: str) -> dict[str, Any]:
    """The JSON object that `h2market demo --json` ends with; its servers log in ``folder``."""
    done = subprocess.run(
        [sys.executable, "-m", "h2market", "demo", "--json", "--database-url", url, *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=DAY_S_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _timeless(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in figures.items() if name != "seconds"}


def _logs(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every event of every room, but for what chance decides: hashes of keys, salts and addresses of webhooks."""
    logs: dict[str, list[tuple[Any, ...]]] = {}
    apart = schemas_of(url, None) != (None,)
    for room, service in HOME.items():
        store = Store(url, service if apart else None)
        with store.read_engine.connect() as connection:
            rows = connection.execute(text(f"SELECT seq, at, type, payload FROM {room}_events ORDER BY seq"))  # noqa: S608
            logs[room] = [tuple(row)[: 3 if row.type in OF_CHANCE else 4] for row in rows]
        store.close()
    return logs


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def url(place: Path) -> str:
    return f"sqlite:///{place / 'h2market.db'}"


@pytest.fixture(scope="module")
def figures(url: str, place: Path) -> dict[str, Any]:
    """The figures of the day on SQLite."""
    return _demo(url, place)


def test_the_day_is_a_busy_one_and_everything_adds_up(figures: dict[str, Any]) -> None:
    assert figures["orders"] >= 400
    assert figures["trades"] >= 100
    assert figures["loads_delivered"] >= 80
    assert figures["loads_rejected"] >= 1
    assert figures["loads_lapsed"] >= 1
    assert figures["loads_short"] >= 1
    assert figures["loads_late"] >= 1
    assert figures["loads_unfinished"] == 0
    assert figures["deposits_assigned"] == 1
    assert figures["paid_fen"] > 10_000_000
    assert figures["withdrawn_fen"] > 0
    assert (figures["differences"], figures["mass_closed"], figures["verified"]) == (0, True, True)
    assert figures["items_reconciled"] > 500
    assert figures["seconds"] > 0


def test_every_scene_was_played(figures: dict[str, Any], url: str) -> None:
    """The logs tell of each scene, and of the scheduler's part."""
    told: Counter[tuple[str, str]] = Counter()
    store = Store(url)
    with store.read_engine.connect() as connection:
        for room in ("exchange", "tracking", "settlement"):
            rows = connection.execute(text(f"SELECT type, actor FROM {room}_events"))  # noqa: S608
            told += Counter((row.type, row.actor) for row in rows)
        confirmed = connection.execute(
            text("SELECT count(*) FROM tracking_shipments WHERE buyer_mass_g <> seller_mass_g")
        ).scalar_one()
        off_spec = connection.execute(
            text("SELECT reject_reason, status FROM tracking_shipments WHERE quality = 'off_spec'")
        ).all()
        expired = connection.execute(
            text("SELECT count(*) FROM exchange_orders WHERE status = 'expired' OR reason = 'expired'")
        ).scalar_one()
    store.close()
    by_type: Counter[str] = Counter()
    for (kind, _), number in told.items():
        by_type[kind] += number
    assert by_type["HandOverDisputed"] == by_type["HandOverSettled"] == 1
    assert by_type["LoadRejected"] == figures["loads_rejected"] == 1
    assert by_type["EntrySuspended"] == by_type["EntryAssigned"] == 1
    assert by_type["WithdrawalPaid"] == by_type["WithdrawalRequested"] > 3
    assert (confirmed, [tuple(row) for row in off_spec]) == (1, [("off_spec", "returned")])
    assert expired > 0
    for kind in ("MarketOpened", "MarketClosed", "ProductClosed", "ShipmentLapsed", "HaulageLapsed"):
        assert told[kind, "scheduler"] == by_type[kind] > 0, kind
    # The haulage of the rejected load is paid as soon as the rejection is known, everything delivered by the scheduler.
    assert (told["LoadPaid", "scheduler"], by_type["LoadPaid"]) == (
        figures["loads_delivered"],
        figures["loads_delivered"] + 1,
    )
    assert told["LoadAccepted", "scheduler"] == 1  # of the buyer that said nothing


def test_everything_was_used(figures: dict[str, Any], url: str) -> None:
    """Each count of the table, taken again from the rows of orders and trades and from the types of events."""
    store = Store(url)
    with store.read_engine.connect() as connection:
        found = {feature: connection.execute(text(query)).scalar_one() for feature, query in RECOUNTS.items()}
    store.close()
    used = figures["used"]
    assert {feature: used[feature] for feature in found} == found
    assert {feature: used[feature] for feature in PLAYED} == PLAYED
    assert set(used) - {*found, *PLAYED} == {"stream_books"}
    assert min(used.values()) > 0


def test_the_database_is_one_that_a_server_opens(figures: dict[str, Any], url: str, place: Path) -> None:
    with Servers(Settings(database_url=url), {"all": None}, "", place / "later.log") as servers:
        health = httpx.get(f"{servers.urls['exchange']}/health", trust_env=False).json()
    assert health["ok"]
    assert sum(room["seq"] for room in health["rooms"]) >= figures["events"]


@pytest.mark.long
def test_a_second_run_gives_the_same_figures(figures: dict[str, Any], url: str, place: Path) -> None:
    assert _timeless(_demo(url, place)) == _timeless(figures)


@pytest.mark.long
@pytest.mark.postgres
def test_postgres_gives_the_same_figures(figures: dict[str, Any], fresh_postgres_url: str, tmp_path: Path) -> None:
    assert _timeless(_demo(fresh_postgres_url, tmp_path)) == _timeless(figures)


@pytest.mark.long
@pytest.mark.postgres
def test_three_processes_give_the_same_figures(
    figures: dict[str, Any], url: str, fresh_postgres_url: str, tmp_path: Path
) -> None:
    """And the same events at the same positions and times: neither followers nor jobs race anybody."""
    assert _timeless(_demo(fresh_postgres_url, tmp_path, "--split")) == _timeless(figures)
    apart = _logs(fresh_postgres_url)
    for room, events in _logs(url).items():
        assert apart[room] == events, room
    assert schemas_of(fresh_postgres_url, None) == SERVICES
    assert {file.name for file in (tmp_path / "var").iterdir()} == {f"demo-{service}.log" for service in SERVICES}
