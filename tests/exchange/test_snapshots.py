"""A server has another process make its large snapshots, while orders go on, on both stores."""

from __future__ import annotations

import asyncio
import sys

import pytest

from exchange.service import make_room
from h2market.rooms import make_rooms
from kernel.room import MemoryRoom
from kernel.snapshots import newest_first
from kernel.verify import verify_room
from tests.exchange.market import Market


def test_a_snapshot_is_made_while_the_market_goes_on(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kernel.sequencer.ENCODED_BYTES_MAX", 0)
    sequencer = market.house.sequencers["exchange"]
    keeper = sequencer.keeper
    assert keeper is not None
    for number in range(5):
        market.rest("seller", f"s-{number}", "sell", 1, "19.00")
    sequencer.snapshot_every = 1
    market.rest("buyer", "b-1", "buy", 2, "20.00")
    sequencer.snapshot_every = sys.maxsize
    assert keeper.busy
    market.rest("buyer", "b-2", "buy", 1, "18.00")

    async def wait() -> None:
        async with asyncio.timeout(60):
            while keeper.busy:  # noqa: ASYNC110 - what is waited for says nothing by itself
                await asyncio.sleep(0.01)

    market._runner.run(wait())
    assert keeper.kept == 1
    digest = market._runner.run(sequencer.read(lambda machine: machine.digest()))
    with market.house.store.read_engine.connect() as connection:
        assert next(newest_first(connection, "exchange")).seq == sequencer.room.snapshot_seq
        started = make_room()
        assert isinstance(started, MemoryRoom)
        started.rebuild(connection)
        assert started.snapshot_seq == sequencer.room.snapshot_seq < sequencer.tail.seq
        assert started.machine.digest() == digest
        assert list(verify_room(make_rooms()["exchange"], connection)) == []
