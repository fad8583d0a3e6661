"""What settlement does at set times: open its books, pay what is due, release holds whose time has come."""

from __future__ import annotations

from kernel.jobs import Job
from settlement.service import SettlementService

ACTOR = "scheduler"


async def open_books(service: SettlementService) -> None:
    """Opens the books at the first start; later it finds them open. Fails if the settings name another bank account."""
    await service.open_books(ACTOR)


async def pay_due_loads(service: SettlementService) -> None:
    """Pays every load whose outcome is known and whose money is there."""
    await service.pay_due_loads(ACTOR)


async def expire_holds(service: SettlementService) -> None:
    """Releases holds of the operator's whose time has come."""
    await service.expire_holds(ACTOR)


JOBS = (
    Job("settlement.books", {"hour": 0, "minute": 0}, open_books),
    Job("settlement.payments", {"minute": "*/15"}, pay_due_loads),
    Job("settlement.expiry", {"minute": 0}, expire_holds),
)
