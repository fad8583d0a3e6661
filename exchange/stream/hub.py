"""The feed: one mirror of the exchange, the topics that it speaks about, and all connections."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Protocol

from exchange.errors import ProductNotFound
from exchange.service import ExchangeService
from exchange.stream.base import encode
from exchange.stream.mirror import Mirror, Turn
from exchange.stream.past import EVENTS_MAX, Past
from exchange.stream.said_own import Own
from exchange.stream.said_prints import RecalledItem, TradeItem, Trades, TradesSnapshot
from exchange.stream.said_status import Status
from exchange.stream.shared import Shared
from exchange.stream.subscription import Subscription
from exchange.stream.tickers import Day, read_day
from exchange.stream.topics import Books, Companies, Glances, Prints, Statuses, limits
from kernel.errors import InvalidInput

#: A sign of life for every connection, with the last position of each of its subscriptions.
HEARTBEAT_S = 5.0

_log = logging.getLogger("h2market.stream")


class Listener(Protocol):
    """A connection, as the hub knows it."""

    def beat(self) -> None:
        """Sends a heartbeat, and looks whether the reader is still there."""
        ...

    def check_key(self) -> None:
        """Looks whether the key still holds."""
        ...

    def restart(self) -> None:
        """Tells the client to come back: the feed cannot go on for it."""
        ...


class Hub:
    """Who listens, and what they are told."""

    def __init__(self, service: ExchangeService) -> None:
        self.service = service
        self.mirror = Mirror(service.sequencer, self._publish, self._failed)
        self.past = Past(service)
        self.heartbeat_s = HEARTBEAT_S
        self.leaving = False
        self._books = Books()
        self._prints = Prints()
        self._glances = Glances()
        self._statuses = Statuses(self.mirror)
        self._companies = Companies()
        self._connections: set[Listener] = set()
        self._subscriptions = 0
        self._day: tuple[int, asyncio.Task[None]] | None = None
        self._beating: asyncio.TimerHandle | None = None

    # --- connections

    def join(self, connection: Listener) -> None:
        """Takes in a connection: it gets heartbeats from now on."""
        self._connections.add(connection)
        if self._beating is None:
            self._beating = asyncio.get_running_loop().call_later(self.heartbeat_s, self._beat)

    def part(self, connection: Listener) -> None:
        """Lets a connection go."""
        self._connections.discard(connection)

    def check_keys(self) -> None:
        """The register has changed: every connection looks whether its key still holds."""
        for connection in list(self._connections):
            connection.check_key()

    def leave(self) -> None:
        """The process is told to stop: what would go on for ever ends."""
        self.leaving = True

    def _beat(self) -> None:
        self._beating = None
        for connection in list(self._connections):
            connection.beat()
        if self._connections:
            self._beating = asyncio.get_running_loop().call_later(self.heartbeat_s, self._beat)

    def _failed(self) -> None:
        for connection in list(self._connections):
            connection.restart()

    # --- subscriptions

    async def open(self) -> None:
        """Fills the mirror if it is not there. Raises Unavailable where the exchange cannot be read."""
        await self.mirror.open()
        if self._day is None or self._day[0] != self.mirror.fills:
            day = Day(self.mirror.state.market.day)
            self._glances.begin(day)
            self._day = self.mirror.fills, asyncio.create_task(self._read_day(day, self.mirror.seq))
        await asyncio.shield(self._day[1])
        self.mirror.catch_up()

    async def _read_day(self, day: Day, seq: int) -> None:
        """Adds the trades before the mirror was filled to those that it hears of."""

        def read() -> Day:
            with self.service.store.read_engine.connect() as connection:
                return read_day(connection, day.day, seq)

        day.merge(await asyncio.to_thread(read))

    def check(self, product_id: str) -> None:
        """Raises ProductNotFound for a product that was never listed."""
        if product_id and product_id not in self.mirror.state.products:
            raise ProductNotFound(field="product_id", product_id=product_id)

    def add(self, one: Subscription) -> None:
        """Lets a subscription hear of what happens from now on. The mirror is open."""
        self._subscriptions += 1
        self.mirror.stay()
        listeners = self._listeners(one)
        if listeners is not None:
            listeners.setdefault(one.key[1], set()).add(one)

    def remove(self, one: Subscription) -> None:
        """Lets a subscription hear no more. With the last one the mirror is let go."""
        one.forget()
        channel, name = one.key
        if channel in ("book", "orders"):
            self._books.remove(one)
        listeners = self._listeners(one)
        if listeners is not None and name in listeners:
            listeners[name].discard(one)
            if not listeners[name]:
                del listeners[name]
        self._subscriptions -= 1
        if not self._subscriptions:
            self._statuses.close()
            self.mirror.leave()

    def _listeners(self, one: Subscription) -> dict[str, set[Subscription]] | None:
        match one.key[0]:
            case "trades":
                return self._prints.listeners
            case "ticker":
                return self._glances.listeners
            case "status":
                return self._statuses.listeners
            case "own":
                return self._companies.listeners
        return None

    def check_since(self, since: int | None) -> bool:
        """Whether the log is read from ``since`` on: not if that is too long ago. Raises InvalidInput for a position
        that the log has not got to."""
        if since is None:
            return False
        if since > self.mirror.seq:
            raise InvalidInput(
                "since", "less_than_equal", f"The log has got to {self.mirror.seq}: resume from a seq that it gave.",
                f"日志目前到 {self.mirror.seq}：请以收到过的 seq 续传。",
            )  # fmt: skip
        return self.mirror.seq - since <= EVENTS_MAX

    def is_current(self, one: Subscription, since: int | None) -> bool:
        """Whether a book or ticker has not changed since a position."""
        return since is not None and self.mirror.unchanged(one.key[1], since)

    # --- how a subscription begins

    def begin(self, one: Subscription, since: int | None) -> None:
        """Begins a book or a ticker: with a snapshot, unless it is as it was at ``since``."""
        channel, product_id = one.key
        message: Any
        if channel == "book":
            view = self._books.levels(self.mirror, product_id, one)
            message = view.snapshot(self.mirror.state)
        elif channel == "orders":
            message = self._books.singles(self.mirror, product_id, one).snapshot(self.mirror.state)
        else:
            message = self._glances.snapshot(self.mirror, product_id)
        if since is not None:
            one.begin(None, since)
        else:
            one.begin(encode(message), message.seq)

    async def tell_past(self, one: Subscription, since: int | None) -> None:
        """Begins trades, a status or own business: with what happened after ``since``, or with a snapshot."""
        channel, name = one.key
        until = self.mirror.seq
        if since is None:
            # What it shows is what stands now; only trades are read from the store, up to now.
            message: Any
            if channel == "trades":
                trades = await self.past.latest_trades(name, until)
                message = TradesSnapshot(name or None, until, trades)
            elif channel == "status":
                message = self._statuses.snapshot(name)
            else:
                message = self._companies.snapshot(self.mirror, name)
            one.begin(encode(message), until)
        else:
            one.begin(None, since)
            past = await self._past(channel, name, since, until)
            if past is not None:
                one.tell(Shared(past))
        one.release()
        if not self.mirror.is_open:
            return  # the feed broke off meanwhile, and everybody was told to come back
        if channel == "status" and (auctions := self._statuses.auctions(name)):
            one.tell(Shared(Status(0, name or None, auctions[-1].seq, auctions)))
        elif channel == "own" and since is not None:
            now = limits(self.mirror, name)
            one.tell(Shared(Own(0, now.seq, [now])))

    async def _past(self, channel: str, name: str, since: int, until: int) -> Any:
        if channel == "trades":
            prints = await self.past.trades(name, since, until)
            trades = [item for item in prints if isinstance(item, TradeItem)]
            recalled = [item for item in prints if isinstance(item, RecalledItem)]
            return Trades(0, name or None, prints[-1].seq, trades, recalled) if prints else None
        if channel == "status":
            items = await self.past.statuses(name, since, until)
            return Status(0, name or None, items[-1].seq, items) if items else None
        own = await self.past.own(name, since, until)
        return Own(0, own[-1].seq, own) if own else None

    # --- what happens

    def _publish(self, turn: Turn) -> None:
        self._glances.publish(turn)
        if self._subscriptions:
            self._books.publish(turn)
            self._prints.publish(turn)
            self._statuses.publish(turn)
            self._companies.publish(turn)
