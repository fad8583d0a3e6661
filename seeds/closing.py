"""The end of the simulated day: who was paid withdraws, the operator orders the payments, the bank carries them out."""

from __future__ import annotations

from datetime import date
from random import Random

from kernel.quantity import format_money, parse_money
from seeds.bank_account import BankAccount
from seeds.members import Market
from seeds.pace import Pace

PRODUCERS_WITHDRAWING, HAULIERS_WITHDRAWING = 6, 3
#: Of what is free, what a company takes out, in full hundreds of CNY.
WITHDRAWN_PERCENT = 80
_ROUND_FEN = 100 * 100


def withdraw(market: Market, pace: Pace, day: date, rng: Random) -> int:
    """Some sellers ask for their money; returns how many of them were granted it."""
    sellers = rng.sample(market.with_role("producer"), PRODUCERS_WITHDRAWING)
    sellers += rng.sample(market.with_role("haulier"), HAULIERS_WITHDRAWING)
    for member in sellers:
        (account,) = member.session.pages("/v1/accounts")
        amount_fen = parse_money(account["available"]) * WITHDRAWN_PERCENT // 100 // _ROUND_FEN * _ROUND_FEN
        request = {"amount": format_money(amount_fen), "client_id": f"payout-{day.isoformat()}"}
        member.session.post("/v1/withdrawals", request)
        pace.catch_up()
    return len(market.operator.pages("/v1/withdrawals", state="approved"))


def order_payments(market: Market, account: BankAccount, day: date) -> int:
    """The operator makes the payment file and the bank carries it out; returns how many payments there were."""
    made = market.operator.post("/v1/payment-files")
    order = market.operator.download(f"/v1/payment-files/{made['payment_file_id']}")
    paid = account.carry_out(day, order)
    assert paid == made["withdrawals"], f"the file holds {paid} payments and was made of {made['withdrawals']}"
    return paid


def check_statements(market: Market, days: tuple[date, ...]) -> None:
    """Each trader reads its daily statements: every one begins where the one before it ended."""
    for member in market.traders():
        closing: str | None = None
        for day in days:
            statement = member.session.get("/v1/statements", day=day.isoformat())
            assert statement["complete"], f"the statement of {day} is not complete"
            assert closing in (None, statement["opening"]), f"{member.company.code}: {day} begins with another balance"
            closing = statement["closing"]
