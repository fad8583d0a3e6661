"""What becomes of what was decided, where something goes wrong with what it stands on, or behind it."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from kernel.batch import Result
from kernel.errors import H2MarketError, Internal, Unavailable
from kernel.scribe import Lost, Scribe
from kernel.sequencer import Envelope, Outcome, Sequencer
from kernel.writer import POSTED_MAX
from tests.kernel.counter import Add, Explode, memory_room
from tests.kernel.faults import Held
from tests.kernel.test_sequencer import findings, key, running, until, values


def scribe_of(sequencer: Sequencer) -> Scribe:
    """The process that writes, which has written before."""
    scribe = sequencer.writer._scribe
    assert scribe is not None
    return scribe


def send(sequencer: Sequencer, amount: int) -> asyncio.Future[Outcome]:
    return asyncio.ensure_future(sequencer.submit(Add("a", amount), actor="K1"))


async def two_on_the_way(sequencer: Sequencer, held: Held) -> list[asyncio.Future[Outcome]]:
    """Adds 10, which the scribe writes and nobody hears of yet, and on top of that 100, which it never writes."""
    first = send(sequencer, 10)
    await until(held.begun.is_set)
    os.kill(scribe_of(sequencer)._process.pid, signal.SIGSTOP)
    second = send(sequencer, 100)
    await until(lambda: sequencer.writer._on_the_way == POSTED_MAX)
    return [first, second]


def test_a_snapshot_waits_until_the_room_is_put_right(sqlite_url: str) -> None:
    """It would hold what never happened, and every start would begin with that."""

    async def run() -> None:
        async with running(sqlite_url, memory_room(), snapshot_every=2) as sequencer:
            await send(sequencer, 1)
            held = Held(sequencer)
            sent = await two_on_the_way(sequencer, held)
            held.go_on()
            assert (await sent[0]).seq == 2  # a snapshot is due, and waits for the second
            scribe_of(sequencer)._process.kill()
            with pytest.raises(Unavailable):
                await sent[1]
            assert await sequencer.read(lambda machine: machine.counters["a"].value) == 11
            assert (values(sequencer), findings(sequencer)) == ({"a": 11}, [])
        async with running(sqlite_url, memory_room()) as sequencer:
            assert await sequencer.read(lambda machine: machine.counters["a"].value) == 11

    asyncio.run(run())


def test_a_defect_on_top_of_a_batch_that_fails_takes_out_its_own_command_only(sqlite_url: str) -> None:
    async def run() -> None:
        async with running(sqlite_url, memory_room()) as sequencer:
            heard: list[int] = []
            sequencer.on_commit(lambda recorded: heard.extend(one.seq for one in recorded))
            await send(sequencer, 1)
            os.kill(scribe_of(sequencer)._process.pid, signal.SIGSTOP)
            first = send(sequencer, 10)
            await until(lambda: sequencer.writer._on_the_way == 1)
            defect = asyncio.ensure_future(sequencer.submit(Explode("a"), actor="K2"))
            beside = send(sequencer, 100)
            await until(lambda: sequencer.waiting == 0)
            await asyncio.sleep(0.02)
            scribe_of(sequencer)._process.kill()
            with pytest.raises(Unavailable):
                await first
            with pytest.raises(Internal):
                await defect
            assert (await beside).seq == 2
            assert (values(sequencer), findings(sequencer), heard) == ({"a": 101}, [], [1, 2])

    asyncio.run(run())


def test_nothing_is_sent_on_top_of_what_could_not_be_sent(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no process or no descriptor left, and a moment later there is: the second would leave a gap."""

    async def run() -> None:
        async with running(sqlite_url, memory_room()) as sequencer:
            make = sequencer.writer.store.make_scribe
            failed: list[bool] = []

            def make_or_fail() -> Scribe:
                if not failed:
                    failed.append(True)
                    raise OSError("no descriptor left")
                return make()

            monkeypatch.setattr(sequencer.writer.store, "make_scribe", make_or_fail)
            monkeypatch.setattr("kernel.sequencer.BATCH_COMMANDS_MAX", 1)
            results = await asyncio.gather(send(sequencer, 1), send(sequencer, 10), return_exceptions=True)
            assert [type(one) for one in results] == [Unavailable, Outcome]
            assert (values(sequencer), findings(sequencer)) == ({"a": 10}, [])

    asyncio.run(run())


