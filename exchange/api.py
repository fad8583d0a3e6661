"""Routes of the exchange that go through the framework: products, books, limits, and every read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Depends, FastAPI, Header, Path, Query
from sqlmodel import Session, col, or_, select

from exchange import commands
from exchange.answers import (
    BookAnswer,
    CapacityAnswer,
    LevelAnswer,
    LimitsAnswer,
    MarketAnswer,
    NewCapacity,
    NewCapacityAnswer,
    NewProduct,
    OrderView,
    OwnTrade,
    ProductAnswer,
    PublicTrade,
)
from exchange.errors import ProductNotFound, TermsInvalid
from exchange.model import Leg, OrderOptions, ProductKind, ProductStatus, Side
from exchange.orders_api import OrderRoutes, orders_scope
from exchange.orders_openapi import openapi_paths, openapi_schemas
from exchange.service import LEVELS_MAX, ExchangeService
from exchange.tables import CapacityRow, MarketRow, MoneyRow, OrderRow, ProductRow, TradeRow
from kernel.clock import to_text
from kernel.edge import (
    CURSOR_SCHEMA,
    PAGE_DEFAULT,
    PAGE_MAX,
    Page,
)
from kernel.errors import NotFound
from kernel.http import KEY_PATTERN, ASGIApp, ASGIScope, Call, Receive, Send
from kernel.ids import number_of
from kernel.openapi import problems
from kernel.quantity import divide_half_even, format_price
from kernel.service import caller, fetch_page, reading
from kernel.tables import IdempotencyRow

ProductId = Annotated[str, Path(pattern=r"^[A-Z0-9-]{1,80}$", examples=["EXW-QINGXU-TUBE20-20260303A"])]
OrderId = Annotated[str, Path(pattern=r"^O[1-9][0-9]{0,17}$", examples=["O12"])]
Cursor = Annotated[str | None, Query(max_length=200, json_schema_extra=CURSOR_SCHEMA)]
ClientOrderId = Annotated[
    str | None, Query(max_length=64, description="Finds the order that was sent under this id, whatever became of it.")
]
Limit = Annotated[int, Query(ge=1, le=PAGE_MAX)]
IdempotencyKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", pattern=KEY_PATTERN, description="Sent twice, the request takes effect once."),
]
Caller = Annotated[Call, Depends(caller)]

_OPEN = ("new", "partially_filled", "suspended")
_CLOSED = ("closed", "expired")


def _product(row: ProductRow) -> ProductAnswer:
    return ProductAnswer.model_validate({
        **row.model_dump(), "product_id": row.id, "nominal_mass": row.nominal_mass_g,
        "maximum_mass": row.maximum_mass_g, "price_tick": row.price_tick_fen, "price_max": row.price_max_fen,
        "reference_price": row.reference_price_fen or None, "phase_until": row.phase_until or None,
        "status": "closed" if row.phase in _CLOSED else "open",
    })  # fmt: skip


def _public_trade(row: TradeRow) -> PublicTrade:
    return PublicTrade(
        trade_id=f"T{row.id}",
        product_id=row.product_id,
        price=row.price_fen_per_kg,
        loads=row.loads,
        taker_side=_taker_side(row),
        leg=_leg(row.leg),
        at=row.traded_at,
    )


def _taker_side(row: TradeRow) -> Side | None:
    if not row.taker_order_id:
        return None
    return "sell" if row.taker_order_id == row.sell_order_id else "buy"


def _leg(text: str) -> Leg:
    return "hydrogen" if text == "hydrogen" else "haulage" if text == "haulage" else ""


def _own_side(row: TradeRow, participant_id: str) -> tuple[Side | None, str | None]:
    if row.buyer_id == participant_id:
        return "buy", f"O{row.buy_order_id}"
    if row.seller_id == participant_id:
        return "sell", f"O{row.sell_order_id}"
    return None, None


def _own_trade(row: TradeRow, participant_id: str) -> OwnTrade:
    side, order_id = _own_side(row, participant_id)
    return OwnTrade(
        **_public_trade(row).__dict__,
        side=side,
        order_id=order_id,
        buyer_id=row.buyer_id,
        seller_id=row.seller_id,
    )


def _order(row: OrderRow) -> OrderView:
    average = divide_half_even(row.price_sum_fen_per_kg, row.executed_loads) if row.executed_loads else None
    return OrderView.model_validate({
        **row.model_dump(), "order_id": f"O{row.id}", "price": row.price_fen_per_kg, "average_price": average,
        "open_loads": row.loads - row.executed_loads if row.status in _OPEN else 0, "options": _options(row),
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


def _capacity(row: CapacityRow) -> CapacityAnswer:
    return CapacityAnswer.model_validate(
        {**row.model_dump(), "free_loads": row.loads - row.reserved_loads - row.consumed_loads}
    )


def mount(app: FastAPI, service: ExchangeService) -> None:
    """Adds the exchange's routes."""
    app.router.routes.insert(0, OrderRoutes(service))
    app.include_router(_market_routes(service))
    app.include_router(_own_routes(service))


