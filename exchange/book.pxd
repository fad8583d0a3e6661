# How `tools.compile_core` compiles the module: see docs/decisions/0014. The interpreter never reads it.

cimport cython

from exchange.level cimport Level
from exchange.model cimport Order, OrderTerms, Product


cdef class Ladder:
    cdef public list keys
    cdef public dict levels
    cdef public object sign

    @cython.locals(level=Level)
    cpdef Order head(self)
    @cython.locals(level=Level)
    cpdef place(self, Order order)
    @cython.locals(level=Level)
    cpdef remove(self, Order order)
    cpdef close(self, Level level)


cdef class Route:
    cdef public Book delivered, ex_works, haulage
    cdef public str id


cdef class Book:
    cdef public Product product
    cdef public Ladder asks, bids
    cdef public dict agreements, buyers, sellers, stops, vendors, whole
    cdef public list routes
    cdef public bint continuous, trading
    cdef public object aside, calm_high, calm_low, commodity, high, last_price, last_trade, low, mass_kg

    @cython.locals(terms=OrderTerms)
    cpdef keep(self, Order order)
    @cython.locals(terms=OrderTerms)
    cpdef drop(self, Order order)
