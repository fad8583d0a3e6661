"""Simulated participants: each decides its orders from what it may know, round after round.

An agent keeps nothing between rounds: what it did it sees in its own orders and trades, so a driver may stop and go on
anywhere. Chance comes in as ``rng``, so a day is reproducible. All follow one plan: hydrogen first, then haulage for
the hydrogen that was got, and in the closing rounds haulage only, so that hardly a load is left without a lorry.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from random import Random

from participants.model import EXCLUSIVE_ROLES
from seeds import haulage_buying
from seeds.companies import COMPANIES, Company
from seeds.desk import Desk
from seeds.market_view import Intent, MarketView, OpenOrder, TimeInForce
from seeds.prices import STORAGE_FEN_PER_KG, delivered, ex_works, haulage
from seeds.products import ProductTerms, products
from seeds.towns import BY_PRODUCT_HUBS, GREEN_HUBS

#: Rounds that a day should have: fewer leave orders no time to meet.
ROUNDS = 24
#: In the last rounds nobody takes on hydrogen that would still need haulage.
CLOSING_ROUNDS = 5

#: What a station pays beyond the delivered opinion before it goes without, and how much more for green hydrogen.
STATION_PATIENCE_FEN_PER_KG = (450, 950)
#: The same for a storage operator, which must still sell.
STORAGE_PATIENCE_FEN_PER_KG = (350, 500)
GREEN_PREMIUM_FEN_PER_KG = 1_400
#: What a station adds in its mind, for each round, to the price of hydrogen that nobody offers.
SCARCITY_FEN_PER_KG = 60
#: How far below the opinion a producer still sells: its cost.
PRODUCER_COST_PERCENT = (88, 94)


class Agent(ABC):
    """One participant. ``terms`` are the products of the day by id."""

    def __init__(self, company: Company, day: date, terms: Mapping[str, ProductTerms]) -> None:
        self.company = company
        self.terms = terms
        self._prefix = f"{company.code}-{day:%Y%m%d}"

    def decide(self, rng: Random, view: MarketView) -> list[Intent]:
        """What the participant asks for in this round, to be sent in this order."""
        desk = Desk(self._prefix, self.terms, view)
        self._decide(rng, desk, late=view.round_no >= view.rounds - CLOSING_ROUNDS)
        return desk.intents

    @abstractmethod
    def _decide(self, rng: Random, desk: Desk, *, late: bool) -> None: ...

    def _products(self, kind: str) -> Iterator[ProductTerms]:
        """The products of a kind in the company's container classes."""
        for terms in self.terms.values():
            if terms.kind == kind and terms.container_class in self.company.container_classes:
                yield terms

    def _haulage_of(self, origin: str, destination: str, like: ProductTerms) -> ProductTerms | None:
        """The haulage product on a route for the class and window of ``like``; None where none is listed."""
        for terms in self._products("haulage"):
            if (terms.hub, terms.destination_hub, terms.container_class, terms.window_start) == (
                origin, destination, like.container_class, like.window_start,
            ):  # fmt: skip
                return terms
        return None


