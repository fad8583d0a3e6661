"""Tracking over HTTP on both stores: the life of a load, each step sent twice, and what each caller sees of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kernel.clock import to_text
from kernel.quantity import MICROS_PER_S
from tests.tracking.room import AUDITOR, OPERATOR, PLATE, READER, VESSEL, House, running, sha256
from tests.tracking.scene import BUYER, HAULIER, NOW, RIVAL, SELLER, STRANGER, WINDOW_END, WINDOW_START
from tracking.published import FACTS, HaulageFact, LoadFact

SPECIES = {
    "hydrogen": 999_900_000, "total_non_hydrogen": 100_000, "water": 4_000, "total_hydrocarbons": 1_000,
    "oxygen": 4_000, "helium": 1_000, "nitrogen_and_argon": 50_000, "carbon_dioxide": 500, "carbon_monoxide": 100,
    "total_sulfur": 1, "formaldehyde": 5, "formic_acid": 100, "ammonia": 50, "total_halogenated": 10,
    "particulates": 100,
}  # fmt: skip


def certificate(**changed: int) -> dict[str, Any]:
    results = [{"species": name, "value": value} for name, value in {**SPECIES, **changed}.items()]
    return {
        "laboratory": "Shanxi gas laboratory",
        "sampled_at": to_text(NOW),
        "standard": "GB/T 37244",
        "edition": "2018",
        "results": results,
    }


def facts(house: House, name: str) -> list[Any]:
    with house.service.store.reading() as session:
        return list(FACTS[name].read(session))


def kilograms(balance: Any) -> dict[str, str]:
    return {place["place"]: place["net"] for place in balance["places"]}


def test_a_load_travels_from_plant_to_station(database_url: str) -> None:
    async def run() -> None:
        async with running(database_url) as house:
            await house.plan()
            await house.haul()
            nominated = await house.nominate()
            assert (nominated["confirmed_mass"], nominated["state"], nominated["side"]) == (
                "330.000",
                "nominated",
                "taker",
            )
            transport = await house.transport()
            assert (transport["carrier_id"], transport["own_transport"]) == (HAULIER, False)
            verdict = await house.step(SELLER, "/v1/shipments/S10-1/certificate", certificate())
            assert (verdict["verdict"], verdict["findings"]) == ("in_spec", [])
            signed = await house.hand("load", SELLER, HAULIER)
            assert (signed["custody_passed"], signed["key_id"]) == (True, f"K-{HAULIER}")
            await house.move_to(WINDOW_START)
            await house.step(HAULIER, "/v1/shipments/S10-1/departure", {"waybill_no": "YD-001"})
            await house.move_to(WINDOW_END + 90 * MICROS_PER_S)
            assert (await house.step(HAULIER, "/v1/shipments/S10-1/arrival", {}))["late_s"] == 90
            await house.hand("unload", HAULIER, BUYER)
            accepted = await house.step(BUYER, "/v1/shipments/S10-1/acceptance", {})
            assert (accepted["loaded_mass"], accepted["delivered_mass"], accepted["late_s"]) == (
                "330.000",
                "330.000",
                90,
            )
            await _check_end(house)

    asyncio.run(run())


async def _check_end(house: House) -> None:
    shipment = await house.get(BUYER, "/v1/shipments/S10-1")
    assert {name: shipment[name] for name in ("state", "trade_id", "haulage_trade_id", "custodian_id", "quality")} == {
        "state": "accepted",
        "trade_id": "T10",
        "haulage_trade_id": "T20",
        "custodian_id": BUYER,
        "quality": "in_spec",
    }
    assert (shipment["reject_reason"], shipment["fault"], shipment["lost_mass"]) == (None, None, "0.000")
    steps = (await house.get(HAULIER, "/v1/shipments/S10-1/timeline"))["items"]
    assert [step["kind"] for step in steps][:3] == ["ShipmentPlanned", "HaulageAssigned", "MassNominated"]
    assert [step["kind"] for step in steps][-2:] == ["CustodyPassed", "LoadAccepted"]
    assert [step["seq"] for step in steps] == sorted(step["seq"] for step in steps)
    balance = await house.get(AUDITOR, "/v1/mass-balance")
    assert (balance["closed"], balance["differences"]) == (True, [])
    assert kilograms(balance) == {
        "opening": "-86.468", "facility": "0.000", "vessel": "86.468", "meter_difference": "0.000", "vent": "0.000",
    }  # fmt: skip
    closed_at = NOW + (WINDOW_END - NOW) + 90 * MICROS_PER_S
    assert facts(house, "loads") == [
        LoadFact("S10-1", 10, 1, 20, 1, "accepted", "accepted", 330_000, 330_000, 0, closed_at)
    ]
    assert facts(house, "haulage") == [HaulageFact(20, 1, "used", "S10-1")]
    assert house.findings() == []


def test_hand_overs_show_the_document_behind_the_digest(database_url: str) -> None:
    async def run() -> None:
        async with running(database_url) as house:
            await house.to_transport()
            first = await house.read("load", "giver", SELLER, 330)
            assert first["hand_over"] == {"status": "open", "digest": None, "agreed_mass": None, "tolerance": None}
            (opened,) = (await house.get(SELLER, "/v1/shipments/S10-1/hand-overs"))["items"]
            assert (opened["status"], opened["document"], opened["taker_reading"]) == ("open", None, None)
            both = await house.read("load", "taker", HAULIER, 329)
            assert both["hand_over"]["status"] == "proposed"
            assert both["hand_over"]["agreed_mass"] == "329.000"
            digest = both["hand_over"]["digest"]
            (proposed,) = (await house.get(BUYER, "/v1/shipments/S10-1/hand-overs"))["items"]
            assert proposed["digest"] == digest == sha256(proposed["document"])
            assert proposed["giver_reading"]["mass"] == "330.000"
            assert proposed["taker_reading"]["before_mass"] == "38000.000"
            one = await house.sign("load", "giver", SELLER, digest)
            assert (one["custody_passed"], one["key_id"], one["participant_id"]) == (False, f"K-{SELLER}", SELLER)
            assert (await house.sign("load", "taker", HAULIER, digest))["custody_passed"] is True
            (agreed,) = (await house.get(OPERATOR, "/v1/shipments/S10-1/hand-overs"))["items"]
            assert (agreed["status"], agreed["taker_signature"]["key_id"]) == ("agreed", f"K-{HAULIER}")
            assert house.findings() == []

    asyncio.run(run())


def test_the_operator_settles_a_dispute_and_both_sides_sign(database_url: str) -> None:
    async def run() -> None:
        async with running(database_url) as house:
            await house.to_transport()
            await house.read("load", "giver", SELLER, 330)
            disputed = await house.read("load", "taker", HAULIER, 250)
            assert (disputed["hand_over"]["status"], disputed["hand_over"]["digest"]) == ("disputed", None)
            assert (await house.get(SELLER, "/v1/shipments/S10-1"))["held"] is True
            body = {"stage": "load", "agreed_mass": "329.500", "note": "The weighbridge was misread."}
            path = "/v1/shipments/S10-1/settled-reading"
            await house.post(SELLER, path, body, 403)
            settled = await house.step(OPERATOR, path, body)
            assert (settled["agreed_mass"], settled["residue_mass"]) == ("329.500", None)
            (shown,) = (await house.get(HAULIER, "/v1/shipments/S10-1/hand-overs"))["items"]
            assert (shown["status"], shown["note"]) == ("settled", "The weighbridge was misread.")
            assert settled["digest"] == sha256(shown["document"])
            await house.sign("load", "giver", SELLER, settled["digest"])
            await house.sign("load", "taker", HAULIER, settled["digest"])
            assert (await house.get(SELLER, "/v1/shipments/S10-1"))["loaded_mass"] == "329.500"
            assert house.findings() == []

    asyncio.run(run())


def test_a_rejected_load_goes_back_and_haulage_is_due(database_url: str) -> None:
    async def run() -> None:
        async with running(database_url) as house:
            await house.to_arrived()
            rejected = await house.step(BUYER, "/v1/shipments/S10-1/rejection", {"reason": "off_spec"})
            assert (rejected["fault"], rejected["haulage_due_mass"]) == ("seller", "330.000")
            (due,) = facts(house, "loads")
            assert (due.state, due.outcome, due.haulage_due_mass_g, due.closed_at) == (
                "rejected",
                "rejected",
                330_000,
                NOW,
            )
            await house.hand("return", HAULIER, SELLER)
            shipment = await house.get(SELLER, "/v1/shipments/S10-1")
            assert (shipment["state"], shipment["returned_mass"]) == ("returned", "330.000")
            (back,) = facts(house, "loads")
            assert (back.state, back.outcome, back.haulage_due_mass_g) == ("returned", "rejected", 330_000)
            vented = await house.step(HAULIER, f"/v1/vessels/{VESSEL}/vents", {"mass": "0.234", "reason": "purge"})
            assert vented["shipment_id"] is None
            balance = await house.get(OPERATOR, "/v1/mass-balance")
            assert kilograms(balance)["vent"] == "0.234"
            assert balance["closed"] is True
            assert house.findings() == []

    asyncio.run(run())


def test_an_off_spec_certificate_names_its_species(database_url: str) -> None:
    async def run() -> None:
        async with running(database_url) as house:
            await house.plan()
            path = "/v1/shipments/S10-1/certificate"
            verdict = await house.step(SELLER, path, certificate(carbon_monoxide=201))
            assert (verdict["verdict"], verdict["findings"]) == ("off_spec", ["carbon_monoxide"])
            await house.post(SELLER, path, certificate(), 409)

    asyncio.run(run())


def fix(after_s: int, latitude: float = 37.5, **more: Any) -> dict[str, Any]:
    at = to_text(NOW + after_s * MICROS_PER_S)
    return {"fix_time": at, "latitude": latitude, "longitude": 112.5, "speed_km_h": 62.5, **more}


def test_positions_come_late_twice_and_out_of_order(database_url: str) -> None:
    async def run() -> None:
        async with running(database_url) as house:
            await house.to_transport()
            assert (await house.get(BUYER, "/v1/shipments/S10-1"))["position"] is None
            await house.move_to(NOW + 100 * MICROS_PER_S)
            later = [fix(60), fix(30, 37.4, pressure="19.123456", temperature="-12.5"), fix(60, 10.0)]
            first = await house.step(HAULIER, "/v1/positions", {"plate": PLATE, "fixes": later})
            assert first == {"accepted": 2, "known": 1}
            again = await house.post(HAULIER, "/v1/positions", {"plate": PLATE, "fixes": later}, key="another")
            assert again == {"accepted": 0, "known": 3}
            assert again == await house.post(HAULIER, "/v1/positions", {"plate": PLATE, "fixes": later}, key="another")
            earlier = await house.step(HAULIER, "/v1/positions", {"plate": PLATE, "fixes": [fix(10, 37.3), fix(30)]})
            assert earlier == {"accepted": 1, "known": 1}
            vehicle = await house.get(HAULIER, f"/v1/vehicles/{PLATE}")
            assert (vehicle["shipment_id"], vehicle["position"]["latitude"]) == ("S10-1", 37.5)
            assert vehicle["position"]["fix_time"] == to_text(NOW + 60 * MICROS_PER_S)
            seen = await house.get(BUYER, "/v1/shipments/S10-1")
            assert seen["position"] == vehicle["position"]
            await _check_way(house)
            assert house.findings() == []

    asyncio.run(run())


async def _check_way(house: House) -> None:
    path = f"/v1/vehicles/{PLATE}/positions"
    way = (await house.get(HAULIER, path))["items"]
    assert [place["latitude"] for place in way] == [37.3, 37.4, 37.5]
    assert (way[1]["pressure"], way[1]["temperature"], way[0]["pressure"]) == ("19.123456", "-12.500", None)
    part = await house.get(HAULIER, path, **{"from": way[1]["fix_time"], "to": way[2]["fix_time"]})
    assert part["items"] == way[1:2]
    page = await house.get(HAULIER, path, limit=2)
    rest = await house.get(HAULIER, path, limit=2, cursor=page["next_cursor"])
    assert page["items"] + rest["items"] == way
    assert rest["next_cursor"] is None
    await house.get(BUYER, path, 404)
    assert len((await house.get(AUDITOR, path))["items"]) == 3


def test_lists_come_in_pages_that_neither_skip_nor_repeat(database_url: str) -> None:
    async def run() -> None:
        async with running(database_url) as house:
            await house.plan(9, loads=2)
            await house.plan(101, loads=3)
            await house.haul(200, loads=1)
            seen: list[str] = []
            cursor: dict[str, Any] = {}
            while True:
                page = await house.get(SELLER, "/v1/shipments", limit=2, **cursor)
                seen += [item["shipment_id"] for item in page["items"]]
                if page["next_cursor"] is None:
                    break
                cursor = {"cursor": page["next_cursor"]}
            assert seen == ["S101-3", "S101-2", "S101-1", "S9-2", "S9-1"]
            of_trade = await house.get(SELLER, "/v1/shipments", trade_id="T9")
            assert [item["shipment_id"] for item in of_trade["items"]] == ["S9-2", "S9-1"]
            for who, role, count in ((SELLER, "seller", 5), (SELLER, "buyer", 0), (HAULIER, "haulier", 1)):
                assert len((await house.get(who, "/v1/shipments", role=role))["items"]) == count
            assert len((await house.get(SELLER, "/v1/shipments", state="nominated"))["items"]) == 0
            (load,) = (await house.get(HAULIER, "/v1/haulage", state="assigned"))["items"]
            assert (load["trade_id"], load["shipment_id"], load["state"]) == ("T200", "S9-1", "assigned")
            plates = await house.get(OPERATOR, "/v1/vehicles", limit=1)
            rest = await house.get(OPERATOR, "/v1/vehicles", limit=1, cursor=plates["next_cursor"])
            assert [item["plate"] for item in plates["items"] + rest["items"]] == [PLATE, "晋B0001"]

    asyncio.run(run())


def test_a_company_sees_its_own_and_no_more(database_url: str) -> None:
    async def run() -> None:
        async with running(database_url) as house:
            await house.to_transport()
            for who in (SELLER, BUYER, HAULIER, OPERATOR, AUDITOR, READER):
                assert [item["shipment_id"] for item in (await house.get(who, "/v1/shipments"))["items"]] == ["S10-1"]
            for who in (RIVAL, STRANGER):
                assert (await house.get(who, "/v1/shipments"))["items"] == []
                assert (await house.get(who, "/v1/haulage"))["items"] == []
                for path in ("", "/timeline", "/hand-overs"):
                    missing = await house.get(who, f"/v1/shipments/S10-1{path}", 404)
                    assert missing["code"] == "not_found"
            assert (await house.get(STRANGER, "/v1/vessels"))["items"] == []
            assert (await house.get(STRANGER, "/v1/meters"))["items"] == []
            await house.get(RIVAL, f"/v1/vehicles/{PLATE}", 404)
            for who, count in ((HAULIER, 1), (AUDITOR, 3), (SELLER, 1)):
                assert len((await house.get(who, "/v1/meters"))["items"]) == count
            for who in (SELLER, STRANGER):
                await house.get(who, "/v1/mass-balance", 403)
            for path in ("/v1/shipments", "/v1/mass-balance", "/v1/shipments/S10-1", "/v1/vehicles"):
                await house.get("", path, 401)

    asyncio.run(run())


STEPS: list[tuple[str, Any]] = [
    ("nominations", {"mass": "1", "facility_id": "F1"}),
    ("transport", {"plate": PLATE, "vessel_id": VESSEL, "driver_licence": "D", "escort_licence": "E"}),
    ("readings", {"stage": "load", "side": "giver", "meter_id": "M1", "before_mass": "0", "after_mass": "1"}),
    ("signatures", {"stage": "load", "side": "giver", "digest": "0" * 64}),
    ("certificate", certificate()),
    ("departure", {"waybill_no": "YD-1"}),
    ("arrival", {}),
    ("acceptance", {}),
    ("rejection", {"reason": "off_spec"}),
]


@pytest.mark.parametrize("planned", [True, False])
def test_no_step_of_a_foreign_or_unknown_load_can_be_taken(sqlite_url: str, planned: bool) -> None:
    """What is another's and what is not there look the same, and leave nothing behind."""

    async def run() -> None:
        async with running(sqlite_url) as house:
            if planned:
                await house.to_transport()
            seq = house.service.sequencer.tail.seq
            for step, body in STEPS:
                path = f"/v1/shipments/S10-1/{step}"
                missing = await house.post(STRANGER, path, body, 404)
                assert (missing["code"], missing["errors"][0]["field"]) == ("not_found", "shipment_id")
                await house.post(READER, path, body, 403)
                await house.post(AUDITOR, path, body, 403)
                await house.post("", path, body, 401)
            assert house.service.sequencer.tail.seq == seq

    asyncio.run(run())


def test_a_key_with_another_body_or_route_is_refused(database_url: str) -> None:
    async def run() -> None:
        async with running(database_url) as house:
            await house.plan(loads=2)
            path = "/v1/shipments/S10-1/nominations"
            body = {"mass": "330.000", "facility_id": "F1"}
            first = await house.post(SELLER, path, body, key="n-1")
            assert await house.post(SELLER, path, body, key="n-1") == first
            reused = await house.post(SELLER, path, {**body, "mass": "331.000"}, 409, key="n-1")
            assert reused["code"] == "idempotency_key_reused"
            await house.post(SELLER, "/v1/shipments/S10-2/nominations", body, 409, key="n-1")
            await house.post(BUYER, path, {"mass": "330.000", "facility_id": "F2"}, key="n-1")
            refused = {"mass": "0.000", "facility_id": "F1"}
            await house.post(SELLER, "/v1/shipments/S10-2/nominations", refused, 422, key="n-2")
            await house.post(SELLER, "/v1/shipments/S10-2/nominations", body, key="n-2")

    asyncio.run(run())
