"""Who may trade follows the register."""

from __future__ import annotations

import pytest

from exchange.commands import AdmitTrader, ReinstateTrader, SuspendTrader
from exchange.following import follow_participants
from kernel.messages import Command, Event, Recorded
from participants import events as e


@pytest.mark.parametrize(
    ("event", "commands"),
    [
        (
            e.CompanyRegistered("P1", "91140100MA0K0TEST1", "Fen River", "汾河", ("station",)),
            [AdmitTrader("P1", ("station",)), SuspendTrader("P1")],
        ),
        (e.CompanyApproved("P1"), [ReinstateTrader("P1")]),
        (e.CompanySuspended("P1", "late"), [SuspendTrader("P1")]),
        (e.CompanyReinstated("P1"), [ReinstateTrader("P1")]),
        (e.KeyRevoked("K1"), []),
    ],
)
def test_what_an_event_of_the_register_asks_of_the_exchange(event: Event, commands: list[Command]) -> None:
    assert follow_participants(Recorded(1, 0, "operator", event)) == commands
