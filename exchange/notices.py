"""What the exchange tells participants: their orders, trades and limits; and to whoever asks, the market's state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from exchange import events as e
from exchange.tables import OrderRow
from kernel.messages import Event, Recorded
from kernel.notices import Bulletin, Notice, Told, notice, rendered
from kernel.quantity import format_money
from kernel.room import table_of

TOLD: dict[type[Event], Told] = {
    e.OrderPlaced: Told("order.placed", "an order was taken", "订单已受理"),
    e.OrderRejected: Told("order.rejected", "an order was refused", "订单被拒绝"),
    e.OrderAmended: Told("order.amended", "an order has a new price or size", "订单已改单"),
    e.OrderReduced: Told(
        "order.reduced", "an order was made smaller where it met one of its owner", "订单因自成交被减量"
    ),
    e.OrderElected: Told("order.elected", "a stop's price was reached", "止损单已触发"),
    e.OrderHibernated: Told("order.hibernated", "an order left the market for now", "订单已休眠"),
    e.OrderActivated: Told("order.activated", "a hibernating order is back", "休眠订单已激活"),
    e.OrderCancelled: Told("order.cancelled", "an order ended with loads open", "订单已撤销"),
    e.Traded: Told("trade.made", "loads were bought or sold", "已成交"),
    e.TradeRecallRequested: Told("trade.recall_requested", "somebody asks to undo a trade", "有人申请撤销成交"),
    e.TradeRecallApproved: Told("trade.recall_approved", "the operator's first eyes agree", "运营方首人已批准撤销"),
    e.TradeRecallConfirmed: Told(
        "trade.recall_confirmed", "the second eyes too; its loads are being ended", "运营方次人已确认，正在终止车次"
    ),
    e.TradeRecalled: Told("trade.recalled", "the trade is undone", "成交已撤销"),
    e.TradeRecallRefused: Told(
        "trade.recall_refused", "a load had begun to move: the trade stands", "车次已启动，成交有效"
    ),
    e.TradeRecallRejected: Told(
        "trade.recall_rejected", "the operator turned it down: the trade stands", "运营方驳回撤销，成交有效"
    ),
    e.TradeRecallWithdrawn: Told(
        "trade.recall_withdrawn", "who asked took the request back: the trade stands", "申请方撤回申请，成交有效"
    ),
    e.TradeRecallExpired: Told(
        "trade.recall_expired", "nobody decided in time: the trade stands", "逾期未决，成交有效"
    ),
    e.MoneyGranted: Told("limit.granted", "the trading limit rose", "交易额度增加"),
    e.MoneyReduced: Told("limit.reduced", "the trading limit fell", "交易额度减少"),
    e.MoneyReductionRefused: Told(
        "limit.reduction_refused", "the trading limit is in use and stayed", "额度占用中，未减少"
    ),
    e.CommitmentReleased: Told("limit.released", "a settled load holds no limit any more", "已结算车次的占用解除"),
    e.CapacitySet: Told("limit.capacity_set", "a capacity was declared", "产能或运力已申报"),
    e.TraderAdmitted: Told("trader.admitted", "the company may trade in these roles", "企业获准交易"),
    e.TraderSuspended: Told("trader.suspended", "the company may not trade for now", "企业被暂停交易"),
    e.TraderReinstated: Told("trader.reinstated", "the company may trade again", "企业恢复交易"),
    e.TraderKilled: Told("trader.killed", "the company's kill switch was pulled", "企业紧急停止开关已启动"),
    e.TraderReleased: Told("trader.released", "the company's kill switch was released", "企业紧急停止开关已解除"),
    e.SelfTradeModeSet: Told("trader.self_trade_mode_set", "self-trade prevention was set", "自成交防范方式已设置"),
    e.OrderRatesSet: Told("trader.order_rates_set", "the rates of orders were set", "下单频率上限已设置"),
    e.DeadManSet: Told("trader.dead_man_set", "the dead-man switch was set or renewed", "失联保护开关已设置或续期"),
    e.ProductListed: Told("product.listed", "a product is listed", "产品上市", public=True),
    e.PhaseChanged: Told("product.phase_changed", "a book is in another phase", "交易阶段变更", public=True),
    e.Uncrossed: Told("product.uncrossed", "an auction ended", "集合竞价结束", public=True),
    e.ReferencePriceSet: Told(
        "product.reference_price_set", "collars and bounds are measured from another price", "参考价已更改", public=True
    ),
    e.ProductClosed: Told("product.closed", "trading in a product ended", "产品停止交易", public=True),
    e.QuoteRequested: Told("quote.requested", "somebody asks for quotes", "有人询价", public=True),
    e.MarketOpened: Told("market.opened", "orders are taken", "市场开市", public=True),
    e.MarketClosed: Told("market.closed", "no orders are taken any more", "市场闭市", public=True),
    e.MarketHalted: Told("market.halted", "only cancels pass", "市场暂停", public=True),
    e.MarketResumed: Told("market.resumed", "the halt is over", "市场恢复", public=True),
}
#: What the market does not hear: who asks for quotes, and which of the operator's people decided.
_WHO = frozenset({"participant_id", "key_id"})
_OF_TRADE = frozenset({"buy_order_id", "sell_order_id", "taker_order_id"})


def make(session: Session, recorded: Sequence[Recorded]) -> Iterator[Notice]:
    """The notices of these events, in order."""
    orders = _orders(session, {number for one in recorded for number in _order_ids(one.event)})
    for one in recorded:
        yield from _notices(one, orders)


BULLETIN = Bulletin(TOLD, make)


def _order_ids(event: Event) -> tuple[int, ...]:
    if isinstance(event, e.Traded):
        return event.buy_order_id, event.sell_order_id
    number: int | None = getattr(event, "order_id", None)
    return () if number is None else (number,)


def _orders(session: Session, ids: set[int]) -> dict[int, Any]:
    """Owner and what never changes of each order."""
    columns = table_of(OrderRow).c
    query = select(columns.id, columns.participant_id, columns.client_order_id, columns.product_id, columns.side).where(
        columns.id.in_(ids)
    )
    return {row.id: row for row in session.connection().execute(query)} if ids else {}


def _notices(one: Recorded, orders: dict[int, Any]) -> Iterator[Notice]:
    event, told = one.event, TOLD[type(one.event)]
    if isinstance(event, e.Traded):
        yield from _of_trade(one, event, orders)
    elif isinstance(event, e.OrderPlaced | e.OrderRejected):
        yield notice(told, one, event.participant_id, _with_terms(event))
    elif _order_ids(event):
        order = orders[_order_ids(event)[0]]
        about = {"client_order_id": order.client_order_id, "product_id": order.product_id, "side": order.side}
        yield notice(told, one, order.participant_id, rendered(event) | about)
    elif isinstance(event, e.RECALL_EVENTS):
        yield from _of_recall(one, event)
    elif told.public:
        yield notice(told, one, "", rendered(event, _WHO))
    else:
        yield notice(told, one, event.participant_id, rendered(event))  # type: ignore[attr-defined]


def _with_terms(event: e.OrderPlaced | e.OrderRejected) -> dict[str, object]:
    """The terms beside the rest. The price of an order that was taken is the one that holds."""
    terms = rendered(event.terms)
    options = event.terms.options
    terms["options"] = {} if options is None else _chosen(rendered(options), rendered(type(options)()))
    data = terms | rendered(event, frozenset({"terms"}))
    if isinstance(event, e.OrderRejected) and event.terms.side == "buy":
        data["shortfall"] = format_money(event.shortfall)
    return data


def _chosen(options: dict[str, object], defaults: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in options.items() if value != defaults[name]}


def _of_trade(one: Recorded, event: e.Traded, orders: dict[int, Any]) -> Iterator[Notice]:
    """Each side reads of its own order, and who stands on the other side of the delivery."""
    shared = rendered(event, _OF_TRADE)
    for side, participant_id, order_id in (
        ("buy", event.buyer_id, event.buy_order_id),
        ("sell", event.seller_id, event.sell_order_id),
    ):
        order = orders[order_id]
        own = {"side": side, "order_id": f"O{order_id}", "client_order_id": order.client_order_id}
        yield notice(TOLD[e.Traded], one, participant_id, shared | own, side)


def _of_recall(one: Recorded, event: Any) -> Iterator[Notice]:
    """Each party reads of its own trades and its own side; which of the operator's keys decided is not its business."""
    shared = rendered(event, frozenset({"trades", "key_id", "recall_id"})) | {"recall_id": f"R{event.recall_id}"}
    for trade in event.trades:
        facts = rendered(trade, _OF_TRADE | {"traded_at"})
        for side, participant_id, order_id in (
            ("buy", trade.buyer_id, trade.buy_order_id),
            ("sell", trade.seller_id, trade.sell_order_id),
        ):
            data = shared | facts | {"side": side, "order_id": f"O{order_id}"}
            yield notice(TOLD[type(event)], one, participant_id, data, f"{side}-T{trade.trade_id}")
