"""The call auction of one book: everything trades at one price.

The usual uncross (Xetra, LSE, SIX): of all limit prices at which the two sides cross,

    1. the largest volume
    2. then the least surplus
    3. then market pressure: where buyers are left at each of what remains the highest, where sellers are the lowest;
       where buyers are left at some and sellers at others, what lies between these
    4. then what is nearest to the reference price; without one, the middle, rounded down to a tick

All-or-none orders and stops take no part; icebergs do with all that is open of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate
from typing import NamedTuple


class Equilibrium(NamedTuple):
    """What an auction would trade. ``surplus_loads``: of buyers where positive, of sellers where negative."""

    price_fen_per_kg: int
    loads: int
    surplus_loads: int


def equilibrium(
    bids: Iterable[tuple[int, int]], asks: Iterable[tuple[int, int]], reference: int, tick: int
) -> Equilibrium | None:
    """The outcome for (price, loads) of both sides; None where they do not cross."""
    demand, supply = _sums(bids), _sums(asks)
    if not demand or not supply or max(demand) < min(supply):
        return None
    prices = sorted({*demand, *supply})
    offered = accumulate(supply.get(price, 0) for price in prices)
    wanted = [*accumulate(demand.get(price, 0) for price in reversed(prices))][::-1]
    candidates = [
        Equilibrium(price, min(buyers, sellers), buyers - sellers)
        for price, buyers, sellers in zip(prices, wanted, offered, strict=True)
    ]
    volume = max(one.loads for one in candidates)
    best = [one for one in candidates if one.loads == volume]
    least = min(abs(one.surplus_loads) for one in best)
    best = [one for one in best if abs(one.surplus_loads) == least]
    if all(one.surplus_loads > 0 for one in best):
        return best[-1]
    if all(one.surplus_loads < 0 for one in best):
        return best[0]
    # Nobody is left, or buyers at the lower and sellers at the higher prices: between the two any trades as much.
    low = max((one.price_fen_per_kg for one in best if one.surplus_loads > 0), default=best[0].price_fen_per_kg)
    high = min((one.price_fen_per_kg for one in best if one.surplus_loads < 0), default=best[-1].price_fen_per_kg)
    aim = reference or (low + high) // 2
    price = min(max(aim - aim % tick, low), high)
    return _at(price, demand, supply)


def _at(price: int, demand: dict[int, int], supply: dict[int, int]) -> Equilibrium:
    wanted = sum(loads for limit, loads in demand.items() if limit >= price)
    offered = sum(loads for limit, loads in supply.items() if limit <= price)
    return Equilibrium(price, min(wanted, offered), wanted - offered)


def _sums(side: Iterable[tuple[int, int]]) -> dict[int, int]:
    sums: dict[int, int] = {}
    for price, loads in side:
        sums[price] = sums.get(price, 0) + loads
    return sums
