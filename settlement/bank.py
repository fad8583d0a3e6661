"""The bank's statements: each read once, each entry booked to its owner or to suspense, every balance continued."""

from __future__ import annotations

import hashlib
import re

import msgspec

from kernel.clock import market_day
from kernel.machine import View
from kernel.quantity import format_money
from settlement import ledger
from settlement.commands import AssignEntry, ImportStatement, MatchWithdrawal, OpenBooks
from settlement.desk import Desk
from settlement.errors import (
    CREATED,
    REFUSALS,
    BooksNotOpen,
    BooksOpenOtherwise,
    EntryNotOpen,
    EntryTargetRefused,
    StatementDiffers,
    StatementGap,
    StatementInFuture,
    StatementOfAnotherAccount,
    StatementOutOfOrder,
    StatementOverlaps,
    StatementRepeated,
    StatementSize,
    StatementSum,
    WithdrawalStateRefused,
)
from settlement.events import (
    BooksOpened,
    DepositCredited,
    EntryAssigned,
    EntrySuspended,
    StatementImported,
    WithdrawalMatched,
    WithdrawalPaid,
    WithdrawalRequested,
)
from settlement.model import (
    BANK,
    BANK_BOOKS,
    BANK_ENTRIES,
    BANK_STATEMENTS,
    BOOK_PREFIX,
    MARKET,
    STATEMENT_LINES_MAX,
    SUSPENSE,
    WITHDRAWALS,
    BankBook,
    BankEntry,
    BankStatement,
    BankStatementFile,
    StatementLine,
    TransferRequest,
    Withdrawal,
    cash_account,
    participant_of,
)
from settlement.references import normalise, participants_named
from settlement.withdrawals import end_withdrawal

_WITHDRAWAL_ID = re.compile(r"W[1-9][0-9]{0,17}", re.ASCII)


def statement_key(account_number: str, reference: str) -> str:
    """The id of a statement, made of what the bank calls it: ``B`` and 16 hexadecimal digits."""
    return "B" + hashlib.sha256(f"{account_number}\n{reference}".encode()).hexdigest()[:16]


def entry_key(statement_id: str, line_no: int) -> str:
    """The id of an entry: its statement's and its place in it, from 1."""
    return f"{statement_id}-{line_no}"


def content_hash(statement: BankStatementFile) -> str:
    """What two readings of one statement have in common, whatever file format they came in."""
    return hashlib.sha256(msgspec.json.encode(statement)).hexdigest()


def open_books(desk: Desk, command: OpenBooks) -> None:
    """Opens the market's accounts once."""
    book = desk.view.get(BankBook, BANK_BOOKS, BANK)
    if book is None:
        desk.emit(BooksOpened(command.account_number, command.holder, command.bank_code, command.opening_fen))
    elif (book.account_number, book.holder, book.bank_code) != (
        command.account_number,
        command.holder,
        command.bank_code,
    ):
        raise BooksOpenOtherwise(field="account_number")


def import_statement(desk: Desk, command: ImportStatement) -> None:
    """Checks the whole statement before the first entry is booked. The same statement again changes nothing."""
    statement = command.statement
    book = desk.view.get(BankBook, BANK_BOOKS, BANK)
    if book is None:
        raise BooksNotOpen
    if statement.account_number != book.account_number:
        raise StatementOfAnotherAccount(field="account_number", account_number=book.account_number)
    key, digest = statement_key(statement.account_number, statement.reference), content_hash(statement)
    before = desk.view.get(BankStatement, BANK_STATEMENTS, key)
    if before is not None:
        if before.content_hash != digest:
            raise StatementDiffers(field="reference", reference=statement.reference)
        return
    today = market_day(desk.at).isoformat()
    if statement.to_day > today:
        raise StatementInFuture(field="to_day", to_day=statement.to_day, today=today)
    _check_balances(book, statement)
    _check_unread(desk.view, book, statement)
    desk.emit(
        StatementImported(
            statement_id=key,
            reference=statement.reference,
            content_hash=digest,
            from_day=statement.from_day,
            to_day=statement.to_day,
            opening_fen=statement.opening_fen,
            closing_fen=statement.closing_fen,
            lines=len(statement.lines),
        )
    )
    for line_no, line in enumerate(statement.lines, start=1):
        _book_line(desk, key, line_no, line)


