"""The words of settlement: accounts, transfers, obligations, dues, bank statements and withdrawals.

Money is kept by double entry in fen. The bank account is an asset; what participants have with the market, and what
has come in without a known owner (suspense), are liabilities:

    account       | side      | debit means                   | credit means
    bank:main     | asset     | money came into the bank      | money left the bank
    cash:P7       | liability | P7 spends or withdraws        | P7 is paid or pays in
    suspense      | liability | an entry found its owner      | an entry without an owner came in
    market        | liability | bank charges                  | interest, the opening balance
    book:NAME     | as opened | accounts the operator opens for its own use

Every entity is one row: ``id`` first, ``event_seq`` (the log position that changed it last) last.
"""

from __future__ import annotations

from typing import Literal

from kernel.machine import Entity
from kernel.messages import Message

BANK = "bank:main"
SUSPENSE = "suspense"
MARKET = "market"
CASH_PREFIX = "cash:"
BOOK_PREFIX = "book:"

#: What one statement may hold. A market's busiest day is some hundreds of entries.
STATEMENT_LINES_MAX = 10_000
#: What one atomic batch may hold.
TRANSFERS_MAX = 1_000
#: The largest amount of one transfer, as at the edge: twelve digits of CNY. Sums of many stay inside a signed 64-bit
#: column.
AMOUNT_MAX_FEN = 10**14 - 1

TransferKind = Literal["posted", "pending", "post", "void"]
TransferState = Literal["posted", "pending", "voided", "expired"]
ObligationState = Literal["held", "refused", "paid", "voided"]
Outcome = Literal["accepted", "rejected", "lapsed", "cancelled"]
DueState = Literal["waiting", "due", "blocked", "paid", "voided"]
Direction = Literal["credit", "debit"]
EntryState = Literal["matched", "unmatched", "assigning", "assigned"]
Purpose = Literal["payout", "correction"]
WithdrawalState = Literal["requested", "approved", "instructed", "paid", "refused", "voided"]


def cash_account(participant_id: str) -> str:
    """``P7`` gives ``cash:P7``."""
    return CASH_PREFIX + participant_id


def participant_of(account_id: str) -> str:
    """``cash:P7`` gives ``P7``; "" for an account that is no participant's."""
    return account_id.removeprefix(CASH_PREFIX) if account_id.startswith(CASH_PREFIX) else ""


def hold_id(trade_id: int, load_no: int) -> str:
    """The hold of a traded load, which is also the id of its obligation and of its pending transfer."""
    return f"H{trade_id}-{load_no}"


def due_id(trade_id: int, load_no: int) -> str:
    """What became of a traded load."""
    return f"D{trade_id}-{load_no}"


class Account(Entity):
    """One account with its four running sums."""

    id: str
    participant_id: str  # "" for the market's own
    reference: str  # what a payer writes to reach it, "" for the market's own
    debits_posted_fen: int
    credits_posted_fen: int
    debits_pending_fen: int
    credits_pending_fen: int
    debits_must_not_exceed_credits: bool
    credits_must_not_exceed_debits: bool
    opened_at: int
    event_seq: int

    @property
    def balance_fen(self) -> int:
        """Posted credits less posted debits: what a liability account has."""
        return self.credits_posted_fen - self.debits_posted_fen

    @property
    def available_fen(self) -> int:
        """The balance less what is held."""
        return self.balance_fen - self.debits_pending_fen


class Transfer(Entity):
    """Money moved or held between two accounts.

    ``posted`` moves at once. ``pending`` holds; it is later resolved by a ``post`` (of all or part of it, the rest is
    released) or a ``void``, which are rows of their own, or it expires. So balances at a time are plain sums: of
    ``posted`` and ``post`` rows made until then, and of ``pending`` rows made until then and not resolved until then.
    """

    id: str
    kind: TransferKind
    state: TransferState
    debit_account_id: str
    credit_account_id: str
    amount_fen: int
    pending_id: str  # what a post or a void resolves, else ""
    code: str  # what the money is for
    reference: str
    created_at: int
    expires_at: int  # 0: never
    resolved_at: int  # when a pending one was posted, voided or expired, else 0
    event_seq: int


class Party(Entity):
    """A participant as settlement knows it, with the bank account it is paid to ("" until it is set)."""

    id: str
    name: str
    name_zh: str
    reference: str
    payout_holder: str
    payout_account: str
    payout_bank_code: str
    event_seq: int


class Product(Entity):
    """The terms of a product that its money needs."""

    id: str
    kind: str
    maximum_mass_g: int
    event_seq: int


class Trade(Entity):
    """A trade as the exchange made it; the id is ``T124``."""

    id: str
    product_id: str
    kind: str
    price_fen_per_kg: int
    loads: int
    buyer_id: str
    seller_id: str
    hold_fen: int  # per load
    traded_at: int
    event_seq: int


class Obligation(Entity):
    """What the buyer of one traded load owes its seller; the id is ``H124-1``, as that of the hold behind it."""

    id: str
    trade_id: int
    load_no: int
    kind: str
    payer_id: str
    payee_id: str
    price_fen_per_kg: int
    maximum_mass_g: int
    hold_fen: int
    spent_fen: int
    state: ObligationState
    event_seq: int


