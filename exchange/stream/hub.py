"""The feed: how far the log is told, the topics that it speaks about, and all connections."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Protocol

from exchange.auction import equilibrium
from exchange.errors import ProductNotFound
from exchange.machine import ExchangeMachine
from exchange.phases import Collected, collected_of
from exchange.service import ExchangeService
from exchange.state import ExchangeState
from exchange.stream.base import Said, encode, price_text
from exchange.stream.companies import Companies, OwnImage, limits_of
from exchange.stream.faces import Face, face_of
from exchange.stream.feed import Feed, Turn
from exchange.stream.looks import Interest
from exchange.stream.past import EVENTS_MAX, Past
from exchange.stream.said_own import Own
from exchange.stream.said_prints import RecalledItem, TradeItem, Trades, TradesSnapshot
from exchange.stream.said_status import IndicativeItem, Status, StatusItem
from exchange.stream.shared import Shared
from exchange.stream.subscription import Subscription
from exchange.stream.tickers import Day, read_day
from exchange.stream.topics import Books, Glances, Prints, Statuses, status_snapshot
from kernel.clock import to_text
from kernel.errors import InvalidInput

#: A sign of life for every connection, with the last position of each of its subscriptions.
HEARTBEAT_S = 5.0

#: Is told where a subscription begins, and whether it goes on from where the reader stands, before its first message;
#: the subscription before is over then.
Start = Callable[[int, bool], None]


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
        self.past = Past(service)
        self.heartbeat_s = HEARTBEAT_S
        self.leaving = False
        self._books = Books()
        self._prints = Prints()
        self._glances = Glances()
        self._statuses = Statuses(self._work_out)
        self._companies = Companies()
        interest = Interest(self._books.depths, self._books.singles, self._glances.listeners, self._companies.listeners)
        self.feed = Feed(service.sequencer, interest, self._publish, self._failed)
        self._connections: set[Listener] = set()
        self._subscriptions: set[Subscription] = set()
        self._indicatives: dict[str, IndicativeItem] = {}
        self._working: set[asyncio.Task[None]] = set()
        self._day: tuple[int, asyncio.Task[None]] | None = None
        self._beating: asyncio.Task[None] | None = None

    # --- connections

    def join(self, connection: Listener) -> None:
        """Takes in a connection: it gets heartbeats from now on."""
        self._connections.add(connection)
        if self._beating is None or self._beating.done():
            self._beating = asyncio.create_task(self._beat(), name="stream.heartbeat")

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

    async def _beat(self) -> None:
        """One after another: of many connections with many subscriptions all at once would be a pause for others."""
        while self._connections:
            await asyncio.sleep(self.heartbeat_s)
            for connection in list(self._connections):
                connection.beat()
                await asyncio.sleep(0)

    def _failed(self) -> None:
        for connection in list(self._connections):
            connection.restart()

    # --- subscriptions

    async def open(self) -> None:
        """Lets the feed run. Raises Unavailable where the exchange cannot be read."""
        feed = self.feed
        await feed.open()
        if self._day is None or self._day[0] != feed.opened:
            day = Day(feed.day)
            self._glances.begin(day)
            self._day = feed.opened, asyncio.create_task(self._read_day(day, feed.seq))
        await asyncio.shield(self._day[1])
        feed.catch_up()

    async def _read_day(self, day: Day, seq: int) -> None:
        """Adds the trades before the feed began to those that it hears of."""

        def read() -> Day:
            with self.service.store.read_engine.connect() as connection:
                return read_day(connection, day.day, seq)

        day.merge(await asyncio.to_thread(read))

    def remove(self, one: Subscription) -> None:
        """Lets a subscription hear no more. With the last one the feed ends."""
        if one not in self._subscriptions:
            return
        self._subscriptions.remove(one)
        one.forget()
        channel, name = one.key
        if channel in ("book", "orders"):
            self._books.remove(one)
        listeners = self._listeners(one)
        if listeners is not None and name in listeners:
            listeners[name].discard(one)
            if not listeners[name]:
                del listeners[name]
        if not self._subscriptions:
            self._statuses.close()
            self.feed.leave()

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

    async def begin(self, one: Subscription, since: int | None, start: Start) -> None:
        """Begins a subscription: with what happened after ``since``, or with a snapshot. What happens meanwhile waits.
        Raises ProductNotFound, InvalidInput for a position that the log has not got to, Unavailable where the exchange
        cannot be read; `remove` is called in any case."""
        self._subscriptions.add(one)
        self.feed.stay()
        one.held = []
        listeners = self._listeners(one)
        if listeners is not None:
            listeners.setdefault(one.key[1], set()).add(one)
        else:
            self._books.want(one)
        await self.open()
        if since is not None and not await self._goes_back(since):
            since = None
        ways: dict[str, Callable[[Subscription, int | None, Start], Awaitable[None]]] = {
            "book": self._begin_book, "orders": self._begin_orders, "ticker": self._begin_ticker,
            "trades": self._begin_trades, "status": self._begin_status, "own": self._begin_own,
        }  # fmt: skip
        await ways[one.key[0]](one, since, start)

    async def _goes_back(self, since: int) -> bool:
        """Whether the log is read from ``since`` on: not if that is too long ago."""
        if since > self.feed.seq:  # what is committed may not be told yet
            async with self.feed.at_rest(lambda _state, seq: seq):
                pass
        if since > self.feed.seq:
            raise InvalidInput(
                "since", "less_than_equal", f"The log has got to {self.feed.seq}: resume from a seq that it gave.",
                f"日志目前到 {self.feed.seq}：请以收到过的 seq 续传。",
            )  # fmt: skip
        return self.feed.seq - since <= EVENTS_MAX

    def _resumes(self, one: Subscription, since: int | None, start: Start) -> bool:
        """Says where a book or ticker begins: at ``since`` if it has not changed since then."""
        resumed = since is not None and self.feed.unchanged(one.key[1], since)
        start(since if resumed and since is not None else self.feed.seq, resumed)
        one.held = []
        if resumed and since is not None:
            one.begin(None, since)
        return resumed

    async def _begin_book(self, one: Subscription, since: int | None, start: Start) -> None:
        product_id, depth = one.key[1], one.depth
        if self._books.view(one) is None:
            async with self.feed.at_rest(lambda state, _: _face(state, product_id, depth)) as (face, seq):
                self._books.see(face, depth, seq)
        view = self._books.view(one)
        assert view is not None
        if not self._resumes(one, since, start):
            one.begin(encode(view.snapshot()), view.seq)
        self._books.begin(one)
        one.release()

    async def _begin_orders(self, one: Subscription, since: int | None, start: Start) -> None:
        singles = self._books.singles[one.key[1]]
        async with singles.reading:
            while not singles.whole and one in self._subscriptions:
                async with self.feed.at_rest(singles.read) as (found, seq):
                    singles.put(found, seq)
        if one not in self._subscriptions:
            return
        if self._resumes(one, since, start):
            self._books.begin(one)
        else:
            frozen = singles.freeze()
            one.begin(None, frozen.seq)
            self._books.begin(one)
            await self._tell_parts(one, frozen.parts())
        one.release()

    async def _tell_parts(self, one: Subscription, parts: Iterator[Said]) -> None:
        """Sends a snapshot, message by message, as the reader takes them."""
        for part in parts:
            one.say(encode(part))
            if getattr(part, "more", False):
                await one.room()
                await asyncio.sleep(0)
            if one not in self._subscriptions:
                return

    async def _begin_ticker(self, one: Subscription, since: int | None, start: Start) -> None:
        product_id = one.key[1]

        def read(state: ExchangeState, _seq: int) -> list[Face]:
            return [_face(state, name, 1) for name in ([product_id] if product_id else sorted(state.books))]

        async with self.feed.at_rest(read) as (faces, seq):
            if not self._resumes(one, since, start):
                one.begin(encode(self._glances.snapshot(product_id, faces, seq)), seq)
            one.release()

    # What may fail comes before `start`: where it does, the subscription before goes on from where it was held.

    async def _begin_trades(self, one: Subscription, since: int | None, start: Start) -> None:
        name = one.key[1]
        async with self.feed.at_rest(lambda state, _: _check(state, name)) as (_, until):
            one.hold()
        if since is None:
            latest = await self.past.latest_trades(name, until)
            start(until, False)
            one.begin(encode(TradesSnapshot(name or None, until, latest)), until)
        else:
            prints = await self.past.trades(name, since, until)
            start(since, True)
            one.begin(None, since)
            if prints:
                trades = [item for item in prints if isinstance(item, TradeItem)]
                recalled = [item for item in prints if isinstance(item, RecalledItem)]
                one.tell(Shared(Trades(0, name or None, prints[-1].seq, trades, recalled)))
        one.release()

    async def _begin_status(self, one: Subscription, since: int | None, start: Start) -> None:
        name = one.key[1]

        def read(state: ExchangeState, seq: int) -> tuple[Any, list[str]]:
            _check(state, name)
            wanted = [name] if name else sorted(state.books)
            return status_snapshot(state, name, seq), [one for one in wanted if state.products[one].phase == "auction"]

        async with self.feed.at_rest(read) as ((snapshot, auctions), until):
            one.hold()
        items = [] if since is None else await self.past.statuses(name, since, until)
        indicatives = await self._indicative(auctions)
        start(until if since is None else since, since is not None)
        one.begin(encode(snapshot) if since is None else None, until if since is None else since)
        if items:
            one.tell(Shared(Status(0, name or None, items[-1].seq, items)))
        one.release()
        # Of an auction that changed meanwhile the next one is worked out already; it may also be over.
        current: list[StatusItem] = [item for item in indicatives if self.feed.unchanged(item.product_id, item.seq)]
        if current:
            one.tell(Shared(Status(0, name or None, max(one.seq, self.feed.seq), current)))

    async def _begin_own(self, one: Subscription, since: int | None, start: Start) -> None:
        name = one.key[1]
        if since is None:
            await self._begin_whole(one, start)
            return
        async with self.feed.at_rest(lambda state, _: limits_of(state, name)) as (limits, until):
            one.hold()
            now = limits.item(until, self.feed.at)
        items = await self.past.own(name, since, until)
        start(since, True)
        one.begin(None, since)
        if items:
            one.tell(Shared(Own(0, items[-1].seq, items)))
        one.tell(Shared(Own(0, until, [now])))
        one.release()

    async def _begin_whole(self, one: Subscription, start: Start) -> None:
        """Begins own business with all open orders."""
        image = OwnImage(one.key[1])
        parts: Iterator[Said] = iter(())
        self._companies.images.add(image)
        try:
            async with self.feed.at_rest(lambda _state, seq: seq):
                pass  # whatever is committed from here on is looked at
            image.ids = await self.past.open_orders(image.participant_id)
            while image.limits is None and one in self._subscriptions:
                async with self.feed.at_rest(image.read) as (found, seq):
                    image.put(found)
                    if image.limits is not None:
                        self._companies.images.discard(image)
                        start(seq, False)
                        one.held = []
                        one.begin(None, seq)
                        parts = image.parts(seq, self.feed.at)
        finally:
            self._companies.images.discard(image)
        await self._tell_parts(one, parts)
        one.release()

    # --- auctions

    def _work_out(self, due: list[str]) -> None:
        """What auctions would trade is to be told: it is worked out beside everything else."""

        async def say() -> None:
            items = await self._indicative(due)
            if items and self.feed.is_open:
                self._statuses.say(items, self.feed.seq)

        task = asyncio.create_task(say(), name="stream.indicative")
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def _indicative(self, wanted: Sequence[str]) -> list[IndicativeItem]:
        """What each auction would trade if it ended now; worked out anew only where something has changed."""
        found: list[IndicativeItem] = []
        for product_id in wanted:
            known = self._indicatives.get(product_id)
            if known is None or not self.feed.unchanged(product_id, known.seq):
                known = await self._indicative_of(product_id)
            if known is not None:
                found.append(known)
        return found

    async def _indicative_of(self, product_id: str) -> IndicativeItem | None:
        sequencer = self.service.sequencer

        def read(machine: ExchangeMachine) -> tuple[Collected | None, int, int]:
            book = machine.state.books.get(product_id)
            is_auction = book is not None and book.product.phase == "auction"
            tail = sequencer.tail
            return collected_of(book) if book is not None and is_auction else None, tail.seq, tail.at

        collected, seq, at = await sequencer.read(read)
        if collected is None:
            self._indicatives.pop(product_id, None)
            return None
        outcome = await asyncio.to_thread(equilibrium, *collected)
        price, loads, surplus = (None, 0, 0) if outcome is None else outcome
        item = self._indicatives[product_id] = IndicativeItem(
            seq=seq, at=to_text(at), product_id=product_id, loads=loads, surplus_loads=surplus,
            price=None if price is None else price_text(price),
        )  # fmt: skip
        return item

    # --- what happens

    def _publish(self, turn: Turn) -> None:
        self._glances.publish(turn)
        if self._subscriptions:
            self._books.publish(turn)
            self._prints.publish(turn)
            self._statuses.publish(turn)
            self._companies.publish(turn)


def _check(state: ExchangeState, product_id: str) -> None:
    if product_id and product_id not in state.products:
        raise ProductNotFound(field="product_id", product_id=product_id)


def _face(state: ExchangeState, product_id: str, depth: int) -> Face:
    face = face_of(state, product_id, depth)
    if face is None:
        raise ProductNotFound(field="product_id", product_id=product_id)
    return face
