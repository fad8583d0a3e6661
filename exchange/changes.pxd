# How `tools.compile_core` compiles the module: see docs/decisions/0014. The interpreter never reads it.

from kernel.machine cimport Changes


cdef class ExchangeChanges(Changes):
    cdef public dict orders, trades, money, capacity
