"""The rule about recalls: a trade that is undone left nothing behind, and exchange and tracking agree on which are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from settlement.differences import NOTHING, Difference, RuleResult, Side, Text, plain
from settlement.evidence import Books, Facts, RecallLike, RecallTrackedLike, TradeLike
from settlement.model import hold_id
from settlement.reconciliation_loads import EXCHANGE, SETTLEMENT, TRACKING

_FOLLOW = Text(
    "Look at the followers in /health: an answer or a cancelled load has not been taken over.",
    "请查看 /health 中的跟随状态：撤销的答复或取消的车次尚未被接收。",
)
_LOG = Text(
    "One of the logs was changed: run `h2market verify` and restore it.",
    "其中一份日志被更改：请运行 `h2market verify` 并恢复。",
)
#: What a recall's state makes of its trades, and what tracking answered by then: None for nothing yet.
_STANDS: dict[str, tuple[str | None, bool | None]] = {
    "requested": ("disputed", None),
    "approved": ("disputed", None),
    "recalling": ("recalling", None),
    "recalled": ("recalled", True),
    "refused": (None, False),
    "rejected": (None, None),
    "withdrawn": (None, None),
    "expired": (None, None),
}
_ENDED = ("lapsed", "cancelled")


def recalls_are_whole(facts: Facts, books: Books, now: int) -> RuleResult:
    """Each recall is what tracking answered, its trades say the same, and a recalled trade has no load and no hold."""
    trades = {trade.trade_id: trade for trade in facts.trades}
    answered = {one.recall_id: one for one in facts.recalls_tracked}
    found: list[Difference] = []
    contested: set[int] = set()
    for recall in facts.recalls:
        found += _same_answer(recall, answered.pop(recall.recall_id, None))
        expected = _STANDS[recall.state][0]
        if expected is not None:
            contested |= set(recall.trade_ids)
            for trade_id in recall.trade_ids:
                found += _same_state(recall, trades.get(trade_id), trade_id, expected)
    for one in answered.values():
        done = plain("done" if one.done else "refused")
        found.append(
            Difference(f"R{one.recall_id}", Side(EXCHANGE, NOTHING), Side(TRACKING, done), one.decided_at, _LOG)
        )
    states = {f"S{load.trade_id}-{load.load_no}": load.state for load in facts.loads}
    states |= {f"C{load.haulage_trade_id}-{load.load_no}": load.state for load in facts.haulage}
    held = {obligation.id: obligation.state for obligation in books.obligations}
    for trade in facts.trades:
        if trade.state != "active" and trade.trade_id not in contested:
            state = Side(EXCHANGE, plain(trade.state))
            nobody = Side(Text("its recall", "其撤销申请"), NOTHING)
            found.append(Difference(f"T{trade.trade_id}", state, nobody, trade.traded_at, _LOG))
        if trade.state == "recalled":
            found += _left_behind(trade, states, held, now)
    title = Text("A recalled trade leaves no load and no hold", "已撤销的成交不留车次与冻结")
    return RuleResult("recalls_are_whole", title, len(facts.recalls), tuple(found))


def _same_answer(recall: RecallLike, answer: RecallTrackedLike | None) -> Iterator[Difference]:
    """The exchange's state of a recall against tracking's answer."""
    told = None if answer is None else answer.done
    if told != _STANDS[recall.state][1]:
        said = NOTHING if told is None else plain("done" if told else "refused")
        yield Difference(
            f"R{recall.recall_id}",
            Side(EXCHANGE, plain(recall.state)),
            Side(TRACKING, said),
            answer.decided_at if answer else recall.updated_at,
            _FOLLOW if recall.state == "recalling" else _LOG,
        )


def _same_state(recall: RecallLike, trade: TradeLike | None, trade_id: int, expected: str) -> Iterator[Difference]:
    state = trade.state if trade else ""
    if state != expected:
        yield Difference(
            f"T{trade_id}",
            Side(Text(f"recall R{recall.recall_id}", f"撤销申请 R{recall.recall_id}"), plain(recall.state)),
            Side(Text("the trade", "成交"), plain(state) if state else NOTHING),
            recall.updated_at,
            _LOG,
        )


def _left_behind(
    trade: TradeLike, states: Mapping[str, str], held: Mapping[str, str], now: int
) -> Iterator[Difference]:
    """Loads that still go, and money that is still held, for a trade that is undone."""
    recalled = Side(EXCHANGE, plain("recalled"))
    letter = "C" if trade.kind == "haulage" else "S"
    for load_no in range(1, trade.loads + 1):
        key = f"{letter}{trade.trade_id}-{load_no}"
        state = states.get(key, "")
        if state not in _ENDED:
            yield Difference(key, recalled, Side(TRACKING, plain(state) if state else NOTHING), now, _LOG)
        hold = hold_id(trade.trade_id, load_no)
        if held.get(hold) != "voided":
            said = plain(held[hold]) if hold in held else NOTHING
            yield Difference(hold, recalled, Side(SETTLEMENT, said), now, _FOLLOW)
