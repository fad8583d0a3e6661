"""A trade made in error is undone through the whole house: four eyes, loads ended, money free, books in agreement."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from kernel.verify import verify_room
from tests.e2e.house import TERMS, House, order, told

REASON = {"reason": "One digit too many."}
CODE = "TT-01"


@pytest.fixture(params=["sqlite", "postgres"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    url = f"sqlite:///{tmp_path / 'h2market.db'}"
    if request.param == "postgres":
        url = str(request.getfixturevalue("fresh_postgres_url"))
    house = House(url)
    house.open()
    house.names["trade"] = "T" + house.names["shipment"][1:].partition("-")[0]
    second = house.well("POST", "/v1/keys", "operator", json={"scopes": ["operate", "read"], "label": "second"})
    house.secrets["second"] = second["secret"]
    yield house
    house.close()


def decide(house: House, trade: str = "{trade}") -> None:
    """Both eyes agree to what the buyer asks for; nobody waits for what follows."""
    house.well("POST", f"/v1/trades/{trade}/recall", "buyer", json=REASON)
    house.well("POST", f"/v1/trades/{trade}/recall/approval", "operator")
    house.well("POST", f"/v1/trades/{trade}/recall/confirmation", "second")


def money(house: House, who: str = "buyer") -> tuple[str, str]:
    """What is held in the ledger, and what is committed on the exchange."""
    (account,) = house.well("GET", "/v1/accounts", who)["items"]
    return account["held"], house.well("GET", "/v1/limits", who)["committed"]


def assert_agrees(house: House) -> None:
    """The rooms agree with one another and each with its log."""
    house.catch_up()
    report = house.well("GET", "/v1/reconciliation", "operator")
    assert report["differences"] == 0, report
    with house.platform.store.read_engine.connect() as connection:
        for room in house.platform.rooms.values():
            assert list(verify_room(room, connection)) == []


def state(house: House, trade: str = "{trade}") -> str:
    return str(house.well("GET", f"/v1/trades/{trade}/recall", "buyer")["state"])


@contextmanager
def stopped(house: House, name: str) -> Iterator[None]:
    """One follower stands still, as when its service is down; it goes on afterwards."""
    platform = house.platform
    follower = next(one for one in platform.followers if one.name == name)
    task = next(one for one in platform._tasks if one.get_name() == name)
    platform._tasks.remove(task)
    task.cancel()
    house.run(asyncio.wait([task]))
    yield
    platform._tasks.append(house.loop.create_task(follower.run(), name=name))


def quiet_but(house: House, name: str) -> None:
    """Waits until every follower but one has applied every event."""

    async def caught_up() -> None:
        others = [one for one in house.platform.followers if one.name != name]
        quiet = 0
        async with asyncio.timeout(20):
            while quiet < 3:
                quiet = 0 if any([await one.lag() for one in others]) else quiet + 1
                await asyncio.sleep(0.01)

    house.run(caught_up())


def to_the_loading_arm(house: House) -> None:
    """Nominates plant, station, lorry and vessel of the load, and has the plant read its meter."""
    for who, name, kind in (("seller", "plant", "plant"), ("buyer", "station", "station")):
        house.names[name] = house.well(
            "POST", "/v1/facilities", who,
            json={"kind": kind, "name": name, "name_zh": name, "hub": "TAIYUAN", "latitude": 37.8, "longitude": 112.5},
        )["facility_id"]  # fmt: skip
    house.catch_up()
    for who, name in (("seller", "plant"), ("buyer", "station")):
        body = {"mass": "280.000", "facility_id": house.names[name]}
        house.well("POST", "/v1/shipments/{shipment}/nominations", who, json=body)
    house.well("POST", "/v1/vehicles", "buyer", json={"plate": "晋X0002A"})
    vessel = {
        "vessel_id": CODE, "kind": "tube_trailer", "water_volume_l": 26_000, "max_pressure": "20.000",
        "inspection_due": "2027-01-01T00:00:00+08:00", "heel_pressure": "2.000", "heel_temperature": "15.0",
    }  # fmt: skip
    house.well("POST", "/v1/vessels", "buyer", json=vessel)
    transport = {"plate": "晋X0002A", "vessel_id": CODE, "driver_licence": "D-1", "escort_licence": "E-1"}
    house.well("POST", "/v1/shipments/{shipment}/transport", "buyer", json=transport)


def read_the_plant(house: House) -> Any:
    meter = {
        "kind": "flow", "label": "plant", "uncertainty_ppm": 5_000, "calibrated_until": "2027-01-01T00:00:00+08:00",
    }  # fmt: skip
    house.names["meter"] = house.well("POST", "/v1/meters", "seller", json=meter)["meter_id"]
    reading = {
        "stage": "load",
        "side": "giver",
        "meter_id": house.names["meter"],
        "before_mass": "0.000",
        "after_mass": "280.000",
    }
    return house.ask("POST", "/v1/shipments/{shipment}/readings", "seller", json=reading)


def test_four_eyes_undo_a_trade_through_the_whole_house(house: House) -> None:
    assert money(house) == ("6000.00", "6000.00")
    house.well("POST", "/v1/trades/{trade}/recall", "buyer", json=REASON)
    house.well("POST", "/v1/trades/{trade}/recall/approval", "operator")
    assert told(house.ask("POST", "/v1/trades/{trade}/recall/confirmation", "operator"))[1] == "recall_needs_other_eyes"
    assert_agrees(house)  # a dispute alone is no difference
    assert money(house) == ("6000.00", "6000.00")
    house.well("POST", "/v1/trades/{trade}/recall/confirmation", "second")
    assert_agrees(house)
    assert (state(house), money(house)) == ("recalled", ("0.00", "0.00"))
    shipment = house.well("GET", "/v1/shipments/{shipment}", "buyer")
    assert (shipment["state"], shipment["custodian_id"]) == ("cancelled", house.names["seller"])
    (due,) = house.well("GET", "/v1/dues", "seller")["items"]
    assert (due["outcome"], due["state"]) == ("cancelled", "voided")
    (capacity,) = house.well("GET", "/v1/limits", "seller")["capacities"]
    assert (capacity["reserved_loads"], capacity["consumed_loads"]) == (1, 0)
    (trade,) = house.well("GET", "/v1/trades", "seller")["items"]
    assert trade["state"] == "recalled"
    # What was freed is traded again, and this trade stands.
    again = house.well("POST", "/v1/orders", "buyer", json=order("b-2", "buy", 1))
    house.names["later"] = again["fills"][0]["trade_id"]
    assert_agrees(house)
    assert money(house) == ("6000.00", "6000.00")


def test_what_is_taken_back_leaves_the_trade_as_it_was(house: House) -> None:
    house.well("POST", "/v1/trades/{trade}/recall", "buyer", json=REASON)
    house.well("POST", "/v1/trades/{trade}/recall/approval", "operator")
    assert told(house.ask("POST", "/v1/trades/{trade}/recall/withdrawal", "seller"))[1] == "recall_of_another"
    house.well("POST", "/v1/trades/{trade}/recall/withdrawal", "buyer")
    assert_agrees(house)
    assert (state(house), money(house)) == ("withdrawn", ("6000.00", "6000.00"))
    assert house.well("GET", "/v1/trades", "seller")["items"][0]["state"] == "active"
    assert house.well("GET", "/v1/shipments/{shipment}", "buyer")["state"] == "planned"
    notices = house.run(house.platform.notices["exchange"].page(0, 100)).notices
    taken_back = [one.participant_id for one in notices if one.type == "trade.recall_withdrawn"]
    assert sorted(taken_back) == sorted([house.names["buyer"], house.names["seller"]])


def test_a_load_whose_loading_has_begun_keeps_the_trade(house: House) -> None:
    to_the_loading_arm(house)
    read = read_the_plant(house)
    assert read.status_code == 201, read.text
    decide(house)
    assert_agrees(house)
    recall = house.well("GET", "/v1/trades/{trade}/recall", "seller")
    assert (recall["state"], recall["answer"]) == ("refused", f"{house.names['shipment']} loading")
    (trade,) = house.well("GET", "/v1/trades", "seller")["items"]
    assert (trade["state"], trade["recalled"], money(house)) == ("active", False, ("6000.00", "6000.00"))
    assert house.well("GET", "/v1/shipments/{shipment}", "buyer")["state"] == "loading"


def test_after_the_recall_nobody_loads(house: House) -> None:
    to_the_loading_arm(house)
    decide(house)
    house.catch_up()
    assert told(read_the_plant(house))[1] == "wrong_state"
    assert house.well("GET", "/v1/vehicles", "buyer")["items"][0]["shipment_id"] is None
    assert_agrees(house)
    assert state(house) == "recalled"


def test_while_tracking_is_silent_the_trade_is_recalling_and_nothing_is_freed(house: House) -> None:
    """The race as it is: the lorry is at the arm before tracking hears of the recall."""
    to_the_loading_arm(house)
    with stopped(house, "tracking.exchange"):
        decide(house)
        assert (state(house), money(house)) == ("recalling", ("6000.00", "6000.00"))
        assert told(house.ask("POST", "/v1/trades/{trade}/recall/rejection", "operator", json=REASON))[1] == (
            "recall_unsuitable"
        )
        assert read_the_plant(house).status_code == 201
    assert_agrees(house)
    assert state(house) == "refused"


def test_while_the_answer_is_on_its_way_the_books_know_that_it_is_not_there(house: House) -> None:
    with stopped(house, "tracking.courier"):
        decide(house)
        quiet_but(house, "tracking.courier")
        assert state(house) == "recalling"
        assert money(house) == ("0.00", "0.00")  # settlement followed the cancelled load already
        report = house.well("GET", "/v1/reconciliation", "operator")
        (rule,) = [rule for rule in report["rules"] if rule["differences"]]
        assert rule["rule"] == "recalls_are_whole"
    assert_agrees(house)
    assert state(house) == "recalled"


@pytest.mark.parametrize(
    ("table", "change", "keys"),
    [
        ("tracking_shipments", "status = 'planned'", {"S"}),
        ("settlement_obligations", "state = 'held'", {"H"}),
        ("exchange_contested_trades", "state = 'active'", {"T"}),
        ("tracking_recalls", "done = (1 = 0)", {"R"}),
    ],
)
def test_reconciliation_finds_what_a_recall_left(house: House, table: str, change: str, keys: set[str]) -> None:
    decide(house)
    assert_agrees(house)
    writing = house.platform.writer.connection
    with writing.begin():
        writing.execute(text(f"UPDATE {table} SET {change}"))  # noqa: S608
    report = house.well("GET", "/v1/reconciliation", "operator")
    found = {rule["rule"]: [one["key"] for one in rule["differences"]] for rule in report["rules"]}
    assert {key[0] for key in found["recalls_are_whole"]} == keys, found


def test_a_repeated_command_and_a_repeated_follower_have_no_second_effect(house: House) -> None:
    decide(house)
    assert_agrees(house)
    before = house.logs()
    for name in ("tracking.exchange", "tracking.courier", "settlement.tracking", "settlement.courier"):
        with stopped(house, name):
            writing = house.platform.writer.connection
            with writing.begin():
                writing.execute(text("DELETE FROM kernel_cursors WHERE follower = :name"), {"name": name})
            next(one for one in house.platform.followers if one.name == name).cursor = 0
        house.catch_up()
    assert_agrees(house)
    assert house.logs() == before
    assert money(house) == ("0.00", "0.00")


def test_an_implied_match_is_undone_whole(house: House) -> None:
    """Hydrogen of the seller and carriage of the haulier become hydrogen delivered, and stop being it."""
    haul = haulage_and_delivered(house)
    capacity = {"commodity": "haulage", "window_start": "2026-03-03T06:00:00+08:00", "loads": 5}
    house.well("PUT", "/v1/capacities", "haulier", json=capacity)
    house.well("POST", "/v1/orders", "haulier", json={**order("h-1", "sell", 1, "2.00"), "product_id": haul[0]})
    bought = house.well("POST", "/v1/orders", "buyer", json={
        **order("d-1", "buy", 1, "25.00"), "product_id": haul[1],
    })  # fmt: skip
    legs = {fill["leg"]: fill["trade_id"] for fill in bought["fills"]}
    assert set(legs) == {"hydrogen", "haulage"}
    house.catch_up()
    house.names |= {"hydrogen": legs["hydrogen"], "carriage": legs["haulage"]}
    assert money(house) == ("12600.00", "12600.00")
    house.well("POST", "/v1/trades/{hydrogen}/recall", "seller", json=REASON)
    asked = house.well("GET", "/v1/trades/{carriage}/recall", "haulier")
    assert asked["trade_ids"] == [legs["haulage"], legs["hydrogen"]]
    house.well("POST", "/v1/trades/{carriage}/recall/approval", "operator")
    house.well("POST", "/v1/trades/{hydrogen}/recall/confirmation", "second")
    assert_agrees(house)
    assert (state(house, "{hydrogen}"), state(house, "{carriage}")) == ("recalled", "recalled")
    assert money(house) == ("6000.00", "6000.00")  # of the trade that stood before
    (carried,) = house.well("GET", "/v1/haulage", "haulier")["items"]
    assert carried["state"] == "cancelled"
    notices = house.run(house.platform.notices["tracking"].page(0, 100)).notices
    heard = [(one.type, one.participant_id) for one in notices if one.participant_id == house.names["haulier"]]
    assert [kind for kind, _ in heard][-2:] == ["shipment.haulage_released", "haulage.cancelled"]


def haulage_and_delivered(house: House) -> tuple[str, str]:
    haul, delivered = "HAUL-TAIYUAN-LINFEN-TUBE20-20260303A", "DLV-LINFEN-TUBE20-20260303A"
    for product_id, more in (
        (haul, {"kind": "haulage", "destination_hub": "LINFEN"}),
        (delivered, {"kind": "delivered", "hub": "LINFEN"}),
    ):
        house.well("POST", "/v1/products", "operator", json={**TERMS, "product_id": product_id, **more})
    return haul, delivered
