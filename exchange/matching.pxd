# How `tools.compile_core` compiles the module: see docs/decisions/0014. The interpreter never reads it.

cimport cython

from exchange.account cimport Account
from exchange.book cimport Book, Ladder
from exchange.changes cimport ExchangeChanges
from exchange.events cimport OrderCancelled, Traded
from exchange.level cimport Level
from exchange.model cimport Order, OrderTerms, Product
from exchange.state cimport ExchangeState, end_order, fill, show, spend


@cython.locals(
    buys=bint, changes=ExchangeChanges, keys=list, ladder=Ladder, level=Level, levels=dict, product=Product,
    resting=Order, terms=OrderTerms, trades=dict,
)
cpdef trade(
    ExchangeState state, Book book, Account account, Order order, at, seq, list events, bint reserved=*, bint implied=*
)
cpdef _clear_head(ExchangeState state, Level level, Order resting, at, seq, list events)
@cython.locals(terms=OrderTerms)
cpdef cancel(ExchangeState state, Order order, reason, at, seq, list events)
