"""A market day as three rooms tell it: settlement's own state, and facts of the others that agree with it."""

from __future__ import annotations

from collections import defaultdict
from typing import TypeVar

import msgspec

from exchange.commands import GrantMoney, ReduceMoney, ReleaseCommitment
from exchange.published import LimitFact, OpenOrdersFact, TradeFact
from kernel.machine import Entity
from kernel.messages import Recorded
from kernel.quantity import MICROS_PER_S, amount_fen
from settlement import model
from settlement.commands import (
    ApproveWithdrawal,
    InstructWithdrawals,
    PayDue,
    RecordDue,
    RequestCorrection,
    RequestWithdrawal,
)
from settlement.courier import limits_courier
from settlement.events import TradeRecorded, WithdrawalRequested
from settlement.evidence import Books, Facts
from settlement.ledger_checks import sums_of
from settlement.model import StatementLine
from tests.settlement.helpers import START, House
from tracking.published import HaulageFact, LoadFact

E = TypeVar("E", bound=Entity)

HOUR_US = 3_600 * MICROS_PER_S
DAY_US = 24 * HOUR_US
WINDOW_END = START + 10 * HOUR_US
MAXIMUM_G = 350_000

#: trade_id, product, price in fen/kg, loads, buyer, seller
TRADES = (
    (10, "EXW", 20_00, 2, "P1", "P2"),
    (11, "HAUL", 2_00, 2, "P1", "P3"),
    (12, "EXW", 20_00, 1, "P1", "P2"),
    (13, "HAUL", 3_00, 1, "P1", "P3"),
    (14, "EXW", 20_00, 1, "P4", "P2"),
    (15, "HAUL", 2_00, 1, "P4", "P3"),
    (16, "EXW", 21_00, 1, "P4", "P2"),
)


