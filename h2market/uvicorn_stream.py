"""What streams need of uvicorn: readers that can be cut off, and word of the stop before it waits for their end."""

from __future__ import annotations

from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

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
