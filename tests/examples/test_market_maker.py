"""The market maker against a real server: a day of trading over a line that is cut, and a server that is killed."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from h2market.client import Client, Level, NewOrder, Retry
from h2market.client.model import Side
from seeds.identity import credit_code
from tests.e2e.floor import PRODUCT, WINDOW_START, Company, Floor
from tests.e2e.server import NOW, Server, verify_here
from tests.h2market.client.proxy import Proxy
from tests.house import ROOT

#: Steps of the simulated day, and what happens at some of them.
STEP = timedelta(minutes=30)
CLOSES = datetime.fromisoformat("2026-03-02T15:00:00+08:00")
CUTS, KILL = (2, 4, 8), 6
#: When the latest trade is taken back: on a whole line, on one that was just cut, and around the server's death.
RECALLS = (3, 4, KILL)
ORDERS_PER_STEP = 6
MONEY_FEN = 50_000_000
PATIENCE_S = 40.0


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    """A floor with two companies that store hydrogen: they buy and sell."""
    server = Server(f"sqlite:///{tmp_path / 'h2market.db'}", tmp_path)
    floor = Floor(server)
    floor.found()
    server.start()
    try:
        with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client:
            floor.open(client, 0, 0, 0)
            for number, name in enumerate(("Maker", "Taker")):
                floor.companies.append(_enter(floor, client, name, credit_code(300 + number)))
            headers = {"Content-Type": "text/csv"}
            floor.ask(client, "POST", "/v1/bank-statements", content=floor.statement(), headers=headers)
            server.catch_up(client)
        yield floor
    finally:
        server.stop()


def _enter(floor: Floor, client: httpx.Client, name: str, uscc: str) -> Company:
    company = floor._enter(client, name, "both", "storage_operator", uscc)
    floor.server.catch_up(client)
    floor.pay_in(company, MONEY_FEN)
    capacity = {"commodity": "hydrogen", "window_start": WINDOW_START, "loads": 200}
    floor.ask(client, "PUT", "/v1/capacities", company.secret, json=capacity)
    return company


def make_market(url: str, key: str) -> subprocess.Popen[bytes]:
    """The example as its user starts it."""
    arguments = ["-m", "examples.market_maker", "--url", url, "--product", PRODUCT, "--position-max", "8"]
    environment = {**os.environ, "H2MARKET_KEY": key, "NO_PROXY": "127.0.0.1"}
    return subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def take(client: Client, chance: Random, name: str) -> int:
    """Takes from whatever stands in the book; gives the loads that it got."""
    side: Side = chance.choice(("buy", "sell"))
    until = time.monotonic() + PATIENCE_S
    while not (levels := _levels(client, side)):
        side = "sell" if side == "buy" else "buy"  # the maker holds as much as it may, or is not back yet
        assert time.monotonic() < until, "the maker does not quote"
        time.sleep(0.05)
    taken = client.place(
        NewOrder(
            client_order_id=name, product_id=PRODUCT, side=side, price=levels[0].price, loads=chance.randint(1, 3),
            time_in_force="ioc",
        )
    )  # fmt: skip
    return taken.executed_loads


def _levels(client: Client, side: Side) -> tuple[Level, ...]:
    depth = client.book(PRODUCT)
    return depth.asks if side == "buy" else depth.bids


class Recaller:
    """The taker wants trades back, and two people of the operator agree."""

    def __init__(self, floor: Floor, taker: Client) -> None:
        key = {"participant_id": floor.market_operator.participant_id, "scopes": ["operate", "read"], "label": "second"}
        with httpx.Client(base_url=floor.server.url, trust_env=False, timeout=60) as client:
            second = floor.ask(client, "POST", "/v1/keys", json=key)["secret"]
            floor.server.catch_up(client)
        self._url, self._taker, self._keys = floor.server.url, taker, (floor.operator, second)
        self.loads = 0

    def ask_back(self) -> str:
        """Asks for the taker's latest trade, and has it approved; of two requests the first one is taken back."""
        trade = next(self._taker.trades(product_id=PRODUCT))
        self._taker.request_recall(trade.trade_id, "the wrong button")
        assert self._taker.withdraw_recall(trade.trade_id).state == "withdrawn"
        self._taker.request_recall(trade.trade_id, "the wrong button, after all")
        with Client(self._url, self._keys[0]) as first:
            first.approve_recall(trade.trade_id)
        self.loads += trade.loads
        return trade.trade_id

    def undo(self, trade_id: str) -> None:
        """Confirms it, and waits until it is undone."""
        with Client(self._url, self._keys[1]) as second:
            second.confirm_recall(trade_id)
        until = time.monotonic() + PATIENCE_S
        while self._taker.recall(trade_id).state != "recalled":
            assert time.monotonic() < until, "nobody undoes the trade"
            time.sleep(0.05)


@pytest.mark.e2e
@pytest.mark.slow
def test_a_day_of_market_making_ends_without_a_difference(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    maker, taker = floor.companies
    chance, now, loads = Random(1), datetime.fromisoformat(NOW), 0
    with (
        Proxy(floor.server.port) as line,
        Client(floor.server.url, taker.secret, retry=Retry(tries_max=100)) as client,
        httpx.Client(base_url=floor.server.url, trust_env=False, timeout=60) as operator,
    ):
        recaller = Recaller(floor, client)
        process = make_market(line.url, maker.secret)
        try:
            for step in range(1, 1 + (CLOSES - now) // STEP):
                loads += sum(take(client, chance, f"t-{step}-{number}") for number in range(ORDERS_PER_STEP))
                regretted = recaller.ask_back() if step in RECALLS else ""
                if step in CUTS:
                    line.cut()
                elif step == KILL:
                    floor.server.kill()
                    floor.server.clock = now.isoformat()
                    floor.server.start()
                if regretted:
                    recaller.undo(regretted)
                now += STEP
                floor.ask(operator, "POST", "/v1/operator/clock", json={"now": now.isoformat()})
            out, complaint = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
            process.communicate()
        account: dict[str, Any] = json.loads(out or b"{}")
        assert process.returncode == 0, (account, complaint.decode()[-4_000:])
        assert account["differences"] == {
            "fills": 0,
            "open_orders": 0,
            "money": "0.00000",
            "reserved": "0.00",
            "loads": 0,
        }
        assert account["recalled"] == len(RECALLS)
        assert account["bought_loads"] + account["sold_loads"] == loads - recaller.loads > 20
        assert account["connections"] >= 2 + len(CUTS)
        assert abs(account["position_loads"]) <= 8 + recaller.loads  # what was taken back may have been a hedge
        assert client.limits().reserved == Decimal(0)
    floor.server.stop()
    code, report = verify_here(floor.server.database_url)
    assert (code, report["findings"]) == (0, [])


def test_examples_know_nothing_but_the_client() -> None:
    for file in (ROOT / "examples").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert name.split(".")[0] in sys.stdlib_module_names or name.startswith("h2market.client"), (file, name)
