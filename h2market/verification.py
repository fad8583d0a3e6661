"""`h2market verify`: proves a whole database, schema by schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, func, inspect, make_url, select

from h2market.migrate import VERSION_TABLE
from h2market.rooms import make_rooms
from kernel.config import SERVICES
from kernel.room import Finding
from kernel.store import Store
from kernel.verify import verify_room


@dataclass(frozen=True, slots=True)
class Verified:
    """What was read and what does not hold."""

    events: int
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return not self.findings


def sqlite_file(url: str) -> Path | None:
    """Where the database of a URL lies, None if that is no file."""
    parsed = make_url(url)
    return Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None


def schemas_of(url: str, wanted: str | None) -> tuple[str | None, ...]:
    """The schemas of a database that hold this platform: one on SQLite, several where services run apart on
    PostgreSQL."""
    if wanted is not None:
        return (wanted,)
    store = Store(url)
    try:
        if store.is_sqlite:
            return (None,)
        with store.read_engine.connect() as connection:
            found = inspect(connection)
            names = [name for name in SERVICES if found.has_table(VERSION_TABLE, schema=name)]
            return (*([None] if found.has_table(VERSION_TABLE) else []), *names) or (None,)
    finally:
        store.close()


def events_in(store: Store) -> int:
    """How many events the logs hold together."""
    with store.read_engine.connect() as connection:
        return sum(
            connection.execute(select(func.count()).select_from(room.log.table)).scalar_one()
            for room in make_rooms().values()
        )


def verify_store(store: Store, progress: Callable[[int], None] = lambda _events: None) -> Verified:
    """Verifies every room of one schema within one snapshot of the database, so that a running server does not
    disturb it."""
    findings: list[Finding] = []
    events = 0

    def count(steps: int) -> None:
        nonlocal events
        events += steps
        progress(steps)

    with store.one_moment() as session:
        findings += _all_rooms(session.connection(), count)
    return Verified(events, tuple(findings))


def _all_rooms(connection: Connection, count: Callable[[int], None]) -> Iterator[Finding]:
    for room in make_rooms().values():
        yield from verify_room(room, connection, count)
