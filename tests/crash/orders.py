"""Orders of every type, as their bodies say it, and the terms that the log must hold for them."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from kernel.clock import from_text, to_text
from kernel.quantity import MICROS_PER_S, format_price, parse_price

#: Around which price everything trades, and the tick.
MIDDLE_FEN, TICK_FEN = 2_000, 5
#: How far from the middle others are priced on average.
AWAY_FEN = 3 * TICK_FEN
#: The largest order that is sent; amendments make it larger.
ORDER_LOADS_MAX = 8
#: In how many seconds of the market an order good till a time ends.
GTD_S = (10, 120)

Terms = dict[str, Any]
Make = Callable[[random.Random, int, int], Terms]


def _limit(chance: random.Random, time_in_force: str, **options: Any) -> Terms:
    # Now and then a price that no rule allows: such an order is rejected, which is an event too.
    odd = 1 if chance.random() < 0.02 else 0
    price = format_price(MIDDLE_FEN + TICK_FEN * chance.randint(-6, 6) + odd)
    return {"price": price, "time_in_force": time_in_force, **options}


def _gtd(chance: random.Random, _loads: int, now_us: int) -> Terms:
    return _limit(chance, "gtd", expires_at=to_text(now_us + chance.randint(*GTD_S) * MICROS_PER_S))


def _stop(chance: random.Random, _loads: int, _now_us: int) -> Terms:
    return {"time_in_force": "gtc", "order_type": "stop", "stop_price": _stop_price(chance)}


def _stop_limit(chance: random.Random, _loads: int, _now_us: int) -> Terms:
    return _limit(chance, "gtc", order_type="stop_limit", stop_price=_stop_price(chance))


def _stop_price(chance: random.Random) -> str:
    return format_price(MIDDLE_FEN + TICK_FEN * chance.randint(-4, 4))


#: Every type and option that one order can have by itself. Pre-arranged orders need two companies: see `Broker`.
KINDS: dict[str, Make] = {
    "limit": lambda chance, _loads, _now: _limit(chance, "gtc"),
    "day": lambda chance, _loads, _now: _limit(chance, "day"),
    "session": lambda chance, _loads, _now: _limit(chance, "session"),
    "gtd": _gtd,
    "ioc": lambda chance, _loads, _now: _limit(chance, "ioc"),
    "fok": lambda chance, _loads, _now: _limit(chance, "fok"),
    "market": lambda _chance, _loads, _now: {"time_in_force": "ioc", "order_type": "market"},
    "market_rests": lambda _chance, _loads, _now: {"time_in_force": "gtc", "order_type": "market"},
    "stop": _stop,
    "stop_limit": _stop_limit,
    "iceberg": lambda chance, _loads, _now: _limit(chance, "gtc", display_loads=1),
    "clip_price_change": lambda chance, loads, _now: _limit(
        chance, "gtc", display_loads=min(2, loads), clip_price_change=format_price(TICK_FEN)
    ),
    "minimum_loads": lambda chance, loads, _now: _limit(chance, "gtc", minimum_loads=min(2, loads)),
    "all_or_none": lambda chance, _loads, _now: _limit(chance, "gtc", all_or_none=True),
    "post_only": lambda chance, _loads, _now: _limit(chance, "gtc", post_only=True),
    "hibernated": lambda chance, _loads, _now: _limit(chance, "gtc", hibernated=True),
    "cancel_on_disconnect": lambda chance, _loads, _now: _limit(chance, "gtc", cancel_on_disconnect=True),
}

#: Kinds that are to trade as they come.
AT_ONCE = frozenset({"ioc", "fok", "minimum_loads"})


def order(kind: str, name: str, product_id: str, side: str, chance: random.Random, now_us: int) -> Terms:
    """The body of an order of a kind."""
    loads = chance.randint(1, ORDER_LOADS_MAX)
    head = {"client_order_id": name, "product_id": product_id, "side": side, "loads": loads}
    terms = KINDS[kind](chance, loads, now_us)
    if "price" in terms and kind not in AT_ONCE:
        # A little away from the other side, so that something rests that can be amended, cancelled and met.
        terms["price"] = format_price(parse_price(terms["price"]) + (-AWAY_FEN if side == "buy" else AWAY_FEN))
    return {**head, **terms}


#: Fields of the log with the value that is left out there.
DEFAULTS: dict[str, Any] = {
    "order_type": "limit", "stop_price_fen_per_kg": 0, "minimum_loads": 0, "all_or_none": False, "post_only": False,
    "display_loads": 0, "clip_price_change_fen": 0, "expires_at": 0, "hibernated": False,
    "cancel_on_disconnect": False, "counterparty_id": "", "agreement": "",
}  # fmt: skip
_HEAD = ("client_order_id", "product_id", "side", "loads")


def sent_terms(body: Terms) -> Terms:
    """What an order's body asks for, as the log says it."""
    options = {name: body[name] for name in DEFAULTS if name in body}
    for outside, inside, read in (
        ("stop_price", "stop_price_fen_per_kg", parse_price),
        ("clip_price_change", "clip_price_change_fen", parse_price),
        ("expires_at", "expires_at", from_text),
    ):
        if outside in body:
            options[inside] = read(body[outside])
    price = parse_price(body["price"]) if "price" in body else 0
    head = {name: body[name] for name in _HEAD}
    return {**head, "price_fen_per_kg": price, "time_in_force": body["time_in_force"], **DEFAULTS, **options}


def logged_terms(terms: Terms) -> Terms:
    """The same of the terms of an event."""
    head = {name: terms[name] for name in (*_HEAD, "price_fen_per_kg")}
    return {**head, "time_in_force": terms.get("time_in_force", "gtc"), **DEFAULTS, **(terms.get("options") or {})}
