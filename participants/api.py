"""Routes of the register: companies, facilities, keys."""

from __future__ import annotations

import secrets
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Path, Query
from pydantic import Field
from sqlmodel import Session, col, select

from kernel.auth import SCOPES, Scope
from kernel.edge import CURSOR_SCHEMA, LINE_PATTERN, PAGE_DEFAULT, PAGE_MAX, Answer, Body, Line, Page, TimeOut
from kernel.errors import Forbidden, InvalidInput, NotFound
from kernel.http import KEY_PATTERN, Call
from kernel.openapi import problems
from kernel.service import Service, caller, fetch_page, reading
from participants import commands, events
from participants.errors import KeyInUse
from participants.geo import Datum, position_e7
from participants.keys import hash_secret, new_secret
from participants.model import (
    E7_PER_DEGREE,
    LABEL_CHARACTERS_MAX,
    NAME_CHARACTERS_MAX,
    CompanyState,
    FacilityKind,
    Role,
)
from participants.tables import ApiKeyRow, CompanyRow, FacilityRow

CompanyId = Annotated[str, Path(pattern=r"^P[1-9][0-9]{0,17}$", examples=["P1"])]
KeyId = Annotated[str, Path(pattern=r"^K[1-9][0-9]{0,17}$", examples=["K3"])]
Cursor = Annotated[str | None, Query(max_length=200, json_schema_extra=CURSOR_SCHEMA)]
Limit = Annotated[int, Query(ge=1, le=PAGE_MAX)]
Caller = Annotated[Call, Depends(caller)]
IdempotencyKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", pattern=KEY_PATTERN, description="Sent twice, the request takes effect once."),
]
Name = Annotated[str, Field(min_length=1, max_length=NAME_CHARACTERS_MAX, pattern=LINE_PATTERN)]

#: How the caller writes what the room calls otherwise.
_AS_WRITTEN = {"datum": "crs", "opens_minute": "opens", "closes_minute": "closes"}
_EACH_ONCE: dict[str, Any] = {"uniqueItems": True}
#: The scopes that a key may be made with here; one with the scope service needs the command line.
_KEY_SCOPES: dict[str, Any] = {
    **_EACH_ONCE,
    "items": {"type": "string", "enum": [scope for scope in SCOPES if scope != "service"]},
}


class NewCompany(Body):
    """A company asks to be entered in the register."""

    uscc: str = Field(
        pattern=r"^[0-9]{8}[0-9A-HJ-NPQRTUWXY]{10}$",
        description="Unified social credit code (GB 32100), 18 characters of which the last one checks the others.",
        examples=["91149999H2M9999944"],
        json_schema_extra={"format": "uscc"},
    )
    name: Name
    name_zh: Name
    roles: list[Role] = Field(min_length=1, max_length=4, json_schema_extra=_EACH_ONCE)


class CompanyAnswer(Answer):
    """A company in the register."""

    participant_id: str
    uscc: str
    name: str
    name_zh: str
    roles: list[Role]
    state: CompanyState
    registered_at: TimeOut | None = None


class StateAnswer(Answer):
    """The state a company came into."""

    participant_id: str
    state: CompanyState


class Suspension(Body):
    """Why a company is suspended."""

    reason: Line


