"""The trading limits: money for buyers, loads for sellers and hauliers.

                free  --reserve-->  reserved  --commit-->  committed | consumed  --settle-->  spent or free again
                      <--release--

An order reserves what it may take at most: a buy its open loads at its own price and the product's largest mass, a sell
its open loads of its window. A trade turns the reservation of its loads into money committed at the trade's price, and
into consumed loads. All sums are exact, so a reservation always equals what the open orders add up to.
"""

from __future__ import annotations

from collections.abc import Iterator

from exchange.book import Book
from exchange.changes import ExchangeChanges
from exchange.model import CapacityLimit, Commodity, MoneyLimit, Order, capacity_id


class Limits:
    """Every participant's limits. What is changed here is marked in ``changes``."""

    def __init__(self, changes: ExchangeChanges) -> None:
        self.changes = changes
        self.money: dict[str, MoneyLimit] = {}
        self.windows: dict[tuple[Commodity, int], dict[str, CapacityLimit]] = {}

    def window(self, commodity: Commodity, window_start: int) -> dict[str, CapacityLimit]:
        """The capacities of one window by participant."""
        return self.windows.setdefault((commodity, window_start), {})

    def capacities(self) -> Iterator[CapacityLimit]:
        """All capacities."""
        for sellers in self.windows.values():
            yield from sellers.values()

    def reserve(self, order: Order, book: Book, loads: int, at: int, seq: int) -> None:
        """Reserves for ``loads`` of an order at its present price; a negative number releases."""
        participant_id = order.participant_id
        if order.side == "buy":
            money = self.money[participant_id]
            money.reserved_fen = reserved = money.reserved_fen + loads * order.price_fen_per_kg * book.mass_max_kg
            assert 0 <= reserved <= money.granted_fen - money.committed_fen, f"reserved money of {participant_id}"
            money.updated_at = at
            money.event_seq = seq
            self.changes.money[participant_id] = money
        else:
            capacity = book.sellers[participant_id]
            capacity.reserved_loads = reserved = capacity.reserved_loads + loads
            assert 0 <= reserved <= capacity.loads - capacity.consumed_loads, f"reserved loads of {participant_id}"
            capacity.updated_at = at
            capacity.event_seq = seq
            self.changes.capacity[capacity.id] = capacity

    def commit(self, buy: Order, sell: Order, book: Book, price: int, loads: int, at: int, seq: int) -> None:
        """Turns the reservations of traded loads into committed money and consumed loads."""
        changes, mass_kg = self.changes, loads * book.mass_max_kg
        money = self.money[buy.participant_id]
        money.reserved_fen = reserved = money.reserved_fen - mass_kg * buy.price_fen_per_kg
        assert reserved >= 0, f"reserved money of {money.id}"
        money.committed_fen += mass_kg * price
        money.updated_at = at
        money.event_seq = seq
        changes.money[money.id] = money
        capacity = book.sellers[sell.participant_id]
        capacity.reserved_loads = reserved = capacity.reserved_loads - loads
        assert reserved >= 0, f"reserved loads of {capacity.id}"
        capacity.consumed_loads += loads
        capacity.updated_at = at
        capacity.event_seq = seq
        changes.capacity[capacity.id] = capacity

    def settle(self, participant_id: str, committed_fen: int, spent_fen: int, at: int, seq: int) -> None:
        """Ends a hold: what was not spent is free again."""
        money = self.money[participant_id]
        money.committed_fen -= committed_fen
        assert money.committed_fen >= 0, f"committed money of {participant_id}"
        self.grant(participant_id, -spent_fen, at, seq)

    def grant(self, participant_id: str, amount_fen: int, at: int, seq: int) -> None:
        """Raises the money limit, or lowers it by a negative amount."""
        money = self.money.get(participant_id)
        if money is None:
            money = self.money[participant_id] = MoneyLimit(participant_id, 0, 0, 0, at, seq)
        money.granted_fen += amount_fen
        assert money.free() >= 0, f"{participant_id} is over its money limit"
        money.updated_at = at
        money.event_seq = seq
        self.changes.money[participant_id] = money

    def set_capacity(
        self, participant_id: str, commodity: Commodity, window_start: int, loads: int, at: int, seq: int
    ) -> None:
        """Declares the loads of a window."""
        sellers = self.window(commodity, window_start)
        capacity = sellers.get(participant_id)
        if capacity is None:
            key = capacity_id(participant_id, commodity, window_start)
            capacity = sellers[participant_id] = CapacityLimit(
                key, participant_id, commodity, window_start, 0, 0, 0, at, seq
            )
        capacity.loads = loads
        assert capacity.free() >= 0, f"{capacity.id} is over its limit"
        capacity.updated_at = at
        capacity.event_seq = seq
        self.changes.capacity[capacity.id] = capacity
