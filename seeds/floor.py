"""The trading floor: agents read the market through the interface, decide, and send their orders, one after another.

Best prices are public, so all agents share one board of them; it is read again wherever somebody acted. Its own
business an agent reads again when that may have changed: after its own requests, and after a trade in a product in
which it has orders, as a stream would tell it. Nobody else trades on this day, so what an agent knows is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from random import Random
from typing import Any

from kernel.clock import from_text
from kernel.quantity import format_price, parse_money, parse_price
from seeds.agents import ROUNDS, Agent, agents
from seeds.client import Refused, Session
from seeds.market_view import Amend, Cancel, Intent, MarketView, OpenOrder, OwnTrade, Place, Quote
from seeds.members import Market, Member
from seeds.products import products

#: What an agent may be told without anything being wrong: its order traded while it made up its mind.
EXPECTED_REFUSALS = frozenset({"order_not_open"})


@dataclass(slots=True)
class _Business:
    """What an agent knows of its own business, and what of it may have changed since it was read."""

    orders: tuple[OpenOrder, ...] = ()
    trades: tuple[OwnTrade, ...] = ()
    limits: Any = None
    has_acted: bool = True
    has_traded: bool = True
    #: Products in which it has orders, or had some at the last look.
    products: set[str] = field(default_factory=set)


class TradingFloor:
    """The agents of one day."""

    def __init__(self, market: Market, day: date, rng: Random) -> None:
        self._market = market
        self._rng = rng
        self._agents: Sequence[Agent] = agents(day, rng)
        self._products = frozenset(terms.product_id for terms in products(day))
        self._board: dict[str, Quote] = {}
        self._collecting = False
        self._business = {agent.company.code: _Business() for agent in self._agents}

    def round(self, round_no: int, *, collecting: bool = False) -> None:
        """Every agent has one turn, in an order of chance. While books collect for an auction there is nothing to take,
        and the board stays as it was."""
        self._collecting = collecting
        for agent in self._rng.sample(self._agents, len(self._agents)):
            member = self._market.members[agent.company.code]
            view = self._view(member, round_no)
            traded = self._send(member, view, agent.decide(self._rng, view))
            for business in self._business.values():
                business.has_traded |= not business.products.isdisjoint(traded)

    def look_around(self) -> None:
        """Reads every book that somebody acted in, and lets everybody look at its own business: an auction is over."""
        products = {product_id for business in self._business.values() for product_id in business.products}
        for product_id in sorted(products):
            self._board[product_id] = self._read_quote(self._market.operator, product_id)
        for business in self._business.values():
            business.has_traded = True

    def look_again(self, codes: Sequence[str]) -> None:
        """Reads the books again in which these companies had orders: they acted elsewhere, and switches that they
        pulled may have cancelled what they have here."""
        for product_id in sorted({product_id for code in codes for product_id in self._business[code].products}):
            self._board[product_id] = self._read_quote(self._market.operator, product_id)
        for code in codes:
            self._business[code].has_acted = True

    def _view(self, member: Member, round_no: int) -> MarketView:
        session, business = member.session, self._business[member.company.code]
        if business.has_acted or business.has_traded:
            orders = self._of_the_day(session.pages("/v1/orders", status="open"))
            business.orders = tuple(map(_open_order, orders))
            business.limits = session.get("/v1/limits")
            business.products = {order.product_id for order in business.orders}
        if business.has_traded:
            business.trades = tuple(map(_own_trade, self._of_the_day(session.pages("/v1/trades"))))
        business.has_acted = business.has_traded = False
        return MarketView(
            round_no,
            ROUNDS,
            self._board,
            business.orders,
            business.trades,
            parse_money(business.limits["free"]),
            {from_text(each["window_start"]): each["free_loads"] for each in business.limits["capacities"]},
            self._collecting,
        )

    def _send(self, member: Member, view: MarketView, intents: Sequence[Intent]) -> set[str]:
        """Sends what an agent asks for and reads the books that it changed; returns the products that traded."""
        product_of = {order.order_id: order.product_id for order in view.orders}
        touched: set[str] = set()
        traded: set[str] = set()
        for placing, group in groupby(intents, lambda intent: isinstance(intent, Place)):
            if placing:
                orders = [intent for intent in group if isinstance(intent, Place)]
                touched |= {order.product_id for order in orders}
                traded |= _place(member, orders)
                continue
            for intent in group:
                assert not isinstance(intent, Place)
                product_id = product_of[intent.order_id]
                touched.add(product_id)
                if _change(member, intent):
                    traded.add(product_id)
        for product_id in sorted(touched) if not self._collecting else ():
            self._board[product_id] = self._read_quote(member.session, product_id)
        business = self._business[member.company.code]
        business.has_acted |= bool(touched)
        business.products |= touched
        return traded

    def _of_the_day(self, newest_first: list[Any]) -> Iterator[Any]:
        """What is in the day's products, oldest first: other books are not these agents' business."""
        return (one for one in reversed(newest_first) if one["product_id"] in self._products)

    @staticmethod
    def _read_quote(session: Session, product_id: str) -> Quote:
        return _quote(session.get(f"/v1/products/{product_id}/book", levels=1))


def _place(member: Member, orders: Sequence[Place]) -> set[str]:
    """Places orders; returns the products of those that traded at once."""
    if len(orders) == 1:
        placed = [member.session.post("/v1/orders", _order(orders[0]))]
    else:
        answer = member.session.post("/v1/orders/batch", {"orders": [_order(order) for order in orders]})
        for result in answer["results"]:
            if result["problem"] is not None:
                raise Refused("POST", "/v1/orders/batch", result["status"], result["problem"])
        placed = [result["order"] for result in answer["results"]]
    return {order["product_id"] for order in placed if order["fills"]}


def _change(member: Member, intent: Amend | Cancel) -> bool:
    """Amends or cancels; whether that made a trade, or met one."""
    try:
        if isinstance(intent, Amend):
            change = {"price": format_price(intent.price_fen_per_kg), "loads": intent.loads}
            return bool(member.session.patch(f"/v1/orders/{intent.order_id}", change)["fills"])
        member.session.delete(f"/v1/orders/{intent.order_id}")
    except Refused as refused:
        if refused.code not in EXPECTED_REFUSALS:
            raise
        return True
    return False


def _order(place: Place) -> dict[str, Any]:
    return {
        "client_order_id": place.client_order_id,
        "product_id": place.product_id,
        "side": place.side,
        "price": format_price(place.price_fen_per_kg),
        "loads": place.loads,
        "time_in_force": place.time_in_force,
    }


def _quote(book: Any) -> Quote:
    return Quote(*_best(book["bids"]), *_best(book["asks"]))


def _best(levels: Sequence[Any]) -> tuple[int | None, int]:
    return (parse_price(levels[0]["price"]), levels[0]["loads"]) if levels else (None, 0)


def _open_order(order: Any) -> OpenOrder:
    return OpenOrder(
        order["order_id"],
        order["product_id"],
        order["side"],
        parse_price(order["price"]),
        order["loads"],
        order["open_loads"],
    )


def _own_trade(trade: Any) -> OwnTrade:
    return OwnTrade(trade["trade_id"], trade["product_id"], trade["side"], parse_price(trade["price"]), trade["loads"])
