"""Routes of the ledger: accounts, balances, transfers, obligations, dues, daily statements."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from sqlmodel import Session, col, select

from kernel.auth import Principal
from kernel.clock import day_bounds_us
from kernel.edge import PAGE_DEFAULT, Page, TimeIn, decode_cursor, page_of
from kernel.errors import NotFound
from kernel.openapi import problems
from kernel.service import reading
from settlement import commands, events
from settlement.balances import daily_statement
from settlement.ledger_answers import (
    AccountAnswer,
    BalanceAnswer,
    BookedTransfers,
    DueAnswer,
    DuePartAnswer,
    NewAccount,
    NewTransfer,
    NewTransfers,
    ObligationAnswer,
    OpenedAccount,
    StatementAnswer,
    StatementLineAnswer,
    TransferAnswer,
    account_answer,
    account_of,
    obligation_of,
    transfer_of,
)
from settlement.model import Transfer, TransferRequest, cash_account
from settlement.paging import bad_cursor, keyset_page
from settlement.parameters import AccountId, Caller, Cursor, Day, IdempotencyKey, Limit, OfParticipant
from settlement.queries import balance_at, dues_of, entity_of, obligations_by_id, obligations_of, transfers_of
from settlement.service import SettlementService
from settlement.tables import AccountRow, DueRow, ObligationRow, TransferRow


def ledger_routes(service: SettlementService) -> APIRouter:
    """Accounts and what moves in them."""
    routes = APIRouter(tags=["settlement"])
    reads = reading(service)

    @routes.get("/v1/accounts", responses=problems(401, 403, 422, 429), operation_id="listAccounts")
    def accounts(
        call: Caller, session: Session = reads, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT
    ) -> Page[AccountAnswer]:
        """Accounts by id: the caller's own; all of them for the operator and auditors. Scope: read."""
        principal = call.require("read")
        query = select(AccountRow)
        if not principal.sees_all:
            query = query.where(AccountRow.participant_id == principal.participant_id)
        after = decode_cursor(cursor)
        if after is not None:
            if not after.isascii() or not after.isprintable():
                raise bad_cursor()
            query = query.where(col(AccountRow.id) > after)
        rows = session.exec(query.order_by(col(AccountRow.id)).limit(limit + 1)).all()
        return page_of(rows, limit, lambda row: row.id, account_of)

    @routes.post(
        "/v1/accounts",
        status_code=201,
        responses=problems(401, 403, 409, 413, 422, 429, 503),
        operation_id="openAccount",
    )
    async def open_account(body: NewAccount, call: Caller, idempotency_key: IdempotencyKey = None) -> OpenedAccount:
        """Opens an account of the operator's own; one that is open with the same limits stays. Scope: operate."""
        call.require("operate")
        command = commands.OpenAccount(
            body.account_id, body.debits_must_not_exceed_credits, body.credits_must_not_exceed_debits
        )
        await service.execute(call, command, "POST /v1/accounts")
        return OpenedAccount(**body.model_dump())

    @routes.get(
        "/v1/accounts/{account_id}/balance", responses=problems(401, 403, 404, 422, 429), operation_id="getBalance"
    )
    def balance(
        account_id: AccountId,
        call: Caller,
        session: Session = reads,
        at: Annotated[TimeIn | None, Query()] = None,
    ) -> BalanceAnswer:
        """An account as it stood at a time, by default now. Scope: read."""
        row = _own_account(session, call.require("read"), account_id)
        if at is None:
            # The account as it stands, not a sum up to the clock: that one was set back where the log is ahead of it.
            return BalanceAnswer(**dict(account_of(row)), at=service.clock.now_us())
        then = balance_at(session, account_id, at)
        answer = account_answer(
            row.id,
            row.participant_id,
            then.debits_posted_fen,
            then.credits_posted_fen,
            then.debits_pending_fen,
            then.credits_pending_fen,
        )
        return BalanceAnswer(**dict(answer), at=at)

    @routes.get(
        "/v1/accounts/{account_id}/transfers",
        responses=problems(401, 403, 404, 422, 429),
        operation_id="listTransfersOfAccount",
    )
    def transfers(
        account_id: AccountId,
        call: Caller,
        session: Session = reads,
        cursor: Cursor = None,
        limit: Limit = PAGE_DEFAULT,
    ) -> Page[TransferAnswer]:
        """Transfers of an account, newest first. Scope: read."""
        _own_account(session, call.require("read"), account_id)
        order = col(TransferRow.created_at), col(TransferRow.id)
        return keyset_page(session, transfers_of(account_id), *order, cursor, limit, transfer_of)

    @routes.post(
        "/v1/transfers",
        status_code=201,
        responses=problems(401, 403, 409, 413, 422, 429, 503),
        operation_id="postTransfers",
    )
    async def post_transfers(
        body: NewTransfers, call: Caller, idempotency_key: IdempotencyKey = None
    ) -> BookedTransfers:
        """Books a batch of transfers, all or none; the bank account and participants' debits are not its to move. The
        same batch again changes nothing. Scope: operate."""
        call.require("operate")
        command = commands.PostTransfers(tuple(_request(transfer) for transfer in body.transfers))
        outcome = await service.execute(call, command, "POST /v1/transfers")
        booked = sum(len(event.transfers) for event in outcome.events if isinstance(event, events.TransfersPosted))
        return BookedTransfers(transfers=[transfer.id for transfer in body.transfers], booked=booked)

    @routes.get("/v1/obligations", responses=problems(401, 403, 422, 429), operation_id="listObligations")
    def obligations(
        call: Caller,
        session: Session = reads,
        state: Annotated[Literal["held", "refused", "paid", "voided"] | None, Query()] = None,
        cursor: Cursor = None,
        limit: Limit = PAGE_DEFAULT,
    ) -> Page[ObligationAnswer]:
        """What is owed for traded loads, latest trade first: the caller's as payer or payee; all of it for the operator
        and auditors. Scope: read."""
        principal = call.require("read")
        query = select(ObligationRow) if principal.sees_all else obligations_of(principal.participant_id)
        if state is not None:
            query = query.where(ObligationRow.state == state)
        order = col(ObligationRow.trade_id), col(ObligationRow.id)
        return keyset_page(session, query, *order, cursor, limit, obligation_of)

    @routes.get("/v1/dues", responses=problems(401, 403, 422, 429), operation_id="listDues")
    def dues(
        call: Caller,
        session: Session = reads,
        settled: Annotated[bool | None, Query()] = None,
        cursor: Cursor = None,
        limit: Limit = PAGE_DEFAULT,
    ) -> Page[DueAnswer]:
        """What became of loads and what is due for them, newest first: the caller's as payer or payee. Scope: read."""
        principal = call.require("read")
        query = select(DueRow) if principal.sees_all else dues_of(principal.participant_id)
        if settled is not None:
            query = query.where(col(DueRow.settled_at) > 0 if settled else col(DueRow.settled_at) == 0)
        page = keyset_page(session, query, col(DueRow.recorded_at), col(DueRow.id), cursor, limit, lambda row: row)
        holds = {hold for row in page.items for hold in (row.hydrogen_hold_id, row.haulage_hold_id) if hold}
        behind = obligations_by_id(session, holds)
        return Page(items=[_due(row, behind, principal) for row in page.items], next_cursor=page.next_cursor)

    @routes.get("/v1/statements", responses=problems(401, 403, 404, 422, 429), operation_id="getDailyStatement")
    def statement(
        day: Day, call: Caller, session: Session = reads, participant_id: OfParticipant = None
    ) -> StatementAnswer:
        """A day of the caller's cash account: opening balance, movements, closing balance. Scope: read."""
        principal = call.require("read")
        wanted = participant_id or principal.participant_id
        account = _own_account(session, principal, cash_account(wanted), field="participant_id")
        start, end = day_bounds_us(date.fromisoformat(day))
        rows = session.exec(transfers_of(account.id).where(col(TransferRow.created_at) < end)).all()
        found = daily_statement([entity_of(Transfer, row) for row in rows], account.id, start, end)
        return StatementAnswer(
            participant_id=wanted,
            account_id=account.id,
            day=day,
            complete=end <= service.clock.now_us(),
            opening=found.opening_fen,
            lines=[
                StatementLineAnswer(
                    transfer_id=item.transfer_id,
                    code=item.code,
                    counter_account_id=item.counter_account_id,
                    amount=item.amount_fen,
                    balance=item.balance_fen,
                    at=item.at,
                )
                for item in found.items
            ],
            closing=found.closing_fen,
            held=found.held_fen,
        )

    return routes


