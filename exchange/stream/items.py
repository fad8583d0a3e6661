"""What an event of the log says to the market, and to the companies that it concerns.

The public form names no company. An order's standing is not in the event: whoever asks for items knows it, from the
state in memory or from the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from exchange import events as e
from exchange.errors import shortfall_of
from exchange.model import CapacityLimit, MoneyLimit, Order, OrderRecall, Side
from exchange.stream.base import price_text
from exchange.stream.said_own import (
    AnyOwnItem,
    CapacityItem,
    CapacityPart,
    FillItem,
    LimitsItem,
    MoneyItem,
    OrderItem,
    OwnOrder,
    RecallItem,
    TraderItem,
)
from exchange.stream.said_prints import RecalledItem, TradeItem
from exchange.stream.said_status import (
    AuctionItem,
    ListedItem,
    MarketItem,
    PhaseItem,
    QuoteRequestItem,
    ReferencePriceItem,
    StatusItem,
)
from kernel.clock import to_text
from kernel.messages import Event, Recorded
from kernel.quantity import divide_half_even, format_money


def trade_item(event: e.Traded, at: int, *, recalled: bool = False) -> TradeItem:
    """A trade as everybody sees it."""
    sides: dict[int, Side] = {event.buy_order_id: "buy", event.sell_order_id: "sell"}
    return TradeItem(
        seq=event.trade_id, at=to_text(at), trade_id=f"T{event.trade_id}", product_id=event.product_id,
        price=price_text(event.price_fen_per_kg), loads=event.loads, taker_side=sides.get(event.taker_order_id),
        leg=event.leg, recalled=recalled,
    )  # fmt: skip


def recalled_items(recorded: Recorded, product_id: str = "") -> list[RecalledItem]:
    """The trades that an event undid, of a product or "" for all."""
    event = recorded.event
    if not isinstance(event, e.TradeRecalled):
        return []
    return [
        RecalledItem(
            seq=recorded.seq, at=to_text(recorded.at), trade_id=f"T{trade.trade_id}", product_id=trade.product_id,
            price=price_text(trade.price_fen_per_kg), loads=trade.loads,
        )
        for trade in event.trades
        if product_id in ("", trade.product_id)
    ]  # fmt: skip


# --- status


def _phase(event: e.PhaseChanged, seq: int, at: str) -> StatusItem:
    until = to_text(event.until) if event.until else None
    return PhaseItem(
        seq=seq, at=at, product_id=event.product_id, phase=event.phase, reason=event.reason, until=until
    )  # fmt: skip


def _auction(event: e.Uncrossed, seq: int, at: str) -> StatusItem:
    return AuctionItem(
        seq=seq, at=at, product_id=event.product_id, price=price_text(event.price_fen_per_kg), loads=event.loads,
        surplus_loads=event.surplus_loads,
    )  # fmt: skip


_STATUS: dict[type[Event], Callable[[Any, int, str], StatusItem]] = {
    e.ProductListed: lambda event, seq, at: ListedItem(
        seq=seq, at=at, product_id=event.product_id, phase=event.phase
    ),
    e.ProductClosed: lambda event, seq, at: PhaseItem(
        seq=seq, at=at, product_id=event.product_id, phase="closed", reason="closed"
    ),
    e.PhaseChanged: _phase,
    e.Uncrossed: _auction,
    e.ReferencePriceSet: lambda event, seq, at: ReferencePriceItem(
        seq=seq, at=at, product_id=event.product_id, price=price_text(event.reference_price_fen), reason=event.reason
    ),
    e.MarketOpened: lambda event, seq, at: MarketItem(seq=seq, at=at, change="opened", day=event.day),
    e.MarketClosed: lambda event, seq, at: MarketItem(seq=seq, at=at, change="closed", day=event.day),
    e.MarketHalted: lambda event, seq, at: MarketItem(seq=seq, at=at, change="halted", reason=event.reason),
    e.MarketResumed: lambda _event, seq, at: MarketItem(seq=seq, at=at, change="resumed"),
    e.QuoteRequested: lambda event, seq, at: QuoteRequestItem(
        seq=seq, at=at, product_id=event.product_id, side=event.side, loads=event.loads
    ),
}  # fmt: skip


def status_item(recorded: Recorded) -> StatusItem | None:
    """What an event says of the market or of a product; None for one that says nothing of them."""
    make = _STATUS.get(type(recorded.event))
    return None if make is None else make(recorded.event, recorded.seq, to_text(recorded.at))


def product_of(item: StatusItem) -> str | None:
    """The product that an item is about; None where it is about the whole market."""
    return None if isinstance(item, MarketItem) else item.product_id


# --- own business

Standing = Callable[[int], OwnOrder | None]
Owner = Callable[[int], str | None]
Wanted = Callable[[str], bool]

_CHANGES: dict[type[Event], Any] = {
    e.OrderPlaced: "placed",
    e.OrderRejected: "rejected",
    e.OrderAmended: "amended",
    e.OrderReduced: "reduced",
    e.OrderElected: "elected",
    e.OrderHibernated: "hibernated",
    e.OrderActivated: "activated",
    e.OrderCancelled: "cancelled",
}
_TRADER: dict[type[Event], Any] = {
    e.TraderAdmitted: "admitted",
    e.TraderSuspended: "suspended",
    e.TraderReinstated: "reinstated",
    e.TraderKilled: "killed",
    e.TraderReleased: "released",
    e.SelfTradeModeSet: "self_trade_mode",
    e.OrderRatesSet: "order_rates",
    e.DeadManSet: "dead_man",
}
_RECALLS: dict[type[Event], Any] = {
    e.TradeRecallRequested: "requested",
    e.TradeRecallApproved: "approved",
    e.TradeRecallConfirmed: "recalling",
    e.TradeRecalled: "recalled",
    e.TradeRecallRefused: "refused",
    e.TradeRecallRejected: "rejected",
    e.TradeRecallWithdrawn: "withdrawn",
    e.TradeRecallExpired: "expired",
}
_MONEY: dict[type[Event], Any] = {
    e.MoneyGranted: "granted",
    e.MoneyReduced: "reduced",
    e.MoneyReductionRefused: "reduction_refused",
}


def orders_in(events: Iterable[Event]) -> set[int]:
    """The orders that events are about."""
    found: set[int] = set()
    for event in events:
        if isinstance(event, e.Traded):
            found.add(event.buy_order_id)
            found.add(event.sell_order_id)
        elif type(event) in _CHANGES:
            found.add(event.order_id)  # type: ignore[attr-defined]
    return found


def own_items(recorded: Recorded, wanted: Wanted, owner: Owner, standing: Standing) -> Iterator[AnyOwnItem]:
    """What an event says to those companies that are wanted; their names are in the items.

    ``owner`` gives the company of an order that an event names by its number only, None for one that is not known.
    """
    event, seq = recorded.event, recorded.seq
    kind = type(event)
    if isinstance(event, e.Traded):
        if wanted(event.buyer_id) or wanted(event.seller_id):
            yield from _fills(event, to_text(recorded.at), wanted, standing)
    elif kind in _CHANGES:
        order_id: int = event.order_id  # type: ignore[attr-defined]
        participant_id = getattr(event, "participant_id", None) or owner(order_id)
        if participant_id is not None and wanted(participant_id):
            yield _order_item(event, participant_id, order_id, seq, to_text(recorded.at), standing)
    elif kind in _RECALLS:
        yield from _recall_items(event, seq, to_text(recorded.at), wanted)
    elif kind is not e.QuoteRequested:
        participant_id = getattr(event, "participant_id", None)
        if participant_id is not None and wanted(participant_id):
            yield _standing_item(event, participant_id, seq, to_text(recorded.at))


def _order_item(event: Any, participant_id: str, order_id: int, seq: int, at: str, standing: Standing) -> OrderItem:
    price: str | None = None
    loads: int | None = getattr(event, "loads", None)
    field: str | None = None
    shortfall: str | int | None = None
    if isinstance(event, e.OrderPlaced | e.OrderRejected):
        loads = event.terms.loads
    if isinstance(event, e.OrderPlaced | e.OrderAmended):
        price = price_text(event.price_fen_per_kg)
    elif isinstance(event, e.OrderRejected):
        price = price_text(event.terms.price_fen_per_kg)
        field, shortfall = event.field or None, shortfall_of(event.reason, event.shortfall)
    return OrderItem(
        seq=seq, at=at, participant_id=participant_id, change=_CHANGES[type(event)], order_id=f"O{order_id}",
        order=standing(order_id), price=price, loads=loads, keeps_priority=getattr(event, "keeps_priority", None),
        reason=getattr(event, "reason", None), field=field, shortfall=shortfall,
    )  # fmt: skip


def _fills(event: e.Traded, at: str, wanted: Wanted, standing: Standing) -> Iterator[FillItem]:
    sides: tuple[tuple[Side, str, int, str], ...] = (
        ("buy", event.buyer_id, event.buy_order_id, event.seller_id),
        ("sell", event.seller_id, event.sell_order_id, event.buyer_id),
    )
    for side, participant_id, order_id, counterparty_id in sides:
        if not wanted(participant_id):
            continue
        taker = event.taker_order_id == order_id if event.taker_order_id else None
        yield FillItem(
            seq=event.trade_id, at=at, participant_id=participant_id, trade_id=f"T{event.trade_id}",
            order_id=f"O{order_id}", order=standing(order_id), product_id=event.product_id, side=side,
            price=price_text(event.price_fen_per_kg), loads=event.loads, leg=event.leg, taker=taker,
            counterparty_id=counterparty_id,
        )  # fmt: skip


def _recall_items(event: Any, seq: int, at: str, wanted: Wanted) -> Iterator[RecallItem]:
    """What each party to the trades of a recall hears of its own side."""
    decide_by = getattr(event, "decide_by", 0)
    for trade in event.trades:
        sides: tuple[tuple[Side, str, int, str], ...] = (
            ("buy", trade.buyer_id, trade.buy_order_id, trade.seller_id),
            ("sell", trade.seller_id, trade.sell_order_id, trade.buyer_id),
        )
        for side, participant_id, order_id, counterparty_id in sides:
            if wanted(participant_id):
                yield RecallItem(
                    seq=seq, at=at, participant_id=participant_id, change=_RECALLS[type(event)],
                    recall_id=f"R{event.recall_id}", trade_id=f"T{trade.trade_id}", order_id=f"O{order_id}",
                    product_id=trade.product_id, side=side, price=price_text(trade.price_fen_per_kg),
                    loads=trade.loads, leg=trade.leg, counterparty_id=counterparty_id,
                    reason=getattr(event, "reason", None), requester_id=getattr(event, "requester_id", None),
                    decide_by=to_text(decide_by) if decide_by else None,
                )  # fmt: skip


def _standing_item(event: Any, participant_id: str, seq: int, at: str) -> AnyOwnItem:
    """What changed of a company's limits and rights."""
    kind = type(event)
    if kind in _MONEY:
        shortfall = getattr(event, "shortfall_fen", None)
        return MoneyItem(
            seq=seq, at=at, participant_id=participant_id, change=_MONEY[kind], amount=format_money(event.amount_fen),
            reference=event.reference, shortfall=None if shortfall is None else format_money(shortfall),
        )  # fmt: skip
    if isinstance(event, e.CommitmentReleased):
        return MoneyItem(
            seq=seq, at=at, participant_id=participant_id, change="hold_released",
            amount=format_money(event.committed_fen), spent=format_money(event.spent_fen),
            reference=f"T{event.trade_id}-{event.load_no}",
        )  # fmt: skip
    if isinstance(event, e.CapacitySet):
        return CapacityItem(
            seq=seq, at=at, participant_id=participant_id, commodity=event.commodity,
            window_start=to_text(event.window_start), loads=event.loads,
        )  # fmt: skip
    fires_at = getattr(event, "fires_at", 0)
    return TraderItem(
        seq=seq, at=at, participant_id=participant_id, change=_TRADER[kind],
        roles=list(event.roles) if kind is e.TraderAdmitted else None, self_trade_mode=getattr(event, "mode", None),
        per_10s=getattr(event, "per_10s_max", None), per_hour=getattr(event, "per_hour_max", None),
        per_day=getattr(event, "per_day_max", None), timeout_s=getattr(event, "timeout_s", None),
        fires_at=to_text(fires_at) if fires_at else None,
    )  # fmt: skip


