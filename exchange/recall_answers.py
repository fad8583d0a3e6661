"""Bodies and answers of the routes of recalls."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from exchange.events import TradeRecallRequested
from exchange.model import RecallState
from exchange.tables import RecallRow
from kernel.edge import Answer, Body, Line, TimeOut


class NewRecall(Body):
    """Why the trade should be undone."""

    reason: Line


class RecallRejection(Body):
    """Why the trade stands."""

    reason: Line


class RecallAnswer(Answer):
    """A request to undo a trade. Of an implied match both trades are recalled, or none: then there are two numbers."""

    recall_id: str
    state: RecallState
    trade_ids: list[str]
    requester_id: str
    reason: str
    requested_at: TimeOut
    decide_by: TimeOut = Field(description="Undecided by then, it expires and the trade stands.")
    approved_by: str | None = Field(description="The operator's first key; for the operator and auditors.")
    confirmed_by: str | None = Field(description="The operator's second key; for the operator and auditors.")
    answer: str = Field(description="Why it was rejected, or which load had begun to move.")
    updated_at: TimeOut


class RecallStepAnswer(Answer):
    """What a decision of the operator, or of who asked, made of a recall."""

    recall_id: str
    trade_id: str
    state: Literal["approved", "recalling", "rejected", "withdrawn"]
    at: TimeOut


def requested(event: TradeRecallRequested, at: int) -> RecallAnswer:
    """The recall as it was asked for."""
    return RecallAnswer(
        recall_id=f"R{event.recall_id}", state="requested", trade_ids=[f"T{trade.trade_id}" for trade in event.trades],
        requester_id=event.requester_id, reason=event.reason, requested_at=at, decide_by=event.decide_by,
        approved_by=None, confirmed_by=None, answer="", updated_at=at,
    )  # fmt: skip


def recall_of(row: RecallRow, *, with_keys: bool) -> RecallAnswer:
    """A recall as it stands; the operator's keys are not everybody's business."""
    trade_ids = [row.trade_id, row.other_trade_id] if row.other_trade_id else [row.trade_id]
    return RecallAnswer.model_validate({
        **row.model_dump(), "recall_id": f"R{row.id}", "trade_ids": [f"T{trade_id}" for trade_id in trade_ids],
        "approved_by": row.first_key_id or None if with_keys else None,
        "confirmed_by": row.second_key_id or None if with_keys else None,
    })  # fmt: skip
