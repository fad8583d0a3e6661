"""Money out: asked for, cleared with the exchange, held, given to the bank in a file, ended by the bank's own entry.

The exchange is asked before the money is held. It trades ahead of the ledger, so a hold made first could take the money
of a trade that is on its way here; once the exchange has lowered the limit, every trade it made before has been
followed, and the money that remains is free. So the hold succeeds then; should it not, the limit is given back.
"""

from __future__ import annotations

import re

from kernel.errors import InvalidInput
from kernel.machine import View
from kernel.quantity import format_money
from settlement import ledger
from settlement.commands import (
    ApproveWithdrawal,
    CancelWithdrawal,
    InstructWithdrawals,
    RefuseWithdrawal,
    RequestCorrection,
    RequestWithdrawal,
    ReturnWithdrawal,
    SetPayoutAccount,
)
from settlement.desk import Desk
from settlement.errors import (
    CREATED,
    BatchTooLarge,
    NoPayoutAccount,
    WithdrawalAmount,
    WithdrawalExceedsFunds,
    WithdrawalExistsOtherwise,
    WithdrawalStateRefused,
)
from settlement.events import (
    PaymentBatchMade,
    PayoutAccountSet,
    WithdrawalApproved,
    WithdrawalRefused,
    WithdrawalRequested,
    WithdrawalVoided,
)
from settlement.model import (
    ACCOUNTS,
    AMOUNT_MAX_FEN,
    BANK,
    BANK_ENTRIES,
    CLIENT_KEYS,
    PARTIES,
    PAYMENT_BATCHES,
    SUSPENSE,
    TRANSFERS_MAX,
    WITHDRAWALS,
    Account,
    BankEntry,
    ClientKey,
    EntryState,
    Party,
    PaymentBatch,
    Purpose,
    TransferRequest,
    Withdrawal,
    WithdrawalState,
    cash_account,
)

#: What a payment file can carry: field, its form, and the rule as a sentence.
PAYOUT_FIELDS = (
    ("holder", re.compile(r"\S(.{0,138}\S)?"), "A name of 1 to 140 characters.", "户名须为 1 至 140 个字符。"),
    (
        "account_number",
        re.compile(r"[0-9A-Z]{5,34}"),
        "5 to 34 digits or capital letters.",
        "账号须为 5 至 34 位数字或大写字母。",
    ),
    ("bank_code", re.compile(r"[0-9]{12}"), "The 12 digits of the bank in CNAPS.", "须为 12 位联行号。"),
)


def client_key(participant_id: str, client_id: str) -> str:
    """Each participant has its own client ids."""
    return f"{participant_id}/{client_id}"


def set_payout_account(desk: Desk, command: SetPayoutAccount) -> None:
    """Takes effect for the withdrawals asked for after it."""
    party = desk.need(Party, PARTIES, command.participant_id, "participant_id")
    for field, pattern, rule, rule_zh in PAYOUT_FIELDS:
        if pattern.fullmatch(getattr(command, field)) is None:
            raise InvalidInput(field, "payout_account", rule, rule_zh)
    now = (command.holder, command.account_number, command.bank_code)
    if now != (party.payout_holder, party.payout_account, party.payout_bank_code):
        desk.emit(PayoutAccountSet(command.participant_id, *now))


def request_withdrawal(desk: Desk, command: RequestWithdrawal) -> None:
    """The same client id again changes nothing, with another amount it is refused."""
    if _asked_before(desk, command.participant_id, command.client_id, "payout", command.amount_fen):
        return
    party = desk.need(Party, PARTIES, command.participant_id, "participant_id")
    if not party.payout_account:
        raise NoPayoutAccount(field="participant_id")
    _check_funds(desk, command.participant_id, command.amount_fen)
    desk.emit(
        WithdrawalRequested(
            withdrawal_id=f"W{desk.next_seq}",
            participant_id=party.id,
            client_id=command.client_id,
            purpose="payout",
            amount_fen=command.amount_fen,
            payee_holder=party.payout_holder,
            payee_account=party.payout_account,
            payee_bank_code=party.payout_bank_code,
            entry_id="",
            note="",
        )
    )


def request_correction(desk: Desk, command: RequestCorrection) -> None:
    """As a withdrawal, but the money goes back to suspense."""
    if _asked_before(desk, command.participant_id, command.client_id, "correction", command.amount_fen):
        return
    _check_funds(desk, command.participant_id, command.amount_fen)
    desk.emit(
        WithdrawalRequested(
            withdrawal_id=f"W{desk.next_seq}",
            participant_id=command.participant_id,
            client_id=command.client_id,
            purpose="correction",
            amount_fen=command.amount_fen,
            payee_holder="",
            payee_account="",
            payee_bank_code="",
            entry_id="",
            note=command.note,
        )
    )


