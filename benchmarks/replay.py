"""How long a log of many commands takes to replay, and whether it gives the same state again.

    python -m benchmarks.replay [--commands 1000000] [--json]

Every kind of command goes through the exchange's real sequencer into a file of SQLite, with its snapshots. Then the
database is verified (hash chain, replay from the start and from every snapshot, rows), and the exchange is started from
its newest snapshot and once without any.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from sqlalchemy import text

from benchmarks.everything import Flow, opening
from exchange.machine import ExchangeMachine
from exchange.service import make_room
from h2market.migrate import migrate
from kernel.clock import SimulatedClock
from kernel.room import MemoryRoom
from kernel.sequencer import Envelope, Outcome, Sequencer
from kernel.store import Store
from kernel.verify import verify_room
from kernel.writer import Writer

COMMANDS = 1_000_000
BATCH = 1_000
BEGIN_US = 1_767_600_000_000_000
#: What the simulated clock moves between two batches: orders of a few seconds expire after some of them.
STEP_US = 200_000
SEED = 7


async def fill(url: str, commands: int) -> dict[str, Any]:
    """Writes the log; gives what happened and the digest of the last state."""
    store = Store(url)
    writer = Writer(store)
    migrate(writer.connection)
    clock = SimulatedClock(BEGIN_US)
    sequencer = Sequencer(make_room(), writer, clock)
    sequencer.start(writer.connection)
    writer.start()
    flow, refused, decided = Flow(SEED), 0, 0
    started = time.perf_counter()
    try:
        for command in opening():
            await sequencer.submit(command, actor="bench")
        while decided < commands:
            batch = flow.take(min(BATCH, commands - decided), clock.now_us())
            for result in await sequencer.submit_many([Envelope(command, "bench") for command in batch]):
                if isinstance(result, Outcome):
                    flow.learn(result.events, result.at)
                else:
                    refused += 1
            decided += len(batch)
            clock.advance_to(clock.now_us() + STEP_US)
        seconds = time.perf_counter() - started

        def look(machine: ExchangeMachine) -> tuple[str, int]:
            machine.check()
            return machine.digest(), len(machine.state.orders)

        digest, resting = await sequencer.read(look)
        return {
            "commands": decided, "refused": refused, "events": sequencer.tail.seq, "open_orders": resting,
            "fill_seconds": round(seconds, 1), "digest": digest,
        }  # fmt: skip
    finally:
        await asyncio.to_thread(writer.stop)
        store.close()


def start(url: str) -> tuple[float, str]:
    """Seconds to bring a room to the state of its log, and that state's digest."""
    store = Store(url)
    try:
        room = make_room()
        assert isinstance(room, MemoryRoom)
        with store.connect_writer() as connection, connection.begin():
            began = time.perf_counter()
            room.rebuild(connection)
            seconds = time.perf_counter() - began
        return seconds, room.machine.digest()
    finally:
        store.close()


def measure(commands: int) -> dict[str, Any]:
    """Fills, verifies and starts."""
    with tempfile.TemporaryDirectory(prefix="h2market-replay-") as folder:
        url = f"sqlite:///{Path(folder) / 'h2market.db'}"
        found = asyncio.run(fill(url, commands))
        store = Store(url)
        began = time.perf_counter()
        with store.read_engine.connect() as connection:
            snapshots = connection.execute(text("SELECT count(*) FROM kernel_snapshots")).scalar_one()
            findings = [finding.en for finding in verify_room(make_room(), connection)]
        verify_seconds = time.perf_counter() - began
        store.close()
        snapshot_seconds, from_snapshot = start(url)
        store = Store(url)
        with store.connect_writer() as connection, connection.begin():
            connection.execute(text("DELETE FROM kernel_snapshots"))
        store.close()
        log_seconds, from_log = start(url)
    return {
        **found, "snapshots": snapshots, "verified": not findings, "findings": findings[:5],
        "verify_seconds": round(verify_seconds, 1), "start_seconds": round(snapshot_seconds, 1),
        "start_without_snapshot_seconds": round(log_seconds, 1),
        "same_state": from_snapshot == from_log == found["digest"],
    }  # fmt: skip


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commands", type=int, default=COMMANDS)
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    options = parser.parse_args()
    result = measure(options.commands)
    if options.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:32} {value}")


if __name__ == "__main__":
    main()
