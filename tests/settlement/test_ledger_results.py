"""The result code of every transfer that is asked for, as tables: one line a transfer, in order, with its result.

Columns: id, kind, debit, credit, amount, pending id, expiry (s after the start), code, result. ``.`` is an empty cell.
A is without limits; D may not debit more than its credits, of which it has 1000; C the opposite, with debits of 500.
``at N`` moves the clock to N seconds after the start.
"""

from __future__ import annotations

import pytest

from kernel.quantity import MICROS_PER_S
from settlement.commands import OpenAccount, PostTransfers
from settlement.errors import REFUSALS, RESULTS, BatchTooLarge, TransferRefused
from settlement.model import AMOUNT_MAX_FEN, TransferRequest
from tests.settlement.helpers import START, House

SCENARIOS = {
    "shape": f"""
        .       posted  book:A  book:D  10  .    .   t  id_must_not_be_empty
        {"x" * 65}  posted book:A book:D 10 . .  t  id_must_not_be_empty
        H1-1    posted  book:A  book:D  10  .    .   t  id_reserved
        H1-1:x  posted  book:A  book:D  10  .    .   t  id_reserved
        W7      posted  book:A  book:D  10  .    .   t  id_reserved
        opening posted  book:A  book:D  10  .    .   t  id_reserved
        B0123456789abcdef-1 posted book:A book:D 10 . . t id_reserved
        s1      moved   book:A  book:D  10  .    .   t  kind_unknown
        s1      posted  book:A  book:D  10  .    .   .  code_too_long
        s1      posted  book:A  book:D  10  .    .   {"c" * 33}  code_too_long
        s1      posted  book:A  book:D  -1  .    .   t  amount_must_not_be_negative
        s1      posted  book:A  book:D  {AMOUNT_MAX_FEN + 1} . . t amount_over_maximum
        s1      posted  book:A  book:D  10  .    9   t  expiry_reserved_for_pending
        s1      post    .       .       10  p    9   t  expiry_reserved_for_pending
        s1      posted  book:A  book:D  10  p    .   t  pending_id_must_be_empty
        s1      pending book:A  book:D  10  p    .   t  pending_id_must_be_empty
        s1      posted  .       book:D  10  .    .   t  debit_account_must_not_be_empty
        s1      posted  book:A  .       10  .    .   t  credit_account_must_not_be_empty
        s1      posted  book:A  book:A  10  .    .   t  accounts_must_be_different
        s1      posted  book:A  book:D  0   .    .   t  amount_must_not_be_zero
        s1      pending book:A  book:D  0   .    .   t  amount_must_not_be_zero
        s1      post    .       .       10  .    .   t  pending_id_must_not_be_empty
        s1      void    .       .       10  .    .   t  pending_id_must_not_be_empty
        s1      post    .       .       10  s1   .   t  pending_id_must_be_different
        s1      post    .       .       0   p    .   t  amount_must_not_be_zero
        s1      posted  book:A  book:D  10  .    .   t  created
    """,
    "exists": """
        e1  posted   book:A  book:D  10  .   .   t  created
        e1  posted   book:A  book:D  10  .   .   t  exists
        e1  pending  book:A  book:D  10  .   .   t  exists_with_different_kind
        e1  posted   book:C  book:D  10  .   .   t  exists_with_different_debit_account
        e1  posted   book:A  book:C  10  .   .   t  exists_with_different_credit_account
        e1  posted   book:A  book:D  11  .   .   t  exists_with_different_amount
        e1  posted   book:A  book:D  10  .   .   u  exists_with_different_code
        e1  posted   book:X  book:D  10  .   .   t  exists_with_different_debit_account
        e2  pending  book:A  book:D  10  .   60  t  created
        e2  pending  book:A  book:D  10  .   60  t  exists
        e2  pending  book:A  book:D  10  .   61  t  exists_with_different_expiry
        e3  post     .       .       4   e2  .   t  created
        e3  post     .       .       4   e2  .   t  exists
        e3  post     book:A  book:D  4   e2  .   t  exists
        e3  post     .       .       5   e2  .   t  exists_with_different_amount
        e3  post     .       .       4   e1  .   t  exists_with_different_pending_id
        e3  void     .       .       4   e2  .   t  exists_with_different_kind
        e2  pending  book:A  book:D  10  .   60  t  exists
    """,
    "accounts": """
        a1  posted   book:X     book:D    10  .  .  t  debit_account_not_found
        a1  posted   book:A     book:X    10  .  .  t  credit_account_not_found
        a1  posted   bank:main  book:A    10  .  .  t  bank_account_reserved
        a1  pending  book:A     bank:main 10  .  .  t  bank_account_reserved
        a1  posted   cash:P1    book:A    10  .  .  t  participant_debit_reserved
        a1  pending  cash:P1    cash:P2   10  .  .  t  participant_debit_reserved
        a1  posted   cash:P9    book:A    10  .  .  t  debit_account_not_found
        a1  posted   suspense   cash:P1   10  .  .  t  created
        a2  posted   market     cash:P1   10  .  .  t  created
        a3  posted   book:A     suspense  10  .  .  t  created
    """,
    "limits": """
        l1  posted   book:D  book:A  1001  .   .   t  exceeds_credits
        l1  pending  book:D  book:A  1001  .   .   t  exceeds_credits
        l1  pending  book:D  book:A  600   .   .   t  created
        l2  posted   book:D  book:A  401   .   .   t  exceeds_credits
        l2  pending  book:D  book:A  401   .   .   t  exceeds_credits
        l2  posted   book:D  book:A  400   .   .   t  created
        l3  posted   book:D  book:A  1     .   .   t  exceeds_credits
        l4  pending  book:A  book:D  50    .   .   t  created
        l5  posted   book:D  book:A  1     .   .   t  exceeds_credits
        l6  post     .       .       50    l4  .   t  created
        l7  posted   book:D  book:A  51    .   .   t  exceeds_credits
        l7  posted   book:D  book:A  50    .   .   t  created
        l8  posted   book:A  book:C  501   .   .   t  exceeds_debits
        l8  pending  book:A  book:C  300   .   .   t  created
        l9  posted   book:A  book:C  201   .   .   t  exceeds_debits
        l9  posted   book:A  book:C  200   .   .   t  created
    """,
    "post and void": """
        p1  pending  book:D  book:A  600   .   .   t  created
        p2  post     .       .       601   p1  .   t  exceeds_pending_transfer_amount
        p2  void     .       .       599   p1  .   t  pending_transfer_has_different_amount
        p2  post     book:C  .       600   p1  .   t  pending_transfer_has_different_debit_account
        p2  post     .       book:C  600   p1  .   t  pending_transfer_has_different_credit_account
        p2  post     .       .       600   p1  .   u  pending_transfer_has_different_code
        p2  post     .       .       600   px  .   t  pending_transfer_not_found
        p2  post     .       .       250   p1  .   t  created
        p3  post     .       .       250   p1  .   t  pending_transfer_already_posted
        p3  void     .       .       .     p1  .   t  pending_transfer_already_posted
        p4  pending  book:D  book:A  750   .   .   t  created
        p5  void     .       .       .     p4  .   t  created
        p6  void     .       .       .     p4  .   t  pending_transfer_already_voided
        p6  post     .       .       1     p4  .   t  pending_transfer_already_voided
        p7  posted   book:D  book:A  750   .   .   t  created
        p8  post     .       .       1     p7  .   t  pending_transfer_not_pending
        p8  void     .       .       .     p2  .   t  pending_transfer_not_pending
    """,
    "expiry": """
        at 10
        x1  pending  book:D  book:A  100   .   10  t  expiry_must_be_in_the_future
        x1  pending  book:D  book:A  100   .   5   t  expiry_must_be_in_the_future
        x1  pending  book:D  book:A  100   .   11  t  created
        x2  pending  book:D  book:A  100   .   20  t  created
        at 11
        x3  post     .       .       100   x1  .   t  pending_transfer_expired
        x3  void     .       .       .     x1  .   t  pending_transfer_expired
        x3  post     .       .       100   x2  .   t  created
        at 30
        x4  post     .       .       100   x2  .   t  pending_transfer_already_posted
    """,
}


