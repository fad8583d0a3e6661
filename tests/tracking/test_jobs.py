"""What the scheduler ends and accepts, and what it leaves alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from kernel.jobs import AlarmClock, Job
from kernel.quantity import MICROS_PER_S
from tests.tracking.room import House, running
from tests.tracking.scene import BUYER, HOUR, NOW, SELLER, WINDOW_END
from tracking.delivery import ACCEPTANCE_S
from tracking.jobs import IDS_PER_COMMAND_MAX, JOBS, LAPSE_AFTER_S, accept_overdue, lapse
from tracking.published import FACTS

LAPSE_AT = WINDOW_END + LAPSE_AFTER_S * MICROS_PER_S


async def states(house: House) -> dict[str, str]:
    items = (await house.get(SELLER, "/v1/shipments", limit=500))["items"]
    return {item["shipment_id"]: item["state"] for item in items}


def test_what_was_not_begun_lapses_two_hours_after_its_window(database_url: str) -> None:
    async def run() -> None:
        async with running(database_url) as house:
            await house.plan(loads=2)
            await house.haul(20, loads=1)
            await house.haul(21, loads=2)
            await house.nominate()
            await house.transport()
            await house.move_to(LAPSE_AT - 1)
            seq = house.service.sequencer.tail.seq
            await lapse(house.service)
            assert house.service.sequencer.tail.seq == seq
            await house.move_to(LAPSE_AT)
            await lapse(house.service)
            assert await states(house) == {"S10-1": "lapsed", "S10-2": "lapsed"}
            haulage = (await house.get(BUYER, "/v1/haulage"))["items"]
            assert {item["state"] for item in haulage} == {"lapsed"}
            assert (await house.get("P3", "/v1/vehicles"))["items"][0]["shipment_id"] is None
            seq = house.service.sequencer.tail.seq
            await lapse(house.service)
            assert house.service.sequencer.tail.seq == seq
            with house.service.store.reading() as session:
                loads = list(FACTS["loads"].read(session))
                assert [(fact.outcome, fact.closed_at) for fact in loads] == [("lapsed", LAPSE_AT)] * 2  # type: ignore[attr-defined]
                waiting = [fact.shipment_id for fact in FACTS["haulage"].read(session)]  # type: ignore[attr-defined]
                assert waiting == ["S10-1", "S10-2", ""]
            assert house.findings() == []

    asyncio.run(run())


def test_a_lorry_at_the_loading_arm_is_left_alone(database_url: str) -> None:
    async def run() -> None:
        async with running(database_url) as house:
            await house.to_transport()
            await house.plan(11)
            await house.move_to(WINDOW_END - 1)
            await house.read("load", "giver", SELLER, 330)
            await house.move_to(LAPSE_AT + 24 * HOUR)
            await lapse(house.service)
            assert await states(house) == {"S10-1": "loading", "S11-1": "lapsed"}
            digest = (await house.read("load", "taker", "P3", 330))["hand_over"]["digest"]
            await house.sign("load", "giver", SELLER, digest)
            await house.sign("load", "taker", "P3", digest)
            await lapse(house.service)
            assert (await states(house))["S10-1"] == "loaded"
            assert house.findings() == []

    asyncio.run(run())


def test_a_buyer_that_says_nothing_has_accepted_after_a_day(database_url: str) -> None:
    async def run() -> None:
        async with running(database_url) as house:
            await house.to_delivered()
            await house.move_to(NOW + ACCEPTANCE_S * MICROS_PER_S - 1)
            await accept_overdue(house.service)
            assert await states(house) == {"S10-1": "delivered"}
            await house.move_to(NOW + ACCEPTANCE_S * MICROS_PER_S)
            await accept_overdue(house.service)
            assert await states(house) == {"S10-1": "accepted"}
            await accept_overdue(house.service)
            steps = (await house.get(BUYER, "/v1/shipments/S10-1/timeline"))["items"]
            assert [step["kind"] for step in steps].count("LoadAccepted") == 1
            assert house.findings() == []

    asyncio.run(run())


def test_many_lapse_in_one_run(sqlite_url: str) -> None:
    async def run() -> None:
        async with running(sqlite_url) as house:
            loads = IDS_PER_COMMAND_MAX + 1
            await house.plan(loads=loads)
            await house.haul(loads=loads + 2)
            await house.move_to(LAPSE_AT)
            await lapse(house.service)
            assert set((await states(house)).values()) == {"lapsed"}
            with house.service.store.reading() as session:
                haulage = [fact.state for fact in FACTS["haulage"].read(session)]  # type: ignore[attr-defined]
            assert haulage == ["lapsed"] * (loads + 2)

    asyncio.run(run())


def test_both_jobs_ring_every_hour_of_simulated_time(sqlite_url: str) -> None:
    async def run() -> None:
        async with running(sqlite_url) as house:
            await house.plan()
            alarm = AlarmClock(house.clock, [(job, _bound(job, house)) for job in JOBS])
            await alarm.start()
            assert await alarm.advance(LAPSE_AT - 1) == len(JOBS) * (LAPSE_AT - NOW) // HOUR
            assert await states(house) == {"S10-1": "planned"}
            await alarm.advance(LAPSE_AT)
            assert await states(house) == {"S10-1": "lapsed"}
            assert alarm.failures == {}
            alarm.stop()

    asyncio.run(run())


def _bound(job: Job, house: House) -> Callable[[], Awaitable[None]]:
    return lambda: job.run(house.service)
