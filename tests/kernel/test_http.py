"""The conventions around every route: keys, rates, limits, languages, ids and problem details."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Annotated, Any, Literal

import httpx
import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from kernel.auth import Principal, Scope
from kernel.edge import TimeIn
from kernel.errors import Conflict, InvalidInput, MethodNotAllowed, Unavailable
from kernel.http import ASGIScope, Edge, Message, Receive, Send, call_of, language_of, problem
from kernel.rates import Rates, RequestRates
from kernel.validation import from_validation

SECRET = "h2m_known"
LIMIT, ANONYMOUS_LIMIT = 5, 3
BODY_LIMIT = 256 << 10


class Keys:
    """One known key of one company."""

    def authenticate(self, secret: str) -> Principal | None:
        if secret != SECRET:
            return None
        return Principal("P1", "K1", frozenset({"station"}), frozenset({"trade", "read"}), True)


class App:
    """Answers with what it was given, or fails as its path says."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        path, call = scope["path"], call_of(scope)
        if path.startswith("/raise/"):
            raise ERRORS[path.removeprefix("/raise/")]
        if path.startswith("/require/"):
            wanted: Scope = path.removeprefix("/require/")
            call.require(wanted)
        message = await receive()
        self.seen.append(message["body"])
        key = call.key("POST /echo")
        body = json.dumps(
            {
                "participant": call.principal and call.principal.participant_id,
                "language": call.language,
                "request_id": call.request_id,
                "key": key and [key.scope, key.key, key.fingerprint.hex()],
                "body": message["body"].decode(),
            }
        ).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": body[:5], "more_body": True})
        if path == "/cut":
            raise LookupError("after the answer began")
        await send({"type": "http.response.body", "body": body[5:]})


ERRORS: dict[str, Exception] = {
    "defect": ZeroDivisionError("in the cellar"),
    "busy": Unavailable(retry_after_s=1),
    "conflict": Conflict(field="now", rule="clock_forward", message="It does not go back."),
    "method": MethodNotAllowed(field="method", method="PUT", allow="GET, POST"),
}


class House:
    """The conventions around `App`, with what they observed."""

    def __init__(self, per_window: int = LIMIT) -> None:
        self.app = App()
        self.observed: list[tuple[str, int]] = []
        self.edge = Edge(
            self.app,
            Keys(),
            rates=RequestRates(per_window, ANONYMOUS_LIMIT),
            body_limits={"/long": 2 * BODY_LIMIT},
            observe=lambda scope, status, _seconds: self.observed.append((scope["path"], status)),
        )

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.ask_all([(method, path, options)])[0]

    def ask_all(self, requests: list[tuple[str, str, dict[str, Any]]]) -> list[httpx.Response]:
        async def run() -> list[httpx.Response]:
            transport = httpx.ASGITransport(self.edge, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://h2market") as client:
                return [await client.request(method, path, **options) for method, path, options in requests]

        return asyncio.run(run())


def keyed(secret: str = SECRET, **headers: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}", **headers}


def test_a_request_without_a_key_is_anonymous_and_one_with_a_key_is_its_companys() -> None:
    house = House()
    assert house.ask("GET", "/echo").json()["participant"] is None
    assert house.ask("GET", "/echo", headers=keyed()).json()["participant"] == "P1"
    assert house.observed == [("/echo", 200), ("/echo", 200)]


@pytest.mark.parametrize(
    "authorization", ["Bearer wrong", "Bearer", "Bearer ", "Basic aDI6eA==", SECRET, "", "Bearer h\xe9"]
)
def test_a_key_that_nobody_has_is_refused(authorization: str) -> None:
    house = House()
    answer = house.ask("POST", "/echo", headers={b"Authorization": authorization.encode("latin-1")}, content=b"x")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert house.app.seen == []


def test_a_private_path_needs_a_key_before_anything_is_read() -> None:
    house = House()
    answer = house.ask("POST", "/v1/echo", content=b"x" * (BODY_LIMIT + 1))
    assert (answer.status_code, house.app.seen) == (401, [])
    assert house.ask("POST", "/v1/echo", headers=keyed(), content=b"x").status_code == 200


def test_a_known_key_needs_the_scope() -> None:
    house = House()
    assert house.ask("GET", "/require/read", headers=keyed()).status_code == 200
    missing = house.ask("GET", "/require/operate", headers=keyed())
    assert (missing.status_code, missing.json()["code"], missing.json()["params"]) == (
        403, "forbidden", {"scope": "operate"},
    )  # fmt: skip
    assert house.ask("GET", "/require/read").status_code == 401


def test_every_answer_has_a_request_id_and_the_callers_own_is_kept() -> None:
    house = House()
    own, unfit, none, failed = house.ask_all(
        [
            ("GET", "/echo", {"headers": keyed(**{"X-Request-Id": "order-7.a:b_c"})}),
            ("GET", "/echo", {"headers": keyed(**{"X-Request-Id": "a b"})}),
            ("GET", "/echo", {"headers": keyed()}),
            ("GET", "/raise/defect", {"headers": keyed(**{"X-Request-Id": "mine"})}),
        ]
    )
    assert own.headers["X-Request-Id"] == own.json()["request_id"] == "order-7.a:b_c"
    assert unfit.headers["X-Request-Id"] == unfit.json()["request_id"] != "a b"
    assert none.headers["X-Request-Id"] != unfit.headers["X-Request-Id"]
    assert failed.headers["X-Request-Id"] == failed.json()["request_id"] == "mine"


def test_each_key_and_each_address_has_its_own_number_of_requests() -> None:
    house = House()
    answers = house.ask_all([("GET", "/echo", {"headers": keyed()})] * (LIMIT + 1) + [("GET", "/echo", {})])
    assert [answer.status_code for answer in answers] == [200] * LIMIT + [429, 200]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["4", "3", "2", "1", "0", "0", "2"]
    over = answers[LIMIT]
    assert over.headers["RateLimit-Limit"] == "5"
    assert over.headers["Retry-After"] == over.headers["RateLimit-Reset"]
    assert 1 <= int(over.headers["Retry-After"]) <= 10
    assert (over.json()["code"], over.json()["params"]["limit"]) == ("rate_limited", 5)
    assert len(house.app.seen) == LIMIT + 1


def test_guessing_keys_is_counted_by_address() -> None:
    house = House()
    answers = house.ask_all([("GET", "/echo", {"headers": keyed("guess")})] * ANONYMOUS_LIMIT + [("GET", "/echo", {})])
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]


