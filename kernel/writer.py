"""The one thread that writes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from kernel.store import Store

#: What a room does when its turn comes. It takes the connection itself: while the store gives none, it has callers to
#: answer all the same.
Turn = Callable[[], None]

_log = logging.getLogger("h2market.writer")


class Writer:
    """The thread that owns the writing connection; rooms queue for a turn."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._turns: SimpleQueue[Turn | None] = SimpleQueue()
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._run, name="h2market-writer", daemon=True)

    def start(self) -> None:
        """Takes the writer's lock. Raises WriterTaken."""
        if self._connection is None:
            self._connection = self.store.connect_writer()
        self._thread.start()

    def call(self, turn: Turn) -> None:
        """Queues a turn."""
        self._turns.put(turn)

    @property
    def connection(self) -> Connection:
        """The writing connection, a new one where it is broken; only the writer's own thread, or a caller before
        `start`, may use it. Raises what the store raises while it cannot be reached."""
        if self._connection is None or not self.sound:
            return self.reconnect()
        return self._connection

    @property
    def sound(self) -> bool:
        """Whether there is a connection that nobody knows to be broken."""
        return self._connection is not None and not (self._connection.invalidated or self._connection.closed)

    def reconnect(self) -> Connection:
        """A new writing connection in place of one that is broken."""
        self.disconnect()
        self._connection = self.store.connect_writer()
        return self._connection

    def disconnect(self) -> None:
        """Lets a broken connection go: whoever needs one next makes it anew."""
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
        while (turn := self._turns.get()) is not None:
            try:
                turn()
            except Exception:
                # A turn answers its own callers; what reaches this point is a defect of the kernel itself.
                _log.exception("a turn of the writer failed")
