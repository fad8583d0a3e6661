"""What settlement refuses, one class a rule.

    Refusal
    ├── TransferRefused                 a transfer of a batch: one subclass per result code, in `REFUSALS`
    ├── BatchTooLarge
    ├── BooksNotOpen, BooksOpenOtherwise
    ├── AccountIdRefused, AccountExistsOtherwise
    ├── StatementOfAnotherAccount, StatementDiffers, StatementGap, StatementSum, StatementOutOfOrder,
    │   StatementInFuture, StatementSize, StatementOverlaps, StatementRepeated
    ├── EntryNotOpen, EntryTargetRefused
    ├── NoPayoutAccount, WithdrawalAmount, WithdrawalExceedsFunds, WithdrawalExistsOtherwise, WithdrawalStateRefused
    └── NothingToPay

A refused transfer refuses its whole batch. The codes follow those of TigerBeetle, which are public and thought through.
"""

from __future__ import annotations

from typing import ClassVar

from kernel.errors import Refusal
from kernel.quantity import format_money

CREATED = "created"

#: code -> (HTTP status, English, Chinese) of each transfer that is refused.
RESULTS: dict[str, tuple[int, str, str]] = {
    "id_must_not_be_empty": (422, "its id is empty or over 64 characters", "编号为空或超过 64 个字符"),
    "id_reserved": (422, "its id has the form of one that settlement makes itself", "编号与结算自用编号的格式相同"),
    "kind_unknown": (422, "its kind is not posted, pending, post or void", "类型必须为 posted、pending、post 或 void"),
    "exists": (409, "it exists already, while others of the batch do not", "该笔已存在，而同批其他各笔尚不存在"),
    "exists_with_different_kind": (409, "the id is used by a transfer of another kind", "编号已被另一类型的转账使用"),
    "exists_with_different_pending_id": (409, "the id is used with another pending id", "编号已用于另一待定转账"),
    "exists_with_different_debit_account": (409, "the id is used with another debit account", "编号已用于另一借方账户"),
    "exists_with_different_credit_account": (
        409,
        "the id is used with another credit account",
        "编号已用于另一贷方账户",
    ),
    "exists_with_different_amount": (409, "the id is used with another amount", "编号已用于另一金额"),
    "exists_with_different_expiry": (409, "the id is used with another expiry", "编号已用于另一到期时间"),
    "exists_with_different_code": (409, "the id is used with another code", "编号已用于另一用途代码"),
    "exists_with_different_reference": (409, "the id is used with another reference", "编号已用于另一附言"),
    "debit_account_must_not_be_empty": (422, "it names no debit account", "未指明借方账户"),
    "credit_account_must_not_be_empty": (422, "it names no credit account", "未指明贷方账户"),
    "accounts_must_be_different": (422, "debit and credit account are the same", "借方与贷方账户相同"),
    "pending_id_must_be_empty": (
        422,
        "only a post or a void names a pending transfer",
        "只有过账或撤销才可指明待定转账",
    ),
    "pending_id_must_not_be_empty": (422, "a post or a void names its pending transfer", "过账或撤销必须指明待定转账"),
    "pending_id_must_be_different": (422, "it names itself as the pending transfer", "待定转账不能是其自身"),
    "expiry_reserved_for_pending": (422, "only a pending transfer expires", "只有待定转账才可设到期时间"),
    "expiry_must_be_in_the_future": (422, "it would have expired already", "到期时间已过"),
    "amount_must_not_be_zero": (422, "its amount is zero", "金额为零"),
    "amount_must_not_be_negative": (422, "its amount is negative", "金额为负"),
    "amount_over_maximum": (422, "its amount is over the largest of one transfer", "金额超过单笔上限"),
    "code_too_long": (422, "its code is empty or over 32 characters", "用途代码为空或超过 32 个字符"),
    "reference_too_long": (422, "its reference is over 140 characters", "附言超过 140 个字符"),
    "debit_account_not_found": (422, "there is no such debit account", "借方账户不存在"),
    "credit_account_not_found": (422, "there is no such credit account", "贷方账户不存在"),
    "pending_transfer_not_found": (422, "there is no such pending transfer", "待定转账不存在"),
    "pending_transfer_not_pending": (422, "what it names was never pending", "所指转账并非待定转账"),
    "pending_transfer_has_different_debit_account": (
        422,
        "the pending one has another debit account",
        "与待定转账的借方账户不同",
    ),
    "pending_transfer_has_different_credit_account": (
        422,
        "the pending one has another credit account",
        "与待定转账的贷方账户不同",
    ),
    "pending_transfer_has_different_code": (422, "the pending one has another code", "与待定转账的用途代码不同"),
    "pending_transfer_has_different_amount": (422, "a void is of the whole amount", "撤销必须为全额"),
    "exceeds_pending_transfer_amount": (422, "it is more than the pending amount", "超过待定金额"),
    "pending_transfer_already_posted": (409, "the pending transfer was posted before", "待定转账已过账"),
    "pending_transfer_already_voided": (409, "the pending transfer was voided before", "待定转账已撤销"),
    "pending_transfer_expired": (409, "the pending transfer has expired", "待定转账已到期"),
    "pending_transfer_reserved": (422, "that hold belongs to a load or to a withdrawal", "该冻结属于某车次或某笔出金"),
    "bank_account_reserved": (422, "the bank account moves by bank statements only", "银行账户只能由银行对账单变动"),
    "participant_debit_reserved": (
        422,
        "a participant's money leaves by trades and withdrawals only",
        "参与者资金只能经交易或出金转出",
    ),
    "exceeds_credits": (422, "the debit account would spend more than it has", "借方账户余额不足"),
    "exceeds_debits": (422, "the credit account would pay back more than it was given", "贷方账户超过其借方总额"),
}


