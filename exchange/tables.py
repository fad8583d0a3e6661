"""The rows of the exchange; `exchange.project` fills their columns in order."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Index, Text
from sqlmodel import Field, SQLModel

from kernel.tables import NO_ROW_NUMBER, NUMBER, EventRow


class ExchangeEvent(EventRow, table=True):
    """The exchange's log."""

    __tablename__ = "exchange_events"


class ProductRow(SQLModel, table=True):
    """A product and its terms."""

    __tablename__ = "exchange_products"

    id: str = Field(primary_key=True, sa_type=Text)
    kind: str = Field(sa_type=Text)
    hub: str = Field(sa_type=Text)
    destination_hub: str = Field(sa_type=Text)
    container_class: str = Field(sa_type=Text)
    grade: str = Field(sa_type=Text)
    nominal_mass_g: int = Field(sa_type=BigInteger)
    maximum_mass_g: int = Field(sa_type=BigInteger)
    window_start: int = Field(sa_type=BigInteger, index=True)
    window_end: int = Field(sa_type=BigInteger)
    price_tick_fen: int = Field(sa_type=BigInteger)
    price_max_fen: int = Field(sa_type=BigInteger)
    loads_max: int = Field(sa_type=BigInteger)
    collar_bps: int = Field(sa_type=BigInteger)
    volatility_bps: int = Field(sa_type=BigInteger)
    protection_bps: int = Field(sa_type=BigInteger)
    auction_s: int = Field(sa_type=BigInteger)
    phase: str = Field(sa_type=Text)
    phase_until: int = Field(sa_type=BigInteger)
    reference_price_fen: int = Field(sa_type=BigInteger)
    listed_at: int = Field(sa_type=BigInteger)
    closed_at: int | None = Field(sa_type=BigInteger, nullable=True)
    event_seq: int = Field(sa_type=BigInteger)


class OrderRow(SQLModel, table=True):
    """An order. Its client order id is found through the idempotency keys, which are unique for ever."""

    __tablename__ = "exchange_orders"
    __table_args__ = (Index("exchange_orders_of_participant", "participant_id", "id"),)

    id: int = Field(primary_key=True, sa_type=NUMBER, sa_column_kwargs={"autoincrement": False})
    participant_id: str = Field(sa_type=Text)
    key_id: str = Field(sa_type=Text)
    client_order_id: str = Field(sa_type=Text)
    product_id: str = Field(sa_type=Text)
    side: str = Field(sa_type=Text)
    price_fen_per_kg: int = Field(sa_type=BigInteger)
    loads: int = Field(sa_type=BigInteger)
    time_in_force: str = Field(sa_type=Text)
    order_type: str = Field(sa_type=Text)
    options: str = Field(sa_type=Text)  # JSON of `exchange.model.OrderOptions`, "" for an order without any
    status: str = Field(sa_type=Text)
    executed_loads: int = Field(sa_type=BigInteger)
    shown_loads: int = Field(sa_type=BigInteger)
    price_sum_fen_per_kg: int = Field(sa_type=BigInteger)
    elected: bool = Field(sa_type=Boolean)
    reason: str = Field(sa_type=Text)
    field: str = Field(sa_type=Text)
    shortfall: int = Field(sa_type=BigInteger)
    placed_at: int = Field(sa_type=BigInteger)
    updated_at: int = Field(sa_type=BigInteger)
    event_seq: int = Field(sa_type=BigInteger)


class TradeRow(SQLModel, table=True):
    """A trade."""

    __tablename__ = "exchange_trades"
    __table_args__ = (
        Index("exchange_trades_of_product", "product_id", "id"),
        Index("exchange_trades_of_buyer", "buyer_id", "id"),
        Index("exchange_trades_of_seller", "seller_id", "id"),
    )

    id: int = Field(primary_key=True, sa_type=NUMBER, sa_column_kwargs={"autoincrement": False})
    product_id: str = Field(sa_type=Text)
    price_fen_per_kg: int = Field(sa_type=BigInteger)
    loads: int = Field(sa_type=BigInteger)
    buyer_id: str = Field(sa_type=Text)
    seller_id: str = Field(sa_type=Text)
    buy_order_id: int = Field(sa_type=BigInteger)
    sell_order_id: int = Field(sa_type=BigInteger)
    taker_order_id: int = Field(sa_type=BigInteger)
    leg: str = Field(sa_type=Text)
    traded_at: int = Field(sa_type=BigInteger)
    event_seq: int = Field(sa_type=BigInteger)


class RecallRow(SQLModel, table=True):
    """A request to undo a trade; see `exchange.model.Recall`."""

    __tablename__ = "exchange_recalls"
    __table_args__ = (Index("exchange_recalls_of_trade", "trade_id"),)

    id: int = Field(primary_key=True, sa_type=NUMBER, sa_column_kwargs={"autoincrement": False})
    trade_id: int = Field(sa_type=BigInteger)
    other_trade_id: int = Field(sa_type=BigInteger)
    state: str = Field(sa_type=Text)
    requester_id: str = Field(sa_type=Text)
    requester_key_id: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    requested_at: int = Field(sa_type=BigInteger)
    decide_by: int = Field(sa_type=BigInteger)
    first_key_id: str = Field(sa_type=Text)
    second_key_id: str = Field(sa_type=Text)
    answer: str = Field(sa_type=Text)
    updated_at: int = Field(sa_type=BigInteger)
    event_seq: int = Field(sa_type=BigInteger)


