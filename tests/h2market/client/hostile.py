"""A server of the stream that says what a test likes."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from zlib import crc32

import websockets

Message = dict[str, Any]
AT = "2026-03-02T09:30:00+08:00"
PRODUCT = "X"


class Line:
    """One connection, seen from the server. ``number`` counts them from 1."""

    def __init__(self, socket: websockets.ServerConnection, number: int, heard: list[Message]) -> None:
        self._socket = socket
        self.number = number
        self._heard = heard

    async def say(self, *messages: Message | str) -> None:
        for message in messages:
            await self._socket.send(message if isinstance(message, str) else json.dumps(message))

    async def hear(self, op: str = "") -> Message:
        """The next request, or the next of a kind."""
        while True:
            said: Message = json.loads(await self._socket.recv())
            self._heard.append(said)
            if op in ("", said["op"]):
                return said

    async def close(self) -> None:
        await self._socket.close()


@asynccontextmanager
async def serving(talk: Callable[[Line], Awaitable[None]]) -> AsyncIterator[tuple[str, list[Message]]]:
    """Its address, and what it has heard. ``talk`` has each connection, and hears on after it."""
    heard: list[Message] = []
    numbers = itertools.count(1)

    async def serve(socket: websockets.ServerConnection) -> None:
        line = Line(socket, next(numbers), heard)
        with suppress(websockets.ConnectionClosed):
            await talk(line)
            while True:
                await line.hear()

    async with websockets.serve(serve, "127.0.0.1", 0, close_timeout=0.1) as server:
        yield f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}", heard


def welcome(heartbeat_s: float = 10.0) -> Message:
    return {
        "type": "welcome", "participant_id": "P1", "key_id": "K1", "scopes": ["read", "trade"],
        "heartbeat_s": heartbeat_s, "seq": 10,
    }  # fmt: skip


def subscribed(request: Message, seq: int, *, resumed: bool = False) -> Message:
    return {
        "type": "subscribed", "id": request["id"], "channel": request["channel"],
        "product_id": request.get("product_id"), "seq": seq, "resumed": resumed,
    }  # fmt: skip


def heartbeat(*beats: tuple[str, str | None, int]) -> Message:
    told = [{"channel": channel, "product_id": product_id, "seq": seq} for channel, product_id, seq in beats]
    return {"type": "heartbeat", "seq": 100, "at": AT, "subscriptions": told}


def snapshot(seq: int, *bids: str) -> Message:
    """A book of one load at each price, best first."""
    levels = [{"price": price, "loads": 1, "orders": 1} for price in bids]
    return {
        "type": "book_snapshot", "product_id": PRODUCT, "seq": seq, "depth": 10,
        "checksum": checksum(*bids), "bids": levels, "asks": [],
        "implied_bid": None, "implied_ask": None,
    }  # fmt: skip


def delta(prev_seq: int, seq: int, price: str, checksum: int) -> Message:
    """A load more at a price."""
    level = {"price": price, "loads": 1, "orders": 1}
    return {
        "type": "book", "product_id": PRODUCT, "prev_seq": prev_seq, "seq": seq, "bids": [level], "asks": [],
        "implied_bid": None, "implied_ask": None, "checksum": checksum,
    }  # fmt: skip


def checksum(*bids: str) -> int:
    return crc32((",".join(f"{price}:1:1" for price in bids) + "|").encode())
