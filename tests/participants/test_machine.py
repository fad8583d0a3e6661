"""Scenarios of the register."""

from __future__ import annotations

import msgspec
import pytest

from kernel.errors import H2MarketError, InvalidInput, NotFound
from kernel.messages import Codec, Command
from participants import commands as c
from participants import errors
from participants import events as e
from participants.keys import hash_secret
from participants.machine import ParticipantsMachine
from participants.model import (
    COMPANIES,
    FACILITIES,
    FACILITIES_PER_COMPANY_MAX,
    KEYS,
    LIVE_KEYS_PER_COMPANY_MAX,
    ApiKey,
    Company,
    Facility,
)
from tests.participants.support import Register, credit_code, key, plant, register


def test_company_from_registration_to_reinstatement() -> None:
    room = Register()
    assert room.send(register(1, "station", "storage_operator")) == [
        e.CompanyRegistered("P1", credit_code(1), "Company 1", "企业1", ("storage_operator", "station"))
    ]
    assert room.machine.companies["P1"].state == "registered"
    assert room.send(c.ApproveCompany("P1")) == [e.CompanyApproved("P1")]
    assert room.send(c.SuspendCompany("P1", "papers ran out")) == [e.CompanySuspended("P1", "papers ran out")]
    assert room.machine.companies["P1"].reason == "papers ran out"
    assert room.send(c.ReinstateCompany("P1")) == [e.CompanyReinstated("P1")]
    company = room.machine.companies["P1"]
    assert (company.state, company.reason, company.roles, company.event_seq) == (
        "approved",
        "",
        "storage_operator station",
        4,
    )
    assert company.registered_at < company.updated_at == room.at


def test_ids_come_from_the_log_position() -> None:
    room = Register()
    room.send_all([register(1), register(2), plant("P2"), key("P2", "a")])
    assert [*room.machine.companies] == ["P1", "P2"]
    assert [*room.machine.facilities] == ["F3"]
    assert [*room.machine.keys] == ["K4"]


def test_facility_keeps_position_and_opening() -> None:
    room = Register()
    room.send(register(1))
    room.send(plant("P1"))
    assert room.machine.facilities["F2"] == Facility(
        "F2", "P1", "plant", "Plant", "制氢厂", "QINGXU", 376_175_000, 1_123_258_000, 360, 1_320, room.at, 2
    )


def test_key_is_issued_and_revoked() -> None:
    room = Register()
    room.send(register(1))
    room.send(key("P1", "secret", "read", "trade"))
    issued_at = room.at
    assert room.send(c.RevokeKey("K2")) == [e.KeyRevoked("K2")]
    assert room.machine.keys["K2"] == ApiKey(
        "K2", "P1", hash_secret("secret"), "trade read", "test", issued_at, room.at, 3
    )


def test_credit_code_is_stored_in_its_canonical_form() -> None:
    room = Register()
    written = credit_code(1).lower()
    room.send(c.RegisterCompany(f"{written[:8]}-{written[8:]}", "A", "甲", ("haulier",)))
    assert room.machine.companies["P1"].uscc == credit_code(1)


