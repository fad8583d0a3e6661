"""The rounds of the crash test on one store."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from kernel.store import Store
from tests.crash.check import Tally, check_logs, check_requests
from tests.crash.sending import Request, Sender, Teller
from tests.e2e.floor import CASH_FEN, Floor
from tests.e2e.server import Server, verify, verify_here

#: How many requests are answered before the kill, and how long it waits for them at most.
KILL_AFTER_ANSWERS = (100, 900)
KILL_AFTER_S_MAX = 10.0
BUYERS = SELLERS = 3
#: Connections of each company; one more moves its money, and one more brings the bank's statements.
SENDERS = 2


def run_rounds(database_url: str, rounds: int, seed: int) -> Tally:
    """Opens a market on an empty database, then loads, kills, restarts and checks ``rounds`` times."""
    tally, chance, sent = Tally(), random.Random(seed), list[Request]()
    with tempfile.TemporaryDirectory(prefix="h2market-crash-") as folder:
        server = Server(database_url, Path(folder))
        floor, store = Floor(server), Store(database_url)
        floor.found()
        server.start()
        try:
            with httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client:
                floor.open(client, BUYERS, SELLERS, CASH_FEN)
                for _ in range(rounds):
                    _round(floor, store, client, chance, sent, tally)
        finally:
            server.stop()
            store.close()
        _prove(verify(database_url), tally)
        if tally.problems or tally.lost or tally.doubled or not tally.verified:
            tally.problems.append(server.log_tail())
    return tally


def _round(
    floor: Floor, store: Store, client: httpx.Client, chance: random.Random, sent: list[Request], tally: Tally
) -> None:
    senders = _senders(floor, tally.rounds, chance)
    asyncio.run(_load_and_kill(floor.server, senders, chance.randint(*KILL_AFTER_ANSWERS), chance.uniform(0, 0.02)))
    requests = [request for sender in senders for request in sender.requests]
    _prove(verify_here(floor.server.database_url), tally)  # as the kill left it
    floor.server.start()
    asyncio.run(check_requests(floor.server.url, store, requests, tally))
    floor.server.catch_up(client)
    sent += requests
    check_logs(store, floor, sent, tally)
    tally.rounds += 1


def _senders(floor: Floor, number: int, chance: random.Random) -> list[Sender]:
    def seeded() -> random.Random:
        return random.Random(chance.randrange(1 << 32))

    senders = [
        Sender(company, f"r{number}.{company.participant_id}.{connection}", seeded())
        for company in floor.companies
        for connection in range(SENDERS)
    ]
    tellers = [
        Teller(company, f"r{number}.{company.participant_id}.payout", seeded())
        for company in floor.companies
        if company.side == "buy"
    ]
    bank = Teller(floor.market_operator, f"r{number}.bank", seeded(), floor=floor)
    return [*senders, *tellers, bank]


async def _load_and_kill(server: Server, senders: Sequence[Sender], answers: int, pause_s: float) -> None:
    """Ends the server ``pause_s`` after so many answers, in the middle of whatever it does then."""
    limits = httpx.Limits(max_connections=len(senders))
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=30, limits=limits) as client:
        load = asyncio.gather(*(sender.run(client) for sender in senders))
        until = time.monotonic() + KILL_AFTER_S_MAX
        while sum(len(one.requests) for one in senders) < answers and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await asyncio.sleep(pause_s)
        server.kill()
        await load


def _prove(verified: tuple[int, dict[str, Any]], tally: Tally) -> None:
    code, told = verified
    tally.verified &= code == 0
    if code:
        tally.problems.append(f"verify: {told['findings'][:5]}")
