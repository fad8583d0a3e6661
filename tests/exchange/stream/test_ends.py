"""How a connection begins, stays and ends."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any

import pytest
import websockets

import kernel.read_back
from exchange.stream import connection, entry
from kernel.errors import Unavailable
from participants.commands import ReinstateCompany, RevokeKey, SuspendCompany
from tests.exchange.market import PRODUCT, order
from tests.exchange.stream.client import Client, LevelBook
from tests.exchange.stream.served import Served
from tests.kernel.faults import Outage

NOBODY = "h2m_" + "x" * 43


# --- who may come in


@pytest.mark.parametrize("secret", [NOBODY, "not a key"])
def test_a_key_in_the_header_that_nobody_has_is_refused_with_401(served_here: Served, secret: str) -> None:
    async def run() -> None:
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with served_here.connect(secret):
                pass
        assert refused.value.response.status_code == 401
        assert b'"code": "unauthenticated"' in bytes(refused.value.response.body or b"")

    asyncio.run(run())


def test_a_browser_brings_its_key_in_the_first_message(served_here: Served) -> None:
    async def run() -> None:
        async with served_here.connect("") as client:
            await client.say(op="auth", id="a", key=served_here.secrets["buyer"])
            welcome = await client.hear("welcome")
            assert (welcome["participant_id"], welcome["scopes"]) == (served_here.ids["buyer"], ["read", "trade"])

    asyncio.run(run())


@pytest.mark.parametrize("first", [
    {"op": "auth", "id": "a", "key": NOBODY},
    {"op": "ping", "id": "a"},
    {"op": "place", "id": "a", "orders": [order("s1", "sell", 1, "20.00")]},
    {"id": "a"},
])  # fmt: skip
def test_without_a_key_nothing_is_done(served_here: Served, first: dict[str, Any]) -> None:
    async def run() -> None:
        before = served_here.house.sequencers["exchange"].tail.seq
        async with served_here.connect("") as client:
            await client.say(**first)
            assert (await client.ended())[0] == 4401
            assert [(one["type"], one["id"]) for one in client.heard] == [("problem", "a")]
        assert served_here.house.sequencers["exchange"].tail.seq == before

    asyncio.run(run())


def test_who_brings_no_key_in_time_is_sent_away(served_here: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "AUTH_S_MAX", 0.1)

    async def run() -> None:
        async with served_here.connect("") as client:
            assert await client.ended() == (4401, "no key came")

    asyncio.run(run())


def test_a_key_has_so_many_streams_and_no_more(served_here: Served) -> None:
    served_here.door.streams_max = 2

    async def run() -> None:
        async with served_here.client("buyer"), served_here.client("buyer"), served_here.client("seller"):
            with pytest.raises(websockets.InvalidStatus) as refused:
                async with served_here.connect("buyer"):
                    pass
            assert refused.value.response.status_code == 429
            async with served_here.connect("") as late:  # its address has room, the key that it brings has none
                await late.say(op="auth", key=served_here.secrets["buyer"])
                assert (await late.ended())[0] == 4429
        async with served_here.client("buyer"):
            pass

    asyncio.run(run())


def test_frames_beyond_the_limit_are_refused(served_here: Served) -> None:
    """One count for a key's frames and its requests over REST, whichever come first; each key has its own."""
    served_here.door._rates._per_window = 5

    async def run() -> None:
        async with served_here.client("buyer") as client, served_here.rest("buyer") as rest:
            first = await rest.get("/v1/market")
            assert first.headers["RateLimit-Remaining"] == "4"
            answers = [await client.ask(op="ping") for _ in range(6)]
            assert [one["type"] for one in answers] == ["pong"] * 4 + ["problem"] * 2
            assert answers[-1]["problem"]["code"] == "rate_limited"
            assert answers[-1]["problem"]["params"]["retry_after_s"] > 0
            refused = await rest.get("/v1/market")
            assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        async with served_here.client("seller") as client, served_here.rest("seller") as rest:
            assert (await client.ask(op="ping"))["type"] == "pong"
            assert (await rest.get("/v1/market")).headers["RateLimit-Remaining"] == "3"

    asyncio.run(run())


