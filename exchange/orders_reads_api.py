"""Routes that read a company's own business: orders, trades, limits; and the one that declares capacity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from sqlmodel import Session, col, or_, select

from exchange import commands
from exchange.answers import LimitsAnswer, NewCapacity, NewCapacityAnswer, OrderView, OwnTrade
from exchange.model import WINDOW_BEHIND_US, Side
from exchange.orders_api import orders_scope
from exchange.parameters import Caller, ClientOrderId, OfProduct, OrderId, Since
from exchange.service import ExchangeService
from exchange.tables import CapacityRow, MoneyRow, OrderRecallRow, OrderRow, TradeRow
from exchange.views import OPEN, capacity_of, changed_since, order_of, own_trade_of, trades_with_states
from kernel.auth import Principal
from kernel.edge import PAGE_MAX, Page
from kernel.errors import NotFound
from kernel.exports import Listed, listed
from kernel.ids import number_of
from kernel.openapi import problems
from kernel.service import reading
from kernel.tables import IdempotencyRow

#: One of `exchange.model.OrderStatus`, or all that are open or done. Written out: of a union each part would complain.
Status = Literal["open", "done", "new", "partially_filled", "filled", "cancelled", "expired", "rejected", "suspended"]


def business_routes(service: ExchangeService) -> APIRouter:
    """What a company has in the market."""
    routes = APIRouter(tags=["orders"])
    reads = reading(service)

    @routes.get(
        "/v1/orders", response_model=Page[OrderView], responses=listed(401, 403, 422, 429), operation_id="listOrders"
    )
    def orders(
        call: Caller, part: Listed, session: Session = reads,
        status: Annotated[
            Status | None, Query(description="One status; `open` for new, partially filled and suspended; `done`.")
        ] = None,
        side: Side | None = None, product_id: OfProduct = None, client_order_id: ClientOrderId = None,
        since: Since = None,
    ) -> object:  # fmt: skip
        """The caller's orders with their average price, newest first; every order for the operator and auditors.
        Scope: read."""
        principal = call.require("read")
        query = _with_recalls()
        if not principal.sees_all:
            query = query.where(OrderRow.participant_id == principal.participant_id)
        if client_order_id is not None:
            query = query.where(col(OrderRow.id).in_(_by_client_id(session, principal.participant_id, client_order_id)))
        for column, wanted in ((OrderRow.product_id, product_id), (OrderRow.side, side)):
            if wanted is not None:
                query = query.where(column == wanted)
        if status in ("open", "done"):
            is_open = col(OrderRow.status).in_(OPEN)
            query = query.where(is_open if status == "open" else ~is_open)
        elif status is not None:
            query = query.where(OrderRow.status == status)
        if since is not None:
            query = query.where(or_(OrderRow.updated_at >= since, OrderRecallRow.updated_at >= since))
        return part.page(session, query, col(OrderRow.id), lambda one: order_of(one[0], one[1]), OrderView, "orders")

    @routes.get("/v1/orders/{order_id}", responses=problems(401, 403, 404, 422, 429), operation_id="getOrder")
    def order(order_id: OrderId, call: Caller, session: Session = reads) -> OrderView:
        """One order. Scope: read."""
        row = _own_order(session, order_id, call.require("read"))
        return order_of(row, session.get(OrderRecallRow, row.id))

    @routes.get(
        "/v1/orders/{order_id}/trades",
        response_model=Page[OwnTrade],
        responses=listed(401, 403, 404, 422, 429),
        operation_id="listTradesOfOrder",
    )
    def trades_of_order(order_id: OrderId, call: Caller, part: Listed, session: Session = reads) -> object:
        """The trades of one order, newest first. Scope: read."""
        principal = call.require("read")
        row = _own_order(session, order_id, principal)
        # A trade comes after the order that it fills and not after what changed the order last: the index of its
        # owner's trades finds it there.
        query = trades_with_states().where(col(TradeRow.id).between(row.id, row.event_seq))
        if row.side == "buy":
            query = query.where(TradeRow.buyer_id == row.participant_id, TradeRow.buy_order_id == row.id)
        else:
            query = query.where(TradeRow.seller_id == row.participant_id, TradeRow.sell_order_id == row.id)
        return part.page(
            session, query, col(TradeRow.id),
            lambda one: own_trade_of(one[0], one[1], principal.participant_id), OwnTrade, f"trades-{order_id}",
        )  # fmt: skip

    @routes.get(
        "/v1/trades", response_model=Page[OwnTrade], responses=listed(401, 403, 422, 429), operation_id="listOwnTrades"
    )
    def trades(
        call: Caller, part: Listed, product_id: OfProduct = None, since: Since = None,
        session: Session = reads,
    ) -> object:  # fmt: skip
        """The caller's trades, newest first; every trade for the operator and auditors. Scope: read."""
        principal = call.require("read")
        query = trades_with_states()
        if not principal.sees_all:
            own = principal.participant_id
            query = query.where(or_(TradeRow.buyer_id == own, TradeRow.seller_id == own))
        if product_id is not None:
            query = query.where(TradeRow.product_id == product_id)
        if since is not None:
            query = query.where(changed_since(since))
        return part.page(
            session, query, col(TradeRow.id),
            lambda one: own_trade_of(one[0], one[1], principal.participant_id), OwnTrade, "trades",
        )  # fmt: skip

    @routes.put(
        "/v1/capacities", responses=problems(401, 403, 404, 409, 413, 422, 429, 503), operation_id="setCapacity"
    )
    async def set_capacity(body: NewCapacity, call: Caller) -> NewCapacityAnswer:
        """Declares the loads of the caller's company for a window that begins within 400 days, or began at most 35 days
        ago; never below what is reserved or traded. Scope: trade."""
        principal = call.require("trade")
        command = commands.SetCapacity(principal.participant_id, body.commodity, body.window_start, body.loads)
        await service.execute(call, command, "PUT /v1/capacities")
        return NewCapacityAnswer(commodity=body.commodity, window_start=body.window_start, loads=body.loads)

    @routes.get("/v1/limits", responses=problems(401, 403, 422, 429), operation_id="getLimits")
    def limits(call: Caller, session: Session = reads) -> LimitsAnswer:
        """The caller's money on the exchange, and its capacities of windows that began at most 35 days ago. Scope:
        read."""
        principal = call.require("read")
        money = session.get(MoneyRow, principal.participant_id)
        granted, reserved, committed = (
            (money.granted_fen, money.reserved_fen, money.committed_fen) if money else (0, 0, 0)
        )
        rows: Sequence[CapacityRow] = session.exec(
            select(CapacityRow)
            .where(CapacityRow.participant_id == principal.participant_id)
            .where(CapacityRow.window_start > service.clock.now_us() - WINDOW_BEHIND_US)
            .order_by(col(CapacityRow.window_start).desc())
            .limit(PAGE_MAX)
        ).all()
        return LimitsAnswer(
            participant_id=principal.participant_id,
            granted=granted,
            reserved=reserved,
            committed=committed,
            free=granted - reserved - committed,
            capacities=[capacity_of(row) for row in rows],
        )

    return routes


def _own_order(session: Session, order_id: str, principal: Principal) -> OrderRow:
    """An order that is the caller's to see. Raises NotFound."""
    row = session.get(OrderRow, number_of(order_id, "O", "order"))
    if row is None or not (principal.sees_all or row.participant_id == principal.participant_id):
        raise NotFound(field="order_id", kind="order", id=order_id)
    return row


def _by_client_id(session: Session, participant_id: str, client_order_id: str) -> list[int]:
    """The number of the order that a company sent under an id. What a group did begins with its first order."""
    key = session.get(IdempotencyRow, ("exchange", orders_scope(participant_id), client_order_id))
    if key is None:
        return []
    query = select(OrderRow.id).where(
        OrderRow.participant_id == participant_id,
        OrderRow.client_order_id == client_order_id,
        col(OrderRow.id).between(key.first_seq, key.first_seq + key.events - 1),
    )
    return list(session.exec(query).all())


def _with_recalls() -> Any:
    """Orders with what recalls took back of them, None for nearly all; the number once more is what pages go by."""
    taken = col(OrderRecallRow.id) == col(OrderRow.id)
    return select(OrderRow, OrderRecallRow, OrderRow.id).join(OrderRecallRow, taken, isouter=True)
