"""The process that writes says nothing any more: it is killed and its outcome read back, or, where it does not die,
nobody is promised anything and nothing is written until it does."""

from __future__ import annotations

import asyncio
import os
import select
import signal
from pathlib import Path

import pytest

import kernel.scribe
from kernel.errors import OutcomeUnknown, Unavailable
from kernel.messages import Recorded
from kernel.scribe import Hung, Lost, NotWritten, Scribe
from kernel.sequencer import Outcome, Sequencer
from kernel.writer import POSTED_MAX
from tests.kernel.counter import Add, memory_room
from tests.kernel.test_outage import mended
from tests.kernel.test_posted import scribe_of, send
from tests.kernel.test_scribe import Desk, desk_in
from tests.kernel.test_sequencer import findings, key, running, until, values

WAIT_S = 10


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is too slow for a test, unless it is stopped by one."""
    monkeypatch.setattr(kernel.scribe, "TICK_S", 3_600)
    monkeypatch.setattr(kernel.scribe, "DEATH_S_MAX", 30)
    monkeypatch.setattr(kernel.scribe, "LOOK_AFTER_HUNG_EVERY_S", 0.005)


def stop(scribe: Scribe) -> None:
    os.kill(scribe._process.pid, signal.SIGSTOP)


def undying(scribe: Scribe) -> int:
    """The kernel waits for a disk on its behalf: a kill is heeded later. Returns whom to kill then."""
    stop(scribe)
    scribe._process.kill = lambda: None  # type: ignore[method-assign]
    kernel.scribe.DEATH_S_MAX = 0.1
    return scribe._process.pid


async def silence(scribe: Scribe) -> None:
    """Its time is over."""
    for _ in range(kernel.scribe.SILENT_TICKS_MAX):
        scribe._tick()
    await until(lambda: not scribe.dying)


# --- the process


def test_one_that_says_nothing_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel.scribe, "TICK_S", 0.005)

    async def run() -> None:
        async with desk_in(tmp_path) as desk:
            stop(desk.scribe)
            for number in (1, 2):
                desk.post("silent", (number, "x"))
            assert await desk.said(2) == [("silent", Lost), ("silent", Lost)]
            assert (desk.scribe.ended, desk.scribe.silenced, desk.scribe.hung) == (True, True, False)
            assert desk.numbers() == []

    asyncio.run(run())


def test_a_word_in_time_lets_it_live(tmp_path: Path) -> None:
    """And one with nothing to do may say nothing for as long as it likes."""

    async def run() -> None:
        async with desk_in(tmp_path) as desk:
            for number in (1, 2, 3):
                stop(desk.scribe)
                desk.post("late", (number, "x"))
                for _ in range(kernel.scribe.SILENT_TICKS_MAX - 1):
                    desk.scribe._tick()
                os.kill(desk.scribe._process.pid, signal.SIGCONT)
                await desk.said(number)
            for _ in range(2 * kernel.scribe.SILENT_TICKS_MAX):
                desk.scribe._tick()
            assert (desk.scribe.ended, desk.scribe.dying, desk.numbers()) == (False, False, [1, 2, 3])

    asyncio.run(run())


def test_what_it_said_while_the_loop_was_held_up_counts(tmp_path: Path) -> None:
    async def run() -> None:
        async with desk_in(tmp_path) as desk:
            stop(desk.scribe)
            desk.post("said", (1, "x"))
            for _ in range(kernel.scribe.SILENT_TICKS_MAX - 1):
                desk.scribe._tick()
            os.kill(desk.scribe._process.pid, signal.SIGCONT)
            while not desk.numbers():
                pass  # the loop hears nothing meanwhile
            select.select([desk.scribe._channel], [], [], 20)
            desk.scribe._tick()
            assert (desk.heard, desk.scribe.dying) == ([("said", None)], False)

    asyncio.run(run())


def test_one_that_does_not_die_is_told_of(tmp_path: Path) -> None:
    async def run() -> None:
        async with desk_in(tmp_path) as desk:
            changes: list[tuple[bool, bool]] = []
            desk.scribe.changed = lambda: changes.append((desk.scribe.hung, desk.scribe.ended))
            desk.post("first", (1, "x"))
            await desk.said(1)
            pid = undying(desk.scribe)
            desk.post("silent", (2, "x"))
            await silence(desk.scribe)
            assert await desk.said(2) == [("first", None), ("silent", Hung)]
            with pytest.raises(NotWritten):
                desk.post("behind", (3, "x"))
            await until(lambda: changes == [(True, False)])
            os.kill(pid, signal.SIGKILL)
            await until(lambda: desk.scribe.ended)
            assert changes == [(True, False), (False, True)]
            assert len(desk.heard) == 2
            assert desk.numbers() == [1]

    asyncio.run(run())


@pytest.mark.parametrize("hangs", [False, True])
def test_closing_waits_for_it_no_longer_than_it_says(
    tmp_path: Path, hangs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr("kernel.scribe.SEND_BUFFER_BYTES", 1 << 16)  # a system may allow a larger one than is sent

    async def run() -> None:
        desk = Desk(tmp_path)
        desk.post("first", (1, "x"))
        await desk.said(1)
        pid = desk.scribe._process.pid
        if hangs:
            undying(desk.scribe)
        else:
            stop(desk.scribe)
        desk.post("large", *((number, "x" * 2_000) for number in range(2, 2_000)))
        assert desk.scribe._unsent
        desk.scribe.close(0.05)
        assert [type(error) for _, error in desk.heard[1:]] == [Hung if hangs else Lost]
        if hangs:
            os.kill(pid, signal.SIGKILL)
            await until(lambda: desk.scribe.ended)
        desk.end()
        assert desk.numbers() == [1]

    asyncio.run(run())


# --- the rooms


def test_a_room_goes_on_after_a_silence(sqlite_url: str) -> None:
    """Nobody waits for ever, and each is told what is so."""

    async def run() -> None:
        async with running(sqlite_url, memory_room()) as sequencer:
            await send(sequencer, 1)
            stop(scribe_of(sequencer))
            async with asyncio.timeout(WAIT_S):
                sent = [send(sequencer, 10)]
                await until(lambda: sequencer.writer._on_the_way == 1)
                sent.append(send(sequencer, 100))
                await until(lambda: sequencer.writer._on_the_way == POSTED_MAX)
                await silence(scribe_of(sequencer))
                results = await asyncio.gather(*sent, return_exceptions=True)
                assert [type(one) for one in results] == [Unavailable, Unavailable]
                assert (await send(sequencer, 1_000)).seq == 2
            assert (sequencer.broken, sequencer.writer.silences, sequencer.rebuilds) == (None, 1, 1)
            assert (values(sequencer), findings(sequencer)) == ({"a": 1_001}, [])

    asyncio.run(run())


async def hang(sequencer: Sequencer, sent: list[asyncio.Future[Outcome]]) -> int:
    """Two batches are on their way, and a third command waits, when the process hangs for good. Returns its number."""
    await send(sequencer, 1)
    pid = undying(scribe_of(sequencer))
    for number, amount in enumerate((10, 100), 1):
        sent.append(asyncio.ensure_future(sequencer.submit(Add("a", amount), actor="K1", key=key(f"k{amount}"))))
        await until(lambda number=number: sequencer.writer._on_the_way == number)  # type: ignore[misc]
    sent.append(send(sequencer, 1_000))
    await until(lambda: sequencer.waiting == 1)
    await silence(scribe_of(sequencer))
    async with asyncio.timeout(WAIT_S):
        await asyncio.gather(*sent, return_exceptions=True)
    return pid


@pytest.mark.parametrize("written", [False, True])
def test_nothing_is_promised_or_written_while_it_hangs(sqlite_url: str, written: bool) -> None:
    async def run() -> None:
        heard: list[Recorded] = []
        async with running(sqlite_url, memory_room()) as sequencer:
            sequencer.on_commit(heard.extend)
            sent: list[asyncio.Future[Outcome]] = []
            pid = await hang(sequencer, sent)
            # What it was sent may still come; what only waited was never sent.
            assert [type(one.exception()) for one in sent] == [OutcomeUnknown, OutcomeUnknown, Unavailable]
            told: list[str | None] = [sequencer.broken]
            async with asyncio.timeout(WAIT_S):
                for _ in range(3):
                    with pytest.raises(Unavailable):
                        await send(sequencer, 10_000)
                    with pytest.raises(Unavailable):
                        await sequencer.mend()
                with pytest.raises(NotWritten):
                    await sequencer.writer.write([])
            assert ([one.seq for one in heard], values(sequencer)) == ([1], {"a": 1})
            if written:  # the disk comes back, and what it was in the middle of is done before it dies
                os.kill(pid, signal.SIGCONT)
                await until(lambda: values(sequencer) == {"a": 111})
            os.kill(pid, signal.SIGKILL)
            async with asyncio.timeout(WAIT_S):
                await until(lambda: not sequencer.writer.hung)
                await mended(sequencer)
                assert [one.seq for one in heard] == ([1, 2, 3] if written else [1])
                again = [await sequencer.submit(Add("a", one), actor="K1", key=key(f"k{one}")) for one in (10, 100)]
            assert [(one.seq, one.replayed) for one in again] == [(2, written), (3, written)]
            assert ([one.seq for one in heard], values(sequencer)) == ([1, 2, 3], {"a": 111})
            told.append(sequencer.broken)
            assert (told, findings(sequencer)) == (["Hung", None], [])

    asyncio.run(run())


def test_whoever_waits_for_the_thread_is_refused_too(sqlite_url: str) -> None:
    """Turns that stood behind what was on its way."""

    async def run() -> None:
        async with running(sqlite_url, memory_room()) as sequencer:
            await send(sequencer, 1)
            pid = undying(scribe_of(sequencer))
            sent = send(sequencer, 10)
            await until(lambda: sequencer.writer._on_the_way == 1)
            worked = asyncio.ensure_future(sequencer.writer.run(lambda _connection: None))
            read = asyncio.ensure_future(sequencer.read(lambda _machine: None))
            await silence(scribe_of(sequencer))
            async with asyncio.timeout(WAIT_S):
                results = await asyncio.gather(sent, worked, read, return_exceptions=True)
            assert [type(one) for one in results] == [OutcomeUnknown, Hung, Unavailable]
            os.kill(pid, signal.SIGKILL)
            await until(lambda: not sequencer.writer.hung)
            await mended(sequencer)

    asyncio.run(run())


@pytest.mark.parametrize("when", ["waiting", "hung", "hung before"])
def test_a_stop_waits_no_longer_than_it_says(sqlite_url: str, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits is answered; and nothing is written by anybody afterwards but by the process that hangs."""
    monkeypatch.setattr("kernel.writer.END_S_MAX", 0.2)

    async def run() -> None:
        async with running(sqlite_url, memory_room()) as sequencer:
            await send(sequencer, 1)
            scribe = scribe_of(sequencer)
            stop(scribe) if when == "waiting" else undying(scribe)
            sent = send(sequencer, 10)
            await until(lambda: sequencer.writer._on_the_way == 1)
            if when == "hung before":
                await silence(scribe)
                with pytest.raises(OutcomeUnknown):
                    await sent
            async with asyncio.timeout(WAIT_S):
                await asyncio.to_thread(sequencer.writer.stop)
                (answer,) = await asyncio.gather(sent, return_exceptions=True)
            assert type(answer) is (Unavailable if when == "waiting" else OutcomeUnknown)
            if when != "waiting":
                os.kill(scribe._process.pid, signal.SIGKILL)
            await until(lambda: scribe.ended)
            assert values(sequencer) == {"a": 1}

    asyncio.run(run())
