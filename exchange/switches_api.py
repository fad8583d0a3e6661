"""Routes of switches: a company's own, and those that the operator has for it."""

from __future__ import annotations

from fastapi import APIRouter

from exchange import commands
from exchange.events import OrderCancelled
from exchange.market_answers import (
    DeadManAnswer,
    DeadManBody,
    KillSwitchAnswer,
    OrderRatesAnswer,
    OrderRatesBody,
    RateAnswer,
    SelfTradeAnswer,
    SelfTradeBody,
)
from exchange.parameters import Caller, IdempotencyKey, ParticipantId
from exchange.service import ExchangeService
from kernel.http import Call
from kernel.openapi import problems

_CHANGES = problems(401, 403, 404, 409, 413, 422, 429, 503)
_READS = problems(401, 403, 404, 422, 429, 503)


def switch_routes(service: ExchangeService) -> APIRouter:
    """What a company decides about all of its orders."""
    routes = APIRouter(tags=["switches"])

    @routes.get("/v1/self-trade-mode", responses=_READS, operation_id="getSelfTradeMode")
    async def self_trade_mode(call: Caller) -> SelfTradeAnswer:
        """What happens when orders of the caller's company meet one another. Scope: read."""
        principal = call.require("read")
        return SelfTradeAnswer(mode=(await service.trader(principal.participant_id)).self_trade_mode)

    @routes.put("/v1/self-trade-mode", responses=_CHANGES, operation_id="setSelfTradeMode")
    async def set_self_trade_mode(
        body: SelfTradeBody, call: Caller, idempotency_key: IdempotencyKey = None
    ) -> SelfTradeAnswer:
        """Chooses whether the newer order ends, the older, both, or both become smaller by the smaller. Scope:
        trade."""
        principal = call.require("trade")
        command = commands.SetSelfTradeMode(principal.participant_id, body.mode)
        await service.execute(call, command, "PUT /v1/self-trade-mode")
        return SelfTradeAnswer(mode=body.mode)

    @routes.get("/v1/dead-man-switch", responses=_READS, operation_id="getDeadManSwitch")
    async def dead_man(call: Caller) -> DeadManAnswer:
        """When the orders of the caller's company end unless the switch is renewed. Scope: read."""
        return await _dead_man(service, call.require("read").participant_id)

    @routes.put("/v1/dead-man-switch", responses=_CHANGES, operation_id="setDeadManSwitch")
    async def set_dead_man(body: DeadManBody, call: Caller, idempotency_key: IdempotencyKey = None) -> DeadManAnswer:
        """Sets or renews the switch: unless it is renewed in time, every open order of the company is cancelled. It
        survives a restart; 0 switches it off. Scope: trade."""
        principal = call.require("trade")
        command = commands.SetDeadMan(principal.participant_id, body.timeout_s)
        await service.execute(call, command, "PUT /v1/dead-man-switch")
        return await _dead_man(service, principal.participant_id)

    @routes.get("/v1/kill-switch", responses=_READS, operation_id="getKillSwitch")
    async def kill_switch(call: Caller) -> KillSwitchAnswer:
        """Whether orders of the caller's company are refused. Scope: read."""
        return await _kill_switch(service, call.require("read").participant_id, None)

    @routes.post("/v1/kill-switch", responses=_CHANGES, operation_id="pullKillSwitch")
    async def pull(call: Caller, idempotency_key: IdempotencyKey = None) -> KillSwitchAnswer:
        """Cancels every open order of the caller's company and refuses new ones until it is released; cancels still
        pass. Scope: trade."""
        principal = call.require("trade")
        return await _pull(service, call, principal.participant_id, by_operator=False)

    @routes.delete("/v1/kill-switch", responses=_CHANGES, operation_id="releaseKillSwitch")
    async def release(call: Caller, idempotency_key: IdempotencyKey = None) -> KillSwitchAnswer:
        """Takes orders of the caller's company again, unless the operator's switch for it is pulled. Scope: trade."""
        principal = call.require("trade")
        return await _release(service, call, principal.participant_id, by_operator=False)

    @routes.get("/v1/order-rates", responses=_READS, operation_id="getOrderRates")
    async def rates(call: Caller) -> OrderRatesAnswer:
        """How many orders and amendments the caller's company sent, and how many it may. Scope: read."""
        return await _rates(service, call.require("read").participant_id)

    return routes


