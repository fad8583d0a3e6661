"""The way out goes to the public internet alone, waits for nobody for ever, and follows nobody."""

from __future__ import annotations

import asyncio
import socket
import threading
from ipaddress import ip_address

import pytest

from participants import outgoing
from participants.outgoing import Answered, Guard, Outgoing
from tests.participants.hooked import LOOPBACK, open_outgoing
from tests.participants.receiver import Receiver

INSIDE = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.3.4",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "169.254.0.1",
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "2001:db8::1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "fec0::1",
    "fec0:0:0:ffff::1",
    "3fff::1",
    "192.0.0.8",
    "192.88.99.1",
    "2002:c058:6301::",
    "::127.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b:1::a9fe:a9fe",
    "100::1",
    "5f00::1",
    "4000::1",
]
OUTSIDE = ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_refused(address: str) -> None:
    assert not Guard().allows(ip_address(address))


@pytest.mark.parametrize("address", OUTSIDE)
def test_an_address_outside_is_allowed(address: str) -> None:
    assert Guard().allows(ip_address(address))


def test_a_network_that_the_settings_allow_is_allowed_and_no_other() -> None:
    guard = Guard(("10.1.0.0/16",))
    assert guard.allows(ip_address("10.1.2.3"))
    assert guard.allows(ip_address("::ffff:10.1.2.3"))
    assert not guard.allows(ip_address("10.2.0.1"))


@pytest.mark.parametrize(
    ("url", "networks", "plain", "fits"),
    [
        ("https://example.com/x", (), False, True),
        ("http://example.com/x", (), False, False),
        ("http://example.com/x", (), True, True),
        ("http://127.0.0.1:8000/x", LOOPBACK, False, True),
        ("http://localhost/x", LOOPBACK, False, True),
        ("http://[::1]/x", LOOPBACK, False, True),
        ("http://127.0.0.1/x", (), False, False),
        ("https://127.0.0.1/x", (), False, False),
        ("https://localhost/x", (), False, False),
        ("https://db.localhost/x", (), False, False),
        ("https://169.254.169.254/latest", LOOPBACK, True, False),
        ("http://10.1.2.3/x", ("10.0.0.0/8",), False, False),
        ("https://10.1.2.3/x", ("10.0.0.0/8",), False, True),
    ],
)
def test_what_may_be_registered(url: str, networks: tuple[str, ...], plain: bool, fits: bool) -> None:
    guard = Guard(networks, plain=plain)
    assert (guard.allows_scheme(url) and guard.allows_host(url)) is fits


def post(out: Outgoing, url: str) -> Answered:
    async def run() -> Answered:
        try:
            return await out.post(url, {"content-type": "application/json"}, b"{}")
        finally:
            await out.close()

    return asyncio.run(run())


