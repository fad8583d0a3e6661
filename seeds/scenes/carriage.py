"""The haulage of the night: whoever took on gas without it buys it before the day ends, so that no load is left."""

from __future__ import annotations

from collections import Counter

from seeds.night import NightBook
from seeds.scenes.stage import (
    CLOUDGATHER,
    DAWNLOTUS,
    FROSTFORD,
    GOOSELETTER,
    GREENSAIL,
    MOONKEEP,
    PAULOWNIA,
    RUSHMOON,
    Stage,
    traded,
)

#: Trips that Greensail keeps for this; Gooseletter makes the others.
GREENSAIL_TRIPS = 8


def find_lorries(stage: Stage) -> None:
    """Two hauliers offer what is asked for, and each buyer takes its own."""
    night = stage.night
    assert stage.is_quiet(night.gas), "a scene has left an order in the gas"
    assert stage.is_quiet(night.haulage), "a scene has left an order in its haulage"
    wanted, stored = _wanted(stage, night.haulage), _wanted(stage, night.stored_haulage)
    offers = [
        (GREENSAIL, stage.sell(GREENSAIL, night.haulage, 0, GREENSAIL_TRIPS)),
        (GOOSELETTER, stage.sell(GOOSELETTER, night.haulage, 0, wanted.total() - GREENSAIL_TRIPS)),
        (GOOSELETTER, stage.sell(GOOSELETTER, night.stored_haulage, 0, stored.total())),
    ]
    for book, loads_of in ((night.haulage, wanted), (night.stored_haulage, stored)):
        for code, loads in loads_of.items():
            traded(stage.buy(code, book, 0, loads), loads)
    for haulier, offer in offers:
        assert stage.look(haulier, offer)["status"] == "filled", f"{haulier} has trips left"


def _wanted(stage: Stage, carriage: NightBook) -> Counter[str]:
    """The loads that lack this haulage, by company: gas bought ex works, or sold delivered, less trips bought."""
    night = stage.night
    if carriage is night.haulage:
        moves = [(code, night.gas, "buy") for code in (PAULOWNIA, RUSHMOON, MOONKEEP)]
        moves += [(code, night.delivered, "sell") for code in (FROSTFORD, CLOUDGATHER)]
    else:
        moves = [(DAWNLOTUS, night.stored, "buy")]
    wanted: Counter[str] = Counter()
    for code, book, side in moves:
        trades = stage.session(code).pages("/v1/trades")
        wanted[code] += _loads(trades, book, side) - _loads(trades, carriage, "buy")
    assert min(wanted.values()) >= 0, f"trips without a load: {wanted}"
    return +wanted


def _loads(trades: list[dict[str, object]], book: NightBook, side: str) -> int:
    stand = (trade for trade in trades if trade["state"] != "recalled")
    found = (trade for trade in stand if (trade["product_id"], trade["side"]) == (book.product_id, side))
    return sum(int(str(trade["loads"])) for trade in found)
