"""A recall between services that run apart on PostgreSQL, with tracking killed when it is asked."""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import time
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from h2market.bootstrap import create_key
from h2market.client import ApiError, Client, NotFound
from h2market.servers import Servers
from kernel.config import SERVICES, Settings
from seeds.bank import statement_csv
from seeds.bank_account import BankAccount
from seeds.identity import credit_code
from settlement.bank_settings import BankSettings
from settlement.references import payment_reference
from tests.e2e.house import NOW, PRODUCT, TERMS, WINDOW_START, order

DAY = date(2026, 3, 2)
OPERATOR = ("operate", "audit", "read", "trade", "track", "settle")
TRADER = ["trade", "track", "settle", "read"]
PATIENCE_S = 40.0


def until(done: Callable[[], bool]) -> None:
    """Waits for what follows by itself."""
    ends = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < ends
        time.sleep(0.05)


class Mortal(Servers):
    """Processes of which one may be killed, as by a power cut, and started again."""

    def _start(self, name: str, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        self.__dict__.setdefault("environments", {})[name] = environment
        return super()._start(name, environment)

    def kill(self, name: str) -> None:
        self._running[name].kill()
        self._running[name].wait()

    def revive(self, name: str) -> None:
        self._running[name] = self._start(name, self.__dict__["environments"][name])
        self._await_ready(name)


class Apart:
    """Three services, a buyer, a seller, and two keys of the operator."""

    def __init__(self, servers: Servers, operator: str) -> None:
        self.servers = servers
        self.http = httpx.Client(trust_env=False, timeout=30)
        self.keys = {"operator": operator}
        self.ids: dict[str, str] = {}

    def ask(self, service: str, method: str, path: str, who: str = "operator", **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.keys[who]}", **options.pop("headers", {})}
        answer = self.http.request(method, f"{self.servers.urls[service]}{path}", headers=headers, **options)
        assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
        return json.loads(answer.text)

    def client(self, who: str) -> Client:
        return Client(self.servers.urls["exchange"], self.keys[who])

    def enter(self) -> None:
        """Companies, keys, the product, money and capacity."""
        for number, (who, role) in enumerate((("buyer", "station"), ("seller", "producer")), 2):
            company = {"uscc": credit_code(number), "name": who, "name_zh": who, "roles": [role]}
            self.ids[who] = self.ask("exchange", "POST", "/v1/participants", json=company)["participant_id"]
            self.ask("exchange", "POST", f"/v1/participants/{self.ids[who]}/approval")
            key = {"participant_id": self.ids[who], "scopes": TRADER, "label": who}
            self.keys[who] = self.ask("exchange", "POST", "/v1/keys", json=key)["secret"]
        second = {"scopes": ["operate", "read"], "label": "second"}
        self.keys["second"] = self.ask("exchange", "POST", "/v1/keys", json=second)["secret"]
        self.ask("exchange", "POST", "/v1/products", json=TERMS)
        until(lambda: self.cash() is not None)
        bank = BankAccount(BankSettings().account_number)
        bank.pay_in(DAY, 100_000_000, "Buyer", "9990000000000001", payment_reference(self.ids["buyer"]))
        statement, kind = statement_csv(bank.statement("ST000001", DAY, DAY)), {"Content-Type": "text/csv"}
        self.ask("settlement", "POST", "/v1/bank-statements", content=statement, headers=kind)
        until(lambda: self.limits()["granted"] == "1000000.00")
        capacity = {"commodity": "hydrogen", "window_start": WINDOW_START, "loads": 10}
        self.ask("exchange", "PUT", "/v1/capacities", "seller", json=capacity)

    def cash(self) -> dict[str, Any] | None:
        """The buyer's account, once settlement knows the buyer."""
        headers = {"Authorization": f"Bearer {self.keys['buyer']}"}
        answer = self.http.get(f"{self.servers.urls['settlement']}/v1/accounts", headers=headers)
        items = answer.json()["items"] if answer.is_success else []
        return dict(items[0]) if items else None

    def held(self) -> str:
        """What the ledger holds of the buyer's."""
        cash = self.cash()
        assert cash is not None
        return str(cash["held"])

    def limits(self) -> dict[str, Any]:
        return dict(self.ask("exchange", "GET", "/v1/limits", "buyer"))

    def trade(self) -> str:
        """One load changes hands."""
        self.ask("exchange", "POST", "/v1/orders", "seller", json=order("s-1", "sell", 1))
        (fill,) = self.ask("exchange", "POST", "/v1/orders", "buyer", json=order("b-1", "buy", 1))["fills"]
        return str(fill["trade_id"])


@pytest.mark.e2e
@pytest.mark.slow
def test_services_apart_undo_a_trade_though_tracking_was_killed(fresh_postgres_url: str, tmp_path: Path) -> None:
    schemas = {name: name for name in SERVICES}
    settings = Settings(database_url=fresh_postgres_url, schema="exchange", simulated_clock=NOW)
    made = asyncio.run(
        create_key(settings, None, OPERATOR, "tests", credit_code(1), ("Operator", "运营方"), secrets.token_bytes)
    )
    log = tmp_path / "server.log"
    with Mortal(Settings(database_url=fresh_postgres_url), schemas, NOW, log) as servers:
        apart = Apart(servers, made.secret)
        apart.enter()
        trade_id = apart.trade()
        until(lambda: apart.held() == "6000.00")
        servers.kill("tracking")
        with apart.client("buyer") as buyer, apart.client("operator") as first, apart.client("second") as second:
            with pytest.raises(NotFound):
                buyer.recall(trade_id)
            asked = buyer.request_recall(trade_id, "one digit too many", idempotency_key="back")
            assert buyer.request_recall(trade_id, "one digit too many", idempotency_key="back") == asked
            assert first.approve_recall(trade_id).state == "approved"
            with pytest.raises(ApiError) as refused:
                first.confirm_recall(trade_id)
            assert refused.value.code == "recall_needs_other_eyes"
            assert second.confirm_recall(trade_id).state == "recalling"
            assert (buyer.recall(trade_id).state, apart.limits()["committed"]) == ("recalling", "6000.00")
            servers.revive("tracking")
            until(lambda: buyer.recall(trade_id).state == "recalled")
            until(lambda: (apart.held(), apart.limits()["committed"]) == ("0.00", "0.00"))
            assert [one.recall_id for one in first.recalls(state="recalled")] == [asked.recall_id]
            (trade,) = buyer.trades()
            (bought,) = buyer.orders()
            assert (trade.state, trade.recalled) == ("recalled", True)
            assert (bought.status, bought.executed_loads, bought.recalled_loads) == ("filled", 0, 1)
            (public,) = buyer.public_trades(PRODUCT)
            assert public.recalled
        shipment = apart.ask("tracking", "GET", f"/v1/shipments/S{trade_id[1:]}-1", "buyer")
        assert shipment["state"] == "cancelled"
        assert apart.ask("settlement", "GET", "/v1/reconciliation")["differences"] == 0
        apart.http.close()
