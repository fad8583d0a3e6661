"""The rules about trades and loads: what the exchange traded, what tracking saw, what settlement holds and paid."""

from __future__ import annotations

from collections.abc import Iterator

from kernel.quantity import MICROS_PER_S, amount_fen
from settlement.differences import NOTHING, Difference, RuleResult, Side, Text, mass, money, plain
from settlement.evidence import Books, Facts, HaulageLike, LoadLike, TradeLike
from settlement.ledger import TRADE_HOLD
from settlement.model import Due, Obligation, Trade, Transfer, cash_account, due_id, hold_id, participant_of

HOUR_US = 3_600 * MICROS_PER_S
DAY_US = 24 * HOUR_US
#: Tracking ends what nobody used two hours after its window, within the hour.
LAPSE_AFTER_US = 4 * HOUR_US

#: How haulage ends that carried nothing.
UNUSED = ("lapsed", "cancelled")

EXCHANGE = Text("exchange", "交易")
TRACKING = Text("tracking", "运输跟踪")
SETTLEMENT = Text("settlement", "结算")

_FOLLOW = Text(
    "Look at the followers in /health: settlement has not taken this over.",
    "请查看 /health 中的跟随状态：结算尚未接收此项。",
)
_LOG = Text(
    "One of the two logs was changed: run `h2market verify` and restore it.",
    "两份日志之一被更改：请运行 `h2market verify` 并恢复。",
)


def trades_have_holds(facts: Facts, books: Books, now: int) -> RuleResult:
    """Each traded load has exactly one obligation of the right amount with its hold, and no hold is without a trade."""
    own = {trade.id: trade for trade in books.trades}
    obligations = {obligation.id: obligation for obligation in books.obligations}
    holds = {
        row.id: row
        for row in books.transfers
        if row.kind == "pending" and row.state == "pending" and row.code == TRADE_HOLD
    }
    found: list[Difference] = []
    checked = 0
    for trade in facts.trades:
        found += _same_trade(trade, own.pop(f"T{trade.trade_id}", None))
        for load_no in range(1, trade.loads + 1):
            checked += 1
            key = hold_id(trade.trade_id, load_no)
            found += _held(key, trade, obligations.pop(key, None), holds.pop(key, None))
    for row in own.values():
        found.append(_unknown(row.id, EXCHANGE, SETTLEMENT, _trade_text(row), row.traded_at, _LOG))
    for left in obligations.values():
        found.append(_unknown(left.id, EXCHANGE, SETTLEMENT, money(left.hold_fen), now, _LOG))
    for hold in holds.values():
        found.append(_unknown(hold.id, EXCHANGE, SETTLEMENT, money(hold.amount_fen), hold.created_at, _LOG))
    title = Text("Every traded load is held for, and nothing else is", "每个成交车次均有冻结，且别无其他冻结")
    return RuleResult("trades_have_holds", title, checked, tuple(found))


def _unknown(key: str, silent: Text, known: Text, value: Text, since: int, resolve: Text) -> Difference:
    return Difference(key, Side(silent, NOTHING), Side(known, value), since, resolve)


def _trade_text(trade: Trade | TradeLike) -> Text:
    price_fen = trade.price_fen_per_kg
    return Text(
        f"{trade.loads} loads at {price_fen} fen/kg, {trade.buyer_id} from {trade.seller_id}",
        f"{trade.loads} 车，{price_fen} 分/kg，{trade.buyer_id} 购自 {trade.seller_id}",
    )


def _same_trade(trade: TradeLike, own: Trade | None) -> Iterator[Difference]:
    key = f"T{trade.trade_id}"
    if own is None:
        yield _unknown(key, SETTLEMENT, EXCHANGE, _trade_text(trade), trade.traded_at, _FOLLOW)
    elif _trade_text(trade) != _trade_text(own) or own.product_id != trade.product_id:
        yield Difference(
            key,
            Side(EXCHANGE, _trade_text(trade)),
            Side(SETTLEMENT, _trade_text(own)),
            max(trade.traded_at, own.traded_at),
            _LOG,
        )


def _between(payer_id: str, payee_id: str) -> Text:
    return Text(f"{payer_id} to {payee_id}", f"{payer_id} 付给 {payee_id}")


def _terms(price_fen: int, payer_id: str, payee_id: str) -> Text:
    sides = _between(payer_id, payee_id)
    return Text(f"{price_fen} fen/kg, {sides.en}", f"{price_fen} 分/kg，{sides.zh}")


