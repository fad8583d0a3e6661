"""Call auctions: the opening, a halt by volatility, the closing; and the prices that slips of the pen run into."""

from __future__ import annotations

from seeds.scenes.stage import (
    CLOUDGATHER,
    FROSTFORD,
    GOOSELETTER,
    GREENSAIL,
    PAULOWNIA,
    RUSHMOON,
    Refusal,
    Stage,
    traded,
)


def open_the_night(stage: Stage) -> None:
    """Before nine the books collect: one load of gas and its haulage find their price."""
    night = stage.night
    with Refusal("not_in_auction"):
        stage.buy(PAULOWNIA, night.gas, 0, 1, time_in_force="ioc")
    _correct_the_reference(stage)
    _cross(stage, FROSTFORD, GREENSAIL)


def _correct_the_reference(stage: Stage) -> None:
    """The operator writes the reference price of delivered hydrogen anew, makes a slip, and corrects it in time."""
    book = stage.night.delivered
    path = f"/v1/products/{book.product_id}/reference-price"
    for above, reason in ((1_000, "as assessed this morning"), (0, "a slip in the last one")):
        price = stage.price(book, above)
        product = stage.operator.put(path, {"reference_price": price, "reason": reason})
        assert product["reference_price"] == price, f"{product}"


def close_the_day(stage: Stage) -> None:
    """From 14:57 the books collect for the closing auction, in which another load and its haulage trade."""
    _cross(stage, CLOUDGATHER, GOOSELETTER)


def _cross(stage: Stage, plant: str, haulier: str) -> None:
    for seller, book in ((plant, stage.night.gas), (haulier, stage.night.haulage)):
        traded(stage.sell(seller, book, 0, 1), 0)
        traded(stage.buy(PAULOWNIA, book, 20, 1), 0)
        look = stage.operator.get(f"/v1/products/{book.product_id}/book")
        assert (look["phase"], look["indicative"]["loads"]) == ("auction", 1), f"{look}"


def halt_by_volatility(stage: Stage) -> None:
    """Cloudgather asks 8 % more than the day began with, and Rushmoon would pay it: the book halts into an auction of
    five minutes. Frostford comes in, and the load goes for less."""
    gas = stage.night.gas
    dear = stage.sell(CLOUDGATHER, gas, 150, 1)
    bid = stage.buy(RUSHMOON, gas, 150, 1)
    traded(bid, 0)
    phase = stage.operator.get(f"/v1/products/{gas.product_id}")["phase"]
    assert phase == "auction", f"the trade should have halted the book: {phase}"
    stage.sell(FROSTFORD, gas, 50, 1)
    stage.wait(6)
    product = stage.operator.get(f"/v1/products/{gas.product_id}")
    assert (product["phase"], product["reference_price"]) == ("continuous", stage.price(gas, 50)), f"{product}"
    assert stage.look(RUSHMOON, bid)["average_price"] == stage.price(gas, 50), "the auction should have been cheaper"
    stage.cancel(CLOUDGATHER, dear)


def slip_of_the_pen(stage: Stage) -> None:
    """28.50 for 18.50: the collar refuses it."""
    with Refusal("price_outside_collar"):
        stage.buy(PAULOWNIA, stage.night.gas, 1_050, 1)
