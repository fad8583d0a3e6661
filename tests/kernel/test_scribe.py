"""The process that writes: in order, each message whole or not at all, and nothing behind one that failed."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from kernel.scribe import Lost, NotWritten, Scribe
from kernel.scribe_process import LENGTH
from kernel.store import SQLITE_WRITER_PRAGMAS

INSERT = "INSERT INTO numbers VALUES (?, ?)"


class Desk:
    """A scribe with a table of numbers, and what it said."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "numbers.db"
        with sqlite3.connect(self.path) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS numbers (number INTEGER PRIMARY KEY, note TEXT NOT NULL)")
        connection.close()
        self._held = (folder / "lock").open("w")
        self.scribe = Scribe(str(self.path), SQLITE_WRITER_PRAGMAS, self._held.fileno())
        self.heard: list[tuple[str, Exception | None]] = []

    def post(self, name: str, *rows: tuple[Any, ...], statement: str = INSERT) -> None:
        self.scribe.post([(statement, rows)], lambda error: self.heard.append((name, error)))

    async def said(self, count: int) -> list[tuple[str, type | None]]:
        """What it said, once it said so much."""
        async with asyncio.timeout(20):
            while len(self.heard) < count:  # noqa: ASYNC110 - what is waited for says nothing by itself
                await asyncio.sleep(0.001)
        return [(name, None if error is None else type(error)) for name, error in self.heard]

    def numbers(self) -> list[int]:
        connection = sqlite3.connect(self.path)
        found = [number for (number,) in connection.execute("SELECT number FROM numbers ORDER BY number")]
        connection.close()
        return found

    def end(self) -> None:
        self.scribe.close()
        self._held.close()


@asynccontextmanager
async def desk_in(folder: Path) -> AsyncIterator[Desk]:
    desk = Desk(folder)
    try:
        yield desk
    finally:
        desk.end()


def test_it_writes_in_order_and_answers_each(tmp_path: Path) -> None:
    async def run() -> None:
        async with desk_in(tmp_path) as desk:
            for number in range(5):
                desk.post(f"m{number}", (number, "x"))
            desk.scribe.post([], lambda error: desk.heard.append(("empty", error)))
            assert await desk.said(6) == [*((f"m{number}", None) for number in range(5)), ("empty", None)]
            assert desk.numbers() == [0, 1, 2, 3, 4]

    asyncio.run(run())


def test_a_message_that_fills_the_socket_goes_through(tmp_path: Path) -> None:
    async def run() -> None:
        async with desk_in(tmp_path) as desk:
            for first in (0, 2_000):
                desk.post("large", *((number, "x" * 2_000) for number in range(first, first + 2_000)))
            assert await desk.said(2) == [("large", None)] * 2
            assert desk.numbers() == list(range(4_000))

    asyncio.run(run())


def test_nothing_behind_an_error_is_written(tmp_path: Path) -> None:
    async def run() -> None:
        async with desk_in(tmp_path) as desk:
            desk.post("good", (1, "x"))
            desk.post("bad", (2, "x"), (1, "twice"))
            desk.post("behind", (3, "x"))
            assert await desk.said(3) == [("good", None), ("bad", NotWritten), ("behind", NotWritten)]
            assert "UNIQUE" in str(desk.heard[1][1])
            assert desk.scribe.ended
            assert desk.numbers() == [1]
        async with desk_in(tmp_path) as desk:
            for name, row in (("too large", (2**70, "x")), ("too few", (4,))):
                if not desk.scribe.ended:
                    desk.post(name, row)
                    assert await desk.said(1) == [(name, NotWritten)]
            assert desk.numbers() == [1]

    asyncio.run(run())


def test_one_that_is_killed_leaves_the_outcome_open(tmp_path: Path) -> None:
    async def run() -> None:
        async with desk_in(tmp_path) as desk:
            desk.post("first", (1, "x"))
            await desk.said(1)
            desk.scribe._process.kill()
            for number in (2, 3):
                desk.post("gone", (number, "x"))
            assert await desk.said(3) == [("first", None), ("gone", Lost), ("gone", Lost)]
            assert desk.numbers() == [1]

    asyncio.run(run())


def test_what_was_sent_is_written_before_it_ends(tmp_path: Path) -> None:
    async def run() -> None:
        async with desk_in(tmp_path) as desk:
            for number in range(10):
                desk.post("sent", (number, "x"))
            desk.scribe.close()
            assert [error for _, error in desk.heard] == [None] * 10
        assert desk.numbers() == list(range(10))

    asyncio.run(run())


def test_half_a_message_is_no_message(tmp_path: Path) -> None:
    """A platform that is killed while it sends."""

    async def run() -> None:
        async with desk_in(tmp_path) as desk:
            desk.post("whole", (1, "x"))
            await desk.said(1)
            desk.scribe._channel.send(LENGTH.pack(100) + b"half")
            desk.end()
            assert desk.numbers() == [1]

    asyncio.run(run())


def test_a_platform_that_is_killed_takes_it_along(tmp_path: Path) -> None:
    """Its parent sends a hundred transactions and is gone at once: some first ones are in the file, whole, and once the
    lock is free there are no more to come."""
    program = """
import asyncio, fcntl, os, pathlib, signal, sys
from tests.kernel.test_scribe import Desk
async def run():
    desk = Desk(pathlib.Path(sys.argv[1]))
    fcntl.flock(desk._held, fcntl.LOCK_EX)
    for number in range(100):
        desk.post("sent", (number, "x"), (number, "again"), statement="INSERT OR REPLACE INTO numbers VALUES (?, ?)")
    assert not desk.scribe._unsent
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(run())
"""
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    code = "import fcntl, sys; fcntl.flock(open(sys.argv[1]), fcntl.LOCK_EX)"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "lock")], check=True, timeout=30)
    connection = sqlite3.connect(tmp_path / "numbers.db")
    counts = [connection.execute("SELECT count(*), max(number) + 1 FROM numbers").fetchone() for _ in range(2)]
    connection.close()
    assert counts[0] == counts[1]
    assert counts[0][0] == counts[0][1] <= 100
