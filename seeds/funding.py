"""How money reaches the ledger: companies pay in, the bank reports, the operator assigns what names nobody."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from random import Random
from typing import Any

from seeds.bank import statement_camt053, statement_csv
from seeds.bank_account import BankAccount
from seeds.client import Session
from seeds.members import Market, Member
from seeds.pace import Pace

CAMT, CSV = "application/xml", "text/csv"
#: What payers write around their reference.
_REMITTANCES = ("{}", "H2 trading deposit {}", "氢能交易保证金 {}", "{} 预付款")
#: A guess that the operator acts on without a telephone call.
SCORE_SURE = 95


def mangled(reference: str) -> str:
    """A reference with its last two digits swapped, or the last one changed where they are the same."""
    start, tens, ones = reference[:-2], reference[-2], reference[-1]
    return start + (ones + tens if tens != ones else tens + str((int(ones) + 1) % 10))


def pay_in(account: BankAccount, members: Iterable[Member], day: date, rng: Random, *, mangle: str = "") -> None:
    """The members pay their cash to the market's account; the one with the code ``mangle`` misspells its reference."""
    for member in members:
        reference = member.session.get("/v1/payment-reference")["reference"]
        written = mangled(reference) if member.company.code == mangle else reference
        company = member.company
        remittance = rng.choice(_REMITTANCES).format(written)
        account.pay_in(day, company.cash_fen, company.name_zh, company.account, remittance)


def report(
    operator: Session, account: BankAccount, reference: str, from_day: date, to_day: date, version: str = ""
) -> Any:
    """Hands the operator's system the bank's next statement, as camt.053 in a version or as CSV without one."""
    statement = account.statement(reference, from_day, to_day)
    if version:
        return operator.upload("/v1/bank-statements", statement_camt053(statement, version), CAMT)
    return operator.upload("/v1/bank-statements", statement_csv(statement), CSV)


def assign_suspended(market: Market, pace: Pace) -> int:
    """The operator gives each payment in suspense to the likeliest company; returns how many there were."""
    suspended = market.operator.pages("/v1/bank-entries", state="suspended")
    for entry in suspended:
        best = entry["suggestions"][0]
        assert best["score"] >= SCORE_SURE, f"nobody is likely enough to have made {entry['entry_id']}: {best}"
        decision = {"participant_id": best["participant_id"], "note": f"likeness of {best['basis']} {best['score']}"}
        market.operator.post(f"/v1/bank-entries/{entry['entry_id']}/assignment", decision)
    pace.catch_up()
    return len(suspended)