class Due(Entity):
    """What became of a load, and so what is due for it. ``waiting`` until both trades are known and it has a price."""

    id: str
    outcome: Outcome
    hydrogen_hold_id: str  # "" for haulage that was never used
    haulage_hold_id: str  # "" for own transport
    hydrogen_mass_g: int  # what is paid for, before the product's maximum
    haulage_mass_g: int
    hydrogen_due_fen: int | None
    haulage_due_fen: int | None
    state: DueState
    reason: str
    blocked_code: str  # why it cannot be paid yet, "" if nothing is known against it
    recorded_at: int
    settled_at: int  # 0 until paid or voided
    event_seq: int


class BankBook(Entity):
    """The market's own account at its bank, and how far its statements were read. The id is ``bank:main``."""

    id: str
    account_number: str
    holder: str
    bank_code: str
    closing_fen: int
    closing_day: str  # "" before the first statement
    last_statement_id: str
    event_seq: int


class BankStatement(Entity):
    """A statement that was read, once."""

    id: str
    reference: str  # the bank's own
    content_hash: str
    from_day: str
    to_day: str
    opening_fen: int
    closing_fen: int
    lines: int
    imported_at: int
    event_seq: int


class BankEntry(Entity):
    """One entry of a statement and where its money went."""

    id: str
    statement_id: str
    line_no: int
    direction: Direction
    amount_fen: int
    booked_on: str
    reversal: bool
    end_to_end_id: str
    bank_reference: str
    counterparty_name: str
    counterparty_account: str
    remittance: str
    state: EntryState
    account_id: str  # where the money is now
    matched_by: str  # "reference", "end_to_end_id", "operator" or ""
    withdrawal_id: str
    event_seq: int


class Withdrawal(Entity):
    """Money on its way out of a participant's account: to its bank, or back to suspense by a correction."""

    id: str
    participant_id: str
    client_id: str
    purpose: Purpose
    amount_fen: int
    payee_holder: str
    payee_account: str
    payee_bank_code: str
    state: WithdrawalState
    reason: str
    entry_id: str  # the bank entry that paid it, or that it corrects
    batch_id: str
    requested_at: int
    resolved_at: int
    event_seq: int


class ClientKey(Entity):
    """Which withdrawal a participant's own id belongs to. The id is ``P7/CLIENT_ID``."""

    id: str
    withdrawal_id: str
    event_seq: int


class PaymentBatch(Entity):
    """Withdrawals given to the bank in one file."""

    id: str
    withdrawals: int
    amount_fen: int
    created_at: int
    event_seq: int


ACCOUNTS = "settlement_accounts"
TRANSFERS = "settlement_transfers"
PARTIES = "settlement_parties"
PRODUCTS = "settlement_products"
TRADES = "settlement_trades"
OBLIGATIONS = "settlement_obligations"
DUES = "settlement_dues"
BANK_BOOKS = "settlement_bank_books"
BANK_STATEMENTS = "settlement_bank_statements"
BANK_ENTRIES = "settlement_bank_entries"
WITHDRAWALS = "settlement_withdrawals"
CLIENT_KEYS = "settlement_client_keys"
PAYMENT_BATCHES = "settlement_payment_batches"

#: The entity of each table.
ENTITIES: dict[str, type[Entity]] = {
    ACCOUNTS: Account,
    TRANSFERS: Transfer,
    PARTIES: Party,
    PRODUCTS: Product,
    TRADES: Trade,
    OBLIGATIONS: Obligation,
    DUES: Due,
    BANK_BOOKS: BankBook,
    BANK_STATEMENTS: BankStatement,
    BANK_ENTRIES: BankEntry,
    WITHDRAWALS: Withdrawal,
    CLIENT_KEYS: ClientKey,
    PAYMENT_BATCHES: PaymentBatch,
}


class TransferRequest(Message, frozen=True, gc=False):
    """One transfer of a batch. A post or a void names its pending transfer and may leave the accounts out."""

    id: str
    kind: TransferKind
    debit_account_id: str = ""
    credit_account_id: str = ""
    amount_fen: int = 0
    pending_id: str = ""
    expires_at: int = 0
    code: str = "transfer"
    reference: str = ""


class StatementLine(Message, frozen=True, gc=False):
    """One booked entry as a bank wrote it; ``amount_fen`` > 0, ``booked_on`` is YYYY-MM-DD."""

    direction: Direction
    amount_fen: int
    booked_on: str
    reversal: bool = False
    end_to_end_id: str = ""
    bank_reference: str = ""
    counterparty_name: str = ""
    counterparty_account: str = ""
    remittance: str = ""


class BankStatementFile(Message, frozen=True, gc=False):
    """A whole statement of one account in CNY. Balances are positive for money that the account's owner has."""

    account_number: str
    reference: str
    from_day: str
    to_day: str
    opening_fen: int
    closing_fen: int
    lines: tuple[StatementLine, ...]


class DuePart(Message, frozen=True, gc=False):
    """How one hold ended: of ``committed_fen`` held for the load, ``spent_fen`` went to the payee."""

    hold_id: str
    trade_id: int
    load_no: int
    payer_id: str
    payee_id: str
    committed_fen: int
    spent_fen: int
    held: bool  # False where the hold had been refused, so that there is nothing to release
