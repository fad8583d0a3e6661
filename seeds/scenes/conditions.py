"""Orders with conditions: never pay for taking, at least so many, all or none, a few at a time, asleep over lunch."""

from __future__ import annotations

from seeds.scenes.stage import CLOUDGATHER, FROSTFORD, GREENSAIL, PAULOWNIA, RUSHMOON, Refusal, Stage, ended, traded


def set_conditions(stage: Stage) -> None:
    """Gas at Xiaoyi, and its haulage in small clips."""
    _only_post(stage)
    _at_least_two(stage)
    _all_or_none(stage)
    _in_clips(stage)
    _sleep_over_lunch(stage)


def _only_post(stage: Stage) -> None:
    """Paulownia Court wants to make the price and not to take it: its bid is refused where it would trade."""
    gas = stage.night.gas
    stage.sell(FROSTFORD, gas, 0, 1)
    with Refusal("post_only_would_trade"):
        stage.buy(PAULOWNIA, gas, 0, 1, post_only=True)
    traded(stage.buy(PAULOWNIA, gas, -5, 1, post_only=True), 0)
    traded(stage.sell(CLOUDGATHER, gas, -5, 1, time_in_force="ioc"), 1)


def _at_least_two(stage: Stage) -> None:
    """Rushmoon's lorry comes for two loads or not at all."""
    gas = stage.night.gas
    ended(stage.buy(RUSHMOON, gas, 0, 2, minimum_loads=2), "minimum")
    stage.sell(CLOUDGATHER, gas, 0, 1)
    traded(stage.buy(RUSHMOON, gas, 0, 2, minimum_loads=2), 2)


def _all_or_none(stage: Stage) -> None:
    """Paulownia Court waits beside the book until two loads are there together."""
    gas = stage.night.gas
    both = stage.buy(PAULOWNIA, gas, 10, 2, all_or_none=True)
    stage.sell(CLOUDGATHER, gas, 10, 1)
    assert stage.look(PAULOWNIA, both)["status"] == "new", "one load should not have done"
    stage.sell(FROSTFORD, gas, 10, 1)
    assert stage.look(PAULOWNIA, both)["status"] == "filled", "two loads should have done"


def _in_clips(stage: Stage) -> None:
    """Greensail shows two of its four trips at a time, and asks more for the next two."""
    haulage = stage.night.haulage
    iceberg = stage.sell(GREENSAIL, haulage, 0, 4, display_loads=2, clip_price_change="0.10")
    traded(stage.buy(PAULOWNIA, haulage, 0, 2), 2)
    dearer = stage.buy(RUSHMOON, haulage, 10, 1)
    traded(dearer, 1)
    assert dearer["fills"][0]["price"] == stage.price(haulage, 10), f"the second clip should be dearer: {dearer}"
    stage.cancel(GREENSAIL, iceberg)


def _sleep_over_lunch(stage: Stage) -> None:
    """Cloudgather takes its offer out of the market over lunch, and brings it back."""
    gas = stage.night.gas
    offer = stage.sell(CLOUDGATHER, gas, 20, 1)
    desk = stage.session(CLOUDGATHER)
    assert desk.post(f"/v1/orders/{offer['order_id']}/hibernation")["hibernated"]
    ended(stage.buy(RUSHMOON, gas, 20, 1, time_in_force="ioc"), "ioc")
    assert not desk.post(f"/v1/orders/{offer['order_id']}/activation")["hibernated"]
    traded(stage.buy(RUSHMOON, gas, 20, 1, time_in_force="ioc"), 1)
