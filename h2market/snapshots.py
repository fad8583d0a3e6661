"""A process that makes one snapshot: `python -m h2market.snapshots exchange 1200000`.

It reads the log of a room up to an event, starting from the snapshot before, and prints the digest of the state there,
then the state. It writes nothing to the database, whose one writer is the server that started it.
"""

from __future__ import annotations

import hashlib
import os
import sys

from h2market.rooms import make_rooms
from kernel.config import Settings
from kernel.room import MemoryRoom, Room
from kernel.snapshots import Keeper
from kernel.store import Store
from kernel.writer import Writer


def keeper_of(room: Room, settings: Settings, writer: Writer) -> Keeper | None:
    """What keeps the snapshots of a room, and has such a process make the large ones; None for one that needs none."""
    if not isinstance(room, MemoryRoom):
        return None
    environ = {**os.environ, "DATABASE_URL": settings.database_url, "H2MARKET_SCHEMA": settings.schema or ""}
    return Keeper(room.name, writer, (sys.executable, "-m", __name__, room.name), environ)


def main(name: str, seq: int) -> None:
    """Makes the snapshot. Raises ValueError for a log without that event."""
    settings = Settings.from_environment()
    room = make_rooms()[name]
    assert isinstance(room, MemoryRoom)
    store = Store(settings.database_url, settings.schema)
    with store.read_engine.connect() as connection:
        state = room.state_at(connection, seq)
    store.close()
    sys.stdout.buffer.write(b"%b\n" % hashlib.sha256(state).hexdigest().encode())
    sys.stdout.buffer.write(state)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
