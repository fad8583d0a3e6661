"""The rules that an order must keep, asked in a fixed order; the first that says no is the answer.

    who         admitted, not suspended, kill switch released, not too many orders
    where       a listed product, the market open, a phase that takes such an order, a role that trades its side
    what        price, tick, collar, loads, and options that go together
    how much    the limit covers it

A breach is the code of the broken rule, the field at fault, and what a limit lacks. Nothing is changed here.
"""

from __future__ import annotations

from exchange import errors as x
from exchange.account import Account
from exchange.book import Book
from exchange.implied import best_implied, implied_before, implies_offers
from exchange.model import ASIDE_ORDERS_MAX, BASIS_POINTS, NEVER, Order, OrderOptions, OrderTerms, Phase
from exchange.state import ExchangeState

Breach = tuple[str, str, int]

_PHASES: dict[Phase, str] = {
    "pending": x.ProductIsPending.code,
    "halted": x.ProductIsHalted.code,
    "frozen": x.ProductIsFrozen.code,
}


def access_breach(
    state: ExchangeState, account: Account, book: Book | None, terms: OrderTerms, at: int, orders: int = 1,
    enters: bool = True,
) -> Breach | None:  # fmt: skip
    """Why this participant may not send such an order, one of so many, now; or, if none ``enters``, amend it."""
    if account.blocked:
        return account.blocked, "", 0
    if account.pace.room(at) < orders:
        return x.OrderRateExceeded.code, "", 0
    if book is None:
        closed = terms.product_id in state.products
        return x.ProductIsClosed.code if closed else x.ProductUnknown.code, "product_id", 0
    if not state.market.is_open:
        return x.MarketIsClosed.code, "", 0
    if state.market.halted:
        return x.MarketIsHalted.code, "", 0
    if not book.continuous:
        breach = phase_breach(book, terms, enters)
        if breach is not None:
            return breach
    if book.commodity not in (account.buys if terms.side == "buy" else account.sells):
        return x.RoleUnsuitable.code, "side", 0
    return None


def phase_breach(book: Book, terms: OrderTerms, enters: bool) -> Breach | None:
    """Why the book takes no such order in its phase. An auction takes what can wait for its end, as all that is in the
    book already can."""
    phase = book.product.phase
    if phase in _PHASES:
        return _PHASES[phase], "product_id", 0
    if not enters:
        return None
    if terms.time_in_force in ("ioc", "fok"):
        return x.NotInAuction.code, "time_in_force", 0
    options = terms.options
    if options is None:
        return None
    if options.order_type in ("market", "stop"):
        return x.NotInAuction.code, "order_type", 0
    for field in ("post_only", "minimum_loads", "agreement"):
        if getattr(options, field):
            return x.NotInAuction.code, field, 0
    return None


def terms_breach(book: Book, price: int, loads: int) -> Breach | None:
    """Which of the product's terms a price or a total breaks."""
    product = book.product
    if not book.low <= price <= book.high:
        outside = price <= 0 or price > product.price_max_fen
        return x.PriceOutOfRange.code if outside else x.PriceOutsideCollar.code, "price", 0
    if price % product.price_tick_fen:
        return x.PriceOffTick.code, "price", 0
    if loads < 1 or loads > product.loads_max:
        return x.LoadsOutOfRange.code, "loads", 0
    return None


def limit_breach(account: Account, book: Book, order: Order, needed: int) -> Breach | None:
    """What the limit lacks of the fen or loads that are needed."""
    if needed <= 0:
        return None
    if order.terms.side == "buy":
        free = account.money.free()
        return (x.MoneyLimitExceeded.code, "loads", needed - free) if needed > free else None
    capacity = book.sellers.get(order.participant_id)
    free = 0 if capacity is None else capacity.free()
    return (x.CapacityExceeded.code, "loads", needed - free) if needed > free else None


def options_breach(state: ExchangeState, book: Book, participant_id: str, terms: OrderTerms, at: int) -> Breach | None:
    """Which option is no option of such an order."""
    options = terms.options
    assert options is not None
    field = _misfit(book, terms, options)
    if field:
        return x.OptionsConflict.code, field, 0
    if (terms.time_in_force == "gtd") != bool(options.expires_at):
        return x.OptionsConflict.code, "expires_at", 0
    if options.expires_at and not at < options.expires_at < NEVER:
        return x.ExpiryInvalid.code, "expires_at", 0
    stop = options.stop_price_fen_per_kg
    if stop and (not 0 < stop <= book.product.price_max_fen or stop % book.product.price_tick_fen):
        return x.StopPriceInvalid.code, "stop_price", 0
    waits = bool(stop or options.all_or_none or options.agreement)
    if waits and book.aside >= ASIDE_ORDERS_MAX:
        return x.BookIsFull.code, "product_id", 0
    return _agreement_breach(state, book, participant_id, terms, options) if options.agreement else None


