"""The double-entry ledger: what a transfer may do, and its effect.

`result_code` decides and changes nothing; `book` takes the effect of a transfer that was decided. The order of the
checks is fixed, so that a transfer that breaks several rules is always refused for the same one: its own shape first,
then whether it was booked before, then what it refers to, then the limits.

A limit counts what is held: where debits must not exceed credits, posted and pending debits together stay within the
posted credits.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from kernel.machine import View
from settlement.errors import CREATED, REFUSALS, BatchTooLarge
from settlement.model import (
    ACCOUNTS,
    AMOUNT_MAX_FEN,
    BANK,
    TRANSFERS,
    TRANSFERS_MAX,
    Account,
    Transfer,
    TransferRequest,
    participant_of,
)

ID_LENGTH_MAX = 64
CODE_LENGTH_MAX = 32
REFERENCE_LENGTH_MAX = 140

#: Codes of transfers that settlement makes; those holds are its own to resolve.
TRADE_HOLD = "trade_hold"
WITHDRAWAL = "withdrawal"
CORRECTION = "correction"
DEPOSIT = "deposit"
ASSIGNMENT = "assignment"
OPENING = "opening"
OWN_CODES = frozenset({TRADE_HOLD, WITHDRAWAL, CORRECTION, DEPOSIT, ASSIGNMENT, OPENING})

#: Ids that settlement makes: holds, withdrawals, bank entries, the opening, and what resolves them.
OWN_ID = re.compile(r"(H[0-9]+-[0-9]+|W[0-9]+|B[0-9a-f]{16}-[0-9]+|opening)(:.*)?", re.ASCII | re.DOTALL)

_RESOLVED = {
    "posted": "pending_transfer_already_posted",
    "voided": "pending_transfer_already_voided",
    "expired": "pending_transfer_expired",
}


def get_account(view: View, account_id: str) -> Account | None:
    """The account, or None."""
    return view.get(Account, ACCOUNTS, account_id)


def get_transfer(view: View, transfer_id: str) -> Transfer | None:
    """The transfer, or None."""
    return view.get(Transfer, TRANSFERS, transfer_id)


def result_code(view: View, request: TransferRequest, at: int) -> str:
    """``created`` if the transfer can be booked at ``at``, else the code of the first rule it breaks."""
    shape = _shape_code(request)
    if shape:
        return shape
    before = get_transfer(view, request.id)
    if before is not None:
        return _exists_code(request, before)
    if request.kind in ("post", "void"):
        return _resolve_code(view, request, at)
    return _new_code(view, request, at)


def _shape_code(request: TransferRequest) -> str:
    if not 1 <= len(request.id) <= ID_LENGTH_MAX:
        return "id_must_not_be_empty"
    if request.kind not in ("posted", "pending", "post", "void"):
        return "kind_unknown"
    if not 1 <= len(request.code) <= CODE_LENGTH_MAX:
        return "code_too_long"
    if len(request.reference) > REFERENCE_LENGTH_MAX:
        return "reference_too_long"
    if request.amount_fen < 0:
        return "amount_must_not_be_negative"
    if request.amount_fen > AMOUNT_MAX_FEN:
        return "amount_over_maximum"
    if request.expires_at and request.kind != "pending":
        return "expiry_reserved_for_pending"
    return _resolve_shape_code(request) if request.kind in ("post", "void") else _new_shape_code(request)


def _new_shape_code(request: TransferRequest) -> str:
    if request.pending_id:
        return "pending_id_must_be_empty"
    if not request.debit_account_id:
        return "debit_account_must_not_be_empty"
    if not request.credit_account_id:
        return "credit_account_must_not_be_empty"
    if request.debit_account_id == request.credit_account_id:
        return "accounts_must_be_different"
    return "" if request.amount_fen else "amount_must_not_be_zero"


def _resolve_shape_code(request: TransferRequest) -> str:
    if not request.pending_id:
        return "pending_id_must_not_be_empty"
    if request.pending_id == request.id:
        return "pending_id_must_be_different"
    return "amount_must_not_be_zero" if request.kind == "post" and not request.amount_fen else ""


def _exists_code(request: TransferRequest, before: Transfer) -> str:
    """``exists`` for the same transfer again, else what differs. What a post or a void left out is no difference."""
    wanted = request
    if request.kind in ("post", "void") and before.kind == request.kind:
        wanted = _complete(request, before)
    pairs = (
        (wanted.kind, before.kind, "kind"),
        (wanted.pending_id, before.pending_id, "pending_id"),
        (wanted.debit_account_id, before.debit_account_id, "debit_account"),
        (wanted.credit_account_id, before.credit_account_id, "credit_account"),
        (wanted.amount_fen, before.amount_fen, "amount"),
        (wanted.expires_at, before.expires_at, "expiry"),
        (wanted.code, before.code, "code"),
        (wanted.reference, before.reference, "reference"),
    )
    return next((f"exists_with_different_{name}" for now, then, name in pairs if now != then), "exists")


def _new_code(view: View, request: TransferRequest, at: int) -> str:
    if request.expires_at and request.expires_at <= at:
        return "expiry_must_be_in_the_future"
    debit, credit = get_account(view, request.debit_account_id), get_account(view, request.credit_account_id)
    if debit is None:
        return "debit_account_not_found"
    if credit is None:
        return "credit_account_not_found"
    if debit_shortfall_fen(debit, request.amount_fen) > 0:
        return "exceeds_credits"
    if credit_shortfall_fen(credit, request.amount_fen) > 0:
        return "exceeds_debits"
    return CREATED


def _resolve_code(view: View, request: TransferRequest, at: int) -> str:
    pending = get_transfer(view, request.pending_id)
    if pending is None:
        return "pending_transfer_not_found"
    if pending.kind != "pending":
        return "pending_transfer_not_pending"
    if request.debit_account_id not in ("", pending.debit_account_id):
        return "pending_transfer_has_different_debit_account"
    if request.credit_account_id not in ("", pending.credit_account_id):
        return "pending_transfer_has_different_credit_account"
    if request.code not in ("transfer", pending.code):
        return "pending_transfer_has_different_code"
    if request.kind == "post" and request.amount_fen > pending.amount_fen:
        return "exceeds_pending_transfer_amount"
    if request.kind == "void" and request.amount_fen not in (0, pending.amount_fen):
        return "pending_transfer_has_different_amount"
    if pending.state != "pending":
        return _RESOLVED[pending.state]
    # Its time counts, not the run of the job that releases it. A post within the hold breaks no limit: it was counted.
    return "pending_transfer_expired" if 0 < pending.expires_at <= at else CREATED


def debit_shortfall_fen(account: Account, amount_fen: int) -> int:
    """How much the account lacks for a debit of ``amount_fen``; 0 or less if it has enough, or has no such limit."""
    if not account.debits_must_not_exceed_credits:
        return 0
    return account.debits_posted_fen + account.debits_pending_fen + amount_fen - account.credits_posted_fen


def credit_shortfall_fen(account: Account, amount_fen: int) -> int:
    """The same for a credit of an account whose credits must not exceed its debits."""
    if not account.credits_must_not_exceed_debits:
        return 0
    return account.credits_posted_fen + account.credits_pending_fen + amount_fen - account.debits_posted_fen


def _complete(request: TransferRequest, pending: Transfer) -> TransferRequest:
    """A post or void with the accounts, the code and, for a void, the amount of what it resolves."""
    return TransferRequest(
        id=request.id,
        kind=request.kind,
        debit_account_id=request.debit_account_id or pending.debit_account_id,
        credit_account_id=request.credit_account_id or pending.credit_account_id,
        amount_fen=pending.amount_fen if request.kind == "void" and not request.amount_fen else request.amount_fen,
        pending_id=request.pending_id,
        code=pending.code if request.code == "transfer" else request.code,
        reference=request.reference,
    )


def book(view: View, request: TransferRequest, at: int, seq: int) -> TransferRequest:
    """Takes the effect of a transfer that can be booked; returns it with nothing left out."""
    if request.kind in ("post", "void"):
        request = _resolve(view, request, at, seq)
    else:
        _move(view, request, pending=request.kind == "pending", sign=1, seq=seq)
    state = {"posted": "posted", "post": "posted", "pending": "pending", "void": "voided"}[request.kind]
    view.put(
        TRANSFERS,
        request.id,
        Transfer(
            id=request.id,
            kind=request.kind,
            state=state,  # type: ignore[arg-type]
            debit_account_id=request.debit_account_id,
            credit_account_id=request.credit_account_id,
            amount_fen=request.amount_fen,
            pending_id=request.pending_id,
            code=request.code,
            reference=request.reference,
            created_at=at,
            expires_at=request.expires_at,
            resolved_at=0,
            event_seq=seq,
        ),
    )
    return request


def _resolve(view: View, request: TransferRequest, at: int, seq: int) -> TransferRequest:
    pending = get_transfer(view, request.pending_id)
    assert pending is not None and pending.kind == "pending", f"{request.pending_id} is not a hold"
    request = _complete(request, pending)
    release(view, pending, "posted" if request.kind == "post" else "voided", at, seq)
    if request.kind == "post":
        assert request.amount_fen <= pending.amount_fen, f"{request.id} posts more than was held"
        _move(view, request, pending=False, sign=1, seq=seq)
    return request


def release(view: View, pending: Transfer, state: str, at: int, seq: int) -> None:
    """Ends a hold: its money is no longer pending."""
    assert pending.state == "pending", f"{pending.id} was {pending.state} before"
    whole = TransferRequest(
        id=pending.id,
        kind="pending",
        debit_account_id=pending.debit_account_id,
        credit_account_id=pending.credit_account_id,
        amount_fen=pending.amount_fen,
    )
    _move(view, whole, pending=True, sign=-1, seq=seq)
    pending.state = state  # type: ignore[assignment]
    pending.resolved_at, pending.event_seq = at, seq
    view.put(TRANSFERS, pending.id, pending)


def _move(view: View, request: TransferRequest, *, pending: bool, sign: int, seq: int) -> None:
    """Adds one amount to a debit and to a credit: the one place where sums change, so they stay equal."""
    debit, credit = get_account(view, request.debit_account_id), get_account(view, request.credit_account_id)
    assert debit is not None and credit is not None and debit is not credit
    amount_fen = sign * request.amount_fen
    if pending:
        debit.debits_pending_fen += amount_fen
        credit.credits_pending_fen += amount_fen
    else:
        debit.debits_posted_fen += amount_fen
        credit.credits_posted_fen += amount_fen
    for account in (debit, credit):
        assert_sound(account)
        account.event_seq = seq
        view.put(ACCOUNTS, account.id, account)


def assert_sound(account: Account) -> None:
    """No sum is negative and no limit is broken."""
    assert min(account.debits_posted_fen, account.credits_posted_fen) >= 0, f"{account.id} has a negative sum"
    assert min(account.debits_pending_fen, account.credits_pending_fen) >= 0, f"{account.id} releases too much"
    assert debit_shortfall_fen(account, 0) <= 0, f"{account.id} spends more than it has"
    assert credit_shortfall_fen(account, 0) <= 0, f"{account.id} pays back more than it was given"


def open_account(
    view: View,
    account_id: str,
    at: int,
    seq: int,
    *,
    reference: str = "",
    debits_within_credits: bool = False,
    credits_within_debits: bool = False,
) -> None:
    """Opens an account with nothing in it."""
    assert get_account(view, account_id) is None, f"{account_id} is open"
    view.put(
        ACCOUNTS,
        account_id,
        Account(
            id=account_id,
            participant_id=participant_of(account_id),
            reference=reference,
            debits_posted_fen=0,
            credits_posted_fen=0,
            debits_pending_fen=0,
            credits_pending_fen=0,
            debits_must_not_exceed_credits=debits_within_credits,
            credits_must_not_exceed_debits=credits_within_debits,
            opened_at=at,
            event_seq=seq,
        ),
    )


def post_batch(view: View, requests: Sequence[TransferRequest], at: int, seq: int) -> tuple[TransferRequest, ...]:
    """Books a batch, all or none, and returns the transfers with nothing left out.

    A batch whose transfers all exist gives (): it was sent before. ``view`` must be one that is thrown away when this
    raises. Raises the class of the first refused transfer from `REFUSALS`, or BatchTooLarge.
    """
    if not 1 <= len(requests) <= TRANSFERS_MAX:
        raise BatchTooLarge(field="transfers", limit=TRANSFERS_MAX, count=len(requests))
    if all(result_code(view, request, at) == "exists" for request in requests):
        return ()
    booked = []
    for index, request in enumerate(requests):
        code = _batch_code(view, request, at)
        if code != CREATED:
            raise REFUSALS[code](index, request.id, _shortfall_fen(view, request, code))
        booked.append(book(view, request, at, seq))
    return tuple(booked)


def _batch_code(view: View, request: TransferRequest, at: int) -> str:
    """`result_code` with the rules of what may be asked for from outside."""
    if OWN_ID.fullmatch(request.id):
        return "id_reserved"
    code = result_code(view, request, at)
    # Whose money it is comes before whether there is enough of it.
    return _reserved_code(request) or code if code in (CREATED, "exceeds_credits", "exceeds_debits") else code


def _reserved_code(request: TransferRequest) -> str:
    if request.kind in ("post", "void"):
        return "pending_transfer_reserved" if OWN_ID.fullmatch(request.pending_id) else ""
    if BANK in (request.debit_account_id, request.credit_account_id):
        return "bank_account_reserved"
    return "participant_debit_reserved" if participant_of(request.debit_account_id) else ""


def _shortfall_fen(view: View, request: TransferRequest, code: str) -> int:
    if code == "exceeds_credits":
        debit = get_account(view, request.debit_account_id)
        return debit_shortfall_fen(debit, request.amount_fen) if debit is not None else 0
    if code == "exceeds_debits":
        credit = get_account(view, request.credit_account_id)
        return credit_shortfall_fen(credit, request.amount_fen) if credit is not None else 0
    return 0
