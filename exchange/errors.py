"""What the exchange refuses, and the sentence that the caller reads; of recalls see `exchange.recall_errors`, of
capacities `exchange.capacity_errors`, of reference prices `exchange.reference_errors`.

NotFound
├── ProductNotFound          404
├── TraderNotFound           404
└── OrderNotOpen             404  no open order of this participant has the number
Conflict
├── ProductTermsFixed        409  the product is listed with other terms
├── MarketDayConflict        409  another day is open, or the day lies behind
├── PhaseUnsuitable          409  the product's phase does not lead there
└── PhaseIsFinal             409  no time ends the phase
Refusal
├── TermsInvalid             422  a product's terms contradict each other
├── AmountInvalid            422
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
    ├── CapacityExceeded     capacity_exceeded
    ├── TraderIsKilled         kill_switch
    ├── OrderRateExceeded      order_rate_exceeded
    ├── MarketIsHalted         market_halted
    ├── ProductIsPending       product_pending
    ├── ProductIsHalted        product_halted
    ├── ProductIsFrozen        product_frozen
    ├── NotInAuction           not_in_auction
    ├── PriceOutsideCollar     price_outside_collar
    ├── OptionsConflict        options_conflict
    ├── ExpiryInvalid          expiry_invalid
    ├── StopPriceInvalid       stop_price_invalid
    ├── BookIsFull             book_full
    ├── CounterpartyUnsuitable counterparty_unsuitable
    ├── AgreementTaken         agreement_taken
    ├── NoLiquidity            no_liquidity
    ├── WouldTrade             post_only_would_trade
    ├── BasketUnfilled         basket_unfilled
    ├── GroupRejected          group_rejected
    └── NotAmendable           not_amendable
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


class PhaseUnsuitable(Conflict):
    """The product's phase does not lead to the one that is asked for."""

    code = "phase_unsuitable"
    en = "The product is in the phase {phase}, which does not lead to {requested}."
    zh = "产品当前处于 {phase} 阶段，不能转入 {requested}。"


class PhaseIsFinal(Conflict):
    """Trading in the product is over, so no time ends that phase."""

    code = "phase_is_final"
    en = "The phase {phase} does not end: leave until out."
    zh = "{phase} 阶段不会结束：请不要填写 until。"


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


class TraderIsKilled(OrderRefused):
    """The participant's kill switch is pulled."""

    code = "kill_switch"
    en = "Your company's kill switch is pulled; only cancels are taken until it is released."
    zh = "贵公司的紧急停止开关已启动，解除前仅受理撤单。"


class OrderRateExceeded(OrderRefused):
    """More orders and amendments than the participant may send in 10 s, an hour or a day."""

    code = "order_rate_exceeded"
    en = "Your company has sent as many orders and amendments as it may for now."
    zh = "贵公司当前时段内的订单与改单数量已达上限。"


class MarketIsHalted(OrderRefused):
    """The market's kill switch is pulled."""

    code = "market_halted"
    en = "The market is halted; only cancels are taken."
    zh = "市场已暂停，仅受理撤单。"


class ProductIsPending(OrderRefused):
    """The product is listed and takes no orders yet."""

    code = "product_pending"
    en = "This product does not take orders yet."
    zh = "该产品尚未开始受理订单。"


class ProductIsHalted(OrderRefused):
    """The product is halted; cancels pass."""

    code = "product_halted"
    en = "This product is halted; only cancels are taken."
    zh = "该产品已暂停交易，仅受理撤单。"


class ProductIsFrozen(OrderRefused):
    """The product is frozen; its owner's cancels do not pass either, but what protects does: see `exchange.model`."""

    code = "product_frozen"
    en = "This product is frozen; nothing is taken, not even cancels. Only kill and dead-man switches still end orders."
    zh = "该产品已冻结，不受理任何请求，包括撤单；仅紧急停止开关与失联保护开关仍可终止订单。"


class NotInAuction(OrderRefused):
    """An auction takes only what can wait for its end."""

    code = "not_in_auction"
    en = "An auction does not take this: leave it out until the auction is over."
    zh = "集合竞价期间不受理此项，请待竞价结束后再使用。"


