"""Whoever means harm gets a clear end, and nobody else waits for him."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from exchange.stream.connection import Connection
from exchange.stream.outbox import Outbox
from h2market.uvicorn_stream import BARE_FRAMES_MAX, FRAGMENTS_MAX, SLICE_BYTES, CuttingProtocol
from tests.exchange.market import order
from tests.exchange.stream.served import Served

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
HANDSHAKE = (
    "GET /v1/stream HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
)


def frame(opcode: int, data: bytes = b"", *, last: bool = True) -> bytes:
    """A frame of a client, under a mask of zeros."""
    size = bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0x80 | 126]) + struct.pack("!H", len(data))
    return bytes([last << 7 | opcode]) + size + bytes(4) + data


class Raw:
    """A WebSocket without manners."""

    def __init__(self, pipe: socket.socket) -> None:
        self.pipe = pipe
        self._read = pipe.makefile("rb")

    def send(self, data: bytes) -> None:
        self.pipe.sendall(data)

    def next(self) -> tuple[int, bytes]:
        """The next frame's opcode and data."""
        head = self._read.read(2)
        size = head[1]
        if size == 126:
            (size,) = struct.unpack("!H", self._read.read(2))
        return head[0] & 15, self._read.read(size)

    def ended(self) -> tuple[int, str]:
        """The code and the reason of the close that comes."""
        while True:
            opcode, data = self.next()
            if opcode == CLOSE:
                return struct.unpack("!H", data[:2])[0], data[2:].decode()

    def head(self) -> bytes:
        """The head of the answer to the handshake."""
        lines = []
        while (line := self._read.readline()) not in (b"\r\n", b""):
            lines.append(line)
        return b"".join(lines)

    def close(self) -> None:
        self._read.close()

    def rest(self) -> bytes:
        """Everything until the other side closes."""
        return self._read.read()


@contextmanager
def raw(
    served: Served, who: str = "buyer", more: str = "", *, room: int = 0, welcome: bool = True
) -> Iterator[Raw]:  # fmt: skip
    with socket.socket() as pipe:
        if room:
            pipe.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        pipe.settimeout(20)
        pipe.connect(("127.0.0.1", served.port))
        more += f"Authorization: Bearer {served.secrets[who]}\r\n"
        pipe.sendall(HANDSHAKE.format(more=more).encode())
        one = Raw(pipe)
        try:
            if welcome:
                assert b" 101 " in one.head()
                assert b'"welcome"' in one.next()[1]
            yield one
        finally:
            one.close()


@pytest.mark.parametrize(
    "more", ["Content-Length: 2\r\n", "X: " + "y" * 20_000 + "\r\n", "".join(f"X-{n}: y\r\n" for n in range(300))]
)
def test_what_is_no_handshake_is_told_so_and_closed(served_here: Served, more: str) -> None:
    with raw(served_here, more=more, welcome=False) as one:
        assert one.head().startswith(b"HTTP/1.1 400 ")
        problem = json.loads(one.rest())
        assert problem["code"] == "malformed_request"
        assert "handshake" in problem["detail"]


