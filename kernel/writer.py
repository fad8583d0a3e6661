"""The one writing connection, lent to one turn at a time.

A turn begins in the event loop, does in the writer's thread what waits for a disk or a server, and ends in the event
loop. So the loop never waits, and on SQLite, whose statements are mere calls, the thread is left with the commit alone:
two threads that take turns at every statement cost more than the statements.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import NamedTuple

from sqlalchemy import Connection

from kernel.store import Store

#: How long the loop waits for the thread to take a turn over: some 30 microseconds, unless the machine is overloaded.
HAND_OVER_S_MAX = 0.01

_log = logging.getLogger("h2market.writer")


class Turn(NamedTuple):
    """What is left of a turn that has begun: ``work`` for the writer's thread, then ``end`` in the event loop. The work
    takes the connection itself: while the store gives none, it has callers to conclude with all the same."""

    work: Callable[[], None]
    end: Callable[[], None]


#: Begins a turn in the event loop, while nobody else has the connection; None if that was all.
Begin = Callable[[], Turn | None]


class Writer:
    """Owns the writing connection and the thread that waits for it; rooms queue for a turn. But for `start` and `stop`
    its methods are called in one event loop."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._waiting: deque[Begin] = deque()
        self._busy = False
        self._stopped = False
        self._begun: SimpleQueue[tuple[asyncio.AbstractEventLoop, Turn] | None] = SimpleQueue()
        self._on_its_way = threading.Lock()
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._run, name="h2market-writer", daemon=True)

    def start(self) -> None:
        """Takes the writer's lock. Raises WriterTaken."""
        if self._connection is None:
            self._connection = self.store.connect_writer()
        self._thread.start()

    def queue(self, begin: Begin) -> None:
        """Queues for a turn, which begins at once if nobody else has the connection."""
        self._waiting.append(begin)
        if not self._busy:
            self._busy = True
            self._next()

    def call(self, work: Callable[[], None]) -> None:
        """Queues ``work`` for the writer's thread."""
        self.queue(lambda: Turn(work, _nothing))

    @property
    def connection(self) -> Connection:
        """The writing connection, a new one where it is broken; for whoever has the turn, or before `start`. Raises
        what the store raises while it cannot be reached."""
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
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except Exception:  # whatever a broken one says to that, it is not used again
                _log.exception("a writing connection could not be closed")
                with suppress(Exception):
                    connection.invalidate()

    def stop(self) -> None:
        """Finishes the turn that has begun, then lets the connection go. Turns that wait never begin."""
        self._stopped = True
        self._begun.put(None)
        self._thread.join()
        # Who closes a file of SQLite last moves the write-ahead log into it, and a reader may not: readers go first.
        self.store.read_engine.dispose()
        self.disconnect()

    def _next(self) -> None:
        """Begins turns until one of them has work for the thread."""
        while self._waiting and not self._stopped:
            try:
                turn = self._waiting.popleft()()
            except Exception:
                _log.exception("a turn of the writer could not begin")  # as below
                continue
            if turn is not None:
                self._hand_over(turn)
                return
        self._busy = False

    def _hand_over(self, turn: Turn) -> None:
        """Gives a turn to the thread and waits until it has it. Left to race the busy loop for the interpreter's lock,
        the thread wakes and goes back to sleep a dozen times, which costs both more than this wait."""
        self._on_its_way.acquire(blocking=False)
        self._begun.put((asyncio.get_running_loop(), turn))
        self._on_its_way.acquire(timeout=HAND_OVER_S_MAX)

    def _run(self) -> None:
        while (begun := self._begun.get()) is not None:
            loop, turn = begun
            if self._on_its_way.locked():
                self._on_its_way.release()
            try:
                turn.work()
            except Exception:
                # A turn answers its own callers; what reaches this point is a defect of the kernel itself.
                _log.exception("a turn of the writer failed")
            if not loop.is_closed():  # it may have ended while the turn worked: then nobody is there to be told
                loop.call_soon_threadsafe(self._done, turn)

    def _done(self, turn: Turn) -> None:
        """Lets the next turn begin before this one answers: its commit runs meanwhile."""
        self._next()
        turn.end()


def _nothing() -> None:
    """The end of a turn that has nobody to tell."""
