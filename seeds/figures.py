"""The figures of the simulated day, as the operator and the auditor read them from the interface when it is over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kernel.quantity import amount_fen, divide_half_even, parse_mass, parse_money, parse_price
from seeds.client import Session
from seeds.members import Market

#: A load below this much of what was confirmed is short; less is what two meters differ by.
SHORT_PERCENT = 95
TOP_PRODUCERS = 5


@dataclass(frozen=True, slots=True)
class Average:
    """What was traded of a kind: loads, and their price in fen per kg weighted with the nominal mass."""

    loads: int
    price_fen_per_kg: int


@dataclass(frozen=True, slots=True)
class Producer:
    """What a company delivered and earned by it."""

    name: str
    name_zh: str
    loads: int
    mass_g: int
    earned_fen: int


@dataclass(frozen=True, slots=True)
class Figures:
    """The day in numbers."""

    orders: int
    trades: int
    traded_g: int
    traded_fen: int
    averages: dict[str, Average]
    loads_traded: int
    loads_delivered: int
    loads_rejected: int
    loads_lapsed: int
    loads_short: int
    loads_late: int
    loads_unfinished: int
    delivered_g: int
    returned_g: int
    paid_fen: int
    withdrawn_fen: int
    deposits_assigned: int
    mass_closed: bool
    differences: int
    items_reconciled: int
    events: int
    producers: tuple[Producer, ...]
    #: What readers of streams, files and webhooks found as it is on record, by what it was.
    compared: dict[str, int]


def read_figures(market: Market, deposits_assigned: int, compared: dict[str, int]) -> Figures:
    """Reads everything once."""
    desk = market.operator
    masses = {product["product_id"]: product for product in desk.pages("/v1/products")}
    orders = desk.pages("/v1/orders")
    trades = [trade for trade in desk.pages("/v1/trades") if trade["state"] != "recalled"]
    shipments = desk.pages("/v1/shipments")
    paid = [due for due in desk.pages("/v1/dues", settled="true") if due["state"] == "paid"]
    withdrawals = desk.pages("/v1/withdrawals", state="paid")
    hydrogen = [trade for trade in trades if masses[trade["product_id"]]["kind"] != "haulage"]
    reconciliation, mass_balance = _audit(market)
    return Figures(
        orders=len(orders),
        trades=len(trades),
        traded_g=sum(_nominal_g(masses, trade) for trade in hydrogen),
        traded_fen=sum(amount_fen(parse_price(trade["price"]), _nominal_g(masses, trade)) for trade in trades),
        averages=_averages(masses, trades),
        loads_traded=len(shipments),
        loads_delivered=_count(shipments, "accepted"),
        loads_rejected=_count(shipments, "rejected", "returning", "returned"),
        loads_lapsed=_count(shipments, "lapsed"),
        loads_short=sum(map(_is_short, shipments)),
        loads_late=sum(shipment["late_s"] > 0 for shipment in shipments),
        loads_unfinished=len(shipments) - _count(shipments, "accepted", "rejected", "returned", "lapsed", "cancelled"),
        delivered_g=sum(parse_mass(shipment["delivered_mass"]) for shipment in shipments),
        returned_g=sum(parse_mass(shipment["returned_mass"]) for shipment in shipments),
        paid_fen=sum(parse_money(part["amount"]) for due in paid for part in due["parts"]),
        withdrawn_fen=sum(parse_money(withdrawal["amount"]) for withdrawal in withdrawals),
        deposits_assigned=deposits_assigned,
        mass_closed=mass_balance["closed"],
        differences=reconciliation["differences"],
        items_reconciled=sum(rule["checked"] for rule in reconciliation["rules"]),
        events=_events(desk),
        producers=_producers(market, shipments, paid),
        compared=compared,
    )


def _audit(market: Market) -> tuple[Any, Any]:
    """The auditor's own look at money and mass."""
    desk: Session = market.with_role("auditor")[0].session
    return desk.get("/v1/reconciliation"), desk.get("/v1/mass-balance")


def _events(desk: Session) -> int:
    """What all logs hold together; each has one writer, so copies of a log are not counted."""
    looks = [desk.get("/health", service=service) for service in desk.wire.processes]
    return sum(room["seq"] for look in looks for room in look["rooms"])


def _nominal_g(masses: dict[str, Any], trade: Any) -> int:
    return int(trade["loads"]) * parse_mass(masses[trade["product_id"]]["nominal_mass"])


def _averages(masses: dict[str, Any], trades: list[Any]) -> dict[str, Average]:
    averages = {}
    for kind in ("ex_works", "delivered", "haulage"):
        of_kind = [trade for trade in trades if masses[trade["product_id"]]["kind"] == kind]
        weight = sum(_nominal_g(masses, trade) for trade in of_kind)
        value = sum(parse_price(trade["price"]) * _nominal_g(masses, trade) for trade in of_kind)
        loads = sum(trade["loads"] for trade in of_kind)
        averages[kind] = Average(loads, divide_half_even(value, weight) if weight else 0)
    return averages


def _count(shipments: Iterable[Any], *states: str) -> int:
    return sum(shipment["state"] in states for shipment in shipments)


def _is_short(shipment: Any) -> bool:
    if shipment["departed_at"] is None:
        return False
    return parse_mass(shipment["loaded_mass"]) * 100 < parse_mass(shipment["confirmed_mass"]) * SHORT_PERCENT


def _producers(market: Market, shipments: list[Any], paid: list[Any]) -> tuple[Producer, ...]:
    """Those who delivered most, by mass."""
    found = []
    for member in market.with_role("producer"):
        own = [
            parse_mass(shipment["delivered_mass"])
            for shipment in shipments
            if shipment["seller_id"] == member.participant_id and shipment["state"] == "accepted"
        ]
        earned_fen = sum(
            parse_money(part["amount"])
            for due in paid
            for part in due["parts"]
            if part["payee_id"] == member.participant_id
        )
        company = member.company
        found.append(Producer(company.name, company.name_zh, len(own), sum(own), earned_fen))
    found.sort(key=lambda producer: (-producer.mass_g, producer.name))
    return tuple(found[:TOP_PRODUCERS])
