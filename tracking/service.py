"""Tracking as a running room."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from sqlalchemy import Connection
from sqlmodel import SQLModel

from kernel.errors import H2MarketError
from kernel.http import Call
from kernel.machine import Entity, Machine
from kernel.messages import Command
from kernel.room import Finding, ViewRoom, table_of
from kernel.sequencer import Outcome
from kernel.service import Service
from tracking.balance import Imbalance, mass_balance
from tracking.commands import COMMANDS
from tracking.events import EVENTS
from tracking.machine import TrackingMachine
from tracking.model import ENTITIES
from tracking.quantities import as_written
from tracking.tables import ROWS, TrackingEvent
from tracking.touching import touches, touches_more

E = TypeVar("E", bound=Entity)

#: What each rule of the mass balance says, in both languages.
_RULES = {
    "vessel_contents": ("the contents of the vessel", "容器内的质量"),
    "contents_negative": ("the contents of the vessel", "容器内的质量"),
    "vessel_unknown": ("the movements of a vessel that nobody registered", "未登记容器的质量变动"),
    "loaded": ("the loaded mass", "装载质量"),
    "delivered": ("the delivered mass", "交付质量"),
    "returned": ("the returned mass", "退回质量"),
    "lost": ("the lost mass", "损失质量"),
    "shipment_balance": ("the loaded mass against delivery, loss and heel", "装载质量与交付、损失及余气之和"),
}


class TrackingRoom(ViewRoom):
    """Tracking's log, machine and rows."""

    def audit(self, machine: Machine, connection: Connection) -> Iterable[Finding]:
        """The mass balance over the replayed state, to the gram."""
        assert isinstance(machine, TrackingMachine)
        for imbalance in mass_balance(machine.view.entities):
            yield self._finding(connection, imbalance)

    def _finding(self, connection: Connection, imbalance: Imbalance) -> Finding:
        en, zh = _RULES[imbalance.rule]
        seq, subject = imbalance.event_seq, imbalance.subject
        event = next((row.type for row in self.log.stored(connection, seq - 1, 1)), "") if seq else ""
        return Finding(
            self.name, f"mass_{imbalance.rule}", seq, event,
            f"{subject}: {en} is {imbalance.found_g} g; the movements make it {imbalance.expected_g} g.",
            f"{subject}：{zh}为 {imbalance.found_g} g；按质量变动应为 {imbalance.expected_g} g。",
        )  # fmt: skip


def make_room() -> TrackingRoom:
    """The room over its log and rows."""
    tables = {name: table_of(row) for name, row in ROWS.items()}
    return TrackingRoom(
        "tracking", EVENTS, COMMANDS, table_of(TrackingEvent), tables, ENTITIES, TrackingMachine, touches, touches_more
    )


class TrackingService(Service):
    """Tracking as its routes and jobs use it."""

    async def execute(self, call: Call, command: Command, route: str) -> Outcome:
        """Like the kernel's; a refusal names fields and figures as the caller writes them."""
        try:
            return await super().execute(call, command, route)
        except H2MarketError as refusal:
            as_written(refusal)
            raise


def entity_of(kind: type[E], row: SQLModel) -> E:
    """The entity that a row holds."""
    return kind(**row.model_dump())
