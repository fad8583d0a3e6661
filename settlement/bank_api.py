"""Routes of the bank: statements in, their entries, payment references."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request
from sqlmodel import Session, col, select

from kernel.edge import PAGE_DEFAULT, Page
from kernel.errors import NotFound, UnsupportedMedia
from kernel.openapi import problems
from kernel.service import reading
from settlement import commands, events
from settlement.bank import statement_key
from settlement.bank_answers import (
    AssignedEntry,
    Assignment,
    EntryAnswer,
    EntryStateText,
    ImportedStatement,
    PaymentReference,
    SuggestionAnswer,
    entry_of,
    imported_of,
)
from settlement.camt import read_camt053
from settlement.model import BANK, BankEntry, BankStatementFile, Party, cash_account
from settlement.paging import keyset_page
from settlement.parameters import Caller, Cursor, EntryId, IdempotencyKey, Limit, OfParticipant, require_overview
from settlement.queries import entity_of, matched_entries
from settlement.service import SettlementService
from settlement.statement_csv import read_csv
from settlement.suggestions import suggest
from settlement.tables import BankBookRow, BankEntryRow, BankStatementRow, PartyRow

XML, CSV = "application/xml", "text/csv"
_READERS = {XML: read_camt053, CSV: read_csv}
_STATEMENT_BODY = {
    "requestBody": {
        "required": True,
        "description": "A camt.053.001 document (versions 02, 04, 06, 08) or the CSV layout of the documentation.",
        "content": {XML: {"schema": {"type": "string"}}, CSV: {"schema": {"type": "string"}}},
    }
}


def read_statement(content_type: str, body: bytes) -> BankStatementFile:
    """The statement in a request's body. Raises UnsupportedMedia, InvalidInput or BodyTooLarge."""
    kind = content_type.partition(";")[0].strip().lower()
    reader = _READERS.get(kind)
    if reader is None:
        raise UnsupportedMedia(field="Content-Type", accepted=f"{XML}, {CSV}")
    return reader(body)


