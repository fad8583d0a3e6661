"""How a simulated participant gets haulage for the hydrogen it has to move.

It asks for exactly the loads that have none, near the fair price first, a little more each round, and in the last
rounds at what haulage costs: a load without a lorry is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from seeds.desk import Desk
from seeds.prices import Opinion, haulage

#: The most that haulage may cost, in hundredths of the fair price, before and in the last rounds.
DEAR_PERCENT = 130
DEAREST_PERCENT = 220


def opinion_of(desk: Desk, product_id: str) -> Opinion:
    """What a haulage product should cost."""
    terms = desk.terms[product_id]
    return haulage(terms.hub, terms.destination_hub)


def cover(rng: Random, desk: Desk, wanted: Mapping[str, int], *, late: bool) -> None:
    """Orders haulage so that ``wanted`` loads of each product are bought in the end, none twice."""
    for product_id, loads in wanted.items():
        missing = loads - desk.view.traded_loads(product_id, "buy")
        missing -= desk.view.open_loads(product_id, "buy")
        if missing > 0:
            desk.buy(product_id, _first_price(rng, desk, product_id, late=late), missing)
    for order in desk.open_orders("buy"):
        if desk.terms[order.product_id].kind == "haulage":
            desk.reprice(order, _next_price(rng, desk, order.product_id, order.price_fen_per_kg, late=late))


def _first_price(rng: Random, desk: Desk, product_id: str, *, late: bool) -> int:
    fair = opinion_of(desk, product_id).middle_fen_per_kg
    ask = desk.view.quote(product_id).ask_fen_per_kg
    if ask is not None and ask * 100 <= fair * (DEAREST_PERCENT if late else rng.randint(98, 112)):
        return ask
    return fair * rng.randint(110, 125) // 100 if late else fair * rng.randint(94, 101) // 100


def _next_price(rng: Random, desk: Desk, product_id: str, price_fen_per_kg: int, *, late: bool) -> int:
    fair = opinion_of(desk, product_id).middle_fen_per_kg
    ceiling = fair * (DEAREST_PERCENT if late else DEAR_PERCENT) // 100
    raised = price_fen_per_kg + fair * rng.randint(8, 15) // 100 if late else price_fen_per_kg + rng.randint(5, 40)
    ask = desk.view.quote(product_id).ask_fen_per_kg
    if ask is not None and raised < ask <= ceiling and late:
        return ask
    return max(price_fen_per_kg, min(raised, ceiling))