def operator_switch_routes(service: ExchangeService) -> APIRouter:
    """What the operator decides about a company's orders."""
    routes = APIRouter(tags=["operator"])

    @routes.get("/v1/participants/{participant_id}/kill-switch", responses=_READS, operation_id="getKillSwitchOf")
    async def kill_switch(participant_id: ParticipantId, call: Caller) -> KillSwitchAnswer:
        """Whether orders of a company are refused. Scope: operate."""
        call.require("operate")
        return await _kill_switch(service, participant_id, None)

    @routes.post("/v1/participants/{participant_id}/kill-switch", responses=_CHANGES, operation_id="pullKillSwitchOf")
    async def pull(
        participant_id: ParticipantId, call: Caller, idempotency_key: IdempotencyKey = None
    ) -> KillSwitchAnswer:
        """Cancels every open order of a company and refuses new ones until the operator releases it. Scope:
        operate."""
        call.require("operate")
        return await _pull(service, call, participant_id, by_operator=True)

    @routes.delete(
        "/v1/participants/{participant_id}/kill-switch", responses=_CHANGES, operation_id="releaseKillSwitchOf"
    )
    async def release(
        participant_id: ParticipantId, call: Caller, idempotency_key: IdempotencyKey = None
    ) -> KillSwitchAnswer:
        """Takes orders of a company again, unless its own switch is pulled. Scope: operate."""
        call.require("operate")
        return await _release(service, call, participant_id, by_operator=True)

    @routes.get("/v1/participants/{participant_id}/order-rates", responses=_READS, operation_id="getOrderRatesOf")
    async def rates(participant_id: ParticipantId, call: Caller) -> OrderRatesAnswer:
        """How many orders and amendments a company sent, and how many it may. Scope: operate."""
        call.require("operate")
        return await _rates(service, participant_id)

    @routes.put("/v1/participants/{participant_id}/order-rates", responses=_CHANGES, operation_id="setOrderRatesOf")
    async def set_rates(
        participant_id: ParticipantId, body: OrderRatesBody, call: Caller, idempotency_key: IdempotencyKey = None
    ) -> OrderRatesAnswer:
        """Sets how many orders and amendments a company may send; holds at once. Scope: operate."""
        call.require("operate")
        command = commands.SetOrderRates(participant_id, body.per_10s, body.per_hour, body.per_day)
        await service.execute(call, command, f"PUT /v1/participants/{participant_id}/order-rates")
        return await _rates(service, participant_id)

    return routes


async def _dead_man(service: ExchangeService, participant_id: str) -> DeadManAnswer:
    switch = await service.dead_man(participant_id)
    if switch is None:
        return DeadManAnswer(timeout_s=0, fires_at=None)
    return DeadManAnswer(timeout_s=switch.timeout_s, fires_at=switch.fires_at)


async def _kill_switch(service: ExchangeService, participant_id: str, cancelled: int | None) -> KillSwitchAnswer:
    trader = await service.trader(participant_id)
    return KillSwitchAnswer(
        participant_id=participant_id, pulled=trader.killed, pulled_by_operator=trader.barred, cancelled=cancelled
    )


async def _pull(service: ExchangeService, call: Call, participant_id: str, *, by_operator: bool) -> KillSwitchAnswer:
    command = commands.KillTrader(participant_id, by_operator)
    outcome = await service.execute(call, command, _route("POST", participant_id, by_operator))
    cancelled = sum(isinstance(event, OrderCancelled) and event.reason == "kill_switch" for event in outcome.events)
    return await _kill_switch(service, participant_id, cancelled)


async def _release(service: ExchangeService, call: Call, participant_id: str, *, by_operator: bool) -> KillSwitchAnswer:
    command = commands.ReleaseTrader(participant_id, by_operator)
    await service.execute(call, command, _route("DELETE", participant_id, by_operator))
    return await _kill_switch(service, participant_id, None)


def _route(method: str, participant_id: str, by_operator: bool) -> str:
    return f"{method} /v1/participants/{participant_id}/kill-switch" if by_operator else f"{method} /v1/kill-switch"


async def _rates(service: ExchangeService, participant_id: str) -> OrderRatesAnswer:
    used, allowed = await service.rates(participant_id)
    per_10s, per_hour, per_day = (
        RateAnswer(used=used_one, allowed=allowed_one) for used_one, allowed_one in zip(used, allowed, strict=True)
    )
    return OrderRatesAnswer(participant_id=participant_id, per_10s=per_10s, per_hour=per_hour, per_day=per_day)
