"""What a participant knows of the market when it decides, and what it may then ask for.

A view holds public things (best prices) and the participant's own business, as the interface shows them to its key; it
says nothing of others. Prices are fen per kg, money fen, windows their start in UTC microseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Side = Literal["buy", "sell"]
TimeInForce = Literal["gtc", "day", "ioc"]


@dataclass(frozen=True, slots=True)
class Quote:
    """The best prices of a book with the loads at them; None and 0 for an empty side."""

    bid_fen_per_kg: int | None = None
    bid_loads: int = 0
    ask_fen_per_kg: int | None = None
    ask_loads: int = 0


NO_QUOTE = Quote()


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An own order that is open. ``loads`` is its total, executed ones included."""

    order_id: str
    product_id: str
    side: Side
    price_fen_per_kg: int
    loads: int
    open_loads: int


@dataclass(frozen=True, slots=True)
class OwnTrade:
    """An own trade."""

    trade_id: str
    product_id: str
    side: Side
    price_fen_per_kg: int
    loads: int


@dataclass(frozen=True, slots=True)
class MarketView:
    """One round of the simulated day as one participant sees it.

    Read the open orders before the trades: an order that fills in between is then seen twice, which makes a participant
    wait a round. The other way round it would not be seen at all, and the participant would order its loads again.
    """

    round_no: int  # from 0
    rounds: int  # how many there are
    quotes: Mapping[str, Quote]  # by product; a product without orders may be missing
    orders: tuple[OpenOrder, ...]
    trades: tuple[OwnTrade, ...]
    free_money_fen: int
    free_loads: Mapping[int, int]  # own declared capacity that is free, by window start
    collecting: bool = False  # books collect for an auction: what is bid is a limit, the price is one for all

    def quote(self, product_id: str) -> Quote:
        """The best prices of a product."""
        return self.quotes.get(product_id, NO_QUOTE)

    def traded_loads(self, product_id: str, side: Side) -> int:
        """The loads of a product bought or sold so far."""
        return sum(trade.loads for trade in self.trades if trade.product_id == product_id and trade.side == side)

    def open_loads(self, product_id: str, side: Side) -> int:
        """The loads of a product in own open orders."""
        return sum(order.open_loads for order in self.orders if order.product_id == product_id and order.side == side)


@dataclass(frozen=True, slots=True)
class Place:
    """A new order."""

    client_order_id: str
    product_id: str
    side: Side
    price_fen_per_kg: int
    loads: int
    time_in_force: TimeInForce


@dataclass(frozen=True, slots=True)
class Amend:
    """A new price for an open order; ``loads`` is its total, executed ones included."""

    order_id: str
    price_fen_per_kg: int
    loads: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """The end of an open order."""

    order_id: str


Intent = Place | Amend | Cancel
