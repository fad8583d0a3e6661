"""A ledger that keeps nothing but the list of what was booked and adds it all up for every question."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Booked:
    """A transfer as it was booked; ``open`` marks a hold that nothing has ended yet."""

    debit: str
    credit: str
    amount: int
    moves: bool
    open: bool
    expires: int = 0


class SlowLedger:
    """Accounts with limits; every answer is a sum over all rows."""

    def __init__(self, debits_limited: set[str], credits_limited: set[str]) -> None:
        self.debits_limited = debits_limited
        self.credits_limited = credits_limited
        self.rows: dict[str, Booked] = {}
        self.ends: dict[str, str] = {}

    def total(self, account: str, side: str, *, held: bool) -> int:
        return sum(
            row.amount
            for row in self.rows.values()
            if getattr(row, side) == account and (row.open if held else row.moves)
        )

    def fits(self, debit: str, credit: str, amount: int) -> bool:
        spent = self.total(debit, "debit", held=False) + self.total(debit, "debit", held=True)
        given = self.total(credit, "credit", held=False) + self.total(credit, "credit", held=True)
        debit_fits = debit not in self.debits_limited or spent + amount <= self.total(debit, "credit", held=False)
        credit_fits = credit not in self.credits_limited or given + amount <= self.total(credit, "debit", held=False)
        return debit_fits and credit_fits

    def new(self, key: str, debit: str, credit: str, amount: int, *, held: bool, expires: int = 0) -> bool:
        if key in self.rows or key in self.ends or debit == credit or amount <= 0:
            return False
        if not self.fits(debit, credit, amount):
            return False
        self.rows[key] = Booked(debit, credit, amount, not held, held, expires)
        return True

    def end(self, key: str, hold: str, amount: int, now: int, *, post: bool) -> bool:
        row = self.rows.get(hold)
        if key in self.rows or key in self.ends or row is None or not row.open or 0 < row.expires <= now:
            return False
        if post and not 0 < amount <= row.amount:
            return False
        row.open = False
        self.ends[key] = hold
        if post:
            self.rows[key] = Booked(row.debit, row.credit, amount, moves=True, open=False)
        return True

    def expire(self, hold: str, now: int) -> None:
        row = self.rows[hold]
        if row.open and 0 < row.expires <= now:
            row.open = False
