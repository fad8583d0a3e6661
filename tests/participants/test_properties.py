"""Laws of the register under any sequence of commands: replay, refusals, snapshots, and a directory that agrees."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kernel.auth import SCOPES, Principal
from kernel.errors import H2MarketError
from kernel.messages import Command
from participants import commands as c
from participants.directory import Directory
from participants.keys import hash_secret
from participants.machine import ParticipantsMachine
from participants.model import FACILITY_KINDS, ROLES
from tests.participants.support import Register, credit_code

# Small pools, so that commands meet: ids are positions of a short log.
_positions = st.integers(1, 12)
_companies = _positions.map("P{}".format)
_texts = st.sampled_from(["Pine", "松", "", "two\nlines", "x" * 121])
_registrations = st.builds(
    c.RegisterCompany,
    uscc=st.sampled_from([credit_code(number) for number in range(4)] + ["911499", credit_code(0)[:-1] + "0"]),
    name=_texts,
    name_zh=st.just("企业"),
    roles=st.lists(st.sampled_from(ROLES), min_size=0, max_size=2).map(tuple),
)
_facilities = st.builds(
    c.AddFacility,
    participant_id=_companies,
    kind=st.sampled_from(FACILITY_KINDS),
    name=_texts,
    name_zh=st.just("设施"),
    hub=st.sampled_from(["TAIYUAN", "XIAOYI", "x"]),
    latitude_e7=st.integers(-910_000_000, 910_000_000),
    longitude_e7=st.integers(-1_810_000_000, 1_810_000_000),
    opens_minute=st.integers(-1, 1_440),
    closes_minute=st.integers(0, 1_441),
)
_keys = st.builds(
    c.IssueKey,
    participant_id=_companies,
    secret_hash=st.sampled_from([hash_secret(text) for text in "abcd"] + ["not a hash"]),
    scopes=st.lists(st.sampled_from(SCOPES), min_size=0, max_size=2).map(tuple),
    label=st.just("key"),
    origin=st.sampled_from(["api", "command_line"]),
)
_commands: st.SearchStrategy[Command] = st.one_of(
    _registrations,
    _registrations.map(lambda command: c.RegisterCompany(command.uscc, "Willow", "柳", ("producer",))),
    st.builds(c.ApproveCompany, _companies),
    st.builds(c.SuspendCompany, _companies, st.sampled_from(["late papers", ""])),
    st.builds(c.ReinstateCompany, _companies),
    _facilities,
    _keys,
    _keys.map(lambda command: c.IssueKey(command.participant_id, command.secret_hash, ("read",), "key")),
    st.builds(c.RevokeKey, _positions.map("K{}".format)),
)
_histories = st.lists(_commands, max_size=40)


def _run(history: list[Command]) -> Register:
    room = Register()
    for command in history:
        before = room.machine.dump()
        marked = {name: {*rows} for name, rows in room.machine.changes.tables.items()}
        try:
            room.send(command)
        except H2MarketError:
            assert room.machine.dump() == before
            assert {name: {*rows} for name, rows in room.machine.changes.tables.items()} == marked
    return room


@given(_histories)
def test_replay_gives_the_same_state_and_refusals_change_nothing(history: list[Command]) -> None:
    room = _run(history)
    replayed = room.replayed()
    assert replayed.dump() == room.machine.dump()
    assert replayed.changes.tables == room.machine.changes.tables


@given(_histories, st.integers(0, 40))
def test_snapshot_and_rest_of_the_log_give_the_same_state(history: list[Command], cut: int) -> None:
    room = _run(history)
    first = ParticipantsMachine()
    for recorded in room.log[:cut]:
        first.evolve(recorded.event, recorded.at, recorded.seq)
    second = ParticipantsMachine()
    second.restore(first.dump())
    for recorded in room.log[cut:]:
        second.evolve(recorded.event, recorded.at, recorded.seq)
    assert second.digest() == room.machine.digest()
    assert _positive(second._live_key_counts) == _positive(room.machine._live_key_counts)


def _positive(counts: dict[str, int]) -> dict[str, int]:
    return {company: count for company, count in counts.items() if count}


@given(_histories)
def test_directory_agrees_with_the_machine(history: list[Command]) -> None:
    room = _run(history)
    directory = Directory()
    for recorded in room.log:
        directory.update(recorded)
    for secret in "abcd":
        assert directory.principal(hash_secret(secret)) == _principal(room.machine, hash_secret(secret))
    assert [company.participant_id for company in directory.companies()] == [*room.machine.companies]
    for company in room.machine.companies.values():
        known = directory.company(company.id)
        assert known is not None
        assert (known.uscc, known.name, known.name_zh) == (company.uscc, company.name, company.name_zh)
        assert known.roles == set(company.roles.split())
        assert known.active == (company.state == "approved")


def _principal(machine: ParticipantsMachine, secret_hash: str) -> Principal | None:
    """The reference: looks through all keys."""
    for key in machine.keys.values():
        if key.secret_hash == secret_hash and key.revoked_at is None:
            company = machine.companies[key.participant_id]
            return Principal(
                company.id,
                key.id,
                frozenset(company.roles.split()),
                frozenset(key.scopes.split()),
                company.state == "approved",
            )
    return None
