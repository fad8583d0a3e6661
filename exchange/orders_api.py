"""The order routes: plain ASGI, because an order's way through a framework costs more than its way through the book.

    POST   /v1/orders          place one order
    POST   /v1/orders/batch    place up to 100: each for itself, all taken or none, or all filled at once or none
    PATCH  /v1/orders/O123     amend
    DELETE /v1/orders/O123     cancel

On the two that place, the idempotency key is the client order id: unique for ever for each participant. A repeat
gives the first answer; a repeat with another order is refused. The answer is a function of the events that the order
made, so it is the same whenever it is given.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any, Literal, Self

import msgspec
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic_core import PydanticCustomError
from starlette.routing import BaseRoute, Match

from exchange import events as e
from exchange.commands import AmendOrder, CancelOrder, PlaceOrder
from exchange.errors import order_refusal
from exchange.group_keys import group_envelope, group_parts
from exchange.model import BATCH_ORDERS_MAX, LOADS_MAX, OrderOptions, OrderTerms, OrderType, TimeInForce
from exchange.plain import read_batch, read_order
from exchange.service import ExchangeService
from kernel.clock import to_text
from kernel.edge import Body, PriceIn, TimeIn
from kernel.errors import H2MarketError, InvalidInput, KeyReused, MethodNotAllowed, UnsupportedMedia
from kernel.http import (
    ASGIScope,
    Call,
    DirectRoute,
    Receive,
    Respond,
    Send,
    call_of,
    json_headers,
    problem,
    problem_response,
    reply_of,
    responding,
)
from kernel.ids import number_of
from kernel.quantity import format_price
from kernel.sequencer import Envelope, Key, Outcome, Result
from kernel.validation import OF_MODEL, from_validation

_BATCH = "/v1/orders/batch"
_ONE = "/v1/orders/"
#: Looks like an order and is none; what it takes goes through the framework.
_IMPORT = "/v1/orders/import"


class NewOrder(Body):
    """An order for whole loads. Most are limit orders and say no more than price, loads and how long they hold."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": ["price"], "properties": {"price": {"type": "string"}}},
                {"required": ["order_type"], "properties": {"order_type": {"enum": ["market", "stop"]}}},
            ]
        }
    )

    client_order_id: str = Field(
        pattern=r"^[A-Za-z0-9._:/-]{1,64}$",
        description="Your own id for the order: unique for ever, a repeat gives the first answer.",
    )
    product_id: str = Field(pattern=r"^[A-Z0-9-]{1,80}$")
    side: Literal["buy", "sell"]
    price: PriceIn | None = Field(default=None, description="The limit; left out by market and stop orders.")
    loads: int = Field(ge=1, le=LOADS_MAX)
    time_in_force: TimeInForce = "gtc"
    order_type: OrderType = "limit"
    stop_price: PriceIn | None = Field(default=None, description="Stops only: the trade price that elects the order.")
    minimum_loads: int | None = Field(default=None, ge=1, le=LOADS_MAX, description="At once on entry, or nothing.")
    all_or_none: bool = False
    post_only: bool = False
    display_loads: int | None = Field(default=None, ge=1, le=LOADS_MAX, description="Iceberg: loads shown at a time.")
    clip_price_change: PriceIn | None = Field(
        default=None, description="Iceberg: how much worse for the other side each further clip is priced."
    )
    expires_at: TimeIn | None = Field(default=None, description="Of time_in_force gtd.")
    hibernated: bool = Field(default=False, description="Placed asleep: reserves nothing until it is activated.")
    cancel_on_disconnect: bool = False
    counterparty_id: str | None = Field(default=None, pattern=r"^P[1-9][0-9]{0,17}$", description="Pre-arranged.")
    agreement: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9._:/-]{1,64}$", description="Pre-arranged: what both sides call the trade."
    )

    @model_validator(mode="after")
    def _names_its_price(self) -> Self:
        if self.price is None and self.order_type in ("limit", "stop_limit"):
            error = InvalidInput("price", "missing", "Name the limit price.", "请提供限价。")
            raise PydanticCustomError(OF_MODEL, "{message}", {"message": error.sentence("en"), "error": error})
        return self


