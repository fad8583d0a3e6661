"""What moves a product from one phase to another, and what falls due as time goes by."""

from __future__ import annotations

from heapq import heappop

from exchange.auction import Equilibrium, equilibrium
from exchange.book import Book, Ladder
from exchange.commands import ChangePhase, RingAlarms
from exchange.effects import EFFECTS
from exchange.errors import MarketIsClosed, MarketIsHalted, PhaseIsFinal, PhaseUnsuitable, ProductNotFound
from exchange.events import DeadManSet, PhaseChanged, ReferencePriceSet, Traded, Uncrossed
from exchange.implied import carried_out, implied_before
from exchange.market import cancellations
from exchange.matching import cancel
from exchange.model import Phase
from exchange.orders import aftermath, settle_all
from exchange.recalls import expired_recalls
from exchange.state import ExchangeState
from kernel.messages import Event

#: Where each phase may lead on request; a book closes by `CloseProduct`.
NEXT: dict[Phase, frozenset[Phase]] = {
    "pending": frozenset({"auction", "continuous", "halted"}),
    "auction": frozenset({"continuous", "halted", "frozen"}),
    "continuous": frozenset({"auction", "halted", "frozen"}),
    "halted": frozenset({"auction", "continuous", "frozen"}),
    "frozen": frozenset({"auction", "continuous", "halted"}),
    "closed": frozenset({"expired"}),
    "expired": frozenset(),
}


#: Of a product without a book: nothing leads from them to trading again.
FINAL: frozenset[Phase] = frozenset({"closed", "expired"})

#: (price, loads) of bids and of asks, the reference price, the tick.
Collected = tuple[list[tuple[int, int]], list[tuple[int, int]], int, int]


def change_phase(state: ExchangeState, command: ChangePhase, at: int, seq: int) -> list[Event]:
    """Raises ProductNotFound, PhaseIsFinal, PhaseUnsuitable, or MarketIsClosed or MarketIsHalted for an auction that
    would trade."""
    product = state.products.get(command.product_id)
    if product is None:
        raise ProductNotFound(field="product_id", product_id=command.product_id)
    if command.until and command.phase in FINAL:
        raise PhaseIsFinal(field="until", phase=command.phase)
    if product.phase == command.phase and product.phase_until == command.until:
        return []
    if product.phase != command.phase and command.phase not in NEXT[product.phase]:
        raise PhaseUnsuitable(field="phase", phase=product.phase, requested=command.phase)
    book = state.books.get(product.id)
    if book is not None and command.phase == "continuous" and indicative(book) is not None:
        _check_trading(state)
    events: list[Event] = []
    _move(state, command.product_id, command.phase, command.reason, command.until, at, seq, events)
    return events


def _check_trading(state: ExchangeState) -> None:
    """Raises MarketIsClosed or MarketIsHalted: an auction that would trade ends while the market trades."""
    if not state.market.is_open:
        raise MarketIsClosed(field="phase")
    if state.market.halted:
        raise MarketIsHalted(field="phase")


def _move(
    state: ExchangeState, product_id: str, phase: Phase, reason: str, until: int, at: int, seq: int,
    events: list[Event],
) -> None:  # fmt: skip
    book = state.books.get(product_id)
    collected = state.products[product_id].phase == "auction"
    found = book is not None and phase == "continuous" and _uncross(state, book, at, seq, events)
    changed = PhaseChanged(product_id, phase, reason, until)
    EFFECTS[PhaseChanged](state, changed, at, seq + len(events))
    events.append(changed)
    if book is not None and phase == "continuous" and (book.aside or book.routes):
        if collected and not found:
            _refer_to_routes(state, book, at, seq, events)
        aftermath(state, book, at, seq, events)


def indicative(book: Book) -> Equilibrium | None:
    """What an auction would trade if it ended now."""
    return equilibrium(*collected_of(book))


def collected_of(book: Book) -> Collected:
    """What an auction collected, as `equilibrium` takes it."""
    return _open(book.bids), _open(book.asks), book.product.reference_price_fen, book.product.price_tick_fen


def _open(ladder: Ladder) -> list[tuple[int, int]]:
    return [(order.price_fen_per_kg, order.open_loads) for order in ladder.orders()]


def _uncross(state: ExchangeState, book: Book, at: int, seq: int, events: list[Event]) -> bool:
    """Trades what crosses at one price, by price and time; gives whether anything did. Nobody meets its own there: see
    `orders._join_auction`."""
    for ladder in (book.bids, book.asks):
        for order in [order for order in ladder.orders() if order.expires_at <= at]:
            cancel(state, order, "expired", at, seq, events)
    outcome = indicative(book)
    if outcome is None:
        return False
    crossed = Uncrossed(book.product.id, *outcome)
    EFFECTS[Uncrossed](state, crossed, at, seq + len(events))
    events.append(crossed)
    left = outcome.loads
    while left:
        buy, sell = book.bids.head(), book.asks.head()
        loads = min(left, buy.open_loads, sell.open_loads)
        traded = Traded(
            seq + len(events), book.product.id, outcome.price_fen_per_kg, loads, buy.participant_id,
            sell.participant_id, buy.id, sell.id, 0,
        )  # fmt: skip
        EFFECTS[Traded](state, traded, at, traded.trade_id)
        events.append(traded)
        left -= loads
    return True


def _refer_to_routes(state: ExchangeState, book: Book, at: int, seq: int, events: list[Event]) -> None:
    """Makes the price at which a book now trades over a route its reference, where an auction ended without one.

    As a direct match too far away trades in the auction that it led to, an implied one does after it. Without this it
    would halt the book again and again. A book that was halted and collected nothing has its auction first.
    """
    if not book.trading:
        return
    for route in book.routes:
        bid = route.delivered.bids.first(at)
        match = None if bid is None else implied_before(route.delivered, bid, None, at)
        price = None if match is None else carried_out(route.delivered, match).get(book)
        if price is not None:
            moved = ReferencePriceSet(book.product.id, price, "auction")
            EFFECTS[ReferencePriceSet](state, moved, at, seq + len(events))
            events.append(moved)
            return


def ring_alarms(state: ExchangeState, _command: RingAlarms, at: int, seq: int) -> list[Event]:
    """Expires orders and recalls, fires dead-man switches, ends phases whose time is over: these once the market
    trades."""
    events: list[Event] = []
    state.owners.file(state.orders)  # every second a little: who asks has little left to file
    while state.expiring and state.expiring[0][0] <= at:
        order = state.orders.get(state.expiring[0][1])
        if order is not None:
            cancel(state, order, "expired", at, seq, events)
        heappop(state.expiring)
    for switch in sorted(state.dead_men.values(), key=lambda one: one.id):
        if switch.fires_at <= at:
            ended = cancellations(state.orders_of(switch.id), "dead_man")
            for event in [*ended, DeadManSet(switch.id, switch.timeout_s, 0)]:
                EFFECTS[type(event)](state, event, at, seq + len(events))
                events.append(event)
    for event in expired_recalls(state, at):
        EFFECTS[type(event)](state, event, at, seq + len(events))
        events.append(event)
    trading = state.market.is_open and not state.market.halted
    for product_id, product in sorted(state.products.items()):
        if trading and product.phase_until and product.phase_until <= at:
            _move(state, product_id, "continuous", "alarm", 0, at, seq, events)
    if events:
        settle_all(state, at, seq, events)
    return events
