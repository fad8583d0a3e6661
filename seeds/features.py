"""The table of what the day used: a line a feature, and the counts that it shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Feature(NamedTuple):
    """A line of the table: what it is called, and the counts that it shows."""

    en: str
    zh: str
    keys: tuple[str, ...]


FEATURES: tuple[Feature, ...] = (
    Feature("limit orders", "限价单", ("limit_orders",)),
    Feature("market orders, inside their protection", "市价单（价格保护以内）", ("market_orders",)),
    Feature("elected: stops, stop-limits", "触发：止损单、止损限价单", ("stop_elected", "stop_limit_elected")),
    Feature("immediate-or-cancel: orders, rests cancelled", "即时成交剩余撤销：订单、撤销剩余",
            ("ioc_orders", "ioc_cancelled")),
    Feature("fill-or-kill: filled, cancelled", "全部成交否则撤销：成交、撤销", ("fok_filled", "fok_cancelled")),
    Feature("expired: good till a time, session, day", "到期：限时、时段、当日",
            ("gtd_expired", "session_expired", "day_expired")),
    Feature("post-only: placed, refused", "仅挂单：受理、拒绝", ("post_only_placed", "post_only_refused")),
    Feature("minimum quantity: traded, cancelled", "最小成交量：成交、撤销", ("minimum_traded", "minimum_cancelled")),
    Feature("all-or-none, filled whole", "全部成交或等待：整单成交", ("all_or_none_filled",)),
    Feature("icebergs: traded, steps of price", "冰山单：成交、调价次数", ("icebergs_traded", "iceberg_price_steps")),
    Feature("hibernated, activated", "休眠、激活", ("hibernated", "activated")),
    Feature("linked baskets: filled, refused", "组合单：成交、拒绝", ("baskets_filled", "baskets_refused")),
    Feature("groups: taken, refused, parted", "订单组：受理、拒绝、部分受理",
            ("groups_taken", "groups_refused", "batches_parted")),
    Feature("pre-arranged trades", "协议交易", ("pre_arranged_trades",)),
    Feature("requests for quotes, quotes taken", "询价、按报价成交", ("quote_requests", "quotes_taken")),
    Feature("amended: in place, to the end, into a trade, ended", "改单：保留次序、失去次序、成交、终结",
            ("amended_in_place", "amended_to_the_end", "amended_into_trade", "amended_below_executed")),
    Feature("self-trade prevented: newest, oldest, both, decrement",
            "自成交防范所涉订单：撤新、撤旧、双撤、递减",
            ("self_trade_cancel_newest", "self_trade_cancel_oldest", "self_trade_cancel_both", "self_trade_decrement")),
    Feature("cancelled: all at once, dead-man switch, disconnected", "撤单：批量、失联保护开关、断线",
            ("mass_cancelled", "dead_man_cancelled", "disconnected_cancelled")),
    Feature("kill switches: own, operator's, released; orders refused", "紧急停止开关：自行、运营方、解除；拒单",
            ("own_kill_switches", "operator_kill_switches", "kill_switches_released", "refused_by_kill_switch")),
    Feature("market: halted, resumed; orders refused", "全市场：暂停、恢复；拒单",
            ("market_halted", "market_resumed", "refused_by_halt")),
    Feature("recalls of trades: asked for, undone, turned down, withdrawn", "撤回成交：申请、撤销、驳回、撤回申请",
            ("recalls_requested", "trades_recalled", "recalls_rejected", "recalls_withdrawn")),
    Feature("refused: over the rate, outside the collar", "拒单：超速率、超价格限制带",
            ("refused_by_rate", "refused_by_collar")),
    Feature("volatility halts, auctions after them", "波动中断、其后集合撮合",
            ("volatility_halts", "volatility_auctions")),
    Feature("reference prices corrected", "参考价更正", ("references_corrected",)),
    Feature("auctions matched: opening, closing", "集合撮合：开盘、收盘", ("opening_auctions", "closing_auctions")),
    Feature("books that collected by the calendar", "按日历进入集合竞价", ("calendar_phases",)),
    Feature("implied matches of three parties", "三方隐含成交", ("implied_matches",)),
    Feature("orders over the stream", "经推送流下单", ("stream_orders",)),
    Feature("market maker: quotes, trades, fills heard", "做市商：报价、成交、收到成交通知",
            ("maker_quotes", "maker_trades", "maker_fills")),
    Feature("rebuilt from the stream: books, trades, own fills", "由推送流重建：订单簿、成交、自身成交",
            ("stream_books", "stream_trades", "stream_fills")),
    Feature("files: orders imported, rows exported", "文件：导入订单、导出行", ("orders_imported", "rows_exported")),
    Feature("webhook messages with a true signature", "签名有效的 webhook 消息", ("webhook_messages",)),
)  # fmt: skip


def by_feature(counts: Mapping[str, int], compared: Mapping[str, int]) -> dict[str, int]:
    """Every count that the table shows, 0 where there was nothing. ``counts`` are those of the logs; ``compared`` is
    what readers found as it is on record, of which no log tells."""
    together = {**counts, **compared}
    return {key: int(together.get(key, 0)) for feature in FEATURES for key in feature.keys}
