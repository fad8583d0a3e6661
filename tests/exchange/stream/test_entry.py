"""Orders over the socket: the same as over REST, many a frame, and nothing of a frame that is not well formed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.exchange.market import PRODUCT, order
from tests.exchange.stream.served import Served


def test_a_frame_of_orders_is_answered_as_rest_answers_a_batch(served: Served) -> None:
    async def run() -> None:
        orders = [
            order("s1", "sell", 3, "20.00"), order("s2", "sell", 99, "20.00"), order("s3", "sell", 1, "20.01"),
            order("s4", "sell", 2, "20.05", display_loads=1),
        ]  # fmt: skip
        async with served.client("seller") as client, served.rest("seller") as rest:
            answer = await client.ask(op="place", orders=orders)
            again = (await rest.post("/v1/orders/batch", json={"orders": orders})).json()
            assert [one["status"] for one in answer["results"]] == [201, 422, 422, 201]
            for here, there in zip(answer["results"], again["results"], strict=True):
                assert here["order"] == there["order"]
                if here["problem"]:
                    for details in (here["problem"], there["problem"]):
                        details.pop("request_id")
                        details.pop("instance")
                    assert here["problem"] == there["problem"]

    asyncio.run(run())


def test_an_order_sent_twice_takes_effect_once(served: Served) -> None:
    async def run() -> None:
        async with served.client("seller") as client:
            first = await client.ask(op="place", orders=[order("s1", "sell", 3, "20.00")])
            second = await client.ask(op="place", orders=[order("s1", "sell", 3, "20.00")])
            other = await client.ask(op="place", orders=[order("s1", "sell", 4, "20.00")])
            assert first["results"] == second["results"]
            assert other["results"][0]["problem"]["code"] == "idempotency_key_reused"
            assert (await served.depth())["asks"] == [{"price": "20.00", "loads": 3, "orders": 1}]

    asyncio.run(run())


def test_frames_take_effect_in_the_order_in_which_they_came(served: Served) -> None:
    async def run() -> None:
        async with served.client("seller") as client:
            for number in range(30):
                await client.say(op="place", id=f"p{number}", orders=[order(f"s{number}", "sell", 1, "20.00")])
            await client.say(op="cancel_all", id="all")
            gone = await client.hear("all_cancelled")
            answers = [await client.answer(f"p{number}") for number in range(30)]
            ids = [answer["results"][0]["order"]["order_id"] for answer in answers]
            numbers = [int(one[1:]) for one in ids]
            assert numbers == sorted(numbers)
            assert [one["order_id"] for one in gone["orders"]] == [one for one in ids if one in client_ids(gone)]
            assert (await served.depth())["asks"] == []

    asyncio.run(run())


def client_ids(gone: dict[str, Any]) -> set[str]:
    return {one["order_id"] for one in gone["orders"]}


def test_amend_cancel_and_their_keys(served: Served) -> None:
    async def run() -> None:
        order_id = await served.place("seller", "s1", "sell", 3, "20.00")
        async with served.client("seller") as client, served.client("buyer") as stranger:
            amended = await client.ask(op="amend", order_id=order_id, loads=2, idempotency_key="k1")
            assert (amended["order"]["loads"], amended["order"]["keeps_priority"]) == (2, True)
            assert (await client.ask(op="amend", order_id=order_id, loads=2, idempotency_key="k1"))["order"] == (
                amended["order"]
            )
            reused = await client.ask(op="amend", order_id=order_id, loads=1, idempotency_key="k1")
            assert reused["problem"]["code"] == "idempotency_key_reused"
            refused = await stranger.ask(op="cancel", order_id=order_id)
            assert refused["problem"]["code"] == "order_not_open"
            empty = await client.ask(op="amend", order_id=order_id)
            assert empty["problem"]["errors"][0]["rule"] == "empty"
            cancelled = await client.ask(op="cancel", order_id=order_id)
            assert (cancelled["order"]["status"], cancelled["order"]["cancelled_loads"]) == ("cancelled", 2)

    asyncio.run(run())


def test_cancel_all_takes_a_side_a_product_or_this_key(served_here: Served) -> None:
    async def run() -> None:
        async with served_here.client("keeper") as client:
            await client.ask(op="place", orders=[order("k1", "buy", 1, "19.00"), order("k2", "sell", 1, "21.00")])
            sold = await client.ask(op="cancel_all", side="sell", product_id=PRODUCT)
            assert [one["loads"] for one in sold["orders"]] == [1]
            rest = await client.ask(op="cancel_all", this_key=True)
            assert len(rest["orders"]) == 1
            assert (await client.ask(op="cancel_all"))["orders"] == []

    asyncio.run(run())


GOOD = order("g1", "sell", 1, "20.00")
BAD_FRAMES: list[tuple[Any, str, str]] = [
    ("no json", "body", "json_invalid"),
    ("[]", "body", "dict_type"),
    ({"id": "x"}, "op", "union_tag_not_found"),
    ({"id": "x", "op": "sell"}, "op", "union_tag_invalid"),
    ({"id": 1, "op": "ping"}, "id", "string_type"),
    ({"id": "x", "op": "ping", "more": 1}, "more", "extra_forbidden"),
    ({"id": "x", "op": "place"}, "orders", "missing"),
    ({"id": "x", "op": "place", "orders": []}, "orders", "too_short"),
    ({"id": "x", "op": "place", "orders": [GOOD] * 101}, "orders", "too_long"),
    ({"id": "x", "op": "place", "orders": [GOOD, {**GOOD, "price": 20}]}, "orders.1.price", "decimal_string"),
    ({"id": "x", "op": "place", "orders": [{**GOOD, "loads": "1"}]}, "orders.0.loads", "int_type"),
    ({"id": "x", "op": "cancel", "order_id": "12"}, "order_id", "string_pattern_mismatch"),
    ({"id": "x", "op": "subscribe", "channel": "news"}, "channel", "literal_error"),
    ({"id": "x", "op": "subscribe", "channel": "book"}, "product_id", "missing"),
    ({"id": "x", "op": "subscribe", "channel": "own", "product_id": PRODUCT}, "product_id", "extra_forbidden"),
    ({"id": "x", "op": "subscribe", "channel": "book", "product_id": PRODUCT, "depth": 101}, "depth",
     "less_than_equal"),
    ({"id": "x", "op": "subscribe", "channel": "trades", "since": -1}, "since", "greater_than_equal"),
    ({"id": "x", "op": "auth", "key": "h2m_again"}, "op", "authenticated"),
    ({"id": "x", "op": "unsubscribe", "channel": "trades"}, "channel", "not_found"),
]  # fmt: skip


def test_a_bad_frame_is_answered_with_a_problem_and_changes_nothing(served_here: Served) -> None:
    async def run() -> None:
        before = served_here.house.sequencers["exchange"].tail.seq
        async with served_here.client("seller") as client:
            for frame, field, rule in BAD_FRAMES:
                if isinstance(frame, str):
                    await client.socket.send(frame)
                else:
                    await client.say(**frame)
                answer = await client.hear("problem")
                told = answer["problem"]
                assert (told["errors"][0]["field"], told["errors"][0]["rule"]) == (field, rule), frame
                assert told["code"]
                assert told["instance"] == "/v1/stream"
                named = frame.get("id") if isinstance(frame, dict) else None
                assert answer["id"] == (named if isinstance(named, str) else None)
            assert (await client.ask(op="place", orders=[GOOD]))["results"][0]["status"] == 201
        assert served_here.house.sequencers["exchange"].tail.seq == before + 1

    asyncio.run(run())


def test_problems_speak_the_reader_s_language(served_here: Served) -> None:
    async def run() -> None:
        async with served_here.connect("seller", **{"Accept-Language": "zh-CN"}) as client:
            await client.say(op="nothing")
            assert "应为以下之一" in (await client.hear("problem"))["problem"]["detail"]

    asyncio.run(run())


@pytest.mark.parametrize("message", [
    {"op": "place", "orders": [GOOD]},
    {"op": "cancel_all"},
    {"op": "set_options", "cancel_on_disconnect": "cancel_placed"},
])  # fmt: skip
def test_a_key_that_only_reads_enters_nothing(served_here: Served, message: dict[str, Any]) -> None:
    async def run() -> None:
        async with served_here.client("auditor") as client:
            refused = await client.ask(**message)
            assert (refused["problem"]["status"], refused["problem"]["errors"][0]["rule"]) == (403, "scope")

    asyncio.run(run())
