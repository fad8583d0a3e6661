"""Scenarios as text: one line a command, with the events it must lead to.

    CASE name
    a B1 buy 5 @ 100            | placed a
    b S1 sell 3 @ 100 ioc       | placed b ; trade a b 3 @ 100
    a amend 4 @ 100             | amended a 4 @ 100 keeps
    a cancel                    | cancelled a 1 requested

The first word names an order, here and in the events. Orders are for product X unless another follows the price, and
good till cancelled unless another word says how long they hold. Options follow in any order:

    fok  ioc  day  session  gtd:60        how long (gtd: seconds from now)
    post-only  aon  asleep  linked        flags; linked: ends when its connection does
    min:3  iceberg:2  clip:10             at least so many at once; shows so many; each further clip so much worse
    stop:120                              with a price a stop-limit, with ``@ stop`` a stop, ``@ market`` a market order
    with:S1:deal                          pre-arranged with S1
    key:K2                                sent under another key

A basket is ``basket B1 : a buy 2 @ 100 , b buy 1 @ 100 Y``; ``group`` instead, for orders that are all taken or all
rejected. A refusal is written ``error code``; no event is ``nothing``. What stands is asked for between commands:

    book X                      | 5 @ 100 , 3 @ 90 / 2 @ 110      what the book shows, bids / asks, best first
    a status                    | partially_filled 2 of 5         its state in the words of FIX, its executed loads
    money B1                    | reserved 300 committed 200
    loads S1 hydrogen           | reserved 3 consumed 2
    pace B1                     | 2 3 3                           orders in these ten seconds, this hour, this day
    wait 60, pass 60                                              seconds go by, with and without alarms

A mass cancel is ``sweep``; ``sweep B1 named a b`` names its orders, ``sweep B1 lost a b`` those of a lost connection.

``ex-works``, ``haulage`` and ``delivered`` list a product at a hub, with further terms where they matter:
``delivered E LINFEN volatility:1000 reference:150 tick:5`` (bounds in basis points of the reference price).

A trade is known by the names of its two orders, a recall by its trade; keys of the operator are K8 and K9:

    recall B1 a b               | recall-asked a b             a party, or OP for the operator, asks for the trade back
    approve K8 a b              | recall-approved a b K8       the first eyes; ``approve B1:K8`` under a key of B1
    confirm K9 a b              | recall-confirmed a b K9      the second
    reject K8 a b               | recall-rejected a b K8
    withdraw B1 a b             | recall-withdrawn a b         who asked takes it back; ``B1:K2`` under another key
    loads-ended a b             | recalled a b                 tracking's answer; ``load-moves a b`` is the other one
    trade a b                   | recalled                     its state; of an implied match ``recall-asked a b , a c``
    a status                    | filled 3 of 5 recalled 2     executed loads are less by what was recalled

Text after # is a remark; a line that begins with a bar goes on with the events of the one before.

The market of `opening` stands behind every case: a kilogram a load, so that a reservation is price times loads. X, HAUL
and D make a route: hydrogen at Taiyuan, its haulage to Linfen, hydrogen delivered there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from copy import copy
from typing import Any

from exchange import commands as c
from exchange import events as e
from exchange.machine import ExchangeMachine
from exchange.model import CancelReason, Order, OrderOptions, OrderTerms, ProductKind, TradeFacts
from kernel.errors import H2MarketError
from kernel.messages import Command, Event

AT = 1_767_600_000_000_000
WINDOW_START, WINDOW_END = 1_767_650_400_000_000, 1_767_679_200_000_000
MONEY_FEN, LOADS = 1_000_000, 1_000

TRADERS = {
    "B1": ("station",),
    "B2": ("station",),
    "S1": ("producer",),
    "S2": ("producer",),
    "O1": ("storage_operator",),
    "H1": ("haulier",),
    "H2": ("haulier",),
    "Q1": ("producer", "station"),
    "A1": ("auditor",),
}


def product(
    product_id: str,
    kind: ProductKind = "ex_works",
    destination_hub: str = "",
    tick_fen: int = 10,
    hub: str = "TAIYUAN",
    **terms: Any,
) -> c.ListProduct:
    """A product of at most 10,000 fen/kg and 100 loads an order."""
    return c.ListProduct(
        product_id, kind, hub, destination_hub, "TUBE20", "GB/T 37244", 1_000, 1_000, WINDOW_START, WINDOW_END,
        tick_fen, 10_000, 100, **terms,
    )  # fmt: skip


def opening() -> Iterator[Command]:
    """Hydrogen at Taiyuan, its haulage, hydrogen delivered, an open market, and traders with limits."""
    yield product("X")
    yield product("Y", "delivered")
    yield product("HAUL", "haulage", "LINFEN")
    yield product("D", "delivered", hub="LINFEN")
    yield c.OpenMarket("2026-01-05")
    for participant_id, roles in TRADERS.items():
        yield c.AdmitTrader(participant_id, roles)
        yield c.GrantMoney(participant_id, MONEY_FEN, "opening")
        if {"producer", "storage_operator"} & set(roles):
            yield c.SetCapacity(participant_id, "hydrogen", WINDOW_START, LOADS)
        if "haulier" in roles:
            yield c.SetCapacity(participant_id, "haulage", WINDOW_START, LOADS)


TIMES_IN_FORCE = ("gtc", "gtd", "day", "session", "ioc", "fok")


def listed_terms(words: Iterable[str]) -> dict[str, Any]:
    """The terms of a product's words."""
    names = {
        "collar": "collar_bps", "volatility": "volatility_bps", "reference": "reference_price_fen", "tick": "tick_fen",
    }  # fmt: skip
    return {names[name]: int(value) for name, _, value in (word.partition(":") for word in words)}


