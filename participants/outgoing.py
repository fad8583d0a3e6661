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
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
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
#: Threads that look names up. They are not those that serve reads: a name server that is silent holds up nobody else.
RESOLVERS_MAX = 16

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_LOCAL_NAMES = ("localhost",)


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


class _GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Looks a name up, has its addresses judged, and connects to one of them."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._inner = httpcore.AnyIOBackend()
        self._resolvers = ThreadPoolExecutor(RESOLVERS_MAX, thread_name_prefix="h2market-names")

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
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._resolvers, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]

    def close(self) -> None:
        self._resolvers.shutdown(wait=False, cancel_futures=True)


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

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answered:
        """One attempt; whatever goes wrong is told in the answer."""
        started = time.monotonic()
        status: int | None = None
        try:
            async with asyncio.timeout(ATTEMPT_S_MAX):
                status = await self._post(url, headers, body)
            error = "" if 200 <= status < 300 else f"status_{status}"
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
        return Answered(status, error, round((time.monotonic() - started) * 1_000))

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        if not (self.guard.allows_scheme(url) and self.guard.allows_host(url)):
            raise Refused(url)  # it was registered under other settings
        timeouts = {"connect": CONNECT_S_MAX, "read": ATTEMPT_S_MAX, "write": ATTEMPT_S_MAX, "pool": ATTEMPT_S_MAX}
        async with self._pool.stream(
            "POST", url, headers=list(headers.items()), content=body, extensions={"timeout": timeouts}
        ) as response:
            size = 0
            async for chunk in response.aiter_stream():
                size += len(chunk)
                if size > ANSWER_BYTES_MAX:
                    break
            return response.status

    async def close(self) -> None:
        """Lets every connection go."""
        self._network.close()
        await self._pool.aclose()


def _is_tls(failure: BaseException | None) -> bool:
    while failure is not None:
        if isinstance(failure, ssl.SSLError):
            return True
        failure = failure.__cause__ or failure.__context__
    return False
