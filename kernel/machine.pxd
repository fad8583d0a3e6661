# How `tools.compile_core` compiles the module: see docs/decisions/0014. The interpreter never reads it.

cdef class Changes:
    cdef public dict tables
