"""What the routes of a room stand on: commands through the sequencer, reads from the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from fastapi import Depends, Request
from sqlmodel import Session
from sqlmodel.sql.expression import SelectOfScalar

from kernel.clock import Clock
from kernel.edge import Page, decode_cursor, number_cursor, page_of
from kernel.errors import Unauthenticated
from kernel.http import Call, call_of
from kernel.messages import Command
from kernel.sequencer import Outcome, Sequencer
from kernel.store import Store

R = TypeVar("R")
T = TypeVar("T")


class Service:
    """One room as its routes use it."""

    def __init__(self, sequencer: Sequencer, store: Store, clock: Clock) -> None:
        self.sequencer = sequencer
        self.store = store
        self.clock = clock

    async def execute(self, call: Call, command: Command, route: str) -> Outcome:
        """Has the caller's command decided and committed, once under its idempotency key. ``route`` names the
        resource, e.g. ``POST /v1/shipments/S12-1/arrival``: the same key on another route is another request and is
        refused."""
        if call.principal is None:
            raise Unauthenticated(field="Authorization")
        return await self.sequencer.submit(command, actor=call.principal.key_id, key=call.key(route))


def caller(request: Request) -> Call:
    """FastAPI dependency: the request as the conventions see it."""
    return call_of(request.scope)


def fetch_page(
    session: Session,
    query: SelectOfScalar[R],
    key_column: Any,
    cursor: str | None,
    limit: int,
    item: Callable[[R], T],
    *,
    numeric: bool = True,
    newest_first: bool = True,
) -> Page[T]:
    """A page of ``query`` ordered by ``key_column``, continued after ``cursor``."""
    after: Any = number_cursor(cursor) if numeric else decode_cursor(cursor)
    if after is not None:
        query = query.where(key_column < after if newest_first else key_column > after)
    order = key_column.desc() if newest_first else key_column.asc()
    rows: Sequence[R] = session.exec(query.order_by(order).limit(limit + 1)).all()
    return page_of(rows, limit, lambda row: getattr(row, key_column.key), item)


def reading(service: Service) -> Any:
    """A FastAPI dependency that gives a read-only session of the service's store. It ends with the route's function and
    not with the answer: a caller who is slow to take an answer keeps no connection from others."""

    def session() -> Iterator[Session]:
        with service.store.reading() as opened:
            yield opened

    return Depends(session, scope="function")
