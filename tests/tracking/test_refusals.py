"""Every refusal, by name, with the field that it points at. `Scene` checks that each of them leaves no trace."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import NamedTuple

import pytest

from kernel.errors import H2MarketError, NotFound
from kernel.messages import Command
from tests.tracking.scene import (
    BUYER,
    HAULIER,
    HEEL_G,
    HEEL_MK,
    NEXT_YEAR,
    NOMINAL_G,
    NOW,
    RIVAL,
    SELLER,
    STRANGER,
    WINDOW_END,
    Scene,
)
from tracking import commands, errors


class Case(NamedTuple):
    """What is refused: the error's code, its field, and the command on a scene."""

    code: str
    field: str
    ask: Callable[[Scene], Command]
    label: str = ""


def planned() -> Scene:
    scene = Scene()
    scene.plan()
    scene.haul()
    return scene


def nominated() -> Scene:
    return Scene().to_nominated()


def ready() -> Scene:
    return Scene().to_transport()


def read_once() -> Scene:
    scene = ready()
    scene.read("load", "giver", SELLER, NOMINAL_G)
    return scene


def proposed() -> Scene:
    scene = read_once()
    scene.read("load", "taker", HAULIER, NOMINAL_G)
    return scene


def disputed() -> Scene:
    scene = read_once()
    scene.read("load", "taker", HAULIER, 250_000)
    return scene


def unload_disputed() -> Scene:
    scene = arrived()
    scene.read("unload", "giver", HAULIER, NOMINAL_G)
    scene.read("unload", "taker", BUYER, 250_000)
    return scene


def emptied() -> Scene:
    scene = Scene()
    scene.do(commands.VentVessel(HAULIER, "TT-01", HEEL_G, "before its inspection"))
    return scene


def loaded() -> Scene:
    return Scene().to_loaded()


def departed() -> Scene:
    return Scene().to_departed()


def arrived() -> Scene:
    return Scene().to_arrived()


def delivered() -> Scene:
    return Scene().to_delivered()


def nominate(
    party: str = SELLER, mass_g: int = NOMINAL_G, facility: str = "F1", key: str = "S10-1"
) -> commands.Nominate:
    return commands.Nominate(party, key, mass_g, facility)


def transport(
    party: str = HAULIER, plate: str = "晋A0001", vessel: str = "TT-01", driver: str = "D-1", escort: str = "E-1"
) -> commands.NominateTransport:
    return commands.NominateTransport(party, "S10-1", plate, vessel, driver, escort)


def vessel(
    code: str = "TT-99", litres: int = 26_000, pressure_pa: int = 20_000_000, due: int = NEXT_YEAR,
    heel_pa: int = 0, heel_mk: int = HEEL_MK,
) -> commands.RegisterVessel:  # fmt: skip
    return commands.RegisterVessel(HAULIER, code, "tube_trailer", litres, pressure_pa, due, heel_pa, heel_mk)


def gauge(scene: Scene, **figures: int) -> commands.RecordReading:
    return commands.RecordReading(HAULIER, "S10-1", "load", "taker", scene.meters[HAULIER, "gauge"], **figures)


def sign(scene: Scene, party: str = SELLER, side: str = "giver", digest: str = "") -> commands.SignHandOver:
    digest = digest or scene.hand_over("load").digest
    return commands.SignHandOver(party, "S10-1", "load", side, "K1", digest)  # type: ignore[arg-type]


def settle(
    stage: str = "load", mass_g: int = 300_000, residue_g: int | None = None, note: str = "agreed by telephone"
) -> commands.SettleHandOver:
    return commands.SettleHandOver("S10-1", stage, mass_g, residue_g, note)  # type: ignore[arg-type]


def certificate(
    party: str = SELLER, sampled_at: int = NOW, edition: str = "2018",
    results: tuple[commands.QualityResult, ...] = (), laboratory: str = "Lab",
) -> commands.AttachCertificate:  # fmt: skip
    return commands.AttachCertificate(party, "S10-1", laboratory, sampled_at, "GB/T 37244", edition, results)


def result(species: str, value: int) -> commands.QualityResult:
    return commands.QualityResult(species, value)


