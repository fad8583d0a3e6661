"""Under any sequence of transfers money is neither made nor lost, and the ledger agrees with one that only adds up."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from settlement.balances import balance_at
from settlement.commands import ExpireTransfer, OpenAccount, PostTransfers
from settlement.errors import TransferNotDue, TransferRefused
from settlement.ledger import assert_sound
from settlement.model import TransferRequest
from tests.settlement.helpers import House
from tests.settlement.slow_ledger import SlowLedger

ACCOUNTS = ("book:A", "book:B", "book:D", "book:E", "book:C")
KEYS = st.integers(0, 40).map(lambda number: f"t{number}")
ACCOUNT = st.sampled_from(ACCOUNTS)
AMOUNT = st.integers(0, 60)


class Ledgers(RuleBasedStateMachine):
    """The machine beside the slow ledger."""

    def __init__(self) -> None:
        super().__init__()
        self.house = House()
        self.slow = SlowLedger({"book:D", "book:E"}, {"book:C"})
        self.past: list[tuple[int, dict[str, tuple[int, int, int, int]]]] = []
        for account_id in ACCOUNTS:
            self.house.do(
                OpenAccount(account_id, account_id in self.slow.debits_limited, account_id in self.slow.credits_limited)
            )

    def sums(self) -> dict[str, tuple[int, int, int, int]]:
        return {
            row.id: (row.debits_posted_fen, row.credits_posted_fen, row.debits_pending_fen, row.credits_pending_fen)
            for row in self.house.accounts()
        }

    def ask(self, request: TransferRequest) -> bool:
        try:
            return bool(self.house.do(PostTransfers((request,))))
        except TransferRefused:
            return False

    @rule(key=KEYS, debit=ACCOUNT, credit=ACCOUNT, amount=AMOUNT)
    def posts(self, key: str, debit: str, credit: str, amount: int) -> None:
        wanted = self.slow.new(key, debit, credit, amount, held=False)
        assert self.ask(TransferRequest(key, "posted", debit, credit, amount)) == wanted

    @rule(key=KEYS, debit=ACCOUNT, credit=ACCOUNT, amount=AMOUNT, life=st.integers(0, 3))
    def holds(self, key: str, debit: str, credit: str, amount: int, life: int) -> None:
        expires = self.house.at + life if life else 0
        wanted = self.slow.new(key, debit, credit, amount, held=True, expires=expires)
        assert self.ask(TransferRequest(key, "pending", debit, credit, amount, expires_at=expires)) == wanted

    @rule(key=KEYS, hold=KEYS, amount=AMOUNT)
    def ends_by_post(self, key: str, hold: str, amount: int) -> None:
        wanted = key != hold and self.slow.end(key, hold, amount, self.house.at, post=True)
        assert self.ask(TransferRequest(key, "post", amount_fen=amount, pending_id=hold)) == wanted

    @rule(key=KEYS, hold=KEYS)
    def ends_by_void(self, key: str, hold: str) -> None:
        wanted = key != hold and self.slow.end(key, hold, 0, self.house.at, post=False)
        assert self.ask(TransferRequest(key, "void", pending_id=hold)) == wanted

    @rule(first=st.tuples(KEYS, ACCOUNT, ACCOUNT, AMOUNT), second=st.tuples(KEYS, ACCOUNT, ACCOUNT, AMOUNT))
    def posts_two(self, first: tuple[str, str, str, int], second: tuple[str, str, str, int]) -> None:
        before = dict(self.slow.rows)
        wanted = self.slow.new(*first, held=False) and self.slow.new(*second, held=False)
        if not wanted:
            self.slow.rows = before
        batch = tuple(
            TransferRequest(key, "posted", debit, credit, amount) for key, debit, credit, amount in (first, second)
        )
        try:
            done = bool(self.house.do(PostTransfers(batch)))
        except TransferRefused:
            done = False
        assert done == wanted

    @rule(hold=KEYS)
    def expires(self, hold: str) -> None:
        if hold in self.slow.rows:
            self.slow.expire(hold, self.house.at)
            try:
                self.house.do(ExpireTransfer(hold))
            except TransferNotDue:
                assert self.slow.rows[hold].open

    @rule(micros=st.integers(1, 3))
    def time_passes(self, micros: int) -> None:
        self.past.append((self.house.at, self.sums()))
        self.house.at += micros

    @invariant()
    def agrees_and_balances(self) -> None:
        sums = self.sums()
        assert sum(row[0] for row in sums.values()) == sum(row[1] for row in sums.values())
        assert sum(row[2] for row in sums.values()) == sum(row[3] for row in sums.values())
        for account in self.house.accounts():
            assert_sound(account)
            assert sums[account.id] == tuple(
                self.slow.total(account.id, side, held=held) for held in (False, True) for side in ("debit", "credit")
            )

    def teardown(self) -> None:
        assert self.house.replayed() == self.house.state()
        rows = self.house.transfers()
        for at, sums in [*self.past, (self.house.at, self.sums())]:
            for account_id, expected in sums.items():
                then = balance_at(rows, account_id, at)
                assert (
                    then.debits_posted_fen,
                    then.credits_posted_fen,
                    then.debits_pending_fen,
                    then.credits_pending_fen,
                ) == expected


TestLedgers = Ledgers.TestCase
TestLedgers.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
