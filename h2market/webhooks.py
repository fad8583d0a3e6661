"""Webhooks as the house wires them: which logs are told of, who delivers, and what services tell one another for it.

The process that writes the register delivers everything. Notices of rooms in other processes are made there, beside
the rows that they need, and fetched over HTTP.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query, Response

import exchange.notices
import participants.notices
import settlement.notices
import tracking.notices
from kernel.config import Settings
from kernel.errors import NotFound
from kernel.feed import FOLLOW_EVENTS_MAX, POLL_WAIT_S
from kernel.http import Call
from kernel.notice_feed import LocalNotices
from kernel.notices import Bulletin, Told
from kernel.service import caller
from participants.outgoing import Guard, Outgoing

BULLETINS: dict[str, Bulletin] = {
    "participants": participants.notices.BULLETIN,
    "exchange": exchange.notices.BULLETIN,
    "tracking": tracking.notices.BULLETIN,
    "settlement": settlement.notices.BULLETIN,
}
#: Every type of notice, with its log.
CATALOGUE: tuple[tuple[str, Told], ...] = tuple(
    (room, told) for room, bulletin in BULLETINS.items() for told in bulletin.told.values()
)
#: How often a waiting reader looks for news.
POLL_PAUSE_S = 0.02
Caller = Annotated[Call, Depends(caller)]


def guard_of(settings: Settings) -> Guard:
    """Where this market's settings let notices go."""
    return Guard(settings.webhook_networks, plain=settings.webhook_http)


def outgoing_of(settings: Settings) -> Outgoing:
    """Connections to receivers under this market's settings."""
    return Outgoing(guard_of(settings))


def internal_router(sources: Mapping[str, LocalNotices]) -> APIRouter:
    """What the delivering process asks of the others; needs the scope service and is no part of the published
    interface. ``sources`` are the rooms of this process."""
    routes = APIRouter(prefix="/v1/internal", include_in_schema=False)

    def source(room: str, call: Call) -> LocalNotices:
        call.require("service")
        found = sources.get(room)
        if found is None:
            raise NotFound(field="room", kind="room", id=room[:64])
        return found

    @routes.get("/{room}/notices")
    async def page(
        room: str,
        call: Caller,
        after: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=FOLLOW_EVENTS_MAX)] = FOLLOW_EVENTS_MAX,
    ) -> Response:
        found = await source(room, call).page(after, limit)
        return Response(msgspec.json.encode(found), media_type="application/json")

    @routes.get("/{room}/notices/head")
    async def head(
        room: str,
        call: Caller,
        after: Annotated[int, Query(ge=0)] = 0,
        wait_s: Annotated[float, Query(ge=0, le=60)] = POLL_WAIT_S,
    ) -> dict[str, int]:
        one = source(room, call)
        until = time.monotonic() + wait_s
        while one.last <= after and time.monotonic() < until:  # noqa: ASYNC110 - several readers, one short look each
            await asyncio.sleep(POLL_PAUSE_S)
        return {"seq": one.last}

    @routes.get("/{room}/notices/position")
    async def position(room: str, call: Caller, at: Annotated[int, Query(ge=0)]) -> dict[str, int]:
        return {"seq": await source(room, call).position(at)}

    return routes