TABLE: dict[Callable[[], Scene], tuple[Case, ...]] = {
    Scene: (
        Case("not_found", "product_id", lambda _: commands.PlanTrade(10, "NONE", 1, BUYER, SELLER)),
        Case("not_found", "shipment_id", lambda _: nominate()),
        Case("not_found", "vessel_id", lambda _: commands.VentVessel(HAULIER, "TT-99", 1, "leak")),
        Case("not_found", "vessel_id", lambda _: commands.VentVessel(RIVAL, "TT-01", 1, "leak"), "another's vessel"),
        Case("already_registered", "plate", lambda _: commands.RegisterVehicle(RIVAL, "晋A0001")),
        Case("already_registered", "vessel_id", lambda _: vessel("TT-01")),
        Case("code_unfit", "plate", lambda _: commands.RegisterVehicle(RIVAL, "晋 A0001")),
        Case("code_unfit", "plate", lambda _: commands.RegisterVehicle(RIVAL, "晋A" + 31 * "1"), "33 characters"),
        Case("code_unfit", "plate", lambda _: commands.RegisterVehicle(RIVAL, "晋a0001"), "small letters"),
        Case("code_unfit", "vessel_id", lambda _: vessel("TT-01:load")),
        Case("out_of_range", "water_volume_l", lambda _: vessel(litres=0)),
        Case("out_of_range", "max_pressure_pa", lambda _: vessel(pressure_pa=70_000_001)),
        Case("out_of_range", "heel_pressure_pa", lambda _: vessel(heel_pa=20_000_001)),
        Case("out_of_range", "heel_temperature_mk", lambda _: vessel(heel_mk=15_000)),
        Case("inspection_due", "inspection_due_at", lambda _: vessel(due=NOW)),
        Case(
            "out_of_range", "uncertainty_ppm", lambda _: commands.RegisterMeter(SELLER, "flow", "x", 50_001, NEXT_YEAR)
        ),
        Case("text_unfit", "label", lambda _: commands.RegisterMeter(SELLER, "flow", "", 50, NEXT_YEAR)),
        Case("calibration_expired", "calibrated_until", lambda _: commands.RegisterMeter(SELLER, "flow", "x", 50, NOW)),
        Case("out_of_range", "mass_g", lambda _: commands.VentVessel(HAULIER, "TT-01", 43_235, "leak")),
        Case("text_unfit", "reason", lambda _: commands.VentVessel(HAULIER, "TT-01", 1, " ")),
        Case("not_found", "shipment_id", lambda _: settle()),
    ),
    emptied: (Case("vessel_empty", "vessel_id", lambda _: commands.VentVessel(HAULIER, "TT-01", 1, "once more")),),
    planned: (
        Case("not_found", "shipment_id", lambda _: nominate(STRANGER)),
        Case("wrong_party", "participant_id", lambda _: nominate(HAULIER)),
        Case("out_of_range", "mass_g", lambda _: nominate(mass_g=346_001)),
        Case("out_of_range", "mass_g", lambda _: nominate(mass_g=0), "nothing"),
        Case("not_found", "facility_id", lambda _: nominate(facility="F99")),
        Case("not_found", "facility_id", lambda _: nominate(facility="F2"), "another's facility"),
        Case("facility_kind_unfit", "facility_id", lambda _: nominate(BUYER, facility="F5")),
        Case("facility_elsewhere", "facility_id", lambda _: nominate(facility="F4")),
        Case("facility_elsewhere", "facility_id", lambda _: nominate(BUYER, facility="F3"), "not where haulage goes"),
        Case("wrong_state", "shipment_id", lambda _: transport()),
        Case("wrong_state", "shipment_id", lambda s: s.reading("load", "giver", SELLER, 1), "reading too early"),
    ),
    nominated: (
        Case("wrong_state", "shipment_id", lambda _: nominate()),
        Case("wrong_party", "participant_id", lambda _: transport(BUYER, "晋L0001", "TT-21")),
        Case("not_found", "plate", lambda _: transport(plate="晋Z0001")),
        Case("not_found", "plate", lambda _: transport(plate="晋B0001"), "another's vehicle"),
        Case("not_found", "vessel_id", lambda _: transport(vessel="TT-11")),
        Case("text_unfit", "driver_licence", lambda _: transport(driver="")),
        Case("text_unfit", "escort_licence", lambda _: transport(escort=201 * "E")),
        Case("transport_missing", "shipment_id", lambda s: s.reading("load", "giver", SELLER, 1)),
        Case("not_found", "stage", lambda _: settle()),
        Case("not_found", "stage", lambda s: sign(s, digest="0" * 64), "no hand-over"),
    ),
    ready: (
        Case("not_found", "shipment_id", lambda s: s.reading("load", "giver", RIVAL, 1)),
        Case("wrong_party", "participant_id", lambda s: s.reading("load", "giver", BUYER, 1)),
        Case(
            "wrong_party", "participant_id", lambda s: s.reading("load", "taker", SELLER, 1), "the other side's reading"
        ),
        Case("wrong_state", "shipment_id", lambda s: s.reading("unload", "giver", HAULIER, 1)),
        Case(
            "not_found",
            "meter_id",
            lambda s: commands.RecordReading(SELLER, "S10-1", "load", "giver", s.meters[BUYER, "flow"], 0, 1),
        ),
        Case("reading_not_positive", "after_mass_g", lambda s: s.reading("load", "giver", SELLER, 0)),
        Case("reading_not_positive", "after_mass_g", lambda s: s.reading("load", "taker", HAULIER, -1), "backwards"),
        Case(
            "reading_incomplete",
            "before_mass_g",
            lambda s: commands.RecordReading(SELLER, "S10-1", "load", "giver", s.meters[SELLER, "flow"]),
        ),
        Case(
            "out_of_range",
            "after_mass_g",
            lambda s: commands.RecordReading(SELLER, "S10-1", "load", "giver", s.meters[SELLER, "flow"], 0, 10**12 + 1),
        ),
        Case("reading_incomplete", "before_pressure_pa", gauge),
        Case(
            "reading_incomplete",
            "before_temperature_mk",
            lambda s: gauge(s, before_pressure_pa=1, after_pressure_pa=1, after_temperature_mk=HEEL_MK),
        ),
        Case(
            "out_of_range",
            "after_pressure_pa",
            lambda s: gauge(
                s,
                before_pressure_pa=1,
                before_temperature_mk=HEEL_MK,
                after_pressure_pa=20_000_001,
                after_temperature_mk=HEEL_MK,
            ),
        ),
        Case(
            "out_of_range", "before_temperature_mk", lambda s: gauge(s, before_pressure_pa=1, before_temperature_mk=15)
        ),
        Case(
            "reading_not_positive",
            "after_pressure_pa",
            lambda s: gauge(
                s,
                before_pressure_pa=5_000_000,
                before_temperature_mk=HEEL_MK,
                after_pressure_pa=4_000_000,
                after_temperature_mk=HEEL_MK,
            ),
        ),
        Case("wrong_state", "shipment_id", lambda _: commands.Depart(HAULIER, "S10-1", "YD-1")),
    ),
    read_once: (
        Case("reading_exists", "side", lambda s: s.reading("load", "giver", SELLER, NOMINAL_G)),
        Case("not_ready_to_sign", "stage", lambda s: sign(s, digest="0" * 64)),
        Case("not_disputed", "stage", lambda _: settle()),
        Case("vessel_busy", "vessel_id", lambda _: commands.VentVessel(HAULIER, "TT-01", 1, "purge")),
        Case("wrong_state", "shipment_id", lambda _: transport()),
    ),
    proposed: (
        Case("digest_mismatch", "digest", lambda s: sign(s, digest="0" * 64)),
        Case("digest_mismatch", "digest", lambda s: sign(s, digest=s.hand_over("load").digest.upper()), "upper case"),
        Case("wrong_party", "participant_id", lambda s: sign(s, BUYER)),
        Case("wrong_party", "participant_id", lambda s: sign(s, SELLER, "taker"), "signs for the other side"),
        Case("not_found", "shipment_id", lambda s: sign(s, STRANGER)),
        Case("wrong_state", "shipment_id", lambda _: commands.Depart(HAULIER, "S10-1", "YD-1")),
    ),
    disputed: (
        Case("shipment_held", "shipment_id", lambda s: s.reading("load", "taker", HAULIER, NOMINAL_G)),
        Case("not_ready_to_sign", "stage", lambda s: sign(s, digest="0" * 64)),
        Case("out_of_range", "agreed_mass_g", lambda _: settle(mass_g=330_001)),
        Case("out_of_range", "agreed_mass_g", lambda _: settle(mass_g=0), "nothing"),
        Case("out_of_range", "residue_mass_g", lambda _: settle(residue_g=1)),
        Case("text_unfit", "note", lambda _: settle(note="")),
    ),
    unload_disputed: (
        Case("shipment_held", "shipment_id", lambda _: commands.RejectLoad(BUYER, "S10-1", "off_spec")),
        Case("residue_unmeasured", "residue_mass_g", lambda _: settle("unload")),
        Case("out_of_range", "residue_mass_g", lambda _: settle("unload", residue_g=400_000)),
        Case("settlement_impossible", "agreed_mass_g", lambda _: settle("unload", 330_000, 43_235)),
    ),
    loaded: (
        Case("wrong_party", "participant_id", lambda _: commands.Depart(SELLER, "S10-1", "YD-1")),
        Case("text_unfit", "waybill_no", lambda _: commands.Depart(HAULIER, "S10-1", "YD\n1")),
        Case("wrong_state", "shipment_id", lambda _: commands.Arrive(HAULIER, "S10-1")),
        Case("not_ready_to_sign", "stage", sign),
        Case("not_disputed", "stage", lambda _: settle()),
        Case("wrong_party", "participant_id", lambda _: certificate(BUYER)),
        Case("text_unfit", "laboratory", lambda _: certificate(laboratory="")),
        Case("standard_unknown", "standard", lambda _: certificate(edition="2099")),
        Case("standard_not_in_force", "sampled_at", lambda _: certificate(sampled_at=0)),
        Case("out_of_range", "sampled_at", lambda _: certificate(sampled_at=NOW + 1)),
        Case("species_unfit", "results.0.species", lambda _: certificate(results=(result("neon", 1),))),
        Case(
            "species_unfit",
            "results.1.species",
            lambda _: certificate(results=(result("water", 1), result("water", 1))),
            "twice",
        ),
        Case("out_of_range", "results.0.value", lambda _: certificate(results=(result("water", -1),))),
    ),
    departed: (
        Case("wrong_party", "participant_id", lambda _: commands.Arrive(BUYER, "S10-1")),
        Case("wrong_state", "shipment_id", lambda _: commands.RejectLoad(BUYER, "S10-1", "leak")),
        Case("wrong_state", "shipment_id", lambda _: certificate()),
        Case("wrong_state", "shipment_id", lambda s: s.reading("unload", "giver", HAULIER, 1), "unloading on the road"),
    ),
    arrived: (
        Case("not_late", "reason", lambda _: commands.RejectLoad(BUYER, "S10-1", "late")),
        Case("wrong_party", "participant_id", lambda _: commands.RejectLoad(SELLER, "S10-1", "leak")),
        Case("wrong_state", "shipment_id", lambda _: commands.AcceptLoad(BUYER, "S10-1")),
        Case(
            "wrong_state", "shipment_id", lambda s: s.reading("return", "giver", HAULIER, 1), "return of no rejection"
        ),
        Case(
            "residue_unmeasured",
            "after_pressure_pa",
            lambda s: commands.RecordReading(
                HAULIER, "S10-1", "unload", "giver", s.meters[HAULIER, "weighbridge"], 38_330_000, 38_000_000
            ),
        ),
    ),
    delivered: (
        Case("wrong_party", "participant_id", lambda _: commands.AcceptLoad(HAULIER, "S10-1")),
        Case("not_found", "shipment_id", lambda _: commands.AcceptLoad(STRANGER, "S10-1")),
        Case("wrong_state", "shipment_id", lambda _: commands.RejectLoad(BUYER, "S10-1", "off_spec")),
    ),
}

