"""A trading floor over HTTP: companies with keys, money that came through the bank, declared loads, one product."""

from __future__ import annotations

import asyncio
import secrets
from datetime import date
from typing import Any, NamedTuple

import httpx

from h2market.bootstrap import create_key
from kernel.config import Settings
from seeds.bank import statement_csv
from seeds.bank_account import BankAccount
from seeds.identity import credit_code
from settlement.bank_settings import BankSettings
from settlement.references import payment_reference
from tests.e2e.server import NOW, Server

DAY = date(2026, 3, 2)
PRODUCT = "EXW-TAIYUAN-TUBE20-20260303A"
WINDOW_START = "2026-03-03T06:00:00+08:00"
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
LOADS = 100_000
#: What each buyer pays in before the first order: more than orders can use up.
CASH_FEN = 10**12


class Company(NamedTuple):
    """A company on the floor. ``side`` is what it does: buy, sell, both or haul."""

    name: str
    side: str
    participant_id: str
    secret: str

    @property
    def buys(self) -> bool:
        """Whether it buys hydrogen, and so pays money in."""
        return self.side in ("buy", "both")


class Floor:
    """The floor behind one server."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.bank = BankAccount(BankSettings().account_number)
        self.companies: list[Company] = []
        self.operator = ""
        self.mass_kg = 300  # of a load at most: what a buy reserves
        self._statements = 0

    def found(self) -> None:
        """Makes the operator's key in the database; the server does not run yet."""
        settings = Settings(database_url=self.server.database_url, simulated_clock=NOW)
        scopes = ("operate", "audit", "read", "trade", "track", "settle")
        names = ("Operator", "运营方")
        made = asyncio.run(create_key(settings, None, scopes, "tests", credit_code(1), names, secrets.token_bytes))
        self.operator = made.secret
        self.market_operator = Company("Operator", "", made.participant_id, made.secret)

    def open(
        self, client: httpx.Client, buyers: int, sellers: int, cash_fen: int, keepers: int = 0, hauliers: int = 0
    ) -> None:
        """Registers companies, pays their money in, declares their loads and lists the product. Keepers store hydrogen:
        they buy and sell. Hauliers declare vehicles."""
        self.ask(client, "POST", "/v1/products", json=TERMS)
        sides = [("buy", "station")] * buyers + [("sell", "producer")] * sellers
        sides += [("both", "storage_operator")] * keepers + [("haul", "haulier")] * hauliers
        for number, (side, role) in enumerate(sides):
            self.companies.append(self._enter(client, f"Company {number}", side, role, credit_code(100 + number)))
        self.server.catch_up(client)
        for company in self.companies:
            if company.buys:
                self.pay_in(company, cash_fen)
                account = {"holder": company.name, "account_number": "9990000000000001", "bank_code": "999100000026"}
                self.ask(client, "PUT", "/v1/payout-account", company.secret, json=account)
            if company.side != "buy":
                commodity = "haulage" if company.side == "haul" else "hydrogen"
                body = {"commodity": commodity, "window_start": WINDOW_START, "loads": LOADS}
                self.ask(client, "PUT", "/v1/capacities", company.secret, json=body)
        self.ask(client, "POST", "/v1/bank-statements", content=self.statement(), headers={"Content-Type": "text/csv"})
        self.server.catch_up(client)

    def _enter(self, client: httpx.Client, name: str, side: str, role: str, uscc: str) -> Company:
        body = {"uscc": uscc, "name": name, "name_zh": name, "roles": [role]}
        participant_id = self.ask(client, "POST", "/v1/participants", json=body)["participant_id"]
        self.ask(client, "POST", f"/v1/participants/{participant_id}/approval")
        key = {"participant_id": participant_id, "scopes": ["trade", "read", "settle"], "label": name}
        return Company(name, side, participant_id, self.ask(client, "POST", "/v1/keys", json=key)["secret"])

    def pay_in(self, company: Company, amount_fen: int) -> None:
        """A company pays to the market's bank account; the next statement tells of it."""
        self.bank.pay_in(DAY, amount_fen, company.name, "9990000000000001", payment_reference(company.participant_id))

    def statement(self) -> bytes:
        """The bank's next statement, as CSV."""
        self._statements += 1
        return statement_csv(self.bank.statement(f"ST{self._statements:06d}", DAY, DAY))

    def ask(self, client: httpx.Client, method: str, path: str, secret: str = "", **options: Any) -> Any:
        """A request that must be answered well, by default the operator's."""
        headers = {"Authorization": f"Bearer {secret or self.operator}", **options.pop("headers", {})}
        answer = client.request(method, path, headers=headers, **options)
        assert answer.status_code < 400, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()