def ahead_of(app: ASGIApp, orders: OrderRoutes) -> ASGIApp:
    """An application that answers orders itself and hands on everything else: what stands in between costs an order
    more than its way through the book."""

    async def dispatch(scope: ASGIScope, receive: Receive, send: Send) -> None:
        if orders.takes(scope):
            scope["route"] = orders
            await orders.handle(scope, receive, send)
        else:
            await app(scope, receive, send)

    return dispatch


def _market_routes(service: ExchangeService) -> APIRouter:
    routes = APIRouter(tags=["market"])
    reads = reading(service)

    @routes.get("/v1/market", responses=problems(401, 403, 429), operation_id="getMarket")
    def market(call: Caller, session: Session = reads) -> MarketAnswer:
        """Whether the market is open. Scope: read."""
        call.require("read")
        row = session.get(MarketRow, "market")
        return MarketAnswer(
            is_open=bool(row and row.is_open), halted=bool(row and row.halted), day=row.day if row else "",
            now=service.clock.now_us(),
        )  # fmt: skip

    @routes.post(
        "/v1/products",
        status_code=201,
        responses=problems(401, 403, 409, 413, 422, 429, 503),
        operation_id="listProduct",
    )
    async def list_product(body: NewProduct, call: Caller, idempotency_key: IdempotencyKey = None) -> ProductAnswer:
        """Opens trading in a product; the same terms again change nothing. Scope: operate."""
        call.require("operate")
        command = commands.ListProduct(
            body.product_id, body.kind, body.hub, body.destination_hub, body.container_class, body.grade,
            body.nominal_mass, body.maximum_mass,
            body.window_start, body.window_end, body.price_tick, body.price_max, body.loads_max, body.collar_bps,
            body.volatility_bps, body.protection_bps, body.auction_s, body.reference_price or 0, body.phase,
        )  # fmt: skip
        try:
            await service.execute(call, command, "POST /v1/products")
        except TermsInvalid as error:
            field = str(error.field).removesuffix("_g").removesuffix("_fen")  # as the caller wrote it
            raise TermsInvalid(field=field, term=field) from error
        return await listed(service, body)

    @routes.get("/v1/products", responses=problems(401, 403, 422, 429), operation_id="listProducts")
    def products(
        call: Caller, session: Session = reads, kind: ProductKind | None = None,
        hub: Annotated[str | None, Query(max_length=24)] = None, status: ProductStatus | None = None,
        cursor: Cursor = None, limit: Limit = PAGE_DEFAULT,
    ) -> Page[ProductAnswer]:  # fmt: skip
        """Products by their id. Scope: read."""
        call.require("read")
        query = select(ProductRow)
        for column, wanted in ((ProductRow.kind, kind), (ProductRow.hub, hub)):
            if wanted is not None:
                query = query.where(column == wanted)
        if status is not None:
            closed = col(ProductRow.phase).in_(_CLOSED)
            query = query.where(closed if status == "closed" else ~closed)
        return fetch_page(
            session, query, col(ProductRow.id), cursor, limit, _product, numeric=False, newest_first=False
        )

    @routes.get("/v1/products/{product_id}", responses=problems(401, 403, 404, 422, 429), operation_id="getProduct")
    def product(product_id: ProductId, call: Caller, session: Session = reads) -> ProductAnswer:
        """One product. Scope: read."""
        call.require("read")
        row = session.get(ProductRow, product_id)
        if row is None:
            raise ProductNotFound(field="product_id", product_id=product_id)
        return _product(row)

    @routes.get(
        "/v1/products/{product_id}/book", responses=problems(401, 403, 404, 422, 429, 503), operation_id="getBook"
    )
    async def book(
        product_id: ProductId, call: Caller, levels: Annotated[int, Query(ge=1, le=LEVELS_MAX)] = 10
    ) -> BookAnswer:
        """The best levels of a product's book. Scope: read."""
        call.require("read")
        depth = await service.depth(product_id, levels)
        bids, asks = (
            [LevelAnswer(price=price, loads=loads, orders=orders) for price, loads, orders in side]
            for side in (depth.bids, depth.asks)
        )
        return BookAnswer(product_id=product_id, seq=depth.seq, bids=bids, asks=asks)

    @routes.get(
        "/v1/products/{product_id}/trades", responses=problems(401, 403, 404, 422, 429), operation_id="listPublicTrades"
    )
    def public_trades(
        product_id: ProductId,
        call: Caller,
        session: Session = reads,
        cursor: Cursor = None,
        limit: Limit = PAGE_DEFAULT,
    ) -> Page[PublicTrade]:
        """The trades of a product without their parties, newest first. Scope: read."""
        call.require("read")
        if session.get(ProductRow, product_id) is None:
            raise ProductNotFound(field="product_id", product_id=product_id)
        query = select(TradeRow).where(TradeRow.product_id == product_id)
        return fetch_page(session, query, col(TradeRow.id), cursor, limit, _public_trade)

    return routes