@pytest.mark.parametrize(
    ("uscc", "rule"),
    [
        (credit_code(1)[:-1], "uscc_length"),
        ("", "uscc_length"),
        ("A" + credit_code(1)[1:], "uscc_characters"),
        (credit_code(1)[:9] + "I" + credit_code(1)[10:], "uscc_characters"),
        (credit_code(1)[:-1] + credit_code(2)[-1], "uscc_check_digit"),
        ("91110000600037341M", "uscc_check_digit"),
    ],
)
def test_bad_credit_code_names_field_and_rule(uscc: str, rule: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Register().send(c.RegisterCompany(uscc, "A", "甲", ("producer",)))
    assert (caught.value.field, caught.value.rule) == ("uscc", rule)
    assert caught.value.sentence("en") != caught.value.sentence("zh")


def test_credit_code_of_the_published_example_is_accepted() -> None:
    """The example of python-stdnum."""
    Register().send(c.RegisterCompany("91110000600037341L", "A", "甲", ("producer",)))


# One line a case: what is sent to a register with P1 producer (registered), P2 station (approved), P3 haulier
# (suspended), P4 operator (approved), P5 auditor (registered), a live key K9 and a revoked key K10 of P2.
_REFUSALS: list[tuple[Command, str, str | None]] = [
    (register(1), "uscc_registered", "uscc"),
    (register(3), "uscc_registered", "uscc"),
    (register(9, "operator", "station"), "roles_exclude", "roles"),
    (register(9, "producer", "auditor"), "roles_exclude", "roles"),
    (register(9, "producer", "producer"), "repeated", "roles"),
    (register(9, "bank"), "choice", "roles"),
    (c.RegisterCompany(credit_code(9), "A", "甲", ()), "empty", "roles"),
    (c.RegisterCompany(credit_code(9), "  ", "甲", ("station",)), "text_length", "name"),
    (c.RegisterCompany(credit_code(9), "A", "\u200b", ("station",)), "text_control", "name_zh"),
    (c.RegisterCompany(credit_code(9), "A", "甲\n乙", ("station",)), "text_control", "name_zh"),
    (c.RegisterCompany(credit_code(9), "A\u200bcme", "甲", ("station",)), "text_control", "name"),
    (c.RegisterCompany(credit_code(9), "A", "甲\u202e乙", ("station",)), "text_control", "name_zh"),
    (c.RegisterCompany(credit_code(9), "A", "甲\u2028乙", ("station",)), "text_control", "name_zh"),
    (c.RegisterCompany(credit_code(9), "A" * 121, "甲", ("station",)), "text_length", "name"),
    (c.ApproveCompany("P2"), "not_awaiting_approval", None),
    (c.ApproveCompany("P3"), "not_awaiting_approval", None),
    (c.ApproveCompany("P99"), "not_found", "participant_id"),
    (c.SuspendCompany("P1", "x"), "not_approved", None),
    (c.SuspendCompany("P3", "x"), "not_approved", None),
    (c.SuspendCompany("P2", " "), "text_length", "reason"),
    (c.SuspendCompany("P99", "x"), "not_found", "participant_id"),
    (c.ReinstateCompany("P2"), "not_suspended", None),
    (c.ReinstateCompany("P99"), "not_found", "participant_id"),
    (plant("P99"), "not_found", "participant_id"),
    (plant("P1", "station"), "facility_needs_role", "kind"),
    (plant("P2"), "facility_needs_role", "kind"),
    (plant("P3", "depot"), "company_suspended", None),
    (plant("P1", "shed"), "choice", "kind"),
    (msgspec.structs.replace(plant("P1"), hub="taiyuan"), "hub", "hub"),
    (msgspec.structs.replace(plant("P1"), hub="TAI-YUAN"), "hub", "hub"),
    (msgspec.structs.replace(plant("P1"), latitude_e7=900_000_001), "range", "latitude_e7"),
    (msgspec.structs.replace(plant("P1"), longitude_e7=-1_800_000_001), "range", "longitude_e7"),
    (msgspec.structs.replace(plant("P1"), opens_minute=-1), "range", "opens_minute"),
    (msgspec.structs.replace(plant("P1"), closes_minute=1_441), "range", "closes_minute"),
    (msgspec.structs.replace(plant("P1"), opens_minute=600, closes_minute=600), "opening", "closes_minute"),
    (key("P99", "x"), "not_found", "participant_id"),
    (key("P3", "x"), "company_suspended", None),
    (key("P2", "x", "trade", "operate"), "scope_not_allowed", "scopes"),
    (key("P2", "x", "audit"), "scope_not_allowed", "scopes"),
    (key("P5", "x", "read", "trade"), "scope_not_allowed", "scopes"),
    (key("P4", "x", "service"), "service_key_by_command_line", "scopes"),
    (key("P2", "x", "service", origin="command_line"), "service_key_by_command_line", "scopes"),
    (key("P2", "x", "everything"), "choice", "scopes"),
    (key("P2", "live"), "secret_in_use", "secret_hash"),
    (key("P2", "revoked"), "secret_in_use", "secret_hash"),
    (c.IssueKey("P2", "ABC", ("read",), "test"), "sha256_hex", "secret_hash"),
    (c.IssueKey("P2", hash_secret("x"), ("read",), ""), "text_length", "label"),
    (c.RevokeKey("K10"), "key_already_revoked", None),
    (c.RevokeKey("K99"), "not_found", "key_id"),
]


def _peopled() -> Register:
    room = Register()
    room.send_all([register(1), register(2, "station"), register(3, "haulier"), register(4, "operator")])
    room.send_all([register(5, "auditor"), c.ApproveCompany("P2"), c.ApproveCompany("P3"), c.ApproveCompany("P4")])
    room.send_all([key("P2", "live"), key("P2", "revoked"), c.RevokeKey("K10"), c.SuspendCompany("P3", "fleet check")])
    return room


@pytest.mark.parametrize(("command", "rule", "field"), _REFUSALS)
def test_refusal_names_its_rule_and_changes_nothing(command: Command, rule: str, field: str | None) -> None:
    room = _peopled()
    room.machine.changes.clear()
    before = room.machine.digest()
    with pytest.raises(H2MarketError) as caught:
        room.send(command)
    assert (caught.value.rule, caught.value.field) == (rule, field)
    assert "{" not in caught.value.sentence("en") + caught.value.sentence("zh")
    assert room.machine.digest() == before
    assert room.machine.changes.tables == {}


@pytest.mark.parametrize(
    ("command", "scopes"),
    [
        (
            key("P4", "x", "trade", "track", "settle", "read", "operate", "audit"),
            "trade track settle read operate audit",
        ),
        (key("P4", "x", "service", origin="command_line"), "service"),
        (key("P5", "x", "audit", "read"), "read audit"),
        (key("P1", "x", "settle", "read", "trade", "track"), "trade track settle read"),
        (key("P2", "x", "track"), "track"),
    ],
)
def test_scopes_that_the_roles_carry(command: c.IssueKey, scopes: str) -> None:
    room = _peopled()
    room.send(command)
    assert [*room.machine.keys.values()][-1].scopes == scopes


def test_keys_of_a_suspended_company_can_be_revoked() -> None:
    room = _peopled()
    room.send(c.SuspendCompany("P2", "investigation"))
    room.send(c.RevokeKey("K9"))
    assert room.machine.keys["K9"].revoked_at == room.at


def test_facilities_are_bounded() -> None:
    room = Register()
    room.send(register(1))
    room.send_all([plant("P1")] * FACILITIES_PER_COMPANY_MAX)
    with pytest.raises(errors.FacilitiesFull):
        room.send(plant("P1"))


def test_live_keys_are_bounded_and_revoking_makes_room() -> None:
    room = Register()
    room.send(register(1))
    room.send_all([key("P1", f"secret {number}") for number in range(LIVE_KEYS_PER_COMPANY_MAX)])
    with pytest.raises(errors.KeysFull):
        room.send(key("P1", "one more"))
    room.send(c.RevokeKey("K2"))
    room.send(key("P1", "one more"))


def test_snapshot_restores_state_and_indexes() -> None:
    room = _peopled()
    machine = ParticipantsMachine()
    machine.restore(room.machine.dump())
    assert machine.digest() == room.machine.digest()
    for command in (register(1), key("P2", "live"), key("P2", "revoked"), c.RevokeKey("K10")):
        with pytest.raises(H2MarketError) as refused:
            machine.apply(command, room.at, 99)
        with pytest.raises(type(refused.value)):
            room.send(command)


def test_a_snapshot_of_something_else_is_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        ParticipantsMachine().restore(b"\x93\x01\x02\x03")


def test_changes_name_the_tables() -> None:
    room = Register()
    room.send_all([register(1), plant("P1"), key("P1", "x")])
    assert {name: [*rows] for name, rows in room.machine.changes.tables.items()} == {
        COMPANIES: ["P1"], FACILITIES: ["F2"], KEYS: ["K3"],
    }  # fmt: skip


@pytest.mark.parametrize("entity", [Company, Facility, ApiKey])
def test_entities_are_rows(entity: type[msgspec.Struct]) -> None:
    assert entity.__struct_fields__[0] == "id"
    assert entity.__struct_fields__[-1] == "event_seq"


def test_messages_survive_their_encoding() -> None:
    room = _peopled()
    room.send(plant("P1"))
    codec = Codec(e.EVENTS)
    for recorded in room.log:
        assert codec.decode(type(recorded.event).__name__, codec.encode(recorded.event)) == recorded.event


def test_lists_of_messages_are_complete() -> None:
    for module, listed in ((c, c.COMMANDS), (e, e.EVENTS)):
        classes = [thing for thing in vars(module).values() if isinstance(thing, type)]
        declared = {thing for thing in classes if thing.__module__ == module.__name__}
        assert declared == set(listed)


def test_what_is_not_there_is_not_found() -> None:
    with pytest.raises(NotFound) as caught:
        Register().send(c.ApproveCompany("P7"))
    assert caught.value.sentence("en") == "There is no participant P7."