ROWS = [
    pytest.param(make, case, id=f"{make.__name__}-{case.code}-{case.field}{'-' if case.label else ''}{case.label}")
    for make, cases in TABLE.items()
    for case in cases
]


def refusal(scene: Scene, command: Command) -> H2MarketError:
    with pytest.raises(H2MarketError) as caught:
        scene.do(command)
    return caught.value


@pytest.mark.parametrize(("make", "case"), ROWS)
def test_it_is_refused(make: Callable[[], Scene], case: Case) -> None:
    scene = make()
    error = refusal(scene, case.ask(scene))
    assert (error.code, error.field) == (case.code, case.field)
    assert "{" not in error.sentence("en") + error.sentence("zh")


def test_nominating_after_the_window_is_refused() -> None:
    for make, command in ((planned, nominate()), (nominated, transport())):
        scene = make()
        scene.at = WINDOW_END
        assert isinstance(refusal(scene, command), errors.WindowEnded)


def test_loading_does_not_begin_after_the_window_but_may_end_after_it() -> None:
    scene = ready()
    scene.at = WINDOW_END
    assert isinstance(refusal(scene, scene.reading("load", "giver", SELLER, NOMINAL_G)), errors.WindowEnded)
    scene = read_once()
    scene.at = WINDOW_END
    scene.read("load", "taker", HAULIER, NOMINAL_G)
    assert scene.hand_over("load").status == "proposed"


