"""What owners change about their orders, and what happens where two desks of one company meet."""

from __future__ import annotations

from decimal import Decimal

from h2market.client import NewOrder, Stream
from seeds.scenes.stage import CLOUDGATHER, FROSTFORD, MOONKEEP, PAULOWNIA, RUSHMOON, Stage, ended, traded
from seeds.scenes.streams import Streams

DEFAULT_MODE = "cancel_newest"


def amend(stage: Stage, streams: Streams, rushmoon: Stream) -> None:
    """Two plants stand at one price. Fewer loads keep the place, more lose it; a higher bid, amended over the stream,
    trades; a total below what traded ends the order."""
    gas = stage.night.gas
    first = stage.sell(FROSTFORD, gas, 20, 3)
    second = stage.sell(CLOUDGATHER, gas, 20, 2)
    assert stage.amend(FROSTFORD, first, loads=2)["keeps_priority"]
    traded(stage.buy(PAULOWNIA, gas, 20, 1, time_in_force="ioc"), 1)
    assert stage.look(FROSTFORD, first)["executed_loads"] == 1, "the plant that lowered its loads should stand first"
    assert not stage.amend(FROSTFORD, first, loads=4)["keeps_priority"]
    traded(stage.buy(PAULOWNIA, gas, 20, 1, time_in_force="ioc"), 1)
    assert stage.look(CLOUDGATHER, second)["executed_loads"] == 1, "the plant that raised them should stand last"
    bid = NewOrder(
        client_order_id=stage.order_id(RUSHMOON, "stream"), product_id=gas.product_id, side="buy", loads=1,
        price=Decimal(stage.price(gas, -30)),
    )  # fmt: skip
    placed = streams.run(rushmoon.place(bid))
    raised = streams.run(rushmoon.amend(placed.order_id, price=Decimal(stage.price(gas, 20))))
    assert [fill.loads for fill in raised.fills] == [1], f"the raised bid should have traded: {raised}"
    answer = stage.amend(FROSTFORD, first, loads=1)
    assert answer["status"] == "cancelled", f"a total that has traded ends the order: {answer}"
    assert stage.is_quiet(gas), "the amendments should have left nothing"


def meet_oneself(stage: Stage) -> None:
    """Moonkeep's buying desk and its selling desk meet at its own gate, under each of the four rules."""
    stored, desk = stage.night.stored, stage.session(MOONKEEP)
    for mode in ("cancel_newest", "cancel_oldest", "cancel_both", "decrement"):
        desk.put("/v1/self-trade-mode", {"mode": mode})
        bid = stage.buy(MOONKEEP, stored, 0, 1)
        offer = stage.sell(MOONKEEP, stored, 0, 2)
        traded(offer, 0)
        bid_open = stage.look(MOONKEEP, bid)["open_loads"]
        expected = {"cancel_newest": (1, 0), "cancel_oldest": (0, 2), "cancel_both": (0, 0), "decrement": (0, 1)}[mode]
        assert (bid_open, offer["open_loads"]) == expected, f"{mode}: {bid_open} and {offer}"
        for order, loads in ((bid, bid_open), (offer, offer["open_loads"])):
            if loads:
                stage.cancel(MOONKEEP, order)
            else:
                found = stage.look(MOONKEEP, order)
                ended(found, "self_trade")
    desk.put("/v1/self-trade-mode", {"mode": DEFAULT_MODE})


def take_all_back(stage: Stage) -> None:
    """Cloudgather's plant trips: every offer of the night goes at once, and the day's offers stay."""
    gas = stage.night.gas
    offers = [stage.sell(CLOUDGATHER, gas, above, 1)["order_id"] for above in (30, 40, 50)]
    answer = stage.session(CLOUDGATHER).delete("/v1/orders", product_id=gas.product_id, side="sell")
    assert answer["order_ids"] == offers, f"{answer} of {offers}"
