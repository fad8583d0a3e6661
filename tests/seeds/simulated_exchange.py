"""The agents' day on the exchange's machine alone: no process, no store, no network."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from exchange import commands as c
from exchange.events import (
    CapacitySet,
    MoneyGranted,
    OrderAmended,
    OrderCancelled,
    OrderPlaced,
    OrderRejected,
    Traded,
)
from exchange.machine import ExchangeMachine
from exchange.model import OrderTerms
from kernel.errors import H2MarketError
from kernel.messages import Command, Event
from kernel.quantity import amount_fen
from seeds.agents import ROUNDS, Agent, agents
from seeds.market_view import Amend, Intent, MarketView, OpenOrder, OwnTrade, Place, Quote, Side
from seeds.products import WINDOW_HOURS, ProductTerms, products, window_us

DAY = date(2026, 1, 5)
AT = window_us(DAY, next(iter(WINDOW_HOURS)))[0]


@dataclass
class Resting:
    """An order as the events tell of it."""

    placed: OrderPlaced
    price: int
    loads: int
    open: int


@dataclass
class Day:
    """A simulated day. Open orders are rebuilt from events, so that views owe nothing to the machine's inside."""

    seed: int
    stale: bool = False  # everybody decides on what stood at the beginning of the round
    machine: ExchangeMachine = field(default_factory=ExchangeMachine)
    events: list[Event] = field(default_factory=list)
    orders: dict[int, Resting] = field(default_factory=dict)
    trades: list[Traded] = field(default_factory=list)
    rejected: list[OrderRejected] = field(default_factory=list)
    refused: list[H2MarketError] = field(default_factory=list)
    intents: list[Intent] = field(default_factory=list)
    granted: dict[str, int] = field(default_factory=dict)
    capacity: dict[tuple[str, int], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.terms: dict[str, ProductTerms] = {terms.product_id: terms for terms in products(DAY)}

    def run(self) -> None:
        """Opens the market, lets the agents trade, closes it."""
        rng = Random(self.seed)
        traders = agents(DAY, rng)
        self._open(traders)
        for round_no in range(ROUNDS):
            turn = rng.sample(traders, len(traders))
            seen = {agent.company.code: self.view(agent.company.code, round_no) for agent in turn} if self.stale else {}
            for agent in turn:
                view = seen.get(agent.company.code) or self.view(agent.company.code, round_no)
                for intent in agent.decide(rng, view):
                    self.intents.append(intent)
                    self._send(self._command(agent.company.code, intent))
        self._send(c.CloseMarket(DAY.isoformat()))
        self.machine.check()

    def _open(self, traders: tuple[Agent, ...]) -> None:
        for terms in self.terms.values():
            fields = [name for name in c.ListProduct.__struct_fields__ if hasattr(terms, name)]
            self._send(c.ListProduct(**{name: getattr(terms, name) for name in fields}))
        for agent in traders:
            company = agent.company
            self._send(c.AdmitTrader(company.code, (company.role,)))
            self._send(c.GrantMoney(company.code, company.cash_fen, "seed"))
            for loads, window in zip(company.capacity, WINDOW_HOURS, strict=True):
                start = window_us(DAY + timedelta(days=1), window)[0]
                if loads:
                    self._send(c.SetCapacity(company.code, company.commodity, start, loads))
        self._send(c.OpenMarket(DAY.isoformat()))

    def _command(self, code: str, intent: Intent) -> Command:
        if isinstance(intent, Place):
            terms = OrderTerms(
                intent.client_order_id, intent.product_id, intent.side, intent.price_fen_per_kg, intent.loads,
                intent.time_in_force,
            )  # fmt: skip
            return c.PlaceOrder(code, "K1", terms)
        if isinstance(intent, Amend):
            return c.AmendOrder(code, int(intent.order_id), intent.price_fen_per_kg, intent.loads)
        return c.CancelOrder(code, int(intent.order_id))

    def _send(self, command: Command) -> None:
        try:
            decided = self.machine.apply(command, AT, len(self.events) + 1)
        except H2MarketError as refusal:
            self.refused.append(refusal)
            return
        for event in decided:
            self.events.append(event)
            self._take(event)

    def _take(self, event: Event) -> None:
        match event:
            case OrderPlaced():
                self.orders[event.order_id] = Resting(
                    event, event.price_fen_per_kg, event.terms.loads, event.terms.loads
                )
            case OrderRejected():
                self.rejected.append(event)
            case OrderAmended():
                order = self.orders[event.order_id]
                order.price, order.open, order.loads = (
                    event.price_fen_per_kg,
                    order.open + event.loads - order.loads,
                    event.loads,
                )
            case OrderCancelled():
                del self.orders[event.order_id]
            case Traded():
                self.trades.append(event)
                if event.leg != "haulage":  # an implied match takes loads off its delivered order once
                    self._fill(event.buy_order_id, event.loads)
                self._fill(event.sell_order_id, event.loads)
            case MoneyGranted():
                self.granted[event.participant_id] = event.amount_fen
            case CapacitySet():
                self.capacity[event.participant_id, event.window_start] = event.loads

    def _fill(self, order_id: int, loads: int) -> None:
        order = self.orders[order_id]
        order.open -= loads
        if not order.open:
            del self.orders[order_id]

    def view(self, code: str, round_no: int) -> MarketView:
        """What one participant may know."""
        own = {key: order for key, order in self.orders.items() if order.placed.participant_id == code}
        trades = tuple(
            OwnTrade(str(trade.trade_id), trade.product_id, side, trade.price_fen_per_kg, trade.loads)
            for trade in self.trades
            for side in self._sides(trade, code)
        )
        money = self.granted[code]
        loads = {start: total for (owner, start), total in self.capacity.items() if owner == code}
        for order in own.values():
            terms = self.terms[order.placed.terms.product_id]
            if order.placed.terms.side == "buy":
                money -= order.open * amount_fen(order.price, terms.maximum_mass_g)
            else:
                loads[terms.window_start] -= order.open
        for trade in trades:
            terms = self.terms[trade.product_id]
            if trade.side == "buy":
                money -= trade.loads * amount_fen(trade.price_fen_per_kg, terms.maximum_mass_g)
            else:
                loads[terms.window_start] -= trade.loads
        shown = tuple(
            OpenOrder(
                str(key), order.placed.terms.product_id, order.placed.terms.side, order.price, order.loads, order.open
            )
            for key, order in own.items()
        )
        return MarketView(round_no, ROUNDS, self._quotes(), shown, trades, money, loads)

    def _quotes(self) -> dict[str, Quote]:
        levels: dict[tuple[str, Side], dict[int, int]] = defaultdict(lambda: defaultdict(int))
        for order in self.orders.values():
            levels[order.placed.terms.product_id, order.placed.terms.side][order.price] += order.open
        quotes = {}
        for product_id in self.terms:
            bids, asks = levels.get((product_id, "buy"), {}), levels.get((product_id, "sell"), {})
            bid, ask = max(bids, default=None), min(asks, default=None)
            quotes[product_id] = Quote(
                bid, bids[bid] if bid is not None else 0, ask, asks[ask] if ask is not None else 0
            )
        return quotes

    @staticmethod
    def _sides(trade: Traded, code: str) -> list[Side]:
        sides: list[Side] = []
        if trade.buyer_id == code:
            sides.append("buy")
        if trade.seller_id == code:
            sides.append("sell")
        return sides
