"""The way out: one POST to an address that somebody else chose.

The platform stands inside a network; a participant must not look around in it by the addresses it registers. So a name
is looked up here, every address that it has must be public or in a network that the settings allow, and the connection
goes to that very address. No redirect is followed, no proxy asked, no cookie kept, and of an answer no more is read
than its status and a bounded piece of its body, which is thrown away.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpcore
import httpx

#: From the first byte out to the last one in: whoever needs longer answers first and works later.
ATTEMPT_S_MAX = 15.0
CONNECT_S_MAX = 5.0
#: Read so that the connection can be used again; a longer body costs its sender the connection.
ANSWER_BYTES_MAX = 65_536
#: Connections kept for the next message, over all receivers.
IDLE_CONNECTIONS_MAX = 100
IDLE_S_MAX = 30.0
#: How long the rest of an answer is waited for once its status is there: that alone says whether it was taken.
REST_S_MAX = 1.0
#: Threads that look names up, not those that serve reads; and how many of them one company's names may hold. A name
#: server that is silent, as anybody's may be, keeps a thread for half a minute.
RESOLVERS_MAX, RESOLVERS_EACH_MAX = 64, 4

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: All that is public in version 6, and what is not public though it looks so to some versions of `ipaddress`.
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC = (
    ipaddress.IPv4Network("192.0.0.0/24"),  # protocol assignments
    ipaddress.IPv4Network("192.88.99.0/24"),  # relays of 6to4
    ipaddress.IPv6Network("3fff::/20"),  # documentation
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_LOCAL_NAMES = ("localhost",)
#: The company whose message is on its way, for the names that are looked up for it.
_sender: ContextVar[str] = ContextVar("sender", default="")


class Refused(Exception):
    """An address that nothing is sent to."""


class Answered(NamedTuple):
    """What came of an attempt. ``error`` is "" where it was delivered, else a word for what went wrong."""

    status_code: int | None
    error: str
    duration_ms: int

    @property
    def delivered(self) -> bool:
        return self.error == ""


class Guard:
    """Tells which addresses may be sent to. ``networks`` are allowed though they are not public; ``plain``: so is http
    everywhere, and not in those networks alone."""

    def __init__(self, networks: Iterable[str] = (), *, plain: bool = False) -> None:
        self._networks: tuple[Network, ...] = tuple(ipaddress.ip_network(one) for one in networks)
        self._plain = plain

    def allows(self, address: Address) -> bool:
        """Whether a connection may go there. An address inside another one counts as well."""
        if any(one.version == address.version and address in one for one in self._networks):
            return True
        inner = _inside(address)
        if inner is not None:
            return self.allows(inner)
        if address.version == 6 and address not in _GLOBAL_UNICAST:
            return False  # also what was once local to a site
        if any(one.version == address.version and address in one for one in _NOT_PUBLIC):
            return False
        return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)

    def allows_scheme(self, url: str) -> bool:
        """Whether what is sent may be read on the way: with http only on this machine, or where the settings say so."""
        parts = urlsplit(url)
        if parts.scheme == "https" or self._plain:
            return True
        host = parts.hostname or ""
        address = _literal(host) or (ipaddress.ip_address("127.0.0.1") if host in _LOCAL_NAMES else None)
        return address is not None and address.is_loopback and self.allows(address)

    def allows_host(self, url: str) -> bool:
        """False for an address in figures that is refused, and for names of this machine; other names are looked up
        when it comes to it."""
        host = urlsplit(url).hostname or ""
        address = _literal(host)
        if address is None and (host in _LOCAL_NAMES or host.endswith(tuple(f".{name}" for name in _LOCAL_NAMES))):
            address = ipaddress.ip_address("127.0.0.1")
        return address is None or self.allows(address)


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _inside(address: Address) -> Address | None:
    """The address of version 4 that one of version 6 leads to."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


