"""What can be read of the exchange: books, trades, orders, limits and products, on both stores."""

from __future__ import annotations

from typing import Any

from exchange import commands as c
from tests.exchange.market import PRODUCT, TERMS, WINDOW_START, Market, problem


def _items(market: Market, path: str, who: str = "buyer", **query: Any) -> list[dict[str, Any]]:
    """A whole list, page by page."""
    found: list[dict[str, Any]] = []
    while True:
        page = market.ask("GET", path, who, params=query).json()
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        query["cursor"] = page["next_cursor"]


def test_the_book_shows_levels_best_first(market: Market) -> None:
    for number, (price, loads) in enumerate([("19.00", 1), ("19.50", 2), ("19.50", 3), ("18.00", 4)]):
        market.rest("buyer" if number % 2 else "other", f"b-{number}", "buy", loads, price)
    market.rest("seller", "s-1", "sell", 5, "20.00")
    market.rest("seller", "s-2", "sell", 6, "21.00")
    book = market.ask("GET", f"/v1/products/{PRODUCT}/book").json()
    assert book == {
        "product_id": PRODUCT,
        "seq": market.length(),
        "phase": "continuous",
        "implied_bid": None,
        "implied_ask": None,
        "indicative": None,
        "bids": [
            {"price": "19.50", "loads": 5, "orders": 2},
            {"price": "19.00", "loads": 1, "orders": 1},
            {"price": "18.00", "loads": 4, "orders": 1},
        ],
        "asks": [{"price": "20.00", "loads": 5, "orders": 1}, {"price": "21.00", "loads": 6, "orders": 1}],
    }
    best = market.ask("GET", f"/v1/products/{PRODUCT}/book", params={"levels": 1}).json()
    assert (best["bids"], best["asks"]) == (book["bids"][:1], book["asks"][:1])


def test_the_book_of_a_closed_product_is_empty_and_of_none_not_found(market: Market) -> None:
    market.rest("buyer", "b-1", "buy", 1, "20.00")
    market.submit(c.CloseProduct(PRODUCT))
    book = market.ask("GET", f"/v1/products/{PRODUCT}/book").json()
    assert (book["bids"], book["asks"]) == ([], [])
    assert problem(market.ask("GET", "/v1/products/EXW-NOWHERE/book"))[:3] == (404, "product_not_found", "product_id")
    for levels in ("0", "101", "x", "1.5"):
        answer = market.ask("GET", f"/v1/products/{PRODUCT}/book", params={"levels": levels})
        assert problem(answer)[:3] == (422, "invalid_input", "levels")


def test_the_public_sees_trades_without_their_parties(market: Market) -> None:
    market.rest("seller", "s-1", "sell", 2, "19.00")
    market.rest("buyer", "b-1", "buy", 2, "19.00")
    public = _items(market, f"/v1/products/{PRODUCT}/trades", "other")
    assert public == [
        {
            "trade_id": f"T{market.length()}",
            "product_id": PRODUCT,
            "price": "19.00",
            "loads": 2,
            "taker_side": "buy",
            "leg": "",
            "at": "2026-03-02T09:30:00+08:00",
            "recalled": False,
        }
    ]
    assert _items(market, "/v1/trades", "other") == []
    buyers, sellers = _items(market, "/v1/trades", "buyer"), _items(market, "/v1/trades", "seller")
    parties = {"buyer_id": market.ids["buyer"], "seller_id": market.ids["seller"], "state": "active"}
    bought, sold = market.find("buyer", "b-1")["order_id"], market.find("seller", "s-1")["order_id"]
    assert buyers == [{**public[0], **parties, "side": "buy", "order_id": bought}]
    assert sellers == [{**public[0], **parties, "side": "sell", "order_id": sold}]
    for who in ("operator", "auditor"):
        assert _items(market, "/v1/trades", who) == [{**public[0], **parties, "side": None, "order_id": None}]


