"""The stream of the exchange as one object that outlives its connections."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Self, TypeVar
from urllib.parse import urlsplit, urlunsplit

import msgspec
import websockets

from h2market.client.book_orders import BookOrders
from h2market.client.entry import ANSWER_S, OrderEntry, again_after_s, encode
from h2market.client.errors import NoAnswer, StreamClosed, StreamError, StreamRefused, error_of
from h2market.client.feed import Feed, KeptSubscription, Name, Subscription
from h2market.client.kept import Broken, Kept
from h2market.client.order_book import OrderBook
from h2market.client.said import AnyMessage, Delta, Heartbeat, ProblemSaid, Reply, Snapshot, Subscribed, Welcome, read
from h2market.client.said_base import OnDisconnect
from h2market.client.said_market import BookDelta, BookSnapshot, OrdersDelta, OrdersSnapshot
from h2market.client.said_own import Own, OwnSnapshot
from h2market.client.talk import Retry

#: How long a connection may take to stand, until its welcome.
CONNECT_S_MAX = 10.0
#: A connection that has said nothing for so many heartbeats is taken for dead.
HEARTBEATS_MISSED_MAX = 2.5
#: Heartbeats that a server may promise: by none may a dead connection be kept for hours, or each one be taken for dead.
HEARTBEAT_S_MIN, HEARTBEAT_S_MAX = 0.1, 60.0
#: The largest message that is read: a snapshot of a full book has some hundred kilobytes.
MESSAGE_BYTES_MAX = 16 << 20
#: How often in a row a subscription may not add up before it is given up.
BROKEN_MAX = 10
#: Close codes after which there is no use in coming back.
_SHUT_OUT = (4401, 4403)
_NOT_FOUND = (401, 403, 404)

S = TypeVar("S", bound=Subscription)
#: The id of the request that sets the options of a connection.
_OPTIONS = "options"
#: In place of the id of a request that will be sent later.
_LATER = "later"


class Stream(OrderEntry):
    """Market data, own business and order entry over a WebSocket. Use it in an ``async with`` block.

    A lost connection is made anew; every subscription goes on where it stood, and every request that was not answered
    is sent again under its client order ids or its idempotency key, until its time is over. ``on_disconnect`` says what
    becomes of orders when a connection ends: ``keep`` them, ``cancel_placed`` cancels what was placed on it,
    ``cancel_flagged`` what was placed under this key with ``cancel_on_disconnect``.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        on_disconnect: OnDisconnect = "keep",
        answer_s: float = ANSWER_S,
        connect_s: float = CONNECT_S_MAX,
        retry: Retry | None = None,
        language: str = "en",
    ) -> None:
        super().__init__(answer_s, retry or Retry())
        self.connections = 0  # how many there have been
        self.welcome: Welcome | None = None  # of the connection that stands
        self._url = _stream_url(url)
        self._headers = {"Authorization": f"Bearer {key}", "Accept-Language": language}
        self._on_disconnect: OnDisconnect = on_disconnect
        self._connect_s = connect_s
        self._subscriptions: dict[Name, Subscription] = {}
        self._socket: websockets.ClientConnection | None = None
        self._running: asyncio.Task[None] | None = None
        self._later: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Connects. Raises StreamRefused for a key that is not taken, NoAnswer if the exchange is not there."""
        first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._running = asyncio.create_task(self._run(first), name="h2market.stream")
        try:
            async with asyncio.timeout(self._connect_s):
                await asyncio.shield(first)
        except TimeoutError as error:
            await self.close()
            raise NoAnswer(f"{self._url} does not answer") from error
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends it; what was to end with the connection ends."""
        self._end(StreamClosed("the stream was closed"))
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection now."""
        return self.welcome is not None

    # --- subscriptions

    async def book(self, product_id: str, *, depth: int = 10, throttle_ms: int = 0) -> OrderBook:
        """A product's book, kept current. Raises NotFound for a product that was never listed."""
        book = OrderBook(product_id, depth)
        return (await self._subscribe(KeptSubscription(book, depth=depth, throttle_ms=throttle_ms))).kept

    async def orders(self, product_id: str, *, throttle_ms: int = 0) -> BookOrders:
        """Every order that rests in a product's book, kept current. Raises NotFound as `book` does."""
        return (await self._subscribe(KeptSubscription(BookOrders(product_id), throttle_ms=throttle_ms))).kept

    async def order_changes(self, product_id: str, *, throttle_ms: int = 0) -> Feed:
        """The messages that `orders` is kept from, for whoever keeps something else."""
        return await self._subscribe(Feed("orders", product_id, throttle_ms=throttle_ms))

    async def trades(self, product_id: str | None = None) -> Feed:
        """Trades without their parties, of one product or of all."""
        return await self._subscribe(Feed("trades", product_id))

    async def tickers(self, product_id: str | None = None, *, throttle_ms: int = 0) -> Feed:
        """Products at a glance, one or all."""
        return await self._subscribe(Feed("ticker", product_id, throttle_ms=throttle_ms))

    async def status(self, product_id: str | None = None) -> Feed:
        """The market, and the phases of one product or of all."""
        return await self._subscribe(Feed("status", product_id))

    async def own(self) -> Feed:
        """The company's orders, fills and limits."""
        return await self._subscribe(Feed("own", None))

    async def unsubscribe(self, subscription: Feed | Kept) -> None:
        """Ends a feed, or lets a book stand still."""
        known = self._subscriptions.pop(subscription.name, None)
        if known is None:
            return
        known.fail(StreamClosed("unsubscribed"))
        channel, product_id = subscription.name
        product = {} if product_id is None else {"product_id": product_id}
        await self._send(encode({"op": "unsubscribe", "channel": channel, **product}).decode())

    async def _subscribe(self, one: S) -> S:
        if self._ended is not None:
            raise self._ended
        if one.name in self._subscriptions:
            raise ValueError(f"{one.name} is subscribed to already")
        self._subscriptions[one.name] = one
        if self.is_connected:
            await self._begin(one, anew=False)
        try:
            async with asyncio.timeout(self._answer_s):
                await asyncio.shield(one.ready)
        except BaseException as error:
            self._subscriptions.pop(one.name, None)
            if isinstance(error, TimeoutError):
                raise NoAnswer(f"the subscription to {one.name} was not answered") from error
            raise
        return one

    async def _begin(self, one: Subscription, *, anew: bool) -> None:
        await self._send(encode(one.request(f"s{next(self._numbers)}", anew=anew)).decode())

    # --- the connection

    async def _send(self, text: str) -> None:
        """Sends; where the connection is lost, the next one begins with everything that matters."""
        if self._socket is not None:
            try:
                await self._socket.send(text)
            except websockets.ConnectionClosed:
                return

    async def _run(self, first: asyncio.Future[None]) -> None:
        """Connects again and again until it is closed or shut out."""
        tries = 0
        while self._ended is None:
            began_s = self._loop_s()
            try:
                await self._connect(first)
            except StreamError as error:
                self._fail(first, error)
                return
            except (OSError, TimeoutError, websockets.WebSocketException):
                # One that is ended as soon as it stands is not come back to at once, however often.
                tries = 1 if self._loop_s() - began_s > self._retry.pause_s_max else tries + 1
            except msgspec.DecodeError as error:
                self._fail(first, StreamError(f"the exchange said what this client cannot read: {error}"))
                return
            except Exception as error:  # noqa: BLE001 - whatever it is, who waits for an answer has to hear of it
                self._fail(first, StreamError(f"the exchange said what this client cannot take: {error!r}"))
                return
            finally:
                self._lose()
            await asyncio.sleep(self._retry.wait_s(min(tries, 16)))

    @staticmethod
    def _loop_s() -> float:
        return asyncio.get_running_loop().time()

    async def _connect(self, first: asyncio.Future[None]) -> None:
        """One connection, from its beginning to its end."""
        try:
            async with websockets.connect(
                self._url, additional_headers=self._headers, open_timeout=self._connect_s, max_size=MESSAGE_BYTES_MAX,
                ping_interval=None, close_timeout=1, compression=None,
            ) as socket:  # fmt: skip
                async with asyncio.timeout(self._connect_s):
                    welcome = read(await socket.recv())
                if isinstance(welcome, ProblemSaid):
                    raise StreamRefused(str(error_of(welcome.problem)))
                if not isinstance(welcome, Welcome):
                    raise websockets.ProtocolError("the first message is no welcome")
                self._socket, self.welcome = socket, welcome
                self.connections += 1
                await self._resume()
                if not first.done():
                    first.set_result(None)
                heartbeat_s = min(max(welcome.heartbeat_s, HEARTBEAT_S_MIN), HEARTBEAT_S_MAX)
                await self._listen(socket, heartbeat_s * HEARTBEATS_MISSED_MAX)
        except websockets.InvalidStatus as error:
            if error.response.status_code in _NOT_FOUND:
                body = (error.response.body or b"")[:300].decode(errors="replace")
                raise StreamRefused(f"{error.response.status_code} {body}") from error
            raise
        except websockets.ConnectionClosed as closed:
            if closed.rcvd is not None and closed.rcvd.code in _SHUT_OUT:
                raise StreamRefused(f"{closed.rcvd.code} {closed.rcvd.reason}") from closed
            raise

    async def _resume(self) -> None:
        """Begins where the last connection ended."""
        if self._on_disconnect != "keep":
            options = {"op": "set_options", "id": _OPTIONS, "cancel_on_disconnect": self._on_disconnect}
            await self._send(encode(options).decode())
        for one in list(self._subscriptions.values()):
            await self._begin(one, anew=False)
        await self._say_again()

    async def _listen(self, socket: websockets.ClientConnection, silence_s_max: float) -> None:
        while True:
            async with asyncio.timeout(silence_s_max):
                frame = await socket.recv()
            said = read(frame)
            if said is not None:
                await self._take(said)

    def _fail(self, first: asyncio.Future[None], error: StreamError) -> None:
        self._end(error)
        if not first.done():
            first.set_exception(error)

    def _lose(self) -> None:
        self._socket = self.welcome = None
        for one in self._subscriptions.values():
            one.pause()

    def _end(self, error: StreamError) -> None:
        """Nothing more is said or heard."""
        if self._ended is not None:
            return
        self._ended = error
        for one in self._subscriptions.values():
            one.fail(error)
        self._give_up(error)
        for task in self._later:
            task.cancel()

    # --- what is heard

    async def _take(self, said: AnyMessage) -> None:
        if isinstance(said, Snapshot | Delta):
            one = self._subscriptions.get(_name_of(said))
            if one is not None and one.asked is None:
                await self._hold_together(one, partial(one.take, said))
        elif isinstance(said, Subscribed):
            one = self._subscriptions.get((said.channel, said.product_id))
            if one is not None and one.asked == said.id:
                await self._hold_together(one, partial(one.begin, said))
        elif isinstance(said, Heartbeat):
            sent: dict[Name, int] = {(beat.channel, beat.product_id): beat.seq for beat in said.subscriptions}
            for one in list(self._subscriptions.values()):
                if one.asked is None:
                    await self._hold_together(one, partial(one.compare, sent.get(one.name)))
                elif one.asked != _LATER and self._loop_s() - one.asked_at_s > self._answer_s:
                    await self._hold_together(one, partial(_unanswered, one))
        elif isinstance(said, ProblemSaid) and await self._not_subscribed(said):
            return
        elif isinstance(said, Reply):
            self._hear(said)

    async def _hold_together(self, one: Subscription, step: Callable[[], None]) -> None:
        """Takes something in; begins a subscription anew that does not add up. Books and tickers begin with a snapshot
        then, events go on after the last one that was heard."""
        try:
            step()
        except Broken as broken:
            one.pause()
            one.forget()
            one.broken += 1
            anew = one.name[0] in ("book", "orders", "ticker")
            if one.broken > BROKEN_MAX:
                del self._subscriptions[one.name]
                one.fail(StreamError(f"{broken}, {one.broken} times in a row"))
            elif one.broken == 1:
                await self._begin(one, anew=anew)
            else:
                self._begin_later(one, self._retry.wait_s(one.broken - 1), anew=anew)

    async def _not_subscribed(self, said: ProblemSaid) -> bool:
        """Whether a problem is about a subscription; then what is to be done about it is done."""
        if said.id == _OPTIONS:  # nobody should think that orders end with the connection where they do not
            if again_after_s(said) is None:
                raise StreamRefused(str(error_of(said.problem)))
            raise ConnectionError("the options of the connection were not taken")
        one = next((one for one in self._subscriptions.values() if said.id is not None and one.asked == said.id), None)
        if one is None:
            return False
        after_s = again_after_s(said)
        if after_s is not None:
            self._begin_later(one, max(after_s, self._retry.pause_s))
        elif said.problem.field == "since":
            await self._begin(one, anew=True)  # the log has not got that far: it is not the one of before
        else:
            del self._subscriptions[one.name]
            one.fail(error_of(said.problem))
        return True

    def _begin_later(self, one: Subscription, seconds: float, *, anew: bool = False) -> None:
        """Subscribes after a while, unless another connection has begun by then. What comes meanwhile is of the
        subscription before, and is passed over."""
        connection = self.connections
        one.asked = _LATER

        async def begin() -> None:
            await asyncio.sleep(seconds)
            is_wanted = self._subscriptions.get(one.name) is one
            if is_wanted and connection == self.connections and self.is_connected:
                await self._begin(one, anew=anew)

        task = asyncio.create_task(begin())
        self._later.add(task)
        task.add_done_callback(self._later.discard)


def _unanswered(one: Subscription) -> None:
    raise Broken(f"{one.name}: the subscription was not answered")


def _name_of(said: Snapshot | Delta) -> Name:
    if isinstance(said, Own | OwnSnapshot):
        return "own", None
    if isinstance(said, BookSnapshot | BookDelta):
        return "book", said.product_id
    if isinstance(said, OrdersSnapshot | OrdersDelta):
        return "orders", said.product_id
    kind = type(said).__name__
    return ("trades" if kind.startswith("Trades") else "ticker" if kind.startswith("Ticker") else "status"), (
        said.product_id
    )


def _stream_url(url: str) -> str:
    """The address of the stream of a server: ``https://host`` is ``wss://host/v1/stream``."""
    parts = urlsplit(url)
    schemes = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
    if parts.scheme not in schemes:
        raise ValueError(f"the address of a server begins with http or https, not {url!r}")
    path = parts.path.rstrip("/")
    return urlunsplit((schemes[parts.scheme], parts.netloc, path.removesuffix("/v1/stream") + "/v1/stream", "", ""))