def _check_balances(book: BankBook, statement: BankStatementFile) -> None:
    if len(statement.lines) > STATEMENT_LINES_MAX or any(line.amount_fen <= 0 for line in statement.lines):
        raise StatementSize(field="lines", limit=STATEMENT_LINES_MAX)
    if statement.to_day < book.closing_day:
        raise StatementOutOfOrder(field="to_day", to_day=statement.to_day, closing_day=book.closing_day)
    if statement.opening_fen != book.closing_fen:
        raise StatementGap(
            field="opening", opening=format_money(statement.opening_fen), closing=format_money(book.closing_fen)
        )
    moved_fen = sum(line.amount_fen if line.direction == "credit" else -line.amount_fen for line in statement.lines)
    if statement.opening_fen + moved_fen != statement.closing_fen:
        raise StatementSum(
            field="closing",
            computed=format_money(statement.opening_fen + moved_fen),
            closing=format_money(statement.closing_fen),
        )


def _check_unread(view: View, book: BankBook, statement: BankStatementFile) -> None:
    """Where entries add up to nothing, as on an account that is swept every day, the balances do not tell a statement
    that is delivered again under another name: its deposits would be credited twice."""
    if statement.from_day < book.closing_day:
        raise StatementOverlaps(field="from_day", from_day=statement.from_day, closing_day=book.closing_day)
    last = view.get(BankStatement, BANK_STATEMENTS, book.last_statement_id)
    if last is None or not statement.lines:
        return
    if content_hash(msgspec.structs.replace(statement, reference=last.reference)) == last.content_hash:
        raise StatementRepeated(field="reference", reference=statement.reference, last=last.reference)


def candidates(line: StatementLine) -> tuple[str, ...]:
    """The participants that a payment into the bank names."""
    if line.direction != "credit" or line.reversal:
        return ()
    return participants_named(line.remittance, line.end_to_end_id)


def candidate_withdrawal(line: StatementLine) -> str:
    """The withdrawal that a payment out of the bank names, or ""."""
    text = normalise(line.end_to_end_id).strip()
    return text if line.direction == "debit" and not line.reversal and _WITHDRAWAL_ID.fullmatch(text) else ""


def _book_line(desk: Desk, key: str, line_no: int, line: StatementLine) -> None:
    entry_id = entry_key(key, line_no)
    named = candidates(line)
    # Two references in one payment: nobody but the operator can say whose it is.
    if len(named) == 1 and ledger.get_account(desk.view, cash_account(named[0])) is not None:
        desk.emit(DepositCredited(entry_id, key, line_no, line, named[0], line.amount_fen))
        return
    withdrawal_id = candidate_withdrawal(line)
    withdrawal = desk.view.get(Withdrawal, WITHDRAWALS, withdrawal_id) if withdrawal_id else None
    if withdrawal is not None and withdrawal.state == "instructed" and withdrawal.amount_fen == line.amount_fen:
        desk.emit(
            WithdrawalPaid(entry_id, key, line_no, line, withdrawal.id, withdrawal.participant_id, line.amount_fen)
        )
        return
    desk.emit(EntrySuspended(entry_id, key, line_no, line))


def assign_entry(desk: Desk, command: AssignEntry) -> None:
    """Moves an entry out of suspense. Money taken from a participant waits until its trading limit was lowered."""
    entry = _open_entry(desk, command.entry_id)
    target = command.account_id
    participant_id = participant_of(target)
    allowed = participant_id or target == MARKET or target.startswith(BOOK_PREFIX)
    if not allowed or ledger.get_account(desk.view, target) is None:
        raise EntryTargetRefused(field="account_id", account_id=target[:64])
    if entry.direction == "debit" and participant_id:
        desk.emit(
            WithdrawalRequested(
                withdrawal_id=f"W{desk.next_seq}",
                participant_id=participant_id,
                client_id="",
                purpose="correction",
                amount_fen=entry.amount_fen,
                payee_holder="",
                payee_account="",
                payee_bank_code="",
                entry_id=entry.id,
                note=command.note,
            )
        )
        return
    event = EntryAssigned(entry.id, target, participant_id, entry.direction, entry.amount_fen, command.note)
    code = ledger.result_code(desk.view, _assignment(event), desk.at)
    if code != CREATED:
        raise REFUSALS[code](0, entry.id)
    desk.emit(event)


