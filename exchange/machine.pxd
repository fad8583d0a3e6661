# How `tools.compile_core` compiles the module: see docs/decisions/0014. The interpreter never reads it.

from exchange.state cimport ExchangeState
from kernel.machine cimport Changes


cdef class ExchangeMachine:
    cdef public ExchangeState state
    cdef public Changes changes
