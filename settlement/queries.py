"""What settlement's routes ask of its rows."""

from __future__ import annotations

from typing import TypeVar

from sqlalchemy import and_, case, or_
from sqlmodel import Session, SQLModel, col, func, select
from sqlmodel.sql.expression import SelectOfScalar

from kernel.machine import Entity
from settlement.balances import MOVING_KINDS, Balance
from settlement.tables import BankEntryRow, DueRow, ObligationRow, TransferRow

E = TypeVar("E", bound=Entity)


def entity_of(kind: type[E], row: SQLModel) -> E:
    """A row as the entity that it stores."""
    return kind(**row.model_dump())


def transfers_of(account_id: str) -> SelectOfScalar[TransferRow]:
    """Every transfer that touches an account."""
    return select(TransferRow).where(
        or_(col(TransferRow.debit_account_id) == account_id, col(TransferRow.credit_account_id) == account_id)
    )


def balance_at(session: Session, account_id: str, at: int) -> Balance:
    """What `settlement.balances.balance_at` gives, summed by the database."""
    open_then = or_(col(TransferRow.resolved_at) == 0, col(TransferRow.resolved_at) > at)
    pending = and_(col(TransferRow.kind) == "pending", open_then)
    layers = [
        func.coalesce(func.sum(case((layer, col(TransferRow.amount_fen)), else_=0)), 0)
        for layer in (col(TransferRow.kind).in_(MOVING_KINDS), pending)
    ]
    sums: list[int] = []
    for side in (TransferRow.debit_account_id, TransferRow.credit_account_id):
        query = select(*layers).where(col(side) == account_id, col(TransferRow.created_at) <= at)
        sums += [int(value) for value in session.exec(query).one()]
    debits, debits_pending, credits_, credits_pending = sums
    return Balance(debits, credits_, debits_pending, credits_pending)


def obligations_of(participant_id: str) -> SelectOfScalar[ObligationRow]:
    """What a participant owes or is owed."""
    return select(ObligationRow).where(
        or_(col(ObligationRow.payer_id) == participant_id, col(ObligationRow.payee_id) == participant_id)
    )


def dues_of(participant_id: str) -> SelectOfScalar[DueRow]:
    """Dues with a part that a participant pays or is paid."""
    own = select(ObligationRow.id).where(
        or_(col(ObligationRow.payer_id) == participant_id, col(ObligationRow.payee_id) == participant_id)
    )
    return select(DueRow).where(or_(col(DueRow.hydrogen_hold_id).in_(own), col(DueRow.haulage_hold_id).in_(own)))


def obligations_by_id(session: Session, hold_ids: set[str]) -> dict[str, ObligationRow]:
    """The obligations behind holds; a page of dues has at most a thousand."""
    rows = session.exec(select(ObligationRow).where(col(ObligationRow.id).in_(sorted(hold_ids)))).all()
    return {row.id: row for row in rows}


def matched_entries(session: Session, statement_ids: list[str]) -> dict[str, int]:
    """How many entries of each statement found their owner when it was read."""
    query = (
        select(BankEntryRow.statement_id, func.count())
        .where(col(BankEntryRow.statement_id).in_(statement_ids), BankEntryRow.state == "matched")
        .group_by(BankEntryRow.statement_id)
    )
    return dict(session.exec(query).all())