class HydrogenBuyer(Agent):
    """What buyers of hydrogen share: sources, their cost delivered, and the haulage of what was bought ex works."""

    def __init__(self, company: Company, day: date, terms: Mapping[str, ProductTerms], limit_fen_per_kg: int) -> None:
        super().__init__(company, day, terms)
        self.limit_fen_per_kg = limit_fen_per_kg
        #: Hydrogen products that the company can use, each with the haulage that it needs, None where it is delivered.
        self.sources: list[tuple[ProductTerms, ProductTerms | None]] = []
        for gas in self._products("ex_works"):
            carriage = self._haulage_of(gas.hub, company.hub, gas)
            if carriage is not None:
                self.sources.append((gas, carriage))

    def _haulage_wanted(self, view: MarketView) -> dict[str, int]:
        wanted = {
            carriage.product_id: view.traded_loads(gas.product_id, "buy")
            for gas, carriage in self.sources
            if carriage is not None
        }
        return {product_id: loads for product_id, loads in wanted.items() if loads}

    def _most_for(self, view: MarketView, gas: ProductTerms, carriage: ProductTerms | None) -> int:
        """The most that this source's hydrogen may cost, so that it stays inside the limit when it has arrived."""
        return self.limit_fen_per_kg + self._premium(gas) - self._carriage_fen(view, carriage)

    def _carriage_fen(self, view: MarketView, carriage: ProductTerms | None) -> int:
        if carriage is None:
            return 0
        ask = view.quote(carriage.product_id).ask_fen_per_kg
        believed = haulage(carriage.hub, carriage.destination_hub).high_fen_per_kg
        return believed if ask is None else min(ask, believed)

    def _premium(self, gas: ProductTerms) -> int:
        green = self.company.prefers_green and gas.hub in GREEN_HUBS
        return GREEN_PREMIUM_FEN_PER_KG if green else 0

    def _seek(self, rng: Random, desk: Desk, window_start: int, need: int) -> None:
        """Goes on looking for the hydrogen of a window: sees to the open orders, then asks for what is missing."""
        in_window = [(gas, carriage) for gas, carriage in self.sources if gas.window_start == window_start]
        carriage_of = {gas.product_id: carriage for gas, carriage in in_window}
        have = sum(desk.view.traded_loads(product_id, "buy") for product_id in carriage_of)
        for order in desk.open_orders("buy"):
            if order.product_id in carriage_of:
                most = self._most_for(desk.view, self.terms[order.product_id], carriage_of[order.product_id])
                if _raise_or_leave(rng, desk, order, most):
                    have += order.open_loads
        missing = need - have
        if missing > 0 and rng.random() < 0.9:
            self._ask(rng, desk, in_window, min(missing, rng.choice((1, 1, 1, 2))))

    def _ask(
        self, rng: Random, desk: Desk, sources: list[tuple[ProductTerms, ProductTerms | None]], loads: int
    ) -> None:
        ranked = []
        for gas, carriage in sources:
            quote, most = desk.view.quote(gas.product_id), self._most_for(desk.view, gas, carriage)
            believed = _believed(gas)
            if quote.ask_fen_per_kg is None and believed is None:
                continue  # nobody is known to sell this: bids would wait for nothing
            # Where nobody offers, hydrogen is getting scarce: the longer the day, the less a bid there is worth.
            scarce = SCARCITY_FEN_PER_KG * desk.view.round_no if quote.ask_fen_per_kg is None else 0
            price = quote.ask_fen_per_kg or believed
            assert price is not None
            rank = price + scarce - most + rng.randint(-220, 220)
            ranked.append((rank, price, most, gas.product_id, quote.ask_loads))
        if not ranked:
            return
        _, price, most, product_id, ask_loads = min(ranked)
        if ask_loads and price <= most and rng.random() < 0.6:
            desk.buy(product_id, price, loads, _patience(rng))
        elif desk.view.collecting:
            desk.buy(product_id, min(most, price * rng.randint(100, 108) // 100), loads)
        else:
            desk.buy(product_id, min(most, price * rng.randint(93, 99) // 100), loads)


class Station(HydrogenBuyer):
    """Buys hydrogen for its windows, delivered or ex works with haulage, whichever seems cheaper."""

    def __init__(self, company: Company, day: date, terms: Mapping[str, ProductTerms], limit_fen_per_kg: int) -> None:
        super().__init__(company, day, terms, limit_fen_per_kg)
        self.sources += [(gas, None) for gas in self._products("delivered") if gas.hub == company.hub]
        self.windows = tuple(sorted({gas.window_start for gas, _ in self.sources}))

    def _decide(self, rng: Random, desk: Desk, *, late: bool) -> None:
        if late:
            _end_hydrogen(desk)
        else:
            for window_start, need in zip(self.windows, self.company.needs, strict=True):
                self._seek(rng, desk, window_start, need)
        haulage_buying.cover(rng, desk, self._haulage_wanted(desk.view), late=late)


class Storage(HydrogenBuyer):
    """Buys ex works with haulage for the morning and sells ex works from its own tanks in the afternoon."""

    def __init__(self, company: Company, day: date, terms: Mapping[str, ProductTerms], limit_fen_per_kg: int) -> None:
        super().__init__(company, day, terms, limit_fen_per_kg)
        self.sources = [(gas, carriage) for gas, carriage in self.sources if gas.hub in BY_PRODUCT_HUBS]
        self.morning = min(gas.window_start for gas, _ in self.sources)
        own = [gas for gas in self._products("ex_works") if gas.hub == company.hub]
        self.stored = max(own, key=lambda gas: gas.window_start)

    def _decide(self, rng: Random, desk: Desk, *, late: bool) -> None:
        if late:
            _end_hydrogen(desk)
        else:
            self._seek(rng, desk, self.morning, self.company.supplies[1])
            self._offer(rng, desk)
        haulage_buying.cover(rng, desk, self._haulage_wanted(desk.view), late=late)

    def _offer(self, rng: Random, desk: Desk) -> None:
        bought = [trade for trade in desk.view.trades if trade.side == "buy"]
        kept = sum(trade.loads for trade in bought if self.terms[trade.product_id].kind == "ex_works")
        if not kept:
            return
        spent = sum(trade.price_fen_per_kg * trade.loads for trade in bought)
        unhauled = kept - sum(trade.loads for trade in bought if self.terms[trade.product_id].kind == "haulage")
        # Loads that still wait for haulage are reckoned with a dear trip from the nearest plants.
        cost = (spent + unhauled * haulage("QINGXU", self.company.hub).high_fen_per_kg) // kept
        for order in desk.open_orders("sell"):
            _lower_or_leave(rng, desk, order, cost + STORAGE_FEN_PER_KG // 2)
        product_id = self.stored.product_id
        free = kept - desk.view.traded_loads(product_id, "sell") - desk.view.open_loads(product_id, "sell")
        if free > 0:
            desk.sell(product_id, cost + STORAGE_FEN_PER_KG, min(free, rng.choice((1, 2))))


class Producer(Agent):
    """Sells ex works at its hub and, where that pays, delivered with haulage that it buys."""

    def __init__(self, company: Company, day: date, terms: Mapping[str, ProductTerms], cost_fen_per_kg: int) -> None:
        super().__init__(company, day, terms)
        self.cost_fen_per_kg = cost_fen_per_kg
        self.own = [gas for gas in self._products("ex_works") if gas.hub == company.hub]
        #: What it can sell delivered, with the haulage that it then needs.
        self.reach: list[tuple[ProductTerms, ProductTerms]] = []
        for gas in self._products("delivered"):
            carriage = self._haulage_of(company.hub, gas.hub, gas)
            if carriage is not None:
                self.reach.append((gas, carriage))

    def _decide(self, rng: Random, desk: Desk, *, late: bool) -> None:
        wanted = {carriage.product_id: desk.view.traded_loads(gas.product_id, "sell") for gas, carriage in self.reach}
        haulage_buying.cover(rng, desk, {key: loads for key, loads in wanted.items() if loads}, late=late)
        floors = {gas.product_id: self.cost_fen_per_kg for gas in self.own}
        for gas, carriage in self.reach:
            floors[gas.product_id] = self.cost_fen_per_kg + self._carriage_fen(carriage)
        if late:
            _end_hydrogen(desk)
            return
        for order in desk.open_orders("sell"):
            _lower_or_leave(rng, desk, order, floors[order.product_id])
        for product_id in rng.sample(sorted(floors), len(floors)):
            self._meet_bid(rng, desk, product_id, floors[product_id])
        for gas in self.own:
            self._offer(rng, desk, gas, floors[gas.product_id], 0.8)
        for gas, _ in rng.sample(self.reach, min(3, len(self.reach))):
            self._offer(rng, desk, gas, floors[gas.product_id], 0.5)

    @staticmethod
    def _carriage_fen(carriage: ProductTerms) -> int:
        return haulage(carriage.hub, carriage.destination_hub).middle_fen_per_kg * 106 // 100

    @staticmethod
    def _meet_bid(rng: Random, desk: Desk, product_id: str, floor: int) -> None:
        quote = desk.view.quote(product_id)
        if quote.bid_fen_per_kg is not None and quote.bid_fen_per_kg >= floor and rng.random() < 0.7:
            desk.sell(product_id, quote.bid_fen_per_kg, min(quote.bid_loads, rng.choice((1, 2))), "ioc")

    @staticmethod
    def _offer(rng: Random, desk: Desk, gas: ProductTerms, floor: int, chance: float) -> None:
        if desk.view.open_loads(gas.product_id, "sell") < 4 and rng.random() < chance:
            price = floor * (rng.randint(100, 108) if desk.view.collecting else rng.randint(104, 114)) // 100
            desk.sell(gas.product_id, price, rng.choice((1, 1, 2)), _patience(rng, immediate=False))


class Haulier(Agent):
    """Takes loads on the routes of the market where the bid pays for the trip, and offers trips of its own."""

    def _decide(self, rng: Random, desk: Desk, *, late: bool) -> None:
        trailers = self._free_trailers(desk.view)
        for order in desk.open_orders("sell"):
            if late and rng.random() < 0.3:
                desk.cancel(order)  # capacity is worth more where somebody bids
            else:
                _lower_or_leave(rng, desk, order, haulage_buying.opinion_of(desk, order.product_id).low_fen_per_kg)
        routes = list(self._products("haulage"))
        rng.shuffle(routes)
        for terms in routes:
            self._meet_bid(rng, desk, terms, trailers)
        if not late:
            for terms in routes[:8]:
                self._offer(rng, desk, terms, trailers)

    def _free_trailers(self, view: MarketView) -> Counter[tuple[str, int]]:
        """Trailers by class and window that are neither sold nor offered."""
        free: Counter[tuple[str, int]] = Counter()
        for terms in self._products("haulage"):
            free[terms.container_class, terms.window_start] = self._trailers(terms)
        sold = [(trade.product_id, trade.loads) for trade in view.trades]
        for product_id, loads in [*sold, *((order.product_id, order.open_loads) for order in view.orders)]:
            free[self.terms[product_id].container_class, self.terms[product_id].window_start] -= loads
        return free

    def _trailers(self, terms: ProductTerms) -> int:
        return sum(trailer.container_class == terms.container_class for trailer in self.company.fleet)

    @staticmethod
    def _meet_bid(rng: Random, desk: Desk, terms: ProductTerms, trailers: Counter[tuple[str, int]]) -> None:
        quote, kind = desk.view.quote(terms.product_id), (terms.container_class, terms.window_start)
        floor = haulage_buying.opinion_of(desk, terms.product_id).low_fen_per_kg
        if quote.bid_fen_per_kg is not None and quote.bid_fen_per_kg >= floor and rng.random() < 0.65:
            loads = min(quote.bid_loads, trailers[kind])
            trailers[kind] -= desk.sell(terms.product_id, quote.bid_fen_per_kg, loads, "ioc")

    def _offer(self, rng: Random, desk: Desk, terms: ProductTerms, trailers: Counter[tuple[str, int]]) -> None:
        """Offers one trip, but keeps half of the trailers free for bids."""
        kind = (terms.container_class, terms.window_start)
        if desk.view.open_loads(terms.product_id, "sell") or trailers[kind] * 2 <= self._trailers(terms):
            return
        if rng.random() < 0.6:
            price = haulage_buying.opinion_of(desk, terms.product_id).middle_fen_per_kg * rng.randint(99, 114) // 100
            trailers[kind] -= desk.sell(terms.product_id, price, 1, _patience(rng, immediate=False))


def agents(day: date, rng: Random) -> tuple[Agent, ...]:
    """The agent of every trading company, for orders on ``day``. ``rng`` draws each one's private limit."""
    terms = {product.product_id: product for product in products(day)}
    traders = [company for company in COMPANIES if company.role not in EXCLUSIVE_ROLES]
    return tuple(_agent(company, day, terms, rng) for company in traders)


def _agent(company: Company, day: date, terms: Mapping[str, ProductTerms], rng: Random) -> Agent:
    if company.role == "producer":
        return Producer(company, day, terms, _cost(company, rng))
    if company.role == "haulier":
        return Haulier(company, day, terms)
    believed = delivered(company.hub).middle_fen_per_kg
    if company.role == "storage_operator":
        return Storage(company, day, terms, believed + rng.randint(*STORAGE_PATIENCE_FEN_PER_KG))
    return Station(company, day, terms, believed + rng.randint(*STATION_PATIENCE_FEN_PER_KG))


def _cost(company: Company, rng: Random) -> int:
    return ex_works(company.hub).middle_fen_per_kg * rng.randint(*PRODUCER_COST_PERCENT) // 100


def _believed(gas: ProductTerms) -> int | None:
    """What a hydrogen product should cost; None for stored hydrogen, which is there only when it is offered."""
    if gas.kind == "delivered":
        return delivered(gas.hub).middle_fen_per_kg
    return ex_works(gas.hub).middle_fen_per_kg if gas.hub in (*BY_PRODUCT_HUBS, *GREEN_HUBS) else None


def _patience(rng: Random, *, immediate: bool = True) -> TimeInForce:
    drawn = rng.random()
    if immediate and drawn < 0.3:
        return "ioc"
    return "gtc" if drawn > 0.85 else "day"


def _raise_or_leave(rng: Random, desk: Desk, order: OpenOrder, most_fen_per_kg: int) -> bool:
    """Sees to an open buy order; False if it was cancelled."""
    drawn = rng.random()
    if drawn < 0.1 or order.price_fen_per_kg > most_fen_per_kg:
        desk.cancel(order)
        return False
    if drawn < 0.55:
        desk.reprice(order, min(most_fen_per_kg, order.price_fen_per_kg + rng.randint(10, 70)))
    return True


def _lower_or_leave(rng: Random, desk: Desk, order: OpenOrder, floor_fen_per_kg: int) -> None:
    """Sees to an open sell order."""
    drawn = rng.random()
    if drawn < 0.05:
        desk.cancel(order)
    elif drawn < 0.35:
        desk.reprice(order, max(floor_fen_per_kg, order.price_fen_per_kg - rng.randint(5, 45)))


def _end_hydrogen(desk: Desk) -> None:
    """Cancels what could still bring hydrogen that needs haulage."""
    for order in desk.open_orders("buy") + desk.open_orders("sell"):
        if desk.terms[order.product_id].kind != "haulage":
            desk.cancel(order)
