"""What the events of a recall do to the state.

An order's own row says what the book did and stays; what a recall took back of it stands beside, in `OrderRecall`. So
an order that ended long ago need not be remembered, and the way of an order through the book knows nothing of recalls.
"""

from __future__ import annotations

from exchange import events as e
from exchange.model import ContestedTrade, OrderRecall, Recall, RecallState, TradeFacts, TradeState, commodity_of
from exchange.state import ExchangeState
from kernel.messages import Event

RECALLS, TRADES, ORDERS = "exchange_recalls", "exchange_contested_trades", "exchange_order_recalls"
_ENDED: dict[type[Event], RecallState] = {
    e.TradeRecallRefused: "refused",
    e.TradeRecallRejected: "rejected",
    e.TradeRecallWithdrawn: "withdrawn",
    e.TradeRecallExpired: "expired",
}


def recall_requested(state: ExchangeState, event: e.TradeRecallRequested, at: int, seq: int) -> None:
    first, *rest = event.trades
    recall = Recall(
        seq, first.trade_id, rest[0].trade_id if rest else 0, "requested", event.requester_id, event.key_id,
        event.reason, at, event.decide_by, "", "", "", at, seq,
    )  # fmt: skip
    state.recalls.open[seq] = recall
    state.changes.put(RECALLS, seq, recall)
    for trade in event.trades:
        contested = ContestedTrade(
            trade.trade_id, seq, "disputed", trade.product_id, trade.price_fen_per_kg, trade.loads, trade.buyer_id,
            trade.seller_id, trade.buy_order_id, trade.sell_order_id, trade.leg, trade.traded_at, seq,
        )  # fmt: skip
        state.recalls.trades[contested.id] = contested
        state.changes.put(TRADES, contested.id, contested)


def recall_approved(state: ExchangeState, event: e.TradeRecallApproved, at: int, seq: int) -> None:
    recall = state.recalls.open[event.recall_id]
    recall.first_key_id = event.key_id
    _moved(state, recall, "approved", "disputed", at, seq)


def recall_confirmed(state: ExchangeState, event: e.TradeRecallConfirmed, at: int, seq: int) -> None:
    recall = state.recalls.open[event.recall_id]
    recall.second_key_id = event.key_id
    _moved(state, recall, "recalling", "recalling", at, seq)


def recall_ended(
    state: ExchangeState,
    event: e.TradeRecallRefused | e.TradeRecallRejected | e.TradeRecallWithdrawn | e.TradeRecallExpired,
    at: int,
    seq: int,
) -> None:
    """The trades stand as if nobody had asked."""
    recall = state.recalls.open.pop(event.recall_id)
    recall.answer = getattr(event, "reason", "")
    _moved(state, recall, _ENDED[type(event)], "active", at, seq)


def trade_recalled(state: ExchangeState, event: e.TradeRecalled, at: int, seq: int) -> None:
    recall = state.recalls.open.pop(event.recall_id)
    _moved(state, recall, "recalled", "recalled", at, seq)
    for trade in event.trades:
        _give_back(state, trade, at, seq)
        book = state.books.get(trade.product_id)
        if book is not None and book.last_trade == trade.trade_id:
            # Nothing may be elected by a price that was none: the book has a last price again when it trades again.
            book.last_price = book.last_trade = 0


def _give_back(state: ExchangeState, trade: TradeFacts, at: int, seq: int) -> None:
    """The seller's loads can be sold again, and both orders executed so much less."""
    product = state.products[trade.product_id]
    capacity = state.window(commodity_of(product.kind), product.window_start)[trade.seller_id]
    capacity.consumed_loads -= trade.loads
    assert capacity.consumed_loads >= 0, f"consumed loads of {capacity.id}"
    capacity.event_seq = seq
    state.changes.capacity[capacity.id] = capacity
    price_sum = trade.loads * trade.price_fen_per_kg
    # A delivered buy order pays for its haulage, but its loads came with the hydrogen.
    bought = 0 if trade.leg == "haulage" else trade.loads
    for order_id, participant_id, loads in (
        (trade.sell_order_id, trade.seller_id, trade.loads),
        (trade.buy_order_id, trade.buyer_id, bought),
    ):
        taken = state.recalls.orders.setdefault(order_id, OrderRecall(order_id, participant_id, 0, 0, at, seq))
        taken.loads += loads
        taken.price_sum_fen_per_kg += price_sum
        taken.updated_at, taken.event_seq = at, seq
        state.changes.put(ORDERS, order_id, taken)


def _moved(state: ExchangeState, recall: Recall, to: RecallState, trades: TradeState, at: int, seq: int) -> None:
    recall.state, recall.updated_at, recall.event_seq = to, at, seq
    state.changes.put(RECALLS, recall.id, recall)
    for trade_id in recall.trade_ids():
        contested = state.recalls.trades[trade_id]
        contested.state, contested.event_seq = trades, seq
        state.changes.put(TRADES, trade_id, contested)