def test_a_window_ends_and_the_oldest_names_are_forgotten() -> None:
    rates = Rates(10, names_max=2)
    assert [rates.count("a", now) for now in (100.0, 104.0, 109.9)] == [(1, 10), (2, 6), (3, pytest.approx(0.1))]
    assert rates.count("a", 110.0) == (1, 10)
    assert rates.count("b", 111.0) == (1, 10)
    assert rates.count("c", 112.0) == (1, 10)  # a makes room
    assert rates.count("b", 113.0) == (2, 8)
    assert rates.count("a", 113.0) == (1, 10)


@pytest.mark.parametrize(("path", "limit"), [("/echo", BODY_LIMIT), ("/longer", 2 * BODY_LIMIT)])
@pytest.mark.parametrize("declared", [True, False])
def test_a_body_has_a_limit(path: str, limit: int, declared: bool) -> None:
    async def parts(size: int) -> Any:
        for start in range(0, size, 1 << 16):
            yield b"x" * min(1 << 16, size - start)

    def content(size: int) -> Any:
        return b"x" * size if declared else parts(size)

    house = House()
    assert house.ask("POST", path, headers=keyed(), content=content(limit)).status_code == 200
    over = house.ask("POST", path, headers=keyed(), content=content(limit + 1))
    assert (over.status_code, over.json()["code"]) == (413, "body_too_large")
    assert over.json()["params"] == {"limit": limit}
    assert [len(body) for body in house.app.seen] == [limit]


def test_a_body_that_breaks_off_is_never_taken_for_a_whole_one() -> None:
    house = House()
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    def receiving(messages: list[Message]) -> Callable[[], Awaitable[Message]]:
        async def receive() -> Message:
            return messages.pop(0)

        return receive

    scope = {"type": "http", "method": "POST", "path": "/echo", "query_string": b"", "headers": []}
    broken: list[Message] = [{"type": "http.request", "body": b"1,2", "more_body": True}, {"type": "http.disconnect"}]
    asyncio.run(house.edge(scope, receiving(broken), send))
    assert (sent, house.app.seen, house.observed) == ([], [], [])


