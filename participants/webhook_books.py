"""What the deliverer of webhooks remembers: cursors, standings and attempts.

It is written behind the deliverer's back, many webhooks in one transaction and at most some ten times a second, so that
it takes next to nothing of the one writer's time. A crash forgets the last moment: those messages are sent again, under
the same ids.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, delete, func, select

from kernel.errors import RETRY_AFTER_S, Unavailable
from kernel.room import table_of
from kernel.sequencer import Writer
from kernel.store import Store, Write, write_rows
from participants.tables import WebhookAttemptRow, WebhookCursorRow, WebhookStandingRow

#: How long attempts gather before they are written.
GATHER_S = 0.1
RETRY_S = 1.0
#: Attempts that may wait for the store; beyond, deliveries wait too.
UNWRITTEN_MAX = 1_000
#: Attempts kept for each webhook, and how many more there may be before the oldest are deleted.
ATTEMPTS_KEPT, ATTEMPTS_SLACK = 500, 100

_log = logging.getLogger("h2market.webhooks")


class Attempt(NamedTuple):
    """A row of `WebhookAttemptRow`, without its webhook."""

    message_id: str
    type: str
    room: str
    seq: int
    number: int
    at: int
    duration_ms: int
    delivered: bool
    status_code: int | None
    error: str


class Standing(msgspec.Struct):
    """How delivery to one webhook stands; see `WebhookStandingRow`. ``cursors`` has a position for each log."""

    failures: int = 0
    next_attempt_at: int = 0
    last_attempt_at: int = 0
    last_success_at: int = 0
    last_error: str = ""
    cursors: dict[str, int] = {}


class Books:
    """The deliverer's bookkeeping in the store."""

    def __init__(self, store: Store, writer: Writer) -> None:
        self._store = store
        self._writer = writer
        self._changed: dict[str, Standing] = {}
        self._attempts: list[tuple[str, Attempt]] = []
        self._forgotten: set[str] = set()
        self._since_pruned: dict[str, int] = {}
        self._last_id = 0
        self._work = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def read(self, connection: Connection) -> dict[str, Standing]:
        """Every standing, as it was written last; before anything else."""
        standings: dict[str, Standing] = {}
        for row in connection.execute(select(table_of(WebhookStandingRow))):
            standings[row.webhook_id] = Standing(*row[1:])
        for row in connection.execute(select(table_of(WebhookCursorRow))):
            standings.setdefault(row.webhook_id, Standing()).cursors[row.room] = row.seq
        attempts = table_of(WebhookAttemptRow)
        self._last_id = connection.execute(select(func.max(attempts.c.id))).scalar() or 0
        return standings

    def note(self, webhook_id: str, standing: Standing, attempt: Attempt | None = None) -> None:
        """Has a standing written soon, with the attempt that changed it."""
        self._changed[webhook_id] = standing
        if attempt is not None:
            self._attempts.append((webhook_id, attempt))
            if len(self._attempts) >= UNWRITTEN_MAX:
                self._room.clear()
        self._work.set()

    def forget(self, webhook_id: str) -> None:
        """Has everything about a webhook deleted soon."""
        self._changed.pop(webhook_id, None)
        self._attempts = [one for one in self._attempts if one[0] != webhook_id]
        self._since_pruned.pop(webhook_id, None)
        self._forgotten.add(webhook_id)
        self._work.set()

    async def room(self) -> None:
        """Waits while too much is unwritten."""
        await self._room.wait()

    async def run(self) -> None:
        """Writes until it is cancelled."""
        while True:
            await self._work.wait()
            await asyncio.sleep(GATHER_S)
            try:
                await self.write()
            except asyncio.CancelledError:
                raise
            except Exception:
                _log.exception("what was delivered could not be noted")
                await asyncio.sleep(RETRY_S)

    async def write(self) -> None:
        """Writes what has gathered, in one transaction. Raises Unavailable where it cannot, and then keeps it."""
        changed, attempts, forgotten = self._changed, self._attempts, self._forgotten
        self._changed, self._attempts, self._forgotten = {}, [], set()
        self._work.clear()
        standings = {name: msgspec.structs.replace(one, cursors=dict(one.cursors)) for name, one in changed.items()}

        def work(connection: Connection) -> None:
            with connection.begin():
                self._write(connection, standings, attempts)
                self._delete(connection, forgotten)

        try:
            await self._writer.run(work)
        except Exception as error:  # not where it is cancelled: what is queued is written, and before what is next
            self._changed = {**changed, **self._changed}
            self._attempts = attempts + self._attempts
            self._forgotten |= forgotten
            self._work.set()
            raise Unavailable(retry_after_s=RETRY_AFTER_S) from error
        if len(self._attempts) < UNWRITTEN_MAX:
            self._room.set()

    def _write(
        self, connection: Connection, standings: dict[str, Standing], attempts: list[tuple[str, Attempt]]
    ) -> None:
        named = standings.items()
        stands = [(webhook_id, *msgspec.structs.astuple(one)[:-1]) for webhook_id, one in named]
        cursors = [(webhook_id, room, seq) for webhook_id, one in named for room, seq in one.cursors.items()]
        tried = [(self._next_id(attempt.at), webhook_id, *attempt) for webhook_id, attempt in attempts]
        write_rows(connection, [
            Write(table_of(WebhookStandingRow), stands, replace=True),
            Write(table_of(WebhookCursorRow), cursors, replace=True),
            Write(table_of(WebhookAttemptRow), tried, replace=False),
        ])  # fmt: skip
        self._prune(connection, (webhook_id for webhook_id, _ in attempts))

    def _delete(self, connection: Connection, forgotten: set[str]) -> None:
        for table in (table_of(WebhookStandingRow), table_of(WebhookCursorRow), table_of(WebhookAttemptRow)):
            if forgotten:
                connection.execute(delete(table).where(table.c.webhook_id.in_(forgotten)))

    def _next_id(self, at: int) -> int:
        self._last_id = max(self._last_id + 1, at)
        return self._last_id

    def _prune(self, connection: Connection, webhook_ids: Iterable[str]) -> None:
        """Deletes the oldest attempts, now and then."""
        table = table_of(WebhookAttemptRow)
        for webhook_id in webhook_ids:
            self._since_pruned[webhook_id] = self._since_pruned.get(webhook_id, 0) + 1
            if self._since_pruned[webhook_id] < ATTEMPTS_SLACK:
                continue
            self._since_pruned[webhook_id] = 0
            ids = select(table.c.id).where(table.c.webhook_id == webhook_id).order_by(table.c.id.desc())
            oldest = connection.execute(ids.offset(ATTEMPTS_KEPT - 1).limit(1)).scalar()
            if oldest is not None:
                connection.execute(delete(table).where(table.c.webhook_id == webhook_id, table.c.id < oldest))
