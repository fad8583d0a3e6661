"""The spine: every room's log and read models."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Changes the schema."""
    op.create_table(
        "exchange_capacity",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("participant_id", sa.Text(), nullable=False),
        sa.Column("commodity", sa.Text(), nullable=False),
        sa.Column("window_start", sa.BigInteger(), nullable=False),
        sa.Column("loads", sa.BigInteger(), nullable=False),
        sa.Column("reserved_loads", sa.BigInteger(), nullable=False),
        sa.Column("consumed_loads", sa.BigInteger(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_exchange_capacity_participant_id"), "exchange_capacity", ["participant_id"], unique=False)
    op.create_table(
        "exchange_contested_trades",
        sa.Column("id", sa.Integer().with_variant(sa.BigInteger(), "postgresql"), autoincrement=False, nullable=False),
        sa.Column("recall_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("price_fen_per_kg", sa.BigInteger(), nullable=False),
        sa.Column("loads", sa.BigInteger(), nullable=False),
        sa.Column("buyer_id", sa.Text(), nullable=False),
        sa.Column("seller_id", sa.Text(), nullable=False),
        sa.Column("buy_order_id", sa.BigInteger(), nullable=False),
        sa.Column("sell_order_id", sa.BigInteger(), nullable=False),
        sa.Column("leg", sa.Text(), nullable=False),
        sa.Column("traded_at", sa.BigInteger(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("exchange_contested_trades_of_buyer", "exchange_contested_trades", ["buyer_id"], unique=False)
    op.create_index("exchange_contested_trades_of_seller", "exchange_contested_trades", ["seller_id"], unique=False)
    op.create_table(
        "exchange_events",
        sa.Column("seq", sa.Integer().with_variant(sa.BigInteger(), "postgresql"), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_table(
        "exchange_money",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("granted_fen", sa.BigInteger(), nullable=False),
        sa.Column("reserved_fen", sa.BigInteger(), nullable=False),
        sa.Column("committed_fen", sa.BigInteger(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "exchange_order_recalls",
        sa.Column("id", sa.Integer().with_variant(sa.BigInteger(), "postgresql"), autoincrement=False, nullable=False),
        sa.Column("participant_id", sa.Text(), nullable=False),
        sa.Column("loads", sa.BigInteger(), nullable=False),
        sa.Column("price_sum_fen_per_kg", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "exchange_orders",
        sa.Column("id", sa.Integer().with_variant(sa.BigInteger(), "postgresql"), autoincrement=False, nullable=False),
        sa.Column("participant_id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("client_order_id", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("price_fen_per_kg", sa.BigInteger(), nullable=False),
        sa.Column("loads", sa.BigInteger(), nullable=False),
        sa.Column("time_in_force", sa.Text(), nullable=False),
        sa.Column("order_type", sa.Text(), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("executed_loads", sa.BigInteger(), nullable=False),
        sa.Column("shown_loads", sa.BigInteger(), nullable=False),
        sa.Column("price_sum_fen_per_kg", sa.BigInteger(), nullable=False),
        sa.Column("elected", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("shortfall", sa.BigInteger(), nullable=False),
        sa.Column("placed_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("exchange_orders_of_participant", "exchange_orders", ["participant_id", "id"], unique=False)
    op.create_table(
        "exchange_products",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("hub", sa.Text(), nullable=False),
        sa.Column("destination_hub", sa.Text(), nullable=False),
        sa.Column("container_class", sa.Text(), nullable=False),
        sa.Column("grade", sa.Text(), nullable=False),
        sa.Column("nominal_mass_g", sa.BigInteger(), nullable=False),
        sa.Column("maximum_mass_g", sa.BigInteger(), nullable=False),
        sa.Column("window_start", sa.BigInteger(), nullable=False),
        sa.Column("window_end", sa.BigInteger(), nullable=False),
        sa.Column("price_tick_fen", sa.BigInteger(), nullable=False),
        sa.Column("price_max_fen", sa.BigInteger(), nullable=False),
        sa.Column("loads_max", sa.BigInteger(), nullable=False),
        sa.Column("collar_bps", sa.BigInteger(), nullable=False),
        sa.Column("volatility_bps", sa.BigInteger(), nullable=False),
        sa.Column("protection_bps", sa.BigInteger(), nullable=False),
        sa.Column("auction_s", sa.BigInteger(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("phase_until", sa.BigInteger(), nullable=False),
        sa.Column("reference_price_fen", sa.BigInteger(), nullable=False),
        sa.Column("listed_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_exchange_products_window_start"), "exchange_products", ["window_start"], unique=False)
    op.create_table(
        "exchange_quote_requests",
        sa.Column("id", sa.Integer().with_variant(sa.BigInteger(), "postgresql"), autoincrement=False, nullable=False),
        sa.Column("participant_id", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=True),
        sa.Column("loads", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("exchange_quote_requests_of_product", "exchange_quote_requests", ["product_id", "id"], unique=False)
    op.create_table(
        "exchange_recalls",
        sa.Column("id", sa.Integer().with_variant(sa.BigInteger(), "postgresql"), autoincrement=False, nullable=False),
        sa.Column("trade_id", sa.BigInteger(), nullable=False),
        sa.Column("other_trade_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("requester_id", sa.Text(), nullable=False),
        sa.Column("requester_key_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("decide_by", sa.BigInteger(), nullable=False),
        sa.Column("first_key_id", sa.Text(), nullable=False),
        sa.Column("second_key_id", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("exchange_recalls_of_trade", "exchange_recalls", ["trade_id"], unique=False)
    op.create_table(
        "exchange_state",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("halted", sa.Boolean(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "exchange_traders",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("roles", sa.Text(), nullable=False),
        sa.Column("suspended", sa.Boolean(), nullable=False),
        sa.Column("killed", sa.Boolean(), nullable=False),
        sa.Column("barred", sa.Boolean(), nullable=False),
        sa.Column("self_trade_mode", sa.Text(), nullable=False),
        sa.Column("per_10s_max", sa.BigInteger(), nullable=False),
        sa.Column("per_hour_max", sa.BigInteger(), nullable=False),
        sa.Column("per_day_max", sa.BigInteger(), nullable=False),
        sa.Column("admitted_at", sa.BigInteger(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "exchange_trades",
        sa.Column("id", sa.Integer().with_variant(sa.BigInteger(), "postgresql"), autoincrement=False, nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("price_fen_per_kg", sa.BigInteger(), nullable=False),
        sa.Column("loads", sa.BigInteger(), nullable=False),
        sa.Column("buyer_id", sa.Text(), nullable=False),
        sa.Column("seller_id", sa.Text(), nullable=False),
        sa.Column("buy_order_id", sa.BigInteger(), nullable=False),
        sa.Column("sell_order_id", sa.BigInteger(), nullable=False),
        sa.Column("taker_order_id", sa.BigInteger(), nullable=False),
        sa.Column("leg", sa.Text(), nullable=False),
        sa.Column("traded_at", sa.BigInteger(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("exchange_trades_of_buyer", "exchange_trades", ["buyer_id", "id"], unique=False)
    op.create_index("exchange_trades_of_product", "exchange_trades", ["product_id", "id"], unique=False)
    op.create_index("exchange_trades_of_seller", "exchange_trades", ["seller_id", "id"], unique=False)
    op.create_table(
        "kernel_cursors",
        sa.Column("follower", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("follower"),
    )
    op.create_table(
        "kernel_idempotency",
        sa.Column("room", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("room", "scope", "key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "kernel_snapshots",
        sa.Column("room", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("part", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("room", "seq", "part"),
    )
    op.create_table(
        "participants_companies",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("uscc", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("roles", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("registered_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("uscc"),
    )
    op.create_table(
        "participants_events",
        sa.Column("seq", sa.Integer().with_variant(sa.BigInteger(), "postgresql"), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_table(
        "participants_facilities",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("participant_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("hub", sa.Text(), nullable=False),
        sa.Column("latitude_e7", sa.BigInteger(), nullable=False),
        sa.Column("longitude_e7", sa.BigInteger(), nullable=False),
        sa.Column("opens_minute", sa.BigInteger(), nullable=False),
        sa.Column("closes_minute", sa.BigInteger(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_participants_facilities_hub"), "participants_facilities", ["hub"], unique=False)
    op.create_index(
        op.f("ix_participants_facilities_participant_id"), "participants_facilities", ["participant_id"], unique=False
    )
    op.create_table(
        "participants_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("participant_id", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("secret_hash"),
    )
    op.create_index(op.f("ix_participants_keys_participant_id"), "participants_keys", ["participant_id"], unique=False)
    op.create_table(
        "participants_webhook_attempts",
        sa.Column("id", sa.Integer().with_variant(sa.BigInteger(), "postgresql"), autoincrement=False, nullable=False),
        sa.Column("webhook_id", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("room", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.Column("delivered", sa.Boolean(), nullable=False),
        sa.Column("status_code", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "participants_webhook_attempts_of", "participants_webhook_attempts", ["webhook_id", "id"], unique=False
    )
    op.create_table(
        "participants_webhook_cursors",
        sa.Column("webhook_id", sa.Text(), nullable=False),
        sa.Column("room", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("webhook_id", "room"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "participants_webhook_key",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "participants_webhook_standing",
        sa.Column("webhook_id", sa.Text(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("next_attempt_at", sa.BigInteger(), nullable=False),
        sa.Column("last_attempt_at", sa.BigInteger(), nullable=False),
        sa.Column("last_success_at", sa.BigInteger(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("webhook_id"),
    )
    op.create_table(
        "participants_webhooks",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("participant_id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("event_types", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("salt", sa.Text(), nullable=False),
        sa.Column("previous_salt", sa.Text(), nullable=False),
        sa.Column("previous_until", sa.BigInteger(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        op.f("ix_participants_webhooks_participant_id"), "participants_webhooks", ["participant_id"], unique=False
    )
    op.create_table(
        "settlement_accounts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("participant_id", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("debits_posted_fen", sa.BigInteger(), nullable=False),
        sa.Column("credits_posted_fen", sa.BigInteger(), nullable=False),
        sa.Column("debits_pending_fen", sa.BigInteger(), nullable=False),
        sa.Column("credits_pending_fen", sa.BigInteger(), nullable=False),
        sa.Column("debits_must_not_exceed_credits", sa.Boolean(), nullable=False),
        sa.Column("credits_must_not_exceed_debits", sa.Boolean(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        op.f("ix_settlement_accounts_participant_id"), "settlement_accounts", ["participant_id"], unique=False
    )
    op.create_table(
        "settlement_bank_books",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_number", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("bank_code", sa.Text(), nullable=False),
        sa.Column("closing_fen", sa.BigInteger(), nullable=False),
        sa.Column("closing_day", sa.Text(), nullable=False),
        sa.Column("last_statement_id", sa.Text(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "settlement_bank_entries",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("statement_id", sa.Text(), nullable=False),
        sa.Column("line_no", sa.BigInteger(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("booked_on", sa.Text(), nullable=False),
        sa.Column("reversal", sa.Boolean(), nullable=False),
        sa.Column("end_to_end_id", sa.Text(), nullable=False),
        sa.Column("bank_reference", sa.Text(), nullable=False),
        sa.Column("counterparty_name", sa.Text(), nullable=False),
        sa.Column("counterparty_account", sa.Text(), nullable=False),
        sa.Column("remittance", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("matched_by", sa.Text(), nullable=False),
        sa.Column("withdrawal_id", sa.Text(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("settlement_bank_entries_state", "settlement_bank_entries", ["state", "booked_on"], unique=False)
    op.create_index(
        "settlement_bank_entries_statement", "settlement_bank_entries", ["statement_id", "line_no"], unique=False
    )
    op.create_table(
        "settlement_bank_statements",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("from_day", sa.Text(), nullable=False),
        sa.Column("to_day", sa.Text(), nullable=False),
        sa.Column("opening_fen", sa.BigInteger(), nullable=False),
        sa.Column("closing_fen", sa.BigInteger(), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("imported_at", sa.BigInteger(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "settlement_client_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("withdrawal_id", sa.Text(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "settlement_dues",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("hydrogen_hold_id", sa.Text(), nullable=False),
        sa.Column("haulage_hold_id", sa.Text(), nullable=False),
        sa.Column("hydrogen_mass_g", sa.BigInteger(), nullable=False),
        sa.Column("haulage_mass_g", sa.BigInteger(), nullable=False),
        sa.Column("hydrogen_due_fen", sa.BigInteger(), nullable=True),
        sa.Column("haulage_due_fen", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("blocked_code", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("settlement_dues_haulage", "settlement_dues", ["haulage_hold_id"], unique=False)
    op.create_index("settlement_dues_hydrogen", "settlement_dues", ["hydrogen_hold_id"], unique=False)
    op.create_index("settlement_dues_settled", "settlement_dues", ["settled_at", "recorded_at"], unique=False)
    op.create_table(
        "settlement_events",
        sa.Column("seq", sa.Integer().with_variant(sa.BigInteger(), "postgresql"), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_table(
        "settlement_obligations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("trade_id", sa.BigInteger(), nullable=False),
        sa.Column("load_no", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payer_id", sa.Text(), nullable=False),
        sa.Column("payee_id", sa.Text(), nullable=False),
        sa.Column("price_fen_per_kg", sa.BigInteger(), nullable=False),
        sa.Column("maximum_mass_g", sa.BigInteger(), nullable=False),
        sa.Column("hold_fen", sa.BigInteger(), nullable=False),
        sa.Column("spent_fen", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("settlement_obligations_payee", "settlement_obligations", ["payee_id", "trade_id"], unique=False)
    op.create_index("settlement_obligations_payer", "settlement_obligations", ["payer_id", "trade_id"], unique=False)
    op.create_index("settlement_obligations_state", "settlement_obligations", ["state"], unique=False)
    op.create_table(
        "settlement_parties",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("payout_holder", sa.Text(), nullable=False),
        sa.Column("payout_account", sa.Text(), nullable=False),
        sa.Column("payout_bank_code", sa.Text(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "settlement_payment_batches",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("withdrawals", sa.BigInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "settlement_products",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("maximum_mass_g", sa.BigInteger(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "settlement_trades",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("price_fen_per_kg", sa.BigInteger(), nullable=False),
        sa.Column("loads", sa.BigInteger(), nullable=False),
        sa.Column("buyer_id", sa.Text(), nullable=False),
        sa.Column("seller_id", sa.Text(), nullable=False),
        sa.Column("hold_fen", sa.BigInteger(), nullable=False),
        sa.Column("traded_at", sa.BigInteger(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "settlement_transfers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("debit_account_id", sa.Text(), nullable=False),
        sa.Column("credit_account_id", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("pending_id", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("resolved_at", sa.BigInteger(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "settlement_transfers_credit", "settlement_transfers", ["credit_account_id", "created_at"], unique=False
    )
    op.create_index(
        "settlement_transfers_debit", "settlement_transfers", ["debit_account_id", "created_at"], unique=False
    )
    op.create_index("settlement_transfers_expiry", "settlement_transfers", ["state", "expires_at"], unique=False)
    op.create_table(
        "settlement_withdrawals",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("participant_id", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("payee_holder", sa.Text(), nullable=False),
        sa.Column("payee_account", sa.Text(), nullable=False),
        sa.Column("payee_bank_code", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.Text(), nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("resolved_at", sa.BigInteger(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("settlement_withdrawals_batch", "settlement_withdrawals", ["batch_id"], unique=False)
    op.create_index(
        "settlement_withdrawals_participant", "settlement_withdrawals", ["participant_id", "requested_at"], unique=False
    )
    op.create_index("settlement_withdrawals_state", "settlement_withdrawals", ["state", "requested_at"], unique=False)
    op.create_table(
        "tracking_certificates",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("shipment_id", sa.Text(), nullable=False),
        sa.Column("participant_id", sa.Text(), nullable=False),
        sa.Column("laboratory", sa.Text(), nullable=False),
        sa.Column("sampled_at", sa.BigInteger(), nullable=False),
        sa.Column("standard", sa.Text(), nullable=False),
        sa.Column("edition", sa.Text(), nullable=False),
        sa.Column("results", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("findings", sa.Text(), nullable=False),
        sa.Column("attached_at", sa.BigInteger(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "tracking_events",
        sa.Column("seq", sa.Integer().with_variant(sa.BigInteger(), "postgresql"), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_table(
        "tracking_facilities",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("participant_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("hub", sa.Text(), nullable=False),
        sa.Column("latitude_e7", sa.BigInteger(), nullable=False),
        sa.Column("longitude_e7", sa.BigInteger(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "tracking_hand_overs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("shipment_id", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("giver_id", sa.Text(), nullable=False),
        sa.Column("taker_id", sa.Text(), nullable=False),
        sa.Column("vessel_id", sa.Text(), nullable=False),
        sa.Column("plate", sa.Text(), nullable=False),
        sa.Column("facility_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("given_mass_g", sa.BigInteger(), nullable=True),
        sa.Column("taken_mass_g", sa.BigInteger(), nullable=True),
        sa.Column("tolerance_g", sa.BigInteger(), nullable=True),
        sa.Column("agreed_mass_g", sa.BigInteger(), nullable=True),
        sa.Column("residue_mass_g", sa.BigInteger(), nullable=True),
        sa.Column("dispute", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("giver_key_id", sa.Text(), nullable=False),
        sa.Column("giver_signed_at", sa.BigInteger(), nullable=True),
        sa.Column("taker_key_id", sa.Text(), nullable=False),
        sa.Column("taker_signed_at", sa.BigInteger(), nullable=True),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("tracking_hand_overs_of_shipment", "tracking_hand_overs", ["shipment_id"], unique=False)
    op.create_table(
        "tracking_haulage",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("trade_id", sa.BigInteger(), nullable=False),
        sa.Column("load_no", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("haulier_id", sa.Text(), nullable=False),
        sa.Column("shipper_id", sa.Text(), nullable=False),
        sa.Column("origin_hub", sa.Text(), nullable=False),
        sa.Column("destination_hub", sa.Text(), nullable=False),
        sa.Column("container_class", sa.Text(), nullable=False),
        sa.Column("window_start", sa.BigInteger(), nullable=False),
        sa.Column("window_end", sa.BigInteger(), nullable=False),
        sa.Column("shipment_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("planned_at", sa.BigInteger(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("tracking_haulage_due", "tracking_haulage", ["status", "window_end"], unique=False)
    op.create_index("tracking_haulage_of_haulier", "tracking_haulage", ["haulier_id"], unique=False)
    op.create_index("tracking_haulage_of_shipper", "tracking_haulage", ["shipper_id"], unique=False)
    op.create_table(
        "tracking_meters",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("uncertainty_ppm", sa.BigInteger(), nullable=False),
        sa.Column("calibrated_until", sa.BigInteger(), nullable=False),
        sa.Column("registered_at", sa.BigInteger(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("tracking_meters_of_owner", "tracking_meters", ["owner_id"], unique=False)
    op.create_table(
        "tracking_movements",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("shipment_id", sa.Text(), nullable=False),
        sa.Column("hand_over_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("mass_g", sa.BigInteger(), nullable=False),
        sa.Column("moved_at", sa.BigInteger(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("tracking_movements_of_shipment", "tracking_movements", ["shipment_id"], unique=False)
    op.create_table(
        "tracking_pools",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("shipments", sa.Text(), nullable=False),
        sa.Column("haulage", sa.Text(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "tracking_positions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("plate", sa.Text(), nullable=False),
        sa.Column("fix_time", sa.BigInteger(), nullable=False),
        sa.Column("latitude_e7", sa.BigInteger(), nullable=False),
        sa.Column("longitude_e7", sa.BigInteger(), nullable=False),
        sa.Column("speed_m_per_h", sa.BigInteger(), nullable=False),
        sa.Column("pressure_pa", sa.BigInteger(), nullable=True),
        sa.Column("temperature_mk", sa.BigInteger(), nullable=True),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("tracking_positions_of_vehicle", "tracking_positions", ["plate", "fix_time"], unique=False)
    op.create_table(
        "tracking_products",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("hub", sa.Text(), nullable=False),
        sa.Column("destination_hub", sa.Text(), nullable=False),
        sa.Column("container_class", sa.Text(), nullable=False),
        sa.Column("grade", sa.Text(), nullable=False),
        sa.Column("nominal_mass_g", sa.BigInteger(), nullable=False),
        sa.Column("maximum_mass_g", sa.BigInteger(), nullable=False),
        sa.Column("window_start", sa.BigInteger(), nullable=False),
        sa.Column("window_end", sa.BigInteger(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "tracking_readings",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("shipment_id", sa.Text(), nullable=False),
        sa.Column("hand_over_id", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("participant_id", sa.Text(), nullable=False),
        sa.Column("meter_id", sa.Text(), nullable=False),
        sa.Column("meter_kind", sa.Text(), nullable=False),
        sa.Column("before_mass_g", sa.BigInteger(), nullable=True),
        sa.Column("after_mass_g", sa.BigInteger(), nullable=True),
        sa.Column("before_pressure_pa", sa.BigInteger(), nullable=True),
        sa.Column("before_temperature_mk", sa.BigInteger(), nullable=True),
        sa.Column("after_pressure_pa", sa.BigInteger(), nullable=True),
        sa.Column("after_temperature_mk", sa.BigInteger(), nullable=True),
        sa.Column("mass_g", sa.BigInteger(), nullable=False),
        sa.Column("uncertainty_ug", sa.BigInteger(), nullable=False),
        sa.Column("residue_mass_g", sa.BigInteger(), nullable=True),
        sa.Column("read_at", sa.BigInteger(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("tracking_readings_of_shipment", "tracking_readings", ["shipment_id"], unique=False)
    op.create_table(
        "tracking_recalls",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("recall_id", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.Column("obstacle", sa.Text(), nullable=False),
        sa.Column("obstacle_state", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "tracking_shipments",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("trade_id", sa.BigInteger(), nullable=False),
        sa.Column("load_no", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("container_class", sa.Text(), nullable=False),
        sa.Column("grade", sa.Text(), nullable=False),
        sa.Column("seller_id", sa.Text(), nullable=False),
        sa.Column("buyer_id", sa.Text(), nullable=False),
        sa.Column("transport_party_id", sa.Text(), nullable=False),
        sa.Column("origin_hub", sa.Text(), nullable=False),
        sa.Column("destination_hub", sa.Text(), nullable=False),
        sa.Column("nominal_mass_g", sa.BigInteger(), nullable=False),
        sa.Column("maximum_mass_g", sa.BigInteger(), nullable=False),
        sa.Column("window_start", sa.BigInteger(), nullable=False),
        sa.Column("window_end", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("custodian_id", sa.Text(), nullable=False),
        sa.Column("haulage_id", sa.Text(), nullable=False),
        sa.Column("haulage_trade_id", sa.BigInteger(), nullable=False),
        sa.Column("haulage_load_no", sa.BigInteger(), nullable=False),
        sa.Column("carrier_id", sa.Text(), nullable=False),
        sa.Column("seller_mass_g", sa.BigInteger(), nullable=True),
        sa.Column("pickup_facility_id", sa.Text(), nullable=False),
        sa.Column("buyer_mass_g", sa.BigInteger(), nullable=True),
        sa.Column("dropoff_facility_id", sa.Text(), nullable=False),
        sa.Column("confirmed_mass_g", sa.BigInteger(), nullable=True),
        sa.Column("plate", sa.Text(), nullable=False),
        sa.Column("vessel_id", sa.Text(), nullable=False),
        sa.Column("driver_licence", sa.Text(), nullable=False),
        sa.Column("escort_licence", sa.Text(), nullable=False),
        sa.Column("waybill_no", sa.Text(), nullable=False),
        sa.Column("quality", sa.Text(), nullable=False),
        sa.Column("heel_before_g", sa.BigInteger(), nullable=True),
        sa.Column("heel_after_g", sa.BigInteger(), nullable=True),
        sa.Column("loaded_mass_g", sa.BigInteger(), nullable=False),
        sa.Column("short_mass_g", sa.BigInteger(), nullable=False),
        sa.Column("delivered_mass_g", sa.BigInteger(), nullable=False),
        sa.Column("returned_mass_g", sa.BigInteger(), nullable=False),
        sa.Column("lost_mass_g", sa.BigInteger(), nullable=False),
        sa.Column("late_s", sa.BigInteger(), nullable=False),
        sa.Column("reject_reason", sa.Text(), nullable=False),
        sa.Column("fault", sa.Text(), nullable=False),
        sa.Column("cancel_reason", sa.Text(), nullable=False),
        sa.Column("planned_at", sa.BigInteger(), nullable=False),
        sa.Column("departed_at", sa.BigInteger(), nullable=True),
        sa.Column("arrived_at", sa.BigInteger(), nullable=True),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("tracking_shipments_due", "tracking_shipments", ["status", "window_end"], unique=False)
    op.create_index("tracking_shipments_of_buyer", "tracking_shipments", ["buyer_id"], unique=False)
    op.create_index("tracking_shipments_of_carrier", "tracking_shipments", ["carrier_id"], unique=False)
    op.create_index("tracking_shipments_of_seller", "tracking_shipments", ["seller_id"], unique=False)
    op.create_index("tracking_shipments_of_trade", "tracking_shipments", ["trade_id"], unique=False)
    op.create_table(
        "tracking_timeline",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("shipment_id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("participant_id", sa.Text(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("tracking_timeline_of_shipment", "tracking_timeline", ["shipment_id", "event_seq"], unique=False)
    op.create_table(
        "tracking_vehicles",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("shipment_id", sa.Text(), nullable=False),
        sa.Column("fix_time", sa.BigInteger(), nullable=True),
        sa.Column("latitude_e7", sa.BigInteger(), nullable=True),
        sa.Column("longitude_e7", sa.BigInteger(), nullable=True),
        sa.Column("speed_m_per_h", sa.BigInteger(), nullable=True),
        sa.Column("pressure_pa", sa.BigInteger(), nullable=True),
        sa.Column("temperature_mk", sa.BigInteger(), nullable=True),
        sa.Column("registered_at", sa.BigInteger(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("tracking_vehicles_of_owner", "tracking_vehicles", ["owner_id"], unique=False)
    op.create_table(
        "tracking_vessels",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("custodian_id", sa.Text(), nullable=False),
        sa.Column("water_volume_l", sa.BigInteger(), nullable=False),
        sa.Column("max_pressure_pa", sa.BigInteger(), nullable=False),
        sa.Column("inspection_due_at", sa.BigInteger(), nullable=False),
        sa.Column("mass_g", sa.BigInteger(), nullable=False),
        sa.Column("shipment_id", sa.Text(), nullable=False),
        sa.Column("registered_at", sa.BigInteger(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("tracking_vessels_of_custodian", "tracking_vessels", ["custodian_id"], unique=False)


def downgrade() -> None:
    """Goes back."""
    op.drop_index("tracking_vessels_of_custodian", table_name="tracking_vessels")
    op.drop_table("tracking_vessels")
    op.drop_index("tracking_vehicles_of_owner", table_name="tracking_vehicles")
    op.drop_table("tracking_vehicles")
    op.drop_index("tracking_timeline_of_shipment", table_name="tracking_timeline")
    op.drop_table("tracking_timeline")
    op.drop_index("tracking_shipments_of_trade", table_name="tracking_shipments")
    op.drop_index("tracking_shipments_of_seller", table_name="tracking_shipments")
    op.drop_index("tracking_shipments_of_carrier", table_name="tracking_shipments")
    op.drop_index("tracking_shipments_of_buyer", table_name="tracking_shipments")
    op.drop_index("tracking_shipments_due", table_name="tracking_shipments")
    op.drop_table("tracking_shipments")
    op.drop_table("tracking_recalls")
    op.drop_index("tracking_readings_of_shipment", table_name="tracking_readings")
    op.drop_table("tracking_readings")
    op.drop_table("tracking_products")
    op.drop_index("tracking_positions_of_vehicle", table_name="tracking_positions")
    op.drop_table("tracking_positions")
    op.drop_table("tracking_pools")
    op.drop_index("tracking_movements_of_shipment", table_name="tracking_movements")
    op.drop_table("tracking_movements")
    op.drop_index("tracking_meters_of_owner", table_name="tracking_meters")
    op.drop_table("tracking_meters")
    op.drop_index("tracking_haulage_of_shipper", table_name="tracking_haulage")
    op.drop_index("tracking_haulage_of_haulier", table_name="tracking_haulage")
    op.drop_index("tracking_haulage_due", table_name="tracking_haulage")
    op.drop_table("tracking_haulage")
    op.drop_index("tracking_hand_overs_of_shipment", table_name="tracking_hand_overs")
    op.drop_table("tracking_hand_overs")
    op.drop_table("tracking_facilities")
    op.drop_table("tracking_events")
    op.drop_table("tracking_certificates")
    op.drop_index("settlement_withdrawals_state", table_name="settlement_withdrawals")
    op.drop_index("settlement_withdrawals_participant", table_name="settlement_withdrawals")
    op.drop_index("settlement_withdrawals_batch", table_name="settlement_withdrawals")
    op.drop_table("settlement_withdrawals")
    op.drop_index("settlement_transfers_expiry", table_name="settlement_transfers")
    op.drop_index("settlement_transfers_debit", table_name="settlement_transfers")
    op.drop_index("settlement_transfers_credit", table_name="settlement_transfers")
    op.drop_table("settlement_transfers")
    op.drop_table("settlement_trades")
    op.drop_table("settlement_products")
    op.drop_table("settlement_payment_batches")
    op.drop_table("settlement_parties")
    op.drop_index("settlement_obligations_state", table_name="settlement_obligations")
    op.drop_index("settlement_obligations_payer", table_name="settlement_obligations")
    op.drop_index("settlement_obligations_payee", table_name="settlement_obligations")
    op.drop_table("settlement_obligations")
    op.drop_table("settlement_events")
    op.drop_index("settlement_dues_settled", table_name="settlement_dues")
    op.drop_index("settlement_dues_hydrogen", table_name="settlement_dues")
    op.drop_index("settlement_dues_haulage", table_name="settlement_dues")
    op.drop_table("settlement_dues")
    op.drop_table("settlement_client_keys")
    op.drop_table("settlement_bank_statements")
    op.drop_index("settlement_bank_entries_statement", table_name="settlement_bank_entries")
    op.drop_index("settlement_bank_entries_state", table_name="settlement_bank_entries")
    op.drop_table("settlement_bank_entries")
    op.drop_table("settlement_bank_books")
    op.drop_index(op.f("ix_settlement_accounts_participant_id"), table_name="settlement_accounts")
    op.drop_table("settlement_accounts")
    op.drop_index(op.f("ix_participants_webhooks_participant_id"), table_name="participants_webhooks")
    op.drop_table("participants_webhooks")
    op.drop_table("participants_webhook_standing")
    op.drop_table("participants_webhook_key")
    op.drop_table("participants_webhook_cursors")
    op.drop_index("participants_webhook_attempts_of", table_name="participants_webhook_attempts")
    op.drop_table("participants_webhook_attempts")
    op.drop_index(op.f("ix_participants_keys_participant_id"), table_name="participants_keys")
    op.drop_table("participants_keys")
    op.drop_index(op.f("ix_participants_facilities_participant_id"), table_name="participants_facilities")
    op.drop_index(op.f("ix_participants_facilities_hub"), table_name="participants_facilities")
    op.drop_table("participants_facilities")
    op.drop_table("participants_events")
    op.drop_table("participants_companies")
    op.drop_table("kernel_snapshots")
    op.drop_table("kernel_idempotency")
    op.drop_table("kernel_cursors")
    op.drop_index("exchange_trades_of_seller", table_name="exchange_trades")
    op.drop_index("exchange_trades_of_product", table_name="exchange_trades")
    op.drop_index("exchange_trades_of_buyer", table_name="exchange_trades")
    op.drop_table("exchange_trades")
    op.drop_table("exchange_traders")
    op.drop_table("exchange_state")
    op.drop_index("exchange_recalls_of_trade", table_name="exchange_recalls")
    op.drop_table("exchange_recalls")
    op.drop_index("exchange_quote_requests_of_product", table_name="exchange_quote_requests")
    op.drop_table("exchange_quote_requests")
    op.drop_index(op.f("ix_exchange_products_window_start"), table_name="exchange_products")
    op.drop_table("exchange_products")
    op.drop_index("exchange_orders_of_participant", table_name="exchange_orders")
    op.drop_table("exchange_orders")
    op.drop_table("exchange_order_recalls")
    op.drop_table("exchange_money")
    op.drop_table("exchange_events")
    op.drop_index("exchange_contested_trades_of_seller", table_name="exchange_contested_trades")
    op.drop_index("exchange_contested_trades_of_buyer", table_name="exchange_contested_trades")
    op.drop_table("exchange_contested_trades")
    op.drop_index(op.f("ix_exchange_capacity_participant_id"), table_name="exchange_capacity")
    op.drop_table("exchange_capacity")
