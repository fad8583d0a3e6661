"""Durable, limit-checked, matched orders over HTTP, against two FastAPI endpoints in the same run.

    noop       FastAPI with a pydantic body that does nothing: what the framework alone costs
    naive      FastAPI, one SQLModel insert and commit a request: what one would write first
    single     POST /v1/orders of the whole platform, answered after the commit
    batch      POST /v1/orders/batch, 50 orders a request
    websocket  /v1/stream, 50 orders a frame

Servers and load generator are processes of their own; the rounds take turns, and ratios are of the medians. Run it as
``python -m benchmarks.orders [--quick] [--json]``.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

from benchmarks import frames, load
from exchange.market import RATE_MAX
from h2market.bootstrap import create_key
from kernel.config import Settings
from seeds.identity import credit_code

#: Enough that a commit is always shared: the rivals get the same.
CONNECTIONS = 64
BATCH_ORDERS = 50
#: What sends so many at a time.
MANY = ("batch", "websocket")
PARTICIPANTS_A_SIDE = 8
DAY = "2026-03-02"
NOW = f"{DAY}T09:30:00+08:00"
PRODUCT = "EXW-BENCH-TUBE20-20260303A"
READY_SECONDS_MAX = 30


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def server(arguments: list[str], port: int, environment: dict[str, str] | None = None) -> Iterator[None]:
    """A server process that answers on ``port`` while the block runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        env={**os.environ, **(environment or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(port, process)
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + READY_SECONDS_MAX
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"the server on port {port} ended with {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"no server answered on port {port}")


class Market:
    """The platform with companies that may trade, and an endless flow of their orders around one price."""

    def __init__(self, port: int, operator_key: str, service_key: str) -> None:
        self._client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {operator_key}"}, trust_env=False
        )
        self._service = {"Authorization": f"Bearer {service_key}"}
        self.port = port
        self.keys: dict[str, list[str]] = {"buy": [], "sell": []}
        self._numbers = itertools.count(1)

    def open(self) -> None:
        """Registers companies with ample limits, and lists the product."""
        client = self._client
        _done(client.post("/v1/products", json={
            "product_id": PRODUCT, "kind": "ex_works", "hub": "BENCH", "container_class": "TUBE20",
            "grade": "GB/T 37244-2018",
            "nominal_mass": "280.000", "maximum_mass": "294.000", "window_start": "2026-03-03T06:00:00+08:00",
            "window_end": "2026-03-03T14:00:00+08:00", "price_tick": "0.05", "price_max": "80.00", "loads_max": 100,
        }))  # fmt: skip
        companies: list[str] = []
        for number in range(2 * PARTICIPANTS_A_SIDE):
            side = "buy" if number % 2 else "sell"
            company = _done(client.post("/v1/participants", json={
                "uscc": credit_code(9_000 + number), "name": f"Bench {number}", "name_zh": f"测试{number}",
                "roles": ["station" if side == "buy" else "producer"],
            })).json()["participant_id"]  # fmt: skip
            _done(client.post(f"/v1/participants/{company}/approval"))
            key = _done(
                client.post("/v1/keys", json={"participant_id": company, "scopes": ["trade", "read"], "label": "bench"})
            ).json()["secret"]
            self.keys[side].append(key)
            companies.append(company)
            if side == "buy":
                self._command("GrantMoney", {"participant_id": company, "amount_fen": 10**16, "reference": "bench"})
        self._settle()
        for company in companies:  # the simulated clock stands: all that is sent falls into the same ten seconds
            rates = {"per_10s": RATE_MAX, "per_hour": RATE_MAX, "per_day": RATE_MAX}
            _done(client.put(f"/v1/participants/{company}/order-rates", json=rates))
        for key in self.keys["sell"]:
            _done(client.put("/v1/capacities", headers={"Authorization": f"Bearer {key}"}, json={
                "commodity": "hydrogen", "window_start": "2026-03-03T06:00:00+08:00", "loads": 1_000_000}))  # fmt: skip

    def _command(self, kind: str, payload: dict[str, Any]) -> None:
        body = {"type": kind, "payload": json.dumps(payload), "key": secrets.token_hex(8)}
        _done(self._client.post("/v1/internal/exchange/commands", headers=self._service, json=body))

    def _settle(self) -> None:
        until = time.monotonic() + READY_SECONDS_MAX
        while any(one["lag"] for one in self._client.get("/health").json()["followers"]):
            if time.monotonic() > until:
                raise RuntimeError("the followers do not catch up")
            time.sleep(0.05)

    def order(self, number: int) -> dict[str, Any]:
        """The next order of the flow: buys and sells in turn, half of which cross."""
        side = "buy" if number % 2 else "sell"
        price_fen = 2_000 + 5 * ((number * 7) % 9 - 4)
        price = f"{price_fen // 100}.{price_fen % 100:02d}"
        return {
            "client_order_id": f"b{number}", "product_id": PRODUCT, "side": side, "price": price,
            "loads": 1 + number % 3, "time_in_force": "gtc",
        }  # fmt: skip

    def single(self, connection: int) -> Callable[[], bytes]:
        """Requests of one order each; a connection belongs to one company."""
        side = "buy" if connection % 2 else "sell"
        key = self.keys[side][(connection // 2) % PARTICIPANTS_A_SIDE]

        def make() -> bytes:
            number = 2 * next(self._numbers) + (side == "buy")
            return load.request("POST", "/v1/orders", json.dumps(self.order(number)).encode(), key)

        return make

    def batch(self, connection: int) -> Callable[[], bytes]:
        """Requests of many orders each."""
        side = "buy" if connection % 2 else "sell"
        key = self.keys[side][(connection // 2) % PARTICIPANTS_A_SIDE]

        def make() -> bytes:
            orders = [self.order(2 * next(self._numbers) + (side == "buy")) for _ in range(BATCH_ORDERS)]
            return load.request("POST", "/v1/orders/batch", json.dumps({"orders": orders}).encode(), key)

        return make

    def frames(self, connection: int) -> tuple[str, Callable[[], bytes]]:
        """A company's key, and frames of many orders each."""
        side = "buy" if connection % 2 else "sell"
        key = self.keys[side][(connection // 2) % PARTICIPANTS_A_SIDE]

        def make() -> bytes:
            orders = [self.order(2 * next(self._numbers) + (side == "buy")) for _ in range(BATCH_ORDERS)]
            return msgspec.json.encode({"op": "place", "orders": orders})

        return key, make


def all_taken(answer: bytes) -> bool:
    """Whether every order of a frame was taken."""
    return answer.count(b'"problem":null') == BATCH_ORDERS


def _done(response: httpx.Response) -> httpx.Response:
    if response.status_code >= 400:
        raise RuntimeError(
            f"{response.request.method} {response.request.url.path}: {response.status_code} {response.text[:500]}"
        )
    return response


def _rival(number: int) -> bytes:
    body = {
        "client_order_id": f"b{number}",
        "product_id": PRODUCT,
        "side": "buy",
        "price": "20.00",
        "loads": 1,
        "time_in_force": "gtc",
    }
    return load.request("POST", "/v1/orders", json.dumps(body).encode())


def measure(quick: bool) -> dict[str, Any]:
    """Runs all servers and takes the measurements in turn."""
    rounds, seconds = (3, 2.0) if quick else (7, 5.0)
    ports = {name: free_port() for name in ("noop", "naive", "ours")}
    service_key = secrets.token_hex(24)
    with tempfile.TemporaryDirectory(prefix="h2market-bench-") as folder:
        url = f"sqlite:///{Path(folder) / 'h2market.db'}"
        key = asyncio.run(
            create_key(
                Settings(database_url=url),
                None,
                ("operate", "read", "audit"),
                "bench",
                credit_code(8_999),
                ("Bench", "测试"),
                secrets.token_bytes,
            )
        )
        environment = {
            "DATABASE_URL": url, "H2MARKET_SERVICE_KEY": service_key, "H2MARKET_LOG_LEVEL": "WARNING",
            "H2MARKET_REQUESTS_PER_10S": "100000000", "H2MARKET_ANONYMOUS_REQUESTS_PER_10S": "100000000",
        }  # fmt: skip
        with (
            server(["benchmarks.rivals", "noop", str(ports["noop"])], ports["noop"]),
            server(["benchmarks.rivals", "naive", str(ports["naive"]), f"{folder}/naive.db"], ports["naive"]),
            server(
                ["h2market", "serve", "exchange", "--port", str(ports["ours"]), "--simulated-clock", NOW],
                ports["ours"],
                environment,
            ),
        ):
            market = Market(ports["ours"], key.secret, service_key)
            market.open()
            return _rounds(market, ports, rounds, seconds)


def _rounds(market: Market, ports: dict[str, int], rounds: int, seconds: float) -> dict[str, Any]:
    numbers = itertools.count(1)
    plans: dict[str, Callable[[], load.Load]] = {
        "noop": lambda: asyncio.run(load.run(ports["noop"], [lambda: _rival(next(numbers))] * CONNECTIONS, seconds)),
        "naive": lambda: asyncio.run(load.run(ports["naive"], [lambda: _rival(next(numbers))] * CONNECTIONS, seconds)),
        "single": lambda: asyncio.run(load.run(ports["ours"], [market.single(i) for i in range(CONNECTIONS)], seconds)),
        "batch": lambda: asyncio.run(
            load.run(ports["ours"], [market.batch(i) for i in range(CONNECTIONS // 4)], seconds, b"200")
        ),
        "websocket": lambda: asyncio.run(
            frames.run(ports["ours"], [market.frames(i) for i in range(CONNECTIONS // 4)], seconds, all_taken)
        ),
    }
    found: dict[str, list[load.Load]] = {name: [] for name in plans}
    for _ in range(rounds):
        for name, plan in plans.items():
            one = plan()
            if one.failed:
                raise RuntimeError(
                    f"{name}: {one.failed} of {one.failed + one.answered} requests failed: {one.first_failure}"
                )
            found[name].append(one)
    return _summary(found)


def _summary(found: dict[str, list[load.Load]]) -> dict[str, Any]:
    rates = {name: statistics.median(one.rate() for one in runs) for name, runs in found.items()}
    orders_s = {**rates, **{name: rates[name] * BATCH_ORDERS for name in MANY}}
    result: dict[str, Any] = {
        "ratio_noop": round(rates["single"] / rates["noop"], 2),
        "ratio_naive": round(rates["single"] / rates["naive"], 2),
        "ratio_batch_noop": round(orders_s["batch"] / rates["noop"], 2),
        "ratio_websocket_noop": round(orders_s["websocket"] / rates["noop"], 2),
        "orders": sum(one.answered for one in found["single"])
        + BATCH_ORDERS * sum(one.answered for name in MANY for one in found[name]),
    }
    for name, runs in found.items():
        result[name] = {
            "per_s": round(orders_s[name]), "p50_ms": round(statistics.median(one.quantile_ms(0.5) for one in runs), 2),
            "p99_ms": round(statistics.median(one.quantile_ms(0.99) for one in runs), 2),
        }  # fmt: skip
    return result


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three short rounds")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    options = parser.parse_args()
    result = measure(options.quick)
    if options.json:
        print(json.dumps(result))
        return
    for name in ("noop", "naive", "single", "batch", "websocket"):
        one = result[name]
        print(f"{name:9} {one['per_s']:>8} orders/s   p50 {one['p50_ms']:>8} ms   p99 {one['p99_ms']:>8} ms")
    print(f"single is {result['ratio_noop']} times noop and {result['ratio_naive']} times naive")


if __name__ == "__main__":
    main()
