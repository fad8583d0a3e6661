"""What judges recalls, and the loads of trades that were asked back, finds the faults that it is there for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.crash.check import Tally
from tests.crash.judge import Evidence, Judge
from tests.crash.loads import Loads
from tests.crash.logs import Logged
from tests.crash.recalls import DECISION_US, ENDS_REQUIRED, Recalls
from tests.crash.requests import Request

S = 1_000_000
ASKED, APPROVED, CONFIRMED, UNDONE, REFUSED, REJECTED, WITHDRAWN, EXPIRED = (
    "TradeRecallRequested", "TradeRecallApproved", "TradeRecallConfirmed", "TradeRecalled", "TradeRecallRefused",
    "TradeRecallRejected", "TradeRecallWithdrawn", "TradeRecallExpired",
)  # fmt: skip
#: In seconds: when it is asked for, and when its time is over.
BEGIN, OVER = 60, 3_660


def recalls(
    *steps: str, legs: tuple[str, ...] = ("",), recall_id: int = 7, begin_s: int = BEGIN, last_s: int = 0,
    decide_by_s: int = 0,
) -> list[Logged]:  # fmt: skip
    """A recall that takes a step each second, but for the last one where ``last_s`` is given."""
    trades = [
        {"trade_id": number, "seller_id": "P2", "loads": 2, "leg": leg, "product_id": "X"}
        for number, leg in enumerate(legs)
    ]  # fmt: skip
    log = []
    for number, step in enumerate(steps):
        fields: dict[str, Any] = {"recall_id": recall_id, "trades": trades}
        if step == ASKED:
            decide_by = decide_by_s * S or begin_s * S + DECISION_US
            fields |= {"requester_id": "P1", "reason": "x", "decide_by": decide_by}
        log.append(Logged(number + 1, (begin_s + number) * S, step, fields))
    if last_s:
        log[-1] = log[-1]._replace(at=last_s * S)
    return log


def judged(log: list[Logged], *outages: tuple[int, int], now_s: int = 0) -> tuple[list[str], Recalls]:
    found = Recalls([(down * S, up * S) for down, up in outages])
    for one in log:
        found.take(one)
    return [*found.wrong, *found.unfinished(now_s * S)], found


def test_a_recall_is_undone_once_across_a_kill() -> None:
    wrong, found = judged(recalls(ASKED, APPROVED, CONFIRMED, UNDONE), (61, 62))
    assert (wrong, found.ends, found.ends_across_kills) == ([], {"recalled": 1}, {"recalled": 1})
    wrong, found = judged(recalls(ASKED, APPROVED, CONFIRMED, UNDONE, legs=("haulage", "hydrogen")), (64, 66))
    assert (wrong, found.ends, found.ends_across_kills) == ([], {"recalled": 1}, {})
    assert judged(recalls(ASKED, APPROVED, CONFIRMED, REFUSED))[0] == []
    assert judged(recalls(ASKED, APPROVED))[0] == []  # it waits for somebody


@pytest.mark.parametrize(("step", "end"), [(REJECTED, "rejected"), (WITHDRAWN, "withdrawn"), (EXPIRED, "expired")])
@pytest.mark.parametrize("before", [(ASKED,), (ASKED, APPROVED)])
def test_a_recall_that_ends_otherwise_leaves_its_trade(before: tuple[str, ...], step: str, end: str) -> None:
    last_s = OVER if step == EXPIRED else 0
    wrong, found = judged(recalls(*before, step, last_s=last_s), now_s=OVER)
    assert (wrong, found.ends, found.gone) == ([], {end: 1}, set())
    again = recalls(ASKED, APPROVED, CONFIRMED, UNDONE, recall_id=8, begin_s=OVER + 60)
    wrong, found = judged([*recalls(*before, step, last_s=last_s), *again])
    assert (wrong, found.gone) == ([], {0})


def test_a_recall_that_expires_while_nobody_is_there_does_so_where_the_clock_begins_again() -> None:
    outage = (OVER - 100, OVER + 90)
    wrong, found = judged(recalls(ASKED, EXPIRED, last_s=OVER + 90), outage, now_s=OVER + 90)
    assert (wrong, found.ends_across_kills) == ([], {"expired": 1})
    assert judged(recalls(ASKED, begin_s=61), now_s=OVER + 59)[0] == []  # the alarms ring at full minutes
    assert judged(recalls(ASKED, EXPIRED, begin_s=61, last_s=OVER + 60), now_s=OVER + 60)[0] == []


DONE = recalls(ASKED, APPROVED, CONFIRMED, UNDONE)


@pytest.mark.parametrize(("log", "said"), [
    (recalls(ASKED, CONFIRMED, UNDONE), "follows"),
    (recalls(ASKED, APPROVED, UNDONE), "follows"),
    (recalls(ASKED, APPROVED, CONFIRMED), "has not ended"),
    (recalls(ASKED, APPROVED, CONFIRMED, UNDONE, UNDONE), "was undone again"),
    (recalls(ASKED, APPROVED, CONFIRMED, UNDONE, REFUSED), "follows"),
    (recalls(ASKED, APPROVED, CONFIRMED, UNDONE, legs=("haulage",)), "undid the legs"),
    (DONE + recalls(ASKED, APPROVED, CONFIRMED, UNDONE, recall_id=8), "was undone again"),
    (DONE + recalls(ASKED, recall_id=8), "is undone and asked back"),
    (recalls(ASKED) + recalls(ASKED, recall_id=8), "while R7 waits"),
    (recalls(ASKED, decide_by_s=OVER + 1), "is decided by"),
    *((recalls(ASKED, end, end, last_s=OVER), "follows") for end in (REJECTED, WITHDRAWN, EXPIRED)),
    *((recalls(ASKED, APPROVED, CONFIRMED, end, last_s=OVER), "follows") for end in (REJECTED, WITHDRAWN, EXPIRED)),
    *((recalls(ASKED, end, APPROVED), "follows") for end in (REJECTED, WITHDRAWN, EXPIRED)),
    *((recalls(end, last_s=OVER), "follows") for end in (REJECTED, WITHDRAWN, EXPIRED)),
    *((recalls(ASKED, step, last_s=OVER), "is not in time") for step in (APPROVED, REJECTED, WITHDRAWN)),
    (recalls(ASKED, APPROVED, CONFIRMED, last_s=OVER), "is not in time"),
    (recalls(ASKED, EXPIRED, last_s=OVER - 1), "is not in time"),
    (recalls(ASKED, EXPIRED, last_s=OVER + 1), "is not in time"),
    (recalls(ASKED), "did not expire"),
    (recalls(ASKED, APPROVED), "did not expire"),
    (recalls(ASKED, REJECTED, legs=("haulage", "hydrogen"))[:1] + recalls(ASKED, REJECTED)[1:], "is about the trades"),
])  # fmt: skip
def test_a_recall_that_goes_wrong_is_found(log: list[Logged], said: str) -> None:
    found, _ = judged(log, now_s=OVER)
    assert any(said in sentence for sentence in found), found


def verdict(log: list[Logged], *requests: Request, tracking: list[Logged] | None = None) -> Tally:
    """What the judge says of a round whose log has nothing but this."""
    tally = Tally()
    judge = Judge(300, 8_000, [], tally)
    judge.read(log, tracking or [], [])
    made = {name: log[-1:] for request in requests for name in request.names}
    judge.judge(Evidence(log, tracking or [], [], {}, made, requests, [], (), 0))
    return tally


def withdrawal(company: str) -> Request:
    answer = {"recall_id": "R7"}
    return Request("recall_withdrawal", company, "", "POST", "", "k", None, "T0", 200, answer)


def test_a_recall_that_somebody_else_withdrew_is_found() -> None:
    log = recalls(ASKED, WITHDRAWN)
    assert verdict(log, withdrawal("P1")).recalls_wrong == []
    assert verdict(log, withdrawal("P2")).recalls_wrong == ["R7 of P1 was withdrawn by P2"]


def test_an_end_that_no_recall_had_is_told() -> None:
    every = {
        "recalled": recalls(ASKED, APPROVED, CONFIRMED, UNDONE), "rejected": recalls(ASKED, REJECTED),
        "withdrawn": recalls(ASKED, WITHDRAWN), "expired": recalls(ASKED, EXPIRED, last_s=OVER),
    }  # fmt: skip
    assert every.keys() == ENDS_REQUIRED
    assert verdict(recalls(ASKED, APPROVED)).wrong()["recall_ends_missing"] == sorted(ENDS_REQUIRED)
    for end, log in every.items():
        tally = verdict(log)
        assert (tally.recall_ends, end in tally.recall_ends_missing) == ({end: 1}, False)
        assert len(tally.recall_ends_missing) == len(ENDS_REQUIRED) - 1


# --- loads


def one(kind: str, **fields: Any) -> Logged:
    return Logged(9, 0, kind, fields)


TRADED = one("Traded", trade_id=1, loads=2)
PLANNED = [one("ShipmentPlanned", trade_id=1, load_no=number) for number in (1, 2)]
ENDED = [one("ShipmentCancelled", trade_id=1, load_no=number) for number in (1, 2)]
LET_GO = [one("CommitmentReleased", trade_id=1, load_no=number) for number in (1, 2)]
RECALLED = one("TradeRecalled", recall_id=7, trades=[{"trade_id": 1}])
HAULED = [
    one("Traded", trade_id=2, loads=1), one("HaulagePlanned", haulage_trade_id=2, haulage_load_no=1),
    one("TradeRecalled", recall_id=8, trades=[{"trade_id": 2}]),
    one("HaulageCancelled", haulage_trade_id=2, haulage_load_no=1), one("CommitmentReleased", trade_id=2, load_no=1),
]  # fmt: skip


def wrong_loads(*log: Logged) -> list[str]:
    loads = Loads()
    for event in log:
        loads.take(event)
    return list(loads.wrong())


def test_loads_end_with_their_trade_alone() -> None:
    assert wrong_loads(TRADED, *PLANNED) == []
    assert wrong_loads(TRADED, *PLANNED, RECALLED, *ENDED, *LET_GO, *HAULED) == []


@pytest.mark.parametrize(("log", "wrong"), [
    ((TRADED, PLANNED[0]), 1),
    ((TRADED, *PLANNED, PLANNED[1]), 1),
    ((*PLANNED,), 2),
    ((TRADED, *PLANNED, ENDED[0]), 1),  # the recall was rejected, withdrawn or expired
    ((TRADED, *PLANNED, LET_GO[0]), 1),
    ((TRADED, *PLANNED, *ENDED, *LET_GO), 4),
    ((TRADED, *PLANNED, RECALLED, *ENDED), 2),
    ((TRADED, *PLANNED, RECALLED, *LET_GO), 2),
    ((TRADED, *PLANNED, RECALLED, *ENDED, *LET_GO, LET_GO[0]), 1),
    ((TRADED, *PLANNED, RECALLED, *ENDED, ENDED[1], *LET_GO), 1),
    ((*HAULED[:2], *HAULED[3:]), 2),
    ((*HAULED[:3], *HAULED[4:]), 1),
])  # fmt: skip
def test_loads_that_do_not_follow_their_trade_are_found(log: tuple[Logged, ...], wrong: int) -> None:
    assert len(wrong_loads(*log)) == wrong
