"""The machine against the slow reference, and the laws that every run of commands keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange import commands as c
from exchange import events as e
from exchange.commands import COMMANDS
from exchange.effects import EFFECTS
from exchange.errors import ORDER_REFUSALS, order_refusal
from exchange.events import EVENTS
from exchange.machine import HANDLERS, ExchangeMachine
from exchange.model import (
    SELLERS,
    Commodity,
    OrderOptions,
    OrderTerms,
    Phase,
    ProductKind,
    SelfTradeMode,
    Side,
    TimeInForce,
)
from exchange.project import PROJECTIONS
from kernel.errors import H2MarketError
from kernel.machine import Changes
from kernel.messages import Codec, Command, Event
from kernel.quantity import MICROS_PER_S
from tests.exchange.reference import Reference
from tests.exchange.scenarios import AT, WINDOW_END, WINDOW_START, facts_of

PARTICIPANTS = ("P1", "P2", "P3", "P4", "P5", "P6", "P7")
ROLES = {
    "P1": ("station",),
    "P2": ("producer",),
    "P3": ("producer", "station", "haulier"),
    "P4": ("storage_operator",),
    "P5": ("haulier",),
    "P7": ("station", "producer"),
}
#: Two hubs with hydrogen, three ways of hauling it to a third, where it is delivered in two products; V is Taiyuan's
#: too. V, HAUL2 and E halt when their prices move, and E has a finer tick than its parts.
PRODUCTS = ("X", "V", "W", "HAUL", "HAUL2", "KAUL", "D", "E", "Y", "NONE")


@dataclass(frozen=True)
class Pass:
    """Time goes by."""

    seconds: int


#: A command, or what makes one when it is run: which order it means depends on what was placed before, and when.
@dataclass(frozen=True)
class Recalling:
    """A step of the recall of a trade made before, ``back`` trades ago."""

    verb: str
    back: int
    who: str

    def command(self, log: list[tuple[int, int, Event]]) -> Command | None:
        """The step as a command; none where nothing was traded yet."""
        trades = [event for _, _, event in log if isinstance(event, e.Traded)]
        if not trades:
            return None
        trade_id = trades[-1 - self.back % len(trades)].trade_id
        asked = [event for _, _, event in log if isinstance(event, e.TradeRecallRequested)]
        recall_id = asked[-1].recall_id if asked else 1
        match self.verb:
            case "request":
                operator = self.who == "OP"
                return c.RequestRecall(trade_id, facts_of(log, trade_id), self.who, "K1", operator, "error")
            case "approve":
                return c.ApproveRecall(trade_id, self.who, "K8")
            case "confirm":
                return c.ConfirmRecall(trade_id, self.who, "K8" if self.back == 5 else "K9")
            case "reject":
                return c.RejectRecall(trade_id, "K8", "no error")
            case "withdraw":
                return c.WithdrawRecall(trade_id, self.who, "K1", self.who == "OP")
        return c.ConcludeRecall(recall_id, self.verb == "done", "S1-1 loading")


Step = Command | Pass | Recalling | Callable[[list[e.OrderPlaced], int], Command]


def listing(
    product_id: str, kind: ProductKind, destination_hub: str = "", hub: str = "TAIYUAN", mass_kg: int = 3,
    tick_fen: int = 10, **terms: Any,
) -> c.ListProduct:  # fmt: skip
    return c.ListProduct(
        product_id, kind, hub, destination_hub, "TUBE20", "GB/T 37244", mass_kg * 1_000, mass_kg * 1_000,
        WINDOW_START, WINDOW_END, tick_fen, 80, 8, **terms,
    )  # fmt: skip


def opening() -> list[Command]:
    """Limits that are met now and then."""
    commands: list[Command] = [
        listing("X", "ex_works", protection_bps=5_000),
        listing("V", "ex_works", volatility_bps=4_000, reference_price_fen=30, auction_s=60),
        listing("W", "ex_works", hub="LULIANG", collar_bps=5_000, reference_price_fen=30),
        listing("HAUL", "haulage", "LINFEN", protection_bps=5_000),
        listing("HAUL2", "haulage", "LINFEN", volatility_bps=9_000, reference_price_fen=10, auction_s=30),
        listing("KAUL", "haulage", "LINFEN", hub="LULIANG"),
        listing("D", "delivered", hub="LINFEN", protection_bps=5_000),
        listing("E", "delivered", hub="LINFEN", tick_fen=5, volatility_bps=2_500, reference_price_fen=50, auction_s=60),
        listing("Y", "delivered", mass_kg=2),
        c.OpenMarket("2026-01-05"),
    ]
    for participant_id, roles in ROLES.items():
        commands += [c.AdmitTrader(participant_id, roles), c.GrantMoney(participant_id, 6_000, "opening")]
        commodities: set[Commodity] = {what for role in roles for what in SELLERS if role in SELLERS[what]}
        commands += [c.SetCapacity(participant_id, one, WINDOW_START, 40) for one in sorted(commodities)]
    return commands


WHO = st.sampled_from(PARTICIPANTS)
WHERE = st.sampled_from(("X", "X", "X", "V", "V", "W", "HAUL", "HAUL", "HAUL2", "KAUL", "D", "D", "D", "E", "E", "Y"))
#: Who may take a side of a product, so that most orders are taken.
SUITED = {
    ("buy", "hydrogen"): ("P1", "P3", "P4", "P7"),
    ("sell", "hydrogen"): ("P2", "P3", "P4", "P7"),
    ("buy", "haulage"): ("P1", "P2", "P4"),
    ("sell", "haulage"): ("P3", "P5"),
}
OPTIONS: dict[str, st.SearchStrategy[Any]] = {
    "minimum_loads": st.integers(1, 4),
    "all_or_none": st.just(True),
    "post_only": st.just(True),
    "display_loads": st.integers(1, 3),
    "clip_price_change_fen": st.sampled_from((10, 20)),
    "hibernated": st.just(True),
    "cancel_on_disconnect": st.just(True),
    "stop_price_fen_per_kg": st.sampled_from((20, 30, 40, 40, 50)),
    "order_type": st.sampled_from(("market", "stop", "stop_limit")),
    "agreement": st.sampled_from(("deal", "deal", "other")),
}


def rarely(draw: st.DrawFn) -> bool:
    """Once in forty times; hypothesis likes the ends of a range, so it is none of them."""
    return draw(st.integers(0, 39)) == 23


#: Options of orders that last.
LASTING = {"all_or_none", "post_only", "display_loads", "clip_price_change_fen", "hibernated", "agreement"}


@st.composite
def terms(draw: st.DrawFn, product_id: str, side: Side) -> tuple[OrderTerms, int]:
    """An order's terms, and in how many seconds it expires."""
    centre = {"D": 50, "E": draw(st.sampled_from((50, 55))), "Y": 40}.get(product_id, 10 if "AUL" in product_id else 30)
    price = centre + draw(st.sampled_from((0, 0, 0, 10, 10, -10, -10, 20, -20, 30)))
    if rarely(draw):
        price = draw(st.sampled_from((0, 15, 90)))
    loads = draw(st.sampled_from((0, 9) if rarely(draw) else (1, 2, 2, 3, 4, 5, 6, 8)))
    tif: TimeInForce = draw(
        st.sampled_from(("gtc",) * 12 + ("gtd", "gtd", "day", "session", "ioc", "ioc", "fok", "fok"))
    )
    return OrderTerms("c-1", product_id, side, price, loads, tif), draw(st.sampled_from((5, 60, 600)))