class Names:
    """Looks names up in threads. A company whose name servers are silent waits for its own threads, and no other."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(RESOLVERS_MAX, thread_name_prefix="h2market-names")
        self._of: dict[str, asyncio.Semaphore] = {}

    async def look_up(self, sender: str, host: str, port: int) -> Sequence[Address]:
        """Every address of a name. Raises socket.gaierror."""
        turns = self._of.setdefault(sender, asyncio.Semaphore(RESOLVERS_EACH_MAX))
        await turns.acquire()
        looking = asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )

        def done(ended: asyncio.Future[Any]) -> None:
            turns.release()
            _ = ended.cancelled() or ended.exception()  # nobody may wait for it any more

        looking.add_done_callback(done)
        found = await asyncio.shield(looking)  # a thread is busy until it has its answer, whoever gave up meanwhile
        return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]

    def close(self) -> None:
        """Lets the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class _GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Looks a name up, has its addresses judged, and connects to one of them."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._inner = httpcore.AnyIOBackend()
        self._names = Names()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._addresses(host, port)
        if not all(self._guard.allows(address) for address in addresses):
            raise Refused(host)
        failure: Exception = httpcore.ConnectError(host)
        for address in addresses:
            try:
                return await self._inner.connect_tcp(str(address), port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise Refused(path)

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)

    async def _addresses(self, host: str, port: int) -> Sequence[Address]:
        literal = _literal(host.strip("[]"))
        if literal is not None:
            return (literal,)
        return await self._names.look_up(_sender.get(), host, port)

    def close(self) -> None:
        self._names.close()


class Outgoing:
    """Connections to receivers. Each message waits for its own receiver alone: the number of connections has no
    limit but that of webhooks, which send one message at a time."""

    def __init__(self, guard: Guard, tls: ssl.SSLContext | None = None) -> None:
        self.guard = guard
        self._network = _GuardedNetwork(guard)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls or httpx.create_ssl_context(trust_env=False),
            max_connections=None,
            max_keepalive_connections=IDLE_CONNECTIONS_MAX,
            keepalive_expiry=IDLE_S_MAX,
            network_backend=self._network,
        )

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, sender: str = "") -> Answered:
        """One attempt for a company; whatever goes wrong is told in the answer."""
        started = time.monotonic()
        status: int | None = None
        error = ""
        _sender.set(sender)
        try:
            async with asyncio.timeout(ATTEMPT_S_MAX) as limit, self._answer(url, headers, body) as response:
                status = response.status
                limit.reschedule(asyncio.get_running_loop().time() + REST_S_MAX)
                await _read_rest(response)
        except Refused:
            error = "address_refused"
        except (TimeoutError, httpcore.TimeoutException):
            error = "timeout"
        except socket.gaierror:
            error = "name_unknown"
        except (OSError, httpcore.NetworkError) as failure:
            error = "tls_failed" if _is_tls(failure) else "connection_failed"
        except (httpcore.ProtocolError, httpcore.UnsupportedProtocol, ValueError):
            error = "no_http"
        if status is not None:  # whatever is wrong with what follows it
            error = "" if 200 <= status < 300 else f"status_{status}"
        return Answered(status, error, round((time.monotonic() - started) * 1_000))

    @asynccontextmanager
    async def _answer(self, url: str, headers: Mapping[str, str], body: bytes) -> AsyncIterator[httpcore.Response]:
        if not (self.guard.allows_scheme(url) and self.guard.allows_host(url)):
            raise Refused(url)  # it was registered under other settings
        timeouts = {"connect": CONNECT_S_MAX, "read": ATTEMPT_S_MAX, "write": ATTEMPT_S_MAX, "pool": ATTEMPT_S_MAX}
        async with self._pool.stream(
            "POST", url, headers=list(headers.items()), content=body, extensions={"timeout": timeouts}
        ) as response:
            yield response

    async def close(self) -> None:
        """Lets every connection go."""
        self._network.close()
        await self._pool.aclose()


async def _read_rest(response: httpcore.Response) -> None:
    """A bounded piece of the body, so that the connection can be used again."""
    size = 0
    async for chunk in response.aiter_stream():
        size += len(chunk)
        if size > ANSWER_BYTES_MAX:
            return


def _is_tls(failure: BaseException | None) -> bool:
    while failure is not None:
        if isinstance(failure, ssl.SSLError):
            return True
        failure = failure.__cause__ or failure.__context__
    return False