def _misfit(book: Book, terms: OrderTerms, options: OrderOptions) -> str:
    """The field of an option that contradicts another, "" if none does."""
    at_once = terms.time_in_force in ("ioc", "fok")
    stop = options.order_type in ("stop", "stop_limit")
    alone = options.agreement or options.hibernated
    fits = {
        "price": (terms.price_fen_per_kg == 0) == (options.order_type in ("market", "stop")),
        "stop_price": bool(options.stop_price_fen_per_kg) == stop,
        "minimum_loads": 0 <= options.minimum_loads <= terms.loads and not (options.minimum_loads and (stop or alone)),
        "all_or_none": not (options.all_or_none and (at_once or options.minimum_loads or options.display_loads)),
        "post_only": not (options.post_only and (at_once or stop or options.order_type == "market" or alone
                                                 or options.minimum_loads or options.all_or_none)),
        "display_loads": 0 <= options.display_loads <= terms.loads and not (options.display_loads and at_once),
        "clip_price_change": 0 <= options.clip_price_change_fen <= book.product.price_max_fen
        and options.clip_price_change_fen % book.product.price_tick_fen == 0
        and not (options.clip_price_change_fen and not options.display_loads),
        "hibernated": not (options.hibernated and (at_once or stop or options.order_type == "market")),
        "agreement": bool(options.agreement) == bool(options.counterparty_id),
        "counterparty_id": not (options.agreement and (at_once or stop or options.order_type == "market"
                                                       or options.hibernated or options.all_or_none
                                                       or options.display_loads)),
    }  # fmt: skip
    return next((field for field, fit in fits.items() if not fit), "")


def _agreement_breach(
    state: ExchangeState, book: Book, participant_id: str, terms: OrderTerms, options: OrderOptions
) -> Breach | None:
    other = state.accounts.get(options.counterparty_id)
    if options.counterparty_id == participant_id or other is None or other.blocked:
        return x.CounterpartyUnsuitable.code, "counterparty_id", 0
    buyer, seller = participant_id, options.counterparty_id
    if terms.side == "sell":
        buyer, seller = seller, buyer
    key = (terms.side, options.agreement, buyer, seller, terms.price_fen_per_kg, terms.loads)
    return (x.AgreementTaken.code, "agreement", 0) if key in book.agreements else None


def protected_price(book: Book, participant_id: str, terms: OrderTerms, at: int) -> int:
    """The limit of an order that names none: so far through the best price, or through its stop, as the product says.

    An implied price can be the best.

    0 where nobody stands on the other side.
    """
    options = terms.options
    assert options is not None
    buys = terms.side == "buy"
    start = options.stop_price_fen_per_kg
    if options.order_type == "market":
        first = (book.asks if buys else book.bids).first(at)
        implied = best_implied(book, participant_id, at) if buys == implies_offers(book) else None
        prices = [one.price_fen_per_kg for one in (first, implied) if one is not None]
        start = (min(prices) if buys else max(prices)) if prices else 0
    if not start:
        return 0
    tick = book.product.price_tick_fen
    width = start * book.product.protection_bps // BASIS_POINTS
    if buys:
        price = min(start + width, book.high)
        return price - price % tick
    price = max(start - width, book.low)
    return price + -price % tick


def entry_breach(
    state: ExchangeState, account: Account, book: Book | None, participant_id: str, terms: OrderTerms, at: int
) -> tuple[Breach | None, int]:
    """The rule that an order breaks before its limit is asked, and the price that holds for it."""
    price = terms.price_fen_per_kg
    breach = access_breach(state, account, book, terms, at)
    if breach is not None:
        return breach, price
    assert book is not None
    if terms.options is not None:
        breach = options_breach(state, book, participant_id, terms, at)
        if breach is not None:
            return breach, price
        if not price:
            price = protected_price(book, participant_id, terms, at)
            if not price:
                return (x.NoLiquidity.code, "order_type", 0), price
    elif terms.time_in_force == "gtd":
        return (x.OptionsConflict.code, "expires_at", 0), price
    return terms_breach(book, price, terms.loads), price


def needs_breach(account: Account, book: Book, order: Order, at: int) -> Breach | None:
    """What the limit lacks of an order, or that it would trade though it must not."""
    options = order.terms.options
    if options is not None:
        if options.hibernated:
            return None
        if options.post_only and would_trade(book, order, at):
            return x.WouldTrade.code, "price", 0
    needed = order.loads
    if order.terms.side == "buy":
        needed *= order.price_fen_per_kg * book.mass_kg
    return limit_breach(account, book, order, needed)


def would_trade(book: Book, order: Order, at: int) -> bool:
    """Whether an order's price meets the other side, directly or through what is implied."""
    ladder = book.asks if order.terms.side == "buy" else book.bids
    first = ladder.first(at)
    if first is not None and first.price_fen_per_kg * ladder.sign >= order.price_fen_per_kg * ladder.sign:
        return True
    return implied_before(book, order, None, at) is not None
