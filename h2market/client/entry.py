"""Orders over the stream: every request is answered once, over as many connections as it takes."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from h2market.client.errors import NoAnswer, OutcomeUnknown, Problem, StreamError, error_of
from h2market.client.model import BatchEntry, Changed, NewOrder, Placed, Side
from h2market.client.requests import BATCH_MAX, check_entries, new_key
from h2market.client.said import AllCancelled, CancelledOrder, ChangedOne, PlacedMany, ProblemSaid, Reply
from h2market.client.talk import UNCHANGED, Retry

#: How long order entry waits for its answer.
ANSWER_S = 30.0
#: The longest wait that an answer may ask for.
AGAIN_S_MAX = 60.0
#: The longest frame that the exchange reads; it closes a connection that brings a longer one.
FRAME_BYTES_MAX = 1 << 16

Said = TypeVar("Said", bound=Reply)
encode = msgspec.json.Encoder(decimal_format="string").encode


class _Asked:
    """A request that waits for its answer. ``sent``: it may have arrived."""

    def __init__(self, frame: dict[str, Any]) -> None:
        data = encode(frame)
        if len(data) > FRAME_BYTES_MAX:
            raise ValueError(f"a frame of {len(data)} bytes is over the limit of {FRAME_BYTES_MAX}: send fewer orders")
        self.text = data.decode()
        self.sent = False
        self.answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()


class OrderEntry:
    """The half of a `Stream` that asks and is answered, by the id of each request."""

    def __init__(self, answer_s: float, retry: Retry) -> None:
        self._answer_s = answer_s
        self._retry = retry
        self._numbers = itertools.count(1)
        self._asked: dict[str, _Asked] = {}
        self._ended: StreamError | None = None

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection now."""
        return False

    async def _send(self, text: str) -> None:
        """Sends; where the connection is lost, the next one begins with everything that matters."""

    async def place(self, order: NewOrder, *, timeout_s: float | None = None) -> Placed:
        """Places an order, once. Raises Refused where the rules of the trade say no."""
        (entry,) = await self.place_batch([order], timeout_s=timeout_s)
        return entry.placed()

    async def place_batch(
        self, orders: Sequence[NewOrder], *, timeout_s: float | None = None
    ) -> tuple[BatchEntry, ...]:
        """Places up to 100 orders in one commit, each for itself; an entry has its order or its problem."""
        assert 0 < len(orders) <= BATCH_MAX, f"a batch has 1 to {BATCH_MAX} orders"
        ids = tuple(order.client_order_id for order in orders)
        frame = {"op": "place", "orders": orders}
        unknown = OutcomeUnknown("place", client_order_ids=ids)
        said = await self._ask(frame, PlacedMany, timeout_s, unknown)
        try:
            check_entries(said.results, ids)
        except msgspec.ValidationError as error:
            raise unknown from error
        return said.results

    async def cancel(self, order_id: str, *, timeout_s: float | None = None) -> Changed:
        """Cancels what is open of an order. Raises NotFound for one that is not open."""
        return await self._change_one("cancel", timeout_s, order_id)

    async def amend(
        self, order_id: str, *, price: Decimal | None = None, loads: int | None = None, timeout_s: float | None = None
    ) -> Changed:
        """Gives an order another price, another total of loads (executed ones included), or both."""
        return await self._change_one("amend", timeout_s, order_id, price=price, loads=loads)

    async def _change_one(self, op: str, timeout_s: float | None, order_id: str, **terms: Any) -> Changed:
        key = new_key()
        said = await self._change(op, ChangedOne, timeout_s, key, order_id=order_id, **terms)
        if said.order.order_id != order_id:
            raise OutcomeUnknown(op, idempotency_key=key)
        return said.order

    async def cancel_all(
        self,
        *,
        product_id: str | None = None,
        side: Side | None = None,
        this_key: bool = False,
        timeout_s: float | None = None,
    ) -> tuple[CancelledOrder, ...]:
        """Cancels all open orders of the company, or those of a product, a side, or this key."""
        said = await self._change(
            "cancel_all", AllCancelled, timeout_s, new_key(), product_id=product_id, side=side, this_key=this_key
        )
        return said.orders

    async def _change(self, op: str, kind: type[Said], timeout_s: float | None, key: str, **terms: Any) -> Said:
        told = {name: value for name, value in terms.items() if value is not None}
        frame = {"op": op, "idempotency_key": key, **told}
        return await self._ask(frame, kind, timeout_s, OutcomeUnknown(op, idempotency_key=key))

    async def _ask(
        self, frame: dict[str, Any], kind: type[Said], timeout_s: float | None, unknown: OutcomeUnknown
    ) -> Said:
        """Asks until there is an answer that counts, or the time is over."""
        if self._ended is not None:
            raise self._ended
        name = f"q{next(self._numbers)}"
        asked = self._asked[name] = _Asked({**frame, "id": name})
        said: Reply | None = None
        in_doubt = False
        try:
            async with asyncio.timeout(self._answer_s if timeout_s is None else timeout_s):
                for tries in itertools.count(1):
                    await self._say(asked)
                    said = await asked.answer
                    after_s = again_after_s(said)
                    if after_s is None:
                        break
                    in_doubt = in_doubt or (isinstance(said, ProblemSaid) and said.problem.code not in UNCHANGED)
                    await asyncio.sleep(max(after_s, self._retry.wait_s(tries)))
                    said, asked.answer = None, asyncio.get_running_loop().create_future()
        except (TimeoutError, StreamError) as error:
            if said is None or (isinstance(said, ProblemSaid) and in_doubt):
                raise (unknown if asked.sent else NoAnswer(f"{frame['op']} could not be sent")) from error
        finally:
            del self._asked[name]
        if isinstance(said, ProblemSaid):
            raise error_of(said.problem)
        if not isinstance(said, kind):
            raise unknown from StreamError(f"{frame['op']} was answered with {type(said).__name__}")
        return said

    async def _say(self, asked: _Asked) -> None:
        if self.is_connected:
            asked.sent = True
            await self._send(asked.text)

    async def _say_again(self) -> None:
        """Sends what was not answered on the connection before."""
        for asked in list(self._asked.values()):
            if not asked.answer.done():
                await self._say(asked)

    def _hear(self, said: Reply) -> None:
        """Gives an answer to whoever waits for it."""
        asked = self._asked.get(said.id) if said.id is not None else None
        if asked is not None and not asked.answer.done():
            asked.answer.set_result(said)

    def _give_up(self, error: StreamError) -> None:
        """No answer will come any more."""
        for asked in self._asked.values():
            if not asked.answer.done():
                asked.answer.set_exception(error)


def again_after_s(said: Reply) -> float | None:
    """When to ask again; None for an answer that counts."""
    problems = [said.problem] if isinstance(said, ProblemSaid) else []
    if isinstance(said, PlacedMany):
        problems = [entry.problem for entry in said.results if entry.problem is not None]
    waits = [_wait_s(problem) for problem in problems if problem.status == 429 or problem.status >= 500]
    return max(waits, default=None)


def _wait_s(problem: Problem) -> float:
    """The time that the exchange names, if it is one; nobody waits longer than `AGAIN_S_MAX`."""
    named = problem.params.get("retry_after_s", 0)
    return min(max(0.0, float(named)), AGAIN_S_MAX) if isinstance(named, int | float) else 0.0
