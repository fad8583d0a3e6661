"""The settlement machine: a command is decided on a draft, and the draft becomes the state if nothing refused it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from kernel.errors import InvalidInput
from kernel.machine import Changes, View
from kernel.messages import Command, Event
from settlement import bank, commands, events, ledger, obligations, withdrawals
from settlement.desk import Desk, Draft
from settlement.errors import AccountExistsOtherwise, AccountIdRefused, TransferNotDue
from settlement.model import (
    ACCOUNTS,
    BANK,
    BANK_BOOKS,
    BANK_ENTRIES,
    BANK_STATEMENTS,
    CLIENT_KEYS,
    DUES,
    MARKET,
    OBLIGATIONS,
    PARTIES,
    PRODUCTS,
    SUSPENSE,
    TRADES,
    TRANSFERS,
    WITHDRAWALS,
    BankBook,
    ClientKey,
    Obligation,
    Party,
    Transfer,
    Withdrawal,
    cash_account,
    hold_id,
)
from settlement.references import payment_reference

Key = tuple[str, str]

_BOOK_ID = re.compile(r"book:[A-Za-z0-9-]{1,48}", re.ASCII)
_PARTICIPANT_ID = re.compile(r"P[1-9][0-9]{0,17}", re.ASCII)


def open_cash_account(desk: Desk, command: commands.OpenCashAccount) -> None:
    """Opens an account for a participant once; a later call changes nothing."""
    if _PARTICIPANT_ID.fullmatch(command.participant_id) is None:
        raise InvalidInput(
            "participant_id", "participant_id", "A participant's id looks like P7.", "参与者编号形如 P7。"
        )
    if desk.view.get(Party, PARTIES, command.participant_id) is None:
        desk.emit(
            events.CashAccountOpened(
                command.participant_id, command.name, command.name_zh, payment_reference(command.participant_id)
            )
        )


def open_own_account(desk: Desk, command: commands.OpenAccount) -> None:
    """Opens an account of the operator's own once."""
    if _BOOK_ID.fullmatch(command.account_id) is None:
        raise AccountIdRefused(field="account_id")
    limits = (command.debits_must_not_exceed_credits, command.credits_must_not_exceed_debits)
    before = ledger.get_account(desk.view, command.account_id)
    if before is None:
        desk.emit(events.AccountOpened(command.account_id, *limits))
    elif limits != (before.debits_must_not_exceed_credits, before.credits_must_not_exceed_debits):
        raise AccountExistsOtherwise(field="account_id", account_id=before.id)


def post_transfers(desk: Desk, command: commands.PostTransfers) -> None:
    """Books a batch on the draft."""
    booked = ledger.post_batch(desk.view, command.transfers, desk.at, desk.next_seq)
    if booked:
        desk.record(events.TransfersPosted(booked))


def expire_transfer(desk: Desk, command: commands.ExpireTransfer) -> None:
    """Releases a hold whose time has come; one that was resolved before is left as it is."""
    transfer = desk.need(Transfer, TRANSFERS, command.transfer_id, "transfer_id")
    if transfer.state != "pending":
        return
    if not 0 < transfer.expires_at <= desk.at:
        raise TransferNotDue(field="transfer_id", transfer_id=transfer.id)
    desk.emit(events.TransferExpired(transfer.id))


def on_cash_account_opened(view: View, event: events.CashAccountOpened, at: int, seq: int) -> None:
    """The party and its account, which cannot be overdrawn."""
    ledger.open_account(
        view, cash_account(event.participant_id), at, seq, reference=event.reference, debits_within_credits=True
    )
    view.put(
        PARTIES,
        event.participant_id,
        Party(
            id=event.participant_id,
            name=event.name,
            name_zh=event.name_zh,
            reference=event.reference,
            payout_holder="",
            payout_account="",
            payout_bank_code="",
            event_seq=seq,
        ),
    )


def on_account_opened(view: View, event: events.AccountOpened, at: int, seq: int) -> None:
    """An account of the operator's own."""
    ledger.open_account(
        view,
        event.account_id,
        at,
        seq,
        debits_within_credits=event.debits_must_not_exceed_credits,
        credits_within_debits=event.credits_must_not_exceed_debits,
    )


def on_transfers_posted(view: View, event: events.TransfersPosted, at: int, seq: int) -> None:
    """The batch."""
    for request in event.transfers:
        ledger.book(view, request, at, seq)


def on_transfer_expired(view: View, event: events.TransferExpired, at: int, seq: int) -> None:
    """The hold is free."""
    transfer = ledger.get_transfer(view, event.transfer_id)
    assert transfer is not None
    ledger.release(view, transfer, "expired", at, seq)


