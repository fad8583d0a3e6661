"""What is owed for a load: held at the trade, due by the measured mass, paid to all or to none."""

from __future__ import annotations

from kernel.errors import InvalidInput
from kernel.machine import View
from kernel.quantity import amount_fen
from settlement import ledger
from settlement.commands import HoldForTrade, PayDue, RecordDue, RegisterProduct, RetryHold
from settlement.desk import Desk
from settlement.errors import CREATED
from settlement.events import (
    DueBlocked,
    DueRecorded,
    HoldMade,
    HoldRefused,
    HoldsVoided,
    LoadPaid,
    ProductRegistered,
    TradeRecorded,
)
from settlement.model import (
    DUES,
    OBLIGATIONS,
    PRODUCTS,
    TRADES,
    Due,
    DuePart,
    Obligation,
    Product,
    Trade,
    TransferRequest,
    cash_account,
    due_id,
    hold_id,
)

#: An obligation and what of it is due.
Part = tuple[Obligation, int]


def trade_key(trade_id: int) -> str:
    """124 gives ``T124``."""
    return f"T{trade_id}"


def register_product(desk: Desk, command: RegisterProduct) -> None:
    """Notes a product once."""
    if desk.view.get(Product, PRODUCTS, command.product_id) is None:
        desk.emit(ProductRegistered(command.product_id, command.kind, command.maximum_mass_g))


def hold_for_trade(desk: Desk, command: HoldForTrade) -> None:
    """One hold per load; one that cannot be made is an event, so that the trade is never lost."""
    if desk.view.get(Trade, TRADES, trade_key(command.trade_id)) is not None:
        return
    product = desk.need(Product, PRODUCTS, command.product_id, "product_id")
    per_load_fen = amount_fen(command.price_fen_per_kg, product.maximum_mass_g)
    desk.emit(
        TradeRecorded(
            trade_id=command.trade_id,
            product_id=product.id,
            kind=product.kind,
            price_fen_per_kg=command.price_fen_per_kg,
            maximum_mass_g=product.maximum_mass_g,
            loads=command.loads,
            buyer_id=command.buyer_id,
            seller_id=command.seller_id,
            hold_fen=per_load_fen,
        )
    )
    for load_no in range(1, command.loads + 1):
        _try_hold(desk, hold_id(command.trade_id, load_no), command.buyer_id, command.seller_id, per_load_fen)


def retry_hold(desk: Desk, command: RetryHold) -> None:
    """Makes a refused hold if the money is there now."""
    obligation = desk.need(Obligation, OBLIGATIONS, command.hold_id, "hold_id")
    if obligation.state == "refused":
        _cover(desk, obligation)


def _hold_request(hold: str, payer_id: str, payee_id: str, amount: int) -> TransferRequest:
    return TransferRequest(
        id=hold,
        kind="pending",
        debit_account_id=cash_account(payer_id),
        credit_account_id=cash_account(payee_id),
        amount_fen=amount,
        code=ledger.TRADE_HOLD,
    )


def _try_hold(desk: Desk, hold: str, payer_id: str, payee_id: str, amount: int) -> None:
    code, shortfall_fen = _hold_code(desk, hold, payer_id, payee_id, amount)
    if code == CREATED:
        desk.emit(HoldMade(hold, payer_id, payee_id, amount))
    else:
        desk.emit(HoldRefused(hold, payer_id, payee_id, amount, shortfall_fen, code))


def _hold_code(desk: Desk, hold: str, payer_id: str, payee_id: str, amount: int) -> tuple[str, int]:
    code = ledger.result_code(desk.view, _hold_request(hold, payer_id, payee_id, amount), desk.at)
    payer = ledger.get_account(desk.view, cash_account(payer_id))
    return code, ledger.debit_shortfall_fen(payer, amount) if payer is not None and code == "exceeds_credits" else 0


def _cover(desk: Desk, obligation: Obligation) -> tuple[str, int]:
    """Makes a refused hold if that is possible now; says what stands against it without writing it down again."""
    code, shortfall_fen = _hold_code(desk, obligation.id, obligation.payer_id, obligation.payee_id, obligation.hold_fen)
    if code == CREATED:
        desk.emit(HoldMade(obligation.id, obligation.payer_id, obligation.payee_id, obligation.hold_fen))
    return code, shortfall_fen


