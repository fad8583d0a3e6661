"""Other Python matching cores from PyPI on the same flow: book and trades only, no limits, no roles, no read model.

Each runner gives the CPU seconds of the whole flow and asserts that it ended with the known outcome.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.flow import Outcome, Step

SYMBOL = "H2"


def run_light_matching_engine(steps: Sequence[Step], expected: Outcome) -> float:
    """LightMatchingEngine: dicts of lists, the best price by min() and max(). It reports each fill from both sides."""
    module = importlib.import_module("lightmatchingengine.lightmatchingengine")
    engine = module.LightMatchingEngine()
    buy, sell = module.Side.BUY, module.Side.SELL
    ids: dict[int, int] = {}
    trades: list[tuple[Any, list[Any]]] = []
    start = time.process_time()
    for number, buys, price, quantity in steps:
        if quantity:
            order, fills = engine.add_order(SYMBOL, price, quantity, buy if buys else sell)
            ids[number] = order.order_id
            trades.append((order.order_id, fills))
        else:
            engine.cancel_order(ids[number], SYMBOL)
    seconds = time.process_time() - start
    resting_fills = [fill for order_id, fills in trades for fill in fills if fill.order_id != order_id]
    book = engine.order_books[SYMBOL]
    outcome = Outcome(
        len(resting_fills),
        sum(fill.trade_qty for fill in resting_fills),
        sum(fill.trade_qty * fill.trade_price for fill in resting_fills),
        sum(len(queue) for side in (book.bids, book.asks) for queue in side.values()),
    )
    assert outcome == expected, f"LightMatchingEngine made {outcome} of the flow, not {expected}"
    return seconds


def run_pyorderbook(steps: Sequence[Step], expected: Outcome) -> float:
    """pyorderbook: a heap of levels, Decimal prices and UUIDs."""
    module = importlib.import_module("pyorderbook")
    book, bid, ask = module.Book(), module.bid, module.ask
    orders: dict[int, Any] = {}
    blotters: list[Any] = []
    start = time.process_time()
    for number, buys, price, quantity in steps:
        if quantity:
            order = (bid if buys else ask)(SYMBOL, price, quantity)
            orders[number] = order
            blotters.append(book.match(order))
        else:
            book.cancel(orders[number])
    seconds = time.process_time() - start
    trades = [trade for blotter in blotters for trade in blotter.trades]
    outcome = Outcome(
        len(trades),
        sum(trade.fill_quantity for trade in trades),
        sum(trade.fill_quantity * int(trade.fill_price) for trade in trades),
        len(book.order_map),
    )
    assert outcome == expected, f"pyorderbook made {outcome} of the flow, not {expected}"
    return seconds


#: Name -> the module that must be there, the runner.
OTHER_CORES: dict[str, tuple[str, Callable[[Sequence[Step], Outcome], float]]] = {
    "LightMatchingEngine": ("lightmatchingengine", run_light_matching_engine),
    "pyorderbook": ("pyorderbook", run_pyorderbook),
}