def test_a_company_lists_its_own_orders_newest_first(market: Market) -> None:
    ids = [market.rest("buyer", f"b-{number}", "buy", 1, "20.00") for number in range(7)]
    foreign = market.rest("other", "o-1", "buy", 1, "20.00")
    market.ask("DELETE", f"/v1/orders/{ids[2]}")
    market.place("buyer", "b-x", "buy", 1, "20.01")
    rejected = market.find("buyer", "b-x")["order_id"]
    listed = [one["order_id"] for one in _items(market, "/v1/orders", limit=3)]
    assert listed == [rejected, *reversed(ids)]
    assert [one["order_id"] for one in _items(market, "/v1/orders", status="done")] == [rejected, ids[2]]
    still_open = [one["order_id"] for one in _items(market, "/v1/orders", status="open", limit=2)]
    assert still_open == [order_id for order_id in reversed(ids) if order_id != ids[2]]
    assert _items(market, "/v1/orders", product_id="EXW-NOWHERE") == []
    assert len(_items(market, "/v1/orders", product_id=PRODUCT)) == 8
    assert _items(market, "/v1/orders", client_order_id="o-1") == []
    assert foreign in [one["order_id"] for one in _items(market, "/v1/orders", "auditor")]


def test_a_page_is_asked_for_within_its_limits(market: Market) -> None:
    for query, field in (
        ({"limit": 0}, "limit"),
        ({"limit": 501}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"cursor": "?"}, "cursor"),
        ({"cursor": "AAAA"}, "cursor"),
        ({"cursor": "LTE"}, "cursor"),
        ({"cursor": "x" * 201}, "cursor"),
        ({"status": "fresh"}, "status"),
        ({"client_order_id": "x" * 65}, "client_order_id"),
        ({"product_id": "A\x00"}, "query"),
    ):
        answer = market.ask("GET", "/v1/orders", params=query)
        assert problem(answer)[:3] == (422, "invalid_input", field), query
    answer = market.ask("GET", "/v1/products", params={"cursor": "AA"})  # the cursor of a key with NUL
    assert problem(answer)[:3] == (422, "invalid_input", "cursor")


def test_limits_tell_what_is_free(market: Market) -> None:
    market.rest("seller", "s-1", "sell", 3, "19.00")
    market.rest("seller", "s-2", "sell", 4, "25.00")
    market.rest("buyer", "b-1", "buy", 3, "20.00")
    assert market.ask("GET", "/v1/limits", "seller").json() == {
        "participant_id": market.ids["seller"],
        "granted": "0.00",
        "reserved": "0.00",
        "committed": "0.00",
        "free": "0.00",
        "capacities": [
            {
                "commodity": "hydrogen",
                "window_start": WINDOW_START,
                "loads": 40,
                "reserved_loads": 4,
                "consumed_loads": 3,
                "free_loads": 33,
            }
        ],
    }
    assert market.limits("buyer") == {
        "granted": "1000000.00", "reserved": "0.00", "committed": "17100.00", "free": "982900.00",
    }  # fmt: skip


def test_a_capacity_is_declared_and_not_taken_back_below_its_use(market: Market) -> None:
    market.rest("seller", "s-1", "sell", 5, "19.00")
    body = {"commodity": "hydrogen", "window_start": WINDOW_START, "loads": 6}
    assert market.ask("PUT", "/v1/capacities", "seller", json=body).json() == body
    with market.unchanged():
        again = market.ask("PUT", "/v1/capacities", "seller", json=body)
        below = market.ask("PUT", "/v1/capacities", "seller", json={**body, "loads": 4})
        station = market.ask("PUT", "/v1/capacities", "buyer", json=body)
        haulage = market.ask("PUT", "/v1/capacities", "seller", json={**body, "commodity": "haulage"})
        year = int(WINDOW_START[:4])
        far, past = (
            market.ask("PUT", "/v1/capacities", "seller", json={**body, "window_start": f"{other}{WINDOW_START[4:]}"})
            for other in (year + 2, year - 1)
        )
    assert again.status_code == 200
    assert problem(below)[:3] == (422, "capacity_below_use", "loads")
    assert below.json()["params"] == {"used": 5, "shortfall": 1}
    assert problem(far)[:3] == problem(past)[:3] == (422, "window_out_of_reach", "window_start")
    assert problem(station)[:3] == problem(haulage)[:3] == (422, "role_unsuitable", "commodity")


