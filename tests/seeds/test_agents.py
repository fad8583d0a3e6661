"""The simulated day on the exchange's machine: enough of it, within limits, paired, and the same each time."""

from __future__ import annotations

from collections import Counter
from functools import cache
from random import Random

import pytest

from kernel.quantity import amount_fen
from seeds.agents import CLOSING_ROUNDS, ROUNDS, agents
from seeds.companies import COMPANIES, COMPANY_OF_CODE
from seeds.desk import Desk
from seeds.market_view import Amend, Cancel, MarketView, OpenOrder, OwnTrade, Place, Quote
from seeds.products import products
from tests.seeds.simulated_exchange import DAY, Day

_TERMS = {terms.product_id: terms for terms in products(DAY)}
_EXW = "EXW-XIAOYI-TUBE20-20260106A"
_HAUL = "HAUL-XIAOYI-TAIYUAN-TUBE20-20260106A"
_DLV = "DLV-TAIYUAN-TUBE20-20260106A"
_MORNING = _TERMS[_EXW].window_start
_STARTS = sorted({terms.window_start for terms in _TERMS.values()})


@cache
def _day(seed: int, stale: bool = False) -> Day:
    day = Day(seed, stale)
    day.run()
    return day


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("stale", [False, True])
def test_a_day_is_busy(seed: int, stale: bool) -> None:
    day = _day(seed, stale)
    kinds = Counter(type(intent) for intent in day.intents)
    assert kinds[Place] >= 450
    assert kinds[Amend] >= 100
    assert kinds[Cancel] >= 50
    assert len(day.trades) >= 130
    assert len({trade.product_id for trade in day.trades}) >= 50
    traders = {trade.buyer_id for trade in day.trades} | {trade.seller_id for trade in day.trades}
    assert {COMPANY_OF_CODE[code].role for code in traders} == {"producer", "haulier", "storage_operator", "station"}


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_rejected_where_views_are_fresh(seed: int) -> None:
    day = _day(seed)
    assert day.rejected == []
    assert day.refused == []


@pytest.mark.parametrize("seed", range(3))
def test_where_views_are_stale_only_orders_that_just_ended_are_missed(seed: int) -> None:
    day = _day(seed, True)
    assert day.rejected == []
    assert {refusal.code for refusal in day.refused} <= {"order_not_open"}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("stale", [False, True])
def test_nearly_every_load_has_its_haulage_and_none_has_two(seed: int, stale: bool) -> None:
    """Ex works the buyer hauls from the product's hub, delivered the seller hauls to it; same window, same class."""
    wanted: Counter[tuple[str, str, str, int]] = Counter()
    bought: Counter[tuple[str, str, str, int]] = Counter()
    for trade in _day(seed, stale).trades:
        terms = _TERMS[trade.product_id]
        party, place = trade.buyer_id, f"from {terms.hub}"
        if terms.kind == "delivered":
            party, place = trade.seller_id, f"to {terms.hub}"
        elif terms.kind == "haulage" and COMPANY_OF_CODE[party].role == "producer":
            place = f"to {terms.destination_hub}"
        ledger = bought if terms.kind == "haulage" else wanted
        ledger[party, place, terms.container_class, terms.window_start] += trade.loads
    assert not bought - wanted
    assert (wanted - bought).total() <= wanted.total() // 20


@pytest.mark.parametrize("seed", range(3))
def test_stations_get_most_of_what_they_need_and_never_more(seed: int) -> None:
    got: Counter[tuple[str, int]] = Counter()
    for trade in _day(seed).trades:
        if _TERMS[trade.product_id].kind != "haulage":
            got[trade.buyer_id, _TERMS[trade.product_id].window_start] += trade.loads
    stations = [company for company in COMPANIES if company.role == "station"]
    for station in stations:
        for start, need in zip(_STARTS, station.needs, strict=True):
            assert got[station.code, start] <= need
    needed = sum(sum(station.needs) for station in stations)
    assert sum(got[station.code, start] for station in stations for start in _STARTS) >= needed * 3 // 4


@pytest.mark.parametrize("seed", range(3))
def test_hauliers_sell_no_trailer_twice_in_a_window(seed: int) -> None:
    sold: Counter[tuple[str, str, int]] = Counter()
    for trade in _day(seed).trades:
        terms = _TERMS[trade.product_id]
        if terms.kind == "haulage":
            sold[trade.seller_id, terms.container_class, terms.window_start] += trade.loads
    for (code, container_class, _), loads in sold.items():
        assert loads <= sum(trailer.container_class == container_class for trailer in COMPANY_OF_CODE[code].fleet)


