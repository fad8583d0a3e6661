"""What a client may say. One JSON object a message; ``op`` says which, ``id`` comes back in the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from exchange.model import BATCH_ORDERS_MAX, LOADS_MAX, Side
from exchange.orders_api import NewOrder
from exchange.stream.base import Channel
from exchange.stream.said_talk import OnDisconnect
from kernel.edge import Body, PriceIn
from kernel.http import KEY_PATTERN
from kernel.validation import InvalidRequest, from_validation

#: Levels of each side that a subscription may see, as over REST.
DEPTH_MAX = 100
DEPTH_DEFAULT = 10
THROTTLE_MS_MAX = 60_000
SEQ_MAX = 2**63 - 1

_PRODUCT = r"^[A-Z0-9-]{1,80}$"
_ORDER = r"^O[1-9][0-9]{0,17}$"


class Request(Body):
    """Every message may carry an id of the client's own."""

    id: str | None = Field(default=None, max_length=64, description="Comes back in the answer.")


class Auth(Request):
    """Says who calls, where the request had no Authorization header. It is the first message then."""

    op: Literal["auth"]
    key: str = Field(max_length=200, description="An API key.")


class Subscribe(Request):
    """Begins a subscription, or begins it anew. ``book`` and ``orders`` are of one product; the other market channels
    are of one or, without ``product_id``, of all; ``own`` is the caller's company."""

    op: Literal["subscribe"]
    channel: Channel
    product_id: str | None = Field(default=None, pattern=_PRODUCT)
    since: int | None = Field(
        default=None, ge=0, le=SEQ_MAX, description="Resume: the seq of the last message that you have."
    )
    depth: int = Field(default=DEPTH_DEFAULT, ge=1, le=DEPTH_MAX, description="Levels of each side, of channel book.")
    throttle_ms: int = Field(
        default=0, ge=0, le=THROTTLE_MS_MAX,
        description="At most one message in so many milliseconds; of channels book, orders and ticker.",
    )  # fmt: skip


class Unsubscribe(Request):
    """Ends a subscription."""

    op: Literal["unsubscribe"]
    channel: Channel
    product_id: str | None = Field(default=None, pattern=_PRODUCT)


class Resync(Request):
    """Asks for a new snapshot of a subscription."""

    op: Literal["resync"]
    channel: Channel
    product_id: str | None = Field(default=None, pattern=_PRODUCT)


class Ping(Request):
    """Asks for a sign of life."""

    op: Literal["ping"]


class SetOptions(Request):
    """Sets what becomes of orders when this connection ends: ``keep`` them, ``cancel_placed`` cancels those that were
    placed on it, ``cancel_flagged`` those of this key that were placed with ``cancel_on_disconnect``."""

    op: Literal["set_options"]
    cancel_on_disconnect: OnDisconnect


class Place(Request):
    """Places orders, each for itself, in one commit. The client order id makes each take effect once."""

    op: Literal["place"]
    orders: list[NewOrder] = Field(min_length=1, max_length=BATCH_ORDERS_MAX)


class Once(Request):
    """A change that takes effect once under its key."""

    idempotency_key: str | None = Field(default=None, pattern=KEY_PATTERN)


class Cancel(Once):
    """Cancels what is open of an order."""

    op: Literal["cancel"]
    order_id: str = Field(pattern=_ORDER)


class Amend(Once):
    """Gives an order another price, another total of loads, or both."""

    op: Literal["amend"]
    order_id: str = Field(pattern=_ORDER)
    price: PriceIn | None = None
    loads: int | None = Field(default=None, ge=0, le=LOADS_MAX)


class CancelAll(Once):
    """Cancels all open orders of the caller's company, or those of a product, a side, or this key."""

    op: Literal["cancel_all"]
    product_id: str | None = Field(default=None, pattern=_PRODUCT)
    side: Side | None = None
    this_key: bool = False


Changing = Cancel | Amend | CancelAll
AnyRequest = Auth | Subscribe | Unsubscribe | Resync | Ping | SetOptions | Place | Cancel | Amend | CancelAll
REQUESTS: tuple[type[Request], ...] = (
    Auth, Subscribe, Unsubscribe, Resync, Ping, SetOptions, Place, Cancel, Amend, CancelAll,
)  # fmt: skip

_any: TypeAdapter[AnyRequest] = TypeAdapter(Annotated[AnyRequest, Field(discriminator="op")])
_OPS = frozenset(model.model_fields["op"].annotation.__args__[0] for model in REQUESTS)  # type: ignore[union-attr]


def read(frame: str | bytes) -> AnyRequest:
    """The request of a frame, read in one pass. Raises InvalidRequest naming every field at fault."""
    try:
        return _any.validate_json(frame)
    except ValidationError as error:
        raise _plain(error) from error


def _plain(error: ValidationError) -> InvalidRequest:
    """The fields as the client wrote them: without the name of the message in front; ``op`` for one that is none."""
    return from_validation(_named(one) for one in error.errors(include_url=False, include_input=False))


def _named(one: Mapping[str, Any]) -> dict[str, Any]:
    location = one["loc"]
    if one["type"] in ("union_tag_invalid", "union_tag_not_found"):
        location = ("op",)
    elif location and location[0] in _OPS:
        location = location[1:]
    return {**one, "loc": location}
