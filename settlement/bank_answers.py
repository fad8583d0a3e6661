"""What the routes of bank and payouts read and answer, and rows turned into it."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from kernel.edge import Answer, Body, MoneyIn, MoneyOut, TimeOut
from settlement.parameters import (
    HOLDER_PATTERN,
    PARTICIPANT_PATTERN,
    TEXT_PATTERN,
    WITHDRAWAL_PATTERN,
)
from settlement.tables import (
    BankEntryRow,
    BankStatementRow,
    PaymentBatchRow,
    WithdrawalRow,
)


class ImportedStatement(Answer):
    """A statement that was booked. ``unmatched`` entries went to suspense when it was read."""

    statement_id: str
    reference: str
    from_day: str
    to_day: str
    entries: int
    matched: int
    unmatched: int
    opening: MoneyOut
    closing: MoneyOut
    imported_at: TimeOut


class SuggestionAnswer(Answer):
    """Who a suspended entry may be from: ``score`` of 100 and what it was drawn from."""

    participant_id: str
    score: int
    basis: Literal["reference", "name", "payout_account"]


EntryStateText = Literal["suspended", "matched", "assigning", "assigned"]


class EntryAnswer(Answer):
    """An entry of a bank statement and where its money is."""

    entry_id: str
    statement_id: str
    line_no: int
    direction: Literal["credit", "debit"]
    amount: MoneyOut
    booked_on: str
    reversal: bool
    end_to_end_id: str
    bank_reference: str
    counterparty_name: str
    counterparty_account: str
    remittance: str
    state: EntryStateText
    account_id: str
    matched_by: str
    withdrawal_id: str | None
    suggestions: list[SuggestionAnswer]


_TARGETS = ("account_id", "participant_id", "withdrawal_id")


class Assignment(Body):
    """Where a suspended entry belongs: an account, a participant, or (for a debit) the withdrawal that it paid."""

    model_config: ClassVar[ConfigDict] = {"json_schema_extra": {"oneOf": [{"required": [name]} for name in _TARGETS]}}

    account_id: str = Field(default="", pattern=r"^(market|cash:P[1-9][0-9]{0,17}|book:[A-Za-z0-9-]{1,48})$")
    participant_id: str = Field(default="", pattern=PARTICIPANT_PATTERN)
    withdrawal_id: str = Field(default="", pattern=WITHDRAWAL_PATTERN)
    note: str = Field(default="", pattern=TEXT_PATTERN)

    @model_validator(mode="after")
    def names_one(self) -> Assignment:
        """Exactly one of the three."""
        if sum(bool(getattr(self, name)) for name in _TARGETS) != 1:
            raise PydanticCustomError("one_target", "Name one of account_id, participant_id and withdrawal_id.")
        return self


class AssignedEntry(Answer):
    """``assigning``: the money leaves the participant once its trading limit was lowered; see the withdrawal."""

    entry_id: str
    state: EntryStateText
    account_id: str | None
    withdrawal_id: str | None


class PaymentReference(Answer):
    """What a participant writes on a transfer to the market, and the account it goes to."""

    participant_id: str
    reference: str
    account_number: str
    holder: str
    bank_code: str


def imported_of(row: BankStatementRow, matched: int) -> ImportedStatement:
    """A statement's row."""
    return ImportedStatement(
        statement_id=row.id,
        reference=row.reference,
        from_day=row.from_day,
        to_day=row.to_day,
        entries=row.lines,
        matched=matched,
        unmatched=row.lines - matched,
        opening=row.opening_fen,
        closing=row.closing_fen,
        imported_at=row.imported_at,
    )


def entry_of(row: BankEntryRow, suggestions: list[SuggestionAnswer]) -> EntryAnswer:
    """An entry's row."""
    fields: dict[str, Any] = {
        **row.model_dump(),
        "entry_id": row.id,
        "amount": row.amount_fen,
        "state": "suspended" if row.state == "unmatched" else row.state,
        "withdrawal_id": row.withdrawal_id or None,
        "suggestions": suggestions,
    }
    return EntryAnswer.model_validate(fields)


class PayoutAccount(Body):
    """The bank account that withdrawals go to."""

    holder: str = Field(pattern=HOLDER_PATTERN, examples=["太原示例制氢有限公司"])
    account_number: str = Field(pattern=r"^[0-9A-Z]{5,34}$", examples=["6217000099990001"])
    bank_code: str = Field(pattern=r"^[0-9]{12}$", description="CNAPS code.", examples=["103161000013"])


class PayoutAccountAnswer(Answer):
    """The bank account that withdrawals asked for from now on go to."""

    participant_id: str
    holder: str
    account_number: str
    bank_code: str


class NewWithdrawal(Body):
    """Money to be paid out. ``client_id`` is the participant's own: sent again, it is the same withdrawal."""

    amount: MoneyIn
    client_id: str = Field(pattern=r"^[!-~]{1,64}$", examples=["payout-2026-01-05"])


class NewCorrection(Body):
    """Money to be taken back from a participant into suspense, e.g. a deposit assigned to the wrong one."""

    participant_id: str = Field(pattern=PARTICIPANT_PATTERN)
    amount: MoneyIn
    client_id: str = Field(pattern=r"^[!-~]{1,64}$")
    note: str = Field(default="", pattern=TEXT_PATTERN)


class Returned(Body):
    """Why the bank did not pay."""

    reason: str = Field(pattern=r"^[^\x00-\x1f\x7f]{1,140}$")


WithdrawalStateText = Literal["requested", "approved", "instructed", "paid", "refused", "voided"]


class WithdrawalAnswer(Answer):
    """Money on its way out of an account. ``approved``: the exchange agreed and the money is held."""

    withdrawal_id: str
    participant_id: str
    client_id: str | None
    purpose: Literal["payout", "correction"]
    amount: MoneyOut
    state: WithdrawalStateText
    reason: str
    payee_holder: str
    payee_account: str
    payee_bank_code: str
    payment_file_id: str | None
    entry_id: str | None
    requested_at: TimeOut
    resolved_at: TimeOut | None


class PaymentFileAnswer(Answer):
    """A file for the bank; its content is at ``/v1/payment-files/{payment_file_id}``."""

    payment_file_id: str
    withdrawals: int
    amount: MoneyOut
    created_at: TimeOut


def withdrawal_of(row: WithdrawalRow) -> WithdrawalAnswer:
    """A withdrawal's row."""
    return WithdrawalAnswer.model_validate(
        {
            **row.model_dump(),
            "withdrawal_id": row.id,
            "client_id": row.client_id or None,
            "amount": row.amount_fen,
            "payment_file_id": row.batch_id or None,
            "entry_id": row.entry_id or None,
            "resolved_at": row.resolved_at or None,
        }
    )


def payment_file_of(row: PaymentBatchRow) -> PaymentFileAnswer:
    """A payment file's row."""
    return PaymentFileAnswer(
        payment_file_id=row.id, withdrawals=row.withdrawals, amount=row.amount_fen, created_at=row.created_at
    )
