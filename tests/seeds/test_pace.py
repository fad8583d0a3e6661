"""Time stops wherever a job of any process rings, and goes on when what the job did has been followed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from kernel.clock import from_text, to_text
from seeds.pace import Pace
from seeds.trips import MINUTE_US

START = from_text("2026-03-02T08:00:00+08:00")


MINUTES = {"tracking": 5, "settlement": 15}


class Processes:
    """Two processes with a job each; what tracking's does at a quarter past eight, settlement then follows."""

    wire = SimpleNamespace(processes=tuple(MINUTES))

    def __init__(self) -> None:
        self.now_us = dict.fromkeys(MINUTES, START)
        self.rang_us = dict.fromkeys(MINUTES, START)
        self.events = dict.fromkeys(MINUTES, 7)
        self.followed = 7
        self.told: list[str] = []

    def post(self, _path: str, body: dict[str, Any], *, service: str) -> dict[str, Any]:
        now = body["now"][11:16]
        self.now_us[service] = from_text(body["now"])
        self.told.append(f"{service} {now}{' rings' if body['ring'] else ''}")
        every = MINUTES[service] * MINUTE_US
        fired = self.now_us[service] // every - self.rang_us[service] // every
        rings_at = (self.rang_us[service] // every + 1) * every
        if body["ring"]:
            assert set(self.now_us.values()) == {self.now_us[service]}, f"a clock does not show {now} yet"
            rings_at += fired * every
            self.rang_us[service] = self.now_us[service]
            if service == "tracking":
                assert self.followed == self.events["tracking"], f"it is {now} before settlement has followed"
                self.events["tracking"] += now == "08:15"
        return {"fired": fired, "rings_at": to_text(rings_at), "events": self.events[service]}

    def get(self, _path: str, *, service: str) -> dict[str, Any]:
        self.told.append(f"look at {service}")
        lag = self.events["tracking"] - self.followed if service == "settlement" else 0
        self.followed += lag
        return {
            "rooms": [{"seq": self.events[service], "waiting": 0}],
            "followers": [{"lag": lag, "error": None}],
        }


def clocks(processes: Processes) -> list[str]:
    return [told for told in processes.told if not told.startswith("look")]


def test_time_stops_at_every_ring_and_every_clock_is_moved_before_one_rings() -> None:
    processes = Processes()
    pace = Pace(processes, START)  # type: ignore[arg-type]
    pace.move(START + 12 * MINUTE_US)
    pace.move(START + 15 * MINUTE_US)
    told: list[str] = []
    for at, ringing in (
        ("08:00", ()), ("08:05", ("tracking",)), ("08:10", ("tracking",)), ("08:12", ()),
        ("08:15", ("settlement", "tracking")),
    ):  # fmt: skip
        told += [f"settlement {at}", f"tracking {at}", *(f"{service} {at} rings" for service in ringing)]
    assert clocks(processes) == told
    assert pace.now_us == START + 15 * MINUTE_US


def test_what_a_job_did_is_followed_before_time_goes_on_and_nobody_looks_otherwise() -> None:
    processes = Processes()
    pace = Pace(processes, START)  # type: ignore[arg-type]
    pace.move(START + 10 * MINUTE_US)
    before = len(processes.told)
    pace.move(START + 25 * MINUTE_US)
    looks = [told for told in processes.told[before:] if told.startswith("look")]
    # Two quiet looks at each process before the move; then one that finds work, and two quiet ones, after 08:15.
    assert len(looks) == 2 * 2 + 3 * 2
    assert pace.now_us == START + 25 * MINUTE_US


class Alone:
    """One process whose job does something at a quarter past eight; what it does is followed when one looks."""

    wire = SimpleNamespace(processes=("exchange",))

    def __init__(self) -> None:
        self.events, self.lag = 7, 0
        self.told: list[str] = []

    def post(self, _path: str, body: dict[str, Any], *, service: str) -> dict[str, Any]:
        assert (body["pause"], service, self.lag) == (True, "exchange", 0)
        now = body["now"]
        if self.events == 7 and from_text(now) >= START + 15 * MINUTE_US:
            self.events, self.lag, now = 8, 1, to_text(START + 15 * MINUTE_US)
        self.told.append(now[11:16])
        return {"now": now, "fired": 1, "rings_at": None, "events": self.events}

    def get(self, _path: str, *, service: str) -> dict[str, Any]:
        self.told.append("look")
        lag, self.lag = self.lag, 0
        return {
            "rooms": [{"seq": self.events, "waiting": 0}],
            "followers": [{"lag": lag, "error": None}],
        }


def test_one_process_is_moved_by_the_hour_and_followed_where_a_job_did_something() -> None:
    process = Alone()
    pace = Pace(process, START)  # type: ignore[arg-type]
    pace.move(START + 150 * MINUTE_US)
    assert process.told == ["look", "08:15", "look", "look", "09:15", "10:15", "10:30"]
    assert pace.now_us == START + 150 * MINUTE_US
