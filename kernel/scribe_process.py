"""The process that writes to an SQLite file: every message is one transaction, in the order in which they come.

    python -I -S scribe_process.py SOCKET FILE PRAGMA...

A message is a length and `marshal` of [(statement, rows), ...]; the reply to it is a length and an error's text, empty
once the transaction is in the file. After an error nothing that was sent behind it is looked at: it was decided on what
has just failed. Where a commit itself fails there is no reply, for nobody can tell here what became of it.

It imports nothing but the standard library, so that it starts in a moment.
"""

from __future__ import annotations

import marshal
import signal
import socket
import sqlite3
import struct
import sys
from typing import BinaryIO, cast

LENGTH = struct.Struct(">Q")
#: Prepared statements it keeps: every table to insert into, and to overwrite.
STATEMENTS_MAX = 512
READ_BYTES = 1 << 20


def serve(connection: sqlite3.Connection, channel: socket.socket) -> None:
    """Writes what is sent until the other side closes, or something fails."""
    stream = cast("BinaryIO", channel.makefile("rb", buffering=READ_BYTES))
    while (message := _read(stream)) is not None:
        try:
            connection.execute("BEGIN IMMEDIATE")
            for statement, rows in marshal.loads(message):  # noqa: S302 - of the process that started this one
                connection.executemany(statement, rows)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other side hears of it
            _reply(channel, str(error) or type(error).__name__)
            return
        connection.execute("COMMIT")
        _reply(channel, "")


def _read(stream: BinaryIO) -> bytes | None:
    """The next message; None where the other side has gone, also in the middle of one."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    message = stream.read(length)
    return message if len(message) == length else None


def _reply(channel: socket.socket, error: str) -> None:
    text = error.encode()
    channel.sendall(LENGTH.pack(len(text)) + text)


def main() -> None:
    """Opens the file and serves. What stops the platform reaches the whole group: this process ends by its socket."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    channel = socket.socket(fileno=int(sys.argv[1]))
    connection = sqlite3.connect(sys.argv[2], isolation_level=None, cached_statements=STATEMENTS_MAX)
    for pragma in sys.argv[3:]:
        connection.execute(f"PRAGMA {pragma}")
    try:
        serve(connection, channel)
    except (BrokenPipeError, ConnectionResetError):
        return  # it was written, and nobody is there to hear of it


if __name__ == "__main__":
    main()
