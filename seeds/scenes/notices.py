"""A webhook: Frostford's own receiver takes word of each of its trades, and checks the signature before it believes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from seeds.scenes.stage import FROSTFORD, Stage

#: How long a message may take; it needs milliseconds.
DELIVERED_S_MAX = 60.0
LOOK_EVERY_S = 0.02
#: How far a message's time may be off.
OFF_S_MAX = 300


class Receiver:
    """Listens on the loopback. What is not signed with the secret is refused and counted as forged."""

    def __init__(self) -> None:
        self.secret = ""
        self.forged = 0
        self._told: dict[str, str] = {}  # trade ids by message
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                self.send_response(204 if receiver.take(headers, body) else 401)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Says nothing."""

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

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/trades"

    @property
    def trades(self) -> set[str]:
        """The trades that it was told of."""
        return set(self._told.values())

    def take(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Takes a message, once however often it comes; False for one that is not signed."""
        if not _is_signed(self.secret, headers, body):
            self.forged += 1
            return False
        self._told[headers["webhook-id"]] = json.loads(body)["data"]["trade_id"]
        return True


def _is_signed(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """As docs/webhooks.md says it; messages are signed by the machine's time, whatever the simulated clock shows."""
    if abs(time.time() - int(headers["webhook-timestamp"])) > OFF_S_MAX:
        return False
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(expected, one) for one in headers["webhook-signature"].split(" "))


class Notices:
    """Frostford's webhook."""

    def __init__(self, stage: Stage, receiver: Receiver) -> None:
        self._session = stage.session(FROSTFORD)
        self._receiver = receiver
        hook = self._session.post("/v1/webhooks", {"url": receiver.url, "event_types": ["trade.made"]})
        receiver.secret = hook["secret"]
        self._path = f"/v1/webhooks/{hook['webhook_id']}"

    def settle(self) -> int:
        """Waits until every trade has been told, and pauses the webhook; returns how many messages came."""
        trades = {trade["trade_id"] for trade in self._session.pages("/v1/trades")}
        until = time.monotonic() + DELIVERED_S_MAX
        while self._receiver.trades != trades and time.monotonic() < until:
            time.sleep(LOOK_EVERY_S)
        assert self._receiver.trades == trades, f"told of {self._receiver.trades}, on record are {trades}"
        assert self._receiver.forged == 0, f"{self._receiver.forged} messages were not signed"
        self._session.patch(self._path, {"active": False})
        return len(trades)
