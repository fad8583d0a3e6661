"""The short form: a kill or two on each store, and that the judgement of them can fail."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from kernel.quantity import parse_price
from kernel.store import Store
from tests.crash.check import Tally, wrong_limits
from tests.crash.judge import Evidence, Judge
from tests.crash.requests import Request
from tests.crash.rounds import run_rounds
from tests.e2e.floor import TERMS

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(300)]


def check(tally: Tally) -> None:
    """Nothing is wrong, and there was something that could have been. Which types of orders and ends of recalls come
    before one kill is a matter of chance: the long form asks for all of them."""
    wrong = but_for_chance(tally)
    assert wrong == {}
    assert tally.verified
    assert min(tally.acked, tally.implied_matches, tally.streams_resumed, tally.stream_items, tally.dead_men_armed) > 0


def test_nothing_is_lost_or_done_twice_on_sqlite(sqlite_url: str) -> None:
    """And the same evidence with one fault in it is found wrong: once for each fault that there can be; and so is a
    haulier's capacity of which more was used than the log says."""
    seen: list[Evidence] = []
    check(run_rounds(sqlite_url, rounds=1, seed=7, witness=seen.append))
    (evidence,) = seen
    assert judged(evidence) == {}
    for name, damage, found in FAULTS:
        wrong = judged(damage(evidence))
        assert found <= wrong.keys(), name
        if not found & {
            "acked_lost",
            "double_effects",
            "implied_halves",
        }:  # a log with a fault may be wrong in several ways
            assert {kind: len(sentences) for kind, sentences in wrong.items()} == dict.fromkeys(found, 1), name

    recount = read(evidence, Tally()).recount
    hauliers = {one.fields["seller_id"] for one in evidence.exchange if one.fields.get("leg") == "haulage"}
    store = Store(sqlite_url)
    assert list(wrong_limits(recount, store)) == []
    for haulier in hauliers:
        with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as database:
            database.execute(
                "UPDATE exchange_capacity SET consumed_loads = consumed_loads + 1 WHERE participant_id = ?", (haulier,)
            )
        database.close()
    assert len(list(wrong_limits(recount, store))) == len(hauliers) > 0
    store.close()


def test_nothing_is_lost_or_done_twice_on_postgresql(fresh_postgres_url: str) -> None:
    check(run_rounds(fresh_postgres_url, rounds=1, seed=8))


# --- the same evidence with one fault in it


def judged(evidence: Evidence) -> dict[str, list[str]]:
    """What is wrong with a first round, but for what it did not have."""
    tally = Tally()
    read(evidence, tally).judge(evidence)
    return but_for_chance(tally)


def but_for_chance(tally: Tally) -> dict[str, list[str]]:
    """What is wrong, but for what did not come up."""
    by_chance = {"order_types_missing", "recall_ends_missing"}
    return {kind: found for kind, found in tally.wrong().items() if kind not in by_chance}


def read(evidence: Evidence, tally: Tally) -> Judge:
    """A judge who has read the logs of a first round."""
    judge = Judge(300, parse_price(TERMS["price_max"]), evidence.outages, tally)
    judge.read(evidence.exchange, evidence.tracking, evidence.settlement)
    return judge


def acknowledged_order(evidence: Evidence) -> Request:
    """An order that was taken."""
    return next(one for one in evidence.requests if one.kind == "order" and one.status == 201)


def placing(evidence: Evidence, request: Request) -> int:
    """Where the event is that took an order."""
    number = int(request.answer["order_id"][1:])
    return next(place for place, one in enumerate(evidence.exchange) if one.seq == number)


def without_order(evidence: Evidence) -> Evidence:
    place = placing(evidence, acknowledged_order(evidence))
    return replace(evidence, exchange=[*evidence.exchange[:place], *evidence.exchange[place + 1 :]])


def with_order_twice(evidence: Evidence) -> Evidence:
    place = placing(evidence, acknowledged_order(evidence))
    return replace(evidence, exchange=[*evidence.exchange[: place + 1], *evidence.exchange[place:]])