def test_a_meter_out_of_calibration_is_refused() -> None:
    scene = ready()
    scene.do(commands.RegisterMeter(SELLER, "flow", "old", 50, NOW + 1))
    meter_id = f"M{len(scene.log)}"
    scene.at = NOW + 1
    error = refusal(scene, commands.RecordReading(SELLER, "S10-1", "load", "giver", meter_id, 0, 330_000))
    assert isinstance(error, errors.CalibrationExpired) and error.field == "meter_id"


def test_a_second_signature_of_one_side_is_refused() -> None:
    scene = proposed()
    scene.sign("load", "giver", SELLER)
    assert isinstance(refusal(scene, sign(scene)), errors.AlreadySigned)


def test_a_second_certificate_is_refused() -> None:
    scene = loaded()
    scene.do(certificate())
    assert isinstance(refusal(scene, certificate()), errors.CertificateExists)


def test_a_load_is_not_rejected_after_the_receiver_has_read() -> None:
    scene = arrived()
    scene.read("unload", "taker", BUYER, NOMINAL_G)
    assert isinstance(refusal(scene, commands.RejectLoad(BUYER, "S10-1", "off_spec")), errors.ReceiverHasRead)


@pytest.mark.parametrize(
    ("plate", "code", "expected"),
    [("晋A0001", "TT-02", errors.VehicleBusy), ("晋A0002", "TT-01", errors.VesselBusy)],
)
def test_a_lorry_and_a_vessel_are_on_one_shipment(plate: str, code: str, expected: type[H2MarketError]) -> None:
    scene = ready()
    scene.plan(trade_id=11)
    scene.haul(trade_id=21)
    scene.nominate("S11-1")
    error = refusal(scene, commands.NominateTransport(HAULIER, "S11-1", plate, code, "D-1", "E-1"))
    assert isinstance(error, expected)
    assert error.params["shipment_id"] == "S10-1"


