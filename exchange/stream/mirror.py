"""A second state of the exchange, in the event loop, that takes in what was committed.

It is filled from the machine when somebody begins to listen, evolves by the same effects, and is let go when nobody
listens any more: so the feed is a function of the log alone, and costs nothing while there is no audience. Between the
events of one command a book may be crossed, so nobody looks at it before all events of a commit are in.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from exchange import events as e
from exchange import snapshot
from exchange.changes import Printed
from exchange.effects import EFFECTS
from exchange.machine import ExchangeMachine
from exchange.model import Order
from exchange.state import ExchangeState
from kernel.messages import Recorded
from kernel.sequencer import Sequencer

#: How long after a commit the feed takes it in: those who wait for an answer are served first, and small commits that
#: follow each other closely become one message.
GATHER_S = 0.001
#: How long the mirror is kept after the last listener went: filling it reads the whole state.
LINGER_S = 30.0

_log = logging.getLogger("h2market.stream")

#: The events of trading, of which there are many; all others are looked at one by one.
_TRADING = frozenset({
    e.OrderPlaced, e.OrderRejected, e.OrderAmended, e.OrderReduced, e.OrderElected, e.OrderHibernated,
    e.OrderActivated, e.OrderCancelled, e.Traded,
})  # fmt: skip
#: After these an order stands behind all others of its price.
_JOINING = frozenset({e.OrderElected, e.OrderActivated})
#: These may change all products: which books imply prices for which, and the day that trades are counted for.
_EVERYWHERE = (e.ProductListed, e.ProductClosed, e.MarketOpened)
_OF_PRODUCT = (e.PhaseChanged, e.Uncrossed, e.ProductListed, e.ProductClosed)

Seen = tuple[int, int]  # price and shown loads of an order that rests in a ladder


class Moved:
    """An order whose place in its book may have changed. ``joined``: the event that put it behind the others, or 0."""

    __slots__ = ("before", "joined", "order")

    def __init__(self, order: Order, before: Seen | None, joined: int) -> None:
        self.order = order
        self.before = before
        self.joined = joined


class Touched:
    """What changed of one product; ``seq`` is the last event that did. ``bids`` and ``asks`` are prices."""

    __slots__ = ("asks", "bids", "moved", "seq")

    def __init__(self, seq: int) -> None:
        self.seq = seq
        self.bids: set[int] = set()
        self.asks: set[int] = set()
        self.moved: list[Moved] = []


class Turn:
    """What one or more whole commits did. ``others`` are the events that are not trading's."""

    __slots__ = ("at", "orders", "others", "recorded", "seq", "state", "touched", "trades")

    def __init__(self, state: ExchangeState, recorded: Sequence[Recorded]) -> None:
        self.state = state
        self.recorded = recorded
        self.seq, self.at = recorded[-1].seq, recorded[-1].at
        self.others: list[Recorded] = []
        self.touched: dict[str, Touched] = {}
        self.orders: dict[int, Order] = {}
        self.trades: list[Printed] = []

    def touch(self, product_id: str, seq: int) -> Touched:
        """The product's record; it changed at ``seq``."""
        touched = self.touched.get(product_id)
        if touched is None:
            touched = self.touched[product_id] = Touched(seq)
        elif touched.seq < seq:
            touched.seq = seq
        return touched


