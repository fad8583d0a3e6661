"""The rows of settlement; columns stand in the order of the entities in `settlement.model`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Index, Table, Text
from sqlmodel import Field, SQLModel

from kernel.room import table_of
from kernel.tables import EventRow
from settlement import model


class SettlementEvent(EventRow, table=True):
    """The log of settlement."""

    __tablename__ = "settlement_events"


class AccountRow(SQLModel, table=True):
    """An account; see `settlement.model.Account`."""

    __tablename__ = "settlement_accounts"

    id: str = Field(primary_key=True, sa_type=Text)
    participant_id: str = Field(sa_type=Text, index=True)
    reference: str = Field(sa_type=Text)
    debits_posted_fen: int = Field(sa_type=BigInteger)
    credits_posted_fen: int = Field(sa_type=BigInteger)
    debits_pending_fen: int = Field(sa_type=BigInteger)
    credits_pending_fen: int = Field(sa_type=BigInteger)
    debits_must_not_exceed_credits: bool = Field(sa_type=Boolean)
    credits_must_not_exceed_debits: bool = Field(sa_type=Boolean)
    opened_at: int = Field(sa_type=BigInteger)
    event_seq: int = Field(sa_type=BigInteger)


class TransferRow(SQLModel, table=True):
    """A transfer; see `settlement.model.Transfer`."""

    __tablename__ = "settlement_transfers"
    __table_args__ = (
        Index("settlement_transfers_debit", "debit_account_id", "created_at"),
        Index("settlement_transfers_credit", "credit_account_id", "created_at"),
        Index("settlement_transfers_expiry", "state", "expires_at"),
    )

    id: str = Field(primary_key=True, sa_type=Text)
    kind: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    debit_account_id: str = Field(sa_type=Text)
    credit_account_id: str = Field(sa_type=Text)
    amount_fen: int = Field(sa_type=BigInteger)
    pending_id: str = Field(sa_type=Text)
    code: str = Field(sa_type=Text)
    reference: str = Field(sa_type=Text)
    created_at: int = Field(sa_type=BigInteger)
    expires_at: int = Field(sa_type=BigInteger)
    resolved_at: int = Field(sa_type=BigInteger)
    event_seq: int = Field(sa_type=BigInteger)


class PartyRow(SQLModel, table=True):
    """A participant as settlement knows it; see `settlement.model.Party`."""

    __tablename__ = "settlement_parties"

    id: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(sa_type=Text)
    name_zh: str = Field(sa_type=Text)
    reference: str = Field(sa_type=Text)
    payout_holder: str = Field(sa_type=Text)
    payout_account: str = Field(sa_type=Text)
    payout_bank_code: str = Field(sa_type=Text)
    event_seq: int = Field(sa_type=BigInteger)


class SettlementProductRow(SQLModel, table=True):
    """The terms of a product; see `settlement.model.Product`."""

    __tablename__ = "settlement_products"

    id: str = Field(primary_key=True, sa_type=Text)
    kind: str = Field(sa_type=Text)
    maximum_mass_g: int = Field(sa_type=BigInteger)
    event_seq: int = Field(sa_type=BigInteger)


class SettlementTradeRow(SQLModel, table=True):
    """A trade; see `settlement.model.Trade`."""

    __tablename__ = "settlement_trades"

    id: str = Field(primary_key=True, sa_type=Text)
    product_id: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    price_fen_per_kg: int = Field(sa_type=BigInteger)
    loads: int = Field(sa_type=BigInteger)
    buyer_id: str = Field(sa_type=Text)
    seller_id: str = Field(sa_type=Text)
    hold_fen: int = Field(sa_type=BigInteger)
    traded_at: int = Field(sa_type=BigInteger)
    event_seq: int = Field(sa_type=BigInteger)


class ObligationRow(SQLModel, table=True):
    """What the buyer of a load owes; see `settlement.model.Obligation`."""

    __tablename__ = "settlement_obligations"
    __table_args__ = (
        Index("settlement_obligations_payer", "payer_id", "trade_id"),
        Index("settlement_obligations_payee", "payee_id", "trade_id"),
        Index("settlement_obligations_state", "state"),
    )

    id: str = Field(primary_key=True, sa_type=Text)
    trade_id: int = Field(sa_type=BigInteger)
    load_no: int = Field(sa_type=BigInteger)
    kind: str = Field(sa_type=Text)
    payer_id: str = Field(sa_type=Text)
    payee_id: str = Field(sa_type=Text)
    price_fen_per_kg: int = Field(sa_type=BigInteger)
    maximum_mass_g: int = Field(sa_type=BigInteger)
    hold_fen: int = Field(sa_type=BigInteger)
    spent_fen: int = Field(sa_type=BigInteger)
    state: str = Field(sa_type=Text)
    event_seq: int = Field(sa_type=BigInteger)


class DueRow(SQLModel, table=True):
    """What became of a load; see `settlement.model.Due`."""

    __tablename__ = "settlement_dues"
    __table_args__ = (
        Index("settlement_dues_hydrogen", "hydrogen_hold_id"),
        Index("settlement_dues_haulage", "haulage_hold_id"),
        Index("settlement_dues_settled", "settled_at", "recorded_at"),
    )

    id: str = Field(primary_key=True, sa_type=Text)
    outcome: str = Field(sa_type=Text)
    hydrogen_hold_id: str = Field(sa_type=Text)
    haulage_hold_id: str = Field(sa_type=Text)
    hydrogen_mass_g: int = Field(sa_type=BigInteger)
    haulage_mass_g: int = Field(sa_type=BigInteger)
    hydrogen_due_fen: int | None = Field(sa_type=BigInteger, nullable=True)
    haulage_due_fen: int | None = Field(sa_type=BigInteger, nullable=True)
    state: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    blocked_code: str = Field(sa_type=Text)
    recorded_at: int = Field(sa_type=BigInteger)
    settled_at: int = Field(sa_type=BigInteger)
    event_seq: int = Field(sa_type=BigInteger)


class BankBookRow(SQLModel, table=True):
    """The market's account at its bank; see `settlement.model.BankBook`."""

    __tablename__ = "settlement_bank_books"

    id: str = Field(primary_key=True, sa_type=Text)
    account_number: str = Field(sa_type=Text)
    holder: str = Field(sa_type=Text)
    bank_code: str = Field(sa_type=Text)
    closing_fen: int = Field(sa_type=BigInteger)
    closing_day: str = Field(sa_type=Text)
    last_statement_id: str = Field(sa_type=Text)
    event_seq: int = Field(sa_type=BigInteger)


