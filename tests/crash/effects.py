"""Every request against the log: what was answered was done, once, and nothing was done that nobody asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kernel.quantity import parse_price
from tests.crash.logs import Logged, Range
from tests.crash.orders import sent_terms
from tests.crash.recount import Recount
from tests.crash.requests import PLACING, Request

#: Only requests make these events, and every request of a crash test has a key.
ASKED = frozenset({
    "OrderPlaced", "OrderRejected", "OrderAmended", "OrderHibernated", "OrderActivated", "TraderKilled",
    "TraderReleased", "SelfTradeModeSet", "DeadManSet", "QuoteRequested", "MarketHalted", "MarketResumed",
    "TradeRecallRequested", "TradeRecallApproved", "TradeRecallConfirmed",
    "TradeRecallRejected", "TradeRecallWithdrawn",
})  # fmt: skip
_RECALLS = {
    "recall": "TradeRecallRequested", "approval": "TradeRecallApproved", "confirmation": "TradeRecallConfirmed",
    "rejection": "TradeRecallRejected", "recall_withdrawal": "TradeRecallWithdrawn",
}  # fmt: skip
_REASONS = frozenset({"requested", "mass_cancel"})
_SWITCHES = {
    "kill": "TraderKilled", "release": "TraderReleased", "self_trade": "SelfTradeModeSet", "halt": "MarketHalted",
    "resume": "MarketResumed",
}  # fmt: skip


def lost(request: Request, made: list[Logged] | None, recount: Recount) -> Iterator[str]:
    """What an answer said was done and the log does not hold. ``made`` are the events under the request's key, None
    where nothing was done under it."""
    if request.kind in PLACING:
        yield from _lost_orders(request, recount)
    elif request.status is None or request.status >= 300:
        if request.status is not None and made:
            yield f"was refused with {request.status} and made {len(made)} events"
    elif request.kind == "statement":
        if recount.statements[request.answer["reference"]] != 1:
            yield "the statement is not in the log"
    elif request.kind == "withdrawal":
        if recount.withdrawals[request.company, request.body["client_id"]] != 1:
            yield "the withdrawal is not in the log"
    elif made is None:
        yield f"was answered with {request.status} and nothing is known under its key"
    elif (what := _unlike(request, made)) is not None:
        yield f"was answered with {request.status} and {what}; the log has {[one.type for one in made]}"


def _lost_orders(request: Request, recount: Recount) -> Iterator[str]:
    for body, status, _ in request.answered_orders():
        terms = recount.orders.get((request.company, body["client_order_id"]))
        if terms != [sent_terms(body)]:
            yield f"{body['client_order_id']} was answered with {status}, the log has {terms}"


def _unlike(request: Request, made: list[Logged]) -> str | None:
    """How the events differ from what the answer said."""
    first = made[0] if made else Logged(0, 0, "", {})
    event, about = first.fields, request.about
    match request.kind:
        case "amend":
            return _unlike_amendment(request, first)
        case "cancel":
            done = {"order_id": int(about[1:]), "reason": "requested"}
            return None if done.items() <= event.items() else "its cancel is not in the log"
        case "mass_cancel":
            named = request.answer.get("order_ids") or [one["order_id"] for one in request.answer.get("orders", ())]
            ended = [f"O{one.fields['order_id']}" for one in made if one.fields.get("reason") == "mass_cancel"]
            return None if named == ended else f"said that it cancelled {named}, but it was {ended}"
        case "hibernate" | "activate":
            name = "OrderHibernated" if request.kind == "hibernate" else "OrderActivated"
            done_it = first.type == name and event["order_id"] == int(about[1:])
            return None if done_it == request.answer["changed"] else f"said changed: {request.answer['changed']}"
        case "kill" | "release" | "self_trade" | "halt" | "resume":
            # A switch that stood so already made no event; its cancels come before it.
            fits = not made or any(one.type == _SWITCHES[request.kind] for one in made)
            return None if fits else "its switch is not in the log"
        case "dead_man":
            timeout_s = request.body["timeout_s"]
            fits = (not made and not timeout_s) or event.get("timeout_s") == timeout_s
            return None if fits else "its switch is not in the log"
        case "phase":
            moved = {"product_id": about, "phase": request.body["phase"]}
            fits = not made or any(moved.items() <= one.fields.items() for one in made if one.type == "PhaseChanged")
            return None if fits else "its phase is not in the log"
        case "quote":
            asked = {"participant_id": request.company, "loads": request.body["loads"]}
            return None if asked.items() <= event.items() else "its quote request is not in the log"
        case "recall" | "approval" | "confirmation" | "rejection" | "recall_withdrawal":
            return _unlike_step(request, first)
    raise AssertionError(request.kind)


def _unlike_step(request: Request, first: Logged) -> str | None:
    """Of a recall. The answer names it, and whoever asks or turns it down says why."""
    trades = [f"T{trade['trade_id']}" for trade in first.fields.get("trades", ())]
    same_recall = f"R{first.fields.get('recall_id')}" == request.answer["recall_id"]
    same_reason = request.body is None or request.body["reason"] == first.fields.get("reason")
    fits = first.type == _RECALLS[request.kind] and request.about in trades and same_recall and same_reason
    return None if fits else "its step of the recall is not in the log"


def _unlike_amendment(request: Request, first: Logged) -> str | None:
    event, asked = first.fields, request.body
    if event.get("order_id") != int(request.about[1:]):
        return "its amendment is not in the log"
    if first.type == "OrderCancelled":
        return None if event["reason"] == "amended_below_executed" else "its amendment is not in the log"
    price = event["price_fen_per_kg"] if asked.get("price") is None else parse_price(asked["price"])
    loads = asked.get("loads", event["loads"])
    return None if (event["price_fen_per_kg"], event["loads"]) == (price, loads) else f"not {asked}"


def doubled(keys: Mapping[tuple[str, str], Range], events: Sequence[Logged]) -> list[str]:
    """Events that were made on request, and not exactly once: no request's key has them, or several have. A group's
    keys share one range. ``events`` is a part of the exchange's log."""
    ranges = {(one.first_seq, one.events) for one in keys.values() if one.room == "exchange" and one.events}
    owners: Counter[int] = Counter()
    for first_seq, count in ranges:
        owners.update(range(first_seq, first_seq + count))
    return [
        f"event {one.seq}, {one.type}, has {owners[one.seq]} requests: {_short(one.fields)}"
        for one in events
        if _is_asked(one) and owners[one.seq] != 1
    ]


def _is_asked(one: Logged) -> bool:
    if one.type == "OrderCancelled":
        return one.fields["reason"] in _REASONS
    if one.type == "PhaseChanged":
        return bool(one.fields["reason"] == "operator")
    if one.type == "DeadManSet":
        return bool(one.fields["fires_at"]) or not one.fields["timeout_s"]  # the others are switches that fired
    return one.type in ASKED


def _short(fields: dict[str, Any]) -> str:
    return str(fields)[:160]
