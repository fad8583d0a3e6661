"""What the exchange tells other services of itself on demand, for reconciliation."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from sqlalchemy import func
from sqlmodel import Session, col, select

from exchange.tables import MoneyRow, OrderRow, ProductRow, TradeRow
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
        select(TradeRow, ProductRow)
        .join(ProductRow, col(ProductRow.id) == col(TradeRow.product_id))
        .order_by(col(TradeRow.id))
    )
    for trade, product in session.exec(query):
        yield TradeFact(
            trade.id, product.id, product.kind, trade.price_fen_per_kg, trade.loads, trade.buyer_id, trade.seller_id,
            product.maximum_mass_g, product.window_end, trade.traded_at,
        )  # fmt: skip


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
    "limits": Fact(LimitFact, _limits),
    "orders_open": Fact(OpenOrdersFact, _open_orders),
}
