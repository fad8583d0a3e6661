"""What the exchange must be told: each settlement event gives, by itself, the exchange's commands.

So that, once all is delivered, a participant's granted money is its cash balance less what is held for payouts, and its
committed money is the sum of its holds for loads.
"""

from __future__ import annotations

from exchange.commands import GrantMoney, ReduceMoney, ReleaseCommitment
from kernel.messages import Command, Recorded
from settlement.events import (
    DepositCredited,
    EntryAssigned,
    HoldsVoided,
    LoadPaid,
    TransfersPosted,
    WithdrawalRefused,
    WithdrawalRequested,
    WithdrawalVoided,
)
from settlement.model import DuePart, participant_of


def limits_courier(recorded: Recorded) -> list[Command]:
    """The commands that carry one event's effect on trading limits to the exchange; none for most events."""
    match recorded.event:
        case DepositCredited() as event:
            return [GrantMoney(event.participant_id, event.amount_fen, event.entry_id)]
        case EntryAssigned(participant_id=participant_id, direction="credit") as event if participant_id:
            return [GrantMoney(participant_id, event.amount_fen, event.entry_id)]
        case TransfersPosted() as event:
            return _granted_by_transfers(event)
        case WithdrawalRequested() as event:
            return [ReduceMoney(event.participant_id, event.amount_fen, event.withdrawal_id)]
        case WithdrawalRefused(limit_reduced=True) as event:
            return [GrantMoney(event.participant_id, event.amount_fen, event.withdrawal_id)]
        case WithdrawalVoided() as event:
            return [GrantMoney(event.participant_id, event.amount_fen, event.withdrawal_id)]
        case LoadPaid(parts=parts) | HoldsVoided(parts=parts):
            return [command for part in parts for command in _released(part)]
        case _:
            return []


def _granted_by_transfers(event: TransfersPosted) -> list[Command]:
    # A batch never debits a participant and never resolves a hold of a load: what is left are credits.
    return [
        GrantMoney(participant_of(request.credit_account_id), request.amount_fen, request.id)
        for request in event.transfers
        if request.kind in ("posted", "post") and participant_of(request.credit_account_id)
    ]


def _released(part: DuePart) -> list[Command]:
    commands: list[Command] = [
        ReleaseCommitment(part.payer_id, part.trade_id, part.load_no, part.committed_fen, part.spent_fen)
    ]
    if part.spent_fen:
        commands.append(GrantMoney(part.payee_id, part.spent_fen, part.hold_id))
    return commands
