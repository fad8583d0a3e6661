"""The routes of settlement on both stores: the way of the money, and everything that must be refused."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from kernel.clock import SimulatedClock, to_text
from kernel.edge import DAY_PATTERN
from kernel.quantity import MICROS_PER_S
from seeds.bank import statement_camt053, statement_csv
from settlement.commands import ApproveWithdrawal, HoldForTrade, RecordDue
from settlement.jobs import JOBS
from settlement.model import StatementLine
from settlement.references import payment_reference
from tests.settlement.app import Counter, counter
from tests.settlement.helpers import BANK_ACCOUNT, START, deposit

HOUR_US = 3_600 * MICROS_PER_S


@pytest.fixture
def house(database_url: str) -> Iterator[Counter]:
    with counter(database_url, "P1", "P2", "P3") as opened:
        yield opened
        assert opened.verify() == []


def code(answer: object) -> str:
    return str(answer.json()["code"])  # type: ignore[attr-defined]


# --- the bank


def test_a_statement_is_booked_once_and_gives_the_same_answer(house: Counter) -> None:
    statement = house.next_statement(deposit("P1", 500_00), StatementLine("credit", 70_00, "2026-01-05"))
    first = house.upload(statement_camt053(statement))
    assert first.status_code == 201
    assert {**first.json(), "statement_id": "", "imported_at": ""} == {
        "statement_id": "",
        "reference": "S1",
        "from_day": "2026-01-05",
        "to_day": "2026-01-05",
        "entries": 2,
        "matched": 1,
        "unmatched": 1,
        "opening": "0.00",
        "closing": "570.00",
        "imported_at": "",
    }
    head = house.service.sequencer.tail.seq
    (entry,) = house.get("/v1/bank-entries", state="suspended").json()["items"]
    house.send("POST", f"/v1/bank-entries/{entry['entry_id']}/assignment", {"participant_id": "P2"})
    again = house.upload(statement_csv(statement), "text/csv; charset=utf-8")
    assert (again.status_code, again.json()) == (201, first.json())
    assert house.service.sequencer.tail.seq == head + 1  # the assignment alone
    (listed,) = house.get("/v1/bank-statements", "auditor").json()["items"]
    assert listed == first.json()


NO_STATEMENTS = (
    (b"{}", "application/json", 415, "unsupported_media_type"),
    (b"", "", 415, "unsupported_media_type"),
    (b"", "text/csv", 422, "invalid_input"),
    (b"<Document/>", "application/xml", 422, "invalid_input"),
    (b"\xff\xfe", "text/csv", 422, "invalid_input"),
    (b" " * ((8 << 20) + 1), "text/csv", 413, "body_too_large"),
)


def test_a_file_that_is_no_statement_is_refused(house: Counter) -> None:
    for content, kind, status, expected in NO_STATEMENTS:
        answer = house.upload(content, kind)
        assert (answer.status_code, code(answer)) == (status, expected)
        assert house.get("/v1/bank-statements").json()["items"] == []


def test_a_statement_of_another_account_or_with_a_gap_is_refused(house: Counter) -> None:
    statement = house.next_statement(deposit("P1", 100))
    other = statement_csv(statement).replace(BANK_ACCOUNT.encode(), b"6222000099999999")
    assert code(house.upload(other, "text/csv")) == "statement_of_another_account"
    gap = statement_csv(house.next_statement(deposit("P1", 100)))
    assert code(house.upload(gap, "text/csv")) == "statement_gap"


def test_a_suspended_entry_comes_with_a_guess_and_is_assigned_once(house: Counter) -> None:
    house.bank(StatementLine("credit", 90_00, "2026-01-05", counterparty_name="Company P2", remittance="hydrogen"))
    (entry,) = house.get("/v1/bank-entries", "auditor", state="suspended").json()["items"]
    assert entry["state"] == "suspended"
    assert {"participant_id": "P2", "score": 100, "basis": "name"} in entry["suggestions"]
    path = f"/v1/bank-entries/{entry['entry_id']}/assignment"
    assert house.send("POST", path, {"participant_id": "P2"}, "P2").status_code == 403
    for body in ({}, {"participant_id": "P2", "account_id": "market"}, {"account_id": "bank:main"}, {"note": "x"}):
        assert house.send("POST", path, body).status_code == 422
    assert code(house.send("POST", path, {"participant_id": "P77"})) == "entry_target"
    unknown = house.send("POST", "/v1/bank-entries/B0123456789abcdef-1/assignment", {"participant_id": "P2"})
    assert unknown.status_code == 404
    done = house.send("POST", path, {"participant_id": "P2", "note": "called them"}, key="a1")
    assert done.json() == {
        "entry_id": entry["entry_id"],
        "state": "assigned",
        "account_id": "cash:P2",
        "withdrawal_id": None,
    }
    replayed = house.send("POST", path, {"participant_id": "P2", "note": "called them"}, key="a1")
    assert replayed.json() == done.json()
    assert code(house.send("POST", path, {"participant_id": "P1"}, key="a1")) == "idempotency_key_reused"
    assert code(house.send("POST", path, {"participant_id": "P1"})) == "entry_not_open"
    assert house.get("/v1/accounts/cash:P2/balance", "P2").json()["posted"] == "90.00"
    assert house.get("/v1/bank-entries", state="suspended").json()["items"] == []


def test_a_debit_of_a_participant_becomes_a_correction(house: Counter) -> None:
    house.fund(P1=500_00)
    house.bank(StatementLine("debit", 20_00, "2026-01-05", reversal=True))
    (entry,) = house.get("/v1/bank-entries", state="suspended").json()["items"]
    assert entry["suggestions"] == []
    done = house.send("POST", f"/v1/bank-entries/{entry['entry_id']}/assignment", {"participant_id": "P1"}).json()
    assert (done["state"], done["account_id"]) == ("assigning", None)
    assert house.get("/v1/bank-entries", state="assigning").json()["items"][0]["entry_id"] == entry["entry_id"]
    house.do(ApproveWithdrawal(done["withdrawal_id"]))
    assert house.get("/v1/accounts/cash:P1/balance", "P1").json()["posted"] == "480.00"


def test_a_payment_reference_is_ones_own(house: Counter) -> None:
    own = house.get("/v1/payment-reference", "P1").json()
    assert own == {
        "participant_id": "P1",
        "reference": payment_reference("P1"),
        "account_number": BANK_ACCOUNT,
        "holder": "汾河氢能清算有限公司",
        "bank_code": "102161000012",
    }
    assert house.get("/v1/payment-reference", "P1", participant_id="P2").status_code == 404
    assert house.get("/v1/payment-reference", "operator", participant_id="P2").json()["participant_id"] == "P2"
    assert house.get("/v1/payment-reference", "operator").status_code == 404  # the operator has no account here


# --- the ledger


def test_accounts_are_seen_by_their_owner_and_the_overseers(house: Counter) -> None:
    house.fund(P1=1_000_00, P2=5_00)
    (own,) = house.get("/v1/accounts", "P1").json()["items"]
    assert own == {
        "account_id": "cash:P1",
        "participant_id": "P1",
        "side": "credit",
        "posted": "1000.00",
        "held": "0.00",
        "expected": "0.00",
        "available": "1000.00",
    }
    first = house.get("/v1/accounts", "auditor", limit=4).json()
    rest = house.get("/v1/accounts", "auditor", limit=4, cursor=first["next_cursor"]).json()
    names = [account["account_id"] for account in (*first["items"], *rest["items"])]
    assert sorted(names) == ["bank:main", "cash:P1", "cash:P2", "cash:P3", "market", "suspense"]
    bank = next(one for one in (*first["items"], *rest["items"]) if one["account_id"] == "bank:main")
    assert (bank["side"], bank["posted"]) == ("debit", "1005.00")
    for path in ("/v1/accounts/cash:P2/balance", "/v1/accounts/bank:main/transfers", "/v1/accounts/cash:P77/balance"):
        assert house.get(path, "P1").status_code == 404
    assert house.get("/v1/accounts/cash:7/balance", "P1").status_code == 422
    assert house.get("/v1/accounts", "blind").status_code == 403
    assert house.request("GET", "/v1/accounts").status_code == 401
    for cursor in ("AA", "!!", "a", "_w"):
        assert house.get("/v1/accounts", "auditor", cursor=cursor).status_code == 422


def test_a_clock_that_was_set_back_hides_no_money(house: Counter) -> None:
    house.fund(P1=1_000_00)
    house.service.clock = SimulatedClock(START - 1)
    assert house.get("/v1/accounts/cash:P1/balance", "P1").json()["posted"] == "1000.00"


def test_a_balance_is_told_as_it_was(house: Counter) -> None:
    house.fund(P1=1_000_00)
    house.clock.advance_to(START + HOUR_US)
    house.do(HoldForTrade(10, "EXW", 1_00, 1, "P1", "P2"))
    path = "/v1/accounts/cash:P1/balance"
    now = house.get(path, "P1").json()
    assert (now["posted"], now["held"], now["available"]) == ("1000.00", "350.00", "650.00")
    assert house.get("/v1/accounts/cash:P2/balance", "P2").json()["expected"] == "350.00"
    then = house.get(path, "P1", at=to_text(START)).json()
    assert (then["posted"], then["held"], then["at"]) == ("1000.00", "0.00", to_text(START))
    before = house.get(path, "P1", at=to_text(START - 1)).json()
    assert before["posted"] == "0.00"
    for at in ("yesterday", "2026-01-05T09:00:00", "1", "2999-01-01T00:00:00Z"):
        assert house.get(path, "P1", at=at).status_code == 422


def test_transfers_come_in_pages_newest_first(house: Counter) -> None:
    for number in range(5):
        house.clock.advance_to(START + number * HOUR_US)
        house.bank(deposit("P1", 100 + number), deposit("P1", 200 + number))
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params: dict[str, Any] = {"limit": 3, **({"cursor": cursor} if cursor else {})}
        page = house.get("/v1/accounts/cash:P1/transfers", "P1", **params).json()
        seen += [transfer["created_at"] + transfer["transfer_id"] for transfer in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 10
    assert seen == sorted(seen, reverse=True)
    for bad in ("MQ", "AA", "MSAA", "MjAyNi0wMS0wNSBC"):  # "1", NUL, "1 NUL", a day where a time belongs
        assert house.get("/v1/accounts/cash:P1/transfers", "P1", cursor=bad).status_code == 422


def test_a_batch_of_transfers_is_booked_whole_or_not_at_all(house: Counter) -> None:
    assert house.send("POST", "/v1/accounts", {"account_id": "book:fund"}).status_code == 201
    assert house.send("POST", "/v1/accounts", {"account_id": "cash:P7"}).status_code == 422
    good = {
        "id": "t1",
        "kind": "posted",
        "debit_account_id": "book:fund",
        "credit_account_id": "cash:P1",
        "amount": "12.50",
    }
    hold = {**good, "id": "t2", "kind": "pending", "credit_account_id": "market", "amount": "1.00"}
    done = house.send("POST", "/v1/transfers", {"transfers": [good, hold]})
    assert (done.status_code, done.json()) == (201, {"transfers": ["t1", "t2"], "booked": 2})
    assert house.send("POST", "/v1/transfers", {"transfers": [good, hold]}).json()["booked"] == 0
    void = {"id": "t3", "kind": "void", "pending_id": "t2"}
    assert house.send("POST", "/v1/transfers", {"transfers": [void]}).json()["booked"] == 1
    assert house.get("/v1/accounts/cash:P1/balance", "P1").json()["posted"] == "12.50"
    robbing = {**good, "id": "t5", "debit_account_id": "cash:P1", "credit_account_id": "market", "amount": "1.00"}
    answer = house.send("POST", "/v1/transfers", {"transfers": [{**good, "id": "t4"}, robbing]})
    assert (answer.status_code, code(answer)) == (422, "participant_debit_reserved")
    assert house.get("/v1/accounts/cash:P1/balance", "P1").json()["posted"] == "12.50"
    changed = house.send("POST", "/v1/transfers", {"transfers": [{**good, "amount": "12.51"}]})
    assert (changed.status_code, code(changed)) == (409, "exists_with_different_amount")


NO_TRANSFERS = (
    ("amount", "1.005"),
    ("amount", "-1.00"),
    ("amount", 1),
    ("amount", 1.5),
    ("amount", "1e3"),
    ("amount", "1000000000000"),
    ("id", ""),
    ("id", "with blank"),
    ("id", "x" * 65),
    ("kind", "gift"),
    ("debit_account_id", "cash:P0"),
    ("expires_at", "soon"),
    ("reference", "line\nbreak"),
    ("surprise", "field"),
)


def test_a_transfer_that_is_not_well_formed_is_refused(house: Counter) -> None:
    for field, value in NO_TRANSFERS:
        transfer = {
            "id": "t1",
            "kind": "posted",
            "debit_account_id": "market",
            "credit_account_id": "cash:P1",
            "amount": "1.00",
        }
        answer = house.send("POST", "/v1/transfers", {"transfers": [{**transfer, field: value}]})
        assert (answer.status_code, code(answer)) == (422, "invalid_input")
        assert field in answer.json()["errors"][0]["field"]


def test_transfers_are_the_operators_business(house: Counter) -> None:
    for caller in ("P1", "auditor"):
        assert house.send("POST", "/v1/transfers", {"transfers": []}, caller).status_code in (403, 422)
        assert house.send("POST", "/v1/settlement-runs", None, caller).status_code == 403
        assert house.upload(b"x", "text/csv", caller).status_code == 403
        assert house.send("POST", "/v1/payment-files", None, caller).status_code == 403
    assert house.get("/v1/bank-statements", "P1").status_code == 403
    assert house.get("/v1/bank-entries", "P1").status_code == 403
    assert house.get("/v1/payment-files", "P1").status_code == 403
    assert house.get("/v1/reconciliation", "P1").status_code == 403
    assert house.send("POST", "/v1/transfers", {"transfers": []}).status_code == 422


# --- loads


def test_a_load_is_paid_and_each_party_sees_its_own_part(house: Counter) -> None:
    house.fund(P1=10_000_00)
    house.do(HoldForTrade(10, "EXW", 20_00, 1, "P1", "P2"))
    house.do(HoldForTrade(11, "HAUL", 2_00, 1, "P1", "P3"))
    house.do(RecordDue("accepted", 10, 1, 11, 1, 300_000, 300_000))
    (waiting,) = house.get("/v1/dues", "P1", settled=False).json()["items"]
    assert waiting["settled_at"] is None
    run = house.send("POST", "/v1/settlement-runs")
    assert (run.status_code, run.json()) == (201, {"paid": 1, "blocked": 0, "waiting": 0})
    assert house.send("POST", "/v1/settlement-runs").json()["paid"] == 0
    balances = {name: house.get(f"/v1/accounts/cash:{name}/balance", name).json() for name in ("P1", "P2", "P3")}
    assert {name: one["posted"] for name, one in balances.items()} == {
        "P1": "3400.00",
        "P2": "6000.00",
        "P3": "600.00",
    }
    assert {one["held"] for one in balances.values()} == {"0.00"}
    parts = {
        name: [
            part["commodity"]
            for due in house.get("/v1/dues", name, settled=True).json()["items"]
            for part in due["parts"]
        ]
        for name in ("P1", "P2", "P3", "auditor")
    }
    both = ["hydrogen", "haulage"]
    assert parts == {"P1": both, "P2": ["hydrogen"], "P3": ["haulage"], "auditor": both}
    assert house.get("/v1/dues", "P1", settled=False).json()["items"] == []
    (paid,) = house.get("/v1/obligations", "P3").json()["items"]
    assert (paid["hold_id"], paid["state"], paid["spent"]) == ("H11-1", "paid", "600.00")
    assert house.get("/v1/obligations", "P3", state="held").json()["items"] == []


def test_a_load_waits_for_money_and_is_paid_when_it_is_there(house: Counter) -> None:
    house.do(HoldForTrade(10, "EXW", 20_00, 1, "P1", "P2"))
    house.do(RecordDue("accepted", 10, 1, 0, 0, 300_000, 0))
    house.do(RecordDue("accepted", 12, 1, 0, 0, 300_000, 0))
    assert house.send("POST", "/v1/settlement-runs").json() == {"paid": 0, "blocked": 1, "waiting": 1}
    assert house.send("POST", "/v1/settlement-runs").json() == {"paid": 0, "blocked": 1, "waiting": 1}
    house.fund(P1=10_000_00)
    payments = next(job for job in JOBS if job.name == "settlement.payments")
    house.run(payments.run)
    assert house.get("/v1/accounts/cash:P2/balance", "P2").json()["posted"] == "6000.00"
    assert house.get("/v1/dues", "P2").json()["items"][0]["state"] == "paid"


def test_a_daily_statement_leads_from_opening_to_closing(house: Counter) -> None:
    house.fund(P1=10_000_00)
    house.do(HoldForTrade(10, "EXW", 20_00, 2, "P1", "P2"))
    house.do(RecordDue("accepted", 10, 1, 0, 0, 300_000, 0))
    house.send("POST", "/v1/settlement-runs")
    day = house.get("/v1/statements", "P1", day="2026-01-05").json()
    assert (day["opening"], day["closing"], day["held"], day["complete"]) == ("0.00", "4000.00", "0.00", False)
    assert [(line["amount"], line["balance"]) for line in day["lines"]] == [
        ("10000.00", "10000.00"),
        ("-6000.00", "4000.00"),
    ]
    house.clock.advance_to(START + 24 * HOUR_US)
    assert house.get("/v1/statements", "P1", day="2026-01-05").json()["complete"] is True
    after = house.get("/v1/statements", "P1", day="2026-01-06").json()
    assert (after["opening"], after["lines"]) == ("4000.00", [])
    assert house.get("/v1/statements", "P1", day="2026-01-05", participant_id="P2").status_code == 404
    assert house.get("/v1/statements", "operator", day="2026-01-05", participant_id="P2").json()["closing"] == "6000.00"
    for day_text in ("2026-02-29", "2026-1-5", "20260105", "1", "2026-01-05T00:00:00", "1969-12-31"):
        assert house.get("/v1/statements", "P1", day=day_text).status_code == 422


def test_a_day_is_read_if_and_only_if_it_exists() -> None:
    pattern = re.compile(DAY_PATTERN, re.ASCII)
    for year in (1970, 1999, 2000, 2023, 2024, 2096, 2100, 2104, 2199):
        for month in range(14):
            for number in range(33):
                text = f"{year}-{month:02d}-{number:02d}"
                try:
                    exists = bool(date(year, month, number))
                except ValueError:
                    exists = False
                assert bool(pattern.fullmatch(text)) == exists, text
    leap_years = [year for year in range(1970, 2200) if pattern.fullmatch(f"{year}-02-29")]
    assert leap_years == [year for year in range(1970, 2200) if calendar.isleap(year)]
    assert not any(pattern.fullmatch(day) for day in ("1969-12-31", "2200-01-01"))
