"""The rounds of the crash test on one store."""

from __future__ import annotations

import asyncio
import random
import secrets
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from benchmarks.orders import NOW, PRODUCT, Market
from h2market.bootstrap import create_key
from kernel.config import Settings
from seeds.identity import credit_code
from tests.crash import check
from tests.crash.load import Memory, load_until_gone
from tests.crash.server import Server

#: How long the load lasts before the kill, in seconds.
KILL_AFTER_S = (0.8, 3.0)


@dataclass(slots=True)
class Tally:
    """What the rounds found."""

    rounds: int = 0
    acked: int = 0
    unacked: int = 0
    unacked_found: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    verified: bool = True
    problems: list[str] = field(default_factory=list)


def run_rounds(database_url: str, rounds: int, seed: int) -> Tally:
    """Opens a market on an empty database, then loads, kills, restarts and checks ``rounds`` times."""
    tally = Tally()
    chance = random.Random(seed)
    service_key = secrets.token_hex(24)
    settings = Settings(database_url=database_url)
    scopes = ("operate", "read", "audit")
    key = asyncio.run(
        create_key(settings, None, scopes, "crash", credit_code(8_999), ("Crash", "测试"), secrets.token_bytes)
    )
    with tempfile.TemporaryDirectory(prefix="h2market-crash-") as folder:
        server = Server(database_url, service_key, NOW, Path(folder) / "server.log")
        server.start()
        try:
            market = Market(server.port, key.secret, service_key)
            market.open()
            for number in range(rounds):
                _round(database_url, server, market, f"r{number}", chance, tally)
        finally:
            server.stop()
        if tally.problems or tally.lost or tally.doubled or not tally.verified:
            tally.problems.append((Path(folder) / "server.log").read_text()[-4_000:])
    return tally


def _round(database_url: str, server: Server, market: Market, name: str, chance: random.Random, tally: Tally) -> None:
    memory = Memory()
    asyncio.run(_load_and_kill(server, market, name, memory, chance))
    server.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=60, trust_env=False) as client:
        rows = check.rows_by_client_id(database_url)
        tally.lost += check.lost(memory, rows, client)
        found, wrong = check.send_again(memory, rows, client)
    tally.doubled += wrong
    tally.doubled += check.doubled(database_url)
    server.stop()
    verified, said = check.verify(database_url)
    tally.verified &= verified
    if not verified:
        tally.problems.append(said)
    server.start()
    tally.rounds += 1
    tally.acked += memory.answered
    tally.unacked += len(memory.unanswered())
    tally.unacked_found += found


async def _load_and_kill(server: Server, market: Market, name: str, memory: Memory, chance: random.Random) -> None:
    base_url = f"http://127.0.0.1:{server.port}"
    load = asyncio.create_task(load_until_gone(base_url, market.keys, PRODUCT, name, memory, chance.randrange(10**6)))
    await asyncio.sleep(chance.uniform(*KILL_AFTER_S))
    await asyncio.to_thread(server.kill)
    await load
