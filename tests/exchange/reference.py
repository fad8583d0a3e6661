"""The exchange once more, slow and obvious: lists that are searched, sums that are made anew for every question.

It shares the messages with the exchange and nothing else. Where the exchange raises, it gives the error's code. Whether
an order could be filled it finds out by trying it on a copy of the whole exchange.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from exchange import commands as c
from exchange import events as e
from exchange.model import CancelReason, OrderOptions, OrderTerms, Phase, Side
from kernel.messages import Command, Event
from tests.exchange import reference_rules as rules

FOREVER = 7_258_118_400_000_000
SECOND, HOUR, DAY = 1_000_000, 3_600_000_000, 86_400_000_000
SHANGHAI = 8 * HOUR


class Refused(Exception):
    """The code of an error."""


@dataclass
class Held:
    """An order that did not end yet."""

    id: int
    who: str
    key: str
    terms: OrderTerms
    product: c.ListProduct
    price: int
    loads: int
    rank: int  # lower came first
    expires: int = FOREVER
    executed: int = 0
    shown: int = 0
    asleep: bool = False
    elected: bool = False

    @property
    def options(self) -> OrderOptions:
        return self.terms.options or OrderOptions()

    @property
    def side(self) -> Side:
        return self.terms.side

    @property
    def open(self) -> int:
        return self.loads - self.executed

    @property
    def place(self) -> str:
        """Where it stands: asleep, among the stops, the agreements, the all-or-none, or in the book."""
        if self.asleep:
            return "asleep"
        if self.options.stop_price_fen_per_kg and not self.elected:
            return "stop"
        if self.options.agreement:
            return "agreement"
        return "whole" if self.options.all_or_none else "book"

    def show(self) -> None:
        """One full clip of an iceberg, all of another order."""
        self.shown = min(self.options.display_loads or self.open, self.open)

    def meets(self, price: int) -> bool:
        """Whether it would trade at a price."""
        return price <= self.price if self.side == "buy" else price >= self.price


class Match(NamedTuple):
    """What two other books imply for one: the price, and the orders of the parts (None for the one that comes)."""

    price: int
    hydrogen: Held | None
    haulage: Held | None
    delivered: Held | None

    def others(self) -> list[Held]:
        """The two that rest, in the order in which the routes are read."""
        return [one for one in (self.delivered, self.hydrogen, self.haulage) if one is not None]


@dataclass
class Reference:
    products: dict[str, c.ListProduct] = field(default_factory=dict)
    phases: dict[str, Phase] = field(default_factory=dict)
    until: dict[str, int] = field(default_factory=dict)
    references: dict[str, int] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)
    is_open: bool = False
    halted: bool = False
    day: str = ""
    roles: dict[str, tuple[str, ...]] = field(default_factory=dict)
    suspended: set[str] = field(default_factory=set)
    killed: set[str] = field(default_factory=set)
    modes: dict[str, str] = field(default_factory=dict)
    rates: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    sent: list[tuple[str, int]] = field(default_factory=list)
    dead_men: dict[str, tuple[int, int]] = field(default_factory=dict)
    orders: list[Held] = field(default_factory=list)
    trades: list[e.Traded] = field(default_factory=list)
    granted: list[tuple[str, int]] = field(default_factory=list)
    released: list[tuple[str, int]] = field(default_factory=list)
    capacity: dict[tuple[str, str, int], int] = field(default_factory=dict)
    clock: int = 0
    at: int = 0
    seq: int = 0
    events: list[Event] = field(default_factory=list)

    def apply(self, command: Command, at: int, seq: int) -> list[Event] | str:
        """The events of a command, or the code of the error it raises."""
        self.at, self.seq, self.events = at, seq, []
        try:
            getattr(self, type(command).__name__)(command)
        except Refused as refused:
            assert not self.events, "refused, yet something happened"
            return str(refused)
        return self.events

    @property
    def position(self) -> int:
        """The log position of the next event."""
        return self.seq + len(self.events)

    def tick(self) -> int:
        """Later than everything before."""
        self.clock += 1
        return self.clock

    # -- sums, made anew every time

    def cost(self, product: c.ListProduct, price: int, loads: int) -> int:
        return price * loads * product.maximum_mass_g // 1_000

    def committed(self, who: str) -> int:
        traded = [t for t in self.trades if t.buyer_id == who]
        held = sum(self.cost(self.products[t.product_id], t.price_fen_per_kg, t.loads) for t in traded)
        return held - sum(amount for name, amount in self.released if name == who)

    def free_money(self, who: str) -> int:
        mine = [o for o in self.orders if o.who == who and o.side == "buy" and not o.asleep]
        reserved = sum(self.cost(o.product, o.price, o.open) for o in mine)
        return sum(amount for name, amount in self.granted if name == who) - reserved - self.committed(who)

    def used_loads(self, who: str, commodity: str, window: int) -> int:
        mine = [o for o in self.orders if o.who == who and o.side == "sell" and not o.asleep]
        key = (commodity, window)
        reserved = sum(o.open for o in mine if (rules.commodity(o.product), o.product.window_start) == key)
        sold = [(self.products[t.product_id], t.loads) for t in self.trades if t.seller_id == who]
        return reserved + sum(n for p, n in sold if (rules.commodity(p), p.window_start) == key)

    def lack(self, who: str, product: c.ListProduct, side: str, price: int, loads: int) -> int:
        """What the limit lacks for loads at a price, of fen for a buyer and of loads for a seller."""
        if side == "buy":
            return max(0, self.cost(product, price, loads) - self.free_money(who))
        key = (who, rules.commodity(product), product.window_start)
        return max(0, loads - (self.capacity.get(key, 0) - self.used_loads(*key)))

    def room(self, who: str) -> int:
        """How many orders and amendments the participant may still send now."""
        per_10s, per_hour, per_day = self.rates.get(who, (20_000, 2_000_000, 20_000_000))
        times = [at for name, at in self.sent if name == who]
        in_10s = sum(at // (10 * SECOND) == self.at // (10 * SECOND) for at in times)
        in_hour = sum(at // HOUR == self.at // HOUR for at in times)
        in_day = sum((at + SHANGHAI) // DAY == (self.at + SHANGHAI) // DAY for at in times)
        return min(per_10s - in_10s, per_hour - in_hour, per_day - in_day)

    def blocked(self, who: str) -> str:
        """Why the participant may send no orders."""
        if who not in self.roles:
            return "not_admitted"
        return "suspended" if who in self.suspended else "kill_switch" if who in self.killed else ""

    def trading(self, product_id: str) -> bool:
        return self.phases.get(product_id) == "continuous"

    # -- books

    def side(self, product_id: str, side: str) -> list[Held]:
        """The orders of a side of a book in priority, expired ones included."""
        found = [o for o in self.orders if o.place == "book" and o.side == side and o.terms.product_id == product_id]
        return sorted(found, key=lambda o: (-o.price if side == "buy" else o.price, o.rank))

    def living(self, product_id: str, side: str) -> list[Held]:
        return [o for o in self.side(product_id, side) if o.expires > self.at]

    def facing(self, order: Held) -> list[Held]:
        return self.side(order.terms.product_id, "sell" if order.side == "buy" else "buy")

    def around(self, product: c.ListProduct, bps: int, low: int, high: int) -> tuple[int, int]:
        reference = self.references[product.product_id]
        if not bps or not reference:
            return low, high
        return max(low, reference - reference * bps // 10_000), min(high, reference + reference * bps // 10_000)

    def collar(self, product: c.ListProduct) -> tuple[int, int]:
        return self.around(product, product.collar_bps, 1, product.price_max_fen)

    def calm(self, product_id: str, price: int) -> bool:
        product = self.products[product_id]
        low, high = self.around(product, product.volatility_bps, 0, FOREVER)
        return low <= price <= high

    # -- what ends, and what is told

    def end(self, orders: list[Held], reason: CancelReason) -> None:
        for order in orders:
            self.orders.remove(order)
            self.events.append(e.OrderCancelled(order.id, order.open, reason))

    def oldest(self, orders: list[Held]) -> list[Held]:
        return sorted(orders, key=lambda o: o.id)

    def change_phase(self, product_id: str, phase: Phase, reason: str, until: int) -> None:
        self.phases[product_id], self.until[product_id] = phase, until
        self.events.append(e.PhaseChanged(product_id, phase, reason, until))

    # -- routes

    def routes(self) -> list[tuple[str, str, str]]:
        """Hydrogen, haulage and delivered hydrogen that fit together."""
        listed = [p for p in self.products.values() if self.phases[p.product_id] not in ("closed", "expired")]
        found = [
            (x.product_id, h.product_id, d.product_id)
            for x in listed
            for h in listed
            for d in listed
            if rules.is_route(x, h, d)
        ]
        return sorted(found, key="+".join)

    def implied(self, product_id: str, who: str) -> Match | None:
        """The best of what other books imply for this one, and would not be a trade of somebody with itself."""
        best: Match | None = None
        kind = self.products[product_id].kind
        for route in self.routes():
            if product_id not in route or not all(self.trading(part) for part in route):
                continue
            x, h, d = route
            hydrogen = None if product_id == x else next(iter(self.living(x, "sell")), None)
            haulage = None if product_id == h else next(iter(self.living(h, "sell")), None)
            delivered = None if product_id == d else next(iter(self.living(d, "buy")), None)
            owners = [who, *(one.who for one in (hydrogen, haulage, delivered) if one is not None)]
            if len(owners) != 3 or len(set(owners)) != 3:
                continue
            x_price = hydrogen.price if hydrogen else delivered.price - haulage.price if delivered and haulage else 0
            h_price = haulage.price if haulage else delivered.price - hydrogen.price if delivered and hydrogen else 0
            price = {"ex_works": x_price, "haulage": h_price, "delivered": x_price + h_price}[kind]
            if price <= 0 or not self.calm(x, x_price) or not self.calm(h, h_price):
                continue
            if best is None or (price < best.price if kind == "delivered" else price > best.price):
                best = Match(price, hydrogen, haulage, delivered)
        return best

    def implied_for(self, order: Held) -> Match | None:
        """The implied match that an order's limit allows."""
        if (order.side == "buy") != (order.product.kind == "delivered"):
            return None
        match = self.implied(order.terms.product_id, order.who)
        return match if match is not None and order.meets(match.price) else None

    def trade_implied(self, order: Held, match: Match) -> None:
        """Two trades for the delivered buyer: its haulage, its hydrogen."""
        for other in match.others():
            ahead = self.side(other.terms.product_id, other.side)
            self.end(ahead[: ahead.index(other)], "expired")
        loads = min([order.open, *(other.shown for other in match.others())])
        hydrogen, haulage, delivered = match.hydrogen or order, match.haulage or order, match.delivered or order
        x_price = hydrogen.price if hydrogen is not order else match.price
        h_price = haulage.price if haulage is not order else match.price
        for leg, sell, price in (("haulage", haulage, h_price), ("hydrogen", hydrogen, x_price)):
            self.print(sell.terms.product_id, price, loads, delivered, sell, order.id, leg)
        for one in (haulage, hydrogen, delivered):
            self.fill(one, loads, incoming=one is order)

    # -- trading

    def print(self, product_id: str, price: int, loads: int, buy: Held, sell: Held, taker: int, leg: str = "") -> None:
        traded = e.Traded(
            self.position, product_id, price, loads, buy.who, sell.who, buy.id, sell.id, taker, leg  # type: ignore[arg-type]
        )  # fmt: skip
        self.trades.append(traded)
        self.events.append(traded)
        if taker:
            self.last[product_id] = price

    def fill(self, order: Held, loads: int, incoming: bool) -> None:
        """Counts a trade; an iceberg that rests shows its next clip behind the others."""
        order.executed += loads
        if order.open == 0:
            self.orders.remove(order)
        elif incoming:
            order.show()
        else:
            order.shown -= loads
            if order.shown == 0:
                order.show()
                order.rank = self.tick()
                change = order.options.clip_price_change_fen
                price = order.price - change if order.side == "buy" else order.price + change
                if 0 < price <= order.product.price_max_fen:
                    order.price = price

    def meet_own(self, order: Held, resting: Held) -> str:
        """What happens where a participant would trade with itself; gives why the incoming order ends, if it does."""
        mode = self.modes.get(order.who, "cancel_newest")
        if mode == "cancel_newest":
            return "self_trade"
        if mode in ("cancel_oldest", "cancel_both"):
            self.end([resting], "self_trade")
            return "self_trade" if mode == "cancel_both" else ""
        loads = min(order.open, resting.open)
        for one in (resting, order):
            if one.open > loads:
                one.loads -= loads
                one.shown = min(one.shown, one.open)
                self.events.append(e.OrderReduced(one.id, loads, "self_trade"))
            elif one is resting:
                self.end([one], "self_trade")
            else:
                return "self_trade"
        return ""

    def trade(self, order: Held, implied: bool = True) -> str:
        """Trades an order that is among the open ones; gives why what is left of it may not rest."""
        while order.open:
            facing = self.facing(order)
            head = facing[0] if facing else None
            match = self.implied_for(order) if implied else None
            if match is not None:
                sign = -1 if order.side == "buy" else 1
                if head is None or match.price * sign > head.price * sign:
                    self.trade_implied(order, match)
                    continue
            if head is None or not order.meets(head.price):
                return ""
            if head.expires <= self.at:
                self.end([head], "expired")
            elif not self.calm(head.terms.product_id, head.price):
                return "volatility"
            elif head.who == order.who:
                reason = self.meet_own(order, head)
                if reason:
                    return reason
            else:
                loads = min(order.open, head.shown)
                buy, sell = (order, head) if order.side == "buy" else (head, order)
                self.print(order.terms.product_id, head.price, loads, buy, sell, order.id)
                self.fill(head, loads, incoming=False)
                self.fill(order, loads, incoming=True)
        return ""

    def would_fill(self, order: Held, wanted: int, implied: bool = True) -> bool:
        """Whether so many loads would trade at once: tried on a copy."""
        twin = deepcopy(self)
        tried = next((o for o in twin.orders if o.id == order.id), None)
        if tried is None:
            tried = deepcopy(order)
            twin.orders.append(tried)
        tried.rank = twin.tick()
        before = tried.executed
        twin.trade(tried, implied)
        return tried.executed - before >= wanted

    def enter(self, order: Held) -> None:
        """An order that goes into its book trades first."""
        order.rank = self.tick()
        product_id, tif = order.terms.product_id, order.terms.time_in_force
        if not self.trading(product_id):
            self.collect(order)
            return
        minimum = min(order.options.minimum_loads, order.open)
        reason = ""
        if tif == "fok" and not self.would_fill(order, order.open):
            reason = "fok"
        elif minimum and not order.executed and not self.would_fill(order, minimum):
            reason = "minimum"
        reason = reason or self.trade(order)
        if order.open == 0:
            return
        if reason == "volatility":
            until = self.at + order.product.auction_s * SECOND
            self.change_phase(product_id, "auction", "volatility", until)
            if tif not in ("ioc", "fok"):
                self.collect(order)
                return
        reason = reason or ("ioc" if tif == "ioc" else "")
        if reason:
            self.end([order], reason)  # type: ignore[arg-type]

    def collect(self, order: Held) -> None:
        """An order of an auction rests, once no own order is in its way."""
        for own in [o for o in self.facing(order) if o.who == order.who and order.meets(o.price)]:
            if own.expires <= self.at:
                self.end([own], "expired")
                continue
            reason = self.meet_own(order, own)
            if reason:
                self.end([order], "self_trade")
                return

    # -- what waits

    def settle(self, product_id: str) -> None:
        """Lets go what waits in a book that one event changed, and where its routes deliver to."""
        changed = [product_id] if len(self.events) == 1 else self.touched(product_id)
        self.go_on(self.reached(changed))

    def settle_all(self) -> None:
        self.go_on({name for name, phase in self.phases.items() if phase not in ("closed", "expired")})

    def touched(self, product_id: str) -> list[str]:
        return [product_id, *(part for route in self.routes() if product_id in route for part in route)]

    def reached(self, changed: list[str]) -> set[str]:
        return {*changed, *(route[2] for route in self.routes() if set(changed) & set(route))}

    def go_on(self, names: set[str]) -> None:
        if not self.is_open or self.halted:
            return
        going = True
        while going:
            going = False
            for name in sorted(names):
                if self.trading(name) and (self.elect(name) or self.fill_whole(name) or self.cross(name)):
                    names |= self.reached(self.touched(name))
                    going = True
                    break

    def waiting(self, product_id: str, place: str, side: str) -> list[Held]:
        return [o for o in self.orders if (o.terms.product_id, o.place, o.side) == (product_id, place, side)]

    def elect(self, product_id: str) -> bool:
        last = self.last.get(product_id, 0)
        for side, sign in (("buy", 1), ("sell", -1)):
            stops = self.waiting(product_id, "stop", side)
            reached = [o for o in stops if last and o.options.stop_price_fen_per_kg * sign <= last * sign]
            if reached:
                order = min(reached, key=lambda o: (o.options.stop_price_fen_per_kg * sign, o.rank))
                if order.expires <= self.at:
                    self.end([order], "expired")
                    return True
                order.elected = True
                self.events.append(e.OrderElected(order.id))
                if order.place == "book":
                    self.enter(order)
                return True
        return False

    def fill_whole(self, product_id: str) -> bool:
        for side, sign in (("buy", -1), ("sell", 1)):
            for order in sorted(self.waiting(product_id, "whole", side), key=lambda o: (o.price * sign, o.rank)):
                if order.expires > self.at and self.would_fill(order, order.open, implied=False):
                    self.trade(order)
                    return True
        return False

    def cross(self, product_id: str) -> bool:
        if self.products[product_id].kind != "delivered":
            return False
        bids = self.living(product_id, "buy")
        match = self.implied_for(bids[0]) if bids else None
        if match is None:
            return False
        ahead = self.side(product_id, "buy")
        self.end(ahead[: ahead.index(bids[0])], "expired")
        self.trade_implied(bids[0], match)
        return True

    # -- orders

    def protection(self, who: str, terms: OrderTerms) -> int:
        """The limit of an order that names none; 0 where there is nobody to trade with."""
        product, buys = self.products[terms.product_id], terms.side == "buy"
        start = terms.options.stop_price_fen_per_kg if terms.options else 0
        if not start:
            prices = [o.price for o in self.living(terms.product_id, "sell" if buys else "buy")]
            match = self.implied(terms.product_id, who) if buys == (product.kind == "delivered") else None
            prices += [match.price] if match else []
            if not prices:
                return 0
            start = min(prices) if buys else max(prices)
        low, high = self.collar(product)
        width, tick = start * product.protection_bps // 10_000, product.price_tick_fen
        if buys:
            return min(start + width, high) // tick * tick
        return -(-max(start - width, low) // tick) * tick

    def access(self, who: str, terms: OrderTerms, orders: int = 1) -> tuple[str, str, int] | None:
        """Why such an order may not be sent now."""
        if self.blocked(who):
            return self.blocked(who), "", 0
        if self.room(who) < orders:
            return "order_rate_exceeded", "", 0
        if terms.product_id not in self.products:
            return "unknown_product", "product_id", 0
        phase = self.phases[terms.product_id]
        if phase in ("closed", "expired"):
            return "product_closed", "product_id", 0
        if not self.is_open:
            return "market_closed", "", 0
        if self.halted:
            return "market_halted", "", 0
        if phase != "continuous":
            unfit = rules.phase_misfit(phase, terms)
            if unfit:
                return (*unfit, 0)
        if not rules.may(self.roles[who], terms.side, self.products[terms.product_id]):
            return "role_unsuitable", "side", 0
        return None

    def terms(self, product: c.ListProduct, price: int, loads: int) -> tuple[str, str, int] | None:
        if not 0 < price <= product.price_max_fen:
            return "price_out_of_range", "price", 0
        low, high = self.collar(product)
        if not low <= price <= high:
            return "price_outside_collar", "price", 0
        if price % product.price_tick_fen != 0:
            return "price_off_tick", "price", 0
        if not 1 <= loads <= product.loads_max:
            return "loads_out_of_range", "loads", 0
        return None

    def limit(self, order: Held, price: int, loads: int) -> tuple[str, str, int] | None:
        lack = self.lack(order.who, order.product, order.side, price, loads)
        code = "money_limit_exceeded" if order.side == "buy" else "capacity_exceeded"
        return (code, "loads", lack) if lack else None

    def options(self, who: str, terms: OrderTerms) -> tuple[str, str, int] | None:
        """Which options do not fit, or what the agreement lacks."""
        unfit = rules.options_misfit(self.products[terms.product_id], terms, self.at)
        if unfit or terms.options is None or not terms.options.agreement:
            return (*unfit, 0) if unfit else None
        other = terms.options.counterparty_id
        if other == who or self.blocked(other):
            return "counterparty_unsuitable", "counterparty_id", 0
        side = self.waiting(terms.product_id, "agreement", terms.side)
        mine = (who, other, terms.options.agreement, terms.price_fen_per_kg, terms.loads)
        entered = [(o.who, o.options.counterparty_id, o.options.agreement, o.price, o.open) for o in side]
        return ("agreement_taken", "agreement", 0) if mine in entered else None

    def post_only(self, order: Held) -> tuple[str, str, int] | None:
        if not order.options.post_only:
            return None
        met = any(o.expires > self.at and order.meets(o.price) for o in self.facing(order))
        return ("post_only_would_trade", "price", 0) if met or self.implied_for(order) else None

    def make(self, who: str, key: str, terms: OrderTerms, price: int) -> Held:
        order = Held(self.position, who, key, terms, self.products[terms.product_id], price, terms.loads, 0)
        order.expires = order.options.expires_at or FOREVER
        order.asleep = order.options.hibernated
        order.show()
        return order

    def PlaceOrder(self, o: c.PlaceOrder) -> None:  # noqa: N802
        who, t = o.participant_id, o.terms
        broken, price = self.access(who, t), t.price_fen_per_kg
        broken = broken or self.options(who, t)
        if not broken and t.options is not None and not price:
            price = self.protection(who, t)
            if not price:
                broken = ("no_liquidity", "order_type", 0)
        if not broken:
            broken = self.terms(self.products[t.product_id], price, t.loads)
        self.sent.append((who, self.at))
        if not broken:
            order = self.make(who, o.key_id, t, price)
            if not order.asleep:
                broken = self.post_only(order) or self.limit(order, price, t.loads)
        if broken:
            self.events.append(e.OrderRejected(self.seq, who, o.key_id, t, *broken))
            return
        self.events.append(e.OrderPlaced(self.seq, who, o.key_id, price, t))
        self.orders.append(order)
        order.rank = self.tick()
        if order.place == "agreement":
            self.agree(order)
        elif order.place == "book":
            self.enter(order)
        self.settle(t.product_id)

    def agree(self, order: Held) -> None:
        """A pre-arranged order trades with its mirror image, if that is there."""
        for other in self.waiting(order.terms.product_id, "agreement", "sell" if order.side == "buy" else "buy"):
            alike = (other.options.agreement, other.price, other.open) == (
                order.options.agreement, order.price, order.open,
            )  # fmt: skip
            mutual = (other.who, other.options.counterparty_id) == (order.options.counterparty_id, order.who)
            if alike and mutual and other.expires > self.at:
                buy, sell = (order, other) if order.side == "buy" else (other, order)
                self.print(order.terms.product_id, order.price, order.open, buy, sell, 0)
                loads = order.open
                self.fill(buy, loads, incoming=True)
                self.fill(sell, loads, incoming=True)
                return

    def PlaceBasket(self, o: c.PlaceBasket) -> None:  # noqa: N802
        if not 1 <= len(o.terms) <= 100:
            raise Refused("amount_invalid")
        who = o.participant_id
        found = [self.basket_rules(who, t, len(o.terms)) for t in o.terms]
        if not any(found):
            found = [self.basket_limit(who, o.terms[: n + 1]) for n in range(len(o.terms))]
        if not any(found):
            found = [self.basket_fill(who, o.terms[: n + 1]) for n in range(len(o.terms))]
        for t, broken in zip(o.terms, found, strict=True):
            self.sent.append((who, self.at))
            if any(found):
                reason = broken or ("basket_unfilled", "", 0)
                self.events.append(e.OrderRejected(self.position, who, o.key_id, t, *reason))
                continue
            order = self.make(who, o.key_id, t, t.price_fen_per_kg)
            self.events.append(e.OrderPlaced(order.id, who, o.key_id, order.price, t))
            self.orders.append(order)
            self.trade(order, implied=False)
            assert order.open == 0
        if not any(found):
            for product_id in dict.fromkeys(t.product_id for t in o.terms):
                self.settle(product_id)

    def basket_rules(self, who: str, t: OrderTerms, orders: int) -> tuple[str, str, int] | None:
        broken = self.access(who, t, orders)
        if not broken and (t.options is not None or t.time_in_force != "fok"):
            broken = ("options_conflict", "time_in_force", 0)
        return broken or self.terms(self.products[t.product_id], t.price_fen_per_kg, t.loads)

    def basket_limit(self, who: str, terms: tuple[OrderTerms, ...]) -> tuple[str, str, int] | None:
        """What the last of some orders lacks after those before it."""
        last = terms[-1]
        product = self.products[last.product_id]
        alike = [t for t in terms if t.side == last.side]
        if last.side == "buy":
            needed = sum(self.cost(self.products[t.product_id], t.price_fen_per_kg, t.loads) for t in alike)
            lack = needed - self.free_money(who)
            return ("money_limit_exceeded", "loads", lack) if lack > 0 else None
        key = (who, rules.commodity(product), product.window_start)
        same = [t for t in alike if rules.commodity(self.products[t.product_id]) == key[1]]
        lack = sum(t.loads for t in same) - (self.capacity.get(key, 0) - self.used_loads(*key))
        return ("capacity_exceeded", "loads", lack) if lack > 0 else None

    def basket_fill(self, who: str, terms: tuple[OrderTerms, ...]) -> tuple[str, str, int] | None:
        """Whether the book fills the last of some orders together with those before it."""
        last = terms[-1]
        same = [t for t in terms if t.product_id == last.product_id]
        if any(t.side != last.side for t in same):
            return "options_conflict", "side", 0
        order = self.make(who, "", last, last.price_fen_per_kg)
        order.loads = sum(t.loads for t in same)
        order.id = -1
        return None if self.would_fill(order, order.loads, implied=False) else ("basket_unfilled", "loads", 0)

    def mine(self, command: Any) -> Held:
        found = [o for o in self.orders if o.id == command.order_id and o.who == command.participant_id]
        if not found:
            raise Refused("order_not_open")
        return found[0]

    def CancelOrder(self, command: c.CancelOrder) -> None:  # noqa: N802
        order = self.mine(command)
        if self.phases[order.terms.product_id] == "frozen":
            raise Refused("product_frozen")
        self.end([order], "requested")
        self.settle(order.terms.product_id)

    def CancelOrders(self, command: c.CancelOrders) -> None:  # noqa: N802
        fitting = [
            o
            for o in self.orders
            if o.who == command.participant_id
            and command.product_id in ("", o.terms.product_id)
            and command.side in (None, o.side)
            and command.key_id in ("", o.key)
            and (o.options.cancel_on_disconnect or not command.on_disconnect_only)
            and self.phases[o.terms.product_id] != "frozen"
        ]
        self.end(self.oldest(fitting), command.reason)
        if fitting:
            self.settle_all()

    def AmendOrder(self, command: c.AmendOrder) -> None:  # noqa: N802
        order = self.mine(command)
        price = order.price if command.price_fen_per_kg is None else command.price_fen_per_kg
        loads = order.loads if command.loads is None else command.loads
        broken = self.access(order.who, order.terms)
        if not broken and loads < 0:
            broken = ("loads_out_of_range", "loads", 0)
        if not broken and order.options.agreement:
            broken = ("not_amendable", "order_id", 0)
        if not broken and not order.asleep and price != order.price:
            moved = deepcopy(order)
            moved.price = price
            broken = self.post_only(moved)
        broken = broken or self.terms(order.product, price, max(loads, 1))
        if not broken and not order.asleep and loads > order.executed:
            everything, self.orders = self.orders, [o for o in self.orders if o is not order]
            broken = self.limit(order, price, loads - order.executed)
            self.orders = everything
        if broken:
            raise Refused(broken[0])
        if loads <= order.executed:
            self.end([order], "amended_below_executed")
        else:
            self.amend(order, price, loads)
        self.settle(order.terms.product_id)

    def amend(self, order: Held, price: int, loads: int) -> None:
        keeps = price == order.price and loads <= order.loads
        order.price, order.loads = price, loads
        self.events.append(e.OrderAmended(order.id, price, loads, keeps))
        self.sent.append((order.who, self.at))
        if keeps:
            order.shown = min(order.shown, order.open)
            return
        order.show()
        order.rank = self.tick()
        if order.place == "book":
            self.enter(order)

    def HibernateOrder(self, command: c.HibernateOrder) -> None:  # noqa: N802
        order = self.mine(command)
        if order.asleep:
            return
        if self.phases[order.terms.product_id] == "frozen":
            raise Refused("product_frozen")
        if order.place in ("agreement", "stop"):
            raise Refused("not_amendable")
        order.asleep = True
        self.events.append(e.OrderHibernated(order.id))
        self.settle(order.terms.product_id)

    def ActivateOrder(self, command: c.ActivateOrder) -> None:  # noqa: N802
        order = self.mine(command)
        if not order.asleep:
            return
        broken = (
            self.access(order.who, order.terms)
            or self.terms(order.product, order.price, order.loads)
            or self.post_only(order)
            or self.limit(order, order.price, order.open)
        )
        if broken:
            raise Refused(broken[0])
        order.asleep = False
        order.show()
        order.rank = self.tick()
        self.sent.append((order.who, self.at))
        self.events.append(e.OrderActivated(order.id))
        if order.place == "book":
            self.enter(order)
        self.settle(order.terms.product_id)

    # -- products and phases

    def ListProduct(self, command: c.ListProduct) -> None:  # noqa: N802
        name = command.product_id
        if name in self.products:
            if self.products[name] != command:
                raise Refused("product_terms_fixed")
            return
        self.products[name], self.phases[name], self.until[name] = command, command.phase, 0
        self.references[name] = command.reference_price_fen
        self.events.append(e.ProductListed(*[getattr(command, field) for field in command.__struct_fields__]))

    def CloseProduct(self, command: c.CloseProduct) -> None:  # noqa: N802
        name = command.product_id
        if name not in self.products:
            raise Refused("product_not_found")
        if self.phases[name] in ("closed", "expired"):
            return
        ending = self.oldest([o for o in self.orders if o.terms.product_id == name])
        self.end(ending, "product_closed")
        self.phases[name], self.until[name] = "closed", 0
        self.events.append(e.ProductClosed(name))
        if ending:
            self.settle_all()

    def ChangePhase(self, command: c.ChangePhase) -> None:  # noqa: N802
        name = command.product_id
        if name not in self.products:
            raise Refused("product_not_found")
        now = self.phases[name]
        if (now, self.until[name]) == (command.phase, command.until):
            return
        if now != command.phase and not rules.may_follow(now, command.phase):
            raise Refused("phase_unsuitable")
        if command.phase == "continuous" and self.outcome(name, expired=True):
            if not self.is_open:
                raise Refused("market_closed")
            if self.halted:
                raise Refused("market_halted")
        self.move(name, command.phase, command.reason, command.until)

    def move(self, name: str, phase: Phase, reason: str, until: int) -> None:
        if phase == "continuous":
            self.uncross(name)
        self.change_phase(name, phase, reason, until)
        if phase == "continuous":
            self.settle(name)

    def outcome(self, name: str, expired: bool = False) -> tuple[int, int, int] | None:
        """Price, loads and surplus of an auction, or None."""
        sides = [self.side(name, side) if expired else self.living(name, side) for side in ("buy", "sell")]
        bids, asks = ([(o.price, o.open) for o in side] for side in sides)
        return rules.uncross(bids, asks, self.references[name], self.products[name].price_tick_fen)

    def uncross(self, name: str) -> None:
        for side in ("buy", "sell"):
            self.end([o for o in self.side(name, side) if o.expires <= self.at], "expired")
        outcome = self.outcome(name)
        if outcome is None:
            return
        price, left, _ = outcome
        self.events.append(e.Uncrossed(name, *outcome))
        self.references[name] = self.last[name] = price
        while left:
            buy, sell = self.side(name, "buy")[0], self.side(name, "sell")[0]
            loads = min(left, buy.open, sell.open)
            self.print(name, price, loads, buy, sell, 0)
            for order in (buy, sell):
                self.fill(order, loads, incoming=True)
            left -= loads

    def RingAlarms(self, command: c.RingAlarms) -> None:  # noqa: N802
        due = [o for o in self.orders if o.expires <= self.at]
        self.end(sorted(due, key=lambda o: (o.expires, o.id)), "expired")
        for who, (timeout, fires_at) in sorted(self.dead_men.items()):
            if fires_at <= self.at:
                self.end(self.oldest([o for o in self.orders if o.who == who]), "dead_man")
                del self.dead_men[who]
                self.events.append(e.DeadManSet(who, timeout, 0))
        for name, until in sorted(self.until.items()):
            if until and until <= self.at and self.is_open and not self.halted:
                self.move(name, "continuous", "alarm", 0)
        if self.events:
            self.settle_all()

    # -- the market, traders and limits

    def OpenMarket(self, command: c.OpenMarket) -> None:  # noqa: N802
        if self.is_open and self.day == command.day:
            return
        if self.is_open or command.day < self.day:
            raise Refused("market_day_conflict")
        self.is_open, self.day = True, command.day
        self.events.append(e.MarketOpened(command.day))
        self.settle_all()

    def CloseMarket(self, command: c.CloseMarket) -> None:  # noqa: N802
        if not self.is_open:
            return
        if self.day != command.day:
            raise Refused("market_day_conflict")
        self.is_open = False
        ending = ("day", "session") if command.ends_day else ("session",)
        self.end(self.oldest([o for o in self.orders if o.terms.time_in_force in ending]), "expired")
        self.events.append(e.MarketClosed(command.day, command.ends_day))

    def HaltMarket(self, command: c.HaltMarket) -> None:  # noqa: N802
        if not self.halted:
            self.halted = True
            self.events.append(e.MarketHalted(command.reason))

    def ResumeMarket(self, command: c.ResumeMarket) -> None:  # noqa: N802
        if self.halted:
            self.halted = False
            self.events.append(e.MarketResumed())
            self.settle_all()

    def AdmitTrader(self, command: c.AdmitTrader) -> None:  # noqa: N802
        if self.roles.get(command.participant_id) != command.roles:
            self.roles[command.participant_id] = command.roles
            self.events.append(e.TraderAdmitted(command.participant_id, command.roles))

    def SuspendTrader(self, command: c.SuspendTrader) -> None:  # noqa: N802
        who = command.participant_id
        if who in self.roles and who not in self.suspended:
            self.suspended.add(who)
            self.stop(who, "suspended", e.TraderSuspended(who))

    def stop(self, who: str, reason: CancelReason, last: Event) -> None:
        own = self.oldest([o for o in self.orders if o.who == who])
        self.end(own, reason)
        self.events.append(last)
        if own:
            self.settle_all()

    def ReinstateTrader(self, command: c.ReinstateTrader) -> None:  # noqa: N802
        if command.participant_id in self.suspended:
            self.suspended.remove(command.participant_id)
            self.events.append(e.TraderReinstated(command.participant_id))

    def known(self, who: str) -> str:
        if who not in self.roles:
            raise Refused("trader_not_found")
        return who

    def KillTrader(self, command: c.KillTrader) -> None:  # noqa: N802
        who = self.known(command.participant_id)
        if who not in self.killed:
            self.killed.add(who)
            self.stop(who, "kill_switch", e.TraderKilled(who))

    def ReleaseTrader(self, command: c.ReleaseTrader) -> None:  # noqa: N802
        who = self.known(command.participant_id)
        if who in self.killed:
            self.killed.remove(who)
            self.events.append(e.TraderReleased(who))

    def SetSelfTradeMode(self, command: c.SetSelfTradeMode) -> None:  # noqa: N802
        who = self.known(command.participant_id)
        if self.modes.get(who, "cancel_newest") != command.mode:
            self.modes[who] = command.mode
            self.events.append(e.SelfTradeModeSet(who, command.mode))
            self.settle_all()

    def SetOrderRates(self, command: c.SetOrderRates) -> None:  # noqa: N802
        who = self.known(command.participant_id)
        rates = (command.per_10s_max, command.per_hour_max, command.per_day_max)
        if not all(0 <= rate <= 10**9 for rate in rates):
            raise Refused("amount_invalid")
        if self.rates.get(who, (20_000, 2_000_000, 20_000_000)) != rates:
            self.rates[who] = rates
            self.events.append(e.OrderRatesSet(who, *rates))

    def SetDeadMan(self, command: c.SetDeadMan) -> None:  # noqa: N802
        who, timeout = self.known(command.participant_id), command.timeout_s
        if not 0 <= timeout <= 86_400:
            raise Refused("amount_invalid")
        if timeout:
            self.dead_men[who] = (timeout, self.at + timeout * SECOND)
            self.events.append(e.DeadManSet(who, *self.dead_men[who]))
        elif self.dead_men.pop(who, None):
            self.events.append(e.DeadManSet(who, 0, 0))

    def SetCapacity(self, command: c.SetCapacity) -> None:  # noqa: N802
        who = self.known(command.participant_id)
        if not any(command.commodity in rules.SELLS.get(role, []) for role in self.roles[who]):
            raise Refused("role_unsuitable")
        if not 0 <= command.loads <= 10**6:
            raise Refused("amount_invalid")
        key = (who, command.commodity, command.window_start)
        if command.loads < self.used_loads(*key):
            raise Refused("capacity_below_use")
        if self.capacity.get(key) != command.loads:
            self.capacity[key] = command.loads
            self.events.append(e.CapacitySet(who, command.commodity, command.window_start, command.loads))

    def GrantMoney(self, command: c.GrantMoney) -> None:  # noqa: N802
        if command.amount_fen <= 0:
            raise Refused("amount_invalid")
        self.granted.append((command.participant_id, command.amount_fen))
        self.events.append(e.MoneyGranted(command.participant_id, command.amount_fen, command.reference))

    def ReduceMoney(self, command: c.ReduceMoney) -> None:  # noqa: N802
        who, amount = command.participant_id, command.amount_fen
        if amount <= 0:
            raise Refused("amount_invalid")
        lack = amount - self.free_money(who)
        if lack > 0:
            self.events.append(e.MoneyReductionRefused(who, amount, lack, command.reference))
        else:
            self.granted.append((who, -amount))
            self.events.append(e.MoneyReduced(who, amount, command.reference))

    def ReleaseCommitment(self, command: c.ReleaseCommitment) -> None:  # noqa: N802
        who = command.participant_id
        if not 0 <= command.spent_fen <= command.committed_fen <= self.committed(who):
            raise Refused("commitment_exceeded")
        self.released.append((who, command.committed_fen))
        self.granted.append((who, -command.spent_fen))
        self.events.append(
            e.CommitmentReleased(who, command.trade_id, command.load_no, command.committed_fen, command.spent_fen)
        )
