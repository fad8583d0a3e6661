"""The one writing connection, lent to one turn at a time.

A turn begins in the event loop and ends there. Between, either a process of its own writes what was decided, on SQLite
(`kernel/scribe.py`), or the writer's thread does all that waits for a disk or a server. So the loop never waits. While
the process writes, the next turn is decided; a turn of the thread begins once all that is written, for the thread has a
connection of its own, and two of them never write at a time.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Any, Literal, NamedTuple, TypeVar

from sqlalchemy import Connection

from kernel.scribe import END_S_MAX, Heard, Hung, NotWritten, Scribe, Statement, running_loop
from kernel.store import Delete, Store, Write, statements, write_rows

#: How long the loop waits for the thread to take a turn over: some 30 microseconds, unless the machine is overloaded.
HAND_OVER_S_MAX = 0.01
#: What may be on its way to the file: one transaction is written, one is there when it is.
POSTED_MAX = 2

_log = logging.getLogger("h2market.writer")

T = TypeVar("T")


class Turn(NamedTuple):
    """What is left of a turn that has begun: ``work`` for the writer's thread, then ``end`` in the event loop. The work
    takes the connection itself: while the store gives none, it has callers to conclude with all the same."""

    work: Callable[[], None]
    end: Callable[[], None]


class Posted(NamedTuple):
    """What is left of a turn whose transaction the scribe writes: ``end`` hears in the event loop what became of it."""

    statements: Sequence[Statement]
    end: Heard


#: Begins a turn in the event loop, while the thread has no turn. None: that was all. "later": it wants to begin once
#: everything that is on its way is written.
Begin = Callable[[], Turn | Posted | Literal["later"] | None]


class Writer:
    """Owns the writing connection, the thread that waits for it and the process that writes; rooms queue for a turn.
    `queue`, `run`, `write` and `put_right` are called in one event loop."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._waiting: deque[Begin] = deque()
        self._turns: deque[Turn] = deque()  # begun, and waiting for what is on its way
        self._lent = False  # whether a turn has the thread
        self._occupied = False  # a turn is just beginning or ending
        self._on_the_way = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = False
        self._at_rest = threading.Event()  # nothing that has begun is left, and nothing more begins
        self._begun: SimpleQueue[tuple[asyncio.AbstractEventLoop, Turn] | None] = SimpleQueue()
        self._taken_over = threading.Lock()
        self._connection: Connection | None = None
        self._reader: Connection | None = None
        self._scribe: Scribe | None = None
        self._silences = 0  # of those before this one
        self._thread = threading.Thread(target=self._run, name="h2market-writer", daemon=True)

    def start(self) -> None:
        """Takes the writer's lock. Raises WriterTaken."""
        if self._connection is None:
            self._connection = self.store.connect_writer()
        self._thread.start()

    def queue(self, begin: Begin) -> None:
        """Queues for a turn; it begins at once if nothing is in the way."""
        self._loop = asyncio.get_running_loop()
        self._waiting.append(begin)
        self._next()

    async def run(self, work: Callable[[Connection], T]) -> T:
        """What ``work(connection)`` gives, done in the writer's thread in a turn of its own; its transactions are its
        own. Raises what the work raises, or what the store raises while it gives no connection.

        What is queued is done, whatever becomes of the caller: one that is cancelled is not told, nor one whose event
        loop has ended. Only a stop of the writer comes before a turn that still waits: it never begins.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        answers: list[Callable[[], None]] = []

        def do() -> None:
            try:
                answers.append(partial(_answer, future, None, work(self.connection)))
            except Exception as error:
                answers.append(partial(_answer, future, error))

        def end() -> None:
            answers[0]()

        self.queue(lambda: Turn(do, end))
        return await future

    async def write(self, writes: Sequence[Write | Delete]) -> None:
        """Writes in a turn of its own, between those of the rooms. Raises what went wrong; whether it was written is
        not known then. A caller that is cancelled takes nothing back, as in `run`."""
        if not self.store.is_sqlite:
            await self.run(partial(_write, writes))
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        posted = Posted(statements(writes), partial(_answer, future))
        self.queue(lambda: posted)
        await future

    def put_right(self, turn: Turn) -> None:
        """Begins a turn that puts right what was posted in vain: before every other that has not got the thread, for
        they would work on what never happened; and also when nothing else begins any more."""
        self._turns.appendleft(turn)
        self._next()

    @property
    def connection(self) -> Connection:
        """The writing connection, a new one where it is broken; for whoever has the thread, or before `start`. Raises
        what the store raises while it cannot be reached."""
        if self._connection is None or not self.sound:
            return self.reconnect()
        return self._connection

    @property
    def reader(self) -> Connection:
        """A connection that only reads, for turns that begin in the loop: it sees what is written when it looks."""
        if self._reader is None:
            self._reader = self.store.connect_reader()
        return self._reader

    def drop_reader(self) -> None:
        """Lets that connection go, after something went wrong: whoever reads next makes it anew."""
        reader, self._reader = self._reader, None
        if reader is not None:
            with suppress(Exception):
                reader.close()

    @property
    def sound(self) -> bool:
        """Whether there is a connection that nobody knows to be broken, and that may write."""
        if self._connection is None or self.hung:
            return False
        return not (self._connection.invalidated or self._connection.closed)

    @property
    def hung(self) -> bool:
        """Whether the process that writes hangs and does not die. Until it is dead nobody else may write: whoever asks
        for the connection gets none."""
        return self._scribe is not None and self._scribe.hung

    @property
    def silences(self) -> int:
        """How often that process was killed because it said nothing."""
        return self._silences + (self._scribe is not None and self._scribe.silenced)

    def reconnect(self) -> Connection:
        """A new writing connection in place of one that is broken. Raises what the store raises, or Hung."""
        if self.hung:
            raise Hung("the process that writes hangs")
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
        """Finishes what has begun, then lets the connection go. Turns that wait never begin. Where the event loop goes
        on in another thread, whoever began is answered there; it is waited for. Nothing is waited for without end: not
        for a process that hangs, nor for a thread that does."""
        self._stopped = True
        rested = self._rest()
        if self._scribe is not None:
            self._scribe.close(END_S_MAX if rested and not self._scribe.hung else 0)
        rested = self._rest()
        if self._thread.is_alive():
            self._begun.put(None)
            self._thread.join(END_S_MAX if rested else 0)
            if self._thread.is_alive():
                _log.error("the writer's thread does not end: its connection is left as it is")
                return
        # Who closes a file of SQLite last moves the write-ahead log into it, and a reader may not: readers go first.
        self.drop_reader()
        self.store.close_readers()
        self.disconnect()

    def _rest(self) -> bool:
        """Waits until nothing that has begun is left, but no longer than the process that writes may take; whether that
        is so."""
        loop = self._loop
        if loop is None or not loop.is_running() or running_loop() is loop:
            return True
        loop.call_soon_threadsafe(self._next)
        return self._at_rest.wait(END_S_MAX)

    def _next(self) -> None:
        """Begins turns until one of them has to wait. Not while one begins or ends, which may queue for another."""
        if self._occupied:
            return
        self._occupied = True
        while self._may_begin():
            begin = self._waiting.popleft()
            try:
                turn = begin()
            except Exception:
                _log.exception("a turn of the writer could not begin")  # as below
                continue
            if turn == "later":
                assert self._on_the_way, "a turn waits for nothing"
                self._waiting.appendleft(begin)
                break
            if isinstance(turn, Posted):
                self._post(turn)
            elif turn is not None:
                self._turns.append(turn)
        if self._turns and not (self._lent or self._on_the_way or self._dying):
            self._lent = True
            self._hand_over(self._turns.popleft())
        self._occupied = False
        if self._stopped and not (self._turns or self._lent or self._on_the_way):
            self._at_rest.set()

    def _may_begin(self) -> bool:
        if self._stopped or not self._waiting:
            return False
        return not (self._turns or self._lent or self._dying) and self._on_the_way < POSTED_MAX

    @property
    def _dying(self) -> bool:
        return self._scribe is not None and self._scribe.dying

    def _post(self, turn: Posted) -> None:
        self._on_the_way += 1
        written = partial(self._written, turn)
        try:
            if self._scribe is None or self._scribe.ended:
                self._silences, self._scribe = self.silences, self.store.make_scribe()
                self._scribe.changed = self._next
            self._scribe.post(turn.statements, written)
        except Exception as error:
            # At once, before anything is decided on top of it: what is sent next might well be written.
            _log.exception("nothing could be sent to the process that writes")
            self._conclude(turn, NotWritten(str(error)))

    def _written(self, turn: Posted, error: Exception | None) -> None:
        """Whoever asked is answered first: another transaction is being written meanwhile."""
        self._occupied = True
        self._conclude(turn, error)
        self._occupied = False
        self._next()

    def _conclude(self, turn: Posted, error: Exception | None) -> None:
        self._on_the_way -= 1
        try:
            turn.end(error)
        except Exception:
            _log.exception("a turn of the writer could not end")

    def _hand_over(self, turn: Turn) -> None:
        """Gives a turn to the thread and waits until it has it. Left to race the busy loop for the interpreter's lock,
        the thread wakes and goes back to sleep a dozen times, which costs both more than this wait."""
        assert self._loop is not None
        self._taken_over.acquire(blocking=False)
        self._begun.put((self._loop, turn))
        self._taken_over.acquire(timeout=HAND_OVER_S_MAX)

    def _run(self) -> None:
        while (begun := self._begun.get()) is not None:
            loop, turn = begun
            if self._taken_over.locked():
                self._taken_over.release()
            try:
                turn.work()
            except Exception:
                # A turn answers its own callers; what reaches this point is a defect of the kernel itself.
                _log.exception("a turn of the writer failed")
            with suppress(RuntimeError):  # the loop may have ended while the turn worked: nobody is there to be told
                loop.call_soon_threadsafe(self._done, turn)

    def _done(self, turn: Turn) -> None:
        """Lets the next turn begin before this one answers: its commit runs meanwhile."""
        self._lent = False
        self._next()
        turn.end()


def _answer(future: asyncio.Future[Any], error: Exception | None, result: Any = None) -> None:
    """Tells a caller that waits, if it still does."""
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


def _write(writes: Sequence[Write | Delete], connection: Connection) -> None:
    with connection.begin():
        write_rows(connection, writes)
