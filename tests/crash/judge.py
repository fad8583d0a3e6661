"""Judges what a round left behind: the events of its logs, what was asked and answered, and what the readers heard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.crash.check import Tally
from tests.crash.coverage import Coverage
from tests.crash.deadmen import DeadMen
from tests.crash.effects import doubled, lost
from tests.crash.loads import Loads
from tests.crash.logs import Logged, Range
from tests.crash.recalls import Recalls
from tests.crash.recount import Recount
from tests.crash.requests import Request
from tests.crash.three_parties import ThreeParties
from tests.crash.told import Item, Told, differences


@dataclass(frozen=True, slots=True)
class Testimony:
    """What one reader heard after position ``after``. ``participant_id`` is the company whose own business it hears of,
    None for everybody's."""

    name: str
    channel: str
    participant_id: str | None
    after: int
    items: Sequence[Item]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a round left behind. The events are those since the round before, ``made`` those of each request's key."""

    exchange: Sequence[Logged]
    tracking: Sequence[Logged]
    settlement: Sequence[Logged]
    keys: Mapping[tuple[str, str], Range]
    made: Mapping[tuple[str, str], Sequence[Logged]]
    requests: Sequence[Request]
    testimonies: Sequence[Testimony]
    outages: Sequence[tuple[int, int]]  # see `MarketTime`
    now_us: int  # where the market's clock stands


class Judge:
    """Takes the evidence of one round after another."""

    def __init__(self, mass_kg: int, price_max_fen: int, outages: Sequence[tuple[int, int]], tally: Tally) -> None:
        self.recount = Recount(mass_kg, price_max_fen)
        self.told = Told()
        self._tally = tally
        self._doubled: set[Any] = set()  # what took effect twice and was told
        self._granted_wrongly: list[str] = []  # recalls that were withdrawn by others
        self._three_parties = ThreeParties()
        self._recalls = Recalls(outages)
        self._loads = Loads()
        self._coverage = Coverage(self.recount, self._three_parties)
        self._dead_men = DeadMen(self.recount, outages)

    def read(self, exchange: Sequence[Logged], tracking: Sequence[Logged], settlement: Sequence[Logged]) -> None:
        """Counts the next events of the logs."""
        for one in exchange:
            try:
                self._dead_men.take(one)
                self._three_parties.take(one)
                self._recalls.take(one)
                self._loads.take(one)
                self._coverage.take(one)
                self.told.take(one)
                self.recount.take(one)
            except (KeyError, AssertionError) as error:
                self._tally.problems.append(f"event {one.seq}, {one.type}, does not follow: {error!r}")
        for one in tracking:
            self._loads.take(one)
        for one in settlement:
            self.recount.take(one)

    def judge(self, evidence: Evidence) -> None:
        """Adds what is wrong with a round whose events were read."""
        tally = self._tally
        doubles = self.recount.doubles()
        tally.doubled += [f"{name} took effect {doubles[name]} times" for name in doubles.keys() - self._doubled]
        self._doubled = set(doubles)
        tally.doubled += doubled(evidence.keys, evidence.exchange)
        for request in evidence.requests:
            self._coverage.answered(request)
            (name, *_) = request.names
            made = evidence.made.get(name)
            tally.lost += [
                f"{request.kind} {request.key} {what}"
                for what in lost(request, None if made is None else list(made), self.recount)
            ]
            self._granted_wrongly += self._recalls.answered(request, made or ())
        self._judge_switches(evidence.now_us)
        for one in evidence.testimonies:
            self._hear(one)
        tally.implied_matches = self._three_parties.matches.total()
        tally.implied_halves = [*self._three_parties.halves, *self._three_parties.unfinished()]
        self._judge_recalls(evidence.now_us)
        tally.order_types = dict(sorted(self._coverage.counts.items()))
        tally.order_types_missing = self._coverage.missing()

    def _judge_recalls(self, now_us: int) -> None:
        tally, recalls = self._tally, self._recalls
        tally.recall_ends, tally.recall_ends_missing = dict(sorted(recalls.ends.items())), recalls.missing()
        tally.recall_ends_across_kills = dict(sorted(recalls.ends_across_kills.items()))
        tally.recalls_wrong = [*recalls.wrong, *self._granted_wrongly, *recalls.unfinished(now_us)]
        tally.loads_wrong = list(self._loads.wrong())

    def _judge_switches(self, now_us: int) -> None:
        tally, dead_men = self._tally, self._dead_men
        tally.dead_men_armed, tally.dead_men_renewed = dead_men.armed, dead_men.renewed
        tally.dead_men_fired, tally.dead_men_fired_after_kill = dead_men.fired, dead_men.fired_after_outage
        tally.dead_men_missed = [*dead_men.missed, *dead_men.overdue(now_us)]

    def wanted(self, channel: str, participant_id: str | None, after: int) -> list[Item]:
        """What a reader should have heard of the events that were read since `forget`."""

        def fits(who: str) -> bool:
            if who in ("trade", "status"):
                return channel in ("events", "trades" if who == "trade" else who)
            return channel in ("events", "own") and participant_id in (None, who)

        return [item for who, item in self.told.items if item["seq"] > after and fits(who)]

    def _hear(self, one: Testimony) -> None:
        found = differences(self.wanted(one.channel, one.participant_id, one.after), one.items)
        who = f"{one.name} {one.channel}"
        self._tally.stream_items += len(one.items)
        self._tally.stream_gaps += [f"{who} did not hear {item}" for item in found.gaps]
        self._tally.stream_repeats += [f"{who} heard too often {item}" for item in found.repeats]
        if found.disordered:
            self._tally.problems.append(f"{who} heard events out of order")

    def forget(self) -> None:
        """The readers have heard of these events."""
        self.told.items.clear()
