"""Readers of the stream and of the server-sent events, written from docs/stream.md alone: they remember how far they
have come, and whenever a line breaks they connect again and go on from there."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import websockets

from tests.crash.told import PASSING, Item, plain
from tests.exchange.stream.client import LevelBook, OrderBook

Message = dict[str, Any]
AGAIN_S = 0.05
#: Messages after which a reader lets its own line break.
LINE_MESSAGES = (40, 400)
#: They begin with what happens from now on, and after a break go on with every event.
EVENTS = frozenset({"trades", "status", "own"})


@dataclass(slots=True)
class Heard:
    """What one reader heard, one subscription or one row of server-sent events after another break."""

    name: str
    channel: str
    product_id: str | None = None
    seq: int = -1  # of the last message
    first: int = -1  # where it began
    items: list[Item] = field(default_factory=list)
    resumed: int = 0
    gaps: list[str] = field(default_factory=list)
    repeats: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    book: LevelBook | OrderBook | None = None
    tickers: dict[str, Message] = field(default_factory=dict)
    orders: dict[str, Message | None] = field(default_factory=dict)  # the company's own, as they stood last
    options: dict[str, int] = field(default_factory=dict)  # of the subscription

    def link(self, message: Message) -> None:
        """Holds a message against the one before it: the chain has no gap and goes back nowhere."""
        prev_seq, seq = message["prev_seq"], message["seq"]
        if prev_seq > self.seq:
            self.gaps.append(f"{self.name} {self.channel} had {self.seq} and got a message after {prev_seq}")
        elif prev_seq < self.seq or seq < prev_seq:
            self.repeats.append(f"{self.name} {self.channel} had {self.seq} and got {seq} after {prev_seq}")
        self.seq = seq

    def keep(self, items: Sequence[Item]) -> None:
        """Keeps the events of a message, and how the orders that they are about stand."""
        self.items += [plain(item) for item in items if item.get("event") not in PASSING]
        self.orders |= {item["order_id"]: item["order"] for item in items if "order" in item}


class Reader:
    """One connection to the stream, and the ones after it."""

    def __init__(
        self, name: str, url: str, secret: str, channels: Sequence[tuple[str, str | None]], seed: int, **options: int
    ) -> None:
        """``options`` are those of its subscriptions to books: depth, throttle_ms."""
        self.name = name
        self.heard = {f"{channel} {product_id}": Heard(name, channel, product_id) for channel, product_id in channels}
        for one in self.heard.values():
            one.options = options if one.channel == "book" else {}
        self._url = url.replace("http", "ws", 1) + "/v1/stream"
        self._secret = secret
        self._random = random.Random(seed)

    async def run(self) -> None:
        """Listens for ever."""
        while True:
            with suppress(OSError, websockets.WebSocketException):
                await self._listen()
            await asyncio.sleep(AGAIN_S)

    async def _listen(self) -> None:
        headers = {"Authorization": f"Bearer {self._secret}"}
        messages = self._random.randint(*LINE_MESSAGES)
        async with websockets.connect(self._url, additional_headers=headers, proxy=None, max_size=None) as socket:
            for name, one in self.heard.items():
                asked: Message = {"op": "subscribe", "id": name, "channel": one.channel, **one.options}
                if one.product_id is not None:
                    asked["product_id"] = one.product_id
                if one.seq >= 0:
                    asked["since"] = one.seq
                await socket.send(json.dumps(asked))
            async for frame in socket:
                again = self._take(json.loads(frame))
                if again is not None:
                    await socket.send(json.dumps(again))
                messages -= 1
                if not messages:
                    socket.transport.abort()  # as a line that breaks; what is on its way is lost

    def _take(self, message: Message) -> Message | None:
        """Takes a message in; gives what is to be said because of it."""
        kind = message["type"]
        channel = message["channel"] if kind == "subscribed" else kind.removesuffix("_snapshot")
        one = self.heard.get(f"{channel} {message.get('product_id')}")
        if kind == "problem":
            for other in self.heard.values():
                other.problems.append(f"{self.name} was answered {message}")
        if one is None:
            return None
        if kind == "subscribed":
            self._begin(one, message)
        elif kind == f"{channel}_snapshot":
            self._snapshot(one, message)
        else:
            return self._go_on(one, message)
        return None

    def _begin(self, one: Heard, message: Message) -> None:
        if message["resumed"]:
            one.resumed += 1
            if message["seq"] != one.seq:
                one.problems.append(f"{self.name} resumed {one.channel} after {one.seq} and was told {message}")
        elif one.channel in EVENTS and one.seq >= 0:
            one.gaps.append(f"{self.name} could not resume {one.channel} after {one.seq}")

    def _snapshot(self, one: Heard, message: Message) -> None:
        if message["seq"] < one.seq:
            one.repeats.append(f"{self.name} {one.channel} had {one.seq} and got a snapshot of {message['seq']}")
        one.seq = message["seq"]
        one.first = one.seq if one.first < 0 else one.first
        if one.channel in ("book", "orders"):
            one.book = LevelBook() if one.channel == "book" else OrderBook()
            self._into_book(one, message)
        for ticker in message.get("tickers", ()):
            one.tickers[ticker["product_id"]] = ticker

    def _go_on(self, one: Heard, message: Message) -> Message | None:
        one.link(message)
        if one.channel in EVENTS:
            items = [*message["trades"], *message.get("recalled", ())] if one.channel == "trades" else message["events"]
            one.keep(sorted(items, key=lambda item: item["seq"]) if one.channel == "trades" else items)
        elif one.channel == "ticker":
            for ticker in message["tickers"]:
                one.tickers[ticker["product_id"]] = ticker
        elif not self._into_book(one, message):
            return {"op": "resync", "id": "resync", "channel": one.channel, "product_id": one.product_id}
        return None

    def _into_book(self, one: Heard, message: Message) -> bool:
        """Whether the book is whole after the message: its checksum says so."""
        assert one.book is not None
        try:
            one.book.take(message)
        except AssertionError as error:
            one.problems.append(f"{self.name} {one.channel} of {one.product_id}: {str(error)[:200]}")
            return False
        return True


class EventReader:
    """One reader of `GET /v1/events`. An event of the log may be several here; only the last of them has an id, so what
    came without one before a break is forgotten, for it comes again."""

    def __init__(self, name: str, url: str, secret: str, *, by_header: bool, seed: int) -> None:
        self.heard = Heard(name, "events")
        self._url = url
        self._headers = {"Authorization": f"Bearer {secret}"}
        self._by_header = by_header
        self._random = random.Random(seed)

    async def run(self) -> None:
        """Listens for ever."""
        async with httpx.AsyncClient(base_url=self._url, trust_env=False, timeout=30) as client:
            while True:
                with suppress(httpx.TransportError):
                    await self._listen(client)
                await asyncio.sleep(AGAIN_S)

    async def _listen(self, client: httpx.AsyncClient) -> None:
        one, params, headers = self.heard, dict[str, Any](), dict(self._headers)
        if one.seq < 0:
            one.seq = one.first = 0
        if self._by_header:
            headers["Last-Event-ID"] = str(one.seq)
        else:
            params["since"] = one.seq
        blocks = self._random.randint(*LINE_MESSAGES)
        async with client.stream("GET", "/v1/events", params=params, headers=headers) as answer:
            if answer.status_code != 200:
                one.problems.append(f"{one.name} was answered {answer.status_code} after {one.seq}")
                return
            one.resumed += one.seq > 0
            waiting: list[Item] = []
            block: dict[str, str] = {}
            async for line in answer.aiter_lines():
                name, _, value = line.partition(": ")
                if line and name:  # a line that begins with a colon is a comment
                    block[name] = value
                elif not line and block:
                    self._take(block, waiting)
                    block = {}
                    blocks -= 1
                    if blocks < 0:
                        return

    def _take(self, block: dict[str, str], waiting: list[Item]) -> None:
        if "data" not in block:  # only a position to go on from
            assert not waiting, f"an event of which {len(waiting)} items came has no last one"
            self.heard.seq = max(self.heard.seq, int(block.get("id", 0)))
            return
        waiting.append(json.loads(block["data"]))
        if "id" not in block:
            return
        seq = int(block["id"])
        if seq <= self.heard.seq:
            self.heard.repeats.append(f"{self.heard.name} had {self.heard.seq} and got {seq}")
        self.heard.seq = seq
        self.heard.keep(waiting)
        waiting.clear()


class Audience:
    """All readers, in a thread of their own: they go on whatever becomes of the server."""

    def __init__(self, readers: Sequence[Reader | EventReader]) -> None:
        self.readers = readers
        self._loop = asyncio.new_event_loop()
        self._tasks: list[asyncio.Task[None]] = []
        self._thread = threading.Thread(target=self._run, name="audience", daemon=True)

    def start(self) -> None:
        """Begins to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Listens no more."""
        self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in self._tasks])
        self._thread.join()

    def all_heard(self) -> list[Heard]:
        """What each of them heard, subscription by subscription."""
        found: list[Heard] = []
        for reader in self.readers:
            found += [reader.heard] if isinstance(reader, EventReader) else reader.heard.values()
        return found

    def failures(self) -> list[str]:
        """Readers that ended by themselves, which none should."""
        return [repr(task.exception()) for task in self._tasks if task.done() and not task.cancelled()]

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._tasks = [self._loop.create_task(reader.run()) for reader in self.readers]
        self._loop.run_until_complete(asyncio.gather(*self._tasks, return_exceptions=True))
        self._loop.close()