def _held(key: str, trade: TradeLike, obligation: Obligation | None, hold: Transfer | None) -> Iterator[Difference]:
    wanted_fen = amount_fen(trade.price_fen_per_kg, trade.maximum_mass_g)
    wanted = Side(Text("to be held for the trade", "成交应冻结"), money(wanted_fen))
    if obligation is None:
        yield Difference(key, wanted, Side(SETTLEMENT, NOTHING), trade.traded_at, _FOLLOW)
        return
    if obligation.hold_fen != wanted_fen:
        owed = Side(Text("owed in settlement", "结算所记应付"), money(obligation.hold_fen))
        yield Difference(key, wanted, owed, trade.traded_at, _LOG, wanted_fen - obligation.hold_fen)
    traded = _terms(trade.price_fen_per_kg, trade.buyer_id, trade.seller_id)
    noted = _terms(obligation.price_fen_per_kg, obligation.payer_id, obligation.payee_id)
    if noted != traded and obligation.hold_fen == wanted_fen:
        yield Difference(key, Side(EXCHANGE, traded), Side(SETTLEMENT, noted), trade.traded_at, _LOG)
    if obligation.state == "refused":
        refused = Side(Text("held", "已冻结"), Text("refused: the buyer has not enough", "被拒：买方资金不足"))
        resolve = Text(
            f"{trade.buyer_id} pays in; the hold is tried again every quarter of an hour.",
            f"{trade.buyer_id} 入金后，系统每一刻钟重试冻结。",
        )
        yield Difference(key, wanted, refused, trade.traded_at, resolve)
    elif obligation.state == "held" and (hold is None or hold.amount_fen != obligation.hold_fen):
        held_fen = hold.amount_fen if hold else 0
        held = Side(Text("held by the ledger", "账簿冻结"), money(held_fen))
        yield Difference(key, wanted, held, trade.traded_at, _LOG, wanted_fen - held_fen)
    elif hold is not None:
        owed = Side(Text("owed in settlement", "结算所记应付"), _between(obligation.payer_id, obligation.payee_id))
        held = Side(
            Text("held by the ledger", "账簿冻结"),
            _between(participant_of(hold.debit_account_id), participant_of(hold.credit_account_id)),
        )
        if owed.value != held.value:
            yield Difference(key, owed, held, trade.traded_at, _LOG)


def loads_have_outcomes(facts: Facts, books: Books, now: int) -> RuleResult:
    """Each traded hydrogen load is a shipment and each shipment one of those; each ended one is a due with the same
    masses; nothing else is due."""
    dues = {due.id: due for due in books.dues}
    known = set()
    found: list[Difference] = []
    loads = {load.shipment_id: load for load in facts.loads}
    traded = [trade for trade in facts.trades if trade.kind != "haulage"]
    wanted = set()
    for trade in traded:
        for load_no in range(1, trade.loads + 1):
            key = f"S{trade.trade_id}-{load_no}"
            wanted.add(key)
            if key not in loads:
                found.append(_unknown(key, TRACKING, EXCHANGE, _trade_text(trade), trade.traded_at, _tracking(key)))
    for load in facts.loads:
        if load.shipment_id not in wanted:
            found.append(_unknown(load.shipment_id, EXCHANGE, TRACKING, plain(load.state), load.closed_at or now, _LOG))
        key = due_id(load.trade_id, load.load_no)
        known.add(key)
        found += _same_outcome(key, load, dues.get(key), now)
    known |= {due_id(one.haulage_trade_id, one.load_no) for one in facts.haulage if one.state in UNUSED}
    for due in books.dues:
        if due.id not in known:
            found.append(_unknown(due.id, TRACKING, SETTLEMENT, _due_text(due), due.recorded_at, _LOG))
    title = Text("Every load has its outcome, and what is due is what was delivered", "每车均有结果，应付即实际交付")
    return RuleResult("loads_have_outcomes", title, sum(trade.loads for trade in traded), tuple(found))


def _tracking(key: str) -> Text:
    return Text(
        f"Look at the followers in /health: tracking has not planned {key}.",
        f"请查看 /health 中的跟随状态：运输跟踪尚未建立 {key}。",
    )