@st.composite
def place(draw: st.DrawFn) -> Step:
    side: Side = draw(st.sampled_from(("buy", "sell")))
    product_id = "NONE" if rarely(draw) else draw(WHERE)
    suited = SUITED[side, "haulage" if "AUL" in product_id else "hydrogen"]
    who = draw(WHO if rarely(draw) else st.sampled_from(suited))
    asked, seconds = draw(terms(product_id, side))
    names: list[str] = []
    if draw(st.integers(0, 2)) == 0:
        names = draw(st.lists(st.sampled_from(sorted(OPTIONS)), min_size=1, max_size=1 + draw(st.integers(0, 1))))
    chosen = {name: draw(OPTIONS[name]) for name in names}
    if not rarely(draw):
        fit(chosen, draw)
        if asked.time_in_force in ("ioc", "fok") and LASTING & chosen.keys():
            asked = msgspec.structs.replace(asked, time_in_force="gtc")
    if chosen.get("order_type") in ("market", "stop"):
        asked = msgspec.structs.replace(asked, price_fen_per_kg=0)
    if "agreement" in chosen:
        others = SUITED["sell" if side == "buy" else "buy", "haulage" if "AUL" in product_id else "hydrogen"]
        chosen["counterparty_id"] = draw(st.sampled_from(others))
    key_id = draw(st.sampled_from(("K1", "K1", "K2")))

    def command(_placed: list[e.OrderPlaced], at: int) -> Command:
        if asked.time_in_force == "gtd":
            chosen["expires_at"] = at + seconds * MICROS_PER_S
        options = OrderOptions(**chosen) if chosen else None
        return c.PlaceOrder(who, key_id, msgspec.structs.replace(asked, options=options))

    return command