def _asked_before(desk: Desk, participant_id: str, client_id: str, purpose: Purpose, amount_fen: int) -> bool:
    key = desk.view.get(ClientKey, CLIENT_KEYS, client_key(participant_id, client_id))
    if key is None:
        return False
    before = desk.need(Withdrawal, WITHDRAWALS, key.withdrawal_id, "client_id")
    if (before.purpose, before.amount_fen) != (purpose, amount_fen):
        raise WithdrawalExistsOtherwise(field="client_id", client_id=client_id, withdrawal_id=before.id)
    return True


def _check_funds(desk: Desk, participant_id: str, amount_fen: int) -> None:
    if not 1 <= amount_fen <= AMOUNT_MAX_FEN:
        raise WithdrawalAmount(field="amount", limit=format_money(AMOUNT_MAX_FEN))
    account = desk.need(Account, ACCOUNTS, cash_account(participant_id), "participant_id")
    shortfall_fen = ledger.debit_shortfall_fen(account, amount_fen)
    if shortfall_fen > 0:
        raise WithdrawalExceedsFunds(field="amount", shortfall=format_money(shortfall_fen))


def approve_withdrawal(desk: Desk, command: ApproveWithdrawal) -> None:
    """Holds the money of a payout, moves that of a correction. Anything but a requested one is left as it is."""
    withdrawal = desk.need(Withdrawal, WITHDRAWALS, command.withdrawal_id, "withdrawal_id")
    if withdrawal.state != "requested":
        return
    event = WithdrawalApproved(
        withdrawal.id, withdrawal.participant_id, withdrawal.purpose, withdrawal.amount_fen, withdrawal.entry_id
    )
    code = ledger.result_code(desk.view, _outflow(event), desk.at)
    if code == CREATED:
        desk.emit(event)
    else:
        desk.emit(WithdrawalRefused(withdrawal.id, withdrawal.participant_id, withdrawal.amount_fen, 0, code, True))


def refuse_withdrawal(desk: Desk, command: RefuseWithdrawal) -> None:
    """The exchange needs the money for open orders and trades."""
    withdrawal = desk.need(Withdrawal, WITHDRAWALS, command.withdrawal_id, "withdrawal_id")
    if withdrawal.state == "requested":
        desk.emit(
            WithdrawalRefused(
                withdrawal.id,
                withdrawal.participant_id,
                withdrawal.amount_fen,
                command.shortfall_fen,
                "exceeds_trading_limit",
                False,
            )
        )


def cancel_withdrawal(desk: Desk, command: CancelWithdrawal) -> None:
    """Only before the bank was told."""
    withdrawal = _in_state(desk, command.withdrawal_id, "approved")
    desk.emit(WithdrawalVoided(withdrawal.id, withdrawal.participant_id, withdrawal.amount_fen, "cancelled"))


def return_withdrawal(desk: Desk, command: ReturnWithdrawal) -> None:
    """Only after the bank was told, and before it paid."""
    withdrawal = _in_state(desk, command.withdrawal_id, "instructed")
    desk.emit(WithdrawalVoided(withdrawal.id, withdrawal.participant_id, withdrawal.amount_fen, command.reason))


def instruct_withdrawals(desk: Desk, command: InstructWithdrawals) -> None:
    """All named ones, or none. Each is in one file only."""
    keys = tuple(dict.fromkeys(command.withdrawal_ids))
    if not 1 <= len(keys) <= TRANSFERS_MAX or len(keys) != len(command.withdrawal_ids):
        raise BatchTooLarge(field="withdrawal_ids", limit=TRANSFERS_MAX, count=len(command.withdrawal_ids))
    withdrawals = [_in_state(desk, key, "approved") for key in keys]
    total_fen = sum(withdrawal.amount_fen for withdrawal in withdrawals)
    desk.emit(PaymentBatchMade(f"PB{desk.next_seq}", keys, total_fen))


def _in_state(desk: Desk, withdrawal_id: str, needed: WithdrawalState) -> Withdrawal:
    withdrawal = desk.need(Withdrawal, WITHDRAWALS, withdrawal_id, "withdrawal_id")
    if withdrawal.state != needed:
        raise WithdrawalStateRefused(
            field="withdrawal_id", withdrawal_id=withdrawal.id, state=withdrawal.state, needed=needed
        )
    return withdrawal


def _outflow(event: WithdrawalApproved) -> TransferRequest:
    payout = event.purpose == "payout"
    return TransferRequest(
        id=event.withdrawal_id,
        kind="pending" if payout else "posted",
        debit_account_id=cash_account(event.participant_id),
        credit_account_id=BANK if payout else SUSPENSE,
        amount_fen=event.amount_fen,
        code=ledger.WITHDRAWAL if payout else ledger.CORRECTION,
    )