def _outcome_text(outcome: str, hydrogen_g: int, haulage_g: int, hydrogen: str, haulage: str) -> Text:
    holds = ", ".join(hold for hold in (hydrogen, haulage) if hold)
    en, zh = f"hydrogen {mass(hydrogen_g).en}", f"氢气 {mass(hydrogen_g).zh}"
    hauled = mass(haulage_g)
    return Text(f"{outcome}: {en}, haulage {hauled.en} ({holds})", f"{outcome}：{zh}，运输 {hauled.zh}（{holds}）")


def _due_text(due: Due) -> Text:
    return _outcome_text(
        due.outcome, due.hydrogen_mass_g, due.haulage_mass_g, due.hydrogen_hold_id, due.haulage_hold_id
    )


def _load_text(load: LoadLike) -> Text:
    hauled = bool(load.haulage_trade_id) and load.outcome not in ("lapsed", "cancelled")
    accepted_g = load.delivered_mass_g if load.outcome == "accepted" else 0
    hauled_g = (accepted_g or load.haulage_due_mass_g) if hauled else 0
    haulage = hold_id(load.haulage_trade_id, load.haulage_load_no) if hauled else ""
    return _outcome_text(load.outcome, accepted_g, hauled_g, hold_id(load.trade_id, load.load_no), haulage)


def _same_outcome(key: str, load: LoadLike, due: Due | None, now: int) -> Iterator[Difference]:
    since = max(load.closed_at or 0, due.recorded_at if due else 0) or now
    if not load.outcome:
        if due is not None:
            open_ = Side(TRACKING, Text(f"open ({load.state})", f"未结束（{load.state}）"))
            yield Difference(key, open_, Side(SETTLEMENT, _due_text(due)), since, _LOG)
    elif due is None:
        yield _unknown(key, SETTLEMENT, TRACKING, _load_text(load), since, _FOLLOW)
    elif _load_text(load) != _due_text(due):
        yield Difference(key, Side(TRACKING, _load_text(load)), Side(SETTLEMENT, _due_text(due)), since, _LOG)


def haulage_has_outcome(facts: Facts, books: Books, now: int) -> RuleResult:
    """Each traded load of haulage, and no other, carries a shipment that names it back, or lapses and is released."""
    loads = {load.shipment_id: load for load in facts.loads}
    known = {(one.haulage_trade_id, one.load_no): one for one in facts.haulage}
    dues = {due.id: due for due in books.dues}
    traded = [trade for trade in facts.trades if trade.kind == "haulage"]
    found: list[Difference] = []
    for trade in traded:
        for load_no in range(1, trade.loads + 1):
            key = hold_id(trade.trade_id, load_no)
            one = known.pop((trade.trade_id, load_no), None)
            if one is None:
                found.append(_unknown(key, TRACKING, EXCHANGE, _trade_text(trade), trade.traded_at, _tracking(key)))
            else:
                found += _haulage_ends(key, trade, one, loads.get(one.shipment_id), dues, now)
    for (trade_id, load_no), one in known.items():
        found.append(_unknown(hold_id(trade_id, load_no), EXCHANGE, TRACKING, plain(one.state), now, _LOG))
    title = Text("Every traded haulage carries a load or is released", "每笔成交运力均已承运或已释放")
    return RuleResult("haulage_has_outcome", title, sum(trade.loads for trade in traded), tuple(found))


def _haulage_ends(
    key: str, trade: TradeLike, one: HaulageLike, load: LoadLike | None, dues: dict[str, Due], now: int
) -> Iterator[Difference]:
    state = Side(TRACKING, plain(f"{one.state} {one.shipment_id}".strip()))
    if one.state in UNUSED:
        if due_id(one.haulage_trade_id, one.load_no) not in dues:
            yield Difference(key, state, Side(SETTLEMENT, NOTHING), trade.window_end, _FOLLOW)
    elif one.shipment_id:
        named = hold_id(load.haulage_trade_id, load.haulage_load_no) if load else ""
        if named != key:
            back = Side(Text("haulage of the shipment", "该运单的运力"), plain(named) if named else NOTHING)
            yield Difference(key, state, back, trade.traded_at, _LOG)
    elif now > trade.window_end + LAPSE_AFTER_US:
        over = Side(Text("its window", "其时段"), Text("is over", "已结束"))
        resolve = Text(
            "Look at tracking's jobs in /health: this should have lapsed.", "请查看 /health 中的任务：此项应已失效。"
        )
        yield Difference(key, state, over, trade.window_end, resolve)


