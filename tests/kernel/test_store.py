"""Rows on both stores: what is written is read back, keys are kept, and readers never write."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Connection, Table, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel

from kernel.room import table_of
from kernel.store import ROWS_PER_STATEMENT_MAX, Delete, Row, Store, Write, write_rows
from kernel.writer import Writer
from tests.kernel.samples import PairRow, SampleRow

SAMPLES = table_of(SampleRow)
PAIRS = table_of(PairRow)
Writing = Callable[[Connection, Table, Sequence[Row]], None]
ROWS: list[Row] = [
    ("a", 1, -(2**63), True, None, b"\x00\xff"),
    ("太原 'quoted' \\ \"", 2, 2**63 - 1, False, "氢\n氧\t", b""),
    ("", 3, 0, True, "", bytes(range(256))),
]


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    opened = Store(database_url)
    yield opened
    opened.close()


@pytest.fixture
def writer(store: Store) -> Iterator[Connection]:
    with store.connect_writer() as connection:
        with connection.begin():
            SQLModel.metadata.create_all(connection, tables=[SAMPLES, PAIRS])
        yield connection


def insert(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    write_rows(connection, [Write(table, rows, replace=False)])


def upsert(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    write_rows(connection, [Write(table, rows, replace=True)])


def rows_of(store: Store) -> list[Row]:
    with store.read_engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(SAMPLES).order_by(SAMPLES.c.number))]


def test_what_is_inserted_is_read_back(store: Store, writer: Connection) -> None:
    with writer.begin():
        insert(writer, SAMPLES, ROWS)
    assert rows_of(store) == ROWS


def test_a_key_that_exists_fails_the_whole_transaction(store: Store, writer: Connection) -> None:
    with writer.begin():
        insert(writer, SAMPLES, ROWS[:1])
    transaction = writer.begin()
    upsert(writer, SAMPLES, ROWS[1:2])
    with pytest.raises(Exception, match=r"(?i)unique"):
        insert(writer, SAMPLES, [ROWS[2], ROWS[0]])
    transaction.rollback()
    assert rows_of(store) == ROWS[:1]


def test_an_upsert_inserts_or_overwrites_the_whole_row(store: Store, writer: Connection) -> None:
    changed = [("a", 9, 5, False, "text", b"x"), ("new", 10, 6, True, None, b"y")]
    with writer.begin():
        insert(writer, SAMPLES, ROWS)
    with writer.begin():
        upsert(writer, SAMPLES, changed)
    assert rows_of(store) == [*ROWS[1:], *changed]


def test_a_key_of_several_columns_is_one_key(store: Store, writer: Connection) -> None:
    with writer.begin():
        insert(writer, PAIRS, [("a", 1, 10), ("a", 2, 20), ("b", 1, 30)])
    with writer.begin():
        upsert(writer, PAIRS, [("a", 2, 21), ("b", 2, 40)])
    with store.read_engine.connect() as connection:
        found = {tuple(row) for row in connection.execute(select(PAIRS))}
    assert found == {("a", 1, 10), ("a", 2, 21), ("b", 1, 30), ("b", 2, 40)}


@pytest.mark.parametrize("write", [insert, upsert])
def test_more_rows_than_one_statement_takes(store: Store, writer: Connection, write: Writing) -> None:
    many: list[Row] = [(f"r{number}", number, 0, True, None, b"") for number in range(ROWS_PER_STATEMENT_MAX + 3)]
    with writer.begin():
        write(writer, SAMPLES, many)
    assert rows_of(store) == many


def test_rows_are_taken_away_by_their_whole_keys(store: Store, writer: Connection) -> None:
    with writer.begin():
        insert(writer, PAIRS, [("a", 1, 10), ("a", 2, 20), ("b", 1, 30), ("b", 2, 40)])
    with writer.begin():
        write_rows(writer, [Delete(PAIRS, [("a", 2), ("b", 1), ("c", 1)]), Write(PAIRS, [("c", 1, 50)], replace=False)])
    with store.read_engine.connect() as reader:
        found = [tuple(row) for row in reader.execute(select(PAIRS))]
    assert sorted(found) == [("a", 1, 10), ("b", 2, 40), ("c", 1, 50)]


def test_no_rows_are_no_statement(store: Store, writer: Connection) -> None:
    with writer.begin():
        insert(writer, SAMPLES, [])
        upsert(writer, SAMPLES, [])
    assert rows_of(store) == []


def test_readers_see_what_is_committed_and_never_write(store: Store, writer: Connection) -> None:
    with writer.begin():
        insert(writer, SAMPLES, ROWS[:1])
        assert rows_of(store) == []
    assert rows_of(store) == ROWS[:1]
    with store.read_engine.connect() as connection, pytest.raises(DBAPIError):
        connection.execute(text("DELETE FROM testing_samples"))
    with store.reading() as session:
        assert session.get(SampleRow, "a") is not None


def test_a_schema_keeps_its_tables_to_itself(fresh_postgres_url: str) -> None:
    first, second = (Store(fresh_postgres_url, name) for name in ("first", "second"))
    for store, row in ((first, ROWS[0]), (second, ROWS[1])):
        with store.connect_writer() as connection, connection.begin():
            SQLModel.metadata.create_all(connection, tables=[SAMPLES])
            insert(connection, SAMPLES, [row])
    assert (rows_of(first), rows_of(second)) == ([ROWS[0]], [ROWS[1]])
    first.close()
    second.close()


def test_sqlite_survives_power_cuts_by_its_settings(sqlite_url: str) -> None:
    store = Store(sqlite_url)
    with store.connect_writer() as connection:
        found = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    store.close()
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="needs a file"):
        Store(url)


def test_a_password_is_not_shown(tmp_path: Path) -> None:
    store = Store("postgresql://market:secret@127.0.0.1:1/h2market", "exchange")
    assert store.place == "postgresql+psycopg://market:***@127.0.0.1:1/h2market (exchange)"
    store.close()


def test_a_stopped_writer_leaves_everything_in_the_one_file(sqlite_url: str, tmp_path: Path) -> None:
    store = Store(sqlite_url)
    writer = Writer(store)
    with writer.connection.begin():
        SQLModel.metadata.create_all(writer.connection, tables=[SAMPLES])
        insert(writer.connection, SAMPLES, ROWS)
    writer.start()
    assert rows_of(store) == ROWS
    writer.stop()
    store.close()
    copy = Store(f"sqlite:///{shutil.copy(tmp_path / 'h2market.db', tmp_path / 'copy.db')}")
    assert rows_of(copy) == ROWS
    copy.close()


def test_one_moment_stays_the_same_while_others_commit(store: Store, writer: Connection) -> None:
    count = select(func.count()).select_from(SAMPLES)
    with store.one_moment() as session:
        assert session.connection().execute(count).scalar_one() == 0
        with writer.begin():
            insert(writer, SAMPLES, ROWS)
        assert session.connection().execute(count).scalar_one() == 0
    with store.one_moment() as session:
        assert session.connection().execute(count).scalar_one() == len(ROWS)


def test_another_kind_of_database_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="names sqlite or postgresql, not mysql"):
        Store("mysql://host/name")


@pytest.mark.usefixtures("writer")
def test_a_reader_that_ends_after_the_store_leaves_no_connection_open(database_url: str) -> None:
    store = Store(database_url)
    late = store.read_engine.connect()
    driver = late.connection.driver_connection
    assert driver is not None
    store.close()
    assert late.execute(text("SELECT 1")).scalar() == 1
    late.close()
    with pytest.raises(Exception, match="closed"):
        driver.execute("SELECT 1")