def fit(chosen: dict[str, Any], draw: st.DrawFn) -> None:
    """Adds what an option needs."""
    if "minimum_loads" in chosen or "hibernated" in chosen:
        for name in set(chosen) & {"order_type", "stop_price_fen_per_kg", "agreement", "post_only", "all_or_none"}:
            del chosen[name]
    if "clip_price_change_fen" in chosen:
        chosen.setdefault("display_loads", 1)
    if chosen.get("order_type") == "market":
        chosen.pop("stop_price_fen_per_kg", None)
    elif "order_type" in chosen:
        chosen.setdefault("stop_price_fen_per_kg", draw(OPTIONS["stop_price_fen_per_kg"]))
    elif "stop_price_fen_per_kg" in chosen:
        chosen["order_type"] = "stop_limit"


@st.composite
def answer(draw: st.DrawFn) -> Step:
    """The other side of an agreement that was entered before, or a plain order."""
    back = draw(st.integers(0, 3))

    def command(placed: list[e.OrderPlaced], at: int) -> Command:
        agreed = [one for one in placed if one.terms.options is not None and one.terms.options.agreement]
        if not agreed:
            return c.RingAlarms()
        one = agreed[-1 - back % len(agreed)]
        options = one.terms.options
        assert options is not None
        mirrored = OrderOptions(counterparty_id=one.participant_id, agreement=options.agreement)
        side: Side = "sell" if one.terms.side == "buy" else "buy"
        terms = msgspec.structs.replace(one.terms, side=side, options=mirrored, time_in_force="gtc")
        return c.PlaceOrder(options.counterparty_id, "K1", terms)

    return command


@st.composite
def basket(draw: st.DrawFn) -> Step:
    side: Side = draw(st.sampled_from(("buy", "sell")))
    who = draw(st.sampled_from(SUITED[side, "hydrogen"]))
    orders = []
    for _ in range(draw(st.integers(0, 3))):
        asked, _seconds = draw(terms(draw(st.sampled_from(("X", "X", "V", "D"))), side))
        loads = min(asked.loads, 3)
        orders.append(msgspec.structs.replace(asked, loads=loads, time_in_force="fok"))
    if rarely(draw) and orders:
        orders[-1] = msgspec.structs.replace(orders[-1], side="sell" if side == "buy" else "buy")
    return c.PlaceBasket(who, "K1", tuple(orders))