def dues_are_paid(facts: Facts, books: Books, now: int) -> RuleResult:
    """Each due is settled within a day, seller and haulier got what masses and prices give, and what a load was held
    for ends with a due and not without one."""
    obligations = {obligation.id: obligation for obligation in books.obligations}
    posts = {row.pending_id: row for row in books.transfers if row.kind == "post" and row.code == TRADE_HOLD}
    maximum_g = {f"T{trade.trade_id}": trade.maximum_mass_g for trade in facts.trades}
    found: list[Difference] = []
    ended = set()
    for due in books.dues:
        if due.settled_at:
            ended |= {due.hydrogen_hold_id, due.haulage_hold_id}
            found += _paid(due, obligations, posts, maximum_g)
        elif now - due.recorded_at > DAY_US:
            found.append(_unpaid(due))
    for obligation in books.obligations:
        if obligation.state in ("paid", "voided") and obligation.id not in ended:
            found.append(
                Difference(
                    obligation.id,
                    Side(Text("settled dues", "已结应付"), NOTHING),
                    Side(Text("obligation", "付款义务"), plain(obligation.state)),
                    now,
                    _LOG,
                )
            )
    title = Text("Every due is paid in time and to the fen", "每笔应付按时足额支付，分毫不差")
    return RuleResult("dues_are_paid", title, len(books.dues), tuple(found))


_BLOCKED = {
    "exceeds_credits": Text("The buyer pays in; the load is paid at the next run.", "买方入金后，下次结算运行即支付。"),
    "hold_resolved_before": _LOG,  # tracking names a hold once
}


def _unpaid(due: Due) -> Difference:
    why = due.blocked_code or due.state
    resolve = _BLOCKED.get(
        due.blocked_code,
        Text("Look at the job settlement.payments in /health.", "请查看 /health 中的 settlement.payments 任务。"),
    )
    return Difference(
        due.id,
        Side(Text("due", "应付"), _due_text(due)),
        Side(Text("paid", "已付"), Text(f"not yet ({why})", f"尚未（{why}）")),
        due.recorded_at,
        resolve,
    )


def _paid(
    due: Due, obligations: dict[str, Obligation], posts: dict[str, Transfer], maximum_g: dict[str, int]
) -> Iterator[Difference]:
    carried = due.hydrogen_hold_id
    for hold, mass_g, limits in (
        (due.hydrogen_hold_id, due.hydrogen_mass_g, (due.hydrogen_hold_id,)),
        (due.haulage_hold_id, due.haulage_mass_g, (due.haulage_hold_id, carried)),
    ):
        obligation = obligations.get(hold)
        if not hold:
            continue
        if obligation is None:
            yield _unknown(hold, SETTLEMENT, Text("due", "应付"), mass(mass_g), due.recorded_at, _LOG)
            continue
        # A load is paid up to the maximum of its product; haulage also up to that of what it carried.
        most_g = [maximum_g[f"T{obligations[one].trade_id}"] for one in limits if _known(one, obligations, maximum_g)]
        wanted_fen = amount_fen(obligation.price_fen_per_kg, min(mass_g, *most_g) if most_g else mass_g)
        post = posts.get(hold)
        paid_fen = post.amount_fen if post else 0
        payee_fits = post is None or post.credit_account_id == cash_account(obligation.payee_id)
        if paid_fen != wanted_fen or not payee_fits:
            yield Difference(
                hold,
                Side(Text("mass times price", "质量乘价格"), _to(wanted_fen, cash_account(obligation.payee_id))),
                Side(
                    Text("posted by the ledger", "账簿过账"), _to(paid_fen, post.credit_account_id) if post else NOTHING
                ),
                due.settled_at,
                _LOG,
                wanted_fen - paid_fen,
            )
        elif obligation.state != ("paid" if wanted_fen else "voided"):
            yield Difference(
                hold,
                Side(Text("due", "应付"), plain(due.state)),
                Side(Text("obligation", "付款义务"), plain(obligation.state)),
                due.settled_at,
                _LOG,
            )


def _to(amount: int, account_id: str) -> Text:
    return Text(f"{money(amount).en} to {account_id}", f"{money(amount).zh} 付至 {account_id}")


def _known(hold: str, obligations: dict[str, Obligation], maximum_g: dict[str, int]) -> bool:
    return hold in obligations and f"T{obligations[hold].trade_id}" in maximum_g
