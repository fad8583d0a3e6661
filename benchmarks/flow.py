"""A synthetic order flow that every price-time core must end in the same way.

Around a randomly walking middle: 60 % limit orders, 30 % cancels of a uniformly random resting order, 10 % limits
priced five ticks through the best opposite price, whose remainder rests. Prices are ticks, and the seed is fixed. Which
order a cancel hits follows from what rests, so the flow is made together with a book of its own, which shares no code
with the exchange's.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from typing import NamedTuple

SEED = 20240601
MIDDLE_TICKS = 10_000
#: Mean and cap of an order's distance from the middle, ticks.
SHAPES = {"near": (8, 60), "deep": (400, 4_000)}


class Step(NamedTuple):
    """One command of the flow: an order when it has a quantity, else the cancel of ``number``."""

    number: int
    buys: bool
    price_ticks: int
    quantity: int


class Outcome(NamedTuple):
    """What is left at the end of a flow."""

    trades: int
    volume: int
    notional: int
    resting_orders: int


#: Of one million commands.
KNOWN_OUTCOMES = {
    "near": Outcome(396_246, 12_603_515, 128_607_852_096, 448),
    "deep": Outcome(184_830, 7_203_612, 73_397_022_946, 213_647),
}
KNOWN_COUNT = 1_000_000


class PlainBook:
    """A book that only knows what rests: a heap of prices and queues that skip what is gone."""

    def __init__(self) -> None:
        self.open: dict[int, int] = {}  # order -> open quantity
        self.terms: dict[int, tuple[bool, int]] = {}  # order -> buys, price
        self.numbers: list[int] = []  # the open orders, the last one moves into a gap
        self.position: dict[int, int] = {}
        self.queues: dict[tuple[bool, int], deque[int]] = {}
        self.prices: dict[bool, list[int]] = {True: [], False: []}  # heaps, bids negated
        self.trades = self.volume = self.notional = 0

    def best(self, buys: bool) -> int | None:
        """The best price of a side that has an open order."""
        heap = self.prices[buys]
        while heap:
            price = -heap[0] if buys else heap[0]
            queue = self.queues[buys, price]
            while queue and queue[0] not in self.open:
                queue.popleft()
            if queue:
                return price
            del self.queues[buys, price]
            heapq.heappop(heap)
        return None

    def forget(self, number: int) -> None:
        del self.open[number]
        gap, last = self.position.pop(number), self.numbers.pop()
        if last != number:
            self.numbers[gap] = last
            self.position[last] = gap

    def place(self, number: int, buys: bool, price: int, quantity: int) -> None:
        while quantity and (best := self.best(not buys)) is not None and (best <= price if buys else best >= price):
            resting = self.queues[not buys, best][0]
            filled = min(quantity, self.open[resting])
            self.trades += 1
            self.volume += filled
            self.notional += filled * best
            quantity -= filled
            self.open[resting] -= filled
            if not self.open[resting]:
                self.forget(resting)
        if quantity:
            self._rest(number, buys, price, quantity)

    def _rest(self, number: int, buys: bool, price: int, quantity: int) -> None:
        self.open[number] = quantity
        self.terms[number] = (buys, price)
        self.position[number] = len(self.numbers)
        self.numbers.append(number)
        queue = self.queues.get((buys, price))
        if queue is None:
            queue = self.queues[buys, price] = deque()
            heapq.heappush(self.prices[buys], -price if buys else price)
        queue.append(number)


def make_flow(shape: str, count: int) -> tuple[list[Step], Outcome]:
    """``count`` commands of a shape and their outcome; the first ones of a longer flow are those of a shorter."""
    mean, cap = SHAPES[shape]
    rng, book, middle, number = random.Random(SEED), PlainBook(), MIDDLE_TICKS, 0
    steps: list[Step] = []
    for _ in range(count):
        drift = rng.random()
        middle += (drift < 0.05) - (drift > 0.95)
        draw = rng.random()
        if draw < 0.30 and book.numbers:
            victim = book.numbers[int(rng.random() * len(book.numbers))]
            buys, price = book.terms[victim]
            book.forget(victim)
            steps.append(Step(victim, buys, price, 0))
            continue
        number += 1
        buys = rng.getrandbits(1) == 0
        if draw < 0.40:
            best = book.best(not buys)
            price = (middle if best is None else best) + (5 if buys else -5)
            quantity = rng.randint(1, 200)
        else:
            offset = 1 + min(cap, int(rng.expovariate(1 / mean)))
            price = middle - offset if buys else middle + offset
            quantity = rng.randint(1, 100)
        book.place(number, buys, price, quantity)
        steps.append(Step(number, buys, price, quantity))
    return steps, Outcome(book.trades, book.volume, book.notional, len(book.open))