@pytest.mark.parametrize(
    ("litres", "pressure_pa", "due", "expected"),
    [
        (26_000, 19_999_999, NEXT_YEAR, errors.VesselPressureTooLow),
        (20_000, 20_000_000, NEXT_YEAR, errors.VesselTooSmall),
        (26_000, 20_000_000, WINDOW_END - 1, errors.InspectionDue),
    ],
)
def test_a_vessel_must_suit_the_load(litres: int, pressure_pa: int, due: int, expected: type[H2MarketError]) -> None:
    scene = nominated()
    scene.register_vessel(HAULIER, "TT-99", litres=litres, pressure_pa=pressure_pa, due=due)
    assert isinstance(refusal(scene, transport(vessel="TT-99")), expected)


def test_no_departure_with_a_vessel_whose_inspection_is_due() -> None:
    scene = nominated()
    scene.register_vessel(HAULIER, "TT-99", due=WINDOW_END)
    scene.transport(vessel_id="TT-99")
    scene.load()
    scene.at = WINDOW_END
    assert isinstance(refusal(scene, commands.Depart(HAULIER, "S10-1", "YD-1")), errors.InspectionDue)


def test_a_settlement_cannot_overfill_a_vessel() -> None:
    scene = ready()
    scene.read("load", "giver", SELLER, 3_300_000)
    scene.read("load", "taker", HAULIER, 3_300_000)
    assert isinstance(refusal(scene, settle(mass_g=3_300_000)), errors.SettlementImpossible)


def test_every_error_of_the_room_is_tested_here_or_with_positions() -> None:
    """The tree and the tests stay complete: each class appears in this file or in the table above."""
    classes = [
        each
        for each in vars(errors).values()
        if inspect.isclass(each) and issubclass(each, H2MarketError) and each.__module__ == errors.__name__
    ]
    by_code = {case.code for cases in TABLE.values() for case in cases}
    here = inspect.getsource(inspect.getmodule(refusal) or errors)
    positions = {"fix_in_future", "fix_too_old"}
    untested = [
        each.__name__
        for each in classes
        if each.code not in by_code | positions and f"errors.{each.__name__}" not in here
    ]
    assert untested == []
    assert [each.__name__ for each in classes if f"── {each.__name__} " not in (errors.__doc__ or "")] == []
    assert len({each.code for each in classes}) == len(classes)
    assert NotFound.code not in {each.code for each in classes}
