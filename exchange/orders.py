"""The life of an order, from its placing to its end.

                     place
                       |  rules: refused, or taken and its limit reserved
         hibernate     v
    suspended <---- waiting aside (stop, all-or-none, agreement) ----+
         |             |  elected                                    |  the other side can fill it, or answers
         |  activate   v                                             v
         +---------> trade with what rests, best price first ---> filled
                       |
                       v  what is left rests, or ends (IOC, FOK, market, own order met, volatility)
                     rest in the book ---> filled, cancelled, expired

Once no rule says no, nothing can fail any more, and each event takes its effect as it is made: these are the hot
commands. An incoming order trades before it rests, so one that is filled at once never enters the book. After every
command that traded or placed, the orders that wait aside are looked at: that is `aftermath`.
"""

from __future__ import annotations

from heapq import heappush

from exchange import errors as x
from exchange.book import Book, agreement_of
from exchange.commands import (
    ActivateOrder,
    AmendOrder,
    CancelOrder,
    CancelOrders,
    HibernateOrder,
    PlaceBasket,
    PlaceOrder,
)
from exchange.events import (
    OrderActivated,
    OrderAmended,
    OrderCancelled,
    OrderElected,
    OrderHibernated,
    OrderPlaced,
    OrderRejected,
    PhaseChanged,
    Traded,
)
from exchange.implied import best_implied, implies_offers
from exchange.matching import Left, cancel, fillable, implied_before, meet_own, trade
from exchange.model import NEVER, CancelReason, Order, OrderTerms
from exchange.rules import (
    Breach,
    access_breach,
    is_sound,
    limit_breach,
    options_breach,
    protected_price,
    terms_breach,
)
from exchange.state import (
    EFFECTS,
    Account,
    ExchangeState,
    end_order,
    lift,
    new_order,
    order_cancelled,
    order_rejected,
)
from kernel.messages import Event

MICROS_PER_S = 1_000_000


def place_order(state: ExchangeState, command: PlaceOrder, at: int, seq: int) -> list[Event]:
    """The order's placing with what follows from it, or its rejection. ``seq`` becomes its number."""
    participant_id, terms = command.participant_id, command.terms
    account = state.accounts.get(participant_id)
    if account is None:
        account = state.account(participant_id)
    book = state.books.get(terms.product_id)
    if terms.options is None and book is not None and is_sound(state, account, book, participant_id, terms, at):
        price = terms.price_fen_per_kg
        placed = OrderPlaced(seq, participant_id, command.key_id, price, terms)
        loads = terms.loads
        # As `new_order` makes it.
        order = Order(
            seq, participant_id, command.key_id, terms, price, loads, loads, loads, 0, NEVER, at, at, seq
        )  # fmt: skip
    else:
        breach, price = _breach(state, account, book, participant_id, terms, at)
        placed = OrderPlaced(seq, participant_id, command.key_id, price, terms)
        order = new_order(placed, at, seq)
        if breach is None:
            assert book is not None
            breach = _limit_or_post_breach(account, book, order)
        if breach is not None:
            rejected = OrderRejected(seq, participant_id, command.key_id, terms, *breach)
            order_rejected(state, rejected, at, seq)
            return [rejected]
    assert book is not None
    pace = account.pace
    if at < pace.ends_at:
        pace.used += 1
    else:
        pace.count(at)
    state.changes.orders[seq] = order
    events: list[Event] = [placed]
    if not order.ended:
        state.reserve(order, book, order.open_loads, seq)
    if terms.options is None and book.continuous:
        _trade_and_rest(state, book, account, order, at, seq, events)
    else:
        _enter(state, book, account, order, at, seq, events)
    if book.aside or book.routes:
        aftermath(state, book, at, seq, events)
    return events


