"""Jobs, and money on its way out: withdrawals, corrections, payment files, on both stores."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree as ET

import pytest

from kernel.clock import to_text
from kernel.quantity import MICROS_PER_S
from settlement.bank_settings import BankSettings
from settlement.commands import ApproveWithdrawal
from settlement.errors import BooksOpenOtherwise
from settlement.jobs import JOBS
from settlement.model import StatementLine
from tests.settlement.app import Counter, counter
from tests.settlement.helpers import START

HOUR_US = 3_600 * MICROS_PER_S
PAYOUT = {"holder": "太原示例制氢有限公司", "account_number": "6217000099990001", "bank_code": "103161000013"}


@pytest.fixture
def house(database_url: str) -> Iterator[Counter]:
    with counter(database_url, "P1", "P2", "P3") as opened:
        yield opened
        assert opened.verify() == []


def code(answer: object) -> str:
    return str(answer.json()["code"])  # type: ignore[attr-defined]


# --- jobs


def test_jobs_do_what_is_due_and_no_more(house: Counter) -> None:
    jobs = {job.name.removeprefix("settlement."): job for job in JOBS}
    head = house.service.sequencer.tail.seq
    for job in jobs.values():
        house.run(job.run)
    assert house.service.sequencer.tail.seq == head  # the books are open, nothing is due, nothing expires
    hold = {
        "id": "t1",
        "kind": "pending",
        "debit_account_id": "market",
        "credit_account_id": "cash:P1",
        "amount": "1.00",
        "expires_at": to_text(START + HOUR_US),
    }
    assert house.send("POST", "/v1/transfers", {"transfers": [hold]}).status_code == 201
    house.run(jobs["expiry"].run)
    assert house.get("/v1/accounts/cash:P1/balance", "P1").json()["expected"] == "1.00"
    house.clock.advance_to(START + HOUR_US)
    house.run(jobs["expiry"].run)
    assert house.get("/v1/accounts/cash:P1/balance", "P1").json()["expected"] == "0.00"
    (transfer,) = house.get("/v1/accounts/cash:P1/transfers", "P1").json()["items"]
    assert (transfer["state"], transfer["resolved_at"]) == ("expired", to_text(START + HOUR_US))


def test_books_that_are_open_over_another_account_stop_the_job(house: Counter) -> None:
    house.service.bank = BankSettings()
    with pytest.raises(BooksOpenOtherwise):
        house.run(JOBS[0].run)


# --- money out


def approved(house: Counter, amount: str = "100.00", client_id: str = "w1") -> str:
    house.send("PUT", "/v1/payout-account", PAYOUT, "P1")
    asked = house.send("POST", "/v1/withdrawals", {"amount": amount, "client_id": client_id}, "P1")
    assert asked.status_code == 202, asked.text
    withdrawal_id = str(asked.json()["withdrawal_id"])
    house.do(ApproveWithdrawal(withdrawal_id))
    return withdrawal_id


def test_a_withdrawal_goes_to_the_bank_and_comes_back_in_its_statement(house: Counter) -> None:
    house.fund(P1=500_00)
    withdrawal_id = approved(house)
    made = house.send("POST", "/v1/payment-files", None, key="f1")
    assert (made.status_code, made.json()["withdrawals"], made.json()["amount"]) == (201, 1, "100.00")
    assert house.send("POST", "/v1/payment-files", None, key="f1").json() == made.json()
    assert code(house.send("POST", "/v1/payment-files")) == "nothing_to_pay"
    file = house.get(f"/v1/payment-files/{made.json()['payment_file_id']}", "auditor")
    assert file.headers["content-type"] == "application/xml"
    document = ET.fromstring(file.content)  # noqa: S314 - our own file
    assert document.findtext(".//{*}EndToEndId") == withdrawal_id
    assert document.findtext(".//{*}CdtTrfTxInf/{*}Cdtr/{*}Nm") == PAYOUT["holder"]
    assert [one["payment_file_id"] for one in house.get("/v1/payment-files").json()["items"]] == [
        made.json()["payment_file_id"]
    ]
    paid = house.bank(StatementLine("debit", 100_00, "2026-01-05", end_to_end_id=withdrawal_id), csv=True)
    assert (paid["matched"], paid["unmatched"]) == (1, 0)
    (done,) = house.get("/v1/withdrawals", "P1", state="paid").json()["items"]
    assert (done["withdrawal_id"], done["payment_file_id"]) == (withdrawal_id, made.json()["payment_file_id"])
    assert house.get("/v1/accounts/cash:P1/balance", "P1").json()["available"] == "400.00"


def test_an_entry_without_its_id_is_matched_with_the_withdrawal(house: Counter) -> None:
    house.fund(P1=500_00)
    withdrawal_id = approved(house)
    house.send("POST", "/v1/payment-files")
    house.bank(StatementLine("debit", 100_00, "2026-01-05"))
    (entry,) = house.get("/v1/bank-entries", state="suspended").json()["items"]
    path = f"/v1/bank-entries/{entry['entry_id']}/assignment"
    done = house.send("POST", path, {"withdrawal_id": withdrawal_id}).json()
    assert (done["state"], done["account_id"], done["withdrawal_id"]) == ("assigned", "cash:P1", withdrawal_id)
    assert house.get(f"/v1/withdrawals/{withdrawal_id}", "P1").json()["state"] == "paid"


def test_a_client_id_is_one_withdrawal(house: Counter) -> None:
    house.fund(P1=500_00)
    withdrawal_id = approved(house)
    again = house.send("POST", "/v1/withdrawals", {"amount": "100.00", "client_id": "w1"}, "P1")
    assert (again.status_code, again.json()["withdrawal_id"], again.json()["state"]) == (202, withdrawal_id, "approved")
    other = house.send("POST", "/v1/withdrawals", {"amount": "100.01", "client_id": "w1"}, "P1")
    assert (other.status_code, code(other)) == (409, "withdrawal_exists_otherwise")
    assert len(house.get("/v1/withdrawals", "operator").json()["items"]) == 1


def test_a_withdrawal_under_a_key_gives_its_first_answer(house: Counter) -> None:
    house.fund(P1=500_00)
    house.send("PUT", "/v1/payout-account", PAYOUT, "P1")
    body = {"amount": "100.00", "client_id": "w1"}
    first = house.send("POST", "/v1/withdrawals", body, "P1", key="k1")
    house.do(ApproveWithdrawal(first.json()["withdrawal_id"]))
    assert house.send("POST", "/v1/withdrawals", body, "P1", key="k1").json() == first.json()
    changed = house.send("POST", "/v1/withdrawals", {**body, "amount": "1.00"}, "P1", key="k1")
    assert (changed.status_code, code(changed)) == (409, "idempotency_key_reused")


def test_withdrawals_that_are_refused(house: Counter) -> None:
    body = {"amount": "1.00", "client_id": "w1"}
    assert code(house.send("POST", "/v1/withdrawals", body, "P1")) == "no_payout_account"
    house.send("PUT", "/v1/payout-account", PAYOUT, "P1")
    short = house.send("POST", "/v1/withdrawals", body, "P1")
    assert (code(short), short.json()["params"]["shortfall"]) == ("withdrawal_exceeds_funds", "1.00")
    for amount in ("0.00", "0.001", "-1.00", 1, "1,00"):
        assert house.send("POST", "/v1/withdrawals", {**body, "amount": amount}, "P1").status_code == 422
    for client_id in ("", "a b", "x" * 65, "编号"):
        assert house.send("POST", "/v1/withdrawals", {**body, "client_id": client_id}, "P1").status_code == 422
    assert house.send("POST", "/v1/withdrawals", body, "auditor").status_code == 403
    assert house.get("/v1/withdrawals", "P1").json()["items"] == []


NO_PAYOUT_ACCOUNTS = (
    ("holder", ""),
    ("holder", " led by a blank"),
    ("holder", "trailed by one "),
    ("holder", "\u3000全角"),
    ("holder", "line\nbreak"),
    ("holder", "nul\x00"),
    ("holder", "no\uffffcharacter"),
    ("holder", "x" * 141),
    ("account_number", "1234"),
    ("account_number", "6217-0000"),
    ("bank_code", "10316100001"),
)


def test_a_payout_account_that_no_bank_would_take_is_refused(house: Counter) -> None:
    for field, value in NO_PAYOUT_ACCOUNTS:
        answer = house.send("PUT", "/v1/payout-account", {**PAYOUT, field: value}, "P1")
        assert (answer.status_code, code(answer)) == (422, "invalid_input")


def test_a_withdrawal_is_taken_back_by_its_owner_only(house: Counter) -> None:
    house.fund(P1=500_00)
    withdrawal_id = approved(house)
    path = f"/v1/withdrawals/{withdrawal_id}"
    assert house.send("DELETE", path, caller="P2").status_code == 404
    assert house.get(path, "P2").status_code == 404
    assert house.send("DELETE", "/v1/withdrawals/W999", caller="P1").status_code == 404
    assert house.send("DELETE", path, caller="P1").status_code == 204
    assert code(house.send("DELETE", path, caller="P1")) == "withdrawal_state"
    assert house.get(path, "P1").json()["state"] == "voided"
    assert house.get("/v1/accounts/cash:P1/balance", "P1").json()["available"] == "500.00"


def test_what_the_bank_returns_is_the_participants_again(house: Counter) -> None:
    house.fund(P1=500_00)
    withdrawal_id = approved(house)
    path = f"/v1/withdrawals/{withdrawal_id}/return"
    assert code(house.send("POST", path, {"reason": "account closed"})) == "withdrawal_state"
    house.send("POST", "/v1/payment-files")
    assert house.send("POST", path, {"reason": "account closed"}, "P1").status_code == 403
    done = house.send("POST", path, {"reason": "account closed"}, key="r1").json()
    assert (done["state"], done["reason"]) == ("voided", "account closed")
    assert house.send("POST", path, {"reason": "account closed"}, key="r1").json() == done
    assert house.get("/v1/accounts/cash:P1/balance", "P1").json()["available"] == "500.00"


def test_the_operator_takes_back_what_went_to_the_wrong_one(house: Counter) -> None:
    house.fund(P1=500_00)
    body = {"participant_id": "P1", "amount": "200.00", "client_id": "c1", "note": "was P2's"}
    assert house.send("POST", "/v1/corrections", body, "P1").status_code == 403
    asked = house.send("POST", "/v1/corrections", body)
    assert (asked.status_code, asked.json()["purpose"], asked.json()["state"]) == (202, "correction", "requested")
    house.do(ApproveWithdrawal(asked.json()["withdrawal_id"]))
    move = {
        "id": "fix-1",
        "kind": "posted",
        "debit_account_id": "suspense",
        "credit_account_id": "cash:P2",
        "amount": "200.00",
    }
    assert house.send("POST", "/v1/transfers", {"transfers": [move]}).status_code == 201
    assert house.get("/v1/accounts/cash:P2/balance", "P2").json()["posted"] == "200.00"
    bank = next(rule for rule in house.get("/v1/reconciliation").json()["rules"] if rule["rule"] == "bank_agrees")
    assert bank["differences"] == []
