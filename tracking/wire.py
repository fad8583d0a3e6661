"""What tracking's routes have in common: ids, parameters, pages of loads, and the events that answers are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Path, Query
from pydantic import Field
from sqlalchemy import tuple_
from sqlmodel import Session, col, or_
from sqlmodel.sql.expression import SelectOfScalar

from kernel.auth import Principal
from kernel.edge import CURSOR_SCHEMA, PAGE_MAX, Page, TimeIn, decode_cursor, number_cursor, page_of
from kernel.errors import InvalidInput, NotFound
from kernel.http import KEY_PATTERN, Call
from kernel.messages import Event
from kernel.openapi import problems
from kernel.sequencer import Outcome
from kernel.service import caller
from tracking.tables import HaulageRow, ShipmentRow

#: A plate or a registration code, as `tracking.turn.check_code` reads it.
CODE_PATTERN = "^[0-9A-Z\u4e00-\u9fff][0-9A-Z\u4e00-\u9fff-]{1,31}$"
SHIPMENT_PATTERN = r"^S[1-9][0-9]{0,17}-[1-9][0-9]{0,6}$"
TRADE_PATTERN = r"^T[1-9][0-9]{0,17}$"
METER_PATTERN = r"^M[1-9][0-9]{0,17}$"
FACILITY_PATTERN = r"^F[1-9][0-9]{0,17}$"
DIGEST_PATTERN = r"^[0-9a-f]{64}$"
#: A cursor over loads is one number: the trade's, then the load's in this many digits.
LOAD_NO_SPAN = 10**7

READ_PROBLEMS = problems(401, 403, 404, 422, 429)
LIST_PROBLEMS = problems(401, 403, 422, 429)
WRITE_PROBLEMS = problems(401, 403, 404, 409, 413, 422, 429, 503)

Caller = Annotated[Call, Depends(caller)]
Cursor = Annotated[str | None, Query(max_length=200, json_schema_extra=CURSOR_SCHEMA)]
Limit = Annotated[int, Query(ge=1, le=PAGE_MAX)]
ShipmentId = Annotated[str, Path(pattern=SHIPMENT_PATTERN, examples=["S124-1"])]
VesselId = Annotated[str, Path(pattern=CODE_PATTERN, examples=["TT-01"])]
Plate = Annotated[str, Path(pattern=CODE_PATTERN, examples=["晋A0001"])]
OfTrade = Annotated[str | None, Query(pattern=TRADE_PATTERN, examples=["T124"])]
From = Annotated[TimeIn | None, Query(alias="from", description="From this time on.")]
To = Annotated[TimeIn | None, Query(description="Before this time.")]
IdempotencyKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", pattern=KEY_PATTERN, description="Sent twice, the request takes effect once."),
]
Code = Annotated[str, Field(pattern=CODE_PATTERN)]

V = TypeVar("V", bound=Event)
L = TypeVar("L", ShipmentRow, HaulageRow)
T = TypeVar("T")


def find_event(outcome: Outcome, kind: type[V]) -> V | None:
    """The event of a kind among those that a command made."""
    return next((event for event in outcome.events if isinstance(event, kind)), None)


def event_of(outcome: Outcome, kind: type[V]) -> V:
    """The event that a command of this kind always makes."""
    event = find_event(outcome, kind)
    assert event is not None, f"the command made no {kind.__name__}"
    return event


def trade_text(trade_id: int) -> str | None:
    """The trade's id at the edge; None for 0, which is no trade."""
    return f"T{trade_id}" if trade_id else None


def visible_shipment(session: Session, principal: Principal, shipment_id: str) -> ShipmentRow:
    """A shipment that the caller is a party of, or any for the operator and auditors. Raises NotFound."""
    row = session.get(ShipmentRow, shipment_id)
    own = principal.participant_id
    if row is None or not (principal.sees_all or own in (row.seller_id, row.buyer_id, row.carrier_id)):
        raise NotFound(field="shipment_id", kind="shipment", id=shipment_id)
    return row


def party_of(participant_id: str) -> Any:
    """The condition that a shipment is the participant's."""
    return or_(
        col(ShipmentRow.seller_id) == participant_id,
        col(ShipmentRow.buyer_id) == participant_id,
        col(ShipmentRow.carrier_id) == participant_id,
    )


def load_page(
    session: Session, query: SelectOfScalar[L], row: type[L], cursor: str | None, limit: int, item: Callable[[L], T]
) -> Page[T]:
    """A page of loads, newest trade first. Their order never changes, so pages neither skip nor repeat."""
    key = tuple_(col(row.trade_id), col(row.load_no))
    after = number_cursor(cursor)
    if after is not None:
        query = query.where(key < tuple_(*divmod(after, LOAD_NO_SPAN)))
    query = query.order_by(col(row.trade_id).desc(), col(row.load_no).desc())
    rows = session.exec(query.limit(limit + 1)).all()
    return page_of(rows, limit, lambda load: load.trade_id * LOAD_NO_SPAN + load.load_no, item)


def check_code_cursor(cursor: str | None) -> None:
    """Raises InvalidInput for a cursor that cannot continue a list of plates or codes."""
    text = decode_cursor(cursor)
    if text is not None and not text.isprintable():
        raise InvalidInput(
            "cursor",
            "cursor",
            "Send the next_cursor of the page before, unchanged.",
            "请原样发送上一页的 next_cursor。",
        )
