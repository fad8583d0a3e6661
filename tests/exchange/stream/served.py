"""The exchange served by uvicorn on a port of the loopback, with a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import httpx
import uvicorn
import websockets

from exchange.stream.api import FRAME_BYTES_MAX, Doors
from exchange.stream.hub import Hub
from h2market.app import create_app
from h2market.platform import Platform
from h2market.uvicorn_protocol import OneWriteProtocol
from h2market.uvicorn_stream import CuttingProtocol
from kernel.config import Settings
from kernel.messages import Command
from kernel.sequencer import Outcome
from tests.exchange.market import NOW, PRODUCT, order
from tests.exchange.stream.client import Client

T = TypeVar("T")
START_S_MAX = 30.0


class Served:
    """A running exchange. Names of companies stand for their keys."""

    def __init__(self, url: str, ids: dict[str, str], secrets: dict[str, str], **settings: int) -> None:
        self.ids, self.secrets = ids, secrets
        self.house = Platform(Settings(database_url=url, simulated_clock=NOW, **settings), ("exchange",))  # type: ignore[arg-type]
        edge = create_app(self.house.settings, ("exchange",), self.house)
        doors = edge._app  # type: ignore[attr-defined]
        assert isinstance(doors, Doors)
        self.hub: Hub = doors._hub
        self.door = doors._door
        self._socket = socket.socket()
        # Small buffers, so that a reader that stops is noticed soon.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._server = uvicorn.Server(
            uvicorn.Config(
                edge, log_config=None, access_log=False, lifespan="on", http=OneWriteProtocol, ws=CuttingProtocol,
                ws_max_size=FRAME_BYTES_MAX, ws_per_message_deflate=False,
            )
        )  # fmt: skip
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started and not serving.done():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        self._started.set()
        await serving

    def start(self) -> None:
        self._thread.start()
        assert self._started.wait(START_S_MAX)
        assert self._server.started

    def stop(self) -> None:
        self.house.streams.leave()
        self._server.should_exit = True
        self._thread.join(START_S_MAX)
        assert not self._thread.is_alive()

    def inside(self, step: Coroutine[Any, Any, T]) -> T:
        """Runs something in the server's own loop."""
        return asyncio.run_coroutine_threadsafe(step, self._loop).result(START_S_MAX)

    def submit(self, command: Command, room: str = "exchange") -> Outcome:
        """Has a command decided, as jobs do."""
        return self.inside(self.house.sequencers[room].submit(command, actor="test"))

    @asynccontextmanager
    async def client(self, who: str, **headers: str) -> AsyncIterator[Client]:
        """A connection under a company's key, welcomed."""
        async with self.connect(who, **headers) as client:
            client.welcome = await client.hear("welcome")  # type: ignore[attr-defined]
            yield client

    @asynccontextmanager
    async def connect(self, who: str, **headers: str) -> AsyncIterator[Client]:
        """A connection; "" brings no key. A name that is none is sent as the secret itself."""
        secret = self.secrets.get(who, who)
        if secret:
            headers["Authorization"] = f"Bearer {secret}"
        async with websockets.connect(
            f"ws://127.0.0.1:{self.port}/v1/stream", additional_headers=headers, max_size=None, proxy=None
        ) as connection:
            yield Client(connection)

    @asynccontextmanager
    async def rest(self, who: str) -> AsyncIterator[httpx.AsyncClient]:
        """REST under a company's key."""
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"Authorization": f"Bearer {self.secrets.get(who, who)}"},
            trust_env=False,
            timeout=30,
        ) as client:
            yield client

    async def depth(self, levels: int = 100, product_id: str = PRODUCT) -> dict[str, Any]:
        """The book as REST gives it."""
        async with self.rest("other") as client:
            answer = await client.get(f"/v1/products/{product_id}/book", params={"levels": levels})
            found: dict[str, Any] = answer.json()
            return found

    async def place(self, who: str, client_order_id: str, side: str, loads: int, price: str, **more: Any) -> str:
        """An order over REST that is taken; gives its id."""
        async with self.rest(who) as client:
            answer = await client.post("/v1/orders", json=order(client_order_id, side, loads, price, **more))
            assert answer.status_code == 201, answer.text
            return str(answer.json()["order_id"])
