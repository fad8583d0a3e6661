"""What the exchange does at set times: market hours, and the end of trading in products whose window begins."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session, and_, col, or_, select

from exchange.calendar import calendar
from exchange.commands import ChangePhase, CloseMarket, CloseProduct, OpenMarket, RingAlarms
from exchange.service import ExchangeService
from exchange.tables import MarketRow, ProductRow
from kernel.errors import H2MarketError
from kernel.jobs import Job
from kernel.messages import Command
from kernel.sequencer import Envelope

ACTOR = "scheduler"


async def keep_market_hours(service: ExchangeService) -> None:
    """Opens or closes the market, and sends the books into their auctions, if the calendar says so and it was not done
    yet. The alarm that ends an auction is rung before the market closes on its trades; the books collect before it
    opens, or what waits beside them would trade ahead of the opening auction. A break that was slept through ends the
    session all the same."""
    now = service.clock.now_us()
    wanted = calendar().at(now)
    today = wanted.day.isoformat()
    with service.store.reading() as session:
        market = session.get(MarketRow, "market")
        collecting: Sequence[str] = ()
        if wanted.auction_until:
            collecting = _not_collecting(session, wanted.auction_until)
        is_open, day, seq = (market.is_open, market.day, market.event_seq) if market else (False, "", 0)
        changed_at = _at(service, session, seq) if is_open else 0
    commands: list[Command] = []
    if is_open and (not wanted.is_open or day != today or changed_at < wanted.resumed_at):
        commands += [RingAlarms(), CloseMarket(day, ends_day=day != today or not (wanted.is_open or wanted.in_break))]
        is_open = False
    commands += [ChangePhase(product_id, "auction", "calendar", wanted.auction_until) for product_id in collecting]
    if wanted.is_open and not is_open and day <= today:
        commands += [RingAlarms(), OpenMarket(today)]
    if commands:
        for result in await service.sequencer.submit_many([Envelope(command, ACTOR) for command in commands]):
            if isinstance(result, H2MarketError):
                raise result


def _at(service: ExchangeService, session: Session, seq: int) -> int:
    """When an event of the exchange happened."""
    return next(iter(service.sequencer.room.log.read(session.connection(), seq - 1, 1))).at


def _not_collecting(session: Session, until: int) -> Sequence[str]:
    """The products whose books trade, or collect until another time; what the operator decided is left alone."""
    elsewhen = and_(col(ProductRow.phase) == "auction", col(ProductRow.phase_until).not_in((0, until)))
    query = select(ProductRow.id).where(or_(col(ProductRow.phase) == "continuous", elsewhen))
    return session.exec(query.order_by(ProductRow.id)).all()


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
    """Expires orders and recalls, fires dead-man switches and ends phases whose time is over."""
    await service.sequencer.submit(RingAlarms(), actor=ACTOR)


JOBS = (
    Job("exchange.hours", {"minute": "*"}, keep_market_hours),
    Job("exchange.products", {"minute": "*/10"}, close_products),
    Job("exchange.alarms", {"second": "*"}, ring_alarms, simulated={"minute": "*"}),
)
