"""The platform's side of the process that writes: what it is sent, and what it says of it.

SQLite's statements hold the interpreter's lock, row by row; in a process of their own they run on another core while
this one decides, reads and answers. The other side is `kernel/scribe_process.py`.
"""

from __future__ import annotations

import asyncio
import logging
import marshal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from kernel import scribe_process
from kernel.scribe_process import LENGTH

_log = logging.getLogger("h2market.scribe")

#: A statement and the rows for it.
Statement = tuple[str, Sequence[tuple[Any, ...]]]
Heard = Callable[[Exception | None], None]

#: Later versions look for objects that occur twice, which costs four times as much as to write them twice.
_MARSHAL_VERSION = 2
_RECEIVED_MAX = 1 << 16
#: A whole batch fits: the process finds the next one complete when it has written the one before. For the rest of what
#: does not fit it would wait until the loop, busy deciding and answering, sends it. A system may allow less
#: (`net.core.wmem_max`): what Linux allows without asking, 425,984 bytes, holds some 400 orders.
SEND_BUFFER_BYTES = 1 << 22
#: How long the process may take to write what it has and to end.
END_S_MAX = 10.0
#: It is killed where something waits and it says nothing for so many ticks in a row: four times as long as it waits for
#: a lock of the file, and soon enough to answer callers who wait for 30 s. Ticks are counted and not time: if the
#: machine, or both processes, stood still meanwhile, that was one tick.
TICK_S = 1.0
SILENT_TICKS_MAX = 20
#: A process that is killed is gone within a millisecond, unless the kernel waits for a disk on its behalf: then nobody
#: knows for how long.
DEATH_S_MAX = 2.0
LOOK_EVERY_S = 0.002
LOOK_AFTER_HUNG_EVERY_S = 0.1


class NotWritten(Exception):
    """What was sent is surely not in the file, and never will be."""


class Lost(Exception):
    """The process ended without a word: what was sent may be in the file or not, which changes no more once
    `Store.forget_unfinished` has been called."""


class Hung(Exception):
    """The process says nothing, and killed it does not die: what was sent may be in the file, or be there later. Nobody
    may write beside it."""


