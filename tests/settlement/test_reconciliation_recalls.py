"""Reconciliation knows recalled trades: what is left of one is found, by the rule about recalls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from exchange.published import RecallFact
from settlement.evidence import Books, Facts
from tests.settlement.helpers import START
from tests.settlement.market import Market
from tests.settlement.test_reconciliation import fact, found, lose, replaced
from tracking.published import RecallFact as AnsweredFact

#: The trades of hydrogen and its haulage that the market of `market.py` let lapse: here they were recalled.
HYDROGEN, HAULAGE = 4, 5


@pytest.fixture(scope="module")
def market() -> Market:
    return Market()


def recalled(market: Market) -> tuple[Facts, Books]:
    """Both ended by one recall."""
    facts, books = market.facts(), market.books()
    fact(facts.trades, HYDROGEN, state="recalled")
    fact(facts.trades, HAULAGE, state="recalled")
    fact(facts.loads, 3, state="cancelled", outcome="cancelled")
    fact(facts.haulage, 3, state="cancelled", shipment_id="")
    replaced(books.dues, "D14-1", outcome="cancelled")
    replaced(books.dues, "D15-1", outcome="cancelled")
    recall = RecallFact(99, (15, 14), "recalled", START)
    return replace(facts, recalls=[recall], recalls_tracked=[AnsweredFact(99, True, START)]), books


def test_a_recalled_trade_that_left_nothing_agrees(market: Market) -> None:
    facts, books = recalled(market)
    assert found(facts, books) == {}


@pytest.mark.parametrize(
    ("state", "trades", "answered"),
    [
        ("requested", "disputed", None),
        ("approved", "disputed", None),
        ("recalling", "recalling", None),
        ("rejected", "active", None),
        ("withdrawn", "active", None),
        ("expired", "active", None),
        ("refused", "active", False),
    ],
)
def test_a_recall_that_is_not_done_agrees_too(market: Market, state: str, trades: str, answered: bool | None) -> None:
    facts, books = market.facts(), market.books()
    for index in (0, 1):
        fact(facts.trades, index, **({"state": trades} if trades != "active" else {}))
    told = [] if answered is None else [AnsweredFact(99, answered, START)]
    facts = replace(facts, recalls=[RecallFact(99, (10, 11), state, START)], recalls_tracked=told)
    assert found(facts, books) == {}


CASES: dict[str, tuple[Callable[[Facts, Books], Any], dict[str, list[str]]]] = {
    "a hold that is still there": (
        lambda _, books: [
            replaced(books.obligations, "H14-1", state="held"),
            replaced(books.transfers, "H14-1", state="pending"),
        ],
        {"recalls_are_whole": ["H14-1"], "dues_are_paid": ["H14-1"], "limits_follow_money": ["P4"]},
    ),
    "a shipment that goes on": (
        lambda facts, _: fact(facts.loads, 3, state="nominated", outcome=""),
        {"recalls_are_whole": ["S14-1"], "loads_have_outcomes": ["D14-1"]},
    ),
    "a shipment that was never planned": (
        lambda facts, _: lose(facts.loads, 3),
        {"recalls_are_whole": ["S14-1"], "loads_have_outcomes": ["S14-1", "D14-1"]},
    ),
    "carriage that waits": (
        lambda facts, _: fact(facts.haulage, 3, state="waiting"),
        {"recalls_are_whole": ["C15-1"], "loads_have_outcomes": ["D15-1"]},
    ),
    "a trade that says it stands": (
        lambda facts, _: fact(facts.trades, HYDROGEN, state="active"),
        {"recalls_are_whole": ["T14"]},
    ),
    "a trade that is undone without a recall": (
        lambda facts, _: fact(facts.trades, 0, state="disputed"),
        {"recalls_are_whole": ["T10"]},
    ),
    "an answer that the exchange never heard": (
        lambda facts, _: fact(facts.recalls, 0, state="recalling"),
        {"recalls_are_whole": ["R99", "T15", "T14"]},
    ),
    "another answer": (
        lambda facts, _: fact(facts.recalls_tracked, 0, done=False),
        {"recalls_are_whole": ["R99"]},
    ),
    "no answer": (
        lambda facts, _: lose(facts.recalls_tracked, 0),
        {"recalls_are_whole": ["R99"]},
    ),
    "an answer to nobody": (
        lambda facts, _: fact(facts.recalls_tracked, 0, recall_id=98),
        {"recalls_are_whole": ["R99", "R98"]},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_recall_left_is_found(market: Market, case: str) -> None:
    change, expected = CASES[case]
    facts, books = recalled(market)
    change(facts, books)
    assert found(facts, books) == expected
