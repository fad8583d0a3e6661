"""One room's notices for many readers: every stretch of the log is read once, however many want it.

Readers ask for what comes after their own cursor. The stretches that are read lie at fixed places and the latest of
them are kept, so readers near the end share one; a reader far behind reads for itself and holds nobody up.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

import httpx
import msgspec
from sqlalchemy import select
from sqlmodel import Session

from kernel.feed import FOLLOW_EVENTS_MAX, POLL_WAIT_S, RETRY_MAX_S, RETRY_MIN_S
from kernel.log import Log
from kernel.messages import Recorded
from kernel.notices import Bulletin, Notice, Page
from kernel.sequencer import Sequencer
from kernel.store import Store

#: Stretches kept: two hundred events each, so some tens of thousands of events before the end of the log.
STRETCHES_KEPT = 64
#: A log that is written a thousand times a second is looked at less often: what reads it has time.
LOOK_EVERY_S = 0.05
#: Rest after each stretch that lies behind: a long replay leaves the engine its processor.
CATCH_UP_PAUSE_S = 0.01

_log = logging.getLogger("h2market.notices")


class NoticeSource(Protocol):
    """Where a room's notices are read."""

    @property
    def last(self) -> int:
        """The log's last position as far as is known here."""
        ...

    async def page(self, after: int, limit: int) -> Page:
        """The notices of the next ``limit`` events, at once."""
        ...

    async def head(self, after: int) -> int:
        """The log's last position; waits a while for one beyond ``after``."""
        ...

    async def position(self, at: int) -> int:
        """The last position before a time."""
        ...


class LocalNotices:
    """The notices of a room in the same process."""

    def __init__(self, store: Store, sequencer: Sequencer, bulletin: Bulletin) -> None:
        self._store = store
        self._sequencer = sequencer
        self._bulletin = bulletin
        self._names = bulletin.event_names
        self._news = asyncio.Event()
        sequencer.on_commit(lambda _recorded: self._news.set())

    @property
    def last(self) -> int:
        return self._sequencer.tail.seq

    async def page(self, after: int, limit: int) -> Page:
        return await asyncio.to_thread(self.read, after, limit)

    async def head(self, after: int) -> int:
        if self._sequencer.tail.seq <= after:
            self._news.clear()
            try:
                async with asyncio.timeout(POLL_WAIT_S):
                    await self._news.wait()
            except TimeoutError:
                pass
        return self._sequencer.tail.seq

    async def position(self, at: int) -> int:
        return await asyncio.to_thread(self._position, at)

    def read(self, after: int, limit: int) -> Page:
        """The notices of the next events, from the read connections."""
        log = self._sequencer.room.log
        with self._store.reading() as session:
            rows = list(log.stored(session.connection(), after, limit))
            recorded: list[Recorded] = [log.decode(row) for row in rows if row.type in self._names]
            notices = tuple(self._bulletin.make(session, recorded))
        return Page(rows[-1].seq if rows else after, notices)

    def _position(self, at: int) -> int:
        with self._store.reading() as session:
            return position_before(session, self._sequencer.room.log, self._sequencer.tail.seq, at)


def position_before(session: Session, log: Log, head: int, at: int) -> int:
    """The last position of a log before a time, by halving: positions and times rise together."""
    columns = log.table.c
    low, high = 0, head
    while low < high:
        middle = (low + high + 1) // 2
        found: int = session.connection().execute(select(columns.at).where(columns.seq == middle)).scalar_one()
        low, high = (middle, high) if found < at else (low, middle - 1)
    return low


class RemoteNotices:
    """The notices of a room in another process, which makes them there."""

    def __init__(self, client: httpx.AsyncClient, room: str) -> None:
        self._client = client
        self._path = f"/v1/internal/{room}/notices"
        self._last = 0

    @property
    def last(self) -> int:
        return self._last

    async def page(self, after: int, limit: int) -> Page:
        response = await self._client.get(self._path, params={"after": after, "limit": limit})
        response.raise_for_status()
        return msgspec.json.decode(response.content, type=Page)

    async def head(self, after: int) -> int:
        response = await self._client.get(
            f"{self._path}/head", params={"after": after, "wait_s": POLL_WAIT_S}, timeout=POLL_WAIT_S + 10
        )
        response.raise_for_status()
        self._last = int(response.json()["seq"])
        return self._last

    async def position(self, at: int) -> int:
        response = await self._client.get(f"{self._path}/position", params={"at": at})
        response.raise_for_status()
        return int(response.json()["seq"])


