"""The counts of what the day used, a second time: by SQL over the rows and events that it left on SQLite.

What the scenes alone decide stands here as it must be; what the day's agents have a part in is counted again.
"""
# ruff: noqa: S608 -- every word of a query is from here

from __future__ import annotations

#: Features that only scenes use: as often as the script of the day does.
PLAYED = {
    "amended_below_executed": 1,
    "amended_in_place": 1,
    "baskets_filled": 1,
    "baskets_refused": 1,
    "batches_parted": 1,
    "groups_refused": 1,
    "groups_taken": 1,
    "quotes_taken": 1,
    "self_trade_cancel_both": 2,
    "self_trade_cancel_newest": 1,
    "self_trade_cancel_oldest": 1,
    "recalls_rejected": 1,
    "recalls_requested": 3,
    "recalls_withdrawn": 1,
    "self_trade_decrement": 2,
    "trades_recalled": 1,
    "volatility_auctions": 1,
}

_TAKEN = "SELECT count(*) FROM exchange_orders WHERE status <> 'rejected' AND "
_ROWS = "SELECT count(*) FROM exchange_orders WHERE "
_TOLD = "SELECT count(*) FROM exchange_events WHERE "


def option(name: str) -> str:
    """The SQL of an option of an order, NULL where it has none."""
    return f"CASE options WHEN '' THEN NULL ELSE json_extract(options, '$.{name}') END"


def said(name: str) -> str:
    """The SQL of a field of an event."""
    return f"json_extract(payload, '$.{name}')"


_MAKER = "(SELECT id FROM exchange_orders WHERE client_order_id LIKE '%/quote/%')"
_STREAM_KEYS = "(SELECT id FROM participants_keys WHERE label LIKE '%over the stream')"
_REJECTED = {
    "post_only_refused": "post_only_would_trade",
    "refused_by_kill_switch": "kill_switch",
    "refused_by_halt": "market_halted",
    "refused_by_rate": "order_rate_exceeded",
    "refused_by_collar": "price_outside_collar",
}
_CANCELLED = {
    "ioc_cancelled": "ioc",
    "fok_cancelled": "fok",
    "minimum_cancelled": "minimum",
    "mass_cancelled": "mass_cancel",
    "dead_man_cancelled": "dead_man",
    "disconnected_cancelled": "disconnected",
}
_EVENTS = {
    "hibernated": "OrderHibernated",
    "activated": "OrderActivated",
    "quote_requests": "QuoteRequested",
    "market_halted": "MarketHalted",
    "market_resumed": "MarketResumed",
    "kill_switches_released": "TraderReleased",
}
_OPENED = "(SELECT at FROM exchange_events WHERE type = 'MarketOpened')"

