"""What happened before somebody began to listen, from the log and the rows in the store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import msgspec
from sqlmodel import Session, col, select

from exchange import events as e
from exchange.errors import shortfall_of
from exchange.model import OrderStatus, OrderType, Side, TimeInForce
from exchange.service import ExchangeService
from exchange.stream.base import price_text
from exchange.stream.items import orders_in, own_items, product_of, recalled_items, status_item, trade_item
from exchange.stream.said_own import AnyOwnItem, OwnOrder
from exchange.stream.said_prints import RecalledItem, TradeItem
from exchange.stream.said_status import StatusItem
from exchange.tables import ContestedTradeRow, OrderRecallRow, OrderRow, TradeRow
from exchange.views import OPEN
from kernel.clock import to_text
from kernel.feed import read_stored
from kernel.messages import Recorded
from kernel.quantity import divide_half_even

#: Events of the log that a resume goes back; whoever was away for longer begins with a snapshot.
EVENTS_MAX = 50_000
#: Events read at a time.
PAGE_EVENTS = 2_000
#: Trades in the snapshot of the channel `trades`.
LATEST_TRADES = 50
#: Orders looked up in one statement.
ORDERS_PER_STATEMENT_MAX = 500

T = TypeVar("T")


class Past:
    """Reads the log of the exchange without keeping anybody waiting: in threads, page by page."""

    def __init__(self, service: ExchangeService) -> None:
        self._service = service

    async def trades(self, product_id: str, after: int, until: int) -> list[TradeItem | RecalledItem]:
        """The trades, and those undone, after one event and up to another, of a product or "" for all."""

        def take(page: Sequence[Recorded]) -> list[TradeItem | RecalledItem]:
            items: list[TradeItem | RecalledItem] = []
            for one in page:
                if isinstance(one.event, e.Traded) and product_id in ("", one.event.product_id):
                    items.append(trade_item(one.event, one.at))
                items += recalled_items(one, product_id)
            return items

        return await self._read(after, until, take)

    async def statuses(self, product_id: str, after: int, until: int) -> list[StatusItem]:
        """What happened to the market and to a product, or "" for all."""

        def take(page: Sequence[Recorded]) -> list[StatusItem]:
            items = [item for one in page if (item := status_item(one)) is not None]
            return [item for item in items if not product_id or product_of(item) in (None, product_id)]

        return await self._read(after, until, take)

    async def own(self, participant_id: str, after: int, until: int) -> list[AnyOwnItem]:
        """What happened to a company's own business; its orders as they stand now."""
        return await self._read(after, until, lambda page: self.own_of_page(page, participant_id))

    def own_of_page(self, page: Sequence[Recorded], participant_id: str | None) -> list[AnyOwnItem]:
        """The items of one company, or of all with None. Reads the store."""
        with self._service.store.reading() as session:
            rows = _order_rows(session, orders_in(one.event for one in page), participant_id)
            taken = _taken(session, rows)
        standings = {order_id: _own_order(row, taken.get(order_id)) for order_id, row in rows.items()}

        def owner(order_id: int) -> str | None:
            row = rows.get(order_id)
            return None if row is None else row.participant_id

        def wanted(name: str) -> bool:
            return participant_id is None or name == participant_id

        return [item for one in page for item in own_items(one, wanted, owner, standings.get)]

    async def open_orders(self, participant_id: str) -> list[int]:
        """The company's orders that are open now, by their rows."""

        def read() -> list[int]:
            query = select(OrderRow.id).where(
                OrderRow.participant_id == participant_id, col(OrderRow.status).in_(OPEN)
            )  # fmt: skip
            with self._service.store.reading() as session:
                return list(session.exec(query))

        return await asyncio.to_thread(read)

    async def latest_trades(self, product_id: str, until: int) -> list[TradeItem]:
        """The latest trades up to an event, oldest first."""

        def read() -> list[TradeItem]:
            undone = ContestedTradeRow.state == "recalled", col(ContestedTradeRow.event_seq) <= until
            recalled = col(TradeRow.id).in_(select(ContestedTradeRow.id).where(*undone))
            query = select(TradeRow, recalled).where(col(TradeRow.id) <= until)
            if product_id:
                query = query.where(TradeRow.product_id == product_id)
            with self._service.store.reading() as session:
                rows = session.exec(query.order_by(col(TradeRow.id).desc()).limit(LATEST_TRADES)).all()
                return [trade_item(_traded(row), row.traded_at, recalled=bool(gone)) for row, gone in reversed(rows)]

        return await asyncio.to_thread(read)

    def page(self, after: int, limit: int) -> list[Recorded]:
        """The next events of the log. Reads the store."""
        log = self._service.sequencer.room.log
        return [log.decode(row) for row in read_stored(self._service.store, log, after, limit)]

    async def _read(self, after: int, until: int, take: Callable[[Sequence[Recorded]], list[T]]) -> list[T]:
        def read() -> Iterator[T]:
            seq = after
            while seq < until:
                page = self.page(seq, min(PAGE_EVENTS, until - seq))
                if not page:
                    return
                yield from take(page)
                seq = page[-1].seq

        return await asyncio.to_thread(lambda: list(read()))


