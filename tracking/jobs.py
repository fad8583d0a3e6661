"""What tracking does at set times: it ends what was never begun and accepts what nobody spoke against.

Only the ids that the tables say are due are sent; the machine asks again, so a lorry that is at the loading arm when
the job runs is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlmodel import col, select

from kernel.jobs import Job
from kernel.quantity import MICROS_PER_S
from tracking.commands import AcceptOverdue, LapseShipments
from tracking.delivery import ACCEPTANCE_S
from tracking.service import TrackingService
from tracking.tables import HaulageRow, ShipmentRow

ACTOR = "scheduler"
#: After its window a load that was not begun waits this long for whoever is to blame to say so.
LAPSE_AFTER_S = 2 * 3_600
#: Ids in one command: each loads some rows, and the transaction it is in should stay short.
IDS_PER_COMMAND_MAX = 200


async def lapse(service: TrackingService) -> None:
    """Ends shipments that were not begun, and carriage that was not used, two hours after their windows."""
    before = service.clock.now_us() - LAPSE_AFTER_S * MICROS_PER_S
    with service.store.reading() as session:
        shipments = session.exec(
            select(ShipmentRow.id)
            .where(col(ShipmentRow.status).in_(("planned", "nominated")), col(ShipmentRow.window_end) <= before)
            .order_by(ShipmentRow.id)
        ).all()
        haulage = session.exec(
            select(HaulageRow.id)
            .where(HaulageRow.status == "waiting", col(HaulageRow.window_end) <= before)
            .order_by(HaulageRow.id)
        ).all()
    for keys in _chunks(shipments):
        await service.sequencer.submit(LapseShipments(keys), actor=ACTOR)
    for keys in _chunks(haulage):
        await service.sequencer.submit(LapseShipments((), keys), actor=ACTOR)


async def accept_overdue(service: TrackingService) -> None:
    """Accepts delivered loads whose buyer let the time for a word pass."""
    before = service.clock.now_us() - ACCEPTANCE_S * MICROS_PER_S
    with service.store.reading() as session:
        due = session.exec(
            select(ShipmentRow.id)
            .where(ShipmentRow.status == "delivered", col(ShipmentRow.delivered_at) <= before)
            .order_by(ShipmentRow.id)
        ).all()
    for keys in _chunks(due):
        await service.sequencer.submit(AcceptOverdue(keys), actor=ACTOR)


def _chunks(keys: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(keys), IDS_PER_COMMAND_MAX):
        yield tuple(keys[start : start + IDS_PER_COMMAND_MAX])


JOBS = (
    Job("tracking.lapse", {"minute": 0}, lapse),
    Job("tracking.accept", {"minute": 5}, accept_overdue),
)
