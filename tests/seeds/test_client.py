"""The client against a server that is sometimes busy, sometimes gone, and sometimes says no."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from exchange.api import openapi_paths
from h2market.app import create_fastapi
from h2market.platform import Platform
from kernel.config import SERVICES, Settings
from seeds import client
from seeds.client import Refused, Session, Unreachable, Wire, owner_of


class Script:
    """What the server answers, one entry a request: status, body, headers; ``None`` hangs up. And what it was asked."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, Any, dict[str, str]] | None] = []
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []


@pytest.fixture
def script() -> Iterator[tuple[Script, str]]:
    """A scripted server and its URL."""
    told = Script()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            told.asked.append((self.command, self.path, dict(self.headers), body))
            answer = told.answers.pop(0)
            if answer is None:
                self.close_connection = True
                return
            status, content, headers = answer
            sent = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers, "Content-Length": len(sent)}.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_words: object) -> None:
            pass

    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.answer)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield told, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def session(script: tuple[Script, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.setattr(client, "RETRY_S", 0.0)
    wire = Wire(dict.fromkeys(SERVICES, script[1]))
    yield Session(wire, "h2m_secret", "frostford")
    wire.close()


def test_a_busy_service_is_asked_again_with_the_same_key(script: tuple[Script, str], session: Session) -> None:
    told = script[0]
    told.answers = [(503, {}, {"Retry-After": "0"}), (429, {}, {"Retry-After": "0"}), None, (201, {"ok": True}, {})]
    assert session.post("/v1/vehicles", {"plate": "晋X0001A"}) == {"ok": True}
    assert len(told.asked) == 4
    assert {(method, path, headers["Idempotency-Key"]) for method, path, headers, _ in told.asked} == {
        ("POST", "/v1/vehicles", "frostford-1")
    }
    assert {headers["Authorization"] for _, _, headers, _ in told.asked} == {"Bearer h2m_secret"}
    assert {json.loads(body)["plate"] for _, _, _, body in told.asked} == {"晋X0001A"}


def test_a_service_that_never_answers_is_given_up(script: tuple[Script, str], session: Session) -> None:
    script[0].answers = [None] * client.TRIES_MAX
    with pytest.raises(Unreachable, match="GET /v1/market"):
        session.get("/v1/market")


def test_a_refusal_carries_its_problem(script: tuple[Script, str], session: Session) -> None:
    problem = {"code": "price_off_tick", "detail": "The price is off the tick."}
    script[0].answers = [(422, problem, {"Content-Type": "application/problem+json"})]
    with pytest.raises(Refused, match="The price is off the tick") as refused:
        session.patch("/v1/orders/O1", {"price": "1.01"})
    assert (refused.value.status, refused.value.code, refused.value.problem) == (422, "price_off_tick", problem)


def test_an_answer_that_is_no_json_is_a_refusal_too(script: tuple[Script, str], session: Session) -> None:
    script[0].answers = [(502, b"bad gateway", {"Content-Type": "text/plain"})]
    with pytest.raises(Refused, match="bad gateway"):
        session.get("/v1/market")


def test_lists_are_read_to_their_end(script: tuple[Script, str], session: Session) -> None:
    told = script[0]
    told.answers = [(200, {"items": [1, 2], "next_cursor": "a b"}, {}), (200, {"items": [3], "next_cursor": None}, {})]
    assert session.pages("/v1/orders", status="open") == [1, 2, 3]
    assert [path for _, path, _, _ in told.asked] == [
        "/v1/orders?limit=500&status=open",
        "/v1/orders?limit=500&status=open&cursor=a+b",
    ]


def test_keys_count_up_and_orders_have_their_own(script: tuple[Script, str], session: Session) -> None:
    told = script[0]
    told.answers = [(200, {}, {})] * 5
    session.post("/v1/orders", {})
    session.post("/v1/orders/batch", {})
    session.delete("/v1/orders/O1")
    session.upload("/v1/bank-statements", b"<x/>", "application/xml")
    session.post("/v1/positions", {}, key="fix-1")
    assert [headers.get("Idempotency-Key") for _, _, headers, _ in told.asked] == [
        None, None, "frostford-1", "frostford-2", "fix-1",
    ]  # fmt: skip
    assert told.asked[3][2]["Content-Type"] == "application/xml"


def test_paths_are_quoted(script: tuple[Script, str], session: Session) -> None:
    script[0].answers = [(200, {}, {})]
    session.get("/v1/vehicles/晋X0001A")
    assert script[0].asked[0][1] == "/v1/vehicles/%E6%99%8BX0001A"


def test_processes_are_told_once() -> None:
    alone = Wire(dict.fromkeys(SERVICES, "http://127.0.0.1:1"))
    apart = Wire({service: f"http://127.0.0.1:{number}" for number, service in enumerate(SERVICES, 1)})
    assert (alone.processes, apart.processes) == (("exchange",), SERVICES)


def test_every_path_has_the_owner_that_serves_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = "http://127.0.0.1:1"
    for service in SERVICES:
        folder = tmp_path_factory.mktemp(service)
        settings = Settings(
            database_url=f"sqlite:///{folder}/unused.db",
            service_key="k" * 32,
            exchange_url=elsewhere,
            tracking_url=elsewhere,
            settlement_url=elsewhere,
        )
        platform = Platform(settings, [service])
        # The document shows the order routes, which are outside of the framework, wherever it is served.
        shown = {*create_fastapi(platform).openapi()["paths"]} - {*openapi_paths()}
        platform.store.close()
        paths = {path for path in shown if path.startswith("/v1/")}
        assert {owner_of(path) for path in paths} == {service}, paths
    assert {owner_of(path) for path in openapi_paths()} == {"exchange"}
