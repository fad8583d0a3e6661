"""Routes of webhooks: where a company's notices are sent, and how delivery stands."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Header, Path, Query
from pydantic import Field
from sqlmodel import Session, col, select

from kernel.edge import CURSOR_SCHEMA, PAGE_DEFAULT, PAGE_MAX, Answer, Body, Page, TimeIn, TimeOut
from kernel.errors import RETRY_AFTER_S, NotFound, Unavailable
from kernel.http import KEY_PATTERN, Call
from kernel.notices import Told
from kernel.openapi import problems
from kernel.sequencer import Outcome
from kernel.service import Service, caller, fetch_page, reading
from participants import commands, events
from participants.checks import EVENT_TYPE_PATTERN, WEBHOOK_URL_PATTERN
from participants.delivery import Deliverer
from participants.errors import EventTypeUnknown, WebhookAddressRefused, WebhookNeedsHttps
from participants.model import (
    WEBHOOK_OVERLAP_S_MAX,
    WEBHOOK_TYPES_MAX,
    WEBHOOK_URL_CHARACTERS_MAX,
    WebhookState,
)
from participants.outgoing import Guard
from participants.signing import OVERLAP_S, new_salt, secret_of
from participants.tables import WebhookAttemptRow, WebhookRow

WebhookId = Annotated[str, Path(pattern=r"^W[1-9][0-9]{0,17}$", examples=["W12"])]
Cursor = Annotated[str | None, Query(max_length=200, json_schema_extra=CURSOR_SCHEMA)]
Limit = Annotated[int, Query(ge=1, le=PAGE_MAX)]
Caller = Annotated[Call, Depends(caller)]
IdempotencyKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", pattern=KEY_PATTERN, description="Sent twice, the request takes effect once."),
]
Url = Annotated[
    str,
    Field(
        pattern=WEBHOOK_URL_PATTERN,
        max_length=WEBHOOK_URL_CHARACTERS_MAX,
        examples=["https://example.com/hooks"],
        description="https, its host in lower case, without user and fragment.",
    ),
]


def _check_host(url: str) -> None:
    """Raises WebhookAddressRefused for a host in brackets that is no address: no pattern says that."""
    try:
        _ = urlsplit(url).port
    except ValueError as error:
        raise WebhookAddressRefused(field="url", host=url.split("/")[2]) from error


_EACH_ONCE: dict[str, Any] = {"uniqueItems": True}
EventTypes = Annotated[
    list[Annotated[str, Field(pattern=EVENT_TYPE_PATTERN, examples=["order.placed", "trade.*"])]],
    Field(min_length=1, max_length=WEBHOOK_TYPES_MAX, json_schema_extra=_EACH_ONCE),
]
LogName = Literal["participants", "exchange", "tracking", "settlement"]


class NewWebhook(Body):
    """Where to send notices, and of what: types such as order.placed, or groups such as order.*. Without a choice, all
    that concerns the company itself, and nothing that is public."""

    url: Url
    event_types: EventTypes | None = None


class WebhookChange(Body):
    """What to change. ``active: true`` also has what waits sent at once."""

    url: Url | None = None
    event_types: EventTypes | None = None
    active: bool | None = None


class Rotation(Body):
    """How long the secret before signs beside the new one, seconds."""

    overlap_s: int = Field(default=OVERLAP_S, ge=0, le=WEBHOOK_OVERLAP_S_MAX)


class Replay(Body):
    """From where to send again: everything since a time, in one log since a position; without either, everything since
    the webhook was added."""

    since: TimeIn | None = None
    since_seq: int | None = Field(default=None, ge=1, le=10**18)
    log: LogName = Field(default="exchange", description="The log that since_seq is a position of.")


class PositionAnswer(Answer):
    """How far a webhook is in a log: events up to ``seq`` are done, ``behind`` of all participants' are not."""

    log: str
    seq: int
    behind: int


class WebhookAnswer(Answer):
    """A webhook and how delivery stands. ``secret`` is there only in the answer that made it."""

    webhook_id: str
    url: str
    event_types: list[str]
    state: WebhookState
    reason: str
    failures: int = Field(description="Failed attempts of the message that is next.")
    next_attempt_at: TimeOut | None
    last_attempt_at: TimeOut | None
    last_success_at: TimeOut | None
    last_error: str
    positions: list[PositionAnswer]
    previous_secret_until: TimeOut | None
    added_at: TimeOut
    secret: str | None = None


class SecretAnswer(Answer):
    """A new secret, shown this once; the one before signs too until then."""

    webhook_id: str
    secret: str | None
    previous_secret_until: TimeOut


class AttemptAnswer(Answer):
    """One attempt to deliver a message. ``error`` is a word for what went wrong, "" where it was delivered."""

    message_id: str
    type: str
    log: str
    seq: int
    attempt: int
    at: TimeOut
    duration_ms: int
    delivered: bool
    status_code: int | None
    error: str


