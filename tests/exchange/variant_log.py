"""A log of every kind of command, decided or replayed by the core as it runs here: pure or compiled.

python -m tests.exchange.variant_log decide     prints the log, a line an event, and last what it came to
python -m tests.exchange.variant_log replay     reads such a log, and prints what it came to
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Iterator

import msgspec

from benchmarks.everything import Flow, opening
from exchange import VARIANT
from exchange.events import EVENTS
from exchange.machine import ExchangeMachine
from kernel.errors import H2MarketError
from kernel.messages import Codec

COMMANDS, BATCH = 6_000, 200
BEGIN_US, STEP_US = 1_767_600_000_000_000, 200_000
CODEC = Codec(EVENTS)


class Line(msgspec.Struct):
    """An event of the log."""

    seq: int
    at: int
    name: str
    event: msgspec.Raw


class End(msgspec.Struct):
    """What a log came to. ``rows``: the SHA-256 of all rows that it changed, in the order in which it changed them."""

    variant: str
    digest: str
    snapshot: bytes
    rows: str


class Run:
    """A machine with what it changed."""

    def __init__(self) -> None:
        self.machine = ExchangeMachine()
        self._rows = hashlib.sha256()

    def write(self) -> None:
        """Takes the rows that changed, as a commit does."""
        for table, rows in self.machine.changes.tables.items():
            self._rows.update(msgspec.json.encode([table, list(rows.items())]))
        self.machine.changes.clear()

    def end(self) -> End:
        """What it all came to."""
        self.write()
        self.machine.check()
        return End(VARIANT, self.machine.digest(), self.machine.dump(), self._rows.hexdigest())


def decide() -> tuple[list[bytes], End]:
    """The log of a flow, and what it came to."""
    run, flow, seq, at = Run(), Flow(7), 1, BEGIN_US
    lines: list[bytes] = []

    def apply(commands: Iterable[object]) -> None:
        nonlocal seq
        for command in commands:
            try:
                events = run.machine.apply(command, at, seq)  # type: ignore[arg-type]
            except H2MarketError:
                continue
            flow.learn(events, at)
            for event in events:
                line = Line(seq, at, type(event).__name__, msgspec.Raw(CODEC.encode(event)))
                lines.append(msgspec.json.encode(line))
                seq += 1

    apply(opening())
    for _ in range(0, COMMANDS, BATCH):
        apply(flow.take(BATCH, at))
        run.write()
        at += STEP_US
    return lines, run.end()


def replay(lines: Iterable[bytes]) -> End:
    """What a log comes to."""
    run, decoder = Run(), msgspec.json.Decoder(Line)
    for text in lines:
        line = decoder.decode(text)
        run.machine.evolve(CODEC.decode(line.name, bytes(line.event)), line.at, line.seq)
    return run.end()


def main() -> Iterator[bytes]:
    if sys.argv[1] == "decide":
        lines, end = decide()
        yield from lines
    else:
        end = replay(sys.stdin.buffer.read().splitlines())
    yield msgspec.json.encode(end)


if __name__ == "__main__":
    sys.stdout.buffer.write(b"\n".join(main()) + b"\n")
