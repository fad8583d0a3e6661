"""What judges dead-man switches, chains and books finds the faults that it is there for."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.crash.check import Tally
from tests.crash.coverage import REQUIRED, Coverage
from tests.crash.deadmen import DeadMen
from tests.crash.effects import doubled, lost
from tests.crash.hearing import wrong_book, wrong_orders
from tests.crash.listening import EventReader, Heard, Reader
from tests.crash.logs import Logged, Range
from tests.crash.recount import Recount
from tests.crash.requests import Kind, Request
from tests.crash.three_parties import ThreeParties
from tests.exchange.stream.client import LevelBook

S = 1_000_000
PLACED = Logged(1, 0, "OrderPlaced", {
    "order_id": 1, "participant_id": "P1", "price_fen_per_kg": 2_000,
    "terms": {"client_order_id": "a", "product_id": "X", "side": "sell", "price_fen_per_kg": 2_000, "loads": 3},
})  # fmt: skip
CANCELLED = Logged(3, 120 * S, "OrderCancelled", {"order_id": 1, "loads": 3, "reason": "dead_man"})


def switch(seq: int, at_s: int, timeout_s: int, fires_at_s: int) -> Logged:
    fields = {"participant_id": "P1", "timeout_s": timeout_s, "fires_at": fires_at_s * S}
    return Logged(seq, at_s * S, "DeadManSet", fields)


ARMED, FIRED = switch(2, 10, 60, 70), switch(4, 120, 60, 0)


def missed(*log: Logged, now_s: int = 120, outages: tuple[tuple[int, int], ...] = ()) -> tuple[list[str], DeadMen]:
    recount = Recount(300, 8_000)
    dead_men = DeadMen(recount, [(down * S, up * S) for down, up in outages])
    for one in log:
        dead_men.take(one)
        recount.take(one)
    return [*dead_men.missed, *dead_men.overdue(now_s * S)], dead_men


def test_a_switch_that_fires_in_time_is_good() -> None:
    found, dead_men = missed(PLACED, ARMED, CANCELLED, FIRED)
    assert (found, dead_men.armed, dead_men.fired, dead_men.fired_after_outage) == ([], 1, 1, 0)


def test_a_switch_is_renewed_or_put_off() -> None:
    found, dead_men = missed(PLACED, ARMED, switch(3, 65, 90, 155), switch(4, 100, 0, 0), now_s=900)
    assert (found, dead_men.armed, dead_men.renewed, dead_men.fired) == ([], 1, 1, 0)


def test_a_switch_fires_where_the_clock_begins_again() -> None:
    outages = ((60, 95),)
    late = [CANCELLED._replace(at=95 * S), switch(4, 95, 60, 0)]
    found, dead_men = missed(PLACED, switch(2, 10, 55, 65), *late, outages=((60, 62), (63, 95)))
    assert found == []
    found, dead_men = missed(PLACED, ARMED, *late, outages=outages)
    assert (found, dead_men.fired_after_outage) == ([], 1)


@pytest.mark.parametrize(("log", "now_s", "said"), [
    ((PLACED, ARMED), 120, "did not fire"),
    ((PLACED, ARMED, switch(3, 121, 60, 181)), 121, "was due before it was renewed"),
    ((PLACED, ARMED, switch(3, 121, 0, 0)), 121, "was due before it was put off"),
    ((PLACED, ARMED, FIRED), 120, "left ['O1'] open"),
    ((PLACED, ARMED, CANCELLED, FIRED, FIRED._replace(seq=5)), 120, "was not set"),
    ((PLACED, ARMED, CANCELLED, PLACED._replace(seq=5)), 60, "by no switch"),
    ((PLACED, ARMED, CANCELLED._replace(at=60 * S), FIRED._replace(at=60 * S)), 60, "not when it was due"),
    ((PLACED, ARMED, CANCELLED._replace(at=180 * S), FIRED._replace(at=180 * S)), 180, "not when it was due"),
    ((PLACED, switch(2, 10, 60, 71)), 60, "got another time"),
])  # fmt: skip
def test_a_switch_that_fails_is_found(log: tuple[Logged, ...], now_s: int, said: str) -> None:
    found, _ = missed(*log, now_s=now_s)
    assert any(said in sentence for sentence in found), found


@pytest.mark.parametrize(
    ("prev_seq", "seq", "gaps", "repeats"), [(7, 9, 0, 0), (8, 9, 1, 0), (6, 9, 0, 1), (7, 6, 0, 1)]
)
def test_a_chain_that_breaks_is_found(prev_seq: int, seq: int, gaps: int, repeats: int) -> None:
    heard = Heard("P1", "trades", seq=7)
    heard.link({"prev_seq": prev_seq, "seq": seq})
    assert (len(heard.gaps), len(heard.repeats)) == (gaps, repeats)


def told(**message: Any) -> dict[str, Any]:
    return {"product_id": "X", "implied_bid": None, "implied_ask": None, "bids": [], "asks": [], **message}


def test_a_wrong_checksum_is_found_and_asks_for_a_snapshot() -> None:
    reader = Reader("P1", "http://x", "", [("book", "X")], 1)
    (heard,) = reader.heard.values()
    bids = [{"price": "19.95", "loads": 4, "orders": 2}]
    asks = [{"price": "20.00", "loads": 3, "orders": 1}]
    # The figures of docs/stream.md.
    snapshot = told(type="book_snapshot", seq=118, depth=10, bids=bids, asks=asks, checksum=2707287379)
    assert reader._take(snapshot) is None
    assert heard.problems == []
    gone = [{"price": "20.00", "loads": 0, "orders": 0}]
    assert reader._take(told(type="book", prev_seq=118, seq=127, asks=gone, checksum=1786656755)) is None
    assert heard.problems == []
    again = reader._take(told(type="book", prev_seq=127, seq=130, checksum=1))
    assert again is not None
    assert again["op"] == "resync"
    assert len(heard.problems) == 1


def test_an_order_that_stands_otherwise_is_found() -> None:
    recount = Recount(300, 8_000)
    recount.take(PLACED)
    heard = Heard("P1", "own")
    stands = {"open_loads": 3, "price": "20.00", "loads": 3}
    for orders, wrong in (
        ({"O1": stands}, 0),
        ({}, 1),
        ({"O1": None}, 1),
        ({"O1": stands | {"open_loads": 2}}, 1),
        ({"O1": stands | {"price": "20.05"}}, 1),
        ({"O1": stands, "O2": stands}, 1),
        ({"O1": stands, "O2": stands | {"open_loads": 0}}, 0),
    ):
        heard.orders = dict(orders)
        assert len(list(wrong_orders(heard, recount.open))) == wrong, orders


def test_a_book_is_held_against_rest() -> None:
    sides = {side: [{"price": "20.00", "loads": 3, "orders": 1}] for side in ("bids", "asks")}
    implied = {"implied_bid": None, "implied_ask": {"price": "20.05", "loads": 1}}
    rows = sides | implied
    shown = {side: [*sides[side], {"price": "20.05", "loads": 1, "orders": 1}] for side in sides} | implied

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=shown if request.url.params["levels"] == "10" else rows)

    heard, book = Heard("P1", "book", "X", options={"depth": 1}), LevelBook()
    book.sides = {side: {"20.00": (3, 1)} for side in ("bids", "asks")}
    book.implied = (None, implied["implied_ask"])
    heard.book = book
    with httpx.Client(base_url="http://x", transport=httpx.MockTransport(answer)) as client:
        assert list(wrong_book(client, "", heard, patience_s=0.1)) == []
        book.implied = (None, None)
        assert len(list(wrong_book(client, "", heard, patience_s=0.1))) == 1
        heard.options = {}
        assert len(list(wrong_book(client, "", heard, patience_s=0.1))) == 1
        heard.book = None
        assert len(list(wrong_book(client, "", heard, patience_s=0.1))) == 1


def test_a_resume_that_begins_elsewhere_is_found() -> None:
    reader = Reader("P1", "http://x", "", [("trades", None), ("status", None)], 1)
    trades, status = reader.heard.values()
    trades.seq, status.seq = 7, 7
    reader._take({"type": "subscribed", "channel": "trades", "product_id": None, "seq": 6, "resumed": True})
    assert len(trades.problems) == 1
    reader._take({"type": "subscribed", "channel": "status", "product_id": None, "seq": 9, "resumed": False})
    assert len(status.gaps) == 1


def test_server_sent_events_count_from_their_ids() -> None:
    reader = EventReader("P1", "http://x", "", by_header=True, seed=1)
    reader.heard.seq = 3
    waiting: list[Any] = []
    reader._take({"event": "trade", "data": '{"seq": 4, "event": "trade"}'}, waiting)
    assert (reader.heard.seq, reader.heard.items, len(waiting)) == (3, [], 1)
    reader._take({"id": "4", "event": "fill", "data": '{"seq": 4, "event": "fill"}'}, waiting)
    assert (reader.heard.seq, len(reader.heard.items), waiting) == (4, 2, [])
    reader._take({"id": "4", "event": "fill", "data": '{"seq": 4, "event": "fill"}'}, waiting)
    assert len(reader.heard.repeats) == 1
    reader._take({"id": "9"}, waiting)
    assert (reader.heard.seq, len(reader.heard.items)) == (9, 3)


# --- requests against the log


RECALL_STEPS = ("recall", "approval", "confirmation", "rejection", "recall_withdrawal")


def asked(kind: Kind, body: Any = None, status: int = 200, **answer: Any) -> Request:
    about = "T7" if kind in RECALL_STEPS else "O7"
    answer |= {"recall_id": "R5"} if kind in RECALL_STEPS else {}
    return Request(kind, "P1", "", "POST", "", "k", body, about, status, answer)


def event(kind: str, **fields: Any) -> Logged:
    return Logged(9, 0, kind, fields)


def recall(step: str, trade_id: int = 7, recall_id: int = 5, **fields: Any) -> Logged:
    return event(f"TradeRecall{step}", recall_id=recall_id, trades=[{"trade_id": trade_id}], **fields)


#: A request, the event that it made, and one that another would have made.
EFFECTS: tuple[tuple[Request, Logged, Logged], ...] = (
    (asked("amend", {"price": "20.05"}), event("OrderAmended", order_id=7, price_fen_per_kg=2_005, loads=3),
     event("OrderAmended", order_id=7, price_fen_per_kg=2_010, loads=3)),
    (asked("amend", {"loads": 2}), event("OrderAmended", order_id=7, price_fen_per_kg=2_005, loads=2),
     event("OrderAmended", order_id=8, price_fen_per_kg=2_005, loads=2)),
    (asked("amend", {"loads": 0}), event("OrderCancelled", order_id=7, loads=1, reason="amended_below_executed"),
     event("OrderCancelled", order_id=7, loads=1, reason="requested")),
    (asked("cancel"), event("OrderCancelled", order_id=7, loads=1, reason="requested"),
     event("OrderCancelled", order_id=8, loads=1, reason="requested")),
    (asked("mass_cancel", order_ids=["O7"]), event("OrderCancelled", order_id=7, loads=1, reason="mass_cancel"),
     event("OrderCancelled", order_id=8, loads=1, reason="mass_cancel")),
    (asked("mass_cancel", orders=[{"order_id": "O7"}]),
     event("OrderCancelled", order_id=7, loads=1, reason="mass_cancel"),
     event("OrderCancelled", order_id=7, loads=1, reason="disconnected")),
    (asked("hibernate", changed=True), event("OrderHibernated", order_id=7), event("OrderHibernated", order_id=8)),
    (asked("activate", changed=True), event("OrderActivated", order_id=7), event("OrderHibernated", order_id=7)),
    (asked("kill"), event("TraderKilled", participant_id="P1"), event("TraderReleased", participant_id="P1")),
    (asked("release"), event("TraderReleased", participant_id="P1"), event("TraderKilled", participant_id="P1")),
    (asked("self_trade"), event("SelfTradeModeSet", mode="decrement"), event("TraderKilled", participant_id="P1")),
    (asked("dead_man", {"timeout_s": 60}), event("DeadManSet", participant_id="P1", timeout_s=60, fires_at=60),
     event("DeadManSet", participant_id="P1", timeout_s=61, fires_at=61)),
    (asked("phase", {"phase": "auction"}), event("PhaseChanged", product_id="O7", phase="auction"),
     event("PhaseChanged", product_id="O7", phase="halted")),
    (asked("halt"), event("MarketHalted", reason="x"), event("MarketResumed")),
    (asked("resume"), event("MarketResumed"), event("MarketHalted", reason="x")),
    (asked("recall", {"reason": "x"}), recall("Requested", reason="x"), recall("Requested", 8, reason="x")),
    (asked("recall", {"reason": "x"}), recall("Requested", reason="x"), recall("Requested", reason="y")),
    (asked("approval"), recall("Approved"), recall("Approved", recall_id=6)),
    (asked("confirmation"), recall("Confirmed"), recall("Approved")),
    (asked("rejection", {"reason": "x"}), recall("Rejected", reason="x"), recall("Withdrawn")),
    (asked("rejection", {"reason": "x"}), recall("Rejected", reason="x"), recall("Rejected", reason="y")),
    (asked("recall_withdrawal"), recall("Withdrawn"), recall("Withdrawn", 8)),
    (asked("recall_withdrawal"), recall("Withdrawn"), recall("Expired")),
    (asked("quote", {"loads": 5}), event("QuoteRequested", participant_id="P1", loads=5),
     event("QuoteRequested", participant_id="P1", loads=6)),
)  # fmt: skip


@pytest.mark.parametrize(("request_", "good", "bad"), EFFECTS, ids=[f"{one[0].kind}-{one[1].type}" for one in EFFECTS])
def test_an_acknowledged_effect_that_is_not_in_the_log_is_found(request_: Request, good: Logged, bad: Logged) -> None:
    recount = Recount(300, 8_000)
    assert list(lost(request_, [good], recount)) == []
    assert len(list(lost(request_, [bad], recount))) == 1
    assert len(list(lost(request_, None, recount))) == 1


def test_a_refused_request_that_did_something_is_found() -> None:
    refused = asked("cancel", status=404, code="order_not_open")
    assert list(lost(refused, None, Recount(300, 8_000))) == []
    assert len(list(lost(refused, [event("OrderCancelled", order_id=7)], Recount(300, 8_000)))) == 1


def test_money_that_is_not_in_the_log_is_found() -> None:
    recount = Recount(300, 8_000)
    statement = asked("statement", status=201, reference="ST1")
    withdrawal = asked("withdrawal", {"client_id": "w1"}, status=202)
    assert [len(list(lost(one, [], recount))) for one in (statement, withdrawal)] == [1, 1]
    recount.take(event("StatementImported", reference="ST1"))
    recount.take(event("WithdrawalRequested", participant_id="P1", client_id="w1", withdrawal_id="W1"))
    assert [list(lost(one, [], recount)) for one in (statement, withdrawal)] == [[], []]
    recount.take(event("StatementImported", reference="ST1"))
    assert list(recount.doubles().values()) == [2]


@pytest.mark.parametrize(("one", "is_asked"), [
    (event("OrderAmended", order_id=7), True),
    (event("OrderCancelled", order_id=7, reason="requested"), True),
    (event("OrderCancelled", order_id=7, reason="mass_cancel"), True),
    (event("OrderCancelled", order_id=7, reason="dead_man"), False),
    (event("DeadManSet", timeout_s=60, fires_at=70), True),
    (event("DeadManSet", timeout_s=0, fires_at=0), True),
    (event("DeadManSet", timeout_s=60, fires_at=0), False),
    (event("QuoteRequested", loads=1), True),
    (event("Traded", loads=1), False),
    (event("PhaseChanged", reason="operator"), True),
    (event("PhaseChanged", reason="alarm"), False),
    (event("MarketHalted", reason="x"), True),
    (recall("Rejected"), True),
    (recall("Withdrawn"), True),
    (recall("Expired"), False),
])  # fmt: skip
def test_what_nobody_asked_for_or_several_did_is_found(one: Logged, is_asked: bool) -> None:
    own, other = {("P1", "a"): Range("exchange", 9, 1)}, {("P1", "b"): Range("exchange", 8, 2)}
    group = {("P1", "b"): Range("exchange", 9, 1)}
    assert [len(doubled(keys, [one])) for keys in (own, own | group, {}, own | other)] == [0, 0, is_asked, is_asked]


HAULAGE = {
    "trade_id": 8, "buyer_id": "P1", "seller_id": "P3", "buy_order_id": 5, "sell_order_id": 6, "taker_order_id": 5,
    "loads": 2, "leg": "haulage",
}  # fmt: skip
HYDROGEN = HAULAGE | {"trade_id": 9, "seller_id": "P2", "sell_order_id": 7, "leg": "hydrogen"}


def three_parties(*trades: dict[str, Any]) -> ThreeParties:
    parties = ThreeParties()
    for fields in trades:
        parties.take(event("Traded", **fields) if fields else event("OrderCancelled", order_id=5))
    return parties


@pytest.mark.parametrize(("taker", "by"), [(5, "delivered"), (6, "haulage"), (7, "ex_works")])
def test_an_implied_match_is_counted_by_who_came_last(taker: int, by: str) -> None:
    came = {"taker_order_id": taker}
    parties = three_parties(HAULAGE | {"leg": ""}, HAULAGE | came, HYDROGEN | came, HYDROGEN | {"leg": ""})
    assert (dict(parties.matches), parties.halves, list(parties.unfinished())) == ({by: 1}, [], [])
    coverage = Coverage(Recount(300, 8_000), parties)
    assert coverage.counts[f"implied_{by}"] == 1
    assert f"implied_{by}" not in coverage.missing()


@pytest.mark.parametrize(
    "log",
    [
        (HAULAGE,),
        (HYDROGEN,),
        (HAULAGE, {}, HYDROGEN),
        (HYDROGEN, HAULAGE),
        (HAULAGE, HAULAGE, HYDROGEN),
        *(
            (HAULAGE, HYDROGEN | {name: 12})
            for name in ("loads", "buyer_id", "buy_order_id", "taker_order_id", "trade_id")
        ),
        (HAULAGE, HYDROGEN | {"seller_id": "P3"}),
        (HAULAGE, HYDROGEN | {"seller_id": "P1"}),
    ],
)
def test_half_an_implied_match_is_found(log: tuple[dict[str, Any], ...]) -> None:
    parties = three_parties(*log)
    assert [*parties.halves, *parties.unfinished()]


def test_what_an_implied_match_takes_of_limits_is_counted() -> None:
    """A bid delivered is reserved at its own price until its hydrogen trades, and commits what both legs cost."""
    recount = Recount(300, 8_000)
    for number, (who, side, price, loads) in enumerate(
        (("P1", "buy", 2_400, 3), ("P3", "sell", 300, 2), ("P2", "sell", 2_000, 4)), 5
    ):
        terms = {
            "client_order_id": "a", "product_id": "X", "side": side, "price_fen_per_kg": price, "loads": loads,
        }  # fmt: skip
        recount.take(event("OrderPlaced", order_id=number, participant_id=who, price_fen_per_kg=price, terms=terms))
    recount.take(event("Traded", **HAULAGE, product_id="H", price_fen_per_kg=300))
    recount.take(event("Traded", **HYDROGEN, product_id="X", price_fen_per_kg=2_000))
    assert (recount.reserved["P1"], recount.committed["P1"]) == (1 * 2_400 * 300, 2 * 2_300 * 300)
    assert (recount.offered["P3"], recount.consumed["P3"]) == (0, 2)
    assert (recount.offered["P2"], recount.consumed["P2"]) == (2, 2)


def test_what_a_recall_gives_back_is_counted() -> None:
    recount = Recount(300, 8_000)
    trade = {"trade_id": 1, "seller_id": "P2", "loads": 2, "leg": "", "product_id": "X"}
    recount.take(event("TradeRecalled", recall_id=7, trades=[trade]))
    recount.take(
        event("CommitmentReleased", participant_id="P1", trade_id=1, load_no=1, committed_fen=600, spent_fen=0)
    )
    assert (recount.consumed["P2"], recount.committed["P1"], recount.granted["P1"]) == (-2, -600, 0)
    assert recount.doubles() == {}
    recount.take(
        event("CommitmentReleased", participant_id="P1", trade_id=1, load_no=1, committed_fen=600, spent_fen=0)
    )
    assert recount.doubles() == {(1, 1): 2}


def test_a_type_of_order_that_nobody_sent_is_told() -> None:
    coverage = Coverage(Recount(300, 8_000), ThreeParties())
    coverage.take(PLACED)
    assert set(coverage.missing()) == REQUIRED - {"limit", "gtc"}


@pytest.mark.parametrize("kind", [
    "lost", "doubled", "dead_men_missed", "stream_gaps", "stream_repeats", "book_mismatches", "implied_halves",
    "recalls_wrong", "recall_ends_missing", "loads_wrong", "order_types_missing", "problems",
])  # fmt: skip
def test_every_kind_of_fault_is_wrong(kind: str) -> None:
    tally = Tally()
    assert tally.wrong() == {}
    getattr(tally, kind).append("something")
    assert list(tally.wrong().values()) == [["something"]]
