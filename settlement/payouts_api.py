"""Routes of money out: payout accounts, withdrawals, corrections, payment files."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from sqlmodel import Session, col, select

from kernel.auth import Principal
from kernel.edge import PAGE_DEFAULT, Page
from kernel.errors import NotFound
from kernel.http import Call
from kernel.openapi import problems
from kernel.sequencer import Outcome
from kernel.service import reading
from settlement import commands, events
from settlement.bank_answers import (
    NewCorrection,
    NewWithdrawal,
    PaymentFileAnswer,
    PayoutAccount,
    PayoutAccountAnswer,
    Returned,
    WithdrawalAnswer,
    WithdrawalStateText,
    payment_file_of,
    withdrawal_of,
)
from settlement.errors import BatchTooLarge, NothingToPay
from settlement.model import BANK, TRANSFERS_MAX, BankBook, PaymentBatch, Withdrawal
from settlement.paging import keyset_page
from settlement.pain import write_pain001
from settlement.parameters import Caller, Cursor, IdempotencyKey, Limit, PaymentFileId, WithdrawalId, require_overview
from settlement.queries import entity_of
from settlement.service import SettlementService
from settlement.tables import BankBookRow, ClientKeyRow, PaymentBatchRow, WithdrawalRow
from settlement.withdrawals import client_key

_XML_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "pain.001.001.09",
        "content": {"application/xml": {"schema": {"type": "string"}}},
    }
}


def payout_routes(service: SettlementService) -> APIRouter:
    """Money out."""
    routes = APIRouter(tags=["settlement"])
    reads = reading(service)

    def requested(outcome: Outcome, participant_id: str, client_id: str) -> WithdrawalAnswer:
        """What a request did; one that was made before under its client id as it stands now."""
        if outcome.events:
            event = outcome.events[0]
            assert isinstance(event, events.WithdrawalRequested)
            return _requested(event, outcome.at)
        with service.store.reading() as session:
            key = session.get(ClientKeyRow, client_key(participant_id, client_id))
            row = session.get(WithdrawalRow, key.withdrawal_id) if key else None
            assert row is not None, f"{client_id} was asked for before"
            return withdrawal_of(row)

    @routes.put(
        "/v1/payout-account",
        responses=problems(401, 403, 404, 409, 413, 422, 429, 503),
        operation_id="setPayoutAccount",
    )
    async def set_account(
        body: PayoutAccount, call: Caller, idempotency_key: IdempotencyKey = None
    ) -> PayoutAccountAnswer:
        """Sets the bank account that the caller's withdrawals go to. Scope: settle."""
        principal = call.require("settle")
        command = commands.SetPayoutAccount(principal.participant_id, body.holder, body.account_number, body.bank_code)
        await service.execute(call, command, "PUT /v1/payout-account")
        return PayoutAccountAnswer(participant_id=principal.participant_id, **body.model_dump())

    @routes.post(
        "/v1/withdrawals",
        status_code=202,
        responses=problems(401, 403, 404, 409, 413, 422, 429, 503),
        operation_id="requestWithdrawal",
    )
    async def withdraw(body: NewWithdrawal, call: Caller, idempotency_key: IdempotencyKey = None) -> WithdrawalAnswer:
        """Asks for money to be paid out. The exchange is asked first: what orders need stays. Scope: settle."""
        principal = call.require("settle")
        command = commands.RequestWithdrawal(principal.participant_id, body.client_id, body.amount)
        outcome = await service.execute(call, command, "POST /v1/withdrawals")
        return requested(outcome, principal.participant_id, body.client_id)

    @routes.get("/v1/withdrawals", responses=problems(401, 403, 422, 429), operation_id="listWithdrawals")
    def withdrawals(
        call: Caller,
        session: Session = reads,
        state: Annotated[WithdrawalStateText | None, Query()] = None,
        cursor: Cursor = None,
        limit: Limit = PAGE_DEFAULT,
    ) -> Page[WithdrawalAnswer]:
        """Withdrawals and corrections, newest first: the caller's own; all for operator and auditors. Scope: read."""
        principal = call.require("read")
        query = select(WithdrawalRow)
        if not principal.sees_all:
            query = query.where(WithdrawalRow.participant_id == principal.participant_id)
        if state is not None:
            query = query.where(WithdrawalRow.state == state)
        order = col(WithdrawalRow.requested_at), col(WithdrawalRow.id)
        return keyset_page(session, query, *order, cursor, limit, withdrawal_of)

    @routes.get(
        "/v1/withdrawals/{withdrawal_id}", responses=problems(401, 403, 404, 422, 429), operation_id="getWithdrawal"
    )
    def withdrawal(withdrawal_id: WithdrawalId, call: Caller, session: Session = reads) -> WithdrawalAnswer:
        """One withdrawal. Scope: read."""
        principal = call.require("read")
        return withdrawal_of(_own(session, principal, withdrawal_id, principal.sees_all))

    @routes.delete(
        "/v1/withdrawals/{withdrawal_id}",
        status_code=204,
        responses=problems(401, 403, 404, 409, 413, 422, 429, 503),
        operation_id="cancelWithdrawal",
    )
    async def cancel(withdrawal_id: WithdrawalId, call: Caller) -> None:
        """Takes back an approved withdrawal that the bank was not told of yet. Scope: settle; any for the operator."""
        principal = call.require("settle")
        with service.store.reading() as session:
            _own(session, principal, withdrawal_id, "operate" in principal.scopes)
        await service.execute(call, commands.CancelWithdrawal(withdrawal_id), f"DELETE /v1/withdrawals/{withdrawal_id}")

    @routes.post(
        "/v1/withdrawals/{withdrawal_id}/return",
        responses=problems(401, 403, 404, 409, 413, 422, 429, 503),
        operation_id="returnWithdrawal",
    )
    async def give_back(
        withdrawal_id: WithdrawalId, body: Returned, call: Caller, idempotency_key: IdempotencyKey = None
    ) -> WithdrawalAnswer:
        """Notes that the bank refused an instructed withdrawal: the money is the participant's. Scope: operate."""
        call.require("operate")
        command = commands.ReturnWithdrawal(withdrawal_id, body.reason)
        await service.execute(call, command, f"POST /v1/withdrawals/{withdrawal_id}/return")
        with service.store.reading() as session:
            row = session.get(WithdrawalRow, withdrawal_id)
            assert row is not None
            return withdrawal_of(row)  # its last state: later requests find the same

    @routes.post(
        "/v1/corrections",
        status_code=202,
        responses=problems(401, 403, 404, 409, 413, 422, 429, 503),
        operation_id="requestCorrection",
    )
    async def correct(body: NewCorrection, call: Caller, idempotency_key: IdempotencyKey = None) -> WithdrawalAnswer:
        """Takes money back from a participant into suspense, once its trading limit was lowered. Scope: operate."""
        call.require("operate")
        command = commands.RequestCorrection(body.participant_id, body.client_id, body.amount, body.note)
        outcome = await service.execute(call, command, "POST /v1/corrections")
        return requested(outcome, body.participant_id, body.client_id)

    @routes.post(
        "/v1/payment-files",
        status_code=201,
        responses=problems(401, 403, 404, 409, 413, 422, 429, 503),
        operation_id="makePaymentFile",
    )
    async def make_file(call: Caller, idempotency_key: IdempotencyKey = None) -> PaymentFileAnswer:
        """Puts all approved withdrawals (at most 1,000, oldest first) into one file for the bank. Scope: operate."""
        call.require("operate")
        outcome = await _instruct(service, call)
        event = outcome.events[0]
        assert isinstance(event, events.PaymentBatchMade)
        return PaymentFileAnswer(
            payment_file_id=event.batch_id,
            withdrawals=len(event.withdrawal_ids),
            amount=event.amount_fen,
            created_at=outcome.at,
        )

    @routes.get("/v1/payment-files", responses=problems(401, 403, 422, 429), operation_id="listPaymentFiles")
    def files(
        call: Caller, session: Session = reads, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT
    ) -> Page[PaymentFileAnswer]:
        """Files for the bank, newest first. Scope: operate or audit."""
        require_overview(call)
        order = col(PaymentBatchRow.created_at), col(PaymentBatchRow.id)
        return keyset_page(session, select(PaymentBatchRow), *order, cursor, limit, payment_file_of)

    @routes.get(
        "/v1/payment-files/{payment_file_id}",
        responses={**problems(401, 403, 404, 422, 429), **_XML_FILE},
        response_class=Response,
        operation_id="getPaymentFile",
    )
    def file(payment_file_id: PaymentFileId, call: Caller, session: Session = reads) -> Response:
        """A file as the bank takes it; the same bytes each time. Scope: operate or audit."""
        require_overview(call)
        batch, book = session.get(PaymentBatchRow, payment_file_id), session.get(BankBookRow, BANK)
        if batch is None or book is None:
            raise NotFound(field="payment_file_id", kind="payment file", id=payment_file_id)
        rows = session.exec(select(WithdrawalRow).where(WithdrawalRow.batch_id == batch.id)).all()
        content = write_pain001(
            entity_of(BankBook, book), entity_of(PaymentBatch, batch), [entity_of(Withdrawal, row) for row in rows]
        )
        return Response(content, media_type="application/xml")

    return routes


