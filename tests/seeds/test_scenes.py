"""What the scenes stand on: a line that can be cut, a receiver that believes no forger, refusals that must come."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
from datetime import date
from random import Random

import httpx
import pytest

from exchange.commands import ListProduct
from exchange.machine import ExchangeMachine
from seeds.agents import agents
from seeds.client import Refused
from seeds.companies import COMPANY_OF_CODE
from seeds.night import AUCTION_S, CAPACITIES, COLLAR_BPS, PROTECTION_BPS, VOLATILITY_BPS, night_of
from seeds.products import products
from seeds.scenes.files import _comparable
from seeds.scenes.marks import series_of
from seeds.scenes.notices import Receiver
from seeds.scenes.stage import CAST, Refusal
from seeds.scenes.streams import Line, Streams

DAY = date(2026, 1, 5)
SECRET = "whsec_" + base64.b64encode(b"s" * 24).decode()
BODY = b'{"data": {"trade_id": "T7"}}'


def test_the_night_is_listed_beside_the_day() -> None:
    night = night_of(DAY)
    machine = ExchangeMachine()
    of_the_day = {terms.product_id for terms in products(DAY)}
    for book in night.books():
        fields = [name for name in ListProduct.__struct_fields__ if hasattr(book.terms, name)]
        terms = {name: getattr(book.terms, name) for name in fields}
        machine.apply(
            ListProduct(
                **terms, collar_bps=COLLAR_BPS, volatility_bps=VOLATILITY_BPS, protection_bps=PROTECTION_BPS,
                auction_s=AUCTION_S, reference_price_fen=book.fair_fen_per_kg,
            ),
            1, 1,
        )  # fmt: skip
        assert book.product_id not in of_the_day
        assert book.fair_fen_per_kg % book.terms.price_tick_fen == 0
    assert night.delivered.fair_fen_per_kg == night.gas.fair_fen_per_kg + night.haulage.fair_fen_per_kg


def test_the_cast_trades_the_day_too_and_stands_where_the_books_of_the_night_are() -> None:
    night = night_of(DAY)
    assert {agent.company.code for agent in agents(DAY, Random(1))} >= set(CAST) >= set(CAPACITIES)
    hubs = {COMPANY_OF_CODE[code].hub for code in ("frostford", "cloudgather")}
    assert hubs == {night.gas.terms.hub}
    at_home = {COMPANY_OF_CODE[code].hub for code in ("paulownia-court", "rushmoon", "moonkeep")}
    assert at_home == {night.delivered.terms.hub} == {night.stored.terms.hub} == {night.haulage.terms.destination_hub}
    assert COMPANY_OF_CODE["dawnlotus"].hub == night.stored_haulage.terms.destination_hub


def test_a_refusal_must_come_and_be_the_one() -> None:
    def refused(code: str) -> Refused:
        return Refused("POST", "/v1/orders", 422, {"code": code})

    with Refusal("price_off_tick"):
        raise refused("price_off_tick")
    with pytest.raises(Refused, match="market_halted"), Refusal("price_off_tick"):
        raise refused("market_halted")
    with pytest.raises(AssertionError, match="price_off_tick"), Refusal("price_off_tick"):
        pass


@pytest.mark.parametrize(
    ("client_order_id", "series"),
    [("night/rushmoon/file/3", "file"), ("night/rushmoon/3", ""), ("rushmoon-20260302-01-02", ""), ("a/b/file/1", "")],
)
def test_the_series_of_an_order(client_order_id: str, series: str) -> None:
    assert series_of(client_order_id) == series


@pytest.mark.parametrize(("row", "same"), [({"price": "20.5"}, True), ({"price": 20.5}, True), ({"price": "20"}, False),
                                           ({"reason": None}, True), ({"status": "new"}, False)])  # fmt: skip
def test_rows_of_a_table_are_compared_as_what_they_say(row: dict[str, object], same: bool) -> None:
    order = {
        "order_id": "O1", "client_order_id": "a", "product_id": "X", "side": "buy", "status": "filled", "reason": "",
        "placed_at": "2026", "price": "20.50", "loads": 1, "executed_loads": 1, "open_loads": 0,
    }  # fmt: skip
    assert (_comparable({**order, **row}) == _comparable(order)) is same


def test_a_receiver_takes_what_is_signed_and_nothing_else() -> None:
    with Receiver() as receiver:
        receiver.secret = SECRET
        assert _post(receiver.url, SECRET, "exchange-7-buy") == 204
        assert _post(receiver.url, SECRET, "exchange-7-buy") == 204
        assert _post(receiver.url, "whsec_" + base64.b64encode(b"x" * 24).decode(), "exchange-8-buy") == 401
        assert _post(receiver.url, SECRET, "exchange-9-buy", age_s=600) == 401
    assert (receiver.trades, receiver.forged) == ({"T7"}, 2)


def _post(url: str, secret: str, message_id: str, age_s: int = 0) -> int:
    key, at = base64.b64decode(secret.removeprefix("whsec_")), int(time.time()) - age_s
    signed = f"{message_id}.{at}.".encode() + BODY
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    headers = {"webhook-id": message_id, "webhook-timestamp": str(at), "webhook-signature": f"v1,{signature}"}
    return httpx.post(url, content=BODY, headers=headers, trust_env=False).status_code


def test_a_line_hands_on_until_it_is_cut_and_takes_the_next_call() -> None:
    with Streams("http://127.0.0.1:1") as streams:
        streams.run(_call_twice(streams))


async def _call_twice(streams: Streams) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    line = Line(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    await line.open()
    port = int(line.url.rpartition(":")[2])
    for word in (b"before", b"after"):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(word)
        assert await reader.readexactly(len(word)) == word
        await line.cut()
        with pytest.raises(ConnectionError):
            assert await reader.read(1) or _hung_up()
        writer.close()
    await line.close()
    server.close()


def _hung_up() -> bytes:
    raise ConnectionResetError
