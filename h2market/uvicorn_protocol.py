"""What this house wants of its server: one write an answer, streams that can be cut off, and an orderly leave.

uvicorn writes the head of an answer and its body apart, which is two system calls here and two wake-ups at the other
end. Between an order and its answer those are a fair part of all the work there is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class _Gathering:
    """A transport that gathers what is written in one turn of the event loop and writes it at the turn's end."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._waiting: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Keeps ``data`` until the turn ends."""
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(data)

    def close(self) -> None:
        """Writes what is left, then closes."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self._transport.write(waiting[0] if len(waiting) == 1 else b"".join(waiting))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class OneWriteProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 with gathered writes."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Puts the gathering transport in the place of the connection's own."""
        super().connection_made(_Gathering(transport, self.loop))  # type: ignore[arg-type]


#: How long a reader that was cut off has to take what was sent before; then the connection is dropped.
CUT_S_MAX = 5.0


class CuttingProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket, whose application may end a connection even where its reader takes nothing any more.

    An application can only send in its turn, and where the reader is stuck its turn does not come: the extension
    ``h2market.cut`` of the scope writes the close frame behind what waits, and soon drops the connection.
    """

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