def record_due(desk: Desk, command: RecordDue) -> None:
    """Notes what became of a load. Where nothing is due its holds are released in the same breath."""
    hydrogen = hold_id(command.trade_id, command.load_no) if command.trade_id else ""
    haulage = hold_id(command.haulage_trade_id, command.haulage_load_no) if command.haulage_trade_id else ""
    if not hydrogen and not haulage:
        raise InvalidInput(
            "trade_id", "one_trade", "A due is for a hydrogen or a haulage trade.", "应付款须对应氢气或运输成交。"
        )
    key = due_of(command)
    if desk.view.get(Due, DUES, key) is not None:
        return
    hydrogen_fen = _priced(desk.view, hydrogen, command.hydrogen_mass_g)
    haulage_fen = _priced(desk.view, haulage, command.haulage_mass_g, carried=hydrogen)
    desk.emit(
        DueRecorded(
            due_id=key,
            outcome=command.outcome,
            hydrogen_hold_id=hydrogen,
            haulage_hold_id=haulage,
            hydrogen_mass_g=command.hydrogen_mass_g,
            haulage_mass_g=command.haulage_mass_g,
            hydrogen_due_fen=hydrogen_fen,
            haulage_due_fen=haulage_fen,
            reason=command.reason,
        )
    )
    if command.outcome != "accepted":
        _settle(desk, desk.need(Due, DUES, key, "due_id"))


def due_of(command: RecordDue) -> str:
    """The id of the due that the command records."""
    if command.trade_id:
        return due_id(command.trade_id, command.load_no)
    return due_id(command.haulage_trade_id, command.haulage_load_no)


def _priced(view: View, hold: str, mass_g: int, *, carried: str = "") -> int | None:
    """What is due for the mass, at most the product's maximum; None while a trade is not known.

    Haulage is paid for the mass that the hydrogen it ``carried`` is paid for, so that one's maximum counts as well.
    """
    if not hold:
        return 0
    known = [view.get(Obligation, OBLIGATIONS, key) for key in (hold, carried) if key]
    obligations = [obligation for obligation in known if obligation is not None]
    if len(obligations) < len(known):
        return None
    paid_g = min(mass_g, *(obligation.maximum_mass_g for obligation in obligations))
    return amount_fen(obligations[0].price_fen_per_kg, paid_g)


def pay_due(desk: Desk, command: PayDue) -> None:
    """Pays a due whose holds stand; waits, without an event, for one whose trades are not known yet."""
    due = desk.need(Due, DUES, command.due_id, "due_id")
    holds = tuple(hold for hold in (due.hydrogen_hold_id, due.haulage_hold_id) if hold)
    if command.hold_ids != holds:
        raise InvalidInput(
            "hold_ids",
            "holds_of_due",
            f"The holds of {due.id} are {', '.join(holds)}.",
            f"{due.id} 的冻结为 {'、'.join(holds)}。",
        )
    if due.settled_at == 0:
        _settle(desk, due)


def _settle(desk: Desk, due: Due) -> None:
    parts: list[Part] = []
    hydrogen, haulage = due.hydrogen_hold_id, due.haulage_hold_id
    for hold, mass_g, carried in ((hydrogen, due.hydrogen_mass_g, ""), (haulage, due.haulage_mass_g, hydrogen)):
        if hold:
            obligation = desk.view.get(Obligation, OBLIGATIONS, hold)
            spent_fen = _priced(desk.view, hold, mass_g, carried=carried)
            if obligation is None or spent_fen is None:
                return
            parts.append((obligation, spent_fen))
    for obligation, _ in parts:
        if obligation.state in ("paid", "voided"):
            _block(desk, due, obligation, "hold_resolved_before", 0)
            return
    if all(_covered(desk, due, obligation, spent_fen) for obligation, spent_fen in parts):
        _pay(desk, due, parts)


def _covered(desk: Desk, due: Due, obligation: Obligation, spent_fen: int) -> bool:
    if obligation.state == "held" or spent_fen == 0:
        return True
    code, shortfall_fen = _cover(desk, obligation)
    if code == CREATED:
        return True
    _block(desk, due, obligation, code, shortfall_fen)
    return False


def _block(desk: Desk, due: Due, obligation: Obligation, code: str, shortfall_fen: int) -> None:
    if due.state != "blocked":
        desk.emit(DueBlocked(due.id, obligation.id, obligation.payer_id, shortfall_fen, code))


def _pay(desk: Desk, due: Due, parts: list[Part]) -> None:
    ended = tuple(
        DuePart(
            hold_id=obligation.id,
            trade_id=obligation.trade_id,
            load_no=obligation.load_no,
            payer_id=obligation.payer_id,
            payee_id=obligation.payee_id,
            committed_fen=obligation.hold_fen,
            spent_fen=spent_fen,
            held=obligation.state == "held",
        )
        for obligation, spent_fen in parts
    )
    paid = any(part.spent_fen for part in ended)
    desk.emit((LoadPaid if paid else HoldsVoided)(due.id, due.outcome, ended))


def on_product_registered(view: View, event: ProductRegistered, _at: int, seq: int) -> None:
    """The product is known."""
    view.put(PRODUCTS, event.product_id, Product(event.product_id, event.kind, event.maximum_mass_g, seq))