class TransferRefused(Refusal):
    """A transfer of a batch is refused, and with it the batch."""

    code: ClassVar[str] = "transfer_refused"
    en = "Transfer {transfer_id} is refused."
    zh = "转账 {transfer_id} 被拒绝。"

    def __init__(self, index: int, transfer_id: str, shortfall_fen: int = 0) -> None:
        super().__init__(
            field=f"transfers.{index}",
            transfer_id=transfer_id[:64],
            index=index,
            shortfall=format_money(shortfall_fen),
        )


def _refusal(code: str, status: int, en: str, zh: str) -> type[TransferRefused]:
    name = "".join(word.capitalize() for word in code.split("_"))
    body = {
        "code": code,
        "status": status,
        "__module__": __name__,
        "__doc__": f"Refused because {en}.",
        "en": f"Transfer {{transfer_id}} is refused: {en}.",
        "zh": f"转账 {{transfer_id}} 被拒绝：{zh}。",
    }
    return type(name, (TransferRefused,), body)


#: The class of each result code.
REFUSALS: dict[str, type[TransferRefused]] = {code: _refusal(code, *row) for code, row in RESULTS.items()}


class BatchTooLarge(Refusal):
    """More transfers than one atomic batch takes, or none."""

    code = "batch_size"
    en = "A batch has from 1 to {limit} transfers, not {count}."
    zh = "一批转账须为 1 至 {limit} 笔，而不是 {count} 笔。"


class BooksNotOpen(Refusal):
    """The operator has not opened the books."""

    code, status = "books_not_open", 409
    en = "The books are not open yet."
    zh = "账簿尚未开立。"


class BooksOpenOtherwise(Refusal):
    """The books are open with another bank account."""

    code, status = "books_open_otherwise", 409
    en = "The books are open already, with other terms."
    zh = "账簿已按其他条件开立。"


class AccountIdRefused(Refusal):
    """An account that the operator opens is named ``book:NAME``."""

    code = "account_id"
    en = "An account of the operator's own is named book:NAME, with letters, digits and dashes."
    zh = "运营方自设账户须命名为 book:NAME，仅含字母、数字和连字符。"


class AccountExistsOtherwise(Refusal):
    """The account exists with other limits."""

    code, status = "account_exists_otherwise", 409
    en = "The account {account_id} exists with other limits."
    zh = "账户 {account_id} 已存在，且限额条件不同。"


class StatementOfAnotherAccount(Refusal):
    """The statement is of another bank account than the market's."""

    code = "statement_of_another_account"
    en = "The statement is of another account than {account_number}."
    zh = "该对账单不属于账户 {account_number}。"


class StatementDiffers(Refusal):
    """A statement with this reference was read before, with other content."""

    code, status = "statement_differs", 409
    en = "Statement {reference} was read before with other content."
    zh = "对账单 {reference} 已导入，但内容不同。"


class StatementGap(Refusal):
    """The opening balance is not the last closing balance."""

    code = "statement_gap"
    en = "The opening balance {opening} CNY is not the last closing balance {closing} CNY."
    zh = "期初余额 {opening} 元与上期期末余额 {closing} 元不符。"