def test_another_path_is_not_found(served_here: Served) -> None:
    async def run() -> None:
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with websockets.connect(f"ws://127.0.0.1:{served_here.port}/v1/other", proxy=None):
                pass
        assert refused.value.response.status_code == 404

    asyncio.run(run())


# --- who is sent away


def test_a_revoked_key_is_cut(served: Served) -> None:
    async def run() -> None:
        async with served.client("buyer") as client, served.client("seller") as other:
            await asyncio.to_thread(served.submit, RevokeKey(client_key(client)), "participants")
            assert (await client.ended())[0] == 4401
            assert (await other.ask(op="ping"))["type"] == "pong"

    asyncio.run(run())


def client_key(client: Client) -> str:
    welcome: dict[str, Any] = client.welcome  # type: ignore[attr-defined]
    return str(welcome["key_id"])


def test_a_suspended_company_is_cut_and_comes_back_when_it_is_reinstated(served: Served) -> None:
    async def run() -> None:
        company = served.ids["buyer"]
        async with served.client("buyer") as client:
            await asyncio.to_thread(served.submit, SuspendCompany(company, "drill"), "participants")
            assert (await client.ended())[0] == 4403
        async with served.connect("buyer") as client:
            assert (await client.ended())[0] == 4403
        await asyncio.to_thread(served.submit, ReinstateCompany(company), "participants")
        async with served.client("buyer") as client:
            assert (await client.ask(op="ping"))["type"] == "pong"

    asyncio.run(run())


# --- what becomes of orders


@pytest.mark.parametrize("mode", ["keep", "cancel_placed", "cancel_flagged"])
def test_orders_end_with_their_connection_if_they_are_to(served: Served, mode: str) -> None:
    async def run() -> None:
        async with served.client("seller") as watcher, served.client("seller") as other:
            await watcher.ask(op="subscribe", channel="own")
            await other.ask(op="place", orders=[order("x1", "sell", 1, "22.00")])
            async with served.client("seller") as client:
                assert (await client.ask(op="set_options", cancel_on_disconnect=mode))["cancel_on_disconnect"] == mode
                orders = [order("s1", "sell", 1, "20.00"), order("s2", "sell", 1, "21.00", cancel_on_disconnect=True)]
                await client.ask(op="place", orders=orders)
            left = {
                "keep": ["20.00", "21.00", "22.00"],
                "cancel_placed": ["22.00"],
                "cancel_flagged": ["20.00", "22.00"],
            }
            await shows(served, left[mode])
            reasons = [
                item["reason"]
                for message in await watcher.until_quiet()
                if message["type"] == "own"
                for item in message["events"]
                if item.get("change") == "cancelled"
            ]
            assert reasons == ["disconnected"] * (3 - len(left[mode]))

    asyncio.run(run())


@pytest.mark.parametrize("mode", ["cancel_placed", "cancel_flagged"])
def test_orders_of_a_frozen_product_end_with_their_connection_too(served_here: Served, mode: str) -> None:
    async def run() -> None:
        async with served_here.client("seller") as client:
            await client.ask(op="set_options", cancel_on_disconnect=mode)
            await client.ask(op="place", orders=[order("s1", "sell", 1, "20.00", cancel_on_disconnect=True)])
            async with served_here.rest("operator") as operator:
                body = {"phase": "frozen", "reason": "looked into"}
                answer = await operator.post(f"/v1/products/{PRODUCT}/phase", json=body)
                assert answer.json()["phase"] == "frozen"
        await shows(served_here, [])

    asyncio.run(run())


