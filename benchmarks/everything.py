"""An endless flow of every kind of command that traders and the operator send, the same for the same seed.

Prices walk around a middle, so that orders trade, rest, are elected and expire; about one command in twenty is refused,
as in life. The market is that of `opening`: two routes from hydrogen at a hub over its haulage to hydrogen delivered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from exchange import commands as c
from exchange import events as e
from exchange.market import RATE_MAX
from exchange.model import (
    GRANTED_FEN_MAX,
    LOADS_MAX,
    OrderOptions,
    OrderTerms,
    SelfTradeMode,
    Side,
    TimeInForce,
    TradeFacts,
)
from kernel.messages import Command, Event

WINDOW_START, WINDOW_END = 1_767_650_400_000_000, 1_767_679_200_000_000
DAY = "2026-01-05"
PRICE_MAX_FEN = 10_000
BUYERS, PRODUCERS, HAULIERS, KEEPERS = (
    tuple(f"{letter}{number}" for number in range(1, 9)) for letter in "BSHO"
)  # fmt: skip
MODES: tuple[SelfTradeMode, ...] = ("cancel_newest", "cancel_oldest", "cancel_both", "decrement")
#: Product, what a fair price is, who buys and who sells.
PRODUCTS: tuple[tuple[str, int, tuple[str, ...], tuple[str, ...]], ...] = (
    ("EXW-A", 2_000, BUYERS + KEEPERS, PRODUCERS + KEEPERS),
    ("EXW-C", 2_050, BUYERS + KEEPERS, PRODUCERS + KEEPERS),
    ("HAUL-A-B", 600, BUYERS + KEEPERS + PRODUCERS, HAULIERS),
    ("HAUL-C-B", 550, BUYERS + KEEPERS + PRODUCERS, HAULIERS),
    ("DLV-B", 2_600, BUYERS + KEEPERS, PRODUCERS + KEEPERS),
)
#: How often an order asks for what, out of a hundred.
SHAPES = (
    ("plain", 52), ("iceberg", 8), ("clips", 4), ("stop_limit", 5), ("stop", 2), ("market", 5), ("all_or_none", 4),
    ("minimum", 4), ("post_only", 7), ("gtd", 5), ("hibernated", 2), ("agreement", 2),
)  # fmt: skip


def opening() -> Iterator[Command]:
    """The market, its products, and traders whose limits are not exhausted."""
    for product_id, price, _, _ in PRODUCTS:
        kind, hub, destination = "haulage", product_id[5:6], product_id[7:]
        if not product_id.startswith("HAUL"):
            kind, hub, destination = ("ex_works" if product_id.startswith("EXW") else "delivered"), product_id[4:], ""
        yield c.ListProduct(
            product_id, kind, hub, destination, "TUBE20", "GB/T 37244", 280_000, 294_000, WINDOW_START,  # type: ignore[arg-type]
            WINDOW_END, 5, PRICE_MAX_FEN, 100, collar_bps=5_000, volatility_bps=1_500, reference_price_fen=price,
            auction_s=5,
        )  # fmt: skip
    yield c.OpenMarket(DAY)
    for number, name in enumerate((*BUYERS, *PRODUCERS, *HAULIERS, *KEEPERS)):
        role = {"B": "station", "S": "producer", "H": "haulier", "O": "storage_operator"}[name[0]]
        yield c.AdmitTrader(name, (role,))
        yield c.SetOrderRates(name, RATE_MAX, RATE_MAX, RATE_MAX)
        yield c.SetSelfTradeMode(name, MODES[number % len(MODES)])
        yield c.GrantMoney(name, GRANTED_FEN_MAX // 10, "opening")
        if role != "station":
            yield c.SetCapacity(name, "haulage" if role == "haulier" else "hydrogen", WINDOW_START, LOADS_MAX)


class Flow:
    """Makes commands; told of the events, it knows which orders to cancel and amend."""

    def __init__(self, seed: int) -> None:
        self._rng = Random(seed)
        self._number = 0
        self._open: list[tuple[str, int]] = []
        self._traded: tuple[TradeFacts, ...] = ()
        self._recalls: list[tuple[int, int]] = []  # under way: the recall and a trade of it

    def learn(self, events: Sequence[Event], at: int) -> None:
        """Remembers the orders that were placed, the latest trade, and the recalls that were asked for."""
        for event in events:
            if isinstance(event, e.OrderPlaced):
                self._open.append((event.participant_id, event.order_id))
            elif isinstance(event, e.Traded):
                trade = _facts(event, at)
                self._traded = (*self._traded, trade) if event.leg == "hydrogen" else (trade,)
            elif isinstance(event, e.TradeRecallRequested):
                self._recalls = [*self._recalls[-9:], (event.recall_id, event.trades[0].trade_id)]
        if len(self._open) > 20_000:
            self._rng.shuffle(self._open)
            del self._open[10_000:]

    def take(self, count: int, at: int) -> list[Command]:
        """The next commands; ``at`` (UTC microseconds) is about when they are decided."""
        return [self._next(at) for _ in range(count)]

    def _next(self, at: int) -> Command:
        rng = self._rng
        chance = rng.random()
        if chance < 0.66 or not self._open:
            return self._order(at)
        if chance < 0.985:
            owner, order_id = self._open.pop(rng.randrange(len(self._open)))
            if chance < 0.88:
                return c.CancelOrder(owner, order_id)
            self._open.append((owner, order_id))
            if chance < 0.96:
                price = rng.choice((None, self._price(rng.choice(PRODUCTS)[1])))
                return c.AmendOrder(owner, order_id, price, rng.choice((None, rng.randint(1, 12))))
            return (c.HibernateOrder if chance < 0.972 else c.ActivateOrder)(owner, order_id)
        return self._rare(at)

    def _rare(self, at: int) -> Command:
        rng = self._rng
        name = rng.choice((*BUYERS, *PRODUCERS, *HAULIERS, *KEEPERS))
        product_id, fair = rng.choice(PRODUCTS)[:2]
        return rng.choice((
            c.RingAlarms,
            c.RingAlarms,
            lambda: c.CancelOrders(name, product_id),
            lambda: c.SetDeadMan(name, rng.choice((0, 1, 60))),
            lambda: c.RequestQuote(name, product_id, None, 3),
            lambda: c.ChangePhase(product_id, rng.choice(("auction", "continuous", "continuous"))),
            lambda: c.SetReferencePrice(product_id, self._price(fair), "slip", "OP", "K8"),
            lambda: c.KillTrader(name) if rng.random() < 0.2 else c.ReleaseTrader(name),
            lambda: c.ReleaseTrader(name),
            lambda: self._basket(name),
            self._recall,
            self._recall,
        ))()  # fmt: skip

    def _recall(self) -> Command:
        """A step of a recall: often the one that is next, now and then one that is refused."""
        rng = self._rng
        if not self._traded:
            return c.RingAlarms()
        if not self._recalls or rng.random() < 0.2:
            return c.RequestRecall(self._traded[0].trade_id, self._traded, "OP", "K7", True, "wrong price")
        recall_id, trade_id = rng.choice(self._recalls)
        return rng.choice((
            lambda: c.ApproveRecall(trade_id, "OP", "K8"),
            lambda: c.ConfirmRecall(trade_id, "OP", "K9"),
            lambda: c.WithdrawRecall(trade_id, rng.choice(("OP", BUYERS[0])), "K7", True),
            lambda: c.ConcludeRecall(recall_id, True, ""),
            lambda: c.ConcludeRecall(recall_id, rng.random() < 0.7, "S1-1 loading"),
        ))()  # fmt: skip

    def _basket(self, name: str) -> Command:
        terms = [self._terms(product, "buy", "fok", None) for product in PRODUCTS[:2]]
        return c.PlaceBasket(name, "K1", tuple(terms))

    def _price(self, middle: int) -> int:
        """Mostly within a few ticks of the middle, now and then far from it."""
        ticks = int(self._rng.gauss(0, 8 if self._rng.random() < 0.98 else 60))
        return max(5, middle - middle % 5 + 5 * ticks)

    def _terms(
        self, product: tuple[str, int, tuple[str, ...], tuple[str, ...]], side: Side, tif: TimeInForce,
        options: OrderOptions | None, price: int | None = None,
    ) -> OrderTerms:  # fmt: skip
        self._number += 1
        limit = self._price(product[1]) if price is None else price
        return OrderTerms(f"f{self._number}", product[0], side, limit, self._rng.randint(1, 10), tif, options)

    def _order(self, at: int) -> Command:  # noqa: C901 - one case a shape
        rng = self._rng
        product = rng.choice(PRODUCTS)
        side: Side = rng.choice(("buy", "sell"))
        who = rng.choice(product[2] if side == "buy" else product[3])
        shape = rng.choices([name for name, _ in SHAPES], [weight for _, weight in SHAPES])[0]
        tif: TimeInForce = "gtc"
        price: int | None = None
        options: OrderOptions | None = None
        match shape:
            case "plain":
                tif = rng.choice(("gtc", "gtc", "gtc", "day", "session", "ioc", "fok"))
            case "iceberg":
                options = OrderOptions(display_loads=1)
            case "clips":
                options = OrderOptions(display_loads=1, clip_price_change_fen=5)
            case "stop_limit":
                options = OrderOptions("stop_limit", self._price(product[1]))
            case "stop":
                price, options = 0, OrderOptions("stop", self._price(product[1]))
            case "market":
                tif, price, options = "ioc", 0, OrderOptions("market")
            case "all_or_none":
                options = OrderOptions(all_or_none=True)
            case "minimum":
                options = OrderOptions(minimum_loads=1)
            case "post_only":
                options = OrderOptions(post_only=True)
            case "gtd":
                tif, options = "gtd", OrderOptions(expires_at=at + rng.randint(1, 10) * 1_000_000)
            case "hibernated":
                options = OrderOptions(hibernated=True)
            case "agreement":
                return self._agreement(product)
        return c.PlaceOrder(who, f"K-{who}", self._terms(product, side, tif, options, price))

    def _agreement(self, product: tuple[str, int, tuple[str, ...], tuple[str, ...]]) -> Command:
        """One of two names for a deal, so that both sides of some of them are entered."""
        rng = self._rng
        buyer, seller = product[2][0], product[3][0]
        side: Side = rng.choice(("buy", "sell"))
        who, other = (buyer, seller) if side == "buy" else (seller, buyer)
        options = OrderOptions(counterparty_id=other, agreement=f"deal-{self._number // 200}")
        terms = self._terms(product, side, "gtc", options, product[1] - product[1] % 5)
        fixed = OrderTerms(terms.client_order_id, product[0], side, terms.price_fen_per_kg, 2, "gtc", options)
        return c.PlaceOrder(who, f"K-{who}", fixed)


def _facts(event: e.Traded, at: int) -> TradeFacts:
    return TradeFacts(
        event.trade_id, event.product_id, event.price_fen_per_kg, event.loads, event.buyer_id, event.seller_id,
        event.buy_order_id, event.sell_order_id, event.leg, at,
    )  # fmt: skip