def on_payout_account_set(view: View, event: PayoutAccountSet, _at: int, seq: int) -> None:
    """The party's bank account."""
    party = view.get(Party, PARTIES, event.participant_id)
    assert party is not None
    party.payout_holder, party.payout_account, party.payout_bank_code = (
        event.holder,
        event.account_number,
        event.bank_code,
    )
    party.event_seq = seq
    view.put(PARTIES, party.id, party)


def on_withdrawal_requested(view: View, event: WithdrawalRequested, at: int, seq: int) -> None:
    """The request waits for the exchange."""
    view.put(
        WITHDRAWALS,
        event.withdrawal_id,
        Withdrawal(
            id=event.withdrawal_id,
            participant_id=event.participant_id,
            client_id=event.client_id,
            purpose=event.purpose,
            amount_fen=event.amount_fen,
            payee_holder=event.payee_holder,
            payee_account=event.payee_account,
            payee_bank_code=event.payee_bank_code,
            state="requested",
            reason=event.note,
            entry_id=event.entry_id,
            batch_id="",
            requested_at=at,
            resolved_at=0,
            event_seq=seq,
        ),
    )
    if event.client_id:
        key = client_key(event.participant_id, event.client_id)
        view.put(CLIENT_KEYS, key, ClientKey(key, event.withdrawal_id, seq))
    _mark_entry(view, event.entry_id, "assigning", "", "", seq)


def on_withdrawal_approved(view: View, event: WithdrawalApproved, at: int, seq: int) -> None:
    """A payout is held, a correction is done."""
    ledger.book(view, _outflow(event), at, seq)
    if event.purpose == "payout":
        withdrawal = view.get(Withdrawal, WITHDRAWALS, event.withdrawal_id)
        assert withdrawal is not None
        withdrawal.state, withdrawal.event_seq = "approved", seq
        view.put(WITHDRAWALS, withdrawal.id, withdrawal)
        return
    end_withdrawal(view, event.withdrawal_id, "paid", "", at, seq)
    _mark_entry(view, event.entry_id, "assigned", cash_account(event.participant_id), event.withdrawal_id, seq)


def on_withdrawal_refused(view: View, event: WithdrawalRefused, at: int, seq: int) -> None:
    """Nothing was held."""
    withdrawal = end_withdrawal(view, event.withdrawal_id, "refused", event.reason, at, seq)
    _mark_entry(view, withdrawal.entry_id, "unmatched", SUSPENSE, "", seq)


def on_withdrawal_voided(view: View, event: WithdrawalVoided, at: int, seq: int) -> None:
    """The hold is released."""
    ledger.book(
        view, TransferRequest(id=f"{event.withdrawal_id}:void", kind="void", pending_id=event.withdrawal_id), at, seq
    )
    end_withdrawal(view, event.withdrawal_id, "voided", event.reason, at, seq)


def on_payment_batch_made(view: View, event: PaymentBatchMade, at: int, seq: int) -> None:
    """The withdrawals are with the bank."""
    view.put(
        PAYMENT_BATCHES,
        event.batch_id,
        PaymentBatch(event.batch_id, len(event.withdrawal_ids), event.amount_fen, at, seq),
    )
    for key in event.withdrawal_ids:
        withdrawal = view.get(Withdrawal, WITHDRAWALS, key)
        assert withdrawal is not None and withdrawal.state == "approved"
        withdrawal.state, withdrawal.batch_id, withdrawal.event_seq = "instructed", event.batch_id, seq
        view.put(WITHDRAWALS, key, withdrawal)


def end_withdrawal(
    view: View,
    withdrawal_id: str,
    state: WithdrawalState,
    reason: str,
    at: int,
    seq: int,
    *,
    entry_id: str = "",
) -> Withdrawal:
    """A withdrawal reaches its last state."""
    withdrawal = view.get(Withdrawal, WITHDRAWALS, withdrawal_id)
    assert withdrawal is not None and withdrawal.resolved_at == 0, f"{withdrawal_id} ends once"
    withdrawal.state, withdrawal.resolved_at, withdrawal.event_seq = state, at, seq
    withdrawal.reason = reason or withdrawal.reason
    withdrawal.entry_id = entry_id or withdrawal.entry_id
    view.put(WITHDRAWALS, withdrawal_id, withdrawal)
    return withdrawal


def _mark_entry(
    view: View,
    entry_id: str,
    state: EntryState,
    account_id: str,
    withdrawal_id: str,
    seq: int,
) -> None:
    if not entry_id:
        return
    entry = view.get(BankEntry, BANK_ENTRIES, entry_id)
    assert entry is not None
    entry.state, entry.withdrawal_id, entry.event_seq = state, withdrawal_id, seq
    if account_id:
        entry.account_id = account_id
    if state == "assigned":
        entry.matched_by = "operator"
    view.put(BANK_ENTRIES, entry_id, entry)
