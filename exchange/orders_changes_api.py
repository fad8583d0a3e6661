"""Routes that change orders and go through the framework: mass cancel, sleep, waking up, import of a file."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request

from exchange import commands
from exchange.events import OrderCancelled
from exchange.market_answers import CancelledAnswer, SleepAnswer
from exchange.model import Side
from exchange.orders_api import fills_of, order_entry, order_key, place_command
from exchange.orders_file import OrderRowProblem, read_orders
from exchange.orders_openapi import ImportAnswer, ImportEntry
from exchange.parameters import Caller, IdempotencyKey, OfProduct, OrderId
from exchange.service import ExchangeService
from kernel.exports import CSV, XLSX
from kernel.http import Call
from kernel.ids import number_of
from kernel.messages import Command
from kernel.openapi import problems
from kernel.sequencer import Envelope

_IMPORT = "/v1/orders/import"
_CHANGES = problems(401, 403, 404, 409, 413, 422, 429, 503)
_FILE = {
    "requestBody": {
        "required": True,
        "description": "A table whose first row names fields of NewOrder and whose other rows are orders.",
        "content": {CSV: {"schema": {"type": "string"}}, XLSX: {"schema": {"type": "string", "format": "binary"}}},
    }
}


def change_routes(service: ExchangeService) -> APIRouter:
    """What an owner does with orders that it has, and orders in a file."""
    routes = APIRouter(tags=["orders"])

    @routes.delete("/v1/orders", responses=problems(401, 403, 409, 422, 429, 503), operation_id="cancelOrders")
    async def cancel_orders(
        call: Caller, product_id: OfProduct = None, side: Side | None = None,
        key_id: Annotated[
            str | None, Query(max_length=40, description="Only what this API key sent; `own` is the caller's key.")
        ] = None,
        idempotency_key: IdempotencyKey = None,
    ) -> CancelledAnswer:  # fmt: skip
        """Cancels all open orders of the caller's company, or those of a product, a side, a key; also while the market
        is closed or halted. What a frozen product holds stays. Scope: trade."""
        principal = call.require("trade")
        key = principal.key_id if key_id == "own" else key_id or ""
        command = commands.CancelOrders(principal.participant_id, product_id or "", side, key)
        outcome = await service.execute(call, command, f"DELETE /v1/orders?{product_id}&{side}&{key}")
        cancelled = [
            f"O{event.order_id}"
            for event in outcome.events
            if isinstance(event, OrderCancelled) and event.reason == command.reason
        ]
        return CancelledAnswer(cancelled=len(cancelled), order_ids=cancelled, at=outcome.at)

    @routes.post("/v1/orders/{order_id}/hibernation", responses=_CHANGES, operation_id="hibernateOrder")
    async def hibernate(order_id: OrderId, call: Caller, idempotency_key: IdempotencyKey = None) -> SleepAnswer:
        """Takes an order out of the market without ending it: it reserves nothing until it is activated. Scope:
        trade."""
        number = number_of(order_id, "O", "order")
        command = commands.HibernateOrder(call.require("trade").participant_id, number)
        return await _sleep(service, call, command, number, f"POST /v1/orders/{order_id}/hibernation")

    @routes.post("/v1/orders/{order_id}/activation", responses=_CHANGES, operation_id="activateOrder")
    async def activate(order_id: OrderId, call: Caller, idempotency_key: IdempotencyKey = None) -> SleepAnswer:
        """Brings a hibernating order back, behind the others at its price; it must hold what a new order holds. Scope:
        trade."""
        number = number_of(order_id, "O", "order")
        command = commands.ActivateOrder(call.require("trade").participant_id, number)
        return await _sleep(service, call, command, number, f"POST /v1/orders/{order_id}/activation")

    @routes.post(
        _IMPORT, responses=problems(401, 403, 413, 415, 422, 429, 503), operation_id="importOrders", openapi_extra=_FILE
    )
    async def import_orders(request: Request, call: Caller) -> ImportAnswer:
        """Places the orders of a CSV or XLSX file, each for itself, and says for each row what became of it. Client
        order ids make it safe to send a file again. Scope: trade."""
        principal = call.require("trade")
        # Off the loop: a spreadsheet takes a while to read, and orders of the same process would wait for it.
        rows = await asyncio.to_thread(read_orders, request.headers.get("content-type", ""), call.body)
        placed = {
            number: place_command(principal.participant_id, principal.key_id, row)
            for number, row in rows.items()
            if not isinstance(row, OrderRowProblem)
        }
        envelopes = [Envelope(command, principal.key_id, order_key(command)) for command in placed.values()]
        results = dict(zip(placed, await service.sequencer.submit_many(envelopes) if envelopes else (), strict=True))
        entries: list[dict[str, Any]] = []
        for number, row in rows.items():
            if isinstance(row, OrderRowProblem):
                entry = row.entry(call, _IMPORT)
            else:
                entry = order_entry(call, placed[number], results[number], f"rows.{number}", _IMPORT)
            entries.append({"row": number, **entry})
        placed_count = sum(entry["status"] == 201 for entry in entries)
        return ImportAnswer(
            placed=placed_count, results=[ImportEntry(**entry) for entry in msgspec.to_builtins(entries)]
        )

    return routes


async def _sleep(service: ExchangeService, call: Call, command: Command, order_id: int, route: str) -> SleepAnswer:
    outcome = await service.execute(call, command, route)
    return SleepAnswer(
        order_id=f"O{order_id}",
        hibernated=isinstance(command, commands.HibernateOrder),
        changed=bool(outcome.events),
        fills=[{"trade_id": one.trade_id, "price": one.price, "loads": one.loads, "leg": one.leg}
               for one in fills_of(outcome.events, order_id)],
        at=outcome.at,
    )  # fmt: skip
