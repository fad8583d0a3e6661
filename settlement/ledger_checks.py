"""The laws of the ledger, for `verify` and for reconciliation alike.

Debits equal credits; an account's sums are those of its transfers; no limit is broken; what is held is held for a load
or a withdrawal that is open, and what is paid was posted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from kernel.errors import Language
from settlement import ledger
from settlement.balances import MOVING_KINDS, Balance
from settlement.differences import NOTHING, Side, Text, money
from settlement.model import Account, Obligation, Transfer, Withdrawal

_SUMS = (
    ("debits_posted_fen", Text("debits posted", "借方已过账")),
    ("credits_posted_fen", Text("credits posted", "贷方已过账")),
    ("debits_pending_fen", Text("debits pending", "借方待定")),
    ("credits_pending_fen", Text("credits pending", "贷方待定")),
)
_OWN_HOLDS = (ledger.TRADE_HOLD, ledger.WITHDRAWAL)


@dataclass(frozen=True, slots=True)
class Broken:
    """A law that does not hold for ``key``: the two values that should agree, and their difference in fen."""

    law: str
    key: str
    left: Side
    right: Side
    gap: int | None = None

    def sentence(self, language: Language) -> str:
        """Both sides in one sentence."""
        sides = (f"{side.what.of(language)} {side.value.of(language)}" for side in (self.left, self.right))
        return ("，" if language == "zh" else ", ").join(sides)


def sums_of(transfers: Iterable[Transfer]) -> dict[str, Balance]:
    """The four sums of every account that a transfer touches, as they are now."""
    found: dict[str, list[int]] = {}
    for transfer in transfers:
        if transfer.kind in MOVING_KINDS:
            layer = 0
        elif transfer.kind == "pending" and transfer.state == "pending":
            layer = 2
        else:
            continue
        found.setdefault(transfer.debit_account_id, [0, 0, 0, 0])[layer] += transfer.amount_fen
        found.setdefault(transfer.credit_account_id, [0, 0, 0, 0])[layer + 1] += transfer.amount_fen
    return {account_id: Balance(*sums) for account_id, sums in found.items()}


def check_ledger(accounts: Iterable[Account], sums: Mapping[str, Balance]) -> Iterator[Broken]:
    """Accounts against the sums of their transfers, debits against credits, limits."""
    known = {account.id: account for account in accounts}
    for account in known.values():
        yield from _check_sums(account, sums.get(account.id, Balance()))
        yield from _check_limits(account)
    for account_id in sums.keys() - known.keys():
        yield Broken(
            "account_unknown",
            account_id,
            Side(Text("the ledger's account", "账簿账户"), NOTHING),
            Side(Text("balance of its transfers", "其转账之余额"), money(sums[account_id].balance_fen)),
        )
    for (debits, debits_what), (credits_, credits_what) in (_SUMS[:2], _SUMS[2:]):
        left = sum(getattr(account, debits) for account in known.values())
        right = sum(getattr(account, credits_) for account in known.values())
        if left != right:
            yield Broken(
                "debits_equal_credits",
                "ledger",
                Side(debits_what, money(left)),
                Side(credits_what, money(right)),
                left - right,
            )


def _check_sums(account: Account, sums: Balance) -> Iterator[Broken]:
    for name, what in _SUMS:
        stands, moved = getattr(account, name), getattr(sums, name)
        if stands != moved:
            yield Broken(
                "balance_is_sum_of_transfers",
                account.id,
                Side(Text(f"{what.en} of the account", f"账户{what.zh}"), money(stands)),
                Side(Text(f"{what.en} by its transfers", f"按转账计{what.zh}"), money(moved)),
                stands - moved,
            )


def _check_limits(account: Account) -> Iterator[Broken]:
    for shortfall_fen, side, limit, what, limit_what in (
        (
            ledger.debit_shortfall_fen(account, 0),
            account.debits_posted_fen + account.debits_pending_fen,
            account.credits_posted_fen,
            Text("debits posted and pending", "借方已过账与待定"),
            Text("credits posted", "贷方已过账"),
        ),
        (
            ledger.credit_shortfall_fen(account, 0),
            account.credits_posted_fen + account.credits_pending_fen,
            account.debits_posted_fen,
            Text("credits posted and pending", "贷方已过账与待定"),
            Text("debits posted", "借方已过账"),
        ),
    ):
        if shortfall_fen > 0:
            yield Broken(
                "limit_kept", account.id, Side(what, money(side)), Side(limit_what, money(limit)), shortfall_fen
            )


def check_holds(
    obligations: Iterable[Obligation], withdrawals: Iterable[Withdrawal], transfers: Iterable[Transfer]
) -> Iterator[Broken]:
    """Holds against what they are for. ``transfers`` are at least the pending ones and the posts of loads."""
    pending: dict[str, int] = {}
    posted: dict[str, int] = {}
    for transfer in transfers:
        if transfer.kind == "pending" and transfer.state == "pending" and transfer.code in _OWN_HOLDS:
            pending[transfer.id] = transfer.amount_fen
        elif transfer.kind == "post" and transfer.code == ledger.TRADE_HOLD:
            posted[transfer.pending_id] = transfer.amount_fen
    for obligation in obligations:
        held_fen = obligation.hold_fen if obligation.state == "held" else None
        yield from _check_held(obligation.id, obligation.state, held_fen, pending.pop(obligation.id, None))
        spent_fen = obligation.spent_fen if obligation.state == "paid" else None
        yield from _check_spent(obligation.id, spent_fen, posted.pop(obligation.id, None))
    for withdrawal in withdrawals:
        open_fen = withdrawal.amount_fen if withdrawal.state in ("approved", "instructed") else None
        yield from _check_held(withdrawal.id, withdrawal.state, open_fen, pending.pop(withdrawal.id, None))
    for key, amount_fen in pending.items():
        yield from _check_held(key, "", None, amount_fen)
    for key, amount_fen in posted.items():
        yield from _check_spent(key, None, amount_fen)


def _check_held(key: str, state: str, wanted_fen: int | None, held_fen: int | None) -> Iterator[Broken]:
    if wanted_fen != held_fen:
        suffix = f" ({state})" if state else ""
        yield Broken(
            "holds_are_for_something",
            key,
            Side(Text(f"to be held{suffix}", f"应冻结{suffix}"), NOTHING if wanted_fen is None else money(wanted_fen)),
            Side(Text("held by the ledger", "账簿冻结"), NOTHING if held_fen is None else money(held_fen)),
            (wanted_fen or 0) - (held_fen or 0),
        )


def _check_spent(key: str, wanted_fen: int | None, posted_fen: int | None) -> Iterator[Broken]:
    if wanted_fen != posted_fen:
        yield Broken(
            "paid_was_posted",
            key,
            Side(Text("paid for the load", "该车次已付"), NOTHING if wanted_fen is None else money(wanted_fen)),
            Side(Text("posted by the ledger", "账簿过账"), NOTHING if posted_fen is None else money(posted_fen)),
            (wanted_fen or 0) - (posted_fen or 0),
        )
