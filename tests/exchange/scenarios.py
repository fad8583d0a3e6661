"""Scenarios as text: one line a command, with the events it must lead to.

    CASE name
    a B1 buy 5 @ 100            | placed a
    b S1 sell 3 @ 100 ioc       | placed b ; trade a b 3 @ 100
    a amend 4 @ 100             | amended a 4 @ 100 keeps
    a cancel                    | cancelled a 1 requested

The first word names an order, here and in the events. Orders are for product X unless another follows the price. A
refusal is written ``error code``; no event is ``nothing``. The market of `opening` stands behind every case: a kilogram
a load, so that a reservation is price times loads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from exchange import commands as c
from exchange import events as e
from exchange.machine import ExchangeMachine
from exchange.model import ProductKind
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
    "Q1": ("producer", "station"),
    "A1": ("auditor",),
}


def product(
    product_id: str, kind: ProductKind = "ex_works", destination_hub: str = "", tick_fen: int = 10
) -> c.ListProduct:
    """A product of at most 10,000 fen/kg and 100 loads an order."""
    return c.ListProduct(
        product_id, kind, "TAIYUAN", destination_hub, "TUBE20", "GB/T 37244", 1_000, 1_000, WINDOW_START, WINDOW_END,
        tick_fen, 10_000, 100,
    )  # fmt: skip


def opening() -> Iterator[Command]:
    """Two hydrogen products and one of haulage, an open market, and traders with limits."""
    yield product("X")
    yield product("Y", "delivered")
    yield product("HAUL", "haulage", "LINFEN")
    yield c.OpenMarket("2026-01-05")
    for participant_id, roles in TRADERS.items():
        yield c.AdmitTrader(participant_id, roles)
        yield c.GrantMoney(participant_id, MONEY_FEN, "opening")
        if {"producer", "storage_operator"} & set(roles):
            yield c.SetCapacity(participant_id, "hydrogen", WINDOW_START, LOADS)
        if "haulier" in roles:
            yield c.SetCapacity(participant_id, "haulage", WINDOW_START, LOADS)


TIMES_IN_FORCE = ("gtc", "day", "ioc")

OTHER_COMMANDS: dict[str, Callable[..., Command]] = {
    "close": c.CloseProduct,
    "list": lambda product_id, tick: product(product_id, tick_fen=int(tick)),
    "open": c.OpenMarket,
    "shut": c.CloseMarket,
    "suspend": c.SuspendTrader,
    "reinstate": c.ReinstateTrader,
    "admit": lambda who, *roles: c.AdmitTrader(who, roles),
    "grant": lambda who, amount: c.GrantMoney(who, int(amount), "more"),
    "reduce": lambda who, amount: c.ReduceMoney(who, int(amount), "less"),
    "release": lambda who, committed, spent: c.ReleaseCommitment(who, 1, 1, int(committed), int(spent)),
    "capacity": lambda who, commodity, loads: c.SetCapacity(who, commodity, WINDOW_START, int(loads)),
}


class Scenario:
    """Runs lines against one machine, keeps its log, and says what happened in the words of the tables."""

    def __init__(self) -> None:
        self.machine = ExchangeMachine()
        self.log: list[tuple[int, int, Event]] = []
        self.names: dict[int, str] = {}
        self.ids: dict[str, int] = {}
        for command in opening():
            self.apply(command)

    def apply(self, command: Command) -> list[Event]:
        seq, at = len(self.log) + 1, AT + len(self.log)
        events = self.machine.apply(command, at, seq)
        self.log += [(seq + position, at, event) for position, event in enumerate(events)]
        self.machine.check()
        return events

    def run(self, line: str) -> str:
        """What the command of a line leads to."""
        words = line.split()
        before = self.machine.digest()
        command = self.command(words)
        if isinstance(command, c.PlaceOrder):
            self.name(words[0], len(self.log) + 1)
        try:
            events = self.apply(command)
        except H2MarketError as error:
            assert self.machine.digest() == before, f"refused, yet changed: {line}"
            return f"error {error.code}"
        return " ; ".join(self.told(event) for event in events) or "nothing"

    def name(self, word: str, order_id: int) -> None:
        self.names[order_id] = word
        self.ids[word] = order_id

    def command(self, words: list[str]) -> Command:
        """The command that the words ask for."""
        match words:
            case [label, who, "buy" | "sell" as side, loads, "@", price, *rest]:
                tif = next((word for word in rest if word in TIMES_IN_FORCE), "gtc")
                product_id = next((word for word in rest if word not in TIMES_IN_FORCE), "X")
                return c.PlaceOrder(who, f"c-{label}", product_id, side, int(price), int(loads), tif)  # type: ignore[arg-type]
            case [order, "cancel" | "amend" | "reprice" | "resize" as verb, *rest]:
                return self.order_command(order, verb, rest)
            case [verb, *rest]:
                return OTHER_COMMANDS[verb](*rest)
        raise AssertionError(f"no such command: {words}")

    def order_command(self, order: str, verb: str, words: list[str]) -> Command:
        """A command about an order placed before; ``by`` names another participant than its own."""
        by = words.index("by") if "by" in words else len(words)
        owner, order_id = self.owner(order, words[by + 1 :]), self.ids.get(order, 999_999)
        match verb, words[:by]:
            case "cancel", []:
                return c.CancelOrder(owner, order_id)
            case "amend", [loads, "@", price]:
                return c.AmendOrder(owner, order_id, int(price), int(loads))
            case "reprice", [price]:
                return c.AmendOrder(owner, order_id, price_fen_per_kg=int(price))
            case "resize", [loads]:
                return c.AmendOrder(owner, order_id, loads=int(loads))
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

    def told(self, event: Event) -> str:
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
                return f"trade {buy} {sell} {event.loads} @ {event.price_fen_per_kg}"
            case e.MoneyReductionRefused():
                return f"MoneyReductionRefused {event.shortfall_fen}"
        return type(event).__name__
