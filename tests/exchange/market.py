"""The exchange behind HTTP, run inside a test: companies with keys, an open market and one product."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
from sqlalchemy import text

from exchange import commands as c
from h2market.app import create_app
from h2market.platform import Platform
from kernel.clock import from_text
from kernel.config import Settings
from kernel.messages import Command
from kernel.notices import Notice
from kernel.sequencer import Outcome
from participants.commands import ApproveCompany, IssueKey, RegisterCompany
from participants.keys import hash_secret, new_secret
from seeds.identity import credit_code

NOW = "2026-03-02T09:30:00+08:00"
PRODUCT = "EXW-TAIYUAN-TUBE20-20260303A"
WINDOW_START, WINDOW_END = "2026-03-03T06:00:00+08:00", "2026-03-03T14:00:00+08:00"
#: A load may weigh 300 kg, so a buy of one load at 20.00 reserves 6,000.00.
TERMS = {
    "product_id": PRODUCT,
    "kind": "ex_works",
    "hub": "TAIYUAN",
    "container_class": "TUBE20",
    "grade": "GB/T 37244-2018",
    "nominal_mass": "280.000",
    "maximum_mass": "300.000",
    "window_start": WINDOW_START,
    "window_end": WINDOW_END,
    "price_tick": "0.05",
    "price_max": "80.00",
    "loads_max": 20,
}
MONEY_FEN = 100_000_000
LOADS = 40
TRADER = ("trade", "read")
COMPANIES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "operator": (("operator",), ("operate", "audit", "read", "trade", "track", "settle")),
    "auditor": (("auditor",), ("read", "audit")),
    "buyer": (("station",), TRADER),
    "other": (("station",), TRADER),
    "seller": (("producer",), TRADER),
    "keeper": (("storage_operator",), TRADER),
}


class Market:
    """One running exchange. Names of companies stand for their keys."""

    def __init__(self, url: str, **settings: int) -> None:
        self.house = Platform(Settings(database_url=url, simulated_clock=NOW, **settings), ("exchange",))  # type: ignore[arg-type]
        self._runner = asyncio.Runner()
        app = create_app(self.house.settings, ("exchange",), self.house)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://h2market")
        self.ids: dict[str, str] = {}
        self.secrets: dict[str, str] = {"": ""}

    def start(self) -> None:
        """Starts on a database as it stands."""
        self._runner.run(self.house.start())

    def open(self) -> None:
        """Starts, and enters companies, limits and the product."""
        self.start()
        for number, (name, (roles, scopes)) in enumerate(COMPANIES.items(), 1):
            self.enter(name, credit_code(number), roles, scopes)
        self.settle()
        for name in ("buyer", "other", "keeper"):
            self.submit(c.GrantMoney(self.ids[name], MONEY_FEN, "opening"))
        for name in ("seller", "keeper"):
            self.submit(c.SetCapacity(self.ids[name], "hydrogen", from_text(WINDOW_START), LOADS))
        assert self.ask("POST", "/v1/products", "operator", json=TERMS).status_code == 201

    def close(self) -> None:
        self._runner.run(self._client.aclose())
        self._runner.run(self.house.stop())
        self._runner.close()

    def enter(self, name: str, uscc: str, roles: Sequence[str], scopes: Sequence[str]) -> None:
        """Registers and approves a company, and gives it a key."""
        registered = self.submit(RegisterCompany(uscc, name, name, tuple(roles)), "participants")
        self.ids[name] = participant_id = registered.events[0].participant_id  # type: ignore[attr-defined]
        self.submit(ApproveCompany(participant_id), "participants")
        self.secrets[name] = self.key(name, scopes)

    def key(self, name: str, scopes: Sequence[str]) -> str:
        """The secret of a new key of a company."""
        secret = new_secret(lambda size: (f"{name} {' '.join(scopes)}".encode() * 32)[:size])
        self.submit(IssueKey(self.ids[name], hash_secret(secret), tuple(scopes), name), "participants")
        return secret

    def submit(self, command: Command, room: str = "exchange") -> Outcome:
        """Has a command decided without HTTP, as followers and jobs do."""
        return self._runner.run(self.house.sequencers[room].submit(command, actor="test"))

    def settle(self) -> None:
        """Waits until the exchange has followed the register."""

        async def caught_up() -> None:
            async with asyncio.timeout(10):
                while any([await follower.lag() for follower in self.house.followers]):  # noqa: ASYNC110
                    await asyncio.sleep(0.005)

        self._runner.run(caught_up())

    def move(self, now: str) -> None:
        """Moves the clock and runs the jobs on the way."""
        self._runner.run(self.house.alarm.advance(from_text(now)))

    def leap(self, now: str) -> None:
        """Moves the clock as if nobody had been there; what fell due meanwhile is done at the end."""
        self.house.alarm.set(from_text(now))
        self.move(now)

    # --- requests

    def ask(self, method: str, path: str, who: str = "buyer", **options: Any) -> httpx.Response:
        """One request under a company's key; a name that is none is sent as the secret itself."""
        return self.ask_all([(method, path, who, options)])[0]

    def ask_all(self, requests: Sequence[tuple[str, str, str, dict[str, Any]]]) -> list[httpx.Response]:
        """Several requests at once."""

        async def run() -> list[httpx.Response]:
            return await asyncio.gather(*(self._one(*request) for request in requests))

        return self._runner.run(run())

    async def _one(self, method: str, path: str, who: str, options: dict[str, Any]) -> httpx.Response:
        headers = dict(options.pop("headers", {}))
        secret = self.secrets.get(who, who)
        if secret:
            headers.setdefault("Authorization", f"Bearer {secret}")
        return await self._client.request(method, path, headers=headers, **options)

    def place(self, who: str, client_order_id: str, side: str, loads: int, price: str, **more: Any) -> httpx.Response:
        """Sends a limit order for the product."""
        return self.ask("POST", "/v1/orders", who, json=order(client_order_id, side, loads, price, **more))

    def rest(self, who: str, client_order_id: str, side: str, loads: int, price: str, **more: Any) -> str:
        """Places an order that is taken; gives its id."""
        answer = self.place(who, client_order_id, side, loads, price, **more)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["order_id"])

    def find(self, who: str, client_order_id: str) -> dict[str, Any]:
        """The one order that a company sent under a client order id."""
        items = self.ask("GET", "/v1/orders", who, params={"client_order_id": client_order_id}).json()["items"]
        assert len(items) == 1, items
        return dict(items[0])

    def limits(self, who: str) -> dict[str, str]:
        """A company's money on the exchange."""
        found = self.ask("GET", "/v1/limits", who).json()
        return {name: found[name] for name in ("granted", "reserved", "committed", "free")}

    # --- the log

    def length(self) -> int:
        """How many events the exchange's log holds in the database."""
        with self.house.store.read_engine.connect() as connection:
            return int(connection.execute(text("SELECT count(*) FROM exchange_events")).scalar_one())

    def notices(self, after: int) -> list[Notice]:
        """What participants are told of the events after a position."""
        return list(self._runner.run(self.house.notices["exchange"].page(after, 100)).notices)

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """What happens inside leaves no event."""
        before = self.length()
        yield
        assert self.length() == before


def order(client_order_id: str, side: str, loads: int, price: str, **more: Any) -> dict[str, Any]:
    """The body of a limit order for the product."""
    terms = {"client_order_id": client_order_id, "product_id": PRODUCT, "side": side, "price": price, "loads": loads}
    return {**terms, **more}


def problem(answer: httpx.Response) -> tuple[int, str, str | None, str]:
    """Status, code, field and rule of an answer that is a problem."""
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    told = answer.json()
    assert told["status"] == answer.status_code
    assert told["request_id"] == answer.headers["X-Request-Id"]
    return answer.status_code, told["code"], told["errors"][0]["field"], told["errors"][0]["rule"]