def ledger_house() -> House:
    house = House().open("P1", "P2")
    house.do(OpenAccount("book:A"))
    house.do(OpenAccount("book:D", debits_must_not_exceed_credits=True))
    house.do(OpenAccount("book:C", credits_must_not_exceed_debits=True))
    house.do(
        PostTransfers(
            (
                TransferRequest("fund-d", "posted", "book:A", "book:D", 1000),
                TransferRequest("fund-c", "posted", "book:C", "book:A", 500),
            )
        )
    )
    return house


def request(cells: list[str]) -> TransferRequest:
    key, kind, debit, credit, amount, pending, expiry, code = ("" if cell == "." else cell for cell in cells)
    if code == "t":
        code = "transfer"
    return TransferRequest(
        key,
        kind,  # type: ignore[arg-type]
        debit,
        credit,
        int(amount or 0),
        pending,
        START + int(expiry) * MICROS_PER_S if expiry else 0,
        code,
    )


def result(house: House, wanted: TransferRequest) -> str:
    try:
        return "created" if house.do(PostTransfers((wanted,))) else "exists"
    except TransferRefused as refusal:
        return refusal.code


@pytest.mark.parametrize("title", SCENARIOS)
def test_each_transfer_has_its_result(title: str) -> None:
    house = ledger_house()
    for line in SCENARIOS[title].strip().splitlines():
        cells = line.split()
        if cells[0] == "at":
            house.at = START + int(cells[1]) * MICROS_PER_S
            continue
        # The kind is checked where a request is read, too: an unknown one cannot be encoded as a command.
        got = unchecked(house, request(cells[:-1])) if cells[1] == "moved" else result(house, request(cells[:-1]))
        assert got == cells[-1], line.strip()
    assert house.replayed() == house.state()


