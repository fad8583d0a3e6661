"""Who listens for what, and what each turn of the mirror says to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from exchange import events as e
from exchange.model import CapacityLimit, MoneyLimit, Order, OrderRecall
from exchange.phases import indicative
from exchange.state import ExchangeState
from exchange.stream.base import price_text
from exchange.stream.books import BookView, OrdersView
from exchange.stream.items import (
    limits_item,
    own_items,
    own_order,
    product_of,
    recalled_items,
    status_item,
    trade_item,
)
from exchange.stream.mirror import Mirror, Turn
from exchange.stream.said_own import AnyOwnItem, Own, OwnOrder, OwnSnapshot
from exchange.stream.said_prints import RecalledItem, TickerItem, Tickers, TickerSnapshot, TradeItem, Trades
from exchange.stream.said_status import IndicativeItem, ProductStatusPart, Status, StatusItem, StatusSnapshot
from exchange.stream.shared import Shared
from exchange.stream.subscription import Subscription
from exchange.stream.tickers import Day, SharedTickers, opened_day, ticker_of
from kernel.clock import to_text

#: What an auction would trade is worked out at most so often: it looks at every order of the book.
INDICATIVE_EVERY_S = 1.0


class Books:
    """Price levels by product and depth, and single orders by product."""

    def __init__(self) -> None:
        self._levels: dict[str, dict[int, tuple[BookView, set[Subscription]]]] = {}
        self._singles: dict[str, tuple[OrdersView, set[Subscription]]] = {}

    def levels(self, mirror: Mirror, product_id: str, one: Subscription) -> BookView:
        """Adds a listener for levels; gives the view that its snapshot is made from."""
        depths = self._levels.setdefault(product_id, {})
        if one.depth not in depths:
            depths[one.depth] = BookView(mirror.state, product_id, one.depth, mirror.seq), set()
        view, listeners = depths[one.depth]
        listeners.add(one)
        return view

    def singles(self, mirror: Mirror, product_id: str, one: Subscription) -> OrdersView:
        """Adds a listener for single orders; gives the view that its snapshot is made from."""
        if product_id not in self._singles:
            self._singles[product_id] = OrdersView(product_id, mirror.seq), set()
        view, listeners = self._singles[product_id]
        listeners.add(one)
        return view

    def remove(self, one: Subscription) -> None:
        """Takes a listener out, and the view with the last of them."""
        product_id = one.key[1]
        depths = self._levels.get(product_id, {})
        if one.key[0] == "book" and one.depth in depths:
            listeners = depths[one.depth][1]
            listeners.discard(one)
            if not listeners:
                del depths[one.depth]
            if not depths:
                del self._levels[product_id]
        elif one.key[0] == "orders" and product_id in self._singles:
            listeners = self._singles[product_id][1]
            listeners.discard(one)
            if not listeners:
                del self._singles[product_id]

    def publish(self, turn: Turn) -> None:
        """Tells what changed of the books that somebody looks at."""
        if not self._levels and not self._singles:
            return
        for product_id, touched in turn.touched.items():
            for view, listeners in self._levels.get(product_id, {}).values():
                _offer(listeners, view.delta(turn.state, touched))
            if product_id in self._singles:
                single_view, listeners = self._singles[product_id]
                _offer(listeners, single_view.delta(turn.state, touched))


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
            _push(self.listeners[product_id], Trades(0, product_id or None, seq, new, gone))

    def _heard_by(self, product_id: str) -> list[str]:
        """Under which keys somebody listens to a product."""
        return [key for key in (product_id, "") if key in self.listeners]


def _push(listeners: Iterable[Subscription], message: Any) -> None:
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

    def snapshot(self, mirror: Mirror, product_id: str) -> TickerSnapshot:
        """The tickers of one product or of all open ones."""
        wanted = [product_id] if product_id else sorted(mirror.state.books)
        tickers = [ticker_of(mirror.state, one, self.day, mirror.seq) for one in wanted]
        return TickerSnapshot(product_id or None, mirror.seq, [one for one in tickers if one is not None])

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
        for product_id, touched in turn.touched.items():
            if everything or product_id in self.listeners:
                item = ticker_of(turn.state, product_id, self.day, touched.seq)
                if item is not None and self._is_news(item):
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

    def __init__(self, mirror: Mirror) -> None:
        self.listeners: dict[str, set[Subscription]] = {}
        self._mirror = mirror
        self._due: dict[str, int] = {}  # products whose indicative price may have changed, and by which event
        self._timer: asyncio.TimerHandle | None = None

    def snapshot(self, product_id: str) -> StatusSnapshot:
        """The market and its products."""
        state = self._mirror.state
        wanted = [state.products[product_id]] if product_id else [book.product for book in state.books.values()]
        products = [
            ProductStatusPart(
                one.id, one.phase, to_text(one.phase_until) if one.phase_until else None,
                price_text(one.reference_price_fen) if one.reference_price_fen else None,
            )
            for one in sorted(wanted, key=lambda one: one.id)
        ]  # fmt: skip
        market = state.market
        return StatusSnapshot(
            product_id or None, self._mirror.seq, market.is_open, market.halted, market.day, products
        )  # fmt: skip

    def publish(self, turn: Turn) -> None:
        """Tells what happened, and sees to the prices of the auctions under way."""
        if not self.listeners:
            return
        items = [item for one in turn.others if (item := status_item(one)) is not None]
        if items:
            self._say(items)
        books = turn.state.books
        for product_id, touched in turn.touched.items():
            book = books.get(product_id)
            if book is not None and book.product.phase == "auction":
                self._due[product_id] = touched.seq
        if self._due and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(INDICATIVE_EVERY_S, self._say_indicative)

    def close(self) -> None:
        """Forgets what was to be worked out."""
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def auctions(self, product_id: str) -> list[StatusItem]:
        """What each auction under way would trade if it ended now."""
        books = self._mirror.state.books
        wanted = [product_id] if product_id else sorted(books)
        return [
            item for one in wanted if (item := _indicative(self._mirror.state, one, self._mirror)) is not None
        ]  # fmt: skip

    def _say_indicative(self) -> None:
        self._timer = None
        due, self._due = self._due, {}
        if not self._mirror.is_open or not self.listeners:
            return
        items = [_indicative(self._mirror.state, product_id, self._mirror) for product_id in due]
        found: list[StatusItem] = [item for item in items if item is not None]
        if found:
            self._say(found)

    def _say(self, items: list[StatusItem]) -> None:
        for product_id, listeners in self.listeners.items():
            fitting = [item for item in items if not product_id or product_of(item) in (None, product_id)]
            if fitting:
                _push(listeners, Status(0, product_id or None, fitting[-1].seq, fitting))


def _indicative(state: ExchangeState, product_id: str, mirror: Mirror) -> IndicativeItem | None:
    book = state.books.get(product_id)
    if book is None or book.product.phase != "auction":
        return None
    outcome = indicative(book)
    price, loads, surplus = (None, 0, 0) if outcome is None else outcome
    return IndicativeItem(
        seq=mirror.seq, at=to_text(mirror.at), product_id=product_id, loads=loads, surplus_loads=surplus,
        price=None if price is None else price_text(price),
    )  # fmt: skip


class Companies:
    """Each company's own business."""

    def __init__(self) -> None:
        self.listeners: dict[str, set[Subscription]] = {}

    def snapshot(self, mirror: Mirror, participant_id: str) -> OwnSnapshot:
        """The company's open orders and limits."""
        state = mirror.state
        recalled = state.recalls.orders
        own = sorted(
            (order for order in state.orders.values() if order.participant_id == participant_id),
            key=lambda order: order.id,
        )
        return OwnSnapshot(
            mirror.seq,
            participant_id,
            [own_order(order, recalled.get(order.id)) for order in own],
            limits(mirror, participant_id),
        )

    def publish(self, turn: Turn) -> None:
        """Tells each company that listens what happened to it."""
        if not self.listeners:
            return
        orders, found = turn.orders, dict[str, list[AnyOwnItem]]()
        standing = _standings(orders, turn.state.recalls.orders)

        def owner(order_id: int) -> str | None:
            order = orders.get(order_id)
            return None if order is None else order.participant_id

        for one in turn.recorded:
            for item in own_items(one, self.listeners.__contains__, owner, standing):
                found.setdefault(item.participant_id, []).append(item)
        self._add_limits(turn, found)
        for participant_id, items in found.items():
            _push(self.listeners[participant_id], Own(0, max(item.seq for item in items), items))

    def _add_limits(self, turn: Turn, found: dict[str, list[AnyOwnItem]]) -> None:
        changes = turn.state.changes
        capacities: dict[str, list[CapacityLimit]] = {}
        for capacity in changes.capacity.values():
            if capacity.participant_id in self.listeners:
                capacities.setdefault(capacity.participant_id, []).append(capacity)
        for participant_id in self.listeners:
            if participant_id in changes.money or participant_id in capacities:
                money = turn.state.account(participant_id).money
                changed = capacities.get(participant_id, [])
                seq = max(money.event_seq, *(one.event_seq for one in changed), 0)
                found.setdefault(participant_id, []).append(limits_item(participant_id, money, changed, seq, turn.at))


def _standings(orders: dict[int, Order], recalled: dict[int, OrderRecall]) -> Callable[[int], OwnOrder | None]:
    """The orders of a turn as their owners see them, each made once."""
    made: dict[int, OwnOrder] = {}

    def standing(order_id: int) -> OwnOrder | None:
        found = made.get(order_id)
        if found is None and order_id in orders:
            found = made[order_id] = own_order(orders[order_id], recalled.get(order_id))
        return found

    return standing


def limits(mirror: Mirror, participant_id: str) -> Any:
    """A company's limits as they stand."""
    state = mirror.state
    account = state.accounts.get(participant_id)
    money = MoneyLimit(participant_id, 0, 0, 0, 0) if account is None else account.money
    own = [one for one in state.capacities() if one.participant_id == participant_id]
    return limits_item(participant_id, money, sorted(own, key=lambda one: one.id), mirror.seq, mirror.at)
