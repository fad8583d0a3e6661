"""Every room of the house."""

from __future__ import annotations

import exchange.service
import participants.service
import settlement.service
import tracking.service
from kernel.room import Room


def make_rooms() -> dict[str, Room]:
    """Every room, by name, in the order in which their arrows point."""
    return {
        "participants": participants.service.make_room(),
        "exchange": exchange.service.make_room(),
        "tracking": tracking.service.make_room(),
        "settlement": settlement.service.make_room(),
    }