def match_withdrawal(desk: Desk, command: MatchWithdrawal) -> None:
    """Ends a withdrawal by an entry that the bank delivered without its id."""
    entry = _open_entry(desk, command.entry_id)
    withdrawal = desk.need(Withdrawal, WITHDRAWALS, command.withdrawal_id, "withdrawal_id")
    if withdrawal.state != "instructed":
        raise WithdrawalStateRefused(
            field="withdrawal_id", withdrawal_id=withdrawal.id, state=withdrawal.state, needed="instructed"
        )
    # A reversal takes a deposit back: it paid nobody, and the payout is still to come.
    if entry.direction != "debit" or entry.reversal or entry.amount_fen != withdrawal.amount_fen:
        raise EntryTargetRefused(field="withdrawal_id", account_id=withdrawal.id)
    desk.emit(WithdrawalMatched(entry.id, withdrawal.id, withdrawal.participant_id, entry.amount_fen))


def _open_entry(desk: Desk, entry_id: str) -> BankEntry:
    entry = desk.need(BankEntry, BANK_ENTRIES, entry_id, "entry_id")
    if entry.state != "unmatched":
        raise EntryNotOpen(field="entry_id", entry_id=entry.id, state=entry.state)
    return entry


def on_books_opened(view: View, event: BooksOpened, at: int, seq: int) -> None:
    """The market's accounts; what the bank held before belongs to the market."""
    for account_id in (BANK, SUSPENSE, MARKET):
        ledger.open_account(view, account_id, at, seq)
    if event.opening_fen:
        _post(view, "opening", BANK, MARKET, event.opening_fen, ledger.OPENING, at, seq)
    view.put(
        BANK_BOOKS,
        BANK,
        BankBook(
            id=BANK,
            account_number=event.account_number,
            holder=event.holder,
            bank_code=event.bank_code,
            closing_fen=event.opening_fen,
            closing_day="",
            last_statement_id="",
            event_seq=seq,
        ),
    )


def on_statement_imported(view: View, event: StatementImported, at: int, seq: int) -> None:
    """The statement, and the book continued to its end."""
    view.put(
        BANK_STATEMENTS,
        event.statement_id,
        BankStatement(
            id=event.statement_id,
            reference=event.reference,
            content_hash=event.content_hash,
            from_day=event.from_day,
            to_day=event.to_day,
            opening_fen=event.opening_fen,
            closing_fen=event.closing_fen,
            lines=event.lines,
            imported_at=at,
            event_seq=seq,
        ),
    )
    book = view.get(BankBook, BANK_BOOKS, BANK)
    assert book is not None and book.closing_fen == event.opening_fen
    book.closing_fen, book.closing_day = event.closing_fen, event.to_day
    book.last_statement_id, book.event_seq = event.statement_id, seq
    view.put(BANK_BOOKS, BANK, book)


def on_deposit_credited(view: View, event: DepositCredited, at: int, seq: int) -> None:
    """The participant has more cash."""
    account_id = cash_account(event.participant_id)
    _post(view, event.entry_id, BANK, account_id, event.amount_fen, ledger.DEPOSIT, at, seq)
    _put_entry(view, event, "matched", account_id, "reference", "", seq)


