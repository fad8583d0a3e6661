"""What users of other ledgers reported as lost or doubled money, as things that must not happen here."""

from __future__ import annotations

import pytest

from kernel.errors import NotFound
from kernel.quantity import MICROS_PER_S
from settlement.commands import ExpireTransfer, OpenAccount, PostTransfers
from settlement.errors import REFUSALS, AccountExistsOtherwise, AccountIdRefused, TransferNotDue
from settlement.model import TRANSFERS, Transfer, TransferRequest
from tests.settlement.helpers import START, House
from tests.settlement.test_ledger_results import ledger_house


def hold(house: House, key: str, amount_fen: int, expires_s: int = 0) -> None:
    house.do(
        PostTransfers(
            (
                TransferRequest(
                    key,
                    "pending",
                    "book:D",
                    "book:A",
                    amount_fen,
                    expires_at=START + expires_s * MICROS_PER_S if expires_s else 0,
                ),
            )
        )
    )


def post(house: House, key: str, pending_id: str, amount_fen: int) -> None:
    house.do(PostTransfers((TransferRequest(key, "post", amount_fen=amount_fen, pending_id=pending_id),)))


def void(house: House, key: str, pending_id: str) -> None:
    house.do(PostTransfers((TransferRequest(key, "void", pending_id=pending_id),)))


def test_holds_count_against_the_balance() -> None:
    """Six holds of 200 on 1000: five stand."""
    house = ledger_house()
    for number in range(5):
        hold(house, f"h{number}", 200)
    with pytest.raises(REFUSALS["exceeds_credits"]):
        hold(house, "h5", 200)
    assert house.account("book:D").debits_pending_fen == 1000


def test_a_refused_hold_cannot_be_posted() -> None:
    house = ledger_house()
    with pytest.raises(REFUSALS["exceeds_credits"]):
        hold(house, "h1", 1001)
    with pytest.raises(REFUSALS["pending_transfer_not_found"]):
        post(house, "p1", "h1", 1001)


def test_a_hold_is_voided_once() -> None:
    house = ledger_house()
    hold(house, "h1", 600)
    void(house, "v1", "h1")
    with pytest.raises(REFUSALS["pending_transfer_already_voided"]):
        void(house, "v2", "h1")
    assert house.account("book:D").available_fen == 1000


def test_no_more_is_posted_than_was_held() -> None:
    house = ledger_house()
    hold(house, "h1", 600)
    with pytest.raises(REFUSALS["exceeds_pending_transfer_amount"]):
        post(house, "p1", "h1", 601)


def test_a_payment_after_the_void_finds_nothing() -> None:
    house = ledger_house()
    hold(house, "h1", 600)
    void(house, "v1", "h1")
    with pytest.raises(REFUSALS["pending_transfer_already_voided"]):
        post(house, "p1", "h1", 600)
    assert house.account("book:D").balance_fen == 1000


def test_every_hold_leaves_its_row() -> None:
    house = ledger_house()
    hold(house, "h1", 600)
    post(house, "p1", "h1", 250)
    held, posted = house.row(Transfer, TRANSFERS, "h1"), house.row(Transfer, TRANSFERS, "p1")
    assert (held.state, held.amount_fen, held.resolved_at) == ("posted", 600, house.at)
    assert (posted.kind, posted.amount_fen, posted.debit_account_id) == ("post", 250, "book:D")


def test_a_hold_is_posted_once_and_its_rest_is_released() -> None:
    house = ledger_house()
    hold(house, "h1", 600)
    post(house, "p1", "h1", 250)
    with pytest.raises(REFUSALS["pending_transfer_already_posted"]):
        post(house, "p2", "h1", 350)
    account = house.account("book:D")
    assert (account.balance_fen, account.debits_pending_fen) == (750, 0)


def test_limits_of_an_account_stay_as_they_were_opened() -> None:
    house = ledger_house()
    assert house.do(OpenAccount("book:D", debits_must_not_exceed_credits=True)) == []
    with pytest.raises(AccountExistsOtherwise):
        house.do(OpenAccount("book:D"))
    for bad in ("cash:P7", "bank:main", "book:", "book:a b", "x"):
        with pytest.raises(AccountIdRefused):
            house.do(OpenAccount(bad))


def test_an_expired_hold_is_released_once_and_not_before_its_time() -> None:
    house = ledger_house()
    hold(house, "h1", 600, expires_s=10)
    hold(house, "h2", 100)
    with pytest.raises(TransferNotDue):
        house.do(ExpireTransfer("h1"))
    house.at = START + 10 * MICROS_PER_S
    assert len(house.do(ExpireTransfer("h1"))) == 1
    assert house.do(ExpireTransfer("h1")) == []
    with pytest.raises(TransferNotDue):
        house.do(ExpireTransfer("h2"))
    with pytest.raises(NotFound):
        house.do(ExpireTransfer("h3"))
    with pytest.raises(REFUSALS["pending_transfer_expired"]):
        post(house, "p1", "h1", 600)
    assert house.account("book:D").debits_pending_fen == 100
    assert house.replayed() == house.state()
