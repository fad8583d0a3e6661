"""What tracking's routes refuse: one line a case, with its status, its rule, and the field as the caller wrote it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI

from kernel.clock import to_text
from kernel.quantity import MICROS_PER_S
from tests.tracking.room import OPERATOR, PLATE, VESSEL, House, running, vessel
from tests.tracking.scene import BUYER, HAULIER, NOW, RIVAL, SELLER
from tracking.api import router

NOMINATIONS = "/v1/shipments/S10-1/nominations"
TRANSPORT = {"plate": PLATE, "vessel_id": VESSEL, "driver_licence": "D-1", "escort_licence": "E-1"}
METER = {"kind": "flow", "label": "New", "uncertainty_ppm": 5_000, "calibrated_until": "2027-01-01T00:00:00+08:00"}
RESULTS = [{"species": "water", "value": 1}]
CERTIFICATE = {
    "laboratory": "Lab",
    "sampled_at": to_text(NOW),
    "standard": "GB/T 37244",
    "edition": "2018",
    "results": RESULTS,
}
FIX = {"fix_time": to_text(NOW), "latitude": 37.5, "longitude": 112.5, "speed_km_h": 60}


def nomination(mass: Any, facility_id: str = "F1") -> dict[str, Any]:
    return {"mass": mass, "facility_id": facility_id}


def reading(**figures: Any) -> dict[str, Any]:
    return {"stage": "load", "side": "giver", "meter_id": "METER", **figures}


def fixes(**changed: Any) -> dict[str, Any]:
    return {"plate": PLATE, "fixes": [FIX, {**FIX, **changed}]}


Case = tuple[str, str, Any, int, str, str]
#: Who, route, body, status, rule, field. Everything is sent to one house in turn; nothing of it may leave a trace.
CASES: list[Case] = [
    (SELLER, NOMINATIONS, nomination("330.0001"), 422, "decimal_string", "mass"),
    (SELLER, NOMINATIONS, nomination("-330.000"), 422, "decimal_string", "mass"),
    (SELLER, NOMINATIONS, nomination("3.3e2"), 422, "decimal_string", "mass"),
    (SELLER, NOMINATIONS, nomination(" 330"), 422, "decimal_string", "mass"),
    (SELLER, NOMINATIONS, nomination(330), 422, "decimal_string", "mass"),
    (SELLER, NOMINATIONS, nomination(330.5), 422, "decimal_string", "mass"),
    (SELLER, NOMINATIONS, nomination(None), 422, "decimal_string", "mass"),
    (SELLER, NOMINATIONS, nomination("0"), 422, "out_of_range", "mass"),
    (SELLER, NOMINATIONS, nomination("346.001"), 422, "out_of_range", "mass"),
    (SELLER, NOMINATIONS, nomination("330", "F0"), 422, "string_pattern_mismatch", "facility_id"),
    (SELLER, NOMINATIONS, nomination("330", "F9"), 404, "not_found", "facility_id"),
    (SELLER, NOMINATIONS, nomination("330", "F2"), 404, "not_found", "facility_id"),
    (SELLER, NOMINATIONS, {**nomination("330"), "side": "giver"}, 422, "extra_forbidden", "side"),
    (SELLER, NOMINATIONS, {"mass": "330"}, 422, "missing", "facility_id"),
    (SELLER, NOMINATIONS, [], 422, "model_attributes_type", "body"),
    (HAULIER, NOMINATIONS, nomination("330"), 403, "wrong_party", "Authorization"),
    (RIVAL, NOMINATIONS, nomination("330"), 404, "not_found", "shipment_id"),
    (SELLER, "/v1/shipments/S10-2/nominations", nomination("330"), 404, "not_found", "shipment_id"),
    (SELLER, "/v1/shipments/X10-1/nominations", nomination("330"), 422, "string_pattern_mismatch", "shipment_id"),
    (SELLER, "/v1/shipments/S10/nominations", nomination("330"), 422, "string_pattern_mismatch", "shipment_id"),
    (HAULIER, "/v1/shipments/S11-1/transport", {**TRANSPORT, "plate": "晋A9999"}, 404, "not_found", "plate"),
    (HAULIER, "/v1/shipments/S11-1/transport", {**TRANSPORT, "vessel_id": "TT-11"}, 404, "not_found", "vessel_id"),
    (HAULIER, "/v1/shipments/S11-1/transport", {**TRANSPORT, "plate": "a b"}, 422, "string_pattern_mismatch", "plate"),
    (HAULIER, "/v1/shipments/S11-1/transport", {**TRANSPORT, "driver_licence": " D"}, 422, "text_unfit",
     "driver_licence"),
    (SELLER, "/v1/shipments/S11-1/transport", TRANSPORT, 403, "wrong_party", "Authorization"),
    (HAULIER, "/v1/shipments/S10-1/transport", TRANSPORT, 409, "wrong_state", "shipment_id"),
    (SELLER, "/v1/shipments/S10-1/readings", reading(before_mass="0", after_mass="1"), 409, "wrong_state",
     "shipment_id"),
    (SELLER, "/v1/shipments/S12-1/readings", reading(before_mass="1", after_mass="1"), 422, "reading_not_positive",
     "after_mass"),
    (SELLER, "/v1/shipments/S12-1/readings", reading(before_mass="1"), 422, "reading_incomplete", "after_mass"),
    (SELLER, "/v1/shipments/S12-1/readings", reading(before_mass="0", after_mass="1.0001"), 422, "decimal_string",
     "after_mass"),
    (SELLER, "/v1/shipments/S12-1/readings", reading(before_mass="0", after_mass="999999999999"), 422, "out_of_range",
     "after_mass"),
    (SELLER, "/v1/shipments/S12-1/readings", reading(after_pressure="20.0000001", after_temperature="15"), 422,
     "decimal_string", "after_pressure"),
    (SELLER, "/v1/shipments/S12-1/readings",
     reading(before_mass="0", after_mass="1", after_pressure="20.1", after_temperature="15"), 422, "out_of_range",
     "after_pressure"),
    (SELLER, "/v1/shipments/S12-1/readings",
     reading(before_mass="0", after_mass="1", after_pressure="2", after_temperature="-100"), 422, "out_of_range",
     "after_temperature"),
    (SELLER, "/v1/shipments/S12-1/readings", {**reading(before_mass="0", after_mass="1"), "meter_id": "M999"}, 404,
     "not_found", "meter_id"),
    (SELLER, "/v1/shipments/S12-1/readings", {**reading(before_mass="0", after_mass="1"), "stage": "unload"}, 409,
     "wrong_state", "shipment_id"),
    (BUYER, "/v1/shipments/S12-1/readings", reading(before_mass="0", after_mass="1"), 403, "wrong_party",
     "Authorization"),
    (SELLER, "/v1/shipments/S10-1/signatures", {"stage": "load", "side": "giver", "digest": "0" * 64}, 404,
     "not_found", "stage"),
    (SELLER, "/v1/shipments/S10-1/signatures", {"stage": "load", "side": "giver", "digest": "F" * 64}, 422,
     "string_pattern_mismatch", "digest"),
    (SELLER, "/v1/shipments/S10-1/certificate", {**CERTIFICATE, "edition": "1999"}, 422, "standard_unknown",
     "standard"),
    (SELLER, "/v1/shipments/S10-1/certificate", {**CERTIFICATE, "sampled_at": "2026-02-01T00:00:00Z"}, 422,
     "out_of_range", "sampled_at"),
    (SELLER, "/v1/shipments/S10-1/certificate", {**CERTIFICATE, "results": RESULTS * 2}, 422, "species_unfit",
     "results.1.species"),
    (SELLER, "/v1/shipments/S10-1/certificate", {**CERTIFICATE, "results": [{"species": "water", "value": -1}]}, 422,
     "greater_than_equal", "results.0.value"),
    (BUYER, "/v1/shipments/S10-1/certificate", CERTIFICATE, 403, "wrong_party", "Authorization"),
    (HAULIER, "/v1/shipments/S12-1/departure", {"waybill_no": "YD"}, 409, "wrong_state", "shipment_id"),
    (HAULIER, "/v1/shipments/S12-1/departure", {"waybill_no": ""}, 422, "string_too_short", "waybill_no"),
    (HAULIER, "/v1/shipments/S12-1/arrival", {}, 409, "wrong_state", "shipment_id"),
    (HAULIER, "/v1/shipments/S12-1/arrival", {"late_s": 0}, 422, "extra_forbidden", "late_s"),
    (BUYER, "/v1/shipments/S12-1/acceptance", {}, 409, "wrong_state", "shipment_id"),
    (BUYER, "/v1/shipments/S12-1/rejection", {"reason": "off_spec"}, 409, "wrong_state", "shipment_id"),
    (BUYER, "/v1/shipments/S12-1/rejection", {"reason": "too_dear"}, 422, "literal_error", "reason"),
    (OPERATOR, "/v1/shipments/S12-1/settled-reading", {"stage": "load", "agreed_mass": "1", "note": "why"}, 404,
     "not_found", "stage"),
    (SELLER, "/v1/shipments/S12-1/settled-reading", {"stage": "load", "agreed_mass": "1", "note": "why"}, 403, "scope",
     "Authorization"),
    (HAULIER, "/v1/vehicles", {"plate": PLATE}, 409, "already_registered", "plate"),
    (HAULIER, "/v1/vehicles", {"plate": "-A"}, 422, "string_pattern_mismatch", "plate"),
    (HAULIER, "/v1/vehicles", {"plate": "晋"}, 422, "string_pattern_mismatch", "plate"),
    (RIVAL, "/v1/vessels", vessel(VESSEL), 409, "already_registered", "vessel_id"),
    (RIVAL, "/v1/vessels", vessel("TT-12", water_volume_l=9), 422, "greater_than_equal", "water_volume_l"),
    (RIVAL, "/v1/vessels", vessel("TT-12", water_volume_l="26000"), 422, "int_type", "water_volume_l"),
    (RIVAL, "/v1/vessels", vessel("TT-12", max_pressure="70.000001"), 422, "out_of_range", "max_pressure"),
    (RIVAL, "/v1/vessels", vessel("TT-12", max_pressure="20.0000000"), 422, "decimal_string", "max_pressure"),
    (RIVAL, "/v1/vessels", vessel("TT-12", heel_pressure="20.1"), 422, "out_of_range", "heel_pressure"),
    (RIVAL, "/v1/vessels", vessel("TT-12", heel_temperature="85.001"), 422, "out_of_range", "heel_temperature"),
    (RIVAL, "/v1/vessels", vessel("TT-12", inspection_due=to_text(NOW)), 422, "inspection_due", "inspection_due"),
    (RIVAL, "/v1/vessels", vessel("TT-12", inspection_due="2027-01-01T00:00:00"), 422, "time", "inspection_due"),
    (RIVAL, "/v1/meters", {**METER, "uncertainty_ppm": 50_001}, 422, "less_than_equal", "uncertainty_ppm"),
    (RIVAL, "/v1/meters", {**METER, "kind": "eye"}, 422, "literal_error", "kind"),
    (RIVAL, "/v1/meters", {**METER, "calibrated_until": to_text(NOW)}, 422, "calibration_expired", "calibrated_until"),
    (HAULIER, f"/v1/vessels/{VESSEL}/vents", {"mass": "43.235", "reason": "leak"}, 422, "out_of_range", "mass"),
    (HAULIER, f"/v1/vessels/{VESSEL}/vents", {"mass": "-1", "reason": "leak"}, 422, "decimal_string", "mass"),
    (RIVAL, f"/v1/vessels/{VESSEL}/vents", {"mass": "1", "reason": "leak"}, 404, "not_found", "vessel_id"),
    (RIVAL, "/v1/positions", fixes(), 404, "not_found", "plate"),
    (HAULIER, "/v1/positions", {"plate": PLATE, "fixes": []}, 422, "too_short", "fixes"),
    (HAULIER, "/v1/positions", {"plate": PLATE, "fixes": [FIX] * 501}, 422, "too_long", "fixes"),
    (HAULIER, "/v1/positions", fixes(latitude=90.1), 422, "less_than_equal", "fixes.1.latitude"),
    (HAULIER, "/v1/positions", fixes(latitude="37.5"), 422, "float_type", "fixes.1.latitude"),
    (HAULIER, "/v1/positions", fixes(speed_km_h=-1), 422, "greater_than_equal", "fixes.1.speed_km_h"),
    (HAULIER, "/v1/positions", fixes(pressure="70.1"), 422, "out_of_range", "fixes.1.pressure"),
    (HAULIER, "/v1/positions", fixes(temperature="130"), 422, "out_of_range", "fixes.1.temperature"),
    (HAULIER, "/v1/positions", fixes(fix_time=to_text(NOW + 31 * MICROS_PER_S)), 422, "fix_in_future",
     "fixes.1.fix_time"),
    (HAULIER, "/v1/positions", fixes(fix_time="2025-12-01T00:00:00Z"), 422, "fix_too_old", "fixes.1.fix_time"),
]  # fmt: skip


async def three_loads(house: House) -> None:
    """S10-1 is planned, S11-1 nominated, S12-1 has its lorry; each has its carriage."""
    for number in (12, 11, 10):
        await house.plan(number)
        await house.haul(number + 10)
    await house.nominate("S11-1")
    await house.nominate("S12-1")
    await house.transport("S12-1")


def test_refusals_name_the_field_and_leave_no_trace(database_url: str) -> None:
    async def run() -> None:
        async with running(database_url) as house:
            await three_loads(house)
            seq = house.service.sequencer.tail.seq
            for who, path, body, status, rule, field in CASES:
                sent = {**body, "meter_id": house.meters[SELLER, "flow"]} if _names_meter(body) else body
                refused = await house.post(who, path, sent, status)
                entry = refused["errors"][0]
                assert (entry["rule"], entry["field"]) == (rule, field), (path, body, refused)
            assert house.service.sequencer.tail.seq == seq
            assert house.findings() == []

    asyncio.run(run())


def _names_meter(body: Any) -> bool:
    return isinstance(body, dict) and body.get("meter_id") == "METER"


def test_a_range_is_told_in_the_callers_units_and_language(sqlite_url: str) -> None:
    async def run() -> None:
        async with running(sqlite_url) as house:
            await house.plan()
            refused = await house.post(SELLER, NOMINATIONS, nomination("400"), 422)
            assert refused["detail"] == "mass is 400.000; accepted is 0.001 to 346.000."
            refused = await house.post(RIVAL, "/v1/vessels", vessel("TT-12", heel_temperature="-60"), 422)
            assert refused["detail"] == "heel_temperature is -60.000; accepted is -53.150 to 85.000."
            refused = await house.post(RIVAL, "/v1/vessels", vessel("TT-12", max_pressure="0.5"), 422)
            assert refused["detail"] == "max_pressure is 0.500000; accepted is 1.000000 to 70.000000."
            headers = {"Authorization": f"Bearer {SELLER}", "Accept-Language": "zh-CN"}
            answer = await house.client.post(NOMINATIONS, headers=headers, json=nomination("400"))
            assert answer.json()["detail"] == "mass 为 400.000；允许范围为 0.001 至 346.000。"

    asyncio.run(run())


def test_signatures_that_are_not_due_are_refused(database_url: str) -> None:
    async def run() -> None:
        async with running(database_url) as house:
            await house.to_transport()
            await house.read("load", "giver", SELLER, 330)
            path = "/v1/shipments/S10-1/signatures"
            giver = {"stage": "load", "side": "giver", "digest": "0" * 64}
            assert (await house.post(SELLER, path, giver, 409))["code"] == "not_ready_to_sign"
            digest = (await house.read("load", "taker", HAULIER, 330))["hand_over"]["digest"]
            wrong = await house.post(SELLER, path, giver, 422)
            assert (wrong["code"], wrong["errors"][0]["field"]) == ("digest_mismatch", "digest")
            assert (await house.post(BUYER, path, {**giver, "digest": digest}, 403))["code"] == "wrong_party"
            assert (await house.post(HAULIER, path, {**giver, "digest": digest}, 403))["code"] == "wrong_party"
            await house.sign("load", "giver", SELLER, digest)
            again = await house.post(SELLER, path, {**giver, "digest": digest}, 409, key="again")
            assert again["code"] == "already_signed"
            readings = "/v1/shipments/S10-1/readings"
            assert (await house.post(SELLER, readings, house.reading("load", "giver", SELLER, 330), 409))["code"] == (
                "reading_exists"
            )

    asyncio.run(run())


@pytest.mark.parametrize(
    ("path", "params", "field"),
    [
        ("/v1/shipments", {"state": "lost"}, "state"),
        ("/v1/shipments", {"trade_id": "10"}, "trade_id"),
        ("/v1/shipments", {"role": "owner"}, "role"),
        ("/v1/shipments", {"limit": 0}, "limit"),
        ("/v1/shipments", {"limit": 501}, "limit"),
        ("/v1/shipments", {"cursor": "x"}, "cursor"),
        ("/v1/shipments", {"cursor": "UzEwLTE"}, "cursor"),
        ("/v1/vehicles", {"cursor": "AAA"}, "cursor"),
        ("/v1/vessels", {"cursor": "_w"}, "cursor"),
        ("/v1/haulage", {"state": "planned"}, "state"),
        (f"/v1/vehicles/{PLATE}/positions", {"from": "yesterday"}, "from"),
        (f"/v1/vehicles/{PLATE}/positions", {"to": "2026-01-05"}, "to"),
        ("/v1/vehicles/a%20b", {}, "plate"),
        ("/v1/shipments/S1-0", {}, "shipment_id"),
    ],
)
def test_queries_outside_their_schema_are_refused(sqlite_url: str, path: str, params: Any, field: str) -> None:
    async def run() -> None:
        async with running(sqlite_url) as house:
            refused = await house.get(HAULIER, path, 422, **params)
            assert refused["errors"][0]["field"] == field

    asyncio.run(run())


def test_every_route_is_named_and_documents_its_refusals() -> None:
    app = FastAPI()
    app.include_router(router(None))  # type: ignore[arg-type]  # no route is called
    operations = [
        (method, path, operation)
        for path, methods in app.openapi()["paths"].items()
        for method, operation in methods.items()
    ]
    names = [operation["operationId"] for _, _, operation in operations]
    assert len(names) == len(set(names)) == 27
    for method, path, operation in operations:
        documented = set(operation["responses"])
        assert {"401", "403", "422", "429"} <= documented, path
        assert "Scope: " in operation["description"], path
        if method == "post":
            assert {"201", "404", "409", "413", "503"} <= documented, path
            assert any(one["name"] == "Idempotency-Key" for one in operation["parameters"]), path
        elif "{" in path:
            assert "404" in documented, path
