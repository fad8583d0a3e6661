"""The exchange once more, slow and obvious: lists that are searched, sums that are made anew for every question.

It shares the messages with the exchange and nothing else. Where the exchange raises, it gives the error's code.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from exchange import commands as c
from exchange import events as e
from exchange.model import CancelReason, OrderTerms, Phase
from kernel.messages import Command, Event
from tests.exchange import reference_rules as rules
from tests.exchange.reference_books import FOREVER, SECOND, Held
from tests.exchange.reference_recalls import Recalls, Refused


class Reference(Recalls):
    """What becomes of each command."""

    def apply(self, command: Command, at: int, seq: int) -> list[Event] | str:
        """The events of a command, or the code of the error it raises."""
        self.at, self.seq, self.events = at, seq, []
        try:
            getattr(self, type(command).__name__)(command)
        except Refused as refused:
            assert not self.events, "refused, yet something happened"
            return str(refused)
        return self.events

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

    def access(self, who: str, terms: OrderTerms, orders: int = 1, amends: bool = False) -> tuple[str, str, int] | None:
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
        if phase != "continuous" and not (amends and phase == "auction"):
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

    def mine(self, command: Any, living: bool = False) -> Held:
        found = [o for o in self.orders if o.id == command.order_id and o.who == command.participant_id]
        found = [o for o in found if o.expires > self.at or not living]
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
            and (not command.order_ids or o.id in command.order_ids)
            and (o.options.cancel_on_disconnect or not command.on_disconnect_only)
            and (command.reason == "disconnected" or self.phases[o.terms.product_id] != "frozen")
        ]
        self.end(self.oldest(fitting), command.reason)
        if fitting:
            self.settle_all()

    def AmendOrder(self, command: c.AmendOrder) -> None:  # noqa: N802
        order = self.mine(command, living=True)
        price = order.price if command.price_fen_per_kg is None else command.price_fen_per_kg
        loads = order.loads if command.loads is None else command.loads
        harmless = order.asleep or (price == order.price and loads <= order.loads)
        broken = self.access(order.who, order.terms, amends=harmless or not order.options.post_only)
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
        order = self.mine(command, living=True)
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
        order = self.mine(command, living=True)
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
        if command.until and command.phase in ("closed", "expired"):
            raise Refused("phase_is_final")
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
        collected = self.phases[name] == "auction"
        found = phase == "continuous" and self.uncross(name)
        self.change_phase(name, phase, reason, until)
        if phase == "continuous":
            if collected and not found:
                self.refer_to_routes(name)
            self.settle(name)

    def refer_to_routes(self, name: str) -> None:
        """An auction without a price of its own, where a route crosses too far away: it trades there now."""
        if not self.is_open or self.halted:
            return
        for route in self.routes():
            bids = self.living(route[2], "buy")
            match = self.implied_for(bids[0]) if name in route and bids and self.trading(route[2]) else None
            wild = self.carried_out(match) if match else {}
            if name in wild:
                self.references[name] = wild[name]
                self.events.append(e.ReferencePriceSet(name, wild[name], "auction"))
                return

    def SetReferencePrice(self, command: c.SetReferencePrice) -> None:  # noqa: N802
        name, price = command.product_id, command.reference_price_fen
        if name not in self.products:
            raise Refused("product_not_found")
        if self.phases[name] in ("closed", "expired"):
            raise Refused("reference_price_over")
        if self.trading(name) and self.is_open and not self.halted:
            raise Refused("reference_price_in_use")
        if not 0 < price <= self.products[name].price_max_fen:
            raise Refused("reference_price_invalid")
        if self.references[name] != price:
            self.references[name] = price
            self.events.append(e.ReferencePriceSet(name, price, command.reason, command.participant_id, command.key_id))

    def outcome(self, name: str, expired: bool = False) -> tuple[int, int, int] | None:
        """Price, loads and surplus of an auction, or None."""
        sides = [self.side(name, side) if expired else self.living(name, side) for side in ("buy", "sell")]
        bids, asks = ([(o.price, o.open) for o in side] for side in sides)
        return rules.uncross(bids, asks, self.references[name], self.products[name].price_tick_fen)

    def uncross(self, name: str) -> bool:
        for side in ("buy", "sell"):
            self.end([o for o in self.side(name, side) if o.expires <= self.at], "expired")
        outcome = self.outcome(name)
        if outcome is None:
            return False
        price, left, _ = outcome
        self.events.append(e.Uncrossed(name, *outcome))
        self.references[name] = self.last[name] = price
        self.auctions[name] = self.position
        while left:
            buy, sell = self.side(name, "buy")[0], self.side(name, "sell")[0]
            loads = min(left, buy.open, sell.open)
            self.print(name, price, loads, buy, sell, 0)
            for order in (buy, sell):
                self.fill(order, loads, incoming=True)
            left -= loads
        return True

    def RingAlarms(self, command: c.RingAlarms) -> None:  # noqa: N802
        due = [o for o in self.orders if o.expires <= self.at]
        self.end(sorted(due, key=lambda o: (o.expires, o.id)), "expired")
        for who, (timeout, fires_at) in sorted(self.dead_men.items()):
            if fires_at <= self.at:
                self.end(self.oldest([o for o in self.orders if o.who == who]), "dead_man")
                del self.dead_men[who]
                self.events.append(e.DeadManSet(who, timeout, 0))
        self.expire_recalls()
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
        if self.day != command.day:
            self.end(self.oldest([o for o in self.orders if o.terms.time_in_force in ("day", "session")]), "expired")
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
        if not -35 * 86_400 * SECOND < command.window_start - self.at <= 400 * 86_400 * SECOND:
            raise Refused("window_out_of_reach")
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
