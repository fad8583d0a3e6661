"""What the exchange tells other services of itself on demand, for reconciliation."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from sqlalchemy import func
from sqlmodel import Session, col, select

from exchange.tables import ContestedTradeRow, MoneyRow, OrderRow, ProductRow, RecallRow, TradeRow
from kernel.facts import Fact


class TradeFact(msgspec.Struct, frozen=True):
    """A trade with the terms that its holds are made from."""

    trade_id: int
    product_id: str
    kind: str
    price_fen_per_kg: int
    loads: int
    buyer_id: str
    seller_id: str
    maximum_mass_g: int
    window_end: int
    traded_at: int
    state: str = "active"  # of `exchange.model.TradeState`


class RecallFact(msgspec.Struct, frozen=True):
    """A request to undo trades, and how far it is."""

    recall_id: int
    trade_ids: tuple[int, ...]
    state: str  # of `exchange.model.RecallState`
    updated_at: int


class LimitFact(msgspec.Struct, frozen=True):
    """A participant's money on the exchange, in fen."""

    participant_id: str
    granted_fen: int
    reserved_fen: int
    committed_fen: int


class OpenOrdersFact(msgspec.Struct, frozen=True):
    """What a participant's open buy orders reserve, summed from the orders themselves, in fen."""

    participant_id: str
    reserved_fen: int


def _trades(session: Session) -> Iterator[TradeFact]:
    query = (
        select(TradeRow, ProductRow, ContestedTradeRow.state)
        .join(ProductRow, col(ProductRow.id) == col(TradeRow.product_id))
        .join(ContestedTradeRow, col(ContestedTradeRow.id) == col(TradeRow.id), isouter=True)
        .order_by(col(TradeRow.id))
    )
    for trade, product, state in session.exec(query):
        yield TradeFact(
            trade.id, product.id, product.kind, trade.price_fen_per_kg, trade.loads, trade.buyer_id, trade.seller_id,
            product.maximum_mass_g, product.window_end, trade.traded_at, state or "active",
        )  # fmt: skip


def _recalls(session: Session) -> Iterator[RecallFact]:
    for row in session.exec(select(RecallRow).order_by(col(RecallRow.id))):
        trade_ids = (row.trade_id, row.other_trade_id) if row.other_trade_id else (row.trade_id,)
        yield RecallFact(row.id, trade_ids, row.state, row.updated_at)


def _limits(session: Session) -> Iterator[LimitFact]:
    for row in session.exec(select(MoneyRow).order_by(MoneyRow.id)):
        yield LimitFact(row.id, row.granted_fen, row.reserved_fen, row.committed_fen)


def _open_orders(session: Session) -> Iterator[OpenOrdersFact]:
    open_loads = col(OrderRow.loads) - col(OrderRow.executed_loads)
    # A product's maximum mass is whole kilograms, so this is what `amount_fen` gives, load by load.
    reserved = func.sum(open_loads * col(OrderRow.price_fen_per_kg) * (col(ProductRow.maximum_mass_g) / 1_000))
    query = (
        select(OrderRow.participant_id, reserved)
        .join(ProductRow, col(ProductRow.id) == col(OrderRow.product_id))
        .where(OrderRow.side == "buy", col(OrderRow.status).in_(("new", "partially_filled")))
        .group_by(OrderRow.participant_id)
    )
    for participant_id, reserved_fen in session.exec(query):
        yield OpenOrdersFact(participant_id, int(reserved_fen))


FACTS: dict[str, Fact] = {
    "trades": Fact(TradeFact, _trades),
    "recalls": Fact(RecallFact, _recalls),
    "limits": Fact(LimitFact, _limits),
    "orders_open": Fact(OpenOrdersFact, _open_orders),
}