class Mirror:
    """The second state. ``publish(turn)`` is called after each turn, ``failed()`` when it can go on no more."""

    def __init__(self, sequencer: Sequencer, publish: Callable[[Turn], None], failed: Callable[[], None]) -> None:
        self.seq = 0
        self.at = 0
        self.fills = 0  # how often it was filled
        self.linger_s = LINGER_S
        self._sequencer = sequencer
        self._publish = publish
        self._failed = failed
        self._state: ExchangeState | None = None
        self._filling: asyncio.Task[None] | None = None
        self._heard: list[Recorded] = []
        self._scheduled: asyncio.TimerHandle | None = None
        self._leaving: asyncio.TimerHandle | None = None
        self._seen: dict[int, Seen] = {}
        self._filled_at = 0
        self._changed: dict[str, int] = {}  # by product: the last event that changed it since then
        sequencer.on_commit(self._hear)

    @property
    def state(self) -> ExchangeState:
        """The state after event ``seq``. Only while the mirror is open."""
        assert self._state is not None
        return self._state

    @property
    def is_open(self) -> bool:
        """Whether the state is there."""
        return self._state is not None

    async def open(self) -> None:
        """Returns when the state is there. Raises Unavailable where the exchange cannot be read."""
        self.stay()
        if self._state is not None:
            return
        if self._filling is None:
            self._filling = asyncio.create_task(self._fill(), name="stream.mirror")
        await asyncio.shield(self._filling)

    def unchanged(self, product_id: str, since: int) -> bool:
        """Whether a product, or with "" all of them, is as it was after event ``since``, as far as is known here."""
        if product_id:
            return self._changed.get(product_id, self._filled_at) <= since
        return max(self._changed.values(), default=self._filled_at) <= since

    def stay(self) -> None:
        """Somebody listens: the state is kept."""
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None

    def leave(self) -> None:
        """Nobody listens any more: the state is let go after a while."""
        if self._leaving is None and (self._state is not None or self._filling is not None):
            self._leaving = asyncio.get_running_loop().call_later(self.linger_s, self.close)

    def close(self) -> None:
        """Lets the state go."""
        for handle in (self._leaving, self._scheduled):
            if handle is not None:
                handle.cancel()
        if self._filling is not None:
            self._filling.cancel()
        self._leaving = self._scheduled = self._filling = self._state = None
        self._heard, self._seen = [], {}

    async def _fill(self) -> None:
        def read(machine: ExchangeMachine) -> tuple[bytes, int, int]:
            return machine.dump(), self._sequencer.tail.seq, self._sequencer.tail.at

        try:
            # What is committed from here on is heard, so nothing is lost between the copy and the first turn.
            data, seq, at = await self._sequencer.read(read)
            state = await asyncio.to_thread(snapshot.load, data)
        finally:
            self._filling = None
        self.seq, self.at = seq, at
        self.fills += 1
        self._filled_at, self._changed = seq, {}
        self._seen = {
            order.id: (order.price_fen_per_kg, order.shown_loads) for order in state.orders.values() if order.resting
        }
        self._state = state
        self._turn()

    def _hear(self, recorded: Sequence[Recorded]) -> None:
        if self._state is None and self._filling is None:
            return
        self._heard.extend(recorded)
        if self._state is not None and self._scheduled is None:
            self._scheduled = asyncio.get_running_loop().call_later(GATHER_S, self._turn)

    def catch_up(self) -> None:
        """Takes in at once what was heard, so that whoever joins now begins at the latest event."""
        if self._scheduled is not None:
            self._scheduled.cancel()
            self._turn()

    def _turn(self) -> None:
        self._scheduled = None
        heard, self._heard = self._heard, []
        fresh = [one for one in heard if one.seq > self.seq] if heard and heard[0].seq <= self.seq else heard
        if not fresh or self._state is None:
            return
        try:
            self._publish(self._take(self._state, fresh))
            self._state.changes.clear()
        except Exception:
            # Everybody is told to come back, and then the mirror is filled anew.
            _log.exception("the market data feed stopped after event %s", self.seq)
            self.close()
            self._failed()

    def _take(self, state: ExchangeState, recorded: Sequence[Recorded]) -> Turn:
        turn = Turn(state, recorded)
        assert recorded[0].seq == self.seq + 1, f"the feed has a gap after {self.seq}"
        joined: dict[int, int] = {}
        for one in recorded:
            event, seq = one.event, one.seq
            kind = type(event)
            if kind is e.Traded:
                _trade(state, event, one.at, seq, joined)  # type: ignore[arg-type]
                # Its orders may have come and gone within the turn, or waited beside the book: no ladder moved then.
                turn.touch(event.product_id, seq)  # type: ignore[attr-defined]
                continue
            EFFECTS[kind](state, event, one.at, seq)
            if kind in _JOINING or (kind is e.OrderAmended and not event.keeps_priority):  # type: ignore[attr-defined]
                joined[event.order_id] = seq  # type: ignore[attr-defined]
            if kind not in _TRADING:
                turn.others.append(one)
                if isinstance(event, _OF_PRODUCT):
                    turn.touch(event.product_id, seq)
                elif isinstance(event, e.TradeRecalled):  # its price and its loads count no more
                    for trade in event.trades:
                        turn.touch(trade.product_id, seq)
        self.seq, self.at = turn.seq, turn.at
        turn.orders = state.changes.orders
        turn.trades = list(state.changes.trades.values())
        self._move(turn, joined)
        _touch_implied(turn)
        for product_id, touched in turn.touched.items():
            self._changed[product_id] = touched.seq
        return turn

    def _move(self, turn: Turn, joined: dict[int, int]) -> None:
        """Finds what changed in the ladders: from the orders that changed, and where they stood before."""
        seen = self._seen
        for order in turn.orders.values():
            order_id = order.id
            before = seen.get(order_id)
            if not order.resting:
                if before is None:
                    continue
                del seen[order_id]
            touched = turn.touch(order.terms.product_id, order.event_seq)
            prices = touched.bids if order.terms.side == "buy" else touched.asks
            if before is not None:
                prices.add(before[0])
            if order.resting:
                prices.add(order.price_fen_per_kg)
                seen[order_id] = order.price_fen_per_kg, order.shown_loads
            touched.moved.append(Moved(order, before, joined.get(order_id, 0)))


def _trade(state: ExchangeState, event: e.Traded, at: int, seq: int, joined: dict[int, int]) -> None:
    """Takes in a trade. An iceberg whose clip it used up shows the next one behind the others of its price."""
    clips = [
        (order, order.shown_loads)
        for order_id in (event.buy_order_id, event.sell_order_id)
        if event.taker_order_id not in (0, order_id)
        and not (event.leg == "haulage" and order_id == event.buy_order_id)
        and _is_iceberg(order := state.orders[order_id])
    ]
    EFFECTS[e.Traded](state, event, at, seq)
    for order, shown in clips:
        if shown == event.loads and order.open_loads:
            joined[order.id] = seq


def _is_iceberg(order: Order) -> bool:
    options = order.terms.options
    return options is not None and options.display_loads > 0


def _touch_implied(turn: Turn) -> None:
    """A book that changed may imply other prices for its neighbours."""
    state = turn.state
    for product_id, touched in list(turn.touched.items()):
        book = state.books.get(product_id)
        if book is not None:
            for route in book.routes:
                for part in route.parts():
                    turn.touch(part.product.id, touched.seq)
    everywhere = max((one.seq for one in turn.others if isinstance(one.event, _EVERYWHERE)), default=0)
    if everywhere:
        for product_id in state.books:
            turn.touch(product_id, everywhere)


__all__ = ["Mirror", "Moved", "Touched", "Turn"]