def test_prices_are_plausible() -> None:
    for trade in _day(0).trades:
        low, high = {"ex_works": (1_500, 4_500), "delivered": (1_900, 5_500), "haulage": (400, 2_300)}[
            _TERMS[trade.product_id].kind
        ]
        assert low <= trade.price_fen_per_kg <= high


def test_the_same_seed_gives_the_same_day() -> None:
    again = Day(3)
    again.run()
    assert again.intents == _day(3).intents
    assert again.events == _day(3).events
    assert again.intents != _day(4).intents


def test_client_order_ids_are_unique() -> None:
    ids = [intent.client_order_id for intent in _day(0).intents if isinstance(intent, Place)]
    assert len(set(ids)) == len(ids)


def test_every_trading_company_has_an_agent() -> None:
    codes = {agent.company.code for agent in agents(DAY, Random(1))}
    assert codes == {company.code for company in COMPANIES if company.role not in ("operator", "auditor")}


def test_a_station_orders_haulage_for_what_it_bought_ex_works() -> None:
    (order,) = _station_in_closing(trades=(OwnTrade("T1", _EXW, "buy", 1_800, 2),))
    assert isinstance(order, Place)
    assert (order.product_id, order.side, order.loads) == (_HAUL, "buy", 2)


def test_a_station_orders_no_haulage_for_what_is_delivered() -> None:
    assert _station_in_closing(trades=(OwnTrade("T1", _DLV, "buy", 2_600, 2),)) == []


def test_a_station_counts_haulage_that_it_has_and_has_asked_for() -> None:
    trades = (OwnTrade("T1", _EXW, "buy", 1_800, 3), OwnTrade("T2", _HAUL, "buy", 800, 1))
    orders = (OpenOrder("O3", _HAUL, "buy", 800, 1, 1),)
    placed = [intent for intent in _station_in_closing(trades, orders) if isinstance(intent, Place)]
    assert [(order.product_id, order.loads) for order in placed] == [(_HAUL, 1)]


def test_in_the_closing_rounds_a_station_takes_on_no_hydrogen() -> None:
    orders = (OpenOrder("O3", _EXW, "buy", 1_800, 2, 1), OpenOrder("O4", _DLV, "buy", 2_500, 1, 1))
    assert _station_in_closing(orders=orders) == [Cancel("O3"), Cancel("O4")]


def test_a_desk_stays_within_money_capacity_and_price() -> None:
    load_fen = amount_fen(1_800, _TERMS[_EXW].maximum_mass_g)
    desk = Desk("x", _TERMS, _view(money=3 * load_fen - 1, loads={_MORNING: 2}))
    assert desk.buy(_EXW, 1_802, 5) == 2  # 18.02 is off the tick
    assert desk.buy(_EXW, 1_800, 1) == 0
    assert desk.sell(_DLV, 99_999, 3) == 2
    assert desk.sell(_DLV, 2_500, 1) == 0
    assert desk.intents == [
        Place("x-00-01", _EXW, "buy", 1_800, 2, "day"),
        Place("x-00-02", _DLV, "sell", 8_000, 2, "day"),
    ]


def test_a_desk_reprices_only_what_changes_and_can_be_paid() -> None:
    order = OpenOrder("O1", _EXW, "buy", 1_800, 2, 2)
    desk = Desk("x", _TERMS, _view(money=2 * 294 * 10, orders=(order,)))
    desk.reprice(order, 1_802)
    desk.reprice(order, 1_815)
    assert desk.intents == []
    desk.reprice(order, 1_810)
    assert desk.intents == [Amend("O1", 1_810, 2)]


def test_declared_capacity_of_hauliers_is_their_fleet() -> None:
    greensail, moonkeep = COMPANY_OF_CODE["greensail"], COMPANY_OF_CODE["moonkeep"]
    assert (greensail.capacity, greensail.commodity) == ((16, 16), "haulage")
    assert (moonkeep.capacity, moonkeep.commodity) == ((0, 5), "hydrogen")


def _station_in_closing(
    trades: tuple[OwnTrade, ...] = (), orders: tuple[OpenOrder, ...] = ()
) -> list[Place | Amend | Cancel]:
    agent = next(agent for agent in agents(DAY, Random(1)) if agent.company.code == "dawnlotus")
    view = _view(ROUNDS - CLOSING_ROUNDS, trades=trades, orders=orders)
    return agent.decide(Random(1), view)


def _view(
    round_no: int = 0,
    *,
    money: int = 10**9,
    loads: dict[int, int] | None = None,
    orders: tuple[OpenOrder, ...] = (),
    trades: tuple[OwnTrade, ...] = (),
) -> MarketView:
    quotes = {_EXW: Quote(ask_fen_per_kg=1_800, ask_loads=5)}
    return MarketView(round_no, ROUNDS, quotes, orders, trades, money, loads or {})
