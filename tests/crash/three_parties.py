"""Implied matches in the exchange's log: hydrogen ex works and its haulage, sold to one who bid for it delivered.

Each is two trades of one buyer, the haulage and right behind it the hydrogen: together in the log, or not at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.crash.logs import Logged

#: What the two legs have in common.
_SHARED = ("buyer_id", "buy_order_id", "taker_order_id", "loads")


class ThreeParties:
    """Counts the matches by whose order came last, and finds those that are not whole."""

    def __init__(self) -> None:
        self.matches: Counter[str] = Counter()  # "delivered", "ex_works" or "haulage"
        self.halves: list[str] = []
        self._haulage: Logged | None = None  # of the event before

    def take(self, one: Logged) -> None:
        """Looks at the next event."""
        before, self._haulage = self._haulage, None
        leg = one.fields["leg"] if one.type == "Traded" else ""
        if before is not None:
            if leg != "hydrogen" or (differs := self._differs(before.fields, one.fields)):
                what = f"{one.type} {leg}" if leg != "hydrogen" else f"hydrogen with other {differs}"
                self.halves.append(f"the haulage T{before.fields['trade_id']} is followed by {what}")
            else:
                self.matches[self._came_last(before.fields, one.fields)] += 1
        elif leg == "hydrogen":
            self.halves.append(f"the hydrogen T{one.fields['trade_id']} has no haulage before it")
        if leg == "haulage":
            self._haulage = one

    def unfinished(self) -> Iterator[str]:
        """What is half where the log ends."""
        if self._haulage is not None:
            yield f"the log ends behind the haulage T{self._haulage.fields['trade_id']}"

    def _differs(self, haulage: dict[str, Any], hydrogen: dict[str, Any]) -> list[str]:
        found = [name for name in _SHARED if haulage[name] != hydrogen[name]]
        found += ["trade_id"] if hydrogen["trade_id"] != haulage["trade_id"] + 1 else []
        parties = {haulage["buyer_id"], haulage["seller_id"], hydrogen["seller_id"]}
        return found + (["parties"] if len(parties) < 3 else [])

    def _came_last(self, haulage: dict[str, Any], hydrogen: dict[str, Any]) -> str:
        taker = hydrogen["taker_order_id"]
        names = {haulage["sell_order_id"]: "haulage", hydrogen["sell_order_id"]: "ex_works"}
        return names.get(taker, "delivered")
