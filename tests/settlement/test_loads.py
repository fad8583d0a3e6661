"""Money of a load: held at the trade, due by what was measured, paid to seller and haulier together or not at all.

P1 buys hydrogen from P2 and haulage from P3. A load is at most 350 kg: at 30.00 CNY/kg its hold is 10,500.00 CNY, at
2.00 CNY/kg of haulage 700.00 CNY.
"""

from __future__ import annotations

import pytest

from exchange.commands import GrantMoney, ReleaseCommitment
from kernel.errors import InvalidInput, NotFound
from settlement.commands import (
    HoldForTrade,
    OpenCashAccount,
    PayDue,
    PostTransfers,
    RecordDue,
    RegisterProduct,
    RetryHold,
)
from settlement.courier import limits_courier
from settlement.errors import REFUSALS
from settlement.events import DueBlocked, DueRecorded, HoldMade, HoldRefused, HoldsVoided, LoadPaid, TradeRecorded
from settlement.model import DUES, OBLIGATIONS, TRANSFERS, Due, Obligation, Outcome, Transfer, TransferRequest
from tests.settlement.helpers import House, cash

PAY = PayDue("D100-1", ("H100-1", "H101-1"))


def market(funds_fen: int = 2_000_000) -> House:
    house = House().open("P1", "P2", "P3")
    house.products()
    house.fund(P1=funds_fen)
    return house


def traded(funds_fen: int = 2_000_000) -> House:
    house = market(funds_fen)
    house.trade(100, "EXW", 3_000, "P1", "P2")
    house.trade(101, "HAUL", 200, "P1", "P3")
    return house


def due(outcome: Outcome = "accepted", mass_g: int = 340_000, haulage_mass_g: int = 340_000) -> RecordDue:
    return RecordDue(outcome, 100, 1, 101, 1, mass_g, haulage_mass_g)


