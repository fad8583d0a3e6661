"""How far the stream has told the log, and what it tells next.

Nothing of the exchange is kept here. A batch is looked at when it was decided (`exchange.stream.looks`), and told when
it is committed. What a reader begins with is read between two batches, when the machine stands as the log does; until
the reader has it, nothing later is told. So what is sent is a function of the log, the first reader costs no more than
the second, and without an audience nobody looks.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from exchange import events as e
from exchange.changes import Printed
from exchange.machine import ExchangeMachine
from exchange.state import ExchangeState
from exchange.stream.faces import Face
from exchange.stream.looks import Interest, Look, look
from kernel.errors import RETRY_AFTER_S, Unavailable
from kernel.messages import Recorded
from kernel.sequencer import Sequencer

#: How long after a commit the feed tells it: those who wait for an answer are served first, and small commits that
#: follow each other closely become one message.
GATHER_S = 0.001
#: How long the feed goes on after the last listener went: only what it heard itself can be resumed without a snapshot.
LINGER_S = 30.0

_log = logging.getLogger("h2market.stream")

#: The events of trading, of which there are many; all others are looked at one by one.
_TRADING = frozenset({
    e.OrderPlaced, e.OrderRejected, e.OrderAmended, e.OrderReduced, e.OrderElected, e.OrderHibernated,
    e.OrderActivated, e.OrderCancelled, e.Traded,
})  # fmt: skip

T = TypeVar("T")


class Turn:
    """What one or more whole commits did. ``others`` are the events that are not trading's; ``faces`` are the products'
    last ones, each with the last event of its commit."""

    __slots__ = ("at", "faces", "looks", "others", "recorded", "seq", "trades")

    def __init__(self, recorded: Sequence[Recorded], looks: Sequence[Look]) -> None:
        self.recorded, self.looks = recorded, looks
        self.seq, self.at = recorded[-1].seq, recorded[-1].at
        self.others = [one for one in recorded if type(one.event) not in _TRADING]
        self.trades: list[Printed] = [(one.event, one.at) for one in recorded if isinstance(one.event, e.Traded)]
        self.faces: dict[str, tuple[Face, int]] = {}
        for one in looks:
            for face in one.faces:
                self.faces[face.product_id] = face, one.last

    def auctions(self) -> dict[str, None]:
        """The products in an auction of which anything changed."""
        return dict.fromkeys(name for one in self.looks for name in one.auctions)


class _Hold:
    """A reader that begins at ``seq``: what is later is not told before it has what it begins with."""

    __slots__ = ("over", "seq")

    def __init__(self) -> None:
        self.seq = 0
        self.over = False


class Feed:
    """``publish(turn)`` is called after each turn, ``failed()`` when it can go on no more."""

    def __init__(
        self, sequencer: Sequencer, interest: Interest, publish: Callable[[Turn], None], failed: Callable[[], None]
    ) -> None:  # fmt: skip
        self.seq = 0
        self.at = 0
        self.day = ""  # of the market, when it was opened
        self.opened = 0  # how often
        self.is_open = False
        self.linger_s = LINGER_S
        self._sequencer = sequencer
        self._interest = interest
        self._publish = publish
        self._failed = failed
        self._listening = False
        self._opening: asyncio.Task[None] | None = None
        self._looks: dict[int, Look] = {}  # of batches that may not be committed yet, by their last event
        self._heard: list[tuple[Sequence[Recorded], list[Look]]] = []
        self._holds: list[_Hold] = []
        self._one_at_a_time = asyncio.Lock()
        self._scheduled: asyncio.TimerHandle | None = None
        self._leaving: asyncio.TimerHandle | None = None
        self._opened_at = 0
        self._changed: dict[str, int] = {}  # by product: the last commit that changed it since then
        sequencer.room.watch = self._look
        sequencer.on_commit(self._hear)

    async def open(self) -> None:
        """Returns when every later commit is told. Raises Unavailable where the exchange cannot be read."""
        self.stay()
        if self.is_open:
            return
        if self._opening is None:
            self._opening = asyncio.create_task(self._open(), name="stream.feed")
        await asyncio.shield(self._opening)

    async def _open(self) -> None:
        self._listening = True

        def read(machine: ExchangeMachine) -> tuple[int, int, str]:
            return self._sequencer.tail.seq, self._sequencer.tail.at, machine.state.market.day

        try:
            # What is committed from here on is heard: nothing is on its way.
            self.seq, self.at, self.day = await self._sequencer.read(read)
        except BaseException:
            self._listening = False
            raise
        finally:
            self._opening = None
        self.opened += 1
        self._opened_at, self._changed = self.seq, {}
        self.is_open = True
        self._turn()

    def unchanged(self, product_id: str, since: int) -> bool:
        """Whether a product, or with "" all of them, is as it was after event ``since``, as far as is known here."""
        if product_id:
            return self._changed.get(product_id, self._opened_at) <= since
        return max(self._changed.values(), default=self._opened_at) <= since

    def stay(self) -> None:
        """Somebody listens: the feed goes on."""
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None

    def leave(self) -> None:
        """Nobody listens any more: the feed ends after a while."""
        if self._leaving is None and (self.is_open or self._opening is not None):
            self._leaving = asyncio.get_running_loop().call_later(self.linger_s, self.close)

    def close(self) -> None:
        """Listens no more."""
        for handle in (self._leaving, self._scheduled):
            if handle is not None:
                handle.cancel()
        if self._opening is not None:
            self._opening.cancel()
        self._leaving = self._scheduled = self._opening = None
        self.is_open = self._listening = False
        self._heard, self._looks = [], {}

    @asynccontextmanager
    async def at_rest(self, reader: Callable[[ExchangeState, int], T]) -> AsyncIterator[tuple[T, int]]:
        """Gives what ``reader(state, seq)`` finds between two batches, and the event after which it is true: exactly
        so much has been told, until the block ends, which is to be soon: others wait. Raises Unavailable."""
        hold = _Hold()

        def read(machine: ExchangeMachine) -> T:
            hold.seq = self._sequencer.tail.seq
            self._holds.append(hold)
            if hold.over:  # whoever asked is gone
                self._holds.remove(hold)
            return reader(machine.state, hold.seq)

        async with self._one_at_a_time:
            try:
                found: T = await self._sequencer.read(read)
                self._turn()
                if not self.is_open:
                    # It broke off meanwhile, and everybody was told to come back.
                    raise Unavailable(retry_after_s=RETRY_AFTER_S)
                assert self.seq == hold.seq, f"told {self.seq}, read {hold.seq}"
                yield found, hold.seq
            finally:
                hold.over = True
                with suppress(ValueError):
                    self._holds.remove(hold)
                self._schedule()

    # --- what happens

    def _look(self, machine: ExchangeMachine, first: int, last: int) -> None:
        """Where a batch was decided, in the loop or in the writer's thread."""
        if not self._listening:
            return
        try:
            self._looks[last] = look(machine.state, self._interest, first, last)
        except Exception:
            _log.exception("the events %s to %s could not be looked at", first, last)
            self._looks.pop(last, None)  # told of as a gap, once they are committed

    def _hear(self, recorded: Sequence[Recorded]) -> None:
        if not self._listening:
            return
        self._heard.append((recorded, self._looks_at(recorded[0].seq, recorded[-1].seq)))
        self._schedule()

    def _looks_at(self, first: int, last: int) -> list[Look]:
        """The looks at what was committed, which may be several batches; those at what never was are thrown away."""
        found: list[Look] = []
        seq = last
        while seq >= first and (one := self._looks.get(seq)) is not None:
            found.append(one)
            seq = one.first - 1
        for known in [known for known in list(self._looks) if known <= last]:
            del self._looks[known]
        found.reverse()
        return found

    def _schedule(self) -> None:
        if self._heard and self.is_open and self._scheduled is None:
            self._scheduled = asyncio.get_running_loop().call_later(GATHER_S, self._turn)

    def catch_up(self) -> None:
        """Tells at once what was heard, so that whoever joins now begins at the latest event."""
        self._turn()

    def _turn(self) -> None:
        if self._scheduled is not None:
            self._scheduled.cancel()
            self._scheduled = None
        if not self.is_open:
            return
        until = min((one.seq for one in self._holds), default=None)
        told = [one for one in self._heard if until is None or one[0][-1].seq <= until]
        del self._heard[: len(told)]
        fresh = [one for one in told if one[0][-1].seq > self.seq]
        if not fresh:
            return
        try:
            self._tell([one for recorded, _ in fresh for one in recorded], [one for _, looks in fresh for one in looks])
        except Exception:
            # Everybody is told to come back, and then the feed begins anew.
            _log.exception("the market data feed stopped after event %s", self.seq)
            self.close()
            self._failed()

    def _tell(self, recorded: Sequence[Recorded], looks: Sequence[Look]) -> None:
        assert recorded[0].seq == self.seq + 1, f"the feed has a gap after {self.seq}"
        for one in looks:
            assert one.first == self.seq + 1, f"nobody looked at what happened after {self.seq}"
            self.seq = one.last
            self._note(one.touched, one.last)
        assert self.seq == recorded[-1].seq, f"nobody looked at what happened after {self.seq}"
        turn = Turn(recorded, looks)
        self.at = turn.at
        self._publish(turn)

    def _note(self, touched: Iterable[str], seq: int) -> None:
        for product_id in touched:
            self._changed[product_id] = seq