def test_a_name_that_leads_inside_is_refused_when_it_comes_to_it(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(receiver.url().split(":")[2].split("/")[0])
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in ("93.184.216.34", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_arguments, **_options: found)
    assert post(Outgoing(Guard(plain=True)), receiver.url(host="hooks.example")).error == "address_refused"
    assert receiver.at() == []


def test_a_name_is_sent_to_at_the_address_that_was_judged(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    port = int(receiver.url().split(":")[2].split("/")[0])
    asked: list[str] = []

    def look_up(host: str, *_arguments: object, **_options: object) -> list[object]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert post(Outgoing(Guard(LOOPBACK, plain=True)), receiver.url(host="hooks.example")).delivered
    assert asked == ["hooks.example"]
    assert receiver.at()[0].headers["host"].startswith("hooks.example:")


def test_an_address_registered_under_other_settings_is_refused(receiver: Receiver) -> None:
    assert post(Outgoing(Guard()), receiver.url()).error == "address_refused"
    assert receiver.at() == []


@pytest.mark.parametrize(("status", "error"), [(200, ""), (204, ""), (301, "status_301"), (500, "status_500")])
def test_only_2xx_is_delivered_and_no_redirect_is_followed(receiver: Receiver, status: int, error: str) -> None:
    receiver.answer(status)
    answered = post(open_outgoing(), receiver.url())
    assert (answered.status_code, answered.error) == (status, error)
    assert receiver.at("/elsewhere") == []


def test_nobody_is_waited_for_for_ever(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "ATTEMPT_S_MAX", 0.2)
    receiver.answer(200, delay_s=2)
    answered = post(open_outgoing(), receiver.url())
    assert (answered.error, answered.status_code) == ("timeout", None)
    assert answered.duration_ms < 1_500


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert post(open_outgoing(), f"http://127.0.0.1:{port}/").error == "connection_failed"

    def unknown(*_arguments: object, **_options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert post(Outgoing(Guard()), "https://nowhere.example/").error == "name_unknown"


async def _serve_once(answer: bytes, url: str = "http://127.0.0.1:{}/") -> Answered:
    ended = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1_000)
        try:
            writer.write(answer)
            await writer.drain()
            while len(answer) > 1_000:
                writer.write(b"x" * 65_536)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()
            ended.set()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    out = open_outgoing()
    try:
        return await out.post(url.format(server.sockets[0].getsockname()[1]), {}, b"{}")
    finally:
        await out.close()
        await ended.wait()
        server.close()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", (200, "")),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", (200, "")),
        (b"HTTP/1.1 410 Gone\r\nContent-Length: 100\r\n\r\nabc", (410, "status_410")),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 9\r\n\r\n", (302, "status_302")),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 50 + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", (200, "")),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n\0", (None, "no_http")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", (None, "no_http")),
        (b"HTTP/1.1 2OO OK\r\n\r\n", (None, "no_http")),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 500_000, (None, "no_http")),
        (b"", (None, "no_http")),
        (b"\0" * 100, (None, "no_http")),
    ],
)
def test_the_status_alone_says_whether_it_was_taken(answer: bytes, expected: tuple[int | None, str]) -> None:
    """Many a receiver of one's own counts its bytes wrong: who says 200 has the message, and who says 410 wants no
    other."""
    answered = asyncio.run(_serve_once(answer))
    assert (answered.status_code, answered.error) == expected


def test_the_rest_of_an_answer_is_not_waited_for() -> None:
    ended = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1_000)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        await reader.read()
        writer.close()
        ended.set()

    async def run() -> Answered:
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        out = open_outgoing()
        try:
            return await out.post(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", {}, b"{}")
        finally:
            await out.close()
            await ended.wait()
            server.close()

    answered = asyncio.run(run())
    assert answered.delivered
    assert answered.duration_ms < outgoing.ATTEMPT_S_MAX * 500


def test_names_that_nobody_answers_for_hold_up_their_own_company_alone(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose name server is silent keeps a thread for half a minute, and may register as many names as it likes."""
    port = int(receiver.url().split(":")[2].split("/")[0])
    over = threading.Event()
    asked: list[str] = []

    def look_up(host: str, *_arguments: object, **_options: object) -> list[object]:
        asked.append(host)
        if host.startswith("silent"):
            over.wait(30)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(outgoing, "ATTEMPT_S_MAX", 0.2)

    async def run() -> tuple[list[Answered], Answered]:
        out = Outgoing(Guard(LOOPBACK, plain=True))
        try:
            silent = [out.post(f"http://silent-{number}.example/", {}, b"{}", "P1") for number in range(80)]
            refused = await asyncio.gather(*silent)
            monkeypatch.setattr(outgoing, "ATTEMPT_S_MAX", 10.0)
            return refused, await out.post(receiver.url(host="hooks.example"), {}, b"{}", "P2")
        finally:
            over.set()
            await out.close()

    refused, answered = asyncio.run(run())
    assert {one.error for one in refused} == {"timeout"}
    assert answered.delivered
    assert len(asked) == outgoing.RESOLVERS_EACH_MAX + 1


def test_a_body_without_end_is_not_read_to_its_end() -> None:
    answered = asyncio.run(_serve_once(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 70_000))
    assert answered.delivered
    assert answered.duration_ms < 5_000


def test_what_is_no_http_is_an_answer_too() -> None:
    assert asyncio.run(_serve_once(b"220 mail.example ready\r\n")).error == "no_http"


def test_what_speaks_no_tls_is_named_so() -> None:
    answered = asyncio.run(_serve_once(b"220 mail.example ready\r\n", "https://127.0.0.1:{}/"))
    assert answered.error == "tls_failed"