OTHER_COMMANDS: dict[str, Callable[..., Command]] = {
    "close": c.CloseProduct,
    "list": lambda product_id, tick: product(product_id, tick_fen=int(tick)),
    "guarded": lambda product_id, collar, volatility, reference: product(
        product_id, collar_bps=int(collar), volatility_bps=int(volatility), reference_price_fen=int(reference)
    ),
    "ex-works": lambda product_id, hub, *terms: product(product_id, hub=hub, **listed_terms(terms)),
    "haulage": lambda product_id, hub, destination, *terms: product(
        product_id, "haulage", destination, hub=hub, **listed_terms(terms)
    ),
    "delivered": lambda product_id, hub, *terms: product(product_id, "delivered", hub=hub, **listed_terms(terms)),
    "delivered-guarded": lambda product_id, hub, collar, reference: product(
        product_id, "delivered", hub=hub, collar_bps=int(collar), reference_price_fen=int(reference)
    ),
    "pending": lambda product_id: product(product_id, phase="pending"),
    "phase": c.ChangePhase,
    "phase-until": lambda product_id, phase, until: c.ChangePhase(product_id, phase, "operator", int(until)),
    "refer": lambda product_id, price: c.SetReferencePrice(product_id, int(price), "wrong", "OP", "K8"),
    "open": c.OpenMarket,
    "shut": lambda day, *part: c.CloseMarket(day, not part),
    "halt": lambda: c.HaltMarket("trouble"),
    "resume": c.ResumeMarket,
    "ask": lambda who, side, loads, product_id="X": c.RequestQuote(
        who, product_id, None if side == "any" else side, int(loads)
    ),
    "suspend": c.SuspendTrader,
    "reinstate": c.ReinstateTrader,
    "kill": c.KillTrader,
    "release-kill": c.ReleaseTrader,
    "bar": lambda who: c.KillTrader(who, by_operator=True),
    "release-bar": lambda who: c.ReleaseTrader(who, by_operator=True),
    "own": c.SetSelfTradeMode,
    "rates": lambda who, *rates: c.SetOrderRates(who, *map(int, rates)),
    "dead-man": lambda who, seconds: c.SetDeadMan(who, int(seconds)),
    "admit": lambda who, *roles: c.AdmitTrader(who, roles),
    "grant": lambda who, amount: c.GrantMoney(who, int(amount), "more"),
    "reduce": lambda who, amount: c.ReduceMoney(who, int(amount), "less"),
    "release": lambda who, committed, spent: c.ReleaseCommitment(who, 1, 1, int(committed), int(spent)),
    "capacity": lambda who, commodity, loads, days="0": c.SetCapacity(
        who, commodity, WINDOW_START + int(days) * 86_400_000_000, int(loads)
    ),
}


def sweep(who: str, *words: str) -> c.CancelOrders:
    """``sweep B1``, ``sweep B1 X buy``, ``sweep B1 key:K2``, ``sweep B1 linked``."""
    side = next((word for word in words if word in ("buy", "sell")), None)
    key_id = next((word[4:] for word in words if word.startswith("key:")), "")
    linked = "linked" in words
    product_id = next((word for word in words if word.isupper() and ":" not in word), "")
    reason: CancelReason = "disconnected" if linked else "mass_cancel"
    return c.CancelOrders(who, product_id, side, key_id, reason, linked)  # type: ignore[arg-type]


