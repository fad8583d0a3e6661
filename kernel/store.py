"""The store behind one `DATABASE_URL`: a file of SQLite by default, PostgreSQL by another URL.

Exactly one connection writes. On SQLite that is a rule of safety: versions 3.7.0 to 3.51.2 can corrupt a database in
WAL
mode when two connections write or checkpoint at the same instant, so readers open read-only and never checkpoint, and a
lock on a file beside the database keeps a second process from writing. On PostgreSQL an advisory lock does the same for
each schema.
"""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, Table, create_engine, event, make_url, text
from sqlalchemy.pool import NullPool
from sqlmodel import Session

#: Readers share this many connections; the thread pool that serves read routes has 40 threads, and a read lasts
#: milliseconds.
READERS_MAX = 8
SQLITE_BUSY_MS = 5_000
#: Rows a single statement carries; bounds the memory of one bind and stays under both stores' limits.
ROWS_PER_STATEMENT_MAX = 5_000

Row = tuple[Any, ...]


class WriterTaken(RuntimeError):
    """Another process already writes to this database."""

    def __init__(self, place: str) -> None:
        super().__init__(f"another process writes to {place}: stop it first / 另一进程正在写入 {place}：请先停止它")


class Store:
    """Connections to one database. ``url`` is an SQLAlchemy URL; ``schema`` names a schema on PostgreSQL only."""

    def __init__(self, url: str, schema: str | None = None) -> None:
        parsed = make_url(url)
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        if self.is_sqlite and parsed.database in (None, "", ":memory:"):
            raise ValueError("SQLite needs a file: readers and the writer are different connections")
        self.url = parsed
        self.schema = None if self.is_sqlite else schema
        self._lock_file: IO[str] | None = None
        self._write_engine = self._sqlite_writer() if self.is_sqlite else self._postgres(NullPool)
        self.read_engine = self._sqlite_reader() if self.is_sqlite else self._postgres(None)

    @property
    def place(self) -> str:
        """The database without its password, for people."""
        shown = self.url.render_as_string(hide_password=True)
        return f"{shown} ({self.schema})" if self.schema else shown

    def _sqlite_writer(self) -> Engine:
        Path(str(self.url.database)).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(self.url, poolclass=NullPool, connect_args={"check_same_thread": False})

        @event.listens_for(engine, "connect")
        def prepare(connection: Any, _record: Any) -> None:
            connection.isolation_level = None
            for pragma in (
                "journal_mode=WAL",
                "synchronous=FULL",
                "foreign_keys=ON",
                f"busy_timeout={SQLITE_BUSY_MS}",
                "cache_size=-65536",
                "temp_store=MEMORY",
            ):
                connection.execute(f"PRAGMA {pragma}")

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

        return engine

    def _sqlite_reader(self) -> Engine:
        path = quote(str(Path(str(self.url.database)).absolute()))
        engine = create_engine(
            f"sqlite:///file:{path}?mode=ro&uri=true",
            pool_size=READERS_MAX,
            max_overflow=0,
            connect_args={"check_same_thread": False},
        )

        @event.listens_for(engine, "connect")
        def prepare(connection: Any, _record: Any) -> None:
            for pragma in ("query_only=ON", "wal_autocheckpoint=0", f"busy_timeout={SQLITE_BUSY_MS}"):
                connection.execute(f"PRAGMA {pragma}")

        return engine

    def _postgres(self, pool: type[NullPool] | None) -> Engine:
        options = {"options": f"-csearch_path={self.schema}"} if self.schema else {}
        if pool is not None:
            return create_engine(self.url, poolclass=pool, connect_args=options)
        return create_engine(
            self.url,
            pool_size=READERS_MAX,
            max_overflow=0,
            pool_pre_ping=True,
            connect_args=options,
            execution_options={"postgresql_readonly": True},
        )

    def claim_writer(self) -> None:
        """Keeps other processes from writing. Raises WriterTaken. On PostgreSQL the lock belongs to each writing
        connection."""
        if not self.is_sqlite or self._lock_file is not None:
            return
        file = Path(f"{self.url.database}.writer").open("w")  # noqa: SIM115 - held as long as this process writes
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            raise WriterTaken(self.place) from error
        self._lock_file = file

    def connect_writer(self) -> Connection:
        """The one writing connection. Raises WriterTaken."""
        self.claim_writer()
        connection = self._write_engine.connect()
        if not self.is_sqlite:
            with connection.begin():
                if self.schema:
                    connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{self.schema}"'))
                lock = int.from_bytes(
                    hashlib.sha256(f"h2market:{self.schema}".encode()).digest()[:8], "big", signed=True
                )
                taken = connection.execute(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": lock}).scalar_one()
            if not taken:
                connection.close()
                raise WriterTaken(self.place)
        return connection

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that reads committed rows and never writes."""
        with Session(self.read_engine) as session:
            yield session

    def close(self) -> None:
        """Lets go of every pooled connection and of the writer's lock."""
        self.read_engine.dispose()
        self._write_engine.dispose()
        if self._lock_file is not None:
            self._lock_file.close()
            self._lock_file = None


_ARRAY_TYPES = {
    "BIGINT": "bigint",
    "INTEGER": "integer",
    "TEXT": "text",
    "VARCHAR": "text",
    "BLOB": "bytea",
    "BYTEA": "bytea",
    "BOOLEAN": "boolean",
}


@lru_cache(maxsize=256)
def _statement(table: Table, sqlite: bool, replace: bool) -> str:
    columns = list(table.columns)
    names = ", ".join(f'"{column.name}"' for column in columns)
    if sqlite:
        source = f"VALUES ({', '.join('?' * len(columns))})"
    else:
        arrays = ", ".join(
            f"%s::{_ARRAY_TYPES[str(column.type.compile()).split('(')[0].upper()]}[]" for column in columns
        )
        source = f"SELECT * FROM unnest({arrays})"  # noqa: S608 - names of declared tables only
    if not replace:
        return f'INSERT INTO "{table.name}" ({names}) {source}'
    keys = ", ".join(f'"{column.name}"' for column in table.primary_key.columns)
    updates = ", ".join(f'"{column.name}" = excluded."{column.name}"' for column in columns if not column.primary_key)
    return f'INSERT INTO "{table.name}" ({names}) {source} ON CONFLICT ({keys}) DO UPDATE SET {updates}'


def _write(connection: Connection, table: Table, rows: Sequence[Row], replace: bool) -> None:
    sqlite = connection.dialect.name == "sqlite"
    statement = _statement(table, sqlite, replace)
    for start in range(0, len(rows), ROWS_PER_STATEMENT_MAX):
        chunk = list(rows[start : start + ROWS_PER_STATEMENT_MAX])
        if sqlite:
            connection.exec_driver_sql(statement, chunk)
        else:
            connection.exec_driver_sql(statement, tuple(list(column) for column in zip(*chunk, strict=True)))


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Inserts tuples in column order; a key that exists fails the transaction."""
    if rows:
        _write(connection, table, rows, replace=False)


def upsert_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Inserts tuples in column order, or overwrites the rows with their keys. A key appears once in ``rows``."""
    if rows:
        _write(connection, table, rows, replace=True)