class OrderBatch(Body):
    """Orders in one commit: each for itself, all taken or none, or a linked basket that is filled in full at once or
    not at all."""

    orders: list[NewOrder] = Field(min_length=1, max_length=BATCH_ORDERS_MAX)
    group: Literal["reject_partially", "reject_all", "basket"] = Field(
        default="reject_partially",
        description="Reject what must be; or all orders if one is; or all (fill-or-kill orders) unless all fill.",
    )


class Amendment(Body):
    """A new price, a new total of loads (executed ones included), or both."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": ["price"], "properties": {"price": {"type": "string"}}},
                {"required": ["loads"], "properties": {"loads": {"type": "integer"}}},
            ]
        }
    )

    price: PriceIn | None = None
    loads: int | None = Field(default=None, ge=0, le=LOADS_MAX)


class FillAnswer(msgspec.Struct, frozen=True, gc=False):
    """A trade that the request caused, at the resting order's price."""

    trade_id: str
    price: str
    loads: int
    leg: str  # "hydrogen" or "haulage" of an implied match


class OrderAnswer(msgspec.Struct, frozen=True, gc=False):
    """An order as it stands after the request."""

    order_id: str
    client_order_id: str
    product_id: str
    side: str
    price: str
    loads: int
    time_in_force: str
    status: str
    executed_loads: int
    open_loads: int
    fills: tuple[FillAnswer, ...]
    reason: str
    at: str


class ChangeAnswer(msgspec.Struct, frozen=True):
    """What an amendment or a cancel did."""

    order_id: str
    status: str
    price: str | None
    loads: int | None
    cancelled_loads: int
    fills: tuple[FillAnswer, ...]
    keeps_priority: bool | None
    at: str


_order = TypeAdapter(NewOrder)
_batch = TypeAdapter(OrderBatch)
_amendment = TypeAdapter(Amendment)
_encode = msgspec.json.Encoder().encode
_price_text = lru_cache(maxsize=65_536)(format_price)


_OPTIONS = tuple(
    name
    for name in NewOrder.model_fields
    if name not in ("client_order_id", "product_id", "side", "price", "loads", "time_in_force")
)


def place_command(participant_id: str, key_id: str, order: NewOrder) -> PlaceOrder:
    """The command of a request's order."""
    return PlaceOrder(participant_id, key_id, terms_of(order))


def terms_of(order: NewOrder) -> OrderTerms:
    """What a request's order asks for."""
    # What was not sent has its default: most orders send no option at all.
    options = None if order.model_fields_set.isdisjoint(_OPTIONS) else _options(order)
    return OrderTerms(
        order.client_order_id, order.product_id, order.side, order.price or 0, order.loads, order.time_in_force, options
    )


def _options(order: NewOrder) -> OrderOptions | None:
    options = OrderOptions(
        order.order_type, order.stop_price or 0, order.minimum_loads or 0, order.all_or_none, order.post_only,
        order.display_loads or 0, order.clip_price_change or 0, order.expires_at or 0, order.hibernated,
        order.cancel_on_disconnect, order.counterparty_id or "", order.agreement or "",
    )  # fmt: skip
    return None if options == OrderOptions() else options


def order_key(command: PlaceOrder) -> Key:
    """The idempotency key of an order: its client order id, for ever. The fingerprint covers all its terms."""
    terms = command.terms
    digest = hashlib.sha256(_encode(terms)).digest()
    return Key(orders_scope(command.participant_id), terms.client_order_id, digest)


def orders_scope(participant_id: str) -> str:
    """The scope in which client order ids are unique."""
    return f"{participant_id}/orders"


def order_answer(outcome: Outcome) -> OrderAnswer:
    """The answer to a new order. Raises the OrderRefused of a rejected one."""
    placed = outcome.events[0]
    if isinstance(placed, e.OrderRejected):
        raise order_refusal(placed.reason, placed.field, placed.shortfall)
    assert isinstance(placed, e.OrderPlaced)
    order_id, terms = placed.order_id, placed.terms
    fills: tuple[FillAnswer, ...] = ()
    executed, loads, reason = 0, terms.loads, ""
    if len(outcome.events) > 1:
        fills = fills_of(outcome.events, order_id)
        executed = sum(fill.loads for fill in fills if fill.leg != "haulage")
        for event in outcome.events:
            if isinstance(event, e.OrderCancelled) and event.order_id == order_id:
                reason = event.reason
            elif isinstance(event, e.OrderReduced) and event.order_id == order_id:
                loads -= event.loads
    open_loads = 0 if reason else loads - executed
    status = "cancelled" if reason else "filled" if not open_loads else "partially_filled" if executed else "new"
    if terms.options is not None and terms.options.hibernated:
        status = "suspended"
    return OrderAnswer(
        f"O{order_id}", terms.client_order_id, terms.product_id, terms.side, _price_text(placed.price_fen_per_kg),
        loads, terms.time_in_force, status, executed, open_loads, fills, reason, to_text(outcome.at),
    )  # fmt: skip


