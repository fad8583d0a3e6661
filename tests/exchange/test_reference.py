"""The machine against the slow reference, and the laws that every run of commands keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange import commands as c
from exchange import events as e
from exchange.commands import COMMANDS
from exchange.errors import ORDER_REFUSALS, order_refusal
from exchange.events import EVENTS
from exchange.machine import HANDLERS, ExchangeMachine
from exchange.model import Commodity, OrderTerms, ProductKind
from exchange.project import PROJECTIONS
from exchange.state import EFFECTS
from kernel.errors import H2MarketError
from kernel.machine import Changes
from kernel.messages import Codec, Command, Event
from tests.exchange.reference import Reference
from tests.exchange.scenarios import AT, WINDOW_END, WINDOW_START

PARTICIPANTS = ("P1", "P2", "P3", "P4", "P5", "P6")
ROLES = {
    "P1": ("station",),
    "P2": ("producer",),
    "P3": ("producer", "station"),
    "P4": ("storage_operator",),
    "P5": ("haulier",),
}
PRODUCTS = ("X", "Y", "HAUL", "NONE")

#: A command, or what makes one when it is run: which order it means depends on what was placed before.
Step = Command | Callable[[list[e.OrderPlaced]], Command]


def listing(product_id: str, kind: ProductKind, destination_hub: str = "", mass_kg: int = 3) -> c.ListProduct:
    return c.ListProduct(
        product_id, kind, "TAIYUAN", destination_hub, "TUBE20", "GB/T 37244", mass_kg * 1_000, mass_kg * 1_000,
        WINDOW_START, WINDOW_END, 10, 60, 8,
    )  # fmt: skip


def opening() -> list[Command]:
    """Small limits, so that they are met often."""
    commands: list[Command] = [
        listing("X", "ex_works"),
        listing("Y", "delivered", mass_kg=2),
        listing("HAUL", "haulage", "LINFEN"),
        c.OpenMarket("2026-01-05"),
    ]
    for participant_id, roles in ROLES.items():
        commands += [c.AdmitTrader(participant_id, roles), c.GrantMoney(participant_id, 3_000, "opening")]
        commodity: Commodity = "haulage" if "haulier" in roles else "hydrogen"
        if roles != ("station",):
            commands.append(c.SetCapacity(participant_id, commodity, WINDOW_START, 20))
    return commands


@st.composite
def place(draw: st.DrawFn) -> Step:
    return c.PlaceOrder(
        draw(st.sampled_from(PARTICIPANTS)),
        "K1",
        OrderTerms(
            "c-1",
            draw(st.sampled_from(("X", "X", "X", "X", *PRODUCTS))),
            draw(st.sampled_from(("buy", "sell"))),
            draw(st.sampled_from((10, 20, 30, 30, 40, 50, 60, 0, 15, 70))),
            draw(st.integers(0, 9)),
            draw(st.sampled_from(("gtc", "gtc", "day", "ioc"))),
        ),
    )


@st.composite
def on_order(draw: st.DrawFn) -> Step:
    """A cancel or an amendment of an order placed before, mostly by its owner."""
    back, cancels = draw(st.integers(0, 12)), draw(st.booleans())
    stranger = draw(st.sampled_from((None, None, None, None, "P1")))
    price = draw(st.sampled_from((None, 10, 20, 30, 40, 50, 15, 70)))
    loads = draw(st.one_of(st.none(), st.integers(-1, 9)))

    def command(placed: list[e.OrderPlaced]) -> Command:
        if not placed:
            return c.CancelOrder("P1", 1)
        order = placed[-1 - back % len(placed)]
        owner = stranger or order.participant_id
        return c.CancelOrder(owner, order.order_id) if cancels else c.AmendOrder(owner, order.order_id, price, loads)

    return command


WHO = st.sampled_from(PARTICIPANTS)
DAYS = st.sampled_from(("2026-01-04", "2026-01-05", "2026-01-06"))
AMOUNTS = st.integers(0, 2_000)
OTHER: st.SearchStrategy[Step] = st.one_of(
    st.builds(c.GrantMoney, WHO, AMOUNTS, st.just("r")),
    st.builds(c.ReduceMoney, WHO, AMOUNTS, st.just("r")),
    st.builds(c.ReleaseCommitment, WHO, st.just(1), st.just(1), AMOUNTS, AMOUNTS),
    st.builds(c.SetCapacity, WHO, st.sampled_from(("hydrogen", "haulage")), st.just(WINDOW_START), st.integers(-1, 30)),
    st.builds(c.SuspendTrader, WHO),
    st.builds(c.ReinstateTrader, WHO),
    st.builds(c.AdmitTrader, WHO, st.sampled_from((("station",), ("producer",), ("haulier", "station")))),
    st.builds(c.OpenMarket, DAYS),
    st.builds(c.CloseMarket, DAYS),
    st.builds(c.CloseProduct, st.sampled_from(PRODUCTS)),
    st.sampled_from((listing("X", "ex_works"), listing("Y", "ex_works"))),
)
STEPS: st.SearchStrategy[list[Step]] = st.lists(
    st.one_of(place(), place(), place(), place(), on_order(), on_order(), OTHER), max_size=60
)


class Run:
    """A machine with its log and the rows that its changes left."""

    def __init__(self) -> None:
        self.machine = ExchangeMachine()
        self.log: list[tuple[int, int, Event]] = []
        self.rows: dict[tuple[str, Any], dict[str, Any]] = {}

    def apply(self, command: Command) -> list[Event] | str:
        seq, at = len(self.log) + 1, AT + 7 * len(self.log)
        before = (self.machine.digest(), take_rows(self.machine.changes))
        try:
            events = self.machine.apply(command, at, seq)
        except H2MarketError as refusal:
            self.assert_unchanged(before)
            return refusal.code
        self.machine.check()
        self.log += [(seq + position, at, event) for position, event in enumerate(events)]
        self.rows |= take_rows(self.machine.changes)
        self.machine.changes.clear()
        return events

    def assert_unchanged(self, before: tuple[str, dict[tuple[str, Any], dict[str, Any]]]) -> None:
        assert (self.machine.digest(), take_rows(self.machine.changes)) == before, "a refusal changed something"

    def command(self, step: Step) -> Command:
        """The command of a step, now."""
        if isinstance(step, Command):
            return step
        return step([event for _, _, event in self.log if isinstance(event, e.OrderPlaced)])


def take_rows(changes: Changes) -> dict[tuple[str, Any], dict[str, Any]]:
    """A copy of the changed rows as they are now."""
    return {
        (table, key): dict(zip(PROJECTIONS[table].table.columns.keys(), PROJECTIONS[table].row(entity), strict=True))
        for table, entities in changes.tables.items()
        for key, entity in entities.items()
    }


@given(STEPS)
def test_every_command_leads_to_what_the_reference_says(steps: list[Step]) -> None:
    ours, reference = Run(), Reference()
    for step in [*opening(), *steps]:
        command = ours.command(step)
        expected = reference.apply(command, len(ours.log) + 1)
        assert ours.apply(command) == expected, command
    state = ours.machine.state
    for participant_id, account in state.accounts.items():
        money = account.money
        assert money.free() == reference.free_money(participant_id)
        assert money.committed_fen == reference.committed(participant_id)
    for capacity in state.capacities():
        used = reference.used_loads(capacity.participant_id, capacity.commodity, capacity.window_start)
        assert capacity.loads - capacity.free() == used
    assert_replay_gives_the_same(ours)


def assert_replay_gives_the_same(ours: Run) -> None:
    replayed = ExchangeMachine()
    rows: dict[tuple[str, Any], dict[str, Any]] = {}
    for seq, at, event in ours.log:
        replayed.evolve(event, at, seq)
        rows |= take_rows(replayed.changes)
        replayed.changes.clear()
    replayed.check()
    assert replayed.digest() == ours.machine.digest()
    assert rows == ours.rows


@given(STEPS, STEPS)
def test_a_snapshot_goes_on_where_it_was_taken(before: list[Step], after: list[Step]) -> None:
    ours = Run()
    for command in opening():
        ours.apply(command)
    for step in before:
        ours.apply(ours.command(step))
    restored = Run()
    restored.machine.restore(ours.machine.dump())
    restored.log = list(ours.log)
    assert restored.machine.digest() == ours.machine.digest()
    restored.machine.check()
    for step in after:
        command = ours.command(step)
        assert restored.apply(command) == ours.apply(command)
    assert restored.machine.digest() == ours.machine.digest()


def test_something_that_is_no_snapshot_is_refused() -> None:
    ours = Run()
    ours.apply(opening()[0])
    digest = ours.machine.digest()
    with pytest.raises(msgspec.ValidationError):
        ours.machine.restore(msgspec.msgpack.encode({"version": 2}))
    assert ours.machine.digest() == digest


def test_every_command_is_handled_and_every_event_has_an_effect() -> None:
    assert set(HANDLERS) == set(COMMANDS)
    assert set(EFFECTS) == set(EVENTS)


def test_messages_survive_their_encoding() -> None:
    codec: Codec[Command] = Codec(COMMANDS)
    for command in opening():
        assert codec.decode(type(command).__name__, codec.encode(command)) == command


def test_every_refusal_of_an_order_has_its_sentences() -> None:
    for reason in ORDER_REFUSALS:
        refusal = order_refusal(reason, "loads", 12_345)
        assert refusal.code == reason
        assert refusal.status == 422
        assert "{" not in refusal.sentence("en") + refusal.sentence("zh")
    assert "123.45 CNY" in order_refusal("money_limit_exceeded", "loads", 12_345).sentence("en")
    assert "3 车" in order_refusal("capacity_exceeded", "loads", 3).sentence("zh")


def test_rows_tell_the_life_of_an_order() -> None:
    ours = Run()
    for command in opening():
        ours.apply(command)
    bought = place_and_number(ours, c.PlaceOrder("P1", "K1", OrderTerms("c-1", "X", "buy", 30, 5, "day")))
    first = place_and_number(ours, c.PlaceOrder("P2", "K1", OrderTerms("c-2", "X", "sell", 20, 2)))
    assert row(ours, bought) == ("partially_filled", 2, 60, "", "", 0)
    assert row(ours, first) == ("filled", 2, 60, "", "", 0)
    resting = place_and_number(ours, c.PlaceOrder("P2", "K1", OrderTerms("c-3", "X", "sell", 40, 2)))
    assert row(ours, resting) == ("new", 0, 0, "", "", 0)
    ours.apply(c.CancelOrder("P2", resting))
    assert row(ours, resting) == ("cancelled", 0, 0, "requested", "", 0)
    rejected = place_and_number(ours, c.PlaceOrder("P6", "K1", OrderTerms("c-5", "X", "sell", 40, 8)))
    assert row(ours, rejected) == ("rejected", 0, 0, "not_admitted", "", 0)
    ours.apply(c.CloseMarket("2026-01-05"))
    assert row(ours, bought) == ("expired", 2, 60, "expired", "", 0)
    trade = ours.rows["exchange_trades", first + 1]
    assert (trade["buy_order_id"], trade["sell_order_id"], trade["loads"]) == (bought, first, 2)
    assert trade["traded_at"] == ours.rows["exchange_orders", first]["updated_at"]


def place_and_number(ours: Run, command: c.PlaceOrder) -> int:
    """Places an order and gives its number."""
    number = len(ours.log) + 1
    ours.apply(command)
    return number


def row(ours: Run, order_id: int) -> tuple[Any, ...]:
    """What the order's row says of its state."""
    names = ("status", "executed_loads", "price_sum_fen_per_kg", "reason", "field", "shortfall")
    return tuple(ours.rows["exchange_orders", order_id][name] for name in names)
