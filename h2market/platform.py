"""The composition root: which rooms this process runs, and how they are wired to one another.

    participants log --> exchange  (who may trade)
                     --> tracking  (facilities)          exchange log --> tracking (shipments of what was traded)
                     --> settlement (cash accounts)                   --> settlement (holds)
    tracking log --> settlement (what was delivered)     settlement log --> exchange (limits follow the money)
                 --> exchange (whether a recalled trade's loads could be ended)

In one process every arrow is a follower of a log in the same database. A service alone follows the others over HTTP and
keeps a replica of the participants' log, so that it can tell whose key a request carries.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

import exchange.following
import exchange.jobs
import exchange.published
import exchange.service
import settlement.courier
import settlement.following
import settlement.jobs
import settlement.service
import tracking.courier
import tracking.following
import tracking.jobs
import tracking.published
import tracking.service
from h2market.migrate import migrate
from h2market.rooms import make_rooms
from h2market.snapshots import keeper_of
from h2market.webhooks import BULLETINS, outgoing_of
from kernel.auth import Principal
from kernel.clock import Clock, SimulatedClock, SystemClock, from_text
from kernel.config import SERVICES, Settings
from kernel.errors import H2MarketError
from kernel.facts import FactSource, LocalFacts, RemoteFacts
from kernel.feed import (
    Deliver,
    Follower,
    LocalPort,
    LocalSource,
    Port,
    RemotePort,
    RemoteSource,
    Source,
    ToOwnRoom,
    ToPort,
)
from kernel.jobs import AlarmClock, Job
from kernel.messages import Codec, Command, Event, Recorded
from kernel.notice_feed import LocalNotices, NoticeFeed, NoticeSource, RemoteNotices
from kernel.replica import Replica
from kernel.sequencer import Sequencer, Writer
from kernel.service import Service
from kernel.store import Store
from kernel.streams import Streams
from kernel.tables import CursorRow
from kernel.telemetry import Metrics
from participants.delivery import Deliverer
from participants.directory import Directory
from participants.signing import webhook_key

_log = logging.getLogger("h2market.platform")

#: Secrets kept beside their principals: more than one process has callers.
KNOWN_SECRETS_MAX = 10_000
#: How often a room that cannot write tries again.
TEND_EVERY_S = 1.0
#: Which service's process a room's log is written in.
HOME = {"participants": "exchange", "exchange": "exchange", "tracking": "tracking", "settlement": "settlement"}
JOBS: dict[str, tuple[Job, ...]] = {
    "exchange": exchange.jobs.JOBS,
    "tracking": tracking.jobs.JOBS,
    "settlement": settlement.jobs.JOBS,
}


class KeyRing:
    """Finds principals in the directory; between services the shared service key is one too."""

    def __init__(self, directory: Directory, service_key: str) -> None:
        self._directory = directory
        self._service_hash = hashlib.sha256(service_key.encode()).digest() if service_key else None
        # Secrets that were asked for lately: a hash and two look-ups less on every request.
        self._known: dict[str, Principal] = {}
        self._service = Principal("", "service", frozenset(), frozenset({"service"}), True)

    def authenticate(self, secret: str) -> Principal | None:
        """None for a secret that nobody has."""
        known = self._known.get(secret)
        if known is not None:
            return known
        principal = self._find(secret)
        if principal is not None and len(self._known) < KNOWN_SECRETS_MAX:
            self._known[secret] = principal
        return principal

    def forget(self) -> None:
        """Asks the directory again from now on: it has changed."""
        self._known.clear()

    def _find(self, secret: str) -> Principal | None:
        principal = self._directory.authenticate(secret)
        if principal is not None or self._service_hash is None:
            return principal
        same = hmac.compare_digest(hashlib.sha256(secret.encode()).digest(), self._service_hash)
        return self._service if same else None


@dataclass(frozen=True, slots=True)
class _Arrow:
    """One follower: whose log, into which room, and what it makes of an event."""

    name: str
    source: str
    target: str
    handle: Callable[[Recorded], Sequence[Command]]


ARROWS = (
    _Arrow("exchange.participants", "participants", "exchange", exchange.following.follow_participants),
    _Arrow("tracking.participants", "participants", "tracking", tracking.following.follow_participants),
    _Arrow("tracking.exchange", "exchange", "tracking", tracking.following.follow_exchange),
    _Arrow("settlement.participants", "participants", "settlement", settlement.following.follow_participants),
    _Arrow("settlement.exchange", "exchange", "settlement", settlement.following.follow_exchange),
    _Arrow("settlement.tracking", "tracking", "settlement", settlement.following.follow_tracking),
)

#: Who tells the exchange what: the follower's name, the room whose log it reads, and the commands that it sends.
COURIERS = (
    ("tracking.courier", "tracking", tracking.courier.recall_courier),
    ("settlement.courier", "settlement", settlement.courier.limits_courier),
)


class Platform:
    """The rooms of one process, running. ``services`` are those whose logs this process writes."""

    def __init__(self, settings: Settings, services: Sequence[str] = SERVICES, clock: Clock | None = None) -> None:
        self.settings = settings
        self.services = tuple(services)
        self.store = Store(settings.database_url, settings.schema)
        self.clock: Clock = clock or _clock(settings)
        self.writer = Writer(self.store)
        self.rooms = make_rooms()
        self.metrics = Metrics()
        self.directory = Directory()
        self.key_ring = KeyRing(self.directory, settings.service_key)
        self.sequencers: dict[str, Sequencer] = {
            name: Sequencer(room, self.writer, self.clock, keeper=keeper_of(room, settings, self.writer))
            for name, room in self.rooms.items()
            if HOME[name] in self.services
        }
        self.replica = None if "participants" in self.sequencers else Replica(self.rooms["participants"], self.writer)
        self.streams = Streams()
        self._clients: dict[str, httpx.AsyncClient] = {}
        #: What the rooms of this process tell participants.
        self.notices = {
            name: LocalNotices(self.store, sequencer, BULLETINS[name]) for name, sequencer in self.sequencers.items()
        }
        self.webhooks = self._deliverer()
        self.followers: list[Follower] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.handlers: dict[str, Any] = self._handlers()
        self.alarm = AlarmClock(self.clock, self._jobs() if settings.scheduler else [])

    # --- life

    async def start(self) -> None:
        """Takes the writer's lock, brings the schema and every room up to date, and begins to follow."""
        connection = self.writer.connection
        migrate(connection)
        for sequencer in self.sequencers.values():
            sequencer.start(connection)
        if self.replica:
            self.replica.start(connection)
        with connection.begin():
            key = webhook_key(connection, self.settings.webhook_key, secrets.token_bytes)
            for recorded in self.rooms["participants"].log.read(connection):
                self.directory.update(recorded)
            cursors = {row.follower: row.seq for row in connection.execute(CursorRow.__table__.select())}  # type: ignore[attr-defined]
        (self.replica or self.sequencers["participants"]).on_commit(self._learn)
        if self.webhooks:
            await self.webhooks.start(connection, key)
        self.writer.start()
        # What is done at every start comes before what others' logs ask: their race would leave logs in either order.
        await self.alarm.start()
        self._follow(cursors)

    async def stop(self) -> None:
        """Finishes what was begun and lets everything go."""
        self.alarm.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.webhooks:
            await self.webhooks.stop()
        for client in self._clients.values():
            await client.aclose()
        for sequencer in self.sequencers.values():
            await sequencer.stop()
        await asyncio.to_thread(self.writer.stop)
        self.store.close()

    async def run_job(self, name: str) -> None:
        """Runs one job now. Raises KeyError for a name that is none."""
        await {job.name: run for job, run in self._jobs()}[name]()

    @property
    def watched(self) -> tuple[Follower | NoticeFeed, ...]:
        """Whatever reads logs in this process."""
        return (*self.followers, *(self.webhooks.feeds if self.webhooks else ()))

    @property
    def ready(self) -> bool:
        """Whether every room can write."""
        return all(sequencer.broken is None for sequencer in self.sequencers.values())

    def service(self, name: str) -> Any:
        """What the routes and jobs of a room stand on."""
        return self.handlers[name]

    # --- wiring

    def _learn(self, recorded: Sequence[Recorded]) -> None:
        for one in recorded:
            self.directory.update(one)
        self.key_ring.forget()
        self.streams.check_keys()

    def _handlers(self) -> dict[str, Any]:
        made: dict[str, Any] = {}
        if "participants" in self.sequencers:
            made["participants"] = Service(self.sequencers["participants"], self.store, self.clock)
        if "exchange" in self.sequencers:
            made["exchange"] = exchange.service.ExchangeService(self.sequencers["exchange"], self.store, self.clock)
        if "tracking" in self.sequencers:
            made["tracking"] = tracking.service.TrackingService(self.sequencers["tracking"], self.store, self.clock)
        if "settlement" in self.sequencers:
            facts: dict[str, FactSource] = {
                "exchange": self._facts("exchange", exchange.published.FACTS),
                "tracking": self._facts("tracking", tracking.published.FACTS),
            }
            made["settlement"] = settlement.service.SettlementService(
                self.sequencers["settlement"], self.store, self.clock, facts
            )
        return made

    def _jobs(self) -> list[tuple[Job, Callable[[], Any]]]:
        def bound(job: Job, service: Any) -> Callable[[], Any]:
            return lambda: job.run(service)

        return [(job, bound(job, self.handlers[name])) for name in self.services for job in JOBS[name]]

    def _client(self, service: str) -> httpx.AsyncClient:
        client = self._clients.get(service)
        if client is None:
            url = self.settings.url_of(service)
            if not url or not self.settings.service_key:
                raise ValueError(
                    f"set H2MARKET_{service.upper()}_URL and H2MARKET_SERVICE_KEY: the {service} service runs elsewhere"
                )
            client = httpx.AsyncClient(
                base_url=url,
                headers={"Authorization": f"Bearer {self.settings.service_key}"},
                timeout=30,
                trust_env=False,
            )
            self._clients[service] = client
        return client

    def _source(self, room: str) -> Source:
        if room in self.sequencers:
            return LocalSource(self.store, self.sequencers[room])
        return RemoteSource(self._client(HOME[room]), room)

    def _deliverer(self) -> Deliverer | None:
        """Who delivers to webhooks: the process that writes the register. It tells of the logs that it can read."""
        if "participants" not in self.sequencers:
            return None
        sources: dict[str, NoticeSource] = dict(self.notices)
        for room, service in HOME.items():
            if room not in sources and self.settings.url_of(service) and self.settings.service_key:
                sources[room] = RemoteNotices(self._client(service), room)
        register = self.sequencers["participants"]
        return Deliverer(register, self.store, sources, lambda: outgoing_of(self.settings))

    def _facts(self, room: str, facts: Any) -> FactSource:
        if room in self.sequencers:
            return LocalFacts(self.store, facts)
        return RemoteFacts(self._client(HOME[room]), room, facts)

    def _port(self, room: str) -> Port:
        if room in self.sequencers:
            return LocalPort(self.sequencers[room])
        return RemotePort(self._client(HOME[room]), room, self.rooms[room].commands)

    def _follow(self, cursors: dict[str, int]) -> None:
        def add(name: str, source: str, deliver: Deliver, cursor: int) -> None:
            self.followers.append(Follower(name, self._source(source), deliver, cursor))

        if self.replica:
            add(f"{self.services[0]}.replica", "participants", self.replica.deliver, self.replica.tail.seq)
        for arrow in ARROWS:
            if arrow.target in self.sequencers:
                codec: Codec[Event] = self.rooms[arrow.source].events
                add(
                    arrow.name,
                    arrow.source,
                    ToOwnRoom(self.sequencers[arrow.target], codec, arrow.handle),
                    cursors.get(arrow.name, 0),
                )
        for name, room, handle in COURIERS:
            if room in self.sequencers:
                courier = ToPort(self.sequencers[room], self._port("exchange"), self.rooms[room].events, handle)
                add(name, room, courier, cursors.get(name, 0))
        self._tasks = [asyncio.create_task(follower.run(), name=follower.name) for follower in self.followers]
        self._tasks.append(asyncio.create_task(self._tend(), name="tend"))

    async def _tend(self) -> None:
        """Brings broken rooms back once they can be: a balancer sends nobody to a process that is not ready."""
        while True:
            await asyncio.sleep(TEND_EVERY_S)
            for sequencer in self.sequencers.values():
                try:
                    await sequencer.mend()
                except H2MarketError:
                    continue  # /health says that it is broken, the log says why


def _clock(settings: Settings) -> Clock:
    return SimulatedClock(from_text(settings.simulated_clock)) if settings.simulated_clock else SystemClock()