DECIDE: dict[type[Command], Callable[[Desk, Any], None]] = {
    commands.OpenBooks: bank.open_books,
    commands.OpenCashAccount: open_cash_account,
    commands.OpenAccount: open_own_account,
    commands.PostTransfers: post_transfers,
    commands.ExpireTransfer: expire_transfer,
    commands.RegisterProduct: obligations.register_product,
    commands.HoldForTrade: obligations.hold_for_trade,
    commands.RetryHold: obligations.retry_hold,
    commands.RecordDue: obligations.record_due,
    commands.PayDue: obligations.pay_due,
    commands.ImportStatement: bank.import_statement,
    commands.AssignEntry: bank.assign_entry,
    commands.MatchWithdrawal: bank.match_withdrawal,
    commands.SetPayoutAccount: withdrawals.set_payout_account,
    commands.RequestWithdrawal: withdrawals.request_withdrawal,
    commands.RequestCorrection: withdrawals.request_correction,
    commands.ApproveWithdrawal: withdrawals.approve_withdrawal,
    commands.RefuseWithdrawal: withdrawals.refuse_withdrawal,
    commands.CancelWithdrawal: withdrawals.cancel_withdrawal,
    commands.InstructWithdrawals: withdrawals.instruct_withdrawals,
    commands.ReturnWithdrawal: withdrawals.return_withdrawal,
}

EVOLVE: dict[type[Event], Callable[[View, Any, int, int], None]] = {
    events.BooksOpened: bank.on_books_opened,
    events.CashAccountOpened: on_cash_account_opened,
    events.AccountOpened: on_account_opened,
    events.TransfersPosted: on_transfers_posted,
    events.TransferExpired: on_transfer_expired,
    events.ProductRegistered: obligations.on_product_registered,
    events.TradeRecorded: obligations.on_trade_recorded,
    events.HoldMade: obligations.on_hold_made,
    events.HoldRefused: obligations.on_hold_refused,
    events.DueRecorded: obligations.on_due_recorded,
    events.DueBlocked: obligations.on_due_blocked,
    events.LoadPaid: obligations.on_settled,
    events.HoldsVoided: obligations.on_settled,
    events.StatementImported: bank.on_statement_imported,
    events.DepositCredited: bank.on_deposit_credited,
    events.WithdrawalPaid: bank.on_withdrawal_paid,
    events.EntrySuspended: bank.on_entry_suspended,
    events.EntryAssigned: bank.on_entry_assigned,
    events.WithdrawalMatched: bank.on_withdrawal_matched,
    events.PayoutAccountSet: withdrawals.on_payout_account_set,
    events.WithdrawalRequested: withdrawals.on_withdrawal_requested,
    events.WithdrawalApproved: withdrawals.on_withdrawal_approved,
    events.WithdrawalRefused: withdrawals.on_withdrawal_refused,
    events.WithdrawalVoided: withdrawals.on_withdrawal_voided,
    events.PaymentBatchMade: withdrawals.on_payment_batch_made,
}


def evolve(view: View, event: Event, at: int, seq: int) -> None:
    """Takes the effect of one event on a view."""
    EVOLVE[type(event)](view, event, at, seq)


class SettlementMachine:
    """Decides over the view of what a batch touches. See kernel/machine.py for the protocol."""

    def __init__(self, view: View) -> None:
        self._view = view

    @property
    def changes(self) -> Changes:
        """What was changed since the rows were written."""
        return self._view.changes

    @changes.setter
    def changes(self, changes: Changes) -> None:
        self._view.changes = changes

    def apply(self, command: Command, at: int, seq: int) -> Sequence[Event]:
        """The events of a command. Raises a refusal and then has changed nothing."""
        draft = Draft(self._view)
        desk = Desk(draft, at, seq, evolve)
        DECIDE[type(command)](desk, command)
        draft.merge()
        return desk.events

    def evolve(self, event: Event, at: int, seq: int) -> None:
        """Takes the effect of an event that was decided before."""
        evolve(self._view, event, at, seq)


def touches(command: Command) -> list[Key]:
    """The rows a command needs that it names itself."""
    return list(_touched(command))


def _touched(command: Command) -> Iterator[Key]:
    match command:
        case commands.OpenBooks():
            yield (BANK_BOOKS, BANK)
            yield from _accounts(BANK, SUSPENSE, MARKET)
        case commands.OpenCashAccount(participant_id=participant_id):
            yield (PARTIES, participant_id)
            yield from _accounts(cash_account(participant_id))
        case commands.OpenAccount(account_id=account_id):
            yield from _accounts(account_id)
        case commands.PostTransfers(transfers=transfers):
            for request in transfers:
                yield from _accounts(request.debit_account_id, request.credit_account_id)
                yield from ((TRANSFERS, key) for key in (request.id, request.pending_id) if key)
        case commands.ExpireTransfer(transfer_id=transfer_id):
            yield (TRANSFERS, transfer_id)
        case (
            commands.RegisterProduct()
            | commands.HoldForTrade()
            | commands.RetryHold()
            | commands.RecordDue()
            | commands.PayDue()
        ):
            yield from _touched_by_load(command)
        case commands.ImportStatement() | commands.AssignEntry() | commands.MatchWithdrawal():
            yield from _touched_by_bank(command)
        case _:
            yield from _touched_by_withdrawal(command)


