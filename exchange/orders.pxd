# How `tools.compile_core` compiles the module: see docs/decisions/0014. The interpreter never reads it.

cimport cython

from exchange.account cimport Account
from exchange.book cimport Book, Ladder
from exchange.changes cimport ExchangeChanges
from exchange.commands cimport CancelOrder, PlaceOrder
from exchange.events cimport OrderCancelled, OrderPlaced
from exchange.matching cimport trade
from exchange.model cimport CapacityLimit, MoneyLimit, Order, OrderTerms, Product
from exchange.pace cimport Pace
from exchange.state cimport ExchangeState, end_order


@cython.locals(
    account=Account, book=Book, buys=bint, capacity=CapacityLimit, changes=ExchangeChanges, events=list, keys=list,
    money=MoneyLimit, order=Order, own_side=Ladder, pace=Pace, product=Product, terms=OrderTerms,
)
cpdef place_order(ExchangeState state, PlaceOrder command, at, seq)
@cython.locals(ladder=Ladder, terms=OrderTerms)
cpdef _rest_or_end(
    ExchangeState state, Book book, Account account, Order order, left, at, seq, list events
)
cpdef _end(ExchangeState state, Book book, Order order, reason, at, seq, list events)
@cython.locals(book=Book, events=list, order=Order, product=Product, terms=OrderTerms)
cpdef cancel_order(ExchangeState state, CancelOrder command, at, seq)
