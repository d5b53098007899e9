// How a C++ function becomes a SQL-callable symbol. Everything is compiled with -fvisibility=hidden;
// only what is declared here is seen from outside, and every name starts with vecx_ so that pgvector
// can be loaded into the same backend (dlopen is RTLD_GLOBAL there).
#pragma once

#include "pg/postgres.hpp"

// VECX_FUNCTION(vecx_vector_in) { ... PG_FUNCTION_ARGS is named fcinfo ... }
#define VECX_FUNCTION(name)                                                                        \
    extern "C" {                                                                                   \
    _Pragma("GCC visibility push(default)") PG_FUNCTION_INFO_V1(name);                             \
    Datum name(PG_FUNCTION_ARGS);                                                                  \
    _Pragma("GCC visibility pop")                                                                  \
    }                                                                                              \
    Datum name(PG_FUNCTION_ARGS)
