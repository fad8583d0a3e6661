"""What the exchange refuses about recalls.

NotFound
├── TradeNotFound          404  no trade of this participant has the number
└── RecallNotOpen          404  nobody asks for the trade back, or the time to decide is over
Conflict
├── TradeIsContested       409  a recall of the trade is under way, or done
└── RecallUnsuitable       409  the recall is not at the step that is asked for
Refusal
├── RecallWindowOver       422  the trade was made too long ago
├── RecallNeedsOtherEyes   422  the key that approved would confirm too
├── RecallByParty          422  who traded would decide
└── RecallOfAnother        422  who did not ask would take the request back
"""

from __future__ import annotations

from kernel.errors import Conflict, NotFound, Refusal


class TradeNotFound(NotFound):
    """There is no such trade, or the caller is no party to it."""

    code = "trade_not_found"
    en = "You have no trade T{trade_id}."
    zh = "您没有编号为 T{trade_id} 的成交。"


class RecallNotOpen(NotFound):
    """No recall of the trade waits for a decision."""

    code = "recall_not_open"
    en = "No recall of T{trade_id} waits for a decision."
    zh = "T{trade_id} 没有待决定的撤销申请。"


class TradeIsContested(Conflict):
    """One recall at a time, and none of a trade that is undone."""

    code = "trade_contested"
    en = "The trade T{trade_id} is {state} already."
    zh = "成交 T{trade_id} 的状态已为 {state}。"


class RecallUnsuitable(Conflict):
    """The recall is at another step."""

    code = "recall_unsuitable"
    en = "The recall of T{trade_id} is {state}; this takes one that is {expected}."
    zh = "T{trade_id} 的撤销申请状态为 {state}；此操作要求其为 {expected}。"


class RecallWindowOver(Refusal):
    """Too late: others have acted on the trade by now."""

    code = "recall_window_over"
    en = "A recall of T{trade_id} could be asked for until {until}."
    zh = "T{trade_id} 的撤销申请须在 {until} 之前提出。"


class RecallNeedsOtherEyes(Refusal):
    """Four eyes: two people of the operator, each with a key of their own."""

    code = "recall_needs_other_eyes"
    en = "This key approved the recall of T{trade_id}: another one of the operator's must confirm it."
    zh = "此密钥已批准 T{trade_id} 的撤销：须由运营方的另一密钥确认。"


class RecallByParty(Refusal):
    """Nobody decides about a trade of its own company."""

    code = "recall_by_party"
    en = "This key belongs to a party to the trade T{trade_id}, which cannot decide about its recall."
    zh = "此密钥属于成交 T{trade_id} 的当事方，不能决定其撤销。"


class RecallOfAnother(Refusal):
    """A request is taken back by the company that made it; the others have their own say, or the operator's."""

    code = "recall_of_another"
    en = "The recall of T{trade_id} was asked for by another company: only that one withdraws it."
    zh = "T{trade_id} 的撤销由另一企业申请：仅申请企业可撤回。"
