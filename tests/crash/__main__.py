"""``python -m tests.crash --rounds 5 --json``: the long form, on both stores. Exits 1 if anything at all is wrong."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from tests.crash.check import Tally
from tests.crash.stores import STORES, run_on


def summary(tallies: dict[str, Tally], seconds: float) -> dict[str, object]:
    """The figures of all stores together."""
    every = list(tallies.values())
    types, ends, across = Counter[str](), Counter[str](), Counter[str]()
    for one in every:
        types.update(one.order_types)
        ends.update(one.recall_ends)
        across.update(one.recall_ends_across_kills)
    return {
        "rounds": sum(one.rounds for one in every),
        "kills": sum(one.kills for one in every),
        "stores": list(tallies),
        "acked": sum(one.acked for one in every),
        "acked_lost": sum(len(one.lost) for one in every),
        "unacked": sum(one.unacked for one in every),
        "unacked_found": sum(one.unacked_found for one in every),
        "double_effects": sum(len(one.doubled) for one in every),
        "dead_men_armed": sum(one.dead_men_armed for one in every),
        "dead_men_renewed": sum(one.dead_men_renewed for one in every),
        "dead_men_fired": sum(one.dead_men_fired for one in every),
        "dead_men_fired_after_kill": sum(one.dead_men_fired_after_kill for one in every),
        "dead_men_missed": sum(len(one.dead_men_missed) for one in every),
        "streams_resumed": sum(one.streams_resumed for one in every),
        "stream_items": sum(one.stream_items for one in every),
        "stream_gaps": sum(len(one.stream_gaps) for one in every),
        "stream_repeats": sum(len(one.stream_repeats) for one in every),
        "book_mismatches": sum(len(one.book_mismatches) for one in every),
        "implied_matches": sum(one.implied_matches for one in every),
        "implied_halves": sum(len(one.implied_halves) for one in every),
        "recall_ends": dict(sorted(ends.items())),
        "recall_ends_across_kills": dict(sorted(across.items())),
        "recall_ends_missing": sorted({name for one in every for name in one.recall_ends_missing}),
        "loads_wrong": sum(len(one.loads_wrong) for one in every),
        "recalls_wrong": sum(len(one.recalls_wrong) for one in every),
        "order_types": dict(sorted(types.items())),
        "order_types_missing": sorted({name for one in every for name in one.order_types_missing}),
        "problems": sum(len(one.problems) for one in every),
        "verified": all(one.verified for one in every),
        "seconds": round(seconds, 1),
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="kills on each store")
    parser.add_argument("--seed", type=int, default=1, help="when to kill and what to send is drawn from this")
    parser.add_argument("--store", choices=(*STORES, "both"), default="both")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    options = parser.parse_args()
    started = time.monotonic()
    stores = STORES if options.store == "both" else (options.store,)
    tallies: dict[str, Tally] = {}
    # Each store in a process of its own: most of the time somebody waits for a server to start.
    with ProcessPoolExecutor(len(stores), get_context("spawn")) as pool:
        under_way = {store: pool.submit(run_on, store, options.rounds, options.seed) for store in stores}
        for store, done in under_way.items():
            tallies[store] = done.result()
            tell(store, tallies[store])
    result = summary(tallies, time.monotonic() - started)
    print(json.dumps(result) if options.json else "\n".join(f"{name:25} {value}" for name, value in result.items()))
    sys.exit(0 if all(one.verified and not one.wrong() for one in tallies.values()) else 1)


def tell(store: str, tally: Tally) -> None:
    """Says on standard error how a store fared, with the first of everything that is wrong."""
    where = ", ".join(f"{what} {seconds:.0f} s" for what, seconds in tally.seconds.items())
    sys.stderr.write(f"{store}: {tally.kills} kills, {tally.acked} acknowledged, {len(tally.lost)} lost ({where})\n")
    for kind, sentences in tally.wrong().items():
        sys.stderr.write(f"  {kind}: {len(sentences)}\n")
        sys.stderr.writelines(f"    {sentence}\n" for sentence in sentences[:5])
    if tally.wrong():
        sys.stderr.write(tally.server_log)


if __name__ == "__main__":
    main()
