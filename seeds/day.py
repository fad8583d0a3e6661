"""The simulated market day, from the first company to the reconciled payment, through the public interface alone.

    2026-03-02  06:00  companies, fleets, products     08:00  deposits, one under a mangled reference
                08:50  orders for the opening auction  09:00  it is matched; 23 rounds until the market closes at 15:00,
                       and between them scenes in the books of the night (`seeds.scenes`)
                16:00  nominations
    2026-03-03  05:00  trips until the night; what was delivered is paid every quarter of an hour
    2026-03-04  08:00  withdrawals                     09:30  the payment file goes to the bank
                18:00  the bank's statement, reconciliation

The day is a function of its seed: all chance comes from it, requests go out one after another, and time moves only when
every service has caught up. Market hours, expiry, lapses and payments are the scheduler's, fired by the moving clock.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Protocol

from seeds.agents import ROUNDS
from seeds.bank_account import BankAccount
from seeds.client import Session
from seeds.closing import check_statements, order_payments, withdraw
from seeds.companies import COMPANY_OF_CODE
from seeds.deliveries import Deliveries
from seeds.figures import Figures, read_figures
from seeds.floor import TradingFloor
from seeds.founding import found, list_products, steps_of_founding
from seeds.funding import assign_suspended, pay_in, report
from seeds.loads import cast, nominate, planned_loads
from seeds.members import Market
from seeds.moments import at
from seeds.pace import Pace
from seeds.scenes.programme import Programme
from seeds.trips import MINUTE_US

DAY = date(2026, 3, 2)
NEXT, LAST = DAY + timedelta(days=1), DAY + timedelta(days=2)
#: Whose bank clerk swaps two digits of the reference.
CARELESS = COMPANY_OF_CODE["willowflute"].code
#: Minutes between two rounds: the last one is over before the market closes.
ROUND_MIN = 15
#: For how many days `furnish` lists products.
FURNISHED_DAYS = 5


class Reporter(Protocol):
    """Where the day says how far it is, in both languages."""

    def progress(self, en: str, zh: str, total: int | None = None) -> AbstractContextManager[Callable[[int], None]]: ...


@dataclass(frozen=True, slots=True)
class Founder:
    """The operator as it was made before the platform ran, and the market's account at its bank."""

    participant_id: str
    session: Session
    account_number: str


START = at(DAY, 6)


def run_day(founder: Founder, seed: int, reporter: Reporter) -> tuple[Market, Figures]:
    """The whole day on an empty platform whose clocks stand at `START`. Raises Refused or Unreachable."""
    rng = Random(seed)
    pace = Pace(founder.session, START)
    account = BankAccount(founder.account_number)
    with reporter.progress("Founding the market", "建立市场", steps_of_founding(1)) as step:
        market = found(founder.session, founder.participant_id, pace, DAY, rng, step)
        list_products(market, pace, DAY, step)
    assigned = _fund(market, pace, account, rng)
    compared = _trade(market, pace, rng, reporter)
    _deliver(market, pace, rng, seed, reporter)
    _pay_out(market, pace, account, rng)
    return market, read_figures(market, assigned, compared)


def furnish(founder: Founder, first_day: date, now_us: int, reporter: Reporter) -> Market:
    """The market with its money and some days of products, without any trade, on a platform that runs in real time."""
    rng = Random(0)
    pace = Pace(founder.session, now_us)
    account = BankAccount(founder.account_number)
    with reporter.progress("Founding the market", "建立市场", steps_of_founding(FURNISHED_DAYS)) as step:
        market = found(founder.session, founder.participant_id, pace, first_day, rng, step)
        for number in range(FURNISHED_DAYS):
            list_products(market, pace, first_day + timedelta(days=number), step)
    pay_in(account, market.traders(), first_day, rng)
    report(market.operator, account, f"{first_day:%Y%m%d}-1", first_day, first_day, "08")
    pace.catch_up()
    return market


def _fund(market: Market, pace: Pace, account: BankAccount, rng: Random) -> int:
    """Everybody but the hauliers pays the day before; the bank reports that as camt.053, and the rest as CSV."""
    before = DAY - timedelta(days=1)
    hauliers = market.with_role("haulier")
    others = [member for member in market.traders() if member not in hauliers]
    pace.move(at(DAY, 8))
    pay_in(account, others, before, rng, mangle=CARELESS)
    report(market.operator, account, f"{before:%Y%m%d}-1", before, before, "08")
    pay_in(account, hauliers, DAY, rng)
    report(market.operator, account, f"{DAY:%Y%m%d}-1", DAY, DAY)
    pace.catch_up()
    assigned = assign_suspended(market, pace)
    assert assigned == 1, f"{assigned} payments were suspended where one reference was mangled"
    return assigned


def _trade(market: Market, pace: Pace, rng: Random, reporter: Reporter) -> dict[str, int]:
    """The market opens and closes by itself; scenes are played between the rounds. Returns what readers compared."""
    floor = TradingFloor(market, DAY, rng)
    opens, closes = at(DAY, 9), at(DAY, 15)
    with Programme(market, pace, DAY) as programme:
        with reporter.progress("Trading", "交易", ROUNDS + len(programme)) as step:
            pace.move(at(DAY, 8, 50))
            floor.round(0, collecting=True)
            step(1 + programme.play_until(opens, floor.look_again))
            pace.move(opens)
            floor.look_around()
            for round_no in range(1, ROUNDS):
                begins = opens + round_no * ROUND_MIN * MINUTE_US
                step(programme.play_until(begins, floor.look_again))
                pace.move(begins)
                floor.round(round_no)
                step(1)
            step(programme.play_until(closes, floor.look_again))
        pace.move(closes)
        programme.settle()
        return programme.compared


def _deliver(market: Market, pace: Pace, rng: Random, seed: int, reporter: Reporter) -> None:
    pace.move(at(DAY, 16))
    loads = planned_loads(market, seed)
    cast(rng, loads)
    with reporter.progress("Delivering", "运输与交付", 2 * len(loads)) as step:
        for load in loads:
            nominate(load)
            step(1)
        pace.move(at(NEXT, 5))
        Deliveries(market, pace, step).run(loads)
    pace.move(at(LAST, 8))


def _pay_out(market: Market, pace: Pace, account: BankAccount, rng: Random) -> None:
    """The bank carries payments out and reports them as camt.053, in the older version that some banks still send."""
    check_statements(market, (DAY, NEXT))
    granted = withdraw(market, pace, LAST, rng)
    pace.move(at(LAST, 9, 30))
    paid = order_payments(market, account, LAST)
    pace.move(at(LAST, 18))
    booked = report(market.operator, account, f"{LAST:%Y%m%d}-1", NEXT, LAST, "04")
    assert granted == paid == booked["matched"], f"{granted} withdrawals, {paid} payments, {booked}"
    pace.catch_up()
