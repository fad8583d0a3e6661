"""A million open orders: how soon a room starts with them, and what a snapshot of them costs the market.

    python -m benchmarks.million [--orders 1000000] [--json]

The orders rest in five books. The exchange's real sequencer writes its log into a file of SQLite. Then the market goes
on, orders placed and cancelled, while two snapshots are made by another process as a server has it done; every answer's
time is taken. Then the room starts from the newest snapshot, in a process of its own.

Measured in the same run: what it takes to encode one between two turns, when nobody is answered; what a mass cancel
takes of one who has no order, which anybody may send again and again; and the ceiling of a start, which is to decode
the same bytes and put the orders into a dict.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import msgspec

from benchmarks.everything import PRODUCTS, opening
from benchmarks.replay import BEGIN_US
from exchange import commands as c
from exchange.events import OrderPlaced
from exchange.machine import ExchangeMachine
from exchange.model import OrderOptions, OrderTerms
from exchange.service import make_room
from exchange.snapshot import Snapshot
from h2market.migrate import migrate
from h2market.snapshots import keeper_of
from kernel.clock import SimulatedClock
from kernel.config import Settings
from kernel.messages import Command
from kernel.room import MemoryRoom
from kernel.sequencer import Envelope, Outcome, Sequencer
from kernel.snapshots import newest_first
from kernel.store import Store
from kernel.writer import Writer

ORDERS = 1_000_000
BATCH = 1_000
#: While answers are timed: some callers, each with few orders.
SMALL_BATCH = 20
STEP_US = 100_000
SEED = 11
ICEBERGS_IN_HUNDRED = 5


class Resting:
    """Orders on their own side of the market, up to two fifths away from the middle: none of them trades."""

    def __init__(self) -> None:
        self._rng = Random(SEED)
        self._number = 0
        self._open: deque[tuple[str, int]] = deque()

    def learn(self, results: Sequence[Any]) -> None:
        """Remembers what was placed."""
        for result in results:
            assert isinstance(result, Outcome), result
            for event in result.events:
                if isinstance(event, OrderPlaced):
                    self._open.append((event.participant_id, event.order_id))

    def place(self) -> Command:
        """An order that rests."""
        rng, self._number = self._rng, self._number + 1
        product_id, middle, buyers, sellers = rng.choice(PRODUCTS)
        side = rng.choice(("buy", "sell"))
        ticks = rng.randint(1, middle * 2 // 5 // 5) * (-1 if side == "buy" else 1)
        who = rng.choice(buyers if side == "buy" else sellers)
        options = OrderOptions(display_loads=1) if rng.randrange(100) < ICEBERGS_IN_HUNDRED else None
        price = middle - middle % 5 + 5 * ticks
        terms = OrderTerms(f"m{self._number}", product_id, side, price, rng.randint(1, 3), "gtc", options)  # type: ignore[arg-type]
        return c.PlaceOrder(who, f"K-{who}", terms)

    def cancel(self) -> Command:
        """The end of the oldest."""
        return c.CancelOrder(*self._open.popleft())


async def fill(url: str, orders: int) -> dict[str, Any]:
    """Writes the log and goes on trading; gives what it cost, and the digest of the last snapshot's state."""
    store = Store(url)
    writer = Writer(store)
    migrate(writer.connection)
    clock = SimulatedClock(BEGIN_US)
    room = make_room()
    assert isinstance(room, MemoryRoom)
    sequencer = Sequencer(room, writer, clock, snapshot_every=sys.maxsize)
    sequencer.start(writer.connection)
    writer.start()
    flow = Resting()
    try:
        for command in opening():
            await sequencer.submit(command, actor="bench")
        began = time.perf_counter()
        for _ in range(orders // BATCH):
            flow.learn(await sequencer.submit_many([Envelope(flow.place(), "bench") for _ in range(BATCH)]))
            clock.advance_to(clock.now_us() + STEP_US)
        filled = time.perf_counter() - began
        encoding_s, size = await _keep(sequencer)
        await sequencer.read(lambda machine: machine.check())
        nothing = [await _cancel_nothing(sequencer) for _ in range(100)]
        answers = await _go_on(sequencer, flow, clock, url)
        return {
            "open_orders": len(room.machine.state.orders),  # type: ignore[attr-defined]
            "events": sequencer.tail.seq, "fill_s": round(filled, 1),
            "snapshot_mb": round(size / 1e6, 1), "encoding_s": round(encoding_s, 2),
            "mass_cancel_of_none_ms": round(median(nothing), 3), **answers,
        }  # fmt: skip
    finally:
        await sequencer.stop()
        await asyncio.to_thread(writer.stop)
        store.close()


async def _keep(sequencer: Sequencer) -> tuple[float, int]:
    """Stores a snapshot that is encoded between two turns; the seconds of that, in which nobody is answered, and its
    bytes."""
    assert sequencer.keeper is not None
    sizes: list[int] = []

    def encode(machine: ExchangeMachine) -> tuple[float, bytes]:
        began = time.perf_counter()
        state = machine.dump()
        return time.perf_counter() - began, state

    seconds, state = await sequencer.read(encode)
    sequencer.keeper.keep(sequencer.tail, state, sizes.append)
    while sequencer.keeper.busy:  # noqa: ASYNC110 - what is waited for says nothing by itself
        await asyncio.sleep(0.01)
    sequencer.room.snapshot_seq, sequencer.room.snapshot_bytes = sequencer.tail.seq, sizes[0]
    return seconds, sizes[0]


async def _cancel_nothing(sequencer: Sequencer) -> float:
    """The milliseconds of the answer to a mass cancel of one who has no order."""
    began = time.perf_counter()
    outcome = await sequencer.submit(c.CancelOrders("Z1"), actor="bench")
    assert not outcome.events
    return (time.perf_counter() - began) * 1_000


async def _go_on(sequencer: Sequencer, flow: Resting, clock: SimulatedClock, url: str) -> dict[str, Any]:
    """Trades on while two snapshots are made elsewhere; the milliseconds of the answers meanwhile, and of as many
    without a snapshot."""
    assert isinstance(sequencer.room, MemoryRoom)

    async def answer() -> float:
        commands = [flow.place() if number % 2 else flow.cancel() for number in range(SMALL_BATCH)]
        began = time.perf_counter()
        flow.learn(await sequencer.submit_many([Envelope(command, "bench") for command in commands]))
        clock.advance_to(clock.now_us() + STEP_US // 50)
        return (time.perf_counter() - began) * 1_000

    quiet = [await answer() for _ in range(2_000)]
    keeper = sequencer.keeper = keeper_of(sequencer.room, Settings(database_url=url), sequencer.writer)
    assert keeper is not None
    busy, seconds = [], []
    for wanted in (1, 2):
        began, sequencer.snapshot_every = time.perf_counter(), 1
        busy.append(await answer())
        sequencer.snapshot_every = sys.maxsize
        while keeper.busy:
            busy.append(await answer())
        seconds.append(time.perf_counter() - began)
        assert keeper.kept == wanted, "no snapshot was made; the log says why"
    return {
        "elsewhere_s": [round(one, 1) for one in seconds],
        "answer_ms": summary(quiet), "answer_ms_meanwhile": summary(busy),
    }  # fmt: skip


def summary(values: list[float]) -> dict[str, float]:
    """How many there were, and how they lie."""
    values = sorted(values)
    return {
        "answers": len(values),
        **{f"p{part:g}": round(values[int(len(values) * part / 100)], 1) for part in (50, 99, 99.9)},
        "max": round(values[-1], 1),
    }


def start(url: str) -> dict[str, Any]:
    """Starts a room, in a process that did nothing else; then decodes the bytes that it started from."""
    store = Store(url)
    room = make_room()
    assert isinstance(room, MemoryRoom)
    with store.connect_writer() as connection, connection.begin():
        before, began = _peak_mb(), time.perf_counter()
        room.rebuild(connection)
        seconds = time.perf_counter() - began
        peak = _peak_mb()
        state = next(newest_first(connection, room.name)).state
    store.close()
    machine = room.machine
    assert isinstance(machine, ExchangeMachine)
    machine.check()
    count = len(machine.state.orders)
    room.machine = room.blank()
    del machine
    began = time.perf_counter()
    snapshot = msgspec.msgpack.decode(state, type=Snapshot)
    orders = {order.id: order for book in snapshot.books for side in (book.bids, book.asks) for order in side}
    ceiling = time.perf_counter() - began
    return {
        "started_open_orders": count, "start_s_snapshot": round(seconds, 2), "ceiling_s": round(ceiling, 2),
        "ceiling_is": "msgspec decodes the same bytes, and the orders go into a dict",
        "orders_per_s": round(count / seconds), "ceiling_orders_per_s": round(len(orders) / ceiling),
        "start_memory_mb": round(peak - before), "start_peak_mb": round(peak),
    }  # fmt: skip


def _peak_mb() -> float:
    """The most memory that this process had since it began (`ru_maxrss` would begin with its parent's)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def measure(orders: int) -> dict[str, Any]:
    """Fills, trades on, starts."""
    with tempfile.TemporaryDirectory(prefix="h2market-million-") as folder:
        url = f"sqlite:///{Path(folder) / 'h2market.db'}"
        found = asyncio.run(fill(url, orders))
        started = subprocess.run(
            [sys.executable, "-m", "benchmarks.million", "--start", url], check=True, capture_output=True, text=True
        )
        return {**found, **json.loads(started.stdout)}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=ORDERS)
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    parser.add_argument("--start", help=argparse.SUPPRESS)
    options = parser.parse_args()
    result = start(options.start) if options.start else measure(options.orders)
    if options.json or options.start:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:24} {value}")


if __name__ == "__main__":
    main()
