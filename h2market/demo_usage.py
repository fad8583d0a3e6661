"""Reads what the day used from the database that it left."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from exchange.orders_api import orders_scope
from h2market.rooms import make_rooms
from kernel.room import table_of
from kernel.store import Store
from kernel.tables import IdempotencyRow
from seeds.usage import Group, Ledger


def count_usage(store: Store) -> dict[str, int]:
    """Counts by feature, from the logs of the register and of the exchange in one schema."""
    rooms = make_rooms()
    with store.one_moment() as session:
        connection = session.connection()
        ledger = Ledger(_groups(connection))
        ledger.learn_keys(rooms["participants"].log.read(connection))
        for recorded in rooms["exchange"].log.read(connection):
            ledger.take(recorded)
    return dict(ledger.counts)


def _groups(connection: Connection) -> list[Group]:
    """The commands that were sent under the client order ids of several orders."""
    keys = table_of(IdempotencyRow).c
    query = (
        select(keys.first_seq, keys.events)
        .where(keys.room == "exchange", keys.scope.like(orders_scope("P%")), keys.events > 0)
        .group_by(keys.first_seq, keys.events)
        .having(func.count() > 1)
    )
    return [Group(row.first_seq, row.events) for row in connection.execute(query)]