def change_answer(outcome: Outcome, order_id: int) -> ChangeAnswer:
    """The answer to an amendment or a cancel."""
    amended = next((event for event in outcome.events if isinstance(event, e.OrderAmended)), None)
    cancelled = next(
        (event for event in outcome.events if isinstance(event, e.OrderCancelled) and event.order_id == order_id), None
    )
    return ChangeAnswer(
        f"O{order_id}", "cancelled" if cancelled else "amended",
        format_price(amended.price_fen_per_kg) if amended else None,
        amended.loads if amended else None, cancelled.loads if cancelled else 0,
        fills_of(outcome.events, order_id),
        amended.keeps_priority if amended else None, to_text(outcome.at),
    )  # fmt: skip


def fills_of(events: Sequence[object], order_id: int) -> tuple[FillAnswer, ...]:
    """The trades of one order among the events: a stop that it elected, or another of its basket, has its own."""
    return tuple(
        [
            FillAnswer(f"T{event.trade_id}", _price_text(event.price_fen_per_kg), event.loads, event.leg)
            for event in events
            if type(event) is e.Traded and order_id in (event.buy_order_id, event.sell_order_id)
        ]
    )


class OrderRoutes(BaseRoute):
    """One route for all order requests that change something; reads go through the framework."""

    path = "/v1/orders"

    def __init__(self, service: ExchangeService) -> None:
        self._service = service
        scope = {"method": "POST", "route": self}
        self.direct = (
            DirectRoute("POST", self.path, scope, self._place),
            DirectRoute("POST", _BATCH, scope, self._place_batch),
        )

    def matches(self, scope: Any) -> tuple[Match, Any]:
        """Takes what changes orders and leaves the reads."""
        return (Match.FULL, {"route": self}) if self.takes(scope) else (Match.NONE, {})

    def takes(self, scope: ASGIScope) -> bool:
        """Whether a request changes orders."""
        if scope["type"] != "http" or not scope["path"].startswith(self.path):
            return False
        method, path = scope["method"], scope["path"]
        if path == _IMPORT:
            return bool(method != "POST")
        if path == _BATCH or (method == "POST" and path == self.path):
            return True
        return method in ("PATCH", "DELETE") and path.startswith(_ONE) and "/" not in path[len(_ONE) :]

    async def handle(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        call = call_of(scope)
        try:
            status, body = await self._answer(scope, call)
            headers = json_headers(body)
        except H2MarketError as error:
            status, headers, body = problem_response(error, call, scope["path"])
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: ASGIScope, call: Call) -> tuple[int, bytes]:
        for direct in self.direct:
            if (scope["method"], scope["path"]) == (direct.method, direct.path):
                return await reply_of(direct, call)
        if scope["path"] in (_BATCH, _IMPORT):
            raise MethodNotAllowed(field="method", method=scope["method"], allow="POST")
        call.require("trade")
        order_id = number_of(scope["path"].removeprefix(_ONE), "O", "order")
        if scope["method"] == "DELETE":
            return await self._cancel(call, order_id)
        _check_media(call)
        return await self._amend(call, order_id)

    def _place(self, call: Call, respond: Respond) -> None:
        principal = call.require("trade")
        _check_media(call)
        terms = read_order(call.body)
        if terms is None:
            terms = terms_of(_parse(_order, call.body))
        if call.idempotency_key is not None and call.idempotency_key != terms.client_order_id:
            raise InvalidInput(
                "Idempotency-Key", "client_order_id",
                "On this route the client_order_id is the idempotency key: leave the header out or send the same.",
                "在此路径上 client_order_id 即为幂等键：请省略该请求头或使二者一致。",
            )  # fmt: skip
        command = PlaceOrder(principal.participant_id, principal.key_id, terms)
        envelope = Envelope(command, principal.key_id, order_key(command))
        self._service.sequencer.enqueue((envelope,), responding(respond, _placed))

    def _place_batch(self, call: Call, respond: Respond) -> None:
        principal = call.require("trade")
        _check_media(call)
        terms, group = read_batch(call.body), "reject_partially"
        if terms is None:
            batch = _parse(_batch, call.body)
            terms, group = [terms_of(order) for order in batch.orders], batch.group
        commands = [PlaceOrder(principal.participant_id, principal.key_id, one) for one in terms]
        grouped = group != "reject_partially"
        if grouped:
            envelopes = [group_envelope(commands, group, orders_scope(principal.participant_id))]
        else:
            envelopes = [Envelope(command, principal.key_id, order_key(command)) for command in commands]
        answer = partial(_placed_batch, call, commands, grouped)
        self._service.sequencer.enqueue(envelopes, responding(respond, answer))

    async def _amend(self, call: Call, order_id: int) -> tuple[int, bytes]:
        assert call.principal is not None
        amendment = _parse(_amendment, call.body)
        if amendment.price is None and amendment.loads is None:
            raise InvalidInput(
                "body",
                "empty",
                "Give a new price, a new total of loads, or both.",
                "请提供新的价格、新的总车数，或两者。",
            )
        command = AmendOrder(call.principal.participant_id, order_id, amendment.price, amendment.loads)
        outcome = await self._service.execute(call, command, f"PATCH /v1/orders/O{order_id}")
        return 200, _encode(change_answer(outcome, order_id))

    async def _cancel(self, call: Call, order_id: int) -> tuple[int, bytes]:
        assert call.principal is not None
        command = CancelOrder(call.principal.participant_id, order_id)
        outcome = await self._service.execute(call, command, f"DELETE /v1/orders/O{order_id}")
        return 200, _encode(change_answer(outcome, order_id))


