"""From the exchange's state to its rows."""

from __future__ import annotations

import msgspec

from exchange.tables import CapacityRow, MarketRow, MoneyRow, OrderRow, ProductRow, TradeRow, TraderRow
from kernel.room import Projected, table_of

PROJECTIONS = {
    "exchange_products": Projected(table_of(ProductRow), msgspec.structs.astuple),
    "exchange_orders": Projected(table_of(OrderRow), msgspec.structs.astuple),
    "exchange_trades": Projected(table_of(TradeRow), msgspec.structs.astuple, once=True),
    "exchange_traders": Projected(table_of(TraderRow), msgspec.structs.astuple),
    "exchange_money": Projected(table_of(MoneyRow), msgspec.structs.astuple),
    "exchange_capacity": Projected(table_of(CapacityRow), msgspec.structs.astuple),
    "exchange_state": Projected(table_of(MarketRow), msgspec.structs.astuple),
}
