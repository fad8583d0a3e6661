"""What the tests of the register share: a driver of the machine, and credit codes that check."""

from __future__ import annotations

from collections.abc import Iterable

from stdnum.cn.uscc import calc_check_digit

from kernel.messages import Command, Event, Recorded
from participants import commands as c
from participants.keys import hash_secret
from participants.machine import ParticipantsMachine


def credit_code(number: int) -> str:
    """A credit code that checks; each number has its own."""
    body = f"91149999H2M{number:06d}"
    return body + calc_check_digit(body)


class Register:
    """A machine with a log: commands go in, recorded events pile up, time passes one second a command."""

    def __init__(self) -> None:
        self.machine = ParticipantsMachine()
        self.log: list[Recorded] = []
        self.at = 1_767_571_200_000_000

    def send(self, command: Command) -> list[Event]:
        """Applies a command; refusals are raised."""
        self.at += 1_000_000
        seq = len(self.log) + 1
        decided = self.machine.apply(command, self.at, seq)
        self.log += [Recorded(seq + index, self.at, "test", event) for index, event in enumerate(decided)]
        return decided

    def send_all(self, given: Iterable[Command]) -> None:
        """Applies several commands."""
        for command in given:
            self.send(command)

    def replayed(self) -> ParticipantsMachine:
        """A fresh machine that took in the log."""
        machine = ParticipantsMachine()
        for recorded in self.log:
            machine.evolve(recorded.event, recorded.at, recorded.seq)
        return machine


def register(number: int = 1, *roles: str) -> c.RegisterCompany:
    """A company of one role, a producer where none is named."""
    return c.RegisterCompany(credit_code(number), f"Company {number}", f"企业{number}", roles or ("producer",))


def plant(participant_id: str, kind: str = "plant") -> c.AddFacility:
    """A facility at Qingxu that is open from 06:00 to 22:00."""
    return c.AddFacility(
        participant_id,
        kind,  # type: ignore[arg-type]  # a test sends wrong ones too
        "Plant",
        "制氢厂",
        "QINGXU",
        376_175_000,
        1_123_258_000,
        360,
        1_320,
    )


def key(participant_id: str, secret: str, *scopes: str, origin: str = "api") -> c.IssueKey:
    """A key with a secret of the test's own."""
    return c.IssueKey(participant_id, hash_secret(secret), scopes or ("trade", "read"), "test", origin)  # type: ignore[arg-type]