@st.composite
def on_order(draw: st.DrawFn) -> Step:
    """What is asked of an order placed before, mostly by its owner."""
    back = draw(st.integers(0, 12))
    verb = draw(st.sampled_from(("cancel", "cancel", "amend", "amend", "amend", "sleep", "wake", "wake")))
    stranger = draw(st.sampled_from((None, None, None, None, None, None, "P1")))
    price = draw(st.sampled_from((None, None, 10, 20, 30, 40, 50, 60, 15, 90)))
    loads = draw(st.one_of(st.none(), st.integers(-1, 9)))

    def command(placed: list[e.OrderPlaced], at: int) -> Command:
        if not placed:
            return c.CancelOrder("P1", 1)
        order = placed[-1 - back % len(placed)]
        owner = stranger or order.participant_id
        if verb == "amend":
            return c.AmendOrder(owner, order.order_id, price, loads)
        kind = {"cancel": c.CancelOrder, "sleep": c.HibernateOrder, "wake": c.ActivateOrder}[verb]
        return kind(owner, order.order_id)

    return command


@st.composite
def named(draw: st.DrawFn) -> Step:
    """A mass cancel of some orders placed before, in any order, some twice, some of others."""
    who = draw(WHO)
    backs = draw(st.lists(st.integers(0, 12), min_size=1, max_size=5))

    def command(placed: list[e.OrderPlaced], _at: int) -> Command:
        names = tuple(placed[-1 - back % len(placed)].order_id for back in backs) if placed else (1,)
        return c.CancelOrders(who, order_ids=names)

    return command


PHASES: tuple[Phase, ...] = ("auction", "auction", "continuous", "continuous", "halted", "frozen", "expired")


@st.composite
def phase(draw: st.DrawFn) -> Step:
    product_id = draw(WHERE)
    then: Phase = draw(
        st.sampled_from(("auction", "auction", "continuous", "continuous", "halted", "frozen", "expired"))
    )
    seconds = draw(st.sampled_from((0, 0, 30)))
    return lambda _placed, at: c.ChangePhase(
        product_id, then, "operator", at + seconds * MICROS_PER_S if seconds else 0
    )


DAYS = st.sampled_from(("2026-01-05", "2026-01-05", "2026-01-06", "2026-01-04"))
AMOUNTS = st.integers(0, 2_000)
WINDOWS = st.sampled_from((WINDOW_START, WINDOW_START, WINDOW_START, WINDOW_START + 401 * 86_400_000_000))
MODES: tuple[SelfTradeMode, ...] = ("cancel_newest", "cancel_oldest", "cancel_both", "decrement")
OTHER: st.SearchStrategy[Step] = st.one_of(
    st.builds(c.GrantMoney, WHO, AMOUNTS, st.just("r")),
    st.builds(c.ReduceMoney, WHO, AMOUNTS, st.just("r")),
    st.builds(c.ReleaseCommitment, WHO, st.just(1), st.just(1), AMOUNTS, AMOUNTS),
    st.builds(c.SetCapacity, WHO, st.sampled_from(("hydrogen", "haulage")), WINDOWS, st.integers(-1, 60)),
    st.builds(c.SuspendTrader, WHO),
    st.builds(c.ReinstateTrader, WHO),
    st.builds(c.KillTrader, WHO),
    st.builds(c.ReleaseTrader, WHO),
    st.builds(c.SetOrderRates, WHO, st.sampled_from((3, 1_000, -1)), st.just(1_000), st.just(1_000)),
    st.builds(c.SetDeadMan, WHO, st.sampled_from((0, 5, 60))),
    st.builds(c.AdmitTrader, WHO, st.sampled_from((("station",), ("producer",), ("haulier", "station")))),
    st.builds(c.OpenMarket, DAYS),
    st.builds(c.CloseMarket, DAYS, st.booleans()),
    st.just(c.HaltMarket("trouble")),
    st.just(c.ResumeMarket()),
    st.builds(c.CloseProduct, st.sampled_from(PRODUCTS)),
    st.builds(
        c.SetReferencePrice,
        st.sampled_from(PRODUCTS),
        st.sampled_from((0, 10, 25, 30, 40, 50, 90)),
        st.just("wrong"),
        st.just("OP"),
        st.just("K8"),
    ),
    st.sampled_from((listing("Y", "delivered", mass_kg=2), listing("Y", "ex_works"))),
)
#: What comes often is tried often.
SOMETIMES: st.SearchStrategy[Step] = st.one_of(
    phase(),
    st.builds(c.SetSelfTradeMode, WHO, st.sampled_from(MODES)),
    st.builds(
        c.CancelOrders, WHO, st.sampled_from(("", "", "X", "D")), st.sampled_from((None, None, "buy", "sell")),
        st.sampled_from(("", "", "K2")), st.sampled_from(("mass_cancel", "disconnected")), st.booleans(),
    ),
    named(),
    st.builds(Pass, st.sampled_from((1, 5, 60, 1_800))),
    st.just(c.RingAlarms()),
    st.just(c.ResumeMarket()),
    st.just(c.OpenMarket("2026-01-05")),
    st.builds(c.ReleaseTrader, WHO),
    answer(),
    basket(),
)  # fmt: skip
KINDS = {"place": place(), "on_order": on_order(), "sometimes": SOMETIMES, "other": OTHER}
WEIGHTED = ("place",) * 30 + ("on_order",) * 8 + ("recall",) * 3 + ("sometimes",) * 6 + ("other",)


