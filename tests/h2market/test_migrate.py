"""The migrations lead to the declared tables, on both stores."""

from __future__ import annotations

import pytest
from sqlalchemy import inspect, text

from h2market import migrate
from h2market.rooms import make_rooms
from kernel.store import Store


def test_the_schema_is_what_the_tables_declare(database_url: str) -> None:
    assert make_rooms()
    store = Store(database_url)
    with store.connect_writer() as connection:
        with connection.begin():
            assert migrate.current(connection) is None
        migrate.migrate(connection)
        migrate.migrate(connection)  # a second start finds nothing to do
        with connection.begin():
            assert migrate.current(connection) == migrate.head()
            assert migrate.differences(connection) == []
    store.close()


def test_a_schema_of_its_own_on_postgres(fresh_postgres_url: str) -> None:
    for schema in ("exchange", "tracking"):
        store = Store(fresh_postgres_url, schema)
        with store.connect_writer() as connection:
            migrate.migrate(connection)
            with connection.begin():
                assert inspect(connection).has_table("exchange_events", schema=schema)
        store.close()


def test_a_newer_schema_is_left_alone(database_url: str) -> None:
    store = Store(database_url)
    with store.connect_writer() as connection:
        migrate.migrate(connection)
        with connection.begin():
            connection.execute(text("UPDATE kernel_schema_version SET version_num = '9999'"))
        with pytest.raises(RuntimeError, match="9999"):
            migrate.migrate(connection)
    store.close()
