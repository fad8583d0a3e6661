"""Orders that belong together: a load with its haulage, groups, a trade agreed by telephone, and three parties that
the exchange brings together."""

from __future__ import annotations

from typing import Any

from seeds.night import NightBook
from seeds.scenes.marks import BATCH
from seeds.scenes.stage import CLOUDGATHER, FROSTFORD, GOOSELETTER, PAULOWNIA, RUSHMOON, Stage, traded


def link(stage: Stage) -> None:
    """Paulownia Court buys a load and its haulage or neither; Gooseletter offers two routes."""
    night = stage.night
    stage.sell(FROSTFORD, night.gas, 0, 1)
    assert {entry["status"] for entry in _basket(stage)} == {422}, "there is no haulage to be had yet"
    stage.sell(GOOSELETTER, night.haulage, 0, 1)
    assert [entry["order"]["status"] for entry in _basket(stage)] == ["filled", "filled"]
    _offer_routes(stage)
    _agree_by_telephone(stage)


def _basket(stage: Stage) -> list[Any]:
    night = stage.night
    legs = [stage.order(PAULOWNIA, book, "buy", 0, 1, time_in_force="fok") for book in (night.gas, night.haulage)]
    return stage.batch(PAULOWNIA, "basket", legs)


def _offer_routes(stage: Stage) -> None:
    """A slip of the pen takes the whole group out, where the group is all or none, and else its own order alone."""
    night = stage.night

    def offers(above: int, what: str) -> list[Any]:
        return [_offer(stage, night.haulage, 30, what), _offer(stage, night.stored_haulage, above, what)]

    slip, right = 33, 30  # prices go by five
    refused = stage.batch(GOOSELETTER, "reject_all", offers(slip, "group"))
    assert [entry["problem"]["code"] for entry in refused] == ["group_rejected", "price_off_tick"], f"{refused}"
    taken = stage.batch(GOOSELETTER, "reject_all", offers(right, "group"))
    assert [entry["status"] for entry in taken] == [201, 201], f"{taken}"
    parted = stage.batch(GOOSELETTER, "reject_partially", offers(slip, BATCH))
    assert [entry["status"] for entry in parted] == [201, 422], f"{parted}"
    for entry in (*taken, parted[0]):
        stage.cancel(GOOSELETTER, entry["order"])


def _offer(stage: Stage, book: NightBook, above: int, what: str) -> Any:
    return {**stage.order(GOOSELETTER, book, "sell", above, 1), "client_order_id": stage.order_id(GOOSELETTER, what)}


def _agree_by_telephone(stage: Stage) -> None:
    """Cloudgather and Rushmoon agreed on a load; each enters its side, and nobody else can come in between."""
    gas = stage.night.gas
    seller, buyer = stage.member(CLOUDGATHER), stage.member(RUSHMOON)
    stage.sell(FROSTFORD, gas, 5, 1)
    mine = stage.sell(CLOUDGATHER, gas, 15, 1, agreement="TEL-0302-1", counterparty_id=buyer.participant_id)
    traded(mine, 0)
    traded(stage.buy(RUSHMOON, gas, 15, 1, agreement="TEL-0302-1", counterparty_id=seller.participant_id), 1)
    stage.session(FROSTFORD).delete("/v1/orders", product_id=gas.product_id)


def meet_in_three(stage: Stage) -> None:
    """Paulownia Court bids for hydrogen at its door: a plant and a haulier, each in its own book, meet it together."""
    night = stage.night
    bid = stage.buy(PAULOWNIA, night.delivered, 0, 1)
    traded(bid, 0)
    stage.sell(FROSTFORD, night.gas, 0, 1)
    traded(stage.sell(GOOSELETTER, night.haulage, 0, 1), 0)
    found = stage.look(PAULOWNIA, bid)
    assert found["status"] == "filled", f"no implied match: {found}"
