"""The core's other variant, compiled where this process runs it pure and the reverse, in a process of its own.

It runs in a copy of the tree, made from the same sources, and takes its turns as the other cores do: one line asks for
a run, one line answers with its CPU seconds.
"""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from exchange import VARIANT
from tools.compile_core import ROOT, compiled_copy, copy_tree

NAMES = {"pure": "h2market", "compiled": "h2market compiled"}
OWN = NAMES[VARIANT]
OTHER = NAMES["compiled" if VARIANT == "pure" else "pure"]


@contextmanager
def other_variant(shape: str, count: int, digest: str) -> Iterator[Callable[[], float]]:
    """Gives what runs a flow once. Raises CannotCompile where the other variant cannot be made here."""
    folder = ROOT / ".cache" / "benchmarks" / ("compiled" if VARIANT == "pure" else "pure")
    if VARIANT == "pure":
        compiled_copy(ROOT, folder)
    else:
        copy_tree(ROOT, folder)
    command = [sys.executable, "-m", "benchmarks.core", "--shape", shape, "--serve", str(count)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=folder, stdin=pipe, stdout=pipe, text=True) as process:
        asks, answers = process.stdin, process.stdout
        assert asks is not None
        assert answers is not None
        first = answers.readline().split()
        assert first == [OTHER.replace(" ", "-"), digest], f"{OTHER} ended the flow in another state: {first}"

        def run_once() -> float:
            print("run", file=asks, flush=True)
            return float(answers.readline())

        yield run_once
        asks.close()


def serve(digest: str, run_once: Callable[[], float]) -> None:
    """Says what this process runs and where the flow ends, then answers each line with the seconds of a run."""
    print(OWN.replace(" ", "-"), digest, flush=True)
    for _ in sys.stdin:
        gc.collect()
        print(run_once(), flush=True)