class PriceOutsideCollar(OrderRefused):
    """The price is too far from the reference price."""

    code = "price_outside_collar"
    en = "The price is further from the product's reference price than its collar allows."
    zh = "价格偏离该产品参考价超出允许范围。"


class OptionsConflict(OrderRefused):
    """Options that do not go together, or not with this kind of order."""

    code = "options_conflict"
    en = "This does not go together with the order's other terms."
    zh = "此项与订单的其他条款相冲突。"


class ExpiryInvalid(OrderRefused):
    """A time of expiry that lies behind, or beyond the year 2200."""

    code = "expiry_invalid"
    en = "The order's last moment must lie ahead."
    zh = "订单的有效期截止时刻须在将来。"


class StopPriceInvalid(OrderRefused):
    """A stop price outside the product's prices or off its tick."""

    code = "stop_price_invalid"
    en = "The stop price must be above zero, not over the product's highest price, and a multiple of its price tick."
    zh = "触发价须大于零、不高于该产品的最高价，且为最小变动价位的整数倍。"


class BookIsFull(OrderRefused):
    """As many orders wait beside the book as it keeps."""

    code = "book_full"
    en = "As many stops, all-or-none and pre-arranged orders wait in this product as it keeps."
    zh = "该产品等待触发的订单数量已达上限。"


class CounterpartyUnsuitable(OrderRefused):
    """The counterparty of a pre-arranged trade cannot trade, or is the participant itself."""

    code = "counterparty_unsuitable"
    en = "The counterparty cannot trade, or is your own company."
    zh = "对手方不能交易，或为贵公司自身。"


class AgreementTaken(OrderRefused):
    """The same side of the same pre-arranged trade is entered already."""

    code = "agreement_taken"
    en = "Your side of this agreement is entered already."
    zh = "贵方在该协议中的一侧已录入。"


class NoLiquidity(OrderRefused):
    """A market order finds nobody on the other side."""

    code = "no_liquidity"
    en = "There is nobody on the other side whom a market order could trade with."
    zh = "对手方没有可供市价单成交的订单。"


class WouldTrade(OrderRefused):
    """A post-only order would trade on entry."""

    code = "post_only_would_trade"
    en = "The order is post-only and would trade at this price."
    zh = "该订单为仅挂单，但此价格会立即成交。"


class BasketUnfilled(OrderRefused):
    """A basket's orders cannot all be filled at once."""

    code = "basket_unfilled"
    en = "Not all orders of the basket can be filled at once, so none was."
    zh = "组合中的订单无法同时全部成交，故全部未成交。"


class GroupRejected(OrderRefused):
    """Another order of the same group is refused."""

    code = "group_rejected"
    en = "Another order of the group is refused, so none of them was placed."
    zh = "同组中有其他订单被拒绝，故全部未受理。"


class NotAmendable(OrderRefused):
    """The order is of a kind that cannot be changed so."""

    code = "not_amendable"
    en = "An order of this kind cannot be changed so: cancel it and place another."
    zh = "此类订单不能这样更改：请撤单后重新下单。"


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
        TraderIsKilled,
        OrderRateExceeded,
        MarketIsHalted,
        ProductIsPending,
        ProductIsHalted,
        ProductIsFrozen,
        NotInAuction,
        PriceOutsideCollar,
        OptionsConflict,
        ExpiryInvalid,
        StopPriceInvalid,
        BookIsFull,
        CounterpartyUnsuitable,
        AgreementTaken,
        NoLiquidity,
        WouldTrade,
        BasketUnfilled,
        GroupRejected,
        NotAmendable,
    )
}


def shortfall_of(reason: str, shortfall: int) -> str | int | None:
    """What a limit lacked, as the refusal's parameter says it: money as text, loads as a number; None for others."""
    if reason == MoneyLimitExceeded.code:
        return format_money(shortfall)
    return shortfall if reason == CapacityExceeded.code else None


def order_refusal(reason: str, field: str, shortfall: int) -> OrderRefused:
    """The error that tells of an order's rejection. ``shortfall`` is fen for money, loads for capacity."""
    lacking = shortfall_of(reason, shortfall)
    if lacking is not None:
        return ORDER_REFUSALS[reason](field=field, shortfall=lacking)
    return ORDER_REFUSALS[reason](field=field or None)  # no field is at fault for a market that is closed
