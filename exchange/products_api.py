"""Routes of products: their listing and phases, books, public trades and candles."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from sqlmodel import Session, col, select

from exchange import commands
from exchange.answers import (
    BookAnswer,
    CandleAnswer,
    ImpliedAnswer,
    IndicativeAnswer,
    LevelAnswer,
    NewProduct,
    PhaseChange,
    ProductAnswer,
    PublicTrade,
    ReferencePrice,
)
from exchange.candles import INTERVAL_US, Interval, candles_of
from exchange.errors import ProductNotFound, TermsInvalid
from exchange.model import Product, ProductKind, ProductStatus, Side
from exchange.parameters import Caller, IdempotencyKey, ProductId, Since
from exchange.service import LEVELS_MAX, Depth, ExchangeService
from exchange.tables import ProductRow, TradeRow
from exchange.views import CLOSED, changed_since, product_of, public_trade_of, trades_with_states
from kernel.edge import Page
from kernel.exports import Listed, listed
from kernel.messages import Command
from kernel.openapi import problems
from kernel.service import reading


def product_routes(service: ExchangeService) -> APIRouter:
    """What is traded, and how."""
    routes = APIRouter(tags=["market"])
    reads = reading(service)

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
        return _as_it_stands(await service.product(body.product_id))

    @routes.get(
        "/v1/products",
        response_model=Page[ProductAnswer],
        responses=listed(401, 403, 422, 429),
        operation_id="listProducts",
    )
    def products(
        call: Caller, part: Listed, session: Session = reads, kind: ProductKind | None = None,
        hub: Annotated[str | None, Query(max_length=24)] = None, status: ProductStatus | None = None,
    ) -> object:  # fmt: skip
        """Products by their id. Scope: read."""
        call.require("read")
        query = select(ProductRow)
        for column, wanted in ((ProductRow.kind, kind), (ProductRow.hub, hub)):
            if wanted is not None:
                query = query.where(column == wanted)
        if status is not None:
            closed = col(ProductRow.phase).in_(CLOSED)
            query = query.where(closed if status == "closed" else ~closed)
        return part.page(
            session, query, col(ProductRow.id), product_of, ProductAnswer, "products", numeric=False, newest_first=False
        )

    @routes.get("/v1/products/{product_id}", responses=problems(401, 403, 404, 422, 429), operation_id="getProduct")
    def product(product_id: ProductId, call: Caller, session: Session = reads) -> ProductAnswer:
        """One product. Scope: read."""
        call.require("read")
        return product_of(_known(session, product_id))

    @routes.post(
        "/v1/products/{product_id}/phase",
        responses=problems(401, 403, 404, 409, 413, 422, 429, 503),
        operation_id="changePhase",
    )
    async def change_phase(
        product_id: ProductId, body: PhaseChange, call: Caller, idempotency_key: IdempotencyKey = None
    ) -> ProductAnswer:
        """Moves a product to another phase; answers the product as it then stands. Closing it cancels its orders.
        Scope: operate."""
        call.require("operate")
        command: Command = commands.ChangePhase(product_id, body.phase, body.reason, body.until or 0)
        if body.phase == "closed" and body.until is None:
            command = commands.CloseProduct(product_id)
        try:
            await service.execute(call, command, f"POST /v1/products/{product_id}/phase")
        except ProductNotFound as error:
            raise ProductNotFound(field="product_id", product_id=product_id) from error
        return _as_it_stands(await service.product(product_id))

    @routes.put(
        "/v1/products/{product_id}/reference-price",
        responses=problems(401, 403, 404, 409, 413, 422, 429, 503),
        operation_id="setReferencePrice",
    )
    async def set_reference_price(
        product_id: ProductId, body: ReferencePrice, call: Caller, idempotency_key: IdempotencyKey = None
    ) -> ProductAnswer:
        """Corrects the price that collars and volatility bounds are measured from; answers the product as it then
        stands. The product must not be trading: halt it first, or while the market is closed or halted. Orders that
        rest stay where they are; what is asked of them next must keep the new collar. Scope: operate."""
        principal = call.require("operate")
        command = commands.SetReferencePrice(
            product_id, body.reference_price, body.reason, principal.participant_id, principal.key_id
        )
        await service.execute(call, command, f"PUT /v1/products/{product_id}/reference-price")
        return _as_it_stands(await service.product(product_id))

    @routes.get(
        "/v1/products/{product_id}/book", responses=problems(401, 403, 404, 422, 429, 503), operation_id="getBook"
    )
    async def book(
        product_id: ProductId, call: Caller, levels: Annotated[int, Query(ge=1, le=LEVELS_MAX)] = 10
    ) -> BookAnswer:
        """The best levels of a product's book, the best price that other books imply, and in an auction what it would
        trade now. Scope: read."""
        call.require("read")
        return _book(await service.depth(product_id, levels))

    @routes.get(
        "/v1/products/{product_id}/trades",
        response_model=Page[PublicTrade],
        responses=listed(401, 403, 404, 422, 429),
        operation_id="listPublicTrades",
    )
    def public_trades(
        product_id: ProductId, call: Caller, part: Listed, since: Since = None, session: Session = reads
    ) -> object:
        """The trades of a product without their parties, newest first. Scope: read."""
        call.require("read")
        _known(session, product_id)
        query = trades_with_states().where(TradeRow.product_id == product_id)
        if since is not None:
            query = query.where(changed_since(since))
        return part.page(
            session, query, col(TradeRow.id), lambda one: public_trade_of(one[0], one[1]), PublicTrade, "trades"
        )

    @routes.get(
        "/v1/products/{product_id}/candles",
        response_model=Page[CandleAnswer],
        responses=listed(401, 403, 404, 422, 429),
        operation_id="listCandles",
    )
    def candles(
        product_id: ProductId,
        call: Caller,
        part: Listed,
        interval: Annotated[Interval, Query(description="Days begin at midnight in Asia/Shanghai.")] = "1h",
        session: Session = reads,
    ) -> object:
        """First, highest, lowest, last and average price and the loads of each interval with trades, newest first.
        Scope: read."""
        call.require("read")
        _known(session, product_id)
        page = candles_of(session, product_id, INTERVAL_US[interval], part.cursor, part.limit)
        return part.answer(page, CandleAnswer, "candles")

    return routes


def _known(session: Session, product_id: str) -> ProductRow:
    row = session.get(ProductRow, product_id)
    if row is None:
        raise ProductNotFound(field="product_id", product_id=product_id)
    return row


def _as_it_stands(product: Product) -> ProductAnswer:
    """A product as the machine has it: of a request that was just decided, the rows may be a moment behind."""
    return product_of(ProductRow(**{name: getattr(product, name) for name in product.__struct_fields__}))


def _book(depth: Depth) -> BookAnswer:
    bids, asks = (
        [LevelAnswer(price=price, loads=loads, orders=orders) for price, loads, orders in side]
        for side in (depth.bids, depth.asks)
    )
    outcome = depth.indicative
    indicative = outcome and IndicativeAnswer(
        price=outcome.price_fen_per_kg, loads=outcome.loads, surplus_loads=outcome.surplus_loads
    )
    return BookAnswer(
        product_id=depth.product_id, seq=depth.seq, phase=depth.phase, bids=bids, asks=asks,
        implied_bid=_implied(depth, "buy"), implied_ask=_implied(depth, "sell"), indicative=indicative,
    )  # fmt: skip


def _implied(depth: Depth, side: Side) -> ImpliedAnswer | None:
    implied = depth.implied
    if implied is None or implied.side != side:
        return None
    return ImpliedAnswer(price=implied.price_fen_per_kg, loads=implied.loads)
