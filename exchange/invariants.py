"""What always holds between two commands of the exchange."""

from __future__ import annotations

from collections import Counter

from exchange.book import Book, Ladder
from exchange.model import Order
from exchange.state import ExchangeState


def check(state: ExchangeState) -> None:
    """Asserts that books, order index and limits agree, to the load and the fen."""
    resting: dict[int, Order] = {}
    reserved_fen: Counter[str] = Counter()
    reserved_loads: Counter[str] = Counter()
    assert {product.id for product in state.products.values() if product.status == "open"} == state.books.keys()
    for book in state.books.values():
        _check_book(book)
        for order in book.orders():
            resting[order.id] = order
            open_loads = order.loads - order.executed_loads
            if order.side == "buy":
                reserved_fen[order.participant_id] += open_loads * order.price_fen_per_kg * book.mass_max_kg
            else:
                reserved_loads[book.sellers[order.participant_id].id] += open_loads
    assert resting == state.orders, "the order index and the books differ"
    _check_limits(state, reserved_fen, reserved_loads)


def _check_book(book: Book) -> None:
    bid, ask = book.bids.best_price(), book.asks.best_price()
    assert bid is None or ask is None or bid < ask, f"{book.product.id} is crossed at {bid} and {ask}"
    for ladder in (book.bids, book.asks):
        _check_ladder(ladder, book)


def _check_ladder(ladder: Ladder, book: Book) -> None:
    assert ladder.keys == sorted(price * ladder.sign for price in ladder.levels), "the ladder and the levels differ"
    for price, level in ladder.levels.items():
        assert level.queue, f"an empty level at {price}"
        assert level.loads == sum(order.loads - order.executed_loads for order in level.queue.values())
        for order_id, order in level.queue.items():
            assert order.id == order_id and order.price_fen_per_kg == price == level.price
            assert order.product_id == book.product.id and (order.side == "buy") == (ladder is book.bids)
            assert 0 <= order.executed_loads < order.loads
            assert order.status == ("partially_filled" if order.executed_loads else "new")
            assert order.time_in_force != "ioc", f"the IOC order {order_id} rests"


def _check_limits(state: ExchangeState, reserved_fen: Counter[str], reserved_loads: Counter[str]) -> None:
    assert reserved_fen.keys() <= state.limits.money.keys()
    for participant_id, money in state.limits.money.items():
        assert money.reserved_fen == reserved_fen[participant_id], f"reserved money of {participant_id}"
        assert money.committed_fen >= 0 and money.free() >= 0, f"money of {participant_id}"
    for capacity in state.limits.capacities():
        assert capacity.reserved_loads == reserved_loads[capacity.id], f"reserved loads of {capacity.id}"
        assert capacity.consumed_loads >= 0 and capacity.free() >= 0, f"loads of {capacity.id}"
