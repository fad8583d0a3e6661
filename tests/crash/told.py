"""What the exchange's log says to whoever listens, worked out from its rows and docs/stream.md alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple

from tests.crash.logs import Logged
from tests.crash.recalls import sides

Item = dict[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017
_ORDER = {
    "OrderPlaced": "placed", "OrderRejected": "rejected", "OrderAmended": "amended", "OrderReduced": "reduced",
    "OrderElected": "elected", "OrderHibernated": "hibernated", "OrderActivated": "activated",
    "OrderCancelled": "cancelled",
}  # fmt: skip
_RECALL = {
    "TradeRecallRequested": "requested", "TradeRecallApproved": "approved", "TradeRecallConfirmed": "recalling",
    "TradeRecalled": "recalled", "TradeRecallRefused": "refused", "TradeRecallRejected": "rejected",
    "TradeRecallWithdrawn": "withdrawn", "TradeRecallExpired": "expired",
}  # fmt: skip
_MONEY = {
    "MoneyGranted": "granted", "MoneyReduced": "reduced", "MoneyReductionRefused": "reduction_refused",
    "CommitmentReleased": "hold_released",
}  # fmt: skip
_TRADER = {
    "TraderAdmitted": "admitted", "TraderSuspended": "suspended", "TraderReinstated": "reinstated",
    "TraderKilled": "killed", "TraderReleased": "released", "SelfTradeModeSet": "self_trade_mode",
    "OrderRatesSet": "order_rates", "DeadManSet": "dead_man",
}  # fmt: skip
_MARKET = {
    "MarketOpened": "opened", "MarketClosed": "closed", "MarketHalted": "halted", "MarketResumed": "resumed",
}  # fmt: skip
#: They say how things are now and are no events of the log.
PASSING = frozenset({"limits", "indicative"})
#: How an order stands when a message is made is not in the log; it is looked at elsewhere.
_NOT_COMPARED = frozenset({"order"})


def _at(us: int) -> str:
    return (_EPOCH + timedelta(microseconds=us)).isoformat()


def _decimal(hundredths: int) -> str:
    return f"{Decimal(hundredths) / 100:.2f}"


def plain(item: Item) -> Item:
    """An item as it came, in the form in which the log's are written here."""
    kept = {name: value for name, value in item.items() if name not in _NOT_COMPARED and value is not None}
    for name in ("at", "until", "fires_at", "window_start", "decide_by"):
        if name in kept:
            kept[name] = datetime.fromisoformat(kept[name]).astimezone(timezone.utc).isoformat()  # noqa: UP017
    return kept


class Told:
    """Turns events into what is said of them. Takes every event of the log in order, for it must know whose orders are
    whose."""

    def __init__(self) -> None:
        self.items: list[tuple[str, Item]] = []  # ("trade", "status" or a company, what it is told)
        self.trades: Counter[str] = Counter()  # by product
        self._owners: dict[str, str] = {}

    def take(self, one: Logged) -> None:
        """Adds what an event says: first to everybody, then to its companies, the buyer before the seller."""
        head = {"seq": one.seq, "at": _at(one.at)}
        for who, item in self._said(one):
            self.items.append((who, {key: value for key, value in (head | item).items() if value is not None}))

    def _said(self, one: Logged) -> Iterator[tuple[str, Item]]:
        event = one.fields
        if one.type == "Traded":
            yield from self._trade(event)
        elif one.type in _RECALL:
            yield from self._recall(one)
        elif one.type in _ORDER:
            yield self._order(one)
        elif (status := _status(one)) is not None:
            yield "status", status
        elif "participant_id" in event:
            yield event["participant_id"], {"participant_id": event["participant_id"], **_standing(one)}

    def _trade(self, event: dict[str, Any]) -> Iterator[tuple[str, Item]]:
        self.trades[event["product_id"]] += 1
        shared = {**_terms(event), "leg": event["leg"]}
        taker = event["taker_order_id"]
        taker_side = {event["buy_order_id"]: "buy", event["sell_order_id"]: "sell"}.get(taker)
        yield "trade", {"event": "trade", **shared, "taker_side": taker_side}
        for side, own, other in (("buy", "buyer_id", "seller_id"), ("sell", "seller_id", "buyer_id")):
            yield event[own], {
                "event": "fill", "participant_id": event[own], **shared, "side": side,
                "order_id": f"O{event[f'{side}_order_id']}", "counterparty_id": event[other],
                "taker": None if not taker else taker == event[f"{side}_order_id"],
            }  # fmt: skip

    def _recall(self, one: Logged) -> Iterator[tuple[str, Item]]:
        event, decide_by = one.fields, one.fields.get("decide_by")
        if one.type == "TradeRecalled":
            for trade in event["trades"]:
                self.trades[trade["product_id"]] -= 1
                yield "trade", {"event": "trade_recalled", **_terms(trade)}
        for trade, side, other in sides(event):
            who = {"buy": trade["buyer_id"], "sell": trade["seller_id"]}
            yield who[side], {
                "event": "recall", "participant_id": who[side], "change": _RECALL[one.type],
                "recall_id": f"R{event['recall_id']}", **_terms(trade), "leg": trade["leg"], "side": side,
                "order_id": f"O{trade[f'{side}_order_id']}", "counterparty_id": who[other],
                "reason": event.get("reason"), "requester_id": event.get("requester_id"),
                "decide_by": _at(decide_by) if decide_by else None,
            }  # fmt: skip

    def _order(self, one: Logged) -> tuple[str, Item]:
        event = one.fields
        order_id = f"O{event['order_id']}"
        terms = event.get("terms", {})
        if "participant_id" in event:
            self._owners[order_id] = event["participant_id"]
        price = event.get("price_fen_per_kg", terms.get("price_fen_per_kg"))
        return self._owners[order_id], {
            "event": "order", "participant_id": self._owners[order_id], "change": _ORDER[one.type],
            "order_id": order_id, "price": None if price is None else _decimal(price),
            "loads": event.get("loads", terms.get("loads")), "keeps_priority": event.get("keeps_priority"),
            "reason": event.get("reason"), "field": event.get("field") or None,
            "shortfall": event.get("shortfall") or None,
        }  # fmt: skip


