"""A client of the stream, written from docs/stream.md alone: it knows JSON and nothing of the house."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from zlib import crc32

import websockets

Message = dict[str, Any]
Rows = list[tuple[Any, ...]]
#: Nothing takes longer than this in a test, however busy the machine is.
PATIENCE_S = 20.0


class Chain:
    """The positions of one subscription: no gap, no repeat."""

    def __init__(self) -> None:
        self.seq = -1

    def begin(self, seq: int) -> None:
        self.seq = seq

    def take(self, message: Message) -> None:
        assert message["prev_seq"] == self.seq, f"a gap: had {self.seq}, got {message}"
        assert message["seq"] >= self.seq
        self.seq = message["seq"]


class LevelBook:
    """Price levels of one product."""

    def __init__(self) -> None:
        self.chain = Chain()
        self.depth = 0
        self.sides: dict[str, dict[str, tuple[int, int]]] = {"bids": {}, "asks": {}}
        self.implied: tuple[Any, Any] = (None, None)
        self.messages = 0

    def take(self, message: Message) -> None:
        if message["type"] == "book_snapshot":
            self.chain.begin(message["seq"])
            self.depth = message["depth"]
            self.sides = {"bids": {}, "asks": {}}
        else:
            self.chain.take(message)
        for side, levels in self.sides.items():
            for level in message[side]:
                if level["loads"]:
                    levels[level["price"]] = level["loads"], level["orders"]
                else:
                    levels.pop(level["price"], None)
        self.implied = message["implied_bid"], message["implied_ask"]
        self.messages += 1
        assert self.checksum() == message["checksum"], message

    def rows(self, side: str) -> Rows:
        """(price, loads, orders), best first."""
        ordered = sorted(self.sides[side].items(), key=lambda level: float(level[0]), reverse=side == "bids")
        return [(price, *figures) for price, figures in ordered]

    def checksum(self) -> int:
        count = min(self.depth, 10)
        texts = [",".join(f"{p}:{loads}:{orders}" for p, loads, orders in self.rows(s)[:count]) for s in self.sides]
        return crc32("|".join(texts).encode())


class OrderBook:
    """Single orders of one product."""

    def __init__(self) -> None:
        self.chain = Chain()
        self.more = False  # of a snapshot
        self.parts = 0
        self.sides: dict[str, list[tuple[str, str, int]]] = {"buy": [], "sell": []}

    def take(self, message: Message) -> None:
        if message["type"] == "orders_snapshot":
            if not self.more:
                self.sides, self.parts = {"buy": [], "sell": []}, 0
            self.more, self.parts = message["more"], self.parts + 1
            self.chain.begin(message["seq"])
            for side, name in (("buy", "bids"), ("sell", "asks")):
                self.sides[side] += [(one["order_id"], one["price"], one["loads"]) for one in message[name]]
            if self.more:
                return
        else:
            assert not self.more
            self.chain.take(message)
            for change in message["changes"]:
                self._change(change)
        assert self.checksum() == message["checksum"], message

    def _change(self, change: Message) -> None:
        side = self.sides[change["side"]]
        known = next((place for place, one in enumerate(side) if one[0] == change["order_id"]), None)
        row = change["order_id"], change["price"], change["loads"]
        if change["action"] == "change":
            assert known is not None
            assert side[known][1] == change["price"]
            side[known] = row
            return
        if known is not None:
            del side[known]
        if change["action"] == "add":
            side.append(row)

    def rows(self, side: str) -> list[tuple[str, str, int]]:
        """(order, price, loads), by price and then as they came."""
        return sorted(self.sides[side], key=lambda one: float(one[1]), reverse=side == "buy")

    def checksum(self) -> int:
        texts = [
            ",".join(f"{name}:{price}:{loads}" for name, price, loads in self.rows(side)[:10]) for side in self.sides
        ]
        return crc32("|".join(texts).encode())


class Client:
    """One connection; what came is kept in `heard` until it is asked for."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self.socket = socket
        self.heard: list[Message] = []
        self.all: list[Message] = []  # everything that ever came

    async def say(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def hear(self, wanted: Callable[[Message], bool] | str) -> Message:
        """The next message of a type, or one that fits; what came before stays to be asked for."""
        fits = wanted if callable(wanted) else lambda message: message["type"] == wanted
        for place, message in enumerate(self.heard):
            if fits(message):
                return self.heard.pop(place)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message = await self._next()
                if fits(message):
                    return message
                self.heard.append(message)

    async def ask(self, **message: Any) -> Message:
        """Says something with an id, and gives what comes back under it."""
        name = message.setdefault("id", f"q{len(self.all)}")
        await self.say(**message)
        return await self.answer(name)

    async def answer(self, name: str) -> Message:
        """The answer to what was said under an id."""
        return await self.hear(lambda one: one.get("id") == name)

    async def until_quiet(self) -> list[Message]:
        """Everything that was sent until now: a ping's answer comes after it, and the feed has had its moment."""
        await asyncio.sleep(0.05)
        pong = await self.ask(op="ping")
        assert pong["type"] == "pong"
        heard, self.heard = self.heard, []
        return heard

    async def ended(self) -> tuple[int, str]:
        """The code and the reason of the other side's close, once it comes."""
        async with asyncio.timeout(PATIENCE_S):
            while self.socket.close_code is None:
                with suppress(websockets.ConnectionClosed):
                    self.heard.append(await self._next())
        return self.socket.close_code, self.socket.close_reason or ""

    async def _next(self) -> Message:
        message: Message = json.loads(await self.socket.recv())
        self.all.append(message)
        return message
