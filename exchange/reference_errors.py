"""What the exchange refuses of reference prices that the operator corrects.

Conflict
├── ReferencePriceInUse      409  the product trades by its reference price now
└── ReferencePriceOver       409  the product is closed
Refusal
└── ReferencePriceInvalid    422  no price that the product may have
"""

from __future__ import annotations

from kernel.errors import Conflict, Refusal


class ReferencePriceInUse(Conflict):
    """Orders are checked against the reference price of a product that trades: it stays until the product is halted."""

    code = "reference_price_in_use"
    en = "Product {product_id} trades by its reference price now: halt it first."
    zh = "产品 {product_id} 正按其参考价连续交易：请先暂停该产品。"


class ReferencePriceOver(Conflict):
    """Trading in the product is over, so nothing is measured from its reference price any more."""

    code = "reference_price_over"
    en = "Trading in product {product_id} is over: its reference price stays as it was."
    zh = "产品 {product_id} 已停止交易，其参考价不再变更。"


class ReferencePriceInvalid(Refusal):
    """A reference price lies among the prices that the product may have."""

    code = "reference_price_invalid"
    en = "The reference price must be above zero and not over {high} CNY/kg."
    zh = "参考价须大于零且不高于 {high} 元/千克。"