def on_trade_recorded(view: View, event: TradeRecorded, at: int, seq: int) -> None:
    """The trade and its obligations, whose holds follow."""
    key = trade_key(event.trade_id)
    view.put(
        TRADES,
        key,
        Trade(
            id=key,
            product_id=event.product_id,
            kind=event.kind,
            price_fen_per_kg=event.price_fen_per_kg,
            loads=event.loads,
            buyer_id=event.buyer_id,
            seller_id=event.seller_id,
            hold_fen=event.hold_fen,
            traded_at=at,
            event_seq=seq,
        ),
    )
    for load_no in range(1, event.loads + 1):
        hold = hold_id(event.trade_id, load_no)
        view.put(
            OBLIGATIONS,
            hold,
            Obligation(
                id=hold,
                trade_id=event.trade_id,
                load_no=load_no,
                kind=event.kind,
                payer_id=event.buyer_id,
                payee_id=event.seller_id,
                price_fen_per_kg=event.price_fen_per_kg,
                maximum_mass_g=event.maximum_mass_g,
                hold_fen=event.hold_fen,
                spent_fen=0,
                state="refused",
                event_seq=seq,
            ),
        )


def on_hold_made(view: View, event: HoldMade, at: int, seq: int) -> None:
    """The payer's money is pending."""
    ledger.book(view, _hold_request(event.hold_id, event.payer_id, event.payee_id, event.amount_fen), at, seq)
    obligation = _obligation(view, event.hold_id)
    obligation.state, obligation.event_seq = "held", seq
    view.put(OBLIGATIONS, obligation.id, obligation)


def on_hold_refused(view: View, event: HoldRefused, _at: int, seq: int) -> None:
    """The obligation stands without a hold."""
    obligation = _obligation(view, event.hold_id)
    obligation.state, obligation.event_seq = "refused", seq
    view.put(OBLIGATIONS, obligation.id, obligation)


def on_due_recorded(view: View, event: DueRecorded, at: int, seq: int) -> None:
    """The due waits to be paid."""
    priced = event.hydrogen_due_fen is not None and event.haulage_due_fen is not None
    view.put(
        DUES,
        event.due_id,
        Due(
            id=event.due_id,
            outcome=event.outcome,
            hydrogen_hold_id=event.hydrogen_hold_id,
            haulage_hold_id=event.haulage_hold_id,
            hydrogen_mass_g=event.hydrogen_mass_g,
            haulage_mass_g=event.haulage_mass_g,
            hydrogen_due_fen=event.hydrogen_due_fen,
            haulage_due_fen=event.haulage_due_fen,
            state="due" if priced else "waiting",
            reason=event.reason,
            blocked_code="",
            recorded_at=at,
            settled_at=0,
            event_seq=seq,
        ),
    )


def on_due_blocked(view: View, event: DueBlocked, _at: int, seq: int) -> None:
    """The due waits for money."""
    due = view.get(Due, DUES, event.due_id)
    assert due is not None
    due.state, due.blocked_code, due.event_seq = "blocked", event.code, seq
    view.put(DUES, due.id, due)


def on_settled(view: View, event: LoadPaid | HoldsVoided, at: int, seq: int) -> None:
    """All holds of a load end together."""
    due = view.get(Due, DUES, event.due_id)
    assert due is not None and due.settled_at == 0, f"{event.due_id} is settled once"
    for part in event.parts:
        _end(view, part, at, seq)
        if part.hold_id == due.hydrogen_hold_id:
            due.hydrogen_due_fen = part.spent_fen
        else:
            due.haulage_due_fen = part.spent_fen
    due.state = "paid" if isinstance(event, LoadPaid) else "voided"
    due.blocked_code, due.settled_at, due.event_seq = "", at, seq
    view.put(DUES, due.id, due)


def _end(view: View, part: DuePart, at: int, seq: int) -> None:
    if part.held and part.spent_fen:
        ledger.book(
            view,
            TransferRequest(id=f"{part.hold_id}:post", kind="post", amount_fen=part.spent_fen, pending_id=part.hold_id),
            at,
            seq,
        )
    elif part.held:
        ledger.book(view, TransferRequest(id=f"{part.hold_id}:void", kind="void", pending_id=part.hold_id), at, seq)
    obligation = _obligation(view, part.hold_id)
    obligation.state = "paid" if part.spent_fen else "voided"
    obligation.spent_fen, obligation.event_seq = part.spent_fen, seq
    view.put(OBLIGATIONS, obligation.id, obligation)


def _obligation(view: View, hold: str) -> Obligation:
    obligation = view.get(Obligation, OBLIGATIONS, hold)
    assert obligation is not None, f"{hold} belongs to no trade"
    return obligation
