"""`GET /v1/events`: the log as server-sent events, for whoever wants to read along with plain HTTP.

The market's events name no company; a company's own business comes in between; operators and auditors see everybody's.
The id of an event is its position in the log, so a reader that comes back with Last-Event-ID goes on where it was. Each
reader reads the log at its own pace: a slow one holds nobody up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from urllib.parse import parse_qs

from exchange import events as e
from exchange.stream.base import Item, encode
from exchange.stream.door import Door
from exchange.stream.hub import Hub
from exchange.stream.items import recalled_items, status_item, trade_item
from exchange.stream.said_own import AnyOwnItem
from kernel.auth import Principal
from kernel.errors import InvalidInput
from kernel.http import ASGIScope, Receive, Send, call_of
from kernel.messages import Recorded

#: Events read at a time, and how long a reader rests between two looks at the log.
PAGE_EVENTS = 500
REST_S = 0.05
#: A position is less than 2**63.
POSITION_DIGITS_MAX = 19
#: A comment goes out so often, so that proxies and readers know that the connection lives.
COMMENT_EVERY_S = 10.0
_HEADERS = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no")]  # fmt: skip


class ServerEvents:
    """The readers of the log over HTTP."""

    def __init__(self, hub: Hub, door: Door) -> None:
        self.comment_every_s = COMMENT_EVERY_S
        self._hub = hub
        self._door = door
        self._sequencer = hub.service.sequencer
        self._news = asyncio.Event()
        self._sequencer.on_commit(self._hear)

    def _hear(self, _recorded: Sequence[Recorded]) -> None:
        if not self._news.is_set():
            self._news.set()

    async def serve(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Answers one reader until it goes, its key does, or the process is told to stop."""
        call = call_of(scope)
        caller = call.require("read")
        headers = dict(scope["headers"])
        after = _position(headers.get(b"last-event-id"), scope["query_string"], self._sequencer.tail.seq)
        secret = headers[b"authorization"].partition(b" ")[2].strip().decode("latin-1")
        with self._door.take(caller.key_id):
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            gone = asyncio.create_task(_until_gone(receive))
            try:
                await self._tell(caller, secret, after, gone, send)
            except OSError:
                return  # the reader went away
            finally:
                gone.cancel()
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _tell(
        self, caller: Principal, secret: str, after: int, gone: asyncio.Task[None], send: Send
    ) -> None:  # fmt: skip
        loop = asyncio.get_running_loop()
        await _write(send, _standing(after))
        spoken_at = loop.time()
        while not gone.done() and not self._hub.leaving and self._holds(secret):
            if self._sequencer.tail.seq > after:
                page = await asyncio.to_thread(self._hub.past.page, after, PAGE_EVENTS)
                text = await asyncio.to_thread(self._text, page, caller)
                after = page[-1].seq if page else after
                if text:
                    await _write(send, text)
                    spoken_at = loop.time()
                await asyncio.sleep(REST_S)
                continue
            if loop.time() - spoken_at >= self.comment_every_s:
                await _write(send, _standing(after))
                spoken_at = loop.time()
            await self._wait()

    def _holds(self, secret: str) -> bool:
        """Whether the key is still good."""
        found = self._door.find(secret)
        return found is not None and found.active

    async def _wait(self) -> None:
        """Waits for news, and a second at most: the process may be told to stop, or the key be revoked."""
        self._news.clear()
        try:
            async with asyncio.timeout(1):
                await self._news.wait()
        except TimeoutError:
            return

    def _text(self, page: Sequence[Recorded], caller: Principal) -> bytes:
        own = self._hub.past.own_of_page(page, None if caller.sees_all else caller.participant_id)
        by_seq: dict[int, list[AnyOwnItem]] = {}
        for item in own:
            by_seq.setdefault(item.seq, []).append(item)
        blocks: list[bytes] = []
        for one in page:
            items: list[Item] = []
            if isinstance(one.event, e.Traded):
                items.append(trade_item(one.event, one.at))
            elif (status := status_item(one)) is not None:
                items.append(status)
            items += recalled_items(one)
            items += by_seq.get(one.seq, [])
            # Only the last of an event's items carries the id: who breaks off before it gets all of them again.
            blocks += [_block(item, last=item is items[-1]) for item in items]
        return b"".join(blocks)


def _block(item: Item, last: bool) -> bytes:
    name = str(item.__struct_config__.tag).encode()
    head = b"id: %d\n" % item.seq if last else b""
    return b"%bevent: %b\ndata: %b\n\n" % (head, name, encode(item))


def _standing(after: int) -> bytes:
    """A block without data is no event, and yet its id is what a reader comes back with."""
    return b": nothing new\nid: %d\n\n" % after


def _position(last_event_id: bytes | None, query: bytes, tail: int) -> int:
    """Where to go on: after the last event that the reader saw, after ``since``, or with what happens from now on."""
    given = parse_qs(query.decode("latin-1"), keep_blank_values=True)
    field, text = "since", given.get("since", [""])[-1]
    if "since" not in given and last_event_id is None:
        return tail
    if last_event_id is not None:
        field, text = "Last-Event-ID", last_event_id.decode("latin-1")
    is_position = text.isascii() and text.isdigit() and len(text) <= POSITION_DIGITS_MAX
    if not is_position or int(text) > tail:
        raise InvalidInput(
            field, "position", f"Give a position of the log, from 0 to {tail}.", f"请提供 0 至 {tail} 的日志位置。"
        )
    return int(text)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _write(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})