def test_a_product_is_listed_once_with_its_terms(market: Market) -> None:
    listed = market.ask("GET", f"/v1/products/{PRODUCT}").json()
    assert listed == {
        **TERMS, "destination_hub": "", "collar_bps": 0, "volatility_bps": 0, "protection_bps": 500, "auction_s": 300,
        "reference_price": None, "phase": "continuous", "phase_until": None, "status": "open",
    }  # fmt: skip

    with market.unchanged():
        again = market.ask("POST", "/v1/products", "operator", json=TERMS)
        other = market.ask("POST", "/v1/products", "operator", json={**TERMS, "price_max": "70.00"})
        denied = market.ask("POST", "/v1/products", "seller", json={**TERMS, "product_id": "X"})
    assert (again.status_code, again.json()) == (201, listed)
    assert problem(other)[:2] == (409, "product_terms_fixed")
    assert problem(denied)[:2] == (403, "forbidden")
    market.submit(c.CloseProduct(PRODUCT))
    assert market.ask("POST", "/v1/products", "operator", json=TERMS).json()["status"] == "closed"
    assert market.ask("GET", f"/v1/products/{PRODUCT}").json()["status"] == "closed"


def test_terms_that_contradict_each_other_are_refused_by_the_field_that_was_sent(market: Market) -> None:
    cases: list[tuple[dict[str, Any], str, str]] = [
        ({"nominal_mass": "0.000"}, "terms_invalid", "nominal_mass"),
        ({"nominal_mass": "300.001"}, "terms_invalid", "nominal_mass"),
        ({"maximum_mass": "300.500"}, "terms_invalid", "maximum_mass"),
        ({"price_tick": "0.00"}, "terms_invalid", "price_tick"),
        ({"price_tick": "80.05"}, "terms_invalid", "price_tick"),
        ({"window_end": WINDOW_START}, "terms_invalid", "window_end"),
        ({"destination_hub": "LINFEN"}, "terms_invalid", "destination_hub"),
        ({"kind": "haulage"}, "terms_invalid", "destination_hub"),
        ({"kind": "haulage", "destination_hub": "TAIYUAN"}, "terms_invalid", "destination_hub"),
        ({"price_max": "100000.01"}, "terms_invalid", "price_max"),
        ({"maximum_mass": "100000.001"}, "terms_invalid", "maximum_mass"),
        ({"loads_max": 0}, "invalid_input", "loads_max"),
        ({"window_start": "2026-03-03T06:00:00"}, "invalid_input", "window_start"),
        ({"window_start": 1_772_000_000}, "invalid_input", "window_start"),
        ({"hub": "Taiyuan"}, "invalid_input", "hub"),
        ({"nominal_mass": 280}, "invalid_input", "nominal_mass"),
    ]
    with market.unchanged():
        for terms, code, field in cases:
            answer = market.ask("POST", "/v1/products", "operator", json={**TERMS, "product_id": "EXW-NEW", **terms})
            assert problem(answer)[:3] == (422, code, field), terms
            if code == "terms_invalid":
                assert answer.json()["detail"].endswith(f"see {field}.")


def test_products_are_listed_by_id_and_filtered(market: Market) -> None:
    for number, hub in enumerate(["LINFEN", "LINFEN", "DATONG"]):
        terms = {**TERMS, "product_id": f"DLV-{number}", "kind": "delivered", "hub": hub}
        assert market.ask("POST", "/v1/products", "operator", json=terms).status_code == 201
    market.submit(c.CloseProduct("DLV-1"))
    assert [one["product_id"] for one in _items(market, "/v1/products", limit=1)] == [
        "DLV-0",
        "DLV-1",
        "DLV-2",
        PRODUCT,
    ]
    assert [one["product_id"] for one in _items(market, "/v1/products", hub="LINFEN")] == ["DLV-0", "DLV-1"]
    assert [one["product_id"] for one in _items(market, "/v1/products", hub="LINFEN", status="open")] == ["DLV-0"]
    assert [one["product_id"] for one in _items(market, "/v1/products", kind="ex_works")] == [PRODUCT]
    assert _items(market, "/v1/products", hub="NOWHERE") == []
    assert problem(market.ask("GET", "/v1/products", params={"kind": "gas"}))[:3] == (422, "invalid_input", "kind")


def test_products_close_when_their_window_begins(market: Market) -> None:
    market.rest("buyer", "b-1", "buy", 1, "20.00")
    market.move("2026-03-03T05:59:59+08:00")
    assert market.ask("GET", f"/v1/products/{PRODUCT}").json()["status"] == "open"
    market.move("2026-03-03T06:00:00+08:00")
    assert market.ask("GET", f"/v1/products/{PRODUCT}").json()["status"] == "closed"
    assert market.find("buyer", "b-1")["reason"] == "product_closed"
    assert market.limits("buyer")["reserved"] == "0.00"
