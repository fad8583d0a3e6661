"""The books of the reference: what rests, what trades with what, and what waits beside.

Whether an order could be filled is found out by trying it on a copy of everything.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import NamedTuple

from exchange import commands as c
from exchange import events as e
from exchange.model import CancelReason, OrderOptions, OrderTerms, Phase, Side
from kernel.messages import Event
from tests.exchange import reference_rules as rules

FOREVER = 7_258_118_400_000_000
SECOND, HOUR, DAY = 1_000_000, 3_600_000_000, 86_400_000_000
SHANGHAI = 8 * HOUR


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
    route: tuple[str, str, str]  # hydrogen, haulage and delivered hydrogen

    def others(self) -> list[Held]:
        """The two that rest, in the order in which the routes are read."""
        return [one for one in (self.delivered, self.hydrogen, self.haulage) if one is not None]


@dataclass
class Books:
    """All that the reference knows; sums and priorities are made anew for every question."""

    products: dict[str, c.ListProduct] = field(default_factory=dict)
    phases: dict[str, Phase] = field(default_factory=dict)
    until: dict[str, int] = field(default_factory=dict)
    references: dict[str, int] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)
    auctions: dict[str, int] = field(default_factory=dict)  # where the last one stands in the log
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
    recalled: set[int] = field(default_factory=set)
    granted: list[tuple[str, int]] = field(default_factory=list)
    released: list[tuple[str, int]] = field(default_factory=list)
    capacity: dict[tuple[str, str, int], int] = field(default_factory=dict)
    clock: int = 0
    at: int = 0
    seq: int = 0
    events: list[Event] = field(default_factory=list)

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
        sold = [
            (self.products[t.product_id], t.loads)
            for t in self.trades
            if t.seller_id == who and t.trade_id not in self.recalled
        ]
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
            if len(owners) != 3:
                continue
            buyer = delivered.who if delivered else who
            if owners.count(buyer) > 1:
                continue
            x_price = hydrogen.price if hydrogen else delivered.price - haulage.price if delivered and haulage else 0
            h_price = haulage.price if haulage else delivered.price - hydrogen.price if delivered and hydrogen else 0
            price = x_price + h_price
            if kind != "delivered":  # a bid that the book would take
                low, high = self.collar(self.products[product_id])
                tick = self.products[product_id].price_tick_fen
                price = min(x_price if kind == "ex_works" else h_price, high) // tick * tick
                if price < low:
                    continue
            if best is None or (price < best.price if kind == "delivered" else price > best.price):
                best = Match(price, hydrogen, haulage, delivered, route)
        return best

    def carried_out(self, match: Match) -> dict[str, int]:
        """The products that a match would carry out of their volatility bounds, and their prices."""
        if match.hydrogen and match.haulage:
            x_price, h_price = match.hydrogen.price, match.haulage.price
        elif match.haulage:
            x_price, h_price = match.price, match.haulage.price
        else:
            assert match.hydrogen is not None
            x_price, h_price = match.hydrogen.price, match.price
        prices = dict(zip(match.route, (x_price, h_price, x_price + h_price), strict=True))
        return {name: price for name, price in prices.items() if not self.calm(name, price)}

    def interrupt(self, product_id: str) -> None:
        until = self.at + self.products[product_id].auction_s * SECOND
        self.change_phase(product_id, "auction", "volatility", until)

    def implied_for(self, order: Held) -> Match | None:
        """The implied match that an order's limit allows."""
        if (order.side == "buy") != (order.product.kind == "delivered"):
            return None
        match = self.implied(order.terms.product_id, order.who)
        return match if match is not None and order.meets(match.price) else None

    def trade_implied(self, order: Held, match: Match) -> bool:
        """Two trades for the delivered buyer: its haulage, its hydrogen. Others that would trade too far away are
        halted instead; False where the order's own product would."""
        wild = self.carried_out(match)
        for name in wild:
            if name != order.terms.product_id:
                self.interrupt(name)
        if wild:
            return order.terms.product_id not in wild
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
        return True

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
                low, high = self.collar(order.product)
                if low <= price <= high:
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
                    if not self.trade_implied(order, match):
                        return "volatility"
                    continue
            if head is None or not order.meets(head.price):
                return ""
            if head.expires <= self.at:
                self.end([head], "expired")
            elif head.who == order.who:
                reason = self.meet_own(order, head)
                if reason:
                    return reason
            elif not self.calm(head.terms.product_id, head.price):
                return "volatility"
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
            self.interrupt(product_id)
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
                tries = order.expires > self.at and self.would_fill(order, order.open, implied=False)
                if tries and self.would_fill(order, order.open):
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
        if not self.carried_out(match):
            ahead = self.side(product_id, "buy")
            self.end(ahead[: ahead.index(bids[0])], "expired")
        if not self.trade_implied(bids[0], match):
            self.interrupt(product_id)
        return True
