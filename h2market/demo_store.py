"""What a demonstration may be written into: an empty database, or one that it may empty.

Nothing is emptied that anybody could miss. A database is taken for an earlier demonstration if its one operator is the
fictional one; whatever else it holds stays, unless it is to be replaced expressly. While another process writes to the
database, it is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.exc import DatabaseError
from sqlmodel import SQLModel

from h2market.migrate import VERSION_TABLE
from kernel.room import table_of
from kernel.store import Store
from participants.tables import CompanyRow
from seeds.founding import OPERATOR

Holds = Literal["nothing", "demonstration", "other"]


class NotEmpty(Exception):
    """The database holds something that is not the demonstration's to remove."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.en = en
        self.zh = zh


def make_way(
    url: str, schemas: Iterable[str | None], *, may_replace: frozenset[Holds], might_replace: frozenset[Holds]
) -> None:
    """Leaves the schemas empty. Raises NotEmpty where one holds what may not be replaced, WriterTaken where another
    process writes. ``might_replace`` is what --replace would allow, for the advice."""
    with ExitStack() as closing:
        places = [closing.enter_context(_claimed(url, schema)) for schema in schemas]
        for store, _ in places:
            holds = what_it_holds(store)
            if holds not in may_replace | {"nothing"}:
                raise _refusal(store.place, holds, replaceable=holds in might_replace)
        for store, writer in places:
            if writer is None:
                _remove_file(store)
            else:
                _drop_tables(writer)


@contextmanager
def _claimed(url: str, schema: str | None) -> Iterator[tuple[Store, Connection | None]]:
    """A store that nobody else writes to meanwhile, with its writing connection on PostgreSQL. Raises WriterTaken."""
    store = Store(url, schema)
    try:
        if store.is_sqlite:
            store.claim_writer()  # the file may be no database: it is not connected to
            yield store, None
        else:
            with store.connect_writer() as writer:
                yield store, writer
    finally:
        store.close()


def _refusal(place: str, holds: Holds, *, replaceable: bool) -> NotEmpty:
    what = ("an earlier demonstration", "此前的演示数据")
    if holds == "other":
        what = ("data that is not a demonstration", "并非演示的数据")
    advice = ("name another database with --database-url", "请用 --database-url 指定其他数据库")
    if replaceable:
        advice = (f"{advice[0]}, or empty this one with --replace", f"{advice[1]}，或用 --replace 清空此数据库")
    return NotEmpty(f"{place} holds {what[0]}: {advice[0]}.", f"{place} 中有{what[1]}：{advice[1]}。")


def what_it_holds(store: Store) -> Holds:
    """What is in a database or a schema. Tables of others count on SQLite alone, where the file goes as a whole."""
    if store.is_sqlite and not _path(store).exists():
        return "nothing"
    try:
        with store.read_engine.connect() as connection:
            return _holds(connection, store)
    except DatabaseError:
        if store.is_sqlite:
            return "other"  # no database at all
        raise


def _holds(connection: Connection, store: Store) -> Holds:
    found = set(inspect(connection).get_table_names(schema=store.schema))
    known = found & _own_tables()
    if store.is_sqlite and found - known:
        return "other"
    companies = table_of(CompanyRow)
    if companies.name not in known:
        return "other" if known else "nothing"
    rows = connection.execute(select(companies.c.uscc, companies.c.roles)).all()
    operators = [row.uscc for row in rows if "operator" in row.roles.split()]
    if not rows:
        return "nothing"
    return "demonstration" if operators == [OPERATOR.uscc] else "other"


def _own_tables() -> set[str]:
    return {*SQLModel.metadata.tables, VERSION_TABLE}


def _path(store: Store) -> Path:
    return Path(str(store.url.database))


def _remove_file(store: Store) -> None:
    store.read_engine.dispose()
    for suffix in ("", "-wal", "-shm"):
        Path(f"{_path(store)}{suffix}").unlink(missing_ok=True)


def _drop_tables(writer: Connection) -> None:
    with writer.begin():
        for name in sorted(_own_tables()):
            writer.execute(text(f'DROP TABLE IF EXISTS "{name}" CASCADE'))
