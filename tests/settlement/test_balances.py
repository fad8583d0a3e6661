"""Balances at a time and daily statements, from transfer rows alone."""

from __future__ import annotations

from kernel.quantity import MICROS_PER_S
from settlement.balances import balance_at, daily_statement
from settlement.commands import PayDue, RecordDue
from tests.settlement.helpers import START, House

HOUR = 3_600 * MICROS_PER_S


def a_day() -> House:
    """8:00 pay-in of 20,000.00; 9:00 a hold of 10,500.00; 11:00 of it 10,200.00 are paid."""
    house = House().open("P1", "P2")
    house.products()
    house.fund(P1=2_000_000)
    house.at += HOUR
    house.trade(100, "EXW", 3_000, "P1", "P2")
    house.at += 2 * HOUR
    house.do(RecordDue("accepted", 100, 1, 0, 0, 340_000, 0))
    house.do(PayDue("D100-1", ("H100-1",)))
    return house


def test_a_balance_is_what_it_was_then() -> None:
    rows = a_day().transfers()
    seen = [
        (balance_at(rows, "cash:P1", at).balance_fen, balance_at(rows, "cash:P1", at).available_fen)
        for at in (START - 1, START, START + HOUR - 1, START + HOUR, START + 3 * HOUR - 1, START + 3 * HOUR)
    ]
    assert seen == [
        (0, 0),
        (2_000_000, 2_000_000),
        (2_000_000, 2_000_000),
        (2_000_000, 950_000),
        (2_000_000, 950_000),
        (980_000, 980_000),
    ]


def test_the_running_sums_are_those_of_the_rows() -> None:
    house = a_day()
    for account in house.accounts():
        now = balance_at(house.transfers(), account.id, house.at)
        assert (now.balance_fen, now.available_fen) == (account.balance_fen, account.available_fen)


def test_a_statement_leads_from_opening_to_closing() -> None:
    rows = a_day().transfers()
    whole = daily_statement(rows, "cash:P1", START, START + 24 * HOUR)
    assert [(item.amount_fen, item.balance_fen, item.counter_account_id, item.code) for item in whole.items] == [
        (2_000_000, 2_000_000, "bank:main", "deposit"),
        (-1_020_000, 980_000, "cash:P2", "trade_hold"),
    ]
    assert (whole.opening_fen, whole.closing_fen, whole.held_fen) == (0, 980_000, 0)
    first = daily_statement(rows, "cash:P1", START, START + 2 * HOUR)
    second = daily_statement(rows, "cash:P1", START + 2 * HOUR, START + 24 * HOUR)
    assert (first.closing_fen, first.held_fen) == (2_000_000, 1_050_000)
    assert second.opening_fen == first.closing_fen and second.closing_fen == whole.closing_fen
