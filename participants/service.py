"""The register as a running room."""

from __future__ import annotations

from kernel.room import MemoryRoom, table_of
from participants.commands import COMMANDS
from participants.events import EVENTS
from participants.machine import ParticipantsMachine
from participants.project import PROJECTIONS
from participants.tables import ParticipantsEvent


def make_room() -> MemoryRoom:
    """The register's log, machine and rows."""
    return MemoryRoom("participants", EVENTS, COMMANDS, table_of(ParticipantsEvent), PROJECTIONS, ParticipantsMachine)
