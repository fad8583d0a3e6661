"""What the exchange knows of one participant."""

from __future__ import annotations

import msgspec

from exchange.model import Commodity, MoneyLimit, Trader
from exchange.pace import Pace

NOBODY: frozenset[Commodity] = frozenset()


class Account(msgspec.Struct, gc=False, eq=False):
    """All that an order's way through the exchange asks of its participant, in one place.

    ``blocked`` is the code of the refusal that meets its orders, "" while it may trade.
    """

    money: MoneyLimit
    pace: Pace
    trader: Trader | None = None
    blocked: str = "not_admitted"
    buys: frozenset[Commodity] = NOBODY
    sells: frozenset[Commodity] = NOBODY
