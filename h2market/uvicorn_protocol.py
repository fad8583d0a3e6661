"""uvicorn's HTTP/1.1 as this house needs it: one write an answer, and limits on what a connection may cost.

uvicorn writes the head of an answer and its body apart, which is two system calls here and two wake-ups at the other
end. Between an order and its answer those are a fair part of all the work there is.

Nor does it bound what comes before a body, or the time that anything takes: without limits here, anybody who reaches
the port fills the memory with one endless header, or holds a connection for ever with half of one.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from kernel.errors import MalformedRequest
from kernel.http import problem_response


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
            if self._transport.is_closing():
                return  # the caller went away; uvloop would raise where asyncio drops what nobody takes
            self._transport.write(waiting[0] if len(waiting) == 1 else b"".join(waiting))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


#: What a request may have beside its body: its line, headers, chunk sizes and trailers.
OVERHEAD_BYTES_MAX = 64 << 10
#: How long a request may take to arrive: 8 MiB at 150 kB/s.
ARRIVAL_S_MAX = 60.0
#: How often a connection is looked at: an answer of which nothing could be written between two looks is given up.
LOOK_EVERY_S = 20.0


class OneWriteProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 with gathered writes and bounded requests."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._overhead = 0
        self._fed = 0
        self._since: float | None = None  # when the request that is arriving began; None between requests
        self._unwritten = 0
        self._look_task: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Puts the gathering transport in the place of the connection's own."""
        super().connection_made(_Gathering(transport, self.loop))  # type: ignore[arg-type]
        self._since = self.loop.time()
        self._look_task = self.loop.call_later(LOOK_EVERY_S, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Looks no more."""
        if self._look_task is not None:
            self._look_task.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feeds the parser, and counts what is no body."""
        if self._since is None:
            self._since = self.loop.time()
        self._fed = len(data)
        super().data_received(data)
        self._overhead += self._fed
        if self._overhead > OVERHEAD_BYTES_MAX and not self.transport.is_closing():
            self.send_400_response("The request's line and headers are too long.")

    def on_body(self, body: bytes) -> None:
        """Bodies have a limit of their own."""
        self._overhead -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is there: what else came with its end belongs to the next one."""
        self._since = None
        self._overhead = -self._fed
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP is told so as every other mistake is."""
        status, headers, body = problem_response(MalformedRequest(reason=msg), None, "")
        head = [STATUS_LINE[status], *(b"%s: %s\r\n" % header for header in headers), b"connection: close\r\n\r\n"]
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete:  # else the answer under way is the one that the caller reads
            self.transport.write(b"".join(head) + body)
        self.transport.close()

    def _look(self) -> None:
        """Gives up a connection on which a request does not arrive, or an answer is not taken."""
        late = self._since is not None and self.loop.time() - self._since > ARRIVAL_S_MAX
        unwritten = self.transport.get_write_buffer_size()
        if late or (unwritten and unwritten == self._unwritten):
            self.transport.abort()
            return
        self._unwritten = unwritten
        self._look_task = self.loop.call_later(LOOK_EVERY_S, self._look)
