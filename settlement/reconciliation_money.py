"""The rules about money: the ledger in itself, trading limits, reservations, and the bank."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from kernel.quantity import MICROS_PER_S
from settlement.differences import NOTHING, Difference, OpenItem, RuleResult, Side, Text, money, plain
from settlement.evidence import Books, Facts
from settlement.ledger import OWN_ID
from settlement.ledger_checks import Broken, check_holds, check_ledger
from settlement.model import (
    BANK,
    SUSPENSE,
    BankBook,
    BankEntry,
    BankStatement,
    Transfer,
    Withdrawal,
    cash_account,
    participant_of,
)

#: The exchange answers a request for money within seconds of the courier reaching it.
ANSWER_OPEN_US = 3_600 * MICROS_PER_S
#: A bank books a payout on the next working day; with a weekend between that is the third.
PAYOUT_OPEN_US = 3 * 24 * 3_600 * MICROS_PER_S

_VERIFY = Text(
    "Rows were changed past the ledger: run `h2market verify`, which names the event behind them.",
    "有数据绕过账簿被更改：请运行 `h2market verify`，它会指出对应事件。",
)
_COURIER = Text(
    "Look at settlement.courier in /health: it carries money to the exchange.",
    "请查看 /health 中的 settlement.courier：它将资金变动传给交易。",
)
_LEDGER = Text("ledger", "账簿")


def ledger_balances(_facts: Facts, books: Books, now: int) -> RuleResult:
    """Debits equal credits, balances are sums of transfers, no limit is broken, holds are for what is open."""
    broken = [
        *check_ledger(books.accounts, books.sums),
        *check_holds(books.obligations, books.withdrawals, books.transfers),
    ]
    title = Text("The ledger adds up", "账簿平衡")
    differences = tuple(_of_law(law, books.moved_at.get(law.key, now)) for law in broken)
    return RuleResult("ledger_balances", title, len(books.accounts), differences)


def _of_law(law: Broken, since: int) -> Difference:
    return Difference(law.key, law.left, law.right, since, _VERIFY, law.gap)


def limits_follow_money(facts: Facts, books: Books, now: int) -> RuleResult:
    """What the exchange grants is the cash less the payouts under way; what it committed is what is held for loads."""
    granted: dict[str, int] = defaultdict(int)
    committed: dict[str, int] = defaultdict(int)
    for account in books.accounts:
        participant_id = participant_of(account.id)
        if participant_id:
            granted[participant_id] += account.balance_fen
    for withdrawal in books.withdrawals:
        if withdrawal.purpose == "payout" and withdrawal.state in ("approved", "instructed"):
            granted[withdrawal.participant_id] -= withdrawal.amount_fen
    for obligation in books.obligations:
        if obligation.state in ("held", "refused"):
            committed[obligation.payer_id] += obligation.hold_fen
    limits = {limit.participant_id: limit for limit in facts.limits}
    found: list[Difference] = []
    everybody = sorted({*granted, *committed, *limits})
    for participant_id in everybody:
        limit = limits.get(participant_id)
        since = books.moved_at.get(cash_account(participant_id), now)
        for told_fen, own_fen, left, right in (
            (
                limit.granted_fen if limit else 0,
                granted[participant_id],
                Text("granted on the exchange", "交易授信"),
                Text("cash less payouts under way", "现金减在途出金"),
            ),
            (
                limit.committed_fen if limit else 0,
                committed[participant_id],
                Text("committed on the exchange", "交易占用"),
                Text("held for open loads", "未结车次冻结"),
            ),
        ):
            if told_fen != own_fen:
                sides = Side(left, money(told_fen)), Side(right, money(own_fen))
                found.append(Difference(participant_id, *sides, since, _COURIER, told_fen - own_fen))
    found += _unanswered(books, now)
    title = Text("Trading limits follow the money", "交易额度与资金一致")
    return RuleResult("limits_follow_money", title, len(everybody), tuple(found))


def _unanswered(books: Books, now: int) -> Iterator[Difference]:
    """What was asked of the exchange and never answered: neither side has moved money, so no sum tells."""
    for withdrawal in books.withdrawals:
        if withdrawal.state == "requested" and now - withdrawal.requested_at > ANSWER_OPEN_US:
            yield Difference(
                withdrawal.id,
                Side(Text("asked of the exchange", "已向交易申请"), money(withdrawal.amount_fen)),
                Side(Text("its answer", "交易答复"), NOTHING),
                withdrawal.requested_at,
                _COURIER,
            )


def reservations(facts: Facts, _books: Books, now: int) -> RuleResult:
    """What the exchange has reserved is what its open buy orders need."""
    reserved = {limit.participant_id: limit.reserved_fen for limit in facts.limits}
    needed = {orders.participant_id: orders.reserved_fen for orders in facts.orders_open}
    everybody = sorted({*reserved, *needed})
    found = tuple(
        Difference(
            participant_id,
            Side(Text("reserved on the exchange", "交易预留"), money(left_fen)),
            Side(Text("needed by its open orders", "未成交买单所需"), money(right_fen)),
            now,
            _VERIFY,
            left_fen - right_fen,
        )
        for participant_id in everybody
        for left_fen, right_fen in ((reserved.get(participant_id, 0), needed.get(participant_id, 0)),)
        if left_fen != right_fen
    )
    title = Text("Reservations are those of open orders", "预留等于未成交买单所需")
    return RuleResult("reservations", title, len(everybody), found)


def bank_agrees(_facts: Facts, books: Books, now: int) -> RuleResult:
    """The ledger has what the bank says, entry by entry; payouts that the bank has not booked yet are open items."""
    found: list[Difference] = []
    for book in books.bank_books:
        found += _balance(book, books, now)
        found += _chain(book, books)
    found += _entries(books)
    found += _suspense(books, now)
    found += _paid_out(books)
    late, open_items = _payouts(books, now)
    title = Text("The ledger agrees with the bank", "账簿与银行一致")
    checked = len(books.statements) + len(books.entries)
    return RuleResult("bank_agrees", title, checked, (*found, *late), open_items)


def _balance(book: BankBook, books: Books, now: int) -> Iterator[Difference]:
    balance_fen = sum(account.balance_fen for account in books.accounts if account.id == BANK)
    if -balance_fen != book.closing_fen:
        yield Difference(
            BANK,
            Side(_LEDGER, money(-balance_fen)),
            Side(Text("closing balance of the newest statement", "最新对账单期末余额"), money(book.closing_fen)),
            books.moved_at.get(BANK, now),
            _VERIFY,
            -balance_fen - book.closing_fen,
        )


def _chain(book: BankBook, books: Books) -> Iterator[Difference]:
    """Each statement opens with what the one before closed with; the first one with the opening of the books."""
    expected_fen = _signed(row for row in books.transfers if row.id == "opening")
    for statement in sorted(books.statements, key=lambda statement: statement.event_seq):
        if statement.opening_fen != expected_fen:
            yield _broken_chain(statement.id, statement.opening_fen, expected_fen, statement.imported_at)
        expected_fen = statement.closing_fen
    if book.closing_fen != expected_fen:
        yield _broken_chain(book.id, book.closing_fen, expected_fen, _newest(books.statements))


def _broken_chain(key: str, opening_fen: int, expected_fen: int, since: int) -> Difference:
    return Difference(
        key,
        Side(Text("continues with", "接续余额"), money(opening_fen)),
        Side(Text("closing balance before it", "上期期末余额"), money(expected_fen)),
        since,
        Text("Ask the bank for the statement that is missing between them.", "请向银行索取中间缺失的对账单。"),
        opening_fen - expected_fen,
    )


def _newest(statements: Iterable[BankStatement]) -> int:
    return max((statement.imported_at for statement in statements), default=0)


def _signed(transfers: Iterable[Transfer], account_id: str = BANK) -> int:
    """What transfers put into an account whose debits are its growth."""
    return sum(row.amount_fen if row.debit_account_id == account_id else -row.amount_fen for row in transfers)


def _entries(books: Books) -> Iterator[Difference]:
    """Each statement has its entries, each entry one transfer between the bank and its owner, or suspense, and the bank
    account has no other transfer."""
    at_bank = {row.id: row for row in books.transfers if _moves(row, BANK) and row.id != "opening"}
    by_statement: Counter[str] = Counter()
    moved: Counter[str] = Counter()
    imported_at = {statement.id: statement.imported_at for statement in books.statements}
    for entry in books.entries:
        wanted_fen = entry.amount_fen if entry.direction == "credit" else -entry.amount_fen
        by_statement[entry.statement_id] += 1
        moved[entry.statement_id] += wanted_fen
        row = at_bank.pop(entry.id, None)
        booked_fen = _signed([row]) if row else 0
        if booked_fen != wanted_fen:
            yield _misbooked(entry.id, wanted_fen, booked_fen, imported_at.get(entry.statement_id, 0))
        owner = entry.account_id if entry.state == "matched" else SUSPENSE
        if row is not None and owner not in (row.debit_account_id, row.credit_account_id):
            yield Difference(
                entry.id,
                Side(Text("account of the entry", "明细归属"), plain(owner)),
                Side(_LEDGER, plain(f"{row.debit_account_id} -> {row.credit_account_id}")),
                row.created_at,
                _VERIFY,
            )
    for row in at_bank.values():
        yield _misbooked(row.id, 0, _signed([row]), row.created_at)
    for statement in books.statements:
        for left, right, what in (
            (statement.lines, by_statement[statement.id], Text("entries", "明细条数")),
            (statement.closing_fen - statement.opening_fen, moved[statement.id], Text("moved, fen", "变动（分）")),
        ):
            if left != right:
                yield Difference(
                    statement.id,
                    Side(Text(f"{what.en} by the statement", f"对账单{what.zh}"), plain(left)),
                    Side(Text(f"{what.en} by its rows", f"所存{what.zh}"), plain(right)),
                    statement.imported_at,
                    _VERIFY,
                    left - right,
                )


def _moves(row: Transfer, account_id: str) -> bool:
    return row.kind in ("posted", "post") and account_id in (row.debit_account_id, row.credit_account_id)


def _misbooked(key: str, wanted_fen: int, booked_fen: int, since: int) -> Difference:
    return Difference(
        key,
        Side(Text("entry of the bank", "银行明细"), money(wanted_fen) if wanted_fen else NOTHING),
        Side(Text("booked at the bank account", "银行账户已记账"), money(booked_fen) if booked_fen else NOTHING),
        since,
        _VERIFY,
        wanted_fen - booked_fen,
    )


def _suspense(books: Books, now: int) -> Iterator[Difference]:
    """Suspense holds the entries without an owner, what was taken back into it, and what the operator booked there."""
    waiting_fen = sum(_entry_fen(entry) for entry in books.entries if entry.state in ("unmatched", "assigning"))
    taken_back_fen = sum(
        withdrawal.amount_fen
        for withdrawal in books.withdrawals
        if withdrawal.purpose == "correction" and withdrawal.state == "paid" and not withdrawal.entry_id
    )
    by_hand_fen = -_signed(
        (row for row in books.transfers if _moves(row, SUSPENSE) and OWN_ID.fullmatch(row.id) is None), SUSPENSE
    )
    balance_fen = sum(account.balance_fen for account in books.accounts if account.id == SUSPENSE)
    expected_fen = waiting_fen + taken_back_fen + by_hand_fen
    if balance_fen != expected_fen:
        yield Difference(
            SUSPENSE,
            Side(_LEDGER, money(balance_fen)),
            Side(Text("entries without an owner", "未匹配明细"), money(expected_fen)),
            books.moved_at.get(SUSPENSE, now),
            _VERIFY,
            balance_fen - expected_fen,
        )


def _entry_fen(entry: BankEntry) -> int:
    return entry.amount_fen if entry.direction == "credit" else -entry.amount_fen


def _paid_out(books: Books) -> Iterator[Difference]:
    """Each payout that is paid has its entry, and no other payout has one."""
    left_bank_fen = {entry.withdrawal_id: entry.amount_fen for entry in books.entries if entry.direction == "debit"}
    for withdrawal in books.withdrawals:
        if withdrawal.purpose != "payout":
            continue
        paid_fen = withdrawal.amount_fen if withdrawal.state == "paid" else 0
        booked_fen = left_bank_fen.get(withdrawal.id, 0)
        if paid_fen != booked_fen:
            yield Difference(
                withdrawal.id,
                Side(Text(f"paid out ({withdrawal.state})", f"已付（{withdrawal.state}）"), money(paid_fen)),
                Side(Text("entry of the bank", "银行明细"), money(booked_fen)),
                withdrawal.resolved_at or withdrawal.requested_at,
                _VERIFY,
                paid_fen - booked_fen,
            )


def _payouts(books: Books, now: int) -> tuple[list[Difference], tuple[OpenItem, ...]]:
    made_at = {batch.id: batch.created_at for batch in books.payment_batches}
    late: list[Difference] = []
    open_items: list[OpenItem] = []
    for withdrawal in books.withdrawals:
        if withdrawal.state != "instructed":
            continue
        since = made_at.get(withdrawal.batch_id, now)
        if now - since > PAYOUT_OPEN_US:
            late.append(_late(withdrawal, since))
        else:
            what = Text("payout at the bank", "银行处理中的出金")
            open_items.append(OpenItem(withdrawal.id, what, money(withdrawal.amount_fen), since))
    return late, tuple(open_items)


def _late(withdrawal: Withdrawal, since: int) -> Difference:
    instructed = Text(f"instructed in {withdrawal.batch_id}", f"已列入 {withdrawal.batch_id}")
    return Difference(
        withdrawal.id,
        Side(instructed, money(withdrawal.amount_fen)),
        Side(Text("bank statements", "银行对账单"), NOTHING),
        since,
        Text(
            "Ask the bank; then match the entry with the withdrawal, or note that the bank returned it.",
            "请询问银行；随后将明细与该出金匹配，或登记银行退回。",
        ),
    )
