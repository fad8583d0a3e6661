"""What always holds between two commands of the exchange."""

from __future__ import annotations

from collections import Counter, defaultdict
from copy import deepcopy

from exchange.book import Book, Ladder, agreement_of
from exchange.implied import implied_before
from exchange.model import NEVER, Order, Recall, TradeState
from exchange.state import ExchangeState


def check(state: ExchangeState) -> None:
    """Asserts that books, order index and limits agree, to the load and the fen."""
    reserved_fen: Counter[str] = Counter()
    reserved_loads: Counter[str] = Counter()
    resting = 0
    assert {product.id for product in state.products.values() if product.status == "open"} == state.books.keys()
    for book in state.books.values():
        resting += _check_book(state, book)
    for order in state.orders.values():
        _check_order(order)
        book = state.books[order.terms.product_id]
        if order.ended:
            continue
        if order.terms.side == "buy":
            reserved_fen[order.participant_id] += order.open_loads * order.price_fen_per_kg * book.mass_kg
        else:
            reserved_loads[book.sellers[order.participant_id].id] += order.open_loads
    assert resting == sum(order.resting for order in state.orders.values()), "the order index and the books differ"
    _check_owners(state)
    _check_limits(state, reserved_fen, reserved_loads)
    _check_recalls(state)


def _check_owners(state: ExchangeState) -> None:
    """Whoever asks for somebody's orders gets them; asked of a copy, for to ask files what is new."""
    of: dict[str, list[Order]] = defaultdict(list)
    for _, order in sorted(state.orders.items()):
        of[order.participant_id].append(order)
    owners = deepcopy(state.owners)
    for participant_id in state.accounts:
        assert owners.orders(state.orders, participant_id) == of[participant_id], f"the orders of {participant_id}"


def _check_order(order: Order) -> None:
    options = order.terms.options
    assert 0 < order.open_loads <= order.loads, f"order {order.id} has {order.open_loads} open loads"
    assert order.ended in ("", "suspended"), f"order {order.id} is {order.ended}"
    clip = options.display_loads if options is not None else 0
    assert order.shown_loads <= (min(clip, order.open_loads) if clip else order.open_loads), f"order {order.id} shows"
    assert order.shown_loads > 0 and (clip or order.shown_loads == order.open_loads)
    assert order.terms.time_in_force not in ("ioc", "fok") or not order.resting, f"the order {order.id} rests"


def _check_book(state: ExchangeState, book: Book) -> int:
    best_bid, best_ask = book.bids.best_price(), book.asks.best_price()
    crossed = best_bid is not None and best_ask is not None and best_bid >= best_ask
    assert not (crossed and book.continuous), f"{book.product.id} is crossed at {best_bid} and {best_ask}"
    assert book.continuous == (book.product.phase == "continuous")
    trading = state.market.is_open and not state.market.halted and book.continuous
    assert book.trading == trading
    if trading and book.routes and book.bids.keys and book.product.kind == "delivered":
        # What expires may have expired by now.
        bid = book.bids.head()
        match = implied_before(book, bid, None, 0)
        crossed = match is not None and {bid.expires_at, match.first.expires_at, match.second.expires_at} == {NEVER}
        assert not crossed, f"a route of {book.product.id} is crossed"
    waiting = [order_id for keys in (*book.stops.values(), *book.whole.values()) for _, _, order_id in keys]
    waiting += [order.id for order in book.agreements.values()]
    assert len(waiting) == len(set(waiting)) == book.aside
    assert all(not state.orders[order_id].resting for order_id in waiting)
    assert all(agreement_of(order) == key for key, order in book.agreements.items())
    return sum(_check_ladder(state, ladder, book) for ladder in (book.bids, book.asks))


def _check_ladder(state: ExchangeState, ladder: Ladder, book: Book) -> int:
    assert ladder.keys == sorted(price * ladder.sign for price in ladder.levels), "the ladder and the levels differ"
    for price, level in ladder.levels.items():
        living = [order for order in level.queue if order.resting]
        assert living and len(living) == level.orders, f"{level.orders} orders at {price}"
        assert level.loads == sum(order.shown_loads for order in living)
        for order in living:
            assert state.orders[order.id] is order and order.price_fen_per_kg == price == level.price
            assert order.terms.product_id == book.product.id
            assert (order.terms.side == "buy") == (ladder is book.bids)
    return sum(level.orders for level in ladder.levels.values())


def _check_limits(state: ExchangeState, reserved_fen: Counter[str], reserved_loads: Counter[str]) -> None:
    for participant_id, account in state.accounts.items():
        money = account.money
        assert money.reserved_fen == reserved_fen[participant_id], f"reserved money of {participant_id}"
        assert money.committed_fen >= 0 and money.free() >= 0, f"money of {participant_id}"
    for capacity in state.capacities():
        assert capacity.reserved_loads == reserved_loads[capacity.id], f"reserved loads of {capacity.id}"
        assert capacity.consumed_loads >= 0 and capacity.free() >= 0, f"loads of {capacity.id}"


_TRADES_OF: dict[str, TradeState] = {"requested": "disputed", "approved": "disputed", "recalling": "recalling"}


def _check_recalls(state: ExchangeState) -> None:
    """Trades say what their recall says, four eyes are four, and orders are short of what was recalled."""
    recalls = state.recalls
    under_way = 0
    for recall in recalls.open.values():
        _check_eyes(recall)
        trades = [recalls.trades[trade_id] for trade_id in recall.trade_ids()]
        under_way += len(trades)
        assert {(one.recall_id, one.state) for one in trades} == {(recall.id, _TRADES_OF[recall.state])}
        # An implied match is recalled whole: its haulage, and the hydrogen that follows it in the log.
        assert [one.leg for one in trades] in ([""], ["haulage", "hydrogen"]), (
            f"recall {recall.id} is a part of a match"
        )
        assert trades[-1].id - trades[0].id == len(trades) - 1 and len({one.buy_order_id for one in trades}) == 1
    contested = [one for one in recalls.trades.values() if one.state in ("disputed", "recalling")]
    assert len(contested) == under_way, "a trade waits for a recall that is over"
    loads: Counter[int] = Counter()
    price_sums: Counter[int] = Counter()
    for one in recalls.trades.values():
        if one.state == "recalled":
            loads[one.sell_order_id] += one.loads
            loads[one.buy_order_id] += 0 if one.leg == "haulage" else one.loads
            for order_id in (one.sell_order_id, one.buy_order_id):
                price_sums[order_id] += one.loads * one.price_fen_per_kg
    assert recalls.orders.keys() == price_sums.keys(), "an order is short of what was not recalled"
    for order_id, taken in recalls.orders.items():
        assert (taken.loads, taken.price_sum_fen_per_kg) == (loads[order_id], price_sums[order_id])
        order = state.orders.get(order_id)
        assert order is None or taken.loads <= order.executed_loads, f"order {order_id} executed less than was recalled"


def _check_eyes(recall: Recall) -> None:
    first, second = recall.first_key_id, recall.second_key_id
    assert bool(first) == (recall.state != "requested") and bool(second) == (recall.state == "recalling")
    assert not second or first != second, f"recall {recall.id} was decided by one key"