def with_other_terms(evidence: Evidence) -> Evidence:
    place = placing(evidence, acknowledged_order(evidence))
    one = evidence.exchange[place]
    other = one._replace(fields=one.fields | {"terms": one.fields["terms"] | {"time_in_force": "day", "loads": 19}})
    return replace(evidence, exchange=[*evidence.exchange[:place], other, *evidence.exchange[place + 1 :]])


def without_key(evidence: Evidence) -> Evidence:
    names = acknowledged_order(evidence).names
    return replace(evidence, keys={name: place for name, place in evidence.keys.items() if name not in names})


def without_leg(leg: str) -> Callable[[Evidence], Evidence]:
    """An implied match is in the log by half."""

    def damage(evidence: Evidence) -> Evidence:
        place = next(place for place, one in enumerate(evidence.exchange) if one.fields.get("leg") == leg)
        return replace(evidence, exchange=[*evidence.exchange[:place], *evidence.exchange[place + 1 :]])

    return damage


def with_load_ended(evidence: Evidence) -> Evidence:
    """Tracking ended a load of a trade that no recall undid."""
    undone = {
        trade["trade_id"] for one in evidence.exchange if one.type == "TradeRecalled" for trade in one.fields["trades"]
    }
    planned = next(
        one for one in evidence.tracking if one.type == "ShipmentPlanned" and one.fields["trade_id"] not in undone
    )
    return replace(evidence, tracking=[*evidence.tracking, planned._replace(type="ShipmentCancelled")])


def without_load(evidence: Evidence) -> Evidence:
    place = next(place for place, one in enumerate(evidence.tracking) if one.type == "ShipmentPlanned")
    return replace(evidence, tracking=[*evidence.tracking[:place], *evidence.tracking[place + 1 :]])


def heard(channel: str, change: Callable[[list[dict[str, Any]]], Sequence[dict[str, Any]]]) -> Callable[..., Evidence]:
    """One reader of a channel heard something else."""

    def damage(evidence: Evidence) -> Evidence:
        place = next(
            place for place, one in enumerate(evidence.testimonies) if one.channel == channel and len(one.items) > 10
        )
        told = list(evidence.testimonies)
        told[place] = replace(told[place], items=change(list(told[place].items)))
        return replace(evidence, testimonies=told)

    return damage


def altered(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [items[0] | {"loads": 999}, *items[1:]]


FAULTS: tuple[tuple[str, Callable[[Evidence], Evidence], set[str]], ...] = (
    ("an acknowledged order is not in the log", without_order, {"acked_lost"}),
    ("an acknowledged order is in it with other terms", with_other_terms, {"acked_lost"}),
    ("an order is in it twice", with_order_twice, {"double_effects"}),
    ("an implied match has no hydrogen", without_leg("hydrogen"), {"implied_halves", "stream_repeats"}),
    ("an implied match has no haulage", without_leg("haulage"), {"implied_halves", "stream_repeats"}),
    ("a load of a trade that stands was ended", with_load_ended, {"loads_wrong"}),
    ("a traded load was not planned", without_load, {"loads_wrong"}),
    ("an order is in it that nobody sent", without_key, {"double_effects"}),
    ("a reader missed a trade", heard("trades", lambda items: items[1:]), {"stream_gaps"}),
    ("a reader missed its own business", heard("own", lambda items: items[:5] + items[6:]), {"stream_gaps"}),
    ("a reader missed the last event", heard("events", lambda items: items[:-1]), {"stream_gaps"}),
    ("a reader heard a trade twice", heard("trades", lambda items: [items[0], *items]), {"stream_repeats"}),
    ("a reader heard its own business twice", heard("own", lambda items: [*items, items[3]]), {"stream_repeats"}),
    ("a reader heard an event twice", heard("events", lambda items: [*items, items[-1]]), {"stream_repeats"}),
    ("a reader heard trades out of order", heard("trades", lambda items: items[::-1]), {"problems"}),
    ("a reader heard another trade", heard("trades", altered), {"stream_gaps", "stream_repeats"}),
)  # fmt: skip
