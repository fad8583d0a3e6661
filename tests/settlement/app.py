"""Settlement behind its routes: one database, a simulated clock, four callers, and facts that a test writes down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from httpx import ASGITransport, AsyncClient
from httpx import Response as Answered
from sqlalchemy import text
from sqlmodel import SQLModel
from starlette.exceptions import HTTPException

from kernel.auth import Principal
from kernel.clock import SimulatedClock
from kernel.errors import H2MarketError, MethodNotAllowed, NotFound
from kernel.http import Edge, call_of, problem_response
from kernel.messages import Command
from kernel.rates import RequestRates
from kernel.room import Finding
from kernel.sequencer import Outcome, Sequencer, Writer
from kernel.store import Store
from kernel.validation import from_validation
from kernel.verify import verify_room
from seeds.bank import statement_camt053, statement_csv
from settlement.api import router
from settlement.bank_settings import BankSettings
from settlement.commands import OpenCashAccount, RegisterProduct
from settlement.model import BankStatementFile, StatementLine
from settlement.service import SettlementService, make_room
from tests.settlement.helpers import BANK_ACCOUNT, START, deposit

EVERYTHING = frozenset({"trade", "track", "settle", "read", "operate", "audit"})
TRADER = frozenset({"trade", "track", "settle", "read"})
CALLERS = {
    "operator": Principal("P9", "K9", frozenset({"operator"}), EVERYTHING, True),
    "auditor": Principal("P8", "K8", frozenset({"auditor"}), frozenset({"read", "audit"}), True),
    "P1": Principal("P1", "K1", frozenset({"station"}), TRADER, True),
    "P2": Principal("P2", "K2", frozenset({"producer"}), TRADER, True),
    "P3": Principal("P3", "K3", frozenset({"haulier"}), TRADER, True),
    "blind": Principal("P1", "K4", frozenset({"station"}), frozenset({"trade"}), True),
}


class Callers:
    """An authenticator: the secret is the name."""

    def authenticate(self, secret: str) -> Principal | None:
        return CALLERS.get(secret)


class WrittenFacts:
    """A FactSource of what a test wrote down."""

    def __init__(self) -> None:
        self.lists: dict[str, list[Any]] = {}
        self.reads = 0

    async def read(self, name: str) -> list[Any]:
        self.reads += 1
        return list(self.lists.get(name, []))


class Counter:
    """Settlement as a caller at its counter sees it."""

    def __init__(
        self,
        runner: asyncio.Runner,
        client: AsyncClient,
        service: SettlementService,
        clock: SimulatedClock,
        facts: WrittenFacts,
    ) -> None:
        self.runner = runner
        self.client = client
        self.service = service
        self.clock = clock
        self.facts = facts
        self.statements = 0
        self.closing_fen = 0

    def request(self, method: str, path: str, **options: Any) -> Answered:
        return self.runner.run(self.client.request(method, path, **options))

    def get(self, path: str, caller: str = "operator", language: str = "en", **params: Any) -> Answered:
        headers = {"Authorization": f"Bearer {caller}", "Accept-Language": language}
        return self.request("GET", path, params=params, headers=headers)

    def send(self, method: str, path: str, body: Any = None, caller: str = "operator", key: str = "") -> Answered:
        headers = {"Authorization": f"Bearer {caller}", **({"Idempotency-Key": key} if key else {})}
        return self.request(method, path, json=body, headers=headers)

    def upload(self, content: bytes, kind: str = "application/xml", caller: str = "operator") -> Answered:
        headers = {"Authorization": f"Bearer {caller}", "Content-Type": kind}
        return self.request("POST", "/v1/bank-statements", content=content, headers=headers)

    def next_statement(self, *lines: StatementLine) -> BankStatementFile:
        moved_fen = sum(line.amount_fen if line.direction == "credit" else -line.amount_fen for line in lines)
        self.statements += 1
        opening_fen, self.closing_fen = self.closing_fen, self.closing_fen + moved_fen
        return BankStatementFile(
            BANK_ACCOUNT, f"S{self.statements}", "2026-01-05", "2026-01-05", opening_fen, self.closing_fen, lines
        )

    def bank(self, *lines: StatementLine, csv: bool = False) -> dict[str, Any]:
        statement = self.next_statement(*lines)
        content, kind = (
            (statement_csv(statement), "text/csv") if csv else (statement_camt053(statement), "application/xml")
        )
        answer = self.upload(content, kind)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def fund(self, **amounts_fen: int) -> None:
        self.bank(*(deposit(participant_id, amount_fen) for participant_id, amount_fen in amounts_fen.items()))

    def do(self, command: Command) -> Outcome:
        return self.runner.run(self.service.sequencer.submit(command, actor="test"))

    def run(self, job: Callable[[SettlementService], Awaitable[Any]]) -> Any:
        async def once() -> Any:
            return await job(self.service)

        return self.runner.run(once())

    def verify(self) -> list[Finding]:
        with self.service.store.read_engine.connect() as connection:
            return list(verify_room(self.service.sequencer.room, connection))

    def tamper(self, statement: str) -> None:
        """Changes rows past the ledger."""

        connection = self.service.sequencer.writer.connection
        with connection.begin():
            connection.execute(text(statement))


def make_app(service: SettlementService) -> FastAPI:
    app = FastAPI()
    app.include_router(router(service))

    def answer(error: H2MarketError, request: Request) -> Response:
        status, headers, body = problem_response(error, call_of(request.scope), request.url.path)
        response = Response(body, status)
        response.raw_headers = headers
        return response

    @app.exception_handler(H2MarketError)
    async def known(request: Request, error: H2MarketError) -> Response:
        return answer(error, request)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return answer(from_validation(error.errors()), request)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        if error.status_code == 405:
            return answer(MethodNotAllowed(field="method", method=request.method), request)
        return answer(NotFound(field="path", kind="path", id=request.url.path[:200]), request)

    return app


@contextmanager
def counter(url: str, *participants: str) -> Iterator[Counter]:
    """Settlement with open books, a hydrogen and a haulage product, and these participants."""
    store = Store(url)
    writer = Writer(store)
    with writer.connection.begin():
        SQLModel.metadata.create_all(writer.connection)
    clock = SimulatedClock(START)
    sequencer = Sequencer(make_room(), writer, clock)
    sequencer.start(writer.connection)
    facts = WrittenFacts()
    bank = BankSettings(BANK_ACCOUNT, "汾河氢能清算有限公司", "102161000012")
    service = SettlementService(sequencer, store, clock, {"exchange": facts, "tracking": facts}, bank)
    writer.start()
    edge = Edge(
        make_app(service),
        Callers(),
        rates=RequestRates(10_000, 100),
        body_limits={"/v1/bank-statements": 8 << 20},
    )
    client = AsyncClient(transport=ASGITransport(edge), base_url="http://settlement")
    try:
        with asyncio.Runner() as runner:
            house = Counter(runner, client, service, clock, facts)
            house.run(open_books)
            for participant_id in participants:
                house.do(OpenCashAccount(participant_id, f"Company {participant_id}", f"公司{participant_id}"))
            house.do(RegisterProduct("EXW", "ex_works", 350_000))
            house.do(RegisterProduct("HAUL", "haulage", 350_000))
            yield house
            runner.run(client.aclose())
    finally:
        writer.stop()
        store.close()


async def open_books(service: SettlementService) -> None:
    await service.open_books("test")
