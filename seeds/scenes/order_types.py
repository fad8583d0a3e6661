"""The types of orders and how long they hold: one morning's trade in gas at Xiaoyi."""

from __future__ import annotations

from kernel.clock import to_text
from seeds.scenes.stage import CLOUDGATHER, FROSTFORD, MOONKEEP, PAULOWNIA, RUSHMOON, Stage, ended, traded
from seeds.trips import MINUTE_US


def trade_the_morning(stage: Stage) -> None:
    """Two plants offer; stations take what they need at once, or all of it, or at the market; then the price rises."""
    gas = stage.night.gas
    stage.sell(CLOUDGATHER, gas, 10, 2)
    stage.sell(FROSTFORD, gas, 40, 2)
    traded(stage.buy(RUSHMOON, gas, 10, 1, time_in_force="ioc"), 1)
    part = stage.buy(PAULOWNIA, gas, 10, 2, time_in_force="ioc")
    traded(part, 1)
    ended(part, "ioc")
    ended(stage.buy(PAULOWNIA, gas, 40, 3, time_in_force="fok"), "fok")
    traded(stage.buy(RUSHMOON, gas, 40, 1, time_in_force="fok"), 1)
    # A market order stops 3 % through the best price, and does not eat the dear load behind it.
    stage.sell(CLOUDGATHER, gas, 100, 1)
    market = stage.buy(PAULOWNIA, gas, None, 2, order_type="market", time_in_force="ioc")
    traded(market, 1)
    ended(market, "ioc")
    _ride_the_rise(stage)
    _offer_for_two_minutes(stage)


def _ride_the_rise(stage: Stage) -> None:
    """Both stations fear a rise and leave stops; the storage pays the dear price, and that elects them."""
    gas = stage.night.gas
    stop = stage.buy(RUSHMOON, gas, None, 1, order_type="stop", stop_price=stage.price(gas, 100))
    limited = stage.buy(PAULOWNIA, gas, 110, 1, order_type="stop_limit", stop_price=stage.price(gas, 100))
    stage.sell(FROSTFORD, gas, 100, 1)
    stage.sell(CLOUDGATHER, gas, 105, 1)
    traded(stage.buy(MOONKEEP, gas, 100, 1), 1)
    for code, order in ((RUSHMOON, stop), (PAULOWNIA, limited)):
        found = stage.look(code, order)
        assert found["status"] == "filled", f"the stop was not elected: {found}"
    assert stage.is_quiet(gas), "the rise should have cleared the book"


def _offer_for_two_minutes(stage: Stage) -> None:
    """Frostford offers a load until two minutes later; nobody takes it, and it is gone by itself."""
    gas = stage.night.gas
    until = to_text(stage.pace.now_us + 2 * MINUTE_US)
    offer = stage.sell(FROSTFORD, gas, 60, 1, time_in_force="gtd", expires_at=until)
    stage.wait(3)
    found = stage.look(FROSTFORD, offer)
    assert (found["status"], found["reason"]) == ("expired", "expired"), f"should have expired: {found}"


def leave_until_tonight(stage: Stage) -> None:
    """The last bids of the day: one for this session, one for this day; both are over when the market closes."""
    gas = stage.night.gas
    stage.buy(RUSHMOON, gas, -100, 1, time_in_force="session")
    stage.buy(PAULOWNIA, gas, -110, 1, time_in_force="day")
