"""Making keys without a server: how the first operator gets in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from h2market.migrate import migrate
from kernel.clock import SimulatedClock, SystemClock, from_text
from kernel.config import Settings
from kernel.errors import InvalidInput
from kernel.sequencer import Sequencer, Writer
from kernel.store import Store
from participants import commands, events
from participants.keys import hash_secret, new_secret
from participants.machine import ParticipantsMachine
from participants.service import make_room

ACTOR = "command line"


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A key just made, with the secret that is shown once."""

    key_id: str
    participant_id: str
    scopes: tuple[str, ...]
    secret: str


async def create_key(
    settings: Settings,
    participant_id: str | None,
    scopes: tuple[str, ...],
    label: str,
    uscc: str | None,
    names: tuple[str, str],
    randbytes: Callable[[int], bytes],
) -> MadeKey:
    """Makes a key for a company, by default the operator; ``uscc`` registers the operator first if there is none.

    Raises WriterTaken while a server runs, InvalidInput or the register's refusals.
    """
    store = Store(settings.database_url, settings.schema)
    writer = Writer(store)
    room = make_room()
    simulated = settings.simulated_clock
    sequencer = Sequencer(room, writer, SimulatedClock(from_text(simulated)) if simulated else SystemClock())
    try:
        migrate(writer.connection)
        sequencer.start(writer.connection)
        writer.start()
        machine = room.machine
        assert isinstance(machine, ParticipantsMachine)
        owner = participant_id or _operator(machine) or await _register(sequencer, uscc, names)
        secret = new_secret(randbytes)
        outcome = await sequencer.submit(
            commands.IssueKey(owner, hash_secret(secret), scopes, label, "command_line"), actor=ACTOR
        )
        event = outcome.events[0]
        assert isinstance(event, events.KeyIssued)
        return MadeKey(event.key_id, owner, event.scopes, secret)
    finally:
        writer.stop()
        store.close()


def _operator(machine: ParticipantsMachine) -> str | None:
    return next((company.id for company in machine.companies.values() if "operator" in company.roles.split()), None)


async def _register(sequencer: Sequencer, uscc: str | None, names: tuple[str, str]) -> str:
    if uscc is None:
        raise InvalidInput(
            "uscc",
            "operator_needed",
            "There is no operator yet: give its unified social credit code with --uscc.",
            "尚无运营方：请用 --uscc 提供其统一社会信用代码。",
        )
    outcome = await sequencer.submit(commands.RegisterCompany(uscc, names[0], names[1], ("operator",)), actor=ACTOR)
    event = outcome.events[0]
    assert isinstance(event, events.CompanyRegistered)
    await sequencer.submit(commands.ApproveCompany(event.participant_id), actor=ACTOR)
    return event.participant_id
