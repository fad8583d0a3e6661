"""Routes of recalls: a party or the operator asks for a trade back or withdraws, two keys of the operator decide."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from sqlmodel import Session, col, or_, select

from exchange import commands
from exchange.events import TradeRecallRequested
from exchange.model import RecallState
from exchange.parameters import Caller, IdempotencyKey, TradeId
from exchange.recall_answers import NewRecall, RecallAnswer, RecallRejection, RecallStepAnswer, recall_of, requested
from exchange.service import ExchangeService
from exchange.tables import ContestedTradeRow, RecallRow
from kernel.edge import Page
from kernel.errors import NotFound
from kernel.exports import Listed, listed
from kernel.ids import number_of
from kernel.openapi import problems
from kernel.service import reading

_CHANGES = problems(401, 403, 404, 409, 413, 422, 429, 503)
_STEPS = problems(401, 403, 404, 409, 422, 429, 503)


def recall_routes(service: ExchangeService) -> APIRouter:
    """Trades made in error, and how they are undone."""
    routes = APIRouter(tags=["recalls"])
    reads = reading(service)

    @routes.post("/v1/trades/{trade_id}/recall", status_code=201, responses=_CHANGES, operation_id="requestRecall")
    async def request(
        trade_id: TradeId, body: NewRecall, call: Caller, idempotency_key: IdempotencyKey = None
    ) -> RecallAnswer:
        """Asks to undo a trade, and with it the other trade of an implied match, up to half an hour after it. The
        operator decides within an hour. Scope: trade, of a party; or operate."""
        by_operator = call.principal is not None and "operate" in call.principal.scopes
        principal = call.require("operate" if by_operator else "trade")
        number = number_of(trade_id, "T", "trade")
        command = commands.RequestRecall(
            number, await service.trade_facts(number), principal.participant_id, principal.key_id, by_operator,
            body.reason,
        )  # fmt: skip
        outcome = await service.execute(call, command, f"POST /v1/trades/{trade_id}/recall")
        event = next(event for event in outcome.events if isinstance(event, TradeRecallRequested))
        return requested(event, outcome.at)

    @routes.get("/v1/trades/{trade_id}/recall", responses=problems(401, 403, 404, 422, 429), operation_id="getRecall")
    def recall(trade_id: TradeId, call: Caller, session: Session = reads) -> RecallAnswer:
        """The latest recall of a trade. Scope: read; its parties, the operator and auditors."""
        principal = call.require("read")
        contested = session.get(ContestedTradeRow, number_of(trade_id, "T", "trade"))
        if contested is None:
            raise NotFound(field="trade_id", kind="recall", id=trade_id)
        if not principal.sees_all and principal.participant_id not in (contested.buyer_id, contested.seller_id):
            raise NotFound(field="trade_id", kind="recall", id=trade_id)
        row = session.get(RecallRow, contested.recall_id)
        assert row is not None, f"T{contested.id} names a recall that is not there"
        return recall_of(row, with_keys=principal.sees_all)

    @routes.post("/v1/trades/{trade_id}/recall/approval", responses=_STEPS, operation_id="approveRecall")
    async def approve(trade_id: TradeId, call: Caller, idempotency_key: IdempotencyKey = None) -> RecallStepAnswer:
        """The first of two people of the operator would undo the trade. Scope: operate."""
        principal = call.require("operate")
        number = number_of(trade_id, "T", "trade")
        command = commands.ApproveRecall(number, principal.participant_id, principal.key_id)
        outcome = await service.execute(call, command, f"POST /v1/trades/{trade_id}/recall/approval")
        recall_id = outcome.events[0].recall_id  # type: ignore[attr-defined]
        return RecallStepAnswer(recall_id=f"R{recall_id}", trade_id=trade_id, state="approved", at=outcome.at)

    @routes.post("/v1/trades/{trade_id}/recall/confirmation", responses=_STEPS, operation_id="confirmRecall")
    async def confirm(trade_id: TradeId, call: Caller, idempotency_key: IdempotencyKey = None) -> RecallStepAnswer:
        """The second one, with another key. The loads are ended now unless one has begun to move: whether the trade is
        undone is said by GET, the stream and webhooks. Scope: operate."""
        principal = call.require("operate")
        number = number_of(trade_id, "T", "trade")
        command = commands.ConfirmRecall(number, principal.participant_id, principal.key_id)
        outcome = await service.execute(call, command, f"POST /v1/trades/{trade_id}/recall/confirmation")
        recall_id = outcome.events[0].recall_id  # type: ignore[attr-defined]
        return RecallStepAnswer(recall_id=f"R{recall_id}", trade_id=trade_id, state="recalling", at=outcome.at)

    @routes.post("/v1/trades/{trade_id}/recall/rejection", responses=_CHANGES, operation_id="rejectRecall")
    async def reject(
        trade_id: TradeId, body: RecallRejection, call: Caller, idempotency_key: IdempotencyKey = None
    ) -> RecallStepAnswer:
        """Turns the request down before it is confirmed; one person is enough, and the trade stands. Scope:
        operate."""
        principal = call.require("operate")
        command = commands.RejectRecall(number_of(trade_id, "T", "trade"), principal.key_id, body.reason)
        outcome = await service.execute(call, command, f"POST /v1/trades/{trade_id}/recall/rejection")
        recall_id = outcome.events[0].recall_id  # type: ignore[attr-defined]
        return RecallStepAnswer(recall_id=f"R{recall_id}", trade_id=trade_id, state="rejected", at=outcome.at)

    @routes.post("/v1/trades/{trade_id}/recall/withdrawal", responses=_STEPS, operation_id="withdrawRecall")
    async def withdraw(trade_id: TradeId, call: Caller, idempotency_key: IdempotencyKey = None) -> RecallStepAnswer:
        """Takes a request back before it is confirmed, with any key of the company that asked; the trade stands. Scope:
        trade; or operate."""
        by_operator = call.principal is not None and "operate" in call.principal.scopes
        principal = call.require("operate" if by_operator else "trade")
        number = number_of(trade_id, "T", "trade")
        command = commands.WithdrawRecall(number, principal.participant_id, principal.key_id, by_operator)
        outcome = await service.execute(call, command, f"POST /v1/trades/{trade_id}/recall/withdrawal")
        recall_id = outcome.events[0].recall_id  # type: ignore[attr-defined]
        return RecallStepAnswer(recall_id=f"R{recall_id}", trade_id=trade_id, state="withdrawn", at=outcome.at)

    @routes.get(
        "/v1/recalls", response_model=Page[RecallAnswer], responses=listed(401, 403, 422, 429),
        operation_id="listRecalls",
    )  # fmt: skip
    def recalls(
        call: Caller, part: Listed, session: Session = reads,
        state: Annotated[RecallState | None, Query(description="Only recalls in this state.")] = None,
    ) -> object:  # fmt: skip
        """Recalls of the caller's trades, newest first; all of them for the operator and auditors. Scope: read."""
        principal = call.require("read")
        query = select(RecallRow)
        if not principal.sees_all:
            own = principal.participant_id
            trades = select(ContestedTradeRow.id).where(
                or_(ContestedTradeRow.buyer_id == own, ContestedTradeRow.seller_id == own)
            )
            query = query.where(or_(col(RecallRow.trade_id).in_(trades), col(RecallRow.other_trade_id).in_(trades)))
        if state is not None:
            query = query.where(RecallRow.state == state)
        return part.page(
            session, query, col(RecallRow.id), lambda row: recall_of(row, with_keys=principal.sees_all), RecallAnswer,
            "recalls",
        )  # fmt: skip

    return routes
