"""What the readers keep, held against the exchange's books over REST once the market is quiet."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import httpx

from kernel.quantity import format_price, parse_price
from tests.crash.listening import Heard
from tests.crash.recount import Open
from tests.exchange.stream.client import LevelBook, OrderBook

#: How long readers may take to hear everything once the market is quiet.
PATIENCE_S = 20.0
#: Levels of each side that a subscription sees unless it says otherwise.
DEPTH = 10


def wrong_book(client: httpx.Client, secret: str, one: Heard, patience_s: float = PATIENCE_S) -> Iterator[str]:
    """The book that a reader keeps is the exchange's, and so is what other books imply for it."""
    depth = one.options.get("depth", DEPTH)
    shown = ask(client, secret, f"/v1/products/{one.product_id}/book", levels=depth)
    rest: dict[str, list[Any]] = {
        side: [(row["price"], row["loads"], row["orders"]) for row in shown[side]] for side in ("bids", "asks")
    }

    rest["implied"] = [shown["implied_bid"], shown["implied_ask"]]

    def own() -> dict[str, Any]:
        if one.book is None:
            return {}
        kept: dict[str, list[Any]] = {side: levels(one.book, side)[:depth] for side in ("bids", "asks")}
        # Single orders come without what is implied.
        kept["implied"] = list(one.book.implied) if isinstance(one.book, LevelBook) else rest["implied"]
        return kept

    if not wait(lambda: own() == rest, patience_s):
        yield f"{one.name} {one.channel} of {one.product_id}: {own()}, REST has {rest}"


def wrong_tickers(
    client: httpx.Client, secret: str, one: Heard, products: Sequence[str], trades: Mapping[str, int]
) -> Iterator[str]:
    """The last ticker of each product has the best of its book, or what is implied if that is better, and as many
    trades as the log."""
    for product_id in products:
        shown = ask(client, secret, f"/v1/products/{product_id}/book", levels=1)
        best = [_best([*shown[f"{side}s"], shown[f"implied_{side}"]], side == "bid") for side in ("bid", "ask")]
        wanted = [*best, trades[product_id]]

        def own(product_id: str = product_id) -> list[Any]:
            ticker = one.tickers.get(product_id, {"bid": None, "ask": None, "day_trades": 0})
            quotes = [quote and (quote["price"], quote["loads"]) for quote in (ticker["bid"], ticker["ask"])]
            return [*quotes, ticker["day_trades"]]

        if not _becomes(own, wanted):
            yield f"{one.name} ticker of {product_id}: {own()}, REST and log have {wanted}"


def wrong_orders(one: Heard, still_open: Mapping[int, Open]) -> Iterator[str]:
    """A company's orders stand in its own messages as the log leaves them."""
    own = {f"O{number}": order for number, order in still_open.items() if order.participant_id == one.name}
    yield from (f"{one.name} never heard of {order_id}" for order_id in own.keys() - one.orders.keys())
    for order_id, told in one.orders.items():
        order = own.get(order_id)
        if told is None or told["open_loads"] != (order.open_loads if order else 0):
            yield f"{one.name} was last told that {order_id} stands at {told}, and the log leaves {order}"
        elif order and (told["price"], told["loads"]) != (format_price(order.price_fen), order.loads):
            yield f"{one.name} was last told the terms {told} of {order_id}, and the log leaves {order}"


def _best(levels: Sequence[dict[str, Any] | None], highest: bool) -> tuple[str, int] | None:
    """Price and loads of the best of some levels: of equal ones the first."""
    there = [level for level in levels if level is not None]
    if not there:
        return None
    found = (max if highest else min)(there, key=lambda level: parse_price(level["price"]))
    return found["price"], found["loads"]


def _becomes(own: Callable[[], Any], wanted: Any) -> bool:
    return wait(lambda: own() == wanted)


def levels(book: LevelBook | OrderBook, side: str) -> list[tuple[Any, ...]]:
    """(price, loads, orders) of a side, best first."""
    if isinstance(book, LevelBook):
        return book.rows(side)
    found: dict[str, tuple[int, int]] = {}
    for _, price, loads in book.rows("buy" if side == "bids" else "sell"):
        known = found.get(price, (0, 0))
        found[price] = known[0] + loads, known[1] + 1
    return [(price, *figures) for price, figures in found.items()]


def ask(client: httpx.Client, secret: str, path: str, **params: Any) -> Any:
    """What REST says."""
    answer = client.get(path, params=params, headers={"Authorization": f"Bearer {secret}"})
    assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
    return answer.json()


def wait(ready: Callable[[], bool], patience_s: float = PATIENCE_S) -> bool:
    """Waits until it is so, for a while at most."""
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        with suppress(RuntimeError):  # a reader's thread changes what is looked at
            if ready():
                return True
        time.sleep(0.02)
    return False
