"""Trades that were called back, as the exchange remembers them: few, while all other trades leave its memory."""

from __future__ import annotations

from exchange.model import ContestedTrade, OrderRecall, Recall


class Recalls:
    """Recalls under way by number; every trade that was ever contested, and what was taken back of orders."""

    __slots__ = ("open", "orders", "trades")

    def __init__(self) -> None:
        self.open: dict[int, Recall] = {}
        self.trades: dict[int, ContestedTrade] = {}
        self.orders: dict[int, OrderRecall] = {}

    def of(self, trade_id: int) -> Recall | None:
        """The recall of a trade that is under way."""
        trade = self.trades.get(trade_id)
        return None if trade is None else self.open.get(trade.recall_id)
