"""What the exchange refuses, and the sentence that the caller reads.

NotFound
├── ProductNotFound          404
├── TraderNotFound           404
└── OrderNotOpen             404  no open order of this participant has the number
Conflict
├── ProductTermsFixed        409  the product is listed with other terms
└── MarketDayConflict        409  another day is open, or the day lies behind
Refusal
├── TermsInvalid             422  a product's terms contradict each other
├── AmountInvalid            422
├── CapacityBelowUse         422  less than what is reserved and consumed
├── CommitmentExceeded       422  more than what is committed
└── OrderRefused             422  an order or an amendment breaks a rule; a new order's rejection carries the code
    ├── NotAdmitted          not_admitted
    ├── TraderIsSuspended    suspended
    ├── ProductUnknown       unknown_product
    ├── ProductIsClosed      product_closed
    ├── MarketIsClosed       market_closed
    ├── RoleUnsuitable       role_unsuitable
    ├── PriceOutOfRange      price_out_of_range
    ├── PriceOffTick         price_off_tick
    ├── LoadsOutOfRange      loads_out_of_range
    ├── MoneyLimitExceeded   money_limit_exceeded
    └── CapacityExceeded     capacity_exceeded
"""

from __future__ import annotations

from kernel.errors import Conflict, NotFound, Refusal
from kernel.quantity import format_money


class ProductNotFound(NotFound):
    """No product with this id was ever listed."""

    code = "product_not_found"
    en = "There is no product {product_id}."
    zh = "不存在产品 {product_id}。"


class TraderNotFound(NotFound):
    """The participant was never admitted to trading."""

    code = "trader_not_found"
    en = "{participant_id} is not admitted to trading."
    zh = "{participant_id} 未获准交易。"


class OrderNotOpen(NotFound):
    """The participant has no open order with this number."""

    code = "order_not_open"
    en = "You have no open order O{order_id}."
    zh = "您没有编号为 O{order_id} 的未结订单。"


class ProductTermsFixed(Conflict):
    """A listed product keeps its terms."""

    code = "product_terms_fixed"
    en = "Product {product_id} is already listed with other terms."
    zh = "产品 {product_id} 已按其他条款挂牌。"


class MarketDayConflict(Conflict):
    """The market opens day after day, one at a time."""

    code = "market_day_conflict"
    en = "The market stands at {day} and cannot take {requested}."
    zh = "市场当前交易日为 {day}，不能处理 {requested}。"


class TermsInvalid(Refusal):
    """The terms of a product contradict each other or leave their range."""

    code = "terms_invalid"
    en = "The terms of the product do not hold: see {term}."
    zh = "产品条款不成立：请检查 {term}。"


class AmountInvalid(Refusal):
    """An amount of money or loads is outside what can be booked."""

    code = "amount_invalid"
    en = "The amount must lie between {low} and {high}."
    zh = "数值须在 {low} 与 {high} 之间。"


class CapacityBelowUse(Refusal):
    """Loads that are ordered or traded cannot be taken back."""

    code = "capacity_below_use"
    en = "{used} loads of the window are reserved or traded: the capacity is {shortfall} loads too small."
    zh = "该时段已有 {used} 车被预留或成交：产能还差 {shortfall} 车。"


class CommitmentExceeded(Refusal):
    """More would be released than is committed, or more spent than held."""

    code = "commitment_exceeded"
    en = "{committed} CNY is committed: {requested} CNY cannot be released."
    zh = "已占用 {committed} 元：无法释放 {requested} 元。"


class OrderRefused(Refusal):
    """An order or an amendment breaks a rule of the market."""

    code = "order_refused"
    en = "The order was refused."
    zh = "订单被拒绝。"


class NotAdmitted(OrderRefused):
    """The participant was never admitted to trading."""

    code = "not_admitted"
    en = "Your company is not admitted to trading."
    zh = "贵公司未获准交易。"


class TraderIsSuspended(OrderRefused):
    """The participant may not trade for now."""

    code = "suspended"
    en = "Your company is suspended from trading."
    zh = "贵公司已被暂停交易。"


class ProductUnknown(OrderRefused):
    """No product with this id was ever listed."""

    code = "unknown_product"
    en = "There is no such product."
    zh = "不存在该产品。"


class ProductIsClosed(OrderRefused):
    """Trading in the product ended."""

    code = "product_closed"
    en = "Trading in this product has ended."
    zh = "该产品已停止交易。"


class MarketIsClosed(OrderRefused):
    """Orders are taken while the market is open; cancels always."""

    code = "market_closed"
    en = "The market is closed; only cancels are taken."
    zh = "市场已闭市，仅受理撤单。"


class RoleUnsuitable(OrderRefused):
    """None of the participant's roles trades this side of the product."""

    code = "role_unsuitable"
    en = "None of your company's roles may take this side of the product."
    zh = "贵公司的角色不能在该产品的这一方向交易。"


class PriceOutOfRange(OrderRefused):
    """The price is zero, negative or over the product's highest."""

    code = "price_out_of_range"
    en = "The price must be above zero and not over the product's highest price."
    zh = "价格须大于零且不高于该产品的最高价。"


class PriceOffTick(OrderRefused):
    """The price is no whole number of ticks."""

    code = "price_off_tick"
    en = "The price is not a multiple of the product's price tick."
    zh = "价格不是该产品最小变动价位的整数倍。"


class LoadsOutOfRange(OrderRefused):
    """The loads are below one or over the product's highest."""

    code = "loads_out_of_range"
    en = "The loads must be at least one and not over the product's largest order."
    zh = "车数须至少为一且不超过该产品的单笔上限。"


class MoneyLimitExceeded(OrderRefused):
    """The buyer's free money does not cover the order."""

    code = "money_limit_exceeded"
    en = "The free trading limit is {shortfall} CNY short of what the order may cost."
    zh = "可用交易额度比订单最高金额少 {shortfall} 元。"


class CapacityExceeded(OrderRefused):
    """The seller's free loads in the window do not cover the order."""

    code = "capacity_exceeded"
    en = "The free capacity of the window is {shortfall} loads short of the order."
    zh = "该时段可用产能比订单少 {shortfall} 车。"


#: The rules for orders by the code that an OrderRejected event carries as its reason.
ORDER_REFUSALS: dict[str, type[OrderRefused]] = {
    refusal.code: refusal
    for refusal in (
        NotAdmitted,
        TraderIsSuspended,
        ProductUnknown,
        ProductIsClosed,
        MarketIsClosed,
        RoleUnsuitable,
        PriceOutOfRange,
        PriceOffTick,
        LoadsOutOfRange,
        MoneyLimitExceeded,
        CapacityExceeded,
    )
}


def order_refusal(reason: str, field: str, shortfall: int) -> OrderRefused:
    """The error that tells of an order's rejection. ``shortfall`` is fen for money, loads for capacity."""
    if reason == MoneyLimitExceeded.code:
        return MoneyLimitExceeded(field=field, shortfall=format_money(shortfall))
    if reason == CapacityExceeded.code:
        return CapacityExceeded(field=field, shortfall=shortfall)
    return ORDER_REFUSALS[reason](field=field)