class ContestedTradeRow(SQLModel, table=True):
    """A trade whose recall was asked for, and its state; trades without such a row are active."""

    __tablename__ = "exchange_contested_trades"
    __table_args__ = (
        Index("exchange_contested_trades_of_buyer", "buyer_id"),
        Index("exchange_contested_trades_of_seller", "seller_id"),
    )

    id: int = Field(primary_key=True, sa_type=NUMBER, sa_column_kwargs={"autoincrement": False})
    recall_id: int = Field(sa_type=BigInteger)
    state: str = Field(sa_type=Text)
    product_id: str = Field(sa_type=Text)
    price_fen_per_kg: int = Field(sa_type=BigInteger)
    loads: int = Field(sa_type=BigInteger)
    buyer_id: str = Field(sa_type=Text)
    seller_id: str = Field(sa_type=Text)
    buy_order_id: int = Field(sa_type=BigInteger)
    sell_order_id: int = Field(sa_type=BigInteger)
    leg: str = Field(sa_type=Text)
    traded_at: int = Field(sa_type=BigInteger)
    event_seq: int = Field(sa_type=BigInteger)


class OrderRecallRow(SQLModel, table=True):
    """What recalls took back of an order's trades."""

    __tablename__ = "exchange_order_recalls"

    id: int = Field(primary_key=True, sa_type=NUMBER, sa_column_kwargs={"autoincrement": False})
    participant_id: str = Field(sa_type=Text)
    loads: int = Field(sa_type=BigInteger)
    price_sum_fen_per_kg: int = Field(sa_type=BigInteger)
    updated_at: int = Field(sa_type=BigInteger)
    event_seq: int = Field(sa_type=BigInteger)


class TraderRow(SQLModel, table=True):
    """A participant that was admitted to trading."""

    __tablename__ = "exchange_traders"

    id: str = Field(primary_key=True, sa_type=Text)
    roles: str = Field(sa_type=Text)
    suspended: bool = Field(sa_type=Boolean)
    killed: bool = Field(sa_type=Boolean)
    barred: bool = Field(sa_type=Boolean)
    self_trade_mode: str = Field(sa_type=Text)
    per_10s_max: int = Field(sa_type=BigInteger)
    per_hour_max: int = Field(sa_type=BigInteger)
    per_day_max: int = Field(sa_type=BigInteger)
    admitted_at: int = Field(sa_type=BigInteger)
    event_seq: int = Field(sa_type=BigInteger)


class QuoteRequestRow(SQLModel, table=True):
    """A request for quotes."""

    __tablename__ = "exchange_quote_requests"
    __table_args__ = (Index("exchange_quote_requests_of_product", "product_id", "id"),)

    id: int = Field(primary_key=True, sa_type=NUMBER, sa_column_kwargs={"autoincrement": False})
    participant_id: str = Field(sa_type=Text)
    product_id: str = Field(sa_type=Text)
    side: str | None = Field(sa_type=Text, nullable=True)
    loads: int = Field(sa_type=BigInteger)
    asked_at: int = Field(sa_type=BigInteger)
    event_seq: int = Field(sa_type=BigInteger)


class MoneyRow(SQLModel, table=True):
    """A buyer's money limit."""

    __tablename__ = "exchange_money"
    __table_args__ = NO_ROW_NUMBER

    id: str = Field(primary_key=True, sa_type=Text)
    granted_fen: int = Field(sa_type=BigInteger)
    reserved_fen: int = Field(sa_type=BigInteger)
    committed_fen: int = Field(sa_type=BigInteger)
    event_seq: int = Field(sa_type=BigInteger)


class CapacityRow(SQLModel, table=True):
    """A seller's or haulier's loads in a window."""

    __tablename__ = "exchange_capacity"
    __table_args__ = NO_ROW_NUMBER

    id: str = Field(primary_key=True, sa_type=Text)
    participant_id: str = Field(sa_type=Text, index=True)
    commodity: str = Field(sa_type=Text)
    window_start: int = Field(sa_type=BigInteger)
    loads: int = Field(sa_type=BigInteger)
    reserved_loads: int = Field(sa_type=BigInteger)
    consumed_loads: int = Field(sa_type=BigInteger)
    event_seq: int = Field(sa_type=BigInteger)


class MarketRow(SQLModel, table=True):
    """Whether the market is open, and its day."""

    __tablename__ = "exchange_state"

    id: str = Field(primary_key=True, sa_type=Text)
    is_open: bool = Field(sa_type=Boolean)
    halted: bool = Field(sa_type=Boolean)
    day: str = Field(sa_type=Text)
    event_seq: int = Field(sa_type=BigInteger)
