"""What happened in settlement. What changes a trading limit says so in one event (see courier.py)."""

from __future__ import annotations

from kernel.messages import Event
from settlement.model import Direction, DuePart, Outcome, Purpose, StatementLine, TransferRequest


class BooksOpened(Event, frozen=True, gc=False):
    """The market's own accounts stand; an opening balance belongs to the market."""

    account_number: str
    holder: str
    bank_code: str
    opening_fen: int


class CashAccountOpened(Event, frozen=True, gc=False):
    """A participant has a cash account and a payment reference."""

    participant_id: str
    name: str
    name_zh: str
    reference: str


class AccountOpened(Event, frozen=True, gc=False):
    """The operator has an account of its own."""

    account_id: str
    debits_must_not_exceed_credits: bool
    credits_must_not_exceed_debits: bool


class TransfersPosted(Event, frozen=True, gc=False):
    """A batch was booked. Posts and voids carry the accounts and the code of what they resolve, a void its amount."""

    transfers: tuple[TransferRequest, ...]


class TransferExpired(Event, frozen=True, gc=False):
    """A pending transfer's time came and its money is free."""

    transfer_id: str


class ProductRegistered(Event, frozen=True, gc=False):
    """The terms of a product are known."""

    product_id: str
    kind: str
    maximum_mass_g: int


class TradeRecorded(Event, frozen=True, gc=False):
    """A trade is known; a hold is made or refused for each of its loads in the events that follow."""

    trade_id: int
    product_id: str
    kind: str
    price_fen_per_kg: int
    maximum_mass_g: int
    loads: int
    buyer_id: str
    seller_id: str
    hold_fen: int


class HoldMade(Event, frozen=True, gc=False):
    """The buyer's money for a load is held."""

    hold_id: str
    payer_id: str
    payee_id: str
    amount_fen: int


class HoldRefused(Event, frozen=True, gc=False):
    """The buyer's money for a load could not be held: ``code`` is the ledger's. It is tried again before payment."""

    hold_id: str
    payer_id: str
    payee_id: str
    amount_fen: int
    shortfall_fen: int
    code: str


class DueRecorded(Event, frozen=True, gc=False):
    """What became of a load is known. Amounts are None while a trade behind it is not."""

    due_id: str
    outcome: Outcome
    hydrogen_hold_id: str
    haulage_hold_id: str
    hydrogen_mass_g: int
    haulage_mass_g: int
    hydrogen_due_fen: int | None
    haulage_due_fen: int | None
    reason: str


class DueBlocked(Event, frozen=True, gc=False):
    """A load cannot be paid because a hold was refused and is still not covered. Written once, tried at each run."""

    due_id: str
    hold_id: str
    payer_id: str
    shortfall_fen: int
    code: str


class LoadPaid(Event, frozen=True, gc=False):
    """Seller and haulier of a load were paid together; what was held beyond is released."""

    due_id: str
    outcome: Outcome
    parts: tuple[DuePart, ...]


class HoldsVoided(Event, frozen=True, gc=False):
    """Nothing was due for a load; what was held is released."""

    due_id: str
    outcome: Outcome
    parts: tuple[DuePart, ...]


class StatementImported(Event, frozen=True, gc=False):
    """A bank statement was read; an event for each of its entries follows."""

    statement_id: str
    reference: str
    content_hash: str
    from_day: str
    to_day: str
    opening_fen: int
    closing_fen: int
    lines: int


class DepositCredited(Event, frozen=True, gc=False):
    """A payment came in and its reference names the participant."""

    entry_id: str
    statement_id: str
    line_no: int
    line: StatementLine
    participant_id: str
    amount_fen: int


class WithdrawalPaid(Event, frozen=True, gc=False):
    """The bank booked a payout; the held money is gone."""

    entry_id: str
    statement_id: str
    line_no: int
    line: StatementLine
    withdrawal_id: str
    participant_id: str
    amount_fen: int


class EntrySuspended(Event, frozen=True, gc=False):
    """An entry has no known owner and waits in suspense."""

    entry_id: str
    statement_id: str
    line_no: int
    line: StatementLine


class EntryAssigned(Event, frozen=True, gc=False):
    """The operator gave an entry its owner. ``participant_id`` is "" for an account of the market's own."""

    entry_id: str
    account_id: str
    participant_id: str
    direction: Direction
    amount_fen: int
    note: str


class WithdrawalMatched(Event, frozen=True, gc=False):
    """The operator found the withdrawal that an entry in suspense had paid."""

    entry_id: str
    withdrawal_id: str
    participant_id: str
    amount_fen: int


class PayoutAccountSet(Event, frozen=True, gc=False):
    """A participant named the bank account it is paid to."""

    participant_id: str
    holder: str
    account_number: str
    bank_code: str


class WithdrawalRequested(Event, frozen=True, gc=False):
    """Money is asked out of an account. The exchange is asked first: what it still needs for orders stays."""

    withdrawal_id: str
    participant_id: str
    client_id: str
    purpose: Purpose
    amount_fen: int
    payee_holder: str
    payee_account: str
    payee_bank_code: str
    entry_id: str
    note: str


class WithdrawalApproved(Event, frozen=True, gc=False):
    """The exchange lowered the limit: a payout's money is held, a correction's is moved to suspense."""

    withdrawal_id: str
    participant_id: str
    purpose: Purpose
    amount_fen: int
    entry_id: str


class WithdrawalRefused(Event, frozen=True, gc=False):
    """The money stays. ``limit_reduced``: the exchange had lowered the limit, which must be given back."""

    withdrawal_id: str
    participant_id: str
    amount_fen: int
    shortfall_fen: int
    reason: str
    limit_reduced: bool


class WithdrawalVoided(Event, frozen=True, gc=False):
    """An approved payout was taken back or returned by the bank: its money is free again."""

    withdrawal_id: str
    participant_id: str
    amount_fen: int
    reason: str


class PaymentBatchMade(Event, frozen=True, gc=False):
    """Approved withdrawals go to the bank in one file."""

    batch_id: str
    withdrawal_ids: tuple[str, ...]
    amount_fen: int


EVENTS: tuple[type[Event], ...] = (
    BooksOpened,
    CashAccountOpened,
    AccountOpened,
    TransfersPosted,
    TransferExpired,
    ProductRegistered,
    TradeRecorded,
    HoldMade,
    HoldRefused,
    DueRecorded,
    DueBlocked,
    LoadPaid,
    HoldsVoided,
    StatementImported,
    DepositCredited,
    WithdrawalPaid,
    EntrySuspended,
    EntryAssigned,
    WithdrawalMatched,
    PayoutAccountSet,
    WithdrawalRequested,
    WithdrawalApproved,
    WithdrawalRefused,
    WithdrawalVoided,
    PaymentBatchMade,
)