OTHER_COMMANDS["sweep"] = sweep


def order_terms(label: str, side: str, loads: str, price: str, words: list[str], at: int) -> tuple[str, OrderTerms]:
    """The key and the terms of an order's words."""
    flags = {"post-only": "post_only", "aon": "all_or_none", "asleep": "hibernated", "linked": "cancel_on_disconnect"}
    numbers = {
        "min": "minimum_loads", "iceberg": "display_loads", "clip": "clip_price_change_fen",
        "stop": "stop_price_fen_per_kg",
    }  # fmt: skip
    options: dict[str, Any] = {}
    tif, product_id, key_id = "gtc", "X", "K1"
    for word in words:
        name, _, value = word.partition(":")
        if name in TIMES_IN_FORCE:
            tif = name
            if value:
                options["expires_at"] = at + int(value) * 1_000_000
        elif name in flags:
            options[flags[name]] = True
        elif name in numbers:
            options[numbers[name]] = int(value)
        elif name == "with":
            options["counterparty_id"], _, options["agreement"] = value.partition(":")
        elif name == "key":
            key_id = value
        else:
            product_id = word
    if price in ("market", "stop"):
        options["order_type"] = price
    elif "stop_price_fen_per_kg" in options:
        options["order_type"] = "stop_limit"
    limit = 0 if price in ("market", "stop") else int(price)
    asked = OrderOptions(**options) if options else None
    return key_id, OrderTerms(f"c-{label}", product_id, side, limit, int(loads), tif, asked)  # type: ignore[arg-type]


def facts_of(log: list[tuple[int, int, Event]], trade_id: int) -> tuple[TradeFacts, ...]:
    """What a log says of a trade, and of the other leg of an implied match: as the exchange's service reads it."""
    legs = {"": (0,), "haulage": (0, 1), "hydrogen": (-1, 0)}
    _, at, event = log[trade_id - 1]
    assert isinstance(event, e.Traded)
    found = []
    for offset in legs[event.leg]:
        trade = log[trade_id - 1 + offset][2]
        assert isinstance(trade, e.Traded)
        found.append(
            TradeFacts(
                **{name: getattr(trade, name) for name in TradeFacts.__struct_fields__ if name != "traded_at"},
                traded_at=at,
            )
        )
    return tuple(found)


