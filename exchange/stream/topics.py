"""Who listens for what of the market, and what each turn of the feed says to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from exchange import events as e
from exchange.state import ExchangeState
from exchange.stream.base import price_text
from exchange.stream.books import BookView
from exchange.stream.faces import Face
from exchange.stream.feed import Turn
from exchange.stream.items import product_of, recalled_items, status_item, trade_item
from exchange.stream.said_books import SingleChange
from exchange.stream.said_prints import RecalledItem, TickerItem, Tickers, TickerSnapshot, TradeItem, Trades
from exchange.stream.said_status import ProductStatusPart, Status, StatusItem, StatusSnapshot
from exchange.stream.shared import Shared
from exchange.stream.singles import OrdersView, merge
from exchange.stream.subscription import Subscription
from exchange.stream.tickers import Day, SharedTickers, opened_day, ticker_of
from kernel.clock import to_text

#: What an auction would trade is worked out at most so often: it looks at every order of the book.
INDICATIVE_EVERY_S = 1.0


class Books:
    """Price levels by product and depth, and single orders by product."""

    def __init__(self) -> None:
        self.depths: dict[str, int] = {}  # by product: the deepest that somebody looks at
        self.singles: dict[str, OrdersView] = {}
        self._wanted: dict[str, dict[int, set[Subscription]]] = {}
        self._readers: dict[str, set[Subscription]] = {}
        self._levels: dict[str, dict[int, BookView]] = {}
        self._listeners: set[Subscription] = set()  # those that have what they begin with

    def want(self, one: Subscription) -> None:
        """From now on what happens to the book is looked at."""
        product_id = one.key[1]
        if one.key[0] == "orders":
            self._readers.setdefault(product_id, set()).add(one)
            if product_id not in self.singles:
                self.singles[product_id] = OrdersView(product_id)
        else:
            self._wanted.setdefault(product_id, {}).setdefault(one.depth, set()).add(one)
            self.depths[product_id] = max(self._wanted[product_id])

    def begin(self, one: Subscription) -> None:
        """From now on the listener hears of it."""
        self._listeners.add(one)

    def view(self, one: Subscription) -> BookView | None:
        """The levels as they stand, if somebody else looks at as many."""
        return self._levels.get(one.key[1], {}).get(one.depth)

    def see(self, face: Face, depth: int, seq: int) -> BookView:
        """The levels as they stand after event ``seq``; a face with so many, read when all until then was told."""
        return self._levels.setdefault(face.product_id, {}).setdefault(depth, BookView(face, depth, seq))

    def remove(self, one: Subscription) -> None:
        """Takes a listener out, and the view with the last of them."""
        product_id = one.key[1]
        self._listeners.discard(one)
        if one.key[0] == "orders":
            readers = self._readers.get(product_id, set())
            readers.discard(one)
            if not readers:
                self._readers.pop(product_id, None)
                self.singles.pop(product_id, None)
            return
        depths = self._wanted.get(product_id, {})
        readers = depths.get(one.depth, set())
        readers.discard(one)
        if not readers:
            depths.pop(one.depth, None)
            self._levels.get(product_id, {}).pop(one.depth, None)
        if depths:
            self.depths[product_id] = max(depths)
        else:
            for known in (self._wanted, self._levels, self.depths):
                known.pop(product_id, None)

    def publish(self, turn: Turn) -> None:
        """Tells what changed of the books that somebody looks at."""
        for product_id, depths in self._levels.items():
            if product_id in turn.faces:
                face, seq = turn.faces[product_id]
                for depth, view in depths.items():
                    self._offer(self._wanted[product_id][depth], view.delta(face, seq))
        for product_id, singles in self.singles.items():
            kept: dict[str, SingleChange] = {}
            for look in turn.looks:
                if product_id in look.moves:
                    merge(kept, singles.take(look.moves[product_id], look.last))
            if kept:
                self._offer(self._readers[product_id], singles.delta(list(kept.values())))

    def _offer(self, readers: set[Subscription], shared: Shared[Any] | None) -> None:
        if shared is not None:
            _offer(readers & self._listeners, shared)


def _offer(listeners: Iterable[Subscription], shared: Shared[Any] | None) -> None:
    if shared is not None:
        for one in listeners:
            one.offer(shared)


class Prints:
    """Trades by product, "" for all."""

    def __init__(self) -> None:
        self.listeners: dict[str, set[Subscription]] = {}

    def publish(self, turn: Turn) -> None:
        """Tells of the turn's trades, and of those that it undid: in one message, for of two the later might have the
        earlier position."""
        if not self.listeners:
            return
        trades: dict[str, list[TradeItem]] = {}
        recalled: dict[str, list[RecalledItem]] = {}
        for event, at in turn.trades:
            if keys := self._heard_by(event.product_id):
                made = trade_item(event, at)
                for key in keys:
                    trades.setdefault(key, []).append(made)
        for undone in (item for one in turn.others for item in recalled_items(one)):
            for key in self._heard_by(undone.product_id):
                recalled.setdefault(key, []).append(undone)
        for product_id in trades.keys() | recalled.keys():
            new, gone = trades.get(product_id, []), recalled.get(product_id, [])
            seq = max(items[-1].seq for items in (new, gone) if items)
            push(self.listeners[product_id], Trades(0, product_id or None, seq, new, gone))

    def _heard_by(self, product_id: str) -> list[str]:
        """Under which keys somebody listens to a product."""
        return [key for key in (product_id, "") if key in self.listeners]


def push(listeners: Iterable[Subscription], message: Any) -> None:
    """Sends one message to many."""
    shared: Shared[Any] = Shared(message)
    for one in listeners:
        one.push(shared)


class Glances:
    """Tickers by product, "" for all."""

    def __init__(self) -> None:
        self.listeners: dict[str, set[Subscription]] = {}
        self.day = Day("")
        self._said: dict[str, TickerItem] = {}

    def begin(self, day: Day) -> None:
        """Begins with what was traded so far."""
        self.day = day
        self._said.clear()

    def snapshot(self, product_id: str, faces: Iterable[Face], seq: int) -> TickerSnapshot:
        """The tickers of one product or of all open ones, from what was read when all until ``seq`` was told."""
        return TickerSnapshot(product_id or None, seq, [ticker_of(one, self.day, seq) for one in faces])

    def publish(self, turn: Turn) -> None:
        """Counts the turn's trades, and tells of the tickers that changed."""
        day = opened_day(turn.others)
        if day is not None and day != self.day.day:
            self.day = Day(day)
        self.day.add(turn.trades)
        for one in turn.others:
            if isinstance(one.event, e.TradeRecalled):
                self.day.take_back(one.event.trades)
        if not self.listeners:
            return
        everything = self.listeners.get("")
        changed: list[TickerItem] = []
        for product_id, (face, seq) in turn.faces.items():
            if everything or product_id in self.listeners:
                item = ticker_of(face, self.day, seq)
                if self._is_news(item):
                    changed.append(item)
        changed.sort(key=lambda item: item.seq)
        for item in changed:
            _offer(self.listeners.get(item.product_id, ()), _tickers(item.product_id, [item]))
        if everything and changed:
            _offer(everything, _tickers(None, changed))

    def _is_news(self, item: TickerItem) -> bool:
        said = self._said.get(item.product_id)
        self._said[item.product_id] = item
        return said is None or _without_seq(said) != _without_seq(item)