def _placed(outcome: list[Result] | H2MarketError) -> tuple[int, bytes]:
    """The reply to one order."""
    if isinstance(outcome, H2MarketError):
        raise outcome
    (result,) = outcome
    if isinstance(result, KeyReused):
        raise KeyReused(field="client_order_id", key=result.params["key"])
    if isinstance(result, H2MarketError):
        raise result
    return 201, _encode(order_answer(result))


def _placed_batch(
    call: Call, commands: Sequence[PlaceOrder], grouped: bool, outcome: list[Result] | H2MarketError
) -> tuple[int, bytes]:
    """The reply to a batch of orders: each has its own. A group of them was one command."""
    if isinstance(outcome, H2MarketError):
        raise outcome
    results = group_parts(outcome[0], commands) if grouped else outcome
    entries = [
        order_entry(call, command, result, f"orders.{index}", _BATCH)
        for index, (command, result) in enumerate(zip(commands, results, strict=True))
    ]
    return 200, _encode({"results": entries})


def order_entry(call: Call, command: PlaceOrder, result: Result, place: str, path: str) -> dict[str, Any]:
    """What became of one order among others; ``place`` is where the request has it."""
    try:
        if isinstance(result, H2MarketError):
            raise result
        return {
            "client_order_id": command.terms.client_order_id,
            "status": 201,
            "order": order_answer(result),
            "problem": None,
        }
    except H2MarketError as error:
        if error.field is not None:
            error.field = f"{place}.{'client_order_id' if isinstance(error, KeyReused) else error.field}"
        details = problem(error, call.request_id, call.language, path)
        return {
            "client_order_id": command.terms.client_order_id,
            "status": error.status,
            "order": None,
            "problem": details,
        }


def _parse(adapter: TypeAdapter[Any], body: bytes) -> Any:
    try:
        return adapter.validate_json(body)
    except ValidationError as error:
        raise from_validation(error.errors(include_url=False)) from error


def _check_media(call: Call) -> None:
    media = call.content_type
    if media is not None and media.split(b";")[0].strip().lower() != b"application/json":
        raise UnsupportedMedia(field="Content-Type", accepted="application/json")