def unchecked(house: House, wanted: TransferRequest) -> str:
    with pytest.raises(TransferRefused) as caught:
        house.machine.apply(PostTransfers((wanted,)), house.at, len(house.log) + 1)
    return caught.value.code


def test_every_result_code_is_in_a_table() -> None:
    rows = {line.split()[-1] for table in SCENARIOS.values() for line in table.strip().splitlines()}
    elsewhere = {"reference_too_long", "exists_with_different_reference", "pending_transfer_reserved"}
    assert rows | elsewhere >= set(RESULTS) and elsewhere <= set(RESULTS)
    assert sum(len(table.strip().splitlines()) for table in SCENARIOS.values()) >= 90


def test_references_are_bounded_and_part_of_the_transfer() -> None:
    house = ledger_house()
    first = TransferRequest("r1", "posted", "book:A", "book:D", 1, reference="x" * 140)
    long = TransferRequest("r1", "posted", "book:A", "book:D", 1, reference="x" * 141)
    assert result(house, long) == "reference_too_long"
    assert result(house, first) == "created"
    assert result(house, TransferRequest("r1", "posted", "book:A", "book:D", 1)) == "exists_with_different_reference"


def test_a_refusal_says_its_code_in_both_languages() -> None:
    for code, refusal in REFUSALS.items():
        raised = refusal(3, "t9")
        assert (raised.code, raised.status, raised.field) == (code, RESULTS[code][0], "transfers.3")
        assert "t9" in raised.sentence("en") and "t9" in raised.sentence("zh")
        assert raised.sentence("en") != raised.sentence("zh")


def test_a_batch_is_booked_whole_or_not_at_all() -> None:
    house = ledger_house()
    good = TransferRequest("b1", "posted", "book:D", "book:A", 900)
    bad = TransferRequest("b2", "posted", "book:D", "book:A", 101)
    with pytest.raises(REFUSALS["exceeds_credits"]) as caught:
        house.do(PostTransfers((good, bad)))
    assert caught.value.params["shortfall"] == "0.01" and caught.value.field == "transfers.1"
    assert house.account("book:D").balance_fen == 1000
    house.do(PostTransfers((good, TransferRequest("b2", "posted", "book:D", "book:A", 100))))
    assert house.account("book:D").balance_fen == 0


def test_a_batch_may_build_on_itself() -> None:
    house = ledger_house()
    house.do(
        PostTransfers(
            (
                TransferRequest("c1", "posted", "book:A", "book:D", 500),
                TransferRequest("c2", "pending", "book:D", "book:A", 1500),
                TransferRequest("c3", "post", pending_id="c2", amount_fen=1200),
                TransferRequest("c4", "posted", "book:D", "book:A", 300),
            )
        )
    )
    assert house.account("book:D").available_fen == 0


def test_a_batch_sent_again_changes_nothing_and_one_that_is_half_known_is_refused() -> None:
    house = ledger_house()
    one = TransferRequest("d1", "posted", "book:A", "book:D", 1)
    two = TransferRequest("d2", "posted", "book:A", "book:D", 2)
    assert house.do(PostTransfers((one, two)))
    assert house.do(PostTransfers((one, two))) == []
    assert house.do(PostTransfers((two,))) == []
    with pytest.raises(REFUSALS["exists"]):
        house.do(PostTransfers((one, TransferRequest("d3", "posted", "book:A", "book:D", 1))))
    with pytest.raises(REFUSALS["exists"]):
        house.do(PostTransfers((TransferRequest("d4", "posted", "book:A", "book:D", 1),) * 2))


def test_a_batch_has_a_size() -> None:
    house = ledger_house()
    many = tuple(TransferRequest(f"m{n}", "posted", "book:A", "book:D", 1) for n in range(1001))
    with pytest.raises(BatchTooLarge):
        house.do(PostTransfers(()))
    with pytest.raises(BatchTooLarge):
        house.do(PostTransfers(many))
    assert len(house.do(PostTransfers(many[:1000]))) == 1