def own_order(order: Order, taken: OrderRecall | None) -> OwnOrder:
    """An order in memory as its owner sees it, without what recalls took back."""
    terms = order.terms
    recalled, price_sum = (0, 0) if taken is None else (taken.loads, taken.price_sum_fen_per_kg)
    status, executed = order.status, order.executed_loads - recalled
    is_open = status in ("new", "partially_filled", "suspended")
    average = divide_half_even(order.price_sum_fen_per_kg - price_sum, executed) if executed else None
    return OwnOrder(
        f"O{order.id}", terms.client_order_id, terms.product_id, terms.side,
        "limit" if terms.options is None else terms.options.order_type, terms.time_in_force,
        price_text(order.price_fen_per_kg), order.loads, executed, order.open_loads if is_open else 0,
        order.shown_loads if is_open and status != "suspended" else 0, recalled,
        None if average is None else price_text(average), status, order.reason, order.field,
        shortfall_of(order.reason, order.shortfall), to_text(order.placed_at), to_text(order.updated_at),
    )  # fmt: skip


def limits_item(
    participant_id: str, money: MoneyLimit, capacities: Iterable[CapacityLimit], seq: int, at: int
) -> LimitsItem:
    """A company's limits as they stand."""
    return LimitsItem(
        seq=seq, at=to_text(at), participant_id=participant_id, granted=format_money(money.granted_fen),
        reserved=format_money(money.reserved_fen), committed=format_money(money.committed_fen),
        free=format_money(money.free()), capacities=[_capacity(one) for one in capacities],
    )  # fmt: skip


def _capacity(one: CapacityLimit) -> CapacityPart:
    return CapacityPart(
        one.commodity, to_text(one.window_start), one.loads, one.reserved_loads, one.consumed_loads, one.free()
    )