RECOUNTS: dict[str, str] = {
    "limit_orders": _TAKEN + "order_type = 'limit'",
    "market_orders": _TAKEN + "order_type = 'market'",
    "stop_elected": _ROWS + "order_type = 'stop' AND elected",
    "stop_limit_elected": _ROWS + "order_type = 'stop_limit' AND elected",
    "ioc_orders": _TAKEN + "time_in_force = 'ioc'",
    "fok_filled": _ROWS + "time_in_force = 'fok' AND status = 'filled' AND product_id NOT LIKE 'HAUL%' AND "
    "client_order_id NOT IN (SELECT key FROM kernel_idempotency AS one WHERE room = 'exchange' AND EXISTS ("
    "SELECT 1 FROM kernel_idempotency AS two WHERE two.room = 'exchange' AND two.first_seq = one.first_seq "
    "AND two.events = one.events AND two.key <> one.key))",
    **{
        f"{time}_expired": _ROWS + f"time_in_force = '{time}' AND status = 'expired'"
        for time in ("gtd", "session", "day")
    },
    "post_only_placed": _TAKEN + f"{option('post_only')}",
    "minimum_traded": _TAKEN + f"{option('minimum_loads')} > 0 AND executed_loads > 0",
    "all_or_none_filled": _ROWS + f"{option('all_or_none')} AND status = 'filled'",
    "icebergs_traded": _ROWS + f"{option('display_loads')} > 0 AND executed_loads > 0",
    "iceberg_price_steps": "SELECT sum(prices) FROM (SELECT count(DISTINCT trade.price_fen_per_kg) - 1 AS prices FROM "
    f"exchange_trades AS trade JOIN exchange_orders AS ice ON ice.id IN (buy_order_id, sell_order_id) WHERE "
    f"{option('display_loads')} > 0 GROUP BY ice.id)",
    "pre_arranged_trades": "SELECT count(*) FROM exchange_trades WHERE buy_order_id IN "
    f"(SELECT id FROM exchange_orders WHERE {option('agreement')} <> '')",
    "amended_to_the_end": _TOLD + f"type = 'OrderAmended' AND NOT {said('keeps_priority')}",
    "amended_into_trade": "SELECT count(DISTINCT amended.seq) FROM exchange_events AS amended JOIN exchange_trades AS "
    "trade ON trade.taker_order_id = json_extract(amended.payload, '$.order_id') AND trade.id > amended.seq WHERE "
    "amended.type = 'OrderAmended' AND NOT EXISTS (SELECT 1 FROM exchange_events AS between_them WHERE "
    "between_them.seq > amended.seq AND between_them.seq < trade.id AND between_them.type IN "
    "('OrderPlaced', 'OrderAmended'))",
    **{feature: _ROWS + f"status = 'rejected' AND reason = '{reason}'" for feature, reason in _REJECTED.items()},
    **{
        feature: _TOLD + f"type = 'OrderCancelled' AND {said('reason')} = '{reason}'"
        for feature, reason in _CANCELLED.items()
    },
    **{feature: _TOLD + f"type = '{kind}'" for feature, kind in _EVENTS.items()},
    "own_kill_switches": _TOLD + f"type = 'TraderKilled' AND NOT {said('by_operator')}",
    "operator_kill_switches": _TOLD + f"type = 'TraderKilled' AND {said('by_operator')}",
    "volatility_halts": _TOLD + f"type = 'PhaseChanged' AND {said('reason')} = 'volatility'",
    "references_corrected": _TOLD + f"type = 'ReferencePriceSet' AND {said('participant_id')} <> ''",
    "calendar_phases": _TOLD + f"type = 'PhaseChanged' AND {said('reason')} = 'calendar'",
    "opening_auctions": _TOLD + f"type = 'Uncrossed' AND at = (SELECT min(at) FROM {_OPENED}) + 600000000",
    "closing_auctions": _TOLD + "type = 'Uncrossed' AND at = "
    "(SELECT min(at) FROM exchange_events WHERE type = 'MarketClosed')",
    "implied_matches": "SELECT count(*) FROM exchange_trades WHERE leg = 'hydrogen'",
    "stream_orders": _TAKEN + f"key_id IN {_STREAM_KEYS}",
    "maker_quotes": f"SELECT count(*) FROM {_MAKER}",
    "maker_trades": f"SELECT count(*) FROM exchange_trades WHERE buy_order_id IN {_MAKER} OR sell_order_id IN {_MAKER}",
    "orders_imported": _TAKEN + "client_order_id LIKE '%/file/%'",
    # What readers found: every trade, those of the station and of the plant, and the tables of two stations.
    "stream_trades": "SELECT count(*) FROM exchange_trades",
    "stream_fills": "SELECT count(*) FROM exchange_trades WHERE buyer_id = (SELECT id FROM participants_companies "
    "WHERE name LIKE 'Paulownia Court%')",
    "webhook_messages": "SELECT count(DISTINCT message_id) FROM participants_webhook_attempts WHERE delivered",
    "maker_fills": f"SELECT count(*) FROM exchange_trades WHERE buy_order_id IN {_MAKER} OR sell_order_id IN {_MAKER}",
    "rows_exported": "SELECT count(*) FROM exchange_orders WHERE placed_at <= (SELECT min(at) FROM exchange_events "
    "WHERE type = 'MarketClosed') AND participant_id IN (SELECT id FROM participants_companies WHERE name LIKE "
    "'Paulownia Court%' OR name LIKE 'Rushmoon%')",
}
