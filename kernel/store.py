"""The store behind one `DATABASE_URL`: a file of SQLite by default, PostgreSQL by another URL.

Exactly one connection writes. On SQLite that is a rule of safety: versions 3.7.0 to 3.51.2 can corrupt a database in
WAL mode when two connections write or checkpoint at the same instant, so readers open read-only and never checkpoint,
and a lock on a file beside the database keeps a second process from writing. On PostgreSQL an advisory lock does the
same for each schema.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import IO, Any, NamedTuple
from urllib.parse import quote

from sqlalchemy import Connection, Engine, Table, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry, NullPool
from sqlmodel import Session

from kernel.errors import RETRY_AFTER_S, Unavailable
from kernel.scribe import Scribe, Statement

_log = logging.getLogger("h2market.store")

#: Readers share this many connections; the thread pool that serves read routes has 40 threads, and a read lasts
#: milliseconds.
READERS_MAX = 8
#: Seconds that a read waits for one of them.
READER_WAIT_S = 5
SQLITE_BUSY_MS = 5_000
#: Rows a single statement carries; bounds the memory of one bind and stays under both stores' limits.
ROWS_PER_STATEMENT_MAX = 5_000

#: Pages the write-ahead log gathers before they go into the file: pages that change all the time go there once.
SQLITE_CHECKPOINT_PAGES = 4_000
SQLITE_WRITER_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    f"busy_timeout={SQLITE_BUSY_MS}",
    "cache_size=-65536",
    "temp_store=MEMORY",
    f"wal_autocheckpoint={SQLITE_CHECKPOINT_PAGES}",
)
#: Rows of one statement on SQLite, a power of two: 128 rows of 25 columns stay below its limit of 32,766 values.
SQLITE_ROWS_PER_STATEMENT_MAX = 128
#: Prepared statements the writing connection keeps: every table in every size.
SQLITE_STATEMENTS_MAX = 512
#: Keys named in one look-up: three values each stay far below SQLite's limit of bound values.
KEYS_PER_LOOKUP_MAX = 256
#: A writer that has just ended may hold its lock a moment longer: PostgreSQL ends the session after the connection, and
#: the process that writes to SQLite first writes what it was sent. Who starts behind it waits so long.
LOCK_S_MAX = 2.0
LOCK_PAUSE_S = 0.05
#: Seconds to connect, and milliseconds until what was sent must be confirmed: a server that vanished from the network
#: would else hold the writer for as long as TCP hopes.
POSTGRES_PATIENCE = {"connect_timeout": 5, "tcp_user_timeout": 20_000}

Row = tuple[Any, ...]


class Write(NamedTuple):
    """Rows for a table, tuples in column order. ``replace``: they overwrite the rows with their keys, of which each
    appears once; else a key that exists fails the transaction."""

    table: Table
    rows: Sequence[Row]
    replace: bool


class Delete(NamedTuple):
    """Rows of a table to take away, by their primary keys in column order."""

    table: Table
    rows: Sequence[Row]


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
        backend = parsed.get_backend_name()
        if backend not in ("sqlite", "postgresql"):
            raise ValueError(f"DATABASE_URL names sqlite or postgresql, not {backend}")
        self.is_sqlite = backend == "sqlite"
        if self.is_sqlite and parsed.database in (None, "", ":memory:"):
            raise ValueError("SQLite needs a file: readers and writers are different connections")
        self.url = parsed
        self.schema = None if self.is_sqlite else schema
        self._lock_file: IO[str] | None = None
        self._write_engine = self._sqlite_writer() if self.is_sqlite else self._postgres(NullPool)
        self.read_engine = self._sqlite_reader(None) if self.is_sqlite else self._postgres(None)
        self._readers_closed = False
        event.listen(self.read_engine, "checkin", self._take_back)

    @property
    def place(self) -> str:
        """The database without its password, for people."""
        shown = self.url.render_as_string(hide_password=True)
        return f"{shown} ({self.schema})" if self.schema else shown

    def _sqlite_writer(self) -> Engine:
        Path(str(self.url.database)).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(
            self.url,
            poolclass=NullPool,
            connect_args={"check_same_thread": False, "cached_statements": SQLITE_STATEMENTS_MAX},
        )

        @event.listens_for(engine, "connect")
        def prepare(connection: Any, _record: Any) -> None:
            connection.isolation_level = None
            for pragma in SQLITE_WRITER_PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

        return engine

    def _sqlite_reader(self, pool: type[NullPool] | None) -> Engine:
        path = quote(str(Path(str(self.url.database)).absolute()))
        options: dict[str, Any] = {"pool_size": READERS_MAX, "max_overflow": 0, "pool_timeout": READER_WAIT_S}
        if pool is not None:
            options = {"poolclass": pool}
        engine = create_engine(
            f"sqlite:///file:{path}?mode=ro&uri=true", connect_args={"check_same_thread": False}, **options
        )

        @event.listens_for(engine, "connect")
        def prepare(connection: Any, _record: Any) -> None:
            for pragma in ("query_only=ON", "wal_autocheckpoint=0", f"busy_timeout={SQLITE_BUSY_MS}"):
                connection.execute(f"PRAGMA {pragma}")

        return engine

    def _postgres(self, pool: type[NullPool] | None) -> Engine:
        options: dict[str, Any] = dict(POSTGRES_PATIENCE)
        if self.schema:
            options["options"] = f"-csearch_path={self.schema}"
        if pool is not None:
            return create_engine(self.url, poolclass=pool, connect_args=options)
        return create_engine(
            self.url,
            pool_size=READERS_MAX,
            max_overflow=0,
            pool_timeout=READER_WAIT_S,
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
        until = time.monotonic() + LOCK_S_MAX
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if time.monotonic() > until:
                    file.close()
                    raise WriterTaken(self.place) from error
                time.sleep(LOCK_PAUSE_S)
            else:
                self._lock_file = file
                return

    def make_scribe(self) -> Scribe:
        """A process that writes to the file of SQLite, and holds the writer's lock with this one."""
        assert self._lock_file is not None, "the writer's lock comes first"
        return Scribe(str(self.url.database), SQLITE_WRITER_PRAGMAS, self._lock_file.fileno())

    def connect_writer(self) -> Connection:
        """The one writing connection. Raises WriterTaken."""
        self.claim_writer()
        connection = self._write_engine.connect()
        if not self.is_sqlite and not self._lock(connection):
            connection.close()
            raise WriterTaken(self.place)
        return connection

    def connect_reader(self) -> Connection:
        """A connection that reads from the file of SQLite and is no other's: the event loop cannot wait until readers
        give one back."""
        assert self.is_sqlite, "in a server's case the loop would wait for each answer"
        return self._sqlite_reader(NullPool).connect()

    def forget_unfinished(self, connection: Connection) -> None:
        """Makes sure that a commit that broke off and is not there never will be.

        SQLite's may lie in the write-ahead log, whole, behind what the log's index knows: nobody reads it there, but
        who opens the file after a crash makes the index anew from the log, and the commit with it. The next write takes
        its place; so this is one, of a number that nobody uses. On a disk too full for that it cannot lie there.
        """
        if not self.is_sqlite:
            return
        try:
            with connection.begin():
                connection.exec_driver_sql("PRAGMA user_version = 0")
        except OperationalError as error:
            if getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_FULL:
                raise

    def _lock(self, connection: Connection) -> bool:
        """Takes the schema's advisory lock, if need be once a session that has just ended lets it go."""
        lock = int.from_bytes(hashlib.sha256(f"h2market:{self.schema}".encode()).digest()[:8], "big", signed=True)
        until = time.monotonic() + LOCK_S_MAX
        with connection.begin():
            if self.schema:
                connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{self.schema}"'))
        while True:
            with connection.begin():
                if connection.execute(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": lock}).scalar_one():
                    return True
            if time.monotonic() > until:
                return False
            time.sleep(LOCK_PAUSE_S)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that reads committed rows and never writes. Raises Unavailable while the database gives no
        connection."""
        try:
            with Session(self.read_engine) as session:
                yield session
        except (PoolTimeout, OperationalError) as error:
            _log.warning("a read failed: %s", error)
            raise Unavailable(retry_after_s=RETRY_AFTER_S) from error

    @contextmanager
    def one_moment(self) -> Iterator[Session]:
        """A session in which every query sees the same moment, whatever is committed meanwhile: for what is held
        against one another, which would differ by the commit between two looks."""
        with self.reading() as session:
            if self.is_sqlite:  # its driver begins no transaction for reads by itself
                session.connection().exec_driver_sql("BEGIN")
            else:
                session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield session

    def _take_back(self, _connection: Any, record: ConnectionPoolEntry) -> None:
        """A read that a stop did not wait for ends later: its connection comes back to a pool that nobody empties."""
        if self._readers_closed:
            record.invalidate()

    def close_readers(self) -> None:
        """Closes the connections of readers, and each that still reads once it is given back."""
        self._readers_closed = True
        self.read_engine.dispose()

    def close(self) -> None:
        """Lets go of every pooled connection and of the writer's lock."""
        self.close_readers()
        self._write_engine.dispose()
        if self._lock_file is not None:
            self._lock_file.close()
            self._lock_file = None


_POSTGRES = postgresql.dialect()  # type: ignore[no-untyped-call]
_ARRAY_TYPES = {
    "BIGINT": "bigint",
    "INTEGER": "integer",
    "TEXT": "text",
    "VARCHAR": "text",
    "BYTEA": "bytea",
    "BOOLEAN": "boolean",
}


@lru_cache(maxsize=2_048)
def _statement(table: Table, sqlite: bool, replace: bool, count: int) -> str:
    columns = list(table.columns)
    names = ", ".join(f'"{column.name}"' for column in columns)
    if sqlite:
        one = f"({', '.join('?' * len(columns))})"
        source = f"VALUES {', '.join([one] * count)}"
    else:
        arrays = ", ".join(
            f"%s::{_ARRAY_TYPES[column.type.compile(dialect=_POSTGRES).split('(')[0].upper()]}[]" for column in columns
        )
        source = f"SELECT * FROM unnest({arrays})"  # noqa: S608 - names of declared tables only
    if not replace:
        return f'INSERT INTO "{table.name}" ({names}) {source}'
    keys = ", ".join(f'"{column.name}"' for column in table.primary_key.columns)
    updates = ", ".join(f'"{column.name}" = excluded."{column.name}"' for column in columns if not column.primary_key)
    return f'INSERT INTO "{table.name}" ({names}) {source} ON CONFLICT ({keys}) DO UPDATE SET {updates}'


@lru_cache(maxsize=64)
def _delete(table: Table, sqlite: bool) -> str:
    mark = "?" if sqlite else "%s"
    keys = " AND ".join(f'"{column.name}" = {mark}' for column in table.primary_key.columns)
    return f'DELETE FROM "{table.name}" WHERE {keys}'  # noqa: S608 - names of declared tables only


def _write(connection: Connection, table: Table, rows: Sequence[Row], replace: bool) -> None:
    """Goes to the driver's own cursor: for a few rows SQLAlchemy's bookkeeping costs more than the insert."""
    cursor = connection.connection.cursor()
    try:
        if connection.dialect.name == "sqlite":
            for start, count in _chunks(len(rows)):
                values = list(chain.from_iterable(rows[start : start + count]))
                cursor.execute(_statement(table, True, replace, count), values)
            return
        for start in range(0, len(rows), ROWS_PER_STATEMENT_MAX):
            chunk = rows[start : start + ROWS_PER_STATEMENT_MAX]
            statement = _statement(table, False, replace, 0)
            cursor.execute(statement, tuple(list(column) for column in zip(*chunk, strict=True)))
    finally:
        cursor.close()


def _chunks(count: int) -> Iterator[tuple[int, int]]:
    """Cuts ``count`` rows into powers of two, largest first, as (start, count).

    The driver lets go of the interpreter's lock and asks for it again at every row that it steps, and for that the
    writer's thread would queue behind the event loop: so it takes many rows a statement, in powers of two, which keep
    the prepared statements few.
    """
    start = 0
    while start < count:
        size = min(SQLITE_ROWS_PER_STATEMENT_MAX, 1 << ((count - start).bit_length() - 1))
        yield start, size
        start += size


def statements(writes: Sequence[Write | Delete]) -> list[Statement]:
    """The writes as statements of SQLite with their rows."""
    return [
        (_delete(one.table, True) if isinstance(one, Delete) else _statement(one.table, True, one.replace, 1), one.rows)
        for one in writes
    ]


def write_rows(connection: Connection, writes: Sequence[Write | Delete]) -> None:
    """Puts the writes into the connection's transaction."""
    for one in writes:
        if isinstance(one, Delete):
            connection.exec_driver_sql(_delete(one.table, connection.dialect.name == "sqlite"), list(one.rows))
        else:
            _write(connection, one.table, one.rows, one.replace)


@lru_cache(maxsize=1_024)
def _lookup(table: Table, columns: tuple[str, ...], keys: tuple[str, ...], count: int, sqlite: bool) -> str:
    shown = ", ".join(f't."{name}"' for name in columns)
    if sqlite:
        one = f"({', '.join('?' * len(keys))})"
        wanted = f"(VALUES {', '.join([one] * count)})"
        matches = " AND ".join(f't."{name}" = w.column{index}' for index, name in enumerate(keys, 1))
    else:
        wanted = f"(SELECT * FROM unnest({', '.join(['%s::text[]'] * len(keys))}))"  # noqa: S608
        matches = " AND ".join(f't."{name}" = w.k{index}' for index, name in enumerate(keys, 1))
    alias = "w" if sqlite else f"w({', '.join(f'k{index}' for index in range(1, len(keys) + 1))})"
    # A cross join keeps SQLite from scanning the table for the few keys that are wanted.
    return f'SELECT {shown} FROM {wanted} AS {alias} CROSS JOIN "{table.name}" AS t WHERE {matches}'  # noqa: S608


def rows_with_keys(
    connection: Connection,
    table: Table,
    columns: tuple[str, ...],
    keys: tuple[str, ...],
    wanted: Sequence[tuple[str, ...]],
) -> list[Row]:
    """The named ``columns`` of the rows whose text ``keys`` are among ``wanted``, each wanted once; in no order."""
    found: list[Row] = []
    sqlite = connection.dialect.name == "sqlite"
    cursor = connection.connection.cursor()
    try:
        for start in range(0, len(wanted), KEYS_PER_LOOKUP_MAX):
            chunk = wanted[start : start + KEYS_PER_LOOKUP_MAX]
            statement = _lookup(table, columns, keys, len(chunk) if sqlite else 0, sqlite)
            if sqlite:
                cursor.execute(statement, [part for key in chunk for part in key])
            else:
                cursor.execute(statement, tuple(list(column) for column in zip(*chunk, strict=True)))
            found += cursor.fetchall()
    finally:
        cursor.close()
    return found
