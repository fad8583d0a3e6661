"""What the exchange changed since its rows were last written."""

from __future__ import annotations

from exchange.events import Traded
from exchange.model import CapacityLimit, MoneyLimit, Order
from kernel.machine import Changes

Printed = tuple[Traded, int]  # a trade and when it was made


class ExchangeChanges(Changes):
    """Changes with a name for each table that trading touches, so that the core marks a row by one dict assignment.

    A table that nothing touched may be there and empty.
    """

    __slots__ = ("capacity", "money", "orders", "trades")

    def __init__(self) -> None:
        super().__init__()
        self.clear()

    def clear(self) -> None:
        """Forgets what was changed, after its rows were written; what was handed out before stays as it is."""
        self.orders: dict[int, Order] = {}
        self.trades: dict[int, Printed] = {}
        self.money: dict[str, MoneyLimit] = {}
        self.capacity: dict[str, CapacityLimit] = {}
        self.tables = {
            "exchange_orders": self.orders,
            "exchange_trades": self.trades,
            "exchange_money": self.money,
            "exchange_capacity": self.capacity,
        }
