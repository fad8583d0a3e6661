"""What may be asked over REST, each as a talk that ends in a typed answer."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from h2market.client.errors import (
    ClientError,
    Conflict,
    FieldError,
    NoAnswer,
    NotFound,
    OutcomeUnknown,
    Problem,
    RateLimited,
    Refused,
    ServerFailed,
)
from h2market.client.model import (
    BatchAnswer,
    BatchEntry,
    Changed,
    Commodity,
    DeclaredCapacity,
    Depth,
    Fill,
    Limits,
    Market,
    NewOrder,
    Order,
    Page,
    Placed,
    Product,
    PublicTrade,
    Recall,
    RecallStep,
    Trade,
)
from h2market.client.talk import Request, Retry, Talk, settle

T = TypeVar("T")

#: The largest page that the exchange gives, and the most orders of one batch.
PAGE_MAX = 500
BATCH_MAX = 100

_encode = msgspec.json.Encoder(decimal_format="string").encode
_UNSETTLED = 429
#: What an order names that only uses up its client order id: it is refused for its product, and beyond that for a time
#: that is long past. The refusal is on record, and from then on the id takes no other order.
NOWHERE = "NONE"
_LONG_PAST = datetime(2000, 1, 1, tzinfo=UTC)


def reader(kind: type[T]) -> Callable[[bytes], T]:
    """Reads an answer of a kind."""
    return msgspec.json.Decoder(kind).decode


_placed, _changed, _batch = reader(Placed), reader(Changed), reader(BatchAnswer)
_order, _product, _depth, _limits = reader(Order), reader(Product), reader(Depth), reader(Limits)
_market, _declared = reader(Market), reader(DeclaredCapacity)
_recall, _step, recalls_page = reader(Recall), reader(RecallStep), reader(Page[Recall])
orders_page, trades_page = reader(Page[Order]), reader(Page[Trade])
public_page, products_page = reader(Page[PublicTrade]), reader(Page[Product])


def new_key() -> str:
    """An idempotency key that nobody has used."""
    return uuid.uuid4().hex


# --- orders


def place(order: NewOrder, retry: Retry) -> Talk[Placed]:
    """Places an order once, and does not end before it is known whether it was taken, as far as patience goes."""
    request = Request("POST", "/v1/orders", body=_encode(order), client_order_ids=(order.client_order_id,))

    def read(content: bytes) -> Placed:
        placed = _placed(content)
        if placed.client_order_id != order.client_order_id:
            raise msgspec.ValidationError(f"it tells of the order {placed.client_order_id!r:.80}")
        return placed

    try:
        return (yield from settle(request, retry, read))
    except OutcomeUnknown as unknown:
        entry = yield from _look_up(order.client_order_id, retry, unknown)
        if entry is None:
            raise
    return entry.placed()


def place_batch(orders: Sequence[NewOrder], retry: Retry) -> Talk[tuple[BatchEntry, ...]]:
    """Places orders in one commit, each for itself. An entry whose outcome stays unknown says so in its problem."""
    assert 0 < len(orders) <= BATCH_MAX, f"a batch has 1 to {BATCH_MAX} orders"
    ids = tuple(order.client_order_id for order in orders)
    request = Request("POST", "/v1/orders/batch", body=_encode({"orders": orders}), client_order_ids=ids)

    def read(content: bytes) -> BatchAnswer:
        answer = _batch(content)
        check_entries(answer.results, ids)
        return answer

    try:
        answer = yield from settle(request, retry, read, _has_unsettled)
        entries = answer.results
        unknown = OutcomeUnknown("POST /v1/orders/batch", client_order_ids=ids)
    except OutcomeUnknown as error:
        entries, unknown = tuple(_in_doubt(name) for name in ids), error
    settled = []
    for entry in entries:
        found = None
        if entry.problem is not None and entry.problem.code != "unavailable" and entry.status >= 500:
            found = yield from _look_up(entry.client_order_id, retry, unknown)
        settled.append(found or entry)
    return tuple(settled)


def check_entries(entries: Sequence[BatchEntry], ids: tuple[str, ...]) -> None:
    """Raises msgspec.ValidationError unless there is an order or a problem for each id, in their order."""
    if tuple(entry.client_order_id for entry in entries) != ids:
        raise msgspec.ValidationError("its entries are not those of the orders that were sent")
    for entry in entries:
        if entry.order is None and entry.problem is None:
            raise msgspec.ValidationError(f"it says nothing of {entry.client_order_id}")
        if entry.order is not None and entry.order.client_order_id != entry.client_order_id:
            raise msgspec.ValidationError(f"for {entry.client_order_id} it tells of another order")


def _has_unsettled(answer: BatchAnswer) -> bool:
    return any(entry.status >= 500 or entry.status == _UNSETTLED for entry in answer.results)


def _in_doubt(client_order_id: str) -> BatchEntry:
    problem = Problem(code="outcome_unknown", status=503, detail="No answer came: ask again under the same id.")
    return BatchEntry(client_order_id, 503, None, problem)


def _look_up(client_order_id: str, retry: Retry, unknown: OutcomeUnknown) -> Talk[BatchEntry | None]:
    """What became of an order whose answer was lost; None if the exchange does not know it. Its fills are all that it
    has had until now."""
    try:
        order = yield from find_order(client_order_id, retry)
        if order is None:
            return None
        if order.status == "rejected":
            detail = f"The order was refused: {order.reason.replace('_', ' ')}."
            return BatchEntry(client_order_id, 422, None, _rejection(order, detail))
        fills = yield from _fills(order, retry)
    except ClientError as error:
        raise unknown from error
    placed = Placed(
        order.order_id, order.client_order_id, order.product_id, order.side, order.price, order.loads,
        order.time_in_force, order.status, order.executed_loads, order.open_loads, fills, order.reason,
        order.updated_at,
    )  # fmt: skip
    return BatchEntry(client_order_id, 201, placed, None)


def _rejection(order: Order, detail: str) -> Problem:
    """The problem that the answer would have had."""
    errors = (FieldError(order.field, order.reason, detail),) if order.field else ()
    params = {} if order.shortfall is None else {"shortfall": str(order.shortfall)}
    return Problem(code=order.reason, status=422, detail=detail, errors=errors, params=params)


def _fills(order: Order, retry: Retry) -> Talk[tuple[Fill, ...]]:
    """The trades of an order, oldest first. Numbers are positions in the log: no trade of it is older than itself."""
    found: list[Fill] = []
    cursor: str | None = None
    while order.executed_loads:
        page = yield from trades(retry, order.product_id, PAGE_MAX, cursor)
        younger = [trade for trade in page.items if _number(trade.trade_id) > _number(order.order_id)]
        found += [
            Fill(one.trade_id, one.price, one.loads, one.leg)
            for one in younger
            if one.order_id == order.order_id and not one.recalled
        ]
        cursor = next_cursor(page, cursor)
        if cursor is None or len(younger) < len(page.items):
            break
    return tuple(reversed(found))


def _number(numbered: str) -> int:
    """The position in an id. Raises NoAnswer for what is no id of the exchange's."""
    digits = numbered[1:20]
    if not (digits.isascii() and digits.isdecimal()):
        raise NoAnswer(f"the exchange does not name anything {numbered!r:.40}")
    return int(digits)


