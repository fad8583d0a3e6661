"""The rounds of the crash test on one store."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from kernel.quantity import parse_price
from kernel.store import Store
from tests.crash.check import Tally, check_requests, wrong_limits, wrong_money
from tests.crash.hauliers import (
    DELIVERED,
    DELIVERED_TERMS,
    HAULAGE,
    HAULAGE_TERMS,
    Carried,
    carrier_terms,
    receiver_terms,
)
from tests.crash.hearing import wait, wrong_book, wrong_orders, wrong_tickers
from tests.crash.judge import Evidence, Judge, Testimony
from tests.crash.listening import EVENTS, Audience, EventReader, Heard, Reader
from tests.crash.logs import Logs
from tests.crash.market_time import MarketTime
from tests.crash.requests import Lines, Request
from tests.crash.sending import DEPOSIT_FEN, PRODUCTS, SECOND_TERMS, Sender, Teller
from tests.crash.specialists import Broker, DeadMan, Switcher, Warden, Wire
from tests.crash.undoing import COURSES, Undoer
from tests.e2e.floor import CASH_FEN, TERMS, Company, Floor
from tests.e2e.server import Server, verify, verify_here

#: How many requests are answered before the kill, and how long it waits for them at most.
KILL_AFTER_ANSWERS = (150, 700)
KILL_AFTER_S_MAX = 10.0
#: How many of a hundred servers are killed a second time, and how soon: their followers have not caught up then, nor
#: have those who read their streams.
KILLED_AGAIN_PERCENT = 20
KILLED_AGAIN_S = (0, 0.2)
BUYERS, SELLERS, KEEPERS, HAULIERS = 2, 2, 1, 1
#: What is traded.
ALL_PRODUCTS = (*PRODUCTS, HAULAGE, DELIVERED)
#: Connections of each company over REST, beside the specialists.
SENDERS = 2
#: How often of a hundred looks each company renews its dead-man switch: some hardly ever.
RENEWS_PERCENT = (90, 15, 50, 10, 30, 70)

Witness = Callable[[Evidence], None]


def run_rounds(database_url: str, rounds: int, seed: int, witness: Witness = lambda _evidence: None) -> Tally:
    """Opens a market on an empty database, then loads, kills, restarts and checks ``rounds`` times. ``witness`` sees
    the evidence of each round, too."""
    with tempfile.TemporaryDirectory(prefix="h2market-crash-") as folder:
        server = Server(database_url, Path(folder))
        store = Store(database_url)
        house = Rounds(Floor(server), store, seed, witness)
        try:
            house.open()
            for _ in range(rounds):
                house.round()
        finally:
            house.close()
            store.close()
        tally = house.tally
        prove(verify(database_url), tally)
        tally.server_log = server.log_tail()
    return tally


class Rounds:
    """One market, those who trade on it and those who listen to it, over many kills."""

    def __init__(self, floor: Floor, store: Store, seed: int, witness: Witness) -> None:
        self.tally = Tally()
        self._witness = witness
        self._floor = floor
        self._server = floor.server
        self._store = store
        self._chance = random.Random(seed)
        self._time = MarketTime()
        self._logs = Logs(store)
        price_max_fen = parse_price(TERMS["price_max"])
        self._judge = Judge(floor.mass_kg, price_max_fen, self._time.outages, self.tally)
        self._paid_in = 0
        self._audience: Audience | None = None
        self._second: Company | None = None  # of the operator's two people
        self._client = httpx.Client(base_url=floor.server.url, trust_env=False, timeout=60)

    def open(self) -> None:
        """Founds the market and lets the readers begin."""
        self._floor.found()
        self._server.start()
        self._floor.open(self._client, BUYERS, SELLERS, CASH_FEN, KEEPERS, HAULIERS)
        for terms in (SECOND_TERMS, HAULAGE_TERMS, DELIVERED_TERMS):
            self._floor.ask(self._client, "POST", "/v1/products", json=terms)
        key = {"scopes": ["operate", "read"], "label": "second"}
        secret = self._floor.ask(self._client, "POST", "/v1/keys", json=key)["secret"]
        self._second = self._floor.market_operator._replace(secret=secret)
        self._audience = Audience(self._readers())
        self._audience.start()
        begun = wait(lambda: all(one.first >= 0 for one in self._audience.all_heard()))  # type: ignore[union-attr]
        assert begun, "the readers could not begin"

    def close(self) -> None:
        """Ends everything, in order."""
        if self._audience is not None:
            self._audience.stop()
        self._server.stop()
        self._client.close()

    def _readers(self) -> list[Reader | EventReader]:
        every = [("trades", None), ("status", None), ("ticker", None)]
        books = [(channel, product_id) for channel in ("book", "orders") for product_id in ALL_PRODUCTS]
        url, found = self._server.url, list[Reader | EventReader]()
        for number, company in enumerate(self._floor.companies):
            # Some look at everything, others at their own business and, now and then, at the top of a book.
            wide = number % 2 == 0
            channels = [("own", None), *(every + books if wide else [*every[:1], books[0]])]
            options = {} if wide else {"depth": 5, "throttle_ms": 50}
            found.append(Reader(company.participant_id, url, company.secret, channels, self._seed(), **options))
        first, operator = self._floor.companies[0], self._floor.market_operator
        found.append(EventReader(first.participant_id, url, first.secret, by_header=True, seed=self._seed()))
        found.append(EventReader("", url, operator.secret, by_header=False, seed=self._seed()))
        return found

    def _seed(self) -> int:
        return self._chance.randrange(1 << 32)

    # --- one round

    def round(self) -> None:
        """Load, kill, restart, check."""
        senders, since_us = self._senders(self.tally.rounds), self._time.acked_us
        with self._timed("load"):
            answers, pause_s = self._chance.randint(*KILL_AFTER_ANSWERS), self._chance.uniform(0, 0.02)
            asyncio.run(self._load_and_kill(senders, answers, pause_s))
        requests = [request for sender in senders for request in sender.requests]
        with self._timed("verify"):
            prove(verify_here(self._server.database_url), self.tally)  # as the kill left it
            known = self._logs.read_keys()
        with self._timed("restart"):
            self._restart()
            if self._chance.randrange(100) < KILLED_AGAIN_PERCENT:
                time.sleep(self._chance.uniform(*KILLED_AGAIN_S))
                self._kill()
                self._restart()
        with self._timed("ask again"):
            asyncio.run(check_requests(self._server.url, known, requests, since_us, self.tally))
            self._server.catch_up(self._client)
        with self._timed("compare"):
            self._check(requests)
        self.tally.rounds += 1

    def _senders(self, number: int) -> list[Sender]:
        floor, found = self._floor, list[Sender]()
        buyer, seller, keeper = (self._company(side) for side in ("buy", "sell", "both"))

        def named(company: Company, what: object) -> tuple[Company, str, random.Random, MarketTime]:
            return company, f"r{number}.{company.participant_id}.{what}", random.Random(self._seed()), self._time

        for company, renews_percent in zip(floor.companies, RENEWS_PERCENT, strict=True):
            if company.side == "haul":
                found += [Carried(*named(company, connection), **carrier_terms()) for connection in range(SENDERS)]
            else:
                found += [Sender(*named(company, connection)) for connection in range(SENDERS)]
            found.append(DeadMan(*named(company, "deadman"), renews_percent=renews_percent))
            if company.buys:
                found.append(Teller(*named(company, "payout")))
                found.append(Carried(*named(company, "delivered"), **receiver_terms()))
        operator = floor.market_operator
        found.append(Teller(*named(operator, "bank"), floor=floor))
        found += [
            Undoer(*named(operator, course), course=course, second=self._second, companies=tuple(floor.companies))
            for course in COURSES
        ]
        found.append(Warden(*named(operator, "warden")))
        found += [Broker(*named(buyer, "broker"), seller=seller), Broker(*named(keeper, "broker"), seller=seller)]
        found += [Wire(*named(company, "wire")) for company in floor.companies[1:] if company.side != "haul"]
        found += [Switcher(*named(one, "switch"), operator=operator) for one in (keeper, seller)]
        return found

    def _company(self, side: str) -> Company:
        return next(company for company in self._floor.companies if company.side == side)

    async def _load_and_kill(self, senders: Sequence[Sender], answers: int, pause_s: float) -> None:
        """Ends the server ``pause_s`` after so many answers, in the middle of whatever it does then."""
        async with Lines(self._server.url, len(senders) + 1) as lines:
            clock = self._time.run(lines, self._floor.operator, random.Random(self._seed()))
            load = asyncio.gather(clock, *(sender.run(lines) for sender in senders))
            until = time.monotonic() + KILL_AFTER_S_MAX
            while sum(len(one.requests) for one in senders) < answers and time.monotonic() < until:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            await asyncio.sleep(pause_s)
            self._kill()
            await load

    def _kill(self) -> None:
        self._server.kill()
        self.tally.kills += 1

    def _restart(self) -> None:
        self._server.clock = self._time.outage(self._chance)
        self._server.start()

    def _check(self, requests: Sequence[Request]) -> None:
        """The logs, the limits, the switches and the readers, now that the market is quiet."""
        exchange, tracking, settlement = self._logs.read_on()
        self._judge.read(exchange, tracking, settlement)
        names = {name for request in requests for name in request.names}
        evidence = Evidence(
            exchange, tracking, settlement, self._logs.keys, self._logs.made_under(names), requests,
            self._testimonies(exchange[-1].seq), tuple(self._time.outages), self._time.asked_us,
        )  # fmt: skip
        self._judge.judge(evidence)
        self._witness(evidence)
        self._judge.forget()
        self._paid_in += sum(request.kind == "statement" and request.took_effect for request in requests)
        recount, tally = self._judge.recount, self.tally
        tally.problems += wrong_money(recount, self._floor, CASH_FEN + self._paid_in * DEPOSIT_FEN)
        tally.problems += wrong_limits(recount, self._store)
        self._look_at_books()

    def _testimonies(self, last_seq: int) -> list[Testimony]:
        """What the readers heard of this round, once they have heard as much as there is to hear."""
        assert self._audience is not None
        self.tally.problems += self._audience.failures()
        found: list[Testimony] = []
        for one in self._audience.all_heard():
            self._collect(one)
            if one.channel in EVENTS | {"events"}:
                wanted = self._judge.wanted(one.channel, one.name or None, one.first)
                wait(lambda one=one, wanted=wanted: len(one.items) >= len(wanted))  # type: ignore[misc]
                items, one.items = one.items, []
                found.append(Testimony(one.name, one.channel, one.name or None, one.first, items))
                one.first = last_seq
        return found

    def _collect(self, one: Heard) -> None:
        """Takes over what a reader noticed itself."""
        tally = self.tally
        tally.streams_resumed += one.resumed
        tally.stream_gaps += one.gaps
        tally.stream_repeats += one.repeats
        (tally.problems if one.book is None else tally.book_mismatches).extend(one.problems)
        one.resumed, one.gaps, one.repeats, one.problems = 0, [], [], []

    def _look_at_books(self) -> None:
        assert self._audience is not None
        secret, trades = self._floor.operator, self._judge.told.trades
        for one in self._audience.all_heard():
            if one.channel in ("book", "orders"):
                self.tally.book_mismatches += wrong_book(self._client, secret, one)
            elif one.channel == "own":
                self.tally.book_mismatches += wrong_orders(one, self._judge.recount.open)
            elif one.channel == "ticker":
                self.tally.book_mismatches += wrong_tickers(self._client, secret, one, ALL_PRODUCTS, trades)

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.tally.seconds[what] = self.tally.seconds.get(what, 0) + time.monotonic() - began


def prove(verified: tuple[int, dict[str, Any]], tally: Tally) -> None:
    """Adds what `h2market verify` found."""
    code, told = verified
    tally.verified &= code == 0
    if code:
        tally.problems.append(f"verify: {told['findings'][:5]}")