class Scribe:
    """A process that writes to the SQLite file ``path``; ``held`` is a file whose lock it holds until it ends. What is
    sent is written in order, and each of it answered once, in the event loop that sent it first: by None once it is in
    the file, else by NotWritten, Lost or Hung.

    The loop never waits for it. One that is silent is killed; NotWritten and Lost are said once it is surely dead, and
    Hung where that takes too long. ``changed`` is called when either has been said.
    """

    def __init__(self, path: str, pragmas: Sequence[str], held: int) -> None:
        self._channel, theirs = socket.socketpair()
        with suppress(OSError):  # a system may refuse what it does not grant
            self._channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._channel.setblocking(False)
        program = str(Path(scribe_process.__file__))
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-I", "-S", program, str(theirs.fileno()), path, *pragmas],
                pass_fds=(theirs.fileno(), held),
            )
        except BaseException:
            self._channel.close()
            raise
        finally:
            theirs.close()
        self._waiting: deque[Heard] = deque()
        self._unsent = b""
        self._received = b""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._silent_ticks = 0
        self._error: Exception | None = None  # why it is ended
        self._dead_until = 0.0
        self._left = threading.Event()
        self.hung = False
        self.silenced = False  # whether it was killed because it said nothing
        self.changed: Callable[[], None] = _nothing

    @property
    def ended(self) -> bool:
        """Whether it is surely dead, and all of it told."""
        return self._left.is_set()

    @property
    def dying(self) -> bool:
        """Whether it is being ended, and nobody knows yet how that goes."""
        return self._error is not None and not (self.hung or self.ended)

    def post(self, statements: Sequence[Statement], heard: Heard) -> None:
        """Sends a transaction; ``heard`` is called with what became of it. Raises NotWritten once it is being ended."""
        if self._error is not None:
            raise NotWritten(str(self._error))
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self._channel, self._listen)
        message = marshal.dumps(statements, _MARSHAL_VERSION)  # type: ignore[arg-type]
        self._waiting.append(heard)
        waits = bool(self._unsent)
        self._unsent += LENGTH.pack(len(message)) + message
        if not waits:
            self._send()
        if self._watch is None:
            self._silent_ticks = 0
            self._watch = self._loop.call_later(TICK_S, self._tick)

    def _tick(self) -> None:
        """Watches as long as something waits."""
        assert self._loop is not None
        self._watch = None
        if self._error is None:
            self._listen()  # a loop that was held up may not have heard yet what was said long ago
        if self._error is not None or not self._waiting:
            return
        self._silent_ticks += 1
        if self._silent_ticks < SILENT_TICKS_MAX:
            self._watch = self._loop.call_later(TICK_S, self._tick)
            return
        _log.error("the process that writes said nothing for %s s, and is killed", SILENT_TICKS_MAX * TICK_S)
        self.silenced = True
        self._end(Lost("the process that writes said nothing"))

    def _send(self) -> None:
        assert self._loop is not None
        try:
            sent = self._channel.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:  # it has ended, which is heard
            sent = len(self._unsent)
        self._unsent = self._unsent[sent:]
        if self._unsent:
            self._loop.add_writer(self._channel, self._send)
        else:
            self._loop.remove_writer(self._channel)

    def _listen(self) -> None:
        try:
            received = self._channel.recv(_RECEIVED_MAX)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        if not received:
            self._end(Lost("the process that writes has ended"))
            return
        self._silent_ticks = 0
        self._received += received
        while len(self._received) >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self._received)
            end = LENGTH.size + length
            if len(self._received) < end:
                return
            error, self._received = self._received[LENGTH.size : end].decode(), self._received[end:]
            if error:
                self._end(NotWritten(error))
                return
            self._waiting.popleft()(None)

    def _end(self, error: Exception) -> None:
        """Ends the process, so that nothing is written any more, and says so of all that was sent."""
        if self._error is not None:
            return
        self._error = error
        self._dead_until = time.monotonic() + DEATH_S_MAX
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._channel)
            self._loop.remove_writer(self._channel)
        self._process.kill()
        self._look()

    def _look(self) -> None:
        """Looks whether it is dead, until it is."""
        if self.ended:
            return
        assert self._error is not None
        if self._process.poll() is not None:
            if self.hung:
                _log.error("the process that writes is dead at last")
            self.hung = False
            self._channel.close()
            self._left.set()
            self._tell(self._error)
            return
        if not self.hung and time.monotonic() >= self._dead_until:
            _log.error("the process that writes was killed and does not die: the disk may hang")
            self.hung = True
            self._tell(Hung("the process that writes does not die"))
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_later(LOOK_AFTER_HUNG_EVERY_S if self.hung else LOOK_EVERY_S, self._look)

    def _tell(self, error: Exception) -> None:
        waiting, self._waiting = self._waiting, deque()
        for heard in waiting:
            heard(error)
        self.changed()

    def close(self, patience_s: float = END_S_MAX) -> None:
        """Lets the process write what it was sent, and waits until it has ended; kills it where that takes longer than
        ``patience_s``, and waits no longer than DEATH_S_MAX for that. What it said meanwhile is heard now. Where the
        loop goes on in another thread it is heard there."""
        elsewhere = self._loop is not None and self._loop.is_running() and running_loop() is not self._loop
        until = time.monotonic() + patience_s
        with suppress(OSError):
            if self._unsent and not elsewhere:
                self._channel.settimeout(max(patience_s, LOOK_EVERY_S))
                self._channel.sendall(self._unsent)
        with suppress(OSError):
            self._channel.setblocking(False)
            self._channel.shutdown(socket.SHUT_WR)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, until - time.monotonic()))
        if self._process.poll() is None:
            self._process.kill()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(DEATH_S_MAX)
        lost = Lost("the process that writes did not end in time")
        if elsewhere:
            assert self._loop is not None
            if self._process.poll() is None:  # else the loop hears it by itself
                with suppress(RuntimeError):  # the loop has just ended
                    self._loop.call_soon_threadsafe(self._end, lost)
            self._left.wait(DEATH_S_MAX)
            return
        while self._error is None and self._process.poll() is not None:
            self._listen()
        self._end(lost)
        if self.dying:
            self._dead_until = 0.0
            self._look()


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop of this thread."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _nothing() -> None:
    """Nobody asked to be told."""
