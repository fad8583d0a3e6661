"""Bodies and answers about the market as a whole and about switches."""

from __future__ import annotations

from pydantic import Field

from exchange.calendar import DayState
from exchange.market import DEAD_MAN_S_MAX, RATE_MAX
from exchange.model import LOADS_MAX, SelfTradeMode, Side
from kernel.edge import Answer, Body, Line, TimeOut


class MarketAnswer(Answer):
    """Whether orders are taken."""

    is_open: bool
    halted: bool
    day: str
    now: TimeOut


class Halt(Body):
    """Why the market is halted."""

    reason: Line


class CalendarDay(Answer):
    """A day of the market; its times are null on a closed one.

    From ``opens_at`` the books collect for the opening auction, from ``trades_at`` they trade, from ``collects_at``
    they collect for the closing auction, which ends at ``closes_at``. On a day with a break the market is closed from
    ``pauses_at`` to ``resumes_at``.
    """

    day: str
    state: DayState
    holiday: str | None = Field(description="The public holiday that the day belongs to.")
    holiday_zh: str | None
    makes_up: bool = Field(description="A weekend day on which people work for a holiday.")
    opens_at: TimeOut | None
    trades_at: TimeOut | None
    pauses_at: TimeOut | None = Field(description="When the first session ends; null on a day without a break.")
    resumes_at: TimeOut | None
    collects_at: TimeOut | None
    closes_at: TimeOut | None


class NewQuoteRequest(Body):
    """What the asker wants quotes for; the side may be kept open."""

    product_id: str = Field(pattern=r"^[A-Z0-9-]{1,80}$")
    side: Side | None = Field(default=None, description="What the asker would do.")
    loads: int = Field(ge=1, le=LOADS_MAX)


class QuoteRequestAnswer(Answer):
    """A request for quotes, without who asked."""

    request_id: str
    product_id: str
    side: Side | None
    loads: int
    at: TimeOut
    own: bool = Field(description="The caller's company asked.")


class SelfTradeBody(Body):
    """What happens when orders of the company meet one another."""

    mode: SelfTradeMode


class SelfTradeAnswer(Answer):
    """What happens when orders of the company meet one another."""

    mode: SelfTradeMode


class DeadManBody(Body):
    """In how many seconds the company's orders end unless the switch is renewed; 0 switches it off."""

    timeout_s: int = Field(ge=0, le=DEAD_MAN_S_MAX)


class DeadManAnswer(Answer):
    """The dead-man switch; ``fires_at`` is null while it is off."""

    timeout_s: int
    fires_at: TimeOut | None


class KillSwitchAnswer(Answer):
    """A company's kill switches: its own, and the operator's for it. Either refuses its orders."""

    participant_id: str
    pulled: bool
    pulled_by_operator: bool
    cancelled: int | None = Field(description="How many orders the request cancelled; null where it was no such one.")


class OrderRatesBody(Body):
    """How many orders and amendments a company may send."""

    per_10s: int = Field(ge=0, le=RATE_MAX)
    per_hour: int = Field(ge=0, le=RATE_MAX)
    per_day: int = Field(ge=0, le=RATE_MAX)


class RateAnswer(Answer):
    """Orders and amendments: used of what is allowed."""

    used: int
    allowed: int


class OrderRatesAnswer(Answer):
    """Rates of these ten seconds, this hour and this day of Asia/Shanghai."""

    participant_id: str
    per_10s: RateAnswer
    per_hour: RateAnswer
    per_day: RateAnswer


class CancelledAnswer(Answer):
    """What a mass cancel cancelled."""

    cancelled: int
    order_ids: list[str]
    at: TimeOut


class SleepAnswer(Answer):
    """An order after it was put to sleep or woken up."""

    order_id: str
    hibernated: bool
    changed: bool = Field(description="False where it was so already.")
    fills: list[dict[str, str | int]]
    at: TimeOut
