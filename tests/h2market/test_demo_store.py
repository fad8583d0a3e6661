"""What a demonstration takes for its own, what it leaves alone, and what it removes."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from h2market.bootstrap import create_key
from h2market.demo import ANYTHING, DEMONSTRATION
from h2market.demo_store import Holds, NotEmpty, make_way, what_it_holds
from h2market.migrate import migrate
from kernel.config import Settings
from kernel.store import Store, WriterTaken
from seeds.founding import OPERATOR
from seeds.identity import credit_code

NOTHING: frozenset[Holds] = frozenset()


def _operator(url: str, uscc: str, schema: str | None = None) -> None:
    key = create_key(
        Settings(database_url=url, schema=schema), None, ("operate",), "x", uscc, ("One", "一"), secrets.token_bytes
    )
    asyncio.run(key)


def _holds(url: str, schema: str | None = None) -> Holds:
    store = Store(url, schema)
    try:
        return what_it_holds(store)
    finally:
        store.close()


def _foreign_table(url: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE theirs (id INTEGER)"))
    engine.dispose()


def _tables(url: str) -> list[str]:
    engine = create_engine(url)
    names = inspect(engine).get_table_names()
    engine.dispose()
    return names


def test_an_empty_database_holds_nothing(database_url: str) -> None:
    assert _holds(database_url) == "nothing"
    make_way(database_url, [None], may_replace=NOTHING, might_replace=NOTHING)
    assert _holds(database_url) == "nothing"


def test_a_migrated_database_without_companies_holds_nothing(database_url: str) -> None:
    store = Store(database_url)
    with store.connect_writer() as connection:
        migrate(connection)
    store.close()
    assert _holds(database_url) == "nothing"
    make_way(database_url, [None], may_replace=NOTHING, might_replace=NOTHING)
    assert _tables(database_url) == []


def test_a_demonstration_is_known_by_its_operator_and_removed(database_url: str) -> None:
    _operator(database_url, OPERATOR.uscc)
    assert _holds(database_url) == "demonstration"
    with pytest.raises(NotEmpty, match="empty this one with --replace") as refused:
        make_way(database_url, [None], may_replace=NOTHING, might_replace=DEMONSTRATION)
    assert "--replace" in refused.value.zh
    assert _holds(database_url) == "demonstration"
    make_way(database_url, [None], may_replace=DEMONSTRATION, might_replace=ANYTHING)
    assert _tables(database_url) == []


def test_somebody_elses_market_stays_unless_it_is_to_be_replaced(database_url: str) -> None:
    _operator(database_url, credit_code(500))
    assert _holds(database_url) == "other"
    with pytest.raises(NotEmpty, match="not a demonstration"):
        make_way(database_url, [None], may_replace=DEMONSTRATION, might_replace=ANYTHING)
    assert _holds(database_url) == "other"
    make_way(database_url, [None], may_replace=ANYTHING, might_replace=ANYTHING)
    assert _tables(database_url) == []


def test_a_file_with_tables_of_others_is_no_demonstration(sqlite_url: str) -> None:
    _operator(sqlite_url, OPERATOR.uscc)
    _foreign_table(sqlite_url)
    with pytest.raises(NotEmpty, match="not a demonstration") as refused:
        make_way(sqlite_url, [None], may_replace=DEMONSTRATION, might_replace=DEMONSTRATION)
    assert "--replace" not in str(refused.value)
    assert "theirs" in _tables(sqlite_url)


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear Sir or Madam, " * 500)
    with pytest.raises(NotEmpty):
        make_way(f"sqlite:///{file}", [None], may_replace=DEMONSTRATION, might_replace=ANYTHING)
    assert file.read_text().startswith("Dear")
    make_way(f"sqlite:///{file}", [None], may_replace=ANYTHING, might_replace=ANYTHING)
    assert not file.exists()


def test_tables_of_others_beside_a_demonstration_stay(fresh_postgres_url: str) -> None:
    _operator(fresh_postgres_url, OPERATOR.uscc)
    _foreign_table(fresh_postgres_url)
    make_way(fresh_postgres_url, [None], may_replace=DEMONSTRATION, might_replace=ANYTHING)
    assert _tables(fresh_postgres_url) == ["theirs"]


def test_one_schema_that_must_stay_keeps_all(fresh_postgres_url: str) -> None:
    _operator(fresh_postgres_url, OPERATOR.uscc, "exchange")
    _operator(fresh_postgres_url, credit_code(500), "tracking")
    with pytest.raises(NotEmpty, match="tracking"):
        make_way(fresh_postgres_url, ["exchange", "tracking"], may_replace=DEMONSTRATION, might_replace=ANYTHING)
    assert (_holds(fresh_postgres_url, "exchange"), _holds(fresh_postgres_url, "tracking")) == (
        "demonstration", "other",
    )  # fmt: skip


def test_a_database_in_use_is_left_alone(database_url: str) -> None:
    _operator(database_url, OPERATOR.uscc)
    writer = Store(database_url)
    connection = writer.connect_writer()
    try:
        with pytest.raises(WriterTaken):
            _operator(database_url, OPERATOR.uscc)
        with pytest.raises(WriterTaken):
            make_way(database_url, [None], may_replace=ANYTHING, might_replace=ANYTHING)
    finally:
        connection.close()
        writer.close()
    assert _holds(database_url) == "demonstration"