def names(events: list[object]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_a_trade_holds_the_most_each_load_can_cost() -> None:
    house = market(4_000_000)
    events = house.trade(100, "EXW", 3_000, "P1", "P2", loads=3)
    assert events[0] == TradeRecorded(100, "EXW", "ex_works", 3_000, 350_000, 3, "P1", "P2", 1_050_000)
    assert events[1:] == [HoldMade(f"H100-{n}", "P1", "P2", 1_050_000) for n in (1, 2, 3)]
    assert cash(house, "P1") == (4_000_000, 3_150_000)
    assert house.account("cash:P2").credits_pending_fen == 3_150_000


def test_a_trade_is_held_once_and_its_product_must_be_known() -> None:
    house = traded()
    assert house.trade(100, "EXW", 3_000, "P1", "P2") == []
    with pytest.raises(NotFound):
        house.do(HoldForTrade(102, "NONE", 3_000, 1, "P1", "P2"))


def test_a_hold_without_funds_is_an_event_and_can_be_made_later() -> None:
    house = market(1_500_000)
    events = house.trade(100, "EXW", 3_000, "P1", "P2", loads=2)
    assert events[2] == HoldRefused("H100-2", "P1", "P2", 1_050_000, 600_000, "exceeds_credits")
    assert house.do(RetryHold("H100-2")) == []
    house.fund(P1=600_000)
    assert house.do(RetryHold("H100-2")) == [HoldMade("H100-2", "P1", "P2", 1_050_000)]
    assert house.do(RetryHold("H100-2")) == []
    assert house.row(Obligation, OBLIGATIONS, "H100-2").state == "held"


def test_an_accepted_load_pays_seller_and_haulier_by_the_measured_mass() -> None:
    house = traded()
    assert house.do(due()) == [
        DueRecorded("D100-1", "accepted", "H100-1", "H101-1", 340_000, 340_000, 1_020_000, 68_000, "")
    ]
    assert cash(house, "P1") == (2_000_000, 1_120_000)
    assert names(list(house.do(PAY))) == ["LoadPaid"]
    assert cash(house, "P1") == (2_000_000 - 1_088_000, 0)
    assert cash(house, "P2") == (1_020_000, 0) and cash(house, "P3") == (68_000, 0)
    assert limits_courier(house.log[-1]) == [
        ReleaseCommitment("P1", 100, 1, 1_050_000, 1_020_000),
        GrantMoney("P2", 1_020_000, "H100-1"),
        ReleaseCommitment("P1", 101, 1, 70_000, 68_000),
        GrantMoney("P3", 68_000, "H101-1"),
    ]
    assert house.do(PAY) == [] and house.do(due()) == []
    assert house.replayed() == house.state()


def test_mass_over_the_maximum_is_not_paid() -> None:
    house = traded()
    house.do(due(mass_g=351_000, haulage_mass_g=351_000))
    house.do(PAY)
    assert cash(house, "P2") == (1_050_000, 0) and cash(house, "P3") == (70_000, 0)


def test_haulage_is_paid_for_the_mass_that_the_hydrogen_is_paid_for() -> None:
    house = market()
    house.do(RegisterProduct("WIDE", "haulage", 400_000))
    house.trade(100, "EXW", 3_000, "P1", "P2")
    house.trade(101, "WIDE", 200, "P1", "P3")
    house.do(due(mass_g=380_000, haulage_mass_g=380_000))
    house.do(PAY)
    assert cash(house, "P2") == (1_050_000, 0) and cash(house, "P3") == (70_000, 0)


def test_a_fen_is_rounded_half_to_even_once() -> None:
    house = market()
    house.trade(100, "EXW", 3_001, "P1", "P2")
    house.do(RecordDue("accepted", 100, 1, 0, 0, 500, 0))
    assert house.row(Due, DUES, "D100-1").hydrogen_due_fen == 1_500  # 1500.5 fen
    house.do(PayDue("D100-1", ("H100-1",)))
    assert cash(house, "P2") == (1_500, 0)


def test_a_rejected_load_releases_the_hydrogen_and_pays_the_driven_way() -> None:
    house = traded()
    assert names(list(house.do(due("rejected", 0, 100_000)))) == ["DueRecorded", "LoadPaid"]
    assert cash(house, "P1") == (2_000_000 - 20_000, 0)
    assert cash(house, "P2") == (0, 0) and cash(house, "P3") == (20_000, 0)
    assert house.row(Obligation, OBLIGATIONS, "H100-1").state == "voided"
    assert house.row(Transfer, TRANSFERS, "H100-1").state == "voided"
    assert house.row(Due, DUES, "D100-1").state == "paid"


def test_a_rejection_that_owes_nobody_releases_everything() -> None:
    house = traded()
    events = house.do(due("rejected", 0, 0))
    assert names(list(events)) == ["DueRecorded", "HoldsVoided"]
    assert cash(house, "P1") == (2_000_000, 0)
    assert limits_courier(house.log[-1]) == [
        ReleaseCommitment("P1", 100, 1, 1_050_000, 0),
        ReleaseCommitment("P1", 101, 1, 70_000, 0),
    ]


def test_loads_and_haulage_that_lapsed_are_released_each_by_itself() -> None:
    house = traded()
    assert names(list(house.do(RecordDue("lapsed", 100, 1, 0, 0, 0, 0)))) == ["DueRecorded", "HoldsVoided"]
    assert cash(house, "P1") == (2_000_000, 70_000)
    assert names(list(house.do(RecordDue("lapsed", 0, 0, 101, 1, 0, 0)))) == ["DueRecorded", "HoldsVoided"]
    assert cash(house, "P1") == (2_000_000, 0)
    assert house.row(Due, DUES, "D101-1").state == "voided"


def test_a_due_that_comes_before_its_trades_waits_for_both() -> None:
    """Two logs are followed side by side: which one is ahead says nothing."""
    house = market()
    house.trade(100, "EXW", 3_000, "P1", "P2")
    house.do(due())
    assert house.row(Due, DUES, "D100-1").state == "waiting"
    assert house.do(PAY) == []
    house.trade(101, "HAUL", 200, "P1", "P3")
    assert names(list(house.do(PAY))) == ["LoadPaid"]
    assert cash(house, "P3") == (68_000, 0)
    paid = house.row(Due, DUES, "D100-1")
    assert (paid.hydrogen_due_fen, paid.haulage_due_fen, paid.state) == (1_020_000, 68_000, "paid")


def test_a_lapse_that_comes_before_its_trade_is_settled_by_the_next_run() -> None:
    house = market()
    assert names(list(house.do(RecordDue("lapsed", 100, 1, 0, 0, 0, 0)))) == ["DueRecorded"]
    house.trade(100, "EXW", 3_000, "P1", "P2")
    assert names(list(house.do(PayDue("D100-1", ("H100-1",))))) == ["HoldsVoided"]
    assert cash(house, "P1") == (2_000_000, 0)


def test_nobody_is_paid_while_one_hold_is_missing() -> None:
    house = traded(1_050_000)
    assert house.row(Obligation, OBLIGATIONS, "H101-1").state == "refused"
    house.do(due())
    assert house.do(PAY) == [DueBlocked("D100-1", "H101-1", "P1", 70_000, "exceeds_credits")]
    assert house.do(PAY) == [], "said once"
    assert cash(house, "P2") == (0, 0) and house.row(Due, DUES, "D100-1").blocked_code == "exceeds_credits"
    house.fund(P1=70_000)
    assert names(list(house.do(PAY))) == ["HoldMade", "LoadPaid"]
    assert cash(house, "P2") == (1_020_000, 0) and cash(house, "P3") == (68_000, 0)
    assert house.row(Due, DUES, "D100-1").blocked_code == ""


def test_a_refused_hold_that_owes_nothing_ends_without_money() -> None:
    house = traded(1_050_000)
    events = house.do(due("lapsed", 0, 0))
    ended = events[-1]
    assert isinstance(ended, HoldsVoided)
    assert [part.held for part in ended.parts] == [True, False]
    assert cash(house, "P1") == (1_050_000, 0)


def test_a_trade_with_somebody_unknown_waits_for_the_account() -> None:
    house = market()
    events = house.trade(100, "EXW", 3_000, "P1", "P8")
    assert isinstance(events[1], HoldRefused) and events[1].code == "credit_account_not_found"
    house.do(OpenCashAccount("P8", "Late", "迟到"))
    assert house.do(RetryHold("H100-1")) == [HoldMade("H100-1", "P1", "P8", 1_050_000)]


def test_haulage_is_paid_for_one_load_only() -> None:
    house = traded()
    house.trade(102, "EXW", 1_000, "P1", "P2")
    house.do(due())
    house.do(PAY)
    house.do(RecordDue("accepted", 102, 1, 101, 1, 340_000, 340_000))
    events = house.do(PayDue("D102-1", ("H102-1", "H101-1")))
    assert isinstance(events[0], DueBlocked)
    assert (events[0].hold_id, events[0].code) == ("H101-1", "hold_resolved_before")
    assert cash(house, "P3") == (68_000, 0) and cash(house, "P2") == (1_020_000, 0)


def test_a_due_is_for_a_trade_and_is_paid_with_its_own_holds() -> None:
    house = traded()
    with pytest.raises(InvalidInput):
        house.do(RecordDue("lapsed", 0, 0, 0, 0, 0, 0))
    house.do(due())
    with pytest.raises(InvalidInput):
        house.do(PayDue("D100-1", ("H100-1",)))
    with pytest.raises(NotFound):
        house.do(PayDue("D999-1", ()))


def test_the_hold_of_a_load_is_not_the_operators_to_resolve() -> None:
    house = traded()
    for kind, amount_fen in (("post", 1), ("void", 0)):
        with pytest.raises(REFUSALS["pending_transfer_reserved"]):
            house.do(PostTransfers((TransferRequest("x", kind, amount_fen=amount_fen, pending_id="H100-1"),)))  # type: ignore[arg-type]


def test_paid_parts_say_who_and_how_much() -> None:
    house = traded()
    house.do(due())
    paid = house.do(PAY)[0]
    assert isinstance(paid, LoadPaid)
    said = [(part.hold_id, part.payer_id, part.payee_id, part.committed_fen, part.spent_fen) for part in paid.parts]
    assert said == [("H100-1", "P1", "P2", 1_050_000, 1_020_000), ("H101-1", "P1", "P3", 70_000, 68_000)]