def _without_seq(item: TickerItem) -> tuple[object, ...]:
    return (
        item.phase, item.bid, item.ask, item.last_price, item.reference_price, item.day_trades, item.day_loads,
    )  # fmt: skip


def _tickers(product_id: str | None, items: list[TickerItem]) -> SharedTickers:
    return SharedTickers(Tickers(0, product_id, items[-1].seq, items))


class Statuses:
    """What happens to the market and its products, by product, "" for all."""

    def __init__(self, due: Callable[[list[str]], None]) -> None:
        self.listeners: dict[str, set[Subscription]] = {}
        self._work_out = due
        self._due: dict[str, None] = {}  # products whose indicative price may have changed
        self._timer: asyncio.TimerHandle | None = None

    def publish(self, turn: Turn) -> None:
        """Tells what happened, and sees to the prices of the auctions under way."""
        if not self.listeners:
            return
        items = [item for one in turn.others if (item := status_item(one)) is not None]
        if items:
            self.say(items, items[-1].seq)
        self._due.update(turn.auctions())
        if self._due and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(INDICATIVE_EVERY_S, self._say_indicative)

    def close(self) -> None:
        """Forgets what was to be worked out."""
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _say_indicative(self) -> None:
        self._timer = None
        due, self._due = list(self._due), {}
        if self.listeners:
            self._work_out(due)

    def say(self, items: Sequence[StatusItem], seq: int) -> None:
        """Tells everybody concerned."""
        for product_id, listeners in self.listeners.items():
            fitting = [item for item in items if not product_id or product_of(item) in (None, product_id)]
            if fitting:
                push(listeners, Status(0, product_id or None, seq, fitting))


def status_snapshot(state: ExchangeState, product_id: str, seq: int) -> StatusSnapshot:
    """The market and its products."""
    wanted = [state.products[product_id]] if product_id else [book.product for book in state.books.values()]
    products = [
        ProductStatusPart(
            one.id, one.phase, to_text(one.phase_until) if one.phase_until else None,
            price_text(one.reference_price_fen) if one.reference_price_fen else None,
        )
        for one in sorted(wanted, key=lambda one: one.id)
    ]  # fmt: skip
    market = state.market
    return StatusSnapshot(product_id or None, seq, market.is_open, market.halted, market.day, products)