async def shows(served: Served, prices: list[str]) -> None:
    """Waits until the asks are at these prices."""
    until = time.monotonic() + 10
    found: list[str] = []
    while time.monotonic() < until:
        found = [level["price"] for level in (await served.depth())["asks"]]
        if found == prices:
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"{found} instead of {prices}")


def test_orders_of_a_connection_that_breaks_end_too(served_here: Served) -> None:
    async def run() -> None:
        async with served_here.client("seller") as client:
            await client.ask(op="set_options", cancel_on_disconnect="cancel_placed")
            await client.ask(op="place", orders=[order("s1", "sell", 1, "20.00")])
            await client.say(op="place", id="last", orders=[order("s2", "sell", 1, "21.00")])
            client.socket.transport.abort()
            await shows(served_here, [])

    asyncio.run(run())


@pytest.mark.parametrize("committed", [True, False])
def test_an_order_in_doubt_ends_with_its_connection(
    served_here: Served, committed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its placing is answered with `outcome_unknown`, and turns out to have happened once the connection is gone."""
    monkeypatch.setattr(kernel.read_back, "READ_BACK_S", 0.05)
    sequencer = served_here.house.sequencers["exchange"]

    async def run() -> None:
        kept = await served_here.place("seller", "kept", "sell", 1, "22.00")
        outage = Outage(sequencer)
        async with served_here.client("seller") as client:
            await client.ask(op="set_options", cancel_on_disconnect="cancel_placed")
            await client.ask(op="place", orders=[order("s1", "sell", 1, "20.00")])
            outage.begin(committed=committed)
            said = await client.ask(op="place", orders=[order("s2", "sell", 1, "21.00")])
            assert said["problem"]["code"] == "outcome_unknown"
        outage.end()
        await shows(served_here, ["22.00"])
        async with served_here.rest("seller") as client:
            listed = (await client.get("/v1/orders")).json()["items"]
        doubtful = [("s2", "cancelled", "disconnected")] if committed else []
        ended = [("s1", "cancelled", "disconnected"), ("kept", "new", "")]
        assert [(one["client_order_id"], one["status"], one["reason"]) for one in listed] == doubtful + ended
        assert listed[-1]["order_id"] == kept

    asyncio.run(run())


def test_an_order_in_doubt_stays_so_when_another_is_refused_under_its_id(
    served_here: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel.read_back, "READ_BACK_S", 0.05)

    async def run() -> None:
        outage = Outage(served_here.house.sequencers["exchange"])
        async with served_here.client("seller") as client:
            await client.ask(op="set_options", cancel_on_disconnect="cancel_placed")
            outage.begin(committed=True)
            said = await client.ask(op="place", orders=[order("s1", "sell", 1, "20.00")])
            assert said["problem"]["code"] == "outcome_unknown"
            outage.end()
            await shows(served_here, ["20.00"])
            (entry,) = (await client.ask(op="place", orders=[order("s1", "sell", 1, "21.00")]))["results"]
            assert entry["problem"]["code"] == "idempotency_key_reused"
        await shows(served_here, [])

    asyncio.run(run())


def test_a_connection_remembers_open_orders_only(served_here: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "REMEMBERED_MAX", 4)

    async def run() -> None:
        async with served_here.client("seller") as client:
            await client.ask(op="set_options", cancel_on_disconnect="cancel_placed")
            for number in range(12):
                await client.ask(op="place", orders=[order(f"s{number}", "sell", 1, "20.00", time_in_force="ioc")])
            await client.ask(op="place", orders=[order("rest", "sell", 1, "20.00")])
            (connected,) = served_here.hub._connections
            assert len(connected._desk._placed) <= 5  # type: ignore[attr-defined]
        await shows(served_here, [])

    asyncio.run(run())


def test_placed_orders_are_answered_when_no_read_is(served_here: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(_reader: object) -> None:
        raise Unavailable(retry_after_s=1)

    async def run() -> None:
        async with served_here.client("seller") as client:
            await client.ask(op="set_options", cancel_on_disconnect="cancel_placed")
            with monkeypatch.context() as patched:
                patched.setattr(entry, "REMEMBERED_MAX", 0)
                (connected,) = served_here.hub._connections
                connected._desk._look_at = 0  # type: ignore[attr-defined]
                patched.setattr(served_here.hub.service.sequencer, "read", away)
                said = await client.ask(op="place", orders=[order("s1", "sell", 1, "20.00")])
            assert [one["status"] for one in said["results"]] == [201]
            await shows(served_here, ["20.00"])
        await shows(served_here, [])

    asyncio.run(run())


# --- signs of life


def test_heartbeats_carry_the_last_position_of_each_subscription(served_here: Served) -> None:
    served_here.hub.heartbeat_s = 0.1

    async def run() -> None:
        async with served_here.client("buyer") as client:
            assert client.all[0]["heartbeat_s"] == 0.1
            await client.ask(op="subscribe", channel="trades")
            await client.ask(op="subscribe", channel="book", product_id=PRODUCT)
            await served_here.place("seller", "s1", "sell", 1, "20.00")
            await served_here.place("buyer", "b1", "buy", 1, "20.00")
            trades = await client.hear("trades")
            last = [one for one in await client.until_quiet() if one["type"] == "book"][-1]
            beat: dict[str, Any] = {"seq": 0}
            while beat["seq"] < last["seq"]:
                beat = await client.hear("heartbeat")
            positions = {(one["channel"], one["product_id"]): one["seq"] for one in beat["subscriptions"]}
            assert positions == {("trades", None): trades["seq"], ("book", PRODUCT): last["seq"]}

    asyncio.run(run())


def test_the_feed_ends_when_nobody_listens(served_here: Served) -> None:
    feed = served_here.hub.feed
    feed.linger_s = 0.05

    async def run() -> None:
        async with served_here.client("buyer") as client:
            assert not feed.is_open
            await client.ask(op="subscribe", channel="trades")
            assert feed.is_open
            await client.ask(op="unsubscribe", channel="trades")
            await asyncio.sleep(0.3)
            assert not feed.is_open
            await client.ask(op="subscribe", channel="ticker")
            await served_here.place("seller", "s1", "sell", 1, "20.00")
            assert (await client.hear("ticker"))["tickers"][0]["ask"]["price"] == "20.00"

    asyncio.run(run())


def test_a_feed_that_breaks_tells_everybody_to_come_back(served_here: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with served_here.client("buyer") as client:
            await client.ask(op="subscribe", channel="book", product_id=PRODUCT)
            with monkeypatch.context() as broken:
                broken.setattr(served_here.hub.feed, "_publish", None)
                await served_here.place("seller", "s1", "sell", 1, "20.00")
                assert (await client.ended())[0] == 1012
        async with served_here.client("buyer") as client:
            await client.ask(op="subscribe", channel="book", product_id=PRODUCT)
            assert len((await client.hear("book_snapshot"))["asks"]) == 1

    asyncio.run(run())


# --- slow readers


async def stuck(served: Served, who: str) -> Client:
    """A connection that is read no more, with little room in its buffers."""
    pipe = socket.socket()
    pipe.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    pipe.setblocking(False)
    await asyncio.get_running_loop().sock_connect(pipe, ("127.0.0.1", served.port))
    connected = await websockets.connect(
        f"ws://127.0.0.1:{served.port}/v1/stream", sock=pipe, max_queue=1, proxy=None,
        additional_headers={"Authorization": f"Bearer {served.secrets[who]}"},
    )  # fmt: skip
    return Client(connected)


def test_a_slow_reader_gets_one_message_for_many_and_nobody_waits_for_it(served_here: Served) -> None:
    async def run() -> None:
        slow, book, quick_book = await stuck(served_here, "auditor"), LevelBook(), LevelBook()
        await slow.ask(op="subscribe", channel="book", product_id=PRODUCT, depth=100)
        async with served_here.client("auditor") as quick, served_here.client("seller") as seller:
            await quick.ask(op="subscribe", channel="book", product_id=PRODUCT, depth=100)
            slow.socket.transport.pause_reading()
            began = time.monotonic()
            for number in range(1_500):
                prices = [f"{20 + 0.05 * ((number * 13 + k * 7) % 90):.2f}" for k in range(30)]
                orders = [order(f"s{number}-{k}", "sell", 1, price) for k, price in enumerate(prices)]
                await seller.ask(op="place", orders=orders)
                await asyncio.sleep(0.003)
                await seller.ask(op="cancel_all")
                await asyncio.sleep(0.003)
                if slow_waits(served_here):
                    break
            else:
                pytest.fail("the reader was never slow")
            assert time.monotonic() - began < 60
            for number in range(50):  # what comes now is one message to the slow one
                await seller.ask(op="place", orders=[order(f"z{number}", "sell", 1, f"{20 + number % 9}.50")])
                await asyncio.sleep(0.003)
                await seller.ask(op="cancel_all")
                await asyncio.sleep(0.003)
            await seller.ask(op="place", orders=[order("end", "sell", 1, "33.00")])
            quick_messages = await take_all(quick, quick_book)
            slow.socket.transport.resume_reading()
            slow_messages = await take_all(slow, book)
            assert book.sides == quick_book.sides
            assert book.rows("asks") == [("33.00", 1, 1)]
            assert slow_messages < quick_messages - 40
        await slow.socket.close()

    asyncio.run(run())


def slow_waits(served: Served) -> bool:
    """Whether the server waits for a reader."""
    now = served._loop.time()
    boxes = [one._outbox for one in list(served.hub._connections)]  # type: ignore[attr-defined]
    return any(box._sending_since is not None and now - box._sending_since > 0.2 for box in boxes)


async def take_all(client: Client, book: LevelBook) -> int:
    for message in await client.until_quiet():
        if message["type"].startswith("book"):
            book.take(message)
    return book.messages


def test_a_reader_with_a_full_queue_is_cut_and_the_others_are_served(
    served_here: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exchange.stream.outbox.MESSAGES_MAX", 50)

    async def run() -> None:
        slow = await stuck(served_here, "seller")
        await slow.ask(op="subscribe", channel="own")
        slow.socket.transport.pause_reading()
        async with served_here.client("seller") as seller, served_here.client("buyer") as other:
            for number in range(2_000):
                orders = [order(f"s{number}-{k}", "sell", 1, "20.00") for k in range(20)]
                await seller.ask(op="place", orders=orders)
                await seller.ask(op="cancel_all")
                if len(served_here.hub._connections) < 3:
                    break
            else:
                pytest.fail("the reader was never cut")
            assert (await other.ask(op="ping"))["type"] == "pong"
        slow.socket.transport.resume_reading()
        assert (await slow.ended())[0] == 4408

    asyncio.run(run())


def test_a_reader_that_takes_nothing_for_too_long_is_cut(served_here: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "STUCK_S_MAX", 0.3)
    served_here.hub.heartbeat_s = 0.1

    async def run() -> None:
        slow = await stuck(served_here, "auditor")
        await slow.ask(op="subscribe", channel="orders", product_id=PRODUCT)
        slow.socket.transport.pause_reading()
        async with served_here.client("seller") as seller:
            for number in range(2_000):
                orders = [order(f"s{number}-{k}", "sell", 1, "20.00") for k in range(30)]
                await seller.ask(op="place", orders=orders)
                await seller.ask(op="cancel_all")
                if len(served_here.hub._connections) < 2:
                    break
            else:
                pytest.fail("the reader was never cut")
        slow.socket.transport.resume_reading()
        assert (await slow.ended())[0] == 4408

    asyncio.run(run())
