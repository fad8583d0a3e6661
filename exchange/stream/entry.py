"""Orders that come in on a connection, and what becomes of them when it ends.

A frame of orders is one unit of the sequencer: read in one pass, decided in order, committed together, answered with
one message. Several frames may be under way; they take effect in the order in which they came.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence

from exchange import events as e
from exchange.commands import AmendOrder, CancelOrder, CancelOrders, PlaceOrder
from exchange.machine import ExchangeMachine
from exchange.orders_api import change_answer, order_answer, order_key, place_command
from exchange.plain import PlainPlace
from exchange.service import ExchangeService
from exchange.stream.base import Said, encode
from exchange.stream.requests import Amend, Cancel, CancelAll, Changing, Once, Place
from exchange.stream.said_talk import AllCancelled, CancelledPart, Changed, Entry, OnDisconnect, Placed
from kernel.auth import Principal
from kernel.errors import H2MarketError, InvalidInput, KeyReused, Language, OutcomeUnknown
from kernel.http import problem
from kernel.ids import number_of, request_id
from kernel.messages import Command
from kernel.sequencer import Envelope, Key, Outcome, Result

#: Where problems say that they arose.
INSTANCE = "/v1/stream"
#: Placed orders that a connection remembers before it asks which of them are still open.
REMEMBERED_MAX = 10_000
#: How often the orders of a connection that ended are tried to be cancelled while the store is away.
CANCEL_TRIES_MAX = 30
CANCEL_PAUSE_S = 1.0

_log = logging.getLogger("h2market.stream")


class Desk:
    """The order entry of one connection."""

    def __init__(self, service: ExchangeService, language: Language) -> None:
        self.on_disconnect: OnDisconnect = "keep"
        self._sequencer = service.sequencer
        self._language: Language = language
        self._placed: dict[int, None] = {}
        self._in_doubt: set[str] = set()  # client order ids of which nobody could say whether they were placed
        self._look_at = REMEMBERED_MAX

    async def place(self, caller: Principal, request: Place | PlainPlace) -> bytes:
        """Places a frame of orders; gives the answer."""
        participant_id, key_id = caller.participant_id, caller.key_id
        if isinstance(request, PlainPlace):
            commands = [PlaceOrder(participant_id, key_id, terms) for terms in request.terms]
        else:
            commands = [place_command(participant_id, key_id, order) for order in request.orders]
        on_disconnect = self.on_disconnect  # as it was set when the orders came: what is set later is for later ones
        names = [command.terms.client_order_id for command in commands]
        try:
            results = await self._sequencer.submit_many(
                [Envelope(command, key_id, order_key(command)) for command in commands]
            )
        except OutcomeUnknown:
            if on_disconnect == "cancel_placed":
                self._in_doubt.update(names)
            raise
        if on_disconnect == "cancel_placed":
            # Of one that is refused as another order under its id nothing was learned but that the first may stand.
            self._in_doubt -= {name for name, one in zip(names, results, strict=True) if isinstance(one, Outcome)}
            await self._remember(results)
        entries = [
            self._entry(name, result, index) for index, (name, result) in enumerate(zip(names, results, strict=True))
        ]
        return encode(Placed(request.id, entries))

    def _entry(self, name: str, result: Result, index: int) -> Entry:
        try:
            if isinstance(result, H2MarketError):
                raise result
            return Entry(name, 201, order_answer(result), None)
        except H2MarketError as error:
            if error.field is not None:
                error.field = f"orders.{index}.{'client_order_id' if isinstance(error, KeyReused) else error.field}"
            details = problem(error, request_id(None), self._language, INSTANCE)
            return Entry(name, error.status, None, details)

    async def change(self, caller: Principal, request: Changing) -> bytes:
        """Amends or cancels; gives the answer. Raises what REST would."""
        if isinstance(request, CancelAll):
            return encode(await self._cancel_all(caller, request))
        order_id = number_of(request.order_id, "O", "order")
        command: Command
        if isinstance(request, Amend):
            if request.price is None and request.loads is None:
                raise InvalidInput(
                    "body", "empty", "Give a new price, a new total of loads, or both.",
                    "请提供新的价格、新的总车数，或两者。",
                )  # fmt: skip
            command = AmendOrder(caller.participant_id, order_id, request.price, request.loads)
        else:
            assert isinstance(request, Cancel)
            command = CancelOrder(caller.participant_id, order_id)
        outcome = await self._submit(caller, command, request)
        return encode(Changed(request.id, change_answer(outcome, order_id)))

    async def _cancel_all(self, caller: Principal, request: CancelAll) -> Said:
        key_id = caller.key_id if request.this_key else ""
        command = CancelOrders(caller.participant_id, request.product_id or "", request.side, key_id)
        outcome = await self._submit(caller, command, request)
        cancelled = [
            CancelledPart(f"O{event.order_id}", event.loads)
            for event in outcome.events
            if isinstance(event, e.OrderCancelled) and event.reason == "mass_cancel"
        ]
        return AllCancelled(request.id, cancelled)

    async def _submit(self, caller: Principal, command: Command, request: Once) -> Outcome:
        key = None
        if request.idempotency_key is not None:
            digest = hashlib.sha256(f"{type(command).__name__}\n".encode() + encode(command)).digest()
            key = Key(caller.participant_id, request.idempotency_key, digest)
        return await self._sequencer.submit(command, actor=caller.key_id, key=key)

    # --- when the connection ends

    async def _remember(self, results: Sequence[Result]) -> None:
        for result in results:
            if isinstance(result, Outcome) and isinstance(result.events[0], e.OrderPlaced):
                self._placed[result.events[0].order_id] = None
        if len(self._placed) > self._look_at:
            await self._forget_ended()

    async def _forget_ended(self) -> None:
        placed = list(self._placed)

        def read(machine: ExchangeMachine) -> list[int]:
            return [order_id for order_id in placed if order_id in machine.state.orders]

        try:
            still_open = set(await self._sequencer.read(read))
        except H2MarketError:
            return  # the orders are placed all the same, and their answer must say so: the next frame looks again
        for order_id in placed:
            if order_id not in still_open:
                self._placed.pop(order_id, None)
        self._look_at = max(REMEMBERED_MAX, 2 * len(self._placed))

    async def end(self, caller: Principal) -> None:
        """Cancels what was to end with the connection; tries again while the store is away."""
        mode = self.on_disconnect
        if mode == "keep":
            return
        for _ in range(CANCEL_TRIES_MAX):
            try:
                await self._cancel_rest(caller, mode)
            except H2MarketError as error:
                _log.warning("orders of %s could not be cancelled on disconnect: %s", caller.key_id, error)
                if error.status < 500:
                    return
                await asyncio.sleep(CANCEL_PAUSE_S)
            else:
                return

    async def _cancel_rest(self, caller: Principal, mode: OnDisconnect) -> None:
        if mode == "cancel_placed" and self._in_doubt:
            await self._find_in_doubt(caller.participant_id)
        if mode == "cancel_placed" and not self._placed:
            return
        command = CancelOrders(
            caller.participant_id, key_id=caller.key_id, reason="disconnected",
            on_disconnect_only=mode == "cancel_flagged",
            order_ids=tuple(self._placed) if mode == "cancel_placed" else (),
        )  # fmt: skip
        await self._sequencer.submit(command, actor=caller.key_id)

    async def _find_in_doubt(self, participant_id: str) -> None:
        """Adds what was placed after all: the room reads its log before it answers again."""

        def read(machine: ExchangeMachine) -> list[int]:
            own = machine.state.orders_of(participant_id)
            return [order.id for order in own if order.terms.client_order_id in self._in_doubt]

        self._placed |= dict.fromkeys(await self._sequencer.read(read))
        self._in_doubt.clear()
