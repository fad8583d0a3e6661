"""What the routes of the ledger read and answer, and rows turned into it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from kernel.edge import Answer, Body, MassOut, MoneyIn, MoneyOut, PriceOut, TimeIn, TimeOut
from settlement.model import BANK, Outcome
from settlement.parameters import (
    ACCOUNT_PATTERN,
    TEXT_PATTERN,
    TRANSFER_PATTERN,
    TRANSFERS_PER_REQUEST_MAX,
)
from settlement.tables import (
    AccountRow,
    ObligationRow,
    TransferRow,
)


class AccountAnswer(Answer):
    """An account. ``posted`` is what is in it; ``held`` of it is promised to trades and withdrawals; ``expected`` is
    held for it elsewhere. ``available`` is ``posted`` less ``held``."""

    account_id: str
    participant_id: str | None
    side: Literal["debit", "credit"]
    posted: MoneyOut
    held: MoneyOut
    expected: MoneyOut
    available: MoneyOut


class BalanceAnswer(AccountAnswer):
    """An account as it stood at a time."""

    at: TimeOut


class NewAccount(Body):
    """An account of the operator's own, with the limits it keeps."""

    account_id: str = Field(pattern=r"^book:[A-Za-z0-9-]{1,48}$", examples=["book:guarantee-fund"])
    debits_must_not_exceed_credits: bool = False
    credits_must_not_exceed_debits: bool = False


class OpenedAccount(Answer):
    """An account that is open."""

    account_id: str
    debits_must_not_exceed_credits: bool
    credits_must_not_exceed_debits: bool


class NewTransfer(Body):
    """One transfer. ``post`` and ``void`` name the pending transfer they end and may leave the accounts out."""

    id: str = Field(pattern=TRANSFER_PATTERN, examples=["guarantee-2026-01"])
    kind: Literal["posted", "pending", "post", "void"]
    debit_account_id: str | None = Field(default=None, pattern=ACCOUNT_PATTERN)
    credit_account_id: str | None = Field(default=None, pattern=ACCOUNT_PATTERN)
    amount: MoneyIn | None = None
    pending_id: str | None = Field(default=None, pattern=TRANSFER_PATTERN)
    expires_at: TimeIn | None = None
    code: str = Field(default="transfer", pattern=r"^[a-z0-9_]{1,32}$")
    reference: str = Field(default="", pattern=TEXT_PATTERN)


class NewTransfers(Body):
    """A batch that is booked as a whole or not at all."""

    transfers: list[NewTransfer] = Field(min_length=1, max_length=TRANSFERS_PER_REQUEST_MAX)


class BookedTransfers(Answer):
    """The ids of the batch; ``booked`` is 0 if it had been booked before."""

    transfers: list[str]
    booked: int


class TransferAnswer(Answer):
    """A transfer of an account."""

    transfer_id: str
    kind: Literal["posted", "pending", "post", "void"]
    state: Literal["posted", "pending", "voided", "expired"]
    debit_account_id: str
    credit_account_id: str
    amount: MoneyOut
    pending_id: str | None
    code: str
    reference: str
    created_at: TimeOut
    expires_at: TimeOut | None
    resolved_at: TimeOut | None


def account_answer(
    account_id: str, participant_id: str, debits: int, credits: int, debits_pending: int, credits_pending: int
) -> AccountAnswer:
    """Four sums as people read them: the bank account holds what was debited, every other what was credited."""
    asset = account_id == BANK
    posted = debits - credits if asset else credits - debits
    held, expected = (credits_pending, debits_pending) if asset else (debits_pending, credits_pending)
    return AccountAnswer(
        account_id=account_id,
        participant_id=participant_id or None,
        side="debit" if asset else "credit",
        posted=posted,
        held=held,
        expected=expected,
        available=posted - held,
    )


def account_of(row: AccountRow) -> AccountAnswer:
    """The present state of an account."""
    return account_answer(
        row.id,
        row.participant_id,
        row.debits_posted_fen,
        row.credits_posted_fen,
        row.debits_pending_fen,
        row.credits_pending_fen,
    )


def transfer_of(row: TransferRow) -> TransferAnswer:
    """A transfer's row."""
    return TransferAnswer.model_validate(
        {
            **row.model_dump(),
            "transfer_id": row.id,
            "amount": row.amount_fen,
            "pending_id": row.pending_id or None,
            "expires_at": row.expires_at or None,
            "resolved_at": row.resolved_at or None,
        }
    )


class ObligationAnswer(Answer):
    """What the buyer of one traded load owes its seller, and its hold. ``refused``: the money is not there yet."""

    hold_id: str
    trade_id: str
    load_no: int
    kind: str
    payer_id: str
    payee_id: str
    price: PriceOut
    maximum_mass: MassOut
    held: MoneyOut
    spent: MoneyOut
    state: Literal["held", "refused", "paid", "voided"]


class DuePartAnswer(Answer):
    """One side of a due: hydrogen or its haulage. ``amount`` is null while its trade is not known."""

    hold_id: str
    commodity: Literal["hydrogen", "haulage"]
    payer_id: str
    payee_id: str
    mass: MassOut
    price: PriceOut
    amount: MoneyOut | None


class DueAnswer(Answer):
    """What became of a load and what is due for it; the caller sees the parts that it pays or is paid."""

    due_id: str
    outcome: Outcome
    state: Literal["waiting", "due", "blocked", "paid", "voided"]
    reason: str
    blocked_code: str
    recorded_at: TimeOut
    settled_at: TimeOut | None
    parts: list[DuePartAnswer]


class StatementLineAnswer(Answer):
    """One movement; ``amount`` is positive for money that came in."""

    transfer_id: str
    code: str
    counter_account_id: str
    amount: MoneyOut
    balance: MoneyOut
    at: TimeOut


class StatementAnswer(Answer):
    """A day of a participant's cash account. ``complete``: the day is over."""

    participant_id: str
    account_id: str
    day: str
    complete: bool
    opening: MoneyOut
    lines: list[StatementLineAnswer]
    closing: MoneyOut
    held: MoneyOut


def obligation_of(row: ObligationRow) -> ObligationAnswer:
    """An obligation's row."""
    return ObligationAnswer.model_validate(
        {
            **row.model_dump(),
            "hold_id": row.id,
            "trade_id": f"T{row.trade_id}",
            "price": row.price_fen_per_kg,
            "maximum_mass": row.maximum_mass_g,
            "held": row.hold_fen,
            "spent": row.spent_fen,
        }
    )
