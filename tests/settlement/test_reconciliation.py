"""Reconciliation finds nothing where all is well, and exactly what is wrong where one thing is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import httpx
import msgspec
import pytest

from kernel.quantity import MICROS_PER_S
from settlement.differences import Difference, Report, RuleResult, Side, Text, lasting, money, plain
from settlement.evidence import Books, Facts
from settlement.reconciliation import RULES, reconcile
from settlement.reconciliation_money import PAYOUT_OPEN_US
from tests.settlement.app import Counter, counter
from tests.settlement.helpers import START
from tests.settlement.market import DAY_US, HOUR_US, WINDOW_END, Market

NOW = START + 2 * HOUR_US


def found(facts: Facts, books: Books, now: int = NOW) -> dict[str, list[str]]:
    """Rule -> keys of its differences, for rules that have any."""
    report = reconcile(facts, books, now)
    assert report.ok == (report.differences == 0)
    for rule in report.rules:
        for difference in rule.differences:
            for text in (difference.left.what, difference.right.what, difference.resolve):
                assert text.en and text.zh
            assert difference.left.value != difference.right.value
            assert 0 <= difference.age_s(now) <= 30 * 86_400
    return {rule.rule: [one.key for one in rule.differences] for rule in report.rules if rule.differences}


@pytest.fixture(scope="module")
def market() -> Market:
    return Market()


def replaced(rows: Sequence[Any], key: str, **changes: Any) -> Any:
    """Changes the fields of one entity of the books, in place, and gives it."""
    row = next(row for row in rows if row.id == key)
    for name, value in changes.items():
        assert getattr(row, name) != value
        setattr(row, name, value)
    return row


def fact(rows: Any, index: int, **changes: Any) -> None:
    """Changes the fields of one fact."""
    rows[index] = msgspec.structs.replace(rows[index], **changes)


def lose(rows: Any, index: int) -> None:
    """Loses one fact."""
    rows.pop(index)


def without(rows: Any, key: str) -> Any:
    """Loses one entity of the books, and gives it."""
    (row,) = [row for row in rows if row.id == key]
    rows.remove(row)
    return row


def open_payout(books: Books, state: str = "approved") -> str:
    """The first payout in a state."""
    return next(row.id for row in books.withdrawals if (row.purpose, row.state) == ("payout", state))


def test_a_market_that_agrees_has_no_difference(market: Market) -> None:
    report = reconcile(market.facts(), market.books(), NOW)
    assert [(rule.rule, len(rule.differences)) for rule in report.rules] == [(rule.__name__, 0) for rule in RULES]
    assert {rule.rule: rule.checked for rule in report.rules} == {
        "trades_have_holds": 9,
        "loads_have_outcomes": 5,
        "haulage_has_outcome": 4,
        "recalls_are_whole": 0,
        "dues_are_paid": 5,
        "ledger_balances": 7,
        "limits_follow_money": 4,
        "reservations": 4,
        "bank_agrees": 6,
    }
    (open_item,) = report.rules[-1].open_items
    assert (open_item.value, open_item.age_s(NOW)) == (money(500_00), 3_600)
    assert all(rule.title.en and rule.title.zh for rule in report.rules)


def test_a_cancelled_load_agrees_with_the_due_that_released_it(market: Market) -> None:
    facts, books = market.facts(), market.books()
    fact(facts.loads, 3, state="cancelled", outcome="cancelled")
    assert found(facts, books) == {"loads_have_outcomes": ["D14-1"]}
    replaced(books.dues, "D14-1", outcome="cancelled")
    assert found(facts, books) == {}


def test_nothing_at_all_agrees() -> None:
    nothing = Books((), {}, {}, (), (), (), (), (), (), (), (), ())
    assert reconcile(Facts((), (), (), (), ()), nothing, NOW).ok


# Each case changes one side; what must be found is every rule that the change touches, and no other.
CASES: dict[str, tuple[Callable[[Facts, Books], object], dict[str, list[str]]]] = {
    "a trade that settlement does not know": (
        lambda _, books: [without(books.trades, "T10"), without(books.obligations, "H10-2")],
        {"trades_have_holds": ["T10", "H10-2"], "ledger_balances": ["H10-2"], "limits_follow_money": ["P1"]},
    ),
    "a trade that the exchange does not know": (
        lambda facts, _: lose(facts.trades, 4),
        {"trades_have_holds": ["T14", "H14-1"], "loads_have_outcomes": ["S14-1"]},
    ),
    "another price": (
        lambda facts, _: fact(facts.trades, 0, price_fen_per_kg=20_01),
        {"trades_have_holds": ["T10", "H10-1", "H10-2"]},
    ),
    "another buyer": (
        lambda facts, _: fact(facts.trades, 0, buyer_id="P4"),
        {"trades_have_holds": ["T10", "H10-1", "H10-2"]},
    ),
    "a refused hold": (
        lambda _, books: replaced(books.obligations, "H10-2", state="refused"),
        {"trades_have_holds": ["H10-2"], "ledger_balances": ["H10-2"]},
    ),
    "a hold that is gone": (
        lambda _, books: without(books.transfers, "H10-2"),
        {"trades_have_holds": ["H10-2"], "ledger_balances": ["H10-2"]},
    ),
    "a hold of another amount": (
        lambda _, books: replaced(books.transfers, "H10-2", amount_fen=1),
        {"trades_have_holds": ["H10-2"], "ledger_balances": ["H10-2"]},
    ),
    "a load without a shipment": (
        lambda facts, _: lose(facts.loads, 1),
        {"loads_have_outcomes": ["S10-2"], "haulage_has_outcome": ["H11-2"]},
    ),
    "another mass": (
        lambda facts, _: fact(facts.loads, 0, delivered_mass_g=330_001),
        {"loads_have_outcomes": ["D10-1"]},
    ),
    "another mass of haulage of a rejected load": (
        lambda facts, _: fact(facts.loads, 2, haulage_due_mass_g=0),
        {"loads_have_outcomes": ["D12-1"]},
    ),
    "another outcome": (
        lambda facts, _: fact(facts.loads, 3, outcome="accepted"),
        {"loads_have_outcomes": ["D14-1"]},
    ),
    "another haulage": (
        lambda facts, _: fact(facts.loads, 0, haulage_load_no=2),
        {"loads_have_outcomes": ["D10-1"], "haulage_has_outcome": ["H11-1"]},
    ),
    "a due for a load that is still on its way": (
        lambda facts, _: fact(facts.loads, 0, outcome="", state="delivered"),
        {"loads_have_outcomes": ["D10-1"]},
    ),
    "an outcome without a due": (
        lambda _, books: without(books.dues, "D10-1"),
        {"loads_have_outcomes": ["D10-1"], "dues_are_paid": ["H10-1", "H11-1"]},
    ),
    "a due that tracking does not know": (
        lambda facts, _: fact(facts.haulage, 3, state="used"),
        {"loads_have_outcomes": ["D15-1"], "haulage_has_outcome": []},
    ),
    "haulage without a load of it": (
        lambda facts, _: lose(facts.haulage, 1),
        {"haulage_has_outcome": ["H11-2"]},
    ),
    "lapsed haulage that is not released": (
        lambda _, books: without(books.dues, "D15-1"),
        {"haulage_has_outcome": ["H15-1"], "dues_are_paid": ["H15-1"]},
    ),
    "paid a fen too much": (
        lambda _, books: replaced(books.transfers, "H16-1:post", amount_fen=735_001),
        {"dues_are_paid": ["H16-1"], "ledger_balances": ["H16-1"]},
    ),
    "paid to another": (
        lambda _, books: replaced(books.transfers, "H10-1:post", credit_account_id="cash:P3"),
        {"dues_are_paid": ["H10-1"]},
    ),
    "not paid at all": (
        lambda _, books: without(books.transfers, "H13-1:post"),
        {"dues_are_paid": ["H13-1"], "ledger_balances": ["H13-1"]},
    ),
    "a balance changed past the ledger": (
        lambda _, books: replaced(books.accounts, "cash:P2", credits_posted_fen=1),
        {"ledger_balances": ["cash:P2", "cash:P2", "ledger"], "limits_follow_money": ["P2"]},
    ),
    "an account that is gone": (
        lambda _, books: without(books.accounts, "cash:P3"),
        {"ledger_balances": ["cash:P3", "ledger", "ledger"], "limits_follow_money": ["P3"]},
    ),
    "a limit too high": (
        lambda facts, _: fact(facts.limits, 0, granted_fen=1),
        {"limits_follow_money": ["P1"]},
    ),
    "a commitment that is too low": (
        lambda facts, _: fact(facts.limits, 0, committed_fen=1),
        {"limits_follow_money": ["P1"]},
    ),
    "a limit the exchange never heard of": (
        lambda facts, _: lose(facts.limits, 1),
        {"limits_follow_money": ["P4"]},
    ),
    "a reservation without an order": (
        lambda facts, _: lose(facts.orders_open, 0),
        {"reservations": ["P1"]},
    ),
    "an order without a reservation": (
        lambda facts, _: fact(facts.orders_open, 0, participant_id="P4"),
        {"reservations": ["P1", "P4"]},
    ),
    "another closing balance": (
        lambda _, books: replaced(books.bank_books, "bank:main", closing_fen=1),
        {"bank_agrees": ["bank:main", "bank:main"]},
    ),
    "an entry that was not booked": (
        lambda _, books: without(books.transfers, books.entries[0].id),
        {"bank_agrees": ["ENTRY"]},
    ),
    "an entry that was lost": (
        lambda _, books: without(books.entries, books.entries[0].id),
        {"bank_agrees": ["ENTRY", "STATEMENT", "STATEMENT"]},
    ),
    "an entry of another amount": (
        lambda _, books: replaced(books.entries, books.entries[0].id, amount_fen=1),
        {"bank_agrees": ["ENTRY", "STATEMENT"]},
    ),
    "a suspended entry that is said to have an owner": (
        lambda _, books: replaced(books.entries, books.entries[-1].id, state="assigned"),
        {"bank_agrees": ["suspense"]},
    ),
    "an obligation of another price": (
        lambda _, books: replaced(books.obligations, "H10-2", price_fen_per_kg=20_01),
        {"trades_have_holds": ["H10-2"]},
    ),
    "an obligation to another seller": (
        lambda _, books: replaced(books.obligations, "H10-2", payee_id="P3"),
        {"trades_have_holds": ["H10-2", "H10-2"]},
    ),
    "a hold for another seller": (
        lambda _, books: replaced(books.transfers, "H10-2", credit_account_id="cash:P3"),
        {"trades_have_holds": ["H10-2"]},
    ),
    "a paid load whose seller was changed with its payment": (
        lambda _, books: [
            replaced(books.obligations, "H10-1", payee_id="P3"),
            replaced(books.transfers, "H10-1:post", credit_account_id="cash:P3"),
        ],
        {"trades_have_holds": ["H10-1"]},
    ),
    "a load that ended without a due": (
        lambda _, books: [replaced(books.obligations, "H10-2", state="voided"), without(books.transfers, "H10-2")],
        {"dues_are_paid": ["H10-2"], "limits_follow_money": ["P1"]},
    ),
    "a due that ended without its load": (
        lambda _, books: [
            replaced(books.obligations, "H15-1", state="held"),
            replaced(books.transfers, "H15-1", state="pending"),
        ],
        {"dues_are_paid": ["H15-1"], "limits_follow_money": ["P4"]},
    ),
    "a shipment of no trade": (
        lambda facts, _: fact(facts.loads, 1, shipment_id="S99-1"),
        {"loads_have_outcomes": ["S10-2", "S99-1"], "haulage_has_outcome": ["H11-2"]},
    ),
    "haulage of no trade": (
        lambda facts, _: fact(facts.haulage, 1, haulage_trade_id=99),
        {"haulage_has_outcome": ["H11-2", "H99-2"]},
    ),
    "a deposit that was credited to another": (
        lambda _, books: replaced(books.entries, books.entries[0].id, account_id="cash:P3"),
        {"bank_agrees": ["ENTRY"]},
    ),
    "a payout that no entry paid": (
        lambda _, books: [
            replaced(books.transfers, open_payout(books), state="voided"),
            replaced(books.withdrawals, open_payout(books), state="paid"),
        ],
        {"bank_agrees": ["WITHDRAWAL"], "limits_follow_money": ["P2"]},
    ),
    "an entry that paid nothing": (
        lambda _, books: replaced(books.withdrawals, open_payout(books, "paid"), state="voided"),
        {"bank_agrees": ["PAYOUT"]},
    ),
    "a payout that is not held": (
        lambda _, books: without(books.transfers, next(row.id for row in books.withdrawals if row.state == "approved")),
        {"ledger_balances": ["WITHDRAWAL"]},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_one_wrong_thing_is_what_is_found(market: Market, case: str) -> None:
    change, expected = CASES[case]
    facts, books = market.facts(), market.books()
    names = {
        "ENTRY": books.entries[0].id,
        "STATEMENT": books.entries[0].statement_id,
        "WITHDRAWAL": open_payout(books),
        "PAYOUT": open_payout(books, "paid"),
    }
    change(facts, books)
    wanted = {rule: sorted(names.get(key, key) for key in keys) for rule, keys in expected.items() if keys}
    assert {rule: sorted(keys) for rule, keys in found(facts, books).items()} == wanted


def test_a_statement_that_is_missing_between_two_is_found(market: Market) -> None:
    books = market.books()
    assert len(books.statements) == 2
    first, second = sorted(books.statements, key=lambda row: row.event_seq)
    second.opening_fen += 1
    second.closing_fen += 1
    assert found(market.facts(), books)["bank_agrees"] == [second.id, "bank:main"]
    assert first.opening_fen == 0


def test_a_due_may_wait_a_day(market: Market) -> None:
    facts, books = market.facts(), market.books()
    replaced(books.dues, "D16-1", settled_at=0, state="blocked", blocked_code="exceeds_credits")
    replaced(books.obligations, "H16-1", state="refused")
    recorded_at = START + HOUR_US
    assert "dues_are_paid" not in found(facts, books, recorded_at + DAY_US)
    assert found(facts, books, recorded_at + DAY_US + 1)["dues_are_paid"] == ["D16-1"]


@pytest.mark.parametrize(
    ("state", "code", "advice"),
    [
        ("blocked", "exceeds_credits", "The buyer pays in"),
        ("blocked", "hold_resolved_before", "One of the two logs"),
        ("waiting", "", "Look at the job settlement.payments"),
    ],
)
def test_an_unpaid_due_says_what_would_resolve_it(market: Market, state: str, code: str, advice: str) -> None:
    facts, books = market.facts(), market.books()
    replaced(books.dues, "D16-1", settled_at=0, state=state)
    replaced(books.obligations, "H16-1", state="refused")
    next(due for due in books.dues if due.id == "D16-1").blocked_code = code
    (rule,) = [rule for rule in reconcile(facts, books, NOW + DAY_US).rules if rule.rule == "dues_are_paid"]
    assert rule.differences[0].resolve.en.startswith(advice)


def test_the_exchange_answers_within_an_hour(market: Market) -> None:
    facts, books = market.facts(), market.books()
    (asked,) = [row for row in books.withdrawals if row.state == "approved"]
    asked.state = "requested"
    replaced(books.transfers, asked.id, state="voided")
    index = next(index for index, limit in enumerate(facts.limits) if limit.participant_id == "P2")
    fact(facts.limits, index, granted_fen=facts.limits[index].granted_fen + asked.amount_fen)
    assert found(facts, books, asked.requested_at + HOUR_US) == {}
    assert found(facts, books, asked.requested_at + HOUR_US + 1) == {"limits_follow_money": [asked.id]}


def test_a_payout_may_be_at_the_bank_for_three_days(market: Market) -> None:
    facts, books = market.facts(), market.books()
    instructed_at = books.payment_batches[0].created_at
    (withdrawal,) = [row for row in books.withdrawals if row.state == "instructed"]
    in_time = reconcile(facts, books, instructed_at + PAYOUT_OPEN_US).rules[-1]
    assert (in_time.differences, [item.key for item in in_time.open_items]) == ((), [withdrawal.id])
    late = reconcile(facts, books, instructed_at + PAYOUT_OPEN_US + 1).rules[-1]
    assert ([one.key for one in late.differences], late.open_items) == ([withdrawal.id], ())
    assert late.differences[0].age_s(instructed_at + PAYOUT_OPEN_US + 1) == 3 * 86_400


def test_haulage_may_wait_until_its_window_has_lapsed(market: Market) -> None:
    facts, books = market.facts(), market.books()
    fact(facts.haulage, 1, state="waiting", shipment_id="")
    assert found(facts, books, WINDOW_END + 4 * HOUR_US) == {}
    assert found(facts, books, WINDOW_END + 4 * HOUR_US + 1) == {"haulage_has_outcome": ["H11-2"]}


# --- the second look


def difference(left: int = 5, right: int = 3, gap: int | None = 2, key: str = "P1") -> Difference:
    what = Text("a", "甲")
    return Difference(key, Side(what, plain(left)), Side(what, plain(right)), 0, what, gap)


def report(*differences: Difference) -> Report:
    return Report(NOW, (RuleResult("rule", Text("r", "则"), 1, differences),))


@pytest.mark.parametrize(
    ("before", "after", "stays"),
    [
        (difference(), difference(), True),
        (difference(), difference(15, 13), True),  # the account moved, the gap did not
        (difference(), difference(15, 12, 3), False),
        (difference(), difference(key="P2"), False),
        (difference(gap=None), difference(gap=None), True),
        (difference(gap=None), difference(left=6, gap=None), False),
    ],
)
def test_a_difference_lasts_if_the_second_look_finds_it_again(
    before: Difference, after: Difference, stays: bool
) -> None:
    assert lasting(report(before), report(after)).rules[0].differences == ((after,) if stays else ())


def test_what_is_only_in_the_first_look_is_over() -> None:
    assert lasting(report(difference()), report()).ok


# --- through the route


@pytest.fixture
def house(database_url: str) -> Iterator[Counter]:
    with counter(database_url, "P1", "P2") as opened:
        yield opened


class Limit(msgspec.Struct):
    participant_id: str
    granted_fen: int
    reserved_fen: int = 0
    committed_fen: int = 0


def test_the_route_tells_both_sides_in_the_callers_language(house: Counter) -> None:
    house.fund(P1=1_000_00)
    house.facts.lists["limits"] = [Limit("P1", 1_000_00)]
    good = house.get("/v1/reconciliation", "auditor").json()
    assert (good["ok"], good["differences"], [rule["rule"] for rule in good["rules"]]) == (
        True,
        0,
        [rule.__name__ for rule in RULES],
    )
    house.facts.lists["limits"] = [Limit("P1", 999_99)]
    house.clock.advance_to(START + 90 * MICROS_PER_S)
    english = house.get("/v1/reconciliation").json()
    assert (english["ok"], english["differences"]) == (False, 1)
    (told,) = next(rule for rule in english["rules"] if rule["rule"] == "limits_follow_money")["differences"]
    assert told == {
        "key": "P1",
        "left": {"what": "granted on the exchange", "value": "999.99 CNY"},
        "right": {"what": "cash less payouts under way", "value": "1000.00 CNY"},
        "age_s": 90,
        "resolve": "Look at settlement.courier in /health: it carries money to the exchange.",
    }
    chinese = house.get("/v1/reconciliation", language="zh-CN").json()
    (said,) = next(rule for rule in chinese["rules"] if rule["rule"] == "limits_follow_money")["differences"]
    assert said["left"]["what"] == "交易授信"


def test_the_route_finds_rows_changed_past_the_ledger(house: Counter) -> None:
    house.fund(P1=1_000_00)
    house.facts.lists["limits"] = [Limit("P1", 1_000_00)]
    house.tamper("UPDATE settlement_transfers SET amount_fen = amount_fen - 1")
    report = house.get("/v1/reconciliation").json()
    keys = {rule["rule"]: {one["key"] for one in rule["differences"]} for rule in report["rules"]}
    assert keys["ledger_balances"] == {"bank:main", "cash:P1"}
    assert len(keys["bank_agrees"]) == 1


def test_the_route_says_when_another_room_cannot_be_asked(house: Counter) -> None:
    class Away:
        async def read(self, name: str) -> list[Any]:
            raise httpx.ConnectError("nobody listens")

    house.service._facts = {"exchange": house.facts, "tracking": Away()}
    answer = house.get("/v1/reconciliation")
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "unavailable", "5")


def test_what_was_on_its_way_is_gone_at_the_second_look(house: Counter) -> None:
    house.fund(P1=1_000_00)

    class Late:
        """An exchange that hears of the money only when it is asked again."""

        looks = 0

        async def read(self, name: str) -> list[Any]:
            if name != "limits":
                return []
            self.looks += 1
            return [Limit("P1", 1_000_00)] if self.looks > 1 else []

    late = Late()
    house.service._facts = {"exchange": late, "tracking": house.facts}
    assert house.get("/v1/reconciliation").json()["ok"] is True
    assert late.looks == 2
