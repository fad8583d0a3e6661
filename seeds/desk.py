"""The trading desk of a simulated participant: it writes intents and keeps inside price, tick and limits.

A desk lives for one round. It counts down the money and the capacity that the view says are free, so that the orders of
one round together do not ask for more than there is.
"""

from __future__ import annotations

from collections.abc import Mapping

from kernel.quantity import amount_fen
from seeds.market_view import Amend, Cancel, Intent, MarketView, OpenOrder, Place, Side, TimeInForce
from seeds.products import ProductTerms


class Desk:
    """``terms`` are the products that can be traded; ``prefix`` makes client order ids unique for ever."""

    def __init__(self, prefix: str, terms: Mapping[str, ProductTerms], view: MarketView) -> None:
        self.view = view
        self.terms = terms
        self.intents: list[Intent] = []
        self._prefix = prefix
        self._placed = 0
        self._money_fen = view.free_money_fen
        self._loads = dict(view.free_loads)
        self._ended: set[str] = set()

    def open_orders(self, side: Side) -> list[OpenOrder]:
        """Own open orders of products that still trade, without those cancelled in this round."""
        return [
            order
            for order in self.view.orders
            if order.side == side and order.product_id in self.terms and order.order_id not in self._ended
        ]

    def free_loads(self, window_start: int) -> int:
        """Capacity that is still free in this round."""
        return self._loads.get(window_start, 0)

    def buy(self, product_id: str, price_fen_per_kg: int, loads: int, time_in_force: TimeInForce = "day") -> int:
        """Asks to buy as many of the loads as there is money for; returns how many."""
        terms = self.terms[product_id]
        price = self._on_tick(terms, price_fen_per_kg)
        load_fen = amount_fen(price, terms.maximum_mass_g)
        affordable = min(loads, terms.loads_max, self._money_fen // load_fen)
        if affordable <= 0:
            return 0
        self._money_fen -= affordable * load_fen
        self._place(product_id, "buy", price, affordable, time_in_force)
        return affordable

    def sell(self, product_id: str, price_fen_per_kg: int, loads: int, time_in_force: TimeInForce = "day") -> int:
        """Offers as many of the loads as there is capacity for; returns how many."""
        terms = self.terms[product_id]
        possible = min(loads, terms.loads_max, self.free_loads(terms.window_start))
        if possible <= 0:
            return 0
        self._loads[terms.window_start] -= possible
        self._place(product_id, "sell", self._on_tick(terms, price_fen_per_kg), possible, time_in_force)
        return possible

    def reprice(self, order: OpenOrder, price_fen_per_kg: int) -> None:
        """Amends an order's price; where it stays the same on the tick, or money lacks, nothing happens."""
        terms = self.terms[order.product_id]
        price = self._on_tick(terms, price_fen_per_kg)
        if price == order.price_fen_per_kg:
            return
        if order.side == "buy":
            held = order.open_loads * amount_fen(order.price_fen_per_kg, terms.maximum_mass_g)
            more = order.open_loads * amount_fen(price, terms.maximum_mass_g) - held
            if more > self._money_fen:
                return
            # Money that a lower price sets free is used from the next round on, when it is free indeed.
            self._money_fen -= max(more, 0)
        self.intents.append(Amend(order.order_id, price, order.loads))

    def cancel(self, order: OpenOrder) -> None:
        """Ends an order; its money or capacity is used from the next round on."""
        self._ended.add(order.order_id)
        self.intents.append(Cancel(order.order_id))

    def _place(self, product_id: str, side: Side, price: int, loads: int, time_in_force: TimeInForce) -> None:
        self._placed += 1
        client_order_id = f"{self._prefix}-{self.view.round_no:02d}-{self._placed:02d}"
        self.intents.append(Place(client_order_id, product_id, side, price, loads, time_in_force))

    @staticmethod
    def _on_tick(terms: ProductTerms, price_fen_per_kg: int) -> int:
        ticks = max(1, round(price_fen_per_kg / terms.price_tick_fen))
        return min(ticks, terms.price_max_fen // terms.price_tick_fen) * terms.price_tick_fen
