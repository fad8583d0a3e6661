"""What the platform refuses, one line a request: each gets problem details, and nothing in the database changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.e2e.house import PLATE, PRODUCT, TERMS, WINDOW_START, House, Told, order, told

JSON = {"Content-Type": "application/json"}
CSV = {"Content-Type": "text/csv"}
MIB = 1 << 20
NOMINATIONS = "/v1/shipments/{shipment}/nominations"
CAPACITY = {"commodity": "hydrogen", "window_start": WINDOW_START, "loads": 1}
METER = {"kind": "flow", "label": "New", "uncertainty_ppm": 5_000, "calibrated_until": "2027-01-01T00:00:00+08:00"}
COMPANY = {"uscc": "91149999H2M00001X8", "name": "One", "name_zh": "一", "roles": ["producer"]}
TRANSFER = {"id": "t", "kind": "posted", "debit_account_id": "market", "credit_account_id": "suspense"}


class Case(NamedTuple):
    """A request and what its refusal says."""

    who: str
    method: str
    path: str
    options: dict[str, Any]
    told: Told


def invalid(who: str, method: str, path: str, body: Any, field: str, rule: str) -> Case:
    """A body, or a query if there is none, in which a field breaks a rule of shape."""
    return Case(who, method, path, {} if body is None else {"json": body}, Told(422, "invalid_input", field, rule))


def refused(who: str, method: str, path: str, status: int, code: str, field: str, rule: str = "", **sent: Any) -> Case:
    """Any other refused request; its rule is its code unless given."""
    return Case(who, method, path, sent, Told(status, code, field, rule or code))


def ordered(**changed: Any) -> dict[str, Any]:
    return {**order("x-1", "buy", 1), **changed}


def nomination(mass: Any) -> dict[str, Any]:
    return {"mass": mass, "facility_id": "F1"}


def payout(amount: Any) -> dict[str, Any]:
    return {"client_id": "w-1", "amount": amount}


def raw(content: bytes, headers: dict[str, str] = JSON) -> dict[str, Any]:
    return {"content": content, "headers": headers}


WRONG_TYPES = [
    invalid("buyer", "POST", "/v1/orders", ordered(loads="1"), "loads", "int_type"),
    invalid("buyer", "POST", "/v1/orders", ordered(loads=True), "loads", "int_type"),
    invalid("buyer", "POST", "/v1/orders", ordered(loads=None), "loads", "int_type"),
    invalid("buyer", "POST", "/v1/orders", ordered(price=20), "price", "decimal_string"),
    invalid("buyer", "POST", "/v1/orders", ordered(side="hold"), "side", "literal_error"),
    invalid("buyer", "POST", "/v1/orders", ordered(product_id=7), "product_id", "string_type"),
    invalid("buyer", "POST", "/v1/orders", ordered(participant_id="P1"), "participant_id", "extra_forbidden"),
    invalid("buyer", "POST", "/v1/orders", {"side": "buy"}, "client_order_id", "missing"),
    invalid("buyer", "POST", "/v1/orders", [], "body", "model_type"),
    invalid("buyer", "POST", "/v1/orders/batch", {"orders": [ordered(loads="1")]}, "orders.0.loads", "int_type"),
    invalid("buyer", "POST", "/v1/orders/batch", {"orders": []}, "orders", "too_short"),
    invalid("buyer", "PATCH", "/v1/orders/{bid}", {"loads": "1"}, "loads", "int_type"),
    invalid("buyer", "PATCH", "/v1/orders/{bid}", {}, "body", "empty"),
    invalid("seller", "PUT", "/v1/capacities", {**CAPACITY, "window_start": "soon"}, "window_start", "time"),
    invalid(
        "seller", "PUT", "/v1/capacities", {**CAPACITY, "window_start": "1969-12-31T23:59:59Z"}, "window_start",
        "time_range",
    ),
    invalid("operator", "POST", "/v1/products", {**TERMS, "loads_max": "20"}, "loads_max", "int_type"),
    invalid("operator", "POST", "/v1/products", {**TERMS, "nominal_mass": 280}, "nominal_mass", "decimal_string"),
    invalid("operator", "POST", "/v1/participants", {**COMPANY, "roles": "producer"}, "roles", "list_type"),
    invalid(
        "operator", "POST", "/v1/participants", {**COMPANY, "uscc": "91149999H2M00001X9"}, "uscc", "uscc_check_digit"
    ),
    invalid("operator", "POST", "/v1/participants", {**COMPANY, "name": " "}, "name", "string_pattern_mismatch"),
    invalid("haulier", "POST", "/v1/vehicles", {"plate": 1}, "plate", "string_type"),
    invalid("haulier", "POST", "/v1/vehicles", [], "body", "model_attributes_type"),
    invalid("buyer", "POST", "/v1/keys", {"scopes": ["all"], "label": "x"}, "scopes.0", "literal_error"),
    invalid("buyer", "POST", "/v1/keys", {"scopes": ["read", "read"], "label": "x"}, "scopes", "repeated"),
    invalid("buyer", "GET", "/v1/orders?limit=many", None, "limit", "int_parsing"),
    invalid("buyer", "GET", "/v1/orders?limit=501", None, "limit", "less_than_equal"),
    invalid("buyer", "GET", "/v1/orders?cursor=", None, "cursor", "cursor"),
    invalid("buyer", "GET", "/v1/orders?cursor=%00", None, "query", "nul"),
    invalid("buyer", "GET", "/v1/orders/12", None, "order_id", "string_pattern_mismatch"),
    invalid("buyer", "GET", "/v1/statements?day=2026-02-30", None, "day", "string_pattern_mismatch"),
]  # fmt: skip

QUANTITIES = [
    *(invalid("buyer", "POST", "/v1/orders", ordered(price=price), "price", "decimal_string")
      for price in ("-20.00", "20.001", 20.0, "2e1", "20.", "+20.00", "NaN", "1" * 13, "")),
    *(invalid("buyer", "POST", "/v1/orders", ordered(loads=loads), "loads", rule)
      for loads, rule in ((-1, "greater_than_equal"), (0, "greater_than_equal"), (1.5, "int_type"), (1.0, "int_type"),
                          (10**7, "less_than_equal"))),
    refused("buyer", "POST", "/v1/orders", 422, "invalid_input", "loads", "int_type",
            **raw(f'{{"client_order_id":"x","product_id":"{PRODUCT}","side":"buy","price":"20.00","loads":1e0}}'.encode())),
    *(invalid("seller", "POST", NOMINATIONS, nomination(mass), "mass", "decimal_string")
      for mass in ("-280.000", "280.0001", 280.0, 280, "2.8e2", None)),
    *(invalid("buyer", "POST", "/v1/withdrawals", payout(amount), "amount", "decimal_string")
      for amount in ("-1.00", "1.001", 1.0, 1, "1e2", None)),
    invalid("operator", "POST", "/v1/transfers", {"transfers": [{**TRANSFER, "amount": "-1.00"}]}, "transfers.0.amount",
            "decimal_string"),
    invalid("operator", "POST", "/v1/transfers", {"transfers": [{**TRANSFER, "amount": "1.001"}]}, "transfers.0.amount",
            "decimal_string"),
    invalid("seller", "PUT", "/v1/capacities", {**CAPACITY, "loads": -1}, "loads", "greater_than_equal"),
    invalid("seller", "PUT", "/v1/capacities", {**CAPACITY, "loads": 1.5}, "loads", "int_type"),
    refused("operator", "POST", "/v1/products", 422, "terms_invalid", "maximum_mass",
            json={**TERMS, "product_id": "EXW-OTHER", "maximum_mass": "300.001"}),
]  # fmt: skip

OTHERS = [
    refused("other", "GET", "/v1/orders/{order}", 404, "not_found", "order_id"),
    refused("other", "PATCH", "/v1/orders/{order}", 404, "order_not_open", "order_id", json={"loads": 1}),
    refused("other", "DELETE", "/v1/orders/{order}", 404, "order_not_open", "order_id"),
    refused("other", "GET", "/v1/shipments/{shipment}", 404, "not_found", "shipment_id"),
    refused("other", "POST", NOMINATIONS, 404, "not_found", "shipment_id", json=nomination("280.000")),
    refused("other", "POST", "/v1/shipments/{shipment}/acceptance", 404, "not_found", "shipment_id", json={}),
    refused("other", "GET", "/v1/accounts/cash:{buyer}/balance", 404, "not_found", "account_id"),
    refused("other", "GET", "/v1/accounts/cash:{buyer}/transfers", 404, "not_found", "account_id"),
    refused("other", "GET", "/v1/statements?day=2026-03-02&participant_id={buyer}", 404, "not_found", "participant_id"),
    refused("other", "GET", "/v1/participants/{buyer}", 404, "not_found", "participant_id"),
    refused("other", "GET", "/v1/vehicles/" + PLATE, 404, "not_found", "plate"),
    refused("other", "DELETE", "/v1/keys/{key}", 404, "not_found", "key_id"),
    refused("buyer", "DELETE", "/v1/keys/{key}", 409, "key_in_use", "key_id"),
]

UNKNOWN = [
    refused("buyer", "GET", "/v1/products/EXW-NOWHERE", 404, "product_not_found", "product_id"),
    refused("buyer", "GET", "/v1/products/EXW-NOWHERE/book", 404, "product_not_found", "product_id"),
    refused("buyer", "GET", "/v1/products/EXW-NOWHERE/trades", 404, "product_not_found", "product_id"),
    refused("buyer", "DELETE", "/v1/orders/O999999", 404, "order_not_open", "order_id"),
    refused("seller", "POST", "/v1/shipments/S999999-1/arrival", 404, "not_found", "shipment_id", json={}),
    refused("operator", "POST", "/v1/participants/P999999/approval", 404, "not_found", "participant_id"),
    *(refused("buyer", method, path, 404, "not_found", "path", "path")
      for path in ("/nowhere", "/v1/nowhere", "/v1/orders/O1/fills") for method in ("GET", "POST", "DELETE")),
    *(refused("buyer", method, path, 405, "method_not_allowed", "method")
      for method, path in (("PUT", "/v1/orders"), ("TRACE", "/v1/orders/O1"), ("DELETE", "/v1/products"),
                           ("POST", "/v1/limits"), ("PATCH", "/v1/shipments/{shipment}"), ("GET", "/v1/transfers"),
                           ("OPTIONS", "/v1/orders/batch"), ("POST", "/health"), ("TRACE", "/v1/keys"))),
]  # fmt: skip

BODIES = [
    *(refused(who, method, path, 422, "invalid_input", "body", "json_invalid", **raw(b'{"plate": '))
      for who, method, path in (("buyer", "POST", "/v1/orders"), ("buyer", "POST", "/v1/orders/batch"),
                                ("buyer", "PATCH", "/v1/orders/{bid}"), ("haulier", "POST", "/v1/vehicles"),
                                ("seller", "PUT", "/v1/capacities"), ("operator", "POST", "/v1/transfers"))),
    *(refused(who, method, path, 415, "unsupported_media_type", "Content-Type", **raw(b"{}", {"Content-Type": media}))
      for who, method, path in (("buyer", "POST", "/v1/orders"), ("haulier", "POST", "/v1/vehicles"),
                                ("seller", "PUT", "/v1/capacities"), ("operator", "POST", "/v1/bank-statements"))
      for media in ("text/plain", "application/x-www-form-urlencoded")),
    *(refused("operator", "POST", path, 413, "body_too_large", "body", **raw(b" " * (MIB + 1)))
      for path in ("/v1/orders", "/v1/vehicles", "/v1/transfers", "/nowhere")),
    refused("operator", "POST", "/v1/bank-statements", 413, "body_too_large", "body", **raw(b" " * (8 * MIB + 1), CSV)),
    invalid("operator", "POST", "/v1/orders", None, "body", "json_invalid"),
]  # fmt: skip

REPLAYED = [
    refused("haulier", "POST", "/v1/vehicles", 409, "idempotency_key_reused", "Idempotency-Key",
            json={"plate": "晋X0002A"}, headers={"Idempotency-Key": "used"}),
    refused("haulier", "POST", "/v1/meters", 409, "idempotency_key_reused", "Idempotency-Key",
            json=METER, headers={"Idempotency-Key": "used"}),
    refused("buyer", "POST", "/v1/orders", 409, "idempotency_key_reused", "client_order_id",
            json=order("b-1", "buy", 2)),
    refused("buyer", "POST", "/v1/orders", 422, "invalid_input", "Idempotency-Key", "client_order_id",
            json=order("b-1", "buy", 1), headers={"Idempotency-Key": "b-2"}),
    refused("buyer", "POST", "/v1/orders", 422, "invalid_input", "Idempotency-Key", "pattern",
            json=ordered(), headers={"Idempotency-Key": "a b"}),
]  # fmt: skip

KEYS = [
    *(refused(who, method, path, 401, "unauthenticated", "Authorization", json=body)
      for who in ("", "revoked", "nobody", "h2m_" + "x" * 43)
      for method, path, body in (("POST", "/v1/orders", ordered()), ("POST", "/v1/vehicles", {"plate": "晋X0002A"}),
                                 ("GET", "/v1/orders", None), ("DELETE", "/v1/orders/{order}", None))),
    *(refused("reader", method, path, 403, "forbidden", "Authorization", "scope", json=body)
      for method, path, body in (("POST", "/v1/orders", ordered()), ("DELETE", "/v1/orders/{order}", None),
                                 ("POST", "/v1/vehicles", {"plate": "晋X0002A"}), ("PUT", "/v1/capacities", CAPACITY),
                                 ("POST", "/v1/withdrawals", payout("1.00")))),
    refused("reader", "DELETE", "/v1/keys/{buying}", 403, "forbidden", "Authorization", "scope"),
    *(refused("buyer", method, path, 403, "forbidden", "Authorization", "scope", json=body)
      for method, path, body in (("POST", "/v1/products", TERMS), ("POST", "/v1/participants", COMPANY),
                                 ("POST", "/v1/participants/{other}/suspension", {"reason": "why"}),
                                 ("POST", "/v1/operator/clock", {"now": "2026-03-02T10:00:00+08:00"}),
                                 ("POST", "/v1/shipments/{shipment}/cancellation", {"reason": "why"}),
                                 ("POST", "/v1/transfers", {"transfers": [{**TRANSFER, "amount": "1.00"}]}))),
    refused("other", "POST", "/v1/bank-statements", 403, "forbidden", "Authorization", "scope", **raw(b"x", CSV)),
]  # fmt: skip

TABLES = {
    "wrong types": WRONG_TYPES,
    "quantities": QUANTITIES,
    "other people's": OTHERS,
    "unknown": UNKNOWN,
    "bodies": BODIES,
    "replayed keys": REPLAYED,
    "keys": KEYS,
}


@pytest.fixture
def house(database_url: str) -> Iterator[House]:
    opened = House(database_url)
    opened.open()
    yield opened
    opened.close()


def test_a_refused_request_gets_problem_details_and_changes_nothing(house: House) -> None:
    before = house.rows()
    logs = house.logs()
    wrong = []
    for table, cases in TABLES.items():
        for case in cases:
            answer = house.ask(case.method, case.path, case.who, **case.options)
            line = f"{table}: {case.who} {case.method} {case.path} {str(case.options)[:120]}"
            if told(answer) != case.told:
                wrong.append(f"{line}: {told(answer)}, not {case.told}")
            if case.told.status == 405 and not answer.headers.get("Allow"):
                wrong.append(f"{line}: names no method that the path takes")
            if house.logs() != logs:
                wrong.append(f"{line}: left an event")
                logs = house.logs()
    assert wrong == []
    house.catch_up()
    assert house.rows() == before


def test_an_order_that_the_trade_refuses_leaves_its_record_alone(house: House) -> None:
    """An order for an unknown product can be asked for afterwards, so it is recorded; book and limits stay."""
    before, logs, limits = house.rows(), house.logs(), house.well("GET", "/v1/limits", "buyer")
    answer = house.ask("POST", "/v1/orders", "buyer", json=ordered(product_id="EXW-NOWHERE"))
    assert told(answer) == Told(422, "unknown_product", "product_id", "unknown_product")
    house.catch_up()
    assert house.logs() == {**logs, "exchange": logs["exchange"] + 1}
    assert house.well("GET", "/v1/limits", "buyer") == limits
    after = house.rows()
    changed = {name for name in after if after[name] != before[name]}
    assert changed <= {"exchange_events", "exchange_orders", "exchange_state", "kernel_idempotency", "kernel_cursors"}
    (recorded,) = set(after["exchange_orders"]) - set(before["exchange_orders"])
    assert "rejected" in recorded


def test_a_repeated_request_gets_its_first_answer_and_changes_nothing(house: House) -> None:
    before = house.rows()
    vehicle = {"json": {"plate": PLATE}, "headers": {"Idempotency-Key": "used"}}
    assert house.ask("POST", "/v1/vehicles", "haulier", **vehicle).status_code == 201
    again = house.ask("POST", "/v1/orders", "buyer", json=order("b-1", "buy", 1))
    assert (again.status_code, again.json()["status"]) == (201, "filled")
    house.catch_up()
    assert house.rows() == before
