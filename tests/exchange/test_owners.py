"""Each participant's open orders: what concerns all of them looks at no others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange import commands as c
from exchange.events import OrderCancelled
from exchange.machine import ExchangeMachine
from exchange.model import Order, OrderTerms
from exchange.owners import OVER_MAX, Owners
from kernel.messages import Command
from tests.exchange.scenarios import Scenario

MINUTE_US = 60 * 1_000_000


@pytest.mark.parametrize(
    "command",
    [
        c.CancelOrders("B1"),
        c.CancelOrders("B1", "X"),
        c.CancelOrders("B1", side="buy"),
        c.CancelOrders("B1", key_id="K1"),
        c.KillTrader("B1"),
        c.KillTrader("B1", by_operator=True),
        c.SuspendTrader("B1"),
        c.RingAlarms(),
    ],
)
def test_what_ends_the_orders_of_one_looks_at_no_other_s(command: Command) -> None:
    scenario = Scenario()
    for line in ("a B1 buy 1 @ 90", "b B2 buy 1 @ 80", "c S1 sell 1 @ 110", "d B1 buy 1 @ 70", "dead-man B1 60"):
        scenario.run(line)
    orders = scenario.machine.state.orders
    scenario.machine.state.owners.file(orders)
    for label in ("b", "c"):
        orders[scenario.ids[label]] = None  # type: ignore[assignment]  # whoever looks at it fails
    events = scenario.machine.apply(command, scenario.now + MINUTE_US, len(scenario.log) + 1)
    ended = [event.order_id for event in events if isinstance(event, OrderCancelled)]
    assert ended == [scenario.ids["a"], scenario.ids["d"]]
    assert orders.keys() == {scenario.ids["b"], scenario.ids["c"]}


def test_nobody_s_mass_cancel_ends_nothing() -> None:
    scenario = Scenario()
    scenario.run("a B1 buy 1 @ 90")
    before = scenario.machine.digest()
    assert scenario.apply(c.CancelOrders("Z9")) == []
    assert scenario.machine.digest() == before


def an_order(number: int, owner: str) -> Order:
    terms = OrderTerms(f"o{number}", "X", "buy", 100, 1)
    return Order(number, owner, "K1", terms, 100, 1, 1, 0, 0, 0, 0, 0, number)


@given(st.lists(st.tuples(st.sampled_from(["placed"] * 3 + ["over", "moved", "asked"]), st.integers(0, 99))))
def test_owners_know_what_a_walk_over_all_orders_finds(steps: list[tuple[str, int]]) -> None:
    owners, last = Owners(), 0
    held: dict[int, Order] = {}
    for step, pick in steps:
        numbers = sorted(held)
        if step == "placed":
            last += 1 + pick % 3
            held[last] = an_order(last, "ABC"[pick % 3])
        elif step == "asked":
            owner = "ABC"[pick % 3]
            assert owners.orders(held, owner) == [held[n] for n in numbers if held[n].participant_id == owner]
        elif numbers:
            order = held.pop(numbers[pick % len(numbers)])
            if step == "moved":
                owners.moved += 1
                held[order.id] = order
    for owner in "ABC":
        assert owners.orders(held, owner) == [held[n] for n in sorted(held) if held[n].participant_id == owner]


def test_orders_that_are_over_are_not_remembered() -> None:
    owners, stays = Owners(), an_order(1, "B")
    for number in range(2, 5 * OVER_MAX):
        held = {1: stays, number: an_order(number, "A")}
        owners.file(held)
        assert sum(map(len, owners._numbers.values())) == owners._filed <= 2 * len(held) + OVER_MAX + len(held)
    assert owners.orders(held, "A") == [held[number]]
    assert owners.orders(held, "B") == [stays]


def test_a_snapshot_gives_each_its_orders() -> None:
    scenario = Scenario()
    for line in ("a B1 buy 1 @ 90", "b B1 buy 1 @ 80 asleep", "c B1 buy 1 @ 130 stop:120", "d S1 sell 1 @ 110"):
        scenario.run(line)
    restored = ExchangeMachine()
    restored.restore(scenario.machine.dump())
    restored.check()
    for participant_id, labels in (("B1", "abc"), ("S1", "d"), ("B2", "")):
        found = restored.state.orders_of(participant_id)
        assert [order.id for order in found] == [scenario.ids[label] for label in labels]
        assert all(restored.state.orders[order.id] is order for order in found)
