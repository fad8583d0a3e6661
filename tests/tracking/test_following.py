"""What tracking asks of itself when it follows the exchange and the register."""

from __future__ import annotations

import pytest

from exchange import events as exchange_events
from kernel.messages import Event, Recorded
from participants import events as participants_events
from tests.tracking.scene import BUYER, SELLER, WINDOW_END, WINDOW_START, Scene
from tracking import commands
from tracking.following import follow_exchange, follow_participants

LISTED = exchange_events.ProductListed(
    product_id="EXW-1",
    kind="ex_works",
    hub="TAIYUAN",
    destination_hub="",
    container_class="TUBE20",
    grade="FCV",
    nominal_mass_g=330_000,
    maximum_mass_g=346_000,
    window_start=WINDOW_START,
    window_end=WINDOW_END,
    price_tick_fen=1,
    price_max_fen=10_000,
    loads_max=10,
)
TRADED = exchange_events.Traded(
    trade_id=7,
    product_id="EXW-1",
    price_fen_per_kg=3_500,
    loads=2,
    buyer_id=BUYER,
    seller_id=SELLER,
    buy_order_id=5,
    sell_order_id=6,
    taker_order_id=5,
)
FACILITY = participants_events.FacilityAdded(
    "F9", SELLER, "plant", "Plant", "工厂", "TAIYUAN", 378_000_000, 1_125_000_000, 0, 1_440
)


def recorded(event: Event) -> Recorded:
    return Recorded(1, 1, "test", event)


def test_a_listed_product_and_a_trade_become_shipments() -> None:
    scene = Scene()
    for event in (LISTED, TRADED):
        for command in follow_exchange(recorded(event)):
            scene.do(command)
    assert (scene.shipment("S7-1").product_id, scene.shipment("S7-2").maximum_mass_g) == ("EXW-1", 346_000)


def test_a_trade_asks_for_its_plan() -> None:
    assert follow_exchange(recorded(TRADED)) == [commands.PlanTrade(7, "EXW-1", 2, BUYER, SELLER)]


def test_a_facility_is_mirrored() -> None:
    assert follow_participants(recorded(FACILITY)) == [
        commands.RegisterFacility("F9", SELLER, "plant", "Plant", "工厂", "TAIYUAN", 378_000_000, 1_125_000_000)
    ]


@pytest.mark.parametrize(
    "event",
    [exchange_events.MarketOpened("2026-01-05"), exchange_events.ProductClosed("EXW-1"), FACILITY],
)
def test_other_events_of_the_exchange_ask_nothing(event: Event) -> None:
    assert follow_exchange(recorded(event)) == []


def test_other_events_of_the_register_ask_nothing() -> None:
    assert follow_participants(recorded(participants_events.CompanyApproved(SELLER))) == []
