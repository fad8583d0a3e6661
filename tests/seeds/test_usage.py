"""What the day used: counted as the exchange's machine makes events, and by nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from exchange import commands as c
from exchange.events import OrderPlaced, OrderRejected
from exchange.machine import ExchangeMachine
from exchange.model import OrderOptions, OrderTerms, ProductKind, SelfTradeMode, Side, TimeInForce
from kernel.messages import Command, Event, Recorded
from participants.events import KeyIssued
from seeds.features import FEATURES, by_feature
from seeds.usage import Group, Ledger

GAS, CARRIAGE, BROUGHT = "EXW-A-TUBE20-1", "HAUL-A-B-TUBE20-1", "DLV-B-TUBE20-1"
LISTED: tuple[tuple[str, ProductKind, str], ...] = (
    (GAS, "ex_works", ""), (CARRIAGE, "haulage", "B"), (BROUGHT, "delivered", ""),
)  # fmt: skip
WINDOW = 10**12
NINE, THREE = 1_000_000, 22_000_000_000
READERS = {"maker_fills", "stream_books", "stream_trades", "stream_fills", "rows_exported", "webhook_messages"}


@dataclass
class Market:
    """A machine, and the log of what it did."""

    machine: ExchangeMachine = field(default_factory=ExchangeMachine)
    log: list[Recorded] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    now: int = NINE
    placed: int = 0

    def __post_init__(self) -> None:
        for product_id, kind, to in LISTED:
            hub = "B" if kind == "delivered" else "A"
            self.send(c.ListProduct(
                product_id, kind, hub, to, "TUBE20", "G", 280_000, 294_000, WINDOW, WINDOW + 1, 5, 6_000, 20,
                volatility_bps=800, collar_bps=2_000, reference_price_fen=2_000 if kind == "ex_works" else 0,
            ))  # fmt: skip
        for code, role in (("P1", "station"), ("P2", "producer"), ("P3", "haulier"), ("P4", "storage_operator")):
            self.send(c.AdmitTrader(code, (role,)))
            self.send(c.GrantMoney(code, 10**12, "seed"))
            if role != "station":
                self.send(c.SetCapacity(code, "haulage" if role == "haulier" else "hydrogen", WINDOW, 50))
        self.send(c.OpenMarket("2026-01-05"))

    def send(self, command: Command) -> list[Event]:
        begins = len(self.log) + 1
        events = list(self.machine.apply(command, self.now, begins))
        self.log += [Recorded(begins + index, self.now, "K1", event) for index, event in enumerate(events)]
        if isinstance(command, c.PlaceBasket | c.PlaceGroup):
            self.groups.append(Group(begins, len(events)))
        return events

    def terms(
        self, side: Side, price: int, loads: int = 1, tif: TimeInForce = "gtc", product: str = GAS, name: str = "",
        **options: Any,
    ) -> OrderTerms:  # fmt: skip
        self.placed += 1
        asked = OrderOptions(**options) if options else None
        return OrderTerms(name or f"o-{self.placed}", product, side, price, loads, tif, asked)

    def place(self, who: str, side: Side, price: int, loads: int = 1, tif: TimeInForce = "gtc", **more: Any) -> int:
        key_id = more.pop("key_id", "K1")
        first = self.send(c.PlaceOrder(who, key_id, self.terms(side, price, loads, tif, **more)))[0]
        assert isinstance(first, OrderPlaced | OrderRejected)
        return first.order_id

    def count(self) -> dict[str, int]:
        ledger = Ledger(self.groups)
        ledger.learn_keys([Recorded(1, 0, "", KeyIssued("K9", "P4", "", ("trade",), "Store, over the stream"))])
        for recorded in self.log:
            ledger.take(recorded)
        return {key: count for key, count in ledger.counts.items() if count}


def test_a_market_that_only_opened_used_nothing() -> None:
    assert Market().count() == {}
    assert set(by_feature({}, {}).values()) == {0}


def test_every_count_stands_in_one_line_of_the_table() -> None:
    keys = [key for feature in FEATURES for key in feature.keys]
    assert len(set(keys)) == len(keys)
    assert set(keys) >= READERS
    assert all(feature.en and feature.zh for feature in FEATURES)


def test_orders_by_their_time_in_force() -> None:
    market = Market()
    market.place("P2", "sell", 2_000, 2)
    market.place("P1", "buy", 2_000, 1, "ioc")
    market.place("P1", "buy", 2_000, 3, "fok")
    market.place("P1", "buy", 2_000, 1, "fok")
    market.place("P1", "buy", 1_900, 1, "ioc")
    market.place("P1", "buy", 1_800, 1, "day")
    market.place("P1", "buy", 1_800, 1, "session")
    market.place("P1", "buy", 1_800, 1, "gtd", expires_at=NINE + 1)
    market.now = NINE + 2
    market.send(c.RingAlarms())
    market.send(c.CloseMarket("2026-01-05"))
    assert market.count() == {
        "limit_orders": 8, "ioc_orders": 2, "ioc_cancelled": 1, "fok_filled": 1, "fok_cancelled": 1, "day_expired": 1,
        "session_expired": 1, "gtd_expired": 1,
    }  # fmt: skip


def test_orders_with_conditions() -> None:
    market = Market()
    market.place("P2", "sell", 2_000, 1)
    market.place("P1", "buy", 2_000, 1, post_only=True)
    market.place("P1", "buy", 1_950, 1, post_only=True)
    market.place("P1", "buy", 2_000, 2, minimum_loads=2)
    market.place("P1", "buy", 2_000, 1, minimum_loads=1)
    whole = market.place("P1", "buy", 2_000, 2, all_or_none=True)
    market.place("P2", "sell", 2_000, 4, display_loads=1, clip_price_change_fen=5)
    market.place("P1", "buy", 2_010, 2)
    assert market.machine.state.orders[whole].open_loads == 2  # a clip is not enough for it
    market.place("P2", "sell", 2_000, 2)
    counts = market.count()
    assert (counts["post_only_placed"], counts["post_only_refused"]) == (1, 1)
    assert (counts["minimum_traded"], counts["minimum_cancelled"]) == (1, 1)
    assert (counts["icebergs_traded"], counts["iceberg_price_steps"]) == (1, 1)
    assert counts["all_or_none_filled"] == 1


def test_market_orders_and_stops() -> None:
    market = Market()
    market.place("P2", "sell", 2_000, 1)
    market.place("P2", "sell", 2_010, 3)
    market.place("P1", "buy", 0, 1, "ioc", order_type="market")
    market.place("P1", "buy", 0, 1, order_type="stop", stop_price_fen_per_kg=2_010)
    market.place("P1", "buy", 2_010, 1, order_type="stop_limit", stop_price_fen_per_kg=2_010)
    market.place("P4", "buy", 2_010, 1)
    counts = market.count()
    assert (counts["market_orders"], counts["stop_elected"], counts["stop_limit_elected"]) == (1, 1, 1)


def test_amendments() -> None:
    market = Market()
    order = market.place("P2", "sell", 2_000, 4)
    market.send(c.AmendOrder("P2", order, None, 3))
    market.send(c.AmendOrder("P2", order, None, 5))
    bid = market.place("P1", "buy", 1_900)
    market.send(c.AmendOrder("P1", bid, 2_000, None))
    market.send(c.AmendOrder("P2", order, None, 1))
    counts = market.count()
    assert (counts["amended_in_place"], counts["amended_to_the_end"], counts["amended_into_trade"]) == (1, 2, 1)
    assert counts["amended_below_executed"] == 1


@pytest.mark.parametrize(
    ("mode", "orders"), [("cancel_newest", 1), ("cancel_oldest", 1), ("cancel_both", 2), ("decrement", 2)]
)
def test_own_orders_that_met(mode: SelfTradeMode, orders: int) -> None:
    market = Market()
    market.send(c.SetSelfTradeMode("P4", mode))
    market.place("P4", "buy", 2_000, 1)
    market.place("P4", "sell", 2_000, 2)
    assert {key: count for key, count in market.count().items() if "self" in key} == {f"self_trade_{mode}": orders}


def test_groups_and_baskets_by_what_became_of_them() -> None:
    market = Market()
    market.place("P2", "sell", 2_000, 1)

    def legs(tif: TimeInForce, *prices: int) -> tuple[OrderTerms, ...]:
        return tuple(market.terms("buy", price, 1, tif) for price in prices)

    market.send(c.PlaceBasket("P1", "K1", legs("fok", 2_000, 2_000)))
    market.send(c.PlaceBasket("P1", "K1", legs("fok", 2_000)))
    market.send(c.PlaceGroup("P1", "K1", legs("gtc", 1_900, 1_901)))
    market.send(c.PlaceGroup("P1", "K1", legs("gtc", 1_900, 1_905)))
    for series, prices in (("batch", (1_900, 1_901)), ("whole", (1_900, 1_901))):
        for number, price in enumerate(prices):
            market.place("P1", "buy", price, name=f"night/p1/{series}/{number}")
    counts = market.count()
    kept = {key: count for key, count in counts.items() if key.startswith(("basket", "group", "batch", "fok"))}
    assert kept == {
        "baskets_refused": 1, "baskets_filled": 1, "groups_refused": 1, "groups_taken": 1, "batches_parted": 1,
    }  # fmt: skip


def test_a_quote_counts_only_if_it_came_after_the_request_and_its_asker_took_it() -> None:
    market = Market()
    market.place("P2", "sell", 2_000, 1)
    market.send(c.RequestQuote("P1", GAS, None, 1))
    market.place("P1", "buy", 2_000, 1)  # an offer of before
    market.place("P2", "sell", 2_000, 1)
    market.place("P4", "buy", 2_000, 1)  # another takes it
    assert "quotes_taken" not in market.count()
    market.place("P2", "sell", 2_000, 1)
    market.place("P1", "buy", 2_000, 1)
    assert (market.count()["quotes_taken"], market.count()["quote_requests"]) == (1, 1)


def test_trades_of_an_agreement_and_of_three_parties() -> None:
    market = Market()
    market.place("P2", "sell", 2_000, 1, counterparty_id="P1", agreement="TEL-1")
    market.place("P1", "buy", 2_000, 1, counterparty_id="P2", agreement="TEL-1")
    market.place("P1", "buy", 2_600, 1, product=BROUGHT)
    market.place("P2", "sell", 2_000, 1)
    market.place("P3", "sell", 600, 1, product=CARRIAGE)
    assert (market.count()["pre_arranged_trades"], market.count()["implied_matches"]) == (1, 1)


def test_auctions_by_why_their_book_collected() -> None:
    market = Market()

    def auction(reason: str, at: int, opens: bool = False) -> None:
        market.now = at
        market.send(c.ChangePhase(GAS, "auction", reason, at + 1_000))
        if opens:
            market.send(c.OpenMarket("2026-01-05"))
        market.place("P2", "sell", 2_000, 1)
        market.place("P1", "buy", 2_000, 1)
        market.now = at + 1_000
        market.send(c.RingAlarms())

    market.send(c.CloseMarket("2026-01-05"))
    market.send(c.SetReferencePrice(GAS, 2_010, "slip", "P4", "K9"))
    auction("calendar", NINE, opens=True)
    auction("calendar", THREE)
    auction("operator", THREE + 10_000)
    market.place("P2", "sell", 2_300, 1)
    market.place("P1", "buy", 2_300, 1)  # further from 20.00 than 8 %
    market.now += 600_000_000
    market.send(c.RingAlarms())
    market.place("P1", "buy", 3_000, 1)
    counts = market.count()
    kept = {key: count for key, count in counts.items() if "auctions" in key or "halts" in key or "phases" in key}
    assert kept == {
        "opening_auctions": 1, "closing_auctions": 1, "operator_auctions": 1, "volatility_halts": 1,
        "volatility_auctions": 1, "calendar_phases": 2,
    }  # fmt: skip
    assert (counts["refused_by_collar"], counts["references_corrected"]) == (1, 1)


def test_switches_and_what_they_refused() -> None:
    market = Market()
    for why in (
        c.KillTrader("P1"), c.ReleaseTrader("P1"), c.KillTrader("P1", True), c.ReleaseTrader("P1", True),
        c.HaltMarket("leak"), c.ResumeMarket(), c.SetOrderRates("P1", 9, 100, 100), c.SetDeadMan("P1", 60),
    ):  # fmt: skip
        market.place("P1", "buy", 1_900)
        market.send(why)
    resting = market.place("P1", "buy", 1_900)
    market.place("P1", "buy", 1_900)  # the tenth in ten seconds
    market.send(c.HibernateOrder("P1", resting))
    market.now += 11_000_000
    market.send(c.ActivateOrder("P1", resting))
    market.now += 60_000_000
    market.send(c.RingAlarms())
    market.place("P4", "buy", 1_900, key_id="K9", name="night/p4/quote/1")
    market.send(c.CancelOrders("P4", key_id="K9", reason="disconnected"))
    market.place("P1", "buy", 1_900, name="night/p1/file/1")
    market.send(c.CancelOrders("P1"))
    assert {key: count for key, count in market.count().items() if not key.startswith("limit")} == {
        "own_kill_switches": 1, "operator_kill_switches": 1, "kill_switches_released": 2, "refused_by_kill_switch": 2,
        "market_halted": 1, "market_resumed": 1, "refused_by_halt": 1, "refused_by_rate": 1, "hibernated": 1,
        "activated": 1, "dead_man_cancelled": 4, "stream_orders": 1, "maker_quotes": 1, "orders_imported": 1,
        "disconnected_cancelled": 1, "mass_cancelled": 1,
    }  # fmt: skip
