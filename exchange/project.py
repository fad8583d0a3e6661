"""From the exchange's state to its rows."""

from __future__ import annotations

import msgspec

from exchange.changes import Printed
from exchange.model import Order
from exchange.tables import (
    CapacityRow,
    ContestedTradeRow,
    MarketRow,
    MoneyRow,
    OrderRecallRow,
    OrderRow,
    ProductRow,
    QuoteRequestRow,
    RecallRow,
    TradeRow,
    TraderRow,
)
from kernel.room import Projected, table_of
from kernel.store import Row

_json = msgspec.json.Encoder().encode


def order_row(order: Order) -> Row:
    """The row of an order; its terms lie flat in it."""
    terms = order.terms
    options = terms.options
    open_loads, loads = order.open_loads, order.loads
    status = order.ended or (
        "new" if open_loads == loads else "partially_filled" if open_loads else "filled"
    )  # as `Order.status`
    return (
        order.id, order.participant_id, order.key_id, terms.client_order_id, terms.product_id, terms.side,
        order.price_fen_per_kg, loads, terms.time_in_force, "limit" if options is None else options.order_type,
        "" if options is None else _json(options).decode(), status, loads - open_loads,
        0 if order.ended or not open_loads else order.shown_loads, order.price_sum_fen_per_kg, order.elected,
        order.reason, order.field, order.shortfall, order.placed_at, order.updated_at, order.event_seq,
    )  # fmt: skip


def trade_row(printed: Printed) -> Row:
    """The row of a trade."""
    trade, at = printed
    return (
        trade.trade_id, trade.product_id, trade.price_fen_per_kg, trade.loads, trade.buyer_id, trade.seller_id,
        trade.buy_order_id, trade.sell_order_id, trade.taker_order_id, trade.leg, at, trade.trade_id,
    )  # fmt: skip


PROJECTIONS = {
    "exchange_products": Projected(table_of(ProductRow), msgspec.structs.astuple),
    "exchange_orders": Projected(table_of(OrderRow), order_row),
    "exchange_trades": Projected(table_of(TradeRow), trade_row, once=True),
    "exchange_traders": Projected(table_of(TraderRow), msgspec.structs.astuple),
    "exchange_quote_requests": Projected(table_of(QuoteRequestRow), msgspec.structs.astuple, once=True),
    "exchange_money": Projected(table_of(MoneyRow), msgspec.structs.astuple),
    "exchange_capacity": Projected(table_of(CapacityRow), msgspec.structs.astuple),
    "exchange_recalls": Projected(table_of(RecallRow), msgspec.structs.astuple),
    "exchange_contested_trades": Projected(table_of(ContestedTradeRow), msgspec.structs.astuple),
    "exchange_order_recalls": Projected(table_of(OrderRecallRow), msgspec.structs.astuple),
    "exchange_state": Projected(table_of(MarketRow), msgspec.structs.astuple),
}
