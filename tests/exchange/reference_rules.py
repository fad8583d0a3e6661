"""The reference's rules that need no state: who may trade what, which options fit, where an auction's price lies."""

from __future__ import annotations

from exchange import commands as c
from exchange.model import OrderTerms, Phase

SELLS = {"producer": ["hydrogen"], "storage_operator": ["hydrogen"], "haulier": ["haulage"]}
BUYS = {"station": ["hydrogen", "haulage"], "storage_operator": ["hydrogen", "haulage"], "producer": ["haulage"]}

FOLLOWS = {
    "pending": "auction continuous halted",
    "auction": "continuous halted frozen",
    "continuous": "auction halted frozen",
    "halted": "auction continuous frozen",
    "frozen": "auction continuous halted",
    "closed": "expired",
    "expired": "",
}


def may_follow(now: Phase, then: Phase) -> bool:
    return then in FOLLOWS[now].split()


def commodity(product: c.ListProduct) -> str:
    return "haulage" if product.kind == "haulage" else "hydrogen"


def may(roles: tuple[str, ...], side: str, product: c.ListProduct) -> bool:
    """Whether one of the roles trades this side."""
    table = BUYS if side == "buy" else SELLS
    return any(commodity(product) in table.get(role, []) for role in roles)


def is_route(x: c.ListProduct, h: c.ListProduct, d: c.ListProduct) -> bool:
    """Whether the second carries the first to where the third is delivered."""

    def load(p: c.ListProduct) -> tuple[object, ...]:
        return p.window_start, p.window_end, p.container_class, p.nominal_mass_g, p.maximum_mass_g

    return (
        (x.kind, h.kind, d.kind) == ("ex_works", "haulage", "delivered")
        and load(x) == load(h) == load(d)
        and (x.hub, x.grade, d.hub) == (h.hub, d.grade, h.destination_hub)
    )


def phase_misfit(phase: Phase, terms: OrderTerms) -> tuple[str, str] | None:
    """Why a phase that does not trade takes no such order."""
    if phase != "auction":
        return f"product_{phase}", "product_id"
    if terms.time_in_force in ("ioc", "fok"):
        return "not_in_auction", "time_in_force"
    o = terms.options
    if o is None:
        return None
    if o.order_type in ("market", "stop"):
        return "not_in_auction", "order_type"
    if o.post_only:
        return "not_in_auction", "post_only"
    if o.minimum_loads:
        return "not_in_auction", "minimum_loads"
    return ("not_in_auction", "agreement") if o.agreement else None


def options_misfit(product: c.ListProduct, terms: OrderTerms, at: int) -> tuple[str, str] | None:  # noqa: C901 - a list
    """The first option that contradicts another or the product."""
    o = terms.options
    tif, conflict = terms.time_in_force, "options_conflict"
    if o is None:
        return (conflict, "expires_at") if tif == "gtd" else None
    at_once, market = tif in ("ioc", "fok"), o.order_type == "market"
    stop = o.order_type in ("stop", "stop_limit")
    priceless = o.order_type in ("market", "stop")
    clip = o.clip_price_change_fen
    if priceless == bool(terms.price_fen_per_kg):
        return conflict, "price"
    if stop != bool(o.stop_price_fen_per_kg):
        return conflict, "stop_price"
    if not 0 <= o.minimum_loads <= terms.loads or (o.minimum_loads and (stop or o.agreement or o.hibernated)):
        return conflict, "minimum_loads"
    if o.all_or_none and (at_once or o.minimum_loads or o.display_loads):
        return conflict, "all_or_none"
    if o.post_only and (at_once or stop or market or o.agreement or o.hibernated or o.minimum_loads or o.all_or_none):
        return conflict, "post_only"
    if not 0 <= o.display_loads <= terms.loads or (o.display_loads and at_once):
        return conflict, "display_loads"
    if not 0 <= clip <= product.price_max_fen or clip % product.price_tick_fen or (clip and not o.display_loads):
        return conflict, "clip_price_change"
    if o.hibernated and (at_once or stop or market):
        return conflict, "hibernated"
    if bool(o.agreement) != bool(o.counterparty_id):
        return conflict, "agreement"
    if o.agreement and (at_once or stop or market or o.hibernated or o.all_or_none or o.display_loads):
        return conflict, "counterparty_id"
    if (tif == "gtd") != bool(o.expires_at):
        return conflict, "expires_at"
    if o.expires_at and o.expires_at <= at:
        return "expiry_invalid", "expires_at"
    price = o.stop_price_fen_per_kg
    if price and (not 0 < price <= product.price_max_fen or price % product.price_tick_fen):
        return "stop_price_invalid", "stop_price"
    return None


def uncross(
    bids: list[tuple[int, int]], asks: list[tuple[int, int]], reference: int, tick: int
) -> tuple[int, int, int] | None:
    """Price, loads and surplus where both sides, given as (price, loads), trade most."""

    def wanted(price: int) -> int:
        return sum(loads for limit, loads in bids if limit >= price)

    def offered(price: int) -> int:
        return sum(loads for limit, loads in asks if limit <= price)

    limits = sorted({price for price, _ in bids + asks})
    volume = max((min(wanted(p), offered(p)) for p in limits), default=0)
    if volume == 0:
        return None
    limits = [p for p in limits if min(wanted(p), offered(p)) == volume]
    least = min(abs(wanted(p) - offered(p)) for p in limits)
    limits = [p for p in limits if abs(wanted(p) - offered(p)) == least]
    buyers_left = [p for p in limits if wanted(p) > offered(p)]
    sellers_left = [p for p in limits if wanted(p) < offered(p)]
    low = buyers_left[-1] if buyers_left else limits[0]
    high = sellers_left[0] if sellers_left else limits[-1]
    if buyers_left == limits:
        price = limits[-1]
    elif sellers_left == limits:
        price = limits[0]
    else:
        prices = range(low, high + 1)
        aim = reference or (low + high) // 2
        price = min(max(aim // tick * tick, prices[0]), prices[-1])
    return price, volume, wanted(price) - offered(price)