class EventTypeAnswer(Answer):
    """A type of notice. A public one is for everybody and is sent only to who asks for it."""

    type: str
    log: str
    public: bool
    en: str
    zh: str


def _attempt(row: WebhookAttemptRow) -> AttemptAnswer:
    return AttemptAnswer.model_validate({**row.model_dump(), "log": row.room, "attempt": row.number})


def router(service: Service, deliverer: Deliverer, guard: Guard, catalogue: Sequence[tuple[str, Told]]) -> APIRouter:
    """The routes of webhooks; ``catalogue`` has every type of notice with its log."""
    routes = APIRouter(tags=["webhooks"])
    reads = reading(service)
    every = {told.type for _, told in catalogue}
    every |= {f"{kind.partition('.')[0]}.*" for kind in every}
    own = tuple(sorted({f"{told.type.partition('.')[0]}.*" for _, told in catalogue if not told.public}))

    def allowed(url: str | None, event_types: list[str] | None) -> None:
        if url is not None:
            _check_host(url)
        if url is not None and not guard.allows_scheme(url):
            raise WebhookNeedsHttps(field="url")
        if url is not None and not guard.allows_host(url):
            raise WebhookAddressRefused(field="url", host=url.split("/")[2])
        for kind in event_types or ():
            if kind not in every:
                raise EventTypeUnknown(field="event_types", type=kind)

    def find(call: Call, webhook_id: str) -> WebhookRow:
        principal = call.require("read")
        with service.store.reading() as session:
            row = session.get(WebhookRow, webhook_id)
        if row is None or row.state == "deleted" or row.participant_id != principal.participant_id:
            raise NotFound(field="webhook_id", kind="webhook", id=webhook_id)
        return row

    def answer(row: WebhookRow, secret: str | None = None) -> WebhookAnswer:
        standing = deliverer.standing(row.id)
        return WebhookAnswer(
            webhook_id=row.id,
            url=row.url,
            event_types=row.event_types.split(),
            state=row.state,  # type: ignore[arg-type]
            reason=row.reason,
            failures=standing.failures,
            next_attempt_at=standing.next_attempt_at or None,
            last_attempt_at=standing.last_attempt_at or None,
            last_success_at=standing.last_success_at or None,
            last_error=standing.last_error,
            positions=[
                PositionAnswer(log=log, seq=seq, behind=max(0, head - seq))
                for log, head in deliverer.heads().items()
                if (seq := standing.cursors.get(log)) is not None
            ],
            previous_secret_until=row.previous_until or None,
            added_at=row.added_at,
            secret=secret,
        )

    def shown(outcome: Outcome, salt: str) -> str | None:
        return None if outcome.replayed else secret_of(deliverer.key, salt)

    @routes.post(
        "/v1/webhooks",
        status_code=201,
        responses=problems(401, 403, 404, 409, 413, 422, 429, 503),
        operation_id="addWebhook",
    )
    async def add(body: NewWebhook, call: Caller, idempotency_key: IdempotencyKey = None) -> WebhookAnswer:
        """Has the company's notices sent to an address; the answer has the signing secret, this once. Scope: read."""
        principal = call.require("read")
        allowed(body.url, body.event_types)
        types = own if body.event_types is None else tuple(body.event_types)
        command = commands.AddWebhook(principal.participant_id, body.url, types, new_salt(secrets.token_bytes))
        outcome = await service.execute(call, command, "POST /v1/webhooks")
        event = outcome.events[0]
        assert isinstance(event, events.WebhookAdded)
        await deliverer.settle()
        return answer(find(call, event.webhook_id), shown(outcome, event.salt))

    @routes.get("/v1/webhooks", responses=problems(401, 403, 422, 429), operation_id="listWebhooks")
    def webhooks(
        call: Caller, session: Session = reads, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT
    ) -> Page[WebhookAnswer]:
        """The company's webhooks, newest change first. Scope: read."""
        principal = call.require("read")
        query = select(WebhookRow).where(
            WebhookRow.participant_id == principal.participant_id, WebhookRow.state != "deleted"
        )
        return fetch_page(session, query, col(WebhookRow.event_seq), cursor, limit, answer)

    @routes.get("/v1/webhook-event-types", responses=problems(401, 403, 429), operation_id="listWebhookEventTypes")
    def event_types(call: Caller) -> list[EventTypeAnswer]:
        """Every type of notice. Scope: read."""
        call.require("read")
        return [
            EventTypeAnswer(type=told.type, log=log, public=told.public, en=told.en, zh=told.zh)
            for log, told in catalogue
        ]

    @routes.get("/v1/webhooks/{webhook_id}", responses=problems(401, 403, 404, 422, 429), operation_id="getWebhook")
    def webhook(webhook_id: WebhookId, call: Caller) -> WebhookAnswer:
        """One webhook of the company, and how delivery stands. Scope: read."""
        return answer(find(call, webhook_id))

    @routes.patch(
        "/v1/webhooks/{webhook_id}",
        responses=problems(401, 403, 404, 409, 413, 422, 429, 503),
        operation_id="changeWebhook",
    )
    async def change(
        webhook_id: WebhookId, body: WebhookChange, call: Caller, idempotency_key: IdempotencyKey = None
    ) -> WebhookAnswer:
        """Changes a webhook. Activated, it goes on where it stopped, at once. Scope: read."""
        find(call, webhook_id)
        allowed(body.url, body.event_types)
        types = None if body.event_types is None else tuple(body.event_types)
        command = commands.ChangeWebhook(webhook_id, body.url, types, body.active)
        await service.execute(call, command, f"PATCH /v1/webhooks/{webhook_id}")
        return answer(find(call, webhook_id))

    @routes.delete(
        "/v1/webhooks/{webhook_id}",
        status_code=204,
        responses=problems(401, 403, 404, 409, 413, 422, 429, 503),
        operation_id="deleteWebhook",
    )
    async def remove(webhook_id: WebhookId, call: Caller) -> None:
        """Ends a webhook; what waits for it is not sent. Scope: read."""
        find(call, webhook_id)
        await service.execute(call, commands.DeleteWebhook(webhook_id), f"DELETE /v1/webhooks/{webhook_id}")

    @routes.post(
        "/v1/webhooks/{webhook_id}/secret",
        responses=problems(401, 403, 404, 409, 413, 422, 429, 503),
        operation_id="rotateWebhookSecret",
    )
    async def rotate(
        webhook_id: WebhookId, body: Rotation, call: Caller, idempotency_key: IdempotencyKey = None
    ) -> SecretAnswer:
        """Gives a webhook a new secret, shown this once; both sign until the overlap ends. Scope: read."""
        find(call, webhook_id)
        command = commands.RotateWebhookSecret(webhook_id, new_salt(secrets.token_bytes), body.overlap_s)
        outcome = await service.execute(call, command, f"POST /v1/webhooks/{webhook_id}/secret")
        event = outcome.events[0]
        assert isinstance(event, events.WebhookSecretRotated)
        until = outcome.at + event.overlap_s * 1_000_000
        return SecretAnswer(webhook_id=webhook_id, secret=shown(outcome, event.salt), previous_secret_until=until)

    @routes.post(
        "/v1/webhooks/{webhook_id}/ping",
        responses=problems(401, 403, 404, 409, 413, 422, 429, 503),
        operation_id="pingWebhook",
    )
    async def ping(webhook_id: WebhookId, call: Caller) -> AttemptAnswer:
        """Sends a message of the type webhook.ping now, whatever the state, and tells what came of it. Scope: read."""
        attempt = await deliverer.ping(find(call, webhook_id))
        return AttemptAnswer.model_validate({**attempt._asdict(), "log": "", "attempt": 1})

    @routes.post(
        "/v1/webhooks/{webhook_id}/replay",
        status_code=202,
        responses=problems(401, 403, 404, 409, 413, 422, 429, 503),
        operation_id="replayWebhook",
    )
    async def replay(webhook_id: WebhookId, body: Replay, call: Caller) -> WebhookAnswer:
        """Sends again from an earlier place of the logs, in order and under the same message ids. Scope: read."""
        row = find(call, webhook_id)
        heads = deliverer.heads()
        if body.log not in heads:
            raise NotFound(field="log", kind="log", id=body.log)
        cursors: dict[str, int] = {}
        if body.since is not None or body.since_seq is None:
            for feed in deliverer.feeds:
                position = await feed.position(row.added_at if body.since is None else body.since)
                if position is None:
                    raise Unavailable(retry_after_s=RETRY_AFTER_S)
                cursors[feed.room] = position
        if body.since_seq is not None:
            cursors[body.log] = min(body.since_seq - 1, heads[body.log])
        await deliverer.replay(webhook_id, cursors)
        return answer(find(call, webhook_id))

    @routes.get(
        "/v1/webhooks/{webhook_id}/deliveries",
        responses=problems(401, 403, 404, 422, 429),
        operation_id="listWebhookDeliveries",
    )
    def deliveries(
        webhook_id: WebhookId,
        call: Caller,
        session: Session = reads,
        cursor: Cursor = None,
        limit: Limit = PAGE_DEFAULT,
    ) -> Page[AttemptAnswer]:
        """The latest attempts, newest first; some hundred are kept. Scope: read."""
        find(call, webhook_id)
        query = select(WebhookAttemptRow).where(WebhookAttemptRow.webhook_id == webhook_id)
        return fetch_page(session, query, col(WebhookAttemptRow.id), cursor, limit, _attempt)

    return routes
