"""The whole platform in process, behind HTTP, with one trade made: what refused requests are sent to."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import date
from typing import Any, NamedTuple, TypeVar

import httpx
from sqlalchemy import inspect, text

from h2market.app import create_app
from h2market.platform import Platform
from kernel.config import Settings
from participants.commands import ApproveCompany, IssueKey, RegisterCompany
from participants.keys import hash_secret, new_secret
from seeds.bank import statement_csv
from seeds.bank_account import BankAccount
from seeds.identity import credit_code
from settlement.bank_settings import BankSettings
from settlement.references import payment_reference

T = TypeVar("T")

NOW = "2026-03-02T09:30:00+08:00"
PRODUCT = "EXW-TAIYUAN-TUBE20-20260303A"
WINDOW_START = "2026-03-03T06:00:00+08:00"
PLATE = "晋X0001A"
TERMS = {
    "product_id": PRODUCT,
    "kind": "ex_works",
    "hub": "TAIYUAN",
    "container_class": "TUBE20",
    "grade": "GB/T 37244-2018",
    "nominal_mass": "280.000",
    "maximum_mass": "300.000",
    "window_start": WINDOW_START,
    "window_end": "2026-03-03T14:00:00+08:00",
    "price_tick": "0.05",
    "price_max": "80.00",
    "loads_max": 20,
}
TRADER = ("trade", "track", "settle", "read")
COMPANIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "operator": ("operator", ("operate", "audit", "read", "trade", "track", "settle")),
    "buyer": ("station", TRADER),
    "seller": ("producer", TRADER),
    "haulier": ("haulier", TRADER),
    "other": ("station", TRADER),
}


class Told(NamedTuple):
    """What a refusal says."""

    status: int
    code: str
    field: str | None
    rule: str


class House:
    """One running platform. Names of companies stand for their keys; ``names`` fills paths such as ``{order}``."""

    def __init__(self, url: str, service_key: str = "") -> None:
        self.platform = Platform(Settings(database_url=url, simulated_clock=NOW, service_key=service_key))
        self._runner = asyncio.Runner()
        transport = httpx.ASGITransport(create_app(self.platform.settings, platform=self.platform))
        self._client = httpx.AsyncClient(transport=transport, base_url="http://h2market")
        self.names: dict[str, str] = {}
        self.secrets: dict[str, str] = {}

    def close(self) -> None:
        self._runner.run(self._client.aclose())
        self._runner.run(self.platform.stop())
        self._runner.close()

    def open(self) -> None:
        """Starts; then one load is traded, orders rest, a lorry is registered and one key was revoked."""
        self._runner.run(self.platform.start())
        for number, (name, (role, scopes)) in enumerate(COMPANIES.items(), 1):
            self._enter(name, role, scopes, credit_code(number))
        self.catch_up()
        self._trade()
        self.well("POST", "/v1/vehicles", "haulier", json={"plate": PLATE}, headers={"Idempotency-Key": "used"})
        spare = self.well("POST", "/v1/keys", "buyer", json={"scopes": ["read"], "label": "spare"})
        self.secrets["reader"] = spare["secret"]
        gone = self.well("POST", "/v1/keys", "buyer", json={"scopes": ["trade", "read"], "label": "gone"})
        self.secrets["revoked"] = gone["secret"]
        assert self.ask("DELETE", f"/v1/keys/{gone['key_id']}", "buyer").status_code == 204
        self.catch_up()

    def _enter(self, name: str, role: str, scopes: tuple[str, ...], uscc: str) -> None:
        submit = self.platform.sequencers["participants"].submit
        secret = new_secret(lambda size: (name.encode() * size)[:size])

        async def enter() -> str:
            registered = await submit(RegisterCompany(uscc, name, name, (role,)), actor="tests")
            participant_id: str = registered.events[0].participant_id  # type: ignore[attr-defined]
            await submit(ApproveCompany(participant_id), actor="tests")
            await submit(IssueKey(participant_id, hash_secret(secret), scopes, name), actor="tests")
            return participant_id

        self.names[name], self.secrets[name] = self._runner.run(enter()), secret

    def _trade(self) -> None:
        self.well("POST", "/v1/products", "operator", json=TERMS)
        bank = BankAccount(BankSettings().account_number)
        day = date(2026, 3, 2)
        bank.pay_in(day, 100_000_000, "Buyer", "9990000000000001", payment_reference(self.names["buyer"]))
        statement = statement_csv(bank.statement("ST000001", day, day))
        self.well("POST", "/v1/bank-statements", "operator", content=statement, headers={"Content-Type": "text/csv"})
        capacity = {"commodity": "hydrogen", "window_start": WINDOW_START, "loads": 10}
        self.well("PUT", "/v1/capacities", "seller", json=capacity)
        self.catch_up()
        self.names["order"] = self.well("POST", "/v1/orders", "seller", json=order("s-1", "sell", 2))["order_id"]
        bought = self.well("POST", "/v1/orders", "buyer", json=order("b-1", "buy", 1))
        (fill,) = bought["fills"]
        self.names["shipment"] = f"S{fill['trade_id'][1:]}-1"
        self.names["bid"] = self.well("POST", "/v1/orders", "buyer", json=order("b-0", "buy", 1, "10.00"))["order_id"]
        self.names["buying"] = self.names["key"] = self.well("GET", "/v1/keys", "buyer")["items"][0]["key_id"]
        self.catch_up()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Where it runs, for those who act while it answers."""
        return self._runner.get_loop()

    def run(self, step: Coroutine[Any, Any, T]) -> T:
        """Runs something in its loop."""
        return self._runner.run(step)

    # --- requests

    def ask(self, method: str, path: str, who: str = "buyer", **options: Any) -> httpx.Response:
        """One request under a company's key; nobody's for ``""``, and a name that is none is sent as the secret."""
        headers = dict(options.pop("headers", {}))
        if who:
            headers.setdefault("Authorization", f"Bearer {self.secrets.get(who, who)}")
        return self._runner.run(self._client.request(method, path.format(**self.names), headers=headers, **options))

    def well(self, method: str, path: str, who: str, **options: Any) -> Any:
        """The answer to a request that must not be refused."""
        answer = self.ask(method, path, who, **options)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def catch_up(self) -> None:
        """Waits until every follower has applied every event."""

        async def caught_up() -> None:
            quiet = 0
            async with asyncio.timeout(20):
                while quiet < 3:  # what one follower does may give another one work
                    behind = any([await follower.lag() for follower in self.platform.followers])
                    quiet = 0 if behind else quiet + 1
                    await asyncio.sleep(0.01)

        self._runner.run(caught_up())

    # --- the database

    def logs(self) -> dict[str, int]:
        """How many events each room's log holds."""
        with self.platform.store.read_engine.connect() as connection:
            return {
                room: int(connection.execute(text(f"SELECT count(*) FROM {room}_events")).scalar_one())  # noqa: S608
                for room in self.platform.rooms
            }

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table in the database: other tests declare tables that are not in it."""
        with self.platform.store.read_engine.connect() as connection:
            return {
                name: sorted(map(tuple, connection.execute(text(f"SELECT * FROM {name}"))), key=repr)  # noqa: S608
                for name in inspect(connection).get_table_names()
            }


def order(client_order_id: str, side: str, loads: Any, price: Any = "20.00", **more: Any) -> dict[str, Any]:
    """The body of a limit order for the product."""
    terms = {"client_order_id": client_order_id, "product_id": PRODUCT, "side": side, "price": price, "loads": loads}
    return {**terms, **more}


def told(answer: httpx.Response) -> Told:
    """What an answer that is a problem says of its first error."""
    assert answer.headers["Content-Type"] == "application/problem+json", (answer.status_code, answer.text)
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["type"] == f"urn:h2market:problem:{problem['code']}"
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    assert all(entry["rule"] and entry["detail"] for entry in problem["errors"])
    return Told(answer.status_code, problem["code"], problem["errors"][0]["field"], problem["errors"][0]["rule"])