def test_text_that_is_none_ends_the_connection_and_not_the_log(
    served_here: Served, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        for sent in (frame(TEXT, b"\xff{}"), frame(TEXT, b'{"id": "\xe4', last=False) + frame(0, b'"}')):
            with raw(served_here) as one:
                one.send(sent)
                assert one.ended()[0] == 1007
    assert not caplog.records


@pytest.mark.parametrize("opcode", [PING, PONG])
def test_a_flood_of_frames_that_ask_nothing_is_cut_off(served_here: Served, opcode: int) -> None:
    with raw(served_here) as one:
        one.send(frame(opcode) * (BARE_FRAMES_MAX - 1) + frame(TEXT, b'{"op": "ping", "id": "x"}'))
        while (heard := one.next())[0] != TEXT:
            assert heard == (PONG, b"")
        assert json.loads(heard[1])["type"] == "pong"
        one.send(frame(opcode) * 2)
        assert one.ended() == (1008, "too many pings, pongs or fragments")


def test_a_message_in_too_many_fragments_is_cut_off(served_here: Served) -> None:
    with raw(served_here) as one:
        some = frame(0, last=False) * (FRAGMENTS_MAX - 2)
        one.send(frame(TEXT, b'{"op": "ping"', last=False) + some + frame(0, b"}"))
        assert json.loads(one.next()[1])["type"] == "pong"
        one.send(frame(TEXT, b"{", last=False) + frame(0, last=False) * FRAGMENTS_MAX)
        assert one.ended()[0] == 1008


def test_pongs_that_nobody_reads_are_not_kept(served_here: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    count, seen = BARE_FRAMES_MAX - 1, threading.Event()
    handle = CuttingProtocol.handle_ping

    def note(self: CuttingProtocol) -> None:
        handle(self)
        if self._bare == count:
            seen.set()

    monkeypatch.setattr(CuttingProtocol, "handle_ping", note)
    with raw(served_here, room=4_096) as one:
        one.send(frame(PING, b"x" * 120) * count)
        assert seen.wait(20)
        one.send(frame(TEXT, b'{"op": "ping", "id": "x"}'))
        pongs = 0
        while (heard := one.next())[0] != TEXT:
            pongs += heard[0] == PONG
        assert pongs < count
        assert json.loads(heard[1])["type"] in ("pong", "heartbeat")


def test_what_comes_in_one_piece_is_read_in_slices(served_here: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    read = CuttingProtocol._read

    def note(self: CuttingProtocol, data: bytes) -> None:
        sizes.append(len(data))
        read(self, data)

    monkeypatch.setattr(CuttingProtocol, "_read", note)
    with raw(served_here) as one:
        names = [f"n{number}" for number in range(3_000)]
        one.send(b"".join(frame(TEXT, json.dumps({"op": "ping", "id": name}).encode()) for name in names))
        heard = [json.loads(one.next()[1]) for _ in names]
        assert [one["id"] for one in heard if one["type"] == "pong"] == names[: len(heard)]
    assert max(sizes) == SLICE_BYTES
    assert len(sizes) > 10


def test_nobody_waits_until_all_of_a_flood_is_refused(served_here: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = 0
    refuse = Connection._refuse

    def count(self: Connection, *of: object) -> None:
        nonlocal refused
        refused += 1
        refuse(self, *of)  # type: ignore[arg-type]

    monkeypatch.setattr(Connection, "_refuse", count)
    with raw(served_here) as one, raw(served_here, "other") as other:
        one.send(frame(TEXT, b"{") * 600)
        assert json.loads(one.next()[1])["type"] == "problem"
        other.send(frame(TEXT, b'{"op": "ping"}'))
        assert json.loads(other.next()[1])["type"] == "pong"
        assert refused < 600
        for _ in range(599):
            assert json.loads(one.next()[1])["type"] in ("problem", "heartbeat")


def test_what_is_set_later_is_for_later_orders(served_here: Served) -> None:
    def frames(*said: dict[str, object]) -> bytes:
        return b"".join(frame(TEXT, json.dumps(one).encode()) for one in said)

    with raw(served_here, "seller") as one:
        one.send(frames(
            {"op": "place", "id": "a", "orders": [order("s1", "sell", 1, "20.00")]},
            {"op": "set_options", "cancel_on_disconnect": "cancel_placed"},
            {"op": "place", "id": "b", "orders": [order("s2", "sell", 1, "20.05")]},
        ))  # fmt: skip
        while json.loads(one.next()[1]).get("id") != "b":
            pass

    async def left() -> list[str]:
        async with served_here.rest("seller") as client:
            while True:
                answer = (await client.get("/v1/orders?status=open")).json()["items"]
                names = [one["client_order_id"] for one in answer]
                if "s2" not in names:
                    return names
                await asyncio.sleep(0.02)

    assert asyncio.run(left()) == ["s1"]


def test_who_waits_for_room_does_not_wait_for_a_reader_that_is_gone() -> None:
    async def run() -> None:
        outbox = Outbox(lambda: None)

        async def send(_text: str) -> None:
            raise ConnectionResetError

        outbox.put(b"x" * (2 << 20))
        writing = asyncio.create_task(outbox.run(send))
        async with asyncio.timeout(10):
            await outbox.room()
        with pytest.raises(ConnectionResetError):
            await writing

    asyncio.run(run())
