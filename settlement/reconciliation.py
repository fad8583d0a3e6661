"""Reconciliation: trades, loads, ledger, limits and bank held against one another.

A rule is a pure function of the facts of the other rooms, settlement's own books and the time; it counts what it looked
at and lists each difference with both sides, its age and what would resolve it. None is normal.
"""

from __future__ import annotations

from collections.abc import Callable

from settlement.differences import Difference, OpenItem, Report, RuleResult, Side, Text, lasting
from settlement.evidence import Books, Facts
from settlement.reconciliation_loads import dues_are_paid, haulage_has_outcome, loads_have_outcomes, trades_have_holds
from settlement.reconciliation_money import bank_agrees, ledger_balances, limits_follow_money, reservations
from settlement.reconciliation_recalls import recalls_are_whole

__all__ = [
    "RULES",
    "Books",
    "Difference",
    "Facts",
    "OpenItem",
    "Report",
    "RuleResult",
    "Side",
    "Text",
    "lasting",
    "reconcile",
]

RULES: tuple[Callable[[Facts, Books, int], RuleResult], ...] = (
    trades_have_holds,
    loads_have_outcomes,
    haulage_has_outcome,
    recalls_are_whole,
    dues_are_paid,
    ledger_balances,
    limits_follow_money,
    reservations,
    bank_agrees,
)


def reconcile(facts: Facts, books: Books, now: int) -> Report:
    """Every rule at ``now`` (UTC microseconds)."""
    return Report(now, tuple(rule(facts, books, now) for rule in RULES))
