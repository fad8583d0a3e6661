# How `tools.compile_core` compiles the module: see docs/decisions/0014. The interpreter never reads it.

cimport cython

from exchange.account cimport Account
from exchange.book cimport Book, Ladder
from exchange.changes cimport ExchangeChanges
from exchange.events cimport OrderCancelled, OrderPlaced, Traded
from exchange.level cimport Level
from exchange.model cimport CapacityLimit, MoneyLimit, Order, OrderTerms, Product


cdef class ExchangeState:
    cdef public ExchangeChanges changes
    cdef public object market, owners, recalls
    cdef public dict accounts, books, buyers, dead_men, orders, products, vendors, windows
    cdef public list expiring

    @cython.locals(account=Account, capacity=CapacityLimit, money=MoneyLimit, terms=OrderTerms)
    cpdef reserve(self, Order order, Book book, loads, seq)


@cython.locals(book=Book, terms=OrderTerms)
cpdef order_placed(ExchangeState state, OrderPlaced event, at, seq)
@cython.locals(terms=OrderTerms)
cpdef Order new_order(OrderPlaced event, at, seq)
@cython.locals(terms=OrderTerms)
cpdef show(Order order)
@cython.locals(order=Order, terms=OrderTerms)
cpdef order_cancelled(ExchangeState state, OrderCancelled event, at, seq)
@cython.locals(
    account=Account, buys=bint, capacity=CapacityLimit, changes=ExchangeChanges, money=MoneyLimit, terms=OrderTerms
)
cpdef end_order(ExchangeState state, Book book, Order order, reason, at, seq)
@cython.locals(ladder=Ladder, order=Order, own_book=Book, terms=OrderTerms)
cpdef traded(ExchangeState state, Traded event, at, _seq)
@cython.locals(level=Level)
cpdef fill_head(ExchangeState state, Book book, Ladder ladder, Order order, Traded event, at)
@cython.locals(account=Account, capacity=CapacityLimit, changes=ExchangeChanges, money=MoneyLimit)
cpdef fill(
    ExchangeState state, Book book, Ladder ladder, Level level, Order order, loads, price_sum, seq, at
)
@cython.locals(ladder=Ladder, terms=OrderTerms)
cpdef _fill_whole(ExchangeState state, Book book, Order order, Traded event, at)
@cython.locals(account=Account, capacity=CapacityLimit, money=MoneyLimit, terms=OrderTerms)
cpdef spend(ExchangeState state, Book book, Order order, loads, price_sum, seq, freed)