def _traded(row: TradeRow) -> e.Traded:
    return e.Traded(
        row.id, row.product_id, row.price_fen_per_kg, row.loads, row.buyer_id, row.seller_id, row.buy_order_id,
        row.sell_order_id, row.taker_order_id,
        "hydrogen" if row.leg == "hydrogen" else "haulage" if row.leg == "haulage" else "",
    )  # fmt: skip


def _order_rows(session: Session, wanted: set[int], participant_id: str | None) -> dict[int, OrderRow]:
    found: dict[int, OrderRow] = {}
    ids = sorted(wanted)
    for start in range(0, len(ids), ORDERS_PER_STATEMENT_MAX):
        query = select(OrderRow).where(col(OrderRow.id).in_(ids[start : start + ORDERS_PER_STATEMENT_MAX]))
        if participant_id is not None:
            query = query.where(OrderRow.participant_id == participant_id)
        found.update((row.id, row) for row in session.exec(query))
    session.expunge_all()
    return found


def _taken(session: Session, orders: Iterable[int]) -> dict[int, OrderRecallRow]:
    found: dict[int, OrderRecallRow] = {}
    ids = sorted(orders)
    for start in range(0, len(ids), ORDERS_PER_STATEMENT_MAX):
        part = ids[start : start + ORDERS_PER_STATEMENT_MAX]
        query = select(OrderRecallRow).where(col(OrderRecallRow.id).in_(part))
        found.update((row.id, row) for row in session.exec(query))
    session.expunge_all()
    return found


class _Shape(msgspec.Struct):
    """The words of an order's row, checked to be those of the model."""

    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    status: OrderStatus


def _own_order(row: OrderRow, taken: OrderRecallRow | None) -> OwnOrder:
    shape = msgspec.convert(row, _Shape, from_attributes=True)
    recalled, price_sum = (0, 0) if taken is None else (taken.loads, taken.price_sum_fen_per_kg)
    executed = row.executed_loads - recalled
    average = divide_half_even(row.price_sum_fen_per_kg - price_sum, executed) if executed else None
    open_loads = row.loads - row.executed_loads if shape.status in ("new", "partially_filled", "suspended") else 0
    return OwnOrder(
        f"O{row.id}", row.client_order_id, row.product_id, shape.side, shape.order_type, shape.time_in_force,
        price_text(row.price_fen_per_kg), row.loads, executed, open_loads,
        row.shown_loads, recalled, None if average is None else price_text(average), shape.status, row.reason,
        row.field, shortfall_of(row.reason, row.shortfall), to_text(row.placed_at), to_text(row.updated_at),
    )  # fmt: skip