def _touched_by_load(command: Command) -> Iterator[Key]:
    match command:
        case commands.RegisterProduct(product_id=product_id):
            yield (PRODUCTS, product_id)
        case commands.HoldForTrade():
            yield (TRADES, obligations.trade_key(command.trade_id))
            yield (PRODUCTS, command.product_id)
            yield from _accounts(cash_account(command.buyer_id), cash_account(command.seller_id))
            yield from _holds(*(hold_id(command.trade_id, load_no) for load_no in range(1, command.loads + 1)))
        case commands.RetryHold():
            yield from _holds(command.hold_id)
        case commands.RecordDue():
            yield (DUES, obligations.due_of(command))
            if command.trade_id:
                yield from _holds(hold_id(command.trade_id, command.load_no))
            if command.haulage_trade_id:
                yield from _holds(hold_id(command.haulage_trade_id, command.haulage_load_no))
        case commands.PayDue():
            yield (DUES, command.due_id)
            yield from _holds(*command.hold_ids)


def _touched_by_bank(command: Command) -> Iterator[Key]:
    match command:
        case commands.ImportStatement(statement=statement):
            yield (BANK_BOOKS, BANK)
            yield (BANK_STATEMENTS, bank.statement_key(statement.account_number, statement.reference))
            yield from _accounts(BANK, SUSPENSE)
            for line in statement.lines:
                yield from (_accounts(*map(cash_account, bank.candidates(line))))
                withdrawal_id = bank.candidate_withdrawal(line)
                if withdrawal_id:
                    yield from _withdrawal(withdrawal_id)
        case commands.AssignEntry():
            yield (BANK_ENTRIES, command.entry_id)
            yield (TRANSFERS, f"{command.entry_id}:assigned")
            yield from _accounts(SUSPENSE, command.account_id)
        case commands.MatchWithdrawal():
            yield (BANK_ENTRIES, command.entry_id)
            yield from _accounts(SUSPENSE, BANK)
            yield from _withdrawal(command.withdrawal_id)


def _touched_by_withdrawal(command: Command) -> Iterator[Key]:
    match command:
        case commands.SetPayoutAccount():
            yield (PARTIES, command.participant_id)
        case commands.RequestWithdrawal() | commands.RequestCorrection():
            yield (PARTIES, command.participant_id)
            yield from _accounts(cash_account(command.participant_id))
            yield (CLIENT_KEYS, withdrawals.client_key(command.participant_id, command.client_id))
        case (
            commands.ApproveWithdrawal(withdrawal_id=withdrawal_id)
            | commands.RefuseWithdrawal(withdrawal_id=withdrawal_id)
            | commands.CancelWithdrawal(withdrawal_id=withdrawal_id)
            | commands.ReturnWithdrawal(withdrawal_id=withdrawal_id)
        ):
            yield from _accounts(BANK, SUSPENSE)
            yield from _withdrawal(withdrawal_id)
        case commands.InstructWithdrawals(withdrawal_ids=withdrawal_ids):
            yield from ((WITHDRAWALS, key) for key in withdrawal_ids)


def _accounts(*account_ids: str) -> Iterator[Key]:
    yield from ((ACCOUNTS, account_id) for account_id in account_ids if account_id)


def _holds(*hold_ids: str) -> Iterator[Key]:
    for key in hold_ids:
        yield (OBLIGATIONS, key)
        yield (TRANSFERS, key)


def _withdrawal(withdrawal_id: str) -> Iterator[Key]:
    yield (WITHDRAWALS, withdrawal_id)
    yield (TRANSFERS, withdrawal_id)


def touches_more(command: Command, view: View) -> list[Key]:
    """The rows that are only known once those of `touches` are loaded: the accounts behind holds and withdrawals, the
    statement that was read last.

    What an earlier command of the same batch makes, that command has loaded the accounts of.
    """
    keys: list[Key] = []
    for table, key in touches(command):
        if table == TRANSFERS:
            transfer = view.get(Transfer, TRANSFERS, key)
            if transfer is not None:
                keys += _accounts(transfer.debit_account_id, transfer.credit_account_id)
        elif table == OBLIGATIONS:
            obligation = view.get(Obligation, OBLIGATIONS, key)
            if obligation is not None:
                keys += _accounts(cash_account(obligation.payer_id), cash_account(obligation.payee_id))
        elif table == BANK_BOOKS:
            book = view.get(BankBook, BANK_BOOKS, key)
            keys += [(BANK_STATEMENTS, book.last_statement_id)] if book is not None else []
        elif table == WITHDRAWALS:
            keys += _behind_withdrawal(view, key)
        elif table == CLIENT_KEYS:
            known = view.get(ClientKey, CLIENT_KEYS, key)
            keys += [(WITHDRAWALS, known.withdrawal_id)] if known is not None else []
    return keys


def _behind_withdrawal(view: View, withdrawal_id: str) -> Iterator[Key]:
    withdrawal = view.get(Withdrawal, WITHDRAWALS, withdrawal_id)
    if withdrawal is None:
        return
    yield from _accounts(cash_account(withdrawal.participant_id))
    if withdrawal.entry_id:
        yield (BANK_ENTRIES, withdrawal.entry_id)
