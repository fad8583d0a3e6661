"""Webhooks of a whole platform: what other rooms tell, notices from another process, and a process that is killed."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from h2market.app import create_app
from h2market.bootstrap import create_key
from h2market.servers import Servers
from h2market.webhooks import BULLETINS
from kernel.config import SERVICES, Settings
from kernel.feed import FOLLOW_EVENTS_MAX
from kernel.notice_feed import RemoteNotices
from seeds.bank import statement_csv
from seeds.bank_account import BankAccount
from seeds.identity import credit_code
from settlement.bank_settings import BankSettings
from settlement.references import payment_reference
from tests.e2e.floor import DAY, PRODUCT, Floor
from tests.e2e.house import House
from tests.e2e.server import NOW, READY_S_MAX, Server, verify_here
from tests.participants.receiver import Receiver

SERVICE_KEY = "s" * 32
OPERATOR = ("operate", "audit", "read", "settle")


def test_notices_from_another_process_are_those_of_this_one(database_url: str) -> None:
    house = House(database_url, service_key=SERVICE_KEY)
    try:
        house.open()
        house.loop.run_until_complete(_compare(house))
    finally:
        house.close()


async def _compare(house: House) -> None:
    app = create_app(house.platform.settings, platform=house.platform)
    headers = {"Authorization": f"Bearer {SERVICE_KEY}"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://h2market", headers=headers) as client:
        for room in BULLETINS:
            here, there = house.platform.notices[room], RemoteNotices(client, room)
            page = await there.page(0, FOLLOW_EVENTS_MAX)
            assert page == await here.page(0, FOLLOW_EVENTS_MAX)
            assert page.notices, room
            assert [one.seq for one in page.notices] == sorted(one.seq for one in page.notices)
            assert await there.head(0) == there.last == here.last > 0
            moment = page.notices[-1].at
            assert await there.position(moment) == await here.position(moment) < page.notices[-1].seq
            assert await there.position(moment + 1) == here.last
    async with httpx.AsyncClient(transport=transport, base_url="http://h2market") as client:
        for path in ("notices", "notices/head", "notices/position?at=1"):
            assert (await client.get(f"/v1/internal/exchange/{path}")).status_code == 401


def test_a_trade_is_told_by_every_room(database_url: str) -> None:
    house = House(database_url)
    try:
        house.open()
        pages = [source.read(0, FOLLOW_EVENTS_MAX) for source in house.platform.notices.values()]
    finally:
        house.close()
    buyer, seller = house.names["buyer"], house.names["seller"]
    heard: dict[str, list[str]] = {}
    for page in pages:
        for one in page.notices:
            heard.setdefault(one.participant_id, []).append(one.type)
    assert {"company.approved", "limit.granted", "deposit.credited", "trade.made", "hold.made"} <= set(heard[buyer])
    assert {"limit.capacity_set", "order.placed", "trade.made", "shipment.planned"} <= set(heard[seller])
    assert "hold.made" not in heard[seller]
    assert "trade.made" not in heard[house.names["other"]]


@pytest.mark.e2e
@pytest.mark.slow
def test_a_process_that_is_killed_loses_no_message(tmp_path: Path) -> None:
    server = Server(f"sqlite:///{tmp_path / 'h2market.db'}", tmp_path, H2MARKET_WEBHOOK_NETWORKS="127.0.0.0/8")
    floor = Floor(server)
    floor.found()
    with Receiver() as receiver:
        receiver.answer(200, delay_s=0.02)
        server.start()
        try:
            with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client:
                floor.open(client, buyers=1, sellers=1, cash_fen=100_000_000)
                buyer = floor.companies[0].secret
                hook = {"url": receiver.url(), "event_types": ["order.placed"]}
                secret = floor.ask(client, "POST", "/v1/webhooks", buyer, json=hook)["secret"]
                sent: list[str] = []
                for round_no in range(3):
                    sent += [_place(floor, client, buyer, f"o-{round_no}-{number}") for number in range(20)]
                    server.kill()
                    server.start()
                _until(lambda: {one.message["data"]["order_id"] for one in receiver.at()} == set(sent))
        finally:
            server.stop()
    came = [one.message["data"]["order_id"] for one in receiver.at()]
    assert list(dict.fromkeys(came)) == sent
    assert len({one.id for one in receiver.at()}) == len(sent)
    assert all(one.is_signed_with(secret) for one in receiver.at())
    status, verified = verify_here(server.database_url)
    assert (status, verified["findings"]) == (0, [])


@pytest.mark.e2e
@pytest.mark.slow
def test_services_apart_are_told_of_by_the_one_that_writes_the_register(
    fresh_postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("H2MARKET_WEBHOOK_NETWORKS", "127.0.0.0/8")
    schemas = {name: name for name in SERVICES}
    settings = Settings(database_url=fresh_postgres_url, schema="exchange", simulated_clock=NOW)
    made = asyncio.run(
        create_key(settings, None, OPERATOR, "tests", credit_code(1), ("Operator", "运营方"), secrets.token_bytes)
    )
    with (
        Receiver() as receiver,
        Servers(Settings(database_url=fresh_postgres_url), schemas, NOW, tmp_path / "server.log") as servers,
        httpx.Client(trust_env=False, timeout=30) as client,
    ):

        def ask(service: str, path: str, secret: str, **options: Any) -> Any:
            headers = {"Authorization": f"Bearer {secret}", **options.pop("headers", {})}
            answer = client.post(f"{servers.urls[service]}{path}", headers=headers, **options)
            assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
            return answer.json()

        company = {"uscc": credit_code(2), "name": "Station", "name_zh": "加氢站", "roles": ["station"]}
        station = ask("exchange", "/v1/participants", made.secret, json=company)["participant_id"]
        ask("exchange", f"/v1/participants/{station}/approval", made.secret)
        key = {"participant_id": station, "scopes": ["read", "settle"], "label": "hooks"}
        secret = ask("exchange", "/v1/keys", made.secret, json=key)["secret"]
        hook = {"url": receiver.url(), "event_types": ["deposit.*", "limit.*"]}
        added = ask("exchange", "/v1/webhooks", secret, json=hook)
        _until(lambda: _accounts(client, servers, secret) == 1)
        bank = BankAccount(BankSettings().account_number)
        bank.pay_in(DAY, 3_000_000, "Station", "9990000000000001", payment_reference(station))
        statement, kind = statement_csv(bank.statement("ST000001", DAY, DAY)), {"Content-Type": "text/csv"}
        ask("settlement", "/v1/bank-statements", made.secret, content=statement, headers=kind)
        _until(lambda: len({one.id for one in receiver.at()}) == 2)
    told = {one.message["type"]: one for one in receiver.at()}
    assert set(told) == {"deposit.credited", "limit.granted"}
    assert told["deposit.credited"].message["data"]["amount"] == "30000.00"
    assert told["limit.granted"].message["log"] == "exchange"
    assert all(one.is_signed_with(added["secret"]) for one in receiver.at())


def _accounts(client: httpx.Client, servers: Servers, secret: str) -> int:
    answer = client.get(f"{servers.urls['settlement']}/v1/accounts", headers={"Authorization": f"Bearer {secret}"})
    return len(answer.json()["items"]) if answer.is_success else 0


def _place(floor: Floor, client: httpx.Client, buyer: str, name: str) -> str:
    order = {"client_order_id": name, "product_id": PRODUCT, "side": "buy", "price": "1.00", "loads": 1}
    return str(floor.ask(client, "POST", "/v1/orders", buyer, json=order)["order_id"])


def _until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + READY_S_MAX
    while not holds():
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.05)