REFUSED_AND_KILLED = """
import asyncio, os, pathlib, signal, subprocess, sys
from kernel.errors import Unavailable
from tests.kernel.test_posted import *
async def run():
    url, index = sys.argv[1], sys.argv[2]
    async with running(url, memory_room()) as sequencer:
        for name in ("first", "second"):
            await sequencer.submit(Add("a", 1), actor="K1", key=key(name))
        unwritten(sequencer, index)
        try:
            await sequencer.submit(Add("a", 10), actor="K1", key=key("k"))
        except Unavailable:
            print("refused", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(run())
"""
INDEX_HEAD_BYTES = 96


def unwritten(sequencer: Sequencer, index: str) -> None:
    """The scribe dies when its next transaction stands in the write-ahead log and the log's index does not yet say so.

    A process of its own turns the index back: who closes a file of SQLite lets go of all locks that it has on it.
    """
    scribe = scribe_of(sequencer)
    post, head = scribe.post, _other_process(f"print(open({index!r}, 'rb').read({INDEX_HEAD_BYTES}).hex())")

    def take_and_die(statements: object, heard: object) -> None:
        def die(error: Exception | None) -> None:
            assert error is None
            scribe._process.kill()
            scribe._process.wait()
            _other_process(f"open({index!r}, 'r+b').write(bytes.fromhex({head.strip()!r}))")
            scribe._waiting.appendleft(heard)  # type: ignore[arg-type]
            scribe._end(Lost("the process that writes has ended"))

        post(statements, die)  # type: ignore[arg-type]

    scribe.post = take_and_die  # type: ignore[method-assign]


def _other_process(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_what_was_refused_does_not_come_back_from_the_write_ahead_log(tmp_path: Path) -> None:
    """The process that writes dies within a commit, its outcome is told, and the platform dies too before it writes
    again: the next start reads the whole write-ahead log."""
    path = tmp_path / "a.db"
    command = [sys.executable, "-c", REFUSED_AND_KILLED, f"sqlite:///{path}", f"{path}-shm"]
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ran.stdout == "refused\n", ran.stderr
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT value FROM counter_counters").fetchall() == [(2,)]
    connection.close()


@pytest.mark.parametrize("killed", [False, True])
def test_who_began_before_a_stop_is_answered(
    sqlite_url: str, killed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """Two batches are on their way, one of them larger than what a socket takes, when the server is told to stop."""
    monkeypatch.setattr("kernel.scribe.SEND_BUFFER_BYTES", 1 << 16)  # a system may allow a larger one than is sent

    async def run() -> None:
        async with running(sqlite_url, memory_room()) as sequencer:
            await send(sequencer, 1)
            scribe = scribe_of(sequencer)
            os.kill(scribe._process.pid, signal.SIGSTOP)
            answers: list[list[Result] | H2MarketError] = []
            for count in (1, 1_000):
                many = [Envelope(Add("a", 1), "K" * 500, key(f"{count}.{number}" * 20)) for number in range(count)]
                sequencer.enqueue(many, answers.append)
                await until(lambda: sequencer.waiting == 0)
            assert scribe._unsent
            stopping = asyncio.create_task(asyncio.to_thread(sequencer.writer.stop))
            await asyncio.sleep(0.05)
            scribe._process.send_signal(signal.SIGKILL if killed else signal.SIGCONT)
            await stopping
            await until(lambda: len(answers) == 2)
            if killed:
                assert [type(answer) for answer in answers] == [Unavailable] * 2
            else:
                assert [len(answer) for answer in answers if isinstance(answer, list)] == [1, 1_000]
            assert scribe.ended
            assert values(sequencer) == {"a": 1 if killed else 1_002}

    asyncio.run(run())


def test_a_reader_of_the_loop_is_no_other_readers(sqlite_url: str) -> None:
    """Where all readers are lent, the loop, in which they are given back, must not wait for one."""

    async def run() -> None:
        async with running(sqlite_url, memory_room()) as sequencer:
            lent = [sequencer.writer.store.read_engine.connect() for _ in range(8)]
            assert (await send(sequencer, 1)).seq == 1
            for one in lent:
                one.close()

    asyncio.run(run())
