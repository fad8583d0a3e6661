"""The one thread that writes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from kernel.store import Store

_log = logging.getLogger("h2market.writer")

Turn = Callable[[Connection], None]
Away = Callable[[Exception], None]


class Writer:
    """The thread that owns the writing connection; rooms queue for a turn."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._turns: SimpleQueue[tuple[Turn, Away] | None] = SimpleQueue()
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._run, name="h2market-writer", daemon=True)

    def start(self) -> None:
        """Takes the writer's lock. Raises WriterTaken."""
        if self._connection is None:
            self._connection = self.store.connect_writer()
        self._thread.start()

    def call(self, turn: Turn, away: Away = lambda _error: None) -> None:
        """Queues a turn. ``away`` is called in its place while the database gives no connection: whoever waits for the
        turn is then told, and may ask for another one."""
        self._turns.put((turn, away))

    @property
    def connection(self) -> Connection:
        """The writing connection; only the writer's own thread, or a caller before `start`, may use it."""
        if self._connection is None:
            self._connection = self.store.connect_writer()
        return self._connection

    def sound(self) -> Connection:
        """The writing connection, or a new one if it is known to be broken."""
        if self._connection is not None and (self._connection.invalidated or self._connection.closed):
            return self.reconnect()
        return self.connection

    def reconnect(self) -> Connection:
        """A new writing connection in place of one that is broken."""
        self.disconnect()
        return self.connection

    def disconnect(self) -> None:
        """Lets a broken connection go: the next turn gets a new one."""
        if self._connection is not None:
            try:
                self._connection.close()
            except SQLAlchemyError:
                self._connection.invalidate()
            self._connection = None

    def stop(self) -> None:
        """Finishes what is queued, then lets the connection go."""
        self._turns.put(None)
        self._thread.join()
        # Who closes a file of SQLite last moves the write-ahead log into it, and a reader may not: readers go first.
        self.store.read_engine.dispose()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _run(self) -> None:
        while (queued := self._turns.get()) is not None:
            turn, away = queued
            try:
                try:
                    connection = self.connection
                except Exception as error:
                    _log.warning("the writer has no connection: %s", error)
                    away(error)
                else:
                    turn(connection)
            except Exception:
                # A turn answers its own callers; what reaches this point is a defect of the kernel itself.
                _log.exception("a turn of the writer failed")
