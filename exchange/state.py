"""The whole state of the exchange, and what each event does to it.

Only events change the state, whether they were just decided or are replayed from the log: so both give the same state
by construction. A finished order and a trade leave memory once their row is in ``changes``; a closed product keeps its
entity, so that its id stays taken, but no book.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from exchange import events as e
from exchange.book import Book
from exchange.changes import ExchangeChanges
from exchange.limits import Limits
from exchange.model import BUYERS, SELLERS, Commodity, MarketState, Order, Product, Side, Trade, Trader, commodity_of
from kernel.messages import Event


class ExchangeState:
    """Products and their books, open orders by number, traders, limits, the market's day."""

    def __init__(self) -> None:
        self.changes = ExchangeChanges()
        self.market = MarketState("market", False, "", 0)
        self.products: dict[str, Product] = {}
        self.books: dict[str, Book] = {}  # of the open products
        self.orders: dict[int, Order] = {}  # the open ones
        self.traders: dict[str, Trader] = {}
        self.rights: dict[Side, dict[str, frozenset[Commodity]]] = {"buy": {}, "sell": {}}  # what a trader may trade
        self.limits = Limits(self.changes)

    def open_book(self, product: Product) -> None:
        """Gives a product an empty book."""
        sellers = self.limits.window(commodity_of(product.kind), product.window_start)
        self.books[product.id] = Book(product, sellers)

    def admit(self, trader: Trader) -> None:
        """Stores a trader and what its roles let it trade."""
        self.traders[trader.id] = trader
        roles = trader.roles.split()
        self.rights["buy"][trader.id] = frozenset(what for what, who in BUYERS.items() if not who.isdisjoint(roles))
        self.rights["sell"][trader.id] = frozenset(what for what, who in SELLERS.items() if not who.isdisjoint(roles))

    def rest(self, orders: Iterable[Order]) -> None:
        """Puts open orders into their books in the order given, without reserving anything."""
        for order in orders:
            self.orders[order.id] = order
            self.books[order.product_id].place(order)


def product_listed(state: ExchangeState, event: e.ProductListed, at: int, seq: int) -> None:
    product = Product(
        event.product_id, event.kind, event.hub, event.destination_hub, event.container_class, event.grade,
        event.nominal_mass_g, event.maximum_mass_g, event.window_start, event.window_end, event.price_tick_fen,
        event.price_max_fen, event.loads_max, "open", at, None, seq,
    )  # fmt: skip
    state.products[product.id] = product
    state.open_book(product)
    state.changes.put("exchange_products", product.id, product)


def product_closed(state: ExchangeState, event: e.ProductClosed, at: int, seq: int) -> None:
    book = state.books.pop(event.product_id)
    assert not book.bids.levels and not book.asks.levels, f"{event.product_id} closes with open orders"
    product = book.product
    product.status = "closed"
    product.closed_at = at
    product.event_seq = seq
    state.changes.put("exchange_products", product.id, product)


def market_opened(state: ExchangeState, event: e.MarketOpened, _at: int, seq: int) -> None:
    _set_market(state, True, event.day, seq)


def market_closed(state: ExchangeState, event: e.MarketClosed, _at: int, seq: int) -> None:
    _set_market(state, False, event.day, seq)


def _set_market(state: ExchangeState, is_open: bool, day: str, seq: int) -> None:
    state.market.is_open = is_open
    state.market.day = day
    state.market.event_seq = seq
    state.changes.put("exchange_state", state.market.id, state.market)


def trader_admitted(state: ExchangeState, event: e.TraderAdmitted, at: int, seq: int) -> None:
    known = state.traders.get(event.participant_id)
    suspended = known is not None and known.suspended
    trader = Trader(event.participant_id, " ".join(event.roles), suspended, at, seq)
    state.admit(trader)
    state.changes.put("exchange_traders", trader.id, trader)


def trader_suspended(state: ExchangeState, event: e.TraderSuspended, _at: int, seq: int) -> None:
    _set_suspended(state, event.participant_id, True, seq)


def trader_reinstated(state: ExchangeState, event: e.TraderReinstated, _at: int, seq: int) -> None:
    _set_suspended(state, event.participant_id, False, seq)


def _set_suspended(state: ExchangeState, participant_id: str, suspended: bool, seq: int) -> None:
    trader = state.traders[participant_id]
    trader.suspended = suspended
    trader.event_seq = seq
    state.changes.put("exchange_traders", trader.id, trader)


def capacity_set(state: ExchangeState, event: e.CapacitySet, at: int, seq: int) -> None:
    state.limits.set_capacity(event.participant_id, event.commodity, event.window_start, event.loads, at, seq)


def money_granted(state: ExchangeState, event: e.MoneyGranted, at: int, seq: int) -> None:
    state.limits.grant(event.participant_id, event.amount_fen, at, seq)


def money_reduced(state: ExchangeState, event: e.MoneyReduced, at: int, seq: int) -> None:
    state.limits.grant(event.participant_id, -event.amount_fen, at, seq)


