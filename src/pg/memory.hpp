// Stands a PostgreSQL memory context behind the core's Arena.
#pragma once

#include "base/arena.hpp"
#include "pg/postgres.hpp"

extern "C" {
#include "utils/memutils.h"
}

namespace vecx::pg {

// Allocations come from `context`, may exceed 1 GB, and raise out_of_memory themselves.
inline Arena arena_over(MemoryContext context) {
    return Arena{
        [](void *c, size_t bytes) -> void * {
            return MemoryContextAllocExtended(static_cast<MemoryContext>(c), bytes, MCXT_ALLOC_HUGE);
        },
        [](void *, void *pointer) { pfree(pointer); },
        context,
    };
}

} // namespace vecx::pg