async def _instruct(service: SettlementService, call: Call) -> Outcome:
    """Instructs what is approved. A request repeated under its key gets its first answer, whatever is approved now."""
    with service.store.reading() as session:
        approved = session.exec(
            select(WithdrawalRow.id)
            .where(WithdrawalRow.state == "approved")
            .order_by(col(WithdrawalRow.requested_at), col(WithdrawalRow.event_seq))
            .limit(TRANSFERS_MAX)
        ).all()
    try:
        return await service.execute(call, commands.InstructWithdrawals(tuple(approved)), "POST /v1/payment-files")
    except BatchTooLarge as error:
        raise NothingToPay from error


def _own(session: Session, principal: Principal, withdrawal_id: str, sees_all: bool) -> WithdrawalRow:
    """The withdrawal, if it is the caller's to see. Raises NotFound, as for one that is not there."""
    row = session.get(WithdrawalRow, withdrawal_id)
    if row is None or not (sees_all or row.participant_id == principal.participant_id):
        raise NotFound(field="withdrawal_id", kind="withdrawal", id=withdrawal_id)
    return row


def _requested(event: events.WithdrawalRequested, at: int) -> WithdrawalAnswer:
    return WithdrawalAnswer(
        withdrawal_id=event.withdrawal_id,
        participant_id=event.participant_id,
        client_id=event.client_id or None,
        purpose=event.purpose,
        amount=event.amount_fen,
        state="requested",
        reason=event.note,
        payee_holder=event.payee_holder,
        payee_account=event.payee_account,
        payee_bank_code=event.payee_bank_code,
        payment_file_id=None,
        entry_id=event.entry_id or None,
        requested_at=at,
        resolved_at=None,
    )
