"""Whose the open orders are."""

from __future__ import annotations

from exchange.model import Order

#: Numbers of orders that are over may lie about, besides as many as there are open orders.
OVER_MAX = 1_000


class Owners:
    """The open and hibernating orders of each participant, found out when somebody asks: orders come and go a hundred
    thousand a second, and what concerns all of somebody's is rare.

    A dict keeps its entries in the order in which they came. Those that came since the last question are at its end, so
    who asks files each of them once, and what was over by then is never filed. So an answer costs what the participant
    has and what is new, whatever others have. Nothing that is decided depends on who asked when.
    """

    __slots__ = ("_filed", "_last", "_numbers", "moved")

    def __init__(self) -> None:
        self._numbers: dict[str, list[int]] = {}
        self._filed = 0  # numbers in all those lists
        self._last = 0  # the largest of them
        #: Orders that were taken out of the dict and may have been put back since the last question: filed long ago,
        #: they are at its end.
        self.moved = 0

    def orders(self, held: dict[int, Order], participant_id: str) -> list[Order]:
        """The participant's of the orders ``held`` by number, oldest first."""
        self.file(held)
        numbers = self._numbers.pop(participant_id, ())
        found = [number for number in numbers if number in held]
        self._filed -= len(numbers) - len(found)
        if found:
            self._numbers[participant_id] = found
        return [held[number] for number in found]

    def file(self, held: dict[int, Order]) -> None:
        """Files what is new."""
        if self._filed > 2 * len(held) + OVER_MAX:  # most of it is over
            self._numbers.clear()
            self._filed = self._last = 0
        new = []
        old = 0
        for number in reversed(held):
            if number > self._last:
                new.append(number)
            elif old < self.moved:
                old += 1
            else:
                break
        self.moved = 0
        if not new:
            return
        new.sort()
        self._last = new[-1]
        self._filed += len(new)
        for number in new:
            owner = held[number].participant_id
            if owner in self._numbers:
                self._numbers[owner].append(number)
            else:
                self._numbers[owner] = [number]
