"""Money out: the exchange first, then the hold, then the bank's file, then the bank's own entry."""

from __future__ import annotations

import pytest

from exchange.commands import GrantMoney, ReduceMoney
from kernel.errors import InvalidInput, NotFound
from settlement.bank import statement_key
from settlement.commands import (
    ApproveWithdrawal,
    AssignEntry,
    CancelWithdrawal,
    InstructWithdrawals,
    MatchWithdrawal,
    PostTransfers,
    RefuseWithdrawal,
    RequestCorrection,
    RequestWithdrawal,
    ReturnWithdrawal,
    SetPayoutAccount,
)
from settlement.courier import limits_courier
from settlement.errors import (
    REFUSALS,
    BatchTooLarge,
    EntryTargetRefused,
    NoPayoutAccount,
    WithdrawalAmount,
    WithdrawalExceedsFunds,
    WithdrawalExistsOtherwise,
    WithdrawalStateRefused,
)
from settlement.events import EntrySuspended, WithdrawalPaid, WithdrawalRefused, WithdrawalRequested
from settlement.model import (
    AMOUNT_MAX_FEN,
    BANK_ENTRIES,
    WITHDRAWALS,
    BankEntry,
    StatementLine,
    TransferRequest,
    Withdrawal,
)
from tests.settlement.helpers import BANK_ACCOUNT, House, cash


def funded() -> House:
    house = House().open("P7", "P9")
    house.fund(P7=1_000)
    house.payout_account("P7")
    return house


def ask(house: House, client_id: str = "c1", amount_fen: int = 600) -> str:
    event = house.do(RequestWithdrawal("P7", client_id, amount_fen))[0]
    assert isinstance(event, WithdrawalRequested)
    return event.withdrawal_id


def instructed(house: House) -> str:
    key = ask(house)
    house.do(ApproveWithdrawal(key))
    house.do(InstructWithdrawals((key,)))
    return key


def state(house: House, key: str) -> str:
    return house.row(Withdrawal, WITHDRAWALS, key).state


def paid_out(amount_fen: int, end_to_end_id: str, *, reversal: bool = False) -> StatementLine:
    return StatementLine("debit", amount_fen, "2026-01-05", reversal, end_to_end_id)


def test_a_withdrawal_goes_through_all_its_states() -> None:
    house = funded()
    key = ask(house)
    assert state(house, key) == "requested" and cash(house, "P7") == (1_000, 0)
    assert limits_courier(house.log[-1]) == [ReduceMoney("P7", 600, key)]
    house.do(ApproveWithdrawal(key))
    assert state(house, key) == "approved" and cash(house, "P7") == (1_000, 600)
    house.do(InstructWithdrawals((key,)))
    assert state(house, key) == "instructed"
    assert isinstance(house.bank(paid_out(600, key))[-1], WithdrawalPaid)
    assert state(house, key) == "paid" and cash(house, "P7") == (400, 0)
    assert house.account("bank:main").balance_fen == -400
    assert limits_courier(house.log[-1]) == []
    assert house.replayed() == house.state()


def test_the_client_id_makes_a_request_once() -> None:
    house = funded()
    ask(house)
    assert house.do(RequestWithdrawal("P7", "c1", 600)) == []
    for other in (RequestWithdrawal("P7", "c1", 601), RequestCorrection("P7", "c1", 600, "")):
        with pytest.raises(WithdrawalExistsOtherwise):
            house.do(other)
    assert ask(house, "c2", 100)


def test_a_withdrawal_needs_money_and_an_account_to_go_to() -> None:
    house = funded()
    with pytest.raises(WithdrawalExceedsFunds) as caught:
        house.do(RequestWithdrawal("P7", "c1", 1_001))
    assert caught.value.params["shortfall"] == "0.01"
    for amount_fen in (0, -1, AMOUNT_MAX_FEN + 1):
        with pytest.raises(WithdrawalAmount):
            house.do(RequestWithdrawal("P7", "c1", amount_fen))
    with pytest.raises(NoPayoutAccount):
        house.do(RequestWithdrawal("P9", "c1", 1))
    with pytest.raises(NotFound):
        house.do(RequestWithdrawal("P8", "c1", 1))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("holder", ""),
        ("holder", "x" * 141),
        ("holder", "a\nb"),
        ("account_number", "12"),
        ("account_number", "6217-1"),
        ("bank_code", "10316100001"),
        ("bank_code", "10316100001x"),
    ],
)
def test_a_payout_account_is_one_a_payment_file_can_carry(field: str, value: str) -> None:
    fields = {"holder": "某公司", "account_number": "62170001", "bank_code": "103161000013"} | {field: value}
    with pytest.raises(InvalidInput) as caught:
        funded().do(SetPayoutAccount("P7", **fields))
    assert caught.value.field == field


def test_what_the_exchange_refuses_was_never_held() -> None:
    house = funded()
    key = ask(house)
    house.do(RefuseWithdrawal(key, 50))
    assert state(house, key) == "refused" and cash(house, "P7") == (1_000, 0)
    assert limits_courier(house.log[-1]) == []
    assert house.do(ApproveWithdrawal(key)) == [] and house.do(RefuseWithdrawal(key, 50)) == []


