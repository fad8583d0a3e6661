"""How many commands a second of CPU the exchange's core takes, alone and beside other Python cores.

    python -m benchmarks.core [--quick] [--json] [--shape near|deep] [--rounds N]

Runs the flow of `benchmarks.flow` through `ExchangeMachine`: roles, trading limits, self-trade check, events and
changed rows included, store and network not. Every core must end with the flow's known outcome before its rate counts.
Ours is measured as it stands, "h2market", and compiled from the same sources, "h2market compiled": whichever of the two
this process does not run takes its turns in another, and is made for that where it can be. Rivals from PyPI are
measured in the same run, in turns with ours: LightMatchingEngine, pyorderbook. Only ratios within one run mean
something; rates differ from machine to machine.
"""

from __future__ import annotations

import argparse
import functools
import gc
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from benchmarks import variants
from benchmarks.cores import OTHER_CORES, batches
from benchmarks.flow import KNOWN_COUNT, KNOWN_OUTCOMES, SHAPES, Outcome, Step, make_flow
from exchange.commands import (
    AdmitTrader,
    CancelOrder,
    GrantMoney,
    ListProduct,
    OpenMarket,
    PlaceOrder,
    SetCapacity,
    SetOrderRates,
)
from exchange.events import Traded
from exchange.machine import ExchangeMachine
from exchange.market import RATE_MAX
from exchange.model import GRANTED_FEN_MAX, LOADS_MAX, PRICE_FEN_PER_KG_MAX, OrderTerms
from kernel.messages import Command
from tools.compile_core import CannotCompile, what_lacks

QUICK_COUNT = 50_000
ROUNDS = 5
#: A core that took so many seconds in all is not asked again: LightMatchingEngine needs them for the deep flow once.
PATIENCE_S = 25
PAIRS = 64  # of buyers and sellers: no order meets one of its own participant
PRODUCT = "EXW-TAIYUAN-TUBE20-20260106A"
WINDOW_START, WINDOW_END = 1_767_650_400_000_000, 1_767_679_200_000_000
AT = 1_767_600_000_000_000


def opening() -> list[Command]:
    """A market with one product, and limits that no order of the flow exhausts."""
    commands: list[Command] = [
        ListProduct(
            PRODUCT, "ex_works", "TAIYUAN", "", "TUBE20", "GB/T 37244", 350_000, 368_000, WINDOW_START, WINDOW_END,
            1, PRICE_FEN_PER_KG_MAX, LOADS_MAX,
        ),
        OpenMarket("2026-01-05"),
    ]  # fmt: skip
    for pair in range(PAIRS):
        commands += [
            AdmitTrader(f"P{pair}", ("station",)),
            SetOrderRates(f"P{pair}", RATE_MAX, RATE_MAX, RATE_MAX),
            GrantMoney(f"P{pair}", GRANTED_FEN_MAX, "opening"),
            AdmitTrader(f"P{PAIRS + pair}", ("producer",)),
            SetOrderRates(f"P{PAIRS + pair}", RATE_MAX, RATE_MAX, RATE_MAX),
            SetCapacity(f"P{PAIRS + pair}", "hydrogen", WINDOW_START, LOADS_MAX),
        ]
    return commands


#: One string for each, as in the service, where it is that of the key that signs the order.
PARTICIPANTS = [f"P{number}" for number in range(2 * PAIRS)]


def participant(step: Step) -> str:
    return PARTICIPANTS[step.number % PAIRS + (0 if step.buys else PAIRS)]


def rehearse(steps: Sequence[Step]) -> tuple[list[Command], Outcome, str]:
    """The flow as the machine's commands, with what they lead to and the digest of the last state.

    A cancel needs the number that the machine gave the order, so the flow is gone through once before it is timed.
    """
    machine, seq = ExchangeMachine(), 1
    commands: list[Command] = []
    for command in opening():
        seq += len(machine.apply(command, AT, seq))
    ids: dict[int, int] = {}
    trades = volume = notional = 0
    for step in steps:
        command = (
            PlaceOrder(
                participant(step), "K1",
                OrderTerms(f"C{step.number}", PRODUCT, "buy" if step.buys else "sell", step.price_ticks, step.quantity),
            )
            if step.quantity
            else CancelOrder(participant(step), ids[step.number])
        )  # fmt: skip
        commands.append(command)
        events = machine.apply(command, AT, seq)
        ids.setdefault(step.number, seq)
        seq += len(events)
        for event in events:
            if isinstance(event, Traded):
                trades, volume = trades + 1, volume + event.loads
                notional += event.loads * event.price_fen_per_kg
        machine.changes.clear()
    machine.check()
    return commands, Outcome(trades, volume, notional, len(machine.state.orders)), machine.digest()