def _terms(trade: dict[str, Any]) -> Item:
    return {
        "trade_id": f"T{trade['trade_id']}", "product_id": trade["product_id"],
        "price": _decimal(trade["price_fen_per_kg"]), "loads": trade["loads"],
    }  # fmt: skip


def _status(one: Logged) -> Item | None:
    event = one.fields
    if one.type in _MARKET:
        day = event.get("day")
        return {"event": "market", "change": _MARKET[one.type], "day": day, "reason": event.get("reason")}
    about = {"product_id": event.get("product_id")}
    match one.type:
        case "ProductListed":
            return {"event": "product_listed", **about, "phase": event["phase"]}
        case "PhaseChanged":
            until = _at(event["until"]) if event["until"] else None
            return {"event": "phase", **about, "phase": event["phase"], "reason": event["reason"], "until": until}
        case "ReferencePriceSet":
            price = _decimal(event["reference_price_fen"])
            return {"event": "reference_price", **about, "price": price, "reason": event["reason"]}
        case "QuoteRequested":
            return {"event": "quote_request", **about, "loads": event["loads"], "side": event["side"]}
        case "Uncrossed":
            price = _decimal(event["price_fen_per_kg"])
            surplus = event["surplus_loads"]
            return {"event": "auction", **about, "price": price, "loads": event["loads"], "surplus_loads": surplus}
    return None


def _standing(one: Logged) -> Item:
    event = one.fields
    if one.type in _MONEY:
        reference = event.get("reference") or f"T{event['trade_id']}-{event['load_no']}"
        amounts = {"amount": event.get("amount_fen", event.get("committed_fen")),
                   "shortfall": event.get("shortfall_fen"), "spent": event.get("spent_fen")}  # fmt: skip
        texts = {name: None if fen is None else _decimal(fen) for name, fen in amounts.items()}
        return {"event": "money", "change": _MONEY[one.type], "reference": reference, **texts}
    if one.type == "CapacitySet":
        start = _at(event["window_start"])
        return {"event": "capacity", "commodity": event["commodity"], "window_start": start, "loads": event["loads"]}
    return {
        "event": "trader", "change": _TRADER[one.type], "roles": event.get("roles"),
        "self_trade_mode": event.get("mode"), "per_10s": event.get("per_10s_max"),
        "per_hour": event.get("per_hour_max"), "per_day": event.get("per_day_max"),
        "timeout_s": event.get("timeout_s"), "fires_at": _at(event["fires_at"]) if event.get("fires_at") else None,
    }  # fmt: skip


Wanted = Callable[[str, Item], bool]


class Differences(NamedTuple):
    """How what somebody heard differs from what was to be heard."""

    gaps: list[Item]
    repeats: list[Item]
    disordered: bool


def differences(wanted: Sequence[Item], heard: Sequence[Item]) -> Differences:
    """What lacks, what came too often or should not have come, and whether the rest is out of order."""
    if list(wanted) == list(heard):
        return Differences([], [], disordered=False)
    due, got = Counter(map(_name, wanted)), Counter(map(_name, heard))
    gaps = _those(wanted, due - got)
    repeats = _those(heard, got - due)
    return Differences(gaps, repeats, disordered=not gaps and not repeats)


def _name(item: Item) -> str:
    return repr(sorted(item.items()))


def _those(items: Sequence[Item], counted: Counter[str]) -> list[Item]:
    found = []
    for item in items:
        name = _name(item)
        if counted[name] > 0:
            counted[name] -= 1
            found.append(item)
    return found
