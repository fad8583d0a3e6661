"""What may be asked of settlement."""

from __future__ import annotations

from kernel.messages import Command
from settlement.model import BankStatementFile, Outcome, TransferRequest


class OpenBooks(Command, frozen=True, gc=False):
    """Opens the market's own accounts over its account at the bank, with the balance it has there."""

    account_number: str
    holder: str
    bank_code: str
    opening_fen: int = 0


class OpenCashAccount(Command, frozen=True, gc=False):
    """Opens a participant's cash account and gives it its payment reference."""

    participant_id: str
    name: str
    name_zh: str


class OpenAccount(Command, frozen=True, gc=False):
    """Opens an account of the operator's own, named ``book:NAME``."""

    account_id: str
    debits_must_not_exceed_credits: bool = False
    credits_must_not_exceed_debits: bool = False


class PostTransfers(Command, frozen=True, gc=False):
    """Books a batch of transfers, all or none. Sent again it changes nothing."""

    transfers: tuple[TransferRequest, ...]


class ExpireTransfer(Command, frozen=True, gc=False):
    """Releases a pending transfer whose time has come."""

    transfer_id: str


class RegisterProduct(Command, frozen=True, gc=False):
    """Notes the terms of a product."""

    product_id: str
    kind: str
    maximum_mass_g: int


class HoldForTrade(Command, frozen=True, gc=False):
    """Holds the buyer's money for each load of a trade."""

    trade_id: int
    product_id: str
    price_fen_per_kg: int
    loads: int
    buyer_id: str
    seller_id: str


class RetryHold(Command, frozen=True, gc=False):
    """Tries a refused hold again."""

    hold_id: str


class RecordDue(Command, frozen=True, gc=False):
    """Notes what became of a load. A trade id of 0: there is none (own transport, or haulage that was never used)."""

    outcome: Outcome
    trade_id: int
    load_no: int
    haulage_trade_id: int
    haulage_load_no: int
    hydrogen_mass_g: int
    haulage_mass_g: int
    reason: str = ""


class PayDue(Command, frozen=True, gc=False):
    """Pays seller and haulier of a load, or neither. Nothing happens while the trades are not known yet.

    ``hold_ids`` are the due's holds, hydrogen first, without empty ones.
    """

    due_id: str
    hold_ids: tuple[str, ...]


class ImportStatement(Command, frozen=True, gc=False):
    """Books a bank statement, once."""

    statement: BankStatementFile


class AssignEntry(Command, frozen=True, gc=False):
    """Gives an unmatched entry its owner."""

    entry_id: str
    account_id: str
    note: str = ""


class MatchWithdrawal(Command, frozen=True, gc=False):
    """Says that an unmatched debit is the payment of an instructed withdrawal whose id the bank lost."""

    entry_id: str
    withdrawal_id: str


class SetPayoutAccount(Command, frozen=True, gc=False):
    """Sets the bank account a participant is paid to."""

    participant_id: str
    holder: str
    account_number: str
    bank_code: str


class RequestWithdrawal(Command, frozen=True, gc=False):
    """Asks for money to be paid out to the participant's bank account."""

    participant_id: str
    client_id: str
    amount_fen: int


class RequestCorrection(Command, frozen=True, gc=False):
    """Asks for money to be taken back from a participant to suspense, e.g. a deposit given to the wrong one."""

    participant_id: str
    client_id: str
    amount_fen: int
    note: str


class ApproveWithdrawal(Command, frozen=True, gc=False):
    """The exchange has lowered the participant's limit by the amount: its money is held from now on."""

    withdrawal_id: str


class RefuseWithdrawal(Command, frozen=True, gc=False):
    """The exchange could not lower the participant's limit."""

    withdrawal_id: str
    shortfall_fen: int


class CancelWithdrawal(Command, frozen=True, gc=False):
    """Takes back an approved withdrawal that the bank was not told of yet."""

    withdrawal_id: str


class InstructWithdrawals(Command, frozen=True, gc=False):
    """Puts approved withdrawals into one file for the bank."""

    withdrawal_ids: tuple[str, ...]


class ReturnWithdrawal(Command, frozen=True, gc=False):
    """The bank refused an instructed withdrawal before it booked it."""

    withdrawal_id: str
    reason: str


COMMANDS: tuple[type[Command], ...] = (
    OpenBooks,
    OpenCashAccount,
    OpenAccount,
    PostTransfers,
    ExpireTransfer,
    RegisterProduct,
    HoldForTrade,
    RetryHold,
    RecordDue,
    PayDue,
    ImportStatement,
    AssignEntry,
    MatchWithdrawal,
    SetPayoutAccount,
    RequestWithdrawal,
    RequestCorrection,
    ApproveWithdrawal,
    RefuseWithdrawal,
    CancelWithdrawal,
    InstructWithdrawals,
    ReturnWithdrawal,
)
