"""A settlement machine as the service runs it: a log, and a view that shows only what a command named."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from typing import TypeVar

import msgspec

from kernel.errors import H2MarketError
from kernel.machine import Entity, View
from kernel.messages import Codec, Command, Event, Recorded
from settlement.commands import (
    COMMANDS,
    HoldForTrade,
    ImportStatement,
    OpenBooks,
    OpenCashAccount,
    RegisterProduct,
    SetPayoutAccount,
)
from settlement.events import EVENTS
from settlement.machine import SettlementMachine, touches, touches_more
from settlement.model import (
    ACCOUNTS,
    TRANSFERS,
    Account,
    BankStatementFile,
    StatementLine,
    Transfer,
    cash_account,
)
from settlement.references import payment_reference

E = TypeVar("E", bound=Entity)

BANK_ACCOUNT = "6222000012345678"
START = 1_767_571_200_000_000  # 2026-01-05T08:00:00+08:00

_COMMANDS = Codec(COMMANDS)
_EVENTS = Codec(EVENTS)


class StrictView(View):
    """A complete view that fails a command which reads a row it did not name."""

    def __init__(self) -> None:
        super().__init__()
        self.allowed: set[tuple[str, str]] | None = None

    def get(self, kind: type[E], table: str, key: str) -> E | None:
        assert self.allowed is None or (table, key) in self.allowed, f"{table} {key} was read but not named"
        return super().get(kind, table, key)


class House:
    """Applies commands one by one, keeps the log, and checks what every step must keep."""

    def __init__(self) -> None:
        self.view = StrictView()
        self.machine = SettlementMachine(self.view)
        self.log: list[Recorded] = []
        self.asked: list[Command] = []
        self.at = START
        self.closing_fen = 0
        self.statements = 0

    def do(self, command: Command) -> list[Event]:
        """Applies a command; a refusal is raised after it was seen to have changed nothing."""
        assert _COMMANDS.decode(type(command).__name__, _COMMANDS.encode(command)) == command
        self.asked.append(command)
        before = self.state()
        self.view.allowed = None
        self.view.allowed = {*touches(command), *touches_more(command, self.view)}
        try:
            events = list(self.machine.apply(command, self.at, len(self.log) + 1))
        except Exception:
            assert self.state() == before, f"{command} was refused but changed something"
            raise
        finally:
            self.view.allowed = None
        for event in events:
            assert _EVENTS.decode(type(event).__name__, _EVENTS.encode(event)) == event
            self.log.append(Recorded(len(self.log) + 1, self.at, "test", event))
        assert events or self.state() == before, f"{command} changed something without an event"
        return events

    def state(self) -> dict[str, dict[str, tuple[object, ...]]]:
        """Every row of every table."""
        return {
            table: {key: msgspec.structs.astuple(entity) for key, entity in rows.items()}
            for table, rows in self.view.entities.items()
            if rows
        }

    def replayed(self) -> dict[str, dict[str, tuple[object, ...]]]:
        """Every row as a fresh machine has it that only saw the log."""
        other = House()
        for recorded in self.log:
            other.machine.evolve(recorded.event, recorded.at, recorded.seq)
        return other.state()

    def in_batches(self, sizes: Iterable[int]) -> tuple[list[Event], dict[str, dict[str, tuple[object, ...]]]]:
        """Log and rows after the same commands in batches, each over what its commands touch before the first of them
        is decided, as the service loads it."""
        rows = View()
        log: list[Event] = []
        commands = iter(self.asked)
        for size in sizes:
            batch = list(islice(commands, size))
            view = View()
            for named in (touches, lambda command: touches_more(command, view)):  # noqa: B023 - used at once
                for table, key in [pair for command in batch for pair in named(command)]:
                    entity = rows.entities.get(table, {}).get(key)
                    if entity is not None and key not in view.entities.get(table, {}):
                        view.preload(table, key, msgspec.structs.replace(entity))
            machine = SettlementMachine(view)
            for command in batch:
                with suppress(H2MarketError):
                    log += machine.apply(command, self.at, len(log) + 1)
            for table, changed in view.changes.tables.items():
                rows.entities.setdefault(table, {}).update(changed)
        found = {
            table: {key: msgspec.structs.astuple(entity) for key, entity in entities.items()}
            for table, entities in rows.entities.items()
            if entities
        }
        return log, found

    def account(self, account_id: str) -> Account:
        found = self.view.get(Account, ACCOUNTS, account_id)
        assert found is not None
        return found

    def accounts(self) -> list[Account]:
        return [row for row in self.view.entities.get(ACCOUNTS, {}).values() if isinstance(row, Account)]

    def transfers(self) -> list[Transfer]:
        return [row for row in self.view.entities.get(TRANSFERS, {}).values() if isinstance(row, Transfer)]

    def row(self, kind: type[E], table: str, key: str) -> E:
        found = self.view.get(kind, table, key)
        assert found is not None
        return found

    def open(self, *participants: str) -> House:
        """Opens the books and cash accounts."""
        self.do(OpenBooks(BANK_ACCOUNT, "汾河氢能清算有限公司", "102161000012"))
        for participant_id in participants:
            self.do(OpenCashAccount(participant_id, f"Company {participant_id}", f"公司{participant_id}"))
        return self

    def fund(self, **amounts_fen: int) -> None:
        """Pays in for participants through one bank statement."""
        self.bank(*(deposit(participant_id, amount_fen) for participant_id, amount_fen in amounts_fen.items()))

    def bank(self, *lines: StatementLine) -> list[Event]:
        """Imports the next statement with these entries."""
        statement = self.next_statement(*lines)
        events = self.do(ImportStatement(statement))
        self.closing_fen, self.statements = statement.closing_fen, self.statements + 1
        return events

    def next_statement(self, *lines: StatementLine) -> BankStatementFile:
        moved_fen = sum(line.amount_fen if line.direction == "credit" else -line.amount_fen for line in lines)
        return BankStatementFile(
            BANK_ACCOUNT,
            f"S{self.statements + 1}",
            "2026-01-05",
            "2026-01-05",
            self.closing_fen,
            self.closing_fen + moved_fen,
            lines,
        )

    def products(self) -> None:
        """Hydrogen of at most 350 kg a load and haulage for the same."""
        self.do(RegisterProduct("EXW", "ex_works", 350_000))
        self.do(RegisterProduct("HAUL", "haulage", 350_000))

    def trade(self, trade_id: int, product_id: str, price: int, buyer: str, seller: str, loads: int = 1) -> list[Event]:
        return self.do(HoldForTrade(trade_id, product_id, price, loads, buyer, seller))

    def payout_account(self, participant_id: str) -> None:
        self.do(SetPayoutAccount(participant_id, f"Company {participant_id}", "6217000099990001", "103161000013"))


def deposit(participant_id: str, amount_fen: int) -> StatementLine:
    """A payment into the bank with the participant's reference."""
    return StatementLine("credit", amount_fen, "2026-01-05", remittance=payment_reference(participant_id))


def cash(house: House, participant_id: str) -> tuple[int, int]:
    """Balance and held money of a participant."""
    account = house.account(cash_account(participant_id))
    return account.balance_fen, account.debits_pending_fen
