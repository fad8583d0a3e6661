"""What reconciliation looks at: the facts of the other rooms, and settlement's own books, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from settlement.balances import Balance
from settlement.model import (
    Account,
    BankBook,
    BankEntry,
    BankStatement,
    Due,
    Obligation,
    PaymentBatch,
    Trade,
    Transfer,
    Withdrawal,
)


class TradeLike(Protocol):
    """A trade as the exchange tells of it."""

    @property
    def trade_id(self) -> int: ...
    @property
    def product_id(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def price_fen_per_kg(self) -> int: ...
    @property
    def loads(self) -> int: ...
    @property
    def buyer_id(self) -> str: ...
    @property
    def seller_id(self) -> str: ...
    @property
    def maximum_mass_g(self) -> int: ...
    @property
    def window_end(self) -> int: ...
    @property
    def traded_at(self) -> int: ...
    @property
    def state(self) -> str: ...


class RecallLike(Protocol):
    """A request to undo trades as the exchange tells of it."""

    @property
    def recall_id(self) -> int: ...
    @property
    def trade_ids(self) -> tuple[int, ...]: ...
    @property
    def state(self) -> str: ...
    @property
    def updated_at(self) -> int: ...


class RecallTrackedLike(Protocol):
    """What tracking answered to a recall."""

    @property
    def recall_id(self) -> int: ...
    @property
    def done(self) -> bool: ...
    @property
    def decided_at(self) -> int: ...


class LimitLike(Protocol):
    """A participant's money on the exchange."""

    @property
    def participant_id(self) -> str: ...
    @property
    def granted_fen(self) -> int: ...
    @property
    def reserved_fen(self) -> int: ...
    @property
    def committed_fen(self) -> int: ...


class OpenOrdersLike(Protocol):
    """What a participant's open buy orders reserve."""

    @property
    def participant_id(self) -> str: ...
    @property
    def reserved_fen(self) -> int: ...


class LoadLike(Protocol):
    """A shipment as tracking tells of it; ``outcome`` is "" while it is open."""

    @property
    def shipment_id(self) -> str: ...
    @property
    def trade_id(self) -> int: ...
    @property
    def load_no(self) -> int: ...
    @property
    def haulage_trade_id(self) -> int: ...
    @property
    def haulage_load_no(self) -> int: ...
    @property
    def state(self) -> str: ...
    @property
    def outcome(self) -> str: ...
    @property
    def delivered_mass_g(self) -> int: ...
    @property
    def haulage_due_mass_g(self) -> int: ...
    @property
    def closed_at(self) -> int | None: ...


class HaulageLike(Protocol):
    """A traded load of haulage as tracking tells of it; ``shipment_id`` is "" without one."""

    @property
    def haulage_trade_id(self) -> int: ...
    @property
    def load_no(self) -> int: ...
    @property
    def state(self) -> str: ...
    @property
    def shipment_id(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Facts:
    """What exchange and tracking say."""

    trades: Sequence[TradeLike]
    limits: Sequence[LimitLike]
    orders_open: Sequence[OpenOrdersLike]
    loads: Sequence[LoadLike]
    haulage: Sequence[HaulageLike]
    recalls: Sequence[RecallLike] = ()
    recalls_tracked: Sequence[RecallTrackedLike] = ()


@dataclass(frozen=True, slots=True)
class Books:
    """What settlement's rows say. ``transfers`` are the pending ones, the posts of loads and those that moved the bank
    or suspense; ``sums`` and ``moved_at`` (the newest movement) cover all of them, by account."""

    accounts: Sequence[Account]
    sums: Mapping[str, Balance]
    moved_at: Mapping[str, int]
    transfers: Sequence[Transfer]
    trades: Sequence[Trade]
    obligations: Sequence[Obligation]
    dues: Sequence[Due]
    bank_books: Sequence[BankBook]
    statements: Sequence[BankStatement]
    entries: Sequence[BankEntry]
    withdrawals: Sequence[Withdrawal]
    payment_batches: Sequence[PaymentBatch]
