"""The whole room beside a small exchange: whatever comes in whatever order, money adds up and the two books agree.

The exchange's log and the tracking log are followed side by side, so their commands come in any interleaving; what
settlement tells the exchange arrives late.
"""

from __future__ import annotations

from collections import deque
from itertools import repeat

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from exchange.commands import GrantMoney, ReduceMoney, ReleaseCommitment
from kernel.errors import Refusal
from kernel.messages import Command
from settlement.commands import (
    ApproveWithdrawal,
    AssignEntry,
    CancelWithdrawal,
    HoldForTrade,
    InstructWithdrawals,
    PayDue,
    RecordDue,
    RefuseWithdrawal,
    RequestCorrection,
    RequestWithdrawal,
    ReturnWithdrawal,
)
from settlement.courier import limits_courier
from settlement.ledger import assert_sound
from settlement.model import (
    BANK_BOOKS,
    BANK_ENTRIES,
    DUES,
    OBLIGATIONS,
    WITHDRAWALS,
    BankBook,
    BankEntry,
    Due,
    Obligation,
    StatementLine,
    Withdrawal,
)
from tests.settlement.helpers import House, cash, deposit

PARTIES = ("P1", "P2", "P3")
PARTY = st.sampled_from(PARTIES)
AMOUNT = st.integers(1, 500_000)


class SmallExchange:
    """Money limits as the exchange keeps them, and nothing else of it."""

    def __init__(self) -> None:
        self.granted = dict.fromkeys(PARTIES, 0)
        self.committed = dict.fromkeys(PARTIES, 0)

    def free(self, party: str) -> int:
        return self.granted[party] - self.committed[party]

    def take(self, command: Command) -> Command | None:
        """Takes effect of a command of settlement; gives what settlement will follow in answer."""
        match command:
            case GrantMoney(participant_id=party, amount_fen=amount_fen):
                self.granted[party] += amount_fen
            case ReduceMoney(participant_id=party, amount_fen=amount_fen, reference=reference):
                if self.free(party) < amount_fen:
                    return RefuseWithdrawal(reference, amount_fen - self.free(party))
                self.granted[party] -= amount_fen
                return ApproveWithdrawal(reference)
            case ReleaseCommitment(participant_id=party, committed_fen=committed_fen, spent_fen=spent_fen):
                self.committed[party] -= committed_fen
                self.granted[party] -= spent_fen
        return None


