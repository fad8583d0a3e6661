"""From the exchange's rows to what its routes answer."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlmodel import col, or_, select

from exchange.answers import CapacityAnswer, OrderView, OwnTrade, ProductAnswer, PublicTrade
from exchange.errors import shortfall_of
from exchange.model import Leg, OrderOptions, Side, TradeState
from exchange.tables import CapacityRow, ContestedTradeRow, OrderRecallRow, OrderRow, ProductRow, RecallRow, TradeRow
from kernel.clock import to_text
from kernel.quantity import divide_half_even, format_price

OPEN = ("new", "partially_filled", "suspended")
CLOSED = ("closed", "expired")


def product_of(row: ProductRow) -> ProductAnswer:
    """A product, and whether it can be traded."""
    return ProductAnswer.model_validate({
        **row.model_dump(), "product_id": row.id, "nominal_mass": row.nominal_mass_g,
        "maximum_mass": row.maximum_mass_g, "price_tick": row.price_tick_fen, "price_max": row.price_max_fen,
        "reference_price": row.reference_price_fen or None, "phase_until": row.phase_until or None,
        "status": "closed" if row.phase in CLOSED else "open",
    })  # fmt: skip


def trades_with_states() -> Any:
    """Trades with their state, None for those that nobody ever asked back; the number once more is what pages go by."""
    contested = col(ContestedTradeRow.id) == col(TradeRow.id)
    return select(TradeRow, ContestedTradeRow.state, TradeRow.id).join(ContestedTradeRow, contested, isouter=True)


def changed_since(at: int) -> Any:
    """Whether a trade was made, or its recall moved on, at a time or later."""
    moved = col(ContestedTradeRow.recall_id).in_(select(RecallRow.id).where(RecallRow.updated_at >= at))
    return or_(TradeRow.traded_at >= at, moved)


def state_of(text: str | None) -> TradeState:
    """The state of a trade; None for one that nobody ever asked back."""
    return "active" if text is None else msgspec.convert(text, TradeState)


def public_trade_of(row: TradeRow, state: str | None) -> PublicTrade:
    """A trade without its parties."""
    return PublicTrade(
        trade_id=f"T{row.id}",
        product_id=row.product_id,
        price=row.price_fen_per_kg,
        loads=row.loads,
        taker_side=_taker_side(row),
        leg=_leg(row.leg),
        at=row.traded_at,
        recalled=state == "recalled",
    )


def _taker_side(row: TradeRow) -> Side | None:
    # An implied match has two trades, and the order that came may be in one of them only.
    sides: dict[int, Side] = {row.buy_order_id: "buy", row.sell_order_id: "sell"}
    return sides.get(row.taker_order_id)


def _leg(text: str) -> Leg:
    return "hydrogen" if text == "hydrogen" else "haulage" if text == "haulage" else ""


def _own_side(row: TradeRow, participant_id: str) -> tuple[Side | None, str | None]:
    if row.buyer_id == participant_id:
        return "buy", f"O{row.buy_order_id}"
    if row.seller_id == participant_id:
        return "sell", f"O{row.sell_order_id}"
    return None, None


def own_trade_of(row: TradeRow, state: str | None, participant_id: str) -> OwnTrade:
    """A trade as this participant sees it."""
    side, order_id = _own_side(row, participant_id)
    return OwnTrade(
        **public_trade_of(row, state).__dict__,
        side=side,
        order_id=order_id,
        buyer_id=row.buyer_id,
        seller_id=row.seller_id,
        state=state_of(state),
    )


def order_of(row: OrderRow, taken: OrderRecallRow | None) -> OrderView:
    """An order as it stands now, without what recalls took back."""
    recalled = 0 if taken is None else taken.loads
    executed = row.executed_loads - recalled
    price_sum = row.price_sum_fen_per_kg - (0 if taken is None else taken.price_sum_fen_per_kg)
    average = divide_half_even(price_sum, executed) if executed else None
    return OrderView.model_validate({
        **row.model_dump(), "order_id": f"O{row.id}", "price": row.price_fen_per_kg, "average_price": average,
        "open_loads": row.loads - row.executed_loads if row.status in OPEN else 0, "options": _options(row),
        "shortfall": shortfall_of(row.reason, row.shortfall),
        "executed_loads": executed, "recalled_loads": recalled,
        "updated_at": max(row.updated_at, 0 if taken is None else taken.updated_at),
    })  # fmt: skip


def _options(row: OrderRow) -> dict[str, str | int | bool]:
    """Options as the order's body named them."""
    if not row.options:
        return {}
    shown = msgspec.to_builtins(msgspec.json.decode(row.options, type=OrderOptions))
    for inside, outside in (("stop_price_fen_per_kg", "stop_price"), ("clip_price_change_fen", "clip_price_change")):
        if inside in shown:
            shown[outside] = format_price(shown.pop(inside))
    if "expires_at" in shown:
        shown["expires_at"] = to_text(shown["expires_at"])
    return {name: value for name, value in shown.items() if name != "order_type"}


def capacity_of(row: CapacityRow) -> CapacityAnswer:
    """A declared capacity, and what is left of it."""
    return CapacityAnswer.model_validate(
        {**row.model_dump(), "free_loads": row.loads - row.reserved_loads - row.consumed_loads}
    )