def money_reduction_refused(_state: ExchangeState, _event: e.MoneyReductionRefused, _at: int, _seq: int) -> None:
    """Nothing changes: the event tells whoever asked."""


def commitment_released(state: ExchangeState, event: e.CommitmentReleased, at: int, seq: int) -> None:
    state.limits.settle(event.participant_id, event.committed_fen, event.spent_fen, at, seq)


def order_placed(state: ExchangeState, event: e.OrderPlaced, at: int, seq: int) -> None:
    book = state.books[event.product_id]
    state.rest([new_order(state, book, event, at, seq)])


def new_order(state: ExchangeState, book: Book, event: e.OrderPlaced, at: int, seq: int) -> Order:
    """The order of the event, its limit reserved, not yet in the book."""
    loads = event.loads
    order = Order(
        seq, event.participant_id, event.client_order_id, event.product_id, event.side,
        event.price_fen_per_kg, loads, event.time_in_force, "new", 0, 0, "", "", 0, at, at, seq,
    )  # fmt: skip
    state.limits.reserve(order, book, loads, at, seq)
    state.changes.orders[seq] = order
    return order


def order_rejected(state: ExchangeState, event: e.OrderRejected, at: int, seq: int) -> None:
    state.changes.orders[seq] = Order(
        seq, event.participant_id, event.client_order_id, event.product_id, event.side,
        event.price_fen_per_kg, event.loads, event.time_in_force, "rejected", 0, 0, event.reason, event.field,
        event.shortfall, at, at, seq,
    )  # fmt: skip


def order_amended(state: ExchangeState, event: e.OrderAmended, at: int, seq: int) -> None:
    order = state.orders[event.order_id]
    book = state.books[order.product_id]
    # What the new terms need is covered together with what the old ones give back: release first.
    state.limits.reserve(order, book, order.executed_loads - order.loads, at, seq)
    book.amend(order, event.price_fen_per_kg, event.loads, event.keeps_priority)
    state.limits.reserve(order, book, order.loads - order.executed_loads, at, seq)
    order.updated_at = at
    order.event_seq = seq
    state.changes.orders[order.id] = order


def order_cancelled(state: ExchangeState, event: e.OrderCancelled, at: int, seq: int) -> None:
    order = state.orders.pop(event.order_id)
    book = state.books[order.product_id]
    book.remove(order)
    end_order(state, book, order, event, at, seq)


def end_order(state: ExchangeState, book: Book, order: Order, event: e.OrderCancelled, at: int, seq: int) -> None:
    """Gives back what is reserved for an order that is in the book no more."""
    state.limits.reserve(order, book, -event.loads, at, seq)
    reason = event.reason
    order.status = "expired" if reason == "expired" else "cancelled"
    order.reason = reason
    order.updated_at = at
    order.event_seq = seq
    state.changes.orders[order.id] = order


def traded(state: ExchangeState, event: e.Traded, at: int, _seq: int) -> None:
    book = state.books[event.product_id]
    buy, sell = state.orders[event.buy_order_id], state.orders[event.sell_order_id]
    exchange_loads(state, book, buy, sell, event, at)
    for order in (buy, sell):
        book.execute(order, event.loads)
        if order.executed_loads == order.loads:
            del state.orders[order.id]


def exchange_loads(state: ExchangeState, book: Book, buy: Order, sell: Order, event: e.Traded, at: int) -> None:
    """Writes a trade into both orders and their limits; the book has yet to follow."""
    seq, price, loads = event.trade_id, event.price_fen_per_kg, event.loads
    changes = state.changes
    state.limits.commit(buy, sell, book, price, loads, at, seq)
    for order in (buy, sell):
        order.executed_loads = executed = order.executed_loads + loads
        assert executed <= order.loads, f"order {order.id} would trade more than it has"
        order.executed_price_sum_fen_per_kg += price * loads
        order.status = "filled" if executed == order.loads else "partially_filled"
        order.updated_at = at
        order.event_seq = seq
        changes.orders[order.id] = order
    changes.trades[seq] = Trade(
        seq, event.product_id, price, loads, event.buyer_id, event.seller_id, event.buy_order_id,
        event.sell_order_id, event.taker_side, at, seq,
    )  # fmt: skip


Effect = Callable[[ExchangeState, Any, int, int], None]

EFFECTS: dict[type[Event], Effect] = {
    e.ProductListed: product_listed,
    e.ProductClosed: product_closed,
    e.MarketOpened: market_opened,
    e.MarketClosed: market_closed,
    e.TraderAdmitted: trader_admitted,
    e.TraderSuspended: trader_suspended,
    e.TraderReinstated: trader_reinstated,
    e.CapacitySet: capacity_set,
    e.MoneyGranted: money_granted,
    e.MoneyReduced: money_reduced,
    e.MoneyReductionRefused: money_reduction_refused,
    e.CommitmentReleased: commitment_released,
    e.OrderPlaced: order_placed,
    e.OrderRejected: order_rejected,
    e.OrderAmended: order_amended,
    e.OrderCancelled: order_cancelled,
    e.Traded: traded,
}