def test_the_fingerprint_of_an_idempotency_key_covers_route_and_body() -> None:
    house = House()
    first, same, other, none = house.ask_all(
        [
            ("POST", "/echo", {"headers": keyed(**{"Idempotency-Key": "k-1"}), "content": b"a"}),
            ("POST", "/echo", {"headers": keyed(**{"Idempotency-Key": "k-1"}), "content": b"a"}),
            ("POST", "/echo", {"headers": keyed(**{"Idempotency-Key": "k-1"}), "content": b"b"}),
            ("POST", "/echo", {"headers": keyed(), "content": b"b"}),
        ]
    )
    assert first.json()["key"] == same.json()["key"] != other.json()["key"]
    assert first.json()["key"][:2] == ["P1", "k-1"]
    assert none.json()["key"] is None


@pytest.mark.parametrize("key", ["", "a b", "x" * 129, "\xe9"])
def test_an_idempotency_key_is_visible_ascii(key: str) -> None:
    house = House()
    headers: Any = {**keyed(), b"Idempotency-Key": key.encode("latin-1")}
    answer = house.ask("POST", "/echo", headers=headers, content=b"a")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "Idempotency-Key")
    assert house.app.seen == []


def test_a_query_has_no_nul() -> None:
    answer = House().ask("GET", "/echo?hub=A%00B", headers=keyed())
    assert (answer.status_code, answer.json()["errors"][0]["rule"]) == (422, "nul")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("zh", "zh"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en,zh", "en"),
        ("fr, zh;q=0.5, en;q=0.4", "zh"),
        ("en;q=0.1, zh-Hans;q=0.9", "zh"),
        ("zh;q=0", "en"),
        ("zh;q=x", "en"),
        ("*", "en"),
        ("ZH-cn", "zh"),
    ],
)
def test_the_language_is_the_one_that_is_preferred(header: str, language: str) -> None:
    assert language_of(header.encode()) == language


def test_errors_speak_the_callers_language() -> None:
    house = House()
    english, chinese = house.ask_all(
        [("GET", "/raise/busy", {}), ("GET", "/raise/busy", {"headers": {"Accept-Language": "zh-CN"}})]
    )
    assert english.json()["detail"].startswith("The service could not take this now")
    assert chinese.json()["detail"].startswith("服务暂时无法受理")
    assert english.headers["Retry-After"] == chinese.headers["Retry-After"] == "1"


def test_a_problem_names_code_field_rule_and_numbers() -> None:
    answer = House().ask("GET", "/raise/conflict").json()
    assert {name: answer[name] for name in ("type", "title", "status", "detail", "instance", "code", "errors")} == {
        "type": "urn:h2market:problem:conflict",
        "title": "conflict",
        "status": 409,
        "detail": "It does not go back.",
        "instance": "/raise/conflict",
        "code": "conflict",
        "errors": [{"field": "now", "rule": "clock_forward", "detail": "It does not go back."}],
    }


def test_a_method_that_is_not_taken_says_which_are() -> None:
    answer = House().ask("PUT", "/raise/method")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, POST")


def test_a_defect_is_one_error_whose_id_finds_the_log_line(caplog: pytest.LogCaptureFixture) -> None:
    house = House()
    answer = house.ask("GET", "/raise/defect")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert answer.json()["params"]["error_id"] in caplog.text
    assert "ZeroDivisionError: in the cellar" in caplog.text
    assert "cellar" not in answer.text
    assert house.observed == [("/raise/defect", 500)]


def test_a_defect_after_the_answer_began_cuts_the_connection() -> None:
    house = House()

    async def run() -> None:
        transport = httpx.ASGITransport(house.edge)
        async with httpx.AsyncClient(transport=transport, base_url="http://h2market") as client:
            with pytest.raises(LookupError):
                await client.get("/cut")

    asyncio.run(run())
    assert house.observed == [("/cut", 200)]


