"""What settlement tells participants of their money."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlmodel import Session, col, select

from kernel.messages import Event, Recorded
from kernel.notices import Bulletin, Notice, Told, notice, rendered
from settlement import events as e
from settlement.tables import ObligationRow

TOLD: dict[type[Event], Told] = {
    e.CashAccountOpened: Told("account.opened", "a cash account and its reference stand", "现金账户已开立"),
    e.PayoutAccountSet: Told("account.payout_set", "a payout account was named", "收款账户已设置"),
    e.DepositCredited: Told("deposit.credited", "a payment came in", "入金到账"),
    e.EntryAssigned: Told("deposit.assigned", "the operator found whose an entry is", "运营方已认领银行流水"),
    e.HoldMade: Told("hold.made", "money for a load is held", "车次款项已冻结"),
    e.HoldRefused: Told("hold.refused", "money for a load could not be held", "车次款项冻结失败"),
    e.HoldsVoided: Told("hold.voided", "nothing was due for a load", "车次无应付款，冻结解除"),
    e.DueRecorded: Told("due.recorded", "what became of a load is known", "车次结果已知"),
    e.DueBlocked: Told("due.blocked", "a load cannot be paid yet", "车次暂无法付款"),
    e.LoadPaid: Told("due.paid", "a load was paid", "车次已付款"),
    e.WithdrawalRequested: Told("withdrawal.requested", "money is asked out", "已申请出金"),
    e.WithdrawalApproved: Told("withdrawal.approved", "a payout's money is held", "出金已批准"),
    e.WithdrawalRefused: Told("withdrawal.refused", "the money stays", "出金被拒绝"),
    e.WithdrawalPaid: Told("withdrawal.paid", "the bank booked a payout", "银行已付款"),
    e.WithdrawalMatched: Told("withdrawal.matched", "the operator found a payout's entry", "出金已与流水匹配"),
    e.WithdrawalVoided: Told("withdrawal.voided", "a payout was taken back or returned", "出金已撤回或退回"),
}
#: Bank details, and what only the operator's desk works with.
_HIDDEN = frozenset(
    {"line", "line_no", "statement_id", "account_id", "account_number", "payee_account", "payee_bank_code", "note"}
)
_PARTS = frozenset({"parts"})


def make(session: Session, recorded: Sequence[Recorded]) -> Iterator[Notice]:
    """The notices of these events, in order."""
    parties = _parties_of_holds(session, {hold for one in recorded for hold in _holds(one.event)})
    for one in recorded:
        event, told = one.event, TOLD[type(one.event)]
        if isinstance(event, e.LoadPaid | e.HoldsVoided):
            yield from _of_parts(one, event)
            continue
        for participant_id in _parties(event, parties):
            yield notice(told, one, participant_id, rendered(event, _HIDDEN))


BULLETIN = Bulletin(TOLD, make)


def _holds(event: Event) -> tuple[str, ...]:
    holds = (event.hydrogen_hold_id, event.haulage_hold_id) if isinstance(event, e.DueRecorded) else ()
    return tuple(hold for hold in holds if hold)


def _parties(event: Event, parties: dict[str, Any]) -> Sequence[str]:
    match event:
        case e.DueRecorded():
            # A hold whose trade is not known yet names nobody; its payment will.
            return [*dict.fromkeys(party for hold in _holds(event) for party in parties.get(hold, ()))]
        case e.HoldMade() | e.HoldRefused() | e.DueBlocked():
            return (event.payer_id,)
        case _:
            owner: str = event.participant_id  # type: ignore[attr-defined]
            return (owner,) if owner else ()


def _parties_of_holds(session: Session, holds: set[str]) -> dict[str, Any]:
    query = select(ObligationRow.id, ObligationRow.payer_id, ObligationRow.payee_id)
    found = session.exec(query.where(col(ObligationRow.id).in_(holds))).all() if holds else ()
    return {row[0]: row[1:] for row in found}


def _of_parts(one: Recorded, event: e.LoadPaid | e.HoldsVoided) -> Iterator[Notice]:
    """Each party reads of the parts that it pays or is paid."""
    shared = rendered(event, _PARTS)
    for participant_id in dict.fromkeys(party for part in event.parts for party in (part.payer_id, part.payee_id)):
        own = [rendered(part) for part in event.parts if participant_id in (part.payer_id, part.payee_id)]
        yield notice(TOLD[type(event)], one, participant_id, shared | {"parts": own})