class StatementSum(Refusal):
    """Opening balance and entries do not give the closing balance."""

    code = "statement_sum"
    en = "Opening balance and entries give {computed} CNY, the statement closes with {closing} CNY."
    zh = "期初余额加明细为 {computed} 元，与期末余额 {closing} 元不符。"


class StatementOutOfOrder(Refusal):
    """The statement ends before the last one did."""

    code = "statement_out_of_order"
    en = "The statement ends on {to_day}, before {closing_day}, the end of the last one."
    zh = "该对账单截至 {to_day}，早于上一份的截止日 {closing_day}。"


class StatementOverlaps(Refusal):
    """The statement begins before the last one ended."""

    code = "statement_overlaps"
    en = "The statement begins on {from_day}, before {closing_day}, the end of the last one: it has days read before."
    zh = "该对账单始于 {from_day}，早于上一份的截止日 {closing_day}，其中含已导入的日期。"


class StatementRepeated(Refusal):
    """The statement is the last one under another reference."""

    code, status = "statement_repeated", 409
    en = "Statement {reference} says, entry by entry, what {last} said: it is the same one under another reference."
    zh = "对账单 {reference} 与 {last} 逐条相同：系同一对账单的另一编号。"


class StatementInFuture(Refusal):
    """The statement ends on a day that has not come: taken, it would keep out every true one until then."""

    code = "statement_in_future"
    en = "The statement ends on {to_day}, and today is {today}."
    zh = "该对账单截至 {to_day}，而今天是 {today}。"


class StatementSize(Refusal):
    """Too many entries, or an entry with an amount that is none."""

    code = "statement_size"
    en = "A statement has at most {limit} entries, each of more than zero."
    zh = "对账单最多 {limit} 条明细，且每条金额必须大于零。"


class EntryNotOpen(Refusal):
    """The entry has an owner already."""

    code, status = "entry_not_open", 409
    en = "Entry {entry_id} is {state}: only an unmatched one can be assigned."
    zh = "明细 {entry_id} 的状态为 {state}，只有未匹配的明细才可指定归属。"


class EntryTargetRefused(Refusal):
    """An entry goes to a participant's cash, to the market or to a book account."""

    code = "entry_target"
    en = "An entry can be assigned to an open cash:, market or book: account, not to {account_id}."
    zh = "明细只能指定到已开立的 cash:、market 或 book: 账户，不能指定到 {account_id}。"


class NothingToPay(Refusal):
    """No withdrawal is approved, so there is nothing to put into a payment file."""

    code, status = "nothing_to_pay", 409
    en = "No withdrawal is approved: there is nothing to pay out."
    zh = "没有已批准的出金，无款可付。"


class NoPayoutAccount(Refusal):
    """The participant has named no bank account to be paid to."""

    code = "no_payout_account"
    en = "Set the bank account to be paid to first."
    zh = "请先登记收款银行账户。"


class WithdrawalAmount(Refusal):
    """An amount that is not positive or over the maximum."""

    code = "withdrawal_amount"
    en = "A withdrawal is of 0.01 to {limit} CNY."
    zh = "出金金额须为 0.01 至 {limit} 元。"


class WithdrawalExceedsFunds(Refusal):
    """The participant has less than it asks for."""

    code = "withdrawal_exceeds_funds"
    en = "The account is {shortfall} CNY short."
    zh = "账户可用余额差 {shortfall} 元。"


class WithdrawalExistsOtherwise(Refusal):
    """The client id belongs to another request."""

    code, status = "withdrawal_exists_otherwise", 409
    en = "The client id {client_id} belongs to {withdrawal_id}, which has other terms."
    zh = "客户编号 {client_id} 已用于 {withdrawal_id}，且内容不同。"


class WithdrawalStateRefused(Refusal):
    """The withdrawal's state does not allow the step."""

    code, status = "withdrawal_state", 409
    en = "Withdrawal {withdrawal_id} is {state}; it would have to be {needed}."
    zh = "出金 {withdrawal_id} 的状态为 {state}，须为 {needed}。"


class TransferNotDue(Refusal):
    """The pending transfer does not expire, or not yet."""

    code, status = "transfer_not_due", 409
    en = "Transfer {transfer_id} has not come to its expiry."
    zh = "转账 {transfer_id} 尚未到期。"
