"""Balances at a time and the daily statement, summed from transfer rows alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from settlement.model import Transfer

#: Rows that move money, each at the time it was made.
MOVING_KINDS = ("posted", "post")


@dataclass(frozen=True, slots=True)
class Balance:
    """The four sums of an account at a time, in fen."""

    debits_posted_fen: int = 0
    credits_posted_fen: int = 0
    debits_pending_fen: int = 0
    credits_pending_fen: int = 0

    @property
    def balance_fen(self) -> int:
        """Posted credits less posted debits."""
        return self.credits_posted_fen - self.debits_posted_fen

    @property
    def available_fen(self) -> int:
        """The balance less what is held."""
        return self.balance_fen - self.debits_pending_fen


@dataclass(frozen=True, slots=True)
class StatementItem:
    """One movement of a statement: ``amount_fen`` is positive for money that came in."""

    transfer_id: str
    code: str
    counter_account_id: str
    amount_fen: int
    balance_fen: int  # after it
    at: int


@dataclass(frozen=True, slots=True)
class DailyStatement:
    """What moved in an account from ``start`` to before ``end`` (UTC microseconds), and what is held at the end."""

    account_id: str
    start: int
    end: int
    opening_fen: int
    closing_fen: int
    held_fen: int
    items: tuple[StatementItem, ...]


def balance_at(transfers: Iterable[Transfer], account_id: str, at: int) -> Balance:
    """The account's sums after everything that was booked at or before ``at``."""
    sums = dict.fromkeys(("debits_posted", "credits_posted", "debits_pending", "credits_pending"), 0)
    for transfer in transfers:
        layer = _layer_at(transfer, at)
        if layer:
            if transfer.debit_account_id == account_id:
                sums[f"debits_{layer}"] += transfer.amount_fen
            if transfer.credit_account_id == account_id:
                sums[f"credits_{layer}"] += transfer.amount_fen
    return Balance(sums["debits_posted"], sums["credits_posted"], sums["debits_pending"], sums["credits_pending"])


def _layer_at(transfer: Transfer, at: int) -> str:
    """Whether the row counts as posted or as pending at ``at``, or not at all ("")."""
    if transfer.created_at > at:
        return ""
    if transfer.kind in MOVING_KINDS:
        return "posted"
    held = transfer.kind == "pending" and (transfer.resolved_at == 0 or transfer.resolved_at > at)
    return "pending" if held else ""


def daily_statement(transfers: Sequence[Transfer], account_id: str, start: int, end: int) -> DailyStatement:
    """The statement of ``account_id`` for a time that is over; ``transfers`` are all rows that touch it."""
    opening = balance_at(transfers, account_id, start - 1)
    balance_fen = opening.balance_fen
    items = []
    moving = (
        row
        for row in transfers
        if row.kind in MOVING_KINDS
        and start <= row.created_at < end
        and account_id in (row.debit_account_id, row.credit_account_id)
    )
    for row in sorted(moving, key=lambda row: (row.created_at, row.event_seq, row.id)):
        came_in = row.credit_account_id == account_id
        amount_fen = row.amount_fen if came_in else -row.amount_fen
        balance_fen += amount_fen
        counter = row.debit_account_id if came_in else row.credit_account_id
        items.append(StatementItem(row.id, row.code, counter, amount_fen, balance_fen, row.created_at))
    closing = balance_at(transfers, account_id, end - 1)
    assert closing.balance_fen == balance_fen, f"{account_id}: the items do not lead to the closing balance"
    return DailyStatement(
        account_id, start, end, opening.balance_fen, balance_fen, closing.debits_pending_fen, tuple(items)
    )