class Market(RuleBasedStateMachine):
    """Deposits, trades, loads and withdrawals in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.house = House().open(*PARTIES)
        self.house.products()
        self.exchange = SmallExchange()
        self.exchange_log: deque[Command] = deque()
        self.tracking_log: deque[Command] = deque()
        self.carried = 0
        self.trades = 100
        self.loads: list[tuple[int, int]] = []
        self.requests = 0

    def rows(self, table: str) -> list[object]:
        return list(self.house.view.entities.get(table, {}).values())

    def withdrawals(self, state: str) -> list[Withdrawal]:
        return [row for row in self.rows(WITHDRAWALS) if isinstance(row, Withdrawal) and row.state == state]

    @rule(party=PARTY, amount=AMOUNT, known=st.booleans())
    def pays_in(self, party: str, amount: int, known: bool) -> None:
        line = deposit(party, amount) if known else StatementLine("credit", amount, "2026-01-05")
        self.house.bank(line)

    @rule(amount=AMOUNT)
    def is_charged(self, amount: int) -> None:
        self.house.bank(StatementLine("debit", amount, "2026-01-05"))

    @rule(party=PARTY)
    def assigns(self, party: str) -> None:
        entries = [row for row in self.rows(BANK_ENTRIES) if isinstance(row, BankEntry) and row.state == "unmatched"]
        if entries:
            self.house.do(AssignEntry(entries[0].id, f"cash:{party}"))

    @rule(buyer=PARTY, seller=PARTY, haulier=PARTY, price=st.integers(1, 800), haulage=st.integers(0, 200))
    def trades_a_load(self, buyer: str, seller: str, haulier: str, price: int, haulage: int) -> None:
        needed = 350 * (price + haulage)
        if buyer in (seller, haulier) or self.exchange.free(buyer) < needed:
            return
        self.exchange.committed[buyer] += needed
        first, self.trades = self.trades, self.trades + 2
        self.exchange_log.append(HoldForTrade(first, "EXW", price, 1, buyer, seller))
        if haulage:
            self.exchange_log.append(HoldForTrade(first + 1, "HAUL", haulage, 1, buyer, haulier))
        self.loads.append((first, first + 1 if haulage else 0))

    @precondition(lambda self: self.loads)
    @rule(outcome=st.sampled_from(("accepted", "rejected", "lapsed")), mass=st.integers(0, 360_000))
    def ends_a_load(self, outcome: str, mass: int) -> None:
        trade, haulage = self.loads.pop()
        hydrogen_g = mass if outcome == "accepted" else 0
        self.tracking_log.append(
            RecordDue(
                outcome,  # type: ignore[arg-type]
                trade,
                1,
                haulage,
                1 if haulage else 0,
                hydrogen_g,
                mass if haulage and outcome != "lapsed" else 0,
            )
        )

    @rule()
    def follows_the_exchange(self) -> None:
        if self.exchange_log:
            self.house.do(self.exchange_log.popleft())

    @rule()
    def follows_tracking(self) -> None:
        if self.tracking_log:
            self.house.do(self.tracking_log.popleft())

    @rule()
    def carries_one_event(self) -> None:
        if self.carried < len(self.house.log):
            answers = [self.exchange.take(command) for command in limits_courier(self.house.log[self.carried])]
            self.carried += 1
            self.exchange_log.extend(answer for answer in answers if answer is not None)

    @rule()
    def settles(self) -> None:
        for due in self.rows(DUES):
            if isinstance(due, Due) and due.settled_at == 0:
                self.house.do(PayDue(due.id, tuple(key for key in (due.hydrogen_hold_id, due.haulage_hold_id) if key)))

    @rule(party=PARTY, amount=AMOUNT, payout=st.booleans())
    def withdraws(self, party: str, amount: int, payout: bool) -> None:
        self.requests += 1
        key = f"c{self.requests}"
        try:
            if payout:
                self.house.payout_account(party)
                self.house.do(RequestWithdrawal(party, key, amount))
            else:
                self.house.do(RequestCorrection(party, key, amount, ""))
        except Refusal:
            assert cash(self.house, party)[0] - cash(self.house, party)[1] < amount

    @rule(choice=st.sampled_from(("cancel", "instruct", "return", "pay")))
    def ends_a_withdrawal(self, choice: str) -> None:
        found = self.withdrawals("approved" if choice in ("cancel", "instruct") else "instructed")
        if not found:
            return
        one = found[0]
        if choice == "pay":
            self.house.bank(StatementLine("debit", one.amount_fen, "2026-01-05", end_to_end_id=one.id))
        else:
            self.house.do(
                {
                    "cancel": CancelWithdrawal(one.id),
                    "return": ReturnWithdrawal(one.id, "AC04"),
                    "instruct": InstructWithdrawals((one.id,)),
                }[choice]
            )

    @invariant()
    def money_is_neither_made_nor_lost(self) -> None:
        accounts = self.house.accounts()
        assert sum(row.balance_fen for row in accounts) == 0
        assert sum(row.debits_pending_fen - row.credits_pending_fen for row in accounts) == 0
        for account in accounts:
            assert_sound(account)
        book = self.house.row(BankBook, BANK_BOOKS, "bank:main")
        assert book.closing_fen == -self.house.account("bank:main").balance_fen

    @invariant()
    def the_exchange_never_promises_more_than_it_was_given(self) -> None:
        assert all(self.exchange.free(party) >= 0 for party in PARTIES)

    def teardown(self) -> None:
        while self.exchange_log or self.tracking_log or self.carried < len(self.house.log):
            self.follows_the_exchange()
            self.follows_tracking()
            self.carries_one_event()
        self.settles()
        while self.exchange_log or self.carried < len(self.house.log):
            self.follows_the_exchange()
            self.carries_one_event()
        self.agrees_with_the_exchange()
        assert self.house.replayed() == self.house.state()
        for size in (1, 7, 100):  # how requests fall into batches makes no difference
            log, rows = self.house.in_batches(repeat(size, len(self.house.asked)))
            assert log == [recorded.event for recorded in self.house.log]
            assert rows == self.house.state()

    def agrees_with_the_exchange(self) -> None:
        obligations = [row for row in self.rows(OBLIGATIONS) if isinstance(row, Obligation)]
        assert all(row.state != "refused" for row in obligations), "the exchange never trades what is not there"
        for party in PARTIES:
            leaving = sum(
                row.amount_fen
                for state in ("approved", "instructed")
                for row in self.withdrawals(state)
                if row.participant_id == party
            )
            held = sum(row.hold_fen for row in obligations if row.payer_id == party and row.state == "held")
            balance_fen, pending_fen = cash(self.house, party)
            assert self.exchange.granted[party] == balance_fen - leaving
            assert self.exchange.committed[party] == held == pending_fen - leaving


TestMarket = Market.TestCase
TestMarket.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
