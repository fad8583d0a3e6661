"""Bounds of the book that no table of a few lines reaches."""

from __future__ import annotations

import pytest

from exchange import amendments, rules
from tests.exchange.scenarios import Scenario


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
