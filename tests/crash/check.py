"""After a kill: what was acknowledged is there, what was not takes effect once when it is sent again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from sqlalchemy import text

from exchange.errors import ORDER_REFUSALS
from kernel.quantity import format_money, parse_price
from kernel.store import Store
from tests.crash.recount import Recount
from tests.crash.sending import DEPOSIT_FEN, Request
from tests.e2e.floor import CASH_FEN, Floor

#: Requests under way at once while the answers are compared.
CONNECTIONS = 8


@dataclass(slots=True)
class Tally:
    """What the rounds found. Lists hold a sentence for each thing that is wrong."""

    rounds: int = 0
    acked: int = 0
    unacked: int = 0
    unacked_found: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    verified: bool = True
    problems: list[str] = field(default_factory=list)


async def check_requests(url: str, store: Store, requests: Sequence[Request], tally: Tally) -> None:
    """Compares the acknowledged requests of a round with what is there, and sends the others again."""
    known = _known_keys(store)
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
        answered = [request for request in requests if request.status is not None]
        silent = [request for request in requests if request.status is None]
        tally.acked += sum(len(request.names) for request in answered)
        tally.unacked += sum(len(request.names) for request in silent)
        tally.unacked_found += sum(len(request.names & known) for request in silent)
        await _each(silent, lambda request: _send_again(client, request, tally))
        await _each(answered, lambda request: _compare(client, request, tally))
        await _each([*answered, *silent], lambda request: _find(client, request, tally))


def _known_keys(store: Store) -> set[tuple[str, str]]:
    """Every idempotency key that took effect, with its scope."""
    with store.read_engine.connect() as connection:
        return {(row.scope, row.key) for row in connection.execute(text("SELECT scope, key FROM kernel_idempotency"))}


async def _each(requests: Sequence[Request], check: Callable[[Request], Awaitable[None]]) -> None:
    gate = asyncio.Semaphore(CONNECTIONS)

    async def one(request: Request) -> None:
        async with gate:
            await check(request)

    await asyncio.gather(*(one(request) for request in requests))


async def _send_again(client: httpx.AsyncClient, request: Request, tally: Tally) -> None:
    """A request that nobody answered: sent again it is answered, however far it had come."""
    if not await request.send(client):
        tally.problems.append(f"{request.key} was not taken after the restart")


async def _compare(client: httpx.AsyncClient, request: Request, tally: Tally) -> None:
    """The same request again gives the same answer."""
    if not request.took_effect:
        return
    status, answer = await request.send_again(client)
    if (status, plain(answer)) != (request.status, plain(request.answer)):
        tally.lost.append(f"{request.kind} {request.key}: {request.status} {request.answer} became {status} {answer}")


def plain(answer: Any) -> Any:
    """An answer without the ids of the requests that it was given to."""
    if isinstance(answer, list):
        return [plain(one) for one in answer]
    if isinstance(answer, dict):
        return {name: plain(value) for name, value in answer.items() if name != "request_id"}
    return answer


async def _find(client: httpx.AsyncClient, request: Request, tally: Tally) -> None:
    """Every order that was answered is found once by its client order id, as it was acknowledged."""
    for body, status, answer in answered_orders(request):
        headers = {"Authorization": f"Bearer {request.secret}"}
        query = {"client_order_id": body["client_order_id"]}
        found = (await client.get("/v1/orders", params=query, headers=headers)).json()["items"]
        if len(found) != 1:
            tally.lost.append(f"{body['client_order_id']} was answered with {status} and is found {len(found)} times")
            continue
        wanted = {name: body[name] for name in ("client_order_id", "product_id", "side", "time_in_force")}
        if status == 201:
            wanted["order_id"] = answer["order_id"]
        if any(found[0][name] != value for name, value in wanted.items()):
            tally.lost.append(f"{wanted} is {found[0]}")
        if (found[0]["status"] == "rejected") == (status == 201):
            tally.lost.append(f"{body['client_order_id']} was answered with {status} and is {found[0]['status']}")


def answered_orders(request: Request) -> Iterator[tuple[dict[str, Any], int, dict[str, Any]]]:
    """The orders of a request that made an event: body, status, order or problem."""
    if request.kind == "order" and request.took_effect:
        assert request.status is not None
        yield request.body, request.status, request.answer
    if request.kind == "batch" and request.status == 200:
        for body, result in zip(request.body["orders"], request.answer["results"], strict=True):
            if result["order"] or result["problem"]["code"] in ORDER_REFUSALS:
                yield body, result["status"], result["order"] or result["problem"]


# --- against the logs


def check_logs(store: Store, floor: Floor, requests: Sequence[Request], tally: Tally) -> None:
    """Counts what the logs hold of all rounds' requests, and works the limits out again."""
    recount = Recount(store, floor.mass_kg)
    tally.doubled += [f"{name} took effect {times} times" for name, times in recount.doubles().items()]
    for request in requests:
        tally.lost += [f"{request.kind} {request.key}: {what}" for what in _missing(recount, request)]
    paid_in = sum(request.kind == "statement" and request.took_effect for request in requests)
    tally.problems += list(_wrong_money(recount, floor, CASH_FEN + paid_in * DEPOSIT_FEN))
    tally.problems += list(_wrong_limits(recount, store))


