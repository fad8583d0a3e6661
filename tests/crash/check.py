"""After a kill: what was acknowledged is there, what was not takes effect once when it is sent again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

from kernel.clock import to_text
from kernel.edge import PAGE_MAX
from kernel.quantity import format_money
from kernel.store import Store
from tests.crash.recount import Recount
from tests.crash.requests import Lines, Request
from tests.e2e.floor import Floor

#: Requests under way at once while the answers are compared.
CONNECTIONS = 8
#: Their answers say how a switch or a phase stands now, not how it stood.
STANDING = frozenset({"kill", "release", "dead_man", "phase", "halt", "resume"})


@dataclass(slots=True)
class Tally:
    """What the rounds found. Lists hold a sentence for each thing that is wrong."""

    rounds: int = 0
    kills: int = 0
    acked: int = 0
    unacked: int = 0
    unacked_found: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    dead_men_armed: int = 0
    dead_men_renewed: int = 0
    dead_men_fired: int = 0
    dead_men_fired_after_kill: int = 0
    dead_men_missed: list[str] = field(default_factory=list)
    streams_resumed: int = 0
    stream_items: int = 0
    stream_gaps: list[str] = field(default_factory=list)
    stream_repeats: list[str] = field(default_factory=list)
    book_mismatches: list[str] = field(default_factory=list)
    implied_matches: int = 0
    implied_halves: list[str] = field(default_factory=list)
    recall_ends: dict[str, int] = field(default_factory=dict)
    recall_ends_across_kills: dict[str, int] = field(default_factory=dict)
    recall_ends_missing: list[str] = field(default_factory=list)
    loads_wrong: list[str] = field(default_factory=list)
    recalls_wrong: list[str] = field(default_factory=list)
    order_types: dict[str, int] = field(default_factory=dict)
    order_types_missing: list[str] = field(default_factory=list)
    verified: bool = True
    problems: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    server_log: str = ""

    def wrong(self) -> dict[str, list[str]]:
        """Everything that is wrong, by kind; kinds of which nothing is wrong are left out."""
        found = {
            "acked_lost": self.lost, "double_effects": self.doubled, "dead_men_missed": self.dead_men_missed,
            "stream_gaps": self.stream_gaps, "stream_repeats": self.stream_repeats,
            "book_mismatches": self.book_mismatches, "implied_halves": self.implied_halves,
            "recalls_wrong": self.recalls_wrong, "recall_ends_missing": self.recall_ends_missing,
            "loads_wrong": self.loads_wrong, "order_types_missing": self.order_types_missing,
            "problems": self.problems,
        }  # fmt: skip
        return {kind: sentences for kind, sentences in found.items() if sentences}


async def check_requests(
    url: str, known: set[tuple[str, str]], requests: Sequence[Request], since_us: int, tally: Tally
) -> None:
    """Compares the acknowledged requests of a round with what is there, and sends the others again. ``known`` are the
    keys that had taken effect before, ``since_us`` is when the round began."""
    async with Lines(url, CONNECTIONS) as lines:
        answered = [request for request in requests if request.status is not None]
        silent = [request for request in requests if request.status is None]
        tally.acked += sum(len(request.names) for request in answered)
        tally.unacked += sum(len(request.names) for request in silent)
        tally.unacked_found += sum(len(request.names & known) for request in silent)
        await _each(silent, lambda request: _send_again(lines, request, tally))
        await _each(answered, lambda request: _compare(lines, request, tally))
        await _each(silent, lambda request: _look_up(lines, request, tally))
        await _find(lines, [*answered, *silent], since_us, tally)


async def _each(requests: Sequence[Request], check: Callable[[Request], Awaitable[None]]) -> None:
    gate = asyncio.Semaphore(CONNECTIONS)

    async def one(request: Request) -> None:
        async with gate:
            await check(request)

    await asyncio.gather(*(one(request) for request in requests))


async def _send_again(lines: Lines, request: Request, tally: Tally) -> None:
    """A request that nobody answered: sent again it is answered, however far it had come."""
    if not await request.send(lines):
        tally.problems.append(f"{request.key} was not taken after the restart")


async def _compare(lines: Lines, request: Request, tally: Tally) -> None:
    """The same request again gives the same answer."""
    if not request.took_effect:
        return
    status, answer = await request.send_again(lines)
    same = request.kind in STANDING or plain(answer) == plain(request.answer)
    if status != request.status or not same:
        tally.lost.append(f"{request.kind} {request.key}: {request.status} {request.answer} became {status} {answer}")


def plain(answer: Any) -> Any:
    """An answer without the ids of the requests that it was given to."""
    if isinstance(answer, list):
        return [plain(one) for one in answer]
    if isinstance(answer, dict):
        return {name: plain(value) for name, value in answer.items() if name != "request_id"}
    return answer


async def _find(lines: Lines, requests: Sequence[Request], since_us: int, tally: Tally) -> None:
    """Every order that was answered is found once, as it was acknowledged: in its company's list, and where nobody had
    heard of it by its client order id, too."""
    for secret in sorted({request.secret for request in requests if request.orders}):
        listed = await _listed(lines, secret, since_us)
        for request in requests:
            if request.secret == secret:
                for body, status, answer in request.answered_orders():
                    found = listed.get(body["client_order_id"], [])
                    tally.lost += _unlike(body, status, answer, found)


async def _look_up(lines: Lines, request: Request, tally: Tally) -> None:
    headers = {"Authorization": f"Bearer {request.secret}"}
    for body, status, answer in request.answered_orders():
        query = {"params": {"client_order_id": body["client_order_id"]}}
        found = (await lines.ask("GET", "/v1/orders", headers, 60, query))[1]["items"]
        tally.lost += _unlike(body, status, answer, found)


async def _listed(lines: Lines, secret: str, since_us: int) -> dict[str, list[dict[str, Any]]]:
    """A company's orders that have changed since, by client order id."""
    headers = {"Authorization": f"Bearer {secret}"}
    params: dict[str, Any] = {"since": to_text(since_us), "limit": PAGE_MAX}
    found: dict[str, list[dict[str, Any]]] = {}
    while True:
        page = (await lines.ask("GET", "/v1/orders", headers, 60, {"params": params}))[1]
        for one in page["items"]:
            found.setdefault(one["client_order_id"], []).append(one)
        if page["next_cursor"] is None:
            return found
        params["cursor"] = page["next_cursor"]


