"""What streams need of uvicorn: readers that can be cut off, callers that are bounded, and word of the stop before it
waits for their end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from kernel.errors import MalformedRequest
from kernel.http import problem_response

#: How long a reader that was cut off has to take what was sent before; then the connection is dropped.
CUT_S_MAX = 5.0
#: Bytes that are read of a connection before others have their turn: a frame may have six, and each is work, some 10 ms
#: in all. A frame of fifty orders fits in.
SLICE_BYTES = 12_288
#: Pings, pongs and fragments of one connection in a window: they are no requests, and no rate limit counts them.
BARE_FRAMES_MAX = 10_000
BARE_WINDOW_S = 10.0
#: Fragments of one message, which may be empty.
FRAGMENTS_MAX = 1_000


class CuttingProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket, whose application may end a connection even where its reader takes nothing any more, and
    which no caller can keep busy to the harm of others.

    An application can only send in its turn, and where the reader is stuck its turn does not come: the extension
    ``h2market.cut`` of the scope writes the close frame behind what waits, and soon drops the connection.

    What came in one piece is read in slices, between which others have their turn. Frames that are no messages have a
    limit of their own, and are not answered to whoever does not read. What is no handshake is told so.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._rest = bytearray()  # came, and is not read yet
        self._feeding: asyncio.Handle | None = None
        self._bare = 0
        self._bare_since = 0.0

    # --- what comes in

    def data_received(self, data: bytes) -> None:
        """Reads what came, a slice at a time."""
        if self._rest or len(data) > SLICE_BYTES:
            self._rest += data
            self.transport.pause_reading()
            self._feed_soon()
        else:
            self._read(data)

    def _feed_soon(self) -> None:
        if self._feeding is None:
            self._feeding = self.loop.call_soon(self._feed)

    def _feed(self) -> None:
        self._feeding = None
        if self.disconnected or self.transport.is_closing():
            self._rest.clear()
        elif not self.read_paused:
            slice_, self._rest = bytes(self._rest[:SLICE_BYTES]), self._rest[SLICE_BYTES:]
            self._read(slice_)
            self._read_on()

    def _read(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated and not self.transport.is_closing():
            error = MalformedRequest(reason=f"This is no WebSocket handshake: {self.conn.handshake_exc}.")
            status, headers, body = problem_response(error, None, "")
            self.handshake_initiated = True
            self.transport.write(STATUS_LINE[status])
            for name, value in (*headers, (b"connection", b"close")):
                self.transport.write(b"%b: %b\r\n" % (name, value))
            self.transport.write(b"\r\n" + body)
            self.transport.close()

    def _read_on(self) -> None:
        """Goes on with what came, then with what comes."""
        if self.read_paused or self.transport.is_closing():
            return
        if self._rest:
            self._feed_soon()
        else:
            self.transport.resume_reading()

    async def receive(self) -> Any:
        """The next message; what came after it is read once the application has taken all before."""
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            self._read_on()
        return message

    def handle_cont(self, event: Any) -> None:
        """Bounds the fragments of a message."""
        if self._count_bare() and len(self.frames) < FRAGMENTS_MAX:
            super().handle_cont(event)
        else:
            self._refuse_frames()

    def handle_ping(self) -> None:
        """Answers, unless nobody reads the answers."""
        if not self._count_bare():
            self._refuse_frames()
        elif self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()

    def handle_pong(self, event: Any) -> None:
        """Pongs that nobody asked for are frames too."""
        if self._count_bare():
            super().handle_pong(event)
        else:
            self._refuse_frames()

    def _count_bare(self) -> bool:
        now = self.loop.time()
        if now - self._bare_since > BARE_WINDOW_S:
            self._bare, self._bare_since = 0, now
        self._bare += 1
        return self._bare <= BARE_FRAMES_MAX

    def _refuse_frames(self) -> None:
        self.frames = []
        self.cut(1008, "too many pings, pongs or fragments")

    def send_receive_event_to_app(self) -> None:
        """Text that is none ends the connection, which is no news for the log."""
        if self.curr_msg_data_type == "text":
            data = b"".join(self.frames)
            try:
                data.decode()
            except UnicodeDecodeError:
                self.frames = []
                self.cut(1007, "a text frame is not UTF-8")
                return
            self.frames = [data]
        super().send_receive_event_to_app()

    def handle_connect(self, event: Any) -> None:
        """Offers the extension."""
        super().handle_connect(event)
        scope = getattr(self, "scope", None)
        if scope is not None:
            scope["extensions"]["h2market.cut"] = {"close": self.cut}

    async def send(self, message: Any) -> None:
        """Sends, and knows that an answer in place of the handshake completes it."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and self.close_sent:
            self.handshake_complete = True

    def cut(self, code: int, reason: str) -> None:
        """Closes the connection with a code."""
        if self.close_sent or self.disconnected or self.transport.is_closing():
            return
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.disconnected = True  # whoever waits to send learns that there is nobody
        self.writable.set()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self._rest.clear()
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(CUT_S_MAX, self.transport.abort)


class LeavingServer(uvicorn.Server):
    """uvicorn's server, which says at once when it is told to stop: an answer without an end would hold it up."""

    def __init__(self, config: uvicorn.Config, leave: Callable[[], None]) -> None:
        super().__init__(config)
        self._leave = leave

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Tells the streams, then stops as usual."""
        self._leave()
        super().handle_exit(sig, frame)