def _breach(
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
            price = protected_price(book, terms)
            if not price:
                return (x.NoLiquidity.code, "order_type", 0), price
    return terms_breach(book, price, terms.loads), price


def _limit_or_post_breach(account: Account, book: Book, order: Order) -> Breach | None:
    """What the limit lacks of an order, or that it would trade though it must not."""
    options = order.terms.options
    if options is not None:
        if options.hibernated:
            return None
        if options.post_only and _would_trade(book, order):
            return x.WouldTrade.code, "price", 0
    needed = order.loads
    if order.terms.side == "buy":
        needed *= order.price_fen_per_kg * book.mass_kg
    return limit_breach(account, book, order, needed)


def _would_trade(book: Book, order: Order) -> bool:
    """Whether an order's price meets the other side, directly or through what is implied."""
    ladder = book.asks if order.terms.side == "buy" else book.bids
    limit = order.price_fen_per_kg * ladder.sign
    if ladder.keys and ladder.keys[-1] >= limit:
        return True
    if not book.routes or (order.terms.side == "buy") != implies_offers(book):
        return False
    implied = best_implied(book)
    return implied is not None and implied.price_fen_per_kg * ladder.sign >= limit


def _enter(
    state: ExchangeState, book: Book, account: Account, order: Order, at: int, seq: int, events: list[Event]
) -> None:
    """What becomes of a new order: it sleeps, waits, or trades and rests. Its limit is reserved, unless it sleeps."""
    options = order.terms.options
    if options is not None:
        if order.expires_at < NEVER:
            heappush(state.expiring, (order.expires_at, order.id))
        if order.ended:
            state.orders[order.id] = order
            return
        if options.agreement:
            _agree(state, book, order, at, seq, events)
            return
        if options.stop_price_fen_per_kg or options.all_or_none:
            state.orders[order.id] = order
            book.keep(order)
            return
    if book.continuous:
        _trade_and_rest(state, book, account, order, at, seq, events)
    else:
        _join_auction(state, book, account, order, at, seq, events)


def _trade_and_rest(
    state: ExchangeState, book: Book, account: Account, order: Order, at: int, seq: int, events: list[Event]
) -> None:
    """Trades an order that is in no book, then puts what is open of it there, or ends it."""
    terms = order.terms
    if terms.side == "buy":
        own_side, other_side = book.bids, book.asks
    else:
        own_side, other_side = book.asks, book.bids
    left: Left = ""
    if terms.options is not None or terms.time_in_force == "fok":
        left = _cannot_begin(book, account, order, at)
    keys = other_side.keys
    if not left and ((keys and keys[-1] >= order.price_fen_per_kg * other_side.sign) or book.routes):
        left = trade(state, book, account, order, at, seq, events)
        if order.open_loads == 0:
            return
    if left == "volatility":
        _interrupt(state, book, at, seq, events)
        if terms.time_in_force not in ("ioc", "fok"):
            _join_auction(state, book, account, order, at, seq, events)
            return
    if terms.time_in_force == "ioc":
        left = left or "ioc"
    if left:
        _end(state, book, order, left, at, seq, events)
    else:
        state.orders[order.id] = order
        own_side.place(order)


def _cannot_begin(book: Book, account: Account, order: Order, at: int) -> Left:
    """Why an order that asks for all, or for so much, at once does not even begin to trade."""
    terms = order.terms
    assert account.trader is not None
    mode = account.trader.self_trade_mode
    if terms.time_in_force == "fok" and not fillable(book, order, mode, order.open_loads, at):
        return "fok"
    options = terms.options
    wanted = 0 if options is None else min(options.minimum_loads, order.open_loads)
    if wanted and not order.executed_loads and not fillable(book, order, mode, wanted, at):
        return "minimum"
    return ""


def _end(
    state: ExchangeState, book: Book, order: Order, reason: CancelReason, at: int, seq: int, events: list[Event]
) -> None:
    """Ends an order that is in no book."""
    ended = OrderCancelled(order.id, order.open_loads, reason)
    end_order(state, book, order, ended, at, seq + len(events))
    events.append(ended)


def _interrupt(state: ExchangeState, book: Book, at: int, seq: int, events: list[Event]) -> None:
    """Halts a book that would trade too far from its reference price into an auction."""
    until = at + book.product.auction_s * MICROS_PER_S
    changed = PhaseChanged(book.product.id, "auction", "volatility", until)
    EFFECTS[PhaseChanged](state, changed, at, seq + len(events))
    events.append(changed)


def _join_auction(
    state: ExchangeState, book: Book, account: Account, order: Order, at: int, seq: int, events: list[Event]
) -> None:
    """Puts an order into a book that collects, once it cannot meet one of its own there."""
    ladder = book.asks if order.terms.side == "buy" else book.bids
    limit = order.price_fen_per_kg * ladder.sign
    own = [
        resting
        for level in ladder.best_first()
        if level.price * ladder.sign >= limit
        for resting in level.queue
        if resting.resting and resting.participant_id == order.participant_id
    ]
    for resting in own:
        left = meet_own(state, book, account, order, resting, at, seq, events)
        if left:
            _end(state, book, order, left, at, seq, events)
            return
    state.orders[order.id] = order
    book.keep(order)


def _agree(state: ExchangeState, book: Book, order: Order, at: int, seq: int, events: list[Event]) -> None:
    """Lets a pre-arranged order wait for its counterparty's, or trade with it if that is there."""
    state.orders[order.id] = order
    book.keep(order)
    side, *terms = agreement_of(order)
    waiting = book.agreements.get(("sell" if side == "buy" else "buy", *terms))  # type: ignore[arg-type]
    if waiting is None or waiting.expires_at <= at:
        return
    buy, sell = (order, waiting) if side == "buy" else (waiting, order)
    traded = Traded(
        seq + len(events), book.product.id, order.price_fen_per_kg, order.open_loads, buy.participant_id,
        sell.participant_id, buy.id, sell.id, 0,
    )  # fmt: skip
    EFFECTS[Traded](state, traded, at, traded.trade_id)
    events.append(traded)


# --- what follows


def aftermath(state: ExchangeState, book: Book, at: int, seq: int, events: list[Event]) -> None:
    """Looks at what waits beside a book that changed, and beside those that its routes touch, until all is quiet."""
    if not state.market.is_open or state.market.halted:
        return
    books = {
        part.product.id: part for route in book.routes for part in (route.ex_works, route.haulage, route.delivered)
    }
    books[book.product.id] = book
    steps = (_elect, _fill_one, _cross_route)
    while any(step(state, one, at, seq, events) for one in books.values() for step in steps):
        pass


def settle_all(state: ExchangeState, at: int, seq: int, events: list[Event]) -> None:
    """Looks at what waits beside all books, after something that may have changed any of them."""
    for book in list(state.books.values()):
        if book.aside or (book.routes and book.product.kind == "delivered"):
            aftermath(state, book, at, seq, events)


def _elect(state: ExchangeState, book: Book, at: int, seq: int, events: list[Event]) -> bool:
    """Lets the first stop that the last trade's price reached into the market."""
    if not book.continuous or not book.last_price:
        return False
    for side, sign in (("buy", 1), ("sell", -1)):
        stops = book.stops["buy" if side == "buy" else "sell"]
        if stops and stops[0][0] <= book.last_price * sign:
            order = state.orders[stops[0][1]]
            if order.expires_at <= at:
                cancel(state, order, "expired", at, seq, events)
                return True
            elected = OrderElected(order.id)
            EFFECTS[OrderElected](state, elected, at, seq + len(events))
            events.append(elected)
            if order.resting:
                _enter_again(state, book, order, at, seq, events)
            return True
    return False


def _enter_again(state: ExchangeState, book: Book, order: Order, at: int, seq: int, events: list[Event]) -> None:
    """Lets an order that came to rest without trading trade first."""
    order = lift(state, book, order)
    del state.orders[order.id]
    account = state.accounts[order.participant_id]
    if book.continuous:
        _trade_and_rest(state, book, account, order, at, seq, events)
    else:
        _join_auction(state, book, account, order, at, seq, events)


def _fill_one(state: ExchangeState, book: Book, at: int, seq: int, events: list[Event]) -> bool:
    """Trades the first all-or-none order that the other side can fill whole."""
    if not book.continuous:
        return False
    for side in ("buy", "sell"):
        ladder = book.asks if side == "buy" else book.bids
        best = ladder.keys[-1] if ladder.keys else None
        for key, order_id in book.whole["buy" if side == "buy" else "sell"]:
            if best is None or best < -key:
                break
            order = state.orders[order_id]
            account = state.accounts[order.participant_id]
            assert account.trader is not None
            mode = account.trader.self_trade_mode
            if order.expires_at <= at or not fillable(book, order, mode, order.open_loads, at, implied=False):
                continue
            book.drop(order)
            del state.orders[order.id]
            trade(state, book, account, order, at, seq, events)
            assert order.open_loads == 0, f"order {order.id} is all or none and has {order.open_loads} left"
            return True
    return False


def _cross_route(state: ExchangeState, book: Book, at: int, seq: int, events: list[Event]) -> bool:
    """Trades the best delivered bid where routes came to cross it without an order coming in: a cancel can uncover an
    offer, an auction can end."""
    if book.product.kind != "delivered" or not book.routes or not book.continuous or not book.bids.keys:
        return False
    order = book.bids.head()
    if order.expires_at <= at:
        cancel(state, order, "expired", at, seq, events)
        return True
    if implied_before(book, order, None) is None:
        return False
    _enter_again(state, book, order, at, seq, events)
    return True


# --- what its owner asks of it later


def cancel_order(state: ExchangeState, command: CancelOrder, at: int, seq: int) -> list[Event]:
    """Raises OrderNotOpen, or ProductIsFrozen."""
    order = state.orders.get(command.order_id)
    if order is None or order.participant_id != command.participant_id:
        raise x.OrderNotOpen(field="order_id", order_id=command.order_id)
    book = state.books[order.terms.product_id]
    if not book.continuous and book.product.phase == "frozen":
        raise x.ProductIsFrozen(field="order_id")
    event = OrderCancelled(order.id, order.open_loads, "requested")
    order_cancelled(state, event, at, seq)
    if not book.routes:
        return [event]
    events: list[Event] = [event]
    aftermath(state, book, at, seq, events)
    return events


def cancel_orders(state: ExchangeState, command: CancelOrders, at: int, seq: int) -> list[Event]:
    """Cancels what fits, oldest first; what is frozen stays."""
    events: list[Event] = []
    named = (state.orders[order_id] for order_id in command.order_ids if order_id in state.orders)
    fitting = [
        order
        for order in (named if command.order_ids else state.orders.values())
        if order.participant_id == command.participant_id
        and command.product_id in ("", order.terms.product_id)
        and command.side in (None, order.terms.side)
        and command.key_id in ("", order.key_id)
        and (not command.on_disconnect_only or _ends_on_disconnect(order))
        and state.books[order.terms.product_id].product.phase != "frozen"
    ]
    for order in sorted(fitting, key=lambda one: one.id):
        cancel(state, order, command.reason, at, seq, events)
    if events:
        settle_all(state, at, seq, events)
    return events


def _ends_on_disconnect(order: Order) -> bool:
    options = order.terms.options
    return options is not None and options.cancel_on_disconnect


def amend_order(state: ExchangeState, command: AmendOrder, at: int, seq: int) -> list[Event]:
    """Raises OrderNotOpen, or an OrderRefused that names the broken rule."""
    order = _own_order(state, command.participant_id, command.order_id)
    book = state.books[order.terms.product_id]
    account = state.accounts[order.participant_id]
    price = order.price_fen_per_kg if command.price_fen_per_kg is None else command.price_fen_per_kg
    loads = order.loads if command.loads is None else command.loads
    _check_amendment(state, account, book, order, price, loads, at)
    events: list[Event] = []
    if loads <= order.executed_loads:
        cancel(state, order, "amended_below_executed", at, seq, events)
        return events
    keeps_priority = price == order.price_fen_per_kg and loads <= order.loads
    amended = OrderAmended(order.id, price, loads, keeps_priority)
    EFFECTS[OrderAmended](state, amended, at, seq)
    events.append(amended)
    order = state.orders[order.id]
    if not keeps_priority and order.resting:
        _enter_again(state, book, order, at, seq, events)
    if book.aside or book.routes:
        aftermath(state, book, at, seq, events)
    return events


def _check_amendment(
    state: ExchangeState, account: Account, book: Book, order: Order, price: int, loads: int, at: int
) -> None:
    """Raises the rule that the new terms break; a total at or below what is executed needs no limit."""
    terms, options = order.terms, order.terms.options
    breach = access_breach(state, account, book, terms, at)
    if breach is None and loads < 0:
        breach = x.LoadsOutOfRange.code, "loads", 0
    if breach is None and options is not None:
        if options.agreement:
            breach = x.NotAmendable.code, "order_id", 0
        elif options.post_only and book.continuous and price != order.price_fen_per_kg:
            moved = new_order(OrderPlaced(order.id, order.participant_id, order.key_id, price, terms), at, order.id)
            breach = (x.WouldTrade.code, "price", 0) if _would_trade(book, moved) else None
    if breach is None:
        breach = terms_breach(book, price, max(1, loads))
    if breach is None and not order.ended:
        open_loads = loads - order.executed_loads
        more = open_loads - order.open_loads
        if terms.side == "buy":
            more = (open_loads * price - order.open_loads * order.price_fen_per_kg) * book.mass_kg
        breach = limit_breach(account, book, order, more)
    if breach is not None:
        raise x.order_refusal(*breach)


def hibernate_order(state: ExchangeState, command: HibernateOrder, at: int, seq: int) -> list[Event]:
    """Raises OrderNotOpen, or NotAmendable for what cannot sleep."""
    order = _own_order(state, command.participant_id, command.order_id)
    if order.ended:
        return []
    book = state.books[order.terms.product_id]
    options = order.terms.options
    if book.product.phase == "frozen":
        raise x.ProductIsFrozen(field="order_id")
    if options is not None and (options.agreement or (options.stop_price_fen_per_kg and not order.elected)):
        raise x.NotAmendable(field="order_id")
    event = OrderHibernated(order.id)
    EFFECTS[OrderHibernated](state, event, at, seq)
    return [event]


def activate_order(state: ExchangeState, command: ActivateOrder, at: int, seq: int) -> list[Event]:
    """Raises OrderNotOpen, or an OrderRefused that names the broken rule: it must hold what a new order holds."""
    order = _own_order(state, command.participant_id, command.order_id)
    if not order.ended:
        return []
    book = state.books[order.terms.product_id]
    account = state.accounts[order.participant_id]
    breach = access_breach(state, account, book, order.terms, at)
    breach = breach or terms_breach(book, order.price_fen_per_kg, order.loads)
    if breach is None:
        needed = order.open_loads
        if order.terms.side == "buy":
            needed *= order.price_fen_per_kg * book.mass_kg
        breach = limit_breach(account, book, order, needed)
    if breach is not None:
        raise x.order_refusal(*breach)
    event = OrderActivated(order.id)
    EFFECTS[OrderActivated](state, event, at, seq)
    events: list[Event] = [event]
    order = state.orders[order.id]
    if order.resting:
        _enter_again(state, book, order, at, seq, events)
    if book.aside or book.routes:
        aftermath(state, book, at, seq, events)
    return events


def _own_order(state: ExchangeState, participant_id: str, order_id: int) -> Order:
    """The participant's open order. Another's order is as unknown as none."""
    order = state.orders.get(order_id)
    if order is None or order.participant_id != participant_id:
        raise x.OrderNotOpen(field="order_id", order_id=order_id)
    return order


# --- baskets


def place_basket(state: ExchangeState, command: PlaceBasket, at: int, seq: int) -> list[Event]:
    """Every order filled at once, or every order rejected. Its orders meet what rests, not what is implied."""
    account = state.account(command.participant_id)
    breaches = _basket_breaches(state, account, command, at)
    events: list[Event] = []
    if breaches is not None:
        for terms, breach in zip(command.terms, breaches, strict=True):
            position = seq + len(events)
            rejected = OrderRejected(position, command.participant_id, command.key_id, terms, *breach)
            order_rejected(state, rejected, at, position)
            events.append(rejected)
        return events
    touched: dict[str, Book] = {}
    for terms in command.terms:
        book = touched[terms.product_id] = state.books[terms.product_id]
        position = seq + len(events)
        placed = OrderPlaced(position, command.participant_id, command.key_id, terms.price_fen_per_kg, terms)
        order = new_order(placed, at, position)
        account.pace.count(at)
        events.append(placed)
        state.changes.orders[position] = order
        state.reserve(order, book, order.loads, position)
        trade(state, book, account, order, at, seq, events, implied=False)
        assert order.open_loads == 0, f"order {order.id} of a basket has {order.open_loads} left"
    for book in touched.values():
        aftermath(state, book, at, seq, events)
    return events


def _basket_breaches(state: ExchangeState, account: Account, command: PlaceBasket, at: int) -> list[Breach] | None:
    """Why each order of a basket is refused; None if all of them can be filled."""
    unfilled: Breach = (x.BasketUnfilled.code, "", 0)
    found: list[Breach | None] = [
        _basket_order_breach(state, account, terms, at, len(command.terms)) for terms in command.terms
    ]
    if not any(found):
        found = _basket_limits(state, account, command)
    if not any(found):
        found = _basket_fills(state, account, command, at)
    return [one or unfilled for one in found] if any(found) else None


def _basket_order_breach(
    state: ExchangeState, account: Account, terms: OrderTerms, at: int, orders: int
) -> Breach | None:
    book = state.books.get(terms.product_id)
    breach = access_breach(state, account, book, terms, at, orders)
    if breach is None:
        assert book is not None
        if terms.options is not None or terms.time_in_force != "fok":
            return x.OptionsConflict.code, "time_in_force", 0
        if not book.continuous:
            return x.NotInAuction.code, "product_id", 0
        breach = terms_breach(book, terms.price_fen_per_kg, terms.loads)
    return breach


def _basket_limits(state: ExchangeState, account: Account, command: PlaceBasket) -> list[Breach | None]:
    """Which order is the first that the limits do not cover together with those before it."""
    needed: dict[object, int] = {}
    found: list[Breach | None] = []
    for terms in command.terms:
        book = state.books[terms.product_id]
        order = new_order(OrderPlaced(0, command.participant_id, "", terms.price_fen_per_kg, terms), 0, 0)
        limit: object = "money" if terms.side == "buy" else (book.commodity, book.product.window_start)
        needs = terms.loads * (terms.price_fen_per_kg * book.mass_kg if terms.side == "buy" else 1)
        needed[limit] = needed.get(limit, 0) + needs
        found.append(limit_breach(account, book, order, needed[limit]))
    return found


def _basket_fills(state: ExchangeState, account: Account, command: PlaceBasket, at: int) -> list[Breach | None]:
    """Which orders the books cannot fill after those before them; both sides of a product would meet each other."""
    assert account.trader is not None
    taken: dict[tuple[str, str], int] = {}
    found: list[Breach | None] = []
    for terms in command.terms:
        book = state.books[terms.product_id]
        order = new_order(OrderPlaced(0, command.participant_id, "", terms.price_fen_per_kg, terms), 0, 0)
        side = (terms.product_id, terms.side)
        taken[side] = wanted = taken.get(side, 0) + terms.loads
        if (terms.product_id, "sell" if terms.side == "buy" else "buy") in taken:
            found.append((x.OptionsConflict.code, "side", 0))
        elif not fillable(book, order, account.trader.self_trade_mode, wanted, at, implied=False):
            found.append((x.BasketUnfilled.code, "loads", 0))
        else:
            found.append(None)
    return found
