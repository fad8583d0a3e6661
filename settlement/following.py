"""What settlement makes of the other rooms' logs: accounts, holds, dues, and the exchange's word on withdrawals."""

from __future__ import annotations

import re

from exchange.events import MoneyReduced, MoneyReductionRefused, ProductListed, Traded
from kernel.messages import Command, Recorded
from participants.events import CompanyRegistered
from settlement.commands import (
    ApproveWithdrawal,
    HoldForTrade,
    OpenCashAccount,
    RecordDue,
    RefuseWithdrawal,
    RegisterProduct,
)
from tracking.events import (
    HaulageCancelled,
    HaulageLapsed,
    LoadAccepted,
    LoadRejected,
    ShipmentCancelled,
    ShipmentLapsed,
)

#: A reduction of a limit that settlement asked for carries the withdrawal's id; others are none of its business.
_WITHDRAWAL_ID = re.compile(r"W[1-9][0-9]{0,17}", re.ASCII)


def follow_participants(recorded: Recorded) -> list[Command]:
    """Every company has a cash account from its registration on, so that it can pay in before it is approved."""
    match recorded.event:
        case CompanyRegistered(participant_id=participant_id, name=name, name_zh=name_zh):
            return [OpenCashAccount(participant_id, name, name_zh)]
        case _:
            return []


def follow_exchange(recorded: Recorded) -> list[Command]:
    """Terms, holds for what was traded, and the answers to withdrawals."""
    match recorded.event:
        case ProductListed() as event:
            return [RegisterProduct(event.product_id, event.kind, event.maximum_mass_g)]
        case Traded() as event:
            return [
                HoldForTrade(
                    event.trade_id,
                    event.product_id,
                    event.price_fen_per_kg,
                    event.loads,
                    event.buyer_id,
                    event.seller_id,
                )
            ]
        case MoneyReduced(reference=reference) if _WITHDRAWAL_ID.fullmatch(reference):
            return [ApproveWithdrawal(reference)]
        case MoneyReductionRefused(reference=reference, shortfall_fen=shortfall_fen) if _WITHDRAWAL_ID.fullmatch(
            reference
        ):
            return [RefuseWithdrawal(reference, shortfall_fen)]
        case _:
            return []


def follow_tracking(recorded: Recorded) -> list[Command]:
    """What became of each load is what is due for it; haulage is paid for the mass that was delivered."""
    match recorded.event:
        case LoadAccepted() as event:
            carried_g = event.delivered_mass_g if event.haulage_trade_id else 0
            return [
                RecordDue(
                    "accepted",
                    event.trade_id,
                    event.load_no,
                    event.haulage_trade_id,
                    event.haulage_load_no,
                    event.delivered_mass_g,
                    carried_g,
                )
            ]
        case LoadRejected() as event:
            return [
                RecordDue(
                    "rejected",
                    event.trade_id,
                    event.load_no,
                    event.haulage_trade_id,
                    event.haulage_load_no,
                    0,
                    event.haulage_due_mass_g,
                    event.reason,
                )
            ]
        case ShipmentLapsed(trade_id=trade_id, load_no=load_no):
            return [RecordDue("lapsed", trade_id, load_no, 0, 0, 0, 0)]
        case ShipmentCancelled(trade_id=trade_id, load_no=load_no, reason=reason):
            return [RecordDue("cancelled", trade_id, load_no, 0, 0, 0, 0, reason)]
        case HaulageLapsed(haulage_trade_id=trade_id, haulage_load_no=load_no):
            return [RecordDue("lapsed", 0, 0, trade_id, load_no, 0, 0)]
        case HaulageCancelled(haulage_trade_id=trade_id, haulage_load_no=load_no, reason=reason):
            return [RecordDue("cancelled", 0, 0, trade_id, load_no, 0, 0, reason)]
        case _:
            return []