def _own_routes(service: ExchangeService) -> APIRouter:
    routes = APIRouter(tags=["orders"])
    reads = reading(service)

    @routes.get("/v1/orders", responses=problems(401, 403, 422, 429), operation_id="listOrders")
    def orders(
        call: Caller, session: Session = reads,
        status: Annotated[Literal["open", "done"] | None, Query()] = None,
        product_id: Annotated[str | None, Query(max_length=80)] = None,
        client_order_id: ClientOrderId = None,
        cursor: Cursor = None, limit: Limit = PAGE_DEFAULT,
    ) -> Page[OrderView]:  # fmt: skip
        """The caller's orders, newest first; every order for the operator and auditors. Scope: read."""
        principal = call.require("read")
        query = select(OrderRow)
        if not principal.sees_all:
            query = query.where(OrderRow.participant_id == principal.participant_id)
        if client_order_id is not None:
            query = query.where(col(OrderRow.id).in_(_by_client_id(session, principal.participant_id, client_order_id)))
        if product_id is not None:
            query = query.where(OrderRow.product_id == product_id)
        if status is not None:
            is_open = col(OrderRow.status).in_(_OPEN)
            query = query.where(is_open if status == "open" else ~is_open)
        return fetch_page(session, query, col(OrderRow.id), cursor, limit, _order)

    @routes.get("/v1/orders/{order_id}", responses=problems(401, 403, 404, 422, 429), operation_id="getOrder")
    def order(order_id: OrderId, call: Caller, session: Session = reads) -> OrderView:
        """One order. Scope: read."""
        principal = call.require("read")
        row = session.get(OrderRow, number_of(order_id, "O", "order"))
        if row is None or not (principal.sees_all or row.participant_id == principal.participant_id):
            raise NotFound(field="order_id", kind="order", id=order_id)
        return _order(row)

    @routes.get("/v1/trades", responses=problems(401, 403, 422, 429), operation_id="listOwnTrades")
    def trades(
        call: Caller,
        session: Session = reads,
        product_id: Annotated[str | None, Query(max_length=80)] = None,
        cursor: Cursor = None,
        limit: Limit = PAGE_DEFAULT,
    ) -> Page[OwnTrade]:
        """The caller's trades, newest first; every trade for the operator and auditors. Scope: read."""
        principal = call.require("read")
        query = select(TradeRow)
        if not principal.sees_all:
            own = principal.participant_id
            query = query.where(or_(TradeRow.buyer_id == own, TradeRow.seller_id == own))
        if product_id is not None:
            query = query.where(TradeRow.product_id == product_id)
        return fetch_page(
            session, query, col(TradeRow.id), cursor, limit, lambda row: _own_trade(row, principal.participant_id)
        )

    @routes.put(
        "/v1/capacities", responses=problems(401, 403, 404, 409, 413, 422, 429, 503), operation_id="setCapacity"
    )
    async def set_capacity(body: NewCapacity, call: Caller) -> NewCapacityAnswer:
        """Declares the loads of the caller's company for a window; never below what is reserved or traded. Scope:
        trade."""
        principal = call.require("trade")
        command = commands.SetCapacity(principal.participant_id, body.commodity, body.window_start, body.loads)
        await service.execute(call, command, "PUT /v1/capacities")
        return NewCapacityAnswer(commodity=body.commodity, window_start=body.window_start, loads=body.loads)

    @routes.get("/v1/limits", responses=problems(401, 403, 422, 429), operation_id="getLimits")
    def limits(call: Caller, session: Session = reads) -> LimitsAnswer:
        """The caller's money on the exchange and its capacities. Scope: read."""
        principal = call.require("read")
        money = session.get(MoneyRow, principal.participant_id)
        granted, reserved, committed = (
            (money.granted_fen, money.reserved_fen, money.committed_fen) if money else (0, 0, 0)
        )
        rows: Sequence[CapacityRow] = session.exec(
            select(CapacityRow)
            .where(CapacityRow.participant_id == principal.participant_id)
            .order_by(col(CapacityRow.window_start).desc())
            .limit(PAGE_MAX)
        ).all()
        return LimitsAnswer(
            participant_id=principal.participant_id,
            granted=granted,
            reserved=reserved,
            committed=committed,
            free=granted - reserved - committed,
            capacities=[_capacity(row) for row in rows],
        )

    return routes


async def listed(service: ExchangeService, body: NewProduct) -> ProductAnswer:
    """A product that was just listed, or was before, as it stands."""
    product = await service.product(body.product_id)
    return ProductAnswer.model_validate({
        **body.model_dump(), "reference_price": product.reference_price_fen or None, "phase": product.phase,
        "phase_until": product.phase_until or None, "status": product.status,
    })  # fmt: skip


def _by_client_id(session: Session, participant_id: str, client_order_id: str) -> list[int]:
    row = session.get(IdempotencyRow, ("exchange", orders_scope(participant_id), client_order_id))
    return [row.first_seq] if row else []


__all__ = ["mount", "openapi_paths", "openapi_schemas"]
