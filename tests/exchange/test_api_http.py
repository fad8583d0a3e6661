"""The conventions of HTTP as the assembled exchange keeps them: keys, scopes, limits, paths and methods."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.exchange.market import PRODUCT, Market, order, problem

ORDER = order("b-1", "buy", 1, "20.00")


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """One market for all: nothing here leaves an order."""
    opened = Market(f"sqlite:///{tmp_path_factory.mktemp('http') / 'h2market.db'}")
    opened.open()
    yield opened
    opened.close()


def test_a_request_needs_a_valid_key(market: Market) -> None:
    with market.unchanged():
        for method, path in (
            ("POST", "/v1/orders"),
            ("POST", "/v1/orders/batch"),
            ("PATCH", "/v1/orders/O1"),
            ("DELETE", "/v1/orders/O1"),
            ("DELETE", "/v1/orders"),
            ("POST", "/v1/kill-switch"),
            ("POST", "/v1/orders/import"),
            ("GET", "/v1/orders"),
            ("GET", "/v1/limits"),
            ("GET", f"/v1/products/{PRODUCT}/book"),
            ("POST", "/v1/products"),
            ("PUT", "/v1/capacities"),
        ):
            body = ORDER if method in ("POST", "PATCH") and path != "/v1/products" else None
            for secret in ("", "wrong", "h2m_" + "x" * 43):
                answer = market.ask(method, path, secret, json=body)
                assert problem(answer)[:3] == (401, "unauthenticated", "Authorization"), (method, path, secret)
                assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_revoked_key_is_refused_at_once(market: Market) -> None:
    made = market.ask("POST", "/v1/keys", "buyer", json={"scopes": ["read"], "label": "short"}).json()
    assert market.ask("GET", "/v1/market", made["secret"]).status_code == 200
    assert market.ask("DELETE", f"/v1/keys/{made['key_id']}").status_code == 204
    assert problem(market.ask("GET", "/v1/market", made["secret"]))[:2] == (401, "unauthenticated")


def test_a_key_does_what_its_scopes_say(market: Market) -> None:
    reader, trader = (
        market.ask("POST", "/v1/keys", "buyer", json={"scopes": [scope], "label": scope}).json()["secret"]
        for scope in ("read", "trade")
    )
    with market.unchanged():
        for method, path in (("POST", "/v1/orders"), ("POST", "/v1/orders/batch"), ("DELETE", "/v1/orders/O1")):
            answer = market.ask(method, path, reader, json=ORDER)
            assert problem(answer) == (403, "forbidden", "Authorization", "scope")
            assert answer.json()["params"] == {"scope": "trade"}
        for path in ("/v1/orders", "/v1/trades", "/v1/limits", "/v1/market", "/v1/products"):
            assert problem(market.ask("GET", path, trader))[:2] == (403, "forbidden")
        assert problem(market.ask("POST", "/v1/products", "auditor", json={}))[1] in ("forbidden", "invalid_input")


@pytest.mark.parametrize("path", ["/v2/orders", "/v1/order", "/v1/orders/O1/fills", "/", "/v1/products/A/b/c", "/%00"])
def test_an_unknown_path_is_not_found(market: Market, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        assert problem(market.ask(method, path))[:2] == (404, "not_found")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/orders", "GET, POST, DELETE"),
        ("/v1/orders/import", "POST"),
        ("/v1/orders/O1/hibernation", "POST"),
        ("/v1/market/halt", "POST, DELETE"),
        ("/v1/kill-switch", "GET, POST, DELETE"),
        ("/v1/orders/batch", "POST"),
        ("/v1/orders/O1", "GET, PATCH, DELETE"),
        ("/v1/products", "GET, POST"),
        (f"/v1/products/{PRODUCT}", "GET"),
        ("/v1/capacities", "PUT"),
        ("/v1/trades", "GET"),
    ],
)
def test_a_method_that_a_path_does_not_take_names_those_it_takes(market: Market, path: str, allowed: str) -> None:
    with market.unchanged():
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
            if method not in allowed.split(", "):
                answer = market.ask(method, path, json={})
                assert problem(answer)[:3] == (405, "method_not_allowed", "method"), method
                assert answer.headers["Allow"] == allowed


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/v1/orders", 64 << 10),
        ("/v1/orders/batch", 64 << 10),
        ("/v1/products", 256 << 10),
        ("/v1/capacities", 256 << 10),
    ],
)
def test_a_body_over_the_limit_is_refused(market: Market, path: str, limit: int) -> None:
    with market.unchanged():
        answer = market.ask("PUT" if path.endswith("ies") else "POST", path, "operator", content=b" " * limit + b"1")
    assert problem(answer)[:3] == (413, "body_too_large", "body")
    assert answer.json()["params"] == {"limit": limit}


@pytest.mark.parametrize("media", ["text/plain", "application/xml", "application/x-www-form-urlencoded", ""])
def test_an_order_is_json(market: Market, media: str) -> None:
    with market.unchanged():
        for method, path in (("POST", "/v1/orders"), ("POST", "/v1/orders/batch"), ("PATCH", "/v1/orders/O1")):
            answer = market.ask(method, path, content=b"{}", headers={"Content-Type": media})
            assert problem(answer)[:3] == (415, "unsupported_media_type", "Content-Type")
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert market.ask("POST", "/v1/orders", content=b"{}", headers=headers).status_code == 422


def test_every_answer_carries_its_request_id_and_what_is_left(market: Market) -> None:
    for method, path in (("GET", "/v1/market"), ("POST", "/v1/orders"), ("GET", "/nowhere"), ("PUT", "/v1/orders")):
        answer = market.ask(method, path, headers={"X-Request-Id": "mine-1"})
        assert answer.headers["X-Request-Id"] == "mine-1"
        assert int(answer.headers["RateLimit-Remaining"]) < int(answer.headers["RateLimit-Limit"]) == 20_000
        assert 1 <= int(answer.headers["RateLimit-Reset"]) <= 10


def test_too_many_requests_are_told_when_to_come_back(sqlite_url: str) -> None:
    few = Market(sqlite_url, requests_per_window=4)
    few.open()
    with few.unchanged():
        answers = [few.ask("POST", "/v1/orders", json={}) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [422] * 4 + [429] * 2
    assert problem(answers[-1])[:2] == (429, "rate_limited")
    assert answers[-1].headers["Retry-After"] == answers[-1].headers["RateLimit-Reset"]
    assert few.ask("GET", "/v1/market", "other").status_code == 200  # each key has its own
    few.close()


def test_paths_and_queries_speak_chinese(market: Market) -> None:
    headers = {"Accept-Language": "zh-CN,zh;q=0.9"}
    for method, path, sentence in (
        ("GET", "/nowhere", "不存在路径 /nowhere。"),
        ("PUT", "/v1/orders", "此路径不支持 PUT。"),
        ("GET", "/v1/orders?limit=0", "limit：应大于或等于 1。"),
        ("GET", "/v1/orders/x", "order_id：应符合格式 ^O[1-9][0-9]{0,17}$。"),
    ):
        assert market.ask(method, path, headers=headers).json()["detail"] == sentence
