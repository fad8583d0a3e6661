"""Recalls: a trade made in error is undone, by two people of the operator, if none of its loads has begun to move.

    requested ──approve──> approved ──confirm──> recalling ──tracking: all loads ended──> recalled
        └──────────┴── reject, withdraw, or an hour undecided     └──tracking: one had begun──> refused

Two people are two API keys of the operator, and neither is a key of a party. Until the second one confirmed, nothing
has happened, and who asked may take it back; then tracking, which alone knows whether a load moves, ends all loads or
none and says so. The exchange waits for that answer however long it takes: the loads may be ended already.
"""

from __future__ import annotations

from exchange import commands as c
from exchange.effects import EFFECTS
from exchange.events import (
    TradeRecallApproved,
    TradeRecallConfirmed,
    TradeRecalled,
    TradeRecallExpired,
    TradeRecallRefused,
    TradeRecallRejected,
    TradeRecallRequested,
    TradeRecallWithdrawn,
)
from exchange.model import RECALL_DECISION_US, RECALL_WINDOW_US, Recall, RecallState, TradeFacts
from exchange.recall_errors import (
    RecallByParty,
    RecallNeedsOtherEyes,
    RecallNotOpen,
    RecallOfAnother,
    RecallUnsuitable,
    RecallWindowOver,
    TradeIsContested,
    TradeNotFound,
)
from exchange.state import ExchangeState
from kernel.clock import to_text
from kernel.messages import Event


def request_recall(state: ExchangeState, command: c.RequestRecall, at: int, seq: int) -> list[Event]:
    """Raises TradeNotFound for one who is no party, TradeIsContested, or RecallWindowOver."""
    parties = {party for trade in command.trades for party in (trade.buyer_id, trade.seller_id)}
    if not command.by_operator and command.participant_id not in parties:
        raise TradeNotFound(field="trade_id", trade_id=command.trade_id)
    for trade in command.trades:
        contested = state.recalls.trades.get(trade.trade_id)
        if contested is not None and contested.state != "active":
            raise TradeIsContested(field="trade_id", trade_id=trade.trade_id, state=contested.state)
    until = min(trade.traded_at for trade in command.trades) + RECALL_WINDOW_US
    if at > until:
        raise RecallWindowOver(field="trade_id", trade_id=command.trade_id, until=to_text(until))
    requested = TradeRecallRequested(
        seq, command.trades, command.participant_id, command.key_id, command.reason, at + RECALL_DECISION_US
    )
    EFFECTS[TradeRecallRequested](state, requested, at, seq)
    return [requested]


def approve_recall(state: ExchangeState, command: c.ApproveRecall, at: int) -> list[Event]:
    """Raises RecallNotOpen, RecallUnsuitable, or RecallByParty."""
    recall = _waiting(state, command.trade_id, at, "requested")
    _check_no_party(state, recall, command)
    return [TradeRecallApproved(recall.id, command.key_id, _facts(state, recall))]


def confirm_recall(state: ExchangeState, command: c.ConfirmRecall, at: int) -> list[Event]:
    """Raises RecallNotOpen, RecallUnsuitable, RecallByParty, or RecallNeedsOtherEyes."""
    recall = _waiting(state, command.trade_id, at, "approved")
    _check_no_party(state, recall, command)
    if command.key_id == recall.first_key_id:
        raise RecallNeedsOtherEyes(field="Authorization", trade_id=command.trade_id)
    return [TradeRecallConfirmed(recall.id, command.key_id, _facts(state, recall))]


def reject_recall(state: ExchangeState, command: c.RejectRecall, at: int) -> list[Event]:
    """Raises RecallNotOpen, or RecallUnsuitable once it was confirmed: the loads may be ended already."""
    recall = _waiting(state, command.trade_id, at, "requested", "approved")
    return [TradeRecallRejected(recall.id, command.key_id, command.reason, _facts(state, recall))]


def withdraw_recall(state: ExchangeState, command: c.WithdrawRecall, at: int) -> list[Event]:
    """Raises RecallNotOpen, also for one whom the recall does not concern; RecallOfAnother; or RecallUnsuitable once it
    was confirmed."""
    recall = state.recalls.of(command.trade_id)
    if recall is not None and command.participant_id != recall.requester_id:
        parties = {party for trade in _facts(state, recall) for party in (trade.buyer_id, trade.seller_id)}
        if not command.by_operator and command.participant_id not in parties:
            raise RecallNotOpen(field="trade_id", trade_id=command.trade_id)
        raise RecallOfAnother(field="Authorization", trade_id=command.trade_id)
    recall = _waiting(state, command.trade_id, at, "requested", "approved")
    return [TradeRecallWithdrawn(recall.id, command.key_id, _facts(state, recall))]


def conclude_recall(state: ExchangeState, command: c.ConcludeRecall) -> list[Event]:
    """Takes tracking's answer to a confirmed recall; for any other there is nothing to conclude."""
    recall = state.recalls.open.get(command.recall_id)
    if recall is None or recall.state != "recalling":
        return []
    if command.done:
        return [TradeRecalled(recall.id, _facts(state, recall))]
    return [TradeRecallRefused(recall.id, command.reason, _facts(state, recall))]


def expired_recalls(state: ExchangeState, at: int) -> list[Event]:
    """What ends the recalls that nobody decided in time."""
    return [
        TradeRecallExpired(recall.id, _facts(state, recall))
        for _, recall in sorted(state.recalls.open.items())
        if recall.state in ("requested", "approved") and recall.decide_by <= at
    ]


def _waiting(state: ExchangeState, trade_id: int, at: int, *expected: RecallState) -> Recall:
    """The recall of a trade that waits for a decision."""
    recall = state.recalls.of(trade_id)
    if recall is None:
        raise RecallNotOpen(field="trade_id", trade_id=trade_id)
    if recall.state not in expected:
        raise RecallUnsuitable(
            field="trade_id", trade_id=trade_id, state=recall.state, expected=" / ".join(expected)
        )  # fmt: skip
    if recall.decide_by <= at:  # the alarm that says so has not been rung yet
        raise RecallNotOpen(field="trade_id", trade_id=trade_id)
    return recall


def _check_no_party(state: ExchangeState, recall: Recall, command: c.ApproveRecall | c.ConfirmRecall) -> None:
    for trade in _facts(state, recall):
        if command.participant_id in (trade.buyer_id, trade.seller_id):
            raise RecallByParty(field="Authorization", trade_id=command.trade_id)


def _facts(state: ExchangeState, recall: Recall) -> tuple[TradeFacts, ...]:
    return tuple(state.recalls.trades[trade_id].facts() for trade_id in recall.trade_ids())