def on_withdrawal_paid(view: View, event: WithdrawalPaid, at: int, seq: int) -> None:
    """The withdrawal's hold is posted."""
    ledger.book(
        view,
        TransferRequest(id=event.entry_id, kind="post", amount_fen=event.amount_fen, pending_id=event.withdrawal_id),
        at,
        seq,
    )
    end_withdrawal(view, event.withdrawal_id, "paid", "", at, seq, entry_id=event.entry_id)
    account_id = cash_account(event.participant_id)
    _put_entry(view, event, "matched", account_id, "end_to_end_id", event.withdrawal_id, seq)


def on_entry_suspended(view: View, event: EntrySuspended, at: int, seq: int) -> None:
    """The bank's balance is right, the owner is not known."""
    debit, credit = (BANK, SUSPENSE) if event.line.direction == "credit" else (SUSPENSE, BANK)
    _post(view, event.entry_id, debit, credit, event.line.amount_fen, ledger.DEPOSIT, at, seq)
    _put_entry(view, event, "unmatched", SUSPENSE, "", "", seq)


def _assignment(event: EntryAssigned) -> TransferRequest:
    debit, credit = (SUSPENSE, event.account_id) if event.direction == "credit" else (event.account_id, SUSPENSE)
    return TransferRequest(
        id=f"{event.entry_id}:assigned",
        kind="posted",
        debit_account_id=debit,
        credit_account_id=credit,
        amount_fen=event.amount_fen,
        code=ledger.ASSIGNMENT,
    )


def on_entry_assigned(view: View, event: EntryAssigned, at: int, seq: int) -> None:
    """The entry's money leaves suspense."""
    ledger.book(view, _assignment(event), at, seq)
    entry = view.get(BankEntry, BANK_ENTRIES, event.entry_id)
    assert entry is not None
    entry.state, entry.account_id, entry.matched_by, entry.event_seq = "assigned", event.account_id, "operator", seq
    view.put(BANK_ENTRIES, entry.id, entry)


def on_withdrawal_matched(view: View, event: WithdrawalMatched, at: int, seq: int) -> None:
    """The hold ends and the money takes the place of the entry's in suspense: the bank was credited with the entry."""
    account_id = cash_account(event.participant_id)
    ledger.book(
        view, TransferRequest(id=f"{event.withdrawal_id}:void", kind="void", pending_id=event.withdrawal_id), at, seq
    )
    _post(view, f"{event.entry_id}:assigned", account_id, SUSPENSE, event.amount_fen, ledger.ASSIGNMENT, at, seq)
    end_withdrawal(view, event.withdrawal_id, "paid", "", at, seq, entry_id=event.entry_id)
    entry = view.get(BankEntry, BANK_ENTRIES, event.entry_id)
    assert entry is not None
    entry.state, entry.account_id, entry.matched_by, entry.event_seq = "assigned", account_id, "operator", seq
    entry.withdrawal_id = event.withdrawal_id
    view.put(BANK_ENTRIES, entry.id, entry)


def _post(view: View, key: str, debit: str, credit: str, amount_fen: int, code: str, at: int, seq: int) -> None:
    ledger.book(
        view,
        TransferRequest(
            id=key, kind="posted", debit_account_id=debit, credit_account_id=credit, amount_fen=amount_fen, code=code
        ),
        at,
        seq,
    )


def _put_entry(
    view: View,
    event: DepositCredited | WithdrawalPaid | EntrySuspended,
    state: str,
    account_id: str,
    matched_by: str,
    withdrawal_id: str,
    seq: int,
) -> None:
    line = event.line
    view.put(
        BANK_ENTRIES,
        event.entry_id,
        BankEntry(
            id=event.entry_id,
            statement_id=event.statement_id,
            line_no=event.line_no,
            direction=line.direction,
            amount_fen=line.amount_fen,
            booked_on=line.booked_on,
            reversal=line.reversal,
            end_to_end_id=line.end_to_end_id,
            bank_reference=line.bank_reference,
            counterparty_name=line.counterparty_name,
            counterparty_account=line.counterparty_account,
            remittance=line.remittance,
            state=state,  # type: ignore[arg-type]
            account_id=account_id,
            matched_by=matched_by,
            withdrawal_id=withdrawal_id,
            event_seq=seq,
        ),
    )
