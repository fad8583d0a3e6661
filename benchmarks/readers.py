"""The first readers of the stream over a million open orders: what they cost the market, and how long they wait.

    python -m benchmarks.readers [--orders 1000000] [--json]

The state is that of `benchmarks.million`: orders that rest in five books, written by the exchange's real sequencer
into a file of SQLite. While orders are placed and cancelled, readers subscribe to one channel after another, each the
first of its kind. Every answer's time is taken, and how late a timer rings in the event loop, which is what anybody
else would have waited; both also without a reader. Between two rings the loop's own processor time is taken as well:
unlike the others it says nothing of what else the machine has to do. A reader takes what it is sent at once, and its
books are checked at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zlib import crc32

from benchmarks.everything import PRODUCTS, opening
from benchmarks.million import BATCH, ORDERS, SMALL_BATCH, STEP_US, Resting, summary
from benchmarks.replay import BEGIN_US
from exchange.service import make_room
from exchange.stream.hub import Hub
from exchange.stream.outbox import Outbox
from exchange.stream.subscription import Key, Subscription
from h2market.migrate import migrate
from kernel.clock import SimulatedClock
from kernel.sequencer import Envelope, Sequencer
from kernel.store import Store
from kernel.writer import Writer

PRODUCT = PRODUCTS[0][0]
COMPANY = PRODUCTS[0][2][0]
CHANNELS: tuple[Key, ...] = (
    ("book", PRODUCT), ("ticker", ""), ("trades", ""), ("status", ""), ("orders", PRODUCT), ("own", COMPANY),
)  # fmt: skip
#: How long orders go on after a reader has its snapshot.
AFTER_S = 1.0
TIMER_S = 0.001


class Reader:
    """Takes what one subscription is sent; keeps the single orders of a book."""

    def __init__(self, key: Key) -> None:
        self.key = key
        self.outbox = Outbox(lambda: None)
        self.bytes = self.messages = 0
        self.sides: dict[str, dict[str, tuple[str, int]]] = {"buy": {}, "sell": {}}
        self.waiting: list[str] = []

    async def run(self) -> None:
        async def take(text: str) -> None:
            self.bytes += len(text)
            self.messages += 1
            if self.key[0] == "orders":
                self.waiting.append(text)  # another process would read it

        await self.outbox.run(take)

    def check(self) -> None:
        """Asserts that the book adds up after every message."""
        for text in self.waiting:
            message = json.loads(text)
            if message["type"] == "orders_snapshot":
                for side, name in (("buy", "bids"), ("sell", "asks")):
                    self.sides[side].update((one["order_id"], (one["price"], one["loads"])) for one in message[name])
                continue
            for one in message["changes"]:
                orders = self.sides[one["side"]]
                if one["action"] != "change":
                    orders.pop(one["order_id"], None)
                if one["action"] != "remove":
                    orders[one["order_id"]] = one["price"], one["loads"]
        assert not self.waiting or self._checksum() == message["checksum"], "the book does not add up"

    def _checksum(self) -> int:
        texts = []
        for name, side in self.sides.items():
            best = sorted(side.items(), key=lambda one: float(one[1][0]), reverse=name == "buy")[:10]
            texts.append(",".join(f"{order_id}:{price}:{loads}" for order_id, (price, loads) in best))
        return crc32("|".join(texts).encode())


async def measure(url: str, orders: int) -> dict[str, Any]:
    """Fills the books, then lets readers come."""
    store = Store(url)
    writer = Writer(store)
    migrate(writer.connection)
    clock = SimulatedClock(BEGIN_US)
    sequencer = Sequencer(make_room(), writer, clock, snapshot_every=sys.maxsize)
    sequencer.start(writer.connection)
    writer.start()
    flow = Resting()
    hub = Hub(SimpleNamespace(sequencer=sequencer, store=store, clock=clock))  # type: ignore[arg-type]
    try:
        for command in opening():
            await sequencer.submit(command, actor="bench")
        for _ in range(orders // BATCH):
            flow.learn(await sequencer.submit_many([Envelope(flow.place(), "bench") for _ in range(BATCH)]))
            clock.advance_to(clock.now_us() + STEP_US)
        gc.collect()
        gc.freeze()  # as the server does after its start
        gc.set_threshold(50_000, 20, 20)
        found: dict[str, Any] = {"open_orders": len(sequencer.room.machine.state.orders)}  # type: ignore[attr-defined]
        found["nobody"] = await _go_on(sequencer, flow, clock, asyncio.sleep(3))
        for key in CHANNELS:
            found[key[0]] = await _with_reader(hub, key, sequencer, flow, clock)
        return found
    finally:
        hub.feed.close()
        await sequencer.stop()
        await asyncio.to_thread(writer.stop)
        store.close()


async def _with_reader(
    hub: Hub, key: Key, sequencer: Sequencer, flow: Resting, clock: SimulatedClock
) -> dict[str, Any]:  # fmt: skip
    reader = Reader(key)
    taking = asyncio.create_task(reader.run())
    one = Subscription(key, reader.outbox, 10, 0)
    seconds = 0.0

    async def subscribe() -> None:
        nonlocal seconds
        began = time.perf_counter()
        await hub.begin(one, None, lambda _seq, _resumed: None)
        seconds = time.perf_counter() - began
        await asyncio.sleep(AFTER_S)

    figures = await _go_on(sequencer, flow, clock, subscribe())
    hub.remove(one)
    await asyncio.sleep(0.05)
    taking.cancel()
    reader.check()
    return {"begins_s": round(seconds, 2), "mb": round(reader.bytes / 1e6, 1), "messages": reader.messages, **figures}


async def _go_on(sequencer: Sequencer, flow: Resting, clock: SimulatedClock, meanwhile: Any) -> dict[str, Any]:
    """Places and cancels orders while something else is done; the milliseconds of each answer, and of the loop."""
    answers: list[float] = []
    late: list[float] = []
    busy: list[float] = []

    async def ring() -> None:
        while True:
            began, worked = time.perf_counter(), time.thread_time()
            await asyncio.sleep(TIMER_S)
            late.append((time.perf_counter() - began - TIMER_S) * 1_000)
            busy.append((time.thread_time() - worked) * 1_000)

    ringing = asyncio.create_task(ring())
    task = asyncio.create_task(meanwhile)
    while not task.done():
        commands = [flow.place() if number % 2 else flow.cancel() for number in range(SMALL_BATCH)]
        began = time.perf_counter()
        flow.learn(await sequencer.submit_many([Envelope(command, "bench") for command in commands]))
        answers.append((time.perf_counter() - began) * 1_000)
        clock.advance_to(clock.now_us() + STEP_US // 50)
    ringing.cancel()
    await task
    return {"answer_ms": summary(answers), "loop_late_ms": summary(late), "loop_busy_ms": summary(busy)}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=ORDERS)
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="h2market-readers-") as folder:
        result = asyncio.run(measure(f"sqlite:///{Path(folder) / 'h2market.db'}", options.orders))
    if options.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:12} {value}")


if __name__ == "__main__":
    main()
