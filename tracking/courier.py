"""What the exchange must be told: whether the loads of a recall could be ended."""

from __future__ import annotations

from exchange.commands import ConcludeRecall
from kernel.messages import Command, Recorded
from tracking.events import RecallAnswered


def recall_courier(recorded: Recorded) -> list[Command]:
    """The command that carries the answer to a recall; none for other events."""
    event = recorded.event
    if not isinstance(event, RecallAnswered):
        return []
    reason = "" if event.done else f"{event.obstacle} {event.obstacle_state}"
    return [ConcludeRecall(event.recall_id, event.done, reason)]