class NewFacility(Body):
    """A place of the caller's company. ``crs`` names the datum of the position: Chinese maps give GCJ-02."""

    kind: FacilityKind
    name: Name
    name_zh: Name
    hub: str = Field(pattern=r"^[A-Z][A-Z0-9]{1,23}$", examples=["TAIYUAN"])
    latitude: float = Field(ge=-90, le=90, examples=[37.8694])
    longitude: float = Field(ge=-180, le=180, examples=[112.5603])
    crs: Literal["WGS-84", "GCJ-02"] = "WGS-84"
    opens: str = Field(default="00:00", pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")
    closes: str = Field(default="24:00", pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")


class FacilityAnswer(Answer):
    """A facility; the position is WGS-84 degrees."""

    facility_id: str
    participant_id: str
    kind: FacilityKind
    name: str
    name_zh: str
    hub: str
    latitude: float
    longitude: float
    opens: str
    closes: str


class NewKey(Body):
    """A key for the caller's company, or for another one by the operator."""

    participant_id: str | None = Field(default=None, pattern=r"^P[1-9][0-9]{0,17}$")
    scopes: list[Scope] = Field(min_length=1, max_length=7, json_schema_extra=_KEY_SCOPES)
    label: str = Field(min_length=1, max_length=LABEL_CHARACTERS_MAX, pattern=LINE_PATTERN)


class KeyAnswer(Answer):
    """A key's record. ``secret`` is there only in the first answer to its making."""

    key_id: str
    participant_id: str
    scopes: list[Scope]
    label: str
    issued_at: TimeOut | None = None
    revoked_at: TimeOut | None = None
    secret: str | None = None


def _clock_minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def _clock_text(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _add_facility(participant_id: str, body: NewFacility) -> commands.AddFacility:
    datum: Datum = "gcj02" if body.crs == "GCJ-02" else "wgs84"
    latitude_e7, longitude_e7 = position_e7(f"{body.latitude:.7f}", f"{body.longitude:.7f}", datum)
    return commands.AddFacility(
        participant_id,
        body.kind,
        body.name,
        body.name_zh,
        body.hub,
        latitude_e7,
        longitude_e7,
        _clock_minutes(body.opens),
        _clock_minutes(body.closes),
    )


def _company(row: CompanyRow) -> CompanyAnswer:
    return CompanyAnswer.model_validate({**row.model_dump(), "participant_id": row.id, "roles": row.roles.split()})


def _facility(row: FacilityRow) -> FacilityAnswer:
    return FacilityAnswer.model_validate(
        {
            **row.model_dump(),
            "facility_id": row.id,
            "latitude": row.latitude_e7 / E7_PER_DEGREE,
            "longitude": row.longitude_e7 / E7_PER_DEGREE,
            "opens": _clock_text(row.opens_minute),
            "closes": _clock_text(row.closes_minute),
        }
    )


def _key(row: ApiKeyRow) -> KeyAnswer:
    return KeyAnswer.model_validate({**row.model_dump(), "key_id": row.id, "scopes": row.scopes.split()})


def router(service: Service) -> APIRouter:
    """The register's routes."""
    routes = APIRouter(tags=["participants"])
    reads = reading(service)

    @routes.post(
        "/v1/participants",
        status_code=201,
        responses=problems(401, 403, 409, 413, 422, 429, 503),
        operation_id="registerCompany",
    )
    async def register(body: NewCompany, call: Caller, idempotency_key: IdempotencyKey = None) -> CompanyAnswer:
        """Registers a company; the operator approves it afterwards. Scope: operate."""
        call.require("operate")
        command = commands.RegisterCompany(body.uscc, body.name, body.name_zh, tuple(body.roles))
        outcome = await service.execute(call, command, "POST /v1/participants")
        event = outcome.events[0]
        assert isinstance(event, events.CompanyRegistered)
        return CompanyAnswer(
            participant_id=event.participant_id,
            uscc=event.uscc,
            name=event.name,
            name_zh=event.name_zh,
            roles=list(event.roles),  # type: ignore[arg-type]
            state="registered",
            registered_at=outcome.at,
        )

    @routes.get("/v1/participants", responses=problems(401, 403, 422, 429), operation_id="listCompanies")
    def companies(
        call: Caller, session: Session = reads, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT
    ) -> Page[CompanyAnswer]:
        """Companies, newest first; the operator and auditors see all of them, others their own. Scope: read."""
        principal = call.require("read")
        query = select(CompanyRow)
        if not principal.sees_all:
            query = query.where(CompanyRow.id == principal.participant_id)
        return fetch_page(session, query, col(CompanyRow.event_seq), cursor, limit, _company)

    @routes.get(
        "/v1/participants/{participant_id}", responses=problems(401, 403, 404, 422, 429), operation_id="getCompany"
    )
    def company(participant_id: CompanyId, call: Caller, session: Session = reads) -> CompanyAnswer:
        """One company. Scope: read; another company's only for the operator and auditors."""
        principal = call.require("read")
        row = session.get(CompanyRow, participant_id)
        if row is None or not (principal.sees_all or principal.participant_id == participant_id):
            raise NotFound(field="participant_id", kind="participant", id=participant_id)
        return _company(row)

    @routes.post(
        "/v1/participants/{participant_id}/approval",
        responses=problems(401, 403, 404, 409, 413, 422, 429, 503),
        operation_id="approveCompany",
    )
    async def approve(participant_id: CompanyId, call: Caller, idempotency_key: IdempotencyKey = None) -> StateAnswer:
        """Lets a registered company trade. Scope: operate."""
        call.require("operate")
        await service.execute(
            call, commands.ApproveCompany(participant_id), f"POST /v1/participants/{participant_id}/approval"
        )
        return StateAnswer(participant_id=participant_id, state="approved")

    @routes.post(
        "/v1/participants/{participant_id}/suspension",
        responses=problems(401, 403, 404, 409, 413, 422, 429, 503),
        operation_id="suspendCompany",
    )
    async def suspend(
        participant_id: CompanyId, body: Suspension, call: Caller, idempotency_key: IdempotencyKey = None
    ) -> StateAnswer:
        """Stops a company from trading; its open orders are cancelled. Scope: operate."""
        call.require("operate")
        await service.execute(
            call,
            commands.SuspendCompany(participant_id, body.reason),
            f"POST /v1/participants/{participant_id}/suspension",
        )
        return StateAnswer(participant_id=participant_id, state="suspended")

    @routes.post(
        "/v1/participants/{participant_id}/reinstatement",
        responses=problems(401, 403, 404, 409, 413, 422, 429, 503),
        operation_id="reinstateCompany",
    )
    async def reinstate(participant_id: CompanyId, call: Caller, idempotency_key: IdempotencyKey = None) -> StateAnswer:
        """Lets a suspended company trade again. Scope: operate."""
        call.require("operate")
        await service.execute(
            call, commands.ReinstateCompany(participant_id), f"POST /v1/participants/{participant_id}/reinstatement"
        )
        return StateAnswer(participant_id=participant_id, state="approved")

    @routes.post(
        "/v1/facilities",
        status_code=201,
        responses=problems(401, 403, 404, 409, 413, 422, 429, 503),
        operation_id="addFacility",
    )
    async def add_facility(body: NewFacility, call: Caller, idempotency_key: IdempotencyKey = None) -> FacilityAnswer:
        """Adds a place of the caller's company. Scope: track."""
        principal = call.require("track")
        try:
            command = _add_facility(principal.participant_id, body)
            outcome = await service.execute(call, command, "POST /v1/facilities")
        except InvalidInput as error:
            error.field = _AS_WRITTEN.get(str(error.field), error.field)
            raise
        event = outcome.events[0]
        assert isinstance(event, events.FacilityAdded)
        return FacilityAnswer(
            facility_id=event.facility_id,
            participant_id=event.participant_id,
            kind=event.kind,
            name=event.name,
            name_zh=event.name_zh,
            hub=event.hub,
            latitude=event.latitude_e7 / E7_PER_DEGREE,
            longitude=event.longitude_e7 / E7_PER_DEGREE,
            opens=_clock_text(event.opens_minute),
            closes=_clock_text(event.closes_minute),
        )

    @routes.get("/v1/facilities", responses=problems(401, 403, 422, 429), operation_id="listFacilities")
    def facilities(
        call: Caller,
        session: Session = reads,
        hub: Annotated[str | None, Query(max_length=24)] = None,
        cursor: Cursor = None,
        limit: Limit = PAGE_DEFAULT,
    ) -> Page[FacilityAnswer]:
        """Facilities, newest first: the caller's own; all of them for the operator and auditors. Scope: read."""
        principal = call.require("read")
        query = select(FacilityRow)
        if not principal.sees_all:
            query = query.where(FacilityRow.participant_id == principal.participant_id)
        if hub is not None:
            query = query.where(FacilityRow.hub == hub)
        return fetch_page(session, query, col(FacilityRow.event_seq), cursor, limit, _facility)

    @routes.post(
        "/v1/keys", status_code=201, responses=problems(401, 403, 404, 409, 413, 422, 429, 503), operation_id="issueKey"
    )
    async def issue(body: NewKey, call: Caller, idempotency_key: IdempotencyKey = None) -> KeyAnswer:
        """Makes an API key. The secret is in this answer and nowhere else: a repeated request gives the record
        without it.
        Any key of a company may make keys with no more scopes than it has itself; the operator makes any company's."""
        principal = call.require("read")
        participant_id = body.participant_id or principal.participant_id
        if "service" in body.scopes:
            raise InvalidInput(
                "scopes",
                "service_key",
                "Keys with the scope service are made on the command line.",
                "具有 service 权限的密钥只能由命令行签发。",
            )
        if "operate" not in principal.scopes:
            if participant_id != principal.participant_id:
                raise Forbidden(field="participant_id", scope="operate")
            for scope in body.scopes:
                principal.require(scope)
        secret = new_secret(secrets.token_bytes)
        outcome = await service.execute(
            call,
            commands.IssueKey(participant_id, hash_secret(secret), tuple(body.scopes), body.label),
            "POST /v1/keys",
        )
        event = outcome.events[0]
        assert isinstance(event, events.KeyIssued)
        return KeyAnswer(
            key_id=event.key_id,
            participant_id=event.participant_id,
            scopes=list(event.scopes),  # type: ignore[arg-type]
            label=event.label,
            issued_at=outcome.at,
            secret=None if outcome.replayed else secret,
        )

    @routes.get("/v1/keys", responses=problems(401, 403, 422, 429), operation_id="listKeys")
    def keys(
        call: Caller, session: Session = reads, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT
    ) -> Page[KeyAnswer]:
        """Records of the company's keys, newest first. Scope: read."""
        principal = call.require("read")
        query = select(ApiKeyRow)
        if not principal.sees_all:
            query = query.where(ApiKeyRow.participant_id == principal.participant_id)
        return fetch_page(session, query, col(ApiKeyRow.event_seq), cursor, limit, _key)

    @routes.delete(
        "/v1/keys/{key_id}",
        status_code=204,
        responses=problems(401, 403, 404, 409, 413, 422, 429, 503),
        operation_id="revokeKey",
    )
    async def revoke(key_id: KeyId, call: Caller) -> None:
        """Ends a key of the caller's company at once, save the one that asks. A key ends only keys that may do no more
        than it may itself; the operator ends any."""
        principal = call.require("read")
        if key_id == principal.key_id:
            raise KeyInUse(field="key_id", key_id=key_id)
        with service.store.reading() as session:
            row = session.get(ApiKeyRow, key_id)
        if row is None or not ("operate" in principal.scopes or row.participant_id == principal.participant_id):
            raise NotFound(field="key_id", kind="key", id=key_id)
        if "operate" not in principal.scopes:
            for scope in row.scopes.split():
                principal.require(scope)  # type: ignore[arg-type]
        await service.execute(call, commands.RevokeKey(key_id), f"DELETE /v1/keys/{key_id}")

    return routes
