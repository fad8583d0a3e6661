"""uvicorn's HTTP/1.1 with a short way for the routes that matter most, and limits on what a connection may cost.

uvicorn starts a task for each request, and writes the head of an answer and its body apart: between an order and its
answer that is a fair part of all the work there is. Here an answer is one write; and a plain request to one of the
application's `direct_routes` is served by a call once its body is there, without a task and without ASGI. Whatever is
not plain (a query, a body in pieces of unknown length, HTTP/1.0, an answer before it still under way) takes uvicorn's
own way to the same answer.

Nor does uvicorn bound what comes before a body, or the time that anything takes: without limits here, anybody who
reaches the port fills the memory with one endless header, or holds a connection for ever with half of one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from kernel.errors import MalformedRequest
from kernel.http import Headers, Write, problem_response

#: A body that is longer is read by the application, which knows by then who sends it.
DIRECT_BODY_BYTES_MAX = 1 << 16
#: What a request may have beside its body: its line, headers, chunk sizes and trailers.
OVERHEAD_BYTES_MAX = 64 << 10
#: How long a request may take to arrive: 8 MiB at 150 kB/s.
ARRIVAL_S_MAX = 60.0
#: How often a connection is looked at: an answer of which nothing could be written between two looks is given up.
LOOK_EVERY_S = 20.0

Direct = Callable[[Headers, Any, bytes, Write], None]


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

    def write_now(self, data: bytes) -> None:
        """Writes ``data`` after whatever waits."""
        self._waiting.append(data)
        self._flush()

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


class _DirectCycle:
    """A direct request under way, in the place of uvicorn's own cycle: ``disconnected``, ``keep_alive`` and
    ``response_complete`` are its words."""

    __slots__ = ("begun", "body", "disconnected", "keep_alive", "more_body", "protocol", "response_complete", "serve")

    def __init__(self, protocol: OneWriteProtocol, serve: Direct, keep_alive: bool) -> None:
        self.protocol = protocol
        self.serve = serve
        self.keep_alive = keep_alive
        self.body = b""
        self.more_body = True
        self.begun = False
        self.disconnected = False
        self.response_complete = False

    @property
    def message_event(self) -> _DirectCycle:
        """What uvicorn sets when a part of the body came, or nothing will come any more."""
        return self

    def set(self) -> None:
        """Begins once the body is whole, and the caller still there."""
        if not (self.more_body or self.begun or self.disconnected):
            self.begun = True
            protocol = self.protocol
            self.serve(protocol.headers, protocol.client, self.body, self.write)

    def write(self, status: int, headers: Headers, body: bytes) -> None:
        """Answers, and lets the connection go on to its next request."""
        if self.disconnected or self.response_complete:
            return
        self.response_complete = True
        self.protocol.answer(status, headers, body, close=not self.keep_alive)
        self.protocol.on_response_complete()


class OneWriteProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 with gathered writes, direct routes and bounded requests."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._idle_since_s: float | None = None
        self._overhead = 0
        self._fed = 0
        self._since: float | None = None  # when the request that is arriving began; None between requests
        self._unwritten = 0
        self._look_task: asyncio.TimerHandle | None = None
        self._direct: dict[tuple[bytes, bytes], Direct] = {}
        if self.limit_concurrency is None and not self.root_path and not self.access_log:
            self._direct = getattr(self.config.app, "direct_routes", dict)()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Puts the gathering transport in the place of the connection's own."""
        super().connection_made(_Gathering(transport, self.loop))  # type: ignore[arg-type]
        self._since = self.loop.time()
        self._look_task = self.loop.call_later(LOOK_EVERY_S, self._look)

    def data_received(self, data: bytes) -> None:
        """Feeds the parser, and counts what is no body."""
        if self._since is None:
            self._since = self.loop.time()
        self._fed = len(data)
        super().data_received(data)
        self._overhead += self._fed
        if self._overhead > OVERHEAD_BYTES_MAX and not self.transport.is_closing():
            self.send_400_response("The request's line and headers are too long.")

    def on_message_begin(self) -> None:
        """Leaves the scope of ASGI for when it is known to be wanted."""
        self.url = b""
        self.expect_100_continue = False
        self.headers = []

    def on_headers_complete(self) -> None:
        """Sends a plain request to a direct route its short way."""
        serve = self._direct.get((self.parser.get_method(), self.url))
        if serve is None or not self._is_plain():
            read = self.url, self.expect_100_continue, self.headers
            super().on_message_begin()
            self.url, self.expect_100_continue, self.headers = read
            self.scope["headers"] = self.headers
            super().on_headers_complete()
        else:
            self.cycle = _DirectCycle(self, serve, self.parser.should_keep_alive())  # type: ignore[assignment]

    def _is_plain(self) -> bool:
        before: Any = self.cycle  # None on a new connection
        if before is not None and not before.response_complete:
            return False
        if self.expect_100_continue or self.flow.write_paused or self.parser.should_upgrade():
            return False
        length = next((value for name, value in self.headers if name == b"content-length"), b"")
        return length.isdigit() and int(length) <= DIRECT_BODY_BYTES_MAX and self.parser.get_http_version() == "1.1"

    def handle_websocket_upgrade(self) -> None:
        """A stream has limits of its own."""
        if self._look_task is not None:
            self._look_task.cancel()
            self._look_task = None
        super().handle_websocket_upgrade()

    def on_body(self, body: bytes) -> None:
        """Bodies have a limit of their own."""
        self._overhead -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is there: what else came with its end belongs to the next one."""
        self._since = None
        self._overhead = -self._fed
        super().on_message_complete()

    def answer(self, status: int, headers: Headers, body: bytes, *, close: bool) -> None:
        """Writes a whole answer in one go."""
        lines = [b"%b: %b\r\n" % pair for pair in (*self.server_state.default_headers, *headers)]
        if close:
            lines.append(b"connection: close\r\n")
        self.transport.write_now(b"".join((STATUS_LINE[status], *lines, b"\r\n", body)))  # type: ignore[attr-defined]
        if close:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP is told so as every other mistake is."""
        cycle: Any = self.cycle  # None on a new connection
        if cycle is None or cycle.response_complete:  # else the answer under way is the one that the caller reads
            self.answer(*problem_response(MalformedRequest(reason=msg), None, ""), close=True)
        self.transport.close()

    def on_response_complete(self) -> None:
        """Goes on to the next request, or begins to wait for one. One timer a connection looks from time to time how
        long it has waited: to set one for each answer and stop it again at the next request costs more."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
            return
        self._idle_since_s = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def timeout_keep_alive_handler(self) -> None:
        """Closes a connection that has had nothing to do for too long."""
        self.timeout_keep_alive_task = None
        if self._idle_since_s is None:
            return  # at work: its answer sets the timer again
        left_s = self._idle_since_s + self.timeout_keep_alive - self.loop.time()
        if left_s > 0:
            self._look_again(left_s)
        else:
            super().timeout_keep_alive_handler()

    def _look_again(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops the timers with the connection."""
        if self._look_task is not None:
            self._look_task.cancel()
        super().connection_lost(exc)
        super()._unset_keepalive_if_required()

    def _unset_keepalive_if_required(self) -> None:
        self._idle_since_s = None

    def _look(self) -> None:
        """Gives up a connection on which a request does not arrive, or an answer is not taken."""
        late = self._since is not None and self.loop.time() - self._since > ARRIVAL_S_MAX
        unwritten = self.transport.get_write_buffer_size()
        if late or (unwritten and unwritten == self._unwritten):
            self.transport.abort()
            return
        self._unwritten = unwritten
        self._look_task = self.loop.call_later(LOOK_EVERY_S, self._look)