def _missing(recount: Recount, request: Request) -> Iterator[str]:
    """What an answer said was done and the log does not hold."""
    for body, status, _ in answered_orders(request):
        terms = recount.orders.get((request.company, body["client_order_id"]))
        sent = (body["side"], parse_price(body["price"]), body["loads"], body["time_in_force"])
        if terms != [sent]:
            yield f"answered with {status}, the log has {terms}"
    if request.status is None or request.status >= 300:
        return
    order_id = int(request.path.rpartition("/O")[2] or 0) if request.kind in ("amend", "cancel") else 0
    if request.kind == "cancel" and recount.cancels[order_id] != 1:
        yield "its cancel is not in the log"
    if request.kind == "amend" and recount.amendments[order_id, parse_price(request.body["price"])] != 1:
        yield "its amendment is not in the log"
    if request.kind == "statement" and recount.statements[request.answer["reference"]] != 1:
        yield "the statement is not in the log"
    if request.kind == "withdrawal" and recount.withdrawals[request.company, request.body["client_id"]] != 1:
        yield "the withdrawal is not in the log"


def _wrong_money(recount: Recount, floor: Floor, wanted_fen: int) -> Iterator[str]:
    """Deposits that were not credited and passed on exactly once."""
    for company in floor.companies:
        if company.side == "buy" and recount.credited[company.participant_id] != wanted_fen:
            credited = format_money(recount.credited[company.participant_id])
            yield f"{company.participant_id} paid {format_money(wanted_fen)} in and was credited {credited}"
    if set(recount.deposits) != set(recount.grants):
        yield f"credited but not granted, or the other way: {set(recount.deposits) ^ set(recount.grants)}"
    if recount.asked != set(recount.reductions):
        yield f"asked to be paid out but not asked of the exchange: {recount.asked ^ set(recount.reductions)}"


def _wrong_limits(recount: Recount, store: Store) -> Iterator[str]:
    """Limits in the database that are not what the log adds up to."""
    with store.read_engine.connect() as connection:
        for row in connection.execute(text("SELECT * FROM exchange_money")):
            held: tuple[int, ...] = (row.granted_fen, row.reserved_fen, row.committed_fen)
            wanted: tuple[int, ...] = (recount.granted[row.id], recount.reserved[row.id], recount.committed[row.id])
            if held != wanted:
                yield f"the money of {row.id} is {held}, the log adds up to {wanted}"
            if row.granted_fen - row.reserved_fen - row.committed_fen < 0:
                yield f"{row.id} is over its limit: {held}"
        for row in connection.execute(text("SELECT * FROM exchange_capacity")):
            held = row.reserved_loads, row.consumed_loads
            wanted = recount.offered[row.participant_id], recount.consumed[row.participant_id]
            if held != wanted:
                yield f"the loads of {row.participant_id} are {held}, the log adds up to {wanted}"
