"""What the exchange makes of the register's events: who may trade."""

from __future__ import annotations

from exchange.commands import AdmitTrader, ReinstateTrader, SuspendTrader
from kernel.messages import Command, Recorded
from participants.events import CompanyApproved, CompanyRegistered, CompanyReinstated, CompanySuspended


def follow_participants(recorded: Recorded) -> list[Command]:
    """Roles come with the registration, the right to trade with the approval: until then a trader is suspended."""
    match recorded.event:
        case CompanyRegistered(participant_id=participant_id, roles=roles):
            return [AdmitTrader(participant_id, roles), SuspendTrader(participant_id)]
        case CompanyApproved(participant_id=participant_id) | CompanyReinstated(participant_id=participant_id):
            return [ReinstateTrader(participant_id)]
        case CompanySuspended(participant_id=participant_id):
            return [SuspendTrader(participant_id)]
        case _:
            return []
