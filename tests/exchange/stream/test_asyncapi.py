"""The AsyncAPI document says what is really sent, and what is really read."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import jsonschema_rs
import pytest
from typer.testing import CliRunner

from exchange import commands as c
from exchange.stream.asyncapi import document
from h2market import __version__, cli
from tests.exchange.market import PRODUCT, order
from tests.exchange.stream.served import Served
from tests.exchange.stream.test_entry import BAD_FRAMES
from tests.exchange.stream.test_server_events import read

DOCUMENT = document(__version__)
NO_PRODUCT = {"id": "x", "op": "subscribe", "channel": "book"}


def validator(name: str) -> jsonschema_rs.Validator:
    """Checks a message of the document."""
    payload = DOCUMENT["components"]["messages"][name]["payload"]
    schema = {**payload, "components": {"schemas": closed(DOCUMENT["components"]["schemas"])}}
    return jsonschema_rs.validator_for(schema)


def closed(schemas: dict[str, Any]) -> dict[str, Any]:
    """The schemas without room for fields that they do not name; problems are open by design."""
    return {
        name: {**schema, "additionalProperties": False} if "properties" in schema and name != "Problem" else schema
        for name, schema in schemas.items()
    }


def test_every_message_that_is_sent_fits_the_document(served_here: Served) -> None:
    served_here.hub.heartbeat_s = 0.2
    kinds: set[str] = set()

    async def run() -> None:
        async with served_here.client("seller") as client, served_here.client("buyer") as other:
            for channel in ("book", "orders", "trades", "ticker", "status"):
                await client.ask(op="subscribe", channel=channel, product_id=PRODUCT)
            await client.ask(op="subscribe", channel="own")
            first = await client.ask(op="place", orders=[
                order("s1", "sell", 3, "20.00", display_loads=1), order("s2", "sell", 500, "20.00"),
                order("s3", "sell", 1, "25.00"), order("s4", "sell", 1, "26.00", hibernated=True),
                order("s5", "sell", 1, "18.00", order_type="stop_limit", stop_price="19.00"),
            ])  # fmt: skip
            await other.ask(op="place", orders=[order("b1", "buy", 2, "20.00")])
            order_id = first["results"][2]["order"]["order_id"]
            await client.ask(op="amend", order_id=order_id, price="24.00")
            await client.ask(op="cancel", order_id=order_id)
            await client.ask(op="set_options", cancel_on_disconnect="cancel_flagged")
            for command in (
                c.GrantMoney(served_here.ids["seller"], 100, "r"), c.ReduceMoney(served_here.ids["seller"], 10**9, "r"),
                c.SetDeadMan(served_here.ids["seller"], 60), c.SetSelfTradeMode(served_here.ids["seller"], "decrement"),
                c.RequestQuote(served_here.ids["other"], PRODUCT, None, 1), c.ChangePhase(PRODUCT, "auction"),
                c.SetReferencePrice(PRODUCT, 2_000, "drill", served_here.ids["other"], "K1"),
                c.HaltMarket("drill"), c.ResumeMarket(),
            ):  # fmt: skip
                await asyncio.to_thread(served_here.submit, command)
            for frame, *_ in BAD_FRAMES:
                await client.socket.send(frame if isinstance(frame, str) else json.dumps(frame))
            await client.hear("heartbeat")
            await client.ask(op="cancel_all")
            await client.ask(op="unsubscribe", channel="book", product_id=PRODUCT)
            await asyncio.sleep(1.2)
            await client.until_quiet()
            for message in client.all + other.all:
                check(f"said_{message['type']}", message)
                kinds.add(message["type"])

    asyncio.run(run())
    assert kinds == {name.removeprefix("said_") for name in DOCUMENT["components"]["messages"] if name[:4] == "said"}


_checks: dict[str, jsonschema_rs.Validator] = {}


def check(name: str, message: dict[str, Any]) -> None:
    """Asserts that a message fits the schema of its name."""
    if name not in _checks:
        _checks[name] = validator(name)
    errors = [f"{error.instance_path}: {error.message}" for error in _checks[name].iter_errors(message)]
    assert not errors, (message, errors)


def test_server_events_fit_the_document(served_here: Served) -> None:
    async def run() -> None:
        await served_here.place("seller", "s1", "sell", 1, "20.00")
        await served_here.place("buyer", "b1", "buy", 1, "20.00")
        for _, name, data in await read(served_here, "auditor", 20):
            assert data["event"] == name
            check(f"event_{name}", data)

    asyncio.run(run())


#: Refused for what was said before or what goes together, which no schema of one message states.
BEYOND_SCHEMA = ("auth", "unsubscribe")


@pytest.mark.parametrize("frame", [frame for frame, *_ in BAD_FRAMES if isinstance(frame, dict)], ids=str)
def test_what_is_refused_for_its_shape_does_not_fit_the_document(frame: dict[str, Any]) -> None:
    asked = [name for name in DOCUMENT["components"]["messages"] if name.startswith("asked_")]
    fits = [name for name in asked if validator(name).is_valid(frame)]
    beyond = frame.get("op") in BEYOND_SCHEMA or frame.get("channel") == "own" or frame == NO_PRODUCT
    assert bool(fits) == beyond, fits


def test_every_reference_of_the_document_leads_somewhere() -> None:
    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if "$ref" in node:
                found: Any = DOCUMENT
                for step in node["$ref"].removeprefix("#/").split("/"):
                    found = found[step]
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(DOCUMENT)


def test_the_document_is_served_and_printed(served_here: Served) -> None:
    async def run() -> Any:
        async with served_here.rest("") as client:
            client.headers.pop("Authorization")
            return (await client.get("/asyncapi.json")).json()

    printed = CliRunner().invoke(cli.app, ["asyncapi", "--json"])
    assert json.loads(printed.stdout) == asyncio.run(run()) == json.loads(json.dumps(DOCUMENT))