def test_what_is_no_request_goes_through() -> None:
    seen: list[str] = []

    async def app(scope: ASGIScope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    async def nothing(*_: Message) -> Any:
        raise AssertionError("nothing is received or sent")

    edge = Edge(app, Keys(), rates=RequestRates(1, 1))
    asyncio.run(edge({"type": "lifespan"}, nothing, nothing))
    assert seen == ["lifespan"]


# --- what pydantic finds


def error(kind: str, *location: int | str, **context: Any) -> dict[str, Any]:
    return {"type": kind, "loc": location, "msg": f"english {kind}", "ctx": context}


def test_each_field_is_named_as_the_caller_wrote_it() -> None:
    invalid = from_validation(
        [
            error("missing", "body", "price"),
            error("greater_than_equal", "query", "limit", ge=1),
            error("string_pattern_mismatch", "path", "order_id", pattern="^O"),
            error("extra_forbidden", "body", "orders", 3, "body"),
            error("missing", "price"),
            error("json_invalid", "body", 17, error="Expecting value"),
            error("model_attributes_type"),
        ]
    )
    assert [one["field"] for one in invalid.entries("en")] == [
        "price", "limit", "order_id", "orders.3.body", "price", "body", "body",
    ]  # fmt: skip
    assert [one["detail"] for one in invalid.entries("zh")][:2] == ["缺少该字段。", "应大于或等于 1。"]
    assert (invalid.field, invalid.rule) == ("price", "missing")
    assert invalid.sentence("en") == "price: english missing"
    assert invalid.sentence("zh") == "price：缺少该字段。"
    assert problem(invalid, "r1", "zh", "/v1")["errors"][1]["rule"] == "greater_than_equal"


def test_an_inner_error_keeps_its_rule_and_both_sentences() -> None:
    inner = InvalidInput("", "decimal_string", "Write a decimal string.", "请写十进制字符串。")
    entry = from_validation([error("decimal_string", "body", "price", error=inner)])
    assert entry.entries("zh") == [{"field": "price", "rule": "decimal_string", "detail": "请写十进制字符串。"}]
    assert entry.status == 422


def test_a_rule_without_a_chinese_sentence_is_told_in_english() -> None:
    assert from_validation([error("url_parsing", "body", "url")]).entries("zh")[0]["detail"] == "english url_parsing"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = ""


class Colour(StrEnum):
    RED = "red"


#: A type and JSON text that breaks the rule of the name.
BREACHES: dict[str, tuple[Any, str]] = {
    "bool_type": (bool, "null"),
    "enum": (Colour, '"green"'),
    "extra_forbidden": (Strict, '{"more": 1}'),
    "float_type": (float, "null"),
    "float_parsing": (float, '"x"'),
    "finite_number": (Annotated[float, Field(allow_inf_nan=False)], "NaN"),
    "greater_than": (Annotated[int, Field(gt=3)], "3"),
    "greater_than_equal": (Annotated[int, Field(ge=3)], "2"),
    "int_from_float": (int, "1.5"),
    "int_parsing": (int, '"x"'),
    "int_parsing_size": (int, '"' + "1" * 5_000 + '"'),
    "int_type": (int, "null"),
    "json_invalid": (int, "{"),
    "less_than": (Annotated[int, Field(lt=3)], "3"),
    "less_than_equal": (Annotated[int, Field(le=3)], "4"),
    "list_type": (list[int], "1"),
    "literal_error": (Literal["buy", "sell"], '"hold"'),
    "missing": (tuple[Annotated[Strict, Field()], int], "[{}]"),
    "model_type": (Strict, "1"),
    "string_pattern_mismatch": (Annotated[str, Field(pattern="^O[0-9]{1,3}$")], '"x"'),
    "string_too_long": (Annotated[str, Field(max_length=1)], '"xx"'),
    "string_too_short": (Annotated[str, Field(min_length=1)], '""'),
    "string_type": (str, "1"),
    "time": (TimeIn, '"noon"'),
    "time_range": (TimeIn, '"1900-01-01T00:00:00+08:00"'),
    "too_long": (Annotated[list[int], Field(max_length=1)], "[1, 2]"),
    "too_short": (Annotated[list[int], Field(min_length=1)], "[]"),
}


@pytest.mark.parametrize("kind", sorted(BREACHES))
def test_every_rule_is_told_in_both_languages(kind: str) -> None:
    annotation, text = BREACHES[kind]
    with pytest.raises(ValidationError) as broken:
        TypeAdapter(annotation).validate_json(text)
    invalid = from_validation(broken.value.errors(include_url=False))
    assert kind in [one["rule"] for one in invalid.entries("en")]
    for english, chinese in zip(invalid.entries("en"), invalid.entries("zh"), strict=True):
        assert english["detail"].isascii()
        assert any("\u4e00" <= letter <= "\u9fff" for letter in chinese["detail"])
