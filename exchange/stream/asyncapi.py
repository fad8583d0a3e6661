"""The AsyncAPI document of the stream, made from the types that its messages are made of."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

import msgspec
from pydantic.json_schema import models_json_schema

from exchange.stream.base import Item
from exchange.stream.requests import REQUESTS, Request
from exchange.stream.said import SAID
from exchange.stream.said_own import AnyOwnItem
from exchange.stream.said_prints import RecalledItem, TradeItem
from exchange.stream.said_status import StatusItem
from kernel.openapi import Problem

_REF = "#/components/schemas/{name}"
ITEMS: tuple[type[Item], ...] = (TradeItem, RecalledItem, *StatusItem.__args__, *AnyOwnItem.__args__)


def schemas() -> dict[str, Any]:
    """The JSON Schema of every message by its name."""
    _, structs = msgspec.json.schema_components([*SAID, *ITEMS, reduce(or_, ITEMS)], ref_template=_REF)
    _, models = models_json_schema(
        [*((model, "validation") for model in REQUESTS), (Problem, "validation")],
        ref_template="#/components/schemas/{model}",
    )
    found: dict[str, Any] = {**structs, **models["$defs"]}
    problem = {"$ref": "#/components/schemas/Problem"}
    found["ProblemSaid"]["properties"]["problem"] = problem
    found["Entry"]["properties"]["problem"] = {"anyOf": [problem, {"type": "null"}]}
    return dict(sorted(found.items()))


def _message(name: str, kind: str, doc: str | None) -> dict[str, Any]:
    return {
        "name": kind,
        "title": kind.replace("_", " "),
        "summary": " ".join((doc or "").split()),
        "contentType": "application/json",
        "payload": {"$ref": _REF.format(name=name)},
    }


def op_of(model: type[Request]) -> str:
    """What a client's message says in ``op``."""
    return str(model.model_fields["op"].annotation.__args__[0])  # type: ignore[union-attr]


def tag_of(struct: type[msgspec.Struct]) -> str:
    """What a server's message says in ``type``, or an item in ``event``."""
    return str(struct.__struct_config__.tag)


def document(version: str) -> dict[str, Any]:
    """The whole document, AsyncAPI 3."""
    said = {tag_of(struct): _message(struct.__name__, tag_of(struct), struct.__doc__) for struct in SAID}
    asked = {op_of(model): _message(model.__name__, op_of(model), model.__doc__) for model in REQUESTS}
    items = {tag_of(struct): _message(struct.__name__, tag_of(struct), struct.__doc__) for struct in ITEMS}
    messages = {
        **{f"said_{name}": one for name, one in said.items()},
        **{f"asked_{name}": one for name, one in asked.items()},
        **{f"event_{name}": one for name, one in items.items()},
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "h2market stream",
            "version": version,
            "description": "The market as it happens, and order entry. 实时行情与下单。",
        },
        "defaultContentType": "application/json",
        "servers": {
            "local": {
                "host": "127.0.0.1:8000",
                "protocol": "ws",
                "description": "As `h2market serve` starts it; TLS belongs to a proxy before it.",
                "security": [{"$ref": "#/components/securitySchemes/apiKey"}],
            }
        },
        "channels": {
            "stream": {
                "address": "/v1/stream",
                "description": "A WebSocket. One JSON object a text frame, in both directions.",
                "messages": {
                    name: {"$ref": f"#/components/messages/{name}"} for name in messages if not name.startswith("event")
                },
                "bindings": {"ws": {"method": "GET"}},
            },
            "events": {
                "address": "/v1/events",
                "description": "Server-sent events over HTTP; the id of an event is its position in the log.",
                "messages": {
                    name: {"$ref": f"#/components/messages/{name}"} for name in messages if name.startswith("event")
                },
                "bindings": {"http": {}},
            },
        },
        "operations": {
            "ask": _operation("receive", "stream", [f"asked_{name}" for name in asked], "What a client may say."),
            "say": _operation("send", "stream", [f"said_{name}" for name in said], "What the server says."),
            "tell": _operation("send", "events", [f"event_{name}" for name in items], "The log, as one may see it."),
        },
        "components": {
            "messages": messages,
            "schemas": schemas(),
            "securitySchemes": {
                "apiKey": {"type": "http", "scheme": "bearer", "description": "An API key: h2m_ and 43 characters."}
            },
        },
    }


def _operation(action: str, channel: str, names: list[str], summary: str) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": summary,
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in names],
    }