class Market:
    """Settlement's house, and what the other rooms would say."""

    def __init__(self) -> None:
        self.house = House().open("P1", "P2", "P3", "P4")
        self.house.products()
        self.trades: list[TradeFact] = []
        self.loads: list[LoadFact] = []
        self.haulage: list[HaulageFact] = []
        self.orders = [OpenOrdersFact("P1", 7_000_00)]
        self._live()

    def _live(self) -> None:
        house = self.house
        house.fund(P1=90_000_00, P4=40_000_00)
        for trade_id, product_id, price, loads, buyer, seller in TRADES:
            house.trade(trade_id, product_id, price, buyer, seller, loads)
            kind = "haulage" if product_id == "HAUL" else "ex_works"
            self.trades.append(
                TradeFact(trade_id, product_id, kind, price, loads, buyer, seller, MAXIMUM_G, WINDOW_END, house.at)
            )
        self._loads()
        self._dues()
        self._money_out()

    def _loads(self) -> None:
        closed = START + HOUR_US
        self.loads = [
            LoadFact("S10-1", 10, 1, 11, 1, "accepted", "accepted", 330_500, 330_000, 0, closed),
            LoadFact("S10-2", 10, 2, 11, 2, "departed", "", 330_500, 0, 0, None),
            LoadFact("S12-1", 12, 1, 13, 1, "returned", "rejected", 330_500, 0, 330_500, closed),
            LoadFact("S14-1", 14, 1, 15, 1, "lapsed", "lapsed", 0, 0, 0, closed),
            LoadFact("S16-1", 16, 1, 0, 0, "accepted", "accepted", 360_500, 360_000, 0, closed),
        ]
        self.haulage = [
            HaulageFact(11, 1, "used", "S10-1"),
            HaulageFact(11, 2, "assigned", "S10-2"),
            HaulageFact(13, 1, "used", "S12-1"),
            HaulageFact(15, 1, "lapsed", "S14-1"),
        ]

    def _dues(self) -> None:
        house = self.house
        house.at = START + HOUR_US
        house.do(RecordDue("accepted", 10, 1, 11, 1, 330_000, 330_000))
        house.do(RecordDue("rejected", 12, 1, 13, 1, 0, 330_500))
        house.do(RecordDue("lapsed", 14, 1, 0, 0, 0, 0))
        house.do(RecordDue("lapsed", 0, 0, 15, 1, 0, 0))
        house.do(RecordDue("accepted", 16, 1, 0, 0, 360_000, 0))
        house.do(PayDue("D10-1", ("H10-1", "H11-1")))
        house.do(PayDue("D16-1", ("H16-1",)))

    def _money_out(self) -> None:
        house = self.house
        house.payout_account("P2")
        payouts = [self._withdraw(f"w{number}", amount) for number, amount in enumerate((1_000_00, 500_00, 300_00))]
        house.do(InstructWithdrawals(tuple(payouts[:2])))
        house.bank(
            StatementLine("debit", 1_000_00, "2026-01-05", end_to_end_id=payouts[0]),
            StatementLine("credit", 77_00, "2026-01-05", remittance="nobody's"),
        )
        (asked,) = house.do(RequestCorrection("P3", "c1", 10_00, ""))
        assert isinstance(asked, WithdrawalRequested)
        house.do(ApproveWithdrawal(asked.withdrawal_id))

    def _withdraw(self, client_id: str, amount_fen: int) -> str:
        (asked,) = self.house.do(RequestWithdrawal("P2", client_id, amount_fen))
        assert isinstance(asked, WithdrawalRequested)
        self.house.do(ApproveWithdrawal(asked.withdrawal_id))
        return asked.withdrawal_id

    def limits(self) -> list[LimitFact]:
        """What the exchange has when every word of the courier has reached it."""
        granted: dict[str, int] = defaultdict(int)
        committed: dict[str, int] = defaultdict(int)
        for recorded in self.house.log:
            self._tell(recorded, granted, committed)
        return [LimitFact(name, granted[name], 7_000_00 if name == "P1" else 0, committed[name]) for name in granted]

    def _tell(self, recorded: Recorded, granted: dict[str, int], committed: dict[str, int]) -> None:
        event = recorded.event
        if isinstance(event, TradeRecorded):
            committed[event.buyer_id] += event.loads * amount_fen(event.price_fen_per_kg, MAXIMUM_G)
        for command in limits_courier(recorded):
            match command:
                case GrantMoney(participant_id=name, amount_fen=amount):
                    granted[name] += amount
                case ReduceMoney(participant_id=name, amount_fen=amount):
                    granted[name] -= amount
                case ReleaseCommitment(participant_id=name, committed_fen=held, spent_fen=spent):
                    committed[name] -= held
                    granted[name] -= spent

    def facts(self) -> Facts:
        return Facts(list(self.trades), self.limits(), list(self.orders), list(self.loads), list(self.haulage))

    def books(self) -> Books:
        """Settlement's state as `read_books` would give it, in copies that a test may change."""
        transfers = self._all(model.Transfer, model.TRANSFERS)
        moved_at: dict[str, int] = defaultdict(int)
        for row in transfers:
            for account_id in (row.debit_account_id, row.credit_account_id):
                moved_at[account_id] = max(moved_at[account_id], row.created_at, row.resolved_at)
        return Books(
            accounts=self._all(model.Account, model.ACCOUNTS),
            sums=sums_of(transfers),
            moved_at=moved_at,
            transfers=transfers,
            trades=self._all(model.Trade, model.TRADES),
            obligations=self._all(model.Obligation, model.OBLIGATIONS),
            dues=self._all(model.Due, model.DUES),
            bank_books=self._all(model.BankBook, model.BANK_BOOKS),
            statements=self._all(model.BankStatement, model.BANK_STATEMENTS),
            entries=self._all(model.BankEntry, model.BANK_ENTRIES),
            withdrawals=self._all(model.Withdrawal, model.WITHDRAWALS),
            payment_batches=self._all(model.PaymentBatch, model.PAYMENT_BATCHES),
        )

    def _all(self, kind: type[E], table: str) -> list[E]:
        rows = self.house.view.entities.get(table, {}).values()
        return [msgspec.structs.replace(row) for row in rows if isinstance(row, kind)]
