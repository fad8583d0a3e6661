"""The assembled web application: the rooms' routes, the house's own, and the conventions around them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import fastapi_offline
import msgspec
from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.routing import Match

import exchange.api
import exchange.published
import exchange.stream.api
import participants.api
import participants.webhooks_api
import settlement.api
import tracking.api
import tracking.published
from exchange.orders_api import OrderRoutes
from h2market import __version__
from h2market.clock_api import clock_routes
from h2market.platform import Platform
from h2market.webhooks import CATALOGUE, guard_of, internal_router
from kernel.clock import SimulatedClock
from kernel.config import SERVICES, Settings
from kernel.edge import Answer, TimeOut
from kernel.errors import H2MarketError, InvalidInput, MethodNotAllowed, NotFound, UnsupportedMedia, brief
from kernel.facts import Fact
from kernel.feed import FOLLOW_EVENTS_MAX, POLL_WAIT_S, LocalPort, WireCommand, WireEvent, read_stored
from kernel.http import ASGIApp, Call, DirectRoute, Edge, as_internal, call_of, problem_response
from kernel.openapi import Problem, problems
from kernel.rates import RequestRates
from kernel.service import caller
from kernel.validation import from_validation

FACTS: dict[str, dict[str, Fact]] = {"exchange": exchange.published.FACTS, "tracking": tracking.published.FACTS}
#: Bank statements are files; everything else is small, and a hundred orders are smaller still. What a body may hold is
#: read in the event loop: a megabyte of mistakes would keep everybody waiting for a second.
BODY_LIMITS = {"/v1/bank-statements": 8 << 20, "/v1/orders": 64 << 10}
#: How often a waiting reader of a log looks for news.
POLL_PAUSE_S = 0.02
Caller = Annotated[Call, Depends(caller)]


class FollowerHealth(Answer):
    """How far a follower is behind, in events."""

    name: str
    cursor: int
    lag: int
    error: str | None


class RoomHealth(Answer):
    """A room's log and queue."""

    name: str
    seq: int
    waiting: int
    commits: int
    rebuilds: int
    broken: str | None


class Health(Answer):
    """The state of this process. ``ok``: every room writes, every follower follows, every job works."""

    ok: bool
    version: str
    now: TimeOut
    rooms: list[RoomHealth]
    followers: list[FollowerHealth]
    failed_jobs: dict[str, str]


def create_app(settings: Settings, services: Sequence[str] = SERVICES, platform: Platform | None = None) -> ASGIApp:
    """The ASGI application of a process that runs ``services``."""
    house = platform or Platform(settings, services)
    inside: ASGIApp = create_fastapi(house)
    direct: Sequence[DirectRoute] = ()
    # One count for both: a key sends no more by sending it over two doors.
    rates = RequestRates(settings.requests_per_window, settings.anonymous_per_window)
    if "exchange" in house.handlers:
        orders = OrderRoutes(house.service("exchange"))
        inside, direct = exchange.api.ahead_of(inside, orders), orders.direct
        inside = exchange.stream.api.ahead_of(
            inside,
            house.service("exchange"),
            house.streams,
            house.key_ring,
            rates=rates,
            version=__version__,
        )
    return Edge(
        inside,
        house.key_ring,
        rates=rates,
        body_limits=BODY_LIMITS,
        observe=house.metrics.observe,
        direct=direct,
    )


_INTRODUCTION = """
Send your key as `Authorization: Bearer KEY`; each route names the scope that it needs. Money, prices and masses are
decimal strings (CNY, CNY/kg, kg), times RFC 3339 with offset. A request that changes something may carry an
`Idempotency-Key`; of an order the `client_order_id` is that key. Errors are problem documents (RFC 9457) with a stable
`code`; their sentences are Chinese with `Accept-Language: zh`. Lists take `limit`, and as `cursor` the `next_cursor` of
the page before. The rules of trading are in `docs/trading.md`, the stream is in [asyncapi.json](/asyncapi.json).

以 `Authorization: Bearer 密钥` 发送密钥；各接口注明所需权限（scope）。金额、价格、质量为十进制字符串（元、元/kg、kg），
时间为带时区的 RFC 3339。改变数据的请求可带 `Idempotency-Key`；订单以 `client_order_id` 为幂等键。错误为带稳定 `code`
的错误详情（RFC 9457），带 `Accept-Language: zh` 时说明为中文。列表以 `limit` 与上一页的 `next_cursor`（作为 `cursor`）
翻页。交易规则见 `docs/trading.zh-CN.md`，推送流见 [asyncapi.json](/asyncapi.json)。
"""


