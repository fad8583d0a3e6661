"""A receiver of webhooks on the loopback, as a participant would run one; it answers what a test tells it to."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self


class Got(NamedTuple):
    """One request that came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> dict[str, Any]:
        return dict(json.loads(self.body))

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def is_signed_with(self, secret: str) -> bool:
        """The scheme read from its text, without a library."""
        signed = f"{self.id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        key = base64.b64decode(secret.removeprefix("whsec_"))
        expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        return expected in self.headers["webhook-signature"].split(" ")


class Receiver:
    """Listens until it is left. ``answers`` of a path are given in turn, and the last of them from then on."""

    def __init__(self) -> None:
        self.requests: list[Got] = []
        self._answers: dict[str, list[int]] = {}
        self._delays_s: dict[str, float] = {}
        self._held: dict[str, threading.Event] = {}
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                receiver._take(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def url(self, path: str = "/hooks", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self._server.server_address[1]}{path}"

    def answer(self, *statuses: int, path: str = "/hooks", delay_s: float = 0) -> None:
        """What a path answers from now on."""
        with self._lock:
            self._answers[path] = list(statuses)
            self._delays_s[path] = delay_s

    def hold(self, path: str = "/hooks") -> threading.Event:
        """Lets a path answer nothing until the event is set."""
        return self._held.setdefault(path, threading.Event())

    def at(self, path: str = "/hooks") -> Sequence[Got]:
        """What came to a path."""
        with self._lock:
            return [one for one in self.requests if one.path == path]

    def forget(self) -> None:
        with self._lock:
            self.requests.clear()

    def _take(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers["content-length"])
        body = handler.rfile.read(length)
        if len(body) < length:  # the sender was killed in the middle of it: nothing was delivered
            handler.close_connection = True
            return
        headers = {name.lower(): value for name, value in handler.headers.items()}
        with self._lock:
            self.requests.append(Got(handler.path, headers, body))
            answers = self._answers.get(handler.path, [204])
            status = answers.pop(0) if len(answers) > 1 else answers[0]
            delay_s = self._delays_s.get(handler.path, 0)
        time.sleep(delay_s)
        if (held := self._held.get(handler.path)) is not None:
            held.wait()
        try:
            handler.send_response(status)
            if 300 <= status < 400:
                handler.send_header("location", "/elsewhere")
            handler.send_header("content-length", "0")
            handler.end_headers()
        except OSError:
            pass  # the sender did not wait
