"""Bounds of the book that no table of a few lines reaches."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import pytest

from exchange import amendments, rules
from exchange.auction import equilibrium
from exchange.model import Order, Side
from tests.exchange.scenarios import Scenario


class Looked(deque[Order]):
    """A queue that counts the orders that somebody walks past."""

    passed = 0

    def __iter__(self) -> Iterator[Order]:
        for order in super().__iter__():
            Looked.passed += 1
            yield order


def walked(scenario: Scenario, side: Side, line: str, product_id: str = "X") -> tuple[int, str]:
    """How many orders of a side of a book a command walks past, and what it leads to."""
    book = scenario.machine.state.books[product_id]
    for level in (book.bids if side == "buy" else book.asks).levels.values():
        level.queue = Looked(level.queue)
    Looked.passed = 0
    command = scenario.command(line.split())
    scenario.name(line.split(maxsplit=1)[0], len(scenario.log) + 1)
    told = scenario.machine.apply(command, scenario.now, len(scenario.log) + 1)
    return Looked.passed, " ; ".join(scenario.told(event) for event in told)


@pytest.mark.parametrize("option", ["fok", "min:1", "aon"])
def test_what_asks_for_little_does_not_walk_through_a_deep_book(option: str) -> None:
    scenario = Scenario()
    for number in range(300):
        scenario.run(f"o{number} S1 sell 1 @ {100 + 10 * (number // 30)}")
    passed, told = walked(scenario, "sell", f"b B1 buy 1 @ 500 {option}")
    assert told == "placed b ; trade b o0 1 @ 100"
    assert passed < 10


def test_those_who_wait_for_too_much_do_not_each_walk_through_the_book() -> None:
    scenario = Scenario()
    for number in range(20):
        scenario.run(f"o{number} B1 buy 1 @ 100")
    for number in range(25):
        scenario.run(f"w{number} S1 sell {21 + number} @ 100 aon")
    passed, told = walked(scenario, "buy", "b B2 buy 1 @ 90")
    assert told == "placed b"
    assert passed < 2 * 20
    assert scenario.machine.state.books["X"].aside == 25


def test_stops_that_are_elected_do_not_wake_another_book_each() -> None:
    scenario = Scenario()
    for number in range(20):
        scenario.run(f"o{number} B1 buy 1 @ 100 D")
    scenario.run("w S1 sell 21 @ 100 D aon")
    for number in range(25):
        scenario.run(f"s{number} S2 sell 1 @ 400 stop:200")
    scenario.run("a S2 sell 1 @ 200")
    passed, told = walked(scenario, "buy", "b B2 buy 1 @ 200", "D")
    assert told.count("elected") == 25
    assert passed < 3 * 20


class Price(int):
    """A price that counts how often it is compared."""

    compared = 0

    def __ge__(self, other: int) -> bool:
        Price.compared += 1
        return int(self) >= other

    def __le__(self, other: int) -> bool:
        Price.compared += 1
        return int(self) <= other


def test_an_auction_of_many_prices_compares_each_a_few_times() -> None:
    Price.compared = 0
    bids = [(Price(10_000 - number), 1) for number in range(500)]
    asks = [(Price(9_000 + number), 1) for number in range(500)]
    outcome = equilibrium(bids, asks, 0, 1)
    assert outcome is not None and outcome.loads == 500
    assert Price.compared < 10 * 1_000


def test_a_level_keeps_few_dead_slots() -> None:
    scenario = Scenario()
    for number in range(40):
        scenario.run(f"o{number} B1 buy 1 @ 100")
    scenario.run("last B2 buy 1 @ 100")
    for number in range(40):
        scenario.run(f"o{number} cancel")
    level = scenario.machine.state.books["X"].bids.levels[100]
    assert (level.orders, level.loads) == (1, 1)
    assert len(level.queue) <= 2 * level.orders + 16
    assert scenario.run("s S1 sell 1 @ 100") == "placed s ; trade last s 1 @ 100"


def test_only_so_many_orders_wait_beside_a_book(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "ASIDE_ORDERS_MAX", 1)
    monkeypatch.setattr(amendments, "ASIDE_ORDERS_MAX", 1)
    scenario = Scenario()
    assert scenario.run("a B1 buy 1 @ 100 aon asleep") == "placed a"
    assert scenario.run("b B1 buy 1 @ 100 aon") == "placed b"
    assert scenario.run("c B1 buy 1 @ 130 stop:120") == "rejected c book_full product_id 0"
    assert scenario.run("a wake") == "error book_full"
    assert scenario.run("b cancel") == "cancelled b 1 requested"
    assert scenario.run("a wake") == "awake a"
