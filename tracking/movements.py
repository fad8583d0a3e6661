"""Double entries of mass: what leaves one account enters another, to the gram."""

from __future__ import annotations

from collections.abc import Iterable

from tracking.events import Movement
from tracking.model import MOVEMENTS, VESSELS, MassMovement, Vessel, vessel_account
from tracking.turn import Turn


def move(turn: Turn, vessel: Vessel, movements: Iterable[Movement], *, shipment_id: str, hand_over_id: str) -> None:
    """Books movements and takes those that touch ``vessel`` into its contents."""
    account = vessel_account(vessel.id)
    for number, movement in enumerate(movements, start=1):
        assert movement.mass_g > 0 and movement.source != movement.target
        entry = MassMovement(
            id=f"{turn.seq}-{number}", shipment_id=shipment_id, hand_over_id=hand_over_id, kind=movement.kind,
            source=movement.source, target=movement.target, mass_g=movement.mass_g, moved_at=turn.at,
            event_seq=turn.seq,
        )  # fmt: skip
        turn.put(MOVEMENTS, entry, entry.id)
        vessel.mass_g += (movement.target == account) * movement.mass_g
        vessel.mass_g -= (movement.source == account) * movement.mass_g
        assert vessel.mass_g >= 0, f"vessel {vessel.id} would hold {vessel.mass_g} g"
    turn.put(VESSELS, vessel, vessel.id)