def _own_account(session: Session, principal: Principal, account_id: str, field: str = "account_id") -> AccountRow:
    """The account, if it is the caller's to see. Raises NotFound, as for one that is not there."""
    row = session.get(AccountRow, account_id)
    if row is None or not (principal.sees_all or row.participant_id == principal.participant_id):
        raise NotFound(field=field, kind="account", id=account_id)
    return row


def _request(transfer: NewTransfer) -> TransferRequest:
    return TransferRequest(
        id=transfer.id,
        kind=transfer.kind,
        debit_account_id=transfer.debit_account_id or "",
        credit_account_id=transfer.credit_account_id or "",
        amount_fen=transfer.amount or 0,
        pending_id=transfer.pending_id or "",
        expires_at=transfer.expires_at or 0,
        code=transfer.code,
        reference=transfer.reference,
    )


def _due(row: DueRow, behind: dict[str, ObligationRow], principal: Principal) -> DueAnswer:
    parts = [
        DuePartAnswer(
            hold_id=hold,
            commodity=commodity,
            payer_id=obligation.payer_id,
            payee_id=obligation.payee_id,
            mass=mass_g,
            price=obligation.price_fen_per_kg,
            amount=due_fen,
        )
        for hold, commodity, mass_g, due_fen in _sides(row)
        if (obligation := behind.get(hold)) is not None
        and (principal.sees_all or principal.participant_id in (obligation.payer_id, obligation.payee_id))
    ]
    return DueAnswer.model_validate(
        {**row.model_dump(), "due_id": row.id, "settled_at": row.settled_at or None, "parts": parts}
    )


def _sides(row: DueRow) -> tuple[tuple[str, Literal["hydrogen", "haulage"], int, int | None], ...]:
    return (
        (row.hydrogen_hold_id, "hydrogen", row.hydrogen_mass_g, row.hydrogen_due_fen),
        (row.haulage_hold_id, "haulage", row.haulage_mass_g, row.haulage_due_fen),
    )
