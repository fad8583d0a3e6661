"""What the exchange does at set times: market hours, and the end of trading in products whose window begins."""

from __future__ import annotations

from sqlmodel import col, select

from exchange.commands import CloseMarket, CloseProduct, OpenMarket, RingAlarms
from exchange.service import ExchangeService
from exchange.tables import MarketRow, ProductRow
from kernel.clock import to_datetime
from kernel.jobs import Job

#: Trading hours in Asia/Shanghai, every day: hydrogen is produced and burnt on Sundays too.
OPENS_HOUR, CLOSES_HOUR = 9, 15
ACTOR = "scheduler"


async def keep_market_hours(service: ExchangeService) -> None:
    """Opens or closes the market if the time says so and it was not done yet."""
    now = to_datetime(service.clock.now_us())
    today = now.date().isoformat()
    with service.store.reading() as session:
        market = session.get(MarketRow, "market")
    is_open, day = (market.is_open, market.day) if market else (False, "")
    should_be_open = OPENS_HOUR <= now.hour < CLOSES_HOUR
    if is_open and (not should_be_open or day != today):
        await service.sequencer.submit(CloseMarket(day), actor=ACTOR)
        is_open = False
    if should_be_open and not is_open and day <= today:
        await service.sequencer.submit(OpenMarket(today), actor=ACTOR)


async def close_products(service: ExchangeService) -> None:
    """Ends trading in products whose delivery window has begun."""
    with service.store.reading() as session:
        due = session.exec(
            select(ProductRow.id)
            .where(
                col(ProductRow.phase).not_in(("closed", "expired")),
                col(ProductRow.window_start) <= service.clock.now_us(),
            )
            .order_by(ProductRow.id)
        ).all()
    for product_id in due:
        await service.sequencer.submit(CloseProduct(product_id), actor=ACTOR)


async def ring_alarms(service: ExchangeService) -> None:
    """Expires orders, fires dead-man switches and ends phases whose time is over."""
    await service.sequencer.submit(RingAlarms(), actor=ACTOR)


JOBS = (
    Job("exchange.hours", {"hour": f"{OPENS_HOUR},{CLOSES_HOUR}", "minute": 0}, keep_market_hours),
    Job("exchange.products", {"minute": "*/10"}, close_products),
    Job("exchange.alarms", {"second": "*"}, ring_alarms, simulated={"minute": "*"}),
)