class Scenario:
    """Runs lines against one machine, keeps its log, and says what happened in the words of the tables."""

    def __init__(self) -> None:
        self.machine = ExchangeMachine()
        self.log: list[tuple[int, int, Event]] = []
        self.names: dict[int, str] = {}
        self.ids: dict[str, int] = {}
        self.waited = 0
        self.orders: dict[int, Order] = {}
        for command in opening():
            self.apply(command)

    def apply(self, command: Command) -> list[Event]:
        seq, at = len(self.log) + 1, self.now
        events = self.machine.apply(command, at, seq)
        self.log += [(seq + position, at, event) for position, event in enumerate(events)]
        self.machine.check()
        self.orders |= {order_id: copy(order) for order_id, order in self.machine.state.changes.orders.items()}
        return events

    @property
    def now(self) -> int:
        """Every event takes a microsecond, ``wait`` and ``pass`` as long as they say."""
        return AT + len(self.log) + self.waited

    def run(self, line: str) -> str:
        """What the command of a line leads to."""
        words = line.split()
        told = self.standing(words)
        if told:
            return told
        before = self.machine.digest()
        command = self.command(words)
        if isinstance(command, c.PlaceOrder):
            self.name(words[0], len(self.log) + 1)
        try:
            events = self.apply(command)
            for event in events:
                if isinstance(event, e.OrderPlaced | e.OrderRejected):
                    self.name(event.terms.client_order_id[2:], event.order_id)
        except H2MarketError as error:
            assert self.machine.digest() == before, f"refused, yet changed: {line}"
            return f"error {error.code}"
        return " ; ".join(self.told(event) for event in events) or "nothing"

    def standing(self, words: list[str]) -> str:
        """The answer to a question, "" if the words are a command."""
        state = self.machine.state
        match words:
            case ["pass", seconds]:
                self.waited += int(seconds) * 1_000_000
                return "nothing"
            case [label, "status"]:
                order = self.orders[self.ids[label]]
                taken = state.recalls.orders.get(order.id)
                if taken is None:
                    return f"{order.status} {order.executed_loads} of {order.loads}"
                left = order.executed_loads - taken.loads
                return f"{order.status} {left} of {order.loads} recalled {taken.loads}"
            case ["trade", buy, sell]:
                contested = state.recalls.trades.get(self.trade_id(buy, sell))
                return "active" if contested is None else contested.state
            case ["last", product_id]:
                return str(state.books[product_id].last_price)
            case ["money", who]:
                money = state.account(who).money
                return f"reserved {money.reserved_fen} committed {money.committed_fen}"
            case ["loads", who, commodity]:
                capacity = state.window(commodity, WINDOW_START)[who]  # type: ignore[arg-type]
                return f"reserved {capacity.reserved_loads} consumed {capacity.consumed_loads}"
            case ["reference", product_id]:
                return str(state.products[product_id].reference_price_fen)
            case ["windows", who]:
                return str(sum(capacity.participant_id == who for capacity in state.capacities()))
            case ["pace", who]:
                return " ".join(map(str, state.account(who).pace.uses(self.now)))
            case ["book", product_id]:
                book = state.books[product_id]
                sides = (
                    " , ".join(f"{level.loads} @ {level.price}" for level in ladder.best_first()) or "-"
                    for ladder in (book.bids, book.asks)
                )
                return " / ".join(sides)
        return ""

    def name(self, word: str, order_id: int) -> None:
        self.names[order_id] = word
        self.ids[word] = order_id

    def command(self, words: list[str]) -> Command:
        """The command that the words ask for."""
        match words:
            case [label, who, "buy" | "sell" as side, loads, "@", price, *rest]:
                return c.PlaceOrder(who, *order_terms(label, side, loads, price, rest, self.now))
            case ["basket" | "group" as kind, who, ":", *rest]:
                parts = [part.split() for part in " ".join(rest).split(",") if part.strip()]
                words, place = (["fok"], c.PlaceBasket) if kind == "basket" else ([], c.PlaceGroup)
                return place(
                    who,
                    "K1",
                    tuple(
                        order_terms(label, side, loads, price, [*words, *more], self.now)[1]
                        for label, side, loads, _, price, *more in parts
                    ),
                )
            case ["sweep", who, "named" | "lost" as how, *labels]:
                reason: CancelReason = "disconnected" if how == "lost" else "mass_cancel"
                return c.CancelOrders(who, reason=reason, order_ids=tuple(self.ids[label] for label in labels))
            case [
                "recall" | "approve" | "confirm" | "reject" | "withdraw" | "loads-ended" | "load-moves" as verb,
                *rest,
            ]:
                return self.recall_command(verb, rest)
            case ["wait", seconds]:
                self.waited += int(seconds) * 1_000_000
                return c.RingAlarms()
            case [order, "cancel" | "amend" | "reprice" | "resize" | "sleep" | "wake" as verb, *rest]:
                return self.order_command(order, verb, rest)
            case [verb, *rest]:
                return OTHER_COMMANDS[verb](*rest)
        raise AssertionError(f"no such command: {words}")

    def trade_id(self, buy: str, sell: str) -> int:
        """The latest trade of two orders; a number that no trade has where there is none."""
        wanted = (self.ids.get(buy), self.ids.get(sell))
        found = [
            seq
            for seq, _, event in self.log
            if isinstance(event, e.Traded) and (event.buy_order_id, event.sell_order_id) == wanted
        ]
        return found[-1] if found else 999_999

    def recall_command(self, verb: str, words: list[str]) -> Command:
        """A command about the recall of a trade."""
        who, (buy, sell) = (words[0] if len(words) > 2 else ""), words[-2:]
        trade_id = self.trade_id(buy, sell)
        company, _, key_id = who.rpartition(":")
        match verb:
            case "recall":
                by_operator = who == "OP"
                return c.RequestRecall(trade_id, facts_of(self.log, trade_id), who, "K1", by_operator, "wrong price")
            case "approve":
                return c.ApproveRecall(trade_id, company or "OP", key_id)
            case "confirm":
                return c.ConfirmRecall(trade_id, company or "OP", key_id)
            case "reject":
                return c.RejectRecall(trade_id, key_id, "no error")
            case "withdraw":
                return c.WithdrawRecall(trade_id, company or who, key_id if company else "K1", (company or who) == "OP")
        contested = self.machine.state.recalls.trades.get(trade_id)
        done = verb == "loads-ended"
        return c.ConcludeRecall(contested.recall_id if contested else 999_999, done, "" if done else "S1-1 loading")

    def order_command(self, order: str, verb: str, words: list[str]) -> Command:
        """A command about an order placed before; ``by`` names another participant than its own."""
        by = words.index("by") if "by" in words else len(words)
        owner, order_id = self.owner(order, words[by + 1 :]), self.ids.get(order, 999_999)
        match verb, words[:by]:
            case "cancel", []:
                return c.CancelOrder(owner, order_id)
            case "sleep", []:
                return c.HibernateOrder(owner, order_id)
            case "wake", []:
                return c.ActivateOrder(owner, order_id)
            case "amend", [loads, "@", price]:
                return c.AmendOrder(owner, order_id, int(price), int(loads))
            case "reprice", [price]:
                return c.AmendOrder(owner, order_id, int(price), None)
            case "resize", [loads]:
                return c.AmendOrder(owner, order_id, None, int(loads))
        raise AssertionError(f"no such command: {order} {verb} {words}")

    def owner(self, order: str, by: list[str]) -> str:
        """Who asks: the one named after ``by``, or the order's own participant."""
        if by:
            return by[-1]
        order_id = self.ids[order]
        return next(
            event.participant_id
            for seq, _, event in self.log
            if seq == order_id and isinstance(event, e.OrderPlaced | e.OrderRejected)
        )

    def told(self, event: Event) -> str:  # noqa: C901 - one line an event
        """An event in the words of the tables."""
        match event:
            case e.OrderPlaced():
                return f"placed {self.names[event.order_id]}"
            case e.OrderRejected():
                return f"rejected {self.names[event.order_id]} {event.reason} {event.field or '-'} {event.shortfall}"
            case e.OrderAmended():
                kept = "keeps" if event.keeps_priority else "loses"
                return f"amended {self.names[event.order_id]} {event.loads} @ {event.price_fen_per_kg} {kept}"
            case e.OrderCancelled():
                return f"cancelled {self.names[event.order_id]} {event.loads} {event.reason}"
            case e.Traded():
                buy, sell = self.names[event.buy_order_id], self.names[event.sell_order_id]
                return f"{event.leg or 'trade'} {buy} {sell} {event.loads} @ {event.price_fen_per_kg}"
            case e.OrderReduced():
                return f"reduced {self.names[event.order_id]} {event.loads} {event.reason}"
            case e.OrderElected():
                return f"elected {self.names[event.order_id]}"
            case e.OrderHibernated():
                return f"asleep {self.names[event.order_id]}"
            case e.OrderActivated():
                return f"awake {self.names[event.order_id]}"
            case e.PhaseChanged():
                return f"phase {event.product_id} {event.phase} {event.reason}"
            case e.Uncrossed():
                return f"uncrossed {event.loads} @ {event.price_fen_per_kg} surplus {event.surplus_loads}"
            case e.ReferencePriceSet():
                by = f" {event.participant_id}:{event.key_id}" if event.key_id else ""
                return f"reference {event.product_id} {event.reference_price_fen} {event.reason}{by}"
            case e.QuoteRequested():
                return f"quote {event.product_id} {event.side or 'any'} {event.loads}"
            case e.DeadManSet():
                return f"dead-man {event.participant_id} {event.timeout_s if event.fires_at else 'off'}"
            case _ if isinstance(event, e.RECALL_EVENTS):
                return self.told_of_recall(event, event.trades)
            case e.MoneyReductionRefused():
                return f"MoneyReductionRefused {event.shortfall_fen}"
        return type(event).__name__

    def told_of_recall(self, event: Event, trades: tuple[TradeFacts, ...]) -> str:
        """A recall by its trades, and the key that decided."""
        verbs = {
            e.TradeRecallRequested: "recall-asked", e.TradeRecallApproved: "recall-approved",
            e.TradeRecallConfirmed: "recall-confirmed", e.TradeRecalled: "recalled",
            e.TradeRecallRefused: "recall-refused", e.TradeRecallRejected: "recall-rejected",
            e.TradeRecallWithdrawn: "recall-withdrawn", e.TradeRecallExpired: "recall-expired",
        }  # fmt: skip
        named = " , ".join(f"{self.names[one.buy_order_id]} {self.names[one.sell_order_id]}" for one in trades)
        decided = isinstance(event, e.TradeRecallApproved | e.TradeRecallConfirmed | e.TradeRecallRejected)
        return f"{verbs[type(event)]} {named} {getattr(event, 'key_id', '') if decided else ''}".strip()