def cancel(order_id: str, key: str, retry: Retry) -> Talk[Changed]:
    """Cancels what is open of an order."""
    request = Request("DELETE", f"/v1/orders/{order_id}", key=key or new_key())
    return (yield from settle(request, retry, _changed_of(order_id)))


def amend(order_id: str, price: Decimal | None, loads: int | None, key: str, retry: Retry) -> Talk[Changed]:
    """Gives an order another price, another total of loads, or both."""
    body = _encode(_without_none(price=price, loads=loads))
    request = Request("PATCH", f"/v1/orders/{order_id}", body=body, key=key or new_key())
    return (yield from settle(request, retry, _changed_of(order_id)))


def _changed_of(order_id: str) -> Callable[[bytes], Changed]:
    def read(content: bytes) -> Changed:
        changed = _changed(content)
        if changed.order_id != order_id:
            raise msgspec.ValidationError(f"it tells of the order {changed.order_id!r:.80}")
        return changed

    return read


def order(order_id: str, retry: Retry) -> Talk[Order]:
    """One order as it stands."""
    return (yield from settle(Request("GET", f"/v1/orders/{order_id}"), retry, _order))


def find_order(client_order_id: str, retry: Retry) -> Talk[Order | None]:
    """The order that was sent under a client order id, whatever became of it."""
    page = yield from orders(retry, client_order_id=client_order_id)
    if any(order.client_order_id != client_order_id for order in page.items):
        raise NoAnswer(f"asked for the order {client_order_id}, the answer tells of another one")
    return page.items[0] if page.items else None


def end_order(client_order_id: str, retry: Retry) -> Talk[Order | None]:
    """Makes sure of an order whose placing may have taken effect or not, and gives it as it ended: what was open of it
    is cancelled. None: it never took effect, and never will. Raises OutcomeUnknown as long as nobody can say, and
    Refused for an open order of a frozen product, which nobody cancels.

    Another order under the same id decides which. If the first one is there the exchange refuses this one as a
    conflict; else it refuses it for what it asks for, on record, and the first one can never come after it. To look
    the first one up would not do: a request or a commit may still be on its way.
    """
    unknown = OutcomeUnknown("the end of an order", client_order_ids=(client_order_id,))
    try:
        with suppress(Refused, Conflict):
            yield from place(_hopeless(client_order_id), retry)
        found = yield from find_order(client_order_id, retry)
        if found is not None and found.open_loads:
            with suppress(NotFound):  # it has traded or ended meanwhile
                yield from cancel(found.order_id, "", retry)
            found = yield from find_order(client_order_id, retry)
    except (NoAnswer, OutcomeUnknown, RateLimited, ServerFailed) as error:
        raise unknown from error
    if found is None or found.open_loads:
        raise unknown  # who answered was not the exchange
    return None if found.product_id == NOWHERE else found


