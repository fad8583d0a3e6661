"""The exchange once more, slow and obvious: lists that are searched, sums that are made anew for every question.

It shares the messages with the exchange and nothing else. Where the exchange raises, it gives the error's code.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from exchange import commands as c
from exchange import events as e
from exchange.model import CancelReason, Side
from kernel.messages import Command, Event

SELLS = {"producer": ["hydrogen"], "storage_operator": ["hydrogen"], "haulier": ["haulage"]}
BUYS = {"station": ["hydrogen", "haulage"], "storage_operator": ["hydrogen", "haulage"], "producer": ["haulage"]}


@dataclass
class Resting:
    id: int
    who: str
    product: c.ListProduct
    side: Side
    price: int
    loads: int
    tif: str
    rank: int  # lower came first
    executed: int = 0

    @property
    def open(self) -> int:
        return self.loads - self.executed


@dataclass
class Reference:
    products: dict[str, c.ListProduct] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    is_open: bool = False
    day: str = ""
    roles: dict[str, tuple[str, ...]] = field(default_factory=dict)
    suspended: set[str] = field(default_factory=set)
    orders: list[Resting] = field(default_factory=list)
    trades: list[e.Traded] = field(default_factory=list)
    granted: list[tuple[str, int]] = field(default_factory=list)
    released: list[tuple[str, int]] = field(default_factory=list)
    capacity: dict[tuple[str, str, int], int] = field(default_factory=dict)
    clock: int = 0

    # -- sums, made anew every time

    def commodity(self, product: c.ListProduct) -> str:
        return "haulage" if product.kind == "haulage" else "hydrogen"

    def cost(self, product: c.ListProduct, price: int, loads: int) -> int:
        return price * loads * product.maximum_mass_g // 1_000

    def committed(self, who: str) -> int:
        traded = [t for t in self.trades if t.buyer_id == who]
        held = sum(self.cost(self.products[t.product_id], t.price_fen_per_kg, t.loads) for t in traded)
        return held - sum(amount for name, amount in self.released if name == who)

    def free_money(self, who: str) -> int:
        reserved = sum(self.cost(o.product, o.price, o.open) for o in self.orders if o.who == who and o.side == "buy")
        return sum(amount for name, amount in self.granted if name == who) - reserved - self.committed(who)

    def used_loads(self, who: str, commodity: str, window: int) -> int:
        mine = [o for o in self.orders if o.who == who and o.side == "sell"]
        reserved = sum(
            o.open for o in mine if (self.commodity(o.product), o.product.window_start) == (commodity, window)
        )
        sold = [(self.products[t.product_id], t.loads) for t in self.trades if t.seller_id == who]
        return reserved + sum(n for p, n in sold if (self.commodity(p), p.window_start) == (commodity, window))

    def lack(self, who: str, product: c.ListProduct, side: str, price: int, loads: int) -> int:
        """What the limit lacks for loads at a price, of fen for a buyer and of loads for a seller."""
        if side == "buy":
            return max(0, self.cost(product, price, loads) - self.free_money(who))
        key = (who, self.commodity(product), product.window_start)
        return max(0, loads - (self.capacity.get(key, 0) - self.used_loads(*key)))

    # -- rules

    def terms(self, product: c.ListProduct, price: int, loads: int) -> tuple[str, str] | None:
        if not 0 < price <= product.price_max_fen:
            return "price_out_of_range", "price"
        if price % product.price_tick_fen != 0:
            return "price_off_tick", "price"
        if not 1 <= loads <= product.loads_max:
            return "loads_out_of_range", "loads"
        return None

    def limit_code(self, side: str) -> str:
        return "money_limit_exceeded" if side == "buy" else "capacity_exceeded"

    def rejection(self, o: c.PlaceOrder) -> tuple[str, str, int] | None:
        if o.participant_id not in self.roles:
            return "not_admitted", "", 0
        if o.participant_id in self.suspended:
            return "suspended", "", 0
        t = o.terms
        if t.product_id not in self.products:
            return "unknown_product", "product_id", 0
        if t.product_id in self.closed:
            return "product_closed", "product_id", 0
        if not self.is_open:
            return "market_closed", "", 0
        product = self.products[t.product_id]
        table = BUYS if t.side == "buy" else SELLS
        if not any(self.commodity(product) in table.get(role, []) for role in self.roles[o.participant_id]):
            return "role_unsuitable", "side", 0
        broken = self.terms(product, t.price_fen_per_kg, t.loads)
        if broken:
            return (*broken, 0)
        lack = self.lack(o.participant_id, product, t.side, t.price_fen_per_kg, t.loads)
        return (self.limit_code(t.side), "loads", lack) if lack else None

    # -- trading

    def trade(self, order: Resting, seq: int) -> tuple[list[Event], bool]:
        """Trades an order that is among the open ones; gives the trades, and whether it met an own order."""
        events: list[Event] = []
        while order.open:
            facing = [o for o in self.orders if o.product is order.product and o.side != order.side]
            if order.side == "buy":
                meeting = [o for o in facing if o.price <= order.price]
                meeting.sort(key=lambda o: (o.price, o.rank))
            else:
                meeting = [o for o in facing if o.price >= order.price]
                meeting.sort(key=lambda o: (-o.price, o.rank))
            if not meeting:
                break
            resting = meeting[0]
            if resting.who == order.who:
                return events, True
            loads = min(order.open, resting.open)
            buy, sell = (order, resting) if order.side == "buy" else (resting, order)
            traded = e.Traded(
                seq + len(events), order.product.product_id, resting.price, loads, buy.who, sell.who, buy.id, sell.id,
                order.id,
            )  # fmt: skip
            order.executed += loads
            resting.executed += loads
            self.trades.append(traded)
            self.orders = [o for o in self.orders if o.open]
            events.append(traded)
        return events, False

    def end(self, orders: list[Resting], reason: CancelReason) -> list[Event]:
        self.orders = [o for o in self.orders if o not in orders]
        return [e.OrderCancelled(o.id, o.open, reason) for o in sorted(orders, key=lambda o: o.id)]

    def finish(self, order: Resting, first: Event, seq: int) -> list[Event]:
        trades, met_own = self.trade(order, seq + 1)
        events = [first, *trades]
        if order.open and met_own:
            events += self.end([order], "self_trade")
        elif order.open and order.tif == "ioc":
            events += self.end([order], "ioc")
        return events

    # -- commands

    def apply(self, command: Command, seq: int) -> list[Event] | str:
        """The events of a command, or the code of the error it raises."""
        self.clock += 1
        answer: list[Event] | str = getattr(self, type(command).__name__)(command, seq)
        return answer

    def PlaceOrder(self, o: c.PlaceOrder, seq: int) -> list[Event] | str:  # noqa: N802
        rejected = self.rejection(o)
        if rejected:
            return [e.OrderRejected(seq, o.participant_id, o.key_id, o.terms, *rejected)]
        t = o.terms
        order = Resting(
            seq, o.participant_id, self.products[t.product_id], t.side, t.price_fen_per_kg, t.loads, t.time_in_force,
            self.clock,
        )  # fmt: skip
        self.orders.append(order)
        return self.finish(order, e.OrderPlaced(seq, o.participant_id, o.key_id, t.price_fen_per_kg, t), seq)

    def mine(self, command: c.CancelOrder | c.AmendOrder) -> Resting | None:
        found = [o for o in self.orders if o.id == command.order_id and o.who == command.participant_id]
        return found[0] if found else None

    def CancelOrder(self, command: c.CancelOrder, seq: int) -> list[Event] | str:  # noqa: N802
        order = self.mine(command)
        return self.end([order], "requested") if order else "order_not_open"

    def AmendOrder(self, command: c.AmendOrder, seq: int) -> list[Event] | str:  # noqa: N802
        order = self.mine(command)
        if order is None:
            return "order_not_open"
        if not self.is_open:
            return "market_closed"
        price = order.price if command.price_fen_per_kg is None else command.price_fen_per_kg
        loads = order.loads if command.loads is None else command.loads
        if loads < 0:
            return "loads_out_of_range"
        broken = self.terms(order.product, price, max(loads, 1))
        if broken:
            return broken[0]
        if loads <= order.executed:
            return self.end([order], "amended_below_executed")
        others = [o for o in self.orders if o is not order]
        everything, self.orders = self.orders, others
        lack = self.lack(order.who, order.product, order.side, price, loads - order.executed)
        self.orders = everything
        if lack:
            return self.limit_code(order.side)
        keeps = price == order.price and loads <= order.loads
        order.price, order.loads = price, loads
        if not keeps:
            order.rank = self.clock
        return self.finish(order, e.OrderAmended(order.id, price, loads, keeps), seq)

    def ListProduct(self, command: c.ListProduct, seq: int) -> list[Event] | str:  # noqa: N802
        if command.product_id in self.products:
            return [] if self.products[command.product_id] == command else "product_terms_fixed"
        self.products[command.product_id] = command
        return [e.ProductListed(*[getattr(command, name) for name in command.__struct_fields__])]

    def CloseProduct(self, command: c.CloseProduct, seq: int) -> list[Event] | str:  # noqa: N802
        if command.product_id not in self.products:
            return "product_not_found"
        if command.product_id in self.closed:
            return []
        self.closed.add(command.product_id)
        ended = self.end([o for o in self.orders if o.product.product_id == command.product_id], "product_closed")
        return [*ended, e.ProductClosed(command.product_id)]

    def OpenMarket(self, command: c.OpenMarket, seq: int) -> list[Event] | str:  # noqa: N802
        if self.is_open and self.day == command.day:
            return []
        if self.is_open or command.day < self.day:
            return "market_day_conflict"
        self.is_open, self.day = True, command.day
        return [e.MarketOpened(command.day)]

    def CloseMarket(self, command: c.CloseMarket, seq: int) -> list[Event] | str:  # noqa: N802
        if not self.is_open:
            return []
        if self.day != command.day:
            return "market_day_conflict"
        self.is_open = False
        return [*self.end([o for o in self.orders if o.tif == "day"], "expired"), e.MarketClosed(command.day)]

    def AdmitTrader(self, command: c.AdmitTrader, seq: int) -> list[Event] | str:  # noqa: N802
        if self.roles.get(command.participant_id) == command.roles:
            return []
        self.roles[command.participant_id] = command.roles
        return [e.TraderAdmitted(command.participant_id, command.roles)]

    def SuspendTrader(self, command: c.SuspendTrader, seq: int) -> list[Event] | str:  # noqa: N802
        who = command.participant_id
        if who not in self.roles or who in self.suspended:
            return []
        self.suspended.add(who)
        return [*self.end([o for o in self.orders if o.who == who], "suspended"), e.TraderSuspended(who)]

    def ReinstateTrader(self, command: c.ReinstateTrader, seq: int) -> list[Event] | str:  # noqa: N802
        if command.participant_id not in self.suspended:
            return []
        self.suspended.remove(command.participant_id)
        return [e.TraderReinstated(command.participant_id)]

    def SetCapacity(self, command: c.SetCapacity, seq: int) -> list[Event] | str:  # noqa: N802
        if command.participant_id not in self.roles:
            return "trader_not_found"
        if not any(command.commodity in SELLS.get(role, []) for role in self.roles[command.participant_id]):
            return "role_unsuitable"
        if not 0 <= command.loads <= 10**6:
            return "amount_invalid"
        key = (command.participant_id, command.commodity, command.window_start)
        if command.loads < self.used_loads(*key):
            return "capacity_below_use"
        if self.capacity.get(key) == command.loads:
            return []
        self.capacity[key] = command.loads
        return [e.CapacitySet(*key, command.loads)]

    def GrantMoney(self, command: c.GrantMoney, seq: int) -> list[Event] | str:  # noqa: N802
        if command.amount_fen <= 0:
            return "amount_invalid"
        self.granted.append((command.participant_id, command.amount_fen))
        return [e.MoneyGranted(command.participant_id, command.amount_fen, command.reference)]

    def ReduceMoney(self, command: c.ReduceMoney, seq: int) -> list[Event] | str:  # noqa: N802
        who, amount = command.participant_id, command.amount_fen
        if amount <= 0:
            return "amount_invalid"
        lack = amount - self.free_money(who)
        if lack > 0:
            return [e.MoneyReductionRefused(who, amount, lack, command.reference)]
        self.granted.append((who, -amount))
        return [e.MoneyReduced(who, amount, command.reference)]

    def ReleaseCommitment(self, command: c.ReleaseCommitment, seq: int) -> list[Event] | str:  # noqa: N802
        who = command.participant_id
        if not 0 <= command.spent_fen <= command.committed_fen <= self.committed(who):
            return "commitment_exceeded"
        self.released.append((who, command.committed_fen))
        self.granted.append((who, -command.spent_fen))
        return [e.CommitmentReleased(who, command.trade_id, command.load_no, command.committed_fen, command.spent_fen)]