def run_core(commands: Sequence[Command], digest: str) -> float:
    """CPU seconds of the whole flow on a fresh machine, which must reach the same state."""
    machine, seq = ExchangeMachine(), 1
    for command in opening():
        seq += len(machine.apply(command, AT, seq))
    machine.changes.clear()
    apply, seconds = machine.apply, 0.0
    for batch in batches(commands):
        answers = []  # held until the commit, those of the rivals too
        start = time.process_time()
        for command in batch:
            events = apply(command, AT, seq)
            seq += len(events)
            answers.append(events)
        machine.changes.clear()
        seconds += time.process_time() - start
    assert machine.digest() == digest, "the timed run ended in another state"
    return seconds


def prepare(shape: str, count: int) -> tuple[list[Step], Outcome, str, Callable[[], float]]:
    """A flow, its outcome, the digest of our state after it, and what runs our core once."""
    steps, expected = make_flow(shape, count)
    assert count != KNOWN_COUNT or expected == KNOWN_OUTCOMES[shape], "the flow itself is not the known one"
    commands, outcome, digest = rehearse(steps)
    assert outcome == expected, f"the core made {outcome} of the flow, not {expected}"
    # What is alive by now is the benchmark's own: no core pays for the collector looking at it.
    gc.collect()
    gc.freeze()
    return steps, expected, digest, functools.partial(run_core, commands, digest)


def measure(shape: str, count: int, rounds: int) -> dict[str, object]:
    """The median rates of one shape, and how many times each rival's each of ours is."""
    steps, expected, digest, run_own = prepare(shape, count)
    cores: dict[str, Callable[[], float]] = {variants.OWN: run_own}
    with ExitStack() as others:
        try:
            cores[variants.OTHER] = others.enter_context(variants.other_variant(shape, count, digest))
        except CannotCompile as lack:
            print(f"{variants.OTHER} is not measured: {lack}", file=sys.stderr)
        for name, run in OTHER_CORES.items():
            cores[name] = functools.partial(run, steps, expected)
        seconds: dict[str, list[float]] = {name: [] for name in cores}
        for _ in range(rounds):
            for name, run_once in cores.items():
                if sum(seconds[name]) < PATIENCE_S:
                    gc.collect()
                    seconds[name].append(run_once())
    gc.unfreeze()
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    return {
        "shape": shape,
        "commands": count,
        "rounds": {name: len(times) for name, times in seconds.items()},
        "outcome": expected._asdict(),
        "commands_per_s": {name: round(count / median) for name, median in medians.items()},
        **{
            f"ratio_{rival.lower()}{suffix}": round(medians[rival] / medians[own], 2)
            for own, suffix in (("h2market", ""), ("h2market compiled", "_compiled"))
            for rival in OTHER_CORES
            if own in medians
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.core", description="Measures the exchange's core.")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_COUNT} commands, once")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--shape", choices=sorted(SHAPES), action="append", help="near or deep (default both)")
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, help="the median of so many runs counts, of a slow rival fewer"
    )
    parser.add_argument("--serve", type=int, metavar="N", help=argparse.SUPPRESS)  # one variant, for another process
    options = parser.parse_args()
    if options.serve:
        _, _, digest, run_own = prepare(options.shape[0], options.serve)
        variants.serve(digest, run_own)
        return
    count, rounds = (QUICK_COUNT, 1) if options.quick else (KNOWN_COUNT, options.rounds)
    results = [measure(shape, count, rounds) for shape in options.shape or SHAPES]
    if options.json:
        about = {"python": platform.python_version(), "this_process": variants.OWN, "not_compiled": what_lacks()}
        print(json.dumps({**about, "results": results}, ensure_ascii=False, indent=2))
        return
    for result in results:
        rates = result["commands_per_s"]
        assert isinstance(rates, dict)
        ours = [name for name in (variants.OWN, variants.OTHER) if name in rates]
        print(f"{result['shape']}: {count:,} commands, median of {rounds}; commands per second of CPU, ours in times")
        print(f"  {'':<34}" + "".join(f"{own:>20}" for own in ours))
        for name, rate in rates.items():
            print(f"  {name:<22}{rate:>12,}" + "".join(f"{rates[own] / rate:>18.2f} x" for own in ours))


if __name__ == "__main__":
    main()