def test_a_trade_that_was_first_keeps_its_money_and_the_limit_comes_back() -> None:
    """The exchange never grants this; should the books disagree, nothing is held twice."""
    house = funded()
    house.products()
    key = ask(house)
    house.trade(100, "EXW", 2, "P7", "P9")  # holds 700
    assert house.do(ApproveWithdrawal(key)) == [WithdrawalRefused(key, "P7", 600, 0, "exceeds_credits", True)]
    assert limits_courier(house.log[-1]) == [GrantMoney("P7", 600, key)]


def test_an_approved_withdrawal_can_be_cancelled_until_the_bank_is_told() -> None:
    house = funded()
    key = ask(house)
    with pytest.raises(WithdrawalStateRefused):
        house.do(CancelWithdrawal(key))
    house.do(ApproveWithdrawal(key))
    house.do(CancelWithdrawal(key))
    assert state(house, key) == "voided" and cash(house, "P7") == (1_000, 0)
    assert limits_courier(house.log[-1]) == [GrantMoney("P7", 600, key)]
    with pytest.raises(WithdrawalStateRefused):
        house.do(CancelWithdrawal(key))
    told = ask(house, "c2")
    house.do(ApproveWithdrawal(told))
    house.do(InstructWithdrawals((told,)))
    with pytest.raises(WithdrawalStateRefused):
        house.do(CancelWithdrawal(told))


def test_a_withdrawal_is_in_one_file_only() -> None:
    house = funded()
    key = instructed(house)
    with pytest.raises(WithdrawalStateRefused):
        house.do(InstructWithdrawals((key,)))
    for bad in ((), ("W1", "W1"), tuple(f"W{n}" for n in range(1001))):
        with pytest.raises(BatchTooLarge):
            house.do(InstructWithdrawals(bad))


def test_a_payment_the_bank_returns_is_free_again() -> None:
    house = funded()
    key = instructed(house)
    house.do(ReturnWithdrawal(key, "AC04"))
    assert state(house, key) == "voided" and cash(house, "P7") == (1_000, 0)
    assert limits_courier(house.log[-1]) == [GrantMoney("P7", 600, key)]
    with pytest.raises(WithdrawalStateRefused):
        house.do(ReturnWithdrawal(key, "AC04"))


def test_only_the_exact_entry_of_an_instructed_withdrawal_ends_it() -> None:
    house = funded()
    key = instructed(house)
    for line in (paid_out(599, key), paid_out(600, key, reversal=True), paid_out(600, "W999"), paid_out(600, "")):
        assert isinstance(house.bank(line)[-1], EntrySuspended)
    assert state(house, key) == "instructed"
    events = house.bank(paid_out(600, key), paid_out(600, key))
    assert [type(event) for event in events[1:]] == [WithdrawalPaid, EntrySuspended], "paid once"
    assert cash(house, "P7") == (400, 0)


def test_the_operator_matches_an_entry_whose_id_the_bank_lost() -> None:
    house = funded()
    key = instructed(house)
    house.bank(paid_out(600, ""), paid_out(1, ""), paid_out(600, "", reversal=True))
    statement = statement_key(BANK_ACCOUNT, "S2")
    for wrong in (2, 3):
        with pytest.raises(EntryTargetRefused):
            house.do(MatchWithdrawal(f"{statement}-{wrong}", key))
    house.do(MatchWithdrawal(f"{statement}-1", key))
    assert state(house, key) == "paid" and cash(house, "P7") == (400, 0)
    assert house.account("suspense").balance_fen == -601
    assert house.account("bank:main").credits_pending_fen == 0
    assert house.replayed() == house.state()


def test_a_correction_takes_money_back_once_the_limit_was_lowered() -> None:
    house = funded()
    event = house.do(RequestCorrection("P7", "fix", 300, "of another company"))[0]
    assert isinstance(event, WithdrawalRequested) and event.purpose == "correction"
    house.do(ApproveWithdrawal(event.withdrawal_id))
    assert cash(house, "P7") == (700, 0) and house.account("suspense").balance_fen == 300
    house.do(PostTransfers((TransferRequest("fix-1", "posted", "suspense", "cash:P9", 300),)))
    assert limits_courier(house.log[-1]) == [GrantMoney("P9", 300, "fix-1")]
    assert state(house, event.withdrawal_id) == "paid"


def test_a_debit_entry_is_charged_to_a_participant_only_within_its_limit() -> None:
    house = funded()
    house.bank(paid_out(400, ""))
    key = f"{statement_key(BANK_ACCOUNT, 'S2')}-1"
    for approved in (False, True):
        event = house.do(AssignEntry(key, "cash:P7"))[0]
        assert isinstance(event, WithdrawalRequested)
        assert house.row(BankEntry, BANK_ENTRIES, key).state == "assigning"
        withdrawal_id = event.withdrawal_id
        house.do(ApproveWithdrawal(withdrawal_id) if approved else RefuseWithdrawal(withdrawal_id, 1))
        assert house.row(BankEntry, BANK_ENTRIES, key).state == ("assigned" if approved else "unmatched")
    assert cash(house, "P7") == (600, 0) and house.account("suspense").balance_fen == 0
    assert house.replayed() == house.state()


def test_the_hold_of_a_withdrawal_is_not_the_operators_to_resolve() -> None:
    house = funded()
    key = instructed(house)
    with pytest.raises(REFUSALS["pending_transfer_reserved"]):
        house.do(PostTransfers((TransferRequest("x", "void", pending_id=key),)))