class BankStatementRow(SQLModel, table=True):
    """A statement that was read; see `settlement.model.BankStatement`."""

    __tablename__ = "settlement_bank_statements"

    id: str = Field(primary_key=True, sa_type=Text)
    reference: str = Field(sa_type=Text)
    content_hash: str = Field(sa_type=Text)
    from_day: str = Field(sa_type=Text)
    to_day: str = Field(sa_type=Text)
    opening_fen: int = Field(sa_type=BigInteger)
    closing_fen: int = Field(sa_type=BigInteger)
    lines: int = Field(sa_type=BigInteger)
    imported_at: int = Field(sa_type=BigInteger)
    event_seq: int = Field(sa_type=BigInteger)


class BankEntryRow(SQLModel, table=True):
    """An entry of a statement; see `settlement.model.BankEntry`."""

    __tablename__ = "settlement_bank_entries"
    __table_args__ = (
        Index("settlement_bank_entries_statement", "statement_id", "line_no"),
        Index("settlement_bank_entries_state", "state", "booked_on"),
    )

    id: str = Field(primary_key=True, sa_type=Text)
    statement_id: str = Field(sa_type=Text)
    line_no: int = Field(sa_type=BigInteger)
    direction: str = Field(sa_type=Text)
    amount_fen: int = Field(sa_type=BigInteger)
    booked_on: str = Field(sa_type=Text)
    reversal: bool = Field(sa_type=Boolean)
    end_to_end_id: str = Field(sa_type=Text)
    bank_reference: str = Field(sa_type=Text)
    counterparty_name: str = Field(sa_type=Text)
    counterparty_account: str = Field(sa_type=Text)
    remittance: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    account_id: str = Field(sa_type=Text)
    matched_by: str = Field(sa_type=Text)
    withdrawal_id: str = Field(sa_type=Text)
    event_seq: int = Field(sa_type=BigInteger)


class WithdrawalRow(SQLModel, table=True):
    """Money on its way out; see `settlement.model.Withdrawal`."""

    __tablename__ = "settlement_withdrawals"
    __table_args__ = (
        Index("settlement_withdrawals_participant", "participant_id", "requested_at"),
        Index("settlement_withdrawals_state", "state", "requested_at"),
        Index("settlement_withdrawals_batch", "batch_id"),
    )

    id: str = Field(primary_key=True, sa_type=Text)
    participant_id: str = Field(sa_type=Text)
    client_id: str = Field(sa_type=Text)
    purpose: str = Field(sa_type=Text)
    amount_fen: int = Field(sa_type=BigInteger)
    payee_holder: str = Field(sa_type=Text)
    payee_account: str = Field(sa_type=Text)
    payee_bank_code: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    entry_id: str = Field(sa_type=Text)
    batch_id: str = Field(sa_type=Text)
    requested_at: int = Field(sa_type=BigInteger)
    resolved_at: int = Field(sa_type=BigInteger)
    event_seq: int = Field(sa_type=BigInteger)


class ClientKeyRow(SQLModel, table=True):
    """A participant's own id of a withdrawal; see `settlement.model.ClientKey`."""

    __tablename__ = "settlement_client_keys"

    id: str = Field(primary_key=True, sa_type=Text)
    withdrawal_id: str = Field(sa_type=Text)
    event_seq: int = Field(sa_type=BigInteger)


class PaymentBatchRow(SQLModel, table=True):
    """A file for the bank; see `settlement.model.PaymentBatch`."""

    __tablename__ = "settlement_payment_batches"

    id: str = Field(primary_key=True, sa_type=Text)
    withdrawals: int = Field(sa_type=BigInteger)
    amount_fen: int = Field(sa_type=BigInteger)
    created_at: int = Field(sa_type=BigInteger)
    event_seq: int = Field(sa_type=BigInteger)


#: The table of each entity, by the names the machine uses.
TABLES: dict[str, Table] = {
    model.ACCOUNTS: table_of(AccountRow),
    model.TRANSFERS: table_of(TransferRow),
    model.PARTIES: table_of(PartyRow),
    model.PRODUCTS: table_of(SettlementProductRow),
    model.TRADES: table_of(SettlementTradeRow),
    model.OBLIGATIONS: table_of(ObligationRow),
    model.DUES: table_of(DueRow),
    model.BANK_BOOKS: table_of(BankBookRow),
    model.BANK_STATEMENTS: table_of(BankStatementRow),
    model.BANK_ENTRIES: table_of(BankEntryRow),
    model.WITHDRAWALS: table_of(WithdrawalRow),
    model.CLIENT_KEYS: table_of(ClientKeyRow),
    model.PAYMENT_BATCHES: table_of(PaymentBatchRow),
}
