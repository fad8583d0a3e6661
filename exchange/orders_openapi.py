"""The plain order routes in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from pydantic.json_schema import models_json_schema

from exchange.model import BATCH_ORDERS_MAX
from exchange.orders_api import Amendment, ChangeAnswer, NewOrder, OrderAnswer, OrderBatch
from kernel.edge import Answer
from kernel.http import KEY_PATTERN
from kernel.openapi import problems

_REF = "#/components/schemas/{model}"


class BatchEntry(Answer):
    """What became of one order of a batch: ``order`` or ``problem``."""

    client_order_id: str
    status: int
    order: dict[str, Any] | None
    problem: dict[str, Any] | None


class BatchAnswer(Answer):
    """The results in the order of the request."""

    results: list[BatchEntry]


class ImportEntry(BatchEntry):
    """What became of one row, by its number in the file; the header is row 1, empty rows count."""

    row: int


class ImportAnswer(Answer):
    """The results in the order of the file."""

    placed: int
    results: list[ImportEntry]


def openapi_schemas() -> dict[str, Any]:
    """The schemas of the plain routes' bodies."""
    _, inward = models_json_schema(
        [(model, "validation") for model in (NewOrder, OrderBatch, Amendment)], ref_template=_REF
    )
    _, outward = models_json_schema([(BatchAnswer, "serialization")], ref_template=_REF)
    found: dict[str, Any] = {**inward["$defs"], **outward["$defs"]}
    _, structs = msgspec.json.schema_components([OrderAnswer, ChangeAnswer], ref_template="#/components/schemas/{name}")
    return {**found, **structs}


def _operation(
    operation_id: str,
    summary: str,
    body: str | None,
    status: int,
    answer: str,
    statuses: Sequence[int],
    parameters: Sequence[Any] = (),
) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "tags": ["orders"], "operationId": operation_id, "summary": summary, "description": summary,
        "responses": {
            str(status): {"description": "Done, after the commit.", "content": _content(answer)},
            **{str(code): answer_ for code, answer_ in problems(*statuses).items()},
        },
    }  # fmt: skip
    if body:
        operation["requestBody"] = {
            "required": True,
            "content": _content(body),
        }
    if parameters:
        operation["parameters"] = list(parameters)
    return operation


def _content(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def openapi_paths() -> dict[str, Any]:
    """The plain routes for the OpenAPI document."""
    order_id = {
        "name": "order_id",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "pattern": "^O[1-9][0-9]{0,17}$", "examples": ["O12"]},
    }
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "schema": {"type": "string", "pattern": KEY_PATTERN},
    }
    changes = (401, 403, 404, 413, 415, 422, 429, 503)
    return {
        "/v1/orders": {"post": _operation(
            "placeOrder", "Places an order. A repeated client order id gives the first answer. Scope: trade.",
            "NewOrder", 201, "OrderAnswer", (401, 403, 409, 413, 415, 422, 429, 503))},
        "/v1/orders/batch": {"post": _operation(
            "placeOrders",
            f"Places up to {BATCH_ORDERS_MAX} orders in one commit: each for itself, all taken or none, or a basket "
            "that is filled in full at once or not at all. Scope: trade.",
            "OrderBatch", 200, "BatchAnswer", (401, 403, 409, 413, 415, 422, 429, 503))},
        "/v1/orders/{order_id}": {
            "patch": _operation(
                "amendOrder", "Amends an order: fewer loads keep its place, anything else loses it. Scope: trade.",
                                "Amendment", 200, "ChangeAnswer", (*changes, 409), (order_id, key)),
            "delete": _operation(
                "cancelOrder", "Cancels what is open of an order, also while the market is closed. Scope: trade.",
                                 None, 200, "ChangeAnswer", (*changes, 409), (order_id, key)),
        },
    }  # fmt: skip
