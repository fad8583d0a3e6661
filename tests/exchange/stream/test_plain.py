"""The short way reads what the long way reads, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from exchange.orders_api import NewOrder, OrderBatch, place_command, terms_of
from exchange.plain import read_batch, read_frame, read_order
from exchange.stream.requests import Place, read
from kernel.errors import H2MarketError
from tests.exchange.market import order

GOOD = order("g-1", "sell", 1, "20.00")
ODD: dict[str, st.SearchStrategy[Any]] = {
    "client_order_id": st.sampled_from(("a", "A.b:c/d-e_f", "x" * 64, "x" * 65, "", "a b", "a\n", "é", 7, None)),
    "product_id": st.sampled_from(("X", "X-1", "x", "X" * 80, "X" * 81, "", "X\n", 1)),
    "side": st.sampled_from(("buy", "sell", "BUY", 1, None)),
    "price": st.sampled_from(("1", "0", "0.5", "20.05", "20.050", "01", "1.", ".5", "-1", "1e2", "9" * 12, "9" * 13,
                              "20\n", " 2", "٣", 20, 20.5, None)),
    "loads": st.sampled_from((1, 10**6, 10**6 + 1, 0, -1, 1.0, "1", True, None, 10**30)),
    "time_in_force": st.sampled_from(("gtc", "gtd", "day", "session", "ioc", "fok", "GTC", None)),
    "post_only": st.booleans(),
    "expires_at": st.just("2030-01-01T00:00:00+08:00"),
    "more": st.integers(),
}  # fmt: skip


@st.composite
def orders(draw: st.DrawFn) -> dict[str, Any]:
    """An order with a field or two that are odd, or gone."""
    made = dict(GOOD)
    for field in draw(st.lists(st.sampled_from(sorted(ODD)), max_size=2)):
        made[field] = draw(ODD[field])
    for field in draw(st.lists(st.sampled_from(sorted(GOOD)), max_size=1)):
        if draw(st.integers(0, 5)) == 0:
            made.pop(field, None)
    return made


FRAMES = st.fixed_dictionaries(
    {"op": st.sampled_from(("place", "place", "place", "ping")), "orders": st.lists(orders(), max_size=3)},
    optional={"id": st.sampled_from(("a", "", "x" * 64, "x" * 65, "é", None, 1)), "more": st.just(1)},
)


@given(FRAMES)
def test_a_frame_reads_the_same_on_both_ways(frame: dict[str, Any]) -> None:
    text = json.dumps(frame)
    short = read_frame(text)
    if short is None:
        return
    long = read(text)
    assert isinstance(long, Place)
    assert short.id == long.id
    assert short.terms == [place_command("P1", "K1", one).terms for one in long.orders]


@given(orders())
def test_an_order_reads_the_same_on_both_ways(body: dict[str, Any]) -> None:
    text = json.dumps(body).encode()
    short = read_order(text)
    if short is not None:
        assert short == terms_of(TypeAdapter(NewOrder).validate_json(text))


@given(
    st.fixed_dictionaries(
        {"orders": st.lists(orders(), max_size=3)},
        optional={"group": st.sampled_from(("reject_partially", "reject_all", "basket", "x")), "more": st.just(1)},
    )
)
def test_a_batch_reads_the_same_on_both_ways(body: dict[str, Any]) -> None:
    text = json.dumps(body).encode()
    short = read_batch(text)
    if short is not None:
        long = TypeAdapter(OrderBatch).validate_json(text)
        assert (short, "reject_partially") == ([terms_of(one) for one in long.orders], long.group)


@pytest.mark.parametrize(
    "text",
    [
        b'{"client_order_id":"a","client_order_id":"b","product_id":"X","side":"buy","price":"1","loads":1}',
        b' \n{"client_order_id":"a","product_id":"\\u0058","side":"sell","price":"1.5","loads":2} ',
    ],
)
def test_odd_json_reads_the_same_on_both_ways(text: bytes) -> None:
    assert read_order(text) == terms_of(TypeAdapter(NewOrder).validate_json(text))


def test_plain_orders_go_the_short_way() -> None:
    assert read_order(json.dumps(GOOD).encode()) is not None
    assert len(read_batch(json.dumps({"orders": [GOOD] * 100}).encode()) or ()) == 100
    frame = {"op": "place", "id": "p1", "orders": [GOOD, {**GOOD, "time_in_force": "ioc"}]}
    short = read_frame(json.dumps(frame).encode())
    assert short is not None
    assert [one.time_in_force for one in short.terms] == ["gtc", "ioc"]
    assert short.terms[0].price_fen_per_kg == 2_000
    assert read_frame(json.dumps({**frame, "id": "two words"}).encode()) is None


def test_what_is_not_plain_goes_the_long_way() -> None:
    odd: list[dict[str, Any]] = [{"price": "cheap"}, {"price": "20.005"}, {"loads": 0}, {"client_order_id": ""}]
    odd += [{"product_id": "exw"}, {"side": "both"}, {"post_only": True}]
    for changed in odd:
        body = {**GOOD, **changed}
        assert read_order(json.dumps(body).encode()) is None
        assert read_batch(json.dumps({"orders": [GOOD, body]}).encode()) is None
        assert read_frame(json.dumps({"op": "place", "orders": [body]}).encode()) is None
    assert read_batch(b'{"orders":[]}') is None


@pytest.mark.parametrize("text", ["", "[]", "{", '{"op":"place","orders":[]}', '{"op":"ping"}', "nonsense"])
def test_other_frames_do_not(text: str) -> None:
    assert read_frame(text) is None
    if text != '{"op":"ping"}':
        with pytest.raises(H2MarketError):
            read(text)