def _unlike(body: dict[str, Any], status: int, answer: dict[str, Any], found: list[dict[str, Any]]) -> Iterator[str]:
    """How what is found differs from the order that was answered."""
    name = body["client_order_id"]
    if len(found) != 1:
        yield f"{name} was answered with {status} and is found {len(found)} times"
        return
    wanted = {name: body[name] for name in ("client_order_id", "product_id", "side", "time_in_force")}
    if status == 201:
        wanted["order_id"] = answer["order_id"]
    if any(found[0][name] != value for name, value in wanted.items()):
        yield f"{wanted} is {found[0]}"
    if (found[0]["status"] == "rejected") == (status == 201):
        yield f"{name} was answered with {status} and is {found[0]['status']}"


# --- money and limits


def wrong_money(recount: Recount, floor: Floor, wanted_fen: int) -> Iterator[str]:
    """Deposits that were not credited and passed on exactly once."""
    for company in floor.companies:
        if company.buys and recount.credited[company.participant_id] != wanted_fen:
            credited = format_money(recount.credited[company.participant_id])
            yield f"{company.participant_id} paid {format_money(wanted_fen)} in and was credited {credited}"
    if set(recount.deposits) != set(recount.grants):
        yield f"credited but not granted, or the other way: {set(recount.deposits) ^ set(recount.grants)}"
    if recount.asked != set(recount.reductions):
        yield f"asked to be paid out but not asked of the exchange: {recount.asked ^ set(recount.reductions)}"


def wrong_limits(recount: Recount, store: Store) -> Iterator[str]:
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
