"""Settlement as a running room."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import httpx
from sqlalchemy import Connection
from sqlmodel import col, func, select

from kernel.clock import Clock
from kernel.errors import H2MarketError, Unavailable
from kernel.facts import FactSource
from kernel.machine import Machine
from kernel.messages import Command, Event
from kernel.room import Finding, ViewRoom, table_of
from kernel.sequencer import Envelope, Sequencer
from kernel.service import Service
from kernel.store import Store
from settlement.bank_settings import BankSettings
from settlement.books import read_books
from settlement.commands import COMMANDS, ExpireTransfer, OpenBooks, PayDue, RetryHold
from settlement.events import EVENTS, HoldsVoided, LoadPaid
from settlement.ledger_checks import check_holds, check_ledger, sums_of
from settlement.machine import SettlementMachine, touches, touches_more
from settlement.model import ACCOUNTS, ENTITIES, OBLIGATIONS, TRANSFERS, WITHDRAWALS
from settlement.reconciliation import Facts, Report, lasting, reconcile
from settlement.tables import TABLES, DueRow, ObligationRow, SettlementEvent, TransferRow

#: Commands a job hands to the writer at a time: requests of participants come in between.
COMMANDS_PER_UNIT = 200
#: Pauses before a difference is looked at again: followers need milliseconds, a busy machine a second.
SECOND_LOOKS_S = (0.2, 1.0)
#: A service that is restarted is back after some seconds.
RETRY_AFTER_S = 5


class SettlementRoom(ViewRoom):
    """The log, machine and rows of settlement."""

    def audit(self, machine: Machine, connection: Connection) -> Iterable[Finding]:
        """The laws of the ledger over the state that the log gives."""
        tables = machine.changes.tables
        accounts = tables.get(ACCOUNTS, {}).values()
        transfers = tables.get(TRANSFERS, {})
        broken = [
            *check_ledger(accounts, sums_of(transfers.values())),
            *check_holds(
                tables.get(OBLIGATIONS, {}).values(), tables.get(WITHDRAWALS, {}).values(), transfers.values()
            ),
        ]
        for law in broken:
            seq = next((tables[name][law.key].event_seq for name in _AUDITED if law.key in tables.get(name, {})), 0)
            en, zh = law.sentence("en"), law.sentence("zh")
            yield Finding(self.name, law.law, seq, "", f"{law.key}: {en}.", f"{law.key}：{zh}。")


_AUDITED = (ACCOUNTS, OBLIGATIONS, WITHDRAWALS, TRANSFERS)


def make_room() -> SettlementRoom:
    """A room over its rows."""
    return SettlementRoom(
        "settlement",
        EVENTS,
        COMMANDS,
        table_of(SettlementEvent),
        TABLES,
        ENTITIES,
        SettlementMachine,
        touches,
        touches_more,
    )


class Run(NamedTuple):
    """What a settlement run did: loads ``paid`` (with or without an amount); and what is left: ``blocked`` for want of
    money, ``waiting`` for a trade that is not known yet."""

    paid: int
    blocked: int
    waiting: int


class SettlementService(Service):
    """Settlement as its routes and jobs use it."""

    def __init__(
        self,
        sequencer: Sequencer,
        store: Store,
        clock: Clock,
        facts: Mapping[str, FactSource],
        bank: BankSettings | None = None,
    ) -> None:
        super().__init__(sequencer, store, clock)
        self.bank = bank or BankSettings.from_environment()
        self._facts = facts

    async def open_books(self, actor: str) -> None:
        """Opens the books over the settings' bank account. Raises BooksOpenOtherwise if another's are open."""
        bank = self.bank
        command = OpenBooks(bank.account_number, bank.holder, bank.bank_code, bank.opening_fen)
        await self.sequencer.submit(command, actor=actor)

    async def pay_due_loads(self, actor: str) -> Run:
        """Tries every refused hold again, then pays every due that can be paid."""
        refused, dues = await asyncio.to_thread(self._unsettled)
        await self._submit([RetryHold(hold) for hold in refused], actor)
        events = await self._submit([PayDue(due, holds) for due, holds in dues], actor)
        paid = sum(isinstance(event, LoadPaid | HoldsVoided) for event in events)
        blocked, unsettled = await asyncio.to_thread(self._left)
        return Run(paid, blocked, unsettled - blocked)

    async def expire_holds(self, actor: str) -> int:
        """Releases pending transfers whose time has come; returns how many there were."""
        due = await asyncio.to_thread(self._expired)
        await self._submit([ExpireTransfer(transfer_id) for transfer_id in due], actor)
        return len(due)

    async def reconcile(self) -> Report:
        """Holds the rooms and the bank against each other. Raises Unavailable while another room cannot be asked.

        What is still on its way from one room to another is no difference, so one that is found is looked at again:
        only what stands unchanged is reported.
        """
        report = await self._look()
        for pause_s in SECOND_LOOKS_S:
            if report.ok:
                break
            await asyncio.sleep(pause_s)
            report = lasting(report, await self._look())
        return report

    async def _look(self) -> Report:
        # The others first: what they told us of was done before our own rows are read.
        exchange, tracking = self._facts["exchange"], self._facts["tracking"]
        try:
            facts = Facts(
                trades=await exchange.read("trades"),
                limits=await exchange.read("limits"),
                orders_open=await exchange.read("orders_open"),
                loads=await tracking.read("loads"),
                haulage=await tracking.read("haulage"),
                recalls=await exchange.read("recalls"),
                recalls_tracked=await tracking.read("recalls"),
            )
        except httpx.HTTPError as error:
            raise Unavailable(retry_after_s=RETRY_AFTER_S) from error
        books = await asyncio.to_thread(read_books, self.store)
        return await asyncio.to_thread(reconcile, facts, books, self.clock.now_us())

    async def _submit(self, commands: Sequence[Command], actor: str) -> list[Event]:
        """Has commands decided in order; raises the first refusal when all were tried."""
        events: list[Event] = []
        refusals: list[H2MarketError] = []
        for start in range(0, len(commands), COMMANDS_PER_UNIT):
            chunk = commands[start : start + COMMANDS_PER_UNIT]
            for result in await self.sequencer.submit_many([Envelope(command, actor) for command in chunk]):
                if isinstance(result, H2MarketError):
                    refusals.append(result)
                else:
                    events += result.events
        if refusals:
            raise refusals[0]
        return events

    def _unsettled(self) -> tuple[list[str], list[tuple[str, tuple[str, ...]]]]:
        with self.store.reading() as session:
            refused = session.exec(
                select(ObligationRow.id)
                .where(ObligationRow.state == "refused")
                .order_by(col(ObligationRow.trade_id), col(ObligationRow.load_no))
            ).all()
            dues = session.exec(
                select(DueRow.id, DueRow.hydrogen_hold_id, DueRow.haulage_hold_id)
                .where(DueRow.settled_at == 0)
                .order_by(col(DueRow.recorded_at), col(DueRow.event_seq))
            ).all()
        return list(refused), [(due, tuple(hold for hold in holds if hold)) for due, *holds in dues]

    def _left(self) -> tuple[int, int]:
        with self.store.reading() as session:
            states = session.exec(
                select(DueRow.state, func.count()).where(DueRow.settled_at == 0).group_by(DueRow.state)
            ).all()
        counts = dict(states)
        return counts.get("blocked", 0), sum(counts.values())

    def _expired(self) -> list[str]:
        with self.store.reading() as session:
            return list(
                session.exec(
                    select(TransferRow.id)
                    .where(TransferRow.state == "pending")
                    .where(col(TransferRow.expires_at) > 0, col(TransferRow.expires_at) <= self.clock.now_us())
                    .order_by(col(TransferRow.expires_at), col(TransferRow.id))
                ).all()
            )