def create_fastapi(house: Platform) -> FastAPI:
    """The application inside the conventions."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await house.start()
        try:
            yield
        finally:
            await house.stop()

    app = FastAPI(
        title="h2market",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would name whatever host the caller wrote
        summary="Hydrogen trading: orders, loads, payments. 氢能交易：订单、运输、结算。",
        description=_INTRODUCTION,
    )
    app.state.platform = house
    _add_rooms(app, house)
    app.include_router(_health(house))
    app.include_router(internal_router(house.notices))
    app.include_router(_internal(house))
    if isinstance(house.clock, SimulatedClock):
        app.include_router(clock_routes(house))
    _add_docs(app)
    _add_errors(app)
    return app


def _add_rooms(app: FastAPI, house: Platform) -> None:
    if "exchange" in house.handlers:
        exchange.api.mount(app, house.service("exchange"))
    if "participants" in house.handlers:
        register = house.service("participants")
        app.include_router(participants.api.router(register))
        if house.webhooks:
            guard = guard_of(house.settings)
            app.include_router(participants.webhooks_api.router(register, house.webhooks, guard, CATALOGUE))
    if "tracking" in house.handlers:
        app.include_router(tracking.api.router(house.service("tracking")))
    if "settlement" in house.handlers:
        app.include_router(settlement.api.router(house.service("settlement")))


def _health(house: Platform) -> APIRouter:
    routes = APIRouter(tags=["health"])

    @routes.get("/health/live", operation_id="live")
    async def live() -> dict[str, bool]:
        """The process answers."""
        return {"ok": True}

    @routes.get("/health/ready", operation_id="ready", responses=problems(503))
    async def ready(response: Response) -> dict[str, bool]:
        """Every room can write; 503 otherwise."""
        response.status_code = 200 if house.ready else 503
        return {"ok": house.ready}

    @routes.get("/health", operation_id="health")
    async def health() -> Health:
        """Rooms, followers with their lag, and failed jobs."""
        rooms = [
            RoomHealth(
                name=name,
                seq=one.tail.seq,
                waiting=one.waiting,
                commits=one.commits,
                rebuilds=one.rebuilds,
                broken=one.broken,
            )
            for name, one in house.sequencers.items()
        ]
        followers = await asyncio.gather(*(_follower(follower) for follower in house.watched))
        ok = house.ready and not house.alarm.failures and all(follower.error is None for follower in followers)
        return Health(
            ok=ok,
            version=__version__,
            now=house.clock.now_us(),
            rooms=rooms,
            followers=list(followers),
            failed_jobs=house.alarm.failures,
        )

    @routes.get(
        "/metrics",
        operation_id="metrics",
        response_class=Response,
        responses={
            200: {
                "content": {"text/plain": {"schema": {"type": "string"}}},
                "description": "Metrics in the format of Prometheus.",
            }
        },
    )
    async def metrics() -> Response:
        """The numbers of this process, in the text format of Prometheus."""
        for name, one in house.sequencers.items():
            house.metrics.log_seq.labels(name).set(one.tail.seq)
            house.metrics.queue.labels(name).set(one.waiting)
            house.metrics.commits.labels(name).set(one.commits)
            house.metrics.rebuilds.labels(name).set(one.rebuilds)
            house.metrics.broken.labels(name).set(one.broken is not None)
        house.metrics.silences.set(house.writer.silences)
        for follower in await asyncio.gather(*(_follower(follower) for follower in house.watched)):
            house.metrics.lag.labels(follower.name).set(follower.lag)
        if house.webhooks:
            house.metrics.webhooks.labels("delivering").set(house.webhooks.delivering - house.webhooks.failing)
            house.metrics.webhooks.labels("failing").set(house.webhooks.failing)
        return Response(generate_latest(house.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return routes


async def _follower(follower: Any) -> FollowerHealth:
    try:
        lag, error = await follower.lag(), follower.error
    except Exception as unreachable:
        lag, error = 0, follower.error or brief(unreachable)
    return FollowerHealth(name=follower.name, cursor=follower.cursor, lag=lag, error=error)


def _internal(house: Platform) -> APIRouter:
    """What services tell one another; needs the scope service and is no part of the published interface."""
    routes = APIRouter(prefix="/v1/internal", include_in_schema=False)

    def sequencer(room: str) -> Any:
        found = house.sequencers.get(room)
        if found is None:
            raise NotFound(field="room", kind="room", id=room[:64])
        return found

    @routes.get("/{room}/head")
    async def head(room: str, call: Caller) -> dict[str, int]:
        call.require("service")
        return {"seq": sequencer(room).tail.seq}

    @routes.get("/{room}/events")
    async def events(
        room: str,
        call: Caller,
        after: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=FOLLOW_EVENTS_MAX)] = FOLLOW_EVENTS_MAX,
        wait_s: Annotated[float, Query(ge=0, le=60)] = POLL_WAIT_S,
    ) -> Response:
        call.require("service")
        one = sequencer(room)
        until = time.monotonic() + wait_s
        while one.tail.seq <= after and time.monotonic() < until:  # noqa: ASYNC110 - many readers, one short look each
            await asyncio.sleep(POLL_PAUSE_S)
        rows = await asyncio.to_thread(read_stored, house.store, one.room.log, after, limit)
        return Response(
            msgspec.json.encode([WireEvent.of(row) for row in rows]),
            media_type="application/json",
            headers={"X-Log-Head": str(one.tail.seq)},
        )

    @routes.post("/{room}/commands")
    async def commands(room: str, request: Request, call: Caller) -> dict[str, bool]:
        call.require("service")
        one = sequencer(room)
        try:
            wire = msgspec.json.decode(await request.body(), type=WireCommand)
            command = one.room.commands.decode(wire.type, wire.payload)
        except (msgspec.MsgspecError, KeyError) as error:
            raise InvalidInput("body", "command", f"This is no command of {room}: {error}") from error
        await LocalPort(one).send(command, actor="service", key=wire.key)
        return {"ok": True}

    @routes.get("/{room}/facts/{name}")
    def facts(room: str, name: str, call: Caller) -> Response:
        call.require("service")
        fact = FACTS.get(room, {}).get(name)
        if fact is None or room not in house.sequencers:
            raise NotFound(field="name", kind="fact", id=f"{room}/{name}"[:64])
        with house.store.reading() as session:
            return Response(msgspec.json.encode(list(fact.read(session))), media_type="application/json")

    @routes.post("/jobs/{name}")
    async def run_job(name: str, call: Caller) -> dict[str, bool]:
        call.require("service")
        try:
            await house.run_job(name)
        except KeyError as error:
            raise NotFound(field="name", kind="job", id=name[:64]) from error
        return {"ok": True}

    return routes


def _add_docs(app: FastAPI) -> None:
    app.mount(
        "/static/docs", StaticFiles(directory=Path(fastapi_offline.__file__).parent / "static"), name="docs-assets"
    )

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="h2market",
            swagger_js_url="/static/docs/swagger-ui-bundle.js",
            swagger_css_url="/static/docs/swagger-ui.css",
            swagger_favicon_url="/static/docs/favicon.png",
        )

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(
                title=app.title,
                version=app.version,
                summary=app.summary,
                description=app.description,
                routes=app.routes,
            )
            components = schema.setdefault("components", {})
            schemas = components.setdefault("schemas", {})
            inner = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(inner.pop("$defs"))
            schemas["Problem"] = inner
            components["securitySchemes"] = {
                "apiKey": {"type": "http", "scheme": "bearer", "description": "An API key: h2m_ and 43 characters."}
            }
            for name, extra in exchange.api.openapi_paths().items():
                schema["paths"].setdefault(name, {}).update(extra)
            schemas.update(exchange.api.openapi_schemas())
            for path, item in schema["paths"].items():
                for operation in item.values():
                    if isinstance(operation, dict) and not path.startswith(("/health", "/metrics")):
                        operation["security"] = [{"apiKey": []}]
                        if "requestBody" in operation:
                            operation["responses"] |= {str(code): told for code, told in problems(415).items()}
                        for answer in operation["responses"].values():  # FastAPI's own error shape is not used here
                            answer.get("content", {}).pop("application/json", None) if "HTTPValidationError" in str(
                                answer
                            ) else None
            schemas.pop("HTTPValidationError", None)
            schemas.pop("ValidationError", None)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _add_errors(app: FastAPI) -> None:
    def answer(error: H2MarketError, request: Request) -> Response:
        status, headers, body = problem_response(error, call_of(request.scope), request.url.path)
        response = Response(body, status)
        response.raw_headers = headers
        return response

    @app.exception_handler(H2MarketError)
    async def known(request: Request, error: H2MarketError) -> Response:
        return answer(error, request)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        errors = error.errors()
        if any(one["loc"] == ("body",) for one in errors) and not _says_json(request):
            return answer(UnsupportedMedia(field="Content-Type", accepted="application/json"), request)
        return answer(from_validation(errors), request)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        if error.status_code == 404:
            return answer(NotFound(field="path", rule="path", kind="path", id=request.url.path[:200]), request)
        if error.status_code == 405:
            allow = ", ".join(_methods(app, request))
            return answer(MethodNotAllowed(field="method", method=request.method, allow=allow), request)
        return answer(
            InvalidInput(
                "body", "json", f"The request could not be read: {error.detail}", f"请求无法读取：{error.detail}"
            ),
            request,
        )

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        return answer(as_internal(error), request)


def _says_json(request: Request) -> bool:
    """Whether a body was sent as JSON, or there is none: the framework reads no other as JSON."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media == "application/json" or media.endswith("+json") or not call_of(request.scope).body


def _methods(app: FastAPI, request: Request) -> list[str]:
    """The methods that the request's path takes, by whichever of its routes."""
    scopes = {method: {**request.scope, "method": method} for method in ("GET", "POST", "PUT", "PATCH", "DELETE")}
    return [
        method
        for method, scope in scopes.items()
        if any(route.matches(scope)[0] is Match.FULL for route in app.router.routes)
    ]
