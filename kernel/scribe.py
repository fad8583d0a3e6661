"""The platform's side of the process that writes: what it is sent, and what it says of it.

SQLite's statements hold the interpreter's lock, row by row; in a process of their own they run on another core while
this one decides, reads and answers. The other side is `kernel/scribe_process.py`.
"""

from __future__ import annotations

import asyncio
import marshal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from kernel import scribe_process
from kernel.scribe_process import LENGTH

#: A statement and the rows for it.
Statement = tuple[str, Sequence[tuple[Any, ...]]]
Heard = Callable[[Exception | None], None]

#: Later versions look for objects that occur twice, which costs four times as much as to write them twice.
_MARSHAL_VERSION = 2
_RECEIVED_MAX = 1 << 16
#: How long the process may take to write what it has and to end.
END_S_MAX = 10.0


class NotWritten(Exception):
    """What was sent is surely not in the file, and never will be."""


class Lost(Exception):
    """The process ended without a word: what was sent may be in the file or not, which changes no more once
    `Store.forget_unfinished` has been called."""


class Scribe:
    """A process that writes to the SQLite file ``path``; ``held`` is a file whose lock it holds until it ends. What is
    sent is written in order, and each of it answered once, in the event loop that sent it first: by None once it is in
    the file, else by NotWritten or Lost."""

    def __init__(self, path: str, pragmas: Sequence[str], held: int) -> None:
        self._channel, theirs = socket.socketpair()
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
        self._left = threading.Event()

    @property
    def ended(self) -> bool:
        """Whether nothing more can be sent."""
        return self._left.is_set()

    def post(self, statements: Sequence[Statement], heard: Heard) -> None:
        """Sends a transaction; ``heard`` is called with what became of it."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self._channel, self._listen)
        message = marshal.dumps(statements, _MARSHAL_VERSION)  # type: ignore[arg-type]
        self._waiting.append(heard)
        waits = bool(self._unsent)
        self._unsent += LENGTH.pack(len(message)) + message
        if not waits:
            self._send()

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
        self._process.kill()
        self._leave()
        waiting, self._waiting = self._waiting, deque()
        for heard in waiting:
            heard(error)

    def close(self) -> None:
        """Lets the process write what it was sent, and waits until it has ended. What it said meanwhile is heard now.
        Where the loop goes on in another thread it is heard there, and nothing may be on its way any more."""
        elsewhere = self._loop is not None and self._loop.is_running() and running_loop() is not self._loop
        with suppress(OSError):
            if self._unsent and not elsewhere:
                self._channel.settimeout(END_S_MAX)
                self._channel.sendall(self._unsent)
            self._channel.shutdown(socket.SHUT_WR)
        try:
            self._process.wait(END_S_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
        if elsewhere:
            self._left.wait(END_S_MAX)
        else:
            while not self.ended:
                self._listen()

    def _leave(self) -> None:
        self._process.wait()
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._channel)
            self._loop.remove_writer(self._channel)
        self._channel.close()
        self._left.set()


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop of this thread."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
