"""Webhooks of a whole platform: what other rooms tell, notices from another process, and a process that is killed."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest

from h2market.app import create_app
from h2market.webhooks import BULLETINS
from kernel.feed import FOLLOW_EVENTS_MAX
from kernel.notice_feed import RemoteNotices
from tests.e2e.floor import PRODUCT, Floor
from tests.e2e.house import House
from tests.e2e.server import READY_S_MAX, Server, verify_here
from tests.participants.receiver import Receiver

SERVICE_KEY = "s" * 32


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
                _until_all_came(receiver, sent)
        finally:
            server.stop()
    came = [one.message["data"]["order_id"] for one in receiver.at()]
    assert list(dict.fromkeys(came)) == sent
    assert len({one.id for one in receiver.at()}) == len(sent)
    assert all(one.is_signed_with(secret) for one in receiver.at())
    status, verified = verify_here(server.database_url)
    assert (status, verified["findings"]) == (0, [])


def _place(floor: Floor, client: httpx.Client, buyer: str, name: str) -> str:
    order = {"client_order_id": name, "product_id": PRODUCT, "side": "buy", "price": "1.00", "loads": 1}
    return str(floor.ask(client, "POST", "/v1/orders", buyer, json=order)["order_id"])


def _until_all_came(receiver: Receiver, sent: list[str]) -> None:
    until = time.monotonic() + READY_S_MAX
    while {one.message["data"]["order_id"] for one in receiver.at()} != set(sent):
        assert time.monotonic() < until, "not every message came"
        time.sleep(0.05)