class _Stretch:
    """Some notices of a log by whom they are for, up to ``through``."""

    def __init__(self, after: int) -> None:
        self.through = after
        self.lock = asyncio.Lock()
        self._of: dict[str, list[Notice]] = {}

    def add(self, page: Page) -> None:
        for one in page.notices:
            self._of.setdefault(one.participant_id, []).append(one)
        self.through = page.through

    def next_of(self, participant_id: str, after: int, wanted: Callable[[str], bool]) -> list[Notice]:
        """The wanted notices of the first event after a position that has any."""
        found = [
            one for of in ("", participant_id) for one in self._of.get(of, ()) if one.seq > after and wanted(one.type)
        ]
        first = min((one.seq for one in found), default=0)
        return [one for one in found if one.seq == first]


class NoticeFeed:
    """A room's notices, shared. ``ring`` is called whenever there is news."""

    def __init__(self, room: str, source: NoticeSource, ring: Callable[[], None]) -> None:
        self.room = room
        self.source = source
        self.head = 0
        self.error: str | None = None
        self._ring = ring
        self._behind = asyncio.Lock()
        self._stretches: OrderedDict[int, _Stretch] = OrderedDict()

    async def _read(self, through: int) -> Page:
        """The rest of a stretch. Who is behind waits for its turn; the end of the log is read at once."""
        end = (through // FOLLOW_EVENTS_MAX + 1) * FOLLOW_EVENTS_MAX
        if end >= self.head:
            return await self.source.page(through, end - through)
        async with self._behind:
            page = await self.source.page(through, end - through)
            await asyncio.sleep(CATCH_UP_PAUSE_S)
        return page

    @property
    def name(self) -> str:
        """What /health calls it, as it calls followers."""
        return f"webhooks.{self.room}"

    @property
    def cursor(self) -> int:
        """The position that readers are told of."""
        return self.head

    async def lag(self) -> int:
        """Events that readers are not told of yet."""
        return max(0, self.source.last - self.head)

    async def run(self) -> None:
        """Keeps an eye on the log's end until it is cancelled."""
        pause = RETRY_MIN_S
        while True:
            try:
                head = await self.source.head(self.head)
            except asyncio.CancelledError:
                raise
            except Exception as error:
                self._fails(error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, RETRY_MAX_S)
                continue
            pause = RETRY_MIN_S
            if head != self.head or self.error is not None:
                self.head, self.error = head, None
                self._ring()
                await asyncio.sleep(LOOK_EVERY_S)

    async def next_of(self, participant_id: str, after: int, wanted: Callable[[str], bool]) -> tuple[list[Notice], int]:
        """The next wanted notices after a position, all of one event, and how far the log was looked through.

        Nothing and ``after`` itself where there is nothing yet, or where the room cannot be reached.
        """
        if after >= self.head:
            return [], after
        stretch = self._stretch(after)
        try:
            async with stretch.lock:
                if stretch.through <= after:
                    stretch.add(await self._read(stretch.through))
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self._fails(error)
            return [], after
        found = stretch.next_of(participant_id, after, wanted)
        return found, found[0].seq if found else max(after, stretch.through)

    async def position(self, at: int) -> int | None:
        """The last position before a time; None where the room cannot be reached."""
        try:
            return await self.source.position(at)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self._fails(error)
            return None

    def _stretch(self, after: int) -> _Stretch:
        number = after // FOLLOW_EVENTS_MAX
        stretch = self._stretches.get(number)
        if stretch is None:
            stretch = self._stretches[number] = _Stretch(number * FOLLOW_EVENTS_MAX)
            while len(self._stretches) > STRETCHES_KEPT:
                self._stretches.popitem(last=False)
        self._stretches.move_to_end(number)
        return stretch

    def _fails(self, error: Exception) -> None:
        told = f"{type(error).__name__}: {error}"
        if told != self.error:
            _log.warning("the notices of %s cannot be read: %s", self.room, told)
        self.error = told