def bank_routes(service: SettlementService) -> APIRouter:
    """Statements, entries, references."""
    routes = APIRouter(tags=["settlement"])
    reads = reading(service)

    def imported(session: Session, statement_id: str) -> ImportedStatement:
        row = session.get(BankStatementRow, statement_id)
        assert row is not None, f"{statement_id} was just imported"
        return imported_of(row, matched_entries(session, [row.id]).get(row.id, 0))

    @routes.post(
        "/v1/bank-statements",
        status_code=201,
        responses=problems(401, 403, 409, 413, 415, 422, 429, 503),
        operation_id="importBankStatement",
        openapi_extra=_STATEMENT_BODY,
    )
    async def import_statement(
        request: Request, call: Caller, idempotency_key: IdempotencyKey = None
    ) -> ImportedStatement:
        """Books a statement of the market's bank account: deposits to owners, payouts to withdrawals, the rest to
        suspense. The same statement again changes nothing and gives the same answer. Scope: operate."""
        call.require("operate")
        # Off the loop: a large file takes seconds, and orders of the same process would wait for it.
        statement = await asyncio.to_thread(read_statement, request.headers.get("content-type", ""), call.body)
        await service.execute(call, commands.ImportStatement(statement), "POST /v1/bank-statements")
        # Entries that were matched at once stay so, so the rows give the same answer however often they are asked.
        with service.store.reading() as session:
            return imported(session, statement_key(statement.account_number, statement.reference))

    @routes.get("/v1/bank-statements", responses=problems(401, 403, 422, 429), operation_id="listBankStatements")
    def statements(
        call: Caller, session: Session = reads, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT
    ) -> Page[ImportedStatement]:
        """Statements that were read, newest first. Scope: operate or audit."""
        require_overview(call)
        order = col(BankStatementRow.imported_at), col(BankStatementRow.id)
        page = keyset_page(session, select(BankStatementRow), *order, cursor, limit, lambda row: row)
        matched = matched_entries(session, [row.id for row in page.items])
        return Page(
            items=[imported_of(row, matched.get(row.id, 0)) for row in page.items], next_cursor=page.next_cursor
        )

    @routes.get("/v1/bank-entries", responses=problems(401, 403, 422, 429), operation_id="listBankEntries")
    def entries(
        call: Caller,
        session: Session = reads,
        state: Annotated[EntryStateText | None, Query()] = None,
        cursor: Cursor = None,
        limit: Limit = PAGE_DEFAULT,
    ) -> Page[EntryAnswer]:
        """Entries of bank statements, latest day first; those in suspense with guesses of whose they are. Scope:
        operate or audit."""
        require_overview(call)
        query = select(BankEntryRow)
        if state is not None:
            query = query.where(BankEntryRow.state == ("unmatched" if state == "suspended" else state))
        page = keyset_page(
            session, query, col(BankEntryRow.booked_on), col(BankEntryRow.id), cursor, limit, lambda row: row
        )
        suspended = any(row.state == "unmatched" for row in page.items)
        parties = [entity_of(Party, row) for row in session.exec(select(PartyRow)).all()] if suspended else []
        return Page(items=[entry_of(row, _guesses(row, parties)) for row in page.items], next_cursor=page.next_cursor)

    @routes.post(
        "/v1/bank-entries/{entry_id}/assignment",
        responses=problems(401, 403, 404, 409, 413, 422, 429, 503),
        operation_id="assignBankEntry",
    )
    async def assign(
        entry_id: EntryId, body: Assignment, call: Caller, idempotency_key: IdempotencyKey = None
    ) -> AssignedEntry:
        """Gives a suspended entry its owner. A debit given to a participant becomes a correction that waits for the
        exchange. Scope: operate."""
        call.require("operate")
        command: commands.AssignEntry | commands.MatchWithdrawal
        if body.withdrawal_id:
            command = commands.MatchWithdrawal(entry_id, body.withdrawal_id)
        else:
            account_id = body.account_id or cash_account(body.participant_id)
            command = commands.AssignEntry(entry_id, account_id, body.note)
        outcome = await service.execute(call, command, f"POST /v1/bank-entries/{entry_id}/assignment")
        return _assigned(entry_id, outcome.events[0])

    @routes.get(
        "/v1/payment-reference", responses=problems(401, 403, 404, 422, 429), operation_id="getPaymentReference"
    )
    def reference(call: Caller, session: Session = reads, participant_id: OfParticipant = None) -> PaymentReference:
        """What the caller's company writes on a payment to the market, and where it pays to. Scope: read."""
        principal = call.require("read")
        wanted = participant_id or principal.participant_id
        party = session.get(PartyRow, wanted)
        if party is None or not (principal.sees_all or wanted == principal.participant_id):
            raise NotFound(field="participant_id", kind="participant", id=wanted)
        book = session.get(BankBookRow, BANK)
        if book is None:
            raise NotFound(field="path", kind="bank account", id=BANK)
        return PaymentReference(
            participant_id=party.id,
            reference=party.reference,
            account_number=book.account_number,
            holder=book.holder,
            bank_code=book.bank_code,
        )

    return routes


def _guesses(row: BankEntryRow, parties: list[Party]) -> list[SuggestionAnswer]:
    if row.state != "unmatched" or row.direction != "credit":
        return []
    return [
        SuggestionAnswer.model_validate(
            {"participant_id": guess.participant_id, "score": guess.score, "basis": guess.basis}
        )
        for guess in suggest(entity_of(BankEntry, row), parties)
    ]


def _assigned(entry_id: str, event: object) -> AssignedEntry:
    match event:
        case events.EntryAssigned(account_id=account_id):
            return AssignedEntry(entry_id=entry_id, state="assigned", account_id=account_id, withdrawal_id=None)
        case events.WithdrawalMatched(participant_id=participant_id, withdrawal_id=withdrawal_id):
            return AssignedEntry(
                entry_id=entry_id,
                state="assigned",
                account_id=cash_account(participant_id),
                withdrawal_id=withdrawal_id,
            )
        case events.WithdrawalRequested(withdrawal_id=withdrawal_id):
            return AssignedEntry(entry_id=entry_id, state="assigning", account_id=None, withdrawal_id=withdrawal_id)
        case _:
            raise AssertionError(f"an assignment gave {type(event).__name__}")
