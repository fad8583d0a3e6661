"""Settlement's own rows as reconciliation reads them: all from one moment of the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import and_, func, or_
from sqlmodel import Session, SQLModel, col, select

from kernel.machine import Entity
from kernel.store import Store
from settlement import ledger
from settlement.balances import MOVING_KINDS, Balance
from settlement.evidence import Books
from settlement.model import (
    BANK,
    SUSPENSE,
    Account,
    BankBook,
    BankEntry,
    BankStatement,
    Due,
    Obligation,
    PaymentBatch,
    Trade,
    Transfer,
    Withdrawal,
)
from settlement.queries import entity_of
from settlement.tables import (
    AccountRow,
    BankBookRow,
    BankEntryRow,
    BankStatementRow,
    DueRow,
    ObligationRow,
    PaymentBatchRow,
    SettlementTradeRow,
    TransferRow,
    WithdrawalRow,
)

E = TypeVar("E", bound=Entity)


def read_books(store: Store) -> Books:
    """Everything that the rules look at. Transfers are the pending ones, the posts of loads, and those of bank and
    suspense; every other one counts in the sums alone, which the database makes."""
    with Session(store.read_engine) as session:
        if store.is_sqlite:  # its driver begins no transaction for reads by itself
            session.connection().exec_driver_sql("BEGIN")
        else:
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        sums, moved_at = _sums(session)
        return Books(
            accounts=_all(session, Account, AccountRow),
            sums=sums,
            moved_at=moved_at,
            transfers=[entity_of(Transfer, row) for row in session.exec(_transfers()).all()],
            trades=_all(session, Trade, SettlementTradeRow),
            obligations=_all(session, Obligation, ObligationRow),
            dues=_all(session, Due, DueRow),
            bank_books=_all(session, BankBook, BankBookRow),
            statements=_all(session, BankStatement, BankStatementRow),
            entries=_all(session, BankEntry, BankEntryRow),
            withdrawals=_all(session, Withdrawal, WithdrawalRow),
            payment_batches=_all(session, PaymentBatch, PaymentBatchRow),
        )


def _all(session: Session, kind: type[E], table: type[SQLModel]) -> Sequence[E]:
    return [entity_of(kind, row) for row in session.exec(select(table)).all()]


def _transfers() -> Any:
    loads_paid = and_(col(TransferRow.kind) == "post", col(TransferRow.code) == ledger.TRADE_HOLD)
    watched = (BANK, SUSPENSE)
    at_the_bank = or_(col(TransferRow.debit_account_id).in_(watched), col(TransferRow.credit_account_id).in_(watched))
    moving = and_(col(TransferRow.kind).in_(MOVING_KINDS), at_the_bank)
    return select(TransferRow).where(or_(col(TransferRow.state) == "pending", loads_paid, moving))


def _sums(session: Session) -> tuple[Mapping[str, Balance], Mapping[str, int]]:
    """The four sums of every account by its transfers, and when the last of them was made or ended."""
    found: dict[str, list[int]] = {}
    moved_at: dict[str, int] = {}
    pending = and_(col(TransferRow.kind) == "pending", col(TransferRow.state) == "pending")
    for side, column in enumerate((TransferRow.debit_account_id, TransferRow.credit_account_id)):
        for layer, rows in ((side, col(TransferRow.kind).in_(MOVING_KINDS)), (2 + side, pending)):
            query = select(column, func.sum(col(TransferRow.amount_fen))).where(rows).group_by(column)
            for account_id, amount_fen in session.exec(query).all():
                found.setdefault(account_id, [0, 0, 0, 0])[layer] = int(amount_fen)
        newest = func.max(col(TransferRow.created_at)), func.max(col(TransferRow.resolved_at))
        for account_id, created_at, resolved_at in session.exec(select(column, *newest).group_by(column)).all():
            moved_at[account_id] = max(moved_at.get(account_id, 0), created_at, resolved_at)
    return {account_id: Balance(*sums) for account_id, sums in found.items()}, moved_at
