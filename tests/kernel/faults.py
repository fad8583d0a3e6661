"""Commits that break off, and commits that are held up, whichever way a room's batches take to the store."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Transaction

from kernel.batch import Batch
from kernel.scribe import Heard, Lost, Scribe, Statement
from kernel.sequencer import Sequencer
from kernel.writer import Posted, Writer


def break_next_commit(sequencer: Sequencer, *, committed: bool) -> None:
    """Whoever writes the room's next batch is gone before it can say what became of it: the store took it, or not."""
    if sequencer._decides_in_loop:
        _break_scribe(sequencer.writer, committed)
    else:
        _break_connection(sequencer.writer, committed)


def _break_connection(writer: Writer, committed: bool) -> None:
    begin = writer.connection.begin

    class Breaking:
        def __init__(self) -> None:
            self.transaction = begin()

        def commit(self) -> None:
            if committed:
                self.transaction.commit()
            else:
                self.transaction.rollback()
            raise ConnectionError("the connection broke")

    writer.connection.begin = Breaking  # type: ignore[method-assign, assignment]


def _break_scribe(writer: Writer, committed: bool) -> None:
    scribe = writer._scribe
    assert scribe is not None, "nothing was written yet"
    post = scribe.post

    def take_and_die(statements: Sequence[Statement], heard: Heard) -> None:
        post(statements, lambda error: die(scribe, heard) if error is None else heard(error))
        if not committed:
            scribe._process.kill()

    def die(scribe: Scribe, heard: Heard) -> None:
        scribe._waiting.appendleft(heard)
        scribe._end(Lost("the process that writes has ended"))

    if not committed:
        scribe._process.send_signal(signal.SIGSTOP)  # it has surely not written what comes now
    scribe.post = take_and_die  # type: ignore[method-assign]


class Outage:
    """Cuts the connection at the next COMMIT, before or after the store took it, and lets no new one in until
    it is over, or until ``attempts`` to connect have failed."""

    def __init__(self, sequencer: Sequencer, attempts: int = 1_000_000) -> None:
        self._store = sequencer.writer.store
        self._connect = self._store.connect_writer
        self._sequencer = sequencer
        self._attempts = attempts

    def begin(self, *, committed: bool) -> None:
        """Lets the store go at the next COMMIT."""
        break_next_commit(self._sequencer, committed=committed)
        self._store.connect_writer = self._away  # type: ignore[method-assign]

    def end(self) -> None:
        """The store is there again."""
        self._store.connect_writer = self._connect  # type: ignore[method-assign]

    def _away(self) -> Connection:
        if self._attempts == 0:
            return self._connect()
        self._attempts -= 1
        raise ConnectionRefusedError("nobody listens")


class Held:
    """Commits of a room wait before anybody hears of them, from now until `go_on`."""

    def __init__(self, sequencer: Sequencer) -> None:
        self.begun = threading.Event()
        self._go_on = threading.Event()
        self._held: list[tuple[Posted, Exception | None]] = []
        self._writer = sequencer.writer
        self._written = sequencer.writer._written
        commit = sequencer._commit

        def wait(transaction: Transaction, batch: Batch) -> None:
            self.begun.set()
            assert self._go_on.wait(10)
            commit(transaction, batch)

        sequencer._commit = wait  # type: ignore[method-assign]
        sequencer.writer._written = self._hold  # type: ignore[method-assign]

    def _hold(self, turn: Posted, error: Exception | None) -> None:
        self.begun.set()
        if self._go_on.is_set():
            self._written(turn, error)
        else:
            self._held.append((turn, error))

    def go_on(self) -> None:
        """Lets them be heard of. In the event loop."""
        self._go_on.set()
        held: Any = self._held
        while held:
            self._written(*held.pop(0))

    def stop_writing(self) -> None:
        """The scribe takes nothing any more."""
        assert self._writer._scribe is not None, "nothing was written yet"
        self._writer._scribe._process.send_signal(signal.SIGSTOP)

    async def lose(self, *, committed: bool) -> None:
        """The scribe dies, after it wrote what was posted or before; nobody heard what it said of that."""
        scribe, posted = self._writer._scribe, self._writer._on_the_way
        assert scribe is not None
        if committed:
            async with asyncio.timeout(10):
                while len(self._held) < posted:  # noqa: ASYNC110 - what is waited for says nothing by itself
                    await asyncio.sleep(0)
        self._go_on.set()
        scribe._end(Lost("the process that writes has ended"))
        held, self._held = self._held, []
        for turn, _ in held:
            self._written(turn, Lost("the process that writes has ended"))