@st.composite
def recall(draw: st.DrawFn) -> list[Step]:
    """Steps of one recall, mostly the right ones in their order."""
    story = [
        "request",
        "approve",
        "confirm",
        draw(st.sampled_from(("done", "done", "done", "moves", "reject", "withdraw"))),
    ]
    if draw(st.integers(0, 2)) == 0:
        story.pop(draw(st.integers(0, 3)))
    back = draw(st.sampled_from((0, 1, 1, 2, 5)))
    return [Recalling(verb, back, "P1" if rarely(draw) else "OP") for verb in story]


@st.composite
def some_steps(draw: st.DrawFn) -> list[Step]:
    """Mostly orders: lists as hypothesis makes them are short, and mix all kinds alike."""
    steps: list[Step] = []
    for _ in range(draw(st.integers(0, 70))):
        kind = draw(st.sampled_from(WEIGHTED))
        steps += draw(recall()) if kind == "recall" else [draw(KINDS[kind])]
    return steps


STEPS: st.SearchStrategy[list[Step]] = some_steps()


class Run:
    """A machine with its log and the rows that its changes left."""

    def __init__(self) -> None:
        self.machine = ExchangeMachine()
        self.log: list[tuple[int, int, Event]] = []
        self.rows: dict[tuple[str, Any], dict[str, Any]] = {}
        self.waited = 0

    @property
    def at(self) -> int:
        """Now."""
        return AT + 7 * len(self.log) + self.waited

    def apply(self, command: Command) -> list[Event] | str:
        seq, at = len(self.log) + 1, self.at
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

    def command(self, step: Step) -> Command | None:
        """The command of a step, now; none where only time goes by."""
        if isinstance(step, Pass):
            self.waited += step.seconds * MICROS_PER_S
            return None
        if isinstance(step, Recalling):
            return step.command(self.log)
        if isinstance(step, Command):
            return step
        return step([event for _, _, event in self.log if isinstance(event, e.OrderPlaced)], self.at)


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
        if command is not None:
            expected = reference.apply(command, ours.at, len(ours.log) + 1)
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
    for first in opening():
        ours.apply(first)
    for step in before:
        command = ours.command(step)
        if command is not None:
            ours.apply(command)
    restored = Run()
    restored.machine.restore(ours.machine.dump())
    restored.log, restored.waited = list(ours.log), ours.waited
    assert restored.machine.digest() == ours.machine.digest()
    restored.machine.check()
    for step in after:
        command = ours.command(step)
        if command is not None:
            restored.waited = ours.waited
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
