"""Other Python matching cores from PyPI on the same flow: book and trades only, no limits, no roles, no read model.

Each runner gives the CPU seconds of the whole flow and asserts that it ended with the known outcome. What a core
answers is held, counted and forgotten as often as the service commits, ours too, and counted outside the clock: kept to
the end, a million answers would have the collector at work all the while, and the core would be charged for what the
benchmark keeps.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from benchmarks.flow import Outcome, Step

SYMBOL = "H2"
#: What one commit of the service takes at most.
BATCH_COMMANDS = 1_000


C = TypeVar("C")


def batches(steps: Sequence[C]) -> Iterator[Sequence[C]]:
    """The flow in pieces of one commit."""
    return (steps[first : first + BATCH_COMMANDS] for first in range(0, len(steps), BATCH_COMMANDS))


def run_light_matching_engine(steps: Sequence[Step], expected: Outcome) -> float:
    """LightMatchingEngine: dicts of lists, the best price by min() and max(). It reports each fill from both sides."""
    module = importlib.import_module("lightmatchingengine.lightmatchingengine")
    engine = module.LightMatchingEngine()
    buy, sell = module.Side.BUY, module.Side.SELL
    ids: dict[int, int] = {}
    seconds, trades, volume, notional = 0.0, 0, 0, 0
    for batch in batches(steps):
        answers: list[tuple[int, list[Any]]] = []
        start = time.process_time()
        for number, buys, price, quantity in batch:
            if quantity:
                order, fills = engine.add_order(SYMBOL, price, quantity, buy if buys else sell)
                ids[number] = order.order_id
                answers.append((order.order_id, fills))
            else:
                engine.cancel_order(ids[number], SYMBOL)
        seconds += time.process_time() - start
        resting_fills = [fill for order_id, fills in answers for fill in fills if fill.order_id != order_id]
        trades += len(resting_fills)
        volume += sum(fill.trade_qty for fill in resting_fills)
        notional += sum(fill.trade_qty * fill.trade_price for fill in resting_fills)
    book = engine.order_books[SYMBOL]
    resting = sum(len(queue) for side in (book.bids, book.asks) for queue in side.values())
    outcome = Outcome(trades, volume, notional, resting)
    assert outcome == expected, f"LightMatchingEngine made {outcome} of the flow, not {expected}"
    return seconds


def run_pyorderbook(steps: Sequence[Step], expected: Outcome) -> float:
    """pyorderbook: a heap of levels, Decimal prices and UUIDs. A cancel needs the order, so the open ones are kept."""
    module = importlib.import_module("pyorderbook")
    book, bid, ask = module.Book(), module.bid, module.ask
    orders: dict[int, Any] = {}
    numbers: dict[Any, int] = {}
    seconds, trades, volume, notional = 0.0, 0, 0, 0
    for batch in batches(steps):
        answers: list[tuple[int, Any]] = []
        start = time.process_time()
        for number, buys, price, quantity in batch:
            if quantity:
                order = (bid if buys else ask)(SYMBOL, price, quantity)
                orders[number] = order
                answers.append((number, book.match(order)))
            else:
                book.cancel(orders.pop(number))
        seconds += time.process_time() - start
        for number, blotter in answers:
            numbers[blotter.order.id] = number
            for trade in blotter.trades:
                trades += 1
                volume += trade.fill_quantity
                notional += trade.fill_quantity * int(trade.fill_price)
        gone = {blotter.order.id for _, blotter in answers}
        gone |= {trade.standing_order_id for _, blotter in answers for trade in blotter.trades}
        for order_id in gone - book.order_map.keys():
            orders.pop(numbers.pop(order_id), None)
    outcome = Outcome(trades, volume, notional, len(book.order_map))
    assert outcome == expected, f"pyorderbook made {outcome} of the flow, not {expected}"
    return seconds


OTHER_CORES: dict[str, Callable[[Sequence[Step], Outcome], float]] = {
    "LightMatchingEngine": run_light_matching_engine,
    "pyorderbook": run_pyorderbook,
}
