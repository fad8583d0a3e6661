"""Each event of another room gives the commands it should, and events that concern nobody give none."""

from __future__ import annotations

import msgspec
import pytest

import exchange.events
import participants.events
import tracking.events
from exchange.events import MoneyReduced, MoneyReductionRefused, ProductListed, Traded
from kernel.messages import Command, Event, Recorded
from participants.events import CompanyApproved, CompanyRegistered
from settlement.commands import (
    ApproveWithdrawal,
    HoldForTrade,
    OpenCashAccount,
    RecordDue,
    RefuseWithdrawal,
    RegisterProduct,
)
from settlement.following import follow_exchange, follow_participants, follow_tracking
from tracking.events import (
    HaulageCancelled,
    HaulageLapsed,
    LoadAccepted,
    LoadRejected,
    ShipmentCancelled,
    ShipmentLapsed,
)

LISTED = ProductListed(
    "EXW", "ex_works", "TAIYUAN", "", "TUBE20", "PEM", 300_000, 315_000, 1, 2, 1, 100_00, 50
)  # fmt: skip


def recorded(event: Event) -> Recorded:
    return Recorded(7, 1_000, "K1", event)


def test_a_company_gets_its_cash_account_when_it_registers() -> None:
    event = CompanyRegistered("P7", "91140100MA0H2M0015", "Example", "示例", ("station",))
    assert follow_participants(recorded(event)) == [OpenCashAccount("P7", "Example", "示例")]
    assert follow_participants(recorded(CompanyApproved("P7"))) == []


@pytest.mark.parametrize(
    ("event", "command"),
    [
        (LISTED, RegisterProduct("EXW", "ex_works", 315_000)),
        (Traded(124, "EXW", 35_20, 2, "P1", "P2", 11, 12, 0), HoldForTrade(124, "EXW", 35_20, 2, "P1", "P2")),
        (MoneyReduced("P1", 100, "W9"), ApproveWithdrawal("W9")),
        (MoneyReductionRefused("P1", 100, 40, "W9"), RefuseWithdrawal("W9", 40)),
        (MoneyReduced("P1", 100, "by hand"), None),
        (MoneyReduced("P1", 100, "W09"), None),
        (MoneyReductionRefused("P1", 100, 40, "xW9"), None),
    ],
)
def test_the_exchange_is_followed(event: Event, command: Command | None) -> None:
    assert follow_exchange(recorded(event)) == ([command] if command else [])


@pytest.mark.parametrize(
    ("event", "command"),
    [
        (
            LoadAccepted("S10-2", 10, 2, 11, 1, 300_500, 300_000, 0),
            RecordDue("accepted", 10, 2, 11, 1, 300_000, 300_000),
        ),
        (LoadAccepted("S10-2", 10, 2, 0, 0, 300_500, 300_000, 0), RecordDue("accepted", 10, 2, 0, 0, 300_000, 0)),
        (
            LoadRejected("S10-2", 10, 2, 11, 1, "off_grade", "seller", 300_000),  # type: ignore[arg-type]
            RecordDue("rejected", 10, 2, 11, 1, 0, 300_000, "off_grade"),
        ),
        (ShipmentLapsed("S10-2", 10, 2), RecordDue("lapsed", 10, 2, 0, 0, 0, 0)),
        (
            ShipmentCancelled("S10-2", 10, 2, "the lorry left empty"),
            RecordDue("cancelled", 10, 2, 0, 0, 0, 0, "the lorry left empty"),
        ),
        (HaulageLapsed(11, 1), RecordDue("lapsed", 0, 0, 11, 1, 0, 0)),
        (HaulageCancelled(11, 1, "recalled"), RecordDue("cancelled", 0, 0, 11, 1, 0, 0, "recalled")),
    ],
)
def test_every_end_of_a_load_is_a_due(event: Event, command: Command) -> None:
    assert follow_tracking(recorded(event)) == [command]


def test_no_other_event_is_of_interest() -> None:
    """The kinds of event that give commands are these and no others."""
    followed = {
        follow_participants: ({"CompanyRegistered"}, participants.events.EVENTS),
        follow_exchange: ({"ProductListed", "Traded", "MoneyReduced", "MoneyReductionRefused"}, exchange.events.EVENTS),
        follow_tracking: (
            {
                "LoadAccepted",
                "LoadRejected",
                "ShipmentLapsed",
                "ShipmentCancelled",
                "HaulageLapsed",
                "HaulageCancelled",
            },
            tracking.events.EVENTS,
        ),
    }
    for follow, (names, kinds) in followed.items():
        assert names <= {kind.__name__ for kind in kinds}
        for kind in kinds:
            if kind.__name__ not in names:
                blank = kind(*(None for _ in msgspec.structs.fields(kind)))  # only the kind counts
                assert follow(Recorded(1, 1, "K1", blank)) == []