def _hopeless(client_order_id: str) -> NewOrder:
    return NewOrder(
        client_order_id=client_order_id, product_id=NOWHERE, side="buy", price=Decimal("0.01"), loads=1,
        time_in_force="gtd", expires_at=_LONG_PAST,
    )  # fmt: skip


# --- recalls


def request_recall(trade_id: str, reason: str, key: str, retry: Retry) -> Talk[Recall]:
    """Asks to undo a trade."""
    body = _encode({"reason": reason})
    request = Request("POST", f"/v1/trades/{trade_id}/recall", body=body, key=key or new_key())
    return (yield from settle(request, retry, _recall))


def recall(trade_id: str, retry: Retry) -> Talk[Recall]:
    """The latest recall of a trade."""
    return (yield from settle(Request("GET", f"/v1/trades/{trade_id}/recall"), retry, _recall))


def decide_recall(trade_id: str, step: str, reason: str, key: str, retry: Retry) -> Talk[RecallStep]:
    """A step of a recall: ``approval``, ``confirmation``, ``withdrawal``, or ``rejection`` with its reason."""
    body = _encode({"reason": reason}) if step == "rejection" else None
    request = Request("POST", f"/v1/trades/{trade_id}/recall/{step}", body=body, key=key or new_key())
    return (yield from settle(request, retry, _step))


def recalls(retry: Retry, limit: int = PAGE_MAX, cursor: str | None = None, **wanted: str | None) -> Talk[Page[Recall]]:
    """A page of recalls, newest first."""
    return (yield from settle(_list("/v1/recalls", limit, cursor, **wanted), retry, recalls_page))


# --- lists, page by page


def next_cursor(page: Page[Any], cursor: str | None) -> str | None:
    """Where the next page begins; None after the last. Raises NoAnswer for a list that goes on without getting on."""
    if page.next_cursor is not None and (not page.items or page.next_cursor == cursor):
        raise NoAnswer("a list was answered with a page that leads nowhere")
    return page.next_cursor


def orders(retry: Retry, limit: int = PAGE_MAX, cursor: str | None = None, **wanted: str | None) -> Talk[Page[Order]]:
    """A page of the caller's orders, newest first."""
    return (yield from settle(_list("/v1/orders", limit, cursor, **wanted), retry, orders_page))


def trades(
    retry: Retry, product_id: str | None = None, limit: int = PAGE_MAX, cursor: str | None = None
) -> Talk[Page[Trade]]:
    """A page of the caller's trades, newest first."""
    return (yield from settle(_list("/v1/trades", limit, cursor, product_id=product_id), retry, trades_page))


def public_trades(
    product_id: str, retry: Retry, limit: int = PAGE_MAX, cursor: str | None = None
) -> Talk[Page[PublicTrade]]:
    """A page of a product's trades without their parties, newest first."""
    return (yield from settle(_list(f"/v1/products/{product_id}/trades", limit, cursor), retry, public_page))


def products(
    retry: Retry, limit: int = PAGE_MAX, cursor: str | None = None, **wanted: str | None
) -> Talk[Page[Product]]:
    """A page of products, by their id."""
    return (yield from settle(_list("/v1/products", limit, cursor, **wanted), retry, products_page))


def _list(path: str, limit: int, cursor: str | None, **wanted: str | None) -> Request:
    return Request("GET", path, {"limit": str(limit), **_without_none(cursor=cursor, **wanted)})


# --- the market and the company


def product(product_id: str, retry: Retry) -> Talk[Product]:
    """One product."""
    return (yield from settle(Request("GET", f"/v1/products/{product_id}"), retry, _product))


def book(product_id: str, levels: int, retry: Retry) -> Talk[Depth]:
    """The best levels of a product's book."""
    request = Request("GET", f"/v1/products/{product_id}/book", {"levels": str(levels)})
    return (yield from settle(request, retry, _depth))


def market(retry: Retry) -> Talk[Market]:
    """Whether orders are taken."""
    return (yield from settle(Request("GET", "/v1/market"), retry, _market))


def limits(retry: Retry) -> Talk[Limits]:
    """What the company may still order for."""
    return (yield from settle(Request("GET", "/v1/limits"), retry, _limits))


def declare(commodity: Commodity, window_start: datetime, loads: int, key: str, retry: Retry) -> Talk[DeclaredCapacity]:
    """Declares the loads that the company can provide in a window, in total."""
    body = _encode({"commodity": commodity, "window_start": window_start, "loads": loads})
    return (yield from settle(Request("PUT", "/v1/capacities", body=body, key=key or new_key()), retry, _declared))


def _without_none(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
